//! The table model: what a driver says about the tables of a database.

/// Describes the tables of a database, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The tables; views and the engine's own tables are not among them.
    pub tables: Vec<Table>,
}

impl Schema {
    /// Finds a table by its exact name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// Describes one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The name; `schema.name` when it is outside the engine's usual schema.
    pub name: String,
    /// The columns, in the table's order.
    pub columns: Vec<Column>,
    /// The columns of the primary key, in its order; empty without one.
    pub primary_key: Vec<String>,
    /// The other sets of columns that are unique, sorted; partial indexes and expressions are not among them.
    pub unique: Vec<Vec<String>>,
    /// The foreign keys, sorted.
    pub foreign_keys: Vec<ForeignKey>,
}

impl Table {
    /// Finds a column by its exact name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Describes one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// The name.
    pub name: String,
    /// The type in the engine's words, as declared.
    pub sql_type: String,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Whether the database has a value for it when none is given (a default, a sequence, a row id).
    pub has_default: bool,
    /// Whether the database alone makes its value.
    pub generated: bool,
}

/// Describes a foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignKey {
    /// The columns of this table.
    pub columns: Vec<String>,
    /// The table that they refer to.
    pub table: String,
    /// The columns there, in the same order.
    pub referenced: Vec<String>,
}
