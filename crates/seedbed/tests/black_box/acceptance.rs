//! What `check` finds against a repository.

use std::net::TcpListener;
use std::time::Duration;

use crate::program::wait_until;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(60);

/// The parts of a check that something was found against, and what was found.
fn found(workspace: &Workspace) -> Vec<(String, Vec<String>)> {
    let report = workspace.seedbed(&["check", "--quiet", "--json"]).ends_with(7).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let parts = report["parts"].as_array().unwrap().iter().filter(|part| part["passed"] == false);
    parts.map(|part| (text(&part["part"]), part["findings"].as_array().unwrap().iter().map(text).collect())).collect()
}

#[test]
fn data_that_is_not_what_was_declared_is_found() {
    let manifest = "name: shop\ndatabases:\n  shop: { engine: sqlite, schema: { sql: [1.sql] }, types: types.yaml, data: [data.yaml] }\n";
    let workspace = Workspace::of(&[
        ("seedbed.yaml", manifest),
        (
            "1.sql",
            "CREATE TABLE partners (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
             CREATE TRIGGER other AFTER INSERT ON partners BEGIN UPDATE partners SET name = 'other' WHERE id = new.id; END;",
        ),
        ("types.yaml", "types:\n  partner: { table: partners, key: [code], fields: { code: {}, name: {} } }\n"),
        ("data.yaml", "partners: [{ code: edx, name: mine }]\n"),
    ]);
    let finding = "shop.partner[edx].name is \"other\", the spec says \"mine\"".to_owned();
    assert_eq!(found(&workspace), [("data loads twice without change".to_owned(), vec![finding])]);
}

#[test]
fn a_service_that_had_to_be_restarted_is_found() {
    // It fails the first time.
    let script = "sh -c 'test -e begun || { touch begun; sleep 0.1; exit 3; }; sleep 1000'";
    let manifest = format!(
        "name: shop\nservices:\n  web:\n    run: {script}\n    ready: {{ command: test -e begun }}\n    restart: on-failure\n  \
         late: {{ run: sleep 1000, ready: {{ command: \"sh -c 'test -e begun && sleep 0.5'\" }}, after: [web] }}\n"
    );
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest)]);
    let found = found(&workspace);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "every service is ready");
    assert!(found[0].1.iter().any(|finding| finding.starts_with("shop/web was restarted 1 times; it ")), "{found:?}");
}

#[test]
fn a_port_that_is_still_in_use_afterwards_is_found() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let manifest = format!(
        "name: shop\nservices:\n  web: {{ run: sh -c 'touch begun; sleep 1000', port: {port}, ready: {{ command: test -e held }} }}\n"
    );
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest)]);
    let held = std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let begun = || if workspace.root().join("begun").exists() { Ok(()) } else { Err("not yet") };
            wait_until("the service has begun", PATIENCE, begun).unwrap();
            let held = TcpListener::bind(("127.0.0.1", port)).unwrap();
            workspace.write("held", "");
            held
        });
        let found = found(&workspace);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "down leaves nothing");
        assert!(found[0].1[0].starts_with(&format!("port {port} of shop/web is still in use by ")), "{found:?}");
        holder.join().unwrap()
    });
    drop(held);
}
