//! What goes over the socket: one of these documents per line.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::wire_container::Container;

/// The version of the protocol, in both greetings.
pub(crate) const PROTOCOL: u32 = 4;

/// The longest line that a server reads: an apply of some hundred units, each with a whole environment.
pub(crate) const LINE_LIMIT: usize = 32 << 20;

/// The first line of each side.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub seedbed: u32,
    pub version: String,
    pub pid: u32,
}

impl Hello {
    pub(crate) fn own() -> Self {
        Self { seedbed: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned(), pid: std::process::id() }
    }
}

/// A line from a client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    Status,
    Apply {
        /// Environment variables that every process of `start` has, unless its own say otherwise.
        shared: BTreeMap<String, String>,
        start: Vec<Spec>,
        stop: Vec<String>,
    },
    Cancel,
    Done {
        unit: String,
        error: Option<String>,
    },
    Stop {
        units: Vec<String>,
    },
    Signal {
        units: Vec<String>,
        signal: String,
    },
    /// Where the terminal of a unit is.
    Terminal {
        unit: String,
    },
    /// Answered when no apply is under way.
    Settle,
    /// The supervisor and its units are needed for as long as this connection lasts.
    Hold {
        /// Who needs them.
        holder: String,
    },
    /// They are needed no longer; if nobody else holds them, everything is stopped.
    Release,
    Shutdown,
    /// The same, when all that the services have written is about to be removed.
    Discard,
}

/// A line from the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(crate) enum Reply {
    Status {
        units: Vec<Status>,
        /// Who holds the supervisor.
        holders: Vec<String>,
    },
    Changed {
        unit: Status,
    },
    Due {
        unit: String,
    },
    Finished {
        ok: bool,
    },
    Stopped,
    Signalled,
    /// The socket of a terminal, if the unit has one and runs.
    Terminal {
        socket: Option<String>,
    },
    Settled,
    Held,
    /// Others hold it still.
    Released,
    /// Everything is stopped; the connection ends.
    Gone,
    Error {
        kind: ErrorKind,
        message: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorKind {
    Busy,
    Refused,
    Malformed,
    Version,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    pub id: String,
    pub kind: Kind,
    #[serde(default)]
    pub after: Vec<Condition>,
    pub digest: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Service {
        process: Box<Process>,
        ready: Box<Ready>,
        stop: Box<Stop>,
        restart: Restart,
        live: Option<Box<Live>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lazy: Option<Lazy>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        watch: Option<Box<Watch>>,
        /// Whether its process has a terminal.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        terminal: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<Limits>,
    },
    Task {
        process: Box<Process>,
        timeout_ms: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        watch: Option<Box<Watch>>,
        /// Whether it counts as succeeded, and runs only when a file changes.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        done: bool,
    },
    External,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Condition {
    pub unit: String,
    pub state: ConditionState,
    /// Whether the unit is restarted whenever the other one is started anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
    /// Whether the other one is woken if it sleeps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wake: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConditionState {
    Started,
    Ready,
    Succeeded,
    Completed,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Process {
    pub program: String,
    pub arguments: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub directory: String,
    pub user: Option<User>,
    pub log: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Box<Container>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub uid: u32,
    pub gid: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub probe: Probe,
    pub timeout_ms: u64,
    pub interval_ms: Option<u64>,
    pub longest_pause_ms: Option<u64>,
    pub check_timeout_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Live {
    pub probe: Probe,
    pub interval_ms: u64,
    pub check_timeout_ms: u64,
    pub failures: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lazy {
    /// Where connections come in.
    pub port: u16,
    /// Where the service listens.
    pub to: u16,
    pub idle_ms: Option<u64>,
    pub awake: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub memory: Option<u64>,
    pub milli_cpus: Option<u32>,
    pub pids: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Watch {
    pub root: String,
    pub patterns: Vec<String>,
    pub ignore: Vec<String>,
    pub debounce_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Restart {
    pub policy: RestartPolicy,
    pub early: bool,
    pub pause_ms: u64,
    pub factor: u32,
    pub cap_ms: u64,
    pub success: BTreeSet<i32>,
    pub limit: Option<u32>,
    pub window_ms: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RestartPolicy {
    No,
    OnFailure,
    Always,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Probe {
    Started,
    Http(Box<Http>),
    Tcp {
        host: String,
        port: u16,
    },
    Unix {
        path: String,
        /// Whether something must be said there, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        greets: bool,
    },
    Command(Process),
    Health {
        container: String,
    },
    Log(String),
    Notify,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Http {
    pub host: String,
    pub port: u16,
    pub path: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
    pub status: Vec<u16>,
    pub body: Option<Body>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    Text(String),
    Regex(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub signal: String,
    /// What is run in place of the signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Process>,
    pub timeout_ms: u64,
    /// The signal in its place when all that the service has written is about to be removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discard: Option<String>,
    /// Whether it is asked only when it is ready, or should be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once_ready: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub id: String,
    pub kind: KindTag,
    pub state: State,
    pub pid: Option<u32>,
    pub since_ms: u64,
    pub started_ms: Option<u64>,
    pub ready_ms: Option<u64>,
    pub digest: String,
    pub detail: Option<String>,
    pub restarts: u32,
    pub last_end: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KindTag {
    Service,
    Task,
    External,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Waiting,
    Starting,
    Running,
    Ready,
    Asleep,
    Due,
    Stopping,
    Restarting,
    Succeeded,
    Failed(Failure),
    Blocked { by: String },
    Stopped,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    Spawn(String),
    ExitCode(i32),
    ExitSignal(i32),
    OutOfMemory,
    NotReady { timeout_ms: u64 },
    NotLive { failures: u32 },
    CrashLoop { restarts: u32 },
    TimedOut { timeout_ms: u64 },
    External(String),
    NotGone,
}
