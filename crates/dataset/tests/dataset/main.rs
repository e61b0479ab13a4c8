//! The tests of the crate at its boundary: from texts to plans.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod case;
mod cases;
mod copies;
mod fake_database;
mod graph;
mod properties;
mod rendering;
