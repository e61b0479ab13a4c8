//! `cargo xtask bench load`: rows that are generated, beside `psql` that copies ready-made files into the same tables, and beside
//! what others use.

mod peers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::run::{cargo, root, run};
use crate::state::programs;

/// What a program prints, when it succeeds.
fn output(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8(crate::run::output(command)?.stdout)?)
}

/// How often each is measured.
const RUNS: usize = 3;

const TABLES: [&str; 4] = ["orgs", "courses", "users", "enrollments"];

const SCHEMA: &str = "CREATE TABLE orgs (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE courses (id serial PRIMARY KEY, org_id integer NOT NULL REFERENCES orgs, code text NOT NULL UNIQUE,
    title text NOT NULL);
CREATE TABLE users (id serial PRIMARY KEY, username text NOT NULL UNIQUE, email text NOT NULL UNIQUE,
    joined timestamptz NOT NULL);
CREATE TABLE enrollments (id serial PRIMARY KEY, user_id integer NOT NULL REFERENCES users,
    course_id integer NOT NULL REFERENCES courses, mode text NOT NULL CHECK (mode IN ('audit', 'verified')),
    created timestamptz NOT NULL, UNIQUE (user_id, course_id));
CREATE INDEX ON courses (org_id);
CREATE INDEX ON enrollments (course_id);
";

const SPEC: &str = "seedbed: 1
parameters: { orgs: 100, courses: 1000, users: 50000, enrollments: 500000 }
records:
  orgs: { count: \"${orgs}\" }
  courses: { count: \"${courses}\", code: \"course-{n}\" }
  users: { count: \"${users}\", username: \"learner{n}\", email: \"learner{n}@example.com\" }
  enrollments: { count: \"${enrollments}\", mode: { weighted: { audit: 8, verified: 2 } } }
";

/// One in a hundred of everything more.
const MORE: [&str; 8] =
    ["--set", "orgs=101", "--set", "courses=1010", "--set", "users=50500", "--set", "enrollments=505000"];

/// Ten million rows, and how many of them are enrollments.
const MANY: [&str; 2] = ["--set", "enrollments=9948900"];
const MANY_ROWS: f64 = 10_000_000.0;

/// The most memory that a load of any size may take, in megabytes.
const MEMORY: f64 = 200.0;

const MANIFEST: &str = "name: bench
servers: own
databases:
  ours: { engine: postgres, schema: { sql: [schema.sql] } }
  theirs: { engine: postgres, schema: { sql: [schema.sql] } }
";

/// What `psql` does to copy the files.
fn script(directory: &Path, direction: &str) -> String {
    let copy = |table: &&str| {
        let file = directory.join(format!("{table}.bin"));
        format!("\\copy {table} {direction} '{}' WITH (FORMAT binary)\n", file.display())
    };
    format!("\\set ON_ERROR_STOP on\nBEGIN;\n{}COMMIT;\n", TABLES.iter().map(copy).collect::<String>())
}

/// A workspace with an environment, which is removed at the end.
struct Bench {
    directory: tempfile::TempDir,
    program: PathBuf,
    psql: PathBuf,
}

impl Bench {
    fn seedbed(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-C").arg(self.directory.path()).arg("--quiet").args(arguments);
        command
    }

    fn url(&self, database: &str) -> Result<String> {
        Ok(output(&mut self.seedbed(&["db", "url", database]))?.trim().to_owned())
    }

    fn psql(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.psql);
        command.arg(url).args(["-X", "-q", "-A", "-t"]).args(arguments).current_dir("/");
        command
    }

    /// Writes a dump, removes everything, and reads the dump in.
    fn dump_and_restore(&self, url: &str) -> Result<()> {
        let file = self.directory.path().join("dump.sql");
        let pg_dump = self.psql.with_file_name("pg_dump");
        output(Command::new(pg_dump).arg(url).args(["--clean", "--if-exists", "--file"]).arg(&file))?;
        output(self.psql(url, &["-v", "ON_ERROR_STOP=1", "-f"]).arg(&file))?;
        output(&mut self.psql(url, &["-c", "VACUUM ANALYZE", "-c", "CHECKPOINT"]))?;
        Ok(())
    }

    fn empty(&self, url: &str) -> Result<()> {
        output(&mut self.psql(url, &["-c", &format!("TRUNCATE {}", TABLES.join(", "))]))?;
        // What is written down of rows that are gone is none of what is measured.
        output(&mut self.psql(url, &["-c", "DROP SCHEMA IF EXISTS \"seedbed ledger\" CASCADE"]))?;
        // What an earlier run has left in memory shall not be written during the next one.
        output(&mut self.psql(url, &["-c", "CHECKPOINT"]))?;
        Ok(())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.seedbed(&["destroy", "--yes"]).output();
    }
}

fn timed(command: &mut Command) -> Result<f64> {
    let began = Instant::now();
    output(command)?;
    Ok(began.elapsed().as_secs_f64())
}

/// How much faster than rows that are created one by one.
const FACTORY_BOY: f64 = 500.0;

/// What the two rows of `factory_boy` mean.
const WHAT_IS_COMPARED: &str = "
create(): the rows that a new one refers to are at hand, and nothing is looked for. By natural keys: the row is looked for
before it is made, and so are its user and its course; `seedbed load` is given no more than these keys either.";

/// How many rows the spec makes.
const ROWS: f64 = 551_100.0;

/// How long a program takes, and the most memory that it had, in megabytes.
fn watched(command: &mut Command) -> Result<(f64, f64)> {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0_f64;
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let kilobytes =
            text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        most = most.max(kilobytes.unwrap_or(0.0) / 1000.0);
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        thread::sleep(Duration::from_millis(20));
    };
    ensure!(ended.success(), "the load of many rows failed: {ended}");
    Ok((began.elapsed().as_secs_f64(), most))
}

/// Measures and prints everything; `--peers DIRECTORY` names where peers are installed, which are measured too then,
/// `--program FILE` a program that is built already.
pub fn load(arguments: &[&str]) -> Result<()> {
    let (mut peers, mut program) = (None, None);
    for pair in arguments.chunks(2) {
        match pair {
            ["--peers", directory] => peers = Some(peers::Peers::install(&root().join(directory))?),
            ["--program", file] => program = Some(root().join(file)),
            other => {
                anyhow::bail!("`bench load` takes --peers DIRECTORY and --program FILE, and not {}", other.join(" "))
            }
        }
    }
    if program.is_none() {
        run(&mut cargo("", &["build", "--release", "--locked", "--quiet", "-p", "seedbed"]))?;
    }
    let bench = Bench {
        directory: tempfile::tempdir()?,
        program: program.unwrap_or_else(|| target().join("release/seedbed")),
        psql: programs()?.join("psql"),
    };
    let path = bench.directory.path().to_owned();
    for (name, text) in [("seedbed.yaml", MANIFEST), ("schema.sql", SCHEMA), ("spec.yaml", SPEC)] {
        fs::write(path.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    output(&mut bench.seedbed(&["up"]))?;
    let (ours, theirs) = (bench.url("ours")?, bench.url("theirs")?);
    let spec = path.join("spec.yaml");
    let spec = spec.to_str().context("the path is no text")?;
    println!("load before: {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let (mut generated, mut copied, mut again, mut more) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut unloaded, mut updated, mut restored) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..RUNS {
        bench.empty(&ours)?;
        generated.push(timed(&mut bench.seedbed(&["load", spec]))?);
        again.push(timed(&mut bench.seedbed(&["load", spec]))?);
        if number > 0 {
            more.push(timed(&mut bench.seedbed(&[&["load", spec][..], &MORE].concat()))?);
            unloaded.push(timed(&mut bench.seedbed(&["unload", spec]))?);
            for (how, times) in [(&["--mode", "update"][..], &mut updated), (&[], &mut restored)] {
                bench.empty(&ours)?;
                output(&mut bench.seedbed(&["load", spec]))?;
                if how.is_empty() {
                    // Of rows that came from a dump nothing tells who has written them.
                    bench.dump_and_restore(&ours)?;
                }
                times.push(timed(&mut bench.seedbed(&[&["load", spec], how, &MORE].concat()))?);
                output(&mut bench.seedbed(&["unload", spec]))?;
            }
            bench.empty(&ours)?;
            output(&mut bench.seedbed(&["load", spec]))?;
        }
        if number == 0 {
            fs::write(path.join("out.sql"), script(&path, "TO"))?;
            fs::write(path.join("in.sql"), script(&path, "FROM"))?;
            output(bench.psql(&ours, &["-f"]).arg(path.join("out.sql")))?;
        }
        bench.empty(&theirs)?;
        copied.push(timed(bench.psql(&theirs, &["-f"]).arg(path.join("in.sql")))?);
    }
    let count = |url: &str| -> Result<String> {
        output(&mut bench.psql(url, &["-c", "SELECT count(*), count(DISTINCT (user_id, course_id)) FROM enrollments"]))
    };
    ensure!(count(&ours)?.trim() == "500000|500000", "ours are not all there: {}", count(&ours)?);
    ensure!(count(&ours)? == count(&theirs)?, "theirs are not the same");
    bench.empty(&theirs)?;
    let measured = peers.map(|peers| peers.measure(&theirs)).transpose()?;
    println!("load after:  {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let bar = median(&copied) / 4.0;
    println!("551,100 rows, PostgreSQL with fsync, medians of {RUNS}");
    println!("{:52} {:9.3} s", "psql, binary COPY of ready-made files", median(&copied));
    println!("{}", line("seedbed load, generated", &generated, bar));
    println!("{}", line("seedbed load again, no change", &again, 1.0));
    println!("{}", line("seedbed load again, 1 % more of everything", &more, 2.0));
    println!("{}", line("the same with --mode update", &updated, 2.0));
    println!("{}", line("the same after a dump was read in", &restored, 2.0));
    println!("{:52} {:9.3} s", "seedbed unload", median(&unloaded));
    bench.empty(&theirs)?;
    bench.empty(&ours)?;
    let (seconds, megabytes) = watched(&mut bench.seedbed(&[&["load", spec][..], &MANY].concat()))?;
    let verdict = if megabytes <= MEMORY { "met" } else { "MISSED" };
    println!("{:52} {megabytes:9.0} MB  bar {MEMORY:.0}  {verdict}", "10 million rows: memory of seedbed load");
    let (many, few) = (MANY_ROWS / seconds, ROWS / median(&generated));
    let verdict = if many >= 0.8 * few { "met" } else { "MISSED" };
    println!("{:52} {many:9.0} rows/s  bar {:.0}  {verdict}", "10 million rows: speed", 0.8 * few);
    let speed = ROWS / median(&generated);
    println!("\nseedbed load, generated: {speed:.0} rows/s");
    let has_peers = measured.is_some();
    for peer in measured.into_iter().flatten() {
        let own = peer.rows / peer.seconds;
        let bar = if peer.what.starts_with("factory_boy") {
            if speed / own >= FACTORY_BOY { "  bar 500 ×  met" } else { "  bar 500 ×  MISSED" }
        } else {
            ""
        };
        println!("{:52} {own:9.0} rows/s  ours is {:.0} ×{bar}", peer.what, speed / own);
    }
    if has_peers {
        println!("{WHAT_IS_COMPARED}");
    }
    Ok(())
}

fn line(what: &str, values: &[f64], bar: f64) -> String {
    let verdict = if median(values) <= bar { "met" } else { "MISSED" };
    let bound = |pick: fn(f64, f64) -> f64, start| values.iter().copied().fold(start, pick);
    let (least, most) = (bound(f64::min, f64::INFINITY), bound(f64::max, f64::NEG_INFINITY));
    format!("{what:52} {:9.3} s ({least:.3} – {most:.3})  bar {bar:.3}  {verdict}", median(values))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
