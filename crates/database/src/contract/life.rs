//! Cases about a database's life, and scripts.

use super::Harness;
use super::fixture::{filled, state, tables};
use crate::DatabaseError;

/// Creating what exists and destroying what does not are no errors, and change nothing.
pub fn create_and_destroy_can_be_repeated(harness: &dyn Harness) {
    let mut database = harness.open();
    assert!(!database.exists().expect("exists"));
    database.destroy().expect("destroy what is not there");
    drop(tables(harness));
    let before = database.fingerprint().expect("fingerprint");
    database.create().expect("create what is there");
    assert!(database.exists().expect("exists"));
    assert_eq!(database.fingerprint().expect("fingerprint"), before);
    database.destroy().expect("destroy");
    database.destroy().expect("destroy again");
    assert!(!database.exists().expect("exists"));
    database.create().expect("create again");
    assert_eq!(database.inspect().expect("inspect").tables, []);
}

/// A database that is made anew does not find the kept states of the one before.
pub fn destroy_takes_the_kept_states_along(harness: &dyn Harness) {
    let mut database = filled(harness);
    database.keep(&state("base")).expect("keep");
    database.destroy().expect("destroy");
    assert_eq!(database.kept().expect("kept"), []);
    database.create().expect("create");
    assert_eq!(database.kept().expect("kept"), []);
}

/// Everything that needs the database says that it is missing.
pub fn a_missing_database_is_reported_as_missing(harness: &dyn Harness) {
    let mut database = harness.open();
    let dump = harness.directory().join("none.dump");
    let errors = [
        database.inspect().map(drop),
        database.row_counts().map(drop),
        database.execute_script("SELECT 1"),
        database.begin().map(drop),
        database.dump(&dump),
        database.keep(&state("base")),
        database.fingerprint().map(drop),
    ];
    for (index, error) in errors.into_iter().enumerate() {
        assert!(matches!(error, Err(DatabaseError::Missing { .. })), "operation {index}: {error:?}");
    }
    assert!(!database.exists().expect("exists"), "nothing of it creates the database");
    assert!(!dump.exists());
}

/// A script is one transaction, and its error knows the line.
pub fn a_script_with_an_error_leaves_nothing(harness: &dyn Harness) {
    let cases = [
        ("CREATE TABLE a (b integer);\n\nINSERT INTO a VALUES (1);\nINSERT INTO missing VALUES (1);\n", 4),
        ("CREATE TABLE a (b integer NOT NULL);\nINSERT INTO a\n  VALUES (NULL);", 2),
        ("CREATE TABLE a (b integer);\n-- c\nSELECT 1,\n  2 FROM 'x' y z;", 4),
        ("CREATE TABLE a (b text DEFAULT ';');\nINSERT INTO a VALUES ('\n;\n');\nNONSENSE", 5),
    ];
    let mut database = harness.open();
    database.create().expect("create");
    let before = database.fingerprint().expect("fingerprint");
    for (script, expected) in cases {
        match database.execute_script(script) {
            Err(DatabaseError::Script { line, message, .. }) => {
                assert_eq!(line, expected, "{script}: {message}");
                assert!(!message.is_empty());
            }
            other => panic!("{script}: {other:?}"),
        }
        assert_eq!(database.fingerprint().expect("fingerprint"), before, "{script}");
    }
    database.execute_script(" -- nothing to do").expect("an empty script");
}

/// What a script has committed itself stays; what it left open does not.
pub fn a_script_may_control_transactions_itself(harness: &dyn Harness) {
    let mut database = harness.open();
    database.create().expect("create");
    let script = "BEGIN; CREATE TABLE a (b integer); COMMIT; BEGIN; CREATE TABLE c (d integer); NONSENSE;";
    database.execute_script(script).expect_err("the end of it is nonsense");
    assert_eq!(database.row_counts().expect("row counts").keys().collect::<Vec<_>>(), ["a"]);
}
