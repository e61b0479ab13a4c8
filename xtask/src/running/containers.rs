//! How long it takes until containers of one Compose file are healthy, in layers of which each needs the one before.

use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::Bench;
use super::compose::Compose;
use super::figures::Figures;
use super::manager::OURS;
use super::site::{Site, await_end};
use crate::run::{has, output};
use crate::state::bars::Bar;
use crate::state::stop;

/// How many containers there are.
const CONTAINERS: usize = 20;
/// How many of them are in a layer.
const LAYER: usize = 5;
/// Of Docker Compose's time, so much may ours be.
const PART: f64 = 0.5;
/// The image of all of them: the program of the services, and nothing else.
const IMAGE: &str = "seedbed-bench:1";

/// `up` of ours and `up --wait` of Docker Compose, with the same file, in turn.
pub fn containers(bench: &Bench) -> Result<(Vec<Figures>, Vec<Bar>)> {
    let mut figures = Figures::new("20 containers in 4 layers of one Compose file, start to all healthy", "s");
    if !has("docker", "version") {
        figures.note(OURS, "no engine answers");
        return Ok((vec![figures], Vec::new()));
    }
    let mut ratios = Figures::new("the same, against Docker Compose of the same round", "x");
    let mut compose = Compose::new(&bench.peers);
    let theirs = match bench.is_wanted(Compose::NAME).then(|| compose.install()).transpose() {
        Ok(version) => version.map(|_| bench.site("containers-compose")).transpose()?,
        Err(error) => {
            bench.fault(Compose::NAME, &error)?;
            figures.note(Compose::NAME, "not installed");
            None
        }
    };
    let ours = bench.manager(OURS).map(|_| bench.site("containers-seedbed")).transpose()?;
    import(bench)?;
    for site in ours.iter().chain(&theirs) {
        fs::write(site.directory.join("compose.yaml"), file())?;
    }
    // The first round warms caches and does not count.
    for round in 0..=bench.runs {
        let mut took = [None, None];
        for index in 0..2 {
            stop::check()?;
            // Each comes first in turn: what one leaves to the engine to clear up delays the next.
            let which = (index + round) % 2;
            let (name, site) = [(OURS, &ours), (Compose::NAME, &theirs)][which];
            let Some(site) = site else { continue };
            let up = if which == 0 { up_ours(bench, site) } else { up_theirs(&compose, site) };
            let down = if which == 0 {
                output(site.command(&bench.program).args(["--quiet", "destroy", "--yes"]))
            } else {
                output(site.command(compose.program()).args(["down", "--timeout", "0"]))
            };
            took[which] = Some(up.with_context(|| name)?);
            down?;
        }
        let [own, other] = took;
        if round == 0 {
            continue;
        }
        own.iter().for_each(|own| figures.add(OURS, *own));
        other.iter().for_each(|other| figures.add(Compose::NAME, *other));
        if let (Some(own), Some(other)) = (own, other) {
            ratios.add(OURS, own / other);
        }
    }
    output(Command::new("docker").args(["image", "rm", IMAGE]))?;
    let bar = ratios
        .median(OURS)
        .map(|ratio| Bar::new("20 containers in 4 layers, against Docker Compose", ratio, PART, "x"));
    let all = if ratios.median(OURS).is_some() { vec![figures, ratios] } else { vec![figures] };
    Ok((all, bar.into_iter().collect()))
}

fn up_ours(bench: &Bench, site: &Site) -> Result<f64> {
    let mut command = site.command(&bench.program);
    command.args(["--quiet", "up"]);
    timed(site, command)
}

fn up_theirs(compose: &Compose, site: &Site) -> Result<f64> {
    let mut command = site.command(compose.program());
    command.args(["up", "--detach", "--wait"]);
    timed(site, command)
}

fn timed(site: &Site, command: Command) -> Result<f64> {
    let began = Instant::now();
    let mut child = site.spawn(command)?;
    let took = await_end(&mut child, began).with_context(|| site.last_words())?;
    Ok(took.as_secs_f64())
}

/// Makes the image.
fn import(bench: &Bench) -> Result<()> {
    let archive = bench.work.path().join("svc.tar");
    let (directory, name) =
        (bench.svc.parent().context("it has a directory")?, bench.svc.file_name().context("and a name")?);
    output(
        Command::new("tar").arg("--create").arg("--file").arg(&archive).arg("--directory").arg(directory).arg(name),
    )?;
    output(Command::new("docker").arg("import").arg(&archive).arg(IMAGE))?;
    Ok(())
}

/// The project. Nothing is said of how often health is looked at but what is the least that all engines take: a second.
fn file() -> String {
    let mut text = String::from("services:\n");
    for index in 0..CONTAINERS {
        write!(
            text,
            "  s{index}:\n    image: {IMAGE}\n    command: [/svc, serve, \"80\", \"0\"]\n    stop_grace_period: 0s\n    healthcheck: {{ test: [CMD, /svc, check, \"80\"], interval: 1s }}\n"
        )
        .expect("it is a string");
        if index >= LAYER {
            text.push_str("    depends_on:\n");
            let before = index / LAYER * LAYER;
            for needed in before - LAYER..before {
                writeln!(text, "      s{needed}: {{ condition: service_healthy }}").expect("it is a string");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_four_layers() {
        let text = file();
        assert_eq!(text.matches("    image: ").count(), 20);
        assert_eq!(text.matches("service_healthy").count(), 3 * 5 * 5);
        assert!(text.contains("  s5:\n") && text.ends_with("      s14: { condition: service_healthy }\n"), "{text}");
    }
}
