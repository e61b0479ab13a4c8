//! How one process is started.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::ContainerSpec;

/// One process: what is executed, where, as whom, and where its output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// The program: with a slash relative to `directory`, without one looked up in the `PATH` of `env`.
    pub program: String,
    /// Its arguments, without the program's name.
    pub arguments: Vec<String>,
    /// The whole environment of the process; of the supervisor's own it gets nothing.
    pub env: Variables,
    /// Where it runs; absolute.
    pub directory: PathBuf,
    /// The user that it becomes, which only root can ask for; `None`: the user of the supervisor.
    pub user: Option<UserId>,
    /// The file that its output is appended to; absolute.
    pub log: PathBuf,
    /// The container that it is in. Of a service or a task, the container is what is run, and what is run in it stands there;
    /// a probe's command is run in that of its service.
    pub container: Option<Arc<ContainerSpec>>,
}

/// The environment variables of a process: its own, over those that many processes start from and therefore share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variables {
    /// What all processes of a command start from.
    pub shared: Arc<BTreeMap<String, String>>,
    /// What this one has besides, or otherwise.
    pub own: BTreeMap<String, String>,
}

impl Variables {
    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&String> {
        self.own.get(name).or_else(|| self.shared.get(name))
    }

    /// Goes through all variables, each once.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.shared.iter().filter(|(name, _)| !self.own.contains_key(*name)).chain(&self.own)
    }

    /// Returns what stands over `shared` for the same variables; what `shared` has too much stays.
    #[must_use]
    pub fn over(self, shared: &Arc<BTreeMap<String, String>>) -> Self {
        if Arc::ptr_eq(&self.shared, shared) || self.shared == *shared {
            return Self { shared: Arc::clone(shared), own: self.own };
        }
        let own = self.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { shared: Arc::clone(shared), own }
    }
}

impl From<BTreeMap<String, String>> for Variables {
    fn from(own: BTreeMap<String, String>) -> Self {
        Self { shared: Arc::default(), own }
    }
}

/// A user and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId {
    /// The user id.
    pub uid: u32,
    /// The id of its group; supplementary groups are dropped.
    pub gid: u32,
}

/// How much of the machine the processes of a unit may use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitSpec {
    /// Memory in bytes; who needs more is killed.
    pub memory: Option<u64>,
    /// Thousandths of a processor.
    pub milli_cpus: Option<u32>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

impl LimitSpec {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A socket on which a process says how it is, as services of systemd do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifySpec {
    /// How often it is to say that it is alive.
    pub watchdog: Option<std::time::Duration>,
}
