//! Between the documents on the socket and the types of the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use supervisor::{
    BodyPattern, Condition, ConditionState, Exit, Failure, Gate, HttpProbe, KindTag, LazySpec, LifeSpec, LimitSpec,
    LiveSpec, Probe, ProcessSpec, ReadySpec, RestartPolicy, RestartSpec, Signal, StopSpec, Timestamp, UnitId, UnitKind,
    UnitSpec, UnitState, UnitStatus, UserId, Variables, WatchSpec,
};

use crate::wire;
use crate::wire_container::Container;

/// A value that the documents cannot carry, or that the machine does not know.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConversionError {
    #[error("{} is not valid UTF-8", .0.display())]
    Path(PathBuf),
    #[error("there is no signal {0}")]
    Signal(String),
}

pub(crate) fn path(path: &Path) -> Result<String, ConversionError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ConversionError::Path(path.to_owned()))
}

/// A signal by its name.
pub(crate) fn signal(name: String) -> Result<Signal, ConversionError> {
    Signal::from_name(&name).ok_or(ConversionError::Signal(name))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What many processes have in common, sent once.
type Shared = Arc<BTreeMap<String, String>>;

/// Chooses what these units' processes have in common.
pub(crate) fn shared(units: &[UnitSpec]) -> Shared {
    let first = units.iter().find_map(|unit| match &unit.kind {
        UnitKind::Service { process, .. } | UnitKind::Task { process, .. } => Some(&process.env.shared),
        UnitKind::External => None,
    });
    first.cloned().unwrap_or_default()
}

impl wire::Spec {
    /// The document of a unit, beside one with what is shared.
    pub(crate) fn of(spec: UnitSpec, shared: &Shared) -> Result<Self, ConversionError> {
        let kind = match spec.kind {
            UnitKind::Service { process, ready, stop, life } => wire::Kind::Service {
                process: Box::new(wire::Process::of(process, shared)?),
                ready: Box::new(wire::Ready::of(ready, shared)?),
                stop: Box::new(wire::Stop::of(stop, shared)?),
                restart: life.restart.into(),
                live: life.live.map(|live| wire::Live::of(live, shared)).transpose()?.map(Box::new),
                lazy: life.lazy.map(Into::into),
                watch: life.watch.map(wire::Watch::of).transpose()?.map(Box::new),
                terminal: life.has_terminal,
                limits: (!life.limits.is_empty()).then_some(life.limits).map(Into::into),
            },
            UnitKind::Task { process, timeout, watch, is_done } => wire::Kind::Task {
                process: Box::new(wire::Process::of(process, shared)?),
                timeout_ms: timeout.map(millis),
                watch: watch.map(wire::Watch::of).transpose()?.map(Box::new),
                done: is_done,
            },
            UnitKind::External => wire::Kind::External,
        };
        let after = spec.after.into_iter().map(|condition| wire::Condition {
            unit: condition.unit.to_string(),
            state: match condition.state {
                ConditionState::Started => wire::ConditionState::Started,
                ConditionState::Ready => wire::ConditionState::Ready,
                ConditionState::Succeeded => wire::ConditionState::Succeeded,
                ConditionState::Completed => wire::ConditionState::Completed,
            },
            restart: condition.restart,
            wake: condition.wake,
        });
        Ok(Self { id: spec.id.to_string(), kind, after: after.collect(), digest: spec.digest })
    }

    /// The unit that the document says, with what is shared.
    pub(crate) fn into_unit(self, shared: &Shared) -> Result<UnitSpec, ConversionError> {
        let kind = match self.kind {
            wire::Kind::Service { process, ready, stop, restart, live, lazy, watch, terminal, limits } => {
                UnitKind::Service {
                    process: process.into_process(shared),
                    ready: ready.into_ready(shared),
                    stop: stop.into_stop(shared)?,
                    life: Box::new(LifeSpec {
                        restart: restart.into(),
                        live: live.map(|live| live.into_live(shared)),
                        lazy: lazy.map(Into::into),
                        watch: watch.map(|watch| watch.into_watch()),
                        has_terminal: terminal,
                        limits: limits.map(Into::into).unwrap_or_default(),
                    }),
                }
            }
            wire::Kind::Task { process, timeout_ms, watch, done } => UnitKind::Task {
                process: process.into_process(shared),
                timeout: timeout_ms.map(Duration::from_millis),
                watch: watch.map(|watch| watch.into_watch()),
                is_done: done,
            },
            wire::Kind::External => UnitKind::External,
        };
        let after = self.after.into_iter().map(|condition| Condition {
            unit: UnitId::new(condition.unit),
            state: match condition.state {
                wire::ConditionState::Started => ConditionState::Started,
                wire::ConditionState::Ready => ConditionState::Ready,
                wire::ConditionState::Succeeded => ConditionState::Succeeded,
                wire::ConditionState::Completed => ConditionState::Completed,
            },
            restart: condition.restart,
            wake: condition.wake,
        });
        Ok(UnitSpec { id: UnitId::new(self.id), kind, after: after.collect(), digest: self.digest })
    }
}

impl wire::Process {
    fn of(process: ProcessSpec, shared: &Shared) -> Result<Self, ConversionError> {
        Ok(Self {
            directory: path(&process.directory)?,
            log: path(&process.log)?,
            program: process.program,
            arguments: process.arguments,
            env: process.env.over(shared).own,
            user: process.user.map(|UserId { uid, gid }| wire::User { uid, gid }),
            container: process.container.as_deref().map(Container::of).transpose()?.map(Box::new),
        })
    }

    fn into_process(self, shared: &Shared) -> ProcessSpec {
        ProcessSpec {
            program: self.program,
            arguments: self.arguments,
            env: Variables { shared: Arc::clone(shared), own: self.env },
            directory: self.directory.into(),
            user: self.user.map(|wire::User { uid, gid }| UserId { uid, gid }),
            log: self.log.into(),
            container: self.container.map(|container| Arc::new(container.into_spec())),
        }
    }
}

impl wire::Probe {
    fn of(probe: Probe, shared: &Shared) -> Result<Self, ConversionError> {
        Ok(match probe {
            Probe::Started => Self::Started,
            Probe::Http(http) => Self::Http(Box::new((*http).into())),
            Probe::Tcp { host, port } => Self::Tcp { host, port },
            Probe::Unix { path: socket, greets } => Self::Unix { path: path(&socket)?, greets },
            Probe::Command(process) => Self::Command(wire::Process::of(*process, shared)?),
            Probe::Health { container } => Self::Health { container },
            Probe::Log(pattern) => Self::Log(pattern),
            Probe::Notify => Self::Notify,
        })
    }

    fn into_probe(self, shared: &Shared) -> Probe {
        match self {
            Self::Started => Probe::Started,
            Self::Http(http) => Probe::Http(Box::new((*http).into())),
            Self::Tcp { host, port } => Probe::Tcp { host, port },
            Self::Unix { path, greets } => Probe::Unix { path: path.into(), greets },
            Self::Command(process) => Probe::Command(Box::new(process.into_process(shared))),
            Self::Health { container } => Probe::Health { container },
            Self::Log(pattern) => Probe::Log(pattern),
            Self::Notify => Probe::Notify,
        }
    }
}

impl From<HttpProbe> for wire::Http {
    fn from(probe: HttpProbe) -> Self {
        let HttpProbe { host, port, path, method, headers, status, body } = probe;
        let body = body.map(|body| match body {
            BodyPattern::Text(text) => wire::Body::Text(text),
            BodyPattern::Regex(pattern) => wire::Body::Regex(pattern),
        });
        Self { host, port, path, method, headers, status, body }
    }
}

impl From<wire::Http> for HttpProbe {
    fn from(probe: wire::Http) -> Self {
        let wire::Http { host, port, path, method, headers, status, body } = probe;
        let body = body.map(|body| match body {
            wire::Body::Text(text) => BodyPattern::Text(text),
            wire::Body::Regex(pattern) => BodyPattern::Regex(pattern),
        });
        Self { host, port, path, method, headers, status, body }
    }
}

impl wire::Ready {
    fn of(ready: ReadySpec, shared: &Shared) -> Result<Self, ConversionError> {
        Ok(Self {
            probe: wire::Probe::of(ready.probe, shared)?,
            timeout_ms: millis(ready.timeout),
            interval_ms: ready.interval.map(millis),
            longest_pause_ms: ready.longest_pause.map(millis),
            check_timeout_ms: ready.check_timeout.map(millis),
        })
    }

    fn into_ready(self, shared: &Shared) -> ReadySpec {
        ReadySpec {
            probe: self.probe.into_probe(shared),
            timeout: Duration::from_millis(self.timeout_ms),
            interval: self.interval_ms.map(Duration::from_millis),
            longest_pause: self.longest_pause_ms.map(Duration::from_millis),
            check_timeout: self.check_timeout_ms.map(Duration::from_millis),
        }
    }
}

impl wire::Live {
    fn of(live: LiveSpec, shared: &Shared) -> Result<Self, ConversionError> {
        Ok(Self {
            probe: wire::Probe::of(live.probe, shared)?,
            interval_ms: millis(live.interval),
            check_timeout_ms: millis(live.check_timeout),
            failures: live.failures,
        })
    }

    fn into_live(self, shared: &Shared) -> LiveSpec {
        LiveSpec {
            probe: self.probe.into_probe(shared),
            interval: Duration::from_millis(self.interval_ms),
            check_timeout: Duration::from_millis(self.check_timeout_ms),
            failures: self.failures,
        }
    }
}

impl wire::Stop {
    fn of(stop: StopSpec, shared: &Shared) -> Result<Self, ConversionError> {
        Ok(Self {
            signal: stop.signal.name().to_owned(),
            command: stop.command.map(|command| wire::Process::of(*command, shared)).transpose()?,
            timeout_ms: millis(stop.timeout),
            discard: stop.discard.map(|signal| signal.name().to_owned()),
            once_ready: stop.once_ready,
        })
    }

    fn into_stop(self, shared: &Shared) -> Result<StopSpec, ConversionError> {
        Ok(StopSpec {
            signal: signal(self.signal)?,
            command: self.command.map(|command| Box::new(command.into_process(shared))),
            timeout: Duration::from_millis(self.timeout_ms),
            discard: self.discard.map(signal).transpose()?,
            once_ready: self.once_ready,
        })
    }
}

impl From<LimitSpec> for wire::Limits {
    fn from(limits: LimitSpec) -> Self {
        let LimitSpec { memory, milli_cpus, pids } = limits;
        Self { memory, milli_cpus, pids }
    }
}

impl From<wire::Limits> for LimitSpec {
    fn from(limits: wire::Limits) -> Self {
        let wire::Limits { memory, milli_cpus, pids } = limits;
        Self { memory, milli_cpus, pids }
    }
}

impl wire::Watch {
    fn of(watch: WatchSpec) -> Result<Self, ConversionError> {
        let WatchSpec { root, patterns, ignore, debounce } = watch;
        Ok(Self { root: path(&root)?, patterns, ignore, debounce_ms: millis(debounce) })
    }

    fn into_watch(self) -> WatchSpec {
        let Self { root, patterns, ignore, debounce_ms } = self;
        WatchSpec { root: root.into(), patterns, ignore, debounce: Duration::from_millis(debounce_ms) }
    }
}

impl From<LazySpec> for wire::Lazy {
    fn from(lazy: LazySpec) -> Self {
        let LazySpec { gate: Gate { port, to }, idle, awake } = lazy;
        Self { port, to, idle_ms: idle.map(millis), awake }
    }
}

impl From<wire::Lazy> for LazySpec {
    fn from(lazy: wire::Lazy) -> Self {
        let wire::Lazy { port, to, idle_ms, awake } = lazy;
        Self { gate: Gate { port, to }, idle: idle_ms.map(Duration::from_millis), awake }
    }
}

impl From<RestartSpec> for wire::Restart {
    fn from(restart: RestartSpec) -> Self {
        Self {
            policy: match restart.policy {
                RestartPolicy::No => wire::RestartPolicy::No,
                RestartPolicy::OnFailure => wire::RestartPolicy::OnFailure,
                RestartPolicy::Always => wire::RestartPolicy::Always,
            },
            early: restart.early,
            pause_ms: millis(restart.pause),
            factor: restart.factor,
            cap_ms: millis(restart.cap),
            success: restart.success,
            limit: restart.limit,
            window_ms: millis(restart.window),
        }
    }
}

impl From<wire::Restart> for RestartSpec {
    fn from(restart: wire::Restart) -> Self {
        Self {
            policy: match restart.policy {
                wire::RestartPolicy::No => RestartPolicy::No,
                wire::RestartPolicy::OnFailure => RestartPolicy::OnFailure,
                wire::RestartPolicy::Always => RestartPolicy::Always,
            },
            early: restart.early,
            pause: Duration::from_millis(restart.pause_ms),
            factor: restart.factor,
            cap: Duration::from_millis(restart.cap_ms),
            success: restart.success,
            limit: restart.limit,
            window: Duration::from_millis(restart.window_ms),
        }
    }
}

impl From<UnitStatus> for wire::Status {
    fn from(status: UnitStatus) -> Self {
        let state = match status.state {
            UnitState::Waiting => wire::State::Waiting,
            UnitState::Starting => wire::State::Starting,
            UnitState::Running => wire::State::Running,
            UnitState::Ready => wire::State::Ready,
            UnitState::Asleep => wire::State::Asleep,
            UnitState::Due => wire::State::Due,
            UnitState::Stopping => wire::State::Stopping,
            UnitState::Restarting => wire::State::Restarting,
            UnitState::Succeeded => wire::State::Succeeded,
            UnitState::Failed(failure) => wire::State::Failed(match failure {
                Failure::Spawn(reason) => wire::Failure::Spawn(reason),
                Failure::Exited(Exit::Code(code)) => wire::Failure::ExitCode(code),
                Failure::Exited(Exit::Signal(signal)) => wire::Failure::ExitSignal(signal),
                Failure::Exited(Exit::OutOfMemory) => wire::Failure::OutOfMemory,
                Failure::NotReady { timeout } => wire::Failure::NotReady { timeout_ms: millis(timeout) },
                Failure::NotLive { failures } => wire::Failure::NotLive { failures },
                Failure::CrashLoop { restarts } => wire::Failure::CrashLoop { restarts },
                Failure::TimedOut { timeout } => wire::Failure::TimedOut { timeout_ms: millis(timeout) },
                Failure::External(reason) => wire::Failure::External(reason),
                Failure::NotGone => wire::Failure::NotGone,
            }),
            UnitState::Blocked { by } => wire::State::Blocked { by: by.to_string() },
            UnitState::Stopped => wire::State::Stopped,
        };
        Self {
            id: status.id.to_string(),
            kind: match status.kind {
                KindTag::Service => wire::KindTag::Service,
                KindTag::Task => wire::KindTag::Task,
                KindTag::External => wire::KindTag::External,
            },
            state,
            pid: status.pid,
            since_ms: status.since.as_millis(),
            started_ms: status.started_ms,
            ready_ms: status.ready_ms,
            digest: status.digest,
            detail: status.detail,
            restarts: status.restarts,
            last_end: status.last_end,
        }
    }
}

impl From<wire::Status> for UnitStatus {
    fn from(status: wire::Status) -> Self {
        let state = match status.state {
            wire::State::Waiting => UnitState::Waiting,
            wire::State::Starting => UnitState::Starting,
            wire::State::Running => UnitState::Running,
            wire::State::Ready => UnitState::Ready,
            wire::State::Asleep => UnitState::Asleep,
            wire::State::Due => UnitState::Due,
            wire::State::Stopping => UnitState::Stopping,
            wire::State::Restarting => UnitState::Restarting,
            wire::State::Succeeded => UnitState::Succeeded,
            wire::State::Failed(failure) => UnitState::Failed(match failure {
                wire::Failure::Spawn(reason) => Failure::Spawn(reason),
                wire::Failure::ExitCode(code) => Failure::Exited(Exit::Code(code)),
                wire::Failure::ExitSignal(signal) => Failure::Exited(Exit::Signal(signal)),
                wire::Failure::OutOfMemory => Failure::Exited(Exit::OutOfMemory),
                wire::Failure::NotReady { timeout_ms } => {
                    Failure::NotReady { timeout: Duration::from_millis(timeout_ms) }
                }
                wire::Failure::NotLive { failures } => Failure::NotLive { failures },
                wire::Failure::CrashLoop { restarts } => Failure::CrashLoop { restarts },
                wire::Failure::TimedOut { timeout_ms } => {
                    Failure::TimedOut { timeout: Duration::from_millis(timeout_ms) }
                }
                wire::Failure::External(reason) => Failure::External(reason),
                wire::Failure::NotGone => Failure::NotGone,
            }),
            wire::State::Blocked { by } => UnitState::Blocked { by: UnitId::new(by) },
            wire::State::Stopped => UnitState::Stopped,
        };
        Self {
            id: UnitId::new(status.id),
            kind: match status.kind {
                wire::KindTag::Service => KindTag::Service,
                wire::KindTag::Task => KindTag::Task,
                wire::KindTag::External => KindTag::External,
            },
            state,
            pid: status.pid,
            since: Timestamp::from_millis(status.since_ms),
            started_ms: status.started_ms,
            ready_ms: status.ready_ms,
            digest: status.digest,
            detail: status.detail,
            restarts: status.restarts,
            last_end: status.last_end,
        }
    }
}
