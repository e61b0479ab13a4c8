//! How one becomes somebody: tokens, keys, accounts, registration.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use harness::{System, on_each_engine, on_each_engine_with};
use identity::{KeySource, Verifier};
use lms::{Config, RateLimits};
use serde_json::{Value, json};

const SEED: &str = include_str!("seed.sql");
const PASSWORD: &str = "ada's own password";

fn claims_of(system: &System, token: &str) -> identity::Claims {
    let keys = KeySource::Url(format!("{}/oauth2/jwks", system.url()));
    let verifier = Verifier::new(format!("{}/oauth2", system.url()), "campus", keys);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(verifier.verify(token)).unwrap()
}

#[test]
fn a_client_gets_tokens_for_its_credentials() {
    on_each_engine(SEED, |system| {
        let form = [("grant_type", "client_credentials"), ("client_id", "service"), ("client_secret", "its secret")];
        let answer = system.token(None, &[&form[..], &[("token_type", "jwt")]].concat());
        assert_eq!((answer.status, answer.cache_control.as_str()), (200, "no-store"), "{answer:?}");
        assert_eq!((&answer.body["expires_in"], &answer.body["token_type"]), (&json!(3600), &json!("JWT")));
        assert_eq!(answer.body["scope"], "read write profile email user_id");
        assert_eq!(answer.body.get("refresh_token"), None);

        // Whoever knows the address of the keys can check it.
        let claims = claims_of(system, answer.body["access_token"].as_str().unwrap());
        assert_eq!((claims.preferred_username.as_str(), claims.grant_type.as_str()), ("staff", "client_credentials"));
        assert_eq!((claims.exp - claims.iat, claims.administrator, claims.superuser), (3600, Some(true), Some(false)));
        assert_eq!((claims.email.as_deref(), claims.user_id.is_some()), (Some("staff@example.com"), true));
        assert!(!claims.sub.is_empty() && !claims.version.is_empty() && !claims.is_restricted);
        let authorization = format!("JWT {}", answer.body["access_token"].as_str().unwrap());
        let listed = system.send("GET", "/api/enrollment/v1/enrollments", Some(&authorization), None);
        assert_eq!(listed.status, 200);

        // The same by the header, with the secret in it.
        let basic = "Basic c2VydmljZTppdHMgc2VjcmV0";
        let answer = system.token(Some(basic), &[("grant_type", "client_credentials"), ("token_type", "bearer")]);
        assert_eq!((answer.status, &answer.body["token_type"]), (200, &json!("Bearer")));
        let again = claims_of(system, answer.body["access_token"].as_str().unwrap());
        assert_eq!(again.sub, claims.sub, "the user is called the same each time");
    });
}

#[test]
fn what_a_token_endpoint_refuses_has_the_names_of_the_standard() {
    on_each_engine(SEED, |system| {
        let client = |name, secret| [("client_id", name), ("client_secret", secret)];
        let service = client("service", "its secret");
        let app = client("app", "its secret");
        let own = ("grant_type", "client_credentials");
        let by_password = ("grant_type", "password");
        for (form, status, error) in [
            (vec![], 400, "invalid_request"),
            (vec![own], 400, "invalid_request"),
            ([&service[..], &[("grant_type", "implicit")]].concat(), 400, "unsupported_grant_type"),
            ([&service[..], &[own, ("token_type", "mac")]].concat(), 400, "invalid_request"),
            ([&client("service", "another")[..], &[own]].concat(), 401, "invalid_client"),
            (vec![own, ("client_id", "service")], 401, "invalid_client"),
            ([&client("nobody", "its secret")[..], &[own]].concat(), 401, "invalid_client"),
            ([&client("ended", "its secret")[..], &[own]].concat(), 401, "invalid_client"),
            (vec![own, ("client_id", "public")], 401, "invalid_client"),
            ([&client("of-gone", "its secret")[..], &[own]].concat(), 400, "invalid_grant"),
            ([&app[..], &[own]].concat(), 400, "unauthorized_client"),
            ([&service[..], &[by_password]].concat(), 400, "unauthorized_client"),
            ([&service[..], &[own, ("scope", "read everything")]].concat(), 400, "invalid_scope"),
            ([&service[..], &[own, own]].concat(), 400, "invalid_request"),
            ([&app[..], &[by_password, ("username", "ada")]].concat(), 400, "invalid_request"),
            ([&app[..], &[by_password, ("username", "ada"), ("password", "x")]].concat(), 400, "invalid_grant"),
            ([&app[..], &[by_password, ("username", "bob"), ("password", "")]].concat(), 400, "invalid_grant"),
            ([&app[..], &[by_password, ("username", "nobody"), ("password", "x")]].concat(), 400, "invalid_grant"),
            ([&app[..], &[("grant_type", "refresh_token")]].concat(), 400, "invalid_request"),
            ([&app[..], &[("grant_type", "refresh_token"), ("refresh_token", "x")]].concat(), 400, "invalid_grant"),
        ] {
            let answer = system.token(None, &form);
            assert_eq!((answer.status, &answer.body["error"]), (status, &json!(error)), "{form:?} {answer:?}");
        }
        let answer = system.send("POST", "/oauth2/access_token", None, Some(("application/json", "{}".to_owned())));
        assert_eq!(answer.status, 415);
    });
}

#[test]
fn a_user_gets_tokens_for_a_password_and_further_ones_without() {
    on_each_engine(SEED, |system| {
        let app = [("client_id", "app"), ("client_secret", "its secret")];
        let grant = [("grant_type", "password"), ("username", "ada"), ("password", PASSWORD)];
        let first = system.token(None, &[&app[..], &grant].concat());
        assert_eq!((first.status, &first.body["scope"]), (200, &json!("read email")), "{first:?}");
        let claims = claims_of(system, first.body["access_token"].as_str().unwrap());
        assert_eq!((claims.sub.as_str(), claims.preferred_username.as_str()), ("anonymous-ada", "ada"));
        assert_eq!((claims.email.as_deref(), claims.name, claims.is_restricted), (Some("ada@example.com"), None, true));
        assert_eq!(claims.roles, ["author:course-v1:edX+DemoX+2025", "reader"]);

        let by_address = [("grant_type", "password"), ("username", "Ada@Example.com"), ("password", PASSWORD)];
        assert_eq!(system.token(None, &[&app[..], &by_address].concat()).status, 200);

        let further = |token: &Value, client: &[(&str, &str)]| {
            let token = token.as_str().unwrap();
            system.token(None, &[client, &[("grant_type", "refresh_token"), ("refresh_token", token)]].concat())
        };
        let second = further(&first.body["refresh_token"], &app);
        assert_eq!(second.status, 200, "{second:?}");
        assert_eq!(claims_of(system, second.body["access_token"].as_str().unwrap()).grant_type, "refresh_token");
        let third = further(&second.body["refresh_token"], &app);
        assert_eq!(third.status, 200);
        // A token that comes a second time was stolen: nobody of its family gets anything any more.
        for token in [&first.body["refresh_token"], &third.body["refresh_token"]] {
            let refused = further(token, &app);
            assert_eq!((refused.status, &refused.body["error"]), (400, &json!("invalid_grant")));
        }
        assert_eq!(system.count("SELECT count(*) FROM refresh_tokens WHERE length(digest) <> 43"), 0);

        // A public client has no secret, and gets no further tokens if it may not.
        let public = system.token(None, &[&[("client_id", "public")][..], &grant].concat());
        assert_eq!((public.status, public.body.get("refresh_token")), (200, None));
    });
}

#[test]
fn users_without_a_password_sign_in_with_one_that_is_worked_out_where_that_is_wanted() {
    let settings = |config: Config, directory: &std::path::Path| {
        let key_file = directory.join("dev-passwords.key");
        std::fs::write(&key_file, "the key").unwrap();
        Config { dev_passwords_key_file: Some(key_file), ..config }
    };
    on_each_engine_with(SEED, settings, |system| {
        let sign_in = |user: &str, password: &str| {
            let grant =
                [("grant_type", "password"), ("username", user), ("password", password), ("client_id", "public")];
            system.token(None, &grant).status
        };
        let shown = system.dev_passwords();
        let names: Vec<&str> = shown.iter().map(|one| one.username.as_str()).collect();
        assert_eq!(names, ["bob"], "ada has one of her own, gone is inactive, clients act for the others");
        assert_eq!(sign_in("bob", &shown[0].password), 200);
        assert_eq!(sign_in("ada", PASSWORD), 200);
        for (user, password) in [("bob", ""), ("ada", shown[0].password.as_str()), ("staff", &shown[0].password)] {
            assert_eq!(sign_in(user, password), 400, "{user} {password}");
        }
        assert_eq!(system.count("SELECT count(*) FROM users WHERE password IS NOT NULL"), 1);
    });
}

#[test]
fn the_keys_and_the_description_are_published() {
    on_each_engine(SEED, |system| {
        let (_, keys) = system.get_anonymously("/oauth2/jwks");
        let key = &keys["keys"][0];
        assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
        assert_eq!(key.get("d"), None, "the private half stays");
        let (_, about) = system.get_anonymously("/.well-known/oauth-authorization-server/oauth2");
        assert_eq!(about["token_endpoint"], format!("{}/oauth2/access_token", system.url()));
    });
}

#[test]
fn an_account_is_changed_by_its_owner_and_by_staff() {
    on_each_engine(SEED, |system| {
        let path = "/api/user/v1/accounts/ada";
        let patch = |user: &str, change: Value| system.call("PATCH", path, Some(user), Some(change));
        let (status, changed) = patch("ada", json!({ "bio": "Counts.", "country": "GB", "year_of_birth": 1915 }));
        assert_eq!((status, &changed["bio"], &changed["country"]), (200, &json!("Counts."), &json!("GB")));
        assert_eq!(system.get(path, "ada"), (200, changed));
        let (_, changed) = patch("staff", json!({ "bio": null }));
        assert_eq!((&changed["bio"], &changed["year_of_birth"]), (&Value::Null, &json!(1915)));
        assert_eq!(patch("bob", json!({ "bio": "x" })).0, 404);
        assert_eq!(system.call("PATCH", "/api/user/v1/accounts/nobody", Some("staff"), Some(json!({}))).0, 404);
        for (change, field) in [
            (json!({ "username": "eve" }), "username"),
            (json!({ "is_staff": true }), "is_staff"),
            (json!({ "email": "eve@example.com" }), "email"),
            (json!({ "name": "" }), "name"),
            (json!({ "name": null }), "name"),
            (json!({ "country": "gb" }), "country"),
            (json!({ "level_of_education": "some" }), "level_of_education"),
            (json!({ "year_of_birth": 3000 }), "year_of_birth"),
            (json!({ "year_of_birth": "long ago" }), "year_of_birth"),
        ] {
            let (status, answer) = patch("ada", change.clone());
            assert_eq!((status, &answer["field"]), (400, &json!(field)), "{change} {answer}");
        }
        for (kind, body, status) in [
            ("application/json", "{}", 415),
            ("text/plain", "{}", 415),
            ("application/merge-patch+json; charset=utf-8", "{}", 200),
            ("application/merge-patch+json", "[]", 400),
            ("application/merge-patch+json", "{", 400),
        ] {
            let authorization = format!("JWT {}", system.signed(&system.claims("ada")));
            let answer = system.send("PATCH", path, Some(&authorization), Some((kind, body.to_owned())));
            assert_eq!(answer.status, status, "{kind} {body}");
        }
    });
}

#[test]
fn somebody_registers_and_signs_in() {
    on_each_engine(SEED, |system| {
        let form = json!({ "username": "eve", "email": "eve@example.com", "password": "a good secret", "name": "Eve" });
        let register = |form: Value| system.call("POST", "/api/user/v1/account/registration/", None, Some(form));
        let (status, answer) = register(form.clone());
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
        let sign_in =
            [("grant_type", "password"), ("username", "eve"), ("password", "a good secret"), ("client_id", "public")];
        assert_eq!(system.token(None, &sign_in).status, 200);
        assert_eq!(system.get("/api/user/v1/accounts/eve", "eve").1["name"], "Eve");
        assert_eq!(system.count("SELECT count(*) FROM users WHERE password LIKE '%secret%'"), 0);

        let with = |name: &str, value: Value| {
            let mut form = form.clone();
            form[name] = value;
            form
        };
        for (form, status, field) in [
            (form.clone(), 409, "username"),
            (with("username", json!("eva")), 409, "email"),
            (with("username", json!("e")), 400, "username"),
            (with("username", json!("e v e")), 400, "username"),
            (with("username", Value::Null), 400, "username"),
            (with("email", json!("eve@home")), 400, "email"),
            (with("email", json!("@example.com")), 400, "email"),
            (with("email", Value::Null), 400, "email"),
            (with("password", json!("short")), 400, "password"),
            (with("password", json!("EVE@example.com")), 400, "password"),
            (with("password", Value::Null), 400, "password"),
            (with("name", json!(" ")), 400, "name"),
            (with("name", Value::Null), 400, "name"),
            (with("country", json!("Nowhere")), 400, "country"),
        ] {
            let (got, answer) = register(form.clone());
            assert_eq!((got, &answer["field"]), (status, &json!(field)), "{form} {answer}");
        }
    });
}

#[test]
fn who_asks_too_often_has_to_wait() {
    let limits = RateLimits { anonymous: 3, user: 5, staff: 0, sign_in: 2, enroll: 1 };
    on_each_engine_with(
        SEED,
        |config, _| Config { rate_limits: limits, ..config },
        |system| {
            let many = |times: usize, ask: &dyn Fn() -> u16| (0..times).map(|_| ask()).collect::<Vec<_>>();
            let courses = "/api/courses/v1/courses/";
            assert_eq!(many(4, &|| system.get_anonymously(courses).0), [200, 200, 200, 429]);
            assert_eq!(many(6, &|| system.get(courses, "ada").0), [200, 200, 200, 200, 200, 429]);
            assert!(many(20, &|| system.get(courses, "staff").0).iter().all(|status| *status == 200));
            assert_eq!(many(3, &|| system.token(None, &[]).status), [400, 400, 429]);
            assert_eq!(many(10, &|| system.get_anonymously("/heartbeat").0), [200; 10]);
            let enroll = json!({ "course_details": { "course_id": "course-v1:edX+DemoX+2025" } });
            let enroll = || system.call("POST", "/api/enrollment/v1/enrollment", Some("bob"), Some(enroll.clone())).0;
            assert_eq!(many(2, &enroll), [200, 429]);
            let refused = system.send("GET", courses, None, None);
            assert_eq!((refused.status, refused.kind.as_str()), (429, "application/problem+json"));
            assert!((1..=21).contains(&refused.retry_after.parse::<u64>().unwrap()), "{refused:?}");
        },
    );
}

#[test]
fn filters_stand_around_registration_and_enrolment() {
    let settings = |config: Config, directory: &std::path::Path| {
        let file = directory.join("filters.json");
        let filters = json!({
            "org.openedx.learning.student.registration.requested.v1": { "fail_silently": true, "pipeline": [
                { "step": "require_email_domain", "with": { "domains": ["example.com"] } },
                { "step": "refuse_usernames", "with": { "usernames": ["admin"] } },
                { "step": "change", "with": { "goals": "to learn" } },
            ] },
            "org.openedx.learning.course.enrollment.started.v1": { "pipeline": [
                { "step": "close_courses", "with": { "course_ids": ["edX/Old/2012"] } },
                { "step": "change", "with": { "mode": "honor" } },
            ] },
            "org.openedx.learning.course.unenrollment.started.v1": { "pipeline": [
                { "step": "answer", "with": { "answer": "You may not leave yet." } },
            ] },
        });
        std::fs::write(&file, filters.to_string()).unwrap();
        Config { filters_file: Some(file), ..config }
    };
    on_each_engine_with(SEED, settings, |system| {
        let register = |username: &str, email: &str| {
            let form = json!({ "username": username, "email": email, "password": "a good secret", "name": "Eve" });
            let (status, answer) = system.call("POST", "/api/user/v1/account/registration/", None, Some(form));
            (status, answer["field"].clone())
        };
        assert_eq!(register("eve", "eve@example.org"), (403, json!("email")));
        assert_eq!(register("Admin", "eve@example.com"), (403, json!("username")));
        assert_eq!(register("eve", "eve@example.com").0, 200);
        assert_eq!(system.get("/api/user/v1/accounts/eve", "eve").1["goals"], "to learn");

        let enroll = |course: &str, active: bool| {
            let body = json!({ "is_active": active, "course_details": { "course_id": course } });
            system.call("POST", "/api/enrollment/v1/enrollment", Some("eve"), Some(body))
        };
        assert_eq!(enroll("edX/Old/2012", true).0, 403);
        let (status, answer) = enroll("course-v1:edX+DemoX+2025", true);
        assert_eq!((status, &answer["mode"]), (200, &json!("honor")));
        assert_eq!(enroll("course-v1:edX+DemoX+2025", false), (200, json!("You may not leave yet.")));
        assert_eq!(system.count("SELECT count(*) FROM enrollments WHERE is_active"), 1);
    });
}
