//! What a remote is told about the world, so that it does not look for itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The world as the caller sees it. Nothing here reads the process environment.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The environment: credentials, proxies, `PATH` for the programs that are run.
    pub env: BTreeMap<String, String>,
    /// A directory for what can be found out again, such as what a server was found to be able to do.
    pub cache: PathBuf,
    /// The home directory, where `.aws` and `.docker` are.
    pub home: PathBuf,
}

impl Settings {
    /// A variable that is set to more than nothing.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// How long a server may say nothing, in `SEEDBED_REMOTE_TIMEOUT` (seconds), else two minutes: a slow line needs that
    /// for a part of 8 MiB.
    pub(crate) fn silence(&self) -> Duration {
        let seconds =
            self.variable("SEEDBED_REMOTE_TIMEOUT").and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
        Duration::from_secs(seconds.unwrap_or(120))
    }

    /// A file that was named by a variable, or is at its place under the home directory.
    pub(crate) fn file(&self, variable: &str, under_home: &str) -> PathBuf {
        self.variable(variable).map_or_else(|| self.home.join(under_home), PathBuf::from)
    }

    /// The same world, but with nothing between us and a server of this machine.
    pub(crate) fn without_proxies(mut self) -> Self {
        self.env.retain(|name, _| !name.to_ascii_lowercase().ends_with("_proxy"));
        self
    }
}
