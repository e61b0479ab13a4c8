//! Making, changing, deleting and restoring programs: who may, by which rules, and what is written down of it.

use programs::{ClosedRuns, Settings};
use serde_json::{Value, json};

use crate::harness::{System, on_each_engine, token, with_settings};

fn run(course_key: &str, mode: &str) -> Value {
    json!({ "course_key": course_key, "mode_slug": mode, "sku": "", "start_date": "2030-01-01T00:00:00Z" })
}

fn code(organization: &str, key: &str, runs: &[Value]) -> Value {
    json!({ "key": key, "display_name": key, "organization": { "key": organization }, "run_modes": runs })
}

fn new_program(name: &str) -> Value {
    json!({ "name": name, "category": "XSeries", "organizations": [{ "key": "edX" }] })
}

fn create(system: &System, username: &str, body: &Value) -> crate::harness::Answer {
    system.call("POST", "/api/v1/programs/", username, body)
}

fn patch(system: &System, name: &str, username: &str, body: &Value) -> crate::harness::Answer {
    system.call("PATCH", &format!("/api/v1/programs/{name}/"), username, body)
}

fn with(mut body: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[test]
fn a_new_program_is_unpublished_and_has_a_slug() {
    on_each_engine(|system| {
        let answer = create(system, "boss", &new_program("How Seeds Grow!"));
        assert_eq!(answer.status, 201, "{answer:?}");
        let program = &answer.body;
        let location = format!("{}/api/v1/programs/{}/", system.url, program["id"]);
        assert_eq!(answer.headers["location"], location.as_str());
        for (field, value) in [
            ("status", json!("unpublished")),
            ("slug", json!("how-seeds-grow")),
            ("subtitle", json!("")),
            ("marketing_slug", json!("")),
            ("course_codes", json!([])),
            ("version", json!(1)),
            ("author", json!("boss")),
        ] {
            assert_eq!(program[field], value, "{field}");
        }
        assert_eq!(&system.program("how-seeds-grow"), program);
        assert_eq!(create(system, "boss", &new_program("How seeds grow?")).body["slug"], "how-seeds-grow-2");
        let own = with(new_program("Third"), &json!({ "slug": "third-one", "site": "a.example", "subtitle": " So " }));
        let own = create(system, "boss", &own).body;
        assert_eq!(
            (&own["slug"], &own["site"], &own["subtitle"]),
            (&json!("third-one"), &json!("a.example"), &json!("So"))
        );
    });
}

#[test]
fn what_cannot_be_made_is_refused_with_field_and_reason() {
    let one = "Provide exactly one valid/existing Organization while creating a Program.";
    let cases = [
        (json!({ "name": null }), "name", "This field may not be null."),
        (json!({ "name": "" }), "name", "This field may not be blank."),
        (json!({ "name": "Active" }), "name", "This field must be unique."),
        (json!({ "name": "n".repeat(256) }), "name", "Ensure this field has no more than 255 characters."),
        (json!({ "subtitle": "n".repeat(256) }), "subtitle", "Ensure this field has no more than 255 characters."),
        (json!({ "category": "Odd" }), "category", "\"Odd\" is not a valid choice."),
        (json!({ "status": "active" }), "status", "When creating a Program, 'active' is not a valid choice."),
        (json!({ "status": "" }), "status", "When creating a Program, '' is not a valid choice."),
        (json!({ "slug": "active" }), "slug", "This field must be unique."),
        (json!({ "organizations": [] }), "organizations", one),
        (json!({ "organizations": [{ "key": "edX" }, { "key": "acme" }] }), "organizations", one),
        (
            json!({ "organizations": [{ "key": "X" }] }),
            "organizations",
            "Provided Organization with key 'X' doesn't exist.",
        ),
        (
            json!({ "course_codes": [code("acme", "Rockets", &[])] }),
            "course_codes[0].organization",
            "Course code must be offered by the same organization offering the program.",
        ),
        (
            json!({ "course_codes": [code("X", "Rockets", &[])] }),
            "course_codes[0].organization",
            "Provided Organization with key 'X' doesn't exist.",
        ),
        (
            json!({ "course_codes": [code("edX", "DemoX", &[run("DemoX", "honor")])] }),
            "course_codes[0].run_modes[0].course_key",
            "Invalid course key.",
        ),
        (
            json!({ "course_codes": [code("edX", "DemoX", &[run("edX/DemoX/1", "honor"), run("edX/DemoX/1", "honor")])] }),
            "course_codes[0].run_modes",
            "Duplicate course run modes are not allowed for course codes in a program.",
        ),
    ];
    on_each_engine(|system| {
        let before = system.count("SELECT count(*) FROM programs");
        for (change, field, reason) in &cases {
            let answer = create(system, "boss", &with(new_program("New"), change));
            assert_eq!(answer.status, 400, "{change} {answer:?}");
            assert_eq!(answer.faults(), [((*field).to_owned(), (*reason).to_owned())], "{change}");
            assert_eq!((&answer.body["field"], &answer.body["reason"]), (&json!(field), &json!(reason)));
            assert_eq!(answer.content_type, "application/problem+json");
        }
        let answer = create(system, "boss", &json!({}));
        let fields: Vec<String> =
            answer.faults().into_iter().map(|(field, reason)| format!("{field}: {reason}")).collect();
        let required = "This field is required.";
        assert_eq!(
            fields,
            [format!("name: {required}"), format!("category: {required}"), format!("organizations: {one}")]
        );
        assert_eq!(create(system, "boss", &json!([])).status, 400);
        assert_eq!(create(system, "ada", &new_program("New")).status, 403);
        assert_eq!(
            system.send("POST", "/api/v1/programs/", &[("Content-Type", "application/json")], b"{}").status,
            401
        );
        assert_eq!(system.count("SELECT count(*) FROM programs"), before);
    });
}

#[test]
fn the_lists_in_a_program_are_replaced() {
    on_each_engine(|system| {
        let (one, two) = ("course-v1:edX+DemoX+2025", "course-v1:edX+New+1");
        let runs = [run(one, "verified"), with(run(one, "verified"), &json!({ "sku": "S" })), run(one, "honor")];
        let changed = patch(
            system,
            "active",
            "boss",
            &json!({ "course_codes": [code("edX", "DemoX", &runs), code("edX", "New", &[run(two, "verified")])] }),
        );
        assert_eq!(changed.status, 200, "{changed:?}");
        let shown = |program: &Value| {
            let codes = program["course_codes"].as_array().unwrap().iter();
            codes
                .map(|code| (code["key"].as_str().unwrap().to_owned(), code["run_modes"].as_array().unwrap().len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(&changed.body), [("DemoX".to_owned(), 3), ("New".to_owned(), 1)]);
        assert_eq!(changed.body["course_codes"][1]["organization"]["key"], "edX");
        assert_eq!(changed.body, system.program("active"));
        // A course code that is new is everybody's; one that no program has any more stays.
        let codes = system.get("/api/v1/course_codes/?organization=edX", "boss").body;
        let keys: Vec<&Value> = codes["results"].as_array().unwrap().iter().map(|code| &code["key"]).collect();
        assert_eq!(keys, ["DemoX", "New", "Seeds"]);
        assert_eq!(system.count("SELECT count(*) FROM program_course_codes WHERE program_id = (SELECT id FROM programs WHERE slug = 'active')"), 2);

        let less = patch(system, "active", "boss", &json!({ "course_codes": [code("edX", "New", &[])] })).body;
        assert_eq!(shown(&less), [("New".to_owned(), 0)]);
        assert_eq!(shown(&patch(system, "active", "boss", &json!({ "course_codes": [] })).body), []);
        assert_eq!(system.count("SELECT count(*) FROM run_modes"), 1, "those of another program");
    });
}

#[test]
fn a_merge_patch_changes_what_it_names_and_a_put_everything() {
    on_each_engine(|system| {
        let before = system.program("active");
        let authorization = format!("JWT {}", token("boss"));
        let merge = |content_type: &str, body: &str| {
            let headers = [("Authorization", authorization.as_str()), ("Content-Type", content_type)];
            system.send("PATCH", "/api/v1/programs/active/", &headers, body.as_bytes())
        };
        for (content_type, subtitle) in [
            ("application/merge-patch+json", "one"),
            ("application/merge-patch+json; charset=utf-8", "two"),
            ("application/json", "three"),
        ] {
            let answer = merge(content_type, &json!({ "subtitle": subtitle }).to_string());
            assert_eq!((answer.status, &answer.body["subtitle"]), (200, &json!(subtitle)), "{content_type}");
            assert_eq!(
                (&answer.body["course_codes"], &answer.body["site"]),
                (&before["course_codes"], &before["site"])
            );
        }
        assert_eq!(merge("application/merge-patch+json", r#"{"subtitle":null,"site":null}"#).body["subtitle"], "");
        assert_eq!(merge("text/plain", "{}").status, 415);
        assert_eq!(merge("application/json", "{").status, 400);

        let put = |body: &Value| system.call("PUT", "/api/v1/programs/active/", "boss", body);
        let fields: Vec<String> = put(&json!({})).faults().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["name", "category", "status", "organizations", "course_codes"]);
        let answer = put(&with(before.clone(), &json!({ "subtitle": "again" })));
        assert_eq!((answer.status, &answer.body["subtitle"]), (200, &json!("again")), "what was read can be put back");
        assert_eq!(answer.body["version"], 1);
        let mut short = before.clone();
        short.as_object_mut().unwrap().remove("site");
        let answer = put(&short);
        assert_eq!(
            (&answer.body["subtitle"], &answer.body["site"], &answer.body["slug"]),
            (&json!(""), &json!(""), &json!("active"))
        );
    });
}

#[test]
fn an_active_xseries_has_a_marketing_slug() {
    let reason = "Active XSeries Programs must have a valid marketing slug.";
    on_each_engine(|system| {
        let refused = |body: Value| {
            let answer = patch(system, "unpublished", "boss", &body);
            assert_eq!(answer.faults(), [("marketing_slug".to_owned(), reason.to_owned())], "{body}");
        };
        refused(json!({ "status": "active" }));
        refused(json!({ "status": "active", "marketing_slug": " " }));
        assert_eq!(
            patch(system, "unpublished", "boss", &json!({ "status": "active", "category": "MicroMasters" })).status,
            200
        );
        refused(json!({ "category": "XSeries" }));
        assert_eq!(
            patch(system, "unpublished", "boss", &json!({ "category": "XSeries", "marketing_slug": "m" })).status,
            200
        );
        refused(json!({ "marketing_slug": "" }));
        for status in ["retired", "unpublished", "active"] {
            assert_eq!(patch(system, "unpublished", "boss", &json!({ "status": status })).body["status"], status);
        }
        for status in ["", "odd"] {
            let answer = patch(system, "unpublished", "boss", &json!({ "status": status }));
            assert_eq!(answer.faults()[0].1, format!("\"{status}\" is not a valid choice."));
        }
    });
}

#[test]
fn at_most_one_organization_offers_a_program_and_its_courses() {
    on_each_engine(|system| {
        let fault = |body: Value| patch(system, "active", "boss", &body).faults()[0].clone();
        let field = |name: &str, reason: &str| (name.to_owned(), reason.to_owned());
        assert_eq!(
            fault(json!({ "organizations": [{ "key": "edX" }, { "key": "acme" }] })),
            field("organizations", "Cannot associate multiple organizations with a program.")
        );
        let other = "Course code must be offered by the same organization offering the program.";
        assert_eq!(fault(json!({ "organizations": [{ "key": "acme" }] })), field("organizations", other));
        assert_eq!(fault(json!({ "organizations": [] })), field("organizations", other));
        let codes = json!([code("acme", "Rockets", &[])]);
        assert_eq!(fault(json!({ "course_codes": codes })), field("course_codes[0].organization", other));
        let both = json!({ "organizations": [{ "key": "acme" }], "course_codes": codes });
        assert_eq!(patch(system, "active", "boss", &both).body["organizations"][0]["key"], "acme");
        let none = json!({ "organizations": [], "course_codes": [] });
        assert_eq!(patch(system, "active", "boss", &none).body["organizations"], json!([]));
    });
}

#[test]
fn programs_are_deleted_softly_and_restored_by_administrators() {
    on_each_engine(|system| {
        let path = "/api/v1/programs/active/";
        assert_eq!(system.call("DELETE", path, "ada", &json!({})).status, 403);
        assert_eq!(system.call("DELETE", path, "writer", &json!({})).status, 403);
        let deleted = system.send("DELETE", path, &[("Authorization", &format!("JWT {}", token("boss")))], &[]);
        assert_eq!((deleted.status, deleted.bytes.len()), (204, 0));
        assert_eq!(system.get(path, "boss").status, 404);
        assert_eq!(system.call("DELETE", path, "boss", &json!({})).status, 404);
        assert_eq!(patch(system, "active", "boss", &json!({ "subtitle": "x" })).status, 404);
        let gone = |username: &str| system.get("/api/v1/programs/deleted/", username);
        let names: Vec<Value> =
            gone("boss").body["results"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
        assert_eq!(names, ["Active", "Deleted"]);
        assert_eq!((gone("ada").status, gone("writer").status), (403, 403));

        let restore = |username: &str| system.call("POST", &format!("{path}restore/"), username, &json!({}));
        assert_eq!((restore("ada").status, restore("writer").status), (403, 403));
        let restored = restore("boss");
        assert_eq!((restored.status, &restored.body["status"]), (200, &json!("unpublished")), "{restored:?}");
        assert_eq!(restored.body["course_codes"].as_array().unwrap().len(), 2);
        assert_eq!(restore("boss").status, 404, "it is not deleted any more");
        let answer = patch(system, "active", "boss", &json!({ "status": "deleted" }));
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("deleted")));
        assert_eq!(system.get(path, "boss").status, 404);
        assert_eq!(create(system, "boss", &new_program("Active")).faults()[0].1, "This field must be unique.");
    });
}

#[test]
fn authors_write_what_is_not_published() {
    on_each_engine(|system| {
        let made = create(system, "writer", &new_program("Written"));
        assert_eq!((made.status, &made.body["author"]), (201, &json!("writer")));
        assert_eq!(patch(system, "written", "writer", &json!({ "subtitle": "x" })).status, 200);
        assert_eq!(patch(system, "unpublished", "writer", &json!({ "subtitle": "x" })).status, 200);
        assert_eq!(patch(system, "written", "writer", &json!({ "status": "retired" })).status, 403);
        assert_eq!(patch(system, "active", "writer", &json!({ "subtitle": "x" })).status, 403);
        assert_eq!(patch(system, "written", "ada", &json!({ "subtitle": "x" })).status, 403);
        assert_eq!(system.get("/api/v1/programs/written/", "ada").status, 404);
    });
}

#[test]
fn closed_runs_are_refused_if_it_is_so_set() {
    let with_run = |key: &str| json!({ "course_codes": [code("edX", "DemoX", &[run(key, "verified")])] });
    let cases = [
        ("edX/DemoX/2012", Some("Run 'edX/DemoX/2012' is archived.")),
        ("course-v1:edX+DemoX+2098", None),
        ("course-v1:edX+DemoX+nowhere", None),
    ];
    let settings = Settings { closed_runs: ClosedRuns::Refuse, ..Settings::default() };
    with_settings(&settings, |system| {
        for (key, reason) in cases {
            let answer = patch(system, "unpublished", "boss", &with_run(key));
            match reason {
                None => assert_eq!(answer.status, 200, "{answer:?}"),
                Some(reason) => {
                    let field = "course_codes[0].run_modes[0].course_key".to_owned();
                    assert_eq!(answer.faults(), [(field, reason.to_owned())]);
                }
            }
        }
        // What is in the program may stay in it.
        let kept = json!({ "course_codes": [code("edX", "DemoX", &[run("edX/DemoX/2012", "verified")])] });
        assert_eq!(patch(system, "active", "boss", &kept).status, 200);
    });
    on_each_engine(|system| {
        for (key, _) in cases {
            assert_eq!(patch(system, "unpublished", "boss", &with_run(key)).status, 200);
        }
    });
}

#[test]
fn the_history_says_who_changed_what() {
    on_each_engine(|system| {
        create(system, "writer", &new_program("New"));
        patch(system, "new", "boss", &json!({ "subtitle": "so", "course_codes": [code("edX", "DemoX", &[])] }));
        patch(system, "new", "boss", &json!({ "subtitle": "so" }));
        system.call("DELETE", "/api/v1/programs/new/", "boss", &json!({}));
        let history = system.get("/api/v1/programs/new/history/", "boss");
        assert_eq!(history.status, 200, "{history:?}");
        let entries: Vec<(&Value, &Value)> =
            history.body["results"].as_array().unwrap().iter().map(|one| (&one["action"], &one["username"])).collect();
        assert_eq!(
            entries,
            [
                (&json!("deleted"), &json!("boss")),
                (&json!("changed"), &json!("boss")),
                (&json!("created"), &json!("writer"))
            ]
        );
        assert_eq!(
            history.body["results"][1]["changes"],
            json!({ "subtitle": { "from": "", "to": "so" }, "version": { "from": 1, "to": 2 } })
        );
        assert_eq!(
            history.body["results"][0]["changes"],
            json!({ "status": { "from": "unpublished", "to": "deleted" } })
        );
        assert_eq!(history.body["results"][2]["changes"]["name"], json!({ "to": "New" }));
        let all = system.get("/api/v1/history/?page_size=2", "boss").body;
        assert_eq!((&all["count"], all["results"].as_array().unwrap().len()), (&json!(3), 2));
        for path in ["/api/v1/programs/new/history/", "/api/v1/history/"] {
            assert_eq!((system.get(path, "ada").status, system.get(path, "writer").status), (403, 403));
        }
        assert_eq!(system.get("/api/v1/programs/nothing/history/", "boss").status, 404);
    });
}
