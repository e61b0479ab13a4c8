//! Executions of steps as they happen: what they read and write, with digests taken then, recorded in a workspace.
//!
//! A [`Recorder`] has the records of a workspace, their index, and digests of its files; a [`Step`] is an execution under way.
//! [`execute`] runs any program as a step, observed if that is wanted, and [`replay`] says what is to be executed again. Which
//! resources there are and where, is told by a [`Catalogue`]. Where records lie: `docs/formats/lineage.md`.

mod bundles;
mod catalogue;
mod classic;
mod digest;
mod error;
mod execute;
mod observe;
#[cfg_attr(all(target_os = "linux", target_env = "gnu"), path = "observe_linux.rs")]
#[cfg_attr(not(all(target_os = "linux", target_env = "gnu")), path = "observe_elsewhere.rs")]
mod observe_system;
mod open_steps;
mod recorder;
mod records;
mod replay;
mod step;

pub use bundles::{SnapshotLineage, name_of};
pub use catalogue::{Catalogue, Named, Resource};
pub use classic::classic;
pub use error::RecorderError;
pub use execute::{Executed, Execution, execute};
pub use observe::{Accesses, Undeclared};
pub use observe_system::become_observed;
pub use recorder::{DIRECTORY, Elsewhere, Recorder, Surroundings, append, digest_of, id};
pub use replay::{Again, How, again};
pub use step::{Step, StepSpec};
