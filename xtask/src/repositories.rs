//! `cargo xtask bench repositories`: how long it takes to find, resolve and lock many workspaces of many repositories.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::bench::{Figure, measured};
use crate::run::{cargo, output, root, run};

/// So many layers of so many repositories; each needs some of the next layer.
const LAYERS: usize = 10;
const WIDTH: usize = 10;
const NEEDS: usize = 3;

/// How often what is cached is measured.
const RUNS: usize = 11;

const HELP: &str = "usage: cargo xtask bench repositories [--program PATH]

  --program PATH   the seedbed that is measured; default: a release build of this repository";

/// Measures and prints everything.
pub fn repositories(words: &[&str]) -> Result<()> {
    let program = match words {
        [] => {
            run(&mut cargo("", &["build", "--release", "--locked", "--quiet", "-p", "seedbed"]))?;
            root().join("target/release/seedbed")
        }
        ["--program", path] => fs::canonicalize(path).with_context(|| format!("no program {path}"))?,
        _ => bail!("{HELP}"),
    };
    let directory = tempfile::tempdir()?;
    let site = Site { directory: directory.path().canonicalize()?, program };
    site.make()?;
    let load = || fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned();
    println!("{} workspaces, load before: {}", LAYERS * WIDTH + 1, load());
    let dry_run: &[&str] = &["up", "--dry-run"];
    let cold = site.time(&["up"])?;
    let mut locked = Vec::new();
    for _ in 0..RUNS {
        locked.push(site.time(dry_run)?);
    }
    let mut up = Vec::new();
    for _ in 0..RUNS {
        up.push(site.time(&["up"])?);
    }
    println!("load after: {}", load());
    println!("fetched, resolved and locked for the first time: {cold:.1} s");
    println!("{}", Figure::new("resolved from the lock and the cache", locked, "s", 0.5).line());
    println!("{}", Figure::new("the same by `up`, which checks what it has locked", up, "s", 0.5).line());
    Ok(())
}

/// Repositories, and a workspace that needs them all.
struct Site {
    directory: PathBuf,
    program: PathBuf,
}

impl Site {
    fn make(&self) -> Result<()> {
        for layer in 0..LAYERS {
            for number in 0..WIDTH {
                let needs = (0..NEEDS).map(|step| (layer + 1, (number + step * step) % WIDTH));
                let needs: Vec<(usize, usize)> = needs.filter(|(layer, _)| *layer < LAYERS).collect();
                let name = name(layer, number);
                let directory = self.directory.join(&name);
                self.workspace(&directory, &name, &needs)?;
                for words in [
                    &["init", "--quiet", "--initial-branch=main"][..],
                    &["config", "uploadpack.allowFilter", "true"],
                    &["add", "--all"],
                    &["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=first"],
                ] {
                    run(Command::new("git").args(words).current_dir(&directory))?;
                }
            }
        }
        let first: Vec<(usize, usize)> = (0..WIDTH).map(|number| (0, number)).collect();
        self.workspace(&self.directory.join("root"), "root", &first)
    }

    fn workspace(&self, directory: &Path, name: &str, needs: &[(usize, usize)]) -> Result<()> {
        fs::create_dir_all(directory)?;
        let mut text = format!("name: {name}\nconfig: {{ own: {name} }}\nexports: {{ value: '${{config.own}}' }}\n");
        if !needs.is_empty() {
            text.push_str("dependencies:\n");
        }
        for (layer, number) in needs {
            let other = self::name(*layer, *number);
            let url = format!("file://{}", self.directory.join(&other).display());
            writeln!(text, "  {other}: {{ git: '{url}', ref: main }}")?;
        }
        Ok(fs::write(directory.join("seedbed.yaml"), text)?)
    }

    /// Wall time of a command in seconds.
    fn time(&self, words: &[&str]) -> Result<f64> {
        let mut command = measured(&self.program);
        command.arg("-C").arg(self.directory.join("root")).arg("--quiet").args(words);
        command.env("HOME", self.directory.join("home"));
        let began = Instant::now();
        output(&mut command)?;
        Ok(began.elapsed().as_secs_f64())
    }
}

fn name(layer: usize, number: usize) -> String {
    format!("w{layer}-{number}")
}
