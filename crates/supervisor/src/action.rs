//! What is to be done.

use std::sync::Arc;

use crate::{
    ContainerSpec, Gate, LimitSpec, LiveSpec, NotifySpec, ProcessSpec, ReadySpec, RequestError, RequestId, Run, Signal,
    UnitId, UnitStatus, WatchSpec,
};

/// Something that is to be done, in the order in which the machine says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a process in a process group of its own; answered by `Spawned` or `SpawnFailed`.
    Spawn {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// The process.
        process: ProcessSpec,
        /// A regular expression: the first line of output that matches is a `Probed` that passed.
        watch: Option<String>,
        /// Whether it has a socket to say how it is.
        notify: Option<NotifySpec>,
        /// Whether it has a terminal.
        terminal: bool,
        /// How much of the machine it may use.
        limits: LimitSpec,
        /// Why it is started, where that is not a command's wish; for its log.
        why: Option<String>,
    },
    /// Write a line of the supervisor's own to the log of a unit that runs.
    Remark {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// The line.
        text: String,
    },
    /// Listen on a port in place of a service, and hold the connections; answered by `Traffic`, or by `GateFailed`.
    Hold {
        /// Its unit.
        unit: UnitId,
        /// The ports.
        gate: Gate,
    },
    /// Lead the connections of a gate on to the service.
    Admit {
        /// Its unit.
        unit: UnitId,
    },
    /// Listen no longer, and close what is held. What was led on goes on.
    CloseGate {
        /// Its unit.
        unit: UnitId,
    },
    /// A container will be started, perhaps after others: it can be made. Not answered.
    Prepare {
        /// Its unit.
        unit: UnitId,
        /// The container.
        container: Arc<ContainerSpec>,
    },
    /// Probe a service until it passes, or `StopProbe`; answered by `Probed`.
    Probe {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// The probe.
        ready: ReadySpec,
    },
    /// Look again and again whether a service is alive, until `StopProbe`; each look is answered by `Checked`.
    Check {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// How.
        live: LiveSpec,
    },
    /// Run what asks a unit to stop; answered by `StopCommandFailed` if it could not ask.
    StopCommand {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// The command.
        process: Box<ProcessSpec>,
    },
    /// Probe and check no longer.
    StopProbe {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
    },
    /// Tell of changes of files, until `Unwatch`; answered by `FilesChanged` and `WatchFailed`.
    Watch {
        /// Its unit.
        unit: UnitId,
        /// Which files.
        watch: WatchSpec,
    },
    /// Tell of changes of its files no longer.
    Unwatch {
        /// Its unit.
        unit: UnitId,
    },
    /// Send a signal to the whole process group of a unit.
    Signal {
        /// Its unit.
        unit: UnitId,
        /// Its run.
        run: Run,
        /// The signal.
        signal: Signal,
    },
    /// Tell the clients how a unit is now.
    Announce(UnitStatus),
    /// Tell the client of the apply that a unit's work is due; answered by `Done`.
    Due(UnitId),
    /// Tell a client that its request makes no sense.
    Reject {
        /// The request.
        request: RequestId,
        /// Why.
        error: RequestError,
    },
    /// Tell the client of the apply that all its units are settled.
    Finished {
        /// The request.
        request: RequestId,
        /// Whether every unit is ready or succeeded.
        ok: bool,
    },
    /// Tell a client that what it wanted stopped is stopped.
    StopFinished {
        /// The request.
        request: RequestId,
    },
    /// Tell a client that its signal was sent.
    Signalled {
        /// The request.
        request: RequestId,
    },
    /// End the supervisor: nothing is alive any more.
    Exit,
}
