//! The load plan: rows in an order in which they can be made.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use source::{Place, Problems};

use crate::provider::{Provider, Requests};

/// What is to be made sure of, in order: each row is found by its key, or else inserted.
///
/// A batch only refers to rows of earlier batches. There is one row for each record.
#[derive(Clone, Debug, Default)]
pub struct LoadPlan {
    /// The batches in order; the ids of their rows count up through all of them.
    pub batches: Vec<Batch>,
    /// What the user should know, though nothing is wrong.
    pub warnings: Problems,
    /// Whether it is an error to insert a row whose origin is [`Origin::Referenced`].
    pub strict: bool,
}

impl LoadPlan {
    /// Goes through all rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.batches.iter().flat_map(|batch| &batch.rows)
    }

    /// Returns the row with that id, if there is one.
    pub fn row(&self, id: RowId) -> Option<&Row> {
        let index = self.batches.partition_point(|batch| batch.rows.last().is_some_and(|last| last.id < id));
        self.batches.get(index)?.rows.iter().find(|row| row.id == id)
    }
}

/// Rows of one type with the same columns, none of which refers to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The service that owns the database.
    pub service: String,
    /// The database, by its name in that service's workspace.
    pub database: String,
    /// The data type, by its name in that service.
    pub data_type: String,
    /// The table; `PROVIDER: TYPE` when a provider makes the records.
    pub table: String,
    /// The provider that makes the records, instead of rows being inserted.
    pub made_by: Option<MadeBy>,
    /// The columns of the natural key; each row has a cell for each.
    pub key_columns: Vec<String>,
    /// The columns of the cells, in their order; the same for every row.
    pub columns: Vec<String>,
    /// The field of each column.
    pub fields: Vec<String>,
    /// The rows, by key.
    pub rows: Vec<Row>,
    /// What later batches need to know of these rows, each once.
    pub wanted: Vec<ColumnWanted>,
}

/// The provider of a batch. What are columns elsewhere are its fields.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeBy {
    /// The provider.
    pub provider: Arc<Provider>,
    /// How it is asked for such records, if over HTTP.
    pub requests: Option<Arc<Requests>>,
}

/// The number of a row in its plan, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub usize);

/// One record that is made sure of.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number.
    pub id: RowId,
    /// Its name for reports: `lms.user[verified]`.
    pub name: String,
    /// Who wants it.
    pub origin: Origin,
    /// Columns and what they hold. A column that neither a spec nor the type gives is left to the database.
    pub cells: Vec<(String, Cell)>,
    /// The positions of the cells that specs, or types that imply the row, give; those of the key are not among them.
    pub declared: Vec<usize>,
    /// Fields that a spec must give and that none gives: the row can be found by its key, but not inserted. Never for a
    /// declared row.
    pub missing: Vec<Missing>,
}

/// Who wants a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// Specs do, at these places.
    Declared(Vec<Place>),
    /// The type of another record does: it `implies` this one.
    Implied {
        /// The other record.
        by: RowId,
        /// Where the type says so.
        place: Place,
    },
    /// Another record refers to it, and nothing else is known of it than its key.
    Referenced {
        /// The other record.
        by: RowId,
        /// Where it refers to it: in a spec, or the default in the data type.
        place: Place,
    },
}

/// A field without which a row cannot be inserted.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// The field.
    pub field: String,
    /// Where the type declares it.
    pub place: Place,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A value that is known.
    Value(Value),
    /// A column of a row of an earlier batch.
    Reference {
        /// The other row.
        row: RowId,
        /// Its column.
        column: ColumnWanted,
    },
}

/// A column of a row that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColumnWanted {
    /// The primary key, whatever it is called.
    PrimaryKey,
    /// The column of that name.
    Named(String),
}

impl fmt::Display for ColumnWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrimaryKey => f.write_str("primary key"),
            Self::Named(name) => f.write_str(name),
        }
    }
}
