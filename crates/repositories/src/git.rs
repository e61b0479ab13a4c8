//! Runs `git`: never with a prompt that nobody sees, never longer than the user wants to wait.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::RepositoryError;

/// Variables that say which repository git works on: whoever runs in a hook of git has them.
const OF_A_REPOSITORY: [&str; 13] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
    "GIT_CONFIG",
];

/// How git is run.
pub struct Settings<'a> {
    /// The environment variables that it starts from.
    pub variables: &'a BTreeMap<String, String>,
    /// Whether a person is there whom it may ask for a password.
    pub may_ask: bool,
    /// Whether the user wants to end.
    pub is_interrupted: &'a (dyn Fn() -> bool + Sync),
    /// Is told what goes on.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// One run of git.
pub(crate) struct Git<'a> {
    settings: &'a Settings<'a>,
    command: Command,
    words: String,
}

/// What a run has left.
pub(crate) struct Output {
    pub(crate) succeeded: bool,
    pub(crate) stdout: Vec<u8>,
    /// What it said, without progress.
    pub(crate) said: String,
    words: String,
}

impl Output {
    /// Itself, if git succeeded.
    pub(crate) fn success(self) -> Result<Self, RepositoryError> {
        if self.succeeded { Ok(self) } else { Err(RepositoryError::Git { command: self.words, said: self.said }) }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl<'a> Git<'a> {
    /// Git in a directory, with these words.
    pub(crate) fn new(settings: &'a Settings<'a>, directory: &Path, words: &[&str]) -> Self {
        let mut command = Command::new("git");
        command.env_clear().envs(settings.variables);
        for name in OF_A_REPOSITORY {
            command.env_remove(name);
        }
        command.env("GIT_TERMINAL_PROMPT", if settings.may_ask { "1" } else { "0" });
        // Also what a setting of the user makes of an address must not run programs.
        command.env("GIT_ALLOW_PROTOCOL", "file:http:https:ssh").env("GIT_LITERAL_PATHSPECS", "1");
        command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
        command.current_dir(directory);
        for setting in [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "gc.auto=0",
            "maintenance.auto=false",
            "http.lowSpeedLimit=100",
            "http.lowSpeedTime=30",
        ] {
            command.args(["-c", setting]);
        }
        command.args(words).stdin(Stdio::null());
        Self { settings, command, words: words.join(" ") }
    }

    /// What is missing is said to be missing, and not fetched one by one.
    pub(crate) fn without_fetching(mut self) -> Self {
        self.command.env("GIT_NO_LAZY_FETCH", "1");
        self
    }

    /// Git has a copy of this open file: a lock on it holds until git has ended, too.
    pub(crate) fn holding(mut self, file: &File) -> Self {
        if let Ok(file) = file.try_clone() {
            self.command.stdin(file);
        }
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Result<Output, RepositoryError> {
        self.run_with(None)
    }

    /// Runs it with this as its standard input.
    pub(crate) fn run_with(mut self, input: Option<String>) -> Result<Output, RepositoryError> {
        if input.is_some() {
            self.command.stdin(Stdio::piped());
        }
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(RepositoryError::NoGit)?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // What git does not read it did not need.
            std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        }
        let stdout = Gathered::of(child.stdout.take());
        let stderr = Gathered::of(child.stderr.take());
        let status = self.wait(&mut child, &stderr)?;
        Ok(Output {
            succeeded: status,
            stdout: stdout.all(),
            said: talk(&String::from_utf8_lossy(&stderr.all())),
            words: self.words,
        })
    }

    fn wait(&self, child: &mut Child, stderr: &Gathered) -> Result<bool, RepositoryError> {
        const SHORTEST: Duration = Duration::from_micros(500);
        const LONGEST: Duration = Duration::from_millis(20);
        let mut pause = SHORTEST;
        let mut told = String::new();
        loop {
            if let Some(status) = child.try_wait().map_err(RepositoryError::NoGit)? {
                return Ok(status.success());
            }
            if (self.settings.is_interrupted)() {
                // It may have ended in this moment.
                let _ = child.kill();
                let _ = child.wait();
                return Err(RepositoryError::Interrupted);
            }
            if let Some(line) = stderr.last_progress().filter(|line| *line != told) {
                (self.settings.progress)(&line);
                told = line;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Starts it with pipes to both sides; the caller talks with it.
    pub(crate) fn converse(mut self) -> Result<Child, RepositoryError> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        self.command.spawn().map_err(RepositoryError::NoGit)
    }
}

/// What comes out of a pipe, read by a thread of its own.
struct Gathered {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Gathered {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&bytes);
        let reader = pipe.map(|mut pipe| {
            std::thread::spawn(move || {
                let mut buffer = [0; 16 * 1024];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    own.lock().expect("nothing panics while it holds this").extend_from_slice(&buffer[..count]);
                }
            })
        });
        Self { bytes, reader }
    }

    /// All that came. A helper that git left behind may hold the pipe open for ever: git itself has ended, and what it
    /// wrote is there in a moment.
    fn all(self) -> Vec<u8> {
        const PATIENCE: Duration = Duration::from_secs(2);
        let deadline = Instant::now() + PATIENCE;
        if let Some(reader) = self.reader {
            while !reader.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        std::mem::take(&mut *self.bytes.lock().expect("nothing panics while it holds this"))
    }

    /// The newest line that says how far it is.
    fn last_progress(&self) -> Option<String> {
        const TAIL: usize = 400;
        let bytes = self.bytes.lock().expect("nothing panics while it holds this");
        let tail = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).into_owned();
        tail.split(['\r', '\n']).rev().map(str::trim).find(|line| line.contains("% (")).map(str::to_owned)
    }
}

/// The last lines that are no progress and no hints.
fn talk(said: &str) -> String {
    const LINES: usize = 4;
    // What git says after each failure says nothing of this one.
    const ALWAYS: [&str; 2] = ["Please make sure you have the correct access rights", "and the repository exists."];
    let is_talk =
        |line: &&str| !line.is_empty() && !line.contains("% (") && !line.starts_with("hint:") && !ALWAYS.contains(line);
    let lines: Vec<&str> = said.split(['\r', '\n']).map(str::trim).filter(is_talk).collect();
    let lines = &lines[lines.len().saturating_sub(LINES)..];
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line.trim_start_matches("fatal: ").trim_start_matches("remote: ").trim_end_matches('.'))
        .collect();
    lines.join("; ")
}
