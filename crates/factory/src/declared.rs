//! What a spec gives of rows that are there: worked out again from the row's place in its group and from what else it holds.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use database::{Datum, Description};

use crate::cell::derive;
use crate::domain::Domain;
use crate::given::given_cell;
use crate::locale::Locale;
use crate::maker::Maker;
use crate::table::{Part, RowAt, Table};
use crate::wanted::{Given, Group, Operand, Pick, RecordRef, Wanted};

/// What a spec gives of the rows of the tables of one database.
#[derive(Debug)]
pub struct Declared {
    tables: Vec<DeclaredTable>,
}

#[derive(Debug)]
struct DeclaredTable {
    table: Table,
    /// By column: what its type allows, whatever the checks say; and whether it fills texts up with blanks.
    columns: Vec<(Option<Domain>, bool)>,
    /// By the number of the table that is referred to: its name and its columns.
    parents: BTreeMap<usize, (String, Vec<String>)>,
}

/// What a spec gives of rows that are made alike.
#[derive(Debug)]
pub struct DeclaredRows<'d> {
    of: &'d DeclaredTable,
    part: Part,
    columns: Vec<usize>,
}

/// What a spec says that a column of a row holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Stated {
    /// This value.
    Value(Datum),
    /// What a column of a row of another table holds, which is told by its group and its index in that.
    OfRow {
        /// The other table.
        table: String,
        /// The column of it.
        column: String,
        /// The number of the group among those of its table that are no records.
        group: u64,
        /// The index of the row.
        index: u64,
    },
    /// Nothing: it depends on what cannot be read, or on a record that is not there.
    Nothing,
}

impl Declared {
    /// What is given, as far as it fits the tables.
    pub fn of(description: &Description, wanted: &Wanted) -> Self {
        let mut maker = Maker::default();
        maker.read(description, wanted, &BTreeMap::new());
        let of_table =
            |table: &Table| (table.name.clone(), table.columns.iter().map(|column| column.name.clone()).collect());
        let names: Vec<(String, Vec<String>)> = maker.tables.iter().map(of_table).collect();
        let tables = maker.tables.into_iter().zip(&description.tables).map(|(table, described)| {
            let column = |column: &database::ColumnDescription| {
                let sql_type = column.sql_type.to_ascii_lowercase();
                let is_filled_up = ["char(", "character(", "bpchar"].iter().any(|start| sql_type.starts_with(start));
                (Domain::of(&column.kind, "", Locale::default()), is_filled_up)
            };
            let columns = described.columns.iter().map(column).collect();
            let parents = table.references.iter().map(|reference| (reference.parent, names[reference.parent].clone()));
            DeclaredTable { columns, parents: parents.collect(), table }
        });
        Self { tables: tables.collect() }
    }

    /// What is given of the rows of a group, by its number among those of its table that are no records; `None` if there is no
    /// such group or nothing to be compared.
    pub fn group(&self, table: &str, group: u64) -> Option<DeclaredRows<'_>> {
        let of = self.tables.iter().find(|of| of.table.name == table)?;
        let part = of.table.parts.iter().find(|part| part.group_number() == Some(group))?;
        DeclaredRows::new(of, part.clone())
    }

    /// What is given of a record; `None` if there is nothing to be compared.
    pub fn record(&self, table: &str, record: &Group) -> Option<DeclaredRows<'_>> {
        let of = self.tables.iter().find(|of| of.table.name == table)?;
        DeclaredRows::new(of, Part::new(record.clone(), 0, 0, 1))
    }
}

impl<'d> DeclaredRows<'d> {
    fn new(of: &'d DeclaredTable, part: Part) -> Option<Self> {
        let mut columns = BTreeSet::new();
        for (column, limits) in of.table.columns.iter().enumerate() {
            let given = part.group.given.get(&limits.name).filter(|_| !part.group.defaults.contains(&limits.name));
            match given {
                Some(Given::Records(_) | Given::Pick(Pick::Each { .. })) => {
                    let reference = of.table.references.iter().find(|reference| reference.columns.contains(&column));
                    columns.extend(reference.into_iter().flat_map(|reference| reference.columns.iter().copied()));
                }
                Some(Given::Value(_)) => drop(columns.insert(column)),
                // What a record draws depends on all that is given of it, and so on what its references have become.
                Some(given) if given.is_derived() || given.is_steady() && !part.group.is_record => {
                    columns.insert(column);
                }
                _ => {}
            }
        }
        let columns: Vec<usize> = columns.into_iter().collect();
        (!columns.is_empty()).then_some(Self { of, part, columns })
    }

    /// The numbers, among the columns of the table, of those of which something is given.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> &str {
        &self.of.table.columns[column].name
    }

    /// Whether a column refers to records that are named.
    pub fn refers(&self, column: usize) -> bool {
        let mut references = self.of.table.references.iter().filter(|reference| reference.columns.contains(&column));
        references.any(|reference| {
            let mut given = reference.columns.iter().filter_map(|of| self.given(*of));
            given.any(|given| matches!(given, Given::Records(_)))
        })
    }

    /// The numbers of all columns that have to be known to say what is given: those of which it is, and what these are
    /// worked out from.
    pub fn needs(&self) -> BTreeSet<usize> {
        let mut needed: BTreeSet<usize> = self.columns.iter().copied().collect();
        let mut waiting = self.columns.clone();
        while let Some(column) = waiting.pop() {
            let given = self.given(column);
            let others = given.map(Given::needs).unwrap_or_default();
            for other in others.into_iter().filter_map(|name| self.position(name)) {
                if needed.insert(other) {
                    waiting.push(other);
                }
            }
        }
        needed
    }

    /// What is given of a column of the row with this index, of which the columns hold these texts.
    pub fn stated(&self, index: u64, column: usize, stored: &dyn Fn(usize) -> Option<String>) -> Stated {
        let row = self.part.row(index);
        let reference = self.of.table.references.iter().find(|reference| reference.columns.contains(&column));
        if let Some(reference) = reference {
            let place = reference.columns.iter().position(|of| *of == column).expect("it was found by that");
            let given = reference.columns.iter().find_map(|of| self.given(*of));
            match given {
                Some(Given::Records(records)) => {
                    return match reference.choose(records, &row) {
                        Some(RecordRef::There(values)) => Stated::Value(values[place].clone()),
                        _ => Stated::Nothing,
                    };
                }
                Some(Given::Pick(Pick::Each { group, times })) => {
                    let (table, columns) = &self.of.parents[&reference.parent];
                    let column = columns[reference.referenced[place]].clone();
                    let index = index / (*times).max(1);
                    return Stated::OfRow { table: table.clone(), column, group: *group, index };
                }
                _ => {}
            }
        }
        self.value(&row, column, stored).map_or(Stated::Nothing, Stated::Value)
    }

    /// Says whether a text that is stored is surely this value; where it is not, the database knows.
    pub fn is_surely(&self, column: usize, stored: Option<&str>, stated: &Datum) -> bool {
        let (Some(stored), Some(text)) = (stored, stated.text()) else {
            return stored.is_none() && *stated == Datum::Null;
        };
        if stored == text {
            return true;
        }
        match &self.of.columns[column].0 {
            Some(Domain::Numbers(numbers)) => {
                let read = numbers.read(stored);
                read.is_some() && read == numbers.read(&text)
            }
            Some(Domain::Float { .. }) => {
                let read = |text: &str| text.parse::<f64>().ok();
                read(stored).is_some() && read(stored) == read(&text)
            }
            Some(Domain::Boolean) => boolean(stored).is_some() && boolean(stored) == boolean(&text),
            _ => false,
        }
    }

    /// What is given of a column by the spec itself.
    fn given(&self, column: usize) -> Option<&Given> {
        let name = self.name(column);
        self.part.group.given.get(name).filter(|_| !self.part.group.defaults.contains(name))
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.of.table.columns.iter().position(|column| column.name == name)
    }

    /// The value of a column: what is given, or else what the row holds; `None` when that cannot be read.
    fn value(&self, row: &RowAt, column: usize, stored: &dyn Fn(usize) -> Option<String>) -> Option<Datum> {
        let table = &self.of.table;
        match self.given(column) {
            Some(given) if given.is_derived() => {
                let is_known = Cell::new(true);
                let other = |operand: &Operand| {
                    // What another row holds is not read.
                    let position = self.position(&operand.column).filter(|_| operand.of.is_none());
                    let value = position.and_then(|other| self.value(row, other, stored));
                    is_known.set(is_known.get() && value.is_some());
                    Ok(value.unwrap_or(Datum::Null))
                };
                derive(table, row, column, given, &other).ok().filter(|_| is_known.get())
            }
            Some(given) if given.is_steady() => {
                Some(given_cell(given, &table.columns[column], table.draws[column], row))
            }
            _ => self.read(column, stored(column)),
        }
    }

    /// Reads a text that is stored as the value that was written.
    fn read(&self, column: usize, stored: Option<String>) -> Option<Datum> {
        let Some(text) = stored else { return Some(Datum::Null) };
        match &self.of.columns[column] {
            (Some(Domain::Numbers(numbers)), _) => numbers.read(&text).map(|value| numbers.datum(value)),
            (Some(Domain::Float { .. }), _) => text.parse().ok().map(Datum::Float),
            (Some(Domain::Boolean), _) => boolean(&text).map(Datum::Boolean),
            (_, true) => Some(Datum::Text(text.trim_end().to_owned())),
            _ => Some(Datum::Text(text)),
        }
    }
}

/// Reads a truth value as engines write them.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => None,
    }
}
