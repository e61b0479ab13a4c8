//! Managers from PyPI: honcho, supervisord, circus.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::manager::Manager;
use super::site::{Service, Site};
use crate::run::output;

/// A program of a package, in a virtual environment that all of them share.
struct Package {
    requirement: &'static str,
    program: PathBuf,
}

impl Package {
    fn new(peers: &Path, requirement: &'static str, program: &str) -> Self {
        Self { requirement, program: peers.join("python/bin").join(program) }
    }

    fn install(&self) -> Result<String> {
        if !self.program.exists() {
            let directory = self.program.parent().and_then(Path::parent).expect("it is below the environment");
            output(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
            let pip = ["-m", "pip", "install", "--quiet", self.requirement];
            output(Command::new(directory.join("bin/python")).args(pip))?;
        }
        Ok(self.requirement.rsplit('=').next().unwrap_or_default().to_owned())
    }
}

/// A `Procfile` and one process that prints what all say.
pub struct Honcho(Package);

impl Honcho {
    /// The one that is installed there.
    pub fn new(peers: &Path) -> Self {
        Self(Package::new(peers, "honcho==2.0.0", "honcho"))
    }
}

impl Manager for Honcho {
    fn name(&self) -> &'static str {
        "honcho"
    }

    fn install(&mut self) -> Result<String> {
        self.0.install()
    }

    fn declare(&self, site: &Site, services: &[Service]) -> Result<()> {
        let lines = services.iter().map(|service| format!("{}: {}\n", service.name, service.line()));
        Ok(fs::write(site.directory.join("Procfile"), lines.collect::<String>())?)
    }

    fn start(&self, site: &Site) -> Command {
        let mut command = site.command(&self.0.program);
        command.arg("start");
        command
    }

    fn has_restart(&self) -> bool {
        false
    }

    fn log(&self, site: &Site, _service: &str) -> PathBuf {
        site.printed()
    }
}

/// Supervisor, which has a log file for each.
pub struct Supervisord(Package);

impl Supervisord {
    /// The one that is installed there.
    pub fn new(peers: &Path) -> Self {
        Self(Package::new(peers, "supervisor==4.3.0", "supervisord"))
    }
}

impl Manager for Supervisord {
    fn name(&self) -> &'static str {
        "supervisord"
    }

    fn install(&mut self) -> Result<String> {
        self.0.install()
    }

    fn declare(&self, site: &Site, services: &[Service]) -> Result<()> {
        let place = site.directory.display();
        let mut text =
            format!("[supervisord]\nnodaemon=true\nlogfile={place}/supervisord.log\npidfile={place}/supervisord.pid\n");
        for service in services {
            let (name, line) = (&service.name, service.line());
            write!(text, "[program:{name}]\ncommand={line}\nautorestart=true\nstartsecs=0\n")?;
            write!(text, "stdout_logfile={place}/{name}.log\nstderr_logfile={place}/{name}.err\n")?;
        }
        Ok(fs::write(site.directory.join("supervisord.conf"), text)?)
    }

    fn start(&self, site: &Site) -> Command {
        let mut command = site.command(&self.0.program);
        command.args(["-n", "-c", "supervisord.conf"]);
        command
    }

    fn log(&self, site: &Site, service: &str) -> PathBuf {
        site.directory.join(format!("{service}.log"))
    }
}

/// Circus, with a file for the output of each.
pub struct Circus(Package);

impl Circus {
    /// The one that is installed there.
    pub fn new(peers: &Path) -> Self {
        Self(Package::new(peers, "circus==0.19.0", "circusd"))
    }
}

impl Manager for Circus {
    fn name(&self) -> &'static str {
        "circus"
    }

    fn install(&mut self) -> Result<String> {
        self.0.install()
    }

    fn declare(&self, site: &Site, services: &[Service]) -> Result<()> {
        let place = site.directory.display();
        let mut text = format!(
            "[circus]\nendpoint = ipc://{place}/endpoint\npubsub_endpoint = ipc://{place}/pubsub\nstatsd = false\n"
        );
        for service in services {
            let (name, line) = (&service.name, service.line());
            write!(text, "[watcher:{name}]\ncmd = {line}\nnumprocesses = 1\ncopy_env = true\n")?;
            write!(text, "stdout_stream.class = FileStream\nstdout_stream.filename = {place}/{name}.log\n")?;
        }
        Ok(fs::write(site.directory.join("circus.ini"), text)?)
    }

    fn start(&self, site: &Site) -> Command {
        let mut command = site.command(&self.0.program);
        command.arg("circus.ini");
        command
    }

    fn leader(&self) -> &'static str {
        "circusd"
    }

    fn log(&self, site: &Site, service: &str) -> PathBuf {
        site.directory.join(format!("{service}.log"))
    }
}
