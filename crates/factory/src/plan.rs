//! The plan of what is made: tables in order, how many rows of each, and the rows themselves, any of them alone.

use std::collections::{BTreeMap, BTreeSet};

use database::{BulkTable, Datum, Description, Filled, Rows};

use crate::cell::{cell, operand};
use crate::condition::{Limits, Nulls};
use crate::domain::Domain;
use crate::maker::{Maker, failure};
use crate::table::{Layout, Reference, Source, Table};
use crate::wanted::{Existing, Given, Wanted};

/// What is made, in order; a pure function of what is wanted, described and there.
#[derive(Debug)]
pub struct Plan {
    pub(crate) tables: Vec<Table>,
    /// The tables that get rows, by their number; those that are referred to come first.
    pub(crate) order: Vec<usize>,
    /// Tables that get no rows although some were wanted, each with the reason.
    pub left_out: BTreeMap<String, String>,
    /// Tables that get fewer rows than wanted, each with how many were wanted.
    pub fewer: BTreeMap<String, u64>,
    /// What was not understood of a table that gets rows, so that the database may refuse them.
    pub doubts: BTreeMap<String, Vec<String>>,
}

/// A column of a table that gets rows.
#[derive(Clone, Copy, Debug)]
pub struct PlannedColumn {
    table: usize,
    column: usize,
    /// How many rows are made.
    pub rows: u64,
}

/// Something that is wanted and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible {
    /// The table.
    pub table: String,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
}

impl Plan {
    /// Makes the plan. The tables in `left_out` get nothing, for the reasons there.
    pub fn make(
        description: &Description,
        wanted: &Wanted,
        existing: &BTreeMap<String, Existing>,
        left_out: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Impossible>> {
        let mut maker = Maker::default();
        maker.read(description, wanted, existing);
        if !maker.impossible.is_empty() {
            return Err(maker.impossible);
        }
        for (number, table) in description.tables.iter().enumerate() {
            if let Some(reason) = left_out.get(&table.name) {
                maker.leave_out(number, reason.clone());
            }
        }
        maker.imply();
        maker.circles();
        let order = maker.order();
        maker.settle(&order);
        maker.try_templates();
        if !maker.impossible.is_empty() {
            return Err(maker.impossible);
        }
        Ok(maker.finish(order))
    }

    /// Finds what is wanted and does not fit the tables, whatever is in them.
    pub fn check(description: &Description, wanted: &Wanted) -> Vec<Impossible> {
        let mut maker = Maker::default();
        maker.read(description, wanted, &BTreeMap::new());
        maker.impossible
    }

    /// The first value that could not be worked out, of the rows that were made so far; such rows are not to be kept.
    pub fn failure(&self) -> Option<Impossible> {
        self.tables.iter().find_map(failure)
    }

    /// The tables as they are written: in order, with their columns and numbers of rows.
    pub fn bulk_tables(&self) -> Vec<BulkTable> {
        let mut written: BTreeSet<usize> = BTreeSet::new();
        let mut all = Vec::new();
        for &number in &self.order {
            let table = &self.tables[number];
            // A row may refer to itself or to an earlier one of its table, which every engine takes.
            written.insert(number);
            let is_late = |reference: &&Reference| {
                !written.contains(&reference.parent) && self.tables[reference.parent].count() > 0
                    || reference.parent == number && table.refers_ahead(reference)
            };
            let late = table.references.iter().filter(is_late).map(|reference| reference.key.clone()).collect();
            let columns = table.written.iter().map(|column| table.columns[*column].name.clone()).collect();
            all.push(BulkTable { name: table.name.clone(), columns, rows: table.count(), late });
        }
        all
    }

    /// Says whether nobody asked for the rows of a table of [`bulk_tables`](Self::bulk_tables), but others refer to them.
    pub fn is_implied(&self, table: usize) -> bool {
        self.tables[self.order[table]].is_implied
    }

    /// Says whether the row at a position is a record that nobody listed, but others imply.
    pub fn is_listed(&self, table: usize, position: u64) -> bool {
        let made = &self.tables[self.order[table]];
        made.parts[made.locate(position).part].group.is_listed()
    }

    /// How many rows of a table are made.
    pub fn count(&self, table: &str) -> u64 {
        self.tables.iter().find(|made| made.name == table).map_or(0, Table::count)
    }

    /// Works out a value or a template for the row of a table at a position; an error says why it cannot be.
    pub fn work_out(&self, table: &str, position: u64, given: &Given) -> Result<Datum, String> {
        let number =
            self.tables.iter().position(|made| made.name == table).expect("only tables with rows are asked for");
        let row = self.tables[number].locate(position);
        match given {
            Given::Value(value) => Ok(value.clone()),
            Given::Template(template) => {
                let values = template.operands.iter().map(|of| operand(&self.tables, number, &row, of));
                template.formula.evaluate(&values.collect::<Result<Vec<Datum>, String>>()?, row.index_shown())
            }
            _ => Err("it is neither a value nor a template".to_owned()),
        }
    }

    /// Says which row of which group of its table, both counted from 0, the row at a position is; `None` for a record.
    pub fn group(&self, table: usize, position: u64) -> Option<(u64, u64)> {
        let made = &self.tables[self.order[table]];
        let row = made.locate(position);
        Some((made.parts[row.part].group_number()?, row.index))
    }

    /// Where a column of a table is among what is made; `None` when it gets no rows, or only the database knows the values.
    pub fn column(&self, table: &str, column: &str) -> Option<PlannedColumn> {
        let number = *self.order.iter().find(|number| self.tables[**number].name == table)?;
        let table = &self.tables[number];
        let column = table.columns.iter().position(|limits| limits.name == column)?;
        let is_known =
            |part: &crate::table::Part| !matches!(part.layout.sources[column], Source::LeftOut | Source::Open);
        table.parts.iter().all(is_known).then(|| PlannedColumn { table: number, column, rows: table.count() })
    }

    /// The value of a column in one of the rows that are made.
    pub fn value(&self, column: PlannedColumn, row: u64) -> Datum {
        cell(&self.tables, column.table, &self.tables[column.table].locate(row), column.column)
    }

    /// Makes the rows of a table of [`bulk_tables`](Self::bulk_tables) from one position up to another.
    pub fn rows(&self, table: usize, from: u64, to: u64) -> Rows {
        let number = self.order[table];
        let made = &self.tables[number];
        let length = usize::try_from(to - from).expect("rows are made in small pieces");
        let mut cells = Vec::with_capacity(made.written.len() * length);
        for position in from..to {
            let row = made.locate(position);
            cells.extend(made.written.iter().map(|column| cell(&self.tables, number, &row, *column)));
        }
        Rows { width: made.written.len(), cells }
    }

    /// The words that are allowed in columns of which a check lists them, by table and column.
    pub fn choices(&self) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
        let of_column = |limits: &Limits| match &limits.domain {
            Some(Domain::Choices(choices)) => {
                Some((limits.name.clone(), choices.iter().filter_map(Datum::text).collect()))
            }
            _ => None,
        };
        let of_table = |table: &Table| (table.name.clone(), table.columns.iter().filter_map(of_column).collect());
        self.tables.iter().map(of_table).collect()
    }

    /// Says how the cells of each column come about, by table and column, for those tables that get rows.
    pub fn sources(&self) -> BTreeMap<String, Vec<(String, String)>> {
        let of_table = |number: &usize| {
            let table = &self.tables[*number];
            let layout = table.parts.first().map(|part| &part.layout)?;
            let columns = table.columns.iter().enumerate();
            let shown = columns.map(|(column, limits)| (limits.name.clone(), self.shown(table, layout, column)));
            Some((table.name.clone(), shown.collect()))
        };
        self.order.iter().filter_map(of_table).collect()
    }

    fn shown(&self, table: &Table, layout: &Layout, column: usize) -> String {
        let domain = table.columns[column].domain.as_ref();
        let what = domain.map_or_else(String::new, Domain::shown);
        let nullable = table.columns[column].nullable && table.columns[column].null == Nulls::Free;
        let nullable = if nullable { ", or nothing" } else { "" };
        match &layout.sources[column] {
            Source::LeftOut | Source::Open => "the database".to_owned(),
            Source::Null => "nothing".to_owned(),
            Source::Default(value) => {
                format!("the default {}", value.text().unwrap_or_else(|| "NULL".to_owned()))
            }
            Source::Given(_) => "given".to_owned(),
            Source::Drawn => match layout.beside[column].first() {
                Some((comparison, other)) => {
                    format!("generated: {what} {} {}{nullable}", comparison.sign(), table.columns[*other].name)
                }
                None => format!("generated: {what}{nullable}"),
            },
            Source::Numbered(_) if table.filled[column] == Filled::Counter => "counted".to_owned(),
            Source::Numbered(_) => format!("generated: {what}, each another one"),
            Source::Reference { pool, position } => {
                let pool = &layout.pools[*pool];
                let reference = &table.references[pool.reference];
                let parent = &self.tables[reference.parent];
                let unique = if pool.numbering.is_some() { ", no combination twice" } else { "" };
                let nullable = if pool.nullable { ", or nothing" } else { "" };
                let referenced = &parent.columns[reference.referenced[*position]].name;
                format!("a row of {} ({referenced}){unique}{nullable}", parent.name)
            }
        }
    }
}
