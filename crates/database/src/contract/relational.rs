//! What the cases about SQL, rows and tables have to know of an engine.

use super::Harness;
use crate::Database;

/// Makes databases with tables; says where the SQL of engines differs.
pub trait RelationalHarness: Harness {
    /// Opens a clone of the database; each call gives a handle of its own.
    fn open_clone(&self, name: &str) -> Box<dyn Database>;

    /// Gives the words for a type in this engine's SQL.
    fn sql_type(&self, kind: TypeKind) -> &'static str;

    /// Quotes a name, whatever is in it.
    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// Says whether a script that fails takes back its changes of the schema too.
    fn takes_back_schema_changes(&self) -> bool {
        true
    }

    /// Says whether an index can be of some rows only.
    fn has_partial_indexes(&self) -> bool {
        true
    }
}

/// The types that every engine has a word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// An integer primary key that the database chooses, constraint included.
    Serial,
    /// A boolean.
    Boolean,
    /// A decimal number with four places.
    Decimal,
    /// A day.
    Date,
    /// A moment.
    Timestamp,
    /// A JSON document.
    Json,
    /// A UUID.
    Uuid,
    /// Bytes.
    Bytes,
}
