//! Rows that loads made are removed, and never any that somebody else made: what refers to them is found first.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use database::{ForeignKey, Schema, Table, Transaction};
use plan::DatabaseId;
use serde_json::Value;

use crate::journal_rows::{Former, FormerRows};
use crate::ledger::{Named, identity};
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
    /// Rows that go, too, when they refer to some that go.
    pub(crate) own: Named,
    /// Those of them that went, by table and identity.
    pub(crate) own_taken: HashMap<String, HashSet<String>>,
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
            own: Named::default(),
            own_taken: HashMap::new(),
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
        let mut tables: BTreeSet<&str> = parts.iter().map(|(table, _)| table.as_str()).collect();
        if self.takes_along || !self.own.is_empty() {
            // Whatever refers to what goes may go along.
            let mut open: Vec<&str> = tables.iter().copied().collect();
            while let Some(table) = open.pop() {
                let children = referring(self.schema, table).into_iter().map(|(child, _)| child.name.as_str());
                open.extend(children.filter(|child| tables.insert(child)));
            }
        }
        let (order, circular) = order(self.schema, &tables);
        if circular.is_empty() {
            for table in order {
                // One that is not there any more has nothing to be removed.
                let Some(described) = self.schema.table(table) else { continue };
                for (_, part) in parts.iter().rev().filter(|(of, _)| of == table) {
                    let going = read(transaction, part)?;
                    for rows in going.rows.rchunks(AT_ONCE) {
                        let removed = self.rows(transaction, described, &going.keys, rows)?;
                        *self.removed.entry(table.to_owned()).or_default() += removed;
                    }
                }
            }
            return Ok(());
        }
        // Where one row of a circle goes, others may go at once with it, by what its foreign keys say. So all are known before
        // the first one goes.
        let mut pending: HashMap<&str, Vec<Vec<Value>>> = HashMap::new();
        for (table, part) in parts {
            let Some(described) = self.schema.table(table) else { continue };
            let going = read(transaction, part)?;
            let present = self.present(transaction, described, &going.keys, &going.rows, &known_by(described))?;
            *self.removed.entry(table.clone()).or_default() += present.len() as u64;
            self.going.entry(table.clone()).or_default().extend(present.iter().map(|row| identity(row)));
            pending.entry(table).or_default().extend(present);
        }
        let mut open: Vec<(&Table, Vec<Vec<Value>>)> =
            pending.iter().filter_map(|(table, rows)| Some((self.schema.table(table)?, rows.clone()))).collect();
        while let Some((table, rows)) = open.pop() {
            let wanted = self.wanted_of(table);
            for rows in rows.chunks(AT_ONCE) {
                let present = self.present(transaction, table, &known_by(table), rows, &wanted)?;
                for (child, key) in referring(self.schema, &table.name) {
                    let found = self.children(transaction, table, (child, key), &wanted, &present)?;
                    pending.entry(&child.name).or_default().extend(found.iter().cloned());
                    open.push((child, found));
                }
            }
        }
        if !self.in_the_way.is_empty() {
            return Ok(());
        }
        if !self.is_late {
            let circular: Vec<String> = circular.iter().map(|table| (*table).to_owned()).collect();
            transaction.check_late(&circular).map_err(Error::database(self.id))?;
        }
        for table in order {
            let Some(described) = self.schema.table(table) else { continue };
            let wanted = self.wanted_of(described);
            for rows in pending.remove(table).unwrap_or_default().rchunks(AT_ONCE) {
                let present = self.present(transaction, described, &known_by(described), rows, &wanted)?;
                self.delete(transaction, described, &wanted, &present)?;
            }
        }
        if !self.is_late {
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

    /// What must be known of rows of a table: what they are known by, what is referred to, and all of it where that may have to
    /// be put back.
    fn wanted_of(&self, table: &Table) -> Vec<String> {
        let mut wanted = known_by(table);
        let referring = referring(self.schema, &table.name);
        let referred = referring.iter().flat_map(|(_, key)| &key.referenced);
        let stored = table.columns.iter().filter(|column| self.former.is_wanted() && !column.generated);
        for column in referred.chain(stored.map(|column| &column.name)) {
            if !wanted.contains(column) {
                wanted.push(column.clone());
            }
        }
        wanted
    }

    /// Removes some rows with what goes along, and says how many of them were there.
    fn rows(
        &mut self,
        transaction: &mut dyn Transaction,
        table: &Table,
        keys: &[String],
        rows: &[Vec<Value>],
    ) -> Result<u64, Error> {
        let wanted = self.wanted_of(table);
        let present = self.present(transaction, table, keys, rows, &wanted)?;
        if present.is_empty() {
            return Ok(0);
        }
        for (child, key) in referring(self.schema, &table.name) {
            let found = self.children(transaction, table, (child, key), &wanted, &present)?;
            if !found.is_empty() {
                self.rows(transaction, child, &known_by(child), &found)?;
            }
        }
        self.delete(transaction, table, &wanted, &present)?;
        Ok(present.len() as u64)
    }

    /// Deletes rows, of which these columns are known.
    fn delete(
        &mut self,
        transaction: &mut dyn Transaction,
        table: &Table,
        columns: &[String],
        rows: &[Vec<Value>],
    ) -> Result<(), Error> {
        if self.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        if !self.in_the_way.is_empty() || rows.is_empty() {
            return Ok(());
        }
        if self.former.is_wanted() {
            let is_stored = |column: &String| table.column(column).is_some_and(|column| !column.generated);
            let places: Vec<usize> = (0..columns.len()).filter(|place| is_stored(&columns[*place])).collect();
            let pick = |row: &Vec<Value>| places.iter().map(|place| row[*place].clone()).collect();
            let former = Former::Rows {
                table: table.name.clone(),
                columns: places.iter().map(|place| columns[*place].clone()).collect(),
                rows: rows.iter().map(pick).collect(),
            };
            self.former.add(self.id, &former)?;
        }
        let known_by = known_by(table);
        let going: Vec<Vec<Value>> = rows.iter().map(|row| row[..known_by.len()].to_vec()).collect();
        transaction.delete(&table.name, &known_by, &going).map_err(Error::database(self.id))?;
        Ok(())
    }

    /// Looks for rows of another table that refer to these, and gives those that go along, by what they are known by; others are
    /// noted as being in the way.
    fn children(
        &mut self,
        transaction: &mut dyn Transaction,
        table: &Table,
        (child, key): (&Table, &ForeignKey),
        columns: &[String],
        rows: &[Vec<Value>],
    ) -> Result<Vec<Vec<Value>>, Error> {
        let place = |name: &String| columns.iter().position(|column| column == name).expect("it is wanted of each row");
        let places: Vec<usize> = key.referenced.iter().map(place).collect();
        let referred: Vec<Vec<Value>> =
            rows.iter().map(|row| places.iter().map(|place| row[*place].clone()).collect()).collect();
        let known_by = known_by(child);
        let found = transaction.find_all(&child.name, &key.columns, &referred, &known_by);
        let mut found = found.map_err(Error::database(self.id))?;
        let going = self.going.entry(child.name.clone()).or_default();
        let mut seen: HashSet<String> = HashSet::new();
        found.retain(|row| !going.contains(&identity(row)) && seen.insert(identity(row)));
        let (own, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|row| self.own.has(&child.name, &identity(row)));
        // Known before it is done: rows that refer to each other would be taken along for ever.
        going.extend(own.iter().map(|row| identity(row)));
        let mut along = own;
        if !along.is_empty() {
            let taken = self.own_taken.entry(child.name.clone()).or_default();
            taken.extend(along.iter().map(|row| identity(row)));
            *self.removed.entry(child.name.clone()).or_default() += along.len() as u64;
        }
        if self.takes_along {
            if !others.is_empty() {
                *self.taken_along.entry(child.name.clone()).or_default() += others.len() as u64;
            }
            going.extend(others.iter().map(|row| identity(row)));
            along.extend(others);
        } else if !others.is_empty() {
            let slot = self.in_the_way.entry((child.name.clone(), table.name.clone()));
            let in_the_way = slot.or_insert_with(|| InTheWay {
                database: self.id.to_string(),
                table: child.name.clone(),
                refers_to: table.name.clone(),
                ..InTheWay::default()
            });
            in_the_way.rows += others.len();
            for row in others.iter().take(EXAMPLES.saturating_sub(in_the_way.examples.len())) {
                in_the_way.examples.push(database::render_row(&known_by, row));
            }
        }
        Ok(along)
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
