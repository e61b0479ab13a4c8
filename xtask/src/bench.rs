//! `cargo xtask bench up`: figures of `up`, `reset` and the supervisor, each with its bar, all in one run.

use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::run::{cargo, output, root, run};

/// How many services the flat environment has.
const SERVICES: usize = 50;

/// One measured figure.
struct Figure {
    what: String,
    values: Vec<f64>,
    unit: &'static str,
    bar: f64,
}

impl Figure {
    fn new(what: impl Into<String>, values: Vec<f64>, unit: &'static str, bar: f64) -> Self {
        Self { what: what.into(), values, unit, bar }
    }

    fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    fn line(&self) -> String {
        let bound = |pick: fn(f64, f64) -> f64, start| self.values.iter().copied().fold(start, pick);
        let (least, most) = (bound(f64::min, f64::INFINITY), bound(f64::max, f64::NEG_INFINITY));
        let verdict = if self.median() <= self.bar { "met" } else { "MISSED" };
        let median = self.median();
        format!(
            "{:52} {median:9.3} {:3} ({least:.3} – {most:.3}, n={})  bar {:.3}  {verdict}",
            self.what,
            self.unit,
            self.values.len(),
            self.bar
        )
    }
}

/// Measures and prints everything.
pub fn up() -> Result<()> {
    run(&mut cargo("", &["build", "--release", "--locked", "--quiet", "-p", "seedbed", "--bins", "--examples"]))?;
    run(&mut cargo("campus", &["build", "--workspace", "--locked", "--quiet"]))?;
    println!("load before: {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let mut figures = Vec::new();
    for (profile, bar) in [(None, 3.0), (Some("postgres"), 8.0)] {
        figures.extend(campus(profile, bar)?);
    }
    figures.extend(flat()?);
    println!("load after:  {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    for figure in &figures {
        println!("{}", figure.line());
    }
    Ok(())
}

/// An environment of some workspace, removed at the end.
struct Environment {
    directory: PathBuf,
    name: String,
}

impl Environment {
    fn seedbed(&self, arguments: &[&str]) -> Command {
        let mut command = measured(&root().join("target/release/seedbed"));
        command.arg("-C").arg(&self.directory).args(["--name", &self.name, "--quiet"]).args(arguments);
        command
    }

    /// Wall time of a command in seconds.
    fn time(&self, arguments: &[&str]) -> Result<f64> {
        let began = Instant::now();
        output(&mut self.seedbed(arguments))?;
        Ok(began.elapsed().as_secs_f64())
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = output(self.seedbed(arguments).arg("--json"))?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The supervisor's process.
    fn supervisor(&self) -> Result<u32> {
        let directory = self.directory.join(".seedbed").join(&self.name);
        for process in fs::read_dir("/proc")?.flatten() {
            let Some(id) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let text = String::from_utf8_lossy(&line).replace('\0', " ");
            if text.contains(" supervise ") && text.contains(&*directory.to_string_lossy()) {
                return Ok(id);
            }
        }
        anyhow::bail!("no supervisor of {}", directory.display())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.seedbed(&["destroy", "--yes"]).output();
    }
}

/// A program in the environment of a plain shell: cargo's variables make every start of a process slower.
fn measured(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO") || text.starts_with("RUSTUP") || text == "LD_LIBRARY_PATH" {
            command.env_remove(&name);
        }
    }
    command
}

fn campus(profile: Option<&str>, bar: f64) -> Result<Vec<Figure>> {
    const RUNS: usize = 5;
    let word = profile.unwrap_or("sqlite");
    let environment = Environment { directory: root().join("campus/programs"), name: format!("bench-{word}") };
    let up: Vec<&str> = ["up"].into_iter().chain(profile.iter().flat_map(|profile| ["--profile", profile])).collect();
    let (mut nothing, mut unchanged, mut reset, mut again) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let _ = environment.seedbed(&["destroy", "--yes"]).output();
        let seconds = environment.time(&up)?;
        // The first one warms caches, and builds what is not built yet.
        if run > 0 {
            nothing.push(seconds);
        }
    }
    for _ in 0..RUNS * 2 {
        unchanged.push(environment.time(&up)?);
    }
    for _ in 0..RUNS {
        reset.push(environment.time(&["reset"])?);
    }
    for _ in 0..RUNS {
        environment.time(&["down"])?;
        again.push(environment.time(&up)?);
    }
    Ok(vec![
        Figure::new(format!("up from nothing, campus, {word}"), nothing, "s", bar),
        Figure::new(format!("up, nothing changed and all runs, {word}"), unchanged, "s", 0.15),
        Figure::new(format!("reset of the campus, {word}"), reset, "s", 1.0),
        Figure::new(format!("up after down, {word} (no bar)"), again, "s", f64::INFINITY),
    ])
}

fn flat() -> Result<Vec<Figure>> {
    const RUNS: usize = 12;
    const TRIALS: usize = 10;
    let service = root().join("target/release/examples/trivial_service");
    let directory = std::env::temp_dir().join(format!("seedbed-bench-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let ports = free_ports(SERVICES)?;
    let mut manifest = String::from("name: flat\nservices:\n");
    for (index, port) in ports.iter().enumerate() {
        writeln!(manifest, "  s{index}: {{ run: \"{} {port}\", port: {port} }}", service.display())?;
    }
    fs::write(directory.join("seedbed.yaml"), manifest)?;
    let environment = Environment { directory: directory.clone(), name: "default".to_owned() };

    let (mut ratios, mut ours, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let timed_up = || -> Result<f64> {
            let took = environment.time(&["up"])?;
            ensure!(ports.iter().all(|port| accepts(*port)), "`up` came back before all services were ready");
            environment.time(&["down"])?;
            Ok(took)
        };
        // Each comes first in turn: what the one leaves to the system to clear up delays the other.
        let (floor, took) = if run % 2 == 0 {
            let floor = bare_loop(&service, &ports)?;
            (floor, timed_up()?)
        } else {
            let took = timed_up()?;
            (bare_loop(&service, &ports)?, took)
        };
        if run > 0 {
            ratios.push(took / floor);
            ours.push(took);
            bare.push(floor);
        }
    }

    environment.time(&["up"])?;
    let supervisor = environment.supervisor()?;
    let memory = memory_megabytes(supervisor)?;
    let processes = environment.json(&["status"])?["services"].as_array().map_or(0, Vec::len);
    ensure!(processes == SERVICES, "all services are in the status");
    let own = children(supervisor)?.len() - SERVICES + 1;
    let idle = idle_percent(supervisor, Duration::from_secs(10))?;

    let mut left = Vec::new();
    for _ in 0..TRIALS {
        let supervisor = environment.supervisor()?;
        let started = children(supervisor)?;
        ensure!(started.len() == SERVICES, "the supervisor has one child for each service");
        output(Command::new("kill").args(["-KILL", &supervisor.to_string()]))?;
        let deadline = Instant::now() + Duration::from_secs(2);
        let alive = || started.iter().filter(|id| is_alive(**id)).count();
        while alive() > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        left.push(count(alive()));
        environment.time(&["up"])?;
    }
    drop(environment);
    fs::remove_dir_all(&directory)?;
    Ok(vec![
        Figure::new("start of 50 services, against a bare loop", ratios, "x", 1.3),
        Figure::new("  of which ours (no bar)", ours, "s", f64::INFINITY),
        Figure::new("  of which the bare loop (no bar)", bare, "s", f64::INFINITY),
        Figure::new("supervisor with 50 services: memory (PSS)", vec![memory], "MB", 20.0),
        Figure::new("supervisor with 50 services: processes of its own", vec![count(own)], "", 1.0),
        Figure::new("supervisor with 50 services: idle CPU", vec![idle], "%", 0.3),
        Figure::new("processes left after SIGKILL of the supervisor", left, "", 0.0),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "these are small counts")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Starts the services by a loop, waits until all accept, and ends them; the seconds until they accepted.
fn bare_loop(service: &Path, ports: &[u16]) -> Result<f64> {
    let began = Instant::now();
    let mut processes = Vec::new();
    for port in ports {
        let mut command = measured(service);
        command.arg(port.to_string()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        processes.push(command.spawn().context("cannot start the trivial service")?);
    }
    while !ports.iter().all(|port| accepts(*port)) {
        ensure!(began.elapsed() < Duration::from_secs(30), "the services do not accept");
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = began.elapsed().as_secs_f64();
    for process in &mut processes {
        process.kill()?;
        process.wait()?;
    }
    Ok(took)
}

fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<TcpListener> =
        (21_000..32_000).filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).take(count).collect();
    ensure!(listeners.len() == count, "not enough free ports");
    Ok(listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<std::io::Result<_>>()?)
}

fn memory_megabytes(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find(|line| line.starts_with("Pss:")).context("no Pss in smaps_rollup")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kilobytes / 1024.0)
}

fn children(process: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        if fields(&stat).get(1).is_some_and(|parent| *parent == process.to_string()) {
            found.push(id);
        }
    }
    Ok(found)
}

fn is_alive(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| fields(&stat).first() != Some(&"Z"))
}

/// The fields of `/proc/PID/stat` from the state on; the name before it may have spaces.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect())
}

fn idle_percent(process: u32, time: Duration) -> Result<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let ticks = || -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let fields = fields(&stat);
        let field = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).context("no CPU time");
        Ok(field(11)? + field(12)?)
    };
    let before = ticks()?;
    std::thread::sleep(time);
    Ok((ticks()? - before) / TICKS_PER_SECOND / time.as_secs_f64() * 100.0)
}
