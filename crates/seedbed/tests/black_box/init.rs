//! First manifests of small projects, which come up with them.

use std::env;
use std::process::Command;
use std::time::Duration;

use crate::program;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(120);

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    assert!(found || env::var_os("CI").is_none(), "{program} is not installed, and in CI nothing is skipped");
    if !found {
        eprintln!("skipped: there is no {program}");
    }
    found
}

/// Writes the manifest of a project, and brings it up; the programs of whoever tests are found.
fn come_up(files: &[(&str, &str)]) -> Workspace {
    let workspace = Workspace::of(files);
    workspace.seedbed(&["init"]).ends_with(0);
    let mut up = workspace.command(&["up", "--quiet"]);
    let path = up.get_envs().find_map(|(name, value)| if name == "PATH" { value } else { None }).unwrap();
    let path = format!("{}:{}", path.to_str().unwrap(), env::var("PATH").unwrap());
    up.env("PATH", path);
    for name in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        up.envs(env::var_os(name).map(|value| (name, value)));
    }
    if env::var_os("RUSTUP_HOME").is_none() {
        up.envs(env::var_os("HOME").map(|home| ("RUSTUP_HOME", std::path::Path::new(&home).join(".rustup"))));
    }
    program::run(&mut up, PATIENCE).ends_with(0);
    workspace
}

/// The name of a workspace is that of its directory.
fn service(workspace: &Workspace) -> String {
    workspace.processes().into_keys().next().expect("one service runs")
}

#[test]
fn a_package_of_npm() {
    if !has("npm") {
        return;
    }
    let workspace = come_up(&[
        ("package.json", r#"{ "name": "shop", "private": true, "scripts": { "start": "node server.js" } }"#),
        (
            "server.js",
            "require('http').createServer((ask, answer) => answer.end('npm')).listen(process.env.PORT, '127.0.0.1')\n",
        ),
    ]);
    assert_eq!(workspace.get(&service(&workspace), "/"), "200 npm");
}

#[test]
fn a_package_of_cargo() {
    if !has("cargo") {
        return;
    }
    let main = "use std::io::{Read, Write};\nfn main() {\n    let port = std::env::var(\"PORT\").unwrap();\n    \
                let listener = std::net::TcpListener::bind(format!(\"127.0.0.1:{port}\")).unwrap();\n    for stream in listener.incoming() {\n        \
                let mut stream = stream.unwrap();\n        let _ = stream.read(&mut [0; 1024]);\n        \
                let _ = stream.write_all(b\"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\ncargo\");\n    }\n}\n";
    let workspace = come_up(&[
        ("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
        ("src/main.rs", main),
    ]);
    assert_eq!(workspace.get(&service(&workspace), "/"), "200 cargo");
}

/// What Django is asked by its project: a real one needs packages of others.
const MANAGE: &str = r#"
import os, sqlite3, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
path = os.environ["DATABASE_URL"].split("sqlite:///", 1)[1]
if sys.argv[1] == "migrate":
    sqlite3.connect(path).execute("CREATE TABLE IF NOT EXISTS pages (text TEXT)")
else:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            rows = sqlite3.connect(path).execute("SELECT count(*) FROM pages").fetchone()[0]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"pages: %d" % rows)
    host, port = sys.argv[-1].split(":")
    HTTPServer((host, int(port)), Answer).serve_forever()
"#;

#[test]
fn a_django_project() {
    if !has("python3") {
        return;
    }
    let workspace = come_up(&[
        ("manage.py", MANAGE),
        ("settings.py", "DATABASES = {'default': env.db('DATABASE_URL')}\n"),
        ("pages/migrations/0001_initial.py", ""),
    ]);
    assert_eq!(workspace.get(&service(&workspace), "/"), "200 pages: 0");
}
