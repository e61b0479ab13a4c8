//! How a database is made: encoding, locale, extensions, roles.

use database::contract::Harness as _;
use database::{DatabaseError, DatabaseSettings, StateName};

use crate::harness::PostgresHarness;

#[test]
fn an_empty_database_is_as_the_settings_want_it() {
    let harness = PostgresHarness::plain();
    let role = format!("role of {}", harness.name);
    let settings = DatabaseSettings {
        encoding: Some("SQL_ASCII".to_owned()),
        locale: Some("C".to_owned()),
        extensions: vec!["plpgsql".to_owned(), "pg_trgm".to_owned()],
        roles: vec![role.clone()],
    };
    let mut database = harness.server.open_with(&harness.name, &settings);
    let state = StateName::new("base").expect("a valid name");
    for step in ["create", "clear", "restore"] {
        match step {
            "create" => database.create().expect(step),
            "clear" => database.clear(None).expect(step),
            _ => {
                let dump = harness.directory().join("x.dump");
                database.dump(&dump).expect("dump");
                database.restore_as(&state, &dump).expect(step);
                database.take(&state, None).expect("take");
            }
        }
        let sql = "SELECT pg_encoding_to_char(encoding)::text, datcollate::text,
                EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm'), EXISTS (SELECT FROM pg_roles WHERE rolname = $1)
            FROM pg_database WHERE datname = current_database()";
        let row = harness.server.client_of(&harness.name).query_one(sql, &[&role]).expect("the facts");
        let facts: (&str, &str, bool, bool) = (row.get(0), row.get(1), row.get(2), row.get(3));
        assert_eq!(facts, ("SQL_ASCII", "C", true, true), "{step}");
    }
}

#[test]
fn what_the_server_does_not_have_is_said_and_leaves_no_database() {
    let harness = PostgresHarness::plain();
    let cases = [
        (DatabaseSettings { extensions: vec!["no_such".to_owned()], ..DatabaseSettings::default() }, "-no-such"),
        (DatabaseSettings { locale: Some("xx_YY".to_owned()), ..DatabaseSettings::default() }, "xx_YY"),
        (DatabaseSettings { encoding: Some("EBCDIC".to_owned()), ..DatabaseSettings::default() }, "EBCDIC"),
    ];
    for (settings, expected) in cases {
        let mut database = harness.server.open_with(&harness.name, &settings);
        let error = database.create().expect_err(expected);
        assert!(
            matches!(&error, DatabaseError::Refused { source, .. } if source.to_string().contains(expected)),
            "{error:?}"
        );
        assert!(!database.exists().expect("exists"));
    }
}
