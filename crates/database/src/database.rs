//! One database: its life, its schema, its content as a file, and its kept states.

use std::path::Path;

use indexmap::IndexMap;

use crate::{DatabaseError, Schema, StateName, Transaction};

/// One named database of an engine, existing or not.
///
/// The services that use it are stopped by the caller before [`destroy`](Database::destroy),
/// [`restore`](Database::restore) and [`reset_to`](Database::reset_to). One caller at a time changes a database; what
/// a killed caller left behind is repaired by the next one.
pub trait Database: Send {
    /// Says whether it exists.
    fn exists(&mut self) -> Result<bool, DatabaseError>;

    /// Creates it, empty. One that exists is left alone.
    fn create(&mut self) -> Result<(), DatabaseError>;

    /// Puts an empty one in its place; kept states stay. On failure the old content is still there.
    fn clear(&mut self) -> Result<(), DatabaseError>;

    /// Removes it together with its kept states, and ends other connections. One that does not exist is no error.
    fn destroy(&mut self) -> Result<(), DatabaseError>;

    /// Reads the schema: tables in the order of their names, columns in the order of the table.
    fn inspect(&mut self) -> Result<Schema, DatabaseError>;

    /// Counts the rows of every table, in the order of [`inspect`](Database::inspect).
    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError>;

    /// Executes the statements of a script, in a session of their own.
    ///
    /// In one transaction, unless the script has statements that control transactions or cannot stand in one. The
    /// error has the line of the script.
    fn execute_script(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// Begins a transaction.
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError>;

    /// Writes the whole content into one portable file, which is complete and durable when it appears.
    fn dump(&mut self, to: &Path) -> Result<(), DatabaseError>;

    /// Replaces the whole content by that of a dump; creates the database if it does not exist.
    ///
    /// At any moment it holds either the old or the new content. Kept states stay.
    fn restore(&mut self, from: &Path) -> Result<(), DatabaseError>;

    /// Keeps the present content under a name, inside the engine; what had that name before is replaced.
    fn keep(&mut self, name: &StateName) -> Result<(), DatabaseError>;

    /// Replaces the content by a kept state; creates the database if it does not exist.
    ///
    /// At any moment it holds either the old or the new content. The kept state stays.
    fn reset_to(&mut self, name: &StateName) -> Result<(), DatabaseError>;

    /// Puts a kept state itself in the place of the content, which needs no space; it is no longer kept then.
    ///
    /// For taking back what has failed: when it is cut short, the kept state is still there.
    fn move_back(&mut self, name: &StateName) -> Result<(), DatabaseError>;

    /// Lists the kept states, in the order of their names.
    fn kept(&mut self) -> Result<Vec<StateName>, DatabaseError>;

    /// Removes a kept state. One that is not kept is no error.
    fn forget(&mut self, name: &StateName) -> Result<(), DatabaseError>;

    /// Gives a digest of schema and rows, in a canonical order: same content, same text.
    ///
    /// What is no content does not count: sequences, statistics, the layout on disk. Fingerprints of different engines
    /// are not comparable.
    fn fingerprint(&mut self) -> Result<String, DatabaseError>;
}
