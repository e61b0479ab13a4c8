//! Types that only PostgreSQL has, and scripts as its own tools write them.

use std::slice::from_ref;

use database::contract::Harness as _;
use database::{DatabaseError, Value};
use serde_json::json;

use crate::harness::PostgresHarness;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn values_of_every_kind_of_type_go_in_and_come_out() {
    let harness = PostgresHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    database
        .execute_script(
            "CREATE SCHEMA app;
            CREATE TYPE app.mood AS ENUM ('sad', 'ok');
            CREATE DOMAIN app.positive AS numeric CHECK (VALUE > 0);
            CREATE TYPE app.pair AS (a integer, b text);",
        )
        .expect("types");
    let cases: [(&str, Value, Value); 20] = [
        ("smallint", json!(7), json!(7)),
        ("smallint", json!("7"), json!(7)),
        ("boolean", json!("yes"), json!(true)),
        ("real", json!(0.5), json!(0.5)),
        ("numeric", json!("123456789012345678901234567890.5"), json!("123456789012345678901234567890.5")),
        ("numeric(10, 2)", json!(12.3), json!("12.30")),
        ("app.positive", json!(3), json!(3)),
        ("char(5)", json!("abc"), json!("abc  ")),
        ("varchar(5)", json!("abcde"), json!("abcde")),
        ("app.mood", json!("ok"), json!("ok")),
        ("integer[]", json!([1, null, 3]), json!([1, null, 3])),
        ("text[]", json!(["a,b", "\"", ""]), json!(["a,b", "\"", ""])),
        ("app.pair", json!({"a": 1, "b": "x"}), json!({"a": 1, "b": "x"})),
        ("json", json!({"b": 1, "a": [2]}), json!({"b": 1, "a": [2]})),
        ("interval", json!("1 day 02:00:00"), json!("1 day 02:00:00")),
        ("timestamp", json!("2025-01-01 10:00"), json!("2025-01-01T10:00:00")),
        ("timestamptz", json!("2025-01-01T10:00:00+02:00"), json!("2025-01-01T08:00:00+00:00")),
        ("inet", json!("10.0.0.1"), json!("10.0.0.1")),
        ("int4range", json!("[1,5)"), json!("[1,5)")),
        ("point", json!("(1,2)"), json!("(1,2)")),
    ];
    let v = words(&["v"]);
    for (index, (sql_type, given, expected)) in cases.into_iter().enumerate() {
        let table = format!("app.t{index}");
        database.execute_script(&format!("CREATE TABLE {table} (v {sql_type})")).expect(sql_type);
        let mut transaction = database.begin().expect("begin");
        let row = vec![given];
        assert_eq!(
            transaction.insert(&table, &v, from_ref(&row), &v).expect(sql_type),
            [[expected.clone()]],
            "{sql_type}"
        );
        assert_eq!(
            transaction.find(&table, &v, from_ref(&row), &v).expect(sql_type),
            [Some(vec![expected])],
            "{sql_type}"
        );
        assert_eq!(transaction.delete(&table, &v, &[row]).expect(sql_type), 1, "{sql_type}");
        transaction.commit().expect("commit");
    }
    let mut transaction = database.begin().expect("begin");
    // A key that is too long for the column is no key of any row; as a value it is an error.
    assert_eq!(transaction.find("app.t8", &v, &[vec![json!("abcdef")]], &v).expect("find"), [None]);
    let error = transaction.insert("app.t8", &v, &[vec![json!("abcdef")]], &v).expect_err("too long");
    assert!(matches!(error, DatabaseError::Refused { .. }), "{error:?}");
}

#[test]
fn a_deferred_constraint_speaks_up_at_the_commit() {
    let harness = PostgresHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    let sql =
        "CREATE TABLE t (a integer PRIMARY KEY, b integer CONSTRAINT to_t REFERENCES t DEFERRABLE INITIALLY DEFERRED)";
    database.execute_script(sql).expect("script");
    let columns = words(&["a", "b"]);
    let mut transaction = database.begin().expect("begin");
    transaction.insert("t", &columns, &[vec![json!(1), json!(9)]], &[]).expect("not yet");
    match transaction.commit() {
        Err(DatabaseError::Constraint { constraint, detail, .. }) => {
            assert_eq!(constraint, "to_t");
            assert!(detail.contains("(b)=(9)"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(database.row_counts().expect("row counts")["t"], 0);
    let mut transaction = database.begin().expect("begin");
    transaction.insert("t", &columns, &[vec![json!(1), json!(2)], vec![json!(2), json!(1)]], &[]).expect("a circle");
    transaction.commit().expect("commit");
}

#[test]
fn functions_with_bodies_are_statements_of_a_script() {
    let harness = PostgresHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    // Bodies of SQL alone came with version 14.
    let two = match harness.server.client().query_one("SHOW server_version_num", &[]).expect("show").get::<_, String>(0)
    {
        old if old.as_str() < "140000" => "LANGUAGE sql AS 'SELECT 1; SELECT public.one() + 1;'",
        _ => "BEGIN ATOMIC SELECT 1; SELECT public.one() + 1; END",
    };
    let sql = format!(
        "SET search_path = pg_catalog;
        CREATE FUNCTION public.one() RETURNS integer LANGUAGE plpgsql AS $body$ BEGIN RETURN 1; END; $body$;
        CREATE FUNCTION public.two() RETURNS integer {two};
        CREATE TABLE public.t AS SELECT public.two() AS n;
        DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END $$;"
    );
    database.execute_script(&sql).expect("script");
    let found = database.begin().expect("begin").find("t", &words(&["n"]), &[vec![json!(2)]], &[]).expect("find");
    assert_eq!(found, [Some(Vec::new())]);
}
