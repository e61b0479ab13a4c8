//! Cases about the table model.

use super::Harness;
use super::fixture::{add_authors, tables, words};
use crate::ForeignKey;

/// Columns with their properties, primary, unique and foreign keys.
pub fn inspect_finds_columns_and_keys(harness: &dyn Harness) {
    let mut database = tables(harness);
    database
        .execute_script(
            "CREATE TABLE shelves (a integer NOT NULL, b text NOT NULL, c text, PRIMARY KEY (b, a));
            CREATE UNIQUE INDEX shelves_c ON shelves (c);
            CREATE UNIQUE INDEX shelves_some ON shelves (a) WHERE c IS NULL;
            CREATE INDEX shelves_a ON shelves (a);
            CREATE TABLE places (x integer, y text, FOREIGN KEY (y, x) REFERENCES shelves (b, a));
            CREATE VIEW everything AS SELECT * FROM shelves;",
        )
        .expect("script");
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
    assert!(sql_type.eq_ignore_ascii_case("bigint"), "{sql_type}");
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
pub fn row_counts_are_in_the_order_of_the_tables(harness: &dyn Harness) {
    let mut database = tables(harness);
    add_authors(&mut *database, &["ada", "bob"]);
    let counts: Vec<_> = database.row_counts().expect("row counts").into_iter().collect();
    assert_eq!(counts, [("authors".to_owned(), 2), ("books".to_owned(), 0)]);
}
