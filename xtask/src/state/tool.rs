//! What every tool must be able to do to be measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

/// Where a tool works: nothing else of the machine is its own.
pub struct Site {
    /// All of it.
    pub directory: PathBuf,
}

impl Site {
    /// The directory that has `data` in it, and what a tool keeps beside it.
    pub fn work(&self) -> PathBuf {
        self.directory.join("work")
    }

    /// What snapshots are taken of.
    pub fn data(&self) -> PathBuf {
        self.work().join("data")
    }

    /// For the tool's store, if it is not below `work`.
    pub fn store(&self) -> PathBuf {
        self.directory.join("store")
    }

    /// A home directory of its own: no settings and no caches of anyone.
    pub fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// A program in an environment that has nothing of cargo and nothing of this user.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let is_of_cargo = text.starts_with("CARGO") || text.starts_with("RUSTUP") || text == "LD_LIBRARY_PATH";
            if is_of_cargo || text.starts_with("XDG_") || text.starts_with("GIT_") {
                command.env_remove(&name);
            }
        }
        command.env("HOME", self.home()).current_dir(self.work());
        command
    }

    /// Words for a shell, with some of them given as `$1`, `$2` and so on.
    pub fn shell(&self, script: &str, words: &[&str]) -> Command {
        let mut command = self.command("sh");
        command.args(["-euc", script, "sh"]).args(words);
        command
    }
}

/// A program that takes snapshots of a directory and restores them.
pub trait Tool {
    /// A word.
    fn name(&self) -> &'static str;

    /// Its version; an error when it cannot be had, which says how to install it.
    fn install(&mut self) -> Result<String>;

    /// Makes an empty store. `data` is there already.
    fn prepare(&self, site: &Site) -> Result<()>;

    /// The command that takes a snapshot of `data`.
    fn snapshot(&self, site: &Site, tag: &str) -> Command;

    /// The command that brings `data` to what a snapshot holds; `data` may be an empty directory.
    fn restore(&self, site: &Site, tag: &str) -> Command;

    /// What is counted as its store.
    fn stored(&self, site: &Site) -> Vec<PathBuf> {
        vec![site.store()]
    }

    /// A process that goes on between commands and whose costs count, too.
    fn companion(&self, _site: &Site) -> Option<u32> {
        None
    }

    /// Ends what goes on between commands.
    fn finish(&self, _site: &Site) {}
}
