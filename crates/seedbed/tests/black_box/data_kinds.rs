//! Kinds of resources of data workspaces, each with the real thing at its other side.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::workspace::Workspace;

fn data() -> Workspace {
    let workspace = Workspace::new();
    workspace.seedbed(&["init", "--data", "demo", "--hostname", "test"]).ends_with(0);
    workspace
}

/// Serves one file to everybody who asks; counts how often.
fn serve(body: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/set.csv", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Who asks may end without a word.
            let _ = stream.read(&mut [0; 4096]);
            let length = body.len();
            count.fetch_add(1, Ordering::SeqCst);
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        }
    });
    (url, asked)
}

#[test]
fn a_file_from_the_web_is_checked_and_kept() {
    let workspace = data();
    let (url, asked) = serve("a,b\n1,2\n");
    let wrong = format!("sha256:{}", "0".repeat(64));
    let refused = workspace.seedbed(&["add", "http", "--role", "source-data", "--digest", &wrong, &url]);
    refused.ends_with(4);
    workspace.seedbed(&["add", "http", "--role", "source-data", &url]).ends_with(0);
    assert_eq!(workspace.read("set/set.csv"), "a,b\n1,2\n");
    let parameters = workspace.seedbed(&["config", "list", "--resource", "set", "--json"]).ends_with(0).json();
    assert!(parameters["parameters"]["digest"].as_str().unwrap().starts_with("blake3:"));
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    let before = asked.load(Ordering::SeqCst);
    workspace.write("set/set.csv", "edited\n");
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(workspace.read("set/set.csv"), "a,b\n1,2\n");
    assert_eq!(asked.load(Ordering::SeqCst), before, "the content is in the store");
    // What is missing is fetched again, and is the same snapshot.
    fs::remove_dir_all(workspace.root().join("set")).unwrap();
    let again = workspace.seedbed(&["snapshot", "second", "--json"]).ends_with(0).json();
    assert_eq!(again["known"], true);
    assert_eq!(asked.load(Ordering::SeqCst), before + 1);
}

#[test]
fn rclone_brings_files_and_sends_them() {
    if Command::new("rclone").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped: rclone is not installed");
        eprintln!("skipped: rclone is not installed");
        return;
    }
    let workspace = data();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir_all(elsewhere.path().join("deep")).unwrap();
    fs::write(elsewhere.path().join("deep/a"), "one").unwrap();
    workspace.write("rclone.conf", "[there]\ntype = alias\nremote = /\n");
    let named = format!("there:{}", elsewhere.path().display());
    let config = ["add", "rclone", "--role", "source-data", "--config", "rclone.conf", "--name", "set", &named, "set"];
    workspace.seedbed(&config).ends_with(0);
    assert_eq!(workspace.read("set/deep/a"), "one");
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    // A change of the same size is seen.
    workspace.write("set/deep/a", "two");
    assert!(workspace.seedbed(&["status"]).ends_with(0).stdout.contains("~ deep/a"));
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(workspace.read("set/deep/a"), "one");
    let missing = ["add", "rclone", "--role", "source-data", "--name", "other", ":local:/nowhere/at/all", "other"];
    workspace.seedbed(&missing).ends_with(1);
    assert!(workspace.seedbed(&["config", "list", "--resource", "other"]).code != Some(0));
}

#[test]
fn a_repository_of_others_is_read_at_a_commit() {
    let workspace = data();
    let elsewhere = tempfile::tempdir().unwrap();
    let git = |script: &str| {
        let script = format!("cd {} && {script}", elsewhere.path().display());
        workspace.shell(&script);
    };
    let commit = "git add -A && git -c user.name=a -c user.email=a@b commit -qm x";
    git(&format!(
        "git init -q -b main && printf 'one\\0' > lib && {commit} && git tag v1 && printf 'two\\0' > lib && {commit}"
    ));
    let url = format!("file://{}", elsewhere.path().display());
    let add = ["add", "git-reference", "--role", "code", "--revision", "v1", "--name", "lib", &url, "lib"];
    workspace.seedbed(&add).ends_with(0);
    assert_eq!(workspace.read("lib/lib"), "one\0");
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    workspace.shell("git -C lib checkout -q main");
    workspace.seedbed(&["snapshot", "second"]).ends_with(0);
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(workspace.read("lib/lib"), "one\0");
    // What somebody has changed there is not lost.
    workspace.write("lib/lib", "mine");
    workspace.seedbed(&["restore", "second"]).ends_with(1).says(&["has changes"]);
    assert_eq!(workspace.read("lib/lib"), "mine");
    workspace.shell("rm -rf lib");
    workspace.seedbed(&["restore", "second"]).ends_with(0);
    assert_eq!(workspace.read("lib/lib"), "two\0");
}

#[test]
fn a_repository_of_its_own_goes_back_and_forth() {
    let workspace = data();
    let commit = "git add -A && git -c user.name=a -c user.email=a@b commit -qm x";
    workspace.shell(&format!("git init -q -b main lib && cd lib && printf 'one\\0' > a && {commit}"));
    workspace.seedbed(&["add", "git", "--role", "code", "lib"]).ends_with(0);
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    workspace.shell("cd lib && git mv a b && printf 'two\\0' > c");
    workspace.seedbed(&["snapshot", "second"]).ends_with(0);
    assert_eq!(workspace.shell("cd lib && git status --short").stdout, "");
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(workspace.shell("cd lib && ls && git status --short").stdout, "a\n");
    workspace.seedbed(&["undo"]).ends_with(0);
    assert_eq!(workspace.shell("cd lib && ls && git status --short").stdout, "b\nc\n");
    workspace.shell("cd lib && git switch -q -c other");
    workspace.seedbed(&["restore", "first"]).ends_with(1).says(&["'other' is checked out"]);
}

#[test]
fn what_lies_behind_an_interface_has_the_hash_that_is_said() {
    let workspace = data();
    workspace.seedbed(&["add", "api", "--role", "source-data", "--name", "weather"]).ends_with(0);
    let first = workspace.seedbed(&["snapshot", "--json"]).ends_with(0).json();
    workspace.seedbed(&["config", "set", "--local", "--resource", "weather", "hash", "abc"]).ends_with(0);
    let second = workspace.seedbed(&["snapshot", "--json"]).ends_with(0).json();
    assert_ne!(first["snapshot"]["hash"], second["snapshot"]["hash"]);
    let restored = workspace.seedbed(&["restore", second["snapshot"]["hash"].as_str().unwrap()]);
    assert!(restored.ends_with(0).stdout.contains("its content is not kept"));
}

#[test]
fn a_database_of_the_environment_goes_with_the_files() {
    let workspace = data();
    let manifest = "name: shop\ndatabases: { shop: { engine: sqlite, schema: { sql: [1.sql] } } }\n";
    workspace.write("seedbed.yaml", manifest);
    workspace.write("1.sql", "CREATE TABLE items (code TEXT PRIMARY KEY);");
    workspace.write("raw/a", "one");
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.sql("shop/shop", "INSERT INTO items VALUES ('one')");
    workspace.seedbed(&["add", "local-files", "--role", "source-data", "raw"]).ends_with(0);
    workspace.seedbed(&["add", "database", "--role", "source-data", "shop"]).ends_with(0);
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    let again = workspace.seedbed(&["snapshot", "again", "--json"]).ends_with(0).json();
    assert_eq!(again["known"], true, "the same rows are the same snapshot");
    workspace.sql("shop/shop", "UPDATE items SET code = 'two'");
    workspace.write("raw/a", "two");
    workspace.seedbed(&["snapshot", "second"]).ends_with(0);
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(workspace.sql("shop/shop", "SELECT code FROM items"), "one\n");
    assert_eq!(workspace.read("raw/a"), "one");
    workspace.seedbed(&["undo"]).ends_with(0);
    assert_eq!(workspace.sql("shop/shop", "SELECT code FROM items"), "two\n");
    assert_eq!(workspace.read("raw/a"), "two");
    // The environment's own snapshots are not disturbed, and what it has for us is kept by ours alone.
    let own = workspace.seedbed(&["snapshots", "--environment", "--json"]).ends_with(0).json();
    assert_eq!(own["snapshots"].as_array().unwrap().len(), 0);
    workspace.seedbed(&["store", "collect"]).ends_with(0);
    workspace.seedbed(&["store", "check", "--data"]).ends_with(0);
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(workspace.sql("shop/shop", "SELECT code FROM items"), "one\n");
    // One that fails takes the others with it.
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    assert!(workspace.seedbed(&["restore", "second"]).code != Some(0));
    assert_eq!(workspace.read("raw/a"), "one");
}
