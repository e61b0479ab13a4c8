//! A transaction: rows found, inserted and deleted together or not at all.

use crate::DatabaseError;

/// A value of a column, as JSON.
///
/// Going in, each column takes what its type can be made from: numbers or text for numbers, ISO 8601 text for dates,
/// `\x` and hexadecimal digits for bytes, anything for JSON. Coming out, numbers that JSON cannot hold exactly are text, and
/// bytes are `\x` and hexadecimal digits.
pub type Value = serde_json::Value;

/// Changes rows of a database together.
///
/// Dropping it rolls back. After an error of any method only a rollback is possible; a commit is then an error.
/// Tables and columns are named as [`inspect`](crate::Database::inspect) names them; values are in the order of the columns.
pub trait Transaction {
    /// Finds, for each key, the row whose key columns equal it, and returns the wanted columns of it, or `None`.
    ///
    /// NULL equals NULL. Several rows with one key are an error.
    fn find(
        &mut self,
        table: &str,
        key_columns: &[String],
        keys: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Option<Vec<Value>>>, DatabaseError>;

    /// Inserts rows and returns the wanted columns of each, in the order given.
    ///
    /// Columns not named take the database's default.
    fn insert(
        &mut self,
        table: &str,
        columns: &[String],
        rows: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Vec<Value>>, DatabaseError>;

    /// Deletes the rows that equal one of these in all the columns named, and returns how many there were.
    ///
    /// NULL equals NULL. An empty list of columns deletes nothing.
    fn delete(&mut self, table: &str, columns: &[String], rows: &[Vec<Value>]) -> Result<u64, DatabaseError>;

    /// Makes the changes durable.
    fn commit(self: Box<Self>) -> Result<(), DatabaseError>;

    /// Takes the changes back.
    fn rollback(self: Box<Self>) -> Result<(), DatabaseError>;
}

/// Longest text of one value in an error, in characters.
const VALUE_LIMIT: usize = 80;

/// Renders a row for an error: `username = "ada", age = 36`, long values cut.
pub fn render_row(columns: &[String], values: &[Value]) -> String {
    let cells = columns.iter().zip(values).map(|(column, value)| {
        let text = value.to_string();
        match text.char_indices().nth(VALUE_LIMIT) {
            Some((end, _)) => format!("{column} = {}…", &text[..end]),
            None => format!("{column} = {text}"),
        }
    });
    cells.collect::<Vec<_>>().join(", ")
}
