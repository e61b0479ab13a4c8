//! Kept states as databases of the server.

use database::contract::Harness as _;
use database::{Database, StateName};
use postgres::{Client, NoTls};

use crate::harness::PostgresHarness;

fn base() -> StateName {
    StateName::new("base").expect("a valid name")
}

/// Connects as a service does: by the URL.
fn service(harness: &PostgresHarness) -> Client {
    Client::connect(&harness.location().url(), NoTls).expect("connect over TCP")
}

/// Makes a database with a table of one column and two rows.
fn filled(harness: &PostgresHarness) -> Box<dyn Database> {
    let mut database = harness.open();
    database.create().expect("create");
    database.execute_script("CREATE TABLE t (a integer); INSERT INTO t VALUES (1), (2)").expect("script");
    database
}

fn count(client: &mut Client) -> i64 {
    client.query_one("SELECT count(*) FROM t", &[]).expect("count").get(0)
}

#[test]
fn connections_of_others_are_ended_and_new_ones_see_the_state() {
    let Some(harness) = PostgresHarness::new() else { return };
    let mut database = filled(&harness);
    let mut before_keep = service(&harness);
    database.keep(&base()).expect("keep beside a connection");
    before_keep.query("SELECT 1", &[]).expect_err("its connection was ended");
    let mut before_reset = service(&harness);
    before_reset.batch_execute("BEGIN; DELETE FROM t").expect("a transaction under way");
    database.reset_to(&base()).expect("reset beside a connection");
    before_reset.query("SELECT 1", &[]).expect_err("its connection was ended");
    let mut after = service(&harness);
    assert_eq!(count(&mut after), 2);
    database.destroy().expect("destroy beside a connection");
    after.query("SELECT 1", &[]).expect_err("its connection was ended");
}

#[test]
fn nobody_connects_to_a_kept_state() {
    let Some(harness) = PostgresHarness::plain() else { return };
    let mut database = filled(&harness);
    database.keep(&base()).expect("keep");
    let mut client = service(&harness);
    let sql = "SELECT datname, datallowconn FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE $1";
    let kept = client.query_one(sql, &[&format!("%{}%", harness.name)]).expect("one kept state");
    assert!(kept.get::<_, &str>(0).len() <= 63);
    assert!(!kept.get::<_, bool>(1));
}

#[test]
fn settings_of_the_database_are_part_of_its_states() {
    let Some(harness) = PostgresHarness::new() else { return };
    let mut database = filled(&harness);
    let name = format!("\"{}\"", harness.name.replace('"', "\"\""));
    let sql = format!("CREATE SCHEMA app; ALTER DATABASE {name} SET search_path = app, public");
    database.execute_script(&sql).expect("script");
    for _ in 0..2 {
        database.keep(&base()).expect("keep");
        database.reset_to(&base()).expect("reset");
    }
    let path: String = service(&harness).query_one("SHOW search_path", &[]).expect("show").get(0);
    assert_eq!(path, "app, public");
}

#[test]
fn what_a_killed_caller_left_behind_is_in_nobodys_way() {
    let Some(harness) = PostgresHarness::plain() else { return };
    let mut database = filled(&harness);
    database.keep(&base()).expect("keep");
    let before = database.fingerprint().expect("fingerprint");
    let sql = "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE $1";
    let kept: String =
        service(&harness).query_one(sql, &[&format!("%{}%", harness.name)]).expect("one kept state").get(0);
    // The names of the others differ by their word.
    let digest = kept.split('-').nth(2).expect("the digest of the database");
    for role in ["new", "old"] {
        service(&harness).batch_execute(&format!("CREATE DATABASE \"seedbed-{role}-{digest}\"")).expect("a leftover");
    }
    database.execute_script("DELETE FROM t").expect("change");
    database.reset_to(&base()).expect("reset");
    assert_eq!(database.fingerprint().expect("fingerprint"), before);
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE '%' || $1 AND datname NOT LIKE '%kept%'";
    let left: i64 = service(&harness).query_one(left, &[&digest]).expect("count").get(0);
    assert_eq!(left, 0);
}
