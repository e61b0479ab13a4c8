//! The content that the cases work on; for engines with tables, authors and their books.

use std::fmt::Write as _;

use serde_json::json;

use super::{Harness, LARGE, RelationalHarness, TypeKind};
use crate::{Database, StateName, Value};

/// How many authors large content has.
const MANY_AUTHORS: u128 = 5000;

/// Makes the database with the content of a variant.
pub(super) fn filled(harness: &dyn Harness, variant: u8) -> Box<dyn Database> {
    let mut database = harness.open();
    database.create().expect("create");
    harness.fill(&mut *database, variant);
    database
}

/// Fingerprints the content.
pub(super) fn fingerprint(database: &mut dyn Database) -> String {
    database.fingerprint().expect("fingerprint")
}

/// Gives the names of the kept states.
pub(super) fn kept(database: &mut dyn Database) -> Vec<String> {
    database.kept().expect("kept").into_iter().map(|kept| kept.name.to_string()).collect()
}

/// Says whether a spare of a kept state is ready.
pub(super) fn has_spare(database: &mut dyn Database, name: &str) -> bool {
    let kept = database.kept().expect("kept");
    kept.iter().find(|kept| kept.name.as_str() == name).expect("the state is kept").has_spare
}

/// Fingerprints a kept state.
pub(super) fn fingerprint_of_kept(database: &mut dyn Database, name: &str) -> String {
    fingerprint(&mut *database.open_kept(&state(name)).expect("open the kept state"))
}

/// Makes the name of a state.
pub(super) fn state(name: &str) -> StateName {
    StateName::new(name).expect("a valid name")
}

/// Makes the database with the tables of authors and books, empty.
pub(super) fn tables(harness: &dyn RelationalHarness) -> Box<dyn Database> {
    let mut database = harness.open();
    database.create().expect("create");
    create_tables(harness, &mut *database);
    database
}

/// Makes the database with a few authors.
pub(super) fn authors(harness: &dyn RelationalHarness) -> Box<dyn Database> {
    let mut database = tables(harness);
    add_authors(&mut *database, &["ada", "björn", "o'neil"]);
    database
}

/// Fills an empty database with tables of authors and books: [`Harness::fill`] for engines with tables.
pub fn fill_tables(harness: &dyn RelationalHarness, database: &mut dyn Database, variant: u8) {
    create_tables(harness, database);
    let mut names = vec![format!("ada {variant}"), "björn".to_owned(), "o'neil".to_owned()];
    if variant == LARGE {
        names.extend((0..MANY_AUTHORS).map(|number| format!("{:032x}", number * 0x9e37_79b9_7f4a_7c15)));
    }
    add_authors(database, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut books = String::new();
    for title in ["Notes", "Semicolons; and 'quotes'"] {
        let title = title.replace('\'', "''");
        writeln!(books, "INSERT INTO books (author_id, title) SELECT id, '{title}' FROM authors WHERE name = 'björn';")
            .expect("writing to a string cannot fail");
    }
    database.execute_script(&books).expect("add books");
}

/// Adds an author whose name is new: [`Harness::change`] for engines with tables.
pub fn change_rows(database: &mut dyn Database) {
    let count = database.row_counts().expect("row counts")["authors"];
    add_authors(database, &[&format!("the author after {count}")]);
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

fn create_tables(harness: &dyn RelationalHarness, database: &mut dyn Database) {
    let serial = harness.sql_type(TypeKind::Serial);
    // Constraints have names, since engines make different ones, and texts have lengths, without which some have no index.
    database
        .execute_script(&format!(
            "CREATE TABLE authors (
                id {serial}, name varchar(190) NOT NULL, email varchar(190), active boolean NOT NULL DEFAULT true,
                CONSTRAINT authors_name UNIQUE (name)
            );
            CREATE TABLE books (
                id {serial}, author_id bigint NOT NULL, title varchar(190) NOT NULL, pages integer NOT NULL DEFAULT 100,
                loud varchar(190) GENERATED ALWAYS AS (upper(title)) STORED,
                CONSTRAINT books_author_id_title UNIQUE (author_id, title),
                CONSTRAINT books_author_id FOREIGN KEY (author_id) REFERENCES authors (id),
                CONSTRAINT books_pages CHECK (pages > 0)
            );"
        ))
        .expect("the schema");
}
