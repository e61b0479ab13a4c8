//! What is wanted of the tables of one database.

use database::Datum;
use indexmap::IndexMap;

/// What is wanted of the tables of one database.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// What all values depend on.
    pub seed: u64,
    /// How many rows every table shall have that is not named.
    pub fill: Option<u64>,
    /// What is wanted of each table that is named.
    pub tables: IndexMap<String, Vec<Group>>,
}

/// Rows of one table that are made alike.
#[derive(Clone, Debug)]
pub struct Group {
    /// How many; a record that is named by its values is a group of one.
    pub count: u64,
    /// Whether it is a record of its own, which is found again by its values.
    pub is_record: bool,
    /// What is given, by column.
    pub given: IndexMap<String, Given>,
}

/// What is given for a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// This value.
    Value(Datum),
    /// A text with the row's number in it, counted from 1: the pieces between the numbers.
    Numbered(Vec<String>),
    /// A text made of others of the same row: each piece, and the column whose value comes after it.
    Made(Vec<(String, Option<String>)>),
    /// One of these values, each as often as its weight says.
    OneOf(Vec<(Datum, u64)>),
    /// Numbers or dates from one to another, both included.
    Between(String, String),
    /// Numbers around a mean.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        deviation: f64,
    },
    /// Another row than usual of the table that is referred to.
    Pick(Spread),
    /// The row of another table with these values, which are values or, where that refers to others itself, records again.
    Record(IndexMap<String, Given>),
}

/// How references are spread over the rows that they can refer to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Evenly.
    Uniform,
    /// The first rows much more often than the last: the k-th in proportion to 1/k^exponent.
    Zipf {
        /// The exponent, more than 0.
        exponent: f64,
    },
}

/// What is in a table already.
#[derive(Clone, Debug, Default)]
pub struct Existing {
    /// How many rows.
    pub rows: u64,
    /// How many of them are records that are wanted by their values, and are not wanted again.
    pub records: u64,
    /// Rows that can be referred to, by the columns that are.
    pub referable: Vec<(Vec<String>, Vec<Vec<Datum>>)>,
    /// The digests of what is in the columns of each key, by the key's number: [`taken`](crate::taken).
    pub taken: Vec<std::collections::HashSet<u128>>,
}
