//! How one process is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// One process: what is executed, where, as whom, and where its output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// The program: with a slash relative to `directory`, without one looked up in the `PATH` of `env`.
    pub program: String,
    /// Its arguments, without the program's name.
    pub arguments: Vec<String>,
    /// The whole environment of the process; nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Where it runs; absolute.
    pub directory: PathBuf,
    /// The user that it becomes, which only root can ask for; `None`: the user of the supervisor.
    pub user: Option<UserId>,
    /// The file that its output is appended to; absolute.
    pub log: PathBuf,
}

/// A user and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId {
    /// The user id.
    pub uid: u32,
    /// The id of its group; supplementary groups are dropped.
    pub gid: u32,
}
