//! Kept states as databases of the server.

use database::contract::Harness as _;
use database::{Database, DatabaseError, StateName};
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
    let harness = PostgresHarness::new();
    let mut database = filled(&harness);
    let mut before_keep = service(&harness);
    database.keep(&base()).expect("keep beside a connection");
    before_keep.query("SELECT 1", &[]).expect_err("its connection was ended");
    let mut before_reset = service(&harness);
    before_reset.batch_execute("BEGIN; DELETE FROM t").expect("a transaction under way");
    database.reset_to(&base(), None).expect("reset beside a connection");
    before_reset.query("SELECT 1", &[]).expect_err("its connection was ended");
    let mut after = service(&harness);
    assert_eq!(count(&mut after), 2);
    database.destroy().expect("destroy beside a connection");
    after.query("SELECT 1", &[]).expect_err("its connection was ended");
}

#[test]
fn only_superusers_connect_to_a_kept_state_and_its_name_is_reserved() {
    let harness = PostgresHarness::plain();
    let mut database = filled(&harness);
    database.keep(&base()).expect("keep");
    let mut client = service(&harness);
    let sql = "SELECT datname, datconnlimit FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE $1";
    let kept = client.query_one(sql, &[&format!("%{}%", harness.name)]).expect("one kept state");
    let name: &str = kept.get(0);
    assert!(name.len() <= 63 && name.starts_with("seedbed-kept-"), "{name}");
    assert_eq!(kept.get::<_, i32>(1), 0);
    database.take(&base(), None).expect("take");
    let limit: i32 = service(&harness)
        .query_one("SELECT datconnlimit FROM pg_database WHERE datname = current_database()", &[])
        .expect("the limit")
        .get(0);
    assert_eq!(limit, -1, "what is in place is a database like any other");
}

#[test]
fn settings_of_the_database_are_part_of_its_states() {
    let harness = PostgresHarness::new();
    let mut database = filled(&harness);
    let name = format!("\"{}\"", harness.name.replace('"', "\"\""));
    let sql = format!("CREATE SCHEMA app; ALTER DATABASE {name} SET search_path = app, public");
    database.execute_script(&sql).expect("script");
    for _ in 0..2 {
        database.keep(&base()).expect("keep");
        database.reset_to(&base(), None).expect("reset");
    }
    let path: String = service(&harness).query_one("SHOW search_path", &[]).expect("show").get(0);
    assert_eq!(path, "app, public");
}

#[test]
fn a_kept_state_can_only_be_read() {
    let harness = PostgresHarness::plain();
    let mut database = filled(&harness);
    database.keep(&base()).expect("keep");
    let mut kept = database.open_kept(&base()).expect("open");
    let attempts = [
        kept.execute_script("DELETE FROM t"),
        kept.clear(None),
        kept.keep(&base()),
        kept.begin().map(drop),
        kept.destroy(),
    ];
    for attempt in attempts {
        assert!(matches!(attempt, Err(DatabaseError::Unsupported { .. })), "{attempt:?}");
    }
    assert_eq!(kept.kept().expect("kept"), []);
    // A reader that is still connected is in nobody's way.
    kept.fingerprint().expect("fingerprint");
    database.reset_to(&base(), None).expect("reset beside a reader");
    kept.fingerprint().expect("the reader connects again");
    database.take(&base(), None).expect("take beside a reader");
    let gone = kept.fingerprint();
    assert!(matches!(gone, Err(DatabaseError::Missing { .. })), "{gone:?}");
}

#[test]
fn what_a_killed_caller_left_behind_goes_when_it_is_tidied() {
    let harness = PostgresHarness::plain();
    let mut database = filled(&harness);
    database.keep(&base()).expect("keep");
    let before = database.fingerprint().expect("fingerprint");
    let sql = "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE $1";
    let kept: String =
        service(&harness).query_one(sql, &[&format!("%{}%", harness.name)]).expect("one kept state").get(0);
    // The names of the others differ by their word.
    let digest = kept.split('-').nth(2).expect("the digest of the database");
    for role in ["new", "old", "spare"] {
        service(&harness).batch_execute(&format!("CREATE DATABASE \"seedbed-{role}-{digest}-1\"")).expect("a leftover");
    }
    database.execute_script("DELETE FROM t").expect("change");
    database.reset_to(&base(), None).expect("reset");
    assert_eq!(database.fingerprint().expect("fingerprint"), before);
    database.prepare_spare(&base()).expect("prepare a spare");
    database.tidy().expect("tidy");
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE '%' || $1 || '%'";
    let left: i64 = service(&harness).query_one(left, &[&digest]).expect("count").get(0);
    assert_eq!(left, 2, "the state and its spare");
    database.destroy().expect("destroy");
    let sql = "SELECT datname FROM pg_database WHERE datname LIKE '%' || $1 || '%'";
    let left = harness.server.client().query(sql, &[&digest]).expect("list");
    assert!(left.is_empty(), "{left:?}");
}
