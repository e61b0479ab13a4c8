//! The programs of PostgreSQL.

use database::{Binaries, Program};

/// A program about to be run, free of the caller's PostgreSQL settings.
pub(crate) fn program(binaries: &Binaries, name: &str) -> Program {
    Program::new(binaries, binaries.program(&[name]), &["PG"])
}
