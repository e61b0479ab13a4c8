//! Cases about scripts.

use super::RelationalHarness;
use super::fixture::{authors, fingerprint};
use crate::DatabaseError;

/// A script and a transaction need the database too.
pub fn a_missing_database_executes_nothing(harness: &dyn RelationalHarness) {
    let mut database = harness.open();
    let errors = [database.execute_script("SELECT 1"), database.begin().map(drop)];
    for error in errors {
        assert!(matches!(error, Err(DatabaseError::Missing { .. })), "{error:?}");
    }
    assert!(!database.exists().expect("exists"), "nothing of it creates the database");
}

/// A script is one transaction, and its error knows the line.
pub fn a_script_with_an_error_leaves_nothing(harness: &dyn RelationalHarness) {
    let schema_changes = [
        ("CREATE TABLE a (b integer);\n\nINSERT INTO a VALUES (1);\nINSERT INTO missing VALUES (1);\n", 4),
        ("CREATE TABLE a (b integer NOT NULL);\nINSERT INTO a\n  VALUES (NULL);", 2),
        ("CREATE TABLE a (b integer);\n-- c\nSELECT 1,\n  2 FROM 'x' y z;", 4),
        ("CREATE TABLE a (b varchar(9) DEFAULT ';');\nINSERT INTO a VALUES ('\n;\n');\nNONSENSE", 5),
    ];
    let row_changes = [
        ("INSERT INTO authors (name) VALUES ('new');\nNONSENSE", 2),
        (
            "DELETE FROM authors;\n\n INSERT INTO authors (name) VALUES ('x');\nINSERT INTO authors (name) VALUES ('x')",
            4,
        ),
    ];
    let mut database = authors(harness);
    let before = fingerprint(&mut *database);
    for (changes_schema, cases) in [(true, &schema_changes[..]), (false, &row_changes[..])] {
        for (script, expected) in cases {
            match database.execute_script(script) {
                Err(DatabaseError::Script { line, message, .. }) => {
                    assert_eq!(line, *expected, "{script}: {message}");
                    assert!(!message.is_empty());
                }
                other => panic!("{script}: {other:?}"),
            }
            if changes_schema && !harness.takes_back_schema_changes() {
                database.execute_script("DROP TABLE a").expect("what the script has made is left");
            }
            assert_eq!(fingerprint(&mut *database), before, "{script}");
        }
    }
    database.execute_script(" -- nothing to do").expect("an empty script");
}

/// What a script has committed itself stays; what it left open does not.
pub fn a_script_may_control_transactions_itself(harness: &dyn RelationalHarness) {
    let mut database = harness.open();
    database.create().expect("create");
    let script = "CREATE TABLE a (b integer); BEGIN; INSERT INTO a VALUES (1); COMMIT; BEGIN; DELETE FROM a; NONSENSE;";
    database.execute_script(script).expect_err("the end of it is nonsense");
    assert_eq!(database.row_counts().expect("row counts")["a"], 1);
}
