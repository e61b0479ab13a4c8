//! What is there when rows are generated: the records that are wanted, the rows that can be referred to, and the keys that are
//! taken.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use database::{
    DatabaseError, Datum, Description, ForeignKeyDescription, KeyDescription, TableDescription, Transaction,
};
use factory::{Existing, Given, Plan, RecordRef, Referable, Wanted, taken};
use indexmap::IndexMap;
use serde_json::Value;

use crate::Error;
use crate::elsewhere::stored_value;
use crate::generation_plan::Work;
use crate::specs::{datum, json};

/// How many rows of a table can be referred to, of those that are there already.
const REFERABLE: usize = 100_000;

/// Of how many rows, for each that is made, a table is not read for the keys that are taken, but asked for those of the new ones.
const PER_ASKED: u64 = 10;

/// How many new rows are asked for at once.
const ASKED_AT_ONCE: u64 = 2000;

impl Work<'_> {
    /// Takes the records that are there out of what is wanted, and resolves references to rows that are there.
    pub(crate) fn look_for_records(&mut self, wanted: &Wanted) -> Result<(Wanted, BTreeMap<String, u64>), Error> {
        let mut wanted = wanted.clone();
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        let has_records = wanted
            .tables
            .values()
            .flatten()
            .any(|group| group.is_record || group.given.values().any(|given| matches!(given, Given::Records(_))));
        if !has_records {
            return Ok((wanted, found));
        }
        let mut transaction = self.database.begin().map_err(Error::database(self.at.id))?;
        for (name, groups) in &mut wanted.tables {
            let Some(table) = self.description.table(name) else { continue };
            for group in groups.iter_mut() {
                for key in &table.foreign_keys {
                    refer(&mut *transaction, &self.description, key, &mut group.given)
                        .map_err(Error::database(self.at.id))?;
                }
            }
            let mut kept = Vec::new();
            for group in groups.drain(..) {
                let is_there = group.is_record && {
                    let mut is_there = false;
                    for key in table.keys.iter().filter(|key| key.expressions.is_empty() && key.condition.is_none()) {
                        let values: Option<Vec<Value>> = key
                            .columns
                            .iter()
                            .map(|column| match group.given.get(column) {
                                Some(Given::Value(value)) if *value != Datum::Null => Some(json(value)),
                                _ => None,
                            })
                            .collect();
                        if let Some(values) = values {
                            let found = transaction.find(name, &key.columns, &[values], &key.columns);
                            is_there |= found.map_err(Error::database(self.at.id))?[0].is_some();
                        }
                    }
                    is_there
                };
                if is_there {
                    *found.entry(name.clone()).or_default() += 1;
                } else {
                    kept.push(group);
                }
            }
            *groups = kept;
        }
        transaction.rollback().map_err(Error::database(self.at.id))?;
        Ok((wanted, found))
    }

    /// The tables that are not read for the keys that are taken, but asked for those of the new rows: few of many.
    pub(crate) fn asked_for_keys(
        &self,
        wanted: &Wanted,
        existing: &BTreeMap<String, Existing>,
        concerned: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let is_asked = |table: &&TableDescription| {
            let Some(there) = existing.get(&table.name).filter(|_| concerned.contains(&table.name)) else {
                return false;
            };
            let (asked, _) = Self::asked(wanted, &table.name);
            let due = there.due.as_ref().map(|due| due.iter().map(|(_, count)| count).sum::<u64>());
            let of_groups = due.unwrap_or_else(|| asked.saturating_sub(there.rows.saturating_sub(there.records)));
            let groups = wanted.tables.get(&table.name).into_iter().flatten();
            let records: u64 = groups.filter(|group| group.is_record).map(|group| group.count).sum();
            // What an index makes of its columns only the engine knows.
            let is_plain = |key: &KeyDescription| key.expressions.is_empty() && key.condition.is_none();
            table.keys.iter().all(is_plain) && (of_groups + records).saturating_mul(PER_ASKED) <= there.rows
        };
        self.description.tables.iter().filter(is_asked).map(|table| table.name.clone()).collect()
    }

    /// Adds the keys of new rows that other rows have already to those that are taken; says whether there are any.
    pub(crate) fn ask_for_keys(
        &mut self,
        plan: &Plan,
        asked: &BTreeSet<String>,
        existing: &mut BTreeMap<String, Existing>,
    ) -> Result<bool, Error> {
        let failed = Error::database(self.at.id);
        let mut transaction = self.database.begin().map_err(&failed)?;
        let mut is_any = false;
        for (number, made) in plan.bulk_tables().iter().enumerate() {
            let described = self.description.table(&made.name).filter(|table| asked.contains(&table.name));
            let (Some(described), Some(there)) = (described, existing.get_mut(&made.name)) else { continue };
            there.taken.resize(described.keys.len(), HashSet::new());
            let place = |column: &String| made.columns.iter().position(|written| written == column);
            let mut from = 0;
            while from < made.rows {
                if self.interrupt.is_raised() {
                    return Err(Error::Interrupted);
                }
                let to = (from + ASKED_AT_ONCE).min(made.rows);
                let rows = plan.rows(number, from, to);
                for (key, taken_keys) in described.keys.iter().zip(&mut there.taken) {
                    // What the database makes itself is nobody's yet.
                    let Some(places) = key.columns.iter().map(place).collect::<Option<Vec<usize>>>() else { continue };
                    let of_row = |row: &[Datum]| places.iter().map(|place| row[*place].clone()).collect::<Vec<_>>();
                    let whole = |key: &Vec<Datum>| !key.contains(&Datum::Null);
                    let keys: Vec<Vec<Datum>> = rows.into_iter().map(of_row).filter(whole).collect();
                    let values: Vec<Vec<Value>> = keys.iter().map(|key| key.iter().map(json).collect()).collect();
                    let found = transaction.find(&made.name, &key.columns, &values, &[]).map_err(&failed)?;
                    for (values, _) in keys.iter().zip(found).filter(|(_, found)| found.is_some()) {
                        let texts: Vec<Option<String>> = values.iter().map(Datum::text).collect();
                        taken_keys.extend(taken(texts.iter().map(Option::as_deref)));
                        is_any = true;
                    }
                }
                from = to;
            }
        }
        transaction.rollback().map_err(&failed)?;
        Ok(is_any)
    }

    /// Reads what new rows can refer to, and which keys are taken in those tables that are `concerned` and not `asked`.
    pub(crate) fn read_existing(
        &mut self,
        wanted: &Wanted,
        (concerned, asked): (&BTreeSet<String>, &BTreeSet<String>),
        existing: &mut BTreeMap<String, Existing>,
    ) -> Result<(), Error> {
        let mut looked_at = wanted.looked_at(&self.description);
        for (table, operand) in self.at.looks {
            let keys = self.description.table(table).into_iter().flat_map(|table| &table.foreign_keys);
            for key in keys.filter(|key| key.columns.contains(&operand.column)) {
                looked_at.entry(key.table.clone()).or_default().extend(operand.of.clone());
            }
        }
        let tables = self.description.tables.clone();
        for table in &tables {
            let Some(there) = existing.get_mut(&table.name).filter(|there| there.rows > 0) else { continue };
            let position = |name: &String| table.columns.iter().position(|column| column.name == *name);
            let beside = looked_at.remove(&table.name).unwrap_or_default();
            let beside: Vec<(String, usize)> =
                beside.into_iter().filter_map(|name| Some((name.clone(), position(&name)?))).collect();
            let mut referable: Vec<(Referable, Vec<usize>)> = Vec::new();
            for other in tables.iter().filter(|other| concerned.contains(&other.name)) {
                for key in other.foreign_keys.iter().filter(|key| key.table == table.name) {
                    let positions: Option<Vec<usize>> = key.referenced.iter().map(position).collect();
                    if let Some(positions) = positions
                        && !referable.iter().any(|(rows, _)| rows.columns == key.referenced)
                    {
                        let names = beside.iter().map(|(name, _)| name.clone()).collect();
                        referable.push((Referable::new(key.referenced.clone(), names), positions));
                    }
                }
            }
            let is_read = concerned.contains(&table.name) && !asked.contains(&table.name);
            let keys: Vec<Vec<usize>> = if is_read {
                table.keys.iter().map(|key| key.columns.iter().filter_map(position).collect()).collect()
            } else {
                Vec::new()
            };
            if referable.is_empty() && keys.is_empty() {
                continue;
            }
            there.taken = vec![HashSet::new(); keys.len()];
            let read = self.database.read_rows(&table.name, &mut |row| {
                for (positions, taken_keys) in keys.iter().zip(&mut there.taken) {
                    taken_keys.extend(taken(positions.iter().map(|position| row[*position].as_deref())));
                }
                for (rows, positions) in &mut referable {
                    let tuple: Option<Vec<Datum>> =
                        positions.iter().map(|position| row[*position].clone().map(Datum::Text)).collect();
                    if let Some(mut tuple) = tuple.filter(|_| rows.rows.len() < REFERABLE) {
                        let value = |place: usize| stored_value(row[place].as_deref(), &table.columns[place].kind);
                        tuple.extend(beside.iter().map(|(_, place)| value(*place)));
                        rows.rows.push(tuple);
                    }
                }
                Ok(())
            });
            read.map_err(Error::database(self.at.id))?;
            there.referable = referable.into_iter().map(|(rows, _)| rows).collect();
        }
        Ok(())
    }
}

/// Replaces references to records by what their rows hold, where those are there; else what of the records is there.
pub(crate) fn refer(
    transaction: &mut dyn Transaction,
    description: &Description,
    key: &ForeignKeyDescription,
    given: &mut IndexMap<String, Given>,
) -> Result<(), DatabaseError> {
    let is_record = |column: &&String| matches!(given.get(*column), Some(Given::Records(_)));
    let Some(column) = key.columns.iter().find(is_record) else { return Ok(()) };
    let Some(Given::Records(records)) = given.get_mut(column) else { return Ok(()) };
    for (record, _) in records.iter_mut() {
        let RecordRef::By(values) = record else { continue };
        for above in description.table(&key.table).into_iter().flat_map(|table| &table.foreign_keys) {
            refer(transaction, description, above, values)?;
        }
        let known = values.iter().map(|(name, value)| match value {
            Given::Value(value) => Some((name.clone(), json(value))),
            _ => None,
        });
        // What refers to a record that is not there is not there either.
        let Some(known) = known.collect::<Option<Vec<_>>>() else { continue };
        let (columns, row): (Vec<String>, Vec<Value>) = known.into_iter().unzip();
        let found = transaction.find(&key.table, &columns, &[row], &key.referenced)?;
        if let Some(Some(row)) = found.into_iter().next() {
            *record = RecordRef::There(row.into_iter().map(datum).collect());
        }
    }
    // One row that is there is what a unique key can be told by.
    if let [(RecordRef::There(values), _)] = &records[..] {
        for (column, value) in key.columns.iter().zip(values.clone()) {
            given.insert(column.clone(), Given::Value(value));
        }
    }
    Ok(())
}
