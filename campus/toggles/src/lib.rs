//! Feature toggles: flags, switches and settings, annotated in code, with a history, a report and one place to ask.
//!
//! A toggle is a constant of the program, and cannot be made without saying what it is for and when it will go:
//!
//! ```
//! use toggles::{Annotation, Toggle, UseCase};
//!
//! const NEW_CHECKOUT: Toggle = Toggle::flag(
//!     "commerce.new_checkout",
//!     false,
//!     Annotation {
//!         description: "The checkout in one page.",
//!         use_cases: &[UseCase::Temporary],
//!         created: "2026-11-28",
//!         removed_by: Some("2027-06-01"),
//!     },
//! );
//! ```
//!
//! What it is set to is in the database, as rows that are added and never changed: who, when, for whom. [`Toggles`] holds the
//! newest of them and answers without a query. [`router`] has the report of all toggles, the evaluation for front ends, and
//! changes; [`Configuration`] sets toggles from a file.

mod caller;
mod change;
mod configuration;
mod evaluation;
mod report;
mod router;
mod store;
mod toggle;

pub use caller::{Authority, Caller};
pub use change::{Change, Scope};
pub use configuration::{Applied, Configuration, ConfigurationError};
pub use evaluation::{Context, Snapshot};
pub use router::router;
pub use store::{ChangeError, DeclarationError, Toggles};
pub use toggle::{Annotation, Kind, Toggle, UseCase};

use either_database::Migration;

/// The table, as a step of the schema of the service that uses it.
pub const fn migration(version: i64) -> Migration {
    Migration {
        version,
        name: "changes of toggles",
        sqlite: include_str!("../migrations/sqlite.sql"),
        postgres: include_str!("../migrations/postgres.sql"),
    }
}
