//! The two programs, and the ways in which each keeps data.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::bench::measured as plain;
use crate::run::output;

/// What dws consists of, from PyPI.
const DWS: [&str; 3] = ["dataworkspaces==1.6.0", "click==8.5.1", "setuptools==65.5.0"];

/// How data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In the store of the workspace.
    Content,
    /// In git, as a sub-directory.
    Git,
    /// In git, by git-lfs.
    Lfs,
    /// Not at all; digests of files are.
    Fingerprint,
    /// Not at all; sizes of files are.
    Sizes,
}

/// A program that is used in one way.
pub struct Program {
    path: PathBuf,
    is_ours: bool,
    way: Way,
}

impl Program {
    /// Ours.
    pub fn ours(path: &Path, way: Way) -> Self {
        Self { path: path.to_owned(), is_ours: true, way }
    }

    /// dws.
    pub fn dws(path: &Path, way: Way) -> Self {
        Self { path: path.to_owned(), is_ours: false, way }
    }

    /// Whether it is ours.
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// How data is kept.
    pub fn way(&self) -> Way {
        self.way
    }

    /// What it is called in the figures.
    pub fn name(&self) -> String {
        let way = match self.way {
            Way::Content => "store",
            Way::Git => "git",
            Way::Lfs => "git-lfs",
            Way::Fingerprint => "digests",
            Way::Sizes => "sizes",
        };
        format!("{} {way}", if self.is_ours { "seedbed" } else { "dws" })
    }

    /// Whether data comes back with a restore.
    pub fn keeps(&self) -> bool {
        matches!(self.way, Way::Content | Way::Git | Way::Lfs)
    }

    fn command(&self, directory: &Path, words: &[&str]) -> Command {
        let mut command = plain(&self.path);
        if self.is_ours {
            command.arg("--quiet");
        } else {
            command.arg("--batch");
        }
        command.args(words).current_dir(directory).env("HOME", directory.with_file_name("home"));
        command
    }

    /// Makes a workspace of a directory.
    pub fn init(&self, directory: &Path) -> Command {
        match (self.is_ours, self.way) {
            (true, _) => self.command(directory, &["init", "--data"]),
            (false, Way::Lfs) => self.command(directory, &["init", "--git-lfs-attributes", "*.bin"]),
            (false, _) => self.command(directory, &["init"]),
        }
    }

    /// Makes a resource of the directory `data` in it.
    pub fn add(&self, directory: &Path) -> Command {
        let words: &[&str] = match self.way {
            Way::Content | Way::Sizes => &["add", "local-files", "--role", "source-data", "--name", "data", "data"],
            Way::Git | Way::Lfs => &["add", "git", "--role", "source-data", "--name", "data", "data"],
            Way::Fingerprint => {
                &["add", "local-files", "--role", "source-data", "--name", "data", "--compute-hash", "data"]
            }
        };
        self.command(directory, words)
    }

    /// Takes a snapshot.
    pub fn snapshot(&self, directory: &Path, tag: &str) -> Command {
        self.command(directory, &["snapshot", "-m", "measured", tag])
    }

    /// Brings the data back.
    pub fn restore(&self, directory: &Path, tag: &str) -> Command {
        self.command(directory, &["restore", tag])
    }

    /// Says what changed.
    pub fn status(&self, directory: &Path) -> Command {
        let words: &[&str] = if self.is_ours { &["status"] } else { &["report", "status"] };
        self.command(directory, words)
    }
}

/// Installs dws in a directory of its own, and says where its program is.
pub fn install(work: &Path) -> Result<PathBuf> {
    let directory = work.join("dws");
    let program = directory.join("bin/dws");
    if !program.exists() {
        output(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
        output(Command::new(directory.join("bin/python")).args(["-m", "pip", "install", "--quiet"]).args(DWS))?;
    }
    Ok(program)
}
