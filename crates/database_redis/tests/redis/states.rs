//! Kept states as numbers of the server: what services see, what killed callers leave, and how long a reset takes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use database::StateName;
use redis::Connection;

use crate::harness::{RedisHarness, Server, directory, place};

fn base() -> StateName {
    StateName::new("base").expect("a valid name")
}

/// Gives the records of the registry.
fn records(owner: &mut Connection) -> BTreeMap<u16, String> {
    redis::cmd("HGETALL").arg("seedbed").query(owner).expect("the registry")
}

#[test]
fn connections_see_the_state_at_once_and_end_with_the_database() {
    let harness = RedisHarness::new();
    let mut database = harness.filled("SET a old");
    database.keep(&base()).expect("keep");
    let mut service = harness.service();
    redis::cmd("SET").arg("a").arg("new").exec(&mut service).expect("set");
    database.reset_to(&base(), None).expect("reset beside a connection");
    let value: String = redis::cmd("GET").arg("a").query(&mut service).expect("it is still connected");
    assert_eq!(value, "old");
    database.destroy().expect("destroy beside a connection");
    redis::cmd("GET").arg("a").exec(&mut service).expect_err("its connection was ended");
}

#[test]
fn what_a_killed_caller_left_behind_is_tidied_and_what_a_living_one_makes_is_not() {
    let server = Server::start(place(&directory()));
    let mut database = server.open("lms", 1);
    database.create().expect("create");
    database.execute_script("SET a 1").expect("script");
    database.keep(&base()).expect("keep");
    let mut owner = server.connect(0);
    let facts: String = redis::cmd("INFO").arg("server").query(&mut owner).expect("info");
    let run = facts.lines().find_map(|line| line.strip_prefix("run_id:")).expect("its run");
    let living: i64 = redis::cmd("CLIENT").arg("ID").query(&mut owner).expect("its id");
    let makers = [(run, living, true), (run, 1_000_000, false), ("another", living, false)];
    for (index, (run, client, _)) in makers.iter().enumerate() {
        let number = 1100 + index;
        let record = format!(r#"{{"role":"making","owner":1,"of":1,"run":"{run}","client":"{client}"}}"#);
        redis::cmd("HSET").arg("seedbed").arg(number).arg(record).exec(&mut owner).expect("a record");
        let mut half = server.connect(i64::try_from(number).expect("a small number"));
        redis::cmd("SET").arg("half").arg("made").exec(&mut half).expect("content");
    }
    // In nobody's way, tidied or not.
    database.prepare_spare(&base()).expect("prepare a spare");
    database.reset_to(&base(), None).expect("reset");
    database.tidy().expect("tidy");
    let left = records(&mut owner);
    for (index, (run, client, stays)) in makers.iter().enumerate() {
        let number = 1100 + index;
        let mut half = server.connect(i64::try_from(number).expect("a small number"));
        let keys: u64 = redis::cmd("DBSIZE").query(&mut half).expect("count");
        assert_eq!(left.contains_key(&u16::try_from(number).expect("small")), *stays, "{run} {client}");
        assert_eq!(keys, u64::from(*stays), "{run} {client}");
    }
}

#[test]
fn numbers_are_used_again() {
    let server = Server::start(place(&directory()));
    let mut database = server.open("lms", 1);
    database.create().expect("create");
    database.execute_script("SET a 1").expect("script");
    let other = StateName::new("other").expect("a valid name");
    for _ in 0..3 {
        database.keep(&base()).expect("keep");
        database.prepare_spare(&base()).expect("prepare a spare");
        database.reset_to(&base(), Some(&other)).expect("reset");
        database.take(&other, Some(&base())).expect("take");
        database.rename_kept(&base(), &other).expect("rename");
        database.clear(Some(&base())).expect("clear");
        database.forget(&other).expect("forget");
        database.take(&base(), None).expect("take");
    }
    assert_eq!(records(&mut server.connect(0)).into_keys().collect::<Vec<_>>(), [1]);
    let facts: String = redis::cmd("INFO").arg("keyspace").query(&mut server.connect(0)).expect("info");
    let used: Vec<_> = facts.lines().filter_map(|line| line.split_once(':')).map(|(number, _)| number).collect();
    assert_eq!(used, ["db0", "db1"]);
    database.destroy().expect("destroy");
    assert!(records(&mut server.connect(0)).is_empty());
}

#[test]
fn a_reset_to_a_spare_is_a_rename_however_much_there_is() {
    let harness = RedisHarness::new();
    let mut database = harness.filled("EVAL \"for i = 1, 100000 do redis.call('SET', 'key:' .. i, i) end\" 0");
    database.keep(&base()).expect("keep");
    database.prepare_spare(&base()).expect("prepare a spare");
    database.execute_script("SET changed 1").expect("change");
    let before = Instant::now();
    database.reset_to(&base(), None).expect("reset");
    let took = before.elapsed();
    println!("reset of 100000 keys: {took:?}");
    assert!(took < Duration::from_millis(100), "{took:?}");
    assert_eq!(database.row_counts().expect("row counts")["key"], 100_000);
}
