//! The types of MariaDB and MySQL, and what only they have in scripts.

use std::slice::from_ref;

use database::DatabaseError;
use database::contract::Harness as _;
use serde_json::json;

use crate::harness::MysqlHarness;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn values_of_other_types_come_back() {
    let harness = MysqlHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    let cases = [
        ("bigint unsigned", json!(u64::MAX), json!(u64::MAX)),
        ("bit(1)", json!(true), json!(1)),
        ("bit(12)", json!(2049), json!(2049)),
        ("decimal(30, 10)", json!("12345678901234567890.5"), json!("12345678901234567890.5000000000")),
        ("decimal(5, 0)", json!(-12), json!(-12)),
        ("boolean", json!("true"), json!(true)),
        ("tinyint(1)", json!(7), json!(7)),
        ("year", json!(2025), json!(2025)),
        ("time(3)", json!("-12:30:00.5"), json!("-12:30:00.500")),
        ("datetime", json!("2025-01-01T10:00:00"), json!("2025-01-01T10:00:00")),
        ("datetime(6)", json!("2025-01-01 10:00:00.25"), json!("2025-01-01T10:00:00.25")),
        ("timestamp NULL", json!("2025-01-01T10:00:00+02:00"), json!("2025-01-01T08:00:00+00:00")),
        ("enum('a', 'b')", json!("b"), json!("b")),
        ("set('a', 'b')", json!("a,b"), json!("a,b")),
        ("varchar(20) CHARACTER SET latin1", json!("björn"), json!("björn")),
        ("varchar(20) COLLATE utf8mb4_bin", json!("€"), json!("€")),
        ("binary(3)", json!("\\x0a0b0c"), json!("\\x0a0b0c")),
        ("longblob", json!("plain"), json!("\\x706c61696e")),
        ("json", json!({"b": 1, "a": ["x", null]}), json!({"b": 1, "a": ["x", null]})),
        ("text", json!(5), json!("5")),
    ];
    let v = words(&["v"]);
    for (index, (sql_type, given, expected)) in cases.into_iter().enumerate() {
        let table = format!("t{index}");
        database.execute_script(&format!("CREATE TABLE {table} (v {sql_type})")).expect(sql_type);
        let mut transaction = database.begin().expect("begin");
        let row = vec![given];
        let inserted = transaction.insert(&table, &v, from_ref(&row), &v).expect(sql_type);
        assert_eq!(inserted, [[expected.clone()]], "{sql_type}");
        let found = transaction.find(&table, &v, from_ref(&row), &v).expect(sql_type);
        assert_eq!(found, [Some(vec![expected])], "{sql_type}");
        assert_eq!(transaction.delete(&table, &v, &[row]).expect(sql_type), 1, "{sql_type}");
        transaction.commit().expect("commit");
    }
    // What does not fit is an error, not another value.
    for (table, value) in [("t4", json!(123_456)), ("t14", json!("x".repeat(21))), ("t9", json!("2025-02-30"))] {
        let error = database.begin().expect("begin").insert(table, &v, &[vec![value]], &[]).expect_err("too large");
        assert!(matches!(error, DatabaseError::Refused { .. }), "{error:?}");
    }
}

#[test]
fn routines_with_bodies_are_statements_of_a_script() {
    let harness = MysqlHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    let sql = "CREATE TABLE t (n integer);
        DELIMITER $$
        CREATE PROCEDURE twice(IN n integer) BEGIN INSERT INTO t VALUES (n); INSERT INTO t VALUES (n); END $$
        DELIMITER ;
        /*!40101 CALL twice(2) */; # twice
        CALL twice(3);";
    database.execute_script(sql).expect("script");
    assert_eq!(database.row_counts().expect("row counts")["t"], 4);
}

#[test]
fn zero_is_a_key_like_any_other() {
    let harness = MysqlHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    database.execute_script("CREATE TABLE t (id integer AUTO_INCREMENT PRIMARY KEY)").expect("script");
    let mut transaction = database.begin().expect("begin");
    let id = words(&["id"]);
    assert_eq!(transaction.insert("t", &id, &[vec![json!(0)]], &id).expect("insert"), [[json!(0)]]);
}
