//! Between the documents on the socket and the types of the machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use supervisor::{
    Condition, ConditionState, Exit, Failure, KindTag, Probe, ProcessSpec, ReadySpec, Signal, StopSpec, Timestamp,
    UnitId, UnitKind, UnitSpec, UnitState, UnitStatus, UserId,
};

use crate::wire;

/// A value that the documents cannot carry, or that the machine does not know.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConversionError {
    #[error("{} is not valid UTF-8", .0.display())]
    Path(PathBuf),
    #[error("there is no signal {0}")]
    Signal(String),
}

fn path(path: &Path) -> Result<String, ConversionError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ConversionError::Path(path.to_owned()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl TryFrom<UnitSpec> for wire::Spec {
    type Error = ConversionError;

    fn try_from(spec: UnitSpec) -> Result<Self, ConversionError> {
        let kind = match spec.kind {
            UnitKind::Service { process, ready, stop } => wire::Kind::Service {
                process: Box::new(process.try_into()?),
                ready: Box::new(ready.try_into()?),
                stop: wire::Stop { signal: stop.signal.name().to_owned(), timeout_ms: millis(stop.timeout) },
            },
            UnitKind::Task { process, timeout } => {
                wire::Kind::Task { process: Box::new(process.try_into()?), timeout_ms: timeout.map(millis) }
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
}

impl TryFrom<wire::Spec> for UnitSpec {
    type Error = ConversionError;

    fn try_from(spec: wire::Spec) -> Result<Self, ConversionError> {
        let kind = match spec.kind {
            wire::Kind::Service { process, ready, stop } => UnitKind::Service {
                process: (*process).into(),
                ready: (*ready).into(),
                stop: StopSpec {
                    signal: Signal::from_name(&stop.signal)
                        .ok_or_else(|| ConversionError::Signal(stop.signal.clone()))?,
                    timeout: Duration::from_millis(stop.timeout_ms),
                },
            },
            wire::Kind::Task { process, timeout_ms } => {
                UnitKind::Task { process: (*process).into(), timeout: timeout_ms.map(Duration::from_millis) }
            }
            wire::Kind::External => UnitKind::External,
        };
        let after = spec.after.into_iter().map(|condition| Condition {
            unit: UnitId::new(condition.unit),
            state: match condition.state {
                wire::ConditionState::Started => ConditionState::Started,
                wire::ConditionState::Ready => ConditionState::Ready,
                wire::ConditionState::Succeeded => ConditionState::Succeeded,
                wire::ConditionState::Completed => ConditionState::Completed,
            },
        });
        Ok(Self { id: UnitId::new(spec.id), kind, after: after.collect(), digest: spec.digest })
    }
}

impl TryFrom<ProcessSpec> for wire::Process {
    type Error = ConversionError;

    fn try_from(process: ProcessSpec) -> Result<Self, ConversionError> {
        Ok(Self {
            directory: path(&process.directory)?,
            log: path(&process.log)?,
            program: process.program,
            arguments: process.arguments,
            env: process.env,
            user: process.user.map(|UserId { uid, gid }| wire::User { uid, gid }),
        })
    }
}

impl From<wire::Process> for ProcessSpec {
    fn from(process: wire::Process) -> Self {
        Self {
            program: process.program,
            arguments: process.arguments,
            env: process.env,
            directory: process.directory.into(),
            user: process.user.map(|wire::User { uid, gid }| UserId { uid, gid }),
            log: process.log.into(),
        }
    }
}

impl TryFrom<ReadySpec> for wire::Ready {
    type Error = ConversionError;

    fn try_from(ready: ReadySpec) -> Result<Self, ConversionError> {
        let probe = match ready.probe {
            Probe::Started => wire::Probe::Started,
            Probe::Http { host, port, path, status } => wire::Probe::Http { host, port, path, status },
            Probe::Tcp { host, port } => wire::Probe::Tcp { host, port },
            Probe::Unix { path: socket } => wire::Probe::Unix { path: path(&socket)? },
            Probe::Command(process) => wire::Probe::Command(process.try_into()?),
            Probe::Log(pattern) => wire::Probe::Log(pattern),
        };
        Ok(Self { probe, timeout_ms: millis(ready.timeout), interval_ms: ready.interval.map(millis) })
    }
}

impl From<wire::Ready> for ReadySpec {
    fn from(ready: wire::Ready) -> Self {
        let probe = match ready.probe {
            wire::Probe::Started => Probe::Started,
            wire::Probe::Http { host, port, path, status } => Probe::Http { host, port, path, status },
            wire::Probe::Tcp { host, port } => Probe::Tcp { host, port },
            wire::Probe::Unix { path } => Probe::Unix { path: path.into() },
            wire::Probe::Command(process) => Probe::Command(process.into()),
            wire::Probe::Log(pattern) => Probe::Log(pattern),
        };
        Self {
            probe,
            timeout: Duration::from_millis(ready.timeout_ms),
            interval: ready.interval_ms.map(Duration::from_millis),
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
