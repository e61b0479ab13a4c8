//! Cases about the table model.

use super::RelationalHarness;
use super::fixture::{add_authors, tables, words};
use crate::{Database, DatabaseError, ForeignKey};

/// Columns with their properties, primary, unique and foreign keys.
pub fn inspect_finds_columns_and_keys(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    database
        .execute_script(
            "CREATE TABLE shelves (a integer NOT NULL, b varchar(9) NOT NULL, c varchar(9), PRIMARY KEY (b, a));
            CREATE UNIQUE INDEX shelves_c ON shelves (c);
            CREATE INDEX shelves_a ON shelves (a);
            CREATE TABLE places (x integer, y varchar(9), FOREIGN KEY (y, x) REFERENCES shelves (b, a));
            CREATE VIEW everything AS SELECT * FROM shelves;",
        )
        .expect("script");
    if harness.has_partial_indexes() {
        database.execute_script("CREATE UNIQUE INDEX shelves_some ON shelves (a) WHERE c IS NULL").expect("script");
    }
    let schema = database.inspect().expect("inspect");
    let names: Vec<_> = schema.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["authors", "books", "places", "shelves"]);

    let books = schema.table("books").expect("books");
    let columns: Vec<_> = books
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.nullable, column.has_default, column.generated))
        .collect();
    assert_eq!(
        columns,
        [
            ("id", false, true, false),
            ("author_id", false, false, false),
            ("title", false, false, false),
            ("pages", false, true, false),
            ("loud", true, false, true),
        ]
    );
    let sql_type = &books.column("author_id").expect("the column").sql_type;
    assert!(sql_type.to_ascii_lowercase().starts_with("bigint"), "{sql_type}");
    assert_eq!(books.primary_key, ["id"]);
    assert_eq!(books.unique, [words(&["author_id", "title"])]);
    let key = |columns: &[&str], table: &str, referenced: &[&str]| ForeignKey {
        columns: words(columns),
        table: table.to_owned(),
        referenced: words(referenced),
    };
    assert_eq!(books.foreign_keys, [key(&["author_id"], "authors", &["id"])]);

    let shelves = schema.table("shelves").expect("shelves");
    assert_eq!(shelves.primary_key, ["b", "a"]);
    assert_eq!(shelves.unique, [words(&["c"])]);
    let places = schema.table("places").expect("places");
    assert_eq!(places.foreign_keys, [key(&["y", "x"], "shelves", &["b", "a"])]);
    assert!(places.primary_key.is_empty() && places.unique.is_empty());
}

/// Every table is counted, empty ones too.
pub fn row_counts_are_in_the_order_of_the_tables(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    add_authors(&mut *database, &["ada", "bob"]);
    let counts: Vec<_> = database.row_counts().expect("row counts").into_iter().collect();
    assert_eq!(counts, [("authors".to_owned(), 2), ("books".to_owned(), 0)]);
}

/// By the primary key, whatever was inserted first; by all columns where there is none.
pub fn rows_are_read_in_order(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let script = "CREATE TABLE keyed (v varchar(9), b integer NOT NULL, a varchar(9) NOT NULL, PRIMARY KEY (a, b));
        INSERT INTO keyed (a, b, v) VALUES ('y', 1, 'p'), ('x', 10, NULL), ('x', 9, ''), ('x', -2, 'null');
        CREATE TABLE plain (a integer, b varchar(9));
        INSERT INTO plain (a, b) VALUES (3, 'x'), (10, 'b'), (3, 'a'), (10, 'b');";
    database.execute_script(script).expect("script");
    let keyed = [["null", "-2", "x"], ["", "9", "x"], ["NULL", "10", "x"], ["p", "1", "y"]];
    assert_eq!(rows(&mut *database, "keyed"), keyed);
    assert_eq!(rows(&mut *database, "plain"), [["3", "a"], ["3", "x"], ["10", "b"], ["10", "b"]]);
    assert_eq!(rows(&mut *database, "books"), [[""; 0]; 0]);
    let error = database.read_rows("missing", &mut |_| Ok(())).expect_err("no such table");
    assert!(matches!(&error, DatabaseError::UnknownTable { table, .. } if table == "missing"), "{error:?}");
}

/// Those of which some columns hold one of some values, whatever the types of these columns are.
pub fn rows_are_read_by_what_they_hold(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let script = "CREATE TABLE keyed (a varchar(9) NOT NULL, b integer NOT NULL, c numeric(5, 2), d date, PRIMARY KEY (a, b));
        INSERT INTO keyed (a, b, c, d) VALUES ('x', 10, 1.5, '2025-01-02'), ('x', 9, 2, NULL), ('x''y', -2, NULL, '2025-01-02'),
            ('z', 1, 1.5, '2024-12-31');";
    database.execute_script(script).expect("script");
    let all = rows(&mut *database, "keyed");
    for columns in [&["a"][..], &["b"], &["c"], &["d"], &["a", "b"], &["d", "c"], &[]] {
        let places: Vec<usize> =
            columns.iter().map(|column| "abcd".find(column).expect("it is one of these")).collect();
        let tuple = |row: &Vec<String>| places.iter().map(|place| row[*place].clone()).collect::<Vec<_>>();
        let values: Vec<Vec<String>> =
            all[..2].iter().map(tuple).filter(|row| !row.contains(&"NULL".to_owned())).collect();
        let mut expected: Vec<Vec<String>> =
            all.iter().filter(|row| !columns.is_empty() && values.contains(&tuple(row))).cloned().collect();
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let mut found: Vec<Vec<String>> = Vec::new();
        let read = database.read_rows_with("keyed", &columns, &values, &mut |row| {
            found.push(row.iter().map(|value| value.clone().unwrap_or_else(|| "NULL".to_owned())).collect());
            Ok(())
        });
        read.expect("read rows");
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{columns:?}");
    }
    let error = database.read_rows_with("missing", &["a".to_owned()], &[vec!["x".to_owned()]], &mut |_| Ok(()));
    let error = error.expect_err("no such table");
    assert!(matches!(&error, DatabaseError::UnknownTable { table, .. } if table == "missing"), "{error:?}");
}

/// Reads all rows, null as the word in capitals.
fn rows(database: &mut dyn Database, table: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let read = database.read_rows(table, &mut |row| {
        rows.push(row.iter().map(|value| value.clone().unwrap_or_else(|| "NULL".to_owned())).collect());
        Ok(())
    });
    read.expect("read rows");
    rows
}
