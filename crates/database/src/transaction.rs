//! A transaction: rows found, inserted and deleted together or not at all.

use crate::{DatabaseError, ForeignKeyDescription, Rows};

/// A value of a column, as JSON.
///
/// Going in, each column takes what its type can be made from: numbers or text for numbers, ISO 8601 text for dates,
/// `\x` and hexadecimal digits for bytes, anything for JSON. Coming out, numbers that JSON cannot hold exactly are text, and
/// bytes are `\x` and hexadecimal digits.
pub type Value = serde_json::Value;

/// The name of the table that holds the [ledger](Transaction::ledger), where it has no schema of its own.
pub const LEDGER: &str = "seedbed_ledger";

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

    /// Finds all rows whose columns equal one of these keys, in no order, and returns the wanted columns of each.
    ///
    /// NULL equals nothing here. An empty list of columns finds nothing.
    fn find_all(
        &mut self,
        table: &str,
        columns: &[String],
        keys: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Vec<Value>>, DatabaseError>;

    /// Sets columns of the rows whose key columns equal a key to the values of the same place, and returns how many rows
    /// there were.
    ///
    /// NULL equals NULL. Without columns to set, or without key columns, nothing is done.
    fn update(
        &mut self,
        table: &str,
        key_columns: &[String],
        keys: &[Vec<Value>],
        columns: &[String],
        values: &[Vec<Value>],
    ) -> Result<u64, DatabaseError>;

    /// Deletes the rows that equal one of these in all the columns named, and returns how many there were.
    ///
    /// NULL equals NULL. An empty list of columns deletes nothing.
    fn delete(&mut self, table: &str, columns: &[String], rows: &[Vec<Value>]) -> Result<u64, DatabaseError>;

    /// Lets the foreign keys of these tables be broken until [`check_now`](Transaction::check_now).
    fn check_late(&mut self, tables: &[String]) -> Result<(), DatabaseError>;

    /// Verifies the foreign keys that [`check_late`](Transaction::check_late) has let go, and lets them be what they were.
    fn check_now(&mut self) -> Result<(), DatabaseError>;

    /// Reads the first piece of each load in the ledger, in the order of their numbers.
    ///
    /// The ledger is what loads have written down of themselves: pieces of bytes, each by the number of its load and its own.
    /// It lies in the database, so that it changes together with the rows and goes wherever they go; nothing else shows it.
    /// It is made with its first piece and goes with its last one.
    fn ledger(&mut self) -> Result<Vec<(u64, Vec<u8>)>, DatabaseError>;

    /// Waits until every other transaction that has written into the ledger has ended, also one whose connection was lost
    /// while it committed; what it has committed is seen from then on. Comes before anything else in a transaction.
    fn await_ledger(&mut self) -> Result<(), DatabaseError>;

    /// Reads one piece of the ledger, if there is such a one.
    fn ledger_piece(&mut self, load: u64, number: u64) -> Result<Option<Vec<u8>>, DatabaseError>;

    /// Writes a piece of the ledger, in the place of the one that was there. The database was
    /// [prepared](crate::Database::prepare_ledger) for it.
    fn write_ledger(&mut self, load: u64, number: u64, piece: &[u8]) -> Result<(), DatabaseError>;

    /// Removes the pieces of a load from a number on.
    fn cut_ledger(&mut self, load: u64, from: u64) -> Result<(), DatabaseError>;

    /// Counts, of each of these tables, the rows that are exactly as the transactions have left them that wrote these loads into
    /// the ledger; `None` where that cannot be told without knowing what the rows held.
    fn untouched(&mut self, tables: &[String], loads: &[u64]) -> Result<Option<Vec<u64>>, DatabaseError> {
        let _ = (tables, loads);
        Ok(None)
    }

    /// Begins to write rows into these tables in bulk, in the order in which they are given.
    ///
    /// Foreign keys may be checked late, and where a table is empty and gets many rows, indexes and constraints may be set
    /// aside and made again; [`Bulk::finish`] has verified all of them. Other sessions see nothing of it.
    fn bulk<'b>(&'b mut self, tables: &'b [BulkTable]) -> Result<Box<dyn Bulk + 'b>, DatabaseError>;

    /// Makes the changes durable.
    fn commit(self: Box<Self>) -> Result<(), DatabaseError>;

    /// Takes the changes back.
    fn rollback(self: Box<Self>) -> Result<(), DatabaseError>;
}

/// A table that is written in bulk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulkTable {
    /// The table.
    pub name: String,
    /// The columns that rows have, in their order; at least one.
    pub columns: Vec<String>,
    /// How many rows will come.
    pub rows: u64,
    /// The foreign keys of which rows may come before those that they refer to.
    pub late: Vec<ForeignKeyDescription>,
}

/// Writes rows in bulk, as a part of a transaction. After an error of any method only a rollback is possible.
pub trait Bulk {
    /// Writes rows into the table of this number, until there are no more.
    fn write(&mut self, table: usize, rows: &mut dyn Iterator<Item = Rows>) -> Result<u64, DatabaseError>;

    /// Puts back what was set aside, verifies every constraint, and lets counters go on after the greatest value.
    fn finish(self: Box<Self>) -> Result<(), DatabaseError>;
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
