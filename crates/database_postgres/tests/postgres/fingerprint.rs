//! The fingerprint of what is stored in several places: parts of large tables, partitions, children.

use database::contract::Harness as _;

use crate::harness::PostgresHarness;

/// Gives the fingerprint of a database that a script fills.
fn fingerprint(script: &str) -> String {
    let harness = PostgresHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    database.execute_script(script).expect("script");
    let fingerprint = database.fingerprint().expect("fingerprint");
    database.destroy().expect("destroy");
    fingerprint
}

#[test]
fn a_large_table_that_is_read_in_parts_counts_each_row_once() {
    let script = |order: &str, more: &str| {
        format!(
            "CREATE TABLE large (id integer, filler text); CREATE TABLE small (id integer); INSERT INTO small VALUES (1), (1);
            INSERT INTO large SELECT n, repeat(n::text || E'\\t\\n', 600) FROM generate_series(1, 500) n ORDER BY {order};
            CREATE TABLE wide AS SELECT n AS id, repeat('x', 1900) AS filler FROM generate_series(1, 20000) n ORDER BY {order};
            {more}"
        )
    };
    let expected = fingerprint(&script("n", ""));
    assert_eq!(fingerprint(&script("-n", "")), expected, "in another order");
    // The last row is in the last part, which has no end.
    let last = "UPDATE wide SET filler = filler || 'y' WHERE ctid = (SELECT max(ctid) FROM wide)";
    assert_ne!(fingerprint(&script("n", last)), expected);
    let twice = "INSERT INTO wide SELECT * FROM wide WHERE id = 1";
    assert_ne!(fingerprint(&script("n", twice)), expected);
}

#[test]
fn a_row_of_a_partition_counts_by_the_names_of_its_columns() {
    let rows = "INSERT INTO p VALUES (1, 'x'), (11, 'y'), (12, NULL)";
    let made = format!(
        "CREATE TABLE p (a integer, b text) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20); {rows}"
    );
    let attached = format!(
        "CREATE TABLE p (a integer, b text) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        CREATE TABLE p2 (gone integer, b text, a integer); ALTER TABLE p2 DROP gone;
        ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20); {rows}"
    );
    assert_eq!(fingerprint(&attached), fingerprint(&made));
    assert_ne!(fingerprint(&format!("{made}; DELETE FROM p WHERE a = 12")), fingerprint(&made));
}

#[test]
fn a_row_of_a_child_is_a_row_of_the_child_alone() {
    let script =
        |rows: &str| format!("CREATE TABLE parent (a integer); CREATE TABLE child () INHERITS (parent); {rows}");
    let of_child = fingerprint(&script("INSERT INTO child VALUES (1)"));
    assert_ne!(of_child, fingerprint(&script("INSERT INTO parent VALUES (1)")));
    assert_ne!(of_child, fingerprint(&script("INSERT INTO child VALUES (2)")));
}

#[test]
fn a_table_without_columns_has_rows() {
    assert_ne!(fingerprint("CREATE TABLE t (); INSERT INTO t DEFAULT VALUES"), fingerprint("CREATE TABLE t ()"));
}

#[test]
fn fingerprints_are_computed_as_their_version_says() {
    let script = "CREATE TABLE t (id integer, name text, half numeric(4, 2), raw bytea);
        INSERT INTO t VALUES (1, 'ada', 0.5, '\\x00ff'), (2, NULL, NULL, NULL)";
    // Another value here needs another `database::FINGERPRINT_VERSION`.
    assert_eq!(fingerprint(script), "1-f6bee57d6ddb71dd4db7fb689761d34815efa7296d431cfa6bc1160b8151eda4");
}
