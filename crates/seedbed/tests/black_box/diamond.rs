//! Two workspaces that need the same ones, by two ways each, started at once: what is shared is there once, and nothing fails.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::workspace::Workspace;

/// How many times it is tried, unless the variable `SEEDBED_TEST_TRIALS` says otherwise.
const TRIALS: usize = 4;

fn trials() -> usize {
    std::env::var("SEEDBED_TEST_TRIALS").ok().and_then(|count| count.parse().ok()).unwrap_or(TRIALS)
}

/// `left` and `right` both need `lms` and `shop`, and these both need `accounts`.
fn workspaces(has_postgres: bool) -> Workspace {
    let workspace = Workspace::new();
    let engine = if has_postgres { "postgres" } else { "sqlite" };
    let build = "echo run >> runs; mkdir -p out; cp src.txt out/built.txt";
    let accounts = format!(
        "name: accounts\ntasks:\n  build: {{ run: {{ shell: '{build}' }}, inputs: [src.txt], outputs: [out] }}\n\
         databases: {{ accounts: {{ engine: {engine}, schema: {{ sql: [accounts.sql] }} }} }}\n\
         services: {{ api: {{ run: [trivial_service, '${{port}}'], port: auto, after: [build], env: {{ URL: '${{databases.accounts.url}}' }} }} }}\n"
    );
    workspace.write("accounts/seedbed.yaml", &accounts);
    workspace.write("accounts/src.txt", "source\n");
    workspace.write("accounts/accounts.sql", "CREATE TABLE accounts (login text PRIMARY KEY);");
    for (name, needs) in [
        ("lms", vec!["accounts"]),
        ("shop", vec!["accounts"]),
        ("left", vec!["lms", "shop"]),
        ("right", vec!["shop", "lms"]),
    ] {
        let needs: Vec<String> = needs.iter().map(|need| format!("{need}: ../{need}")).collect();
        let manifest = format!(
            "name: {name}\ndependencies: {{ {} }}\nservices: {{ web: {{ run: [trivial_service, '${{port}}'], port: auto }} }}\n",
            needs.join(", ")
        );
        workspace.write(&format!("{name}/seedbed.yaml"), &manifest);
    }
    workspace
}

fn start(workspace: &Workspace, name: &str) -> Child {
    let said = fs::File::create(workspace.root().join(format!("{name}.said"))).unwrap();
    let mut command = workspace.command(&["-C", name, "up"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap()
}

#[test]
fn a_diamond_that_is_started_from_two_directories_at_once_has_one_of_what_is_shared() {
    let has_postgres = Path::new("/usr/lib/postgresql").is_dir();
    let workspace = workspaces(has_postgres);
    for trial in 0..trials() {
        let children = ["left", "right"].map(|name| (name, start(&workspace, name)));
        for (name, mut child) in children {
            let is_good = child.wait().unwrap().success();
            assert!(is_good, "trial {trial}, {name}: {}", workspace.read(&format!("{name}.said")));
        }
        assert_eq!(workspace.read("accounts/runs").lines().count(), trial + 1, "the task ran once in trial {trial}");
        for name in ["left", "right"] {
            let status = workspace.seedbed(&["-C", name, "status", "--json"]).ends_with(0).json();
            let services = status["services"].as_array().unwrap();
            let names: Vec<&str> = services.iter().filter_map(|service| service["service"].as_str()).collect();
            let own = |id: &&str| !id.starts_with("postgres");
            let expected = ["accounts/api", &format!("{name}/web"), "lms/web", "shop/web"].map(str::to_owned);
            let mut found: Vec<String> = names.into_iter().filter(own).map(str::to_owned).collect();
            let mut expected = expected.to_vec();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "each is there once");
        }
        if has_postgres {
            let servers = workspace.seedbed(&["servers", "--json"]).ends_with(0).json();
            let servers = servers["servers"].as_array().unwrap();
            assert_eq!(servers.len(), 1, "trial {trial}: {servers:?}");
            let environments = servers[0]["environments"].as_array().unwrap();
            let uses = |own: &&Value| own["state"] == "uses it";
            assert_eq!(environments.iter().filter(uses).count(), 2, "trial {trial}: {environments:?}");
        }
        // From nothing, or from what is there; the task has to run again in any case.
        let end: &[&str] = if trial % 2 == 0 { &["destroy", "--yes"] } else { &["down"] };
        for name in ["left", "right"] {
            workspace.seedbed(&[&["-C", name], end].concat()).ends_with(0);
        }
        fs::remove_dir_all(workspace.root().join("accounts/out")).unwrap();
    }
}
