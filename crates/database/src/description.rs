//! The rich table model: all that a value of a table must obey, as far as the engine tells.
//!
//! It stands beside [`Schema`](crate::Schema), which is part of fingerprints and must not grow.

/// Describes the tables of a database, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The tables; views, partitions and the engine's own tables are not among them.
    pub tables: Vec<TableDescription>,
}

impl Description {
    /// Finds a table by its exact name.
    pub fn table(&self, name: &str) -> Option<&TableDescription> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// Describes one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableDescription {
    /// The name, as in [`Table`](crate::Table).
    pub name: String,
    /// The columns, in the table's order.
    pub columns: Vec<ColumnDescription>,
    /// The primary key first, then the other unique keys.
    pub keys: Vec<KeyDescription>,
    /// The foreign keys, of partitions too.
    pub foreign_keys: Vec<ForeignKeyDescription>,
    /// The checks of the table and of its columns; those of domains are with the column.
    pub checks: Vec<CheckDescription>,
    /// Where a partitioned table takes rows, if not everywhere.
    pub partitions: Option<Partitions>,
    /// What the model cannot express and may refuse rows, in words: `the exclusion constraint no_overlap`.
    pub unknown: Vec<String>,
}

impl TableDescription {
    /// Finds a column by its exact name.
    pub fn column(&self, name: &str) -> Option<&ColumnDescription> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Describes one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDescription {
    /// The name.
    pub name: String,
    /// The type in the engine's words.
    pub sql_type: String,
    /// What its values are.
    pub kind: Kind,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// What the database does when no value is given.
    pub filled: Filled,
    /// The checks of its domain, in which it is called `VALUE`.
    pub checks: Vec<CheckDescription>,
}

/// What the database does for a column that is given no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filled {
    /// It stores NULL.
    #[default]
    Null,
    /// It works this expression out.
    Default(String),
    /// It counts: a sequence, an identity, a row id, `AUTO_INCREMENT`.
    Counter,
    /// It always makes the value itself and takes none.
    Generated,
}

/// What the values of a column are, across engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True and false.
    Boolean,
    /// Whole numbers between these, both included.
    Integer {
        /// The least.
        least: i64,
        /// The greatest.
        greatest: i64,
    },
    /// Exact numbers with so many digits, of which `scale` are behind the point.
    Decimal {
        /// All digits; a number without a limit has 15.
        precision: u32,
        /// Those behind the point.
        scale: u32,
    },
    /// Numbers that are not exact.
    Float,
    /// Text of at most so many characters.
    Text {
        /// The limit, if there is one.
        length: Option<u32>,
    },
    /// Bytes, at most so many; `exact`: all of them.
    Bytes {
        /// The limit, if there is one.
        length: Option<u32>,
        /// Whether shorter ones are filled up.
        exact: bool,
    },
    /// Days.
    Date,
    /// Times of day.
    Time,
    /// Moments, with a zone or without.
    Timestamp {
        /// Whether they are moments of the world and not of a clock on a wall.
        zone: bool,
    },
    /// Durations.
    Interval,
    /// UUIDs.
    Uuid,
    /// Documents.
    Json,
    /// XML documents.
    Xml,
    /// One of these texts.
    Enum(Vec<String>),
    /// Any of these texts at once.
    Set(Vec<String>),
    /// Addresses of hosts.
    Inet,
    /// Addresses of networks.
    Cidr,
    /// Addresses of network cards.
    MacAddress,
    /// So many bits.
    Bits {
        /// How many.
        length: u32,
    },
    /// Four-digit years of MySQL.
    Year,
    /// Lists of values.
    Array(Box<Kind>),
    /// From one value to another.
    Range(Box<Kind>),
    /// A point, line or other figure, by the engine's name for it.
    Figure(String),
    /// Words to search for.
    SearchWords,
    /// A type that nothing is known of.
    Unknown,
}

/// A primary key, a unique constraint or a unique index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDescription {
    /// Its name; empty where the engine has none.
    pub name: String,
    /// Whether it is the primary key.
    pub primary: bool,
    /// Its columns.
    pub columns: Vec<String>,
    /// The expressions that are parts of it beside the columns, as the engine writes them.
    pub expressions: Vec<String>,
    /// The condition of a partial index.
    pub condition: Option<String>,
}

/// A foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignKeyDescription {
    /// Its name; empty where the engine has none.
    pub name: String,
    /// The columns of this table.
    pub columns: Vec<String>,
    /// The table that they refer to.
    pub table: String,
    /// The columns there, in the same order.
    pub referenced: Vec<String>,
    /// Whether it can be checked at the end of a transaction.
    pub deferrable: bool,
}

/// A check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckDescription {
    /// Its name; empty where the engine has none.
    pub name: String,
    /// The condition in the engine's words.
    pub condition: String,
}

/// Where a partitioned table takes rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions {
    /// The column by which it is partitioned.
    pub column: String,
    /// From each first text up to each second one, which is not included; `None`: without an end.
    pub ranges: Vec<(Option<String>, Option<String>)>,
    /// The values that are taken, where they are listed.
    pub values: Vec<String>,
}
