//! The pool on a SQLite file: migrations are applied once, rows are read by name, a failed transaction leaves nothing.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

use either_database::{Database, Migration, OpenError, Options, on, row, transaction};

const CREATE: Migration = Migration {
    version: 1,
    name: "create",
    sqlite: "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    postgres: "",
};
const ADD: Migration =
    Migration { version: 2, name: "add", sqlite: "ALTER TABLE things ADD COLUMN note TEXT", postgres: "" };

row! {
    /// A thing.
    #[derive(Debug, PartialEq)]
    struct Thing {
        id: i64,
        name: String,
        note: Option<String>,
    }
}

async fn insert_both(database: &Database, names: [&str; 2]) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        for name in names {
            sqlx::query("INSERT INTO things (name) VALUES ($1)").bind(name).execute(&mut *transaction).await?;
        }
    });
    Ok(())
}

async fn all(database: &Database) -> Vec<Thing> {
    on!(database, pool => sqlx::query_as("SELECT * FROM things ORDER BY id").fetch_all(pool).await).unwrap()
}

fn versions(applied: &[Migration]) -> Vec<i64> {
    applied.iter().map(|migration| migration.version).collect()
}

#[tokio::test]
async fn migrations_rows_and_transactions() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("things.db").display());

    let absent = Database::open(&url, Options::default()).unwrap();
    assert!(absent.ping().await.is_err(), "without create_file the missing file is an error");

    let database = Database::open(&url, Options { create_file: true, ..Options::default() }).unwrap();
    assert_eq!(versions(&database.migrate(&[CREATE]).await.unwrap()), [1]);
    assert_eq!(versions(&database.migrate(&[CREATE, ADD]).await.unwrap()), [2]);
    assert!(database.migrate(&[CREATE, ADD]).await.unwrap().is_empty());
    database.ping().await.unwrap();

    insert_both(&database, ["one", "two"]).await.unwrap();
    insert_both(&database, ["three", "two"]).await.unwrap_err();
    let expected =
        ["one", "two"].into_iter().zip(1..).map(|(name, id)| Thing { id, name: name.to_owned(), note: None });
    assert_eq!(all(&database).await, expected.collect::<Vec<_>>());
    database.close().await;
}

#[test]
fn other_engines_are_refused() {
    for url in ["mysql://localhost/x", "/tmp/file.db", ""] {
        assert!(matches!(Database::open(url, Options::default()), Err(OpenError::UnknownEngine)), "{url}");
    }
}
