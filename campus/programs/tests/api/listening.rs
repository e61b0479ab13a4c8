//! What the learning management system tells is done here, once and in order.

use std::time::{Duration, Instant};

use programs::Settings;
use serde_json::{Value, json};

use crate::harness::{System, listening};
use crate::lms::{Content, Lms, course, event, organization};

const SEEDS: &str = "course-v1:edX+Seeds+2025";
const COURSE: &str = "org.openedx.content_authoring.course.catalog_info.changed.v1";
const ENROLLMENT: &str = "org.openedx.learning.course.enrollment.created.v1";

fn until(wanted: impl Fn() -> bool, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !wanted() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

fn enrolled(username: &str, course: &str, mode: &str) -> Value {
    json!({ "enrollment": { "user": { "id": 1, "is_active": true, "pii": { "username": username, "email": "a@example.com", "name": "A" } },
        "course": { "course_key": course, "display_name": "Seeds" }, "mode": mode, "is_active": true } })
}

fn run_state(system: &System) -> Value {
    system.program("active")["course_codes"][0]["run_modes"][0]["run_state"].clone()
}

#[test]
fn courses_that_change_there_change_here() {
    let lms = Lms::start(Content {
        organizations: vec![organization("edX", true), organization("new", true)],
        courses: vec![course("edX", "Seeds", "2025"), course("new", "First", "1")],
        ..Content::default()
    });
    listening(&Settings::default(), &lms, |system| {
        let changed = |key: &str| lms.tell(event(COURSE, key, &json!({ "catalog_info": { "course_key": key } })));
        assert_eq!(run_state(system), "unknown");
        changed(SEEDS);
        until(|| run_state(system) == "upcoming", "the course is not copied");
        changed("course-v1:new+First+1");
        until(|| system.count("SELECT count(*) FROM course_codes WHERE key = 'First'") == 1, "no course code");
        assert_eq!(system.count("SELECT count(*) FROM organizations WHERE display_name = 'new Inc.'"), 1);
        let gone = lms.content.lock().unwrap().courses.remove(0);
        changed(SEEDS);
        until(|| run_state(system) == "withdrawn", "the course is still there");
        lms.content.lock().unwrap().courses.insert(0, gone);
        // What is not known by the event is asked for in whole when events are missing.
        lms.content.lock().unwrap().forget_events();
        until(|| run_state(system) == "upcoming", "what was missed is not made right");
    });
}

#[test]
fn who_enrols_in_a_run_of_a_program_has_started_with_it() {
    let lms = Lms::start(Content::default());
    listening(&Settings::default(), &lms, |system| {
        let learners = || system.count("SELECT count(*) FROM learners");
        for (username, course, mode) in [
            ("ada", SEEDS, "audit"),
            ("ada", "edX/Other/1", "verified"),
            ("bob", SEEDS, "verified"),
            ("bob", SEEDS, "verified"),
        ] {
            lms.tell(event(ENROLLMENT, course, &enrolled(username, course, mode)));
        }
        lms.tell(event(ENROLLMENT, "broken", &json!({})));
        lms.tell(event(ENROLLMENT, SEEDS, &enrolled("cy", SEEDS, "verified")));
        until(|| learners() == 2, "nobody has started");
        assert_eq!(system.count("SELECT count(*) FROM learners WHERE username = 'ada'"), 0);
        let upgraded = "org.openedx.learning.course.enrollment.changed.v1";
        lms.tell(event(upgraded, SEEDS, &enrolled("ada", SEEDS, "verified")));
        until(|| learners() == 3, "who changes to a mode that counts has not started");
        let start = system.call("POST", "/api/v1/programs/active/start/", "bob", &json!({}));
        assert_eq!((start.status, &start.body["version"]), (200, &json!(1)), "{start:?}");
    });
}
