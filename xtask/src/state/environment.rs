//! An environment of ours, with a home directory of its own: nothing that this user has is touched, and nothing is left.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::measure::{Cost, measure};
use super::processes;
use super::tool::Site;
use crate::run::output;

/// A workspace, and the program that is run in it.
pub struct Environment {
    program: PathBuf,
    site: Site,
    workspace: PathBuf,
    name: String,
    variables: Vec<(&'static str, String)>,
}

impl Environment {
    /// Takes a workspace; the home directory is the one of the site.
    pub fn new(program: &Path, site: Site, workspace: PathBuf) -> Self {
        let (program, name) = (program.to_owned(), "default".to_owned());
        Self { program, site, workspace, name, variables: Vec::new() }
    }

    /// The same, whose commands are given these variables.
    pub fn with(mut self, variables: Vec<(&'static str, String)>) -> Self {
        self.variables = variables;
        self
    }

    /// The same, one of several of the workspace.
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The command with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.site.command(&self.program);
        command
            .arg("-C")
            .arg(&self.workspace)
            .args(["--name", &self.name, "--quiet"])
            .args(arguments)
            .current_dir(&self.workspace)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        // Tasks may build something, with the toolchain that is below the true home directory.
        let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        for (name, default) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            command.env(name, std::env::var_os(name).unwrap_or_else(|| home.join(default).into_os_string()));
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<()> {
        super::stop::check()?;
        output(&mut self.command(arguments))?;
        Ok(())
    }

    /// Runs a command, measured, and takes its report.
    pub fn report(&self, arguments: &[&str]) -> Result<(Cost, Value)> {
        let (cost, text) = measure(self.command(arguments).arg("--json"))?;
        let value = serde_json::from_str(&text).with_context(|| format!("no JSON of {arguments:?}: {text}"))?;
        Ok((cost, value))
    }

    /// The process that stays between commands.
    pub fn supervisor(&self) -> Option<u32> {
        processes::supervisor(&self.workspace.join(".seedbed"))
    }

    /// The root of its workspace.
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // It may never have been made, and what measured it has failed already if this does.
        let _ = self.command(&["destroy", "--yes"]).output();
    }
}

/// How long the steps of a report took whose names have one of these words, in seconds, and how many there were.
pub fn steps(report: &Value, words: &[&str]) -> (f64, usize) {
    let steps = report["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = steps.iter().filter(|step| {
        let text =
            format!("{} {}", step["step"].as_str().unwrap_or_default(), step["title"].as_str().unwrap_or_default());
        words.iter().any(|word| text.contains(word))
    });
    wanted.fold((0.0, 0), |(seconds, count), step| {
        (seconds + step["took_ms"].as_f64().unwrap_or_default() / 1000.0, count + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_found_by_a_word_of_their_name_or_title() {
        let report = serde_json::json!({ "steps": [
            { "step": "reset:lms/lms", "title": "bring lms/lms back", "took_ms": 20 },
            { "step": "server:postgres", "title": "start postgres", "took_ms": 300 },
        ] });
        assert_eq!(steps(&report, &["lms/lms"]), (0.02, 1));
        assert_eq!(steps(&report, &["postgres", "back"]), (0.32, 2));
        assert_eq!(steps(&serde_json::json!({}), &["lms"]), (0.0, 0));
    }
}
