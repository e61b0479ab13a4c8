//! Between the documents on the socket and the types of the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use supervisor::{
    Condition, ConditionState, Exit, Failure, KindTag, Probe, ProcessSpec, ReadySpec, Signal, StopSpec, Timestamp,
    UnitId, UnitKind, UnitSpec, UnitState, UnitStatus, UserId, Variables,
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
fn signal(name: String) -> Result<Signal, ConversionError> {
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
            UnitKind::Service { process, ready, stop } => wire::Kind::Service {
                process: Box::new(wire::Process::of(process, shared)?),
                ready: Box::new(wire::Ready::of(ready, shared)?),
                stop: wire::Stop {
                    signal: stop.signal.name().to_owned(),
                    timeout_ms: millis(stop.timeout),
                    discard: stop.discard.map(|signal| signal.name().to_owned()),
                },
            },
            UnitKind::Task { process, timeout } => {
                let process = Box::new(wire::Process::of(process, shared)?);
                wire::Kind::Task { process, timeout_ms: timeout.map(millis) }
            }
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
        });
        Ok(Self { id: spec.id.to_string(), kind, after: after.collect(), digest: spec.digest })
    }

    /// The unit that the document says, with what is shared.
    pub(crate) fn into_unit(self, shared: &Shared) -> Result<UnitSpec, ConversionError> {
        let kind = match self.kind {
            wire::Kind::Service { process, ready, stop } => UnitKind::Service {
                process: process.into_process(shared),
                ready: ready.into_ready(shared),
                stop: StopSpec {
                    signal: signal(stop.signal)?,
                    timeout: Duration::from_millis(stop.timeout_ms),
                    discard: stop.discard.map(signal).transpose()?,
                },
            },
            wire::Kind::Task { process, timeout_ms } => {
                let timeout = timeout_ms.map(Duration::from_millis);
                UnitKind::Task { process: process.into_process(shared), timeout }
            }
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

impl wire::Ready {
    fn of(ready: ReadySpec, shared: &Shared) -> Result<Self, ConversionError> {
        let probe = match ready.probe {
            Probe::Started => wire::Probe::Started,
            Probe::Http { host, port, path, status } => wire::Probe::Http { host, port, path, status },
            Probe::Tcp { host, port } => wire::Probe::Tcp { host, port },
            Probe::Unix { path: socket } => wire::Probe::Unix { path: path(&socket)? },
            Probe::Command(process) => wire::Probe::Command(wire::Process::of(process, shared)?),
            Probe::Health { container } => wire::Probe::Health { container },
            Probe::Log(pattern) => wire::Probe::Log(pattern),
        };
        Ok(Self { probe, timeout_ms: millis(ready.timeout), interval_ms: ready.interval.map(millis) })
    }

    fn into_ready(self, shared: &Shared) -> ReadySpec {
        let probe = match self.probe {
            wire::Probe::Started => Probe::Started,
            wire::Probe::Http { host, port, path, status } => Probe::Http { host, port, path, status },
            wire::Probe::Tcp { host, port } => Probe::Tcp { host, port },
            wire::Probe::Unix { path } => Probe::Unix { path: path.into() },
            wire::Probe::Command(process) => Probe::Command(process.into_process(shared)),
            wire::Probe::Health { container } => Probe::Health { container },
            wire::Probe::Log(pattern) => Probe::Log(pattern),
        };
        ReadySpec {
            probe,
            timeout: Duration::from_millis(self.timeout_ms),
            interval: self.interval_ms.map(Duration::from_millis),
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
            UnitState::Due => wire::State::Due,
            UnitState::Stopping => wire::State::Stopping,
            UnitState::Succeeded => wire::State::Succeeded,
            UnitState::Failed(failure) => wire::State::Failed(match failure {
                Failure::Spawn(reason) => wire::Failure::Spawn(reason),
                Failure::Exited(Exit::Code(code)) => wire::Failure::ExitCode(code),
                Failure::Exited(Exit::Signal(signal)) => wire::Failure::ExitSignal(signal),
                Failure::NotReady { timeout } => wire::Failure::NotReady { timeout_ms: millis(timeout) },
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
            wire::State::Due => UnitState::Due,
            wire::State::Stopping => UnitState::Stopping,
            wire::State::Succeeded => UnitState::Succeeded,
            wire::State::Failed(failure) => UnitState::Failed(match failure {
                wire::Failure::Spawn(reason) => Failure::Spawn(reason),
                wire::Failure::ExitCode(code) => Failure::Exited(Exit::Code(code)),
                wire::Failure::ExitSignal(signal) => Failure::Exited(Exit::Signal(signal)),
                wire::Failure::NotReady { timeout_ms } => {
                    Failure::NotReady { timeout: Duration::from_millis(timeout_ms) }
                }
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
        }
    }
}
