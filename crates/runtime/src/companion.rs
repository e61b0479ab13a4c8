//! A process that works for one command: it is asked line by line, and ends with whoever started it.

use std::io::{self, PipeReader, PipeWriter};
use std::path::Path;

use rustix::process::{Pid, WaitOptions, waitpid};
use supervisor::{Exit, ProcessSpec, Signal};

use crate::group::Group;
use crate::spawn::{Lifeline, Spawned, spawn};

/// A process in a group of its own, whose input and outputs are pipes. The group does not outlive this value, nor the
/// thread that made it.
#[derive(Debug)]
pub struct Companion {
    pid: u32,
    lifeline: Option<Lifeline>,
    exit: Option<Exit>,
}

/// The other ends of a companion's input and outputs.
#[derive(Debug)]
pub struct CompanionPipes {
    /// What it reads.
    pub input: PipeWriter,
    /// What it writes to standard output.
    pub output: PipeReader,
    /// What it writes to standard error.
    pub errors: PipeReader,
}

impl Companion {
    /// Starts a process; `mark` is the directory of the environment that it works for. The log of `process` is not
    /// used. An error is a reason for people.
    pub fn start(process: &ProcessSpec, mark: &Path) -> Result<(Self, CompanionPipes), String> {
        let pipe = || io::pipe().map_err(|error| format!("cannot make a pipe: {error}"));
        let ((input_end, input), (output, output_end), (errors, errors_end)) = (pipe()?, pipe()?, pipe()?);
        let spawned = spawn(process, mark, Some(&input_end), &output_end, &errors_end);
        let Spawned { pid, lifeline } = spawned.map_err(|error| error.to_string())?;
        let companion = Self { pid, lifeline: Some(lifeline), exit: None };
        Ok((companion, CompanionPipes { input, output, errors }))
    }

    /// Says how it ended, if it has.
    pub fn exit(&mut self) -> Option<Exit> {
        if self.exit.is_none() {
            self.wait(WaitOptions::NOHANG);
        }
        self.exit
    }

    /// Kills it and everything that it has started and that is still in its group.
    pub fn kill(&mut self) {
        if let Some(group) = Group::of_leader(self.pid).filter(|_| self.exit().is_none()) {
            group.signal(Signal::Kill);
            self.wait(WaitOptions::empty());
        }
        // Its lifeline ends what it has left behind.
        drop(self.lifeline.take());
    }

    fn wait(&mut self, options: WaitOptions) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        loop {
            match waitpid(pid, options) {
                Ok(Some((_, status))) => {
                    self.exit = match (status.exit_status(), status.terminating_signal()) {
                        (Some(code), _) => Some(Exit::Code(code)),
                        (None, Some(signal)) => Some(Exit::Signal(signal)),
                        (None, None) => continue,
                    };
                }
                Err(rustix::io::Errno::INTR) => continue,
                Ok(None) => {}
                // Somebody else has collected it, and how it ended is not known.
                Err(_) => self.exit = Some(Exit::Code(0)),
            }
            return;
        }
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{Read as _, Write as _};
    use std::path::PathBuf;

    use super::*;

    fn shell(script: &str) -> ProcessSpec {
        let variables = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        ProcessSpec {
            program: "sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            env: variables.into(),
            directory: PathBuf::from("/"),
            user: None,
            log: PathBuf::new(),
            container: None,
        }
    }

    #[test]
    fn it_answers_and_ends_with_its_input() {
        let (mut companion, mut pipes) = Companion::start(
            &shell("while read line; do echo \"$line?\"; done; echo bye >&2; exit 3"),
            Path::new("/x"),
        )
        .unwrap();
        pipes.input.write_all(b"one\ntwo\n").unwrap();
        drop(pipes.input);
        let (mut said, mut errors) = (String::new(), String::new());
        pipes.output.read_to_string(&mut said).unwrap();
        pipes.errors.read_to_string(&mut errors).unwrap();
        assert_eq!((said.as_str(), errors.as_str()), ("one?\ntwo?\n", "bye\n"));
        companion.wait(WaitOptions::empty());
        assert_eq!(companion.exit(), Some(Exit::Code(3)));
    }

    #[test]
    fn what_it_has_started_ends_with_it() {
        let (companion, mut pipes) = Companion::start(&shell("sleep 1000 & echo $!; wait"), Path::new("/x")).unwrap();
        let mut number = [0; 64];
        let read = pipes.output.read(&mut number).unwrap();
        assert!(read > 1);
        drop(companion);
        // The grandchild has the other end: that there is an end means that it is gone.
        let mut rest = Vec::new();
        pipes.output.read_to_end(&mut rest).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let mut process = shell("");
        process.program = "no-such-program".to_owned();
        let error = Companion::start(&process, Path::new("/x")).unwrap_err();
        assert_eq!(error, "there is no program no-such-program in PATH");
    }
}
