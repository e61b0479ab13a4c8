//! `up` after one new migration: what it takes beside the migration itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::bars::Bar;
use super::compare::median;
use super::environment::Environment;
use super::tool::Site;
use super::{files, server};

/// A migration tool as short as can be: what was applied stands in a table, and is asked once. It says how long the last one
/// took, in nanoseconds.
const MIGRATE: &str = r#"#!/bin/sh
set -eu
sql() { "$PSQL" -qXAt -v ON_ERROR_STOP=1 -d "$DATABASE_URL" "$@"; }
applied=$(sql -c 'set client_min_messages = warning; create table if not exists applied (name text primary key)' \
    -c 'select name from applied')
for file in migrations/*.sql; do
    case "
$applied
" in *"
$file
"*) continue ;; esac
    began=$(date +%s%N)
    sql -1 -f "$file" -c "insert into applied values ('$file')"
    echo $(($(date +%s%N) - began)) > took
done
"#;
/// How many migrations there are at first.
const MIGRATIONS: usize = 20;

/// Measures.
pub fn measure(program: &Path, work: &Path, runs: usize) -> Result<Vec<Bar>> {
    let site = Site { directory: work.join("migration") };
    files::remove(&site.directory)?;
    let workspace = site.work();
    for directory in [site.home(), workspace.join("migrations")] {
        fs::create_dir_all(&directory)?;
    }
    let psql = server::programs()?.join("psql");
    let manifest = format!(
        "name: bench\ndatabases:\n  bench:\n    engine: postgres\n    schema:\n      run: ./migrate\n      inputs: [migrations/**, migrate]\n      env: {{ PSQL: \"{}\" }}\n",
        psql.display()
    );
    fs::write(workspace.join("seedbed.yaml"), manifest)?;
    fs::write(workspace.join("migrate"), MIGRATE)?;
    fs::set_permissions(workspace.join("migrate"), PermissionsExt::from_mode(0o755))?;
    let migration = |number: usize, sql: &str| fs::write(workspace.join(format!("migrations/{number:04}.sql")), sql);
    migration(
        0,
        "create table big (id int primary key, body text); insert into big select i, repeat(md5(i::text), 3) from generate_series(1, 1000000) i",
    )?;
    for number in 1..MIGRATIONS {
        migration(
            number,
            &format!(
                "create table t{number} (id int primary key, name text); insert into t{number} select i, i::text from generate_series(1, 1000) i"
            ),
        )?;
    }
    let environment = Environment::new(program, site, workspace.clone());
    let (made, _) = environment.report(&["up"])?;
    let (mut beside, mut own) = (Vec::new(), Vec::new());
    for run in 0..runs {
        environment.run(&["tend"])?;
        migration(MIGRATIONS + run, &format!("create index on big (left(body, {})); ", run + 4))?;
        let (cost, _) = environment.report(&["up"])?;
        let nanoseconds: f64 = fs::read_to_string(workspace.join("took"))?.trim().parse()?;
        own.push(nanoseconds / 1e9);
        beside.push(cost.wall - nanoseconds / 1e9);
        eprintln!("  run {}: up {:.3} s, of which the migration {:.3} s", run + 1, cost.wall, nanoseconds / 1e9);
    }
    Ok(vec![
        Bar::told("migration: `up` that makes the database", made.wall, "s"),
        Bar::told("migration: the new one itself", median(&own).context("no run")?, "s"),
        Bar::new("`up` after one new migration, without the migration", median(&beside).context("no run")?, 1.0, "s"),
    ])
}
