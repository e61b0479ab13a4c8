//! How long it takes until services are ready: many at once, and in layers of which each needs the one before.

use std::process::Child;
use std::time::Instant;

use anyhow::Result;

use super::figures::Figures;
use super::manager::{OURS, Trial};
use super::site::{Service, Site, await_ready};
use super::{Bench, FLOOR, Part};
use crate::state::bars::Bar;
use crate::state::stop;

/// How many services there are.
const SERVICES: usize = 50;
/// How many of them are in a layer.
const LAYER: usize = 10;
/// How long each takes before it accepts.
const DELAY_MS: u32 = 200;

/// Services without order, and the same when they accept at once: then all that is measured is what starting costs.
pub fn flat(bench: &Bench) -> Result<(Vec<Figures>, Vec<Bar>)> {
    let mut figures = Figures::new("50 services flat, each ready after 0.2 s, start to all ready", "s");
    let mut ratios = Figures::new("the same, against the bare loop right before", "x");
    rounds(bench, Part::Flat, &mut figures, &mut ratios, |site| site.services(SERVICES, DELAY_MS))?;
    let mut at_once = Figures::new("50 services flat, each ready at once, start to all ready", "s");
    let mut ratios_at_once = Figures::new("the same, against the bare loop right before", "x");
    rounds(bench, Part::Flat, &mut at_once, &mut ratios_at_once, |site| site.services(SERVICES, 0))?;
    let mut bars = Vec::new();
    if let Some(ratio) = ratios.median(OURS) {
        bars.push(Bar::new("50 services flat, against a bare loop", ratio, 1.2, "x"));
    }
    for (figures, when) in [(&figures, "after 0.2 s"), (&at_once, "at once")] {
        if let (Some(own), Some(best)) = (figures.median(OURS), figures.least_but(&[OURS, FLOOR])) {
            bars.push(Bar::new(format!("50 services flat, ready {when}: the best of the others"), own, best, "s"));
        }
    }
    Ok((vec![figures, ratios, at_once, ratios_at_once], bars))
}

/// Five layers of ten.
pub fn layers(bench: &Bench) -> Result<(Vec<Figures>, Vec<Bar>)> {
    let mut figures = Figures::new("5 layers of 10, each ready after 0.2 s; ideal 1.0 s", "s");
    let mut ratios = Figures::new("the same, against bare loops right before", "x");
    rounds(bench, Part::Layers, &mut figures, &mut ratios, |site| {
        let mut services = site.services(SERVICES, DELAY_MS)?;
        let names: Vec<String> = services.iter().map(|service| service.name.clone()).collect();
        for (index, service) in services.iter_mut().enumerate().skip(LAYER) {
            let layer = index / LAYER;
            service.after = names[(layer - 1) * LAYER..layer * LAYER].to_vec();
        }
        Ok(services)
    })?;
    let bars = figures.median(OURS).map(|own| Bar::new("5 layers of 10 with readiness", own, 1.3, "s"));
    Ok((vec![figures, ratios], bars.into_iter().collect()))
}

/// Lets all managers start the same services in turn, each right after the bare loop that it is compared with, and each on a machine
/// that is as calm as at the begin. The first round warms caches and does not count.
fn rounds(
    bench: &Bench,
    part: Part,
    figures: &mut Figures,
    ratios: &mut Figures,
    services: impl Fn(&Site) -> Result<Vec<Service>>,
) -> Result<()> {
    let managers: Vec<_> = bench.managers.iter().filter(|manager| part == Part::Flat || manager.has_order()).collect();
    let mut failed: Vec<&str> = Vec::new();
    for round in 0..=bench.runs {
        // Each comes first in turn: caches are not the same after one and after another.
        for index in 0..managers.len() {
            let manager = managers[(index + round) % managers.len()].as_ref();
            stop::check()?;
            if failed.contains(&manager.name()) {
                continue;
            }
            let site = bench.site(FLOOR)?;
            bench.calm.wait()?;
            let floor = bare(&site, &services(&site)?, part)?;
            let site = bench.site(manager.name())?;
            let declared = services(&site)?;
            bench.calm.wait()?;
            match Trial::start(manager, site, declared) {
                Ok((_, took)) if round > 0 => {
                    figures.add(FLOOR, floor);
                    figures.add(manager.name(), took.as_secs_f64());
                    ratios.add(manager.name(), took.as_secs_f64() / floor);
                }
                Ok(_) => {}
                Err(error) => {
                    stop::check()?;
                    bench.fault(manager.name(), &error)?;
                    figures.note(manager.name(), "failed");
                    failed.push(manager.name());
                }
            }
        }
    }
    Ok(())
}

/// Starts the services by a loop, layer by layer, and ends them; the seconds until all accepted.
fn bare(site: &Site, services: &[Service], part: Part) -> Result<f64> {
    let began = Instant::now();
    let mut processes: Vec<Child> = Vec::new();
    for layer in services.chunks(if part == Part::Flat { services.len() } else { LAYER }) {
        for service in layer {
            let mut command = site.command(&service.words[0]);
            command.args(&service.words[1..]).stdout(std::process::Stdio::null());
            processes.push(command.spawn()?);
        }
        await_ready(layer, began)?;
    }
    let took = began.elapsed().as_secs_f64();
    for process in &mut processes {
        process.kill()?;
        process.wait()?;
    }
    Ok(took)
}

/// How long one service takes by itself, in seconds.
pub fn alone(bench: &Bench) -> Result<f64> {
    let site = bench.site(FLOOR)?;
    bare(&site, &site.services(1, 0)?, Part::Flat)
}
