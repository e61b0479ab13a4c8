//! What will be done: desired against observed, as data.
//!
//! [`resolve`] turns the manifests and a few [`Facts`] (ports, places of databases) into a [`Model`] in which every
//! reference is a value. [`up`] and [`around_databases`] compare it with what was [`Observed`] and give a [`Plan`]: steps,
//! each with its reason and the conditions under which it may begin. The plan makes all choices; whoever carries it out
//! makes none. Nothing here runs anything, reads a file, or knows the time.

mod around;
mod circle;
mod due;
mod key;
mod keys;
mod model;
mod observed;
mod planner;
mod resolve;
mod scope;
mod step;
mod step_id;
mod up;

pub use around::{DatabaseWork, around_databases, load};
pub use key::Key;
pub use model::{
    DatabaseId, DatabaseModel, Model, SchemaModel, ServerId, ServerModel, ServiceModel, TaskModel, WorkspaceModel,
};
pub use observed::{DatabaseObserved, InputDigests, Observed, RunningUnit, TaskObserved};
pub use resolve::{Facts, resolve};
pub use step::{Action, Plan, Step};
pub use up::up;
