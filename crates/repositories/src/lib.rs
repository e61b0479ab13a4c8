//! Repositories of git: addresses, revisions, a cache of what was fetched, and the lock file that pins them. Runs `git`;
//! knows no manifest.
//!
//! A [`Cache`] has a [`Repository`] for each address. [`Repository::resolve`] asks where a branch or tag points to,
//! [`Repository::checkout`] makes the files of a commit appear, and is a lookup when they are there already. What is
//! pinned to which commit stands in a [`LockFile`]. The design is told in `docs/design/022-dependencies-by-git.md`.

mod address;
mod cache;
mod checkout;
mod cleaning;
mod error;
mod files;
mod git;
mod head;
mod history;
mod lock_file;
mod lock_schema;
mod revision;
mod working_copy;

pub use address::{Address, AddressError};
pub use cache::{Cache, Repository};
pub use checkout::{Checkout, below};
pub use cleaning::{Cached, Limits};
pub use error::RepositoryError;
pub use git::Settings;
pub use head::head;
pub use history::{Commit, History};
pub use lock_file::{FILE_NAME, LockFile, Pinned, pin};
pub use lock_schema::schema;
pub use revision::{CommitId, Resolved, ResolvedKind, check_reference};
pub use working_copy::{Distance, WorkingCopy};
