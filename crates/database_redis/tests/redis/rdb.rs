//! RDB files of others become kept states.

use std::fs;
use std::path::{Path, PathBuf};

use database::contract::Harness as _;
use database::{DatabaseError, StateName};

use crate::harness::{RedisHarness, Server, directory, place};

fn production() -> StateName {
    StateName::new("production").expect("a valid name")
}

/// Makes the RDB file of a server with a script executed in some of its databases.
fn rdb(numbers: &[u16], script: &str, to: &Path) -> PathBuf {
    let server = Server::start(place(&directory()));
    for &number in numbers {
        let mut database = server.open("lms", number);
        database.create().expect("create");
        database.execute_script(script).expect("script");
    }
    // What is Seedbed's own would be a second database.
    let mut owner = server.connect(0);
    redis::cmd("FLUSHDB").exec(&mut owner).expect("flush");
    redis::cmd("SAVE").exec(&mut owner).expect("save");
    let file = to.join("their 'dump'.rdb");
    fs::copy(server.place.directory.join("data/dump.rdb"), &file).expect("copy");
    file
}

#[test]
fn an_rdb_file_becomes_a_kept_state() {
    // A server of its own: the others read files, too.
    becomes_a_kept_state(&Server::start(place(&directory())));
}

/// Restores the RDB file of another server.
pub fn becomes_a_kept_state(server: &Server) {
    const NUMBER: u16 = 900;
    let dumps = tempfile::TempDir::new().expect("a temporary directory");
    let script =
        "HSET user:1 name ada\nZADD ranks 1.5 a\nXADD log 1-1 a b\nSET \"\\xff\" 1\nSET s 1 PXAT 4000000000000";
    let file = rdb(&[7], script, dumps.path());
    let mut database = server.open("lms", NUMBER);
    database.create().expect("create");
    database.execute_script(script).expect("script");
    let fingerprint = database.fingerprint().expect("fingerprint");
    database.destroy().expect("destroy");
    database.restore_as(&production(), &file).expect("restore");
    database.reset_to(&production(), None).expect("reset");
    assert_eq!(database.fingerprint().expect("fingerprint"), fingerprint);
    let moment: i64 = redis::cmd("PEXPIRETIME").arg("s").query(&mut server.connect(NUMBER.into())).expect("its moment");
    assert_eq!(moment, 4_000_000_000_000);
    // Nothing is left of the server that has read it.
    let left = fs::read_dir(&server.place.socket_directory).expect("read").count();
    assert_eq!(left, 1, "the socket of the server");
}

#[test]
fn an_rdb_file_that_cannot_be_one_state_is_refused() {
    let harness = RedisHarness::new();
    let mut database = harness.filled("SET a 1");
    let file = rdb(&[7, 9], "SET key value", harness.directory());
    let refuse = |database: &mut dyn database::Database, wanted: &str| {
        let error = database.restore_as(&production(), &file).expect_err(wanted);
        assert!(matches!(&error, DatabaseError::Damaged { path, .. } if *path == file), "{error:?}");
        assert!(error.to_string().contains(wanted), "{error}");
        assert_eq!(database.kept().expect("kept"), []);
    };
    refuse(&mut *database, "several databases (7, 9)");
    let mut bytes = fs::read(&file).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4].fill(0xff);
    fs::write(&file, &bytes).expect("write");
    refuse(&mut *database, "ERROR");
    fs::write(&file, &bytes[..middle]).expect("write");
    refuse(&mut *database, "ERROR");
}
