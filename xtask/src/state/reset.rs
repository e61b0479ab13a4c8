//! `reset` of a large PostgreSQL database with its server running, and how soon the next one can be as fast.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use super::bars::Bar;
use super::compare::median;
use super::environment::{Environment, steps};
use super::tool::Site;
use super::{files, server};
use crate::run::output;

/// `pgbench -s 100` makes 1.5 GB.
const SCALE: &str = "100";
/// What the database's steps are called in reports.
const DATABASE: [&str; 1] = ["bench/bench"];

/// Measures.
pub fn measure(program: &Path, work: &Path, runs: usize) -> Result<Vec<Bar>> {
    let site = Site { directory: work.join("reset") };
    files::remove(&site.directory)?;
    for directory in [site.work(), site.home()] {
        fs::create_dir_all(&directory)?;
    }
    let bin = server::programs()?;
    let manifest = format!(
        // Only a superuser is told where files are.
        "name: bench\nservers: own\ndatabases:\n  bench:\n    engine: postgres\n    schema: {{ run: \"{} -i -s {SCALE} -q ${{databases.bench.url}}\" }}\n",
        bin.join("pgbench").display()
    );
    fs::write(site.work().join("seedbed.yaml"), manifest)?;
    let workspace = site.work();
    let environment = Environment::new(program, site, workspace);
    let mut bars = Vec::new();

    eprintln!("  a database of 1.5 GB is made");
    let (made, _) = environment.report(&["up"])?;
    bars.push(Bar::told("reset: `up` that makes the database", made.wall, "s"));
    environment.run(&["tend"])?;

    let (mut step, mut wall, mut spare, mut copied, mut synced) = (vec![], vec![], vec![], vec![], vec![]);
    let copy = environment.workspace().join("copy");
    for run in 1..=runs {
        query(
            &environment,
            &bin,
            "update pgbench_branches set bbalance = bbalance + 1; delete from pgbench_accounts where aid % 100 = 0",
        )?;
        let (cost, report) = environment.report(&["reset"])?;
        let (took, count) = steps(&report, &DATABASE);
        anyhow::ensure!(count > 0, "no step of the report is on the database: {report}");
        step.push(took);
        wall.push(cost.wall);
        let began = Instant::now();
        environment.run(&["tend"])?;
        // The measured command waited for what it had left in the background: that time counts, too.
        spare.push(cost.settled - cost.wall + began.elapsed().as_secs_f64());
        let rows = query(&environment, &bin, "select count(*) from pgbench_accounts")?;
        anyhow::ensure!(rows == "10000000", "the reset has {rows} rows in pgbench_accounts");
        let files = query(
            &environment,
            &bin,
            "select current_setting('data_directory') || '/base/' || oid from pg_database where datname = current_database()",
        )?;
        let began = Instant::now();
        files::copy(Path::new(&files), &copy)?;
        copied.push(began.elapsed().as_secs_f64());
        rustix::fs::syncfs(fs::File::open(&copy)?)?;
        synced.push(began.elapsed().as_secs_f64());
        files::remove(&copy)?;
        eprintln!(
            "  run {run}: reset {:.3} s, of which the database {took:.3} s; next spare {:.2} s",
            cost.wall,
            spare[run - 1]
        );
    }
    let middle = |values: &[f64]| median(values).context("no run");
    bars.push(Bar::new("reset of 1.5 GB: the database's steps", middle(&step)?, 0.1, "s"));
    bars.push(Bar::new("reset of 1.5 GB: the whole command", middle(&wall)?, 0.1, "s"));
    bars.push(Bar::new(
        "reset: next spare, against a copy of the files that is synced",
        middle(&spare)?,
        middle(&synced)?,
        "s",
    ));
    bars.push(Bar::told("reset: a copy of the files that is not synced", middle(&copied)?, "s"));

    let (cost, report) = environment.report(&["undo"])?;
    bars.push(Bar::told("undo of the reset: the database's steps", steps(&report, &DATABASE).0, "s"));
    bars.push(Bar::new("undo of the reset (a kept state): the whole command", cost.wall, 0.1, "s"));
    let (cost, _) = environment.report(&["snapshot", "kept"])?;
    bars.push(Bar::told("snapshot of 1.5 GB in PostgreSQL", cost.wall, "s"));
    environment.run(&["reset"])?;
    environment.run(&["tend"])?;
    let (cost, report) = environment.report(&["restore", "kept"])?;
    bars.push(Bar::told("restore of the last snapshot: the database's steps", steps(&report, &DATABASE).0, "s"));
    bars.push(Bar::new("restore of the last snapshot: the whole command", cost.wall, 0.1, "s"));
    Ok(bars)
}

fn query(environment: &Environment, bin: &Path, sql: &str) -> Result<String> {
    let url = url(environment)?;
    let found = output(Command::new(bin.join("psql")).args(["-qXAt", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", sql]))?;
    Ok(String::from_utf8(found.stdout)?.trim().to_owned())
}

/// The URL of the only database.
pub fn url(environment: &Environment) -> Result<String> {
    let text = output(&mut environment.command(&["db", "url"]))?;
    let text = String::from_utf8(text.stdout)?.trim().to_owned();
    // It may be given as text or as JSON.
    Ok(serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|value| Some(value["url"].as_str()?.to_owned()))
        .unwrap_or(text))
}
