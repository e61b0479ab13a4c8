//! What callers see: programs by role, course codes, organisations, completion; and the synchronisation.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use harness::{ACTIVE, Lms, System, on_each_engine};
use programs::SyncError;
use serde_json::{Value, json};

const SEED: &str = include_str!("seed.sql");

fn names(page: &Value, key: &str) -> Vec<String> {
    page["results"].as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

fn id(system: &System, name: &str) -> i64 {
    match name {
        "Active" => system.count("SELECT id FROM programs WHERE name = 'Active'"),
        "Unpublished" => system.count("SELECT id FROM programs WHERE name = 'Unpublished'"),
        _ => system.count("SELECT id FROM programs WHERE name = 'Deleted'"),
    }
}

#[test]
fn the_health_says_whether_the_database_answers() {
    on_each_engine(SEED, |system| {
        let healthy = json!({ "overall_status": "OK", "detailed_status": { "database_status": "OK" } });
        assert_eq!(system.get_anonymously("/health/"), (200, healthy));
    });
}

#[test]
fn programs_are_seen_by_role_and_filtered() {
    let cases = [
        ("admin-token", "", &["Active", "Retired", "Unpublished"][..]),
        ("ada-token", "", &["Active", "Retired"]),
        ("admin-token", "?status=unpublished", &["Unpublished"]),
        ("ada-token", "?status=unpublished", &[]),
        ("admin-token", "?status=deleted", &[]),
        ("ada-token", "?organization=edX", &["Active"]),
        ("ada-token", "?organization=edX&status=retired", &[]),
        ("ada-token", "?page_size=1&page=2", &["Retired"]),
    ];
    on_each_engine(SEED, |system| {
        for (token, query, expected) in cases {
            let (status, page) = system.get(&format!("/api/v1/programs/{query}"), token);
            assert_eq!(
                (status, names(&page, "name")),
                (200, expected.iter().map(ToString::to_string).collect()),
                "{query}"
            );
        }
        assert_eq!(system.get("/api/v1/programs/?status=odd", "ada-token").1["field"], "status");
        assert_eq!(system.get("/api/v1/programs/?page=9", "ada-token").0, 404);
        assert_eq!(system.get_anonymously("/api/v1/programs/").0, 401);
        assert_eq!(system.get("/api/v1/programs/", "nobody").0, 401);
    });
}

#[test]
fn a_program_is_shown_with_its_course_codes_and_run_modes_in_order() {
    on_each_engine(SEED, |system| {
        let (status, program) = system.get(&format!("/api/v1/programs/{}/", id(system, "Active")), "ada-token");
        assert_eq!(status, 200, "{program}");
        assert_eq!(program["uuid"], "00000000-0000-8000-8000-000000000001");
        assert_eq!(program["organizations"], json!([{ "display_name": "edX Inc.", "key": "edX" }]));
        let codes = program["course_codes"].as_array().unwrap();
        assert_eq!(codes.iter().map(|code| &code["key"]).collect::<Vec<_>>(), [&json!("Seeds"), &json!("DemoX")]);
        let runs = json!([
            { "course_key": "edX/DemoX/2012", "mode_slug": "honor", "sku": "", "start_date": "2012-01-01T00:00:00Z", "run_key": "2012" },
            { "course_key": "course-v1:edX+DemoX+2025", "mode_slug": "verified", "sku": "ABC", "start_date": "2025-01-01T00:00:00Z", "run_key": "2025" },
        ]);
        assert_eq!(codes[1]["run_modes"], runs);
        assert!(
            program["banner_image_urls"]["w435h145"]
                .as_str()
                .unwrap()
                .ends_with("/media/program_banners/default__435x145.jpg")
        );

        let (_, page) = system.get("/api/v1/programs/?status=retired", "ada-token");
        assert!(
            page["results"][0]["banner_image_urls"]["w348h116"]
                .as_str()
                .unwrap()
                .ends_with("/media/banners/own__348x116.png")
        );
    });
}

#[test]
fn a_program_that_is_not_for_the_caller_is_not_found() {
    on_each_engine(SEED, |system| {
        for (name, token, status) in
            [("Unpublished", "admin-token", 200), ("Unpublished", "ada-token", 404), ("Deleted", "admin-token", 404)]
        {
            assert_eq!(
                system.get(&format!("/api/v1/programs/{}/", id(system, name)), token).0,
                status,
                "{name} {token}"
            );
        }
        assert_eq!(system.get("/api/v1/programs/999999/", "admin-token").0, 404);
        assert_eq!(system.get("/api/v1/programs/x/", "admin-token").0, 404);
    });
}

#[test]
fn course_codes_and_organizations_are_for_administrators() {
    on_each_engine(SEED, |system| {
        for path in ["/api/v1/course_codes/", "/api/v1/organizations/"] {
            assert_eq!((system.get(path, "ada-token").0, system.get_anonymously(path).0), (403, 401), "{path}");
        }
        let found = |query: &str| names(&system.get(&format!("/api/v1/course_codes/{query}"), "admin-token").1, "key");
        assert_eq!(found("?organization=edX"), ["DemoX", "Seeds"]);
        assert_eq!(found("").len(), 3);
        let (_, organizations) = system.get("/api/v1/organizations/", "admin-token");
        assert_eq!(names(&organizations, "key"), ["acme", "edX", "org1"], "upper case does not come first");
    });
}

#[test]
fn a_program_is_complete_when_each_course_code_has_a_run_completed_in_its_mode() {
    let seeds = json!({ "course_id": "course-v1:edX+Seeds+2025", "mode": "verified" });
    let demo = json!({ "course_id": "course-v1:edX+DemoX+2025", "mode": "verified" });
    let old_demo = json!({ "course_id": "edX/DemoX/2012", "mode": "honor" });
    let audited = json!({ "course_id": "course-v1:edX+DemoX+2025", "mode": "audit" });
    let cases = [
        (vec![&seeds, &demo], true),
        (vec![&seeds, &old_demo], true),
        (vec![&seeds, &audited], false),
        (vec![&demo], false), // It would complete the unpublished program, which does not count.
        (vec![], false),
    ];
    on_each_engine(SEED, |system| {
        let complete = |token, body: Value| system.call("POST", "/api/v1/programs/complete/", token, Some(body));
        for (courses, expected) in &cases {
            let ids = if *expected { vec![id(system, "Active")] } else { vec![] };
            let answer = complete(Some("ada-token"), json!({ "completed_courses": courses }));
            assert_eq!(answer, (200, json!({ "program_ids": ids })), "{courses:?}");
        }
        assert_eq!(complete(None, json!({})).0, 401);
        assert_eq!(complete(Some("ada-token"), json!({})).1["field"], "completed_courses");
        let answer = complete(Some("ada-token"), json!({ "completed_courses": [{ "course_id": "x" }] }));
        assert_eq!((answer.0, &answer.1["field"]), (400, &json!("completed_courses[0].mode")));
    });
}

#[test]
fn organizations_are_synchronised_page_by_page_and_only_written_when_asked() {
    let lms = Lms::start();
    on_each_engine(SEED, |system| {
        let count = || system.count("SELECT count(*) FROM organizations");
        for commit in [false, true] {
            let report = system.sync(&lms, "lms-token", commit).unwrap();
            assert_eq!((report.created.len(), report.updated.len(), report.unchanged), (ACTIVE - 1, 1, 0));
            assert_eq!(count(), if commit { 2 + i64::try_from(ACTIVE).unwrap() } else { 3 });
        }
        assert_eq!(
            system.count("SELECT count(*) FROM organizations WHERE key = 'org1' AND display_name = 'Organization 1'"),
            1
        );
        let again = system.sync(&lms, "lms-token", true).unwrap();
        assert_eq!((again.created.len(), again.updated.len(), again.unchanged), (0, 0, ACTIVE));
        assert!(matches!(system.sync(&lms, "wrong", true), Err(SyncError::Lms(_))));
    });
}
