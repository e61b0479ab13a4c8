//! Orders, from the first wish to the enrolment, and back.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use std::num::NonZeroU32;

use commerce::Settings;
use harness::{System, on_each_engine, on_each_engine_with};
use serde_json::{Value, json};

const SEED: &str = include_str!("seed.sql");
const DEMO: &str = "course-v1:edX+DemoX+2025";

/// The skus of a course with a seat that costs nothing and one that costs something.
fn skus(system: &System) -> (String, String) {
    let body = json!({
        "id": DEMO, "name": "Demonstration", "partner": "edx", "site": "shop.example.com",
        "seats": [{ "type": "audit", "price": 0 }, { "type": "verified", "price": 149 }],
    });
    let (status, course) = system.call("POST", "/api/v2/courses/", Some("staff"), Some(body));
    assert_eq!(status, 201, "{course}");
    let sku = |index: usize| course["seats"][index]["sku"].as_str().unwrap().to_owned();
    (sku(0), sku(1))
}

fn order(system: &System, who: &str, body: Value) -> (u16, Value) {
    system.call("POST", "/api/v2/orders/", Some(who), Some(body))
}

fn path(order: &Value) -> String {
    format!("/api/v2/orders/{}/", order["number"].as_str().unwrap())
}

fn step(system: &System, order: &Value, step: &str, who: &str, body: Option<Value>) -> (u16, Value) {
    system.call("POST", &format!("{}{step}/", path(order)), Some(who), body)
}

#[test]
fn what_costs_nothing_enrols_at_once_and_once() {
    on_each_engine(SEED, |system| {
        let (free, _) = skus(system);
        let (status, placed) = order(system, "ada", json!({ "sku": free }));
        assert_eq!((status, &placed["user"], &placed["status"]), (201, &json!("ada"), &json!("paid")));
        system.until(&path(&placed), "ada", |order| order["status"] == "complete");
        let (status, again) = order(system, "ada", json!({ "sku": free }));
        assert_eq!((status, &again["number"]), (200, &placed["number"]), "it is the same order");
        let enrolled = system.lms.take_enrolled();
        assert_eq!(enrolled.len(), 1, "{enrolled:?}");
        assert_eq!((&enrolled[0]["user"], &enrolled[0]["mode"]), (&json!("ada"), &json!("audit")));
        assert_eq!(enrolled[0]["enrollment_attributes"][0]["value"], placed["number"]);
        assert_eq!(system.lms.take_published().len(), 1, "the seat was a mode before");

        // Positions are given one reader at a time: who comes second may see the newest events with the next look.
        let feed = "/api/events/v1/?types=org.openedx.commerce.order.completed.v1";
        let told =
            system.until(feed, "staff", |told| told["events"].as_array().is_some_and(|events| !events.is_empty()));
        assert_eq!(told["events"][0]["data"]["number"], placed["number"], "{told}");
        assert_eq!((system.get("/api/events/v1/", "ada").0, system.get_anonymously("/api/events/v1/").0), (403, 401));
    });
}

#[test]
fn what_costs_something_waits_for_its_payment() {
    on_each_engine(SEED, |system| {
        let (_, verified) = skus(system);
        let placed = order(system, "ada", json!({ "sku": verified })).1;
        assert_eq!(
            (&placed["status"], &placed["price"], &placed["currency"]),
            (&json!("open"), &json!(149), &json!("USD"))
        );
        let payment = |reference: &str| Some(json!({ "processor": "paypal", "reference": reference }));
        assert_eq!(step(system, &placed, "payment", "ada", payment("p-1")).0, 403);
        assert_eq!(
            step(system, &placed, "payment", "staff", Some(json!({ "processor": "paypal" }))).1["field"],
            "reference"
        );
        assert_eq!(step(system, &placed, "payment", "staff", payment("p-1")).1["status"], "paid");
        system.until(&path(&placed), "ada", |order| order["status"] == "complete");
        assert_eq!(step(system, &placed, "payment", "staff", payment("p-1")).0, 200, "said again, it is the same");
        assert_eq!(step(system, &placed, "payment", "staff", payment("p-2")).0, 409);
        let other = order(system, "bob", json!({ "sku": verified })).1;
        let (status, refused) = step(system, &other, "payment", "staff", payment("p-1"));
        assert_eq!((status, &refused["reason"]), (409, &json!("The payment 'p-1' is that of another order.")));
        assert_eq!(system.lms.take_enrolled().len(), 1);

        assert_eq!(step(system, &placed, "cancel", "ada", None).0, 409, "it is paid");
        assert_eq!(step(system, &placed, "refund", "ada", None).0, 403);
        assert_eq!(step(system, &placed, "refund", "staff", None).1["status"], "refunded");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let left = loop {
            let enrolled = system.lms.take_enrolled();
            if !enrolled.is_empty() {
                break enrolled;
            }
            assert!(std::time::Instant::now() < deadline, "the enrolment does not end");
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        assert_eq!((&left[0]["user"], &left[0]["is_active"]), (&json!("ada"), &json!(false)));
        assert_eq!(order(system, "ada", json!({ "sku": verified })).0, 201, "it can be bought again");
    });
}

#[test]
fn only_a_processor_of_the_site_pays() {
    on_each_engine(SEED, |system| {
        let (_, verified) = skus(system);
        let configuration = json!({ "partner": "edx", "payment_processors": "cybersource,paypal" });
        system.call("PUT", "/api/v2/site_configurations/shop.example.com/", Some("staff"), Some(configuration));
        let placed = order(system, "ada", json!({ "sku": verified })).1;
        let pay = |processor: &str| {
            step(system, &placed, "payment", "staff", Some(json!({ "processor": processor, "reference": "1" })))
        };
        assert_eq!(pay("cash").1["field"], "processor");
        assert_eq!(pay("paypal").0, 200);
    });
}

#[test]
fn a_refused_enrolment_fails_the_order_which_can_be_tried_again_or_given_back() {
    on_each_engine(SEED, |system| {
        let (free, _) = skus(system);
        let placed = order(system, "staff", json!({ "sku": free, "user": "stranger" })).1;
        let failed = system.until(&path(&placed), "staff", |order| order["status"] == "failed");
        assert_eq!(failed["error"], "User stranger does not exist.");
        assert_eq!(step(system, &placed, "retry", "stranger", None).0, 403);
        assert_eq!(step(system, &placed, "retry", "staff", None).1["status"], "paid");
        system.until(&path(&placed), "staff", |order| order["status"] == "failed");
        assert_eq!(step(system, &placed, "refund", "staff", None).1["status"], "refunded");
        assert_eq!(step(system, &placed, "retry", "staff", None).0, 409);
    });
}

#[test]
fn everybody_sees_and_changes_his_own() {
    on_each_engine(SEED, |system| {
        let (free, verified) = skus(system);
        let placed = order(system, "ada", json!({ "sku": verified })).1;
        order(system, "bob", json!({ "sku": free }));
        let count = |query: &str, who: &str| system.get(&format!("/api/v2/orders/{query}"), who).1["count"].clone();
        assert_eq!((count("", "ada"), count("", "staff"), count("?user=bob", "staff")), (json!(1), json!(2), json!(1)));
        assert_eq!((count("?status=open", "ada"), count("?status=complete", "ada")), (json!(1), json!(0)));
        assert_eq!(system.get("/api/v2/orders/?user=bob", "ada").0, 403);
        assert_eq!(system.get("/api/v2/orders/?status=lost", "ada").1["field"], "status");
        assert_eq!((system.get(&path(&placed), "bob").0, system.get(&path(&placed), "ada").0), (404, 200));
        assert_eq!(order(system, "ada", json!({ "sku": free, "user": "bob" })).0, 403);
        assert_eq!(step(system, &placed, "cancel", "bob", None).0, 404);
        assert_eq!(step(system, &placed, "cancel", "ada", None).1["status"], "cancelled");
        assert_eq!(step(system, &placed, "cancel", "ada", None).0, 200, "cancelled again, it is the same");
        for (body, field) in
            [(json!({}), "sku"), (json!({ "sku": "NONE" }), "sku"), (json!({ "sku": free, "x": 1 }), "x")]
        {
            let (status, answer) = order(system, "ada", body);
            assert_eq!((status, &answer["field"]), (400, &json!(field)), "{answer}");
        }
    });
}

#[test]
fn what_is_over_is_not_sold_and_a_flag_stops_the_sale() {
    on_each_engine(SEED, |system| {
        let (free, _) = skus(system);
        let toggle = "/api/toggles/v1/toggles/commerce.orders/";
        let off = json!({ "scope": "organization", "key": "edX", "value": false });
        assert_eq!(system.call("PUT", toggle, Some("staff"), Some(off)).0, 200);
        assert_eq!(order(system, "ada", json!({ "sku": free })).0, 403);
        assert_eq!(order(system, "staff", json!({ "sku": free, "user": "ada" })).0, 201);
        let over = json!({
            "name": "Demonstration", "seats": [{ "type": "audit", "price": 0, "expires": "2001-01-01T00:00:00Z" }],
        });
        assert_eq!(system.call("PUT", &format!("/api/v2/courses/{DEMO}/"), Some("staff"), Some(over)).0, 200);
        let (_, refused) = order(system, "staff", json!({ "sku": free, "user": "bob" }));
        assert!(refused["reason"].as_str().unwrap().contains("is not sold any more"), "{refused}");
    });
}

#[test]
fn one_caller_does_not_take_all() {
    let settings = Settings { rate_limit: NonZeroU32::new(5), ..Settings::default() };
    on_each_engine_with(SEED, &settings, |system| {
        let statuses: Vec<u16> = (0..6).map(|_| system.get("/api/v2/orders/", "ada").0).collect();
        assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
        assert_eq!(system.get("/api/v2/orders/", "bob").0, 200);
        assert!((0..10).all(|_| system.get("/api/v2/orders/", "staff").0 == 200), "services are staff");
        assert!((0..10).any(|_| system.get_anonymously("/api/v2/orders/").0 == 429));
        assert_eq!(system.get_anonymously("/health/").0, 200);
    });
}
