//! Rows that loads made are removed, and never any that somebody else made: what refers to them is found first.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use database::{ForeignKey, Schema, Table, Transaction};
use plan::DatabaseId;
use serde_json::Value;

use crate::journal_rows::{Former, FormerRows};
use crate::ledger::identity;
use crate::{Error, Interrupt};

/// How many rows are removed at once; between two of these the user's wish to end is heard.
const AT_ONCE: usize = 2000;

/// How many rows that are in the way are named.
const EXAMPLES: usize = 3;

/// Rows of one table that are to go, if they are there.
pub(crate) struct Going {
    /// The columns by which they are known.
    pub(crate) keys: Vec<String>,
    /// Their values.
    pub(crate) rows: Vec<Vec<Value>>,
}

/// Rows that refer to some that were to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InTheWay {
    /// The database.
    pub database: String,
    /// Their table.
    pub table: String,
    /// The table to which they refer.
    pub refers_to: String,
    /// How many there are.
    pub rows: usize,
    /// Some of them, by their keys.
    pub examples: Vec<String>,
}

impl fmt::Display for InTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, table, refers_to, rows, examples } = self;
        let (noun, verb) = if *rows == 1 { ("row", "refers") } else { ("rows", "refer") };
        write!(f, "{rows} {noun} of {database}.{table} {verb} to {refers_to}: {}", examples.join(", "))?;
        if *rows > examples.len() { f.write_str(", …") } else { Ok(()) }
    }
}

/// Removes rows of one database.
pub(crate) struct Removal<'a> {
    pub(crate) id: &'a DatabaseId,
    pub(crate) schema: &'a Schema,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) former: &'a mut FormerRows,
    /// Whether rows that are in the way are removed, too.
    pub(crate) takes_along: bool,
    /// Whether all foreign keys are checked late already.
    pub(crate) is_late: bool,
    /// Rows of tables that refer to each other, or to themselves, which will go: by table and identity.
    going: HashMap<String, HashSet<String>>,
    /// How many rows were removed, by table.
    pub(crate) removed: BTreeMap<String, u64>,
    /// How many of others were removed with them, by table.
    pub(crate) taken_along: BTreeMap<String, u64>,
    /// What is in the way.
    pub(crate) in_the_way: BTreeMap<(String, String), InTheWay>,
}

impl<'a> Removal<'a> {
    pub(crate) fn new(
        id: &'a DatabaseId,
        schema: &'a Schema,
        interrupt: &'a Interrupt,
        former: &'a mut FormerRows,
        takes_along: bool,
    ) -> Self {
        Self {
            id,
            schema,
            interrupt,
            former,
            takes_along,
            is_late: false,
            going: HashMap::new(),
            removed: BTreeMap::new(),
            taken_along: BTreeMap::new(),
            in_the_way: BTreeMap::new(),
        }
    }

    /// Removes the rows of some parts, each of one table, which are read when it is their turn: those that refer to others
    /// first, and of one table the last first.
    pub(crate) fn remove<P>(
        &mut self,
        transaction: &mut dyn Transaction,
        parts: &[(String, P)],
        read: &mut dyn FnMut(&mut dyn Transaction, &P) -> Result<Going, Error>,
    ) -> Result<(), Error> {
        let tables: BTreeSet<&str> = parts.iter().map(|(table, _)| table.as_str()).collect();
        let (order, circular) = order(self.schema, &tables);
        for (table, part) in parts.iter().filter(|(table, _)| circular.contains(table.as_str())) {
            let Some(described) = self.schema.table(table) else { continue };
            let going = read(transaction, part)?;
            let present = self.present(transaction, described, &going.keys, &going.rows, &known_by(described))?;
            self.going.entry(table.clone()).or_default().extend(present.iter().map(|row| identity(row)));
        }
        let is_late = !circular.is_empty() && !self.is_late;
        if is_late {
            let circular: Vec<String> = circular.iter().map(|table| (*table).to_owned()).collect();
            transaction.check_late(&circular).map_err(Error::database(self.id))?;
        }
        for table in order {
            // One that is not there any more has nothing to be removed.
            let Some(described) = self.schema.table(table) else { continue };
            for (_, part) in parts.iter().rev().filter(|(of, _)| of == table) {
                let going = read(transaction, part)?;
                for rows in going.rows.rchunks(AT_ONCE) {
                    if self.interrupt.is_raised() {
                        return Err(Error::Interrupted);
                    }
                    let removed = self.rows(transaction, described, &going.keys, rows)?;
                    *self.removed.entry(table.to_owned()).or_default() += removed;
                }
            }
        }
        if is_late && self.in_the_way.is_empty() {
            transaction.check_now().map_err(Error::database(self.id))?;
        }
        Ok(())
    }

    /// What is in the way, as an error.
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        if self.in_the_way.is_empty() {
            return Ok(());
        }
        Err(Error::InTheWay(self.in_the_way.values().cloned().collect()))
    }

    /// The wanted columns of the rows that are there.
    fn present(
        &self,
        transaction: &mut dyn Transaction,
        table: &Table,
        keys: &[String],
        rows: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Vec<Value>>, Error> {
        // A column that the table does not have any more tells nothing of its rows, and they stay.
        if keys.is_empty() || keys.iter().any(|key| table.column(key).is_none()) {
            return Ok(Vec::new());
        }
        if table.primary_key.is_empty() {
            return transaction.find_all(&table.name, keys, rows, wanted).map_err(Error::database(self.id));
        }
        let found = transaction.find(&table.name, keys, rows, wanted).map_err(Error::database(self.id))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Removes some rows with what is in the way, and says how many of them were there.
    fn rows(
        &mut self,
        transaction: &mut dyn Transaction,
        table: &Table,
        keys: &[String],
        rows: &[Vec<Value>],
    ) -> Result<u64, Error> {
        let known_by = known_by(table);
        let referring = referring(self.schema, &table.name);
        let mut wanted = known_by.clone();
        let referred = referring.iter().flat_map(|(_, key)| &key.referenced);
        let stored = table.columns.iter().filter(|column| self.former.is_wanted() && !column.generated);
        for column in referred.chain(stored.map(|column| &column.name)) {
            if !wanted.contains(column) {
                wanted.push(column.clone());
            }
        }
        let present = self.present(transaction, table, keys, rows, &wanted)?;
        if present.is_empty() {
            return Ok(0);
        }
        for (child, key) in referring {
            self.children(transaction, table, (child, key), &wanted, &present)?;
        }
        if self.former.is_wanted() {
            let is_stored = |column: &String| table.column(column).is_some_and(|column| !column.generated);
            let places: Vec<usize> = (0..wanted.len()).filter(|place| is_stored(&wanted[*place])).collect();
            let pick = |row: &Vec<Value>| places.iter().map(|place| row[*place].clone()).collect();
            let former = Former::Rows {
                table: table.name.clone(),
                columns: places.iter().map(|place| wanted[*place].clone()).collect(),
                rows: present.iter().map(pick).collect(),
            };
            self.former.add(self.id, &former)?;
        }
        if self.in_the_way.is_empty() {
            let going: Vec<Vec<Value>> = present.iter().map(|row| row[..known_by.len()].to_vec()).collect();
            transaction.delete(&table.name, &known_by, &going).map_err(Error::database(self.id))?;
        }
        Ok(present.len() as u64)
    }

    /// Looks for rows of another table that refer to these, and takes them along, or notes that they are in the way.
    fn children(
        &mut self,
        transaction: &mut dyn Transaction,
        table: &Table,
        (child, key): (&Table, &ForeignKey),
        columns: &[String],
        rows: &[Vec<Value>],
    ) -> Result<(), Error> {
        let place = |name: &String| columns.iter().position(|column| column == name).expect("it is wanted of each row");
        let places: Vec<usize> = key.referenced.iter().map(place).collect();
        let referred: Vec<Vec<Value>> =
            rows.iter().map(|row| places.iter().map(|place| row[*place].clone()).collect()).collect();
        let known_by = known_by(child);
        let found = transaction.find_all(&child.name, &key.columns, &referred, &known_by);
        let mut found = found.map_err(Error::database(self.id))?;
        if let Some(going) = self.going.get(&child.name) {
            found.retain(|row| !going.contains(&identity(row)));
        }
        if found.is_empty() {
            return Ok(());
        }
        if self.takes_along {
            // Known before it is done: rows that refer to each other would be taken along for ever.
            let going = self.going.entry(child.name.clone()).or_default();
            going.extend(found.iter().map(|row| identity(row)));
            let taken = self.rows(transaction, child, &known_by, &found)?;
            *self.taken_along.entry(child.name.clone()).or_default() += taken;
            return Ok(());
        }
        let slot = self.in_the_way.entry((child.name.clone(), table.name.clone()));
        let in_the_way = slot.or_insert_with(|| InTheWay {
            database: self.id.to_string(),
            table: child.name.clone(),
            refers_to: table.name.clone(),
            ..InTheWay::default()
        });
        in_the_way.rows += found.len();
        for row in found.iter().take(EXAMPLES.saturating_sub(in_the_way.examples.len())) {
            in_the_way.examples.push(database::render_row(&known_by, row));
        }
        Ok(())
    }
}

/// The columns by which a row of a table is known: its primary key, or else all that are stored.
fn known_by(table: &Table) -> Vec<String> {
    if !table.primary_key.is_empty() {
        return table.primary_key.clone();
    }
    table.columns.iter().filter(|column| !column.generated).map(|column| column.name.clone()).collect()
}

/// The foreign keys that refer to a table.
fn referring<'s>(schema: &'s Schema, table: &str) -> Vec<(&'s Table, &'s ForeignKey)> {
    let keys = schema.tables.iter().flat_map(|child| child.foreign_keys.iter().map(move |key| (child, key)));
    keys.filter(|(_, key)| key.table == table).collect()
}

/// Tables in an order in which what refers to others comes first, and those of them that stand in a circle.
fn order<'t>(schema: &Schema, tables: &BTreeSet<&'t str>) -> (Vec<&'t str>, BTreeSet<&'t str>) {
    let mut left = tables.clone();
    let (mut order, mut circular) = (Vec::new(), BTreeSet::new());
    let refers = |child: &str, parent: &str| {
        schema.table(child).is_some_and(|child| child.foreign_keys.iter().any(|key| key.table == parent))
    };
    while !left.is_empty() {
        let is_free = |table: &&&str| !left.iter().any(|other| other != *table && refers(other, table));
        let next = if let Some(free) = left.iter().find(is_free) {
            free
        } else {
            // Which of a circle goes first does not matter: all of it is checked late.
            let is_circular = |table: &&&str| reaches(schema, &left, table, table);
            circular.extend(left.iter().filter(is_circular));
            let is_free =
                |table: &&&str| left.iter().all(|other| !refers(other, table) || reaches(schema, &left, table, other));
            left.iter().filter(is_circular).find(is_free).expect("whoever waits for others waits for a circle")
        };
        let next: &'t str = next;
        if refers(next, next) {
            circular.insert(next);
        }
        left.remove(next);
        order.push(next);
    }
    (order, circular)
}

/// Whether a way of references within some tables leads from one to another.
fn reaches(schema: &Schema, within: &BTreeSet<&str>, from: &str, to: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(table) = open.pop() {
        for key in schema.table(table).into_iter().flat_map(|table| &table.foreign_keys) {
            if key.table == to {
                return true;
            }
            if within.contains(key.table.as_str()) && seen.insert(key.table.as_str()) {
                open.push(&key.table);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_go_before_their_parents_and_circles_are_known() {
        let table = |name: &str, refers: &[&str]| Table {
            name: name.to_owned(),
            foreign_keys: refers
                .iter()
                .map(|table| ForeignKey { table: (*table).to_owned(), ..ForeignKey::default() })
                .collect(),
            ..Table::default()
        };
        let schema = Schema {
            tables: vec![
                table("a", &[]),
                table("b", &["a", "c"]),
                table("c", &["b"]),
                table("d", &["a", "d"]),
                table("e", &["c"]),
            ],
        };
        let of = |names: &[&'static str]| order(&schema, &names.iter().copied().collect());
        assert_eq!(of(&["a", "d"]), (vec!["d", "a"], BTreeSet::from(["d"])));
        let (all, circular) = of(&["a", "b", "c", "d", "e"]);
        assert_eq!(circular, BTreeSet::from(["b", "c", "d"]));
        let place = |name| all.iter().position(|table| *table == name);
        assert!(place("e") < place("c") && place("b") < place("a") && place("d") < place("a"), "{all:?}");
        assert_eq!(of(&["a", "b"]), (vec!["b", "a"], BTreeSet::new()));
    }
}
