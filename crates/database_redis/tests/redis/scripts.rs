//! Scripts: lines of commands, and what becomes of them when one fails.

use database::DatabaseError;

use crate::harness::RedisHarness;

#[test]
fn the_line_that_fails_is_named() {
    let cases = [
        ("SET a 1\n\nNONSENSE a\nSET b 1", 3, "unknown command", 0),
        ("SET a 1\nGET", 2, "wrong number of arguments", 0),
        ("# a list\nRPUSH a 1\nINCR a\nSET b 1", 3, "WRONGTYPE", 2),
        ("MULTI\nSET a 1\nEXEC\nINCR a b\nSET b 1", 4, "wrong number of arguments", 1),
        ("SET a \"1", 1, "quote", 0),
        ("SET a 1\nselect 0", 2, "SELECT cannot stand in a script", 0),
        ("SET a 1\nFLUSHALL", 2, "NOPERM", 0),
    ];
    for (script, expected, message, keys) in cases {
        let harness = RedisHarness::new();
        let mut database = harness.filled("");
        match database.execute_script(script) {
            Err(DatabaseError::Script { line, message: said, .. }) => {
                assert_eq!(line, expected, "{script}");
                assert!(said.contains(message), "{script}: {said}");
            }
            other => panic!("{script}: {other:?}"),
        }
        let left: u64 = database.row_counts().expect("row counts").values().sum();
        assert_eq!(left, keys, "{script}");
    }
}

#[test]
fn a_script_of_nothing_does_nothing() {
    let harness = RedisHarness::new();
    let mut database = harness.filled("\n# nothing\n");
    assert_eq!(database.row_counts().expect("row counts").len(), 0);
    database.destroy().expect("destroy");
    let error = database.execute_script("SET a 1").expect_err("there is no database");
    assert!(matches!(error, DatabaseError::Missing { .. }), "{error:?}");
}

#[test]
fn there_are_no_rows_to_insert() {
    let harness = RedisHarness::new();
    let mut database = harness.filled("SET a 1");
    let error = database.begin().map(drop).expect_err("no tables");
    assert_eq!(error.to_string(), "redis cannot insert rows");
}
