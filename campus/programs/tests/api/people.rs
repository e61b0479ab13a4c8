//! Who asks: whose tokens are believed, what they allow, and who is remembered.

use programs::{Settings, Users};

use crate::harness::{System, claims, on_each_engine, signed, token, with_settings};

fn status(system: &System, path: &str, authorization: &str) -> u16 {
    system.send("GET", path, &[("Authorization", authorization)], &[]).status
}

const LIST: &str = "/api/v1/programs/";
const FOR_ADMINISTRATORS: &str = "/api/v1/history/";

#[test]
fn only_tokens_that_are_in_order_are_believed() {
    let now = identity::now();
    let changed = |change: &dyn Fn(&mut identity::Claims)| {
        let mut claims = claims("ada");
        change(&mut claims);
        format!("JWT {}", signed(&claims))
    };
    let good = token("ada");
    let cases = [
        (format!("JWT {good}"), 200),
        (format!("Bearer {good}"), 200),
        (format!("Token {good}"), 401),
        (good.clone(), 401),
        (format!("JWT {}x", &good[..good.len() - 2]), 401),
        ("JWT".to_owned(), 401),
        (changed(&|claims| claims.exp = now - 5), 401),
        (changed(&|claims| claims.iat = now + 50), 401),
        (changed(&|claims| claims.iss = "http://other".to_owned()), 401),
        (changed(&|claims| claims.aud = identity::Audience::One("other".to_owned())), 401),
        (changed(&|claims| claims.preferred_username = String::new()), 401),
        (changed(&|claims| claims.preferred_username = "a\0b".to_owned()), 401),
        (changed(&|claims| claims.preferred_username = "a".repeat(256)), 401),
    ];
    on_each_engine(|system| {
        for (authorization, expected) in &cases {
            // Twice: what was believed once is remembered for a while.
            assert_eq!(status(system, LIST, authorization), *expected, "{authorization}");
            assert_eq!(status(system, LIST, authorization), *expected, "{authorization}");
        }
        let answer = system.get_anonymously(LIST);
        assert_eq!(answer.headers["www-authenticate"], "JWT");
        assert_eq!(answer.content_type, "application/problem+json");
    });
}

#[test]
fn a_user_is_a_pointer_made_on_first_sight_whose_roles_are_those_of_the_token() {
    let administrator = |username: &str, administrator: Option<bool>| {
        let mut claims = claims(username);
        claims.administrator = administrator;
        format!("JWT {}", signed(&claims))
    };
    let (plain, boss) = (administrator("ada", Some(false)), administrator("ada", Some(true)));
    on_each_engine(|system| {
        let administrators = || system.count("SELECT count(*) FROM users WHERE is_administrator");
        assert_eq!(system.count("SELECT count(*) FROM users"), 0);
        // Each request adds or removes the role, also with tokens that were seen before.
        for _ in 0..2 {
            assert_eq!((status(system, FOR_ADMINISTRATORS, &plain), administrators()), (403, 0));
            assert_eq!((status(system, FOR_ADMINISTRATORS, &boss), administrators()), (200, 1));
        }
        assert_eq!(status(system, FOR_ADMINISTRATORS, &administrator("ada", None)), 403);
        assert_eq!((system.count("SELECT count(*) FROM users"), administrators()), (1, 0));
        system.get(LIST, "writer");
        assert_eq!(system.count("SELECT count(*) FROM users WHERE is_author AND username = 'writer'"), 1);
    });
    let settings = Settings { users: Users::Administrators, ..Settings::default() };
    with_settings(&settings, |system| {
        let users = || system.count("SELECT count(*) FROM users");
        assert_eq!((status(system, LIST, &plain), users()), (200, 0));
        assert_eq!((status(system, LIST, &boss), users()), (200, 1));
        assert_eq!((status(system, LIST, &plain), users()), (200, 1));
        assert_eq!(system.count("SELECT count(*) FROM users WHERE is_administrator"), 0);
    });
}
