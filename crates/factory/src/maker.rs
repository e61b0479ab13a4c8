//! Makes a plan: which tables get rows, in which order and how many.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use database::{Description, Filled, ForeignKeyDescription, TableDescription};

use crate::cell::cell;
use crate::condition::{Limits, Nulls, keep_partitions, leave_room, narrow};
use crate::domain::Domain;
use crate::draw::Draw;
use crate::expression::parse;
use crate::given::{circle, unfit};
use crate::plan::{Impossible, Plan};
use crate::refusal::refusals;
use crate::table::{Key, Part, Reference, RowAt, Source, Table, Taken, taken};
use crate::wanted::{Existing, Given, Group, Wanted};

/// How many rows a table gets that others refer to and nobody asked for: a tenth of theirs, within these.
const IMPLIED: (u64, u64) = (1, 1000);
const PER_IMPLIED: u64 = 10;

/// Makes a plan.
#[derive(Default)]
pub(crate) struct Maker {
    pub(crate) tables: Vec<Table>,
    pub(crate) left_out: BTreeMap<usize, String>,
    /// By table: how many rows were wanted.
    wanted_rows: Vec<u64>,
    doubts: BTreeMap<usize, Vec<String>>,
    pub(crate) impossible: Vec<Impossible>,
}

impl Maker {
    pub(crate) fn read(&mut self, description: &Description, wanted: &Wanted, existing: &BTreeMap<String, Existing>) {
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
                    Some(column) => {
                        let place = (described.name.clone(), column.name.clone());
                        unfit(given, column, described, wanted.elsewhere.contains_key(&place))
                    }
                };
                if let Some(reason) = refused {
                    self.refuse(&described.name, Some(name), &reason);
                }
            }
            for (column, reason) in groups.into_iter().flatten().flat_map(|group| refusals(described, &group.given)) {
                self.refuse(&described.name, Some(&column), &reason);
            }
            for circle in groups.into_iter().flatten().filter_map(|group| circle(&group.given)) {
                let reason = format!("columns are worked out from each other: {}", circle.join(" → "));
                self.refuse(&described.name, circle.first().map(String::as_str), &reason);
            }
            let parts = if let Some(groups) = groups {
                parts(groups, existing.rows.saturating_sub(existing.records), existing.due.as_deref())
            } else {
                let fill = wanted.fill.unwrap_or(0);
                let due = existing.due.as_ref().and_then(|due| due.first());
                let missing = due.map_or_else(|| fill.saturating_sub(existing.rows), |(_, count)| *count);
                vec![Part::new(Group::of(missing), 0, existing.rows, missing)]
            };
            let columns = self.limits(number, described, wanted);
            let mut table = Table::new(wanted.seed, described, columns, existing);
            let parent = |key: &ForeignKeyDescription| {
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
        self.differ_for_others();
        self.circles_of_looks(description, wanted);
    }

    /// Where a part of a reference alone is unique, the rows that are referred to must differ in that part.
    fn differ_for_others(&mut self) {
        let mut wanted: Vec<(usize, Vec<usize>)> = Vec::new();
        for table in &self.tables {
            for reference in &table.references {
                let is_part = |key: &&Key| {
                    key.only_where.is_none()
                        && key.columns.len() < reference.columns.len()
                        && key.columns.iter().all(|column| reference.columns.contains(column))
                };
                for key in table.keys.iter().filter(is_part) {
                    let pairs = reference.columns.iter().zip(&reference.referenced);
                    let there = pairs.filter(|(column, _)| key.columns.contains(column));
                    wanted.push((reference.parent, there.map(|(_, referenced)| *referenced).collect()));
                }
            }
        }
        for (parent, columns) in wanted {
            let keys = &mut self.tables[parent].keys;
            if !keys.iter().any(|key| key.columns.iter().all(|column| columns.contains(column))) {
                keys.push(Key { primary: false, columns, only_where: None });
            }
        }
    }

    pub(crate) fn refuse(&mut self, table: &str, column: Option<&str>, reason: &str) {
        let column = column.map(str::to_owned);
        self.impossible.push(Impossible { table: table.to_owned(), column, reason: reason.to_owned() });
    }

    pub(crate) fn leave_out(&mut self, number: usize, reason: String) {
        self.left_out.entry(number).or_insert(reason);
        self.tables[number].parts.clear();
    }

    /// What the columns of a table can hold, as far as its checks are understood.
    fn limits(&mut self, number: usize, described: &TableDescription, wanted: &Wanted) -> Vec<Limits> {
        let limits = |column: &database::ColumnDescription| {
            let mut domain = Domain::of(&column.kind, &column.name, wanted.locale);
            if let Some(domain) = &mut domain {
                domain.share(&column.name, |shared| Draw::of(wanted.seed, &described.name, shared));
            }
            if let Some(rows) = wanted.elsewhere.get(&(described.name.clone(), column.name.clone())) {
                domain = Some(Domain::Elsewhere(rows.clone()));
            }
            let name = column.name.clone();
            Limits { name, domain, nullable: column.nullable, null: Nulls::Free, beside: Vec::new() }
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
    pub(crate) fn imply(&mut self) {
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
            let table = &mut self.tables[number];
            table.parts = vec![Part::new(Group::of(count), 0, 0, count)];
            table.is_implied = true;
            self.wanted_rows[number] = count;
        }
    }

    /// Leaves out tables whose keys are each made of the other's: nothing could be the first.
    pub(crate) fn circles(&mut self) {
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
    pub(crate) fn order(&self) -> Vec<usize> {
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
    pub(crate) fn settle(&mut self, order: &[usize]) {
        loop {
            let before: Vec<u64> = self.tables.iter().map(Table::count).collect();
            self.forget_places();
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
                // Where there are fewer afterwards, what refers to them is worked out anew.
                let is_settled = order.iter().all(|number| {
                    self.go_around(*number);
                    self.tables[*number].count() == before[*number]
                });
                if is_settled {
                    return;
                }
            }
        }
    }

    /// Where rows stand changes with how many there are.
    fn forget_places(&mut self) {
        for reference in self.tables.iter_mut().flat_map(|table| &mut table.references) {
            reference.made.take();
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

    /// Leaves out indexes whose rows would have a key that another row has.
    fn go_around(&mut self, number: usize) {
        let table = &self.tables[number];
        let is_alone = table.parts.len() < 2 && table.existing.taken.iter().all(HashSet::is_empty);
        if is_alone {
            return;
        }
        let mut all: Taken = table.existing.taken.clone();
        all.resize(table.keys.len(), HashSet::new());
        for part in 0..self.tables[number].parts.len() {
            self.tables[number].parts[part].skipped.clear();
            let mut count = self.tables[number].parts[part].count;
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
                if self.tables[number].parts[part].group.is_listed() {
                    // What has its key is there, or comes before it.
                    let part = &mut self.tables[number].parts[part];
                    part.skipped.push(row.index);
                    part.count -= 1;
                    count -= 1;
                    self.wanted_rows[number] -= 1;
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
        let digest = |key: &Key| {
            let cells: Vec<Option<String>> =
                key.columns.iter().map(|column| cell(&self.tables, number, row, *column).text()).collect();
            taken(cells.iter().map(Option::as_deref))
        };
        table.keys.iter().map(digest).collect()
    }

    /// Tries every template on the first row that it is for: most that cannot be worked out cannot be for any row.
    pub(crate) fn try_templates(&mut self) {
        self.forget_places();
        let mut failed = Vec::new();
        for (number, table) in self.tables.iter().enumerate() {
            let mut position = 0;
            for part in &table.parts {
                let row = table.locate(position);
                for (name, given) in &part.group.given {
                    let column = table.columns.iter().position(|column| column.name == *name);
                    if let (Given::Template(_), Some(column)) = (given, column) {
                        cell(&self.tables, number, &row, column);
                    }
                }
                position += part.count;
            }
            failed.extend(failure(table));
        }
        self.impossible.extend(failed);
    }

    pub(crate) fn finish(self, order: Vec<usize>) -> Plan {
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

/// The first cell of a table that could not be worked out.
pub(crate) fn failure(table: &Table) -> Option<Impossible> {
    let (column, reason) = table.failure.get()?;
    let column = Some(table.columns[*column].name.clone());
    Some(Impossible { table: table.name.clone(), column, reason: format!("this value cannot be made: {reason}") })
}

/// The rows of groups that are not there yet: records are looked for by who asks, rows of groups are counted.
fn parts(groups: &[Group], rows: u64, due: Option<&[(u64, u64)]>) -> Vec<Part> {
    let mut there = rows;
    let mut ordinals = (0, 0);
    let part = |group: &Group| {
        if group.is_record {
            ordinals.0 += group.count;
            return Part::new(group.clone(), ordinals.0 - group.count, 0, group.count);
        }
        ordinals.1 += 1;
        let ordinal = ordinals.1 - 1;
        if let Some((first, count)) = due.and_then(|due| due.get(usize::try_from(ordinal).ok()?)) {
            return Part::new(group.clone(), ordinal, *first, *count);
        }
        let first = there.min(group.count);
        there -= first;
        Part::new(group.clone(), ordinal, first, group.count - first)
    };
    groups.iter().map(part).collect()
}
