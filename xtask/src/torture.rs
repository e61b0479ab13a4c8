//! `cargo xtask torture`: a long campaign of commands that are killed at random moments. The suite runs a short one; both
//! are `crates/seedbed/tests/crash/torture.rs`.

use std::num::NonZero;
use std::path::Path;

use anyhow::Result;
use clap::Parser;

use crate::run::{cargo, run};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask torture", disable_version_flag = true)]
struct Arguments {
    /// How many runs; in half of them two commands run at once
    #[arg(long, value_name = "RUNS", default_value_t = 2000)]
    runs: u32,
    /// Which campaign; what it does is the same for the same seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// How many workspaces side by side; default: as many as there are processors
    #[arg(long, value_name = "JOBS")]
    jobs: Option<usize>,
}

/// Runs a campaign; a violation is an error, after its seed, run and workspace were said.
pub fn torture(words: &[&str]) -> Result<()> {
    let arguments = match Arguments::try_parse_from(["torture"].iter().chain(words)) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let test = "torture::commands_killed_at_random_leave_nothing_half_done";
    let mut command =
        cargo("", &["test", "--package", "seedbed", "--test", "crash", "--", "--exact", test, "--nocapture"]);
    command.env("SEEDBED_TORTURE_RUNS", arguments.runs.to_string());
    command.env("SEEDBED_TORTURE_SEED", arguments.seed.to_string());
    let jobs = arguments.jobs.or_else(|| std::thread::available_parallelism().ok().map(NonZero::get)).unwrap_or(1);
    command.env("SEEDBED_TORTURE_JOBS", jobs.to_string());
    // What is killed is processes, not the machine: there is nothing to be learned from a disk, save to wait.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() && std::env::var_os("TMPDIR").is_none() {
        command.env("TMPDIR", memory);
    }
    run(&mut command)
}
