//! From data types and specs to a load plan.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use source::{Place, Problems};

use crate::compiled::Compiled;
use crate::copy::prepare;
use crate::evaluation::{evaluate, place_order};
use crate::formula::templates;
use crate::record::{RecordId, Records, Slot};
use crate::sequence::{Reason, edges, levels};
use crate::{Batch, Cell, ColumnWanted, LoadPlan, Maker, Missing, Origin, Registry, Row, RowId, SpecSet};

/// How to make a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether a record that is only referred to must be in the database already; the executor sees to it.
    pub strict: bool,
    /// Another seed gives other values from `digest`, `uuid` and `number`.
    pub seed: u64,
}

/// Makes the plan by which all records of the specs come to be there.
///
/// The plan depends on what the specs say, and not on the order of files, entries and records. Everything that is wrong
/// is returned together.
pub fn order(registry: &Registry, specs: SpecSet, options: &Options) -> Result<LoadPlan, Problems> {
    let plan = order_copy(registry, specs, options, 1)?;
    Ok(plan.expect("the first copy has the keys of the specs"))
}

/// Makes the plan of a copy of all records of the specs: the same records with other natural keys, and what refers to one
/// of them refers to its copy.
///
/// Copies count from 1, which has the keys as the specs give them. A key is another one through a reference to a record
/// of the specs, whose copy is meant then; else its texts get the number (`ada-2`), else its whole numbers go on counting.
/// `None` if the specs have a record with a key of this copy themselves.
pub fn order_copy(
    registry: &Registry,
    specs: SpecSet,
    options: &Options,
    copy: u64,
) -> Result<Option<LoadPlan>, Problems> {
    let templates = templates(options.seed);
    let mut problems = Problems::new();
    let compiled = Compiled::new(registry, &templates, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    let specs = specs.into_records();
    let mut records = Records::new(&compiled);
    if copy > 1 {
        match prepare(&compiled, &specs, copy, &mut problems) {
            Some(prepared) => records = prepared,
            None if problems.has_errors() => return Err(problems),
            None => return Ok(None),
        }
    }
    let records = evaluate(records, specs, &mut problems);
    let levels = levels(&records, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    let batches = Planner::new(&records, levels).batches();
    Ok(Some(LoadPlan { batches, warnings: problems, strict: options.strict }))
}

/// A record with what it is sorted and put together by.
struct Sorted {
    level: u32,
    data_type: usize,
    /// The stored fields that hold something; records with the same ones go together.
    stored: Vec<usize>,
    name: String,
    id: RecordId,
}

struct Planner<'p, 'c, 'e> {
    records: &'p Records<'c, 'e>,
    sorted: Vec<Sorted>,
    /// By record.
    row_ids: Vec<RowId>,
    /// By row: who refers to it or implies it first, and where.
    origins: Vec<Option<(Reason, RowId, Option<Place>)>>,
    /// By row: the columns that later rows refer to.
    wanted: Vec<BTreeSet<ColumnWanted>>,
}

impl<'p, 'c, 'e> Planner<'p, 'c, 'e> {
    fn new(records: &'p Records<'c, 'e>, levels: Vec<(RecordId, u32)>) -> Self {
        let types = &records.compiled.types;
        let mut sorted: Vec<Sorted> = levels
            .into_iter()
            .map(|(id, level)| {
                let data_type = records.data_type(id);
                let fields = types[data_type].fields.iter().zip(&records.record(id).slots).enumerate();
                let stored = fields.filter_map(|(index, (field, slot))| {
                    let holds = matches!(slot, Slot::Value(_) | Slot::Record(_));
                    (holds && field.field.column.is_some()).then_some(index)
                });
                Sorted { level, data_type, stored: stored.collect(), name: records.name(id), id }
            })
            .collect();
        let type_name = |sorted: &Sorted| &types[sorted.data_type].data_type.name;
        sorted.sort_by(|one, other| {
            let level = one.level.cmp(&other.level);
            // Nearly always the same, and numbers are compared faster than names.
            let same_type = one.data_type == other.data_type;
            let data_type = || if same_type { Ordering::Equal } else { type_name(one).cmp(type_name(other)) };
            level
                .then_with(data_type)
                .then_with(|| one.stored.cmp(&other.stored))
                .then_with(|| one.name.cmp(&other.name))
        });
        let mut row_ids = vec![RowId(usize::MAX); records.ids().count()];
        for (row, record) in sorted.iter().enumerate() {
            row_ids[record.id.index()] = RowId(row);
        }
        let origins = vec![None; sorted.len()];
        let wanted = vec![BTreeSet::new(); sorted.len()];
        Self { records, sorted, row_ids, origins, wanted }
    }

    fn row_id(&self, id: RecordId) -> RowId {
        self.row_ids[id.index()]
    }

    fn batches(mut self) -> Vec<Batch> {
        self.find_origins();
        let cells: Vec<_> = (0..self.sorted.len()).map(|row| self.cells(row)).collect();
        let sorted = std::mem::take(&mut self.sorted);
        let mut batches: Vec<Batch> = Vec::new();
        let mut last: Option<(u32, usize, Vec<usize>)> = None;
        for (row, (record, cells)) in sorted.into_iter().zip(cells).enumerate() {
            let group = (record.level, record.data_type, record.stored);
            if last.as_ref() != Some(&group) {
                batches.push(self.batch(group.1, &group.2));
            }
            let batch = batches.last_mut().expect("the first row began a batch");
            for column in &self.wanted[row] {
                if !batch.wanted.contains(column) {
                    batch.wanted.push(column.clone());
                }
            }
            let (origin, missing) = (self.origin(row, record.id), self.missing(record.id));
            let declared = self.declared(record.id, group.1, &group.2);
            batch.rows.push(Row { id: RowId(row), name: record.name, origin, cells, declared, missing });
            last = Some(group);
        }
        for batch in &mut batches {
            batch.wanted.sort();
        }
        batches
    }

    fn batch(&self, data_type: usize, stored: &[usize]) -> Batch {
        let compiled = &self.records.compiled.types[data_type];
        let column = |&field: &usize| compiled.fields[field].field.column.clone();
        Batch {
            service: compiled.data_type.name.service.clone(),
            database: compiled.data_type.database.clone(),
            data_type: compiled.data_type.name.name.clone(),
            table: match &compiled.data_type.maker {
                Maker::Table(table) => table.clone(),
                Maker::Provider(used) => format!("{}: {}", used.provider, compiled.data_type.name.name),
            },
            made_by: compiled.made_by.clone(),
            key_columns: compiled.key.iter().filter_map(column).collect(),
            columns: stored.iter().filter_map(column).collect(),
            fields: stored.iter().map(|&field| compiled.field_name(field).to_owned()).collect(),
            rows: Vec::new(),
            wanted: Vec::new(),
        }
    }

    fn cells(&mut self, row: usize) -> Vec<(String, Cell)> {
        let Sorted { data_type, id, .. } = self.sorted[row];
        let stored = std::mem::take(&mut self.sorted[row].stored);
        let fields = &self.records.compiled.types[data_type].fields;
        let cells = stored
            .iter()
            .filter_map(|&field| {
                let column = fields[field].field.column.clone()?;
                let cell = self.cell(id, field)?;
                if let Cell::Reference { row, column } = &cell {
                    self.wanted[row.0].insert(column.clone());
                }
                Some((column, cell))
            })
            .collect();
        self.sorted[row].stored = stored;
        cells
    }

    /// Returns what the column of a field holds.
    ///
    /// What is asked of the other row's natural key is known: it is found by that key. Of its other columns only the
    /// database can tell, since a row that was there before is left as it was.
    fn cell(&self, mut id: RecordId, mut field: usize) -> Option<Cell> {
        loop {
            let types = &self.records.compiled.types;
            let of = &types[self.records.data_type(id)].fields[field].field;
            let target = match &self.records.record(id).slots[field] {
                Slot::Value(value) => return Some(Cell::Value(value.clone())),
                Slot::Record(target) => *target,
                _ => return None,
            };
            let crate::FieldKind::Reference(reference) = &of.kind else { return None };
            let row = self.row_id(target);
            let Some(column) = &reference.value else {
                return Some(Cell::Reference { row, column: ColumnWanted::PrimaryKey });
            };
            let other = &types[self.records.data_type(target)];
            let same = other.key.iter().find(|&&key| other.fields[key].field.column.as_ref() == Some(column));
            match same {
                Some(&key) => (id, field) = (target, key),
                None => return Some(Cell::Reference { row, column: ColumnWanted::Named(column.clone()) }),
            }
        }
    }

    /// Finds for each row the first that implies it, or else the first that refers to it.
    fn find_origins(&mut self) {
        for (row, record) in self.sorted.iter().enumerate() {
            for edge in edges(self.records, record.id) {
                let (found, by, reason) = match edge.reason {
                    Reason::Refers => (self.row_id(edge.to), RowId(row), Reason::Refers),
                    Reason::Implied => (RowId(row), self.row_id(edge.to), Reason::Implied),
                };
                let better = match &self.origins[found.0] {
                    None => true,
                    Some((known, first, at)) => {
                        (reason == Reason::Refers, by, edge.place.as_ref().map(place_order))
                            < (*known == Reason::Refers, *first, at.as_ref().map(place_order))
                    }
                };
                if better {
                    self.origins[found.0] = Some((reason, by, edge.place));
                }
            }
        }
    }

    fn origin(&self, row: usize, id: RecordId) -> Origin {
        let places = &self.records.record(id).places;
        match &self.origins[row] {
            Some((reason, by, _)) if places.is_empty() => {
                let (by, place) = (*by, self.origin_place(row, id));
                match reason {
                    Reason::Implied => Origin::Implied { by, place },
                    Reason::Refers => Origin::Referenced { by, place },
                }
            }
            _ => {
                let mut places = places.clone();
                places.sort_by(|one, other| place_order(one).cmp(&place_order(other)));
                Origin::Declared(places)
            }
        }
    }

    /// Returns where somebody wrote what made a row come about: the key of one that is only referred to stands where it
    /// is referred to.
    fn origin_place(&self, mut row: usize, id: RecordId) -> Place {
        while let Some((_, by, place)) = &self.origins[row] {
            match place {
                Some(place) => return place.clone(),
                None => row = by.0,
            }
        }
        self.records.compiled.types[self.records.data_type(id)].data_type.place.clone()
    }

    /// The positions of the stored fields that somebody gives, and that are not of the key.
    fn declared(&self, id: RecordId, data_type: usize, stored: &[usize]) -> Vec<usize> {
        let (record, compiled) = (self.records.record(id), &self.records.compiled.types[data_type]);
        let is_declared = |field: &usize| {
            !compiled.key.contains(field)
                && (record.given(*field).next().is_some() || compiled.of_traits(&record.traits, *field).is_some())
        };
        (0..stored.len()).filter(|position| is_declared(&stored[*position])).collect()
    }

    fn missing(&self, id: RecordId) -> Vec<Missing> {
        let data_type = &self.records.compiled.types[self.records.data_type(id)];
        let slots = self.records.record(id).slots.iter().enumerate();
        let missing = slots.filter(|(_, slot)| matches!(slot, Slot::Missing));
        missing
            .map(|(field, _)| Missing {
                field: data_type.field_name(field).to_owned(),
                place: data_type.fields[field].field.place.clone(),
            })
            .collect()
    }
}
