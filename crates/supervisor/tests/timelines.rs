//! What the machine says at each moment of small, readable timelines.
//!
//! Each file under `timelines/` is a story: a line says what happens, the line below it, after `=>`, what the machine does
//! about it. `apply` is followed by the units that shall start (`+ NAME KIND [WORD=VALUE …] [after NAME:STATE …]`) and
//! those that shall stop (`- NAME`). `traffic NAME WAITING OPEN` is what a gate tells. With `SEEDBED_BLESS` set the answers are written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use supervisor::{
    Action, Condition, ConditionState, ContainerSpec, Event, Exit, Gate, LazySpec, LifeSpec, LimitSpec, LiveSpec,
    Machine, Probe, ProcessSpec, ReadySpec, RequestId, RestartPolicy, RestartSpec, Run, Signal, StopSpec, Timestamp,
    UnitId, UnitKind, UnitSpec, UnitStatus, WatchSpec,
};

#[test]
fn each_answer_is_the_one_in_its_story() {
    let bless = std::env::var_os("SEEDBED_BLESS").is_some();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/timelines");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).expect("there are stories").map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert!(paths.len() > 20, "only {} stories", paths.len());
    let mut different = Vec::new();
    for path in paths {
        let told = fs::read_to_string(&path).expect("a story");
        let played = Story::new().play(&told);
        if bless {
            fs::write(&path, &played).expect("written");
        } else if played != told {
            different.push(format!("{}:\n{played}", path.display()));
        }
    }
    assert!(different.is_empty(), "set SEEDBED_BLESS=1 to accept:\n{}", different.join("\n"));
}

/// A machine with a clock and a script.
struct Story {
    machine: Machine,
    now: u64,
    /// The runs of each unit.
    runs: BTreeMap<String, Vec<Run>>,
    requests: u64,
}

impl Story {
    fn new() -> Self {
        Self { machine: Machine::new(), now: 0, runs: BTreeMap::new(), requests: 0 }
    }

    /// Plays a story and returns it with the answers that there are.
    fn play(&mut self, told: &str) -> String {
        let mut played = String::new();
        let mut lines = told.lines().filter(|line| !line.starts_with("=> ")).peekable();
        while let Some(line) = lines.next() {
            played.push_str(line);
            played.push('\n');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut below = Vec::new();
            while let Some(line) = lines.next_if(|line| line.starts_with("  ")) {
                played.push_str(line);
                played.push('\n');
                below.push(line.trim());
            }
            let answer = self.tell(line, &below);
            if !answer.is_empty() {
                played.extend(["=> ", &answer, "\n"]);
            }
        }
        played
    }

    /// Tells the machine what a line says and returns its actions, one word group each.
    fn tell(&mut self, line: &str, below: &[&str]) -> String {
        let (line, is_late) = line.strip_prefix("late ").map_or((line, false), |line| (line, true));
        let words: Vec<&str> = line.split(' ').collect();
        let rest = |from: usize| words[from..].join(" ");
        let unit = || UnitId::from(words[1]);
        let ids = |words: &[&str]| words.iter().map(|&id| id.into()).collect();
        let run = self.run(words.get(1).copied().unwrap_or_default(), is_late);
        match words[0] {
            "detail" => return self.status(words[1]).detail.unwrap_or_else(|| "nothing".to_owned()),
            "restarts" => {
                let UnitStatus { restarts, last_end, .. } = self.status(words[1]);
                return format!("{restarts}; {}", last_end.unwrap_or_else(|| "never ended".to_owned()));
            }
            "idle" => return self.machine.is_idle().to_string(),
            "deadline" => {
                let deadline = self.machine.next_deadline();
                return deadline.map_or("none".to_owned(), |deadline| deadline.as_millis().to_string());
            }
            "at" => self.now = words[1].parse().expect("a time in milliseconds"),
            "apply" | "stop" | "signal" => self.requests += 1,
            _ => {}
        }
        let request = RequestId(self.requests);
        let event = match words[0] {
            "apply" => {
                let start = below.iter().filter_map(|line| line.strip_prefix("+ ")).map(read_unit).collect();
                let stop = below.iter().filter_map(|line| line.strip_prefix("- ")).map(UnitId::from).collect();
                Event::Apply { request, start, stop }
            }
            "cancel" => Event::Cancel,
            "shutdown" => Event::Shutdown,
            "discard" => Event::Discard,
            "at" => Event::Tick,
            "stop" => Event::Stop { request, units: ids(&words[1..]) },
            "signal" => {
                let signal = Signal::from_name(words[1]).expect("a signal");
                Event::Signal { request, units: ids(&words[2..]), signal }
            }
            "done" => Event::Done { unit: unit(), result: Ok(()) },
            "undone" => Event::Done { unit: unit(), result: Err(rest(2)) },
            "spawned" => Event::Spawned { unit: unit(), run, pid: 100 },
            "unspawned" => Event::SpawnFailed { unit: unit(), run, reason: rest(2) },
            "passed" => Event::Probed { unit: unit(), run, result: Ok(()) },
            "saw" => Event::Probed { unit: unit(), run, result: Err(rest(2)) },
            "alive" => Event::Checked { unit: unit(), run, result: Ok(()) },
            "dead" => Event::Checked { unit: unit(), run, result: Err(rest(2)) },
            "changed" => {
                let others = words.get(3).map_or(0, |others| number(others));
                Event::FilesChanged { unit: unit(), path: words[2].to_owned(), others }
            }
            "unwatched" => Event::WatchFailed { unit: unit(), reason: rest(2) },
            "traffic" => Event::Traffic { unit: unit(), waiting: number(words[2]), open: number(words[3]) },
            "unlistened" => Event::GateFailed { unit: unit(), reason: rest(2) },
            "says" => Event::Noted { unit: unit(), run, text: rest(2) },
            "unstopped" => Event::StopCommandFailed { unit: unit(), run },
            "exited" => Event::Exited { unit: unit(), run, exit: exit(words[2]), leftovers: false },
            "left" => Event::Exited { unit: unit(), run, exit: exit(words[2]), leftovers: true },
            "gone" => Event::Gone { unit: unit(), run },
            other => panic!("unknown word {other}"),
        };
        self.handle(event)
    }

    /// The last run of a unit, or the one before.
    fn run(&self, unit: &str, is_late: bool) -> Run {
        let runs = self.runs.get(unit).map(Vec::as_slice).unwrap_or_default();
        runs.iter().rev().nth(usize::from(is_late)).copied().unwrap_or_default()
    }

    fn handle(&mut self, event: Event) -> String {
        let mut parts = Vec::new();
        for action in self.machine.handle(event, Timestamp::from_millis(self.now)) {
            parts.push(match action {
                Action::Announce(status) => format!("{} {}", status.id, status.state),
                Action::Spawn { unit, run, why, .. } => {
                    self.runs.entry(unit.to_string()).or_default().push(run);
                    why.map_or_else(|| format!("SPAWN {unit}"), |why| format!("SPAWN {unit} ({why})"))
                }
                Action::Remark { unit, text, .. } => format!("REMARK {unit}: {text}"),
                Action::Hold { unit, .. } => format!("HOLD {unit}"),
                Action::Admit { unit } => format!("ADMIT {unit}"),
                Action::Watch { unit, .. } => format!("WATCH {unit}"),
                Action::Unwatch { unit } => format!("UNWATCH {unit}"),
                Action::CloseGate { unit } => format!("CLOSE {unit}"),
                Action::Prepare { unit, .. } => format!("PREPARE {unit}"),
                Action::Probe { unit, .. } => format!("PROBE {unit}"),
                Action::Check { unit, .. } => format!("CHECK {unit}"),
                Action::StopProbe { unit, .. } => format!("UNPROBE {unit}"),
                Action::StopCommand { unit, .. } => format!("STOP-COMMAND {unit}"),
                Action::Signal { unit, signal, .. } => format!("{} {unit}", signal.name()),
                Action::Due(unit) => format!("DUE {unit}"),
                Action::Reject { error, .. } => format!("REJECT {error}"),
                Action::Finished { ok, .. } => format!("FINISHED {ok}"),
                Action::StopFinished { .. } => "STOPPED".to_owned(),
                Action::Signalled { .. } => "SIGNALLED".to_owned(),
                Action::Exit => "EXIT".to_owned(),
            });
        }
        parts.join(", ")
    }

    fn status(&self, id: &str) -> UnitStatus {
        self.machine.statuses().into_iter().find(|status| status.id.as_str() == id).expect("a known unit")
    }
}

fn number<N: std::str::FromStr>(text: &str) -> N {
    text.parse().ok().expect("a number")
}

/// An exit code, or a signal after `-`.
fn exit(text: &str) -> Exit {
    text.strip_prefix('-').map_or_else(|| Exit::Code(number(text)), |signal| Exit::Signal(number(signal)))
}

fn process() -> ProcessSpec {
    ProcessSpec {
        program: "true".into(),
        arguments: vec![],
        env: BTreeMap::new().into(),
        directory: PathBuf::from("/"),
        user: None,
        log: PathBuf::from("/dev/null"),
        container: None,
    }
}

/// Reads a unit. A service that says nothing of it is never restarted.
fn read_unit(text: &str) -> UnitSpec {
    let (unit, after) = text.split_once(" after ").map_or((text, ""), |(unit, after)| (unit, after));
    let mut words = unit.split(' ');
    let (id, kind) = (words.next().expect("a name"), words.next().expect("a kind"));
    let settings: BTreeMap<&str, &str> = words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
    let probe = match kind {
        "started" | "container" => Some(Probe::Started),
        "service" => Some(Probe::Tcp { host: "127.0.0.1".into(), port: 1 }),
        "logging" => Some(Probe::Log("up".into())),
        "notifying" => Some(Probe::Notify),
        _ => None,
    };
    let container = (kind == "container").then(|| {
        let container = ContainerSpec { name: id.to_owned(), ..ContainerSpec::default() };
        Arc::new(container)
    });
    let mut kind = match (kind, probe) {
        (_, Some(probe)) => service(probe, &settings),
        ("task", _) => UnitKind::Task {
            process: process(),
            timeout: Some(Duration::from_secs(600)),
            watch: watch(&settings),
            is_done: settings.contains_key("is-done"),
        },
        ("external", _) => UnitKind::External,
        (other, _) => panic!("unknown kind {other}"),
    };
    if let UnitKind::Service { process, .. } = &mut kind {
        process.container = container;
    }
    let after = after.split(' ').filter(|word| !word.is_empty()).map(read_condition);
    UnitSpec { id: id.into(), kind, after: after.collect(), digest: String::new() }
}

/// Reads `NAME:STATE`, `NAME:STATE:restart` or `NAME:STATE:wake`.
fn read_condition(text: &str) -> Condition {
    let mut parts = text.split(':');
    let (unit, state) = (parts.next().expect("a name"), parts.next().expect("a state"));
    let states = [ConditionState::Started, ConditionState::Ready, ConditionState::Succeeded, ConditionState::Completed];
    let state = states.into_iter().find(|known| known.to_string() == state).expect("a state");
    let more = parts.next();
    Condition { unit: unit.into(), state, restart: more == Some("restart"), wake: more == Some("wake") }
}

/// `watch=MILLISECONDS`: how long nothing more must have changed.
fn watch(settings: &BTreeMap<&str, &str>) -> Option<WatchSpec> {
    let debounce = Duration::from_millis(number(settings.get("watch")?));
    Some(WatchSpec { root: PathBuf::from("/"), patterns: vec!["src".into()], ignore: vec![], debounce })
}

fn service(probe: Probe, settings: &BTreeMap<&str, &str>) -> UnitKind {
    let usual = RestartSpec::default();
    let policy = match settings.get("restart") {
        None => RestartPolicy::No,
        Some(&"always") => RestartPolicy::Always,
        Some(_) => RestartPolicy::OnFailure,
    };
    let restart = RestartSpec {
        policy,
        early: settings.contains_key("early"),
        limit: settings.get("max").map_or(usual.limit, |max| Some(number(max))),
        success: settings.get("success").map_or(usual.success, |code| BTreeSet::from([0, number(code)])),
        ..usual
    };
    let live = settings.get("live").map(|failures| LiveSpec {
        probe: Probe::Tcp { host: "127.0.0.1".into(), port: 1 },
        interval: Duration::from_secs(10),
        check_timeout: Duration::from_secs(5),
        failures: number(failures),
    });
    let lazy = settings.get("lazy").map(|idle| LazySpec {
        gate: Gate { port: settings.get("port").map_or(1, |port| number(port)), to: 2 },
        idle: idle.parse().ok().map(Duration::from_secs),
        awake: settings.contains_key("awake"),
    });
    let command = settings.contains_key("stop-command").then(|| Box::new(process()));
    let usual = StopSpec::default();
    let timeout = settings.get("stop").map_or(usual.timeout, |seconds| Duration::from_secs(number(seconds)));
    UnitKind::Service {
        process: process(),
        ready: ReadySpec::new(probe, Duration::from_secs(60)),
        stop: StopSpec {
            command,
            timeout,
            discard: Some(Signal::Quit),
            once_ready: settings.contains_key("once-ready"),
            ..usual
        },
        life: Box::new(LifeSpec {
            restart,
            live,
            lazy,
            watch: watch(settings),
            has_terminal: false,
            limits: LimitSpec::default(),
        }),
    }
}

#[test]
fn a_request_that_makes_no_sense_is_refused_whole() {
    for (units, wanted) in [
        (&["+ a task after b:succeeded"][..], "a waits for b, which does not exist"),
        (&["+ a task", "+ a task"], "a is given twice"),
        (&["+ a task after b:ready", "+ b task"], "a waits for b to be ready, which it never is"),
        (&["+ a task after b:started", "+ b external"], "a waits for b to be started, which it never is"),
        (&["+ a task after b:succeeded", "+ b started"], "a waits for b to be succeeded, which it never is"),
        (&["+ a task after a:succeeded"], "units wait for each other: a -> a"),
        (
            &[
                "+ z task after a:succeeded",
                "+ a task after b:succeeded",
                "+ b task after c:succeeded",
                "+ c task after a:completed",
            ],
            "units wait for each other: a -> b -> c -> a",
        ),
    ] {
        let mut story = Story::new();
        assert_eq!(story.tell("apply", units), format!("REJECT {wanted}"));
        assert!(story.machine.statuses().is_empty());
        assert_eq!(story.tell("apply", &["+ fine external"]), "fine waiting, fine due, DUE fine");
    }
}
