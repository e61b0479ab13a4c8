//! The programs of PostgreSQL, run to their end, or to that of whoever runs them.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "what happens between fork and exec is beyond the compiler")
)]

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use database::{Binaries, Image, Inside};

use crate::account::Account;

/// The most of a failed program's output that an error carries, in characters.
const OUTPUT_LIMIT: usize = 2000;

/// A program about to be run, free of the caller's PostgreSQL settings.
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
    pub(crate) fn new(binaries: &Binaries, name: &str) -> Self {
        let path = binaries.program(&[name]);
        let mut command = Command::new(&path);
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if text.starts_with("PG") || text.starts_with("LC_") || text == "LANG" {
                command.env_remove(&variable);
            }
        }
        command.env("LC_ALL", "C").stdin(Stdio::null());
        Program { path, command, container: binaries.image().map(|image| (image.clone(), Inside::default())) }
    }

    /// Runs it as another user, if one is given.
    pub(crate) fn run_as(&mut self, account: Option<&Account>) -> &mut Self {
        match (account, &mut self.container) {
            (Some(account), Some((_, inside))) => inside.user = Some((account.user, account.group)),
            (Some(account), None) => {
                self.command.uid(account.user).gid(account.group);
            }
            (None, _) => {}
        }
        self
    }

    /// Lets a program in a container meet a file or directory of this machine, at the same path.
    pub(crate) fn share(&mut self, path: &Path) -> &mut Self {
        if let Some((_, inside)) = &mut self.container {
            inside.share(path);
        }
        self
    }

    /// Gives a program in a container a list of accounts: one that asks who it is must be in it.
    pub(crate) fn accounts(&mut self, file: &Path) -> &mut Self {
        if let Some((_, inside)) = &mut self.container {
            inside.accounts = Some(file.to_owned());
        }
        self
    }

    pub(crate) fn directory(&mut self, directory: &Path) -> &mut Self {
        self.command.current_dir(directory);
        self
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

    /// Lets the program be killed with its caller: nobody else would end it, and the next caller would meet it at work.
    #[cfg(target_os = "linux")]
    fn end_with_caller(&mut self) {
        use rustix::process::{Signal, set_parent_process_death_signal};
        // SAFETY: the closure makes one system call, which is async-signal-safe.
        unsafe {
            self.command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn end_with_caller(&mut self) {}

    /// Runs it to its end and gives what it wrote to its standard output.
    pub(crate) fn run(&mut self) -> Result<String, Failure> {
        self.feed("")
    }

    /// The same, for one that reads a few lines from its standard input, and ends with it.
    pub(crate) fn feed(&mut self, input: &str) -> Result<String, Failure> {
        if let Some((image, inside)) = &self.container {
            self.command = if input.is_empty() {
                image.command_with_lifeline(&self.command, inside)
            } else {
                image.command(&self.command, inside)
            };
        }
        self.end_with_caller();
        let is_open = self.container.is_some() || !input.is_empty();
        self.command.stdin(if is_open { Stdio::piped() } else { Stdio::null() });
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(Failure::Start)?;
        // A container without input lives as long as this is open.
        let mut lifeline = child.stdin.take();
        if let Some(mut stdin) = lifeline.take_if(|_| !input.is_empty()) {
            // One that ends before it has read everything says itself why.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(Failure::Start)?;
        drop(lifeline);
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
        let said = said.trim();
        let skipped = said.chars().count().saturating_sub(OUTPUT_LIMIT);
        Err(Failure::Status { status: output.status.to_string(), output: said.chars().skip(skipped).collect() })
    }
}
