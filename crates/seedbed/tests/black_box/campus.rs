//! The campus, brought up and asked through its HTTP interface, on both engines.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use serde_json::{Value, json};

use crate::http::{self, Answer};
use crate::program::{self, Ran};

/// Long enough to build the campus, should nobody have.
const PATIENCE: Duration = Duration::from_secs(600);

const DEMO: &str = "course-v1:edX+DemoX+Demo_Course";
const SEEDS: &str = "course-v1:edX+Seeds101+2025";

/// An environment of the campus, gone at the end.
struct Campus {
    name: String,
}

impl Campus {
    fn command(&self, arguments: &[&str]) -> Command {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../campus/programs");
        let mut command = program::seedbed();
        command.arg("-C").arg(directory).args(["--name", &self.name, "--quiet"]).args(arguments);
        command.env("NO_COLOR", "1").env("COLUMNS", "100").env("XDG_STATE_HOME", self.state());
        command
    }

    /// Where servers are that environments share: those of this test alone.
    fn state(&self) -> PathBuf {
        env::temp_dir().join(format!("seedbed-test-{}", self.name))
    }

    fn seedbed(&self, arguments: &[&str]) -> Ran {
        program::run(&mut self.command(arguments), PATIENCE)
    }

    fn address(&self, service: &str) -> String {
        let status = self.seedbed(&["status", "--json"]).ends_with(0).json();
        let found = status["services"].as_array().unwrap().iter().find(|one| one["service"] == service);
        found.unwrap_or_else(|| panic!("{status}"))["address"].as_str().unwrap().to_owned()
    }

    fn get(&self, service: &str, path: &str, token: &str) -> Value {
        body(&http::get(&self.address(service), path, Some(token)))
    }

    fn enrollment(&self, course: &str) -> Value {
        let path = format!("/api/enrollment/v1/enrollment/verified,{}", course.replace('+', "%2B"));
        self.get("lms/web", &path, "dev-verified")
    }

    /// Every declared thing is where its service shows it.
    fn has_the_demonstration(&self) {
        let courses = self.get("lms/web", "/api/courses/v1/courses/", "dev-verified");
        assert_eq!(texts(&courses["results"], "id"), [DEMO, SEEDS], "{courses}");
        for course in [DEMO, SEEDS] {
            let enrollment = self.enrollment(course);
            assert_eq!(enrollment["mode"], "verified", "{enrollment}");
            assert_eq!(enrollment["is_active"], true, "{enrollment}");
        }
        // The circle: a seat that commerce sells is a mode of the learning management system.
        let token = service_token(&self.address("lms/web"));
        let seats = self.get("commerce/web", &format!("/api/v2/courses/{}/seats", DEMO.replace('+', "%2B")), &token);
        let modes =
            self.get("lms/web", &format!("/api/course_modes/v1/courses/{}/", DEMO.replace('+', "%2B")), "dev-staff");
        let sku = |list: &Value, key: &str| {
            let list = list.as_array().or_else(|| list["results"].as_array()).unwrap_or_else(|| panic!("{list}"));
            let found = list.iter().find(|one| one[key] == "verified").unwrap_or_else(|| panic!("{list:?}"));
            found["sku"].as_str().unwrap().to_owned()
        };
        assert_eq!(sku(&seats, "type"), sku(&modes, "mode_slug"), "{seats} {modes}");
        let programs = self.get("programs/web", "/api/v1/programs/?status=active", &token);
        assert_eq!(texts(&programs["results"], "name"), ["Demonstration Series"], "{programs}");
        let id = &programs["results"][0]["id"];
        for (mode, completed) in [("verified", json!([id])), ("audit", json!([]))] {
            let done: Vec<Value> =
                [DEMO, SEEDS].iter().map(|course| json!({ "course_id": course, "mode": mode })).collect();
            let request = json!({ "completed_courses": done }).to_string();
            let address = self.address("programs/web");
            let answer = http::post(&address, "/api/v1/programs/complete/", Some(&token), &request);
            assert_eq!(body(&answer)["program_ids"], completed, "{mode}: {answer:?}");
        }
    }
}

impl Campus {
    /// Enrolments that the learning management system makes itself, asked through its interface.
    fn takes_enrollments_through_its_interface(&self) {
        let spec = concat!(env!("CARGO_MANIFEST_DIR"), "/../../campus/lms/data/late_enrollments.yaml");
        let load = || {
            let ran = self.seedbed(&["load", spec, "--service", "lms", "--json"]).ends_with(0).json();
            ran["load"].clone()
        };
        let of = |username: &str| {
            let path = format!("/api/enrollment/v1/enrollment?user={username}");
            let list = self.get("lms/web", &path, "dev-staff");
            let list = list.as_array().unwrap_or_else(|| panic!("{list}")).clone();
            let shown = |one: &Value| (one["course_details"]["course_id"].clone(), one["mode"].clone());
            list.iter().map(shown).collect::<Vec<_>>()
        };
        let before = of("audit");
        let loaded = load();
        assert_eq!(loaded["created"], 3, "{loaded}");
        assert_eq!(of("late"), [(json!(DEMO), json!("audit"))]);
        assert!(of("audit").contains(&(json!(SEEDS), json!("verified"))), "{:?}", of("audit"));
        let again = load();
        assert_eq!((&again["created"], &again["differing"]), (&json!(0), &json!(0)), "{again}");
        self.seedbed(&["unload", spec, "--force"]).ends_with(0);
        assert_eq!(of("audit"), before);
    }
}

impl Drop for Campus {
    fn drop(&mut self) {
        // Gone already when the test came to its end.
        let _ = self.command(&["destroy", "--yes"]).output();
        let _ = fs::remove_dir_all(self.state());
    }
}

/// A token of the learning management system, as one service gets it for calling another, with its scheme.
pub fn service_token(lms: &str) -> String {
    let form = "grant_type=client_credentials&client_id=service&client_secret=dev-lms-service&token_type=jwt";
    let granted = body(&http::form(lms, "/oauth2/access_token", form));
    format!("JWT {}", granted["access_token"].as_str().unwrap_or_else(|| panic!("{granted}")))
}

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

fn texts(list: &Value, key: &str) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list}"));
    list.iter().map(|one| one[key].as_str().unwrap_or_default().to_owned()).collect()
}

fn from_up_to_destroy(engine: &str, up: &[&str]) {
    let campus = Campus { name: format!("black-box-{engine}") };
    // What a test that was killed has left. The store is that of the repository, in which snapshots stay.
    let tag = campus.name.as_str();
    campus.seedbed(&["destroy", "--yes"]);
    campus.seedbed(&["delete", tag, "--yes"]);
    campus.seedbed(up).ends_with(0);
    campus.has_the_demonstration();
    campus.seedbed(&["snapshot", tag]).ends_with(0);

    // A learner leaves a course; the next ones find it so, until the state is brought back.
    let leave = || {
        let request = json!({ "user": "verified", "course_details": { "course_id": DEMO }, "is_active": false });
        let lms = campus.address("lms/web");
        let answer = http::post(&lms, "/api/enrollment/v1/enrollment", Some("dev-staff"), &request.to_string());
        assert_eq!(body(&answer)["is_active"], false, "{answer:?}");
    };
    leave();
    let down = campus.seedbed(&["down", "--json"]).ends_with(0).json();
    assert_eq!(
        down["stopped"].as_array().unwrap().iter().filter(|id| id.as_str().unwrap().ends_with("/web")).count(),
        3
    );
    let again = campus.seedbed(&["up", "--json"]).ends_with(0).json();
    let steps = texts(&again["steps"], "title");
    let repeated = |step: &&String| step.starts_with("migrate") || step.starts_with("load") || step.starts_with("run");
    assert_eq!(steps.iter().filter(repeated).collect::<Vec<_>>(), Vec::<&String>::new(), "state is as it was left");
    assert_eq!(campus.enrollment(DEMO)["is_active"], false);

    campus.seedbed(&["restore", tag]).ends_with(0);
    campus.has_the_demonstration();
    leave();
    let reset = campus.seedbed(&["reset", "--json"]).ends_with(0).json();
    assert_eq!(reset["from_copy"], json!(["commerce/commerce", "lms/lms", "programs/programs"]));
    campus.has_the_demonstration();
    campus.takes_enrollments_through_its_interface();

    let nothing = campus.seedbed(&["up", "--json"]).ends_with(0).json();
    assert_eq!(nothing["steps"], json!([]), "all of it runs");
    campus.seedbed(&["destroy", "--yes"]).ends_with(0);
    campus.seedbed(&["delete", tag, "--yes"]).ends_with(0);
    campus.seedbed(&["status"]).ends_with(5);
}

#[test]
fn the_campus_on_sqlite() {
    from_up_to_destroy("sqlite", &["up"]);
}

#[test]
fn the_campus_on_postgres() {
    let campus = Campus { name: "black-box-doctor".to_owned() };
    let checks = campus.seedbed(&["doctor", "--profile", "postgres", "--json"]);
    let found = checks.stdout.contains("\"check\": \"postgres\"") && checks.code == Some(0);
    if !found && env::var_os("CI").is_none() {
        eprintln!("skipped: the campus on PostgreSQL, which is not installed");
        return;
    }
    from_up_to_destroy("postgres", &["up", "--profile", "postgres"]);
}

#[test]
fn each_service_of_the_campus_is_done() {
    // One after the other: each has the same name for what it tries.
    for service in ["lms", "commerce", "programs"] {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../campus").join(service);
        let mut command = program::seedbed();
        command.arg("-C").arg(directory).args(["--quiet", "--json", "check"]);
        let checked = program::run(command.env("NO_COLOR", "1"), PATIENCE).ends_with(0).json();
        assert_eq!(checked["passed"], true, "{checked}");
    }
}
