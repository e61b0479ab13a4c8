//! What can happen.

use std::fmt;

use crate::{RequestId, Signal, UnitId, UnitSpec};

/// Which start of a unit an event is about: an answer that comes too late is recognised by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Run(pub u64);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A client wants units stopped and then units started; `start` replaces units of the same name.
    Apply {
        /// Comes back in `Finished` or `Rejected`.
        request: RequestId,
        /// What shall run.
        start: Vec<UnitSpec>,
        /// What shall be stopped before.
        stop: Vec<UnitId>,
    },
    /// The client of the running apply gave up, or is gone.
    Cancel,
    /// The client has done a due unit's work, or could not.
    Done {
        /// The unit.
        unit: UnitId,
        /// How it went; the text says why not.
        result: Result<(), String>,
    },
    /// A client wants units stopped, after all that depend on them.
    Stop {
        /// Comes back in `StopFinished` or `Rejected`.
        request: RequestId,
        /// The units.
        units: Vec<UnitId>,
    },
    /// A client wants a signal sent to units that run.
    Signal {
        /// Comes back in `Signalled` or `Rejected`.
        request: RequestId,
        /// The units.
        units: Vec<UnitId>,
        /// The signal.
        signal: Signal,
    },
    /// Everything shall be stopped; then the supervisor ends.
    Shutdown,
    /// The same, and nothing that is written by what is stopped from now on is needed any more.
    Discard,
    /// A process was started.
    Spawned {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// Its id.
        pid: u32,
    },
    /// A process could not be started.
    SpawnFailed {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// Why.
        reason: String,
    },
    /// A probe has looked at a service.
    Probed {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// Whether it is ready; the text says what was seen instead.
        result: Result<(), String>,
    },
    /// A service that was ready was looked at.
    Checked {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// Whether it is alive; the text says what was seen instead.
        result: Result<(), String>,
    },
    /// The connections to a gate are others than before, or it was asked to hold them.
    Traffic {
        /// Its unit.
        unit: UnitId,
        /// How many are held.
        waiting: usize,
        /// How many are led on to the service.
        open: usize,
    },
    /// A gate cannot listen.
    GateFailed {
        /// Its unit.
        unit: UnitId,
        /// Why.
        reason: String,
    },
    /// Files of a unit have changed.
    FilesChanged {
        /// Its unit.
        unit: UnitId,
        /// One of them, for people.
        path: String,
        /// How many others.
        others: usize,
    },
    /// The files of a unit cannot be watched.
    WatchFailed {
        /// Its unit.
        unit: UnitId,
        /// Why.
        reason: String,
    },
    /// A service has said how it is.
    Noted {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// Its words.
        text: String,
    },
    /// The command that asks a unit to stop has failed.
    StopCommandFailed {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
    },
    /// The first process of a unit has ended.
    Exited {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// How.
        exit: Exit,
        /// Whether others of its process group are still there; `Gone` follows when they are not.
        leftovers: bool,
    },
    /// The process group of a unit is empty.
    Gone {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
    },
    /// Time has passed.
    Tick,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was killed since it needed more memory than it may have.
    OutOfMemory,
}

impl Exit {
    /// Tells whether it ended with exit code 0.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exited with code {code}"),
            Self::OutOfMemory => formatter.write_str("was killed: it needed more memory than its limit"),
            Self::Signal(signal) => write!(formatter, "ended by signal {signal}"),
        }
    }
}
