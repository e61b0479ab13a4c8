//! SQLite: the file, its log, and others who have it open.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use database::{Database, DatabaseError, Engine as _, Location, StateName};
use database_sqlite::SqliteEngine;
use rusqlite::Connection;
use tempfile::TempDir;

struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Place { directory: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn open(&self) -> Box<dyn Database> {
        SqliteEngine.open(&Location::Sqlite { path: self.path("lms.db"), kept: self.path("kept") }).unwrap()
    }

    /// Makes the database with one table and the numbers.
    fn filled(&self, numbers: &[i64]) -> Box<dyn Database> {
        let mut database = self.open();
        database.create().unwrap();
        database.execute_script("CREATE TABLE t (a integer)").unwrap();
        self.add(numbers);
        database
    }

    /// Adds numbers as a service would, and leaves nothing in the log.
    fn add(&self, numbers: &[i64]) {
        add(&Connection::open(self.path("lms.db")).unwrap(), numbers);
    }

    fn numbers(&self) -> Vec<i64> {
        numbers(&Connection::open(self.path("lms.db")).unwrap())
    }
}

fn add(connection: &Connection, numbers: &[i64]) {
    let values: Vec<_> = numbers.iter().map(|number| format!("({number})")).collect();
    if !values.is_empty() {
        connection.execute_batch(&format!("INSERT INTO t VALUES {}", values.join(", "))).unwrap();
    }
}

fn numbers(connection: &Connection) -> Vec<i64> {
    let mut statement = connection.prepare("SELECT a FROM t ORDER BY a").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn base() -> StateName {
    StateName::new("base").unwrap()
}

#[test]
fn what_is_only_in_the_log_of_a_running_service_is_kept_and_dumped() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    let service = Connection::open(place.path("lms.db")).unwrap();
    service.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    add(&service, &[2]);
    assert!(fs::metadata(place.path("lms.db-wal")).unwrap().len() > 0);
    // Not committed, so not part of the content.
    service.execute_batch("BEGIN; INSERT INTO t VALUES (3)").unwrap();
    database.keep(&base()).unwrap();
    database.dump(&place.path("dump")).unwrap();
    service.execute_batch("ROLLBACK; DELETE FROM t").unwrap();
    drop(service);
    database.reset_to(&base()).unwrap();
    assert_eq!(place.numbers(), [1, 2]);
    place.add(&[4]);
    database.restore(&place.path("dump")).unwrap();
    assert_eq!(place.numbers(), [1, 2]);
    let header = fs::read(place.path("dump")).unwrap();
    assert_eq!(header[18..20], [1, 1], "a dump needs no log to be read");
}

#[test]
fn a_database_that_someone_has_open_is_not_replaced() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    database.keep(&base()).unwrap();
    database.dump(&place.path("dump")).unwrap();
    let service = Connection::open(place.path("lms.db")).unwrap();
    add(&service, &[2]);
    for result in [database.reset_to(&base()), database.restore(&place.path("dump"))] {
        assert!(matches!(result, Err(DatabaseError::Busy { .. })), "{result:?}");
    }
    add(&service, &[3]);
    assert_eq!(numbers(&service), [1, 2, 3], "the service works on");
    drop(service);
    assert_eq!(place.numbers(), [1, 2, 3]);
    database.reset_to(&base()).unwrap();
    assert_eq!(place.numbers(), [1]);
}

#[test]
fn the_log_of_a_killed_service_does_not_reach_the_new_content() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    database.keep(&base()).unwrap();
    let service = Connection::open(place.path("lms.db")).unwrap();
    service.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    add(&service, &[2, 3]);
    // A kill leaves the files as they are at this moment.
    let files = ["lms.db", "lms.db-wal"].map(|name| (place.path(name), fs::read(place.path(name)).unwrap()));
    drop(service);
    for (path, content) in &files {
        fs::write(path, content).unwrap();
    }
    assert_eq!(place.open().row_counts().unwrap()["t"], 3, "the log counts");
    for (path, content) in &files {
        fs::write(path, content).unwrap();
    }
    database.reset_to(&base()).unwrap();
    assert_eq!(place.numbers(), [1]);

    // The database itself is gone: a log alone is no content.
    fs::remove_file(place.path("lms.db")).unwrap();
    fs::write(place.path("lms.db-wal"), &files[1].1).unwrap();
    database.create().unwrap();
    assert!(database.inspect().unwrap().tables.is_empty());
}

#[test]
fn leftovers_of_a_killed_caller_are_in_nobodys_way() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    for name in ["lms.db.unfinished", "lms.db.unfinished-wal", "lms.db.unfinished-journal"] {
        fs::write(place.path(name), "half").unwrap();
    }
    fs::create_dir(place.path("kept")).unwrap();
    fs::write(place.path("kept/base.sqlite.unfinished"), "half").unwrap();
    assert!(database.kept().unwrap().is_empty());
    assert_eq!(place.numbers(), [1]);
    database.keep(&base()).unwrap();
    place.add(&[2]);
    database.reset_to(&base()).unwrap();
    assert_eq!(place.numbers(), [1]);
    database.destroy().unwrap();
    let left: Vec<_> = fs::read_dir(place.directory.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn content_that_is_damaged_can_be_replaced() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    database.keep(&base()).unwrap();
    fs::write(place.path("lms.db"), "no database at all, but long enough to have a header".repeat(50)).unwrap();
    assert!(database.row_counts().is_err());
    database.reset_to(&base()).unwrap();
    assert_eq!(place.numbers(), [1]);
}

#[test]
fn bytes_text_and_truth_are_stored_as_services_expect_them() {
    let place = Place::new();
    let mut database = place.open();
    database.create().unwrap();
    database.execute_script("CREATE TABLE t (b blob, t text, f boolean, j json, n integer)").unwrap();
    let row = serde_json::json!(["\\x00ff", "\\x00ff", true, {"a": 1}, true]);
    let columns = ["b", "t", "f", "j", "n"].map(str::to_owned);
    let mut transaction = database.begin().unwrap();
    transaction.insert("t", &columns, &[row.as_array().unwrap().clone()], &[]).unwrap();
    transaction.commit().unwrap();
    let service = Connection::open(place.path("lms.db")).unwrap();
    let stored: String = service
        .query_row("SELECT hex(b) || ' ' || t || ' ' || f || ' ' || j || ' ' || n FROM t", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, "00FF \\x00ff 1 {\"a\":1} 1");
}

#[test]
fn a_deferred_reference_to_nothing_is_an_error_of_the_commit() {
    let place = Place::new();
    let mut database = place.open();
    database.create().unwrap();
    let sql = "CREATE TABLE t (a integer PRIMARY KEY, b integer REFERENCES t DEFERRABLE INITIALLY DEFERRED)";
    database.execute_script(sql).unwrap();
    let columns = ["a", "b"].map(str::to_owned);
    let mut transaction = database.begin().unwrap();
    transaction.insert("t", &columns, &[vec![1.into(), 9.into()]], &[]).unwrap();
    let error = transaction.commit().unwrap_err();
    assert!(matches!(&error, DatabaseError::Constraint { table, .. } if table == "t"), "{error:?}");
    assert_eq!(database.row_counts().unwrap()["t"], 0);
}

/// Names the directory for the process that is killed; set by the test that kills it.
const VICTIM: &str = "SEEDBED_TEST_VICTIM";

/// Goes back and forth between two states until it is killed; does nothing as a test of its own.
#[test]
fn victim_that_resets_until_it_is_killed() {
    let Some(directory) = std::env::var_os(VICTIM).map(PathBuf::from) else { return };
    let location = Location::Sqlite { path: directory.join("lms.db"), kept: directory.join("kept") };
    let mut database = SqliteEngine.open(&location).unwrap();
    for round in 0.. {
        println!("round {round}");
        let state = ["even", "odd"][round % 2];
        database.reset_to(&StateName::new(state).unwrap()).unwrap();
        // A log, so that there is something to settle the next time: copied away, since the last one to close removes it.
        let service = Connection::open(directory.join("lms.db")).unwrap();
        add(&service, &[-1]);
        let log = fs::read(directory.join("lms.db-wal")).unwrap();
        drop(service);
        fs::write(directory.join("lms.db-wal"), log).unwrap();
    }
}

#[test]
fn a_kill_at_any_moment_leaves_one_content_or_the_other() {
    let place = Place::new();
    let mut database = place.filled(&[]);
    for (state, number) in [("even", 2), ("odd", 1)] {
        place.add(&(0..2000).map(|count| count * 2 + number).collect::<Vec<_>>());
        database.keep(&StateName::new(state).unwrap()).unwrap();
        Connection::open(place.path("lms.db")).unwrap().execute_batch("DELETE FROM t").unwrap();
    }
    for kill in 0..40_u32 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "victim_that_resets_until_it_is_killed"])
            .env(VICTIM, place.directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let round = format!("round {}", kill % 2);
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with(&round)), "the victim has begun");
        // Another moment each time; too short for the clock of a sleep.
        let moment = Instant::now() + Duration::from_micros(u64::from(kill) * 150);
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        let service = Connection::open(place.path("lms.db")).unwrap();
        let check: String = service.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "kill {kill}");
        let mut found = numbers(&service);
        found.retain(|number| *number >= 0);
        let even = found.iter().all(|number| number % 2 == 0);
        let odd = found.iter().all(|number| number % 2 == 1);
        assert!(found.len() == 2000 && (even || odd) || found.is_empty() && kill == 0, "kill {kill}: {}", found.len());
    }
    database.reset_to(&StateName::new("odd").unwrap()).unwrap();
    assert_eq!(place.numbers().len(), 2000);
}
