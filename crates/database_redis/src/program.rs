//! The programs of Redis and of its descendants.

use std::path::PathBuf;

use database::{Binaries, Program};

/// What the programs of the known makers begin with; the first one found is taken.
const PREFIXES: [&str; 2] = ["redis", "valkey"];

/// A program of any of the known makers by its role (`server`, `cli`, `check-rdb`).
pub(crate) fn program(binaries: &Binaries, role: &str) -> Program {
    at(binaries, path(binaries, role))
}

/// A program of one maker.
pub(crate) fn of_maker(binaries: &Binaries, prefix: &str, role: &str) -> Program {
    at(binaries, named(binaries, prefix, role))
}

/// A program about to be run, free of the caller's settings.
fn at(binaries: &Binaries, path: PathBuf) -> Program {
    Program::new(binaries, path, &["REDISCLI_", "VALKEYCLI_"])
}

/// Gives the path of a maker's program.
pub(crate) fn named(binaries: &Binaries, prefix: &str, role: &str) -> PathBuf {
    binaries.program(&[&format!("{prefix}-{role}")])
}

/// Gives the path of a program, whether it is there or not: running it says what is wrong.
pub(crate) fn path(binaries: &Binaries, role: &str) -> PathBuf {
    let names = PREFIXES.map(|prefix| format!("{prefix}-{role}"));
    binaries.program(&names.each_ref().map(String::as_str))
}
