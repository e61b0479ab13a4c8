//! Databases that are saved as files of their stopped server: back into that server, or into another one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use database::{
    Database, DatabaseError, DatabaseFiles, DatabaseSettings, Durability, Engine as _, EngineError, Location, Secret,
    ServerFiles, ServerFound, ServerPlace, StateName, Transplant,
};
use database_postgres::PostgresEngine;
use postgres::{Client, NoTls};
use tempfile::TempDir;

use crate::harness::{found, place};

/// How long a server may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that can be stopped.
struct Own {
    found: ServerFound,
    place: ServerPlace,
    more: Vec<String>,
    process: Option<Child>,
}

impl Own {
    fn new(directory: &Path) -> Self {
        fs::create_dir_all(directory).expect("create");
        fs::set_permissions(directory, fs::Permissions::from_mode(0o711)).expect("permissions");
        // What was committed outlives a crash only so.
        let place = ServerPlace { durability: Durability::Full, ..place(directory) };
        let own = Own { found: found(), place, more: Vec::new(), process: None };
        PostgresEngine.prepare_server(&own.found, &own.place).expect("prepare");
        own
    }

    fn start(&mut self) {
        let process = PostgresEngine.server_process(&self.found, &self.place).expect("how to run it");
        let mut command = Command::new(&process.program);
        command.args(&process.arguments).args(&self.more).envs(&process.env).current_dir(&process.directory);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = process.user {
            command.uid(user).gid(group);
        }
        let mut process = command.spawn().expect("start");
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.open("postgres").exists() {
            // It does not start beside children of one that was killed, which are about to end.
            if process.try_wait().expect("wait").is_some() {
                process = command.spawn().expect("start");
            }
            assert!(Instant::now() < deadline, "the server does not listen: {error:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process = Some(process);
    }

    /// Ends the server by a signal and waits until it is gone.
    fn end(&mut self, signal: &str) {
        let Some(mut process) = self.process.take() else { return };
        let sent = Command::new("kill").arg(signal).arg(process.id().to_string()).status().expect("kill");
        assert!(sent.success());
        process.wait().expect("wait");
    }

    fn location(&self, name: &str) -> Location {
        Location::Postgres {
            host: self.place.host.clone(),
            port: self.place.port,
            socket_directory: self.place.socket_directory.clone(),
            user: "seedbed".to_owned(),
            password: self.place.password.clone(),
            name: name.to_owned(),
            binaries: self.found.binaries.clone(),
        }
    }

    fn open(&self, name: &str) -> Box<dyn Database> {
        PostgresEngine.open(&self.location(name), &DatabaseSettings::default()).expect("open")
    }

    fn client(&self, name: &str) -> Client {
        Client::connect(&self.location(name).url(), NoTls).expect("connect over TCP")
    }

    fn data(&self) -> PathBuf {
        PostgresEngine.server_files(&self.place).expect("it has a server").directory
    }

    /// Stops the server, copies its files to where nobody changes them, and starts it again.
    fn save(&mut self, more: &[String], to: &Path) {
        self.end("-INT");
        let files = PostgresEngine.stopped_files(&self.found, &self.place).expect("it was stopped").expect("its files");
        copy(&files, more, to);
        self.start();
    }

    /// The directories of databases that no database has.
    fn strays(&self) -> Vec<String> {
        let sql = "SELECT oid::text FROM pg_database";
        let known: Vec<String> =
            self.client("postgres").query(sql, &[]).expect("query").iter().map(|row| row.get(0)).collect();
        let entries = fs::read_dir(self.data().join("base")).expect("read").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| !known.contains(name) && name != "pgsql_tmp").collect()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.end("-KILL");
    }
}

/// Copies what is to be saved, as the store does.
fn copy(files: &ServerFiles, more: &[String], to: &Path) {
    let exclude: Vec<String> = files.exclude.iter().chain(more).map(|glob| format!("--exclude=./{glob}")).collect();
    let mut pack = Command::new("tar");
    pack.arg("-C").arg(&files.directory).args(exclude).args(["-cf", "-", "."]).stdout(Stdio::piped());
    let mut pack = pack.spawn().expect("tar");
    fs::create_dir_all(to).expect("create");
    let mut unpack = Command::new("tar");
    unpack.arg("-C").arg(to).args(["-xpf", "-"]).stdin(pack.stdout.take().expect("it is piped"));
    assert!(unpack.status().expect("tar").success());
    assert!(pack.wait().expect("tar").success());
}

/// Puts a saved directory into another one, as the store does.
fn bring(saved: &Path) -> impl FnMut(&str, &Path) -> Result<(), database::Cause> {
    move |from, to| {
        let target = to.join(from);
        fs::create_dir_all(&target)?;
        for entry in fs::read_dir(saved.join(from))? {
            let entry = entry?;
            fs::copy(entry.path(), target.join(entry.file_name()))?;
        }
        Ok(())
    }
}

fn directory() -> TempDir {
    let directory = tempfile::Builder::new().prefix("sb").tempdir().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).expect("permissions");
    directory
}

fn state() -> StateName {
    StateName::new("restored").expect("a valid name")
}

/// Content of many kinds: indexes, long values, large objects, owners and grants, an encoding of its own.
const CONTENT: &str = r"
    CREATE ROLE app_owner; CREATE ROLE app_reader;
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE notes (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, text text, data jsonb, mood mood);
    INSERT INTO notes (text, data, mood) SELECT repeat(md5(n::text), n % 300), jsonb_build_object('n', n), 'ok'
        FROM generate_series(1, 5000) n;
    CREATE INDEX notes_data ON notes USING gin (data); CREATE INDEX notes_text ON notes (left(text, 20));
    UPDATE notes SET mood = 'sad' WHERE id % 3 = 0; DELETE FROM notes WHERE id % 7 = 0;
    CREATE TABLE owned (a integer); ALTER TABLE owned OWNER TO app_owner; GRANT SELECT ON owned TO app_reader;
    INSERT INTO owned VALUES (1), (1), (2);
    CREATE UNLOGGED TABLE fast (a integer);
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM notes;
    SELECT lo_from_bytea(0, repeat('large', 1000)::bytea);";

/// What a service does after a snapshot was taken.
const LATER: &str = "DELETE FROM notes WHERE id % 2 = 0; UPDATE notes SET text = 'x'; DROP TABLE owned;
    CREATE TABLE other (a integer); INSERT INTO other SELECT generate_series(1, 20000);";

/// Makes a server with a database of content, saves it, and lets the content change.
fn saved(directory: &Path) -> (Own, DatabaseFiles, String, PathBuf) {
    let mut server = Own::new(&directory.join("a"));
    server.start();
    let mut database = server.open("lms");
    database.create().expect("create");
    database.execute_script(CONTENT).expect("script");
    let kept = StateName::new("kept").expect("a valid name");
    database.keep(&kept).expect("keep");
    let expected = database.fingerprint().expect("fingerprint");
    let files = database.files().expect("its files").expect("it has files");
    drop(database);
    let copied = directory.join("copied");
    server.save(&files.exclude, &copied);
    let directories = fs::read_dir(copied.join("base")).expect("read").count();
    assert_eq!(directories, 4, "templates, the server's own database, and this one without its kept state");
    assert!(server.open("lms").has_past(&files.notes).expect("compare"));
    server.open("lms").execute_script(LATER).expect("later");
    server.client("lms").batch_execute("VACUUM FREEZE").expect("vacuum");
    (server, files, expected, copied)
}

fn assert_sound(database: &mut dyn Database, expected: &str, when: &str) {
    assert_eq!(database.fingerprint().expect("fingerprint"), expected, "{when}");
    assert_eq!(database.check().expect("check"), Vec::<String>::new(), "{when}");
}

#[test]
fn files_go_back_into_their_server_and_outlive_its_crash() {
    let place = directory();
    let (mut server, files, expected, copied) = saved(place.path());
    let mut database = server.open("lms");
    let done = database.transplant(&state(), &server.data(), &files.notes, &mut bring(&copied)).expect("transplant");
    assert_eq!(done, Transplant::Done);
    // Nothing has told the server to write anything since.
    server.end("-KILL");
    server.start();
    let mut database = server.open("lms");
    assert_sound(&mut *database.open_kept(&state()).expect("open"), &expected, "after a crash");
    database.reset_to(&state(), None).expect("reset");
    assert_sound(&mut *database, &expected, "in place");
    let mut client = server.client("lms");
    let owner: String = client
        .query_one("SELECT tableowner::text FROM pg_tables WHERE tablename = 'owned'", &[])
        .expect("query")
        .get(0);
    assert_eq!(owner, "app_owner");
    let error = client.batch_execute("DROP ROLE app_owner").expect_err("it owns a table");
    assert!(error.as_db_error().is_some_and(|error| error.code().code() == "2BP01"), "{error:?}");
    for work in ["VACUUM FULL", "REINDEX DATABASE lms", "CHECKPOINT"] {
        client.batch_execute(work).expect("the server can work on it");
    }
    drop(client);
    assert_sound(&mut *database, &expected, "after maintenance");
    // The same files again, in place of a state of that name.
    database.execute_script("DELETE FROM notes").expect("script");
    let done = database.transplant(&state(), &server.data(), &files.notes, &mut bring(&copied)).expect("transplant");
    assert_eq!(done, Transplant::Done);
    assert_sound(&mut *database.open_kept(&state()).expect("open"), &expected, "again");
    assert_eq!(server.strays(), Vec::<String>::new());
}

#[test]
fn files_are_read_by_another_server_and_do_not_go_into_it() {
    let place = directory();
    let (server, files, expected, copied) = saved(place.path());
    let mut other =
        Own { process: None, place: crate::harness::place(&place.path().join("b")), found: found(), more: Vec::new() };
    other.place.password = Secret::new("another's \"pass\\word'");
    fs::create_dir_all(&other.place.directory).expect("create");
    fs::set_permissions(place.path().join("b"), fs::Permissions::from_mode(0o711)).expect("permissions");
    copy(&ServerFiles { directory: copied.clone(), exclude: Vec::new(), pages: Vec::new() }, &[], &other.data());
    PostgresEngine.adopt_files(&other.found, &other.place).expect("adopt");
    other.start();
    let mut read = other.open(&files.notes["name"]);
    assert_sound(&mut *read, &expected, "on another server");
    read.dump(&place.path().join("dump")).expect("dump");
    let mut database = server.open("lms");
    database.restore_as(&state(), &place.path().join("dump")).expect("restore");
    assert_eq!(database.open_kept(&state()).expect("open").fingerprint().expect("fingerprint"), expected);

    let mut fresh = Own::new(&place.path().join("c"));
    fresh.start();
    let mut database = fresh.open("lms");
    database.create().expect("create");
    assert!(!database.has_past(&files.notes).expect("compare"));
    let mut never = |_: &str, _: &Path| panic!("nothing is brought");
    match database.transplant(&state(), &fresh.data(), &files.notes, &mut never).expect("no error") {
        Transplant::DoesNotFit(reason) => assert!(reason.contains("another server"), "{reason}"),
        Transplant::Done => panic!("it is another server"),
    }
}

#[test]
fn a_server_that_has_gone_back_does_not_take_files_of_its_future() {
    let place = directory();
    let mut server = Own::new(place.path());
    server.start();
    let mut database = server.open("lms");
    database.create().expect("create");
    database.execute_script("CREATE TABLE t AS SELECT 1 AS a").expect("script");
    let before = database.files().expect("its files").expect("it has files");
    drop(database);
    let (old, new) = (place.path().join("old"), place.path().join("new"));
    server.save(&[], &old);
    server.open("lms").execute_script("INSERT INTO t VALUES (2)").expect("script");
    let after = server.open("lms").files().expect("its files").expect("it has files");
    server.save(&[], &new);
    server.end("-INT");
    fs::remove_dir_all(server.data()).expect("remove");
    fs::rename(&old, server.data()).expect("rename");
    server.start();
    let mut database = server.open("lms");
    assert!(!database.has_past(&after.notes).expect("compare"));
    assert!(database.has_past(&before.notes).expect("compare"));
    // As many transactions as it takes to come to the same numbers again.
    for _ in 0..50 {
        database.execute_script("INSERT INTO t VALUES (3)").expect("script");
    }
    match database.transplant(&state(), &server.data(), &after.notes, &mut bring(&new)).expect("no error") {
        Transplant::DoesNotFit(reason) => assert!(reason.contains("gone back"), "{reason}"),
        Transplant::Done => panic!("it does not know these transactions"),
    }
    assert_eq!(database.kept().expect("kept"), []);
    let old = server.data();
    let done = database.transplant(&state(), &old, &before.notes, &mut bring(&new)).expect("transplant");
    assert_eq!(done, Transplant::Done, "what was saved before it went back is of its own past");
}

#[test]
fn what_was_cut_off_the_history_is_not_needed_by_what_is_put_back() {
    let place = directory();
    let (mut server, files, expected, copied) = saved(place.path());
    let with_frozen = |frozen: &str| -> BTreeMap<String, String> {
        let mut row: serde_json::Value = serde_json::from_str(&files.notes["row"]).expect("JSON");
        row["datfrozenxid"] = serde_json::json!(frozen);
        files.notes.clone().into_iter().chain([("row".to_owned(), row.to_string())]).collect()
    };
    let mut database = server.open("lms");
    match database.transplant(&state(), &server.data(), &with_frozen("3"), &mut bring(&copied)).expect("no error") {
        Transplant::DoesNotFit(reason) => assert!(reason.contains("let go"), "{reason}"),
        Transplant::Done => panic!("no database of the server is so old"),
    }
    assert_eq!(server.strays(), Vec::<String>::new());
    drop(database);
    // From half of the limit on the server may enter databases that nobody can connect to.
    server.end("-INT");
    server.more = ["-c", "autovacuum_freeze_max_age=100000", "-c", "autovacuum=off"].map(str::to_owned).to_vec();
    server.start();
    server
        .client("postgres")
        .batch_execute("DO $$ BEGIN FOR n IN 1..51000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$")
        .expect("use up transactions");
    let mut database = server.open("lms");
    match database.transplant(&state(), &server.data(), &files.notes, &mut bring(&copied)).expect("no error") {
        Transplant::DoesNotFit(reason) => assert!(reason.contains("numbers"), "{reason}"),
        Transplant::Done => panic!("too many transactions"),
    }
    drop(database);
    server.end("-INT");
    server.more.clear();
    server.start();
    let mut database = server.open("lms");
    let done = database.transplant(&state(), &server.data(), &files.notes, &mut bring(&copied)).expect("transplant");
    assert_eq!(done, Transplant::Done);
    assert_sound(&mut *database.open_kept(&state()).expect("open"), &expected, "after many transactions");
}

#[test]
fn what_cannot_be_brought_leaves_nothing() {
    let place = directory();
    let (server, files, _, copied) = saved(place.path());
    let mut database = server.open("lms");
    let mut calls = 0;
    let mut half = |from: &str, to: &Path| {
        calls += 1;
        bring(&copied)(from, to)?;
        Err("the store is damaged".into())
    };
    let error = database.transplant(&state(), &server.data(), &files.notes, &mut half).expect_err("it fails");
    assert!(matches!(error, DatabaseError::Refused { .. }), "{error:?}");
    assert_eq!((calls, database.kept().expect("kept").len()), (1, 1));
    // Whoever tidies meanwhile takes the database away from under the one who fills it, if that one is gone.
    let mut dropped = |from: &str, to: &Path| {
        let mut client = server.client("postgres");
        let sql = "SELECT quote_ident(datname) FROM pg_database WHERE NOT datallowconn AND datname <> 'template0'";
        let name: String = client.query_one(sql, &[])?.get(0);
        client.batch_execute(&format!("DROP DATABASE {name}"))?;
        bring(&copied)(from, to)
    };
    database.transplant(&state(), &server.data(), &files.notes, &mut dropped).expect_err("it fails");
    assert_eq!(server.strays(), Vec::<String>::new());
    assert_eq!(database.kept().expect("kept").len(), 1);
}

#[test]
fn a_server_without_an_orderly_end_is_not_saved() {
    let place = directory();
    let mut server = Own::new(place.path());
    server.start();
    match PostgresEngine.stopped_files(&server.found, &server.place) {
        Err(EngineError::NotStopped { state, .. }) => assert_eq!(state, "in production"),
        other => panic!("{other:?}"),
    }
    server.end("-KILL");
    assert!(matches!(PostgresEngine.stopped_files(&server.found, &server.place), Err(EngineError::NotStopped { .. })));
    server.start();
    server.end("-INT");
    let files = PostgresEngine.stopped_files(&server.found, &server.place).expect("it was stopped").expect("its files");
    let log = fs::read_dir(server.data().join("pg_wal")).expect("read").flatten();
    // Beside the parts there are directories, one or two of them.
    let log = log.filter(|entry| entry.path().is_file());
    let left = log.map(|entry| format!("pg_wal/{}", entry.file_name().to_string_lossy()));
    let left: Vec<String> = left.filter(|name| !files.exclude.contains(name)).collect();
    assert_eq!(left.len(), 1, "one part of the log: {left:?}");
}

#[test]
fn tablespaces_are_an_obstacle() {
    let place = directory();
    let mut server = Own::new(place.path());
    server.start();
    let mut database = server.open("lms");
    database.create().expect("create");
    let elsewhere = server.place.socket_directory.join("elsewhere");
    fs::create_dir(&elsewhere).expect("create");
    let owner = fs::metadata(server.data()).expect("inspect");
    std::os::unix::fs::chown(
        &elsewhere,
        Some(std::os::unix::fs::MetadataExt::uid(&owner)),
        Some(std::os::unix::fs::MetadataExt::gid(&owner)),
    )
    .expect("change the owner");
    let sql = format!("CREATE TABLESPACE elsewhere LOCATION '{}'", elsewhere.display());
    server.client("postgres").batch_execute(&sql).expect("create a tablespace");
    let error = database.files().expect_err("files are somewhere else");
    let source = std::error::Error::source(&error).expect("a reason").to_string();
    assert!(source.contains("tablespaces"), "{source}");
}
