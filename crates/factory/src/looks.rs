//! Values that are worked out from the rows that a row refers to: at which columns they look, and whether that leads back to
//! where it began.

use std::collections::{BTreeMap, BTreeSet};

use database::Description;

use crate::maker::Maker;
use crate::wanted::{Given, Wanted};

/// A column of a table, by their names.
type Cell<'a> = (&'a str, &'a str);

impl Wanted {
    /// At which columns of each table of the same database rows look that refer to it.
    pub fn looked_at(&self, description: &Description) -> BTreeMap<String, BTreeSet<String>> {
        let mut looked_at: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for ((_, _), (table, column)) in looks(description, self) {
            looked_at.entry(table.to_owned()).or_default().insert(column.to_owned());
        }
        looked_at
    }
}

/// Each column from which one looks at a column of another row, and that.
fn looks<'a>(description: &'a Description, wanted: &'a Wanted) -> Vec<(Cell<'a>, Cell<'a>)> {
    let mut looks = Vec::new();
    for (name, groups) in &wanted.tables {
        let Some(table) = description.table(name) else { continue };
        for (column, given) in groups.iter().flat_map(|group| &group.given) {
            let Given::Template(template) = given else { continue };
            for operand in &template.operands {
                let Some(of) = &operand.of else { continue };
                let keys = table.foreign_keys.iter().filter(|key| key.columns.contains(&operand.column));
                looks.extend(keys.map(|key| ((name.as_str(), column.as_str()), (key.table.as_str(), of.as_str()))));
            }
        }
    }
    looks
}

impl Maker {
    /// Refuses columns that are worked out from each other by way of other rows: nothing would be the first.
    pub(crate) fn circles_of_looks(&mut self, description: &Description, wanted: &Wanted) {
        let looks = looks(description, wanted);
        let mut next: BTreeMap<Cell<'_>, BTreeSet<Cell<'_>>> = BTreeMap::new();
        for (from, to) in &looks {
            next.entry(*from).or_default().insert(*to);
        }
        for (name, groups) in &wanted.tables {
            for (column, given) in groups.iter().flat_map(|group| &group.given) {
                let needed = given.needs().into_iter().map(|needed| (name.as_str(), needed));
                next.entry((name, column)).or_default().extend(needed);
            }
        }
        for (from, to) in &looks {
            let (mut seen, mut waiting) = (BTreeSet::new(), vec![*to]);
            while let Some(cell) = waiting.pop() {
                if seen.insert(cell) {
                    waiting.extend(next.get(&cell).into_iter().flatten());
                }
            }
            if seen.contains(from) {
                let reason = format!("it is worked out from {}.{}, and that from it", to.0, to.1);
                self.refuse(from.0, Some(from.1), &reason);
            }
        }
    }
}
