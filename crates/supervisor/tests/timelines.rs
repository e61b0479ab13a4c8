//! What the machine says at each moment of small, readable timelines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use supervisor::{
    Action, Condition, ConditionState, ContainerSpec, Event, Exit, Machine, Probe, ProcessSpec, ReadySpec, RequestId,
    Run, Signal, StopSpec, Timestamp, UnitId, UnitKind, UnitSpec,
};

/// A machine with a clock and a script. Units are written `NAME KIND [after NAME:STATE …]`.
struct Story {
    machine: Machine,
    now: u64,
    runs: BTreeMap<String, Run>,
    requests: u64,
}

impl Story {
    fn new() -> Self {
        Self { machine: Machine::new(), now: 0, runs: BTreeMap::new(), requests: 0 }
    }

    /// Tells the machine what a line says and returns its actions, one word group each.
    fn tell(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let unit = || UnitId::from(words[1]);
        let run = words.get(1).and_then(|name| self.runs.get(*name)).copied().unwrap_or_default();
        let exit =
            |text: &str| text.strip_prefix('-').map_or_else(|| Exit::Code(number(text)), |s| Exit::Signal(number(s)));
        let event = match words[0] {
            "cancel" => Event::Cancel,
            "shutdown" => Event::Shutdown,
            "discard" => Event::Discard,
            "at" => {
                self.now = words[1].parse().expect("a time in milliseconds");
                Event::Tick
            }
            "stop" => {
                self.requests += 1;
                Event::Stop {
                    request: RequestId(self.requests),
                    units: words[1..].iter().map(|&id| id.into()).collect(),
                }
            }
            "done" => Event::Done { unit: unit(), result: Ok(()) },
            "undone" => Event::Done { unit: unit(), result: Err(words[2].to_owned()) },
            "spawned" => Event::Spawned { unit: unit(), run, pid: 100 },
            "unspawned" => Event::SpawnFailed { unit: unit(), run, reason: words[2].to_owned() },
            "passed" => Event::Probed { unit: unit(), run, result: Ok(()) },
            "saw" => Event::Probed { unit: unit(), run, result: Err(words[2].to_owned()) },
            "exited" => Event::Exited { unit: unit(), run, exit: exit(words[2]), leftovers: false },
            "left" => Event::Exited { unit: unit(), run, exit: exit(words[2]), leftovers: true },
            "gone" => Event::Gone { unit: unit(), run },
            other => panic!("unknown word {other}"),
        };
        self.handle(event)
    }

    fn apply(&mut self, units: &[&str], stop: &[&str]) -> String {
        self.requests += 1;
        let start = units.iter().map(|text| unit(text)).collect();
        let stop = stop.iter().map(|&id| id.into()).collect();
        self.handle(Event::Apply { request: RequestId(self.requests), start, stop })
    }

    fn handle(&mut self, event: Event) -> String {
        let mut text = String::new();
        for action in self.machine.handle(event, Timestamp::from_millis(self.now)) {
            let part = match action {
                Action::Announce(status) => format!("{} {}", status.id, status.state),
                Action::Spawn { unit, run, .. } => {
                    self.runs.insert(unit.to_string(), run);
                    format!("SPAWN {unit}")
                }
                Action::Prepare { unit, .. } => format!("PREPARE {unit}"),
                Action::Probe { unit, .. } => format!("PROBE {unit}"),
                Action::StopProbe { unit, .. } => format!("UNPROBE {unit}"),
                Action::Signal { unit, signal, .. } => format!("{} {unit}", signal.name()),
                Action::Due(unit) => format!("DUE {unit}"),
                Action::Reject { error, .. } => format!("REJECT {error}"),
                Action::Finished { ok, .. } => format!("FINISHED {ok}"),
                Action::StopFinished { .. } => "STOPPED".to_owned(),
                Action::Exit => "EXIT".to_owned(),
            };
            write!(text, "{}{part}", if text.is_empty() { "" } else { ", " }).expect("a string takes everything");
        }
        text
    }

    /// Plays lines of `what happens -> what is done`.
    fn play(&mut self, lines: &[(&str, &str)]) {
        for (number, (line, wanted)) in lines.iter().enumerate() {
            let actions = self.tell(line);
            assert_eq!(actions, *wanted, "line {number}: {line}");
        }
    }

    fn detail(&self, id: &str) -> Option<String> {
        self.machine.statuses().into_iter().find(|status| status.id.as_str() == id)?.detail
    }
}

fn number(text: &str) -> i32 {
    text.parse().expect("a number")
}

fn unit(text: &str) -> UnitSpec {
    let words: Vec<&str> = text.split(' ').collect();
    let process = ProcessSpec {
        program: "true".into(),
        arguments: vec![],
        env: BTreeMap::new().into(),
        directory: PathBuf::from("/"),
        user: None,
        log: PathBuf::from("/dev/null"),
        container: None,
    };
    let service = |probe, process| UnitKind::Service {
        process,
        ready: ReadySpec { probe, timeout: Duration::from_secs(60), interval: None },
        stop: StopSpec { discard: Some(Signal::Quit), ..StopSpec::default() },
    };
    let kind = match words[1] {
        "service" => service(Probe::Tcp { host: "127.0.0.1".into(), port: 1 }, process),
        "started" => service(Probe::Started, process),
        "container" => {
            let container = Some(Arc::new(ContainerSpec { name: words[0].to_owned(), ..ContainerSpec::default() }));
            service(Probe::Started, ProcessSpec { container, ..process })
        }
        "task" => UnitKind::Task { process, timeout: Some(Duration::from_secs(600)) },
        "external" => UnitKind::External,
        other => panic!("unknown kind {other}"),
    };
    let after = words.iter().skip(3).map(|condition| {
        let (unit, state) = condition.split_once(':').expect("NAME:STATE");
        let states =
            [ConditionState::Started, ConditionState::Ready, ConditionState::Succeeded, ConditionState::Completed];
        let state = states.into_iter().find(|known| known.to_string() == state).expect("a state");
        Condition { unit: unit.into(), state }
    });
    UnitSpec { id: words[0].into(), kind, after: after.collect(), digest: String::new() }
}

/// A server, a database in it, and a service that needs it: all up, at time 0.
fn running() -> Story {
    let mut story = Story::new();
    story.apply(
        &["server started", "database external after server:ready", "web started after database:succeeded"],
        &[],
    );
    story.play(&[
        ("spawned server", "server ready, database due, DUE database"),
        ("done database", "database succeeded, web starting, SPAWN web"),
        ("spawned web", "web ready, FINISHED true"),
    ]);
    story
}

#[test]
fn an_apply_goes_through_its_layers() {
    let mut story = Story::new();
    let actions = story.apply(
        &[
            "web service after build:succeeded server:started",
            "server service",
            "build task",
            "log external after web:ready",
        ],
        &[],
    );
    assert_eq!(
        actions,
        "web waiting, server waiting, build waiting, log waiting, \
         build starting, SPAWN build, server starting, SPAWN server"
    );
    story.play(&[
        ("spawned build", "build running"),
        ("spawned server", "server running, PROBE server"),
        ("exited build 0", "build succeeded, web starting, SPAWN web"),
        ("spawned web", "web running, PROBE web"),
        ("passed web", "web ready, log due, DUE log"),
        ("done log", "log succeeded"),
        ("saw server nothing", ""),
        ("passed server", "server ready, FINISHED true"),
    ]);
    assert_eq!(story.machine.next_deadline(), None, "nothing is waited for once everything is ready");
}

#[test]
fn a_failure_blocks_those_that_need_it_and_nobody_else() {
    let mut story = Story::new();
    story.apply(
        &[
            "build task",
            "web started after build:succeeded",
            "proxy started after web:ready",
            "report task after build:completed",
            "other started",
        ],
        &[],
    );
    story.play(&[
        ("spawned build", "build running"),
        (
            "exited build 1",
            "build failed: exited with code 1, report starting, SPAWN report, web blocked by build, proxy blocked by build",
        ),
        ("unspawned report no-such-program", "report failed: no-such-program"),
        ("spawned other", "other ready, FINISHED false"),
    ]);
}

#[test]
fn a_service_that_is_not_ready_in_time_is_stopped_and_then_killed() {
    let mut story = Story::new();
    story.apply(&["web service"], &[]);
    story.play(&[
        ("spawned web", "web running, PROBE web"),
        ("saw web refused", ""),
        ("at 59999", ""),
        ("at 60000", "web stopping, UNPROBE web, TERM web"),
        ("at 69999", ""),
        ("at 70000", "KILL web"),
        ("left web -9", ""),
        ("gone web", "web failed: not ready within 60s, FINISHED false"),
    ]);
    assert_eq!(story.detail("web").as_deref(), Some("refused"), "the probe's last word stays");
}

#[test]
fn leftovers_of_a_group_are_stopped_before_a_unit_is_over() {
    let mut story = Story::new();
    story.apply(&["build task", "web started after build:succeeded"], &[]);
    story.play(&[
        ("spawned build", "build running"),
        ("left build 0", "build stopping, TERM build"),
        ("at 10000", "KILL build"),
        ("gone build", "build succeeded, web starting, SPAWN web"),
    ]);
}

#[test]
fn a_process_that_cannot_be_killed_ends_the_wait_and_keeps_its_place() {
    let mut story = running();
    story.play(&[
        ("stop web", "web stopping, TERM web"),
        ("at 10000", "KILL web"),
        ("at 15000", "web failed: its process is still there although it was killed, STOPPED"),
    ]);
    let again = story.apply(&["web started"], &[]);
    let lost = "web failed: its process is still there although it was killed";
    assert_eq!(again, format!("{lost}, FINISHED false"));
}

#[test]
fn a_stop_goes_through_what_is_between() {
    let mut story = running();
    story.play(&[
        ("stop server", "web stopping, TERM web"),
        ("exited web 0", "web stopped, server stopping, TERM server"),
        ("exited server -15", "server stopped, STOPPED"),
        ("stop nobody", "REJECT there is no unit nobody"),
    ]);
}

#[test]
fn an_apply_replaces_in_reverse_order_before_it_starts() {
    let mut story = running();
    let actions = story.apply(&["server started", "web started after server:ready"], &["database"]);
    assert_eq!(actions, "web stopping, TERM web");
    assert_eq!(story.apply(&["other started"], &[]), "REJECT another command is changing this environment");
    story.play(&[
        ("exited web 0", "web stopped, server stopping, TERM server"),
        ("exited server 0", "server stopped, server waiting, web waiting, server starting, SPAWN server"),
        ("spawned server", "server ready, web starting, SPAWN web"),
        ("spawned web", "web ready, FINISHED true"),
    ]);
}

#[test]
fn a_cancelled_apply_stops_what_it_started_and_nothing_else() {
    let mut story = running();
    story.apply(
        &["cache started", "worker service after cache:ready", "work external", "late task after work:succeeded"],
        &[],
    );
    story.play(&[
        ("spawned cache", "cache ready, worker starting, SPAWN worker"),
        ("cancel", "late stopped, work stopped, worker stopping"),
        ("spawned worker", "TERM worker"),
        ("done work", ""),
        ("exited worker -15", "worker stopped, cache stopping, TERM cache"),
        ("exited cache -15", "cache stopped, FINISHED false"),
        ("cancel", ""),
    ]);
}

#[test]
fn a_cancel_while_old_units_stop_leaves_the_rest_of_them() {
    let mut story = running();
    assert_eq!(story.apply(&["server started", "web started"], &[]), "web stopping, TERM web");
    story.play(&[("cancel", ""), ("exited web 0", "web stopped, FINISHED false")]);
    assert!(story.machine.statuses().iter().any(|status| status.id.as_str() == "server" && status.state.is_good()));
}

#[test]
fn a_shutdown_stops_everything_in_reverse_and_ends() {
    let mut story = running();
    story.apply(&["work external", "late task after work:succeeded"], &[]);
    story.play(&[
        ("shutdown", "late stopped, work stopped, web stopping, TERM web, FINISHED false"),
        ("exited web 0", "web stopped, server stopping, TERM server"),
        ("exited server 0", "server stopped, EXIT"),
        ("shutdown", ""),
    ]);
    assert_eq!(story.apply(&["web started"], &[]), "REJECT this environment is being stopped");
    assert_eq!(Story::new().tell("shutdown"), "EXIT");
}

#[test]
fn what_comes_too_late_changes_nothing() {
    let mut story = running();
    let old = story.runs["web"];
    story.apply(&["web started"], &[]);
    story.play(&[
        ("exited web 0", "web stopped, web waiting, web starting, SPAWN web"),
        ("spawned web", "web ready, FINISHED true"),
    ]);
    let late = Event::Exited { unit: "web".into(), run: old, exit: Exit::Code(0), leftovers: false };
    assert_eq!(story.handle(late), "");
    story.play(&[("done database", ""), ("done nobody", ""), ("exited web 3", "web failed: exited with code 3")]);
}

#[test]
fn a_request_that_makes_no_sense_is_refused_whole() {
    for (units, wanted) in [
        (&["a task after b:succeeded"][..], "a waits for b, which does not exist"),
        (&["a task", "a task"], "a is given twice"),
        (&["a task after b:ready", "b task"], "a waits for b to be ready, which it never is"),
        (&["a task after b:succeeded", "b started"], "a waits for b to be succeeded, which it never is"),
        (&["a task after a:succeeded"], "units wait for each other: a -> a"),
        (
            &[
                "z task after a:succeeded",
                "a task after b:succeeded",
                "b task after c:succeeded",
                "c task after a:completed",
            ],
            "units wait for each other: a -> b -> c -> a",
        ),
    ] {
        let mut story = Story::new();
        assert_eq!(story.apply(units, &[]), format!("REJECT {wanted}"));
        assert!(story.machine.statuses().is_empty());
        assert_eq!(story.apply(&["fine external"], &[]), "fine waiting, fine due, DUE fine");
    }
}

#[test]
fn units_that_need_each_other_across_applies_still_stop() {
    let mut story = Story::new();
    story.apply(&["a started", "b started after a:ready"], &[]);
    story.play(&[("spawned a", "a ready, b starting, SPAWN b"), ("spawned b", "b ready, FINISHED true")]);
    story.apply(&["a started after b:ready"], &[]);
    story.play(&[
        ("exited a 0", "a stopped, a waiting, a starting, SPAWN a"),
        ("spawned a", "a ready, FINISHED true"),
        ("shutdown", "a stopping, TERM a, b stopping, TERM b"),
        ("exited a 0", "a stopped"),
        ("exited b 0", "b stopped, EXIT"),
    ]);
}

#[test]
fn what_is_about_to_be_removed_is_stopped_by_another_signal() {
    let mut story = Story::new();
    story.apply(&["a started", "b started after a:ready"], &[]);
    story.play(&[("spawned a", "a ready, b starting, SPAWN b"), ("spawned b", "b ready, FINISHED true")]);
    story.play(&[
        ("discard", "b stopping, QUIT b"),
        ("exited b 0", "b stopped, a stopping, QUIT a"),
        ("exited a 0", "a stopped, EXIT"),
    ]);
}

#[test]
fn a_container_is_made_while_its_needs_start() {
    let mut story = Story::new();
    let actions = story.apply(&["web container after database:ready", "database container"], &[]);
    assert_eq!(
        actions,
        "web waiting, PREPARE web, database waiting, PREPARE database, database starting, SPAWN database"
    );
    story.play(&[
        ("spawned database", "database ready, web starting, SPAWN web"),
        ("spawned web", "web ready, FINISHED true"),
    ]);
}
