//! The rows of one table that loads of a spec have made in groups, read once: which of them look like something else than is given.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use database::{Database, DatabaseError, Description};
use factory::{Declared, DeclaredRows, Stated};
use plan::DatabaseId;
use serde_json::Value;

use crate::generation_compare::{Givens, compared};
use crate::ledger::{self, Entry, LoadIdentity, PieceHead};
use crate::{Error, Interrupt};

/// How many rows that are not counted one after the other are looked for in one reading of a table: memory is bounded by them.
const AT_ONCE: usize = 500_000;

/// How many rows are read until the user's wish to end is heard.
const UNTIL_HEARD: u64 = 10_000;

/// The pieces of the ledger that have rows of one table.
#[derive(Debug, Default)]
pub(crate) struct RowsOfGroups(Vec<PieceAt>);

#[derive(Debug)]
struct PieceAt {
    entry: Entry,
    number: u64,
    head: PieceHead,
    rows: usize,
}

impl RowsOfGroups {
    pub(crate) fn add(&mut self, entry: &Entry, number: u64, head: PieceHead, rows: usize) {
        self.0.push(PieceAt { entry: entry.clone(), number, head, rows });
    }

    /// Whether some rows are of such a group.
    pub(crate) fn has(&self, is_meant: &mut dyn FnMut(u64) -> bool) -> bool {
        self.0.iter().any(|piece| piece.head.group.is_some_and(|(group, _)| is_meant(group)))
    }

    /// Whether all rows of groups were given the same as now.
    pub(crate) fn is_given(&self, table: &str, givens: &Givens) -> bool {
        self.0.iter().all(|piece| {
            let Some((group, _)) = piece.head.group else { return true };
            piece.head.given.is_some() && piece.head.given.as_ref() == givens.get(&(table.to_owned(), group))
        })
    }

    pub(crate) fn loads(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(|piece| piece.entry.number)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|piece| piece.rows as u64).sum()
    }
}

/// What rows are compared with.
pub(crate) struct Rows<'a> {
    pub(crate) id: &'a DatabaseId,
    pub(crate) description: &'a Description,
    pub(crate) declared: &'a Declared,
    pub(crate) load: &'a LoadIdentity,
}

/// Rows that are looked for in one reading: by their keys, where they stand in which piece.
#[derive(Default)]
struct Sought<'d> {
    /// The first key of rows that are counted one after the other, how many there are, and their piece.
    runs: BTreeMap<i64, (u64, usize)>,
    others: HashMap<u64, (u32, u32)>,
    pieces: Vec<SoughtPiece<'d>>,
}

struct SoughtPiece<'d> {
    entry: Entry,
    number: u64,
    rows: DeclaredRows<'d>,
    columns: Vec<usize>,
    first: u64,
    is_open: Vec<bool>,
}

impl<'a> Rows<'a> {
    /// Adds the rows that may differ, by load, piece and row.
    pub(crate) fn suspects(
        &self,
        database: &mut dyn Database,
        table: &str,
        of: RowsOfGroups,
        interrupt: &Interrupt,
        suspects: &mut Vec<(Entry, u64, Vec<bool>)>,
    ) -> Result<(), Error> {
        let mut pieces = of.0.into_iter().peekable();
        while let Some(keys) = pieces.peek().map(|piece| piece.head.keys.clone()) {
            let mut sought = Sought::default();
            // Those of one key are looked for together.
            while let Some(piece) = pieces.next_if(|piece| piece.head.keys == keys && sought.others.len() < AT_ONCE) {
                self.seek(database, piece, &mut sought)?;
            }
            self.read(database, table, &keys, &mut sought, interrupt)?;
            let open = sought.pieces.into_iter().filter(|piece| piece.is_open.contains(&true));
            suspects.extend(open.map(|piece| (piece.entry, piece.number, piece.is_open)));
        }
        Ok(())
    }

    /// Looks for the rows of a piece, too.
    fn seek(&self, database: &mut dyn Database, at: PieceAt, sought: &mut Sought<'a>) -> Result<(), Error> {
        let PieceAt { entry, number, head, rows: count } = at;
        let declared = head.group.and_then(|(group, first)| Some((self.declared.group(&head.table, group)?, first)));
        let Some((rows, first)) = declared else { return Ok(()) };
        let columns = compared(&rows, &head, entry.load.mode);
        if columns.is_empty() {
            return Ok(());
        }
        let failed = Error::database(self.id);
        let mut transaction = database.begin().map_err(&failed)?;
        let piece = ledger::piece(&mut *transaction, &self.id.name, entry.number, number).map_err(&failed)?;
        transaction.rollback().map_err(&failed)?;
        let place = sought.pieces.len();
        if let Some(start) = run(&piece.rows) {
            sought.runs.insert(start, (count as u64, place));
        } else {
            for (row, key) in piece.rows.iter().enumerate() {
                let texts = key.iter().map(key_text);
                let numbers = (u32::try_from(place), u32::try_from(row));
                let (Ok(place), Ok(row)) = numbers else { unreachable!("pieces are few and small") };
                sought.others.insert(digest(texts), (place, row));
            }
        }
        sought.pieces.push(SoughtPiece { entry, number, rows, columns, first, is_open: vec![true; count] });
        Ok(())
    }

    /// Reads the table, and closes the rows that surely hold what is given.
    fn read(
        &self,
        database: &mut dyn Database,
        table: &str,
        keys: &[String],
        sought: &mut Sought<'_>,
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        let Some(described) = self.description.table(table) else { return Ok(()) };
        let position = |key: &String| described.columns.iter().position(|column| column.name == *key);
        let Some(keys) = keys.iter().map(position).collect::<Option<Vec<usize>>>() else { return Ok(()) };
        if sought.pieces.is_empty() {
            return Ok(());
        }
        let mut number = 0_u64;
        let read = database.read_rows(table, &mut |row| {
            number += 1;
            if number.is_multiple_of(UNTIL_HEARD) && interrupt.is_raised() {
                let (database, action) = (self.id.name.clone(), format!("read {table}"));
                return Err(DatabaseError::Refused { database, action, source: "it was interrupted".into() });
            }
            if let Some((place, at)) = sought.find(row, &keys) {
                let piece = &mut sought.pieces[place];
                let stored = |column: usize| row[column].clone();
                let is_same = |column: &usize| match piece.rows.stated(piece.first + at as u64, *column, &stored) {
                    Stated::Value(value) => piece.rows.is_surely(*column, row[*column].as_deref(), &value),
                    Stated::OfRow { .. } => false,
                    // Which record is meant may be known when it has been made.
                    Stated::Nothing => !self.load.mode.updates(),
                };
                piece.is_open[at] = !piece.columns.iter().all(is_same);
            }
            Ok(())
        });
        if interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        read.map_err(Error::database(self.id))
    }
}

impl Sought<'_> {
    /// The piece of a row, and its place in it.
    fn find(&self, row: &[Option<String>], keys: &[usize]) -> Option<(usize, usize)> {
        if let ([key], false) = (keys, self.runs.is_empty()) {
            let key: i64 = row[*key].as_ref()?.parse().ok()?;
            if let Some((start, (count, place))) = self.runs.range(..=key).next_back() {
                let at = key.abs_diff(*start);
                if at < *count {
                    return Some((*place, usize::try_from(at).ok()?));
                }
            }
        }
        if self.others.is_empty() {
            return None;
        }
        let texts = keys.iter().map(|key| row[*key].clone()).collect::<Option<Vec<String>>>()?;
        let (place, at) = self.others.get(&digest(texts.into_iter()))?;
        Some((usize::try_from(*place).ok()?, usize::try_from(*at).ok()?))
    }
}

/// The first key of rows that are counted one after the other.
fn run(rows: &[Vec<Value>]) -> Option<i64> {
    let number = |row: &Vec<Value>| match &row[..] {
        [key] => key.as_i64(),
        _ => None,
    };
    let start = rows.first().and_then(number)?;
    (start..).zip(rows).all(|(expected, row)| number(row) == Some(expected)).then_some(start)
}

fn digest(texts: impl Iterator<Item = String>) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.for_each(|text| text.hash(&mut hasher));
    hasher.finish()
}

/// A value as a text.
pub(crate) fn key_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
