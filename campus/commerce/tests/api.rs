//! What callers see: courses with their seats, and their publication.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use harness::{System, on_each_engine};
use serde_json::{Value, json};

const SEED: &str = include_str!("seed.sql");
const DEMO: &str = "course-v1:edX+DemoX+2025";

fn demo() -> Value {
    json!({
        "id": DEMO, "name": "Demonstration", "partner": "edx", "site": "shop.example.com",
        "seats": [{ "type": "verified", "price": 149 }, { "type": "honor", "price": 10, "currency": "eur" }],
    })
}

fn create(system: &System, body: Value) -> (u16, Value) {
    system.call("POST", "/api/v2/courses/", Some("staff-token"), Some(body))
}

#[test]
fn the_health_says_whether_the_database_answers() {
    on_each_engine(SEED, |system| {
        let healthy = json!({ "overall_status": "OK", "detailed_status": { "database_status": "OK" } });
        assert_eq!(system.get_anonymously("/health/"), (200, healthy));
    });
}

#[test]
fn everything_but_the_health_needs_a_token() {
    on_each_engine(SEED, |system| {
        for path in ["/api/v2/partners/", "/api/v2/courses/", "/api/v2/courses/edX/Old/2012/"] {
            assert_eq!(system.get_anonymously(path).0, 401, "{path}");
            assert_eq!(system.get(path, "nobody").0, 401, "{path}");
        }
    });
}

#[test]
fn partners_are_listed() {
    on_each_engine(SEED, |system| {
        let (status, body) = system.get("/api/v2/partners/?page_size=1", "ada-token");
        assert_eq!((status, &body["count"], &body["results"][0]["code"]), (200, &json!(2), &json!("acme")));
        assert!(body["next"].as_str().unwrap().ends_with("?page_size=1&page=2"));
    });
}

#[test]
fn a_course_is_created_with_its_seats() {
    on_each_engine(SEED, |system| {
        let (status, created) = create(system, demo());
        assert_eq!(status, 201, "{created}");
        assert_eq!((&created["partner"], &created["site"]), (&json!("edx"), &json!("shop.example.com")));
        let seats = &created["seats"];
        assert_eq!(
            (&seats[0]["type"], &seats[0]["price"], &seats[0]["currency"]),
            (&json!("honor"), &json!(10), &json!("EUR"))
        );
        assert_eq!((&seats[1]["type"], &seats[1]["currency"]), (&json!("verified"), &json!("USD")));

        assert_eq!(system.get(&format!("/api/v2/courses/{DEMO}/"), "ada-token"), (200, created.clone()));
        assert_eq!(system.get(&format!("/api/v2/courses/{DEMO}/seats"), "ada-token"), (200, seats.clone()));
        assert_eq!(system.get("/api/v2/courses/", "ada-token").1["results"], json!([created]));
        assert_eq!(system.get(&format!("/api/v2/courses/{DEMO}/more"), "ada-token").0, 404);
    });
}

#[test]
fn a_wrong_course_is_refused_at_its_field() {
    let with = |field: &str, value: Value| {
        let mut body = demo();
        body[field] = value;
        body
    };
    let cases = [
        (with("id", Value::Null), "id", "This field is required."),
        (with("id", json!("nonsense")), "id", "Invalid course key."),
        (with("name", json!("")), "name", "This field is required."),
        (with("partner", json!("nobody")), "partner", "There is no partner 'nobody'."),
        (with("site", json!("nowhere")), "site", "There is no site 'nowhere'."),
        (with("seats", json!([{ "price": 1 }])), "seats[0].type", "This field is required."),
        (with("seats", json!([{ "type": "honor" }])), "seats[0].price", "This field is required."),
        (with("seats", json!([{ "type": "honor", "price": -1 }])), "seats[0].price", "A price cannot be negative."),
        (
            with("seats", json!([{ "type": "honor", "price": 1 }, { "type": "honor", "price": 2 }])),
            "seats[1].type",
            "The seat 'honor' is given twice.",
        ),
        (
            with("seats", json!([{ "type": "lazy", "price": 1 }])),
            "seats[0].type",
            "'lazy' is not one of audit, honor, verified, professional, no-id-professional, credit, masters.",
        ),
    ];
    on_each_engine(SEED, |system| {
        for (body, field, reason) in &cases {
            assert_eq!(create(system, body.clone()), (400, json!({ "field": field, "reason": reason })));
        }
        assert_eq!(system.count("SELECT count(*) FROM courses"), 0, "what was refused changed nothing");
        assert_eq!(system.call("POST", "/api/v2/courses/", Some("ada-token"), Some(demo())).0, 403);
        assert_eq!((create(system, demo()).0, create(system, demo()).0), (201, 400), "a key is taken once");
    });
}

#[test]
fn replacing_the_seats_keeps_the_sku_of_those_that_stay() {
    on_each_engine(SEED, |system| {
        let put = |key: &str, body: Value| {
            system.call("PUT", &format!("/api/v2/courses/{key}/"), Some("staff-token"), Some(body))
        };
        let sku = create(system, demo()).1["seats"][1]["sku"].clone();
        let body = json!({ "name": "Renamed", "seats": [{ "type": "verified", "price": 99 }] });
        let (status, replaced) = put(DEMO, body.clone());
        assert_eq!((status, &replaced["name"], &replaced["partner"]), (200, &json!("Renamed"), &Value::Null));
        let seats = replaced["seats"].as_array().unwrap();
        assert_eq!((seats.len(), &seats[0]["sku"], &seats[0]["price"]), (1, &sku, &json!(99)));

        assert_eq!(put("course-v1:no+no+no", body).0, 404);
        assert_eq!(put(DEMO, json!({ "id": "edX/Other/1", "name": "x" })).1["field"], "id");
    });
}

#[test]
fn publishing_sends_the_seats_as_modes() {
    on_each_engine(SEED, |system| {
        let publish =
            |key: &str, token| system.call("POST", &format!("/api/v2/courses/{key}/publish"), Some(token), None);
        let created = create(system, demo()).1;
        assert_eq!(publish(DEMO, "ada-token").0, 403);
        assert_eq!(publish(DEMO, "staff-token"), (200, json!({ "id": DEMO, "modes": 2 })));

        let published = system.lms.take_published();
        assert_eq!(published.len(), 1);
        assert_eq!(published[0].0, format!("/api/commerce/v1/courses/{DEMO}/"));
        let honor = json!({
            "name": "honor", "currency": "eur", "price": 10, "sku": created["seats"][0]["sku"], "bulk_sku": null, "expires": null,
        });
        assert_eq!(published[0].1["modes"][0], honor);

        assert_eq!(publish("course-v1:no+no+no", "staff-token").0, 404);
        create(system, json!({ "id": "course-v1:Uni+Unknown+1", "name": "Unknown there" }));
        let (status, body) = publish("course-v1:Uni+Unknown+1", "staff-token");
        assert_eq!(status, 502);
        assert!(body["reason"].as_str().unwrap().contains("answered 400: Course X does not exist."), "{body}");
        assert!(system.lms.take_published().is_empty());
    });
}

#[test]
fn a_refusal_waits_for_the_body_so_that_the_connection_can_be_used_again() {
    on_each_engine(SEED, |system| {
        let long = json!({ "id": DEMO, "name": "x".repeat(1 << 20) });
        for _ in 0..10 {
            assert_eq!(system.call("POST", "/api/v2/courses/", Some("ada-token"), Some(long.clone())).0, 403);
            assert_eq!(system.get("/api/v2/courses/", "ada-token").0, 200);
        }
    });
}
