//! What every manager must be able to do to be measured.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::process::Process;
use super::site::{Service, Site, await_end, await_ready};

/// A program that starts services and looks after them.
pub trait Manager {
    /// A word.
    fn name(&self) -> &'static str;

    /// Installs it below a directory, if it is not there yet, and says its version.
    fn install(&mut self) -> Result<String>;

    /// Writes what declares the services, in the directory of the site.
    fn declare(&self, site: &Site, services: &[Service]) -> Result<()>;

    /// The command that starts everything that is declared.
    fn start(&self, site: &Site) -> Command;

    /// Whether that command ends when everything is up, and leaves a process in the background.
    fn is_background(&self) -> bool {
        false
    }

    /// The command that stops everything; `None`: the process in the foreground is sent SIGTERM.
    fn stop(&self, _site: &Site) -> Option<Command> {
        None
    }

    /// Whether it waits for services to be ready before it starts those that need them.
    fn has_order(&self) -> bool {
        false
    }

    /// Whether it starts a service again that was killed.
    fn has_restart(&self) -> bool {
        true
    }

    /// A part of the command line of the process that owns the services.
    fn leader(&self) -> &'static str {
        self.name()
    }

    /// The file, or the directory of files, in which the output of a service is.
    fn log(&self, site: &Site, service: &str) -> PathBuf;
}

/// A manager at work, which is ended with this value.
pub struct Trial<'a> {
    manager: &'a dyn Manager,
    /// Where it works.
    pub site: Site,
    /// What it looks after.
    pub services: Vec<Service>,
    foreground: Child,
}

impl<'a> Trial<'a> {
    /// Starts the services by the manager; returns how long it took until all were ready.
    pub fn start(manager: &'a dyn Manager, site: Site, services: Vec<Service>) -> Result<(Self, Duration)> {
        ensure!(site.running()?.is_empty(), "services of an earlier trial still run");
        manager.declare(&site, &services)?;
        let command = manager.start(&site);
        let began = Instant::now();
        let foreground = site.spawn(command)?;
        let mut trial = Self { manager, site, services, foreground };
        let took = trial.await_up(began).with_context(|| format!("it printed\n{}", trial.site.last_words()))?;
        Ok((trial, took))
    }

    /// Starts it again, after its process was killed.
    pub fn start_again(&mut self) -> Result<()> {
        let began = Instant::now();
        self.foreground = self.site.spawn(self.manager.start(&self.site))?;
        self.await_up(began)?;
        Ok(())
    }

    fn await_up(&mut self, began: Instant) -> Result<Duration> {
        let ready = await_ready(&self.services, began)?;
        // What others print after that is not waited for; ours says that all is up when it ends.
        if self.manager.is_background() {
            let ended = await_end(&mut self.foreground, began)?;
            return Ok(if self.manager.name() == OURS { ended.max(ready) } else { ready });
        }
        Ok(ready)
    }

    /// The processes of the manager.
    pub fn managers(&self) -> Result<Vec<Process>> {
        self.site.managers()
    }

    /// Kills the process that owns the services, as the system does when memory is short.
    pub fn kill_leader(&mut self) -> Result<()> {
        let word = self.manager.leader();
        let leader = self.managers()?.into_iter().find(|process| {
            // What gives it a terminal has the same words.
            process.words.contains(word) && !process.words.starts_with("script ")
        });
        leader.with_context(|| format!("no process has {word} in its command line"))?.kill();
        Ok(())
    }

    /// Where the output of a service is.
    pub fn log(&self, service: &str) -> PathBuf {
        self.manager.log(&self.site, service)
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        match self.manager.stop(&self.site) {
            Some(command) => {
                // What it leaves is killed below.
                let _ = self.site.spawn(command).and_then(|mut child| Ok(child.wait()?));
            }
            None => {
                let id = i32::try_from(self.foreground.id()).ok().and_then(rustix::process::Pid::from_raw);
                let _ = id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::TERM));
                let began = Instant::now();
                while matches!(self.foreground.try_wait(), Ok(None)) && began.elapsed() < Duration::from_secs(5) {
                    std::thread::sleep(super::site::PAUSE);
                }
            }
        }
        if let Err(error) = self.site.clear() {
            eprintln!("{}: {error:#}", self.manager.name());
        }
        let _ = self.foreground.wait();
    }
}

/// The name of ours.
pub const OURS: &str = "seedbed";

/// Finds a program that was installed.
pub fn version(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = crate::run::output(Command::new(program).args(arguments))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let word =
        text.split_whitespace().find(|word| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()));
    Ok(word.unwrap_or("?").trim_start_matches('v').to_owned())
}
