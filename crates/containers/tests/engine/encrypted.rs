//! An engine at a port that is encrypted, with certificates of both sides as Docker has them.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use containers::{Address, Call, Inside, OutputKind, Partner};

/// Passes connections that show a certificate of the authority on to the engine of this machine; tells its port first.
const FRONT: &str = r#"
import os, socket, ssl, sys, threading
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile="ca.pem")
context.load_cert_chain("server-cert.pem", "server-key.pem")
context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def pump(source, sink, finish):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        finish()
    except OSError:
        pass
def serve(plain):
    try:
        near = context.wrap_socket(plain, server_side=True)
    except (ssl.SSLError, OSError):
        return
    far = socket.socket(socket.AF_UNIX)
    far.connect(sys.argv[1])
    threading.Thread(target=pump, args=(near, far, lambda: far.shutdown(socket.SHUT_WR)), daemon=True).start()
    pump(far, near, near.close)
while True:
    plain, _ = listener.accept()
    threading.Thread(target=serve, args=(plain,), daemon=True).start()
"#;

struct Front {
    process: Child,
    port: u16,
}

impl Front {
    fn start(directory: &Path, socket: &Path) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", FRONT]).arg(socket).current_dir(directory).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, port: line.trim().parse().unwrap() }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn openssl(directory: &Path, line: &str) {
    let made = Command::new("openssl").args(line.split(' ')).current_dir(directory).output().unwrap();
    assert!(made.status.success(), "{line}: {made:?}");
}

/// `ca.pem`, and `server-cert.pem`, `cert.pem` with their keys.
fn certificates(directory: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(directory, &format!("req -x509 {key} -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=authority"));
    let sides = [("server-", "serverAuth", "subjectAltName=IP:127.0.0.1\n"), ("", "clientAuth", "")];
    for (prefix, usage, name) in sides {
        fs::write(directory.join("extensions"), format!("extendedKeyUsage={usage}\n{name}")).unwrap();
        openssl(directory, &format!("req {key} -keyout {prefix}key.pem -out request -subj /CN=side"));
        let signed = "x509 -req -in request -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile extensions";
        openssl(directory, &format!("{signed} -out {prefix}cert.pem"));
    }
}

/// Where the engine of this machine listens, and an image that it has.
fn engine() -> Option<(PathBuf, String)> {
    let (call, image) = crate::engine()?;
    let address = call.ask(|engine| async { engine.address().clone() });
    match address {
        Address::Unix(path) => Some((path, image)),
        _ => None,
    }
}

fn find(directory: &Path, port: u16) -> Call {
    let set = [
        ("DOCKER_HOST", format!("tcp://127.0.0.1:{port}")),
        ("DOCKER_TLS_VERIFY", "1".to_owned()),
        ("DOCKER_CERT_PATH", directory.display().to_string()),
    ];
    let set = set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let address = Address::find(&set).unwrap();
    // What a supervisor is told is what is written.
    Call::new(Address::parse(&address.to_string()).unwrap()).unwrap()
}

#[test]
fn both_sides_show_who_they_are() {
    let Some((socket, _)) = engine() else { return };
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("some certs");
    fs::create_dir(&directory).unwrap();
    certificates(&directory);
    let front = Front::start(&directory, &socket);
    let about = find(&directory, front.port).ask(containers::Engine::about).unwrap();
    assert!(!about.version.is_empty() && about.platform.starts_with("linux/"), "{about:?}");

    // Nobody in particular is not let in.
    let nobody = directory.join("nobody");
    fs::create_dir(&nobody).unwrap();
    fs::copy(directory.join("ca.pem"), nobody.join("ca.pem")).unwrap();
    find(&nobody, front.port).ask(containers::Engine::about).unwrap_err();

    // An engine whose certificate another authority has given is not believed.
    let other = directory.join("other");
    fs::create_dir(&other).unwrap();
    certificates(&other);
    let error = find(&other, front.port).ask(containers::Engine::about).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");

    let error = find(Path::new("/nowhere"), front.port).ask(containers::Engine::about).unwrap_err().to_string();
    assert!(error.contains("cannot read /nowhere/ca.pem"), "{error}");
}

/// Hears everything.
struct Listener(Vec<u8>);

impl Partner for Listener {
    fn hear(&mut self, kind: OutputKind, bytes: &[u8]) -> io::Result<()> {
        assert_eq!(kind, OutputKind::Output);
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn size(&self) -> Option<(u16, u16)> {
        None
    }

    fn is_gone(&self) -> bool {
        false
    }
}

/// Writes what it reads, until that ends.
const ECHO: &str = r#"while read -r line; do echo "$line"; done"#;

#[test]
fn the_end_of_the_input_arrives() {
    let Some((socket, image)) = engine() else { return };
    let directory = tempfile::tempdir().unwrap();
    certificates(directory.path());
    let front = Front::start(directory.path(), &socket);
    let call = find(directory.path(), front.port);
    let name = format!("seedbed-test-encrypted-{}", std::process::id());
    let body = format!(
        r#"{{"Image":"{image}","Cmd":["sh","-c","read x < /dev/zero"],"HostConfig":{{"NetworkMode":"none"}}}}"#
    );
    call.ask(|engine| async {
        let id = engine.create_container(&name, None, &body).await.unwrap();
        engine.start_container(&id).await.unwrap();
        let inside = Inside {
            words: ["sh", "-c", ECHO].map(str::to_owned).to_vec(),
            variables: Vec::new(),
            has_terminal: false,
        };
        let (sender, input) = containers::input(2);
        let much = Bytes::from(format!("{}\n", "x".repeat(999)).repeat(1000));
        let sent = much.clone();
        let sending = std::thread::spawn(move || sent.chunks(10_000).all(|piece| sender.send(piece)));
        let mut listener = Listener(Vec::new());
        let code = engine.talk(&name, &inside, input, &mut listener).await.unwrap();
        engine.remove_container(&id).await.unwrap();
        assert!(sending.join().unwrap());
        assert_eq!(code, Some(0));
        assert!(listener.0 == much, "{} bytes came back", listener.0.len());
    });
}
