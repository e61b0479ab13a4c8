//! Ours, as a tool: an environment that has `data` as a resource.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::environment::Environment;
use super::tool::{Site, Tool};
use crate::run::output;

const MANIFEST: &str = "name: bench\nresources:\n  data: { path: data }\n";

/// The program `seedbed`.
pub struct Ours {
    program: PathBuf,
}

impl Ours {
    /// It is this file.
    pub fn new(program: &Path) -> Self {
        Self { program: program.to_owned() }
    }

    fn command(&self, site: &Site, words: &[&str]) -> Command {
        let mut command = site.command(&self.program);
        command.arg("-C").arg(site.work()).arg("--quiet").args(words);
        command
    }
}

impl Tool for Ours {
    fn name(&self) -> &'static str {
        "seedbed"
    }

    fn install(&mut self) -> Result<String> {
        let output = output(Command::new(&self.program).arg("--version"))?;
        Ok(String::from_utf8(output.stdout).context("its version is no text")?.trim().to_owned())
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        fs::write(site.work().join("seedbed.yaml"), MANIFEST)?;
        output(&mut self.command(site, &["up"]))?;
        Ok(())
    }

    fn snapshot(&self, site: &Site, tag: &str) -> Command {
        self.command(site, &["snapshot", tag])
    }

    fn restore(&self, site: &Site, tag: &str) -> Command {
        self.command(site, &["restore", tag])
    }

    fn stored(&self, site: &Site) -> Vec<PathBuf> {
        vec![site.work().join(".seedbed"), site.home()]
    }

    fn companion(&self, site: &Site) -> Option<u32> {
        super::processes::supervisor(&site.work().join(".seedbed"))
    }

    fn finish(&self, site: &Site) {
        drop(Environment::new(&self.program, Site { directory: site.directory.clone() }, site.work()));
    }
}
