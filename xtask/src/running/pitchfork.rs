//! pitchfork, from crates.io.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::json;

use super::manager::Manager;
use super::site::{Service, Site};
use crate::run::output;

/// A supervisor in the background, which is asked over a socket.
pub struct Pitchfork {
    directory: PathBuf,
}

impl Pitchfork {
    const VERSION: &'static str = "2.33.0";

    /// The one that is installed there.
    pub fn new(peers: &Path) -> Self {
        Self { directory: peers.join("pitchfork") }
    }

    fn command(&self, site: &Site, arguments: &[&str]) -> Command {
        let mut command = site.command(self.directory.join("bin/pitchfork"));
        command.env("PITCHFORK_STATE_DIR", site.directory.join("home/state")).args(arguments);
        command
    }
}

impl Manager for Pitchfork {
    fn name(&self) -> &'static str {
        "pitchfork"
    }

    fn install(&mut self) -> Result<String> {
        if !self.directory.join("bin/pitchfork").exists() {
            let package = format!("pitchfork-cli@{}", Self::VERSION);
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            output(
                Command::new(cargo)
                    .args(["install", "--quiet", "--locked", "--root"])
                    .arg(&self.directory)
                    .arg(package),
            )?;
        }
        Ok(Self::VERSION.to_owned())
    }

    fn declare(&self, site: &Site, services: &[Service]) -> Result<()> {
        let mut text = String::new();
        for service in services {
            text += &format!("[daemons.{}]\nrun = {}\nretry = true\n", service.name, json!(service.line()));
            text += &format!("depends = {}\n", json!(service.after));
            text += &service.port.map(|port| format!("ready_port = {port}\n")).unwrap_or_default();
        }
        Ok(fs::write(site.directory.join("pitchfork.toml"), text)?)
    }

    fn start(&self, site: &Site) -> Command {
        self.command(site, &["start", "--local"])
    }

    fn is_background(&self) -> bool {
        true
    }

    fn stop(&self, site: &Site) -> Option<Command> {
        Some(self.command(site, &["supervisor", "stop"]))
    }

    fn has_order(&self) -> bool {
        true
    }

    fn leader(&self) -> &'static str {
        "supervisor run"
    }

    fn log(&self, site: &Site, _service: &str) -> PathBuf {
        site.directory.join("home/state/logs")
    }
}
