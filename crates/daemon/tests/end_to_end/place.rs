//! A supervisor of a test's own, and the words to say what it shall run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use daemon::{ApplyEvent, Client, ClientError};
use supervisor::{
    Condition, ConditionState, LifeSpec, LimitSpec, LiveSpec, Probe, ProcessSpec, ReadySpec, RestartPolicy,
    RestartSpec, StopSpec, UnitId, UnitKind, UnitSpec, UnitState, UnitStatus, UserId,
};
use tempfile::TempDir;

pub const FIXTURE: &str = env!("CARGO_BIN_EXE_daemon-fixture");

/// A directory with an environment; its supervisor ends with it.
pub struct Place {
    pub root: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { root: tempfile::Builder::new().prefix("sb").tempdir().expect("a directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("s")
    }

    pub fn start(&self) -> Result<Client, ClientError> {
        let arguments = ["supervise".into(), self.path("environment").into(), OsString::from(self.socket())];
        Client::start(FIXTURE.as_ref(), &arguments, &self.socket(), &self.path("supervisor.log"))
    }

    pub fn client(&self) -> Client {
        match Client::connect(&self.socket()).expect("a usable socket") {
            Some(client) => client,
            None => self.start().expect("a supervisor"),
        }
    }

    /// Applies and follows to the end; returns whether it went well and everything that was told.
    pub fn up(&self, units: Vec<UnitSpec>) -> (bool, Vec<UnitStatus>) {
        let mut apply = self.client().apply(units, vec![]).expect("an apply");
        let answerer = apply.answerer();
        let mut told = Vec::new();
        loop {
            match apply.next().expect("an event") {
                ApplyEvent::Changed(status) => told.push(status),
                ApplyEvent::Due(unit) => answerer.done(&unit, Ok(())).expect("an answer"),
                ApplyEvent::Finished { ok } => return (ok, told),
            }
        }
    }

    pub fn down(&self) {
        self.client().shutdown(&mut |_| {}).expect("an end");
    }

    /// Stops a unit and all that need it, and returns how every unit is then.
    pub fn stop(&self, id: &str) -> Vec<UnitStatus> {
        let mut client = self.client();
        client.stop(&[id.into()], &mut |_| {}).expect("a stop");
        client.status().expect("a status")
    }

    pub fn status(&self, id: &str) -> UnitStatus {
        let statuses = self.client().status().expect("a status");
        statuses.into_iter().find(|status| status.id.as_str() == id).expect("a known unit")
    }

    pub fn process(&self, id: &str, program: &str, arguments: &[&str]) -> ProcessSpec {
        ProcessSpec {
            program: program.to_owned(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]).into(),
            directory: self.root.path().to_owned(),
            user: None,
            log: self.log(id),
            container: None,
        }
    }

    pub fn log(&self, id: &str) -> PathBuf {
        self.path(&format!("logs/{id}.log"))
    }

    pub fn log_texts(&self, id: &str) -> Vec<String> {
        let lines = runtime::tail(&self.log(id), usize::MAX).expect("a log");
        lines.into_iter().map(|line| line.text).collect()
    }

    /// A service of a shell script.
    pub fn service(&self, id: &str, script: &str) -> UnitSpec {
        let ready = ReadySpec::new(Probe::Started, Duration::from_secs(10));
        let stop = StopSpec { timeout: Duration::from_secs(5), ..StopSpec::default() };
        let process = self.process(id, "sh", &["-c", script]);
        UnitSpec {
            id: id.into(),
            kind: UnitKind::Service {
                process,
                ready,
                stop,
                life: Box::new(LifeSpec {
                    restart: RestartSpec::never(),
                    live: None,
                    lazy: None,
                    watch: None,
                    has_terminal: false,
                    limits: LimitSpec::default(),
                }),
            },
            after: vec![],
            digest: script.to_owned(),
        }
    }

    pub fn task(&self, id: &str, script: &str) -> UnitSpec {
        let process = self.process(id, "sh", &["-c", script]);
        UnitSpec {
            id: id.into(),
            kind: UnitKind::Task { process, timeout: None, watch: None, is_done: false },
            after: vec![],
            digest: String::new(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Ok(Some(client)) = Client::connect(&self.socket()) {
            // A test that fails must not leave processes; one that succeeds has looked itself.
            let _ = client.shutdown(&mut |_| {});
        }
    }
}

pub trait UnitSpecWords: Sized {
    fn after(self, unit: &str, state: ConditionState) -> Self;
    fn probe(self, probe: Probe) -> Self;
    fn ready_within(self, timeout: Duration) -> Self;
    fn stop_within(self, timeout: Duration) -> Self;
    fn user(self, user: UserId) -> Self;
    fn restart(self, policy: RestartPolicy) -> Self;
    fn live(self, probe: Probe, interval: Duration) -> Self;
    fn stop_command(self, command: ProcessSpec) -> Self;
}

impl UnitSpecWords for UnitSpec {
    fn after(mut self, unit: &str, state: ConditionState) -> Self {
        self.after.push(Condition::new(unit.into(), state));
        self
    }

    fn probe(mut self, wanted: Probe) -> Self {
        if let UnitKind::Service { ready, .. } = &mut self.kind {
            ready.probe = wanted;
        }
        self
    }

    fn ready_within(mut self, timeout: Duration) -> Self {
        if let UnitKind::Service { ready, .. } = &mut self.kind {
            ready.timeout = timeout;
        }
        self
    }

    fn stop_within(mut self, timeout: Duration) -> Self {
        if let UnitKind::Service { stop, .. } = &mut self.kind {
            stop.timeout = timeout;
        }
        self
    }

    fn user(mut self, user: UserId) -> Self {
        if let UnitKind::Service { process, .. } | UnitKind::Task { process, .. } = &mut self.kind {
            process.user = Some(user);
        }
        self
    }

    /// Restarts without long pauses, at most three.
    fn restart(mut self, policy: RestartPolicy) -> Self {
        if let UnitKind::Service { life, .. } = &mut self.kind {
            let pause = Duration::from_millis(20);
            life.restart = RestartSpec { policy, pause, limit: Some(3), ..RestartSpec::default() };
        }
        self
    }

    fn live(mut self, probe: Probe, interval: Duration) -> Self {
        if let UnitKind::Service { life, .. } = &mut self.kind {
            life.live = Some(LiveSpec { probe, interval, check_timeout: Duration::from_secs(5), failures: 2 });
        }
        self
    }

    fn stop_command(mut self, command: ProcessSpec) -> Self {
        if let UnitKind::Service { stop, .. } = &mut self.kind {
            stop.command = Some(Box::new(command));
        }
        self
    }
}

/// A script that ends when a `sleep` which it started has left its process group, but not its output.
pub fn escaping(seconds: &str) -> String {
    let escape = format!("setsid sh -c 'touch escaped; exec sleep {seconds}'");
    format!("{escape} & while [ ! -e escaped ]; do sleep 0.01; done; sleep 0.05; echo escaped")
}

pub fn external(id: &str) -> UnitSpec {
    UnitSpec { id: UnitId::from(id), kind: UnitKind::External, after: vec![], digest: String::new() }
}

/// Waits until something holds; panics with what was seen last.
pub fn eventually<T: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> Result<(), T>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match look() {
            Ok(()) => return,
            Err(seen) if Instant::now() > deadline => panic!("{what}: {seen:?}"),
            Err(_) => std::thread::yield_now(),
        }
    }
}

/// Returns the processes whose words contain `text`, zombies left out.
pub fn processes_with(text: &str) -> Vec<u32> {
    let output = Command::new("ps").args(["-eo", "pid=,stat=,args="]).output().expect("a list of processes");
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    let own = std::process::id();
    list.lines()
        .filter(|line| line.contains(text))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let pid = words.next()?.parse().ok()?;
            (!words.next()?.starts_with('Z')).then_some(pid)
        })
        .filter(|pid| *pid != own)
        .collect()
}

pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process");
    rustix::process::kill_process(pid, signal).expect("a living process");
}

/// Returns the last state of each unit that was told of.
pub fn last_states(told: &[UnitStatus]) -> BTreeMap<String, UnitState> {
    told.iter().map(|status| (status.id.to_string(), status.state.clone())).collect()
}

pub fn exists(path: &Path) -> Result<(), String> {
    if path.exists() { Ok(()) } else { Err(format!("{} is not there", path.display())) }
}
