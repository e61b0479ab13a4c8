//! `up` on a second machine of what was built and pushed on a first one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::bars::Bar;
use super::compare::median;
use super::environment::Environment;
use super::files;
use super::tool::Site;
use crate::run::{cargo, output, root};

/// Where a workspace has its store, and what it remembers of stores.
const STORE: &str = ".seedbed/store";
const STORE_CACHE: &str = ".seedbed/store-cache";

/// Measures the campus, with its databases in SQLite or in PostgreSQL.
pub fn measure(program: &Path, work: &Path, runs: usize) -> Result<Vec<Bar>> {
    let mut bars = Vec::new();
    for profile in [None, Some("postgres")] {
        bars.extend(campus(program, work, runs, profile)?);
    }
    Ok(bars)
}

fn campus(program: &Path, work: &Path, runs: usize, profile: Option<&str>) -> Result<Vec<Bar>> {
    let word = profile.unwrap_or("sqlite");
    let directory = work.join("second");
    files::remove(&directory)?;
    let remote = directory.join("remote");
    let up: Vec<&str> = ["up"].into_iter().chain(profile.iter().flat_map(|profile| ["--profile", profile])).collect();
    {
        let first = machine(program, &directory.join("first"), &remote)?;
        first.run(&up)?;
        first.run(&["tend"])?;
        first.run(&["push", "--states", "--allow-findings"])?;
    }
    let second = directory.join("second");
    build(&second, &remote)?;
    let (mut fetched, mut started, mut again) = (Vec::new(), Vec::new(), Vec::new());
    // The first one warms caches, and lets the tasks of the campus find that all is built: that is no part of the data.
    for run in 0..=runs {
        let home = second.join("homes").join(run.to_string());
        let environment = Environment::new(program, site(&home)?, workspace(&second));
        forget(environment.workspace())?;
        let (up_cost, report) = environment.report(&up)?;
        check(&report)?;
        environment.run(&["down"])?;
        let (again_cost, _) = environment.report(&up)?;
        environment.run(&["tend"])?;
        forget(environment.workspace())?;
        let (fetch_cost, _) = environment.report(&["fetch"])?;
        let fetched_bytes = files::size(&[environment.workspace().join(STORE)])?;
        ensure!(fetched_bytes > 0, "`fetch` has brought nothing");
        eprintln!(
            "  {word}, run {run}: fetch {:.3} s ({fetched_bytes} bytes), up {:.3} s, up after down {:.3} s",
            fetch_cost.wall, up_cost.wall, again_cost.wall
        );
        if run > 0 {
            fetched.push(fetch_cost.wall);
            started.push(up_cost.wall);
            again.push(again_cost.wall);
        }
    }
    let middle = |values: &[f64]| median(values).context("no run");
    let (fetched, started, again) = (middle(&fetched)?, middle(&started)?, middle(&again)?);
    Ok(vec![
        Bar::told(format!("second machine, {word}: `fetch` alone"), fetched, "s"),
        Bar::told(format!("second machine, {word}: `up` after `down`, which fetches nothing"), again, "s"),
        Bar::new(format!("second machine, {word}: `up`, 1.5 x `fetch`"), started, fetched * 1.5, "s"),
        Bar::new(
            format!("second machine, {word}: `up` without what `up` after `down` takes, 1.5 x `fetch`"),
            started - again,
            fetched * 1.5,
            "s",
        ),
    ])
}

/// A copy of the campus, built, that has the remote.
fn machine(program: &Path, directory: &Path, remote: &Path) -> Result<Environment> {
    build(directory, remote)?;
    Ok(Environment::new(program, site(directory)?, workspace(directory)))
}

/// Removes the workspace's store: nothing of what is in the remote is here any more.
fn forget(workspace: &Path) -> Result<()> {
    files::remove(&workspace.join(STORE))?;
    files::remove(&workspace.join(STORE_CACHE))
}

fn workspace(machine: &Path) -> PathBuf {
    machine.join("campus/programs")
}

fn site(directory: &Path) -> Result<Site> {
    let site = Site { directory: directory.join("site") };
    for directory in [site.work(), site.home()] {
        fs::create_dir_all(&directory)?;
    }
    Ok(site)
}

fn build(machine: &Path, remote: &Path) -> Result<()> {
    fs::create_dir_all(machine)?;
    let campus = machine.join("campus");
    let listed = output(Command::new("git").args(["ls-files", "-z", "campus"]).current_dir(root()))?;
    for name in listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = std::str::from_utf8(name).context("a name in the campus is no text")?;
        let to = machine.join(name);
        fs::create_dir_all(to.parent().context("a file without a directory")?)?;
        fs::copy(root().join(name), &to).with_context(|| format!("cannot copy {name}"))?;
    }
    let mut manifest = OpenOptions::new().append(true).open(campus.join("programs/seedbed.yaml"))?;
    writeln!(manifest, "\nremotes:\n  team: {}", remote.display())?;
    // What the tasks of the campus build is no part of what is measured. Most of it is the same in every copy.
    let build = |directory: &Path| {
        let mut command = cargo("campus", &["build", "--workspace", "--locked", "--quiet", "--target-dir"]);
        output(command.arg(directory.join("target")).current_dir(directory))
    };
    build(&root().join("campus"))?;
    files::copy(&root().join("campus/target"), &campus.join("target"))?;
    build(&campus)?;
    Ok(())
}

/// No migration has run, and no record was loaded.
fn check(report: &Value) -> Result<()> {
    let steps = report["steps"].as_array().context("no steps in the report")?;
    let name = |step: &Value| {
        format!("{} ({})", step["step"].as_str().unwrap_or_default(), step["title"].as_str().unwrap_or_default())
    };
    let wrong: Vec<String> = steps
        .iter()
        .map(name)
        .filter(|name| ["schema", "migrat", "load"].iter().any(|word| name.contains(word)))
        .collect();
    ensure!(wrong.is_empty(), "steps that the remote was to save: {}", wrong.join(", "));
    let created = report["load"]["created"].as_u64().unwrap_or_default();
    ensure!(created == 0, "{created} records were loaded");
    Ok(())
}
