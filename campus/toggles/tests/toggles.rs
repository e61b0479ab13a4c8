//! What services and front ends rely on, on each engine.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use either_database::{Database, Options, on};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use toggles::{
    Annotation, Authority, Caller, Configuration, Context, DeclarationError, Scope, Toggle, Toggles, UseCase, router,
};
use tower::ServiceExt;

const ANNOTATION: Annotation = Annotation {
    description: "A thing.",
    use_cases: &[UseCase::Temporary],
    created: "2026-11-28",
    removed_by: Some("2027-05-31"),
};
const PAGES: Toggle = Toggle::flag("shop.pages", false, ANNOTATION);
const OLD: Toggle = Toggle::flag("shop.old", true, ANNOTATION);
const SALES: Toggle = Toggle::switch("shop.sales", true, ANNOTATION);
const RATE: Toggle = Toggle::setting("shop.rate", "10", ANNOTATION);

/// A server URL with the right to create databases; without it the tests run on SQLite alone.
const POSTGRES: &str = "CAMPUS_TEST_POSTGRES_URL";

async fn on_each_engine(test: impl AsyncFn(&Toggles)) {
    let directory = tempfile::tempdir().unwrap();
    let mut urls = vec![format!("sqlite://{}", directory.path().join("test.db").display())];
    if let Ok(server) = std::env::var(POSTGRES) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("toggles_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let statement = format!("CREATE DATABASE {name}");
        let administration = Database::open(&server, Options::default()).unwrap();
        on!(&administration, pool => sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(pool).await.map(drop))
            .unwrap();
        urls.push(format!("{}/{name}", server.rsplit_once('/').unwrap().0));
    }
    for url in urls {
        let database = Database::open(&url, Options { create_file: true, ..Options::default() }).unwrap();
        database.migrate(&[toggles::migration(1)]).await.unwrap();
        test(&Toggles::new(database.clone(), &[PAGES, OLD, SALES, RATE]).unwrap()).await;
        database.close().await;
    }
}

fn user(name: &str) -> Context {
    Context { user: Some(name.to_owned()), ..Context::default() }
}

#[tokio::test]
async fn the_nearest_scope_holds_and_the_default_where_nothing_is_set() {
    on_each_engine(async |toggles| {
        let ada = Context {
            user: Some("ada".to_owned()),
            course: Some("course-v1:a+b+c".to_owned()),
            organization: Some("edX".to_owned()),
            site: Some("shop.example.com".to_owned()),
        };
        let pages = async |context: &Context| toggles.snapshot().await.unwrap().is_on(&PAGES, context);
        assert!(!pages(&ada).await && toggles.snapshot().await.unwrap().is_on(&OLD, &ada));
        // From the widest to the nearest, each against the one before.
        let scopes = [
            (Scope::Everyone, true),
            (Scope::Site("shop.example.com".to_owned()), false),
            (Scope::Organization("edX".to_owned()), true),
            (Scope::Course("course-v1:a+b+c".to_owned()), false),
            (Scope::User("ada".to_owned()), true),
        ];
        for (scope, value) in &scopes {
            toggles.set("shop.pages", scope, Some(&json!(value)), "", "staff").await.unwrap();
            assert_eq!(pages(&ada).await, *value, "{scope:?}");
            assert!(pages(&user("bob")).await, "others are in no narrow scope");
        }
        for (scope, value) in scopes.iter().rev() {
            assert_eq!(pages(&ada).await, *value, "{scope:?}");
            toggles.set("shop.pages", scope, None, "", "staff").await.unwrap();
        }
        assert!(!pages(&ada).await);
        let again = toggles.set("shop.pages", &Scope::Everyone, Some(&json!(true)), "", "staff").await.unwrap();
        assert!(again.is_some());
        let same = toggles.set("shop.pages", &Scope::Everyone, Some(&json!(true)), "", "staff").await.unwrap();
        assert_eq!(same, None, "what is so already is no change");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    on_each_engine(async |toggles| {
        let set = async |name: &str, scope: Scope, value: Value| {
            toggles.set(name, &scope, Some(&value), "", "staff").await.unwrap_err().to_string()
        };
        assert_eq!(set("shop.none", Scope::Everyone, json!(true)).await, "there is no toggle 'shop.none'");
        assert!(set("shop.pages", Scope::Everyone, json!("yes")).await.contains("true or false"));
        assert!(set("shop.sales", Scope::User("ada".to_owned()), json!(true)).await.contains("only a flag"));
        let database = Database::open("sqlite::memory:", Options::default()).unwrap();
        const BROKEN: Toggle = Toggle::setting("shop.broken", "{", ANNOTATION);
        let declared = |toggles: &[Toggle]| Toggles::new(database.clone(), toggles).err();
        assert_eq!(declared(&[PAGES, PAGES]), Some(DeclarationError::Twice("shop.pages")));
        assert_eq!(declared(&[BROKEN]), Some(DeclarationError::Default("shop.broken")));
    })
    .await;
}

#[tokio::test]
async fn a_change_is_taken_back_by_another_one() {
    on_each_engine(async |toggles| {
        let set = async |scope: Scope, value: bool, by: &str| {
            toggles.set("shop.pages", &scope, Some(&json!(value)), "", by).await.unwrap().unwrap()
        };
        let first = set(Scope::Everyone, true, "ada").await;
        set(Scope::User("bob".to_owned()), false, "bob").await;
        set(Scope::Everyone, false, "bob").await;
        assert_eq!(toggles.revert("shop.pages", first, "carol").await.unwrap(), 2);
        let now = toggles.snapshot().await.unwrap();
        assert!(now.is_on(&PAGES, &user("bob")) && now.is_on(&PAGES, &user("ada")));
        assert_eq!(toggles.revert("shop.pages", first, "carol").await.unwrap(), 0);
        assert_eq!(toggles.revert("shop.pages", 0, "carol").await.unwrap(), 1);
        assert!(!toggles.snapshot().await.unwrap().is_on(&PAGES, &user("ada")));
        assert!(toggles.revert("shop.pages", 1_000_000, "carol").await.is_err());

        let history = toggles.history("shop.pages", 100, 0).await.unwrap();
        let who: Vec<&str> = history.iter().map(|change| change.changed_by.as_str()).collect();
        assert_eq!(who, ["carol", "carol", "carol", "bob", "bob", "ada"], "nothing is ever removed");
        assert!(history.iter().rev().map(|change| change.id).is_sorted());
        assert_eq!(history[0].note, "reverted to change 0");
    })
    .await;
}

#[tokio::test]
async fn a_configuration_says_all_of_the_toggles_that_it_names() {
    on_each_engine(async |toggles| {
        let apply = async |text: &str| {
            let applied = toggles.apply(&Configuration::parse(text).unwrap(), "configuration").await;
            applied.map(|applied| applied.changes).map_err(|error| error.to_string())
        };
        let text =
            r#"{"shop.pages": {"everyone": false, "users": {"ada": true}, "courses": {"c": true}}, "shop.rate": 5}"#;
        assert_eq!(apply(text).await, Ok(4));
        assert_eq!(apply(text).await, Ok(0), "applied again, it changes nothing");
        let now = toggles.snapshot().await.unwrap();
        assert!(now.is_on(&PAGES, &user("ada")) && !now.is_on(&PAGES, &user("bob")) && *now.setting(&RATE) == json!(5));
        toggles.set("shop.sales", &Scope::Everyone, Some(&json!(false)), "", "staff").await.unwrap();
        assert_eq!(apply(r#"{"shop.pages": {"everyone": true}}"#).await, Ok(3));
        let now = toggles.snapshot().await.unwrap();
        assert!(
            now.is_on(&PAGES, &user("bob")) && !now.is_on(&SALES, &Context::default()),
            "the others stay as they are"
        );
        for (text, word) in [
            (
                r#"{"shop.pages": false, "shop.pagse": true}"#,
                "there is no toggle 'shop.pagse'; the toggles are shop.pages",
            ),
            (r#"{"shop.pagse": {}}"#, "no toggle 'shop.pagse'"),
            (r#"{"shop.pages": 1}"#, "true or false"),
        ] {
            let error = apply(text).await.unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        assert!(toggles.snapshot().await.unwrap().is_on(&PAGES, &user("bob")), "nothing of what is refused is done");
        for text in ["", "[]", r#"{"shop.pages": {"user": {"ada": true}}}"#] {
            assert!(Configuration::parse(text).is_err(), "{text}");
        }
    })
    .await;
}

/// Believes what the header says: the name of a user, staff if it is `staff`.
#[derive(Clone)]
struct Trusting;

impl Authority for Trusting {
    async fn caller(&self, parts: &mut Parts) -> Result<Option<Caller>, Response> {
        let name = parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        match name.as_deref() {
            Some("thief") => Err(StatusCode::UNAUTHORIZED.into_response()),
            _ => Ok(name.map(|username| Caller { is_staff: username == "staff", username })),
        }
    }
}

async fn call(
    app: &Router,
    method: &str,
    path: &str,
    who: &str,
    body: Option<Value>,
) -> (u16, header::HeaderMap, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if !who.is_empty() {
        request = request.header(header::AUTHORIZATION, who);
    }
    let request = match body {
        Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    let response = app.clone().oneshot(request.unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn staff_see_and_change_all_and_front_ends_ask_for_many_at_once() {
    on_each_engine(async |toggles| {
        let app = router(toggles.clone(), Trusting);
        let path = "/api/toggles/v1/toggles/shop.pages/";
        for (who, status) in [("", 401), ("ada", 403), ("thief", 401), ("staff", 200)] {
            assert_eq!(call(&app, "GET", "/api/toggles/v0/state/", who, None).await.0, status, "{who}");
        }
        let course = json!({ "scope": "course", "key": "c", "value": true, "note": "a try" });
        assert_eq!(call(&app, "PUT", path, "ada", Some(course.clone())).await.0, 403);
        assert_eq!(call(&app, "PUT", path, "staff", Some(course)).await.0, 200);
        for (body, field) in [
            (json!({ "value": "yes" }), "value"),
            (json!({ "scope": "planet", "value": true }), "scope"),
            (json!({ "scope": "user", "value": true }), "key"),
            (json!({ "key": "ada", "value": true }), "key"),
        ] {
            let (status, headers, answer) = call(&app, "PUT", path, "staff", Some(body)).await;
            assert_eq!((status, &answer["field"]), (400, &json!(field)), "{answer}");
            assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        }
        assert_eq!(call(&app, "PUT", "/api/toggles/v1/toggles/shop.none/", "staff", Some(json!({}))).await.0, 404);

        let (_, _, state) = call(&app, "GET", "/api/toggles/v0/state/", "staff", None).await;
        let flags = state["waffle_flags"].as_array().unwrap();
        assert_eq!((&flags[0]["name"], &flags[0]["computed_status"]), (&json!("shop.old"), &json!("on")));
        let pages = &flags[1];
        assert_eq!((&pages["everyone"], &pages["computed_status"]), (&json!("unknown"), &json!("both")));
        assert_eq!((&pages["note"], &pages["changed_by"]), (&json!("a try"), &json!("staff")));
        let forced = &pages["course_overrides"][0];
        assert_eq!((&forced["course_id"], &forced["force"]), (&json!("c"), &json!("on")));
        assert_eq!(state["waffle_switches"][0]["is_active"], true);
        assert_eq!(
            (&state["django_settings"][0]["value"], pages["removal_date"].as_str()),
            (&json!(10), Some("2027-05-31"))
        );

        let evaluate = async |query: &str, who: &str| {
            call(&app, "GET", &format!("/api/toggles/v1/evaluate/?{query}"), who, None).await
        };
        let (status, headers, answer) = evaluate("names=shop.pages,shop.rate,shop.new&course=c", "ada").await;
        assert_eq!(status, 200);
        let expected = json!({
            "flags": { "shop.pages": true }, "switches": {}, "settings": { "shop.rate": 10 },
            "defaults": { "shop.pages": false, "shop.rate": 10 }, "unknown": ["shop.new"],
        });
        assert_eq!(answer, expected);
        let request = Request::get("/api/toggles/v1/evaluate/?names=shop.pages,shop.rate,shop.new&course=c")
            .header(header::AUTHORIZATION, "ada")
            .header(header::IF_NONE_MATCH, &headers[header::ETAG]);
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()[header::ETAG]),
            (StatusCode::NOT_MODIFIED, &headers[header::ETAG])
        );
        assert_ne!(evaluate("names=shop.pages", "ada").await.1[header::ETAG], headers[header::ETAG]);
        // Without names: flags and switches; settings have to be named.
        let all = evaluate("", "").await.2;
        assert_eq!((all["flags"].as_object().unwrap().len(), &all["settings"]), (2, &json!({})));
        for (who, status) in [("", 403), ("ada", 403), ("bob", 200), ("staff", 200)] {
            assert_eq!(evaluate("user=bob", who).await.0, status, "{who}");
        }

        let history = "/api/toggles/v1/toggles/shop.pages/history/";
        let (_, _, answer) = call(&app, "GET", history, "staff", None).await;
        assert_eq!((&answer["changes"][0]["scope"], &answer["changes"][0]["key"]), (&json!("course"), &json!("c")));
        let revert = "/api/toggles/v1/toggles/shop.pages/revert/";
        assert_eq!(call(&app, "POST", revert, "staff", Some(json!({ "to": 0 }))).await.2["changes"], 1);
        assert_eq!(call(&app, "POST", revert, "staff", Some(json!({ "to": "x" }))).await.0, 400);
        assert_eq!(evaluate("names=shop.pages&course=c", "ada").await.2["flags"]["shop.pages"], false);
    })
    .await;
}
