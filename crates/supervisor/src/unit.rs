//! What a client asks for: units and the conditions between them.

use std::fmt;
use std::time::Duration;

use crate::{LimitSpec, LiveSpec, ProcessSpec, ReadySpec, RestartSpec, StopSpec, WatchSpec};

/// The name of a unit, such as `lms/web` or `lms:build`; the machine reads no meaning into it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(String);

impl UnitId {
    /// Makes an id from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl From<&str> for UnitId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for UnitId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// One thing that shall run, and what must be true before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitSpec {
    /// Its name; one unit per name is alive at any time.
    pub id: UnitId,
    /// What it is.
    pub kind: UnitKind,
    /// What must hold before it starts; all of it.
    pub after: Vec<Condition>,
    /// The identity of this spec, by which a client sees whether a running unit is still the wanted one; opaque here.
    pub digest: String,
}

/// What a unit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitKind {
    /// A process that keeps running.
    Service {
        /// The process.
        process: ProcessSpec,
        /// When it counts as ready.
        ready: ReadySpec,
        /// How it is stopped.
        stop: StopSpec,
        /// What becomes of it when it ends by itself, or lives no longer.
        life: Box<LifeSpec>,
    },
    /// A process that runs once and ends; it succeeds with exit code 0.
    Task {
        /// The process.
        process: ProcessSpec,
        /// How long it may run; `None` for as long as it likes.
        timeout: Option<Duration>,
        /// The files of which a change lets it run again.
        watch: Option<WatchSpec>,
        /// Whether it counts as succeeded, and runs only when a file changes.
        is_done: bool,
    },
    /// Work that the client does when the machine says that it is due (create a database, load data).
    External,
}

/// What becomes of a service after it was started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LifeSpec {
    /// When it is started again.
    pub restart: RestartSpec,
    /// When it no longer counts as alive; `None`: when it ends.
    pub live: Option<LiveSpec>,
    /// Whether it sleeps until somebody connects to it; `None`: it runs from its start to its stop.
    pub lazy: Option<LazySpec>,
    /// The files of which a change starts it anew.
    pub watch: Option<WatchSpec>,
    /// Whether its process has a terminal, to which people attach.
    pub has_terminal: bool,
    /// How much of the machine it may use, if it is a process.
    pub limits: LimitSpec,
}

/// How a service sleeps: without a process, while its port is listened on in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LazySpec {
    /// Where connections come in.
    pub gate: Gate,
    /// How long it stays when no connection is open; `None`: until it is stopped.
    pub idle: Option<Duration>,
    /// Whether it is started at once all the same, and sleeps later.
    pub awake: bool,
}

/// A port that is listened on in place of a service, and the one behind it on which the service listens itself; both of
/// the loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gate {
    /// The port by which others know the service.
    pub port: u16,
    /// The port on which it listens.
    pub to: u16,
}

/// A state that another unit must have reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The other unit: of the same apply, or known from an earlier one.
    pub unit: UnitId,
    /// The state that it must have reached.
    pub state: ConditionState,
    /// Whether the waiting unit, a service, is restarted whenever the other one is started anew.
    pub restart: bool,
    /// Whether the other one, a service, is woken if it sleeps; else one that sleeps is as good as one that is ready.
    pub wake: bool,
}

impl Condition {
    /// Makes a condition that is looked at before a start only.
    pub fn new(unit: UnitId, state: ConditionState) -> Self {
        Self { unit, state, restart: false, wake: false }
    }
}

/// The states that can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConditionState {
    /// A service's or task's process was started.
    Started,
    /// A service's probe passed.
    Ready,
    /// A task ended with exit code 0, or external work was done.
    Succeeded,
    /// A task or external work ended, however.
    Completed,
}

impl fmt::Display for ConditionState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Succeeded => "succeeded",
            Self::Completed => "completed",
        })
    }
}
