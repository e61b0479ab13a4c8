//! `up` on a second machine of what was built and pushed on a first one: with a remote that is a directory, and with one that is far
//! away.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::bars::Bar;
use super::compare::median;
use super::environment::Environment;
use super::far::Far;
use super::files;
use super::tool::Site;
use crate::run::{cargo, output, root};

/// Where a workspace has its store, and what it remembers of stores.
const STORE: &str = ".seedbed/store";
const STORE_CACHE: &str = ".seedbed/store-cache";

/// How many users a campus with much data has.
const MANY: usize = 200_000;

/// What is measured: which databases the campus has, how many users more than its own, and where the remote is.
#[derive(Clone, Copy)]
struct Case {
    profile: Option<&'static str>,
    /// Whose the servers are, if that is not left to the default.
    servers: Option<&'static str>,
    users: usize,
    is_far: bool,
}

impl Case {
    const ALL: [Case; 6] = [
        Case { profile: None, servers: None, users: 0, is_far: false },
        Case { profile: Some("postgres"), servers: Some("shared"), users: 0, is_far: false },
        Case { profile: Some("postgres"), servers: Some("own"), users: 0, is_far: false },
        Case { profile: None, servers: None, users: MANY, is_far: true },
        Case { profile: Some("postgres"), servers: Some("shared"), users: MANY, is_far: true },
        Case { profile: Some("postgres"), servers: Some("own"), users: MANY, is_far: true },
    ];

    fn title(self) -> String {
        let mut title = self.profile.unwrap_or("sqlite").to_owned();
        if let Some(servers) = self.servers {
            write!(title, " ({servers})").expect("it is a string");
        }
        if self.users > 0 {
            write!(title, " with {} users more", self.users).expect("it is a string");
        }
        if self.is_far {
            title.push_str(", 20 ms and 100 Mbit/s away");
        }
        title
    }

    fn up(self) -> Vec<&'static str> {
        ["up"].into_iter().chain(self.profile.iter().flat_map(|profile| ["--profile", profile])).collect()
    }
}

/// Measures the campus, with its databases in SQLite or in PostgreSQL.
pub fn measure(program: &Path, work: &Path, runs: usize) -> Result<Vec<Bar>> {
    let mut bars = Vec::new();
    for case in Case::ALL {
        bars.extend(campus(program, work, runs, case)?);
    }
    Ok(bars)
}

/// Seconds of the parts of each run.
#[derive(Default)]
struct Seconds {
    up: Vec<f64>,
    again: Vec<f64>,
    /// To fetch what `up` has fetched.
    fetch: Vec<f64>,
    /// To fetch the states as dumps.
    portable: Vec<f64>,
}

fn campus(program: &Path, work: &Path, runs: usize, case: Case) -> Result<Vec<Bar>> {
    let title = case.title();
    let directory = work.join("second");
    files::remove(&directory)?;
    let remote = directory.join("remote");
    let far = if case.is_far { Some(Far::start(&remote)?) } else { None };
    let variables = far.as_ref().map(Far::variables).unwrap_or_default();
    let remote = far.as_ref().map_or_else(|| remote.display().to_string(), Far::store);
    let shared = {
        let first = directory.join("first");
        build(&first, &remote, case)?;
        let first = Environment::new(program, site(&first)?, workspace(&first)).with(variables.clone());
        first.run(&case.up())?;
        first.run(&["tend"])?;
        first.report(&["push", "--states", "--allow-findings"])?.1
    };
    let texts = |list: &str, is_wanted: &dyn Fn(&Value) -> bool| -> Vec<String> {
        let entries = shared[list].as_array().map(Vec::as_slice).unwrap_or_default();
        let wanted = entries.iter().filter(|entry| is_wanted(entry));
        wanted.filter_map(|entry| entry["key"].as_str().map(ToOwned::to_owned)).collect()
    };
    let states = texts("states", &|state| state["step"] == "data");
    let servers = texts("servers", &|_| true);
    let taken = if servers.is_empty() { &states } else { &servers };
    let second = directory.join("second");
    build(&second, &remote, case)?;
    let mut seconds = Seconds::default();
    // They stay until the end: ext4 goes around each file that was removed in the last half minute when it makes new ones.
    let mut environments = Vec::new();
    // The first one warms caches, and lets the tasks of the campus find that all is built: that is no part of the data.
    for run in 0..=runs {
        let home = second.join("homes").join(run.to_string());
        let environment = Environment::new(program, site(&home)?, workspace(&second)).named(&format!("run-{run}"));
        let environment = environment.with(variables.clone());
        let fetch = |keys: &[String]| -> Result<(f64, u64)> {
            forget(environment.workspace())?;
            let words: Vec<&str> = ["fetch"].into_iter().chain(keys.iter().map(String::as_str)).collect();
            let (cost, _) = environment.report(&words)?;
            let bytes = files::size(&[environment.workspace().join(STORE)])?;
            ensure!(bytes > 0, "`fetch` has brought nothing");
            Ok((cost.wall, bytes))
        };
        forget(environment.workspace())?;
        let (up, report) = environment.report(&case.up())?;
        check(&report)?;
        environment.run(&["down"])?;
        let (again, _) = environment.report(&case.up())?;
        environment.run(&["tend"])?;
        let (fetched, bytes) = fetch(taken)?;
        let (portable, portable_bytes) = fetch(&states)?;
        eprintln!(
            "  {title}, run {run}: up {:.3} s, up after down {:.3} s, fetch of the same {fetched:.3} s ({bytes} bytes), of \
             dumps {portable:.3} s ({portable_bytes} bytes)",
            up.wall, again.wall
        );
        if run > 0 {
            seconds.up.push(up.wall);
            seconds.again.push(again.wall);
            seconds.fetch.push(fetched);
            seconds.portable.push(portable);
        }
        environment.run(&["down"])?;
        environments.push(environment);
    }
    drop(environments);
    let middle = |values: &[f64]| median(values).context("no run");
    let (up, again) = (middle(&seconds.up)?, middle(&seconds.again)?);
    let (fetch, portable) = (middle(&seconds.fetch)?, middle(&seconds.portable)?);
    let ratio = |of: f64| up / of;
    Ok(vec![
        Bar::told(format!("second machine, {title}: `fetch` of what `up` fetches"), fetch, "s"),
        Bar::told(format!("second machine, {title}: `fetch` of the dumps"), portable, "s"),
        Bar::told(format!("second machine, {title}: `up` after `down`, which fetches nothing"), again, "s"),
        Bar::told(format!("second machine, {title}: `up`, in times of its `fetch`"), ratio(fetch), "x"),
        Bar::told(format!("second machine, {title}: `up`, in times of the `fetch` of the dumps"), ratio(portable), "x"),
        Bar::new(format!("second machine, {title}: `up`, 1.5 x its `fetch`"), up, fetch * 1.5, "s"),
        Bar::new(
            format!("second machine, {title}: `up` without what `up` after `down` takes, 1.5 x its `fetch`"),
            up - again,
            fetch * 1.5,
            "s",
        ),
    ])
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

/// A copy of the campus, built, that has the remote.
fn build(machine: &Path, remote: &str, case: Case) -> Result<()> {
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
    writeln!(manifest, "\nremotes:\n  team: {remote}")?;
    if let Some(servers) = case.servers {
        writeln!(manifest, "servers: {servers}")?;
    }
    if case.users > 0 {
        let many = format!("seedbed: 1\nrecords:\n  user: {{ count: {}, username: \"learner-{{n}}\" }}\n", case.users);
        fs::write(campus.join("lms/data/many.yaml"), many)?;
        let manifest = campus.join("lms/seedbed.yaml");
        let text = fs::read_to_string(&manifest)?;
        let more = text.replacen("data: [data/dev.yaml]", "data: [data/dev.yaml, data/many.yaml]", 1);
        ensure!(more != text, "{} loads other data than it did", manifest.display());
        fs::write(&manifest, more)?;
    }
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
