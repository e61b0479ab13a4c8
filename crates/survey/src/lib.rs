//! What can be said of rows that are there: their shape in numbers, and the specs that make such rows again.
//!
//! Knows the description of tables and texts of values; no driver, no connection, no file.

mod alike;
mod identity;
mod profile;
mod pseudonym;
mod yaml;

pub use alike::{Alike, spec_alike};
pub use identity::{Records, Reference, Row, Rows, Unwritable, records};
pub use profile::{ColumnProfile, ColumnSurvey, FanOut, FanOutSurvey};
pub use pseudonym::{Kind as PseudonymKind, looks_personal, pseudonym};
pub use yaml::{Field, Record, spec};
