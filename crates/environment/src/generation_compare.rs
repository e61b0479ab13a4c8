//! Rows that loads of a spec have made, compared with what the spec gives of them.
//!
//! Where the database can tell that nobody has changed any since, and the spec gives the same, there is nothing to read. Else
//! each table is read once, and what looks like another value is a *suspect*; whether it is one, the database says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use database::{Database, Datum, Description, KeyDescription, Transaction};
use factory::{Declared, DeclaredRows, Given, Group, Stated, Wanted};
use plan::DatabaseId;
use serde_json::Value;

use crate::generation_parents::Parents;
use crate::generation_rows::{Rows, RowsOfGroups, key_text};
use crate::generation_there::refer;
use crate::ledger::{self, Did, Entry, LoadIdentity, LoadMode, PieceHead};
use crate::specs::json;
use crate::{Error, Interrupt};

/// How many rows are looked for at once.
const AT_ONCE: usize = 2000;

/// By table and group, the digest of what a spec gives of its rows.
pub(crate) type Givens = BTreeMap<(String, u64), String>;

/// The digests of what is given, before references are looked for.
pub(crate) fn givens(wanted: &Wanted) -> Givens {
    let mut givens = Givens::new();
    for (table, groups) in &wanted.tables {
        for (number, group) in (0..).zip(groups.iter().filter(|group| !group.is_record)) {
            let mut words = format!("{} {} {:?}", factory::GENERATOR, wanted.seed, wanted.locale);
            for (column, given) in group.given.iter().filter(|(column, _)| !group.defaults.contains(*column)) {
                write!(words, "\n{column} {given:?}").expect("writing to a string cannot fail");
            }
            let digest = blake3::hash(words.as_bytes()).to_hex()[..16].to_owned();
            givens.insert((table.clone(), number), digest);
        }
    }
    givens
}

/// Rows that may differ from what is given, by the load and the piece of it that has them.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Vec<(Entry, u64, Vec<bool>)>);

/// What is compared, and with what.
pub(crate) struct Comparison<'a> {
    pub(crate) id: &'a DatabaseId,
    pub(crate) description: &'a Description,
    pub(crate) load: &'a LoadIdentity,
    pub(crate) interrupt: &'a Interrupt,
}

/// Rows of which some hold something else than is given.
pub(crate) struct Differing<'a> {
    pub(crate) head: &'a PieceHead,
    /// The columns that are compared.
    pub(crate) columns: &'a [String],
    /// By row: by what it is known, by what it is shown, what it holds and what is given.
    pub(crate) keys: &'a [Vec<Value>],
    pub(crate) shown: &'a [Vec<Value>],
    pub(crate) there: &'a [Option<Vec<Value>>],
    pub(crate) given: &'a [Vec<Value>],
    /// By the number of a row, the numbers of the columns that differ.
    pub(crate) rows: BTreeMap<usize, Vec<usize>>,
}

/// Takes what differs.
pub(crate) type EachDiffering<'a> = dyn FnMut(&mut dyn Transaction, &Differing<'_>) -> Result<(), Error> + 'a;

impl Comparison<'_> {
    /// Finds the rows of groups that may differ; `wanted` is what is given, with references as far as they are there.
    pub(crate) fn suspects(
        &self,
        database: &mut dyn Database,
        wanted: &Wanted,
        givens: &Givens,
    ) -> Result<Suspects, Error> {
        let declared = Declared::of(self.description, wanted);
        let failed = Error::database(self.id);
        let mut transaction = database.begin().map_err(&failed)?;
        let entries = ledger::entries(&mut *transaction, &self.id.name).map_err(&failed)?;
        let own: Vec<Entry> = entries.into_iter().filter(|entry| entry.load.is_same_spec(self.load)).collect();
        let mut tables: BTreeMap<String, RowsOfGroups> = BTreeMap::new();
        for entry in &own {
            for number in 1..=entry.pieces {
                let (head, rows) =
                    ledger::head(&mut *transaction, &self.id.name, entry.number, number).map_err(&failed)?;
                if head.did == Did::Made && head.generated {
                    tables.entry(head.table.clone()).or_default().add(entry, number, head, rows);
                }
            }
        }
        tables.retain(|table, of| of.has(&mut |group| declared.group(table, group).is_some()));
        if self.load.mode == LoadMode::Ensure {
            self.leave_out_untouched(&mut *transaction, &mut tables, givens)?;
        }
        transaction.rollback().map_err(&failed)?;
        let mut suspects = Suspects::default();
        for (table, of) in tables {
            let rows = Rows { id: self.id, description: self.description, declared: &declared, load: self.load };
            rows.suspects(database, &table, of, self.interrupt, &mut suspects.0)?;
        }
        Ok(suspects)
    }

    /// Leaves out the tables of which the database can tell that their rows are as the spec's loads have left them, if what
    /// they were given is what the spec gives.
    fn leave_out_untouched(
        &self,
        transaction: &mut dyn Transaction,
        tables: &mut BTreeMap<String, RowsOfGroups>,
        givens: &Givens,
    ) -> Result<(), Error> {
        let same: Vec<String> =
            tables.iter().filter(|(table, of)| of.is_given(table, givens)).map(|(table, _)| table.clone()).collect();
        let loads: BTreeSet<u64> = same.iter().flat_map(|table| tables[table].loads()).collect();
        let loads: Vec<u64> = loads.into_iter().collect();
        let counts = transaction.untouched(&same, &loads).map_err(Error::database(self.id))?;
        for (table, count) in same.iter().zip(counts.unwrap_or_default()) {
            if tables[table].count() == count {
                tables.remove(table);
            }
        }
        Ok(())
    }

    /// Says which suspects do hold something else.
    pub(crate) fn differing(
        &self,
        transaction: &mut dyn Transaction,
        wanted: &Wanted,
        suspects: &Suspects,
        each: &mut EachDiffering<'_>,
    ) -> Result<(), Error> {
        let declared = Declared::of(self.description, wanted);
        let mut parents = Parents::default();
        for (entry, number, is_open) in &suspects.0 {
            let piece = ledger::piece(transaction, &self.id.name, entry.number, *number);
            let piece = piece.map_err(Error::database(self.id))?;
            let Some((group, first)) = piece.head.group else { continue };
            let Some(rows) = declared.group(&piece.head.table, group) else { continue };
            let columns = compared(&rows, &piece.head, entry.load.mode);
            let open: Vec<usize> = (0..piece.rows.len()).filter(|row| is_open[*row]).collect();
            for some in open.chunks(AT_ONCE) {
                let keys: Vec<Vec<Value>> = some.iter().map(|row| piece.rows[*row].clone()).collect();
                let indexes: Vec<u64> = some.iter().map(|row| first + *row as u64).collect();
                let mut of_row = |transaction: &mut dyn Transaction, table: &str, column: &str, group, index| {
                    parents.value(transaction, (self.id, self.load), (table, column), (group, index))
                };
                self.compare(transaction, (&rows, &piece.head, &columns), (&keys, &keys, &indexes), &mut of_row, each)?;
            }
        }
        Ok(())
    }

    /// Compares the records of a spec that are there.
    pub(crate) fn records(
        &self,
        transaction: &mut dyn Transaction,
        wanted: &Wanted,
        records: &Records,
        each: &mut EachDiffering<'_>,
    ) -> Result<(), Error> {
        let declared = Declared::of(self.description, wanted);
        for (table, records) in records {
            let Some(primary) = primary_key(self.description, table) else { continue };
            for (known, shown, group) in records {
                let Some(rows) = declared.record(table, group) else { continue };
                let head = PieceHead {
                    did: Did::Changed,
                    table: table.clone(),
                    data_type: table.clone(),
                    primary: primary.len(),
                    keys: primary.to_vec(),
                    changed: Vec::new(),
                    group: None,
                    given: None,
                    generated: true,
                    provided: false,
                    implied: false,
                };
                let columns = compared(&rows, &head, LoadMode::Ensure);
                let mut none = |_: &mut dyn Transaction, _: &str, _: &str, _, _| Ok(None);
                let keys = (&[known.clone()][..], &[shown.clone()][..], &[0][..]);
                self.compare(transaction, (&rows, &head, &columns), keys, &mut none, each)?;
            }
        }
        Ok(())
    }

    /// Compares some rows with what is given.
    fn compare(
        &self,
        transaction: &mut dyn Transaction,
        (rows, head, columns): (&DeclaredRows<'_>, &PieceHead, &[usize]),
        (keys, shown, indexes): (&[Vec<Value>], &[Vec<Value>], &[u64]),
        of_row: &mut OfRow<'_>,
        each: &mut EachDiffering<'_>,
    ) -> Result<(), Error> {
        if self.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        if columns.is_empty() {
            return Ok(());
        }
        let failed = Error::database(self.id);
        let others = rows.needs().into_iter().filter(|column| !columns.contains(column));
        let read: Vec<usize> = columns.iter().copied().chain(others).collect();
        let names: Vec<String> = read.iter().map(|column| rows.name(*column).to_owned()).collect();
        let there = transaction.find(&head.table, &head.keys, keys, &names).map_err(&failed)?;
        let mut given = Vec::with_capacity(there.len());
        let mut suspects: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, there) in there.iter().enumerate() {
            let Some(there) = there else {
                given.push(Vec::new());
                continue;
            };
            let stored = |column: usize| {
                let place = read.iter().position(|read| *read == column)?;
                (!there[place].is_null()).then(|| key_text(&there[place]))
            };
            let mut of_columns = Vec::with_capacity(columns.len());
            for (place, column) in columns.iter().enumerate() {
                let stated = match rows.stated(indexes[row], *column, &stored) {
                    Stated::Value(value) => Some(value),
                    Stated::OfRow { table, column, group, index } => {
                        of_row(transaction, &table, &column, group, index)?.map(crate::specs::datum)
                    }
                    Stated::Nothing => None,
                };
                let is_same = |stated: &Datum| rows.is_surely(*column, stored(*column).as_deref(), stated);
                let value = stated.filter(|stated| !is_same(stated)).map(|stated| json(&stated));
                if value.is_some() {
                    suspects.entry(place).or_default().push(row);
                }
                of_columns.push(value.unwrap_or_else(|| there[place].clone()));
            }
            given.push(of_columns);
        }
        let mut differing: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, suspected) in suspects {
            let condition = [&head.keys[..], &names[place..=place]].concat();
            let wanted: Vec<Vec<Value>> =
                suspected.iter().map(|row| [&keys[*row][..], &given[*row][place..=place]].concat()).collect();
            // Whether another text is another value, the database knows.
            let same = transaction.find(&head.table, &condition, &wanted, &[]).map_err(&failed)?;
            for row in suspected.iter().zip(same).filter(|(_, same)| same.is_none()).map(|(row, _)| *row) {
                differing.entry(row).or_default().push(place);
            }
        }
        if differing.is_empty() {
            return Ok(());
        }
        let columns = &names[..columns.len()];
        each(transaction, &Differing { head, columns, keys, shown, there: &there, given: &given, rows: differing })
    }
}

/// The columns of rows that are compared: those that are given, save those by which a row is known. Rows that were made once
/// more refer to copies of records.
pub(crate) fn compared(rows: &DeclaredRows<'_>, head: &PieceHead, mode: LoadMode) -> Vec<usize> {
    let is_compared = |column: &&usize| {
        !head.keys.iter().any(|key| key == rows.name(**column)) && (mode != LoadMode::Add || !rows.refers(**column))
    };
    rows.columns().iter().filter(is_compared).copied().collect()
}

/// Finds what a column of a row of a group of another table holds.
type OfRow<'a> = dyn FnMut(&mut dyn Transaction, &str, &str, u64, u64) -> Result<Option<Value>, Error> + 'a;

/// The records of a spec that are there, by table: the values of their primary keys, those by which they were found, and what
/// is given.
pub(crate) type Records = BTreeMap<String, Vec<(Vec<Value>, Vec<Value>, Group)>>;

/// Looks for the records of a spec.
pub(crate) fn find_records(
    transaction: &mut dyn Transaction,
    id: &DatabaseId,
    description: &Description,
    wanted: &Wanted,
) -> Result<Records, Error> {
    let mut records = Records::new();
    for (name, groups) in &wanted.tables {
        let (Some(described), Some(primary)) = (description.table(name), primary_key(description, name)) else {
            continue;
        };
        let is_plain = |key: &&KeyDescription| key.expressions.is_empty() && key.condition.is_none();
        for group in groups.iter().filter(|group| group.is_record) {
            let given = |column: &String| match group.given.get(column) {
                Some(Given::Value(value)) if *value != Datum::Null => Some(json(value)),
                _ => None,
            };
            for key in described.keys.iter().filter(is_plain) {
                let Some(values) = key.columns.iter().map(given).collect::<Option<Vec<Value>>>() else { continue };
                let found = transaction.find(name, &key.columns, std::slice::from_ref(&values), primary);
                if let Some(known) = found.map_err(Error::database(id))?.pop().flatten() {
                    records.entry(name.clone()).or_default().push((known, values, group.clone()));
                    break;
                }
            }
        }
    }
    Ok(records)
}

/// What is wanted, with what is stored in place of references to records that are there.
pub(crate) fn resolved(
    transaction: &mut dyn Transaction,
    id: &DatabaseId,
    description: &Description,
    wanted: &Wanted,
) -> Result<Wanted, Error> {
    let mut wanted = wanted.clone();
    for (name, groups) in &mut wanted.tables {
        for key in description.table(name).into_iter().flat_map(|table| &table.foreign_keys) {
            for group in groups.iter_mut() {
                refer(transaction, description, key, &mut group.given).map_err(Error::database(id))?;
            }
        }
    }
    Ok(wanted)
}

fn primary_key<'d>(description: &'d Description, table: &str) -> Option<&'d [String]> {
    description.table(table)?.keys.iter().find(|key| key.primary).map(|key| &key.columns[..])
}
