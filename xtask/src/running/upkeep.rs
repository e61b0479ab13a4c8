//! What managers cost and do while services run: memory, processes, CPU, starting again, and what is left when they are killed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::figures::Figures;
use super::manager::{Manager, OURS, Trial};
use super::process::{Process, sum};
use super::site::{PAUSE, accepts};
use super::{Bench, FLOOR, start};
use crate::state::bars::Bar;
use crate::state::stop;

/// How many services there are.
const SERVICES: usize = 50;
/// How long a manager is let alone before it is measured.
const SETTLING: Duration = Duration::from_secs(2);
/// How long a service may take to come back.
const RESTART_PATIENCE: Duration = Duration::from_secs(10);
/// How long what is to end with its manager may take.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Memory, processes and idle CPU with 50 services.
pub fn cost(bench: &Bench) -> Result<(Vec<Figures>, Vec<Bar>)> {
    let mut memory = Figures::new("manager with 50 services: memory (PSS)", "MB");
    let mut count = Figures::new("manager with 50 services: processes", "");
    let mut idle = Figures::new("manager with 50 services: CPU when idle", "%");
    each(bench, &mut memory, |manager, memory| {
        let (trial, _) = begin(bench, manager, SERVICES)?;
        sleep(SETTLING);
        let managers = trial.managers()?;
        memory.add(manager.name(), sum(&managers, Process::memory));
        count.add(manager.name(), number(managers.len()));
        let (before, began) = (sum(&managers, Process::cpu), Instant::now());
        while began.elapsed() < bench.idle {
            stop::check()?;
            sleep(Duration::from_millis(200));
        }
        let spent = sum(&trial.managers()?, Process::cpu) - before;
        idle.add(manager.name(), spent / began.elapsed().as_secs_f64() * 100.0);
        Ok(())
    })?;
    let mut bars = Vec::new();
    for (figures, limit, unit) in [(&memory, 15.0, "MB"), (&count, 1.0, ""), (&idle, 0.3, "%")] {
        if let Some(own) = figures.median(OURS) {
            bars.push(Bar::new(figures.title(), own, limit, unit));
        }
    }
    Ok((vec![memory, count, idle], bars))
}

/// How long a killed service takes to accept again.
pub fn restart(bench: &Bench) -> Result<(Vec<Figures>, Vec<Bar>)> {
    let mut figures = Figures::new("killed service accepting again", "s");
    for _ in 0..bench.runs {
        figures.add(FLOOR, start::alone(bench)?);
    }
    each(bench, &mut figures, |manager, figures| {
        if !manager.has_restart() {
            figures.note(manager.name(), "never: all stop");
            return Ok(());
        }
        let (trial, _) = begin(bench, manager, bench.runs.max(2))?;
        sleep(SETTLING);
        for service in trial.services.iter().take(bench.runs) {
            let port = service.port.context("the workload has ports")?;
            let line = format!("{} ", service.line());
            let process = trial.site.running()?.into_iter().find(|process| process.words == line);
            let process = process.with_context(|| format!("{} does not run", service.name))?;
            let began = Instant::now();
            process.kill();
            // It may still accept for a moment.
            while process.is_alive() {
                std::hint::spin_loop();
            }
            while !accepts(port) {
                stop::check()?;
                ensure!(began.elapsed() < RESTART_PATIENCE, "it did not come back within {RESTART_PATIENCE:?}");
                sleep(Duration::from_millis(1));
            }
            figures.add(manager.name(), began.elapsed().as_secs_f64());
        }
        Ok(())
    })?;
    let limit = 0.1 + figures.median(FLOOR).unwrap_or_default();
    let bars = figures.median(OURS).map(|own| Bar::new("killed service accepting again", own, limit, "s"));
    Ok((vec![figures], bars.into_iter().collect()))
}

/// How many processes are left when the manager was killed.
pub fn orphans(bench: &Bench) -> Result<(Vec<Figures>, Vec<Bar>)> {
    let mut figures = Figures::new("processes left after SIGKILL of the manager, of 50", "");
    each(bench, &mut figures, |manager, figures| {
        let trials = if manager.name() == OURS { bench.trials } else { 1 };
        let (mut trial, _) = begin(bench, manager, SERVICES)?;
        for number_of_trial in 0..trials {
            stop::check()?;
            if number_of_trial > 0 {
                trial.start_again()?;
            }
            ensure!(trial.site.running()?.len() == SERVICES, "not all services run");
            trial.kill_leader()?;
            let began = Instant::now();
            while !trial.site.running()?.is_empty() && began.elapsed() < END_PATIENCE {
                sleep(PAUSE);
            }
            figures.add(manager.name(), number(trial.site.running()?.len()));
        }
        Ok(())
    })?;
    let most = figures.of(OURS).map(|values| values.iter().copied().fold(0.0, f64::max));
    let bars = most.map(|most| {
        Bar::new(format!("most processes left after SIGKILL of the manager, {} trials", bench.trials), most, 0.0, "")
    });
    Ok((vec![figures], bars.into_iter().collect()))
}

/// Measures each manager; what goes wrong with one is said and does not keep the others from it.
pub fn each(
    bench: &Bench,
    figures: &mut Figures,
    mut measure: impl FnMut(&dyn Manager, &mut Figures) -> Result<()>,
) -> Result<()> {
    for manager in &bench.managers {
        stop::check()?;
        if let Err(error) = measure(manager.as_ref(), figures) {
            stop::check()?;
            bench.fault(manager.name(), &error)?;
            figures.note(manager.name(), "failed");
        }
    }
    Ok(())
}

/// Starts services without order.
fn begin<'a>(bench: &Bench, manager: &'a dyn Manager, count: usize) -> Result<(Trial<'a>, Duration)> {
    let site = bench.site(manager.name())?;
    let services = site.services(count, 0)?;
    Trial::start(manager, site, services)
}

#[expect(clippy::cast_precision_loss, reason = "these are small counts")]
fn number(count: usize) -> f64 {
    count as f64
}
