//! The programs of a server, run to their end, or to that of whoever runs them.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "what happens between fork and exec is beyond the compiler")
)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Output, Stdio};

use crate::{Account, Binaries, Endable, Image, Inside};

/// The most of a failed program's output that an error carries, in characters.
const OUTPUT_LIMIT: usize = 2000;

/// A program about to be run, free of the caller's settings.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    command: Command,
    /// The image that it runs in, and how.
    container: Option<(Image, Inside)>,
    /// Whether it may be ended before it has done its work.
    is_endable: bool,
}

/// How a program failed.
#[derive(Debug)]
pub enum ProgramFailure {
    /// It could not be started, or not be given its input.
    Start(io::Error),
    /// It ended with another status than success.
    Status {
        /// The status, in words.
        status: String,
        /// The end of what it said.
        output: String,
    },
}

impl Program {
    /// Makes one of the program at a path, in a directory of this machine or in an image. It is given no variable of the caller
    /// whose name begins with one of `settings`, and none that chooses a language.
    pub fn new(binaries: &Binaries, path: PathBuf, settings: &[&str]) -> Self {
        let mut command = Command::new(&path);
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if settings.iter().any(|setting| text.starts_with(setting)) || text.starts_with("LC_") || text == "LANG" {
                command.env_remove(&variable);
            }
        }
        command.env("LC_ALL", "C").stdin(Stdio::null());
        let container = binaries.image().map(|image| (image.clone(), Inside::default()));
        Self { path, command, container, is_endable: false }
    }

    /// Lets it be ended by whoever does not want to wait for it: [`crate::end_programs`].
    pub fn endable(&mut self) -> &mut Self {
        self.is_endable = true;
        self
    }

    /// Runs it as another user, if one is given.
    pub fn run_as(&mut self, account: Option<&Account>) -> &mut Self {
        use std::os::unix::process::CommandExt as _;
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
    pub fn share(&mut self, path: &Path) -> &mut Self {
        if let Some((_, inside)) = &mut self.container {
            inside.share(path);
        }
        self
    }

    /// Gives a program in a container a list of accounts: one that asks who it is must be in it.
    pub fn accounts(&mut self, file: &Path) -> &mut Self {
        if let Some((_, inside)) = &mut self.container {
            inside.accounts = Some(file.to_owned());
        }
        self
    }

    /// Runs it in this directory.
    pub fn directory(&mut self, directory: &Path) -> &mut Self {
        self.command.current_dir(directory);
        self
    }

    /// Sets a variable.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.command.env(name, value);
        self
    }

    /// Adds an argument.
    pub fn argument(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Adds `NAME=VALUE`, where the value is a path.
    pub fn setting(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        let mut argument = OsString::from(name);
        argument.push("=");
        argument.push(value);
        self.argument(argument)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it to its end and gives what it wrote to its standard output.
    pub fn run(&mut self) -> Result<String, ProgramFailure> {
        self.run_to(Stdio::piped())
    }

    /// Runs it to its end with its standard output in a file.
    pub fn run_into(&mut self, file: File) -> Result<(), ProgramFailure> {
        self.run_to(file.into()).map(drop)
    }

    fn run_to(&mut self, output: Stdio) -> Result<String, ProgramFailure> {
        let mut input = Stdio::null();
        if let Some((image, inside)) = &self.container {
            self.command = image.command_with_lifeline(&self.command, inside);
            input = Stdio::piped();
        }
        self.end_with_caller();
        self.command.stdin(input).stdout(output).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(ProgramFailure::Start)?;
        let _endable = self.is_endable.then(|| Endable::new(&child));
        // A container lives as long as this is open.
        let lifeline = child.stdin.take();
        let output = child.wait_with_output().map_err(ProgramFailure::Start)?;
        drop(lifeline);
        finished(&output)
    }

    /// Runs it to its end with an input that is written as it reads. A program that fails stops reading: then its own
    /// words count, and not the error of writing.
    pub fn feed(&mut self, write: impl FnOnce(&mut ChildStdin) -> io::Result<()>) -> Result<(), ProgramFailure> {
        if let Some((image, inside)) = &self.container {
            self.command = image.command(&self.command, inside);
        }
        self.end_with_caller();
        self.command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(ProgramFailure::Start)?;
        let _endable = self.is_endable.then(|| Endable::new(&child));
        let mut input = child.stdin.take().expect("its standard input is a pipe");
        let written = write(&mut input);
        drop(input);
        finished(&child.wait_with_output().map_err(ProgramFailure::Start)?)?;
        written.map_err(ProgramFailure::Start)
    }

    /// Lets the program be killed with its caller: nobody else would end it, and the next caller would meet it at work.
    #[cfg(target_os = "linux")]
    fn end_with_caller(&mut self) {
        use rustix::process::{Signal, set_parent_process_death_signal};
        use std::os::unix::process::CommandExt as _;
        // SAFETY: the closure makes one system call, which is async-signal-safe.
        unsafe {
            self.command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn end_with_caller(&mut self) {}
}

fn finished(output: &Output) -> Result<String, ProgramFailure> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    let said = said.trim();
    let skipped = said.chars().count().saturating_sub(OUTPUT_LIMIT);
    Err(ProgramFailure::Status { status: output.status.to_string(), output: said.chars().skip(skipped).collect() })
}
