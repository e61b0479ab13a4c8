//! The programs of Redis and of its descendants, run to their end.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The most of a failed program's output that an error carries, in characters.
const OUTPUT_LIMIT: usize = 2000;

/// What the programs of the known makers begin with; the first one found is taken.
const PREFIXES: [&str; 2] = ["redis", "valkey"];

/// A program about to be run, free of the caller's settings.
pub(crate) struct Program {
    path: PathBuf,
    command: Command,
}

/// How a program failed.
pub(crate) enum Failure {
    /// It could not be started.
    Start(io::Error),
    /// It ended with another status than success.
    Status { status: String, output: String },
}

impl Program {
    pub(crate) fn new(path: PathBuf) -> Self {
        let mut command = Command::new(&path);
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if text.starts_with("REDISCLI_") || text.starts_with("VALKEYCLI_") || text.starts_with("LC_") {
                command.env_remove(&variable);
            }
        }
        command.env("LC_ALL", "C").stdin(Stdio::null());
        Program { path, command }
    }

    pub(crate) fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn argument(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it to its end and gives what it wrote to its standard output.
    pub(crate) fn run(&mut self) -> Result<String, Failure> {
        let output = self.command.output().map_err(Failure::Start)?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return Ok(stdout.into_owned());
        }
        let said = if output.stderr.is_empty() { stdout } else { String::from_utf8_lossy(&output.stderr) };
        let said = said.trim();
        let skipped = said.chars().count().saturating_sub(OUTPUT_LIMIT);
        Err(Failure::Status { status: output.status.to_string(), output: said.chars().skip(skipped).collect() })
    }
}

/// Finds a program by its role (`server`, `cli`, `check-rdb`) in the directory of one maker.
pub(crate) fn find(binaries: &Path, role: &str) -> Option<PathBuf> {
    PREFIXES.iter().map(|prefix| named(binaries, prefix, role)).find(|path| path.is_file())
}

/// Gives the path of a maker's program.
pub(crate) fn named(binaries: &Path, prefix: &str, role: &str) -> PathBuf {
    binaries.join(format!("{prefix}-{role}"))
}

/// Gives the path of a program, whether it is there or not: running it says what is wrong.
pub(crate) fn path(binaries: &Path, role: &str) -> PathBuf {
    find(binaries, role).unwrap_or_else(|| named(binaries, PREFIXES[0], role))
}
