//! How a service is stopped.

use std::time::Duration;

use source::Tree;

use crate::command::Command;
use crate::duration;
use crate::reading::Reading;

/// How a service is stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    /// What its process group is sent first.
    pub signal: StopSignal,
    /// What is run in place of the signal.
    pub command: Option<Command>,
    /// How long it may take from then on; after that the group is killed.
    pub timeout: Duration,
}

/// A signal that asks a process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// `SIGTERM`
    Term,
    /// `SIGINT`
    Int,
    /// `SIGQUIT`
    Quit,
    /// `SIGHUP`
    Hup,
    /// `SIGKILL`
    Kill,
    /// `SIGUSR1`
    Usr1,
    /// `SIGUSR2`
    Usr2,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: StopSignal::Term, command: None, timeout: Duration::from_secs(10) }
    }
}

impl StopSignal {
    pub(crate) const WORDS: [&'static str; 7] = ["TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2"];

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "TERM" => Some(Self::Term),
            "INT" => Some(Self::Int),
            "QUIT" => Some(Self::Quit),
            "HUP" => Some(Self::Hup),
            "KILL" => Some(Self::Kill),
            "USR1" => Some(Self::Usr1),
            "USR2" => Some(Self::Usr2),
            _ => None,
        }
    }
}

impl Stop {
    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Self {
        let Self { signal, timeout, .. } = Self::default();
        let word = tree.get("signal").and_then(Tree::as_str);
        Self {
            signal: word.and_then(StopSignal::from_word).unwrap_or(signal),
            command: tree.get("command").and_then(|command| Command::read(command, reading)),
            timeout: tree.get("timeout").and_then(duration::read).unwrap_or(timeout),
        }
    }
}
