//! Rows that are generated while others are written: made on one thread, written on another, and written down in the ledger.

use std::sync::mpsc::sync_channel;

use database::{BulkTable, DatabaseError, Description, KeyDescription, Rows, Transaction};
use factory::Plan;

use crate::Interrupt;
use crate::generation_compare::Givens;
use crate::ledger::{Did, PieceHead, PieceWriter};
use crate::specs::json;

/// How many rows are made at once; between two of these the user's wish to end is heard.
const AT_ONCE: u64 = 2000;

/// How many pieces wait for the database at most: memory is bounded by them.
const WAITING: usize = 8;

/// The table that was written, and what the database said; nothing: it was given up.
pub(crate) type Refused = (Option<String>, Option<DatabaseError>);

/// Makes rows on one thread and writes them on another.
pub(crate) fn fill(
    transaction: &mut dyn Transaction,
    plan: &Plan,
    tables: &[BulkTable],
    interrupt: &Interrupt,
    mut made: Option<&mut Made<'_>>,
) -> Result<(), Refused> {
    let mut bulk = transaction.bulk(tables).map_err(|error| (None, Some(error)))?;
    for (number, table) in tables.iter().enumerate() {
        let (sender, receiver) = sync_channel::<Rows>(WAITING);
        let written = std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut from = 0;
                while from < table.rows && !interrupt.is_raised() {
                    let to = (from + AT_ONCE).min(table.rows);
                    // Whoever does not listen any more has failed, and says so.
                    if sender.send(plan.rows(number, from, to)).is_err() {
                        return;
                    }
                    from = to;
                }
            });
            let mut written = 0;
            bulk.write(
                number,
                &mut receiver.into_iter().inspect(|rows| {
                    if let Some(made) = &mut made {
                        made.add(plan, number, written, rows);
                    }
                    written += rows.len() as u64;
                }),
            )
        });
        written.map_err(|error| (Some(table.name.clone()), Some(error)))?;
        if interrupt.is_raised() || plan.failure().is_some() {
            return Err((None, None));
        }
    }
    bulk.finish().map_err(|error| (None, Some(error)))
}
/// What is written down of rows while they are made.
pub(crate) struct Made<'g> {
    givens: &'g Givens,
    /// By table: where its keys stand in a row, what is written down, and the group of the last row.
    tables: Vec<(Vec<usize>, PieceWriter, Option<u64>)>,
}

impl<'g> Made<'g> {
    pub(crate) fn new(description: &Description, plan: &Plan, tables: &[BulkTable], givens: &'g Givens) -> Self {
        let of_table = |(number, table): (usize, &BulkTable)| {
            let place = |column: &String| table.columns.iter().position(|written| written == column);
            let described = description.table(&table.name);
            let keys = described.into_iter().flat_map(|described| &described.keys);
            // The primary key is the first one. Without a key of which all is known, a row is known by all of it.
            let is_plain = |key: &&KeyDescription| key.expressions.is_empty() && key.condition.is_none();
            let key = keys.filter(is_plain).find(|key| key.columns.iter().all(|column| place(column).is_some()));
            let columns = key.map_or_else(|| table.columns.clone(), |key| key.columns.clone());
            let head = PieceHead {
                did: Did::Made,
                table: table.name.clone(),
                data_type: table.name.clone(),
                primary: if key.is_some_and(|key| key.primary) { columns.len() } else { 0 },
                keys: columns,
                provided: false,
                changed: Vec::new(),
                group: None,
                given: None,
                generated: true,
                implied: plan.is_implied(number),
            };
            (head.keys.iter().filter_map(place).collect(), PieceWriter::new(head), None)
        };
        Self { givens, tables: tables.iter().enumerate().map(of_table).collect() }
    }

    fn add(&mut self, plan: &Plan, number: usize, from: u64, rows: &Rows) {
        let (places, writer, last) = &mut self.tables[number];
        for (position, row) in (from..).zip(rows) {
            let place = plan.group(number, position);
            let group = place.map(|(group, _)| group);
            if group != *last {
                let given = group.and_then(|group| self.givens.get(&(writer.table().to_owned(), group)));
                writer.give(given.cloned());
                *last = group;
            }
            writer.go_to(place);
            writer.imply(plan.is_implied(number) || plan.is_listed(number, position));
            writer.add(places.iter().map(|place| json(&row[*place])));
        }
    }

    pub(crate) fn pieces(self) -> Vec<Vec<u8>> {
        self.tables.into_iter().flat_map(|(_, writer, _)| writer.finish()).collect()
    }
}
