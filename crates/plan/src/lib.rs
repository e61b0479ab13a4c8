//! What will be done: desired against observed, as data.
//!
//! [`resolve`] turns the manifests and a few [`Facts`] (ports, places of databases) into a [`Model`] in which every
//! reference is a value. [`up`] and [`around_state`] compare it with what was [`Observed`] and give a [`Plan`]: steps,
//! each with its reason and the conditions under which it may begin. The plan makes all choices; whoever carries it out
//! makes none. Nothing here runs anything, reads a file, or knows the time.

mod around;
mod circle;
mod container;
mod due;
mod key;
mod keys;
mod lives;
mod model;
mod needed;
mod observed;
mod origin;
mod planner;
mod resolve;
mod scope;
mod secret;
mod step;
mod step_id;
mod up;

pub use around::{Parts, StateWork, around_state, load, servers, unload};
pub use container::{ContainerFacts, GATEWAY, ImageModel, LABEL};
pub use due::{INPUTS_CHANGED, due_tasks};
pub use key::Key;
pub use keys::{Chain, chains, output_keys, task_keys};
pub use lives::process_limits;
pub use model::{
    BaseModel, DatabaseId, DatabaseModel, Model, ResourceId, ResourceModel, SchemaModel, ServerId, ServerModel,
    ServiceModel, TaskModel, WorkspaceModel,
};
pub use needed::{ASKED_FOR, Call, run, services};
pub use observed::{
    ChainStep, DatabaseObserved, InputDigests, Observed, RunningUnit, StateFound, StateSource, TaskObserved,
};
pub use resolve::{Facts, resolve};
pub use scope::BEHIND;
pub use secret::{SecretId, has_secret, with_secrets};
pub use step::{Action, Plan, Step};
pub use up::up;
