//! What a request is answered with when it makes no sense.

use thiserror::Error;

use crate::{ConditionState, UnitId};

/// The number of a request, chosen by whoever passes it on, and found again in its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Why a request was refused as a whole; nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// An apply is under way.
    #[error("another command is changing this environment")]
    Busy,
    /// The supervisor is about to end.
    #[error("this environment is being stopped")]
    ShuttingDown,
    /// A unit is named that nobody knows.
    #[error("there is no unit {0}")]
    Unknown(UnitId),
    /// A signal is to be sent to a unit that has no process.
    #[error("{0} does not run")]
    NotRunning(UnitId),
    /// A condition names a unit that nobody knows.
    #[error("{unit} waits for {needs}, which does not exist")]
    UnknownCondition {
        /// The unit with the condition.
        unit: UnitId,
        /// The unit that it names.
        needs: UnitId,
    },
    /// A condition waits for a state that this kind of unit never has.
    #[error("{unit} waits for {needs} to be {state}, which it never is")]
    Impossible {
        /// The unit with the condition.
        unit: UnitId,
        /// The unit that it names.
        needs: UnitId,
        /// The state.
        state: ConditionState,
    },
    /// The same unit is given twice.
    #[error("{0} is given twice")]
    Duplicate(UnitId),
    /// Units wait for each other in a circle; the first is repeated at the end.
    #[error("units wait for each other: {}", .0.iter().map(UnitId::as_str).collect::<Vec<_>>().join(" -> "))]
    Circle(Vec<UnitId>),
}
