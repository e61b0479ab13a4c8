//! What the service does not do: too much, for too many, with too large bodies; and what it says while it ends.

use std::num::NonZeroU32;

use programs::Settings;
use serde_json::json;

use crate::harness::{on_each_engine, token, with_settings};

#[test]
fn health_and_readiness_are_two_things() {
    on_each_engine(|system| {
        let healthy = json!({ "overall_status": "OK", "detailed_status": { "database_status": "OK" } });
        let health = || system.get_anonymously("/health/");
        assert_eq!((health().status, health().body), (200, healthy));
        let ready = || system.get_anonymously("/ready/");
        assert_eq!((ready().status, ready().body), (200, json!({ "ready": true, "reason": null })));
        system.execute("DELETE FROM _sqlx_migrations WHERE version > 1");
        assert_eq!((ready().status, health().status), (503, 200));
        assert!(ready().body["reason"].as_str().unwrap().contains("programs migrate"), "{:?}", ready());
    });
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let settings = Settings { rate_limit: NonZeroU32::new(3), ..Settings::default() };
    with_settings(&settings, |system| {
        let ask = |username: &str| system.get("/api/v1/programs/", username);
        assert_eq!([(); 3].map(|()| ask("ada").status), [200; 3]);
        let refused = ask("ada");
        assert_eq!(refused.status, 429, "{refused:?}");
        let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=20).contains(&seconds), "{seconds}");
        assert_eq!(ask("bob").status, 200, "others are not concerned");
        // Whoever guesses tokens is counted by address.
        let guess = || system.send("GET", "/api/v1/programs/", &[("Authorization", "JWT x.y.z")], &[]).status;
        assert_eq!([(); 5].map(|()| guess()), [401, 401, 401, 429, 429]);
        assert_eq!(system.get_anonymously("/health/").status, 200);
    });
}

#[test]
fn large_bodies_are_refused() {
    on_each_engine(|system| {
        let authorization = format!("JWT {}", token("boss"));
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        let answer = system.send("POST", "/api/v1/programs/", &headers, &vec![b' '; (1 << 20) + 1]);
        assert_eq!((answer.status, answer.content_type.as_str()), (413, "application/problem+json"));
        let codes: Vec<_> = (0..201).map(|number| json!({ "key": number.to_string() })).collect();
        let answer = system.call("PATCH", "/api/v1/programs/active/", "boss", &json!({ "course_codes": codes }));
        assert_eq!(answer.faults(), [("course_codes".to_owned(), "At most 200 items are taken.".to_owned())]);
    });
}

#[test]
fn errors_are_problem_details() {
    on_each_engine(|system| {
        let lost = system.get("/api/v1/nothing/", "ada");
        assert_eq!(lost.content_type, "application/problem+json");
        let problem = json!({ "type": "about:blank", "title": "Not Found", "status": 404, "detail": "Not found.", "field": null, "reason": "Not found." });
        assert_eq!((lost.status, lost.body), (404, problem));
        let wrong = system.call("DELETE", "/api/v1/programs/", "boss", &json!({}));
        assert_eq!((wrong.status, wrong.content_type.as_str()), (405, "application/problem+json"));
        let allowed = wrong.headers["allow"].to_str().unwrap();
        assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
        assert_eq!(system.get("/api/v1/programs/?organization=%00", "ada").status, 400);
    });
}
