//! The order in which an environment's processes start and stop, as a pure machine.
//!
//! A *unit* is a service, a task, or a piece of work that the client does itself ([`UnitKind`]). The
//! [`Machine`] is told what happens ([`Event`]) and when ([`Timestamp`]) and answers with what is to be done
//! ([`Action`]). It performs no IO, reads no clock and starts no thread, so every moment of an environment's
//! life can be replayed in a test. The crate `runtime` executes the actions, the crate `daemon` connects the
//! machine with its clients.
//!
//! A newcomer reads `unit.rs` (what can be asked), `state.rs` (what can be seen) and then `machine.rs`.

mod action;
mod container;
mod event;
mod machine;
mod order;
mod process;
mod readiness;
mod request;
mod restart;
mod state;
mod stop;
mod timestamp;
mod unit;
mod watch;

pub use action::Action;
pub use container::{ContainerSpec, NeededNetwork, PlacedContent, PlacedFile, Relay};
pub use event::{Event, Exit, Run};
pub use machine::Machine;
pub use process::{LimitSpec, NotifySpec, ProcessSpec, UserId, Variables};
pub use readiness::{BodyPattern, HttpProbe, LiveSpec, Probe, ReadySpec};
pub use request::{RequestError, RequestId};
pub use restart::{RestartPolicy, RestartSpec};
pub use state::{Failure, KindTag, UnitState, UnitStatus};
pub use stop::{Signal, StopSpec};
pub use timestamp::Timestamp;
pub use unit::{Condition, ConditionState, Gate, LazySpec, LifeSpec, UnitId, UnitKind, UnitSpec};
pub use watch::WatchSpec;
