//! The plan of what is made: tables in order, how many rows of each, and the rows themselves, any of them alone.

use std::collections::{BTreeMap, BTreeSet};

use database::{BulkTable, Datum, Description, Filled, Partitions, Rows, TableDescription};

use crate::condition::{Limits, Nulls, leave_room, narrow};
use crate::domain::{Domain, Form, Numbers};
use crate::expression::{Comparison, Expression, parse};
use crate::keys;
use crate::table::{Part, Pool, Reference, RowAt, Source, Table, Taken, is_null, taken};
use crate::wanted::{Existing, Given, Group, Spread, Wanted};

/// How many rows a table gets that others refer to and nobody asked for: a tenth of theirs, within these.
const IMPLIED: (u64, u64) = (1, 1000);
const PER_IMPLIED: u64 = 10;

/// What is made, in order; a pure function of what is wanted, described and there.
#[derive(Debug)]
pub struct Plan {
    pub(crate) tables: Vec<Table>,
    /// The tables that get rows, by their number; those that are referred to come first.
    order: Vec<usize>,
    /// Tables that get no rows although some were wanted, each with the reason.
    pub left_out: BTreeMap<String, String>,
    /// Tables that get fewer rows than wanted, each with how many were wanted.
    pub fewer: BTreeMap<String, u64>,
    /// What was not understood of a table that gets rows, so that the database may refuse them.
    pub doubts: BTreeMap<String, Vec<String>>,
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
        let mut maker = Maker {
            tables: Vec::new(),
            left_out: BTreeMap::new(),
            wanted_rows: Vec::new(),
            doubts: BTreeMap::new(),
            impossible: Vec::new(),
        };
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
        if !maker.impossible.is_empty() {
            return Err(maker.impossible);
        }
        Ok(maker.finish(order))
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

    fn shown(&self, table: &Table, layout: &crate::table::Layout, column: usize) -> String {
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

/// Works a cell out.
fn cell(tables: &[Table], number: usize, row: &RowAt, column: usize) -> Datum {
    let table = &tables[number];
    let layout = &table.parts[row.part].layout;
    let limits = &table.columns[column];
    let draw = table.draws[column];
    match &layout.sources[column] {
        Source::LeftOut | Source::Null | Source::Open => Datum::Null,
        Source::Default(value) => value.clone(),
        Source::Given(Given::Made(pieces)) => {
            let mut text = String::new();
            for (piece, column) in pieces {
                text.push_str(piece);
                let other =
                    column.as_ref().and_then(|name| table.columns.iter().position(|column| column.name == *name));
                if let Some(other) = other {
                    cell(tables, number, row, other).write(&mut text);
                }
            }
            Datum::Text(text)
        }
        Source::Given(given) => given_cell(given, limits, draw, row),
        Source::Numbered(numbering) => match &limits.domain {
            Some(domain) => domain.nth(layout.numberings[*numbering].at(row), draw, row.identity),
            None => Datum::Null,
        },
        Source::Drawn => {
            let Some(domain) = &limits.domain else { return Datum::Null };
            if limits.nullable && limits.null == Nulls::Free && is_null(draw, row) {
                return Datum::Null;
            }
            match &layout.beside[column][..] {
                [] => domain.draw(draw, row.identity),
                beside => beside_cell(tables, number, row, column, domain, beside),
            }
        }
        Source::Reference { pool, position } => {
            let pool = &layout.pools[*pool];
            let reference = &table.references[pool.reference];
            let there = pool.there.map_or(0, |there| table_rows(tables, reference, there));
            let made = if pool.is_own { row.position } else { tables[reference.parent].count() };
            let size = there + made;
            let mut picked = match pool.pick(reference, layout, row, size) {
                Some(picked) if pool.is_own && pool.numbering.is_some() => Some(there + picked.min(row.position)),
                Some(picked) => Some(picked),
                // The first row of a table that refers to itself and may not refer to nothing.
                None if pool.is_own && !pool.nullable => Some(there + row.position),
                None => None,
            };
            if pool.is_own && pool.numbering.is_some() {
                picked = Some(there + row.position);
            }
            let Some(mut picked) = picked else { return Datum::Null };
            let at = |picked: u64, position: usize| {
                if picked < there {
                    let rows = &tables[reference.parent].existing.referable[pool.there.expect("there are some")].1;
                    return rows[usize::try_from(picked).expect("it is an index")][position].clone();
                }
                let parent = tables[reference.parent].locate(picked - there);
                cell(tables, reference.parent, &parent, reference.referenced[position])
            };
            if let Some(other) = pool.unlike
                && size > 1
                && at(picked, 0) == cell(tables, number, row, other)
            {
                picked = (picked + 1) % size;
            }
            at(picked, *position)
        }
    }
}

fn table_rows(tables: &[Table], reference: &Reference, there: usize) -> u64 {
    tables[reference.parent].existing.referable[there].1.len() as u64
}

/// A value that compares with other cells of its row as it must; NULL where there is none.
fn beside_cell(
    tables: &[Table],
    number: usize,
    row: &RowAt,
    column: usize,
    domain: &Domain,
    beside: &[(Comparison, usize)],
) -> Datum {
    let table = &tables[number];
    let draw = table.draws[column];
    let Domain::Numbers(numbers) = domain else { return domain.draw(draw, row.identity) };
    let mut narrowed = numbers.clone();
    let mut first = None;
    for (comparison, other) in beside {
        // What is compared with NULL may be anything.
        let Some(value) = value_in(numbers.form, &cell(tables, number, row, *other)) else { continue };
        if first.is_none() {
            first = Some((*comparison, value));
        } else {
            narrowed.keep_beside(*comparison, value);
        }
    }
    let Some((comparison, value)) = first else { return domain.draw(draw, row.identity) };
    match narrowed.beside(comparison, value, draw.at(row.identity)) {
        Some(value) => numbers.datum(value),
        None if table.columns[column].nullable => Datum::Null,
        None => domain.draw(draw, row.identity),
    }
}

/// The number of a value as numbers of a form count.
fn value_in(form: Form, datum: &Datum) -> Option<i64> {
    const DAY: i64 = 86_400_000_000;
    match (form, datum) {
        (Form::Integer, Datum::Integer(value))
        | (Form::Time, Datum::Time(value))
        | (Form::Timestamp, Datum::Timestamp(value)) => Some(*value),
        (Form::Decimal { scale }, Datum::Integer(value)) => value.checked_mul(10_i64.checked_pow(scale)?),
        (Form::Integer, Datum::Decimal { unscaled, scale }) => Some(unscaled / 10_i64.checked_pow(*scale)?),
        (Form::Decimal { scale: wanted }, Datum::Decimal { unscaled, scale }) if wanted >= *scale => {
            unscaled.checked_mul(10_i64.checked_pow(wanted - scale)?)
        }
        (Form::Decimal { scale: wanted }, Datum::Decimal { unscaled, scale }) => {
            Some(unscaled / 10_i64.checked_pow(scale - wanted)?)
        }
        (Form::Date, Datum::Date(value)) => Some(i64::from(*value)),
        (Form::Timestamp, Datum::Date(value)) => Some(i64::from(*value) * DAY),
        (Form::Date, Datum::Timestamp(value)) => Some(value.div_euclid(DAY)),
        _ => None,
    }
}

fn given_cell(given: &Given, limits: &Limits, draw: crate::draw::Draw, row: &RowAt) -> Datum {
    let digits = draw.at(row.identity);
    match given {
        Given::Value(value) => value.clone(),
        Given::Numbered(pieces) => Datum::Text(pieces.join(&(row.index + 1).to_string())),
        Given::OneOf(values) => {
            let all = values.iter().map(|(_, weight)| weight).sum::<u64>().max(1);
            let mut place = crate::draw::below(digits, all);
            for (value, weight) in values {
                if place < *weight {
                    return value.clone();
                }
                place -= weight;
            }
            Datum::Null
        }
        Given::Between(least, greatest) => match &limits.domain {
            Some(Domain::Numbers(numbers)) => match (numbers.read(least), numbers.read(greatest)) {
                (Some(least), Some(greatest)) if least <= greatest => {
                    numbers.datum(numbers.within(least, greatest, digits))
                }
                _ => Datum::Null,
            },
            _ => match (least.parse::<f64>(), greatest.parse::<f64>()) {
                (Ok(least), Ok(greatest)) => Datum::Float(least + (greatest - least) * crate::draw::fraction(digits)),
                _ => Datum::Null,
            },
        },
        Given::Normal { mean, deviation } => {
            // Twelve even ones add up to what is normal enough, with the same digits on every machine.
            let sum: f64 = (0..12).map(|salt| crate::draw::fraction(draw.other(20 + salt).at(row.identity))).sum();
            let value = mean + deviation * (sum - 6.0);
            match &limits.domain {
                Some(Domain::Numbers(numbers)) => numbers.datum(numbers.nearest(value)),
                _ => Datum::Float(value),
            }
        }
        Given::Pick(_) | Given::Record(_) | Given::Made(_) => Datum::Null,
    }
}

/// Makes a plan.
struct Maker {
    tables: Vec<Table>,
    left_out: BTreeMap<usize, String>,
    /// By table: how many rows were wanted.
    wanted_rows: Vec<u64>,
    doubts: BTreeMap<usize, Vec<String>>,
    impossible: Vec<Impossible>,
}

impl Maker {
    fn read(&mut self, description: &Description, wanted: &Wanted, existing: &BTreeMap<String, Existing>) {
        for name in wanted.tables.keys().filter(|name| description.table(name).is_none()) {
            self.refuse(name, None, "there is no such table");
        }
        for (number, described) in description.tables.iter().enumerate() {
            let existing = existing.get(&described.name).cloned().unwrap_or_default();
            let groups = wanted.tables.get(&described.name);
            for (name, given) in groups.into_iter().flatten().flat_map(|group| &group.given) {
                let refused = match described.column(name) {
                    None => Some("there is no such column".to_owned()),
                    Some(column) if column.filled == Filled::Generated => {
                        Some("the database makes it itself".to_owned())
                    }
                    Some(column) => unfit(given, column, described),
                };
                if let Some(reason) = refused {
                    self.refuse(&described.name, Some(name), &reason);
                }
            }
            let parts = if let Some(groups) = groups {
                parts(groups, existing.rows.saturating_sub(existing.records))
            } else {
                let missing = wanted.fill.unwrap_or(0).saturating_sub(existing.rows);
                let group = Group { count: missing, is_record: false, given: indexmap::IndexMap::new() };
                vec![Part::new(group, 0, existing.rows, missing)]
            };
            let columns = self.limits(number, described);
            let mut table = Table::new(wanted.seed, described, columns, existing);
            let parent = |key: &database::ForeignKeyDescription| {
                let parent = description.tables.iter().position(|parent| parent.name == key.table)?;
                Reference::new(wanted.seed, described, (parent, &description.tables[parent]), key)
            };
            table.references = described.foreign_keys.iter().filter_map(parent).collect();
            // The longest first: what it says of a column is more than what a shorter one says.
            table.references.sort_by_key(|reference| std::cmp::Reverse(reference.columns.len()));
            table.is_named = groups.is_some();
            table.parts = parts.into_iter().filter(|part| part.count > 0).collect();
            self.wanted_rows.push(table.count());
            self.tables.push(table);
        }
    }

    fn refuse(&mut self, table: &str, column: Option<&str>, reason: &str) {
        let column = column.map(str::to_owned);
        self.impossible.push(Impossible { table: table.to_owned(), column, reason: reason.to_owned() });
    }

    fn leave_out(&mut self, number: usize, reason: String) {
        self.left_out.entry(number).or_insert(reason);
        self.tables[number].parts.clear();
    }

    /// What the columns of a table can hold, as far as its checks are understood.
    fn limits(&mut self, number: usize, described: &TableDescription) -> Vec<Limits> {
        let limits = |column: &database::ColumnDescription| Limits {
            name: column.name.clone(),
            domain: Domain::of(&column.kind, &column.name),
            nullable: column.nullable,
            null: Nulls::Free,
            beside: Vec::new(),
        };
        let mut columns: Vec<Limits> = described.columns.iter().map(limits).collect();
        let mut doubts = described.unknown.clone();
        let named = |check: &database::CheckDescription| {
            if check.name.is_empty() { check.condition.clone() } else { check.name.clone() }
        };
        for (position, column) in described.columns.iter().enumerate() {
            for check in &column.checks {
                if parse(&check.condition).and_then(|found| narrow(&mut columns, &found, Some(position))).is_none() {
                    doubts.push(format!("the check {} of the type of {}", named(check), column.name));
                }
            }
        }
        for check in &described.checks {
            if parse(&check.condition).and_then(|found| narrow(&mut columns, &found, None)).is_none() {
                doubts.push(format!("the check {}", named(check)));
            }
        }
        leave_room(&mut columns);
        if let Some(partitions) = &described.partitions
            && keep_partitions(&mut columns, partitions).is_none()
        {
            doubts.push("the bounds of its partitions".to_owned());
        }
        if !doubts.is_empty() {
            self.doubts.insert(number, doubts);
        }
        columns
    }

    /// Gives rows to tables that nobody asked rows of, but without which those that were asked for cannot be.
    fn imply(&mut self) {
        loop {
            let mut implied = None;
            for table in self.tables.iter().filter(|table| table.count() > 0) {
                for reference in &table.references {
                    let parent = &self.tables[reference.parent];
                    let is_needed = reference.columns.iter().all(|column| {
                        let limits = &table.columns[*column];
                        !limits.nullable || limits.null == Nulls::Never
                    });
                    let is_empty = parent.count() == 0 && parent.existing.rows == 0;
                    if is_needed && is_empty && !self.left_out.contains_key(&reference.parent) {
                        implied = Some((reference.parent, table.count()));
                    }
                }
            }
            let Some((number, rows)) = implied else { return };
            let count = (rows / PER_IMPLIED).clamp(IMPLIED.0, IMPLIED.1);
            let group = Group { count, is_record: false, given: indexmap::IndexMap::new() };
            let table = &mut self.tables[number];
            table.parts = vec![Part::new(group, 0, 0, count)];
            table.is_implied = true;
            self.wanted_rows[number] = count;
        }
    }

    /// Leaves out tables whose keys are each made of the other's: nothing could be the first.
    fn circles(&mut self) {
        // Cells of keys that are cells of other rows, which must end somewhere.
        let next = |(table, column): (usize, usize)| {
            let table = &self.tables[table];
            let owner = table.references.iter().find(|reference| reference.columns.contains(&column))?;
            let place = owner.columns.iter().position(|other| *other == column)?;
            Some((owner.parent, owner.referenced[place]))
        };
        let mut found: BTreeMap<usize, String> = BTreeMap::new();
        for (number, table) in self.tables.iter().enumerate() {
            for column in 0..table.columns.len() {
                let mut path = vec![(number, column)];
                while let Some(cell) = next(*path.last().expect("it begins with one")) {
                    if cell == (number, column) {
                        path.push(cell);
                        let names = path.iter().map(|(table, column)| {
                            let table = &self.tables[*table];
                            format!("{}.{}", table.name, table.columns[*column].name)
                        });
                        let names: Vec<String> = names.collect();
                        found.entry(number).or_insert_with(|| {
                            format!("its foreign keys go in a circle of keys: {}", names.join(" → "))
                        });
                        break;
                    }
                    if path.contains(&cell) {
                        break;
                    }
                    path.push(cell);
                }
            }
        }
        for (number, reason) in found {
            self.leave_out(number, reason);
        }
    }

    /// The tables in an order in which what is referred to comes first, as far as there is one.
    fn order(&self) -> Vec<usize> {
        let mut order = Vec::new();
        let mut left: BTreeSet<usize> = (0..self.tables.len()).collect();
        while !left.is_empty() {
            let waits_for = |number: usize| {
                let parents = self.tables[number].references.iter().map(|reference| reference.parent);
                parents.filter(|parent| *parent != number && left.contains(parent)).collect::<BTreeSet<_>>().len()
            };
            // In a circle the one that waits for the fewest goes first; its references are checked late.
            let next = left.iter().copied().min_by_key(|number| (waits_for(*number), *number)).expect("some are left");
            left.remove(&next);
            order.push(next);
        }
        order
    }

    /// Works out how each cell comes about, and brings the numbers of rows to what keys and references allow.
    fn settle(&mut self, order: &[usize]) {
        loop {
            let before: Vec<u64> = self.tables.iter().map(Table::count).collect();
            for &number in order {
                for part in 0..self.tables[number].parts.len() {
                    match self.lay_out(number, part) {
                        Ok((layout, capacity)) => {
                            let table = &self.tables[number];
                            for (column, other) in &layout.apart {
                                let doubt = format!("the comparison of {}", table.shown(&[*column, *other]));
                                let doubts = self.doubts.entry(number).or_default();
                                if !doubts.contains(&doubt) {
                                    doubts.push(doubt);
                                }
                            }
                            let part = &mut self.tables[number].parts[part];
                            part.layout = layout;
                            if !part.group.is_record {
                                part.count = part.count.min(capacity.saturating_sub(part.first));
                            }
                        }
                        Err(reason) => {
                            self.cannot(number, reason);
                            break;
                        }
                    }
                }
                self.tables[number].parts.retain(|part| part.count > 0);
            }
            // Rows that would clash are gone around when the numbers of rows do not change any more.
            if self.tables.iter().map(Table::count).eq(before.iter().copied()) {
                for &number in order {
                    self.go_around(number);
                }
                if self.tables.iter().map(Table::count).eq(before) {
                    return;
                }
            }
        }
    }

    /// A table cannot have rows: that is an error for one that is asked for by name, else it is left out.
    fn cannot(&mut self, number: usize, reason: String) {
        if self.tables[number].is_named {
            let name = self.tables[number].name.clone();
            self.refuse(&name, None, &reason);
        }
        self.leave_out(number, reason);
    }

    /// How each cell of a part comes about, and how many indexes there are.
    fn lay_out(&self, number: usize, part: usize) -> Result<(crate::table::Layout, u64), String> {
        let table = &self.tables[number];
        let part = &table.parts[part];
        let mut layout = crate::table::Layout {
            sources: vec![Source::Open; table.columns.len()],
            beside: vec![Vec::new(); table.columns.len()],
            ..crate::table::Layout::default()
        };
        for (column, limits) in table.columns.iter().enumerate() {
            match part.group.given.get(&limits.name) {
                Some(Given::Pick(_) | Given::Record(_)) | None => {}
                Some(given) => layout.sources[column] = Source::Given(given.clone()),
            }
            if table.filled[column] == Filled::Generated {
                layout.sources[column] = Source::LeftOut;
            } else if limits.null == Nulls::Always && layout.sources[column] == Source::Open {
                layout.sources[column] = Source::Null;
            }
        }
        for index in 0..table.references.len() {
            self.lay_out_reference(table, part, index, &mut layout)?;
        }
        for (column, limits) in table.columns.iter().enumerate() {
            if layout.sources[column] == Source::Open && limits.domain.is_none() {
                layout.sources[column] = match &table.filled[column] {
                    Filled::Null if limits.nullable => Source::Null,
                    Filled::Null => {
                        return Err(format!("nothing is known of the type of its column {}", limits.name));
                    }
                    _ => Source::LeftOut,
                };
            }
        }
        let size = |pool: &Pool| {
            let reference = &table.references[pool.reference];
            let there = pool.there.map_or(0, |there| table_rows(&self.tables, reference, there));
            there + self.tables[reference.parent].count()
        };
        let capacity = keys::number(table, &mut layout, part.need(), &size)?;
        let mut room = capacity;
        for column in 0..table.columns.len() {
            if layout.sources[column] == Source::Open {
                match &table.filled[column] {
                    Filled::Counter => room = room.min(keys::number_column(table, &mut layout, column, part.need())),
                    Filled::Default(default) if table.columns[column].beside.is_empty() => {
                        let domain = table.columns[column].domain.as_ref();
                        let allowed = constant(default).filter(|value| domain.is_none_or(|domain| domain.has(value)));
                        layout.sources[column] = allowed.map_or(Source::Drawn, Source::Default);
                    }
                    _ => layout.sources[column] = Source::Drawn,
                }
            }
        }
        compare(table, &mut layout);
        Ok((layout, room))
    }

    fn lay_out_reference(
        &self,
        table: &Table,
        part: &Part,
        index: usize,
        layout: &mut crate::table::Layout,
    ) -> Result<(), String> {
        let reference = &table.references[index];
        let open = reference.columns.iter().filter(|column| layout.sources[**column] == Source::Open).count();
        if reference.columns.iter().any(|column| layout.sources[*column] == Source::Null) {
            // With a NULL in it, it refers to nothing.
            return Ok(());
        }
        // A column that can be NULL, so that it refers to nothing.
        let nullable = reference.columns.iter().copied().find(|column| {
            let limits = &table.columns[*column];
            limits.nullable && limits.null != Nulls::Never && layout.sources[*column] == Source::Open
        });
        if open == 0 {
            return if self.agrees(table, reference, layout) {
                Ok(())
            } else {
                Err(format!(
                    "its foreign keys share the columns {} and would have to agree",
                    table.shown(&reference.columns)
                ))
            };
        }
        if open < reference.columns.len() {
            let Some(column) = nullable else {
                let shown = table.shown(&reference.columns);
                return Err(format!("its foreign keys share columns of {shown} and would have to agree"));
            };
            layout.sources[column] = Source::Null;
            return Ok(());
        }
        let names: Vec<String> = reference
            .referenced
            .iter()
            .map(|column| self.tables[reference.parent].columns[*column].name.clone())
            .collect();
        let parent = &self.tables[reference.parent];
        let there = parent.existing.referable.iter().position(|(columns, rows)| *columns == names && !rows.is_empty());
        let is_own = std::ptr::eq(parent, table);
        if there.is_none() && parent.count() == 0 {
            let Some(column) = nullable else {
                let why = self.left_out.get(&reference.parent);
                let why = why.map_or_else(|| "has no rows".to_owned(), |why| format!("is left out: {why}"));
                return Err(format!("it refers to {}, which {why}", parent.name));
            };
            layout.sources[column] = Source::Null;
            return Ok(());
        }
        let given = reference.columns.iter().find_map(|column| part.group.given.get(&table.columns[*column].name));
        let (mut spread, mut fixed) = (Spread::Uniform, None);
        match given {
            Some(Given::Pick(picked)) => spread = *picked,
            Some(Given::Record(values)) => {
                let there = there.map_or(0, |there| parent.existing.referable[there].1.len() as u64);
                let found = record(parent, values);
                let found = found.ok_or_else(|| {
                    let shown: Vec<String> = values
                        .iter()
                        .map(|(name, value)| format!("{name} = {}", value.text().unwrap_or_default()))
                        .collect();
                    format!("there is no {} with {}", parent.name, shown.join(", "))
                })?;
                fixed = Some(there + found);
            }
            _ => {}
        }
        for (position, column) in reference.columns.iter().enumerate() {
            layout.sources[*column] = Source::Reference { pool: layout.pools.len(), position };
        }
        let nullable = nullable.is_some() && given.is_none();
        layout.pools.push(Pool {
            reference: index,
            there,
            spread,
            fixed,
            numbering: None,
            nullable,
            is_own,
            unlike: None,
        });
        Ok(())
    }

    /// Whether a foreign key holds because of others: what its columns hold comes from rows that keep it themselves.
    fn agrees(&self, table: &Table, reference: &Reference, layout: &crate::table::Layout) -> bool {
        if reference.columns.iter().all(|column| matches!(layout.sources[*column], Source::Given(_))) {
            return true;
        }
        let mut pools: BTreeSet<usize> = BTreeSet::new();
        let mut columns = Vec::new();
        for column in &reference.columns {
            let Source::Reference { pool, position } = layout.sources[*column] else { return false };
            pools.insert(pool);
            columns.push(table.references[layout.pools[pool].reference].referenced[position]);
        }
        let [pool] = pools.into_iter().collect::<Vec<_>>()[..] else { return false };
        let other = &table.references[layout.pools[pool].reference];
        if other.parent == reference.parent && columns == reference.referenced {
            return true;
        }
        let parent = &self.tables[other.parent];
        parent.references.iter().any(|above| {
            above.parent == reference.parent && above.columns == columns && above.referenced == reference.referenced
        })
    }

    /// Leaves out indexes whose rows would have a key that another row has.
    fn go_around(&mut self, number: usize) {
        let table = &self.tables[number];
        let is_alone = table.parts.len() < 2 && table.existing.taken.iter().all(std::collections::HashSet::is_empty);
        if is_alone {
            return;
        }
        let mut all: Taken = table.existing.taken.clone();
        all.resize(table.keys.len(), std::collections::HashSet::new());
        for part in 0..self.tables[number].parts.len() {
            self.tables[number].parts[part].skipped.clear();
            let count = self.tables[number].parts[part].count;
            let before: u64 = self.tables[number].parts[..part].iter().map(|part| part.count).sum();
            // Each row that is there can be in the way once for each key.
            let most = all.iter().map(|taken| taken.len() as u64).sum::<u64>() + 1;
            let capacity = self.capacity(number, part);
            let (mut position, mut tries) = (0, 0);
            while position < count {
                let row = self.tables[number].locate(before + position);
                let digests = self.digests(number, &row);
                let clashes = digests
                    .iter()
                    .zip(&all)
                    .any(|(digest, taken)| digest.is_some_and(|digest| taken.contains(&digest)));
                if !clashes {
                    // Rows of one part are never in each other's way.
                    if part + 1 < self.tables[number].parts.len() {
                        for (digest, taken) in digests.iter().zip(&mut all) {
                            taken.extend(digest);
                        }
                    }
                    position += 1;
                    continue;
                }
                tries += 1;
                // Whoever has gone through all numbers, from any of them on, has seen everything there is.
                if tries > most || position + tries >= capacity {
                    let part = &mut self.tables[number].parts[part];
                    part.count = position;
                    break;
                }
                self.tables[number].parts[part].skipped.push(row.index);
            }
        }
        self.tables[number].parts.retain(|part| part.count > 0);
    }

    fn capacity(&self, number: usize, part: usize) -> u64 {
        if self.tables[number].parts[part].group.is_record {
            return u64::MAX;
        }
        self.lay_out(number, part).map_or(0, |(_, capacity)| capacity)
    }

    fn digests(&self, number: usize, row: &RowAt) -> Vec<Option<u128>> {
        let table = &self.tables[number];
        let digest = |key: &crate::table::Key| {
            let cells: Vec<Option<String>> =
                key.columns.iter().map(|column| cell(&self.tables, number, row, *column).text()).collect();
            taken(cells.iter().map(Option::as_deref))
        };
        table.keys.iter().map(digest).collect()
    }

    fn finish(self, order: Vec<usize>) -> Plan {
        let mut tables = self.tables;
        for table in &mut tables {
            let is_written =
                |column: &usize| table.parts.iter().any(|part| part.layout.sources[*column] != Source::LeftOut);
            table.written = (0..table.columns.len()).filter(is_written).collect();
        }
        let named = |number: &usize| tables[*number].name.clone();
        let left_out = self.left_out.iter().filter(|(number, _)| self.wanted_rows[**number] > 0);
        let fewer = order.iter().filter(|number| tables[**number].count() < self.wanted_rows[**number]);
        Plan {
            left_out: left_out.map(|(number, reason)| (named(number), reason.clone())).collect(),
            fewer: fewer
                .filter(|number| !self.left_out.contains_key(number))
                .map(|number| (named(number), self.wanted_rows[*number]))
                .collect(),
            doubts: self
                .doubts
                .iter()
                .filter(|(number, _)| tables[**number].count() > 0)
                .map(|(number, doubts)| (named(number), doubts.clone()))
                .collect(),
            order: order.into_iter().filter(|number| tables[*number].count() > 0).collect(),
            tables,
        }
    }
}

/// The rows of groups that are not there yet: records are looked for by who asks, rows of groups are counted.
fn parts(groups: &[Group], rows: u64) -> Vec<Part> {
    let mut there = rows;
    let mut ordinals = (0, 0);
    let part = |group: &Group| {
        if group.is_record {
            ordinals.0 += 1;
            return Part::new(group.clone(), ordinals.0 - 1, 0, 1);
        }
        let first = there.min(group.count);
        there -= first;
        ordinals.1 += 1;
        Part::new(group.clone(), ordinals.1 - 1, first, group.count - first)
    };
    groups.iter().map(part).collect()
}

/// Why something that is given does not fit its column, if it does not.
fn unfit(given: &Given, column: &database::ColumnDescription, described: &TableDescription) -> Option<String> {
    let is_reference = described.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
    match given {
        Given::Pick(_) | Given::Record(_) if !is_reference => Some("it refers to no other table".to_owned()),
        Given::Between(least, greatest) => {
            let is_number = |text: &String| text.parse::<f64>().is_ok();
            let fits = match Domain::of(&column.kind, &column.name) {
                Some(Domain::Numbers(numbers)) => match (numbers.read(least), numbers.read(greatest)) {
                    (Some(least), Some(greatest)) => least <= greatest,
                    _ => false,
                },
                Some(Domain::Float { .. }) => is_number(least) && is_number(greatest),
                _ => false,
            };
            (!fits).then(|| format!("a value of the type {} cannot be between {least} and {greatest}", column.sql_type))
        }
        Given::Normal { .. } => {
            let fits =
                matches!(Domain::of(&column.kind, &column.name), Some(Domain::Numbers(_) | Domain::Float { .. }));
            (!fits).then(|| format!("a value of the type {} cannot be around a mean", column.sql_type))
        }
        Given::Value(Datum::Null) if !column.nullable => Some("it cannot be nothing".to_owned()),
        _ => None,
    }
}

/// The position of the record with these values among the rows that are made.
fn record(parent: &Table, values: &indexmap::IndexMap<String, Datum>) -> Option<u64> {
    let mut position = 0;
    for part in &parent.parts {
        let has = |(name, value): (&String, &Datum)| match part.group.given.get(name) {
            Some(Given::Value(given)) => given.text() == value.text(),
            _ => false,
        };
        if part.group.is_record && values.iter().all(has) {
            return Some(position);
        }
        position += part.count;
    }
    None
}

/// Says which cells are worked out from others, so that what is compared holds.
fn compare(table: &Table, layout: &mut crate::table::Layout) {
    for column in 0..table.columns.len() {
        'pairs: for (comparison, other) in &table.columns[column].beside {
            let pairs = [(column, *comparison, *other), (*other, comparison.mirrored(), column)];
            let free = pairs.iter().find(|(dependent, _, other)| {
                let is_number = matches!(table.columns[*dependent].domain, Some(Domain::Numbers(_)));
                layout.sources[*dependent] == Source::Drawn && is_number && !depends(layout, *other, *dependent)
            });
            if let Some((dependent, comparison, other)) = free {
                layout.beside[*dependent].push((*comparison, *other));
                continue;
            }
            if *comparison == Comparison::Unequal {
                for (dependent, _, other) in pairs {
                    if let Source::Reference { pool, position: 0 } = layout.sources[dependent]
                        && layout.pools[pool].numbering.is_none()
                    {
                        layout.pools[pool].unlike = Some(other);
                        continue 'pairs;
                    }
                }
            }
            let is_nothing = |column: usize| layout.sources[column] == Source::Null;
            if !is_nothing(column) && !is_nothing(*other) {
                layout.apart.push((column, *other));
            }
        }
    }
}

/// Whether a cell is worked out from another one, directly or not.
fn depends(layout: &crate::table::Layout, column: usize, other: usize) -> bool {
    column == other || layout.beside[column].iter().any(|(_, next)| depends(layout, *next, other))
}

/// The value of a default that is always the same.
fn constant(default: &str) -> Option<Datum> {
    Some(match parse(default)? {
        Expression::Text(text) => Datum::Text(text),
        Expression::Number(digits) => Datum::Text(digits),
        Expression::Boolean(value) => Datum::Boolean(value),
        _ => return None,
    })
}

/// Leaves only values for which there is a partition: of several ranges that do not meet, the first that do.
fn keep_partitions(columns: &mut [Limits], partitions: &Partitions) -> Option<()> {
    let limits = columns.iter_mut().find(|column| column.name == partitions.column)?;
    limits.null = Nulls::Never;
    let domain = limits.domain.as_mut()?;
    if !partitions.values.is_empty() {
        let values: Vec<Expression> = partitions.values.iter().cloned().map(Expression::Text).collect();
        return domain.within(&values, false);
    }
    let Domain::Numbers(numbers) = domain else { return None };
    let read = |numbers: &Numbers, text: &Option<String>| match text {
        None => Some(None),
        Some(text) => numbers.read(text).map(Some),
    };
    let mut ranges = Vec::new();
    for (from, to) in &partitions.ranges {
        ranges.push((read(numbers, from)?, read(numbers, to)?));
    }
    ranges.sort();
    let (from, mut to) = *ranges.first()?;
    for (next, end) in &ranges[1..] {
        if next.is_some() && *next == to {
            to = *end;
        }
    }
    numbers.between(from, to)
}
