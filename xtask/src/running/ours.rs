//! Seedbed itself.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::manager::{Manager, OURS, version};
use super::site::{Service, Site};

/// The program that is measured.
pub struct Ours {
    /// Where it is.
    pub program: PathBuf,
}

impl Ours {
    fn command(&self, site: &Site, arguments: &[&str]) -> Command {
        let mut command = site.command(&self.program);
        command.arg("--quiet").args(arguments);
        command
    }
}

impl Manager for Ours {
    fn name(&self) -> &'static str {
        OURS
    }

    fn install(&mut self) -> Result<String> {
        version(&self.program, &["--version"])
    }

    fn declare(&self, site: &Site, services: &[Service]) -> Result<()> {
        let mut text = String::from("name: bench\nservices:\n");
        for service in services {
            write!(text, "  {}: {{ run: \"{}\"", service.name, service.line())?;
            if let Some(port) = service.port {
                write!(text, ", port: {port}, live: {{ tcp: {port} }}")?;
            }
            writeln!(text, ", after: [{}] }}", service.after.join(", "))?;
        }
        fs::write(site.directory.join("seedbed.yaml"), text)?;
        Ok(())
    }

    fn start(&self, site: &Site) -> Command {
        self.command(site, &["up"])
    }

    fn is_background(&self) -> bool {
        true
    }

    fn stop(&self, site: &Site) -> Option<Command> {
        Some(self.command(site, &["destroy", "--yes"]))
    }

    fn has_order(&self) -> bool {
        true
    }

    fn leader(&self) -> &'static str {
        " supervise "
    }

    fn log(&self, site: &Site, _service: &str) -> PathBuf {
        site.directory.join(".seedbed/default/logs")
    }
}
