//! Supervisors that several processes need: the last one that goes takes it along.

use std::time::Duration;

use daemon::HoldEvent;

use crate::place::{FIXTURE, Place, eventually, exists, is_alive};

#[test]
fn a_supervisor_that_is_held_stays_until_the_last_holder_is_gone() {
    let place = Place::new();
    let mut first = place.client().hold("first").expect("an answer").expect("it is there");
    assert!(place.up(vec![place.service("server", "exec sleep 1000")]).0);
    let pid = place.status("server").pid.expect("a process");
    let second = place.client().hold("second").expect("an answer").expect("it is there");
    assert_eq!(place.client().holders().expect("an answer"), ["first", "second"]);
    assert!(!second.release().expect("an answer"), "the first is still there");
    assert!(is_alive(pid));
    first.releaser().release().expect("it is told");
    loop {
        match first.wait().expect("an event") {
            HoldEvent::Changed(_) => {}
            HoldEvent::Gone => break,
            HoldEvent::Released => panic!("nobody else holds it"),
        }
    }
    assert!(!is_alive(pid));
    assert!(!place.socket().exists());
}

#[test]
fn a_holder_that_dies_counts_no_more() {
    let place = Place::new();
    let holds: Vec<_> = ["first", "second"]
        .map(|name| place.client().hold(name).expect("an answer").expect("it is there"))
        .into_iter()
        .collect();
    assert!(place.up(vec![place.service("server", "exec sleep 1000")]).0);
    let (pid, supervisor) = (place.status("server").pid.expect("a process"), place.client().pid());
    // The end of a connection is all that is seen of a process that was killed.
    drop(holds);
    assert!(runtime::wait_gone(supervisor, Duration::from_secs(10)));
    eventually("the server is gone", || if is_alive(pid) { Err("it lives") } else { Ok(()) });
}

#[test]
fn whoever_comes_while_it_ends_waits_and_begins_anew() {
    for _ in 0..20 {
        let place = Place::new();
        let last = place.client().hold("last").expect("an answer").expect("it is there");
        assert!(
            place.up(vec![place.service("server", "trap 'sleep 0.05; exit' TERM; while :; do sleep 0.01; done")]).0
        );
        let supervisor = place.client().pid();
        let client = place.client();
        let leaving = std::thread::spawn(move || last.release().expect("an answer"));
        let held = client.hold("next").expect("an answer");
        let was_last = leaving.join().expect("no panic");
        // Either it came before the last one went, and that was not the last one; or it waited for the end.
        assert_eq!(held.is_none(), was_last);
        assert_eq!(held.is_some(), is_alive(supervisor));
    }
}

#[test]
fn a_supervisor_that_is_started_from_within_an_environment_is_not_part_of_it() {
    let (outer, inner) = (Place::new(), Place::new());
    let script = format!(
        "{FIXTURE} start {} {}; exec sleep 1000",
        inner.path("environment").display(),
        inner.socket().display()
    );
    assert!(outer.up(vec![outer.service("web", &script)]).0);
    eventually("the inner one listens", || exists(&inner.socket()));
    let hold = inner.client().hold("test").expect("an answer").expect("it is there");
    let pid = inner.client().pid();
    outer.down();
    assert!(is_alive(pid));
    assert!(hold.release().expect("an answer"));
    assert!(!is_alive(pid));
}
