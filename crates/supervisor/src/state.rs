//! What can be seen of a unit.

use std::fmt;
use std::time::Duration;

use crate::{Exit, Timestamp, UnitId, UnitKind};

/// Where a unit is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitState {
    /// Its conditions do not hold yet.
    Waiting,
    /// Its process is being started.
    Starting,
    /// Its process runs; a service is not ready yet.
    Running,
    /// A service whose probe passed.
    Ready,
    /// A service without a process, which starts when somebody connects to its port.
    Asleep,
    /// External work that is handed to the client.
    Due,
    /// It is being stopped, and its process group is not empty yet.
    Stopping,
    /// A service that ended by itself and is started again when its pause is over.
    Restarting,
    /// A task that ended with exit code 0, or external work that was done.
    Succeeded,
    /// It did not do what was asked.
    Failed(Failure),
    /// It cannot start, since another unit failed or was stopped.
    Blocked {
        /// The unit at the root of it.
        by: UnitId,
    },
    /// It was stopped, or is a service that ended by itself with exit code 0 after it had been ready.
    Stopped,
}

impl UnitState {
    /// Tells whether a process exists, or will by itself.
    pub const fn is_active(&self) -> bool {
        self.is_live() || matches!(self, Self::Restarting | Self::Waiting | Self::Asleep)
    }

    /// Tells whether a process may exist.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Ready | Self::Stopping)
    }

    /// Tells whether nothing more will happen by itself: an apply is over when all its units are settled.
    pub const fn is_settled(&self) -> bool {
        matches!(
            self,
            Self::Ready | Self::Asleep | Self::Succeeded | Self::Failed(_) | Self::Blocked { .. } | Self::Stopped
        )
    }

    /// Tells whether it is what an apply wants: ready, which one that sleeps is to whoever connects, or succeeded.
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Ready | Self::Asleep | Self::Succeeded)
    }
}

impl fmt::Display for UnitState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => formatter.write_str("waiting"),
            Self::Starting => formatter.write_str("starting"),
            Self::Running => formatter.write_str("running"),
            Self::Ready => formatter.write_str("ready"),
            Self::Asleep => formatter.write_str("asleep"),
            Self::Due => formatter.write_str("due"),
            Self::Stopping => formatter.write_str("stopping"),
            Self::Restarting => formatter.write_str("restarting"),
            Self::Succeeded => formatter.write_str("succeeded"),
            Self::Failed(failure) => write!(formatter, "failed: {failure}"),
            Self::Blocked { by } => write!(formatter, "blocked by {by}"),
            Self::Stopped => formatter.write_str("stopped"),
        }
    }
}

/// Why a unit failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Its process could not be started; the text says exactly why.
    Spawn(String),
    /// It ended: a task not with exit code 0, a service at all.
    Exited(Exit),
    /// A service was not ready in time.
    NotReady {
        /// The time that it had.
        timeout: Duration,
    },
    /// A service that was ready did not pass this many checks in a row.
    NotLive {
        /// How many.
        failures: u32,
    },
    /// A service has ended again and again, and is not started any more.
    CrashLoop {
        /// How often it was started again.
        restarts: u32,
    },
    /// A task took too long.
    TimedOut {
        /// The time that it had.
        timeout: Duration,
    },
    /// The client could not do the work.
    External(String),
    /// Its process group is still there although it was killed.
    NotGone,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(reason) | Self::External(reason) => formatter.write_str(reason),
            Self::Exited(exit) => write!(formatter, "{exit}"),
            Self::NotReady { timeout } => write!(formatter, "not ready within {timeout:?}"),
            Self::NotLive { failures: 1 } => formatter.write_str("not live: a check failed"),
            Self::NotLive { failures } => write!(formatter, "not live: {failures} checks in a row failed"),
            Self::CrashLoop { restarts: 1 } => formatter.write_str("crash loop: it was restarted once"),
            Self::CrashLoop { restarts } => write!(formatter, "crash loop: it was restarted {restarts} times"),
            Self::TimedOut { timeout } => write!(formatter, "did not end within {timeout:?}"),
            Self::NotGone => formatter.write_str("its process is still there although it was killed"),
        }
    }
}

/// The kind of a unit without its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KindTag {
    /// A process that keeps running.
    Service,
    /// A process that runs once.
    Task,
    /// Work of the client.
    External,
}

impl From<&UnitKind> for KindTag {
    fn from(kind: &UnitKind) -> Self {
        match kind {
            UnitKind::Service { .. } => Self::Service,
            UnitKind::Task { .. } => Self::Task,
            UnitKind::External => Self::External,
        }
    }
}

/// A unit as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitStatus {
    /// Its name.
    pub id: UnitId,
    /// Its kind.
    pub kind: KindTag,
    /// Where it is in its life.
    pub state: UnitState,
    /// The id of its process and of its process group, while there is one.
    pub pid: Option<u32>,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Milliseconds from the request until its process was started, or its work handed to the client.
    pub started_ms: Option<u64>,
    /// Milliseconds from then until it was ready, or, for a task or external work, until it ended.
    pub ready_ms: Option<u64>,
    /// The identity of its spec, as the client gave it.
    pub digest: String,
    /// What was last seen of it: how it ended, or what its probe said.
    pub detail: Option<String>,
    /// How often it was started again since it was asked for.
    pub restarts: u32,
    /// How its last life ended, if nobody had asked for that.
    pub last_end: Option<String>,
}
