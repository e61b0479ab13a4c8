//! Refusals that need more than files: a port that another process has, a snapshot that was damaged, a full disk for what is printed.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::program;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(60);

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
    workspace
        .seedbed(&["doctor"])
        .ends_with(4)
        .says(&[&format!("✗ environment: port {port} of shop/web is in use by")]);
    let refused = workspace.seedbed(&["up"]).ends_with(4);
    refused.says(&[
        &format!("port {port} of shop/web is in use by"),
        &format!("(process {})", std::process::id()),
        "help: free that port, or write `port: auto`",
    ]);
    drop(listener);
    workspace.seedbed(&["up"]).ends_with(0);
    // That it is another environment which has it is what one wants to know.
    workspace.seedbed(&["--name", "second", "up"]).ends_with(4).says(&[
        &format!("port {port} of shop/web is in use by trivial_service {port} (process "),
        &format!(" of environment 'default' in {})", workspace.root().display()),
    ]);
    let ports = workspace.seedbed(&["ports"]).ends_with(0).stdout;
    assert!(ports.contains("listening"), "{ports}");
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
    workspace.seedbed(&["tend"]).ends_with(0);
    let before = packs(&workspace);
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    let new: Vec<PathBuf> = packs(&workspace).into_iter().filter(|pack| !before.contains(pack)).collect();
    // Without the environment the content is in the store alone.
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.seedbed(&["tend"]).ends_with(0);
    workspace.sql("shop/shop", "INSERT INTO t VALUES ('later')");
    let pack = new.iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    let intact = fs::read(pack).unwrap();
    let processes = workspace.processes();

    let mut flipped = intact.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for damaged in [&flipped[..], &intact[..middle], &[]] {
        fs::write(pack, damaged).unwrap();
        let refused = workspace.seedbed(&["restore", "first"]);
        assert!(matches!(refused.code, Some(1 | 4)), "{refused:?}");
        refused.says(&[pack.file_name().unwrap().to_str().unwrap()]);
    }
    fs::remove_file(pack).unwrap();
    let refused = workspace.seedbed(&["restore", "first"]);
    assert!(matches!(refused.code, Some(1 | 4)), "{refused:?}");
    assert_eq!(workspace.sql("shop/shop", "SELECT a FROM t"), "later\n");
    assert_eq!(workspace.processes(), processes, "no service was stopped for it");

    fs::write(pack, intact).unwrap();
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(workspace.sql("shop/shop", "SELECT a FROM t"), "saved\n");
}

#[test]
fn a_restore_brings_back_every_value() {
    let workspace = Workspace::of(&[("seedbed.yaml", DATABASE), ("schema.sql", "CREATE TABLE t (a);")]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.sql("shop/shop", "INSERT INTO t VALUES (x'00ff'), (1.5), (null), ('ü')");
    let values = || workspace.sql("shop/shop", "SELECT rowid, typeof(a), hex(a), a FROM t ORDER BY rowid");
    let saved = values();
    workspace.seedbed(&["snapshot", "first"]).ends_with(0);
    workspace.sql("shop/shop", "DELETE FROM t");
    workspace.sql("shop/shop", "CREATE TABLE other (b)");
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(values(), saved);
    // The id is that of the content: the same content is the same snapshot.
    let again = workspace.seedbed(&["snapshot", "second", "--json"]).ends_with(0).json();
    let listed = workspace.seedbed(&["snapshots", "--json"]).ends_with(0).json();
    assert_eq!(listed["snapshots"][0]["id"], again["snapshot"]["id"]);
}

/// A user may not read it (or, since root may read everything, it is a device).
#[test]
fn what_cannot_be_saved_fails_a_snapshot_or_is_a_named_hole_in_it() {
    let manifest = "name: shop\nresources: { uploads: { path: media } }\n";
    let workspace = Workspace::of(&[("seedbed.yaml", manifest), ("media/good.txt", "good"), ("media/bad.txt", "bad")]);
    let bad = workspace.root().join("media/bad.txt");
    fs::set_permissions(&bad, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&bad).is_ok() {
        fs::remove_file(&bad).unwrap();
        workspace.shell("mknod media/bad.txt c 1 3");
    }
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.seedbed(&["snapshot", "first"]).ends_with(1).says(&["media/bad.txt"]);
    let listed = workspace.seedbed(&["snapshots", "--json"]).ends_with(0).json();
    assert_eq!(listed["snapshots"], serde_json::json!([]));

    let taken = workspace.seedbed(&["snapshot", "first", "--allow-holes", "--json"]).ends_with(7).json();
    let holes = taken["snapshot"]["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 1, "{taken}");
    assert!(holes[0].as_str().unwrap().starts_with("shop/uploads: bad.txt "), "{taken}");

    // A restore keeps what it replaces, so it replaces nothing that it could not keep.
    workspace.write("media/good.txt", "changed");
    let content = || fs::read_to_string(workspace.root().join("media/good.txt")).unwrap();
    workspace.seedbed(&["restore", "first"]).ends_with(1).says(&["media/bad.txt"]);
    assert_eq!(content(), "changed");
    fs::remove_file(&bad).unwrap();
    workspace.seedbed(&["restore", "first"]).ends_with(0);
    assert_eq!(content(), "good");
}

fn packs(workspace: &Workspace) -> Vec<PathBuf> {
    let directories = fs::read_dir(workspace.root().join(".seedbed/store/packs")).unwrap();
    let files = directories.flat_map(|directory| fs::read_dir(directory.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn an_environment_without_content_has_no_snapshots() {
    let workspace = Workspace::of(&[("seedbed.yaml", "name: shop\nservices:\n  web: { run: sleep 1000 }\n")]);
    workspace.seedbed(&["up"]).ends_with(0);
    let refused = workspace.seedbed(&["snapshot", "first"]).ends_with(5);
    refused.says(&["error: there is nothing to save", "help: a snapshot holds what `databases` and `resources`"]);
    assert!(workspace.seedbed(&["snapshots"]).ends_with(0).stdout.starts_with("no snapshots yet"));
}

#[test]
fn an_account_without_a_home_can_work() {
    let workspace = Workspace::of(&[("seedbed.yaml", DATABASE), ("schema.sql", "CREATE TABLE t (a);")]);
    let mut up = workspace.command(&["up"]);
    program::run(up.env("HOME", "/dev/null"), PATIENCE).ends_with(0);
    let mut unreadable = workspace.command(&["status"]);
    let unreadable = program::run(unreadable.env("SEEDBED_IDENTITIES", workspace.root()), PATIENCE).ends_with(4);
    unreadable.says(&[&format!("error: cannot read {}: ", workspace.root().display())]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_an_error() {
    let workspace = Workspace::of(&[("seedbed.yaml", DATABASE), ("schema.sql", "CREATE TABLE t (a);")]);
    workspace.seedbed(&["up"]).ends_with(0);
    for arguments in [&["schema"][..], &["status", "--json"], &["logs"], &["stats", "--watch"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let said = program::run_into(&mut workspace.command(arguments), full, PATIENCE).ends_with(4);
        said.says(&["error: cannot write the result to standard output: No space left on device"]);
    }
}

#[test]
fn a_supervisor_that_is_stopped_is_named_with_what_to_do() {
    let workspace = Workspace::of(&[("seedbed.yaml", DATABASE), ("schema.sql", "CREATE TABLE t (a);")]);
    workspace.seedbed(&["up"]).ends_with(0);
    let pid = workspace.read(".seedbed/default/supervisor.pid");
    workspace.shell(&format!("kill -STOP {pid}"));
    let refused = workspace.seedbed(&["down"]).ends_with(4);
    refused.says(&["does not answer", "help: it is stopped or stuck: `kill -CONT "]);
    workspace.shell(&format!("kill -CONT {pid}"));
    workspace.seedbed(&["down"]).ends_with(0);
}
