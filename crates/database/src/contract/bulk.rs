//! Cases about rows in bulk, and about the description of tables.

use super::RelationalHarness;
use super::fixture::{tables, words};
use crate::{BulkTable, Database, DatabaseError, Datum, Filled, ForeignKeyDescription, Kind, Rows, TableDescription};

/// More rows than any driver writes row by row, or leaves its constraints in place for.
const MANY: i64 = 20_000;

fn authors(rows: u64) -> BulkTable {
    BulkTable { name: "authors".to_owned(), columns: words(&["id", "name", "active"]), rows, late: Vec::new() }
}

fn books(rows: u64) -> BulkTable {
    let columns = words(&["id", "author_id", "title", "pages"]);
    BulkTable { name: "books".to_owned(), columns, rows, late: Vec::new() }
}

fn author(id: i64) -> Vec<Datum> {
    vec![Datum::Integer(id), Datum::Text(format!("a\t\\{id}\n'ä\"")), Datum::Boolean(id % 2 == 0)]
}

fn book(id: i64, author: i64) -> Vec<Datum> {
    vec![Datum::Integer(id), Datum::Integer(author), Datum::Text(format!("book {id}")), Datum::Integer(id)]
}

/// Rows, each with its cells.
type Cells = Vec<Vec<Datum>>;

/// Pieces of a few rows.
fn pieces(rows: impl IntoIterator<Item = Vec<Datum>>) -> Vec<Rows> {
    const PIECE: usize = 700;
    let rows: Vec<Vec<Datum>> = rows.into_iter().collect();
    rows.chunks(PIECE).map(|piece| Rows { width: piece[0].len(), cells: piece.concat() }).collect()
}

/// Writes rows into tables in one transaction and commits.
fn write(database: &mut dyn Database, tables: &[BulkTable], rows: &[Vec<Rows>]) -> Result<Vec<u64>, DatabaseError> {
    let mut transaction = database.begin()?;
    let mut bulk = transaction.bulk(tables)?;
    let mut written = Vec::new();
    for (number, rows) in rows.iter().enumerate() {
        written.push(bulk.write(number, &mut rows.iter().cloned())?);
    }
    bulk.finish()?;
    transaction.commit()?;
    Ok(written)
}

fn counts(database: &mut dyn Database) -> (u64, u64) {
    let counts = database.row_counts().expect("row counts");
    (counts["authors"], counts["books"])
}

/// Few or many, into empty tables or full ones: every row arrives as it was, and the definitions are as before.
pub fn rows_in_bulk_arrive_as_they_are(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let before = (database.describe().expect("describe"), database.inspect().expect("inspect"));
    let rows = |from: i64, to: i64| [pieces((from..to).map(author)), pieces((from..to).map(|id| book(id, id)))];
    let written = write(&mut *database, &[authors(4), books(4)], &rows(1, 5)).expect("few rows");
    assert_eq!(written, [4, 4]);
    let count = u64::try_from(MANY - 5).expect("it is many");
    write(&mut *database, &[authors(count), books(count)], &rows(5, MANY)).expect("many rows into full tables");
    assert_eq!(counts(&mut *database), (count + 4, count + 4));
    let keys = [vec![Datum::Integer(7)], vec![Datum::Integer(MANY - 1)]].map(|key| {
        vec![crate::Value::from(match key[0] {
            Datum::Integer(id) => id,
            _ => unreachable!("keys are integers"),
        })]
    });
    let mut transaction = database.begin().expect("begin");
    let found = transaction.find("authors", &words(&["id"]), &keys, &words(&["name", "active"])).expect("find");
    let expected = [7, MANY - 1]
        .map(|id: i64| Some(vec![crate::Value::from(format!("a\t\\{id}\n'ä\"")), crate::Value::from(id % 2 == 0)]));
    assert_eq!(found, expected);
    transaction.rollback().expect("rollback");

    let mut empty = tables_again(harness, &mut *database);
    write(&mut *empty, &[authors(count), books(count)], &rows(5, MANY)).expect("many rows into empty tables");
    assert_eq!(counts(&mut *empty), (count, count));
    assert_eq!((empty.describe().expect("describe"), empty.inspect().expect("inspect")), before);
}

/// Empties the tables.
fn tables_again(harness: &dyn RelationalHarness, database: &mut dyn Database) -> Box<dyn Database> {
    database.execute_script("DELETE FROM books; DELETE FROM authors;").expect("empty the tables");
    harness.open()
}

/// Unique, foreign key, check and not null: whatever a row breaks is an error, and nothing stays; with few rows and with many.
pub fn what_is_broken_in_bulk_is_an_error(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let no_name = |id: i64| vec![Datum::Integer(id), Datum::Null, Datum::Boolean(true)];
    let no_pages =
        |id: i64| vec![Datum::Integer(id), Datum::Integer(1), Datum::Text(id.to_string()), Datum::Integer(0)];
    for count in [3, MANY] {
        let all = || (1..=count).map(author);
        let bad: [(&str, Cells, Cells); 5] = [
            ("a primary key twice", all().chain([author(1)]).collect(), Vec::new()),
            (
                "a unique key twice",
                all().chain([vec![Datum::Integer(count + 1), author(2)[1].clone(), Datum::Boolean(true)]]).collect(),
                Vec::new(),
            ),
            ("no value", all().chain([no_name(count + 1)]).collect(), Vec::new()),
            (
                "nothing to refer to",
                all().collect(),
                (1..=count).map(|id| book(id, if id == 2 { count + 9 } else { id })).collect(),
            ),
            (
                "a check",
                all().collect(),
                (1..=count).map(|id| if id == 2 { no_pages(id) } else { book(id, id) }).collect(),
            ),
        ];
        for (what, first, second) in bad {
            let tables = [authors(first.len() as u64), books(second.len() as u64)];
            let error = write(&mut *database, &tables, &[pieces(first), pieces(second)]).expect_err(what);
            assert!(matches!(error, DatabaseError::Constraint { .. }), "{what} with {count} rows: {error:?}");
            assert_eq!(counts(&mut *database), (0, 0), "{what} with {count} rows");
        }
    }
}

/// Rows may come before those that they refer to, where that is said; a reference to nothing is found all the same.
pub fn late_foreign_keys_are_verified(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let description = database.describe().expect("describe");
    let late: Vec<ForeignKeyDescription> = description.table("books").expect("books").foreign_keys.clone();
    let tables = [BulkTable { late, ..books(2) }, authors(2)];
    let rows = |author_of_two: i64| [pieces([book(1, 1), book(2, author_of_two)]), pieces([author(1), author(2)])];
    let error = write(&mut *database, &tables, &rows(3)).expect_err("it refers to nothing");
    assert!(matches!(error, DatabaseError::Constraint { .. }), "{error:?}");
    assert_eq!(counts(&mut *database), (0, 0));
    write(&mut *database, &tables, &rows(2)).expect("each refers to something");
    assert_eq!(counts(&mut *database), (2, 2));
    assert_eq!(database.describe().expect("describe"), description);
    // They are checked at once again.
    let mut transaction = database.begin().expect("begin");
    let row = vec![crate::Value::from(9), crate::Value::from("x")];
    transaction.insert("books", &words(&["author_id", "title"]), &[row], &[]).expect_err("it refers to nothing");
}

/// What the database counts goes on after the greatest value.
pub fn counters_go_on_after_rows_in_bulk(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    write(&mut *database, &[authors(3)], &[pieces([author(1), author(41), author(7)])]).expect("write");
    let mut transaction = database.begin().expect("begin");
    let row = vec![crate::Value::from("the next one")];
    let made = transaction.insert("authors", &words(&["name"]), &[row], &words(&["id"])).expect("insert");
    assert_eq!(made[0][0], crate::Value::from(42));
}

/// A bulk that is given up leaves nothing, also when something was set aside for it.
pub fn a_bulk_that_is_given_up_leaves_nothing(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let before = database.describe().expect("describe");
    let many = u64::try_from(MANY).expect("it is many");
    let tables = [authors(many), books(many)];
    let mut transaction = database.begin().expect("begin");
    let mut bulk = transaction.bulk(&tables).expect("bulk");
    bulk.write(0, &mut pieces((1..100).map(author)).into_iter()).expect("write");
    drop(bulk);
    transaction.rollback().expect("rollback");
    assert_eq!(counts(&mut *database), (0, 0));
    assert_eq!(database.describe().expect("describe"), before);
    let error =
        write(&mut *database, &[BulkTable { name: "missing".to_owned(), ..authors(1) }], &[pieces([author(1)])]);
    assert!(error.is_err());
}

/// Kinds, defaults, counters, keys, foreign keys and checks.
pub fn tables_are_described(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let description = database.describe().expect("describe");
    let names: Vec<&str> = description.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["authors", "books"]);
    let authors = description.table("authors").expect("authors");
    let column = |table: &TableDescription, name: &str| table.column(name).expect("the column").clone();
    assert_eq!(column(authors, "id").filled, Filled::Counter);
    assert_eq!(column(authors, "name").kind, Kind::Text { length: Some(190) });
    assert_eq!((column(authors, "active").kind, column(authors, "active").nullable), (Kind::Boolean, false));
    assert!(matches!(column(authors, "active").filled, Filled::Default(_)));
    assert_eq!((column(authors, "email").filled, column(authors, "email").nullable), (Filled::Null, true));
    let books = description.table("books").expect("books");
    assert_eq!(column(books, "loud").filled, Filled::Generated);
    assert!(matches!(column(books, "pages").kind, Kind::Integer { .. }));
    let keys: Vec<(bool, Vec<String>)> = books.keys.iter().map(|key| (key.primary, key.columns.clone())).collect();
    assert_eq!(keys, [(true, words(&["id"])), (false, words(&["author_id", "title"]))]);
    let key = &books.foreign_keys[0];
    assert_eq!(
        (&key.columns, key.table.as_str(), &key.referenced),
        (&words(&["author_id"]), "authors", &words(&["id"]))
    );
    assert!(books.checks[0].condition.contains("pages"), "{:?}", books.checks);
    assert!(books.unknown.is_empty(), "{:?}", books.unknown);
}
