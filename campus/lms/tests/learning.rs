//! What a course is made of: drafts and publications, outlines, dates, groups.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use harness::{System, on_each_engine};
use serde_json::{Value, json};

const SEED: &str = include_str!("seed.sql");
const COURSE: &str = "course-v1:edX+DemoX+2025";
const BASE: &str = "/api/learning/v1/courses/course-v1:edX+DemoX+2025";

fn put(system: &System, key: &str, kind: &str, children: &[&str], more: Value) -> (u16, Value) {
    let mut body = json!({ "kind": kind, "title": key.to_uppercase(), "children": children });
    let Value::Object(more) = more else { panic!("{more} is no object") };
    body.as_object_mut().unwrap().extend(more);
    system.call("PUT", &format!("{BASE}/entities/{key}"), Some("staff"), Some(body))
}

fn post(system: &System, what: &str, body: Value) -> (u16, Value) {
    system.call("POST", &format!("{BASE}/{what}"), Some("staff"), Some(body))
}

/// A course of two sections, all drafts.
fn write(system: &System) {
    for (key, kind, children, more) in [
        ("u1", "unit", &[][..], json!({ "content": { "html": "<p>One</p>" } })),
        ("u2", "unit", &[], json!({ "content": "Two" })),
        ("secret", "unit", &[], json!({ "staff_only": true })),
        ("paid", "unit", &[], json!({ "groups": { "tracks": ["verified"] } })),
        ("q1", "subsection", &["u1", "secret", "paid"], json!({})),
        ("q2", "subsection", &["u2"], json!({})),
        ("s1", "section", &["q1"], json!({})),
        ("s2", "section", &["q2"], json!({})),
        ("course", "course", &["s1", "s2"], json!({})),
    ] {
        let (status, answer) = put(system, key, kind, children, more);
        assert_eq!(
            (status, &answer["draft"]["number"], &answer["published"]),
            (201, &json!(1), &Value::Null),
            "{answer}"
        );
    }
}

fn enroll(system: &System, user: &str, mode: &str) {
    let body = json!({ "user": user, "mode": mode, "course_details": { "course_id": COURSE } });
    assert_eq!(system.call("POST", "/api/enrollment/v1/enrollment", Some("staff"), Some(body)).0, 200);
}

/// An outline in one line: what cannot be opened stands in parentheses.
fn shown(node: &Value) -> String {
    let below: Vec<String> = node["children"].as_array().unwrap().iter().map(shown).collect();
    let key = node["key"].as_str().unwrap();
    let key = if node["is_available"] == json!(true) { key.to_owned() } else { format!("({key})") };
    if below.is_empty() { key } else { format!("{key}[{}]", below.join(" ")) }
}

fn outline(system: &System, user: &str) -> String {
    let (status, outline) = system.get(&format!("{BASE}/outline"), user);
    if status == 200 { shown(&outline) } else { status.to_string() }
}

#[test]
fn learners_see_what_was_published_and_authors_their_drafts() {
    on_each_engine(SEED, |system| {
        write(system);
        enroll(system, "ada", "audit");
        assert_eq!(outline(system, "ada"), "404", "nothing is published");
        let (status, published) = post(system, "publish", json!({ "message": "The first" }));
        assert_eq!((status, published["changes"].as_array().unwrap().len()), (200, 9), "{published}");
        let first = published["publication"].clone();
        assert_eq!(post(system, "publish", json!({})), (200, json!({ "publication": null, "changes": [] })));
        assert_eq!(outline(system, "ada"), "course[s1[q1[u1]] s2[q2[u2]]]");
        assert_eq!(outline(system, "staff"), "course[s1[q1[u1 secret paid]] s2[q2[u2]]]");
        assert_eq!(
            (outline(system, "bob"), system.get_anonymously(&format!("{BASE}/outline")).0),
            ("403".to_owned(), 401)
        );

        // A draft changes nothing for learners until it is published.
        put(system, "u3", "unit", &[], json!({}));
        let (status, changed) = put(system, "q1", "subsection", &["u3", "u1"], json!({ "title": "New" }));
        assert_eq!((status, &changed["draft"]["number"], &changed["published"]["number"]), (200, &json!(2), &json!(1)));
        assert_eq!(system.call("DELETE", &format!("{BASE}/entities/s2"), Some("staff"), None).0, 204);
        assert_eq!(outline(system, "ada"), "course[s1[q1[u1]] s2[q2[u2]]]");
        let (status, published) = post(system, "publish", json!({ "keys": ["s1"] }));
        let keys: Vec<&str> =
            published["changes"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
        assert_eq!((status, keys), (200, vec!["q1", "u3"]), "with all that is below, and nothing else");
        assert_eq!(outline(system, "ada"), "course[s1[q1[u3 u1]] s2[q2[u2]]]");
        assert_eq!(
            post(system, "publish", json!({ "keys": ["s2"] })).1["changes"][0],
            json!({ "key": "s2", "from": 1, "to": null })
        );
        assert_eq!(outline(system, "ada"), "course[s1[q1[u3 u1]]]");

        // What was not published is taken back.
        put(system, "u1", "unit", &[], json!({ "title": "Wrong" }));
        let (_, discarded) = post(system, "discard", json!({}));
        assert_eq!(discarded["changes"], json!([{ "key": "u1", "from": 2, "to": 1 }]));
        let (_, entity) = system.get(&format!("{BASE}/entities/u1"), "staff");
        assert_eq!((&entity["draft"]["title"], &entity["draft"]["created_by"]), (&json!("U1"), &json!("staff")));
        let (_, versions) = system.get(&format!("{BASE}/entities/u1/versions"), "staff");
        assert_eq!(versions["results"].as_array().unwrap().len(), 2, "versions stay");
        let (_, log) = system.get(&format!("{BASE}/publications"), "staff");
        let log = log["results"].as_array().unwrap();
        assert_eq!((log.len(), &log[2]["publication"], &log[2]["message"]), (3, &first, &json!("The first")));
        let (_, list) = system.get(&format!("{BASE}/entities"), "staff");
        assert_eq!(list["results"].as_array().unwrap().len(), 10);
    });
}

#[test]
fn a_unit_shows_its_content_to_who_can_open_it() {
    on_each_engine(SEED, |system| {
        write(system);
        post(system, "publish", json!({}));
        enroll(system, "ada", "audit");
        let unit = |user: &str, key: &str| system.get(&format!("{BASE}/units/{key}"), user);
        let (status, shown) = unit("ada", "u1");
        assert_eq!((status, &shown["content"]["html"], &shown["version"]), (200, &json!("<p>One</p>"), &json!(1)));
        for (user, key, status) in [
            ("ada", "secret", 404),
            ("ada", "paid", 404),
            ("ada", "q1", 404),
            ("bob", "u1", 403),
            ("staff", "secret", 200),
        ] {
            assert_eq!(unit(user, key).0, status, "{user} {key}");
        }
        let blocks = "/api/courses/v1/blocks/?course_id=course-v1:edX%2BDemoX%2B2025";
        let (_, flat) = system.get(blocks, "ada");
        assert_eq!((&flat["root"], &flat["blocks"]["q1"]["children"]), (&json!("course"), &json!(["u1"])));
        let (_, list) = system.get("/api/courses/v1/courses/", "ada");
        let url = list["results"][0]["blocks_url"].as_str().unwrap();
        assert!(url.ends_with(blocks), "{url}");
    });
}

#[test]
fn dates_are_moments_or_go_by_the_learners_start() {
    on_each_engine(SEED, |system| {
        write(system);
        post(system, "publish", json!({}));
        for user in ["ada", "bob"] {
            enroll(system, user, "audit");
        }
        system.execute("UPDATE enrollments SET created = '2025-03-01T00:00:00Z' WHERE user_id = (SELECT id FROM users WHERE username = 'ada')");
        let dates = json!({ "dates": [
            { "key": "s2", "field": "start", "relative_days": 7 },
            { "key": "q1", "field": "due", "absolute": "2030-06-01T00:00:00Z" },
            { "key": "q2", "field": "due", "relative_days": 14 },
        ] });
        let set = |body: &Value| system.call("PUT", &format!("{BASE}/dates"), Some("staff"), Some(body.clone()));
        assert_eq!(set(&dates), (200, json!({ "count": 3 })));
        assert_eq!(set(&dates), (200, json!({ "count": 3 })), "they are replaced");
        assert_eq!(outline(system, "ada"), "course[s1[q1[u1]] s2[q2[u2]]]");
        assert_eq!(outline(system, "bob"), "course[s1[q1[u1]] (s2)[(q2)[(u2)]]]");
        assert_eq!(system.get(&format!("{BASE}/units/u2"), "bob").0, 403);
        let (_, hers) = system.get(&format!("{BASE}/dates?username=ada"), "staff");
        assert_eq!(hers["start"], "2025-03-01T00:00:00Z");
        let shown: Vec<_> =
            hers["dates"].as_array().unwrap().iter().map(|one| (one["key"].clone(), one["date"].clone())).collect();
        assert_eq!(
            shown,
            [
                (json!("q1"), json!("2030-06-01T00:00:00Z")),
                (json!("q2"), json!("2025-03-15T00:00:00Z")),
                (json!("s2"), json!("2025-03-08T00:00:00Z")),
            ]
        );
        assert_eq!(system.get(&format!("{BASE}/dates?username=ada"), "bob").0, 404);
        for (date, field) in [
            (json!({ "key": "x", "field": "due", "relative_days": 1 }), "dates[0].key"),
            (json!({ "key": "s1", "field": "end", "relative_days": 1 }), "dates[0].field"),
            (json!({ "key": "s1", "field": "due" }), "dates[0].absolute"),
            (json!({ "key": "s1", "field": "due", "relative_days": -1 }), "dates[0].relative_days"),
        ] {
            let (status, answer) = set(&json!({ "dates": [date] }));
            assert_eq!((status, &answer["field"]), (400, &json!(field)), "{answer}");
        }
    });
}

#[test]
fn learners_are_in_groups_and_see_what_is_for_these() {
    on_each_engine(SEED, |system| {
        write(system);
        post(system, "publish", json!({}));
        enroll(system, "ada", "audit");
        enroll(system, "bob", "verified");
        let path = format!("{BASE}/partitions");
        let partitions = json!({ "partitions": [
            { "name": "experiment", "scheme": "hash", "groups": [{ "name": "a", "weight": 1 }, { "name": "b", "weight": 1 }] },
            { "name": "tracks", "scheme": "mode", "groups": [{ "name": "verified" }] },
        ] });
        let set = |body: Value| system.call("PUT", &path, Some("staff"), Some(body));
        let (status, kept) = set(partitions);
        assert_eq!((status, &kept["partitions"][1]["groups"][0]["weight"]), (200, &json!(1)));
        assert_eq!(system.get(&path, "staff"), (200, kept));
        let groups = |user: &str| system.get(&format!("{BASE}/groups"), user).1["groups"].clone();
        assert_eq!((&groups("ada")["tracks"], &groups("bob")["tracks"]), (&Value::Null, &json!("verified")));
        assert!(["a", "b"].contains(&groups("ada")["experiment"].as_str().unwrap()));
        assert_eq!(groups("ada"), groups("ada"));
        assert_eq!(outline(system, "ada"), "course[s1[q1[u1]] s2[q2[u2]]]");
        assert_eq!(outline(system, "bob"), "course[s1[q1[u1 paid]] s2[q2[u2]]]");
        for wrong in [
            json!([{ "name": "x", "scheme": "hash", "groups": [] }]),
            json!([{ "name": "x", "scheme": "chance", "groups": [{ "name": "a" }] }]),
            json!([{ "name": "x", "scheme": "mode", "groups": [{ "name": "a" }, { "name": "a" }] }]),
        ] {
            assert_eq!(set(json!({ "partitions": wrong })).0, 400, "{wrong}");
        }
    });
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    on_each_engine(SEED, |system| {
        write(system);
        for (key, kind, children, more, status, field) in [
            ("u9", "unit", &["u1"][..], json!({}), 400, "children[0]"),
            ("s9", "section", &["u1"], json!({}), 400, "children[0]"),
            ("s9", "section", &["q1", "nothing"], json!({}), 400, "children[1]"),
            ("s9", "section", &["q1", "q1"], json!({}), 400, "children"),
            ("s9", "chapter", &[], json!({}), 400, "kind"),
            ("s9", "course", &[], json!({}), 400, "kind"),
            ("course", "section", &[], json!({}), 400, "kind"),
            ("u1", "section", &[], json!({}), 409, "kind"),
            ("u9", "unit", &[], json!({ "title": " " }), 400, "title"),
            ("u9", "unit", &[], json!({ "title": null }), 400, "title"),
        ] {
            let (got, answer) = put(system, key, kind, children, more);
            assert_eq!((got, &answer["field"]), (status, &json!(field)), "{key} {answer}");
        }
        assert_eq!(post(system, "publish", json!({ "keys": ["nothing"] })).1["field"], "keys");
        let absent = "/api/learning/v1/courses/course-v1:edX+None+1";
        for (method, path, user, status) in [
            ("GET", format!("{absent}/entities"), "staff", 404),
            ("GET", format!("{absent}/outline"), "staff", 404),
            ("GET", format!("{BASE}/entities/nothing"), "staff", 404),
            ("GET", format!("{BASE}/entities/nothing/versions"), "staff", 404),
            ("DELETE", format!("{BASE}/entities/nothing"), "staff", 404),
            ("GET", format!("{BASE}/entities"), "ada", 403),
            ("DELETE", format!("{BASE}/entities/u1"), "ada", 403),
            // A key of the old form has slashes, which are escaped here.
            ("GET", "/api/learning/v1/courses/edX%2FOld%2F2012/entities".to_owned(), "staff", 200),
        ] {
            assert_eq!(system.call(method, &path, Some(user), None).0, status, "{method} {path} {user}");
        }
    });
}
