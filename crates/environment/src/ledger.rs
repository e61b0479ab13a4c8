//! What loads have made, as it stands in the ledger of each database: an entry for each load, and the rows that it made,
//! found and changed, in pieces.
//!
//! The format is described in `docs/formats/ledger.md`. It holds no time, no user and no path of the machine, so that the same
//! loads give the same content everywhere.

use std::collections::{BTreeMap, HashMap, HashSet};

use database::{Database, DatabaseError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger_column::{self, ColumnWriter};

/// The version of the format.
pub(crate) const FORMAT: u32 = 1;

/// How many rows a piece has at most: that many are in memory at once when it is read.
const ROWS: usize = 20_000;

/// What a load treats how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadMode {
    /// What is missing is created; nothing else is touched, and what differs is reported.
    #[default]
    Ensure,
    /// Declared fields are brought to the declared values, too.
    Update,
    /// New records are made every time, with new natural keys.
    Add,
    /// As `Update`; and what earlier loads of the spec made and it no longer has is removed.
    Replace,
}

impl LoadMode {
    /// Whether declared fields are brought to the declared values.
    pub(crate) fn updates(self) -> bool {
        matches!(self, Self::Update | Self::Replace)
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ensure => "ensure",
            Self::Update => "update",
            Self::Add => "add",
            Self::Replace => "replace",
        }
    }
}

/// One load, as the first piece of its entry has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    seedbed_ledger: u32,
    /// Its number in the database, from 1.
    #[serde(skip)]
    pub(crate) number: u64,
    /// What was loaded.
    #[serde(flatten)]
    pub(crate) load: LoadIdentity,
    /// By table, how many rows were made.
    pub(crate) made: BTreeMap<String, u64>,
    /// How many pieces come after this one.
    pub(crate) pieces: u64,
}

/// What is loaded, and what makes that the same or another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoadIdentity {
    /// The spec: its path below the root workspace, or what else names it.
    pub(crate) spec: String,
    /// The service that names without one are of.
    pub(crate) service: String,
    pub(crate) mode: LoadMode,
    /// The digest of what the spec asks for, after parameters and includes.
    pub(crate) digest: String,
    /// The digest of the data types that are used.
    pub(crate) types: String,
    /// The version of what generates values.
    pub(crate) generator: u32,
    pub(crate) seed: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parameters: BTreeMap<String, String>,
}

impl LoadIdentity {
    /// Whether the other one is a load of the same spec.
    pub(crate) fn is_same_spec(&self, other: &LoadIdentity) -> bool {
        self.spec == other.spec && self.service == other.service
    }
}

/// What a load did to the rows of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Did {
    /// It made them.
    Made,
    /// It found rows that loads of other specs made.
    Shared,
    /// It changed them.
    Changed,
}

/// What is said once of the rows of a piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PieceHead {
    pub(crate) did: Did,
    pub(crate) table: String,
    /// The data type, without its service; or the table.
    #[serde(rename = "type")]
    pub(crate) data_type: String,
    /// The columns by which a row is known: those of the primary key first, then those of the natural key.
    pub(crate) keys: Vec<String>,
    /// How many of these are the primary key; 0 for a table without one.
    pub(crate) primary: usize,
    /// Whether a provider made them: they are rows of no table, and the last of the keys is what it said that it made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) provided: bool,
    /// The columns that were changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changed: Vec<String>,
    /// For generated rows: which group of the table, and the index in it of the first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<(u64, u64)>,
    /// The digest of what the group was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) given: Option<String>,
    /// Whether they are generated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) generated: bool,
    /// Whether nobody asked for them, but others refer to them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) implied: bool,
}

/// Rows of one table that a load treated alike. Each row has the values of the keys, then the old and then the new values of
/// the columns that were changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) head: PieceHead,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl PieceHead {
    fn width(&self) -> usize {
        self.keys.len() + 2 * self.changed.len()
    }

    /// What tells a row from others of its table: the primary key, or else all that it is known by.
    pub(crate) fn identity(&self, row: &[Value]) -> String {
        let length = if self.primary == 0 { self.keys.len() } else { self.primary };
        identity(&row[..length])
    }
}

/// A text that is another one for other values.
pub(crate) fn identity(values: &[Value]) -> String {
    Value::from(values.to_vec()).to_string()
}

impl PieceHead {
    /// Reads the head of a piece, how many rows it has, and where they begin.
    fn read(bytes: &[u8]) -> Option<(Self, usize, usize)> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (head, count): (PieceHead, usize) = serde_json::from_slice(&bytes[..end]).ok()?;
        Some((head, count, end + 1))
    }
}

impl Piece {
    /// Reads a piece.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (head, count, begin) = PieceHead::read(bytes)?;
        let rows = ledger_column::read(&bytes[begin..], head.width(), count)?;
        Some(Self { head, rows })
    }
}

/// Makes the pieces of rows of one table, as the rows come.
pub(crate) struct PieceWriter {
    head: PieceHead,
    columns: Vec<ColumnWriter>,
    count: usize,
    /// The pieces that are full.
    pub(crate) full: Vec<Vec<u8>>,
}

impl PieceWriter {
    pub(crate) fn new(head: PieceHead) -> Self {
        let columns = (0..head.width()).map(|_| ColumnWriter::default()).collect();
        Self { head, columns, count: 0, full: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: impl Iterator<Item = Value>) {
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.add(value);
        }
        self.count += 1;
        if self.count == ROWS {
            self.cut();
        }
    }

    /// The table of its rows.
    pub(crate) fn table(&self) -> &str {
        &self.head.table
    }

    /// Says what the group of the rows that come next was given.
    pub(crate) fn give(&mut self, given: Option<String>) {
        self.cut();
        self.head.given = given;
    }

    /// Says whether the rows that come next are implied by others.
    pub(crate) fn imply(&mut self, implied: bool) {
        if self.head.implied != implied {
            self.cut();
            self.head.implied = implied;
        }
    }

    /// Says which row of which group comes next; `None` for one of no group.
    pub(crate) fn go_to(&mut self, place: Option<(u64, u64)>) {
        let next = self.head.group.map(|(group, first)| (group, first + self.count as u64));
        if next != place {
            self.cut();
            self.head.group = place;
        }
    }

    fn cut(&mut self) {
        if self.count == 0 {
            return;
        }
        let mut bytes = serde_json::to_vec(&(&self.head, self.count)).expect("these types have no failing parts");
        bytes.push(b'\n');
        for column in &mut self.columns {
            column.write(&mut bytes);
        }
        self.full.push(bytes);
        self.head.group = self.head.group.map(|(group, first)| (group, first + self.count as u64));
        self.count = 0;
    }

    /// The pieces of all rows.
    pub(crate) fn finish(mut self) -> Vec<Vec<u8>> {
        self.cut();
        self.full
    }
}

/// The pieces of some rows that are there already.
pub(crate) fn pieces(head: PieceHead, rows: Vec<Vec<Value>>) -> Vec<Vec<u8>> {
    let mut writer = PieceWriter::new(head);
    for row in rows {
        writer.add(row.into_iter());
    }
    writer.finish()
}

impl Piece {
    /// Which row of which group one of its rows is.
    pub(crate) fn place(&self, row: usize) -> Option<(u64, u64)> {
        self.head.group.map(|(group, first)| (group, first + row as u64))
    }

    /// The pieces of those of its rows that stay.
    pub(crate) fn without(&self, goes: &[bool]) -> Vec<Vec<u8>> {
        let mut writer = PieceWriter::new(PieceHead { group: None, ..self.head.clone() });
        for (number, row) in self.rows.iter().enumerate().filter(|(number, _)| !goes[*number]) {
            writer.go_to(self.place(number));
            writer.add(row.iter().cloned());
        }
        writer.finish()
    }
}

/// Reads the entries of a database.
pub(crate) fn entries(transaction: &mut dyn Transaction, database: &str) -> Result<Vec<Entry>, DatabaseError> {
    let heads = transaction.ledger()?;
    let read = |(number, bytes): (u64, Vec<u8>)| {
        let entry: Option<Entry> = serde_json::from_slice(&bytes).ok();
        let entry = entry.filter(|entry| entry.seedbed_ledger == FORMAT).ok_or_else(|| unreadable(database, number))?;
        Ok(Entry { number, ..entry })
    };
    heads.into_iter().map(read).collect()
}

/// Reads one piece of an entry.
pub(crate) fn piece(
    transaction: &mut dyn Transaction,
    database: &str,
    entry: u64,
    number: u64,
) -> Result<Piece, DatabaseError> {
    let bytes = transaction.ledger_piece(entry, number)?;
    bytes.and_then(|bytes| Piece::read(&bytes)).ok_or_else(|| unreadable(database, entry))
}

/// Reads the head of one piece of an entry, and how many rows it has.
pub(crate) fn head(
    transaction: &mut dyn Transaction,
    database: &str,
    entry: u64,
    number: u64,
) -> Result<(PieceHead, usize), DatabaseError> {
    let bytes = transaction.ledger_piece(entry, number)?;
    let read = bytes.and_then(|bytes| PieceHead::read(&bytes)).map(|(head, count, _)| (head, count));
    read.ok_or_else(|| unreadable(database, entry))
}

/// Writes an entry with its pieces.
pub(crate) fn write(
    transaction: &mut dyn Transaction,
    number: u64,
    load: &LoadIdentity,
    made: BTreeMap<String, u64>,
    pieces: &[Vec<u8>],
) -> Result<(), DatabaseError> {
    let entry = Entry { seedbed_ledger: FORMAT, number, load: load.clone(), made, pieces: pieces.len() as u64 };
    let bytes = serde_json::to_vec(&entry).expect("these types have no failing parts");
    transaction.write_ledger(number, 0, &bytes)?;
    for (piece, bytes) in (1..).zip(pieces) {
        transaction.write_ledger(number, piece, bytes)?;
    }
    Ok(())
}

/// Removes all of it, where a content shall not say how it came about.
pub(crate) fn forget(database: &mut dyn Database) -> Result<(), DatabaseError> {
    let mut transaction = match database.begin() {
        // Where there are no tables, nothing was loaded.
        Err(DatabaseError::Unsupported { .. }) => return Ok(()),
        begun => begun?,
    };
    for (number, _) in transaction.ledger()? {
        transaction.cut_ledger(number, 0)?;
    }
    transaction.commit()?;
    database.tidy_ledger()
}

fn unreadable(database: &str, number: u64) -> DatabaseError {
    DatabaseError::Refused {
        database: database.to_owned(),
        action: format!("read what load {number} has made"),
        source: "it was written by another version of seedbed, or changed by hand".into(),
    }
}

/// Which rows of some tables entries name, by table.
#[derive(Debug, Default)]
pub(crate) struct Named(HashMap<String, HashSet<String>>);

impl Named {
    /// Reads the rows that entries made or share, of the tables that are asked for.
    pub(crate) fn read<'e>(
        transaction: &mut dyn Transaction,
        database: &str,
        entries: impl Iterator<Item = &'e Entry>,
        is_asked: impl Fn(&str) -> bool,
    ) -> Result<Self, DatabaseError> {
        let mut named = Self::default();
        for entry in entries {
            for number in 1..=entry.pieces {
                let piece = piece(transaction, database, entry.number, number)?;
                if piece.head.did == Did::Changed || !is_asked(&piece.head.table) {
                    continue;
                }
                let rows = named.0.entry(piece.head.table.clone()).or_default();
                rows.extend(piece.rows.iter().map(|row| piece.head.identity(row)));
            }
        }
        Ok(named)
    }

    pub(crate) fn has(&self, table: &str, identity: &str) -> bool {
        self.0.get(table).is_some_and(|rows| rows.contains(identity))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.values().all(HashSet::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn head() -> PieceHead {
        PieceHead {
            did: Did::Made,
            table: "users".to_owned(),
            data_type: "user".to_owned(),
            keys: vec!["id".to_owned(), "username".to_owned()],
            primary: 1,
            provided: false,
            changed: Vec::new(),
            group: None,
            given: None,
            generated: false,
            implied: false,
        }
    }

    #[test]
    fn rows_come_back_in_their_order_in_pieces() {
        let rows: Vec<Vec<Value>> = (0..i64::try_from(ROWS).unwrap() + 5)
            .map(|number| {
                vec![json!(number * number % 7919 - 9), if number % 3 == 0 { json!(null) } else { json!("x\n") }]
            })
            .collect();
        let written = pieces(head(), rows.clone());
        assert_eq!(written.len(), 2);
        let read: Vec<Piece> = written.iter().map(|bytes| Piece::read(bytes).unwrap()).collect();
        assert_eq!(read[0].head, head());
        assert_eq!(read.into_iter().flat_map(|piece| piece.rows).collect::<Vec<_>>(), rows);
    }

    #[test]
    fn a_range_takes_next_to_nothing_and_groups_keep_their_index() {
        let mut writer = PieceWriter::new(PieceHead { keys: vec!["id".to_owned()], ..head() });
        for number in 0..ROWS as u64 {
            writer.go_to(Some((0, number)));
            writer.add(std::iter::once(json!(number + 100)));
        }
        writer.go_to(Some((0, ROWS as u64 + 7)));
        writer.add(std::iter::once(json!(1)));
        let written = writer.finish();
        assert!(
            written.iter().all(|piece| piece.len() < 150),
            "{:?}",
            written.iter().map(Vec::len).collect::<Vec<_>>()
        );
        let groups: Vec<_> = written.iter().map(|bytes| Piece::read(bytes).unwrap().head.group).collect();
        assert_eq!(groups, [Some((0, 0)), Some((0, ROWS as u64 + 7))]);
    }

    #[test]
    fn what_is_cut_is_not_read() {
        let written = pieces(head(), vec![vec![json!(1), json!("ada")], vec![json!(2), json!("björn")]]);
        for length in 0..written[0].len() {
            assert_eq!(Piece::read(&written[0][..length]), None, "{length}");
        }
    }
}
