//! The standard targets, typed to `make` itself.

use std::env;
use std::process::Command;
use std::time::Duration;

use crate::program::{self, Ran};
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(60);

const MANIFEST: &str = "\
name: shop
databases:
  shop: { engine: sqlite, schema: { sql: [schema.sql] } }
tasks:
  note: { run: touch noted }
services:
  web: { run: sleep 1000 }
  worker: { run: sleep 1000 }
";

fn make(workspace: &Workspace, words: &[&str]) -> Ran {
    let seedbed = workspace.command(&[]);
    let mut make = Command::new("make");
    make.arg("-s").arg(format!("SEEDBED={} --quiet", seedbed.get_program().display())).args(words).env_clear();
    make.envs(seedbed.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(workspace.root());
    program::run(&mut make, PATIENCE)
}

#[test]
fn the_targets_are_the_commands() {
    if Command::new("make").arg("--version").output().is_err() && env::var_os("CI").is_none() {
        eprintln!("skipped: there is no make");
        return;
    }
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST), ("schema.sql", "CREATE TABLE notes (text TEXT);\n")]);
    workspace.seedbed(&["make", "--write"]).ends_with(0);
    // The file may be included from elsewhere.
    workspace.write("below/Makefile", "include ../seedbed.mk\n");
    let help = make(&workspace, &["-C", "below", "dev.help"]).ends_with(0).stdout;
    for form in ["dev.logs.SERVICE", "dev.load_dev_data.WORKSPACE", "dev.restore.DATABASE"] {
        assert!(help.contains(form), "{help}");
    }
    make(&workspace, &["-C", "below", "dev.up.web"]).ends_with(0);
    assert_eq!(workspace.processes().into_keys().collect::<Vec<_>>(), ["shop/web"]);
    make(&workspace, &["-C", "below", "dev.up"]).ends_with(0);
    assert_eq!(workspace.processes().len(), 2);
    for target in [
        "dev.down.web",
        "dev.migrate.web",
        "dev.restart.worker",
        "dev.load_dev_data",
        "dev.load_dev_data.shop",
        "dev.describe.shop",
        "dev.reset.shop",
        "dev.run.note",
        "dev.config",
    ] {
        make(&workspace, &["-C", "below", target]).ends_with(0);
    }
    assert_eq!(workspace.processes().len(), 2);
    let untold = make(&workspace, &["-C", "below", "dev.snapshot"]).ends_with(2).stderr;
    assert!(untold.contains("say which: make dev.snapshot TAG=NAME"), "{untold}");
    make(&workspace, &["-C", "below", "dev.snapshot", "TAG=first"]).ends_with(0);
    make(&workspace, &["-C", "below", "dev.restore", "TAG=first"]).ends_with(0);
    make(&workspace, &["-C", "below", "dev.restore.shop", "TAG=first"]).ends_with(0);
    make(&workspace, &["-C", "below", "dev.up", "ENV=other"]).ends_with(0);
    make(&workspace, &["-C", "below", "dev.destroy", "ENV=other", "YES=1"]).ends_with(0);
    make(&workspace, &["-C", "below", "dev.down"]).ends_with(0);
    assert_eq!(workspace.processes().len(), 0);
}
