//! Planning 1,000 services that are declared in 100 files.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::Bench;
use super::compose::Compose;
use super::figures::Figures;
use super::manager::OURS;
use super::site::Site;
use crate::run::output;
use crate::state::bars::Bar;
use crate::state::stop;

/// How many files there are, each of which knows two others.
const FILES: usize = 100;
/// How many services each declares, every one after the one before.
const SERVICES: usize = 10;
/// The first port; ports are only declared.
const PORT: usize = 10_000;

/// `up --dry-run`, and what Docker Compose takes to read as much.
pub fn plan(bench: &Bench) -> Result<(Vec<Figures>, Vec<Bar>)> {
    let mut figures = Figures::new("plan of 1,000 services in 100 files", "s");
    let ours = bench.manager(OURS).map(|_| ours(bench)).transpose()?;
    let mut compose = Compose::new(&bench.peers);
    let theirs = match bench.is_wanted(Compose::NAME).then(|| compose.install()).transpose() {
        Ok(version) => version.map(|_| theirs(bench, &compose)).transpose()?,
        Err(error) => {
            bench.fault(Compose::NAME, &error)?;
            figures.note(Compose::NAME, "not installed");
            None
        }
    };
    for _ in 0..=bench.runs {
        for (name, site) in [(OURS, &ours), (Compose::NAME, &theirs)] {
            let Some(site) = site else { continue };
            stop::check()?;
            let mut command = if name == OURS {
                let mut command = site.command(&bench.program);
                command.args(["--quiet", "-C", "w1", "up", "--dry-run"]);
                command
            } else {
                let mut command = site.command(compose.program());
                command.args(["--file", "compose.yaml", "config", "--format", "json"]);
                command
            };
            let began = Instant::now();
            let printed = output(&mut command)?.stdout;
            figures.add(name, began.elapsed().as_secs_f64());
            let last = if name == OURS { "w100/s9" } else { "w100s9" };
            let is_whole = String::from_utf8_lossy(&printed).contains(last);
            ensure!(is_whole, "{name} does not speak of the last service");
        }
    }
    let bars = figures.median(OURS).map(|own| Bar::new("plan of 1,000 services in 100 manifests", own, 0.2, "s"));
    Ok((vec![figures], bars.into_iter().collect()))
}

fn ours(bench: &Bench) -> Result<Site> {
    let site = bench.site("plan-seedbed")?;
    write_workspaces(&site.directory, &site.svc)?;
    Ok(site)
}

/// 100 workspaces, `w1` to `w100`, of which each depends on two others.
fn write_workspaces(directory: &Path, svc: &Path) -> Result<()> {
    for number in 1..=FILES {
        let mut text = format!("name: w{number}\n");
        let needs: Vec<usize> = [number * 2, number * 2 + 1].into_iter().filter(|needed| *needed <= FILES).collect();
        if !needs.is_empty() {
            text.push_str("dependencies:\n");
            for needed in &needs {
                writeln!(text, "  w{needed}: {{ path: ../w{needed} }}")?;
            }
        }
        text.push_str("services:\n");
        for index in 0..SERVICES {
            let after = if index > 0 {
                format!("s{}", index - 1)
            } else {
                needs.iter().map(|needed| format!("w{needed}")).collect::<Vec<_>>().join(", ")
            };
            let port = PORT + number * SERVICES + index;
            let svc = svc.display();
            writeln!(text, "  s{index}: {{ run: \"{svc} serve {port} 0\", port: {port}, after: [{after}] }}")?;
        }
        let workspace = directory.join(format!("w{number}"));
        fs::create_dir_all(&workspace)?;
        fs::write(workspace.join("seedbed.yaml"), text)?;
    }
    Ok(())
}

fn theirs(bench: &Bench, compose: &Compose) -> Result<Site> {
    let site = bench.site("plan-compose")?;
    let mut include = String::from("include:\n");
    for number in 1..=FILES {
        writeln!(include, "  - w{number}.yaml")?;
        let mut text = String::from("services:\n");
        for index in 0..SERVICES {
            let port = PORT + number * SERVICES + index;
            writeln!(
                text,
                "  w{number}s{index}:\n    image: svc\n    command: serve {port} 0\n    ports: [\"{port}:{port}\"]"
            )?;
            if index > 0 {
                writeln!(text, "    depends_on: [w{number}s{}]", index - 1)?;
            }
        }
        fs::write(site.directory.join(format!("w{number}.yaml")), text)?;
    }
    fs::write(site.directory.join("compose.yaml"), include)?;
    // It must work at all before it is measured.
    output(Command::new(compose.program()).arg("version"))?;
    Ok(site)
}
