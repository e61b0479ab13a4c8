//! The programs of Redis and of its descendants, run to their end.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use database::{Binaries, Image, Inside};

/// The most of a failed program's output that an error carries, in characters.
const OUTPUT_LIMIT: usize = 2000;

/// What the programs of the known makers begin with; the first one found is taken.
const PREFIXES: [&str; 2] = ["redis", "valkey"];

/// A program about to be run, free of the caller's settings.
pub(crate) struct Program {
    path: PathBuf,
    command: Command,
    /// The image that it runs in, and how.
    container: Option<(Image, Inside)>,
}

/// How a program failed.
pub(crate) enum Failure {
    /// It could not be started.
    Start(io::Error),
    /// It ended with another status than success.
    Status { status: String, output: String },
}

impl Program {
    /// Makes a program of any of the known makers by its role (`server`, `cli`, `check-rdb`).
    pub(crate) fn new(binaries: &Binaries, role: &str) -> Self {
        Self::at(binaries, path(binaries, role))
    }

    /// Makes a program of one maker.
    pub(crate) fn of_maker(binaries: &Binaries, prefix: &str, role: &str) -> Self {
        Self::at(binaries, named(binaries, prefix, role))
    }

    fn at(binaries: &Binaries, path: PathBuf) -> Self {
        let mut command = Command::new(&path);
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if text.starts_with("REDISCLI_") || text.starts_with("VALKEYCLI_") || text.starts_with("LC_") {
                command.env_remove(&variable);
            }
        }
        command.env("LC_ALL", "C").stdin(Stdio::null());
        Program { path, command, container: binaries.image().map(|image| (image.clone(), Inside::default())) }
    }

    pub(crate) fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn argument(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Lets a program in a container meet a file or directory of this machine, at the same path.
    pub(crate) fn share(&mut self, path: &Path) -> &mut Self {
        if let Some((_, inside)) = &mut self.container {
            inside.share(path);
        }
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it to its end and gives what it wrote to its standard output.
    pub(crate) fn run(&mut self) -> Result<String, Failure> {
        let mut input = Stdio::null();
        if let Some((image, inside)) = &self.container {
            self.command = image.command_with_lifeline(&self.command, inside);
            input = Stdio::piped();
        }
        self.command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(Failure::Start)?;
        // A container lives as long as this is open.
        let lifeline = child.stdin.take();
        let output = child.wait_with_output().map_err(Failure::Start)?;
        drop(lifeline);
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

/// Gives the path of a maker's program.
pub(crate) fn named(binaries: &Binaries, prefix: &str, role: &str) -> PathBuf {
    binaries.program(&[&format!("{prefix}-{role}")])
}

/// Gives the path of a program, whether it is there or not: running it says what is wrong.
pub(crate) fn path(binaries: &Binaries, role: &str) -> PathBuf {
    let names = PREFIXES.map(|prefix| format!("{prefix}-{role}"));
    binaries.program(&names.each_ref().map(String::as_str))
}
