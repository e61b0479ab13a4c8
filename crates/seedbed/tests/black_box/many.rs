//! Many services at once, with few files to open.

use std::fmt::Write;
use std::time::Duration;

use crate::program;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(120);

/// More services than files can be open where the test begins.
const SERVICES: usize = 200;
const FILES: usize = 256;

fn workspace() -> Workspace {
    let mut manifest = String::from("name: many\nservices:\n");
    for index in 0..SERVICES {
        let run = if index == 0 { "{ shell: 'ulimit -Sn; exec sleep 1000' }" } else { "sleep 1000" };
        writeln!(manifest, "  s{index}: {{ run: {run} }}").unwrap();
    }
    Workspace::of(&[("seedbed.yaml", &manifest)])
}

/// The program, called by a shell that sets a limit first.
fn limited(workspace: &Workspace, limit: &str, arguments: &[&str]) -> program::Ran {
    let command = workspace.command(arguments);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit} {FILES}; exec \"$0\" \"$@\"")]).arg(command.get_program());
    shell.args(command.get_args()).env_clear().current_dir(workspace.root());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    program::run(&mut shell, PATIENCE)
}

#[test]
fn the_supervisor_raises_its_limit_of_open_files_and_programs_keep_theirs() {
    let workspace = workspace();
    limited(&workspace, "-Sn", &["up", "--quiet"]).ends_with(0);
    assert_eq!(workspace.processes().len(), SERVICES);
    let lines = workspace.seedbed(&["logs", "s0"]).ends_with(0).stdout;
    assert!(lines.contains(&FILES.to_string()), "{lines}");
    workspace.seedbed(&["down"]).ends_with(0);
}

#[test]
fn a_limit_that_cannot_be_raised_is_said_with_what_to_do() {
    let workspace = workspace();
    let told = limited(&workspace, "-n", &["up", "--quiet"]).ends_with(1).stderr;
    assert!(told.contains("the supervisor may have only 256 files open"), "{told}");
    assert!(told.contains("raise the hard limit"), "{told}");
    // Those that had room run, and are stopped like any others.
    assert!(!workspace.processes().is_empty());
    workspace.seedbed(&["down"]).ends_with(0);
}
