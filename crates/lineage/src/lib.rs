//! What made what: records of executions, and questions about them.
//!
//! A [`Record`] says what an execution of a step read and wrote, with digests taken when it did; [`document`] has it as a line of
//! JSON (`docs/formats/lineage.md`). An [`Index`] of records is a cache, and answers in milliseconds however many there are. Nothing
//! here knows files, workspaces or how a digest is made: who asks about the present brings a [`Present`].

mod changed;
pub mod document;
mod error;
mod graph;
mod index;
mod layout;
pub mod openlineage;
mod place;
mod present;
mod questions;
mod record;
mod rules;
mod stale;
mod svg;

pub use changed::{StepChange, changed};
pub use error::LineageError;
pub use graph::{Graph, Node, NodeKind};
pub use index::{Index, Source};
pub use place::{Place, WORKSPACE};
pub use present::Present;
pub use questions::{Answer, depends, depends_on_content, made, made_records, origins};
pub use record::{Content, FORGET, Record, Reference, Status, Subject, format_time, milliseconds, new_id, parse_time};
pub use rules::{Broken, Intent, check, inputs};
pub use stale::{Reason, Stale, Staleness};
pub use svg::{html, svg};
