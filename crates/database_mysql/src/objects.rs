//! What is in a schema besides tables: routines, views, triggers, events. They cannot be moved with the tables, so they are
//! read as the statements that make them, removed, and made again.

use mysql::prelude::Queryable as _;
use mysql::{Conn, Error, Row};
use serde::{Deserialize, Serialize};

use crate::literal::{quote, text, within};

/// A routine, view, trigger or event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Object {
    /// As SQL has it: `VIEW`, `TRIGGER`, `FUNCTION`, `PROCEDURE`, `PACKAGE`, `PACKAGE BODY`, `EVENT`.
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The statement that makes it, in whatever schema is the current one.
    statement: String,
    /// The settings of the session that made it.
    sql_mode: Option<String>,
    character_set: String,
    collation: String,
    time_zone: Option<String>,
}

/// Lists kinds and names, in an order in which they can be made.
pub(crate) fn list(conn: &mut Conn, schema: &str) -> Result<Vec<(String, String)>, Error> {
    let schema = text(schema);
    conn.query(format!(
        "SELECT kind, name FROM (
            SELECT 1 AS step, ROUTINE_TYPE AS kind, ROUTINE_NAME AS name, 0 AS place
                FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {schema}
            UNION ALL SELECT 2, 'VIEW', TABLE_NAME, 0 FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {schema}
            UNION ALL SELECT 3, 'TRIGGER', TRIGGER_NAME, ACTION_ORDER
                FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {schema}
            UNION ALL SELECT 4, 'EVENT', EVENT_NAME, 0 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {schema}
        ) AS objects ORDER BY step, place, kind, name"
    ))
}

/// Reads what is there.
pub(crate) fn read(conn: &mut Conn, schema: &str) -> Result<Vec<Object>, Error> {
    let names = list(conn, schema)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    // Within its own schema, the statement of a view does not name the schema.
    conn.query_drop(format!("USE {}", quote(schema)))?;
    let mut objects = Vec::with_capacity(names.len());
    for (kind, name) in names {
        let row: Option<Row> = conn.query_first(format!("SHOW CREATE {kind} {}", within(schema, &name)))?;
        if let Some(row) = row {
            objects.push(object(kind, name, &row));
        }
    }
    Ok(objects)
}

fn object(kind: String, name: String, row: &Row) -> Object {
    let value = |column: &str| row.get::<Option<String>, _>(column).flatten();
    let statement = match kind.as_str() {
        "VIEW" => value("Create View"),
        "TRIGGER" => value("SQL Original Statement"),
        "FUNCTION" => value("Create Function"),
        "PROCEDURE" => value("Create Procedure"),
        "EVENT" => value("Create Event"),
        "PACKAGE" => value("Create Package"),
        _ => value("Create Package Body"),
    };
    Object {
        statement: statement.unwrap_or_default(),
        sql_mode: value("sql_mode"),
        character_set: value("character_set_client").unwrap_or_else(|| "utf8mb4".to_owned()),
        collation: value("collation_connection").unwrap_or_else(|| "utf8mb4_general_ci".to_owned()),
        time_zone: value("time_zone"),
        kind,
        name,
    }
}

/// Removes all that is there.
pub(crate) fn remove(conn: &mut Conn, schema: &str) -> Result<(), Error> {
    for (kind, name) in list(conn, schema)? {
        conn.query_drop(format!("DROP {kind} IF EXISTS {}", within(schema, &name)))?;
    }
    Ok(())
}

/// Makes objects in a schema that has none.
pub(crate) fn make(conn: &mut Conn, schema: &str, objects: &[Object]) -> Result<(), Error> {
    if objects.is_empty() {
        return Ok(());
    }
    conn.query_drop(format!("USE {}", quote(schema)))?;
    conn.query_drop("SET @seedbed_sql_mode = @@sql_mode, @seedbed_time_zone = @@time_zone")?;
    let made = make_all(conn, objects);
    conn.query_drop("SET NAMES utf8mb4")?;
    conn.query_drop("SET SESSION sql_mode = @seedbed_sql_mode, time_zone = @seedbed_time_zone")?;
    made
}

/// Makes objects that may need each other: those that cannot be made yet are tried again while others can.
fn make_all(conn: &mut Conn, objects: &[Object]) -> Result<(), Error> {
    let mut waiting: Vec<&Object> = objects.iter().collect();
    while !waiting.is_empty() {
        let mut failed = Vec::new();
        let mut failure = None;
        for object in &waiting {
            if let Err(error) = make_one(conn, object) {
                failed.push(*object);
                failure = failure.or(Some(error));
            }
        }
        match failure {
            Some(error) if failed.len() == waiting.len() => return Err(error),
            _ => waiting = failed,
        }
    }
    Ok(())
}

fn make_one(conn: &mut Conn, object: &Object) -> Result<(), Error> {
    conn.query_drop(format!(
        "SET SESSION sql_mode = {}, character_set_client = utf8mb4, collation_connection = {}, time_zone = {}",
        object.sql_mode.as_deref().map_or_else(|| "@seedbed_sql_mode".to_owned(), text),
        object.collation,
        object.time_zone.as_deref().map_or_else(|| "@seedbed_time_zone".to_owned(), text)
    ))?;
    conn.query_drop(&object.statement)
}
