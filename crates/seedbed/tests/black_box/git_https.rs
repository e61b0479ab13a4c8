//! A dependency by git over HTTPS, from a server whose certificate is of an authority of one's own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::workspace::Workspace;

/// Git's own program that answers over HTTP, where packages put it.
const BACKENDS: [&str; 2] = ["/usr/lib/git-core/git-http-backend", "/usr/libexec/git-core/git-http-backend"];

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/black_box/git_https.py");

/// An authority, and a certificate of it for this machine.
const CERTIFICATES: &str = "
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority &&
    openssl req -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=127.0.0.1 &&
    printf subjectAltName=IP:127.0.0.1 > names &&
    openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out own.pem";

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_dependency_is_had_by_https_and_then_without_a_network() {
    let backend = BACKENDS.into_iter().find(|path| Path::new(path).exists());
    let has = |program: &&str| Command::new(program).arg("version").output().is_ok();
    let (Some(backend), true) = (backend, ["openssl", "python3"].iter().all(has)) else {
        eprintln!("skipped: it needs git-http-backend, openssl and python3");
        return;
    };
    let workspace = Workspace::of(&[("site/lib/seedbed.yaml", "name: lib\nconfig: { greeting: hello }\n")]);
    workspace.shell(&format!("mkdir tls && cd tls && {{ {CERTIFICATES}; }} 2>said || {{ cat said; exit 1; }}"));
    workspace.shell(
        "cd site/lib && git init --quiet --initial-branch=main && git config uploadpack.allowFilter true && git add --all &&
        git -c user.name=A -c user.email=a@example.com commit --quiet --message first",
    );
    let mut server = Command::new("python3");
    server.arg(SERVER).arg(workspace.root().join("site")).arg(backend).args(["tls/own.pem", "tls/own.key"]);
    server.current_dir(workspace.root()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Server(server.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let manifest = format!(
        "name: shop\ndependencies: {{ lib: {{ git: 'https://127.0.0.1:{}/lib/.git', ref: main }} }}\n",
        port.trim()
    );
    workspace.write("shop/seedbed.yaml", &manifest);

    // Git does not know the authority, and says so.
    let refused = workspace.seedbed(&["-C", "shop", "up"]).ends_with(4);
    refused.says(&["cannot be reached", "certificate", "wanted at seedbed.yaml:2", "git's own settings"]);
    let mut trusting = workspace.command(&["-C", "shop", "up"]);
    trusting.env("GIT_SSL_CAINFO", workspace.root().join("tls/ca.pem"));
    crate::program::run(&mut trusting, std::time::Duration::from_secs(60)).ends_with(0);
    let commit = workspace.shell("git -C site/lib rev-parse HEAD").stdout;
    assert!(workspace.read("shop/seedbed.lock").contains(commit.trim()));

    drop(server);
    workspace.seedbed(&["-C", "shop", "up", "--locked"]).ends_with(0);
}
