//! `cargo xtask test`: what CI runs, and nothing else.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::compose;
use crate::postgres::Server;
use crate::run::{cargo, has, root, run};

/// Formatting, lints and dependencies, of both workspaces.
pub fn lint() -> Result<()> {
    for workspace in ["", "campus"] {
        run(&mut cargo(workspace, &["fmt", "--all", "--check"]))?;
        run(&mut cargo(
            workspace,
            &["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-Dwarnings"],
        ))?;
    }
    if !has("cargo-deny", "--version") {
        ensure!(std::env::var_os("CI").is_none(), "cargo-deny is not installed: cargo install cargo-deny --locked");
        eprintln!("skipped: the check of dependencies, since cargo-deny is not installed");
        return Ok(());
    }
    for workspace in ["", "campus"] {
        let config = root().join("deny.toml").display().to_string();
        let arguments = ["deny", "--config", &config, "--log-level", "error", "check", "bans", "licenses", "sources"];
        run(&mut cargo(workspace, &arguments))?;
    }
    Ok(())
}

/// Every test: the rooms and the program, the kit for Python, then the campus on both engines.
pub fn all() -> Result<()> {
    // The campus is built first: the program's tests bring it up, and time it.
    run(&mut cargo("campus", &["build", "--workspace", "--locked", "--quiet"]))?;
    let compose = compose::program().map(|program| program.display().to_string());
    let compose: Vec<_> = compose.iter().map(|program| (compose::VARIABLE, program.as_str())).collect();
    tests("", &compose)?;
    python()?;
    match Server::start()? {
        Some(server) => tests("campus", &[("CAMPUS_TEST_POSTGRES_URL", server.url())]),
        None => {
            eprintln!("skipped: the campus on PostgreSQL, which is not installed");
            tests("campus", &[])
        }
    }
}

/// The kit for Python, with real projects and packages from the package index, in an environment of its own below `target`: its types, and its
/// tests with the program that was built for the others.
fn python() -> Result<()> {
    if !has("python3", "--version") {
        ensure!(std::env::var_os("CI").is_none(), "python3 is not installed, and in CI nothing is skipped");
        eprintln!("skipped: the kit for Python, since python3 is not installed");
        return Ok(());
    }
    let kit = root().join("python/seedbed");
    let place = root().join("target/python-kit");
    let program = |name: &str| Command::new(place.join("bin").join(name));
    run(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
    run(program("pip").args(["install", "--quiet", "-r"]).arg(kit.join("tests/requirements.txt")))?;
    run(program("python").args(["-m", "mypy"]).current_dir(&kit))?;
    run(&mut cargo("", &["build", "--package", "seedbed", "--locked", "--quiet"]))?;
    let target = root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    let mut tests = program("python");
    tests.args(["-m", "pytest", "-q"]).env("PYTHONPATH", kit.join("src")).env("SEEDBED", target.join("debug/seedbed"));
    run(tests.current_dir(&kit))
}

/// Rewrites what file-driven tests expect; the diff is for people to read.
pub fn bless() -> Result<()> {
    let mut command = cargo("", &["test", "--workspace", "--quiet"]);
    run(command.env("SEEDBED_BLESS", "1"))
}

fn tests(workspace: &str, variables: &[(&str, &str)]) -> Result<()> {
    let nextest = has("cargo-nextest", "--version");
    // Most tests wait for servers and disks most of the time: with one for each processor, two thirds of these are idle.
    let threads = (2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get)).to_string();
    let arguments: &[&str] = if nextest {
        &["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--test-threads", &threads]
    } else {
        &["test", "--workspace", "--locked", "--no-fail-fast", "--all-targets"]
    };
    let mut command = cargo(workspace, arguments);
    command.envs(variables.iter().copied());
    run(&mut command)?;
    // Examples in documentation are not known to nextest.
    run(cargo(workspace, &["test", "--workspace", "--locked", "--doc", "--quiet"]).envs(variables.iter().copied()))
}
