//! How unique keys hold: cells are numbered, alone or together, so that no two rows have the same.

use std::collections::{BTreeMap, BTreeSet};

use database::Filled;

use crate::domain::{Domain, ENDLESS};
use crate::draw::Permutation;
use crate::numbers::Form;
use crate::table::{Key, Layout, Numbering, Pool, Source, Table};
use crate::wanted::{Given, Spread};

/// What can be numbered: a column, or the rows that a foreign key can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Column(usize),
    Pool(usize),
}

/// What is numbered already.
#[derive(Default)]
struct Numbered {
    all: BTreeSet<Item>,
    /// Those of which no two rows have the same.
    alone: BTreeSet<Item>,
    /// Those that differ together.
    together: Vec<BTreeSet<Item>>,
}

impl Numbered {
    /// What of a key can be numbered; `None` when it holds already.
    fn open(&mut self, table: &Table, layout: &mut Layout, key: &Key) -> Option<BTreeSet<Item>> {
        let mut items: BTreeSet<Item> = BTreeSet::new();
        for &column in &key.columns {
            match &layout.sources[column] {
                // NULL is unlike NULL.
                Source::Null if !key.primary => return None,
                // What is made of a part that differs is taken to differ.
                Source::LeftOut | Source::Given(Given::Numbered(_) | Given::Made(_) | Given::Template(_)) => {
                    return None;
                }
                Source::Reference { pool, .. } => drop(items.insert(Item::Pool(*pool))),
                Source::Open | Source::Numbered(_) => drop(items.insert(Item::Column(column))),
                Source::Null | Source::Default(_) | Source::Drawn | Source::Given(_) => {}
            }
        }
        // The records of a list differ in what the lists say of them.
        let is_listed = |column: &usize| matches!(layout.sources[*column], Source::Given(Given::Listed(_)));
        if items.is_empty() && key.columns.iter().any(is_listed) {
            return None;
        }
        let is_alone = items.iter().any(|item| self.alone.contains(item));
        if is_alone || self.together.iter().any(|set| set.is_subset(&items)) {
            return None;
        }
        items.retain(|item| !self.all.contains(item));
        let own = items.iter().find_map(|item| match item {
            Item::Pool(pool) if layout.pools[*pool].is_own => Some(*pool),
            _ => None,
        });
        if let Some(pool) = own {
            // A row that refers to nothing, or to itself, is like no other.
            let reference = &table.references[layout.pools[pool].reference];
            let nullable = reference.columns.iter().find(|column| table.columns[**column].nullable);
            if let Some(column) = nullable.filter(|_| !key.primary) {
                layout.sources[*column] = Source::Null;
            } else {
                layout.pools[pool].numbering = Some(layout.numberings.len());
                layout.numberings.push(Numbering {
                    permutation: None,
                    stride: 1,
                    size: ENDLESS,
                    is_counter: false,
                    cycle: None,
                });
            }
            self.alone.insert(Item::Pool(pool));
            return None;
        }
        items.retain(|item| !matches!(item, Item::Pool(pool) if layout.pools[*pool].is_given()));
        Some(items)
    }
}

/// Numbers what unique keys need; gives how many indexes there are, which is how many rows there can be.
///
/// `need` is the index after the last one that is wanted; `size` tells how many rows a pool has.
pub(crate) fn number(
    table: &Table,
    layout: &mut Layout,
    need: u64,
    size: &dyn Fn(&Pool) -> u64,
) -> Result<u64, String> {
    let mut capacity = ENDLESS;
    let mut numbered = Numbered::default();
    let mut keys: Vec<&Key> = table.keys.iter().collect();
    keys.sort_by_key(|key| key.columns.len());
    for key in keys {
        if let Some(column) = key.columns.iter().find(|column| is_uneven(&layout.sources[**column])) {
            return Err(unevenly(table, &[*column], key));
        }
        let Some(open) = numbered.open(table, layout, key) else { continue };
        let sizes: BTreeMap<Item, u64> = open
            .iter()
            .map(|item| {
                (
                    *item,
                    match item {
                        Item::Column(column) => table.columns[*column].domain.as_ref().map_or(0, Domain::size),
                        Item::Pool(pool) => size(&layout.pools[*pool]),
                    },
                )
            })
            .collect();
        let size_of = |item: &Item| sizes[item];
        if let Some(times) = each(layout, key) {
            number_each(table, layout, key, &open, times, &size_of)?;
            numbered.all.extend(open.iter().copied());
            continue;
        }
        // One column that never runs out is enough; a counter is the best of them.
        let rank = |item: &&Item| match item {
            Item::Column(column) => {
                (table.filled[*column] == Filled::Counter, table.columns[*column].beside.is_empty(), size_of(item))
            }
            Item::Pool(_) => (false, false, 0),
        };
        let single = open.iter().filter(|item| matches!(item, Item::Column(_)) && size_of(item) >= need.max(1));
        if let Some(Item::Column(column)) = single.max_by_key(rank).copied() {
            capacity = capacity.min(number_column(table, layout, column, need));
            numbered.alone.insert(Item::Column(column));
            numbered.all.insert(Item::Column(column));
            continue;
        }
        let all = open.iter().fold(1_u64, |product, item| product.saturating_mul(size_of(item)).min(ENDLESS));
        if let Some((column, value)) = key.only_where.filter(|_| all < need)
            && matches!(layout.sources[column], Source::Open | Source::Default(_))
        {
            // The key holds for no row for which its condition does not.
            layout.sources[column] = Source::Default(database::Datum::Boolean(!value));
            continue;
        }
        if open.is_empty() {
            if need > 1 {
                return Err(format!("nothing in its unique key {} is free to differ", table.shown(&key.columns)));
            }
            continue;
        }
        spread_evenly(table, layout, key, &open)?;
        capacity = capacity.min(all);
        let draw = table.draws[key.columns[0]].other(4);
        let permutation = (all > 0).then(|| Permutation::new(draw, all));
        let sizes: Vec<(Item, u64)> = open.iter().map(|item| (*item, size_of(item).max(1))).collect();
        let mut stride = 1_u64;
        for (item, size) in sizes {
            let numbering = layout.numberings.len();
            layout.numberings.push(Numbering { permutation, stride, size, is_counter: false, cycle: None });
            match item {
                Item::Column(column) => layout.sources[column] = Source::Numbered(numbering),
                Item::Pool(pool) => layout.pools[pool].numbering = Some(numbering),
            }
            stride = stride.saturating_mul(size);
            numbered.all.insert(item);
        }
        if open.len() == 1 {
            numbered.alone.extend(open.iter().copied());
        }
        numbered.together.push(open);
    }
    Ok(capacity)
}

/// How many rows refer to the same one, if the rows of another table are referred to in turn by a key.
fn each(layout: &Layout, key: &Key) -> Option<u64> {
    key.columns.iter().find_map(|column| match layout.sources[*column] {
        Source::Reference { pool, .. } => layout.pools[pool].each.map(|(_, times)| times),
        _ => None,
    })
}

/// Numbers what tells apart the rows that refer to the same one.
fn number_each(
    table: &Table,
    layout: &mut Layout,
    key: &Key,
    open: &BTreeSet<Item>,
    times: u64,
    size_of: &dyn Fn(&Item) -> u64,
) -> Result<(), String> {
    let sizes: Vec<(Item, u64)> = open.iter().map(|item| (*item, size_of(item).max(1))).collect();
    let all = sizes.iter().fold(1_u64, |product, (_, size)| product.saturating_mul(*size).min(ENDLESS));
    if all < times {
        let shown = table.shown(&key.columns);
        return Err(format!("its unique key {shown} allows {all} rows for each, and {times} are wanted"));
    }
    let permutation = Permutation::new(table.draws[key.columns[0]].other(4), all);
    let mut stride = 1_u64;
    for (item, size) in sizes {
        let numbering = layout.numberings.len();
        let cycle = Some(times);
        let permutation = Some(permutation);
        layout.numberings.push(Numbering { permutation, stride, size, is_counter: false, cycle });
        match item {
            Item::Column(column) => layout.sources[column] = Source::Numbered(numbering),
            Item::Pool(pool) => layout.pools[pool].numbering = Some(numbering),
        }
        stride = stride.saturating_mul(size);
    }
    Ok(())
}

/// Refuses to number what is asked to be spread unevenly.
fn spread_evenly(table: &Table, layout: &Layout, key: &Key, open: &BTreeSet<Item>) -> Result<(), String> {
    for item in open {
        if let Item::Pool(pool) = item
            && layout.pools[*pool].spread != Spread::Uniform
        {
            return Err(unevenly(table, &table.references[layout.pools[*pool].reference].columns, key));
        }
    }
    Ok(())
}

/// Whether rows of another database are to be picked unevenly.
fn is_uneven(source: &Source) -> bool {
    matches!(source, Source::Given(Given::Pick(_)))
}

fn unevenly(table: &Table, columns: &[usize], key: &Key) -> String {
    let (columns, key) = (table.shown(columns), table.shown(&key.columns));
    format!("{columns} is part of the unique key {key}, so that its rows cannot be spread unevenly")
}

/// Numbers a column alone; gives how many numbers there are.
pub(crate) fn number_column(table: &Table, layout: &mut Layout, column: usize, need: u64) -> u64 {
    let domain = table.columns[column].domain.as_ref().expect("what is numbered has a domain");
    let size = domain.size();
    // Dates in a row look made; any order of the usual ones does.
    let permutation = match domain {
        Domain::Numbers(numbers) if numbers.form != Form::Integer => {
            let usual = numbers.usual_size();
            let among = if usual >= need.saturating_mul(4) { usual } else { size };
            (among > 0).then(|| Permutation::new(table.draws[column].other(4), among))
        }
        _ => None,
    };
    let is_counter = matches!(domain, Domain::Numbers(numbers) if numbers.form == Form::Integer);
    layout.sources[column] = Source::Numbered(layout.numberings.len());
    layout.numberings.push(Numbering { permutation, stride: 1, size, is_counter, cycle: None });
    permutation.map_or(size, |permutation| permutation.size())
}
