//! Services that wait for memory which others of their environment have.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use crate::program::wait_until;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(60);

const MANIFEST: &str = "\
name: shop
budget: { memory: 500kB }
services:
  web: { run: sleep 1000, memory: 400kB }
  worker: { run: sleep 1000, memory: 300kB }
";

#[test]
fn a_service_waits_until_another_has_given_its_memory_back() {
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST)]);
    workspace.seedbed(&["up", "worker"]).ends_with(0);
    workspace.seedbed(&["up", "web"]).ends_with(6).says(&["all services need", "and the budget is"]);
    // For all of them there will never be room.
    workspace.seedbed(&["up", "--queue"]).ends_with(6);

    let said = workspace.root().join("said");
    let mut up = workspace.command(&["up", "web", "--queue"]);
    let mut up = up.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&said).unwrap()).spawn().unwrap();
    wait_until("it waits", PATIENCE, || {
        let said = fs::read_to_string(&said).unwrap();
        if said.contains("waiting for memory") { Ok(()) } else { Err(said) }
    })
    .unwrap();
    workspace.seedbed(&["stop", "worker"]).ends_with(0);
    let ended = wait_until("it has begun", PATIENCE, || up.try_wait().unwrap().ok_or("it waits")).unwrap();
    assert!(ended.success(), "{}", fs::read_to_string(&said).unwrap());
    let shown = workspace.seedbed(&["status", "--json"]).ends_with(0).json();
    let states: Vec<&str> =
        shown["services"].as_array().unwrap().iter().map(|service| service["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["ready", "stopped"]);
    workspace.seedbed(&["start", "worker"]).ends_with(6).says(&["say --over-budget"]);
    workspace.seedbed(&["start", "worker", "--over-budget"]).ends_with(0);
    workspace.seedbed(&["down"]).ends_with(0);
}
