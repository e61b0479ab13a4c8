//! How a unit is stopped.

use std::fmt;
use std::time::Duration;

use crate::ProcessSpec;

/// How a unit is asked to stop, and how long it may take before it is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopSpec {
    /// What its process group is sent first.
    pub signal: Signal,
    /// What is run in place of the signal; the signal follows if this fails. It is told the process as `MAINPID`.
    pub command: Option<Box<ProcessSpec>>,
    /// How long it may take from then on; after that the group is killed.
    pub timeout: Duration,
    /// What its process group is sent instead when all that it has written goes, too.
    pub discard: Option<Signal>,
    /// Whether it is asked only when it is ready, or should be: there are servers that hang when they are asked while they start.
    pub once_ready: bool,
}

impl Default for StopSpec {
    fn default() -> Self {
        Self { signal: Signal::Term, command: None, timeout: Duration::from_secs(10), discard: None, once_ready: false }
    }
}

/// A signal that asks a process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// `SIGHUP`
    Hup,
    /// `SIGINT`
    Int,
    /// `SIGQUIT`
    Quit,
    /// `SIGKILL`
    Kill,
    /// `SIGTERM`
    Term,
    /// `SIGUSR1`
    Usr1,
    /// `SIGUSR2`
    Usr2,
}

impl Signal {
    /// All signals, in no particular order.
    pub const ALL: [Self; 7] = [Self::Hup, Self::Int, Self::Quit, Self::Kill, Self::Term, Self::Usr1, Self::Usr2];

    /// Returns the name without `SIG`, such as `TERM`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hup => "HUP",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::Term => "TERM",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
        }
    }

    /// Finds a signal by its name, with or without `SIG`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.strip_prefix("SIG").unwrap_or(name);
        Self::ALL.into_iter().find(|signal| signal.name() == name)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SIG{}", self.name())
    }
}
