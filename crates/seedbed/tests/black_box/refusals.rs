//! Refusals that need more than files: a port that another process has, a snapshot that was damaged.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;

const DATABASE: &str = "\
name: shop
databases:
  shop:
    engine: sqlite
    schema: { sql: [schema.sql] }
services:
  web:
    run: trivial_service ${port}
    env: { DATABASE: \"${databases.shop.path}\" }
    port: auto
    ready: { http: / }
";

#[test]
fn a_fixed_port_that_another_process_has_is_refused_with_its_holder() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let manifest = format!(
        "name: shop\nservices:\n  web:\n    run: trivial_service ${{port}}\n    port: {port}\n    ready: {{ http: / }}\n"
    );
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest)]);
    let refused = workspace.seedbed(&["up"]).ends_with(4);
    refused.says(&[
        &format!("port {port} of shop/web is in use by"),
        &format!("(process {})", std::process::id()),
        "help: free that port, or write `port: auto`",
    ]);
    drop(listener);
    workspace.seedbed(&["up"]).ends_with(0);
}

#[test]
fn a_chosen_port_that_another_process_took_moves_and_says_so() {
    let workspace = Workspace::of(&[("seedbed.yaml", DATABASE), ("schema.sql", "CREATE TABLE t (a);")]);
    workspace.seedbed(&["up"]).ends_with(0);
    let status = workspace.seedbed(&["status", "--json"]).json();
    let address = status["services"][0]["address"].as_str().unwrap().to_owned();
    workspace.seedbed(&["down"]).ends_with(0);
    let _listener = TcpListener::bind(address.strip_prefix("http://").unwrap()).unwrap();
    let port = address.rsplit(':').next().unwrap();
    let up = workspace.seedbed(&["up"]).ends_with(0);
    up.says(&[&format!("port {port} of shop/web is in use by"), "it moves to"]);
    assert_eq!(workspace.get("shop/web", "/"), "200 ok");
}

#[test]
fn a_damaged_snapshot_is_refused_before_anything_is_touched() {
    let workspace = Workspace::of(&[("seedbed.yaml", DATABASE), ("schema.sql", "CREATE TABLE t (a);")]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.sql("shop/shop", "INSERT INTO t VALUES ('saved')");
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    workspace.sql("shop/shop", "INSERT INTO t VALUES ('later')");
    let states = files(&workspace.root().join(".seedbed/default/snapshots"), "state");
    assert_eq!(states.len(), 1, "{states:?}");
    let intact = fs::read(&states[0]).unwrap();
    let before = workspace.processes();

    let mut flipped = intact.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for damaged in [&flipped[..], &intact[..middle], &[]] {
        fs::write(&states[0], damaged).unwrap();
        let refused = workspace.seedbed(&["restore", "first"]).ends_with(1);
        refused.says(&["damaged", "shop.shop.state", "help: nothing was changed"]);
    }
    fs::remove_file(&states[0]).unwrap();
    workspace.seedbed(&["restore", "first"]).ends_with(1).says(&["help: nothing was changed"]);
    assert_eq!(workspace.sql("shop/shop", "SELECT a FROM t"), "saved\nlater\n");
    assert_eq!(workspace.processes(), before, "no service was stopped for it");

    fs::write(&states[0], intact).unwrap();
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(workspace.sql("shop/shop", "SELECT a FROM t"), "saved\n");
}

#[test]
fn a_restore_brings_back_every_byte() {
    let workspace = Workspace::of(&[("seedbed.yaml", DATABASE), ("schema.sql", "CREATE TABLE t (a);")]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.sql("shop/shop", "INSERT INTO t VALUES (x'00ff'), (1.5), (null), ('ü')");
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    let state = || files(&workspace.root().join(".seedbed/default/snapshots"), "state").pop().unwrap();
    let saved = fs::read(state()).unwrap();
    workspace.sql("shop/shop", "DELETE FROM t");
    workspace.sql("shop/shop", "CREATE TABLE other (b)");
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    // The state is the content's address: the same content is the same snapshot.
    let again = workspace.seedbed(&["snapshot", "second", "--json"]).ends_with(0).json();
    let listed = workspace.seedbed(&["snapshots", "--json"]).ends_with(0).json();
    assert_eq!(listed["snapshots"][0]["id"], again["snapshot"]["id"]);
    assert_eq!(fs::read(state()).unwrap(), saved);
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry, extension));
        } else if entry.extension().is_some_and(|found| found == extension) {
            found.push(entry);
        }
    }
    found
}
