//! The programs of MariaDB and MySQL, run to their end, or to that of whoever runs them.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "what happens between fork and exec is beyond the compiler")
)]

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Output, Stdio};

use database::{Binaries, Image, Inside};

use crate::account::Account;

/// The server, by its names.
pub(crate) const SERVER: [&str; 2] = ["mariadbd", "mysqld"];

/// The interactive client, by its names.
pub(crate) const CLIENT: [&str; 2] = ["mariadb", "mysql"];

/// The program that writes dumps, by its names.
pub(crate) const DUMP: [&str; 2] = ["mariadb-dump", "mysqldump"];

/// The program that makes the data directory of a MariaDB, by its names.
pub(crate) const INSTALL: [&str; 2] = ["mariadb-install-db", "mysql_install_db"];

/// The most of a failed program's output that an error carries, in characters.
const OUTPUT_LIMIT: usize = 2000;

/// Finds a program of an installation, or of an image: packages put the server and the other programs into sibling directories. What is
/// nowhere is given in the server's directory, so that the error of starting it names a path.
pub(crate) fn locate(binaries: &Binaries, names: &[&str]) -> PathBuf {
    let Some(binaries) = binaries.directory() else { return binaries.program(names) };
    let beside = |word: &str| binaries.parent().map(|parent| parent.join(word));
    let directories = [Some(binaries.to_owned()), beside("bin"), beside("sbin"), beside("scripts")];
    let candidates = names.iter().flat_map(|name| directories.iter().flatten().map(move |place| place.join(name)));
    candidates.into_iter().find(|path| path.is_file()).unwrap_or_else(|| binaries.join(names[0]))
}

/// A program about to be run, free of the caller's MariaDB and MySQL settings.
pub(crate) struct Program {
    path: PathBuf,
    command: Command,
    /// The image that it runs in, and how.
    container: Option<(Image, Inside)>,
}

/// How a program failed.
pub(crate) enum Failure {
    /// It could not be started, or not be given its input.
    Start(io::Error),
    /// It ended with another status than success.
    Status { status: String, output: String },
}

impl Program {
    pub(crate) fn new(binaries: &Binaries, names: &[&str]) -> Self {
        let path = locate(binaries, names);
        let mut command = Command::new(&path);
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if text.starts_with("MYSQL") || text.starts_with("MARIADB") || text.starts_with("LC_") || text == "LANG" {
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

    /// Adds `NAME=VALUE`, where the value is a path.
    pub(crate) fn setting(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        let mut argument = std::ffi::OsString::from(name);
        argument.push("=");
        argument.push(value);
        self.argument(argument)
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
        self.run_to(Stdio::piped())
    }

    /// Runs it to its end with its standard output in a file.
    pub(crate) fn run_into(&mut self, file: File) -> Result<(), Failure> {
        self.run_to(file.into()).map(drop)
    }

    fn run_to(&mut self, output: Stdio) -> Result<String, Failure> {
        let mut input = Stdio::null();
        if let Some((image, inside)) = &self.container {
            self.command = image.command_with_lifeline(&self.command, inside);
            input = Stdio::piped();
        }
        self.end_with_caller();
        self.command.stdin(input).stdout(output).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(Failure::Start)?;
        // A container lives as long as this is open.
        let lifeline = child.stdin.take();
        let output = child.wait_with_output().map_err(Failure::Start)?;
        drop(lifeline);
        finished(&output)
    }

    /// Runs it to its end with an input that is written as it reads. A program that fails stops reading: then its own
    /// words count, and not the error of writing.
    pub(crate) fn feed(&mut self, write: impl FnOnce(&mut ChildStdin) -> io::Result<()>) -> Result<(), Failure> {
        if let Some((image, inside)) = &self.container {
            self.command = image.command(&self.command, inside);
        }
        self.end_with_caller();
        self.command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(Failure::Start)?;
        let mut input = child.stdin.take().expect("its standard input is a pipe");
        let written = write(&mut input);
        drop(input);
        finished(&child.wait_with_output().map_err(Failure::Start)?)?;
        written.map_err(Failure::Start)
    }
}

fn finished(output: &Output) -> Result<String, Failure> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    let said = said.trim();
    let skipped = said.chars().count().saturating_sub(OUTPUT_LIMIT);
    Err(Failure::Status { status: output.status.to_string(), output: said.chars().skip(skipped).collect() })
}
