//! The batches of a load whose records a provider makes: found, compared, created and changed as rows are.

use std::collections::BTreeMap;

use dataset::MadeBy;
use serde_json::{Map, Value};

use super::{Writer, database_of, place_of};
use crate::Error;
use crate::journal::{ProvidedRecord, ProvidedToUndo};
use crate::ledger::{self, Did, PieceHead, identity};
use crate::loader_report::Difference;
use crate::provider::{Asked, AskedType, Had, ProviderFailure};

/// How many records a provider is asked for at once; between two of these the user's wish to end is heard.
const AT_ONCE: usize = 100;

/// The column under which the traits of a record stand.
const TRAITS: &str = "traits";

/// What a provider tells as the primary key; no field is called that.
pub(super) const PRIMARY_KEY: &str = "primary key";

/// The pieces that are to be written down in the next stage of rows.
#[derive(Default)]
pub(super) struct Told {
    pub(super) pieces: Vec<Vec<u8>>,
    pub(super) made: BTreeMap<String, u64>,
    /// Records that were there, by which they are known.
    pub(super) found: Vec<(PieceHead, Vec<Vec<Value>>)>,
}

impl Writer<'_, '_, '_> {
    /// Finds the records of a batch and has those made that are missing.
    pub(super) fn provide(&mut self, index: usize) -> Result<(), Error> {
        let plan = self.plan;
        let batch = &plan.batches[index];
        let made_by = batch.made_by.as_ref().expect("it is a batch of a provider");
        let values: Vec<Option<Vec<Value>>> = batch.rows.iter().map(|row| self.values(row)).collect();
        let asked =
            |row: &usize| asked(&batch.columns, &batch.key_columns, values[*row].as_ref().expect("it is known"));
        let mut rows = self.find_provided(index, &values)?;
        let found = (0..rows.len()).filter(|row| rows[*row].is_some()).map(|row| {
            let asked = asked(&row);
            batch.key_columns.iter().map(|column| asked.key[column].clone()).chain([Value::Null]).collect()
        });
        let found: Vec<Vec<Value>> = found.collect();
        if !found.is_empty() {
            let head = PieceHead { did: Did::Shared, ..head(batch) };
            self.told.entry(database_of(batch)).or_default().found.push((head, found));
        }
        let missing = self.count(batch, &rows);
        if self.refused.is_empty() {
            self.compare_provided(index, &values, &rows)?;
            if !self.loading.is_dry {
                for chunk in missing.chunks(AT_ONCE) {
                    self.heed_interrupt()?;
                    let records: Vec<Asked> = chunk.iter().map(asked).collect();
                    for (row, had) in chunk.iter().zip(self.create(index, chunk, &records)?) {
                        rows[*row] = Some(self.read(index, had));
                    }
                }
            }
        }
        if self.loading.removes() {
            let kept = self.kept.entry(database_of(batch)).or_default().entry(batch.table.clone()).or_default();
            kept.extend(values.iter().flatten().map(|values| {
                let asked = super::provided::asked(&batch.columns, &batch.key_columns, values);
                let key: Vec<Value> = batch.key_columns.iter().map(|column| asked.key[column].clone()).collect();
                identity(&key)
            }));
        }
        self.need_primary_keys(index, made_by, &rows)?;
        self.sources[index].rows = rows;
        Ok(())
    }

    /// Looks for the records of a batch by their keys.
    pub(super) fn find_provided(
        &mut self,
        index: usize,
        values: &[Option<Vec<Value>>],
    ) -> Result<Vec<Option<Vec<Value>>>, Error> {
        let batch = &self.plan.batches[index];
        let known: Vec<usize> = (0..values.len()).filter(|row| values[*row].is_some()).collect();
        let mut rows: Vec<Option<Vec<Value>>> = vec![None; values.len()];
        for chunk in known.chunks(AT_ONCE) {
            self.heed_interrupt()?;
            let given = chunk.iter().filter_map(|row| values[*row].as_ref());
            let records: Vec<Asked> = given.map(|values| asked(&batch.columns, &batch.key_columns, values)).collect();
            let found = self.ask(index, chunk, |work, of| work.find(of, &records))?;
            for (row, found) in chunk.iter().zip(found) {
                rows[*row] = found.map(|found| self.read(index, found));
            }
        }
        Ok(rows)
    }

    /// Has some records created, and writes down what was made.
    fn create(&mut self, index: usize, chunk: &[usize], records: &[Asked]) -> Result<Vec<Had>, Error> {
        let batch = &self.plan.batches[index];
        let record = |(row, asked): (&usize, &Asked)| ProvidedRecord {
            name: batch.rows[*row].name.clone(),
            key: asked.key.clone(),
            ..ProvidedRecord::default()
        };
        let mut stage = ProvidedToUndo {
            database: database_of(batch).to_string(),
            data_type: format!("{}.{}", batch.service, batch.data_type),
            created: chunk.iter().zip(records).map(record).collect(),
            changed: Vec::new(),
        };
        self.journal.provided(stage.clone(), false)?;
        let created = self.ask(index, chunk, |work, of| work.create(of, records))?;
        for (record, had) in stage.created.iter_mut().zip(&created) {
            record.made.clone_from(&had.made);
        }
        self.journal.provided(stage, true)?;
        let rows = records.iter().zip(&created);
        let rows = rows.map(|(asked, had)| {
            let key = batch.key_columns.iter().map(|column| asked.key[column].clone());
            key.chain([had.made.clone().unwrap_or_default()]).collect()
        });
        let rows: Vec<Vec<Value>> = rows.collect();
        let told = self.told.entry(database_of(batch)).or_default();
        *told.made.entry(batch.table.clone()).or_default() += rows.len() as u64;
        told.pieces.extend(ledger::pieces(head(batch), rows));
        Ok(created)
    }

    /// Compares what is declared of records with what the provider has, and has that changed where the mode says so.
    fn compare_provided(
        &mut self,
        index: usize,
        values: &[Option<Vec<Value>>],
        rows: &[Option<Vec<Value>>],
    ) -> Result<(), Error> {
        let plan = self.plan;
        let batch = &plan.batches[index];
        let mut changes: Vec<(usize, Asked, Map<String, Value>)> = Vec::new();
        for (number, (given, read)) in values.iter().zip(rows).enumerate() {
            let (Some(given), Some(read)) = (given, read) else { continue };
            let (mut wanted, mut former) = (Map::new(), Map::new());
            for &position in batch.rows[number].declared.iter().filter(|at| batch.columns[**at] != TRAITS) {
                let column = &batch.columns[position];
                let place = self.sources[index].columns.iter().position(|read| read == column);
                // What the provider does not tell cannot be compared.
                let Some(is) = place.map(|place| &read[place]).filter(|is| **is != untold()) else { continue };
                if !is_same(is, &given[position]) {
                    wanted.insert(column.clone(), given[position].clone());
                    former.insert(column.clone(), is.clone());
                }
            }
            if wanted.is_empty() {
                continue;
            }
            if self.loading.identity.mode.updates() {
                let key = asked(&batch.columns, &batch.key_columns, given).key;
                changes.push((number, Asked { key, fields: wanted, ..Asked::default() }, former));
                continue;
            }
            for (column, declared) in wanted {
                let position = batch.columns.iter().position(|known| *known == column).expect("it is one of them");
                self.report.differs(Difference {
                    record: batch.rows[number].name.clone(),
                    field: batch.fields[position].clone(),
                    is: former[&column].clone(),
                    declared,
                });
            }
        }
        self.report.of_batch(batch).changed += changes.len();
        if self.loading.is_dry {
            return Ok(());
        }
        for changes in changes.chunks(AT_ONCE) {
            self.heed_interrupt()?;
            let record = |(number, asked, former): &(usize, Asked, Map<String, Value>)| ProvidedRecord {
                name: batch.rows[*number].name.clone(),
                key: asked.key.clone(),
                fields: former.clone(),
                made: None,
            };
            let stage = ProvidedToUndo {
                database: database_of(batch).to_string(),
                data_type: format!("{}.{}", batch.service, batch.data_type),
                created: Vec::new(),
                changed: changes.iter().map(record).collect(),
            };
            self.journal.provided(stage, false)?;
            let numbers: Vec<usize> = changes.iter().map(|(number, ..)| *number).collect();
            let records: Vec<Asked> = changes.iter().map(|(_, asked, _)| asked.clone()).collect();
            self.ask(index, &numbers, |work, of| work.update(of, &records))?;
        }
        Ok(())
    }

    /// Asks the provider of a batch, and names the record with which it fails.
    fn ask<T>(
        &mut self,
        index: usize,
        chunk: &[usize],
        question: impl FnOnce(&mut dyn crate::provider::Work, &AskedType<'_>) -> Result<T, ProviderFailure>,
    ) -> Result<T, Error> {
        let batch = &self.plan.batches[index];
        let made_by = batch.made_by.as_ref().expect("it is a batch of a provider");
        let fields = &self.sources[index].columns[1..];
        let of = AskedType { name: &batch.data_type, made_by, fields };
        let work = self.providers.get(&made_by.provider)?;
        question(work, &of).map_err(|source| {
            if source.is_interrupted {
                return Error::Interrupted;
            }
            let row = source.record.and_then(|record| chunk.get(record)).map(|row| &batch.rows[*row]);
            let record = match (row, chunk) {
                (Some(row), _) => row.name.clone(),
                (None, [row]) => batch.rows[*row].name.clone(),
                (None, rows) => format!("{} records of {}.{}", rows.len(), batch.service, batch.data_type),
            };
            let place = row.or_else(|| chunk.first().map(|row| &batch.rows[*row])).and_then(place_of);
            let place = place.map(|place| format!("{}:{}", place.file().name(), place.line()));
            Error::Provider { provider: made_by.provider.name.to_string(), record: Some(record), place, source }
        })
    }

    /// What is read of a record: its primary key, and the columns that are wanted.
    fn read(&self, index: usize, mut had: Had) -> Vec<Value> {
        let columns = self.sources[index].columns[1..].iter();
        let values: Vec<Value> = columns.map(|column| had.values.remove(column).unwrap_or_else(untold)).collect();
        [had.primary_key].into_iter().chain(values).collect()
    }

    /// A record to which others refer must have what they refer to.
    fn need_primary_keys(&self, index: usize, made_by: &MadeBy, rows: &[Option<Vec<Value>>]) -> Result<(), Error> {
        let batch = &self.plan.batches[index];
        let source = &self.sources[index];
        for wanted in &batch.wanted {
            let place = source.position(wanted);
            for (row, read) in batch.rows.iter().zip(rows) {
                let Some(value) = read.as_ref().map(|read| &read[place]) else { continue };
                if value.is_null() && place == 0 || *value == untold() {
                    let message = format!("it does not tell the {wanted} of this record, to which another one refers");
                    let at = place_of(row).map(|place| format!("{}:{}", place.file().name(), place.line()));
                    return Err(Error::Provider {
                        provider: made_by.provider.name.to_string(),
                        record: Some(row.name.clone()),
                        place: at,
                        source: ProviderFailure::new(message),
                    });
                }
            }
        }
        Ok(())
    }
}

/// A record as the provider is asked for it.
fn asked(columns: &[String], key_columns: &[String], values: &[Value]) -> Asked {
    let mut asked = Asked::default();
    for (column, value) in columns.iter().zip(values) {
        match value {
            value if key_columns.contains(column) => drop(asked.key.insert(column.clone(), value.clone())),
            Value::Array(traits) if column == TRAITS => asked.traits.clone_from(traits),
            value => drop(asked.fields.insert(column.clone(), value.clone())),
        }
    }
    asked
}

/// What stands for a field that a provider does not tell. No answer holds it: texts have no such character.
fn untold() -> Value {
    Value::String("\u{0}".to_owned())
}

/// Whether two values are the same in two ways of writing: numbers as text, moments with another zero zone.
fn is_same(one: &Value, other: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let moment = |text: &str| text.replace(' ', "T").replace("+00:00", "Z");
    let (one, other) = (text(one), text(other));
    let numbers = || Some(one.parse::<f64>().ok()?.total_cmp(&other.parse().ok()?).is_eq());
    one == other || moment(&one) == moment(&other) || numbers().unwrap_or(false)
}

/// How records are known in the ledger: by their natural key, with what the provider said that it made.
fn head(batch: &dataset::Batch) -> PieceHead {
    PieceHead {
        did: Did::Made,
        table: batch.table.clone(),
        data_type: batch.data_type.clone(),
        keys: batch.key_columns.iter().cloned().chain(["made".to_owned()]).collect(),
        primary: batch.key_columns.len(),
        provided: true,
        changed: Vec::new(),
        group: None,
        given: None,
        generated: false,
        implied: false,
    }
}
