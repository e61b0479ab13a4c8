//! A table of a plan: what its columns hold, the rows that are wanted, and how each cell comes about.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use database::{Datum, Filled, ForeignKeyDescription, KeyDescription, TableDescription};

use crate::condition::Limits;
use crate::draw::{Draw, Permutation, below, fraction, mix};
use crate::expression::{Comparison, parse};
use crate::spread::zipf;
use crate::wanted::{Existing, Given, Group, Spread};

/// A table of a plan.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Limits>,
    pub(crate) draws: Vec<Draw>,
    pub(crate) filled: Vec<Filled>,
    pub(crate) keys: Vec<Key>,
    pub(crate) references: Vec<Reference>,
    pub(crate) existing: Existing,
    pub(crate) parts: Vec<Part>,
    /// The columns that are written, in their order.
    pub(crate) written: Vec<usize>,
    /// Whether its rows were asked for by its name.
    pub(crate) is_named: bool,
    /// Whether nobody asked for its rows, but others refer to them.
    pub(crate) is_implied: bool,
    /// The first cell that could not be worked out: its column, and why.
    pub(crate) failure: OnceLock<(usize, String)>,
}

/// A unique key, by the numbers of its columns.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) primary: bool,
    pub(crate) columns: Vec<usize>,
    /// A column that is true or false, and the value for which the key holds: a partial key.
    pub(crate) only_where: Option<(usize, bool)>,
}

/// A foreign key, by the numbers of its columns and of the table that it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) key: ForeignKeyDescription,
    pub(crate) columns: Vec<usize>,
    pub(crate) parent: usize,
    pub(crate) referenced: Vec<usize>,
    draw: Draw,
    /// By what is stored to refer to them: where the rows stand that are made, once that is known.
    pub(crate) made: OnceLock<HashMap<Vec<String>, u64>>,
}

/// Rows that are made alike.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) group: Group,
    /// Its number among the groups of its table of the same kind.
    pub(crate) ordinal: u64,
    /// Tells its values from those of other parts.
    salt: u64,
    /// The index of its first row; rows before it are there already.
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// Indexes that are left out, since another row has a key of theirs; sorted.
    pub(crate) skipped: Vec<u64>,
    pub(crate) layout: Layout,
}

/// How each cell of the rows of a part comes about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    /// By column.
    pub(crate) sources: Vec<Source>,
    pub(crate) pools: Vec<Pool>,
    pub(crate) numberings: Vec<Numbering>,
    /// By column: those that are given, and are about the same person or place.
    pub(crate) told: Vec<Vec<usize>>,
    /// By column: how its values compare with those of others, which are worked out first.
    pub(crate) beside: Vec<Vec<(Comparison, usize)>>,
    /// Pairs of columns that must compare and of which neither can be worked out from the other.
    pub(crate) apart: Vec<(usize, usize)>,
}

/// How a cell comes about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// Nothing is known yet.
    Open,
    /// The database makes it.
    LeftOut,
    Null,
    /// The constant that the database has for it.
    Default(Datum),
    Given(Given),
    /// Any value that is allowed.
    Drawn,
    /// The value of a number that no other row has, alone or together with other cells.
    Numbered(usize),
    /// What stands in a row of another table.
    Reference {
        pool: usize,
        position: usize,
    },
}

/// The rows to which a foreign key can refer.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) reference: usize,
    /// Where the rows that are there already stand in [`Existing::referable`].
    pub(crate) there: Option<usize>,
    pub(crate) spread: Spread,
    /// The only rows that it refers to, each as often as its weight says; none: any.
    pub(crate) chosen: Vec<(Chosen, u64)>,
    /// The group of whose rows each is referred to in turn, and how many times.
    pub(crate) each: Option<(u64, u64)>,
    pub(crate) numbering: Option<usize>,
    /// Whether it is NULL now and then.
    pub(crate) nullable: bool,
    /// Whether a row may refer to rows of its own table, which came before it.
    pub(crate) is_own: bool,
    /// Another column that must differ from its first one.
    pub(crate) unlike: Option<usize>,
}

/// A row that a foreign key refers to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Chosen {
    /// The row at this place among those that are made.
    Made(u64),
    /// A row that is there, by what is stored to refer to it.
    There(Vec<Datum>),
}

/// Numbers that make cells differ: the index of a row, perhaps shuffled, as digits of a number with mixed bases.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbering {
    pub(crate) permutation: Option<Permutation>,
    /// The product of the sizes of the digits below.
    pub(crate) stride: u64,
    pub(crate) size: u64,
    /// Whether it counts rows of the table, as counters do, and not of the part.
    pub(crate) is_counter: bool,
    /// After how many rows it begins anew.
    pub(crate) cycle: Option<u64>,
}

/// A row of a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowAt {
    pub(crate) part: usize,
    /// Its place among the rows that are made.
    pub(crate) position: u64,
    /// What its values are drawn by.
    pub(crate) identity: u64,
    /// What its numbered values are made by.
    pub(crate) index: u64,
    /// What counters give it.
    pub(crate) counter: u64,
    /// Its place among the rows of its part, with those that are left out.
    pub(crate) nth: u64,
}

impl RowAt {
    /// The number of the row in its group, from 1.
    pub(crate) fn index_shown(&self) -> u64 {
        self.index + 1
    }
}

impl Numbering {
    pub(crate) fn at(&self, row: &RowAt) -> u64 {
        let index = if self.is_counter { row.counter } else { row.index };
        let index = self.cycle.map_or(index, |cycle| index % cycle.max(1));
        let number = match &self.permutation {
            Some(permutation) => permutation.at(index % permutation.size()),
            None => index,
        };
        number / self.stride % self.size.max(1)
    }
}

impl Table {
    pub(crate) fn new(seed: u64, described: &TableDescription, columns: Vec<Limits>, existing: Existing) -> Self {
        let draws = columns.iter().map(|column| Draw::of(seed, &described.name, &column.name)).collect();
        let filled = described.columns.iter().map(|column| column.filled.clone()).collect();
        let keys = described.keys.iter().map(|key| Key::of(described, key)).collect();
        Self {
            name: described.name.clone(),
            columns,
            draws,
            filled,
            keys,
            references: Vec::new(),
            existing,
            parts: Vec::new(),
            written: Vec::new(),
            is_named: false,
            is_implied: false,
            failure: OnceLock::new(),
        }
    }

    /// How many rows are made.
    pub(crate) fn count(&self) -> u64 {
        self.parts.iter().map(|part| part.count).sum()
    }

    /// The row at a place among those that are made.
    pub(crate) fn locate(&self, position: u64) -> RowAt {
        let mut before = 0;
        for (number, part) in self.parts.iter().enumerate() {
            if position < before + part.count {
                let index = part.index(position - before);
                let identity = part.identity(index);
                let counter = self.existing.rows + position + part.behind(index);
                return RowAt { part: number, position, identity, index, counter, nth: index - part.first };
            }
            before += part.count;
        }
        unreachable!("row {position} of {} is not made", self.name)
    }

    /// What a column holds of the row that is there to which a reference refers by what it stores.
    pub(crate) fn look_up(&self, reference: &Reference, stored: &[Datum], column: &str) -> Option<Datum> {
        let is_meant = |name: &String, number: &usize| self.columns[*number].name == *name;
        let mut all = self.existing.referable.iter().filter(|rows| {
            let columns = &rows.columns;
            columns.len() == reference.referenced.len()
                && columns.iter().zip(&reference.referenced).all(|(name, number)| is_meant(name, number))
        });
        all.find_map(|rows| rows.look_up(rows.find(stored)?, column))
    }

    /// Whether a record refers to a later one of the same table.
    pub(crate) fn refers_ahead(&self, reference: &Reference) -> bool {
        let mut position = 0;
        self.parts.iter().any(|part| {
            let is_ahead = part.layout.pools.iter().any(|pool| {
                let is_later = |(chosen, _): &(Chosen, u64)| matches!(chosen, Chosen::Made(made) if *made > position);
                self.references[pool.reference].key == reference.key && pool.chosen.iter().any(is_later)
            });
            position += part.count;
            is_ahead
        })
    }

    /// Names columns for a message.
    pub(crate) fn shown(&self, columns: &[usize]) -> String {
        let names: Vec<&str> = columns.iter().map(|column| self.columns[*column].name.as_str()).collect();
        format!("({})", names.join(", "))
    }
}

impl Key {
    fn of(described: &TableDescription, key: &KeyDescription) -> Self {
        let position = |name: &String| {
            let columns = &described.columns;
            columns
                .iter()
                .position(|column| column.name == *name)
                .or_else(|| columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)))
        };
        let mut names = key.columns.clone();
        for expression in &key.expressions {
            if let Some(expression) = parse(expression) {
                expression.columns(&mut names);
            }
        }
        let only_where = key.condition.as_deref().and_then(parse).and_then(|condition| match condition {
            crate::expression::Expression::Column(name) => Some((position(&name)?, true)),
            crate::expression::Expression::Not(inner) => match *inner {
                crate::expression::Expression::Column(name) => Some((position(&name)?, false)),
                _ => None,
            },
            _ => None,
        });
        let columns = names.iter().filter_map(position).collect();
        Self { primary: key.primary, columns, only_where }
    }
}

impl Reference {
    pub(crate) fn new(
        seed: u64,
        described: &TableDescription,
        parent: (usize, &TableDescription),
        key: &ForeignKeyDescription,
    ) -> Option<Self> {
        let find =
            |table: &TableDescription, name: &String| table.columns.iter().position(|column| column.name == *name);
        let columns: Option<Vec<usize>> = key.columns.iter().map(|name| find(described, name)).collect();
        let referenced: Option<Vec<usize>> = key.referenced.iter().map(|name| find(parent.1, name)).collect();
        let draw = Draw::of(seed, &described.name, &key.columns.join("\0")).other(3);
        Some(Self {
            key: key.clone(),
            columns: columns?,
            parent: parent.0,
            referenced: referenced?,
            draw,
            made: OnceLock::new(),
        })
    }

    /// Which row a row refers to, of some that each come as often as their weight says.
    pub(crate) fn choose<'c, T>(&self, chosen: &'c [(T, u64)], row: &RowAt) -> Option<&'c T> {
        let all = chosen.iter().map(|(_, weight)| weight).sum::<u64>().max(1);
        let mut place = below(self.draw.at(row.identity), all);
        for (chosen, weight) in chosen {
            if place < *weight {
                return Some(chosen);
            }
            place -= weight;
        }
        chosen.first().map(|(chosen, _)| chosen)
    }
}

/// How many rows of a nullable column have a value, for each that has none.
const PER_NULL: u64 = 8;

impl Pool {
    /// Whether it is given which rows it refers to, so that it is not free to make keys differ.
    pub(crate) fn is_given(&self) -> bool {
        !self.chosen.is_empty() || self.each.is_some()
    }

    /// Which of so many rows it refers to; `None`: none.
    pub(crate) fn pick(&self, reference: &Reference, layout: &Layout, row: &RowAt, size: u64) -> Option<u64> {
        if self.nullable && below(reference.draw.other(8).at(row.identity), PER_NULL) == 0 || size == 0 {
            return None;
        }
        if let Some(numbering) = self.numbering {
            return Some(layout.numberings[numbering].at(row));
        }
        let digits = reference.draw.at(row.identity);
        Some(match self.spread {
            Spread::Uniform => below(digits, size),
            Spread::Zipf { exponent } => zipf(fraction(digits), size, exponent),
        })
    }
}

impl Part {
    /// Rows of a group: the `ordinal`-th of its kind, of which the first `first` rows are there already.
    pub(crate) fn new(group: Group, ordinal: u64, first: u64, count: u64) -> Self {
        let (salt, first) =
            if group.is_record { (record_identity(&group), RECORDS + ordinal) } else { (ordinal << 48, first) };
        Self { group, ordinal, salt, first, count, skipped: Vec::new(), layout: Layout::default() }
    }

    /// Which group of its table it is; `None` for a record.
    pub(crate) fn group_number(&self) -> Option<u64> {
        (!self.group.is_record).then_some(self.salt >> 48)
    }

    /// The index after the last one, as far as it matters for what runs out.
    pub(crate) fn need(&self) -> u64 {
        if self.group.is_record { self.count } else { self.first + self.count }
    }

    /// The index of its row at a position.
    pub(crate) fn index(&self, position: u64) -> u64 {
        let from = self.first + position;
        // How many are skipped up to the index that so many rows lead to.
        let (mut low, mut high) = (0, self.skipped.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.skipped[middle] - middle as u64 <= from { low = middle + 1 } else { high = middle }
        }
        from + low as u64
    }

    /// How many indexes were skipped before one.
    fn behind(&self, index: u64) -> u64 {
        self.skipped.partition_point(|skipped| *skipped < index) as u64
    }

    /// The row with an index, wherever it stands.
    pub(crate) fn row(&self, index: u64) -> RowAt {
        RowAt {
            part: 0,
            position: 0,
            identity: self.identity(index),
            index,
            counter: 0,
            nth: index.saturating_sub(self.first),
        }
    }

    pub(crate) fn identity(&self, index: u64) -> u64 {
        if !self.group.is_record {
            return self.salt | index;
        }
        if self.group.is_listed() { listed_identity(&self.group, index - self.first) } else { self.salt }
    }
}

/// Where the indexes of records begin, which must not be those of other rows.
const RECORDS: u64 = 1 << 40;

/// A record is drawn by what is given of it, so that its place in the file does not matter.
fn record_identity(group: &Group) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (name, given) in &group.given {
        hasher.update(name.as_bytes());
        hasher.update(&[0]);
        hasher.update(format!("{given:?}").as_bytes());
        hasher.update(&[0]);
    }
    let mut word = [0; 8];
    hasher.finalize_xof().fill(&mut word);
    mix(u64::from_le_bytes(word)) | 1 << 63
}

/// A record of a list is drawn by what the lists say of it.
fn listed_identity(group: &Group, nth: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (name, given) in &group.given {
        let Given::Listed(values) = given else { continue };
        hasher.update(name.as_bytes());
        hasher.update(&[0]);
        let value = usize::try_from(nth).ok().and_then(|nth| values.get(nth)).and_then(Datum::text);
        hasher.update(value.unwrap_or_default().as_bytes());
        hasher.update(&[0]);
    }
    let mut word = [0; 8];
    hasher.finalize_xof().fill(&mut word);
    mix(u64::from_le_bytes(word)) | 1 << 63
}

/// Digests what stands in the columns of a key; `None` when one of it is NULL, which is unlike everything.
///
/// Letters of both cases and blanks at the end count as the same, since there are engines and columns for which they are.
pub fn taken<'a>(cells: impl Iterator<Item = Option<&'a str>>) -> Option<u128> {
    let mut hasher = blake3::Hasher::new();
    for cell in cells {
        hasher.update(cell?.trim_end().to_lowercase().as_bytes());
        hasher.update(&[0]);
    }
    let mut word = [0; 16];
    hasher.finalize_xof().fill(&mut word);
    Some(u128::from_le_bytes(word))
}

/// The digests of each key, of the rows that a table has or gets.
pub(crate) type Taken = Vec<HashSet<u128>>;

/// Whether a nullable column has no value in a row.
pub(crate) fn is_null(draw: Draw, row: &RowAt) -> bool {
    below(draw.other(8).at(row.identity), PER_NULL) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_around_what_is_skipped() {
        let group = Group::of(5);
        let mut part = Part::new(group, 0, 2, 5);
        part.skipped = vec![2, 3, 5];
        assert_eq!((0..5).map(|position| part.index(position)).collect::<Vec<_>>(), [4, 6, 7, 8, 9]);
    }
}
