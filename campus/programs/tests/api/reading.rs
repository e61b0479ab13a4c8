//! Programs as they are seen: by role, filtered, in pages, with what is in them.

use std::sync::atomic::Ordering;

use programs::Settings;
use serde_json::{Value, json};

use crate::harness::{on_each_engine, on_postgres, with_settings};

fn names(page: &Value) -> Vec<&str> {
    page["results"]
        .as_array()
        .unwrap_or_else(|| panic!("{page}"))
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect()
}

#[test]
fn programs_are_seen_by_role_and_filtered() {
    let cases = [
        ("boss", "", &["Active", "Retired", "Unpublished"][..]),
        ("writer", "", &["Active", "Retired", "Unpublished"]),
        ("ada", "", &["Active", "Retired"]),
        ("boss", "?status=unpublished", &["Unpublished"]),
        ("ada", "?status=unpublished", &[]),
        ("boss", "?status=deleted", &[]),
        ("ada", "?organization=edX", &["Active"]),
        ("ada", "?organization=edX&status=retired", &[]),
        ("ada", "?organization=nobody", &[]),
        ("ada", "?site=micro.example.com", &["Active"]),
        ("ada", "?site=", &["Retired"]),
        ("ada", "?page_size=1&page=2", &["Retired"]),
    ];
    on_each_engine(|system| {
        // Twice: the second time, the answers are those that were kept.
        for (username, query, expected) in cases.into_iter().chain(cases) {
            let answer = system.get(&format!("/api/v1/programs/{query}"), username);
            assert_eq!((answer.status, names(&answer.body)), (200, expected.to_vec()), "{username} {query}");
        }
        let odd = system.get("/api/v1/programs/?status=odd", "ada");
        assert_eq!((odd.status, &odd.body["field"]), (400, &json!("status")));
        assert_eq!(system.get_anonymously("/api/v1/programs/").status, 401);
    });
}

#[test]
fn lists_come_in_pages_with_links_to_their_neighbours() {
    on_each_engine(|system| {
        let page = |query: &str| system.get(&format!("/api/v1/programs/{query}"), "boss");
        let first = page("?page_size=2").body;
        let next = format!("{}/api/v1/programs/?page_size=2&page=2", system.url);
        assert_eq!((&first["next"], &first["previous"]), (&json!(next), &Value::Null));
        assert_eq!((&first["count"], &first["num_pages"]), (&json!(3), &json!(2)));
        let second = page("?page_size=2&page=2").body;
        let previous = format!("{}/api/v1/programs/?page_size=2&page=1", system.url);
        assert_eq!((&second["next"], &second["previous"]), (&Value::Null, &json!(previous)));
        let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["next", "previous", "count", "num_pages", "results"]);
        for wrong in ["?page=3&page_size=2", "?page=0", "?page=x", "?page=2", "?page=-1"] {
            let answer = page(wrong);
            assert_eq!((answer.status, &answer.body["detail"]), (404, &json!("Invalid page.")), "{wrong}");
        }
        for wrong in ["?page_size=0", "?page_size=101", "?page_size=many"] {
            assert_eq!((page(wrong).status, &page(wrong).body["field"]), (400, &json!("page_size")), "{wrong}");
        }
        // Twenty a page, unless asked otherwise.
        for number in 0..20 {
            let body =
                json!({ "name": format!("P{number}"), "category": "XSeries", "organizations": [{ "key": "edX" }] });
            assert_eq!(system.call("POST", "/api/v1/programs/", "boss", &body).status, 201);
        }
        let (first, second) = (page("").body, page("?page=2").body);
        assert_eq!((names(&first).len(), names(&second).len(), &first["count"]), (20, 3, &json!(23)));
    });
}

#[test]
fn a_program_is_shown_with_all_that_is_in_it() {
    on_each_engine(|system| {
        let program = system.program("active");
        assert_eq!(program["uuid"], "00000000-0000-8000-8000-000000000001");
        assert_eq!(program["organizations"], json!([{ "display_name": "edX Inc.", "key": "edX" }]));
        let codes = program["course_codes"].as_array().unwrap();
        assert_eq!(codes.iter().map(|code| &code["key"]).collect::<Vec<_>>(), ["Seeds", "DemoX"]);
        assert_eq!(codes[0]["organization"], json!({ "display_name": "edX Inc.", "key": "edX" }));
        let runs = json!([
            { "course_key": "edX/DemoX/2012", "mode_slug": "honor", "sku": "", "start_date": "2012-01-01T00:00:00Z",
              "run_key": "2012", "lms_url": "", "run_state": "archived" },
            { "course_key": "course-v1:edX+DemoX+2025", "mode_slug": "verified", "sku": "ABC",
              "start_date": "2025-01-01T00:00:00Z", "run_key": "2025", "lms_url": "", "run_state": "closed" },
        ]);
        assert_eq!(codes[1]["run_modes"], runs);
        assert_eq!(codes[0]["run_modes"][0]["run_state"], "unknown");
        let fields = [
            "id",
            "name",
            "subtitle",
            "category",
            "status",
            "marketing_slug",
            "organizations",
            "course_codes",
            "created",
            "modified",
            "banner_image_urls",
            "uuid",
            "slug",
            "site",
            "version",
            "author",
        ];
        assert_eq!(program.as_object().unwrap().keys().collect::<Vec<_>>(), fields);
        assert_eq!((&program["site"], &program["version"]), (&json!("micro.example.com"), &json!(1)));
    });
}

#[test]
fn a_program_is_found_by_number_uuid_and_slug_if_it_is_for_the_caller() {
    on_each_engine(|system| {
        let id = system.count("SELECT id FROM programs WHERE name = 'Unpublished'").to_string();
        let uuid = "00000000-0000-8000-8000-000000000003";
        for name in [id.as_str(), uuid, &uuid.to_uppercase(), "unpublished"] {
            for (username, status) in [("boss", 200), ("writer", 200), ("ada", 404), ("boss", 200)] {
                let answer = system.get(&format!("/api/v1/programs/{name}/"), username);
                assert_eq!(answer.status, status, "{name} {username}");
                assert!(status == 404 || answer.body["name"] == "Unpublished", "{answer:?}");
            }
        }
        for name in [
            "deleted-one",
            "999999",
            "99999999999999999999999",
            "x",
            "X",
            "%00",
            "00000000-0000-8000-8000-000000000004",
        ] {
            assert_eq!(system.get(&format!("/api/v1/programs/{name}/"), "boss").status, 404, "{name}");
        }
    });
}

#[test]
fn what_others_write_into_the_database_is_seen_at_once() {
    on_each_engine(|system| {
        let shown = || {
            let list = system.get("/api/v1/programs/", "ada").body;
            let program = system.program("active");
            assert_eq!(list["results"][0], program);
            (
                program["name"].clone(),
                program["course_codes"][0]["display_name"].clone(),
                program["organizations"][0]["display_name"].clone(),
                program["course_codes"][1]["run_modes"][1]["run_state"].clone(),
            )
        };
        assert_eq!(shown(), (json!("Active"), json!("Seeds"), json!("edX Inc."), json!("closed")));
        system.execute("UPDATE programs SET name = 'Other' WHERE slug = 'active'");
        assert_eq!(shown().0, "Other");
        system.execute("UPDATE course_codes SET display_name = 'Trees' WHERE key = 'Seeds'");
        assert_eq!(shown().1, "Trees");
        system.execute("UPDATE organizations SET display_name = 'edX' WHERE key = 'edX'");
        assert_eq!(shown().2, "edX");
        system.execute("UPDATE course_runs SET withdrawn = TRUE");
        assert_eq!(shown().3, "withdrawn");
        system.execute("DELETE FROM run_modes");
        assert_eq!(shown().3, Value::Null);
    });
}

#[test]
fn a_run_that_closes_is_shown_so_though_nobody_wrote_anything() {
    on_each_engine(|system| {
        let set = if system.is_postgres() {
            "UPDATE course_runs SET enrollment_end = CURRENT_TIMESTAMP + INTERVAL '1.5 seconds' WHERE course_key = 'course-v1:edX+DemoX+2025'"
        } else {
            "UPDATE course_runs SET enrollment_end = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1.5 seconds') WHERE course_key = 'course-v1:edX+DemoX+2025'"
        };
        system.execute(set);
        let state = || system.program("active")["course_codes"][1]["run_modes"][1]["run_state"].clone();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while state() != "closed" {
            assert!(std::time::Instant::now() < deadline, "{}", state());
        }
    });
}

#[test]
fn a_list_takes_three_queries_whatever_is_in_it_and_one_when_it_is_kept() {
    on_postgres(&Settings::default(), None, |system| {
        let queries = |path: &str| {
            let before = system.queries.load(Ordering::Relaxed);
            assert_eq!(system.get(path, "ada").status, 200);
            system.queries.load(Ordering::Relaxed) - before
        };
        // Who asks for the first time is remembered, by one query more.
        assert_eq!(queries("/api/v1/programs/?site=none"), 3);
        assert_eq!((queries("/api/v1/programs/"), queries("/api/v1/programs/")), (3, 1));
        assert_eq!((queries("/api/v1/programs/active/"), queries("/api/v1/programs/active/")), (3, 1));
        system.execute("UPDATE programs SET subtitle = 'new'");
        assert_eq!((queries("/api/v1/programs/"), queries("/api/v1/programs/?organization=edX")), (3, 3));
    });
}

#[test]
fn addresses_have_the_host_of_the_request_or_the_configured_one() {
    let settings = Settings { public_url: Some("https://programs.example.com".to_owned()), ..Settings::default() };
    with_settings(&settings, |system| {
        let urls = &system.program("active")["banner_image_urls"];
        let url = "https://programs.example.com/media/program_banners/default__435x145.jpg";
        assert_eq!((&urls["w435h145"], urls.as_object().unwrap().len()), (&json!(url), 4));
    });
    on_each_engine(|system| {
        let authorization = format!("JWT {}", crate::harness::token("ada"));
        let ask = |host: &str| {
            system.send("GET", "/api/v1/programs/active/", &[("Authorization", &authorization), ("Host", host)], &[])
        };
        let url = &ask("here.example:81").body["banner_image_urls"]["w435h145"];
        assert_eq!(url, "http://here.example:81/media/program_banners/default__435x145.jpg");
        assert_eq!(
            ask("there.example").body["banner_image_urls"]["w435h145"],
            "http://there.example/media/program_banners/default__435x145.jpg"
        );
        assert_eq!(ask("\"evil").status, 400);
    });
}
