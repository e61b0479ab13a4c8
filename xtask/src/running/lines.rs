//! Lines of output from one service: how many arrive in its log in a second, what that costs, and whether one is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Bench;
use super::figures::Figures;
use super::manager::{Manager, OURS, Trial};
use super::process::{Process, sum};
use super::site::Service;
use super::upkeep::each;
use crate::state::bars::Bar;
use crate::state::stop;

/// How many lines there are.
const LINES: usize = 300_000;
/// How many bytes each has, with its end.
const SIZE: usize = 100;
/// How long a log must not have grown to be complete.
const SILENCE: Duration = Duration::from_secs(1);
/// How long all may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// All lines, several times.
pub fn lines(bench: &Bench) -> Result<(Vec<Figures>, Vec<Bar>)> {
    let mut speed = Figures::new("300,000 lines of 100 bytes from one service", "lines/s");
    let mut cpu = Figures::new("the same: CPU of the manager", "s");
    let mut lost = Figures::new("the same: lines that are not in the log", "");
    let mut memory = Figures::new("the same: most memory of the manager (sum of peaks)", "MB");
    each(bench, &mut speed, |manager, speed| {
        for _ in 0..bench.runs {
            let measured = once(bench, manager)?;
            speed.add(manager.name(), measured.speed);
            cpu.add(manager.name(), measured.cpu);
            lost.add(manager.name(), measured.lost);
            memory.add(manager.name(), measured.memory);
        }
        Ok(())
    })?;
    let mut bars = Vec::new();
    if let Some(own) = speed.median(OURS) {
        // A bar is the most that a figure may be: microseconds for a line.
        bars.push(Bar::new("a line of 100 bytes (200,000 in a second)", 1e6 / own, 5.0, "us"));
    }
    for (figures, limit, unit) in [(&cpu, 0.4, "s"), (&lost, 0.0, ""), (&memory, 30.0, "MB")] {
        if let Some(values) = figures.of(OURS) {
            let worst = values.iter().copied().fold(0.0, f64::max);
            bars.push(Bar::new(format!("300,000 lines: {}, at worst", figures.title()), worst, limit, unit));
        }
    }
    Ok((vec![speed, cpu, lost, memory], bars))
}

struct Measured {
    speed: f64,
    cpu: f64,
    lost: f64,
    memory: f64,
}

fn once(bench: &Bench, manager: &dyn Manager) -> Result<Measured> {
    let site = bench.site(manager.name())?;
    let (go, done) = (site.directory.join("go"), site.directory.join("done"));
    let words = ["lines".into(), LINES.to_string(), SIZE.to_string(), shown(&go), shown(&done)];
    let writer = Service {
        name: "writer".into(),
        words: std::iter::once(shown(&site.svc)).chain(words).collect(),
        port: None,
        after: Vec::new(),
    };
    let mut services = site.services(1, 0)?;
    services.push(writer);
    let (trial, _) = Trial::start(manager, site, services)?;
    let began = Instant::now();
    while trial.site.running()?.len() < 2 {
        ensure!(began.elapsed() < PATIENCE, "the writer does not run");
        sleep(Duration::from_millis(20));
    }
    let log = trial.log("writer");
    let before = sum(&trial.managers()?, Process::cpu);
    fs::write(&go, "")?;
    let began = Instant::now();
    let (mut size, mut grew) = (0, began);
    loop {
        stop::check()?;
        let now = size_of(&log);
        if now != size {
            (size, grew) = (now, Instant::now());
        } else if done.exists() && grew.elapsed() > SILENCE {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "the lines do not come to their end");
        sleep(Duration::from_millis(2));
    }
    let managers = trial.managers()?;
    let cpu = sum(&managers, Process::cpu) - before;
    let memory = sum(&managers, Process::peak);
    let arrived = arrived(&log)?;
    let wanted = f64::from(u32::try_from(LINES)?);
    Ok(Measured { speed: wanted / (grew - began).as_secs_f64(), cpu, lost: wanted - arrived, memory })
}

/// The files of a log: the file itself, or all in a directory.
fn files(log: &Path) -> Vec<PathBuf> {
    if !log.is_dir() {
        return vec![log.to_owned()];
    }
    fs::read_dir(log).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn size_of(log: &Path) -> u64 {
    files(log).iter().filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum()
}

/// How many different lines of the service are in its log, however they are decorated.
fn arrived(log: &Path) -> Result<f64> {
    const HEAD: &[u8] = b"line ";
    const DIGITS: usize = 9;
    let mut seen = vec![false; LINES];
    for file in files(log) {
        let bytes = fs::read(file).unwrap_or_default();
        for line in bytes.split(|byte| *byte == b'\n') {
            let Some(start) = line.windows(HEAD.len()).position(|window| window == HEAD) else { continue };
            let number = line.get(start + HEAD.len()..start + HEAD.len() + DIGITS);
            let number = number.and_then(|digits| str::from_utf8(digits).ok()?.parse::<usize>().ok());
            if let Some(seen) = number.and_then(|number| seen.get_mut(number)) {
                *seen = true;
            }
        }
    }
    Ok(f64::from(u32::try_from(seen.iter().filter(|seen| **seen).count())?))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
