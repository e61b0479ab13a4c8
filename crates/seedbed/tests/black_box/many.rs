//! Much at once: services with few files to open, and output that never ends a line.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use crate::program::{self, wait_until};
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
    let told = limited(&workspace, "-n", &["up", "--quiet"]).ends_with(4).stderr;
    assert!(told.contains("the supervisor may have only 256 files open"), "{told}");
    assert!(told.contains("raise the hard limit"), "{told}");
    // Those that had room run, and are stopped like any others.
    assert!(!workspace.processes().is_empty());
    workspace.seedbed(&["down"]).ends_with(0);
}

/// What a service writes without a line feed.
const FLOOD: u64 = 200_000_000;
/// What the supervisor may have of it in memory at any time, beside itself.
const MEMORY_KILOBYTES: u64 = 64 * 1024;

#[cfg(target_os = "linux")]
#[test]
fn output_without_line_feeds_fills_neither_memory_nor_disk() {
    let manifest = format!(
        "name: flood\nservices:\n  loud: {{ run: {{ shell: 'head -c {FLOOD} /dev/zero; echo the end; touch done; exec sleep 1000' }} }}\n"
    );
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest)]);
    workspace.seedbed(&["up", "--quiet"]).ends_with(0);
    let root = workspace.root().to_owned();
    let done = root.join("done");
    wait_until("all is written", PATIENCE, || done.exists().then_some(()).ok_or("it goes on")).unwrap();
    let last = || workspace.seedbed(&["logs", "-n", "1"]).ends_with(0).stdout;
    wait_until("the end is in the log", PATIENCE, || last().contains("the end").then_some(()).ok_or("it is not"))
        .unwrap();
    let supervisor = workspace.read(".seedbed/default/supervisor.pid");
    let status = fs::read_to_string(format!("/proc/{}/status", supervisor.trim())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < MEMORY_KILOBYTES, "the supervisor had {peak} kB");
    let logs = fs::read_dir(root.join(".seedbed/default/logs")).unwrap();
    let size: u64 = logs.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(size < FLOOD, "{size} bytes are kept");
}
