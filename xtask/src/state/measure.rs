//! What one command costs: wall time, CPU time and peak memory of the whole tree of its processes.
//!
//! The system adds up what children cost only for those that were waited for, so each command runs below a process of its own: this program
//! again, as `xtask measured FILE PROGRAM…`. That one also adopts and awaits what the command leaves behind in the background.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use rustix::process::{WaitOptions, getpid, set_child_subreaper, wait};
use serde_json::{Value, json};

use super::processes::{children, command_line};
use super::stop;

/// How long work in the background may go on.
const BACKGROUND: Duration = Duration::from_mins(10);

/// What a command cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// User and system time of all its processes, in seconds, with those that it left in the background.
    pub cpu: f64,
    /// From its start to its end, in seconds.
    pub wall: f64,
    /// The most memory that one of its processes had, in bytes.
    pub memory: f64,
    /// From its start until nothing of it was left in the background, in seconds.
    pub settled: f64,
}

/// Runs a command and says what it cost, and what it printed. Another exit code than 0 is an error that shows what it said.
pub fn measure(command: &mut Command) -> Result<(Cost, String)> {
    stop::check()?;
    let shown = format!("{command:?}");
    let report = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    // Not its path: it may be built anew while this one runs.
    let mut measured = Command::new("/proc/self/exe");
    measured.arg("measured").arg(report.path()).arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        measured.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => measured.env(name, value),
            None => measured.env_remove(name),
        };
    }
    let output = measured.stdin(Stdio::null()).output().with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        stop::check()?;
        let said = [output.stdout, output.stderr].concat();
        bail!("{shown}: {}\n{}", output.status, String::from_utf8_lossy(&said));
    }
    let values: Value = serde_json::from_slice(&fs::read(report.path())?)?;
    let value = |name: &str| values[name].as_f64().with_context(|| format!("no {name} of {shown}"));
    let cost = Cost { cpu: value("cpu")?, wall: value("wall")?, memory: value("memory")?, settled: value("settled")? };
    Ok((cost, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// `xtask measured FILE PROGRAM…`: runs the program and writes to the file what it cost.
pub fn measured(report: &str, program: &str, arguments: &[&str]) -> Result<ExitCode> {
    set_child_subreaper(Some(getpid())).context("cannot adopt processes")?;
    let began = Instant::now();
    let status = Command::new(program).args(arguments).status().with_context(|| format!("cannot run {program}"))?;
    let wall = began.elapsed();
    await_background(began)?;
    let settled = began.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    let memory = usage.max_rss() * 1024;
    let values = json!({ "cpu": cpu, "wall": wall.as_secs_f64(), "settled": settled.as_secs_f64(), "memory": memory });
    fs::write(Path::new(report), values.to_string())?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits until nothing is left of what a command started, save supervisors, which are there to stay.
fn await_background(began: Instant) -> Result<()> {
    let own = getpid().as_raw_nonzero().get().cast_unsigned();
    loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let left = children(own)?;
        if left.iter().all(|id| command_line(*id).contains(" supervise ")) {
            return Ok(());
        }
        ensure!(began.elapsed() < BACKGROUND, "still at work in the background: {}", command_line(left[0]));
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds and microseconds of a benchmark are small")]
fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}
