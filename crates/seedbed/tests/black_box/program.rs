//! Runs the program, never for longer than a deadline.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a run of the program has left.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Itself, if the exit code is that one.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output, which is JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless standard error has each of these texts.
    #[track_caller]
    pub fn says(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in\n{}", self.stderr);
        }
    }
}

/// The program that is tested.
pub fn seedbed() -> Command {
    Command::new(env!("CARGO_BIN_EXE_seedbed"))
}

/// Runs a command to its end. A command that does not end is killed, and the test fails with what it said.
#[track_caller]
pub fn run(command: &mut Command, patience: Duration) -> Ran {
    run_with(command, "", patience)
}

/// Runs a command with this as its standard input.
#[track_caller]
pub fn run_with(command: &mut Command, input: &str, patience: Duration) -> Ran {
    let mut stdin = tempfile::tempfile().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    stdin.rewind().unwrap();
    // A file, since a pipe that nobody reads from would fill.
    let mut stdout = tempfile::tempfile().unwrap();
    let ran = start(command, stdin, stdout.try_clone().unwrap(), patience);
    Ran { stdout: text(&mut stdout), ..ran }
}

/// Runs a command whose standard output is that file.
#[track_caller]
pub fn run_into(command: &mut Command, output: File, patience: Duration) -> Ran {
    start(command, tempfile::tempfile().unwrap(), output, patience)
}

#[track_caller]
fn start(command: &mut Command, stdin: File, stdout: File, patience: Duration) -> Ran {
    let mut stderr = tempfile::tempfile().unwrap();
    command.stdin(stdin).stdout(stdout).stderr(stderr.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let status = wait_until("the program ends", patience, || child.try_wait().unwrap().ok_or("it still runs"));
    let code = match status {
        Ok(status) => status.code(),
        Err(reason) => {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{command:?}: {reason}\n{}", text(&mut stderr));
        }
    };
    Ran { code, stdout: String::new(), stderr: text(&mut stderr) }
}

/// Asks again and again until there is an answer; `Err` has the last state when there is none in time.
pub fn wait_until<T, S: std::fmt::Display>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> Result<T, S>,
) -> Result<T, String> {
    const PAUSE: Duration = Duration::from_millis(2);
    let deadline = Instant::now() + patience;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(state) if Instant::now() > deadline => {
                return Err(format!("waited {patience:?} until {what}: {state}"));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
