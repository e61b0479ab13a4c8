//! Rows by what others use for them, into the same tables: Django and `factory_boy`, drizzle-seed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::output;

const DJANGO: &str = include_str!("django_rows.py");
const DRIZZLE: &str = include_str!("drizzle_rows.mjs");

/// The packages that are measured, from PyPI and from npm.
const PYTHON: [&str; 3] = ["django==5.2.19", "factory_boy==3.3.3", "psycopg2-binary==2.9.13"];
const NODE: [&str; 3] = ["drizzle-seed@0.3.1", "drizzle-orm@0.45.4", "pg@8.23.1"];

/// A tenth of what ours makes: they are compared by rows in a second, and slower with more.
const USERS: &str = "5000";
const ENROLLMENTS: &str = "50000";
/// How many rows are created one by one.
const CREATED: &str = "5000";

/// What one of them took.
pub(super) struct Measured {
    pub(super) what: String,
    pub(super) rows: f64,
    pub(super) seconds: f64,
}

/// The programs, installed in a directory of their own.
pub(super) struct Peers {
    python: PathBuf,
    node: PathBuf,
}

impl Peers {
    /// Installs what is not there yet.
    pub(super) fn install(directory: &Path) -> Result<Self> {
        let peers = Self { python: directory.join("python"), node: directory.join("node") };
        let interpreter = peers.python.join("bin/python");
        if !interpreter.exists() {
            output(Command::new("python3").args(["-m", "venv"]).arg(&peers.python))?;
            output(Command::new(&interpreter).args(["-m", "pip", "install", "--quiet"]).args(PYTHON))?;
        }
        if !peers.node.join("node_modules").exists() {
            fs::create_dir_all(&peers.node)?;
            output(Command::new("npm").args(["install", "--silent", "--prefix"]).arg(&peers.node).args(NODE))?;
        }
        fs::write(peers.python.join("django_rows.py"), DJANGO)?;
        fs::write(peers.node.join("drizzle_rows.mjs"), DRIZZLE)?;
        Ok(peers)
    }

    /// Lets each make its rows in a database, which is empty before and afterwards.
    pub(super) fn measure(&self, url: &str) -> Result<Vec<Measured>> {
        let mut django = Command::new(self.python.join("bin/python"));
        django.arg(self.python.join("django_rows.py")).args([url, USERS, ENROLLMENTS, CREATED]);
        let mut drizzle = Command::new("node");
        drizzle.arg("drizzle_rows.mjs").args([url, USERS, ENROLLMENTS]).current_dir(&self.node);
        let said = output(&mut django)? + &output(&mut drizzle)?;
        said.lines().map(|line| read(line).with_context(|| format!("a peer said {line}"))).collect()
    }
}

fn read(line: &str) -> Result<Measured> {
    let said: Value = serde_json::from_str(line)?;
    let number = |name: &str| said[name].as_f64().with_context(|| format!("it has no {name}"));
    let what = said["what"].as_str().context("it has no name")?.to_owned();
    Ok(Measured { what, rows: number("rows")?, seconds: number("seconds")? })
}
