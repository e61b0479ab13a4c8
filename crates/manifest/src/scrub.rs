//! What is done to a copy of a database before it leaves the machine.

use source::{Entry, Node, Place, Problem, Tree};

use crate::reading::Reading;
use crate::{FileReference, Glob};

/// What is done to a copy of a database before it leaves the machine, so that it holds no personal data.
#[derive(Clone, Debug, PartialEq)]
pub struct Scrub {
    /// What is put in place of the values of certain columns.
    pub columns: Vec<ColumnRule>,
    /// Scripts that are executed after the rules, in this order.
    pub sql: Vec<FileReference>,
    /// Globs of tables that are declared free of personal data.
    pub keep: Vec<Glob>,
    /// Where it stands.
    pub place: Place,
}

/// What is put in place of all values of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnRule {
    /// The table, perhaps with its schema before it: `users`, `audit.events`.
    pub table: String,
    /// The column.
    pub column: String,
    /// What that is.
    pub replacement: Replacement,
    /// Where the column's name stands.
    pub place: Place,
}

/// What stands in place of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// No value.
    Nothing,
    /// An expression of SQL over the row.
    Expression(String),
    /// A pseudonym: the same for the same value, in all tables and services.
    Pseudonym(Pseudonym),
}

/// What a pseudonym looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pseudonym {
    /// A mail address.
    Email,
    /// A name of a person.
    Name,
    /// A word that is no other's.
    Word,
    /// The same signs, with other digits.
    Digits,
}

impl Pseudonym {
    const ALL: [(&str, Self); 4] =
        [("email", Self::Email), ("name", Self::Name), ("word", Self::Word), ("digits", Self::Digits)];

    fn read(word: &str, place: &Place, reading: &mut Reading<'_>) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == word);
        if found.is_none() {
            let known = Self::ALL.map(|(known, _)| known);
            let help = match source::closest(word, known) {
                Some(near) => format!("did you mean `pseudonym({near})`?"),
                None => format!("there are {}", known.map(|known| format!("`pseudonym({known})`")).join(", ")),
            };
            reading.problems.push(
                Problem::error("manifest::pseudonym", "there is no such kind of pseudonym")
                    .at(place, "not a kind of pseudonym")
                    .help(help),
            );
        }
        found.map(|(_, kind)| *kind)
    }
}

impl Scrub {
    /// Reads what stands under `scrub`, which the grammar has checked.
    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        tree.as_map()?;
        let columns = tree.get("columns").and_then(Tree::as_map).unwrap_or_default();
        Some(Self {
            columns: columns.iter().filter_map(|entry| ColumnRule::read(entry, reading)).collect(),
            sql: FileReference::read_all(tree.get("sql"), reading),
            keep: Glob::read_names(tree.get("keep"), reading),
            place: tree.place.clone(),
        })
    }
}

impl ColumnRule {
    fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let (table, column) = entry.key.rsplit_once('.')?;
        let expression = match &entry.value.node {
            Node::Null => None,
            Node::String(text) => Some(text.clone()),
            Node::Integer(number) => Some(number.to_string()),
            Node::Bool(value) => Some(value.to_string()),
            Node::Float(_) | Node::List(_) | Node::Map(_) => return None,
        };
        if expression.as_ref().is_some_and(|text| text.trim().is_empty()) {
            reading.problems.push(
                Problem::error("manifest::empty-expression", "an expression of SQL is not empty")
                    .at(&entry.value.place, "no expression")
                    .help("write `null` for no value, and `\"''\"` for the empty text"),
            );
            return None;
        }
        let (table, column) = (table.to_owned(), column.to_owned());
        let replacement = match expression {
            None => Replacement::Nothing,
            Some(text) => match text.trim().strip_prefix("pseudonym(").and_then(|rest| rest.strip_suffix(')')) {
                Some(word) => Replacement::Pseudonym(Pseudonym::read(word.trim(), &entry.value.place, reading)?),
                None => Replacement::Expression(text),
            },
        };
        Some(Self { table, column, replacement, place: entry.key_place.clone() })
    }
}
