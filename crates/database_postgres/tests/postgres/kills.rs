//! Callers that are killed at any point: the old or the new content is there, and the next one goes on.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use database::contract::Harness as _;
use database::{Database, DatabaseError, DatabaseSettings, Engine as _, Location, Secret, StateName};
use database_postgres::PostgresEngine;

use crate::harness::PostgresHarness;

/// Tells a child of this test where the database is.
const WHERE: &str = "SEEDBED_TEST_KILLED";

/// How many children are killed, each a bit later than the one before.
const KILLS: u32 = 24;

/// How much later.
const STEP: Duration = Duration::from_millis(17);

fn state(name: &str) -> StateName {
    StateName::new(name).expect("a valid name")
}

/// Does nothing, unless it is the child that is to be killed.
#[test]
fn a_killed_child_changes_the_database_without_end() {
    let Ok(place) = std::env::var(WHERE) else { return };
    let parts: Vec<&str> = place.split('|').collect();
    let location = Location::Postgres {
        host: "127.0.0.1".to_owned(),
        port: parts[0].parse().expect("a port"),
        socket_directory: parts[1].into(),
        user: "seedbed".to_owned(),
        password: Secret::new(parts[2]),
        administrator: None,
        name: parts[3].to_owned(),
        binaries: parts[4].into(),
    };
    let mut database = PostgresEngine.open(&location, &DatabaseSettings::default()).expect("open");
    loop {
        work(&mut *database);
    }
}

/// A step of the child.
type Step<'a> = &'a dyn Fn(&mut dyn Database) -> Result<(), DatabaseError>;

/// Everything that renames, from two contents only.
fn work(database: &mut dyn Database) {
    let (one, two, aside) = (state("one"), state("two"), state("aside"));
    let steps: [Step<'_>; 9] = [
        &|database| database.reset_to(&one, None),
        &|database| database.prepare_spare(&two),
        &|database| database.reset_to(&two, Some(&aside)),
        &|database| database.take(&aside, Some(&aside)),
        &|database| database.tidy(),
        &|database| database.keep(&aside),
        &|database| database.prepare_spare(&one),
        &|database| database.reset_to(&one, Some(&aside)),
        &|database| database.forget(&aside),
    ];
    for step in steps {
        step(database).expect("a step");
    }
}

#[test]
fn a_killed_caller_leaves_one_content_or_the_other() {
    let harness = PostgresHarness::plain();
    let mut database = harness.open();
    database.create().expect("create");
    let mut contents = Vec::new();
    for (name, sql) in [("one", "CREATE TABLE t AS SELECT 1 AS a"), ("two", "INSERT INTO t VALUES (2)")] {
        database.execute_script(sql).expect("script");
        contents.push(database.fingerprint().expect("fingerprint"));
        database.keep(&state(name)).expect("keep");
    }
    let Location::Postgres { port, socket_directory, password, name, binaries, .. } = harness.location() else {
        unreachable!("it is PostgreSQL");
    };
    let place = format!("{port}|{}|{}|{name}|{}", socket_directory.display(), password.expose(), binaries);
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "kills::a_killed_child_changes_the_database_without_end"])
            .env(WHERE, &place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start a child");
        // The moment is what the test varies.
        let deadline = Instant::now() + STEP * kill;
        while Instant::now() < deadline {
            assert!(child.try_wait().expect("look at the child").is_none(), "the child ended by itself");
            std::thread::yield_now();
        }
        child.kill().expect("kill");
        child.wait().expect("wait");
        // The next caller, with a handle of its own.
        let mut next = harness.open();
        for (index, name) in ["one", "two"].into_iter().enumerate() {
            let kept = next.open_kept(&state(name)).expect("it is kept").fingerprint().expect("fingerprint");
            assert_eq!(kept, contents[index], "kill {kill}: {name} is as it was");
        }
        next.reset_to(&state("one"), Some(&state("found"))).expect("reset after a kill");
        assert_eq!(next.fingerprint().expect("fingerprint"), contents[0], "kill {kill}");
        let found = next.open_kept(&state("found")).expect("what was there").fingerprint().expect("fingerprint");
        assert!(contents.contains(&found), "kill {kill}: what was there is one of the two");
        next.tidy().expect("tidy");
        next.reset_to(&state("two"), None).expect("reset with or without a spare");
        assert_eq!(next.fingerprint().expect("fingerprint"), contents[1], "kill {kill}");
    }
    database.destroy().expect("destroy");
    let left = harness.server.client().query("SELECT datname FROM pg_database WHERE datname LIKE 'seedbed-%'", &[]);
    let digest_free = left.expect("list").iter().all(|row| !row.get::<_, &str>(0).contains(&name));
    assert!(digest_free);
}
