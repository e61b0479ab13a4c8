//! Real servers for the tests, each on a port of its own and gone when its value is.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use remotes::Settings;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;

/// Settings with nothing of this machine but `PATH`, and these variables.
pub fn settings(home: &Path, variables: &[(&str, &str)]) -> Settings {
    let mut env: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    env.insert("PATH".to_owned(), std::env::var("PATH").expect("a PATH"));
    env.insert("HOME".to_owned(), home.display().to_string());
    Settings { env, cache: home.join("cache"), home: home.to_owned() }
}

/// An S3 server that checks signatures. It answers one request per connection, so that a proxy before it can count them.
pub struct S3Server {
    pub address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
    _root: TempDir,
}

/// What an S3 server does with conditions.
#[derive(Clone, Copy, PartialEq)]
pub enum Conditions {
    Kept,
    Ignored,
}

impl S3Server {
    /// With the bucket `bucket` and the keys `id` and `secret`.
    pub fn start(conditions: Conditions) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(root.path().join("bucket")).expect("a bucket");
        let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).expect("a file system"));
        builder.set_auth(SimpleAuth::from_single("id", "secret"));
        let service = builder.build();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        // The server compares and writes in two steps; a real one does it in one.
        let one_at_a_time = Arc::new(tokio::sync::Mutex::new(()));
        let place = root.path().to_owned();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (service, one_at_a_time) = (service.clone(), Arc::clone(&one_at_a_time));
                let place = place.clone();
                let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let (service, one_at_a_time) = (service.clone(), Arc::clone(&one_at_a_time));
                    let object = place.join(request.uri().path().trim_start_matches('/'));
                    async move {
                        let writes = request.method() == hyper::Method::PUT;
                        let _guard = if writes { Some(one_at_a_time.lock().await) } else { None };
                        // The header is signed, so it cannot be taken away; what it speaks of can.
                        if conditions == Conditions::Ignored && request.headers().contains_key("if-none-match") {
                            let _ = std::fs::remove_file(object);
                        }
                        Service::call(&service, request).await
                    }
                });
                tokio::spawn(http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { address, _runtime: runtime, _root: root }
    }
}

/// Variables with which an S3 server at an address is used.
pub fn s3_variables(endpoint: &str) -> Vec<(&str, &str)> {
    vec![
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", endpoint),
    ]
}

/// A program that ends with the test.
pub struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A container registry, `docker-registry` of Debian.
pub struct Registry {
    pub address: SocketAddr,
    _program: Program,
    _root: TempDir,
}

impl Registry {
    /// Starts one. `more` is added to its configuration, with `ROOT` for its directory.
    pub fn start(more: &str, files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let place = root.path().display().to_string();
        for (name, text) in files {
            std::fs::write(root.path().join(name), text).expect("written");
        }
        let (program, address) = start_on_a_port(|address| {
            let more = more.replace("ROOT", &place);
            let configuration = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nhttp: {{addr: '{address}'}}\nstorage:\n  filesystem: {{rootdirectory: '{place}/data'}}\n{more}"
            );
            let path = root.path().join("config.yml");
            std::fs::write(&path, configuration).expect("written");
            let mut command = Command::new("docker-registry");
            command.arg("serve").arg(path);
            command
        });
        Self { address, _program: program, _root: root }
    }
}

/// A web server with ranges: `rclone serve http`.
pub fn serve_directory(directory: &Path, more: &[&str]) -> (Program, SocketAddr) {
    start_on_a_port(|address| {
        let mut command = Command::new("rclone");
        command.args(["serve", "http", "--dir-cache-time", "0s", "--config", "/dev/null", "--addr"]);
        command.arg(address.to_string()).args(more).arg(directory);
        command
    })
}

/// Starts a program that is told its port, and waits until it listens.
fn start_on_a_port(command: impl Fn(SocketAddr) -> Command) -> (Program, SocketAddr) {
    // Between the two moments somebody else can get the port; then it is tried with another.
    for _ in 0..5 {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let mut command = command(address);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server is installed");
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() && child.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < deadline, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        if child.try_wait().expect("a child").is_none() {
            return (Program(child), address);
        }
    }
    panic!("the server does not start");
}
