//! The tables that the cases work on: authors and their books.

use serde_json::json;

use super::{Harness, TypeKind};
use crate::{Database, StateName, Value};

/// Makes the database with its tables, empty.
pub(super) fn tables(harness: &dyn Harness) -> Box<dyn Database> {
    let serial = harness.sql_type(TypeKind::Serial);
    let mut database = harness.open();
    database.create().expect("create");
    database
        .execute_script(&format!(
            "CREATE TABLE authors (
                id {serial}, name text NOT NULL, email text, active boolean NOT NULL DEFAULT true,
                CONSTRAINT authors_name UNIQUE (name)
            );
            CREATE TABLE books (
                id {serial}, author_id bigint NOT NULL REFERENCES authors (id), title text NOT NULL,
                pages integer NOT NULL DEFAULT 100 CHECK (pages > 0), loud text GENERATED ALWAYS AS (upper(title)) STORED,
                UNIQUE (author_id, title)
            );"
        ))
        .expect("the schema");
    database
}

/// Makes the database with a few authors.
pub(super) fn filled(harness: &dyn Harness) -> Box<dyn Database> {
    let mut database = tables(harness);
    add_authors(&mut *database, &["ada", "björn", "o'neil"]);
    database
}

/// Adds authors by their names.
pub(super) fn add_authors(database: &mut dyn Database, names: &[&str]) {
    let rows: Vec<Vec<Value>> = names.iter().map(|name| vec![json!(name)]).collect();
    let mut transaction = database.begin().expect("begin");
    transaction.insert("authors", &words(&["name"]), &rows, &[]).expect("insert");
    transaction.commit().expect("commit");
}

/// Makes owned words of literal ones.
pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Makes the name of a state.
pub(super) fn state(name: &str) -> StateName {
    StateName::new(name).expect("a valid name")
}
