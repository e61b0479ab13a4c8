//! What is wanted of the tables of one database.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use database::Datum;
use indexmap::IndexMap;

use crate::locale::Locale;

/// What is wanted of the tables of one database.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// What all values depend on.
    pub seed: u64,
    /// How many rows every table shall have that is not named.
    pub fill: Option<u64>,
    /// Whose names, cities and telephone numbers texts are made of.
    pub locale: Locale,
    /// What is wanted of each table that is named.
    pub tables: IndexMap<String, Vec<Group>>,
    /// Columns that refer to rows of other databases, by table and column.
    pub elsewhere: BTreeMap<(String, String), Elsewhere>,
}

/// The rows of another database to which a column can refer.
#[derive(Clone, Debug)]
pub struct Elsewhere(pub Arc<dyn RowsElsewhere>);

/// What is stored to refer to the rows of another database.
pub trait RowsElsewhere: Debug + Send + Sync {
    /// How they are called.
    fn name(&self) -> &str;

    /// How many there are.
    fn size(&self) -> u64;

    /// What is stored to refer to one of them, counted from 0.
    fn value(&self, row: u64) -> Datum;

    /// What a column holds of the row that is referred to by what is stored; `None` if it is not known.
    fn look_up(&self, stored: &Datum, column: &str) -> Option<Datum>;
}

impl PartialEq for Elsewhere {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
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
    /// The columns of these for which nothing is given but a default: a row that is there may have something else.
    pub defaults: BTreeSet<String>,
}

impl Group {
    /// Whether it is many records, of which lists say what each of them is.
    pub fn is_listed(&self) -> bool {
        self.given.values().any(|given| matches!(given, Given::Listed(_)))
    }
}

impl Group {
    /// So many rows of which nothing is given.
    pub fn of(count: u64) -> Self {
        Self { count, is_record: false, given: IndexMap::new(), defaults: BTreeSet::new() }
    }
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
    /// A template over other values of the same row.
    Template(Template),
    /// Of many records, what each of them has: the first the first of these, and so on.
    Listed(Arc<Vec<Datum>>),
    /// One of these values, each as often as its weight says.
    OneOf(Vec<(Datum, u64)>),
    /// Numbers or dates from one to another, both included.
    Between(String, String),
    /// The same, the later the more often.
    Recent(String, String),
    /// Numbers around a mean.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        deviation: f64,
    },
    /// Numbers that are small mostly and large now and then, from 0 up.
    Exponential {
        /// The mean.
        mean: f64,
    },
    /// Numbers whose logarithms are normal.
    LogNormal {
        /// Half of the numbers are below it.
        median: f64,
        /// The standard deviation of the logarithms.
        deviation: f64,
    },
    /// Texts of so many characters, from one number to another, both included.
    Length(u32, u32),
    /// The value of another column.
    SameAs(String),
    /// What stands beside the value of another column.
    Mapped {
        /// The other column.
        from: String,
        /// By its value, as text.
        map: IndexMap<String, Datum>,
        /// What it is for another value.
        otherwise: Datum,
    },
    /// A value that is greater than that of another column, or less.
    Beside {
        /// The other column.
        column: String,
        /// Whether it is greater.
        greater: bool,
        /// From how far to how far away: days for dates and moments, else numbers; `None`: as is usual.
        distance: Option<(f64, f64)>,
    },
    /// How the rows are chosen that it refers to.
    Pick(Pick),
    /// One of these rows of another table, each as often as its weight says.
    Records(Vec<(RecordRef, u64)>),
}

/// A row of another table.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordRef {
    /// The record of the spec, or the row that is there, with these values by column; where that refers to others itself,
    /// they are records again.
    By(IndexMap<String, Given>),
    /// A row that is there: what a foreign key to it stores, column by column.
    There(Vec<Datum>),
}

/// How the rows are chosen that a foreign key refers to.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// Any of them.
    Spread(Spread),
    /// Each row of a group of the other table in turn, so many times: the group's number among those of its table that are
    /// no records, and how many times.
    Each {
        /// The number of the group.
        group: u64,
        /// How many rows refer to the same.
        times: u64,
    },
}

impl Given {
    /// Calls the columns that it is worked out from otherwise, where there is another name.
    pub fn rename(&mut self, name: &dyn Fn(&str) -> Option<String>) {
        let change = |column: &mut String| {
            if let Some(name) = name(column) {
                *column = name;
            }
        };
        match self {
            Self::Made(pieces) => pieces.iter_mut().filter_map(|(_, column)| column.as_mut()).for_each(change),
            Self::Template(template) => {
                template.operands.iter_mut().map(|operand| &mut operand.column).for_each(change);
            }
            Self::SameAs(column) | Self::Mapped { from: column, .. } | Self::Beside { column, .. } => change(column),
            _ => {}
        }
    }

    /// Whether it is worked out from the row, and not drawn.
    pub(crate) fn is_derived(&self) -> bool {
        matches!(self, Self::Made(_) | Self::Template(_) | Self::SameAs(_) | Self::Mapped { .. } | Self::Beside { .. })
    }

    /// The columns whose values it is worked out from.
    pub fn needs(&self) -> Vec<&str> {
        match self {
            Self::Made(pieces) => pieces.iter().filter_map(|(_, column)| column.as_deref()).collect(),
            Self::Template(template) => template.operands.iter().map(|operand| operand.column.as_str()).collect(),
            Self::SameAs(column) | Self::Mapped { from: column, .. } | Self::Beside { column, .. } => vec![column],
            _ => Vec::new(),
        }
    }
}

/// A template over other values of the same row, and of rows to which it refers.
#[derive(Clone, Debug)]
pub struct Template {
    /// What it is, compiled by whoever knows templates.
    pub formula: Arc<dyn RowTemplate>,
    /// What its names stand for, in their order.
    pub operands: Vec<Operand>,
}

/// What a name in a template stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operand {
    /// A column of the row.
    pub column: String,
    /// That refers to another row, of which it is this column.
    pub of: Option<String>,
}

impl Operand {
    /// A column of the row itself.
    pub fn own(column: &str) -> Self {
        Self { column: column.to_owned(), of: None }
    }
}

/// How a [`Template`] is worked out.
pub trait RowTemplate: Debug + Send + Sync {
    /// As it is written.
    fn text(&self) -> &str;

    /// The names that it uses, each once; the number of the row is not among them.
    fn names(&self) -> &[String];

    /// Works it out from the values of its names, in their order, and the number of the row in its group, from 1.
    fn evaluate(&self, values: &[Datum], number: u64) -> Result<Datum, String>;
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.formula.text() == other.formula.text() && self.operands == other.operands
    }
}

impl Given {
    /// Whether the value depends on nothing but the seed and the row's place in its group, so that it can be worked out again.
    pub(crate) fn is_steady(&self) -> bool {
        matches!(
            self,
            Given::Value(_)
                | Given::Numbered(_)
                | Given::OneOf(_)
                | Given::Between(..)
                | Given::Recent(..)
                | Given::Normal { .. }
                | Given::Exponential { .. }
                | Given::LogNormal { .. }
                | Given::Length(..)
        )
    }
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
    /// By group that is no record: the index of its first row that is made, and how many are. Without it, rows are made until
    /// there are as many as the groups say.
    pub due: Option<Vec<(u64, u64)>>,
    /// Rows that can be referred to, by the columns that are.
    pub referable: Vec<Referable>,
    /// The digests of what is in the columns of each key, by the key's number: [`taken`](crate::taken).
    pub taken: Vec<std::collections::HashSet<u128>>,
}

/// Rows that are there and can be referred to.
#[derive(Clone, Debug, Default)]
pub struct Referable {
    /// The columns by which they are.
    pub columns: Vec<String>,
    /// Other columns that are looked at.
    pub beside: Vec<String>,
    /// What they hold: the ones, then the others.
    pub rows: Vec<Vec<Datum>>,
    /// By what is stored to refer to them: where they stand.
    pub(crate) places: OnceLock<HashMap<Vec<String>, usize>>,
}

impl Referable {
    /// No rows yet.
    pub fn new(columns: Vec<String>, beside: Vec<String>) -> Self {
        Self { columns, beside, ..Self::default() }
    }

    /// What a column of a row holds that is looked at.
    pub(crate) fn look_up(&self, row: usize, column: &str) -> Option<Datum> {
        let place = self.columns.iter().chain(&self.beside).position(|known| known == column)?;
        self.rows[row].get(place).cloned()
    }

    /// The row to which these values refer.
    pub(crate) fn find(&self, stored: &[Datum]) -> Option<usize> {
        let texts = |values: &[Datum]| values.iter().map(Datum::text).collect::<Option<Vec<String>>>();
        let places = self.places.get_or_init(|| {
            let known = |(place, row): (usize, &Vec<Datum>)| Some((texts(&row[..self.columns.len()])?, place));
            self.rows.iter().enumerate().filter_map(known).collect()
        });
        places.get(&texts(stored)?).copied()
    }
}
