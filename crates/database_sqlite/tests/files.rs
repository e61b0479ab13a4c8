//! SQLite: the file, its log, and others who have it open.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use database::{Database, DatabaseError, DatabaseSettings, Engine as _, Location, StateName};
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
        open(&self.path("lms.db"), &self.path("kept"))
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

fn open(path: &Path, kept: &Path) -> Box<dyn Database> {
    let location = Location::Sqlite { path: path.to_owned(), kept: kept.to_owned() };
    SqliteEngine.open(&location, &DatabaseSettings::default()).unwrap()
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

fn kept(database: &mut dyn Database) -> Vec<String> {
    database.kept().unwrap().into_iter().map(|kept| kept.name.to_string()).collect()
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn base() -> StateName {
    name("base")
}

fn name(name: &str) -> StateName {
    StateName::new(name).unwrap()
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
    database.reset_to(&base(), None).unwrap();
    assert_eq!(place.numbers(), [1, 2]);
    place.add(&[4]);
    database.restore_as(&base(), &place.path("dump")).unwrap();
    database.take(&base(), None).unwrap();
    assert_eq!(place.numbers(), [1, 2]);
    let header = fs::read(place.path("dump")).unwrap();
    assert_eq!(header[18..20], [1, 1], "a dump needs no log to be read");
}

#[test]
fn a_database_that_someone_has_open_is_not_replaced() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    database.keep(&base()).unwrap();
    let service = Connection::open(place.path("lms.db")).unwrap();
    add(&service, &[2]);
    let attempts = [
        database.reset_to(&base(), None),
        database.reset_to(&base(), Some(&name("aside"))),
        database.take(&base(), Some(&base())),
        database.clear(None),
    ];
    for result in attempts {
        assert!(matches!(result, Err(DatabaseError::Busy { .. })), "{result:?}");
    }
    add(&service, &[3]);
    assert_eq!(numbers(&service), [1, 2, 3], "the service works on");
    drop(service);
    assert_eq!(place.numbers(), [1, 2, 3]);
    database.reset_to(&base(), None).unwrap();
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
    database.reset_to(&base(), None).unwrap();
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
    database.keep(&base()).unwrap();
    for leftover in ["x.unfinished", "x.unfinished-journal", "x.trash", "gone.spare", "not ours"] {
        fs::write(place.path("kept").join(leftover), "half").unwrap();
    }
    assert_eq!(kept(&mut *database), ["base"]);
    place.add(&[2]);
    database.keep(&name("gone")).unwrap();
    place.add(&[3]);
    database.reset_to(&name("gone"), None).unwrap();
    assert_eq!(place.numbers(), [1, 2], "a spare that was there before its state is not of it");
    fs::write(place.path("kept/orphan.spare"), "half").unwrap();
    database.tidy().unwrap();
    assert_eq!(files(&place.path("kept")), ["base.sqlite", "gone.sqlite", "not ours"]);
    fs::remove_file(place.path("kept/not ours")).unwrap();
    fs::write(place.path("kept/x.unfinished"), "half").unwrap();
    database.destroy().unwrap();
    assert_eq!(files(place.directory.path()), [""; 0]);
}

#[test]
fn a_displaced_content_is_kept_by_the_next_caller_and_one_that_is_still_there_is_not() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    database.keep(&base()).unwrap();
    let (file, pending) = (place.path("lms.db"), place.path("kept/aside.pending"));
    // Killed before the move: the pending file is the database itself.
    fs::hard_link(&file, &pending).unwrap();
    assert_eq!(kept(&mut *database), ["base"]);
    assert!(!pending.exists());
    // Killed after it.
    place.add(&[2]);
    fs::hard_link(&file, &pending).unwrap();
    fs::copy(place.path("kept/base.sqlite"), place.path("new")).unwrap();
    fs::rename(place.path("new"), &file).unwrap();
    assert_eq!(kept(&mut *database), ["aside", "base"]);
    assert_eq!(place.numbers(), [1]);
    database.take(&name("aside"), None).unwrap();
    assert_eq!(place.numbers(), [1, 2]);
}

#[test]
fn a_reset_with_a_spare_and_a_take_are_renames() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    let inode = |file: &str| fs::metadata(place.path(file)).unwrap().ino();
    database.keep(&base()).unwrap();
    database.prepare_spare(&base()).unwrap();
    let (content, spare) = (inode("lms.db"), inode("kept/base.spare"));
    database.reset_to(&base(), Some(&name("aside"))).unwrap();
    assert_eq!((inode("lms.db"), inode("kept/aside.sqlite")), (spare, content));
    database.take(&name("aside"), Some(&name("aside"))).unwrap();
    assert_eq!((inode("lms.db"), inode("kept/aside.sqlite")), (content, spare));
    database.reset_to(&base(), None).unwrap();
    database.tidy().unwrap();
    assert_eq!(files(&place.path("kept")), ["aside.sqlite", "base.sqlite"]);
    for file in ["lms.db", "kept/aside.sqlite", "kept/base.sqlite"] {
        assert_eq!(fs::metadata(place.path(file)).unwrap().nlink(), 1, "{file}");
    }
}

#[test]
fn what_is_put_in_place_has_a_log_for_readers_beside_a_writer() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    let mode = || -> String {
        let service = Connection::open(place.path("lms.db")).unwrap();
        service.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(mode(), "wal");
    database.dump(&place.path("dump")).unwrap();
    database.restore_as(&base(), &place.path("dump")).unwrap();
    database.reset_to(&base(), Some(&name("aside"))).unwrap();
    assert_eq!(mode(), "wal");
    database.prepare_spare(&base()).unwrap();
    database.reset_to(&base(), None).unwrap();
    assert_eq!(mode(), "wal");
    database.take(&name("aside"), None).unwrap();
    assert_eq!(mode(), "wal");
}

/// Kept states may be on another filesystem; here, in memory.
#[cfg(target_os = "linux")]
#[test]
fn kept_states_on_another_filesystem_are_copied() {
    let place = Place::new();
    let memory = TempDir::new_in("/dev/shm").unwrap();
    let mut database = open(&place.path("lms.db"), &memory.path().join("kept"));
    database.create().unwrap();
    database.execute_script("CREATE TABLE t (a integer); INSERT INTO t VALUES (1)").unwrap();
    database.keep(&base()).unwrap();
    place.add(&[2]);
    database.prepare_spare(&base()).unwrap();
    database.reset_to(&base(), Some(&name("aside"))).unwrap();
    assert_eq!(place.numbers(), [1]);
    assert_eq!(kept(&mut *database), ["aside", "base"]);
    database.take(&name("aside"), Some(&name("aside"))).unwrap();
    assert_eq!(place.numbers(), [1, 2]);
    database.take(&name("aside"), Some(&name("other"))).unwrap();
    assert_eq!(place.numbers(), [1]);
    assert_eq!(kept(&mut *database), ["base", "other"]);
    database.clear(None).unwrap();
    database.take(&name("other"), None).unwrap();
    assert_eq!(place.numbers(), [1, 2]);
    database.tidy().unwrap();
    assert_eq!(files(&memory.path().join("kept")), ["base.sqlite"]);
    assert_eq!(files(place.directory.path()), ["lms.db"]);
}

#[test]
fn a_change_of_one_page_changes_a_few_pages_of_the_dump() {
    let place = Place::new();
    let mut database = place.filled(&(0..200_000).collect::<Vec<_>>());
    let dumps = ["a", "b"].map(|dump| {
        database.dump(&place.path(dump)).unwrap();
        Connection::open(place.path("lms.db")).unwrap().execute_batch("UPDATE t SET a = -1 WHERE rowid = 9").unwrap();
        fs::read(place.path(dump)).unwrap()
    });
    let [first, second] = dumps.each_ref().map(|dump| dump.chunks(4096));
    assert!(first.len() > 500);
    let different = first.zip(second).filter(|(one, other)| one != other).count();
    assert!((1..=2).contains(&different), "the page of the row, and the first one at most: {different}");
}

#[test]
fn a_file_of_others_is_restored_with_the_log_that_stands_beside_it() {
    let place = Place::new();
    let service = Connection::open(place.path("theirs")).unwrap();
    service.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a)").unwrap();
    add(&service, &[1, 2]);
    let mut database = place.open();
    database.restore_as(&base(), &place.path("theirs")).unwrap();
    database.reset_to(&base(), None).unwrap();
    assert_eq!(place.numbers(), [1, 2]);
}

#[test]
fn the_sql_of_the_engines_own_tool_is_restored_and_only_when_it_is_whole() {
    let sql = "PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE b (a integer REFERENCES t, x blob);
INSERT INTO b VALUES(1,X'00ff');
CREATE TABLE t (a integer PRIMARY KEY, s text);
INSERT INTO t VALUES(1,'it''s; COMMIT;
two lines');
CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM b; END;
COMMIT;
";
    let place = Place::new();
    let mut database = place.open();
    let dump = place.path("dump.sql");
    fs::write(&dump, sql).unwrap();
    database.restore_as(&base(), &dump).unwrap();
    database.take(&base(), None).unwrap();
    assert_eq!(place.numbers(), [1]);
    assert_eq!(database.row_counts().unwrap()["b"], 1);
    assert_eq!(database.check().unwrap(), [""; 0]);
    let before = database.fingerprint().unwrap();
    for end in 0..sql.len() - "COMMIT;\n".len() {
        fs::write(&dump, &sql[..end]).unwrap();
        let error = database.restore_as(&base(), &dump).unwrap_err();
        assert!(matches!(error, DatabaseError::Damaged { .. }), "{end}: {error:?}");
    }
    for (wrong, reason) in [
        (sql.replace("COMMIT;\n", "ROLLBACK; -- due to errors\n"), "COMMIT"),
        (sql.replace("INSERT INTO t", "INSERT INTO missing"), "line 6: no such table: missing"),
        (sql.replace("BEGIN", "ATTACH '/tmp/x' AS x; BEGIN"), "attaches"),
    ] {
        fs::write(&dump, wrong).unwrap();
        let error = database.restore_as(&base(), &dump).unwrap_err();
        assert!(matches!(&error, DatabaseError::Damaged { .. }) && error.to_string().contains(reason), "{error:?}");
    }
    assert_eq!(kept(&mut *database), [""; 0]);
    assert_eq!(database.fingerprint().unwrap(), before);
    database.tidy().unwrap();
    assert_eq!(files(&place.path("kept")), [""; 0]);
}

#[test]
fn the_checker_finds_references_to_nothing() {
    let place = Place::new();
    let mut database = place.open();
    database.create().unwrap();
    let sql = "PRAGMA foreign_keys = OFF;
        CREATE TABLE t (a integer PRIMARY KEY, b integer REFERENCES t); INSERT INTO t VALUES (7, 9)";
    database.execute_script(sql).unwrap();
    assert_eq!(database.check().unwrap(), ["row 7 of t refers to nothing in t"]);
}

#[test]
fn a_kept_state_is_not_changed_through_its_handle() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    database.keep(&base()).unwrap();
    let before = fs::read(place.path("kept/base.sqlite")).unwrap();
    let mut opened = database.open_kept(&base()).unwrap();
    opened.create().unwrap();
    let attempts = [
        opened.execute_script("DELETE FROM t"),
        opened.begin().map(drop),
        opened.clear(None),
        opened.destroy(),
        opened.keep(&name("x")),
        opened.forget(&base()),
    ];
    assert!(attempts.iter().all(Result::is_err), "{attempts:?}");
    assert_eq!(fs::read(place.path("kept/base.sqlite")).unwrap(), before);
    assert_eq!(files(&place.path("kept")), ["base.sqlite"]);
}

#[test]
fn settings_that_a_file_has_no_place_for_are_refused() {
    let place = Place::new();
    let location = Location::Sqlite { path: place.path("lms.db"), kept: place.path("kept") };
    let none = DatabaseSettings::default;
    let cases = [
        DatabaseSettings { encoding: Some("UTF8".into()), ..none() },
        DatabaseSettings { locale: Some("C".into()), ..none() },
        DatabaseSettings { extensions: vec!["x".into()], ..none() },
        DatabaseSettings { roles: vec!["x".into()], ..none() },
    ];
    for settings in cases {
        let opened = SqliteEngine.open(&location, &settings).map(drop);
        assert!(matches!(opened, Err(DatabaseError::Unsupported { .. })), "{settings:?}");
    }
    let shell = SqliteEngine.shell(&location).unwrap();
    assert_eq!(shell.arguments, [place.path("lms.db").to_str().unwrap()]);
}

#[test]
fn content_that_is_damaged_can_be_replaced() {
    let place = Place::new();
    let mut database = place.filled(&[1]);
    database.keep(&base()).unwrap();
    fs::write(place.path("lms.db"), "no database at all, but long enough to have a header".repeat(50)).unwrap();
    assert!(database.row_counts().is_err());
    database.reset_to(&base(), None).unwrap();
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
    let mut database = open(&directory.join("lms.db"), &directory.join("kept"));
    for round in 0.. {
        println!("round {round}");
        let (state, aside) = (name(["even", "odd"][round % 2]), name("aside"));
        if round % 3 == 0 {
            database.prepare_spare(&state).unwrap();
        }
        match round % 5 {
            0 => database.reset_to(&state, None).unwrap(),
            1 if kept(&mut *database).contains(&"aside".to_owned()) => database.take(&aside, Some(&aside)).unwrap(),
            2 => database.tidy().unwrap(),
            _ => database.reset_to(&state, Some(&aside)).unwrap(),
        }
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
    let mut fingerprints = Vec::new();
    for (state, number) in [("even", 2), ("odd", 1)] {
        place.add(&(0..2000).map(|count| count * 2 + number).collect::<Vec<_>>());
        database.keep(&name(state)).unwrap();
        fingerprints.push(database.fingerprint().unwrap());
        if state == "even" {
            Connection::open(place.path("lms.db")).unwrap().execute_batch("DELETE FROM t").unwrap();
        }
    }
    for kill in 0..60_u32 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "victim_that_resets_until_it_is_killed"])
            .env(VICTIM, place.directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let round = format!("round {}", kill % 6);
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with(&round)), "the victim has begun");
        // Another moment each time; too short for the clock of a sleep.
        let moment = Instant::now() + Duration::from_micros(u64::from(kill) * 150);
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        assert_one_content(&Connection::open(place.path("lms.db")).unwrap(), kill);
        assert_eq!(database.check().unwrap(), [""; 0], "kill {kill}");
        // Whatever was kept is whole.
        for state in kept(&mut *database) {
            let mut opened = database.open_kept(&name(&state)).unwrap();
            assert_eq!(opened.check().unwrap(), [""; 0], "kill {kill}: {state}");
            match state.as_str() {
                "aside" => drop(opened),
                "even" => assert_eq!(opened.fingerprint().unwrap(), fingerprints[0], "kill {kill}"),
                _ => assert_eq!(opened.fingerprint().unwrap(), fingerprints[1], "kill {kill}"),
            }
        }
        for state in fs::read_dir(place.path("kept")).unwrap().flatten().map(|entry| entry.path()) {
            if state.extension().is_some_and(|extension| extension == "sqlite") {
                assert_eq!(fs::metadata(&state).unwrap().nlink(), 1, "kill {kill}: {}", state.display());
            }
        }
    }
    database.reset_to(&name("odd"), None).unwrap();
    assert_eq!(place.numbers().len(), 2000);
    database.tidy().unwrap();
    let whole = ["aside.sqlite", "even.sqlite", "even.spare", "odd.sqlite", "odd.spare"];
    let left = files(&place.path("kept"));
    assert!(left.iter().all(|file| whole.contains(&file.as_str())), "{left:?}");
}

/// Either the even numbers or the odd ones are there, and what services have added.
fn assert_one_content(service: &Connection, kill: u32) {
    let mut found = numbers(service);
    found.retain(|number| *number >= 0);
    let even = found.iter().all(|number| number % 2 == 0);
    let odd = found.iter().all(|number| number % 2 == 1);
    assert!(found.len() == 2000 && (even || odd), "kill {kill}: {}", found.len());
}

#[test]
fn fingerprints_are_computed_as_their_version_says() {
    let place = Place::new();
    let mut database = place.open();
    database.create().unwrap();
    let script = "CREATE TABLE t (id integer, name text, half real, raw blob);
        INSERT INTO t VALUES (1, 'ada', 0.5, x'00ff'), (2, NULL, NULL, NULL);";
    database.execute_script(script).unwrap();
    // Another value here needs another `database::FINGERPRINT_VERSION`.
    assert_eq!(database.fingerprint().unwrap(), "1-352ddfa80050f12b1bdd243cc8799914c0ba81b94ed4d44711dcc09ceec85c51");
}
