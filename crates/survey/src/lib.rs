//! What can be said of rows that are there: their shape in numbers, and the specs that make such rows again.
//!
//! Knows the description of tables and texts of values; no driver, no connection, no file. Rows come one after the other and
//! are forgotten, so that memory does not grow with the tables.

mod identity;

mod pseudonym;
mod yaml;

pub use identity::{Records, Reference, Row, Rows, Unwritable, records};

pub use pseudonym::{Kind as PseudonymKind, looks_personal, pseudonym};
pub use yaml::{Field, Record, spec};
