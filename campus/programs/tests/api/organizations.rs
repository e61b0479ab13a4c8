//! Organisations, course codes and runs: what programs are made of.

use serde_json::{Value, json};

use crate::harness::on_each_engine;

fn keys<'a>(page: &'a Value, field: &str) -> Vec<&'a str> {
    page["results"].as_array().unwrap().iter().map(|one| one[field].as_str().unwrap()).collect()
}

#[test]
fn course_codes_runs_and_organizations_are_for_authors_and_administrators() {
    on_each_engine(|system| {
        for path in ["/api/v1/course_codes/", "/api/v1/course_runs/", "/api/v1/organizations/"] {
            let seen = ["boss", "writer", "ada"].map(|username| system.get(path, username).status);
            assert_eq!((seen, system.get_anonymously(path).status), ([200, 200, 403], 401), "{path}");
        }
        let codes = |query: &str| system.get(&format!("/api/v1/course_codes/{query}"), "boss").body;
        assert_eq!(keys(&codes("?organization=edX"), "key"), ["DemoX", "Seeds"]);
        assert_eq!(keys(&codes("?organization=nobody"), "key"), Vec::<&str>::new());
        assert_eq!(codes("?page_size=1")["count"], 3);
        assert_eq!(
            codes("")["results"][0],
            json!({ "display_name": "Rockets", "key": "Rockets", "organization": { "display_name": "Acme", "key": "acme" } })
        );
        let organizations = system.get("/api/v1/organizations/", "boss").body;
        assert_eq!(keys(&organizations, "key"), ["acme", "edX", "org1"], "upper case does not come first");
        let runs = |query: &str| system.get(&format!("/api/v1/course_runs/{query}"), "boss").body;
        assert_eq!(keys(&runs("?organization=edX&course_code=DemoX"), "run_state"), ["closed", "upcoming", "archived"]);
        assert_eq!(keys(&runs("?course_code=Seeds"), "course_key"), Vec::<&str>::new());
        assert_eq!(runs("")["results"][2]["run_key"], "2012");
    });
}

#[test]
fn administrators_make_organizations() {
    on_each_engine(|system| {
        let make = |username: &str, body: Value| system.call("POST", "/api/v1/organizations/", username, &body);
        let made = make("boss", json!({ "key": "new", "display_name": "New Inc." }));
        assert_eq!((made.status, made.body), (201, json!({ "display_name": "New Inc.", "key": "new" })));
        assert_eq!((make("ada", json!({})).status, make("writer", json!({})).status), (403, 403));
        for (body, field, reason) in [
            (json!({ "display_name": "x" }), "key", "This field is required."),
            (json!({ "key": "x" }), "display_name", "This field is required."),
            (json!({ "key": "edX", "display_name": "x" }), "key", "This field must be unique."),
            (
                json!({ "key": "k".repeat(65), "display_name": "x" }),
                "key",
                "Ensure this field has no more than 64 characters.",
            ),
            (
                json!({ "key": "k", "display_name": "x".repeat(129) }),
                "display_name",
                "Ensure this field has no more than 128 characters.",
            ),
        ] {
            let answer = make("boss", body);
            assert_eq!((answer.status, answer.faults()), (400, vec![(field.to_owned(), reason.to_owned())]));
        }
        let history = system.get("/api/v1/history/", "boss").body;
        assert_eq!((&history["count"], &history["results"][0]["key"]), (&json!(1), &json!("new")));
    });
}
