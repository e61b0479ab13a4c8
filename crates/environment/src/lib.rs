//! Environments: one operation per file, from `up` to `destroy`.
//!
//! An operation opens a [`Session`] (what is declared, what is there, the right to change it), lets the room `plan` say
//! what is to be done, and carries that out: processes through the supervisor, databases itself. It tells a
//! [`Monitor`] what goes on and returns a report; nothing here prints, reads a clock or knows an engine by name.

mod context;
mod data;
mod destroy;
mod doctor;
mod down;
mod durable;
mod error;
mod execute;
mod facts;
mod inputs;
mod journal;
mod load;
mod loader;
mod lock;
mod logs;
mod monitor;
mod observation;
mod place;
mod ports;
mod record;
mod report;
mod reset;
mod session;
mod snapshot;
mod status;
mod tasks;
mod times;
mod up;

pub use context::{Context, Mode, Target};
pub use destroy::{DestroyPreview, destroy, destroy_preview};
pub use doctor::{Check, Finding, doctor};
pub use down::{DownReport, down};
pub use error::{Error, StepFailure, with_causes};
pub use load::{LoadOptions, load};
pub use loader::{LoadReport, TypeReport};
pub use logs::{LogLine, LogOptions, follow, logs};
pub use monitor::{Interrupt, Monitor, Progress};
pub use report::{ServiceReport, StepReport};
pub use reset::{ResetReport, reset};
pub use session::Session;
pub use snapshot::{restore, snapshot, snapshots};
pub use status::{DatabaseReport, StatusReport, environments, status};
pub use up::{UpOptions, UpReport, plan_up, up};
