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
    system.call("POST", "/api/v2/courses/", Some("staff"), Some(body))
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
            assert_eq!(system.call_with("GET", path, Some("JWT nobody"), None).0, 401, "{path}");
            assert_eq!(system.call_with("GET", path, Some("Token staff"), None).0, 401, "{path}");
        }
    });
}

#[test]
fn partners_sites_and_configurations_are_kept_and_secrets_never_shown() {
    on_each_engine(SEED, |system| {
        let put = |path: &str, body: Value| system.call("PUT", path, Some("staff"), Some(body));
        assert_eq!(put("/api/v2/partners/uni/", json!({ "name": "A university" })).0, 201);
        let (status, partner) = put("/api/v2/partners/uni/", json!({ "name": "The university" }));
        assert_eq!((status, &partner["name"]), (200, &json!("The university")));
        assert_eq!(system.get("/api/v2/partners/uni/", "ada"), (200, partner));
        assert_eq!(put("/api/v2/sites/uni.example.com/", json!({ "name": "Uni" })).0, 201);
        assert_eq!(system.get("/api/v2/sites/", "ada").1["count"], 2);
        assert_eq!(system.call("PUT", "/api/v2/sites/x/", Some("ada"), Some(json!({ "name": "x" }))).0, 403);

        let path = "/api/v2/site_configurations/uni.example.com/";
        let wanted = json!({
            "partner": "uni", "lms_root_url": "http://lms.example.com", "sso_client_id": "sso",
            "sso_client_secret": "hush", "backend_client_secret": "hush hush", "from_email": "shop@example.com",
            "payment_processors": "cybersource, paypal", "client_side_payment_processor": "paypal",
            "enable_microfrontend_for_basket_page": true,
        });
        let (status, made) = put(path, wanted);
        assert_eq!((status, &made["has_sso_client_secret"]), (201, &json!(true)), "{made}");
        assert_eq!(made["lms_public_root_url"], "http://lms.example.com");
        let (status, kept) = put(path, json!({ "partner": "uni", "backend_client_secret": "" }));
        assert_eq!(
            (status, &kept["has_sso_client_secret"], &kept["has_backend_client_secret"]),
            (200, &json!(true), &json!(false))
        );
        let all = system.get("/api/v2/site_configurations/", "staff").1;
        assert!(!format!("{all}{made}").contains("hush"), "{all}");
        assert_eq!(system.get(path, "ada").0, 403);
        for (body, field) in [
            (json!({}), "partner"),
            (json!({ "partner": "nobody" }), "partner"),
            (json!({ "partner": "uni", "discovery_api_url": "discovery" }), "discovery_api_url"),
            (json!({ "partner": "uni", "client_side_payment_processor": "paypal" }), "client_side_payment_processor"),
            (json!({ "partner": "uni", "from_email": "a\u{0}b" }), "from_email"),
            (json!({ "partner": "uni", "from_email": 7 }), "from_email"),
        ] {
            let (status, answer) = put(path, body);
            assert_eq!((status, &answer["field"]), (400, &json!(field)), "{answer}");
        }
        assert_eq!(put("/api/v2/site_configurations/nowhere/", json!({ "partner": "uni" })).0, 404);
    });
}

#[test]
fn partners_are_listed() {
    on_each_engine(SEED, |system| {
        let (status, body) = system.get("/api/v2/partners/?page_size=1", "ada");
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

        // What becomes of its publication is another thing, and happens meanwhile.
        let without = |mut course: Value| {
            course.as_object_mut().unwrap().remove("publication");
            course
        };
        let (status, shown) = system.get(&format!("/api/v2/courses/{DEMO}/"), "ada");
        let created = without(created.clone());
        assert_eq!((status, without(shown)), (200, created.clone()));
        assert_eq!(system.get(&format!("/api/v2/courses/{DEMO}/seats"), "ada"), (200, seats.clone()));
        let listed = system.get("/api/v2/courses/?partner=edx&site=shop.example.com", "ada").1;
        assert_eq!(without(listed["results"][0].clone()), created);
        assert_eq!(system.get("/api/v2/courses/?partner=acme", "ada").1["results"], json!([]));
        assert_eq!(system.get(&format!("/api/v2/courses/{DEMO}/more"), "ada").0, 404);
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
            let (status, answer) = create(system, body.clone());
            assert_eq!((status, &answer["field"], &answer["reason"]), (400, &json!(field), &json!(reason)));
        }
        assert_eq!(system.count("SELECT count(*) FROM courses"), 0, "what was refused changed nothing");
        assert_eq!(system.call("POST", "/api/v2/courses/", Some("ada"), Some(demo())).0, 403);
        assert_eq!((create(system, demo()).0, create(system, demo()).0), (201, 400), "a key is taken once");
    });
}

#[test]
fn replacing_the_seats_keeps_the_sku_of_those_that_stay() {
    on_each_engine(SEED, |system| {
        let put =
            |key: &str, body: Value| system.call("PUT", &format!("/api/v2/courses/{key}/"), Some("staff"), Some(body));
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
        let publish = |key: &str, who| system.call("POST", &format!("/api/v2/courses/{key}/publish"), Some(who), None);
        let course = |key: &str| format!("/api/v2/courses/{key}/");
        let created = create(system, demo()).1;
        assert_eq!(created["publication"]["status"], "queued");
        let done = system.until(&course(DEMO), "ada", |course| course["publication"]["status"] == "published");
        assert!(done["publication"]["published"].is_string(), "{done}");

        let published = system.lms.take_published();
        assert_eq!(published.len(), 1);
        assert_eq!(published[0].0, format!("/api/commerce/v1/courses/{DEMO}/"));
        let honor = json!({
            "name": "honor", "currency": "eur", "price": 10, "sku": created["seats"][0]["sku"], "bulk_sku": null, "expires": null,
        });
        assert_eq!(published[0].1["modes"][0], honor);

        assert_eq!((publish(DEMO, "ada").0, publish("course-v1:no+no+no", "staff").0), (403, 404));
        assert_eq!(publish(DEMO, "staff").0, 202);
        system.until(&course(DEMO), "ada", |course| course["publication"]["status"] == "published");
        assert_eq!(system.lms.take_published().len(), 1, "published again, it is the same");

        let unknown = "course-v1:Uni+Unknown+1";
        create(system, json!({ "id": unknown, "name": "Unknown there" }));
        let failed = system.until(&course(unknown), "ada", |course| course["publication"]["status"] == "failed");
        assert_eq!(failed["publication"]["error"], "Course X does not exist.");
    });
}

#[test]
fn what_cannot_be_published_now_is_published_later() {
    on_each_engine(SEED, |system| {
        system.lms.breaks(true);
        create(system, demo());
        // At least one attempt has failed when the event waits.
        let waits = || system.count("SELECT count(*) FROM event_waiting");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while waits() == 0 {
            assert!(std::time::Instant::now() < deadline, "nothing waits");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let path = format!("/api/v2/courses/{DEMO}/");
        assert_eq!(system.get(&path, "ada").1["publication"]["status"], "queued");
        system.lms.breaks(false);
        system.until(&path, "ada", |course| course["publication"]["status"] == "published");
        assert_eq!(system.lms.take_published().len(), 1);
    });
}

#[test]
fn a_switch_keeps_courses_from_being_published_when_they_are_saved() {
    on_each_engine(SEED, |system| {
        let toggle = "/api/toggles/v1/toggles/commerce.publish_course_modes_to_lms/";
        assert_eq!(system.call("PUT", toggle, Some("ada"), Some(json!({ "value": false }))).0, 403);
        assert_eq!(system.call("PUT", toggle, Some("staff"), Some(json!({ "value": false }))).0, 200);
        assert_eq!(create(system, demo()).1["publication"]["status"], "none");
        let state = system.get("/api/toggles/v0/state/", "staff").1;
        assert_eq!(state["waffle_switches"][0]["is_active"], false);
        let (status, answer) = system.get_anonymously("/api/toggles/v1/evaluate/?names=commerce.program_pages");
        assert_eq!((status, &answer["flags"]["commerce.program_pages"]), (200, &json!(true)));
    });
}

#[test]
fn a_refusal_waits_for_the_body_so_that_the_connection_can_be_used_again() {
    on_each_engine(SEED, |system| {
        let long = json!({ "id": DEMO, "name": "x".repeat(1 << 20) });
        for _ in 0..10 {
            assert_eq!(system.call("POST", "/api/v2/courses/", Some("ada"), Some(long.clone())).0, 403);
            assert_eq!(system.get("/api/v2/courses/", "ada").0, 200);
        }
    });
}
