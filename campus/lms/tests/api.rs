//! What callers see: every endpoint with its rules, messages and status codes.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use harness::on_each_engine;
use serde_json::{Value, json};

const SEED: &str = include_str!("seed.sql");
const DEMO: &str = "course-v1:edX+DemoX+2025";

fn keys(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn whether_the_service_lives_and_whether_it_can_work_are_two_questions() {
    on_each_engine(SEED, |system| {
        let (status, body) = system.get_anonymously("/heartbeat");
        assert_eq!((status, &body["sql"]["status"]), (200, &json!(true)));
        assert_eq!(system.get_anonymously("/health/live"), (200, json!({ "status": "alive" })));
    });
}

#[test]
fn a_token_is_needed_and_has_to_be_that_of_an_active_user() {
    on_each_engine(SEED, |system| {
        let path = "/api/organizations/v0/organizations/";
        let refused = system.send("GET", path, None, None);
        assert_eq!((refused.status, refused.kind.as_str()), (401, "application/problem+json"));
        for (user, status) in [("ada", 200), ("gone", 401), ("nobody", 401), ("", 401)] {
            assert_eq!(system.get(path, user).0, status, "{user}");
        }
        let good = system.signed(&system.claims("ada"));
        let with = |change: &dyn Fn(&mut identity::Claims)| {
            let mut claims = system.claims("ada");
            change(&mut claims);
            format!("JWT {}", system.signed(&claims))
        };
        for (authorization, status) in [
            (format!("JWT {good}"), 200),
            (format!("Bearer {good}"), 200),
            (format!("Token {good}"), 401),
            (format!("JWT {good}x"), 401),
            (with(&|claims| claims.iss = "somebody".to_owned()), 401),
            (with(&|claims| claims.aud = identity::Audience::One("else".to_owned())), 401),
            (with(&|claims| claims.exp = claims.iat - 10), 401),
            (with(&|claims| claims.iat += 10), 401),
            (with(&|claims| claims.administrator = Some(true)), 200),
        ] {
            assert_eq!(system.send("GET", path, Some(&authorization), None).status, status, "{authorization}");
        }
        // Who is staff stands in the database, whatever a token says.
        let boasting = with(&|claims| claims.administrator = Some(true));
        assert_eq!(system.send("GET", "/api/enrollment/v1/enrollments", Some(&boasting), None).status, 403);
        assert_eq!(system.get_anonymously("/nowhere").0, 404);
        assert_eq!(system.call("DELETE", path, Some("ada"), None).0, 405);
    });
}

#[test]
fn courses_are_paged_and_filtered() {
    on_each_engine(SEED, |system| {
        let found = |query: &str| {
            let (status, body) = system.get_anonymously(&format!("/api/courses/v1/courses/{query}"));
            assert_eq!(status, 200, "{body}");
            keys(&body["results"], "id")
        };
        assert_eq!(found(""), [DEMO, "edX/Old/2012"]);
        assert_eq!(found("?org=edX&search_term=demo"), [DEMO]);
        assert_eq!(found("?search_term=0%25"), ["edX/Old/2012"], "a percent sign stands for itself");
        assert!(found("?org=Uni").is_empty(), "hidden courses are for staff");
        assert!(found("?search_term=d_mo").is_empty());

        let (_, page) = system.get_anonymously("/api/courses/v1/courses/?org=edX&page_size=1&page=2");
        let pagination = &page["pagination"];
        assert_eq!((&pagination["count"], &pagination["num_pages"]), (&json!(2), &json!(2)));
        assert_eq!(pagination["next"], Value::Null);
        let previous = pagination["previous"].as_str().unwrap();
        assert!(previous.ends_with("/api/courses/v1/courses/?org=edX&page_size=1&page=1"), "{previous}");
        for page in ["3", "0", "x"] {
            let (status, body) = system.get_anonymously(&format!("/api/courses/v1/courses/?page_size=1&page={page}"));
            assert_eq!((status, &body["reason"]), (404, &json!("Invalid page.")));
        }
        let (_, all) = system.get("/api/courses/v1/courses/", "staff");
        assert_eq!(all["pagination"]["count"], 3);
        let demo = &all["results"][1];
        assert_eq!(
            (&demo["start"], &demo["start_display"]),
            (&json!("2025-02-03T00:00:00Z"), &json!("February 3, 2025"))
        );
        assert_eq!(
            (&demo["org"], &demo["pacing"], &demo["start_type"]),
            (&json!("edX"), &json!("instructor"), &json!("timestamp"))
        );
    });
}

#[test]
fn active_organizations_are_listed() {
    on_each_engine(SEED, |system| {
        let (_, body) = system.get("/api/organizations/v0/organizations/?page_size=50", "ada");
        let mut short_names = keys(&body["results"], "short_name");
        short_names.sort(); // The engines sort upper and lower case differently.
        assert_eq!(short_names, ["Uni", "edX"]);
        assert_eq!((&body["count"], &body["num_pages"], &body["next"]), (&json!(2), &json!(1), &Value::Null));
    });
}

#[test]
fn an_account_is_shown_in_full_to_its_owner_and_to_staff() {
    on_each_engine(SEED, |system| {
        for (token, email) in
            [("ada", json!("ada@example.com")), ("staff", json!("ada@example.com")), ("bob", Value::Null)]
        {
            let (status, body) = system.get("/api/user/v1/accounts/ada", token);
            assert_eq!((status, &body["username"], &body["email"]), (200, &json!("ada"), &email), "{token}");
        }
        assert_eq!(system.get("/api/user/v1/accounts/nobody", "staff").0, 404);
    });
}

#[test]
fn course_modes_are_shown_as_a_list_and_alone() {
    on_each_engine(SEED, |system| {
        let path = |rest: &str| format!("/api/course_modes/v1/courses/{rest}");
        let (_, list) = system.get(&path(&format!("{DEMO}/")), "ada");
        assert_eq!(keys(&list, "mode_slug"), ["audit", "honor", "verified"]);
        let (_, mode) = system.get(&path(&format!("{DEMO}/verified")), "ada");
        assert_eq!((&mode["course_id"], &mode["sku"], &mode["min_price"]), (&json!(DEMO), &json!("ABC"), &json!(149)));
        assert_eq!(system.get(&path("edX/Old/2012/"), "ada"), (200, json!([])));
        for absent in [format!("{DEMO}/masters"), "course-v1:no+no+no/".to_owned(), "nonsense/".to_owned()] {
            assert_eq!(system.get(&path(&absent), "ada").0, 404, "{absent}");
        }
    });
}

#[test]
fn enrolling_follows_the_rules() {
    let wanted = |user: &str, mode: Value, course: &str| json!({ "user": user, "mode": mode, "course_details": { "course_id": course } });
    let cases = [
        ("ada", wanted("ada", Value::Null, DEMO), 200, "audit"),
        ("ada", wanted("ada", json!("verified"), DEMO), 403, "Only staff may enroll somebody in the mode 'verified'."),
        ("ada", wanted("bob", Value::Null, DEMO), 404, "Not found."),
        (
            "ada",
            wanted("ada", json!("honor"), "edX/Old/2012"),
            400,
            "The [honor] course mode is expired or otherwise unavailable for course run [edX/Old/2012].",
        ),
        ("ada", wanted("ada", Value::Null, "edX/Old/2012"), 200, "audit"),
        (
            "bob",
            wanted("bob", json!("honor"), DEMO),
            400,
            "The [honor] course mode is expired or otherwise unavailable for course run [course-v1:edX+DemoX+2025].",
        ),
        (
            "ada",
            wanted("ada", Value::Null, "course-v1:no+no+no"),
            400,
            "No course 'course-v1:no+no+no' found for enrollment",
        ),
        ("ada", wanted("ada", Value::Null, "nonsense"), 400, "No course 'nonsense' found for enrollment"),
        (
            "ada",
            wanted("ada", Value::Null, "course-v1:Uni+Secret+1"),
            400,
            "The course 'course-v1:Uni+Secret+1' is closed for enrollment.",
        ),
        ("staff", wanted("ada", Value::Null, "course-v1:Uni+Secret+1"), 200, "audit"),
        ("staff", wanted("ada", json!("verified"), DEMO), 200, "verified"),
        ("ada", wanted("ada", json!("audit"), DEMO), 200, "verified"),
        ("staff", wanted("nobody", Value::Null, DEMO), 406, "There is no user 'nobody'."),
        ("staff", json!({}), 400, "This field is required."),
    ];
    on_each_engine(SEED, |system| {
        for (token, body, status, word) in &cases {
            let (got, answer) = system.call("POST", "/api/enrollment/v1/enrollment", Some(token), Some(body.clone()));
            let said = if got == 200 { &answer["mode"] } else { &answer["reason"] };
            assert_eq!((got, said), (*status, &json!(word)), "{token} {body}");
        }
        assert_eq!(system.count("SELECT count(*) FROM enrollments"), 3, "enrolling twice is one enrolment");
    });
}

#[test]
fn an_enrolment_can_be_left_and_joined_again() {
    on_each_engine(SEED, |system| {
        let path = format!("/api/enrollment/v1/enrollment/ada,{DEMO}");
        let save = |active: bool| {
            let body = json!({ "is_active": active, "course_details": { "course_id": DEMO } });
            system.call("POST", "/api/enrollment/v1/enrollment", Some("ada"), Some(body))
        };
        assert_eq!(system.get(&path, "ada"), (200, Value::Null));
        let mine = || system.get("/api/enrollment/v1/enrollment", "ada").1.as_array().unwrap().len();
        for (active, count) in [(true, 1), (false, 0), (true, 1)] {
            let (status, saved) = save(active);
            assert_eq!((status, &saved["is_active"]), (200, &json!(active)));
            assert_eq!(system.get(&path, "staff"), (200, saved));
            assert_eq!(mine(), count);
        }
        assert_eq!(system.get(&path, "bob").0, 404);
        assert_eq!(system.get("/api/enrollment/v1/enrollment?user=ada", "bob").0, 404);
        assert_eq!(system.get("/api/enrollment/v1/enrollment/ada,nonsense", "ada").0, 400);
    });
}

#[test]
fn attributes_of_an_enrolment_are_kept_for_staff() {
    on_each_engine(SEED, |system| {
        let body = json!({
            "user": "ada", "mode": "verified", "course_details": { "course_id": DEMO },
            "enrollment_attributes": [{ "namespace": "order", "name": "order_number", "value": "EDX-1" }],
        });
        let send = |token| system.call("POST", "/api/enrollment/v1/enrollment", Some(token), Some(body.clone())).0;
        assert_eq!((send("ada"), send("staff"), send("staff")), (403, 200, 200));
        assert_eq!(system.count("SELECT count(*) FROM enrollment_attributes WHERE value = 'EDX-1'"), 1);
    });
}

#[test]
fn staff_see_all_enrolments() {
    on_each_engine(SEED, |system| {
        for user in ["ada", "bob"] {
            let body = json!({ "user": user, "course_details": { "course_id": DEMO } });
            system.call("POST", "/api/enrollment/v1/enrollment", Some("staff"), Some(body));
        }
        let found = |query: &str| system.get(&format!("/api/enrollment/v1/enrollments{query}"), "staff");
        assert_eq!(keys(&found("").1["results"], "user"), ["ada", "bob"]);
        assert_eq!(keys(&found("?username=bob").1["results"], "user"), ["bob"]);
        assert_eq!(found("?course_id=edX/Old/2012").1["count"], 0);
        assert_eq!(found("?course_id=nonsense").0, 400);
        assert_eq!(system.get("/api/enrollment/v1/enrollments", "ada").0, 403);
    });
}

#[test]
fn everybody_sees_what_can_be_enrolled_in() {
    on_each_engine(SEED, |system| {
        let slugs = |query: &str| {
            let (status, body) = system.get_anonymously(&format!("/api/enrollment/v1/course/{DEMO}{query}"));
            assert_eq!(status, 200);
            keys(&body["course_modes"], "slug")
        };
        assert_eq!(slugs(""), ["audit", "verified"]);
        assert_eq!(slugs("?include_expired=1"), ["audit", "honor", "verified"]);
        let (_, old) = system.get_anonymously("/api/enrollment/v1/course/edX/Old/2012");
        assert_eq!(keys(&old["course_modes"], "slug"), ["audit"], "a course without modes can be audited");
        assert_eq!(system.get_anonymously("/api/enrollment/v1/course/course-v1:no+no+no").0, 400);
    });
}

#[test]
fn publishing_replaces_the_modes() {
    on_each_engine(SEED, |system| {
        let path = format!("/api/commerce/v1/courses/{DEMO}/");
        let put = |path: &str, body: Value| system.call("PUT", path, Some("staff"), Some(body));
        let verified = json!({ "name": "verified", "currency": "USD", "price": 99, "sku": "NEW", "expires": "2030-01-01T00:00:00Z" });

        let body = json!({ "verification_deadline": "2030-02-01T00:00:00Z", "modes": [verified, { "name": "no-id-professional", "price": 5 }] });
        let (status, answer) = put(&path, body);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(keys(&answer["modes"], "name"), ["no-id-professional", "verified"]);
        assert_eq!((&answer["modes"][1]["sku"], &answer["modes"][1]["currency"]), (&json!("NEW"), &json!("usd")));
        assert_eq!(system.get(&path, "ada"), (200, answer));
        let (_, mode) = system.get(&format!("/api/course_modes/v1/courses/{DEMO}/no-id-professional"), "ada");
        assert_eq!(mode["mode_display_name"], "No Id Professional");

        for (body, field, reason) in [
            (
                json!({ "verification_deadline": "2029-01-01T00:00:00Z", "modes": [verified] }),
                json!("verification_deadline"),
                "Verification deadline must be after the course mode upgrade deadlines.",
            ),
            (json!({}), json!("modes"), "This field is required."),
            (json!({ "modes": [{ "name": "audit" }] }), json!("modes[0].price"), "This field is required."),
            (json!({ "modes": [verified, verified] }), json!("modes[1].name"), "The mode 'verified' is given twice."),
            (
                json!({ "modes": [{ "name": "audit", "price": -1 }] }),
                json!("modes[0].price"),
                "A price cannot be negative.",
            ),
        ] {
            let (status, answer) = put(&path, body);
            let said = (&answer["field"], &answer["reason"], &answer["detail"], &answer["status"]);
            assert_eq!((status, said), (400, (&field, &json!(reason), &json!(reason), &json!(400))));
        }
        let (status, answer) = put("/api/commerce/v1/courses/course-v1:no+no+no/", json!({ "modes": [] }));
        assert_eq!((status, &answer["reason"]), (400, &json!("Course course-v1:no+no+no does not exist.")));
        assert_eq!(system.get("/api/commerce/v1/courses/course-v1:no+no+no/", "ada").0, 404);
        assert_eq!(system.call("PUT", &path, Some("ada"), Some(json!({ "modes": [] }))).0, 403);
        assert_eq!(system.count("SELECT count(*) FROM course_modes"), 2, "what was refused changed nothing");
    });
}
