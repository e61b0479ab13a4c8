//! The guard: a process that waits for the end of the supervisor, and then removes the containers of its environment.
//!
//! A container is a child of its engine, so no signal of the kernel ends it with the supervisor. The guard reads a pipe of
//! which the supervisor has the other end; when that closes without a farewell, the supervisor was killed.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, PipeWriter, Read, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use containers::{Address, Call, SUPERVISOR_LABEL, Sweep};

use crate::spawn::MARK;

/// What the supervisor says when there is nothing left to guard.
const FAREWELL: &str = "farewell";

/// How often what is left is tried again: a container that was being made when the supervisor died is there a moment later.
const ROUNDS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// The supervisor's end of its guard.
pub(crate) struct Guard {
    pipe: PipeWriter,
}

impl Guard {
    /// Starts a guard: this program again, with these words. It guards what carries this label of the supervisor.
    pub(crate) fn start(words: &[OsString], label: &str, engine: &str) -> io::Result<Self> {
        let (read, pipe) = io::pipe()?;
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        // Without the mark: it is no process of the environment, and outlives the supervisor on purpose.
        command.args(words).env_remove(MARK).stdin(read).stdout(Stdio::null()).stderr(Stdio::null());
        command.current_dir("/").spawn()?;
        let mut guard = Self { pipe };
        writeln!(guard.pipe, "{label}")?;
        guard.add(engine);
        Ok(guard)
    }

    /// Tells it of a further engine.
    pub(crate) fn add(&mut self, engine: &str) {
        // If the guard is gone, the next command of the environment removes what is left.
        let _ = writeln!(self.pipe, "{engine}");
    }

    /// Lets it go: nothing is left.
    pub(crate) fn dismiss(mut self) {
        let _ = writeln!(self.pipe, "{FAREWELL}");
    }
}

/// Guards the containers of an environment until the supervisor at the other end of `input` says farewell, or is gone; then
/// they are removed.
pub fn guard(input: impl Read) {
    // Ctrl-C and the end of the terminal are for whoever started the supervisor.
    let _ = rustix::process::setsid();
    let mut lines = BufReader::new(input).lines().map_while(Result::ok);
    let Some(label) = lines.next() else { return };
    let mut engines = Vec::new();
    for line in lines {
        if line == FAREWELL {
            return;
        }
        engines.push(line);
    }
    for round in 0..ROUNDS {
        if round > 0 {
            std::thread::sleep(PAUSE);
        }
        for engine in &engines {
            let call = Address::parse(engine).and_then(Call::new);
            // What cannot be removed now is tried again, and at last by the next command.
            let _ = call.and_then(|call| call.ask(|engine| engine.sweep(SUPERVISOR_LABEL, &label, Sweep::Running)));
        }
    }
}
