//! Compose files: read as Docker Compose reads them, into its own normal form, with exact places and all problems at once.
//! Runs nothing.
//!
//! [`load`] takes the files of a project and gives a [`Project`]: what `docker compose config` shows of it, as a tree that
//! knows where everything stands. [`Project::unsupported`] says what of it Seedbed does not do; [`reference`] says that of
//! the whole format. One declaration ([`format`]) checks, normalises, merges and documents.

mod build_format;
mod check;
mod dotenv;
mod edit;
mod extends;
mod finish;
mod format;
mod include;
mod interpolation;
mod load;
mod merge;
mod normal;
mod ports;
mod project;
mod reference;
mod reset;
mod shape;
mod short;
mod unique;
mod units;
mod variables;
mod volumes;
mod words;

pub use dotenv::read_variables;
pub use load::{Request, load};
pub use ports::range;
pub use project::Project;
pub use reference::{Row, reference};
pub use shape::Support;
pub use short::is_address;
pub use units::{bytes, nanoseconds};
pub use variables::Variables;
