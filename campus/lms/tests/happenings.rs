//! What others are told, and what is switched on and off.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use harness::{System, on_each_engine, on_each_engine_with};
use lms::Config;
use serde_json::{Value, json};

const SEED: &str = include_str!("seed.sql");
const DEMO: &str = "course-v1:edX+DemoX+2025";
const FEED: &str = "/api/events/v1";

/// The events since a position, by the short names of their types, and the position after them.
fn told(system: &System, after: &Value) -> (Vec<(String, Value)>, Value) {
    let (status, page) = system.get(&format!("{FEED}?after={after}"), "staff");
    assert_eq!(status, 200, "{page}");
    let short = |event: &Value| {
        let parts: Vec<&str> = event["event_type"].as_str().unwrap().split('.').collect();
        (parts[parts.len() - 3..parts.len() - 1].join("."), event.clone())
    };
    (page["events"].as_array().unwrap().iter().map(short).collect(), page["position"].clone())
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn enrolments_are_told_once_for_each_change() {
    on_each_engine(SEED, |system| {
        let save = |body: Value| {
            let mut body = body;
            body["course_details"] = json!({ "course_id": DEMO });
            body["user"] = json!("ada");
            let (status, answer) = system.call("POST", "/api/enrollment/v1/enrollment", Some("staff"), Some(body));
            assert_eq!(status, 200, "{answer}");
        };
        save(json!({ "is_active": true }));
        save(json!({ "is_active": true }));
        save(json!({ "mode": "verified" }));
        save(json!({ "is_active": false }));
        save(json!({ "is_active": true }));
        let (events, _) = told(system, &json!(0));
        assert_eq!(
            names(&events),
            ["enrollment.created", "enrollment.changed", "unenrollment.completed", "enrollment.changed"]
        );
        let (_, event) = &events[1];
        let enrollment = &event["data"]["enrollment"];
        assert_eq!((&event["key"], &event["source"]), (&json!(DEMO), &json!("openedx/lms/web")));
        assert_eq!((&enrollment["mode"], &enrollment["is_active"]), (&json!("verified"), &json!(true)));
        assert_eq!(enrollment["user"]["pii"]["username"], "ada");
        assert_eq!(enrollment["course"]["course_key"], DEMO);

        let refused = json!({ "user": "ada", "mode": "masters", "course_details": { "course_id": DEMO } });
        assert_eq!(system.call("POST", "/api/enrollment/v1/enrollment", Some("staff"), Some(refused)).0, 400);
        assert_eq!(told(system, &json!(0)).0.len(), 4, "what was refused is not told");

        let enroll = json!({ "user": "bob", "course_details": { "course_id": DEMO } });
        system.call("POST", "/api/enrollment/v1/enrollment", Some("bob"), Some(enroll));
        assert_eq!(told(system, &json!(0)).0.last().unwrap().0, "enrollment.created");
        assert_eq!(system.get(FEED, "ada").0, 403);
        assert_eq!(system.get_anonymously(FEED).0, 401);
    });
}

#[test]
fn courses_and_their_modes_are_told() {
    on_each_engine(SEED, |system| {
        let courses = "/api/courses/v1/courses/";
        let new =
            json!({ "id": "course-v1:edX+New+1", "name": "New", "start": "2030-01-01T00:00:00Z", "pacing": "self" });
        let (status, made) = system.call("POST", courses, Some("staff"), Some(new.clone()));
        assert_eq!((status, &made["number"], &made["pacing"]), (201, &json!("New"), &json!("self")), "{made}");
        let one = format!("{courses}course-v1:edX+New+1");
        let patch = |change: Value| system.call("PATCH", &one, Some("staff"), Some(change));
        let (status, changed) = patch(json!({ "name": "Newer", "end": "2031-01-01T00:00:00Z" }));
        assert_eq!((status, &changed["name"]), (200, &json!("Newer")));
        assert_eq!(system.get_anonymously(&one), (200, changed));
        let modes = "/api/course_modes/v1/courses/course-v1:edX+New+1/";
        let mode = json!({ "mode_slug": "verified", "min_price": 49, "sku": "N1" });
        let (status, made) = system.call("POST", modes, Some("staff"), Some(mode.clone()));
        assert_eq!((status, &made["mode_display_name"], &made["currency"]), (201, &json!("Verified"), &json!("usd")));
        let verified = format!("{modes}verified");
        let (status, made) = system.call("PATCH", &verified, Some("staff"), Some(json!({ "min_price": 59 })));
        assert_eq!((status, &made["min_price"], &made["sku"]), (200, &json!(59), &json!("N1")));
        assert_eq!(system.get(&verified, "ada"), (200, made));
        assert_eq!(system.call("DELETE", &verified, Some("staff"), None).0, 204);
        assert_eq!(system.call("DELETE", &verified, Some("staff"), None).0, 404);
        let path = "/api/commerce/v1/courses/course-v1:edX+New+1/";
        let published = json!({ "modes": [{ "name": "audit", "price": 0 }] });
        assert_eq!(system.call("PUT", path, Some("staff"), Some(published)).0, 200);

        let (events, _) = told(system, &json!(0));
        assert_eq!(names(&events), ["catalog_info.changed"; 6]);
        let info = |index: usize| &events[index].1["data"]["catalog_info"];
        assert_eq!((&info(0)["name"], &info(0)["modes"]), (&json!("New"), &json!([])));
        assert_eq!((&info(1)["name"], &info(1)["schedule"]["end"]), (&json!("Newer"), &json!("2031-01-01T00:00:00Z")));
        assert_eq!(info(3)["modes"][0]["min_price"], 59);
        assert_eq!((&info(4)["modes"], &info(5)["modes"][0]["slug"]), (&json!([]), &json!("audit")));

        let refusals = [
            ("POST", courses, "staff", new.clone(), 409, json!("id")),
            ("POST", courses, "ada", new.clone(), 403, Value::Null),
            ("POST", courses, "staff", json!({ "id": "new", "name": "x" }), 400, json!("id")),
            ("POST", courses, "staff", json!({ "id": "course-v1:No+New+1", "name": "x" }), 400, json!("id")),
            ("POST", courses, "staff", json!({ "id": "course-v1:edX+N+1" }), 400, json!("name")),
            ("POST", courses, "staff", json!({ "name": "x" }), 400, json!("id")),
            ("PATCH", one.as_str(), "ada", json!({}), 403, Value::Null),
            ("PATCH", one.as_str(), "staff", json!({ "id": "x" }), 400, json!("id")),
            ("PATCH", one.as_str(), "staff", json!({ "end": "2029-01-01T00:00:00Z" }), 400, json!("end")),
            ("PATCH", one.as_str(), "staff", json!({ "pacing": "fast" }), 400, json!("pacing")),
            ("PATCH", "/api/courses/v1/courses/course-v1:edX+None+1", "staff", json!({}), 404, Value::Null),
            ("POST", modes, "ada", mode.clone(), 403, Value::Null),
            ("POST", modes, "staff", json!({ "min_price": 1 }), 400, json!("mode_slug")),
            ("POST", modes, "staff", json!({ "mode_slug": "audit" }), 409, json!("mode_slug")),
            ("POST", modes, "staff", json!({ "mode_slug": "x y" }), 400, json!("mode_slug")),
        ];
        for (method, path, user, body, status, field) in refusals {
            let (got, answer) = system.call(method, path, Some(user), Some(body.clone()));
            assert_eq!((got, &answer["field"]), (status, &field), "{method} {path} {body} {answer}");
        }
        let audit = format!("{modes}audit");
        for change in [json!({ "mode_slug": "free" }), json!({ "course_id": "x" }), json!({ "min_price": -1 })] {
            let (status, answer) = system.call("PATCH", &audit, Some("staff"), Some(change.clone()));
            assert_eq!(
                (status, answer["field"].as_str()),
                (400, change.as_object().unwrap().keys().next().map(String::as_str))
            );
        }
        let authorization = format!("JWT {}", system.signed(&system.claims("staff")));
        for path in [&audit, &one] {
            let answer = system.send("PATCH", path, Some(&authorization), Some(("application/json", "{}".to_owned())));
            assert_eq!(answer.status, 415);
        }
    });
}

#[test]
fn the_list_of_courses_is_that_of_somebody() {
    on_each_engine(SEED, |system| {
        let count = |query: &str, user: &str| {
            let (status, page) = system.get(&format!("/api/courses/v1/courses/{query}"), user);
            (status, page["pagination"]["count"].clone())
        };
        assert_eq!(count("?username=ada", "staff"), (200, json!(2)));
        assert_eq!(count("?username=staff", "staff"), (200, json!(3)));
        assert_eq!(count("?username=ada", "ada"), (200, json!(2)));
        assert_eq!(count("?username=bob", "ada").0, 403);
        assert_eq!(count("?username=nobody", "staff").0, 404);
        assert_eq!(count("?mobile=true", "staff"), (200, json!(0)));
        assert_eq!(count("?page_size=0", "staff").0, 400);
        assert_eq!(system.get_anonymously("/api/courses/v1/courses/?username=ada").0, 403);
        assert_eq!(system.get_anonymously("/api/courses/v1/courses/course-v1:Uni+Secret+1").0, 404);
        assert_eq!(system.get("/api/courses/v1/courses/course-v1:Uni+Secret+1", "staff").0, 200);
        let (_, organization) = system.get("/api/organizations/v0/organizations/old/", "ada");
        assert_eq!((&organization["short_name"], &organization["active"]), (&json!("old"), &json!(false)));
        assert_eq!(system.get("/api/organizations/v0/organizations/none/", "ada").0, 404);
    });
}

#[test]
fn switches_are_set_from_a_file_and_by_staff() {
    let settings = |config: Config, directory: &std::path::Path| {
        let file = directory.join("toggles.json");
        std::fs::write(&file, json!({ "lms.self_enrollment": { "courses": { DEMO: false } } }).to_string()).unwrap();
        Config { toggles_file: Some(file), ..config }
    };
    on_each_engine_with(SEED, settings, |system| {
        let evaluate =
            || system.get_anonymously(&format!("/api/toggles/v1/evaluate/?course={}", DEMO.replace('+', "%2B"))).1;
        // They are set beside the first requests.
        while evaluate()["flags"]["lms.self_enrollment"] != json!(false) {
            std::thread::yield_now();
        }
        let enroll = |course: &str, user: &str| {
            let body = json!({ "user": "ada", "course_details": { "course_id": course } });
            system.call("POST", "/api/enrollment/v1/enrollment", Some(user), Some(body)).0
        };
        assert_eq!((enroll(DEMO, "ada"), enroll("edX/Old/2012", "ada"), enroll(DEMO, "staff")), (403, 200, 200));
        let form = json!({ "username": "eve", "email": "eve@example.com", "password": "a good secret", "name": "Eve" });
        let register = || system.call("POST", "/api/user/v1/account/registration/", None, Some(form.clone())).0;
        let set = |user| {
            system
                .call("PUT", "/api/toggles/v1/toggles/lms.registration/", Some(user), Some(json!({ "value": false })))
                .0
        };
        assert_eq!((set("ada"), set("staff"), register()), (403, 200, 403));
        let (status, report) = system.get("/api/toggles/v0/state/", "staff");
        assert_eq!((status, report["waffle_switches"].as_array().unwrap().len()), (200, 1));
    });
}
