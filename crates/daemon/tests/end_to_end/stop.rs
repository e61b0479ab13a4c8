//! Stops: of some units, of stubborn ones, of everything.

use std::time::{Duration, Instant};

use supervisor::{ConditionState, UnitState};

use crate::place::{Place, UnitSpecWords, escaping, eventually, exists, is_alive, kill, processes_with};

#[test]
fn a_stop_takes_along_what_needs_it_and_nothing_else() {
    let place = Place::new();
    let sleeper = "exec sleep 1000";
    assert!(
        place
            .up(vec![
                place.service("server", sleeper),
                place.task("migrate", "true").after("server", ConditionState::Ready),
                place.service("web", sleeper).after("migrate", ConditionState::Succeeded),
                place.service("other", sleeper),
            ])
            .0
    );
    let states = place.stop("server");
    let states: Vec<String> = states.iter().map(|status| format!("{} {}", status.id, status.state)).collect();
    assert_eq!(states, ["migrate succeeded", "other ready", "server stopped", "web stopped"]);
    assert!(place.client().stop(&["nobody".into()], &mut |_| {}).is_err());
}

#[test]
fn a_group_that_ignores_the_signal_is_killed_whole() {
    let place = Place::new();
    let script =
        "trap '' TERM; (trap '' TERM; while :; do sleep 0.05; done) & echo $! > child; while :; do sleep 0.05; done";
    let unit = place.service("stubborn", script).stop_within(Duration::from_millis(100));
    assert!(place.up(vec![unit]).0);
    eventually("the child is there", || exists(&place.path("child")));
    let pid = place.status("stubborn").pid.expect("a process");
    let begin = Instant::now();
    let statuses = place.stop("stubborn");
    assert_eq!(statuses[0].state, UnitState::Stopped);
    assert!(begin.elapsed() >= Duration::from_millis(100));
    assert!(!is_alive(pid));
    let child = std::fs::read_to_string(place.path("child")).expect("the child's id");
    assert!(!is_alive(child.trim().parse().expect("an id")));
}

#[test]
fn a_unit_is_over_when_its_whole_group_is() {
    let place = Place::new();
    // The child needs a moment to end when it is asked to, and leaves a file when it has.
    let script = "(trap 'sleep 0.2; touch ended; exit' TERM; touch begun; while :; do sleep 0.01; done) & while [ ! -e begun ]; do sleep 0.01; done";
    let (ok, told) = place.up(vec![place.task("task", script)]);
    assert!(ok, "{told:#?}");
    assert!(place.path("ended").exists());
}

#[test]
fn what_escapes_from_its_group_ends_with_the_supervisor() {
    let place = Place::new();
    let word = format!("10{}", std::process::id());
    let (ok, _) = place.up(vec![place.task("escape", &escaping(&word))]);
    assert!(ok);
    assert_eq!(processes_with(&format!("sleep {word}")).len(), 1);
    place.down();
    assert_eq!(processes_with(&word), Vec::<u32>::new());
}

#[test]
fn signals_to_the_supervisor_stop_everything() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let place = Place::new();
        assert!(place.up(vec![place.service("web", "exec sleep 1000")]).0);
        let pid = place.status("web").pid.expect("a process");
        let supervisor = place.client().pid();
        kill(supervisor, signal);
        assert!(runtime::wait_gone(supervisor, Duration::from_secs(5)));
        assert!(!is_alive(pid));
    }
}

#[test]
fn a_supervisor_with_nothing_to_do_ends_by_itself() {
    let place = Place::new();
    let begin = Instant::now();
    let supervisor = place.client().pid();
    assert!(runtime::wait_gone(supervisor, Duration::from_secs(10)));
    assert!(begin.elapsed() >= Duration::from_secs(2));
    assert!(!place.socket().exists());
    assert!(!place.path("environment/groups").exists());
}
