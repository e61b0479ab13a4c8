//! Which programs somebody has completed, and by which version of them.

use serde_json::{Value, json};

use crate::harness::{Answer, System, on_each_engine};

const SEEDS: &str = "course-v1:edX+Seeds+2025";
const DEMO: &str = "course-v1:edX+DemoX+2025";

fn done(courses: &[(&str, &str)]) -> Value {
    let courses: Vec<Value> = courses.iter().map(|(id, mode)| json!({ "course_id": id, "mode": mode })).collect();
    json!({ "completed_courses": courses })
}

fn complete(system: &System, username: &str, body: &Value) -> Answer {
    system.call("POST", "/api/v1/programs/complete/", username, body)
}

#[test]
fn a_program_is_complete_when_each_course_code_has_a_run_completed_in_its_mode() {
    let cases = [
        (done(&[(SEEDS, "verified"), (DEMO, "verified")]), &["active"][..]),
        (done(&[(SEEDS, "verified"), ("edX/DemoX/2012", "honor")]), &["active"]),
        (done(&[(SEEDS, "verified"), (DEMO, "audit")]), &[]),
        (done(&[(SEEDS, "verified"), (DEMO, "Verified")]), &[]),
        (done(&[(SEEDS, "verified"), ("edX/DemoX/2012", "verified")]), &[]),
        // It would complete the unpublished program, which does not count.
        (done(&[(DEMO, "verified")]), &[]),
        (done(&[]), &[]),
        (done(&[("course-v1:acme+Rockets+1", "honor"), ("nonsense", "x")]), &["retired"]),
    ];
    on_each_engine(|system| {
        system.execute(
            "INSERT INTO run_modes (program_id, course_code_id, course_key, mode_slug, start_date)
             SELECT p.id, c.id, 'course-v1:acme+Rockets+1', 'honor', '2025-01-01T00:00:00Z'
             FROM programs p, course_codes c WHERE p.name = 'Retired' AND c.key = 'Rockets'",
        );
        for (body, slugs) in &cases {
            let ids: Vec<Value> = slugs.iter().map(|slug| system.program(slug)["id"].clone()).collect();
            let answer = complete(system, "ada", body);
            assert_eq!((answer.status, answer.body), (200, json!({ "program_ids": ids })), "{body}");
        }
    });
}

#[test]
fn what_cannot_be_judged_is_refused() {
    on_each_engine(|system| {
        let body = json!({ "completed_courses": [] }).to_string();
        let anonymous =
            system.send("POST", "/api/v1/programs/complete/", &[("Content-Type", "application/json")], body.as_bytes());
        assert_eq!(anonymous.status, 401);
        for (body, field) in [
            (json!({}), "completed_courses"),
            (json!({ "completed_courses": null }), "completed_courses"),
            (json!({ "completed_courses": {} }), "completed_courses"),
            (json!({ "completed_courses": [{ "course_id": "x" }] }), "completed_courses[0].mode"),
            (json!({ "completed_courses": [{ "mode": "x", "course_id": 7 }] }), "completed_courses[0].course_id"),
            (json!({ "completed_courses": ["x"] }), "completed_courses[0]"),
        ] {
            let answer = complete(system, "ada", &body);
            assert_eq!((answer.status, &answer.body["field"]), (400, &json!(field)), "{body}");
        }
        assert_eq!(system.get("/api/v1/programs/complete/", "ada").status, 405);
    });
}

#[test]
fn completion_is_judged_by_the_version_that_a_learner_started_with() {
    on_each_engine(|system| {
        let start = |username: &str| system.call("POST", "/api/v1/programs/active/start/", username, &json!({}));
        let first = start("early");
        assert_eq!((first.status, &first.body["version"]), (201, &json!(1)), "{first:?}");
        let codes = json!([{ "key": "Seeds", "organization": { "key": "edX" }, "run_modes":
            [{ "course_key": SEEDS, "mode_slug": "verified", "start_date": "2025-01-01T00:00:00Z" }] }]);
        let changed = system.call("PATCH", "/api/v1/programs/active/", "boss", &json!({ "course_codes": codes }));
        assert_eq!(changed.body["version"], 2, "{changed:?}");
        assert_eq!((start("early").status, &start("early").body), (200, &first.body), "one starts once");
        assert_eq!(start("late").body["version"], 2);

        let id = &changed.body["id"];
        let complete = |username: &str, courses: &[(&str, &str)]| {
            complete(system, username, &done(courses)).body["program_ids"].clone()
        };
        let (seeds, both) = (&[(SEEDS, "verified")][..], &[(SEEDS, "verified"), (DEMO, "verified")][..]);
        // Who has not started is judged by the newest.
        for username in ["late", "nobody"] {
            assert_eq!(complete(username, seeds), json!([id]), "{username}");
        }
        assert_eq!((complete("early", seeds), complete("early", both)), (json!([]), json!([id])));

        let ask = |username: &str, about: &str| {
            let mut body = done(seeds);
            body["username"] = json!(about);
            self::complete(system, username, &body)
        };
        assert_eq!(
            (&ask("boss", "early").body["program_ids"], &ask("boss", "late").body["program_ids"]),
            (&json!([]), &json!([id]))
        );
        assert_eq!((ask("ada", "early").status, ask("early", "early").status), (403, 200));

        for (program, username, status) in [
            ("retired", "ada", 409),
            ("unpublished", "boss", 409),
            ("unpublished", "ada", 404),
            ("nothing", "ada", 404),
        ] {
            let answer = system.call("POST", &format!("/api/v1/programs/{program}/start/"), username, &json!({}));
            assert_eq!(answer.status, status, "{program} {username}");
        }
    });
}
