//! Which rows of a capture follow from which: what they refer to, what refers to them, and what other services have of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use database::Description;
use dataset::{DataType, FieldKind};
use plan::DatabaseId;
use survey::{Reference, Row};

use crate::capture::Capture;
use crate::copy::Copy;
use crate::{Error, Progress, states};

/// Types whose records follow those that they refer to, each with how many for each of them.
pub(crate) type Children = BTreeMap<(DatabaseId, usize), Option<u64>>;

/// A copy of a database, and what is taken of it.
pub(crate) struct Source {
    /// Whether what is personal was replaced: nothing else is taken.
    pub(crate) is_clean: bool,
    pub(crate) copy: Copy,
    pub(crate) description: Description,
    pub(crate) references: Vec<Vec<Reference>>,
    /// By table: what is still to be looked for.
    pub(crate) wanted: BTreeMap<usize, Vec<Want>>,
    /// By table and columns: what was looked for.
    pub(crate) asked: BTreeMap<(usize, Vec<usize>), HashSet<Row>>,
    /// By table and in the order of its key: the rows that are taken, and whether those that refer to them follow.
    pub(crate) taken: BTreeMap<usize, BTreeMap<Vec<KeyCell>, (Row, bool)>>,
}

/// A cell by which rows are sorted: numbers before texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyCell {
    Number(i64),
    Text(String),
}

/// For how many values a table is asked; for more of them it is read as a whole.
const ASKED: usize = 10_000;

/// Rows that are looked for: those with these values in these columns.
pub(crate) struct Want {
    pub(crate) columns: Vec<usize>,
    pub(crate) values: HashSet<Row>,
    /// Whether rows that refer to them follow.
    pub(crate) descends: bool,
    /// How many for each of the values.
    pub(crate) limit: Option<u64>,
}

impl Capture<'_, '_> {
    /// Makes a copy of a database, once.
    pub(crate) fn open(&mut self, id: &DatabaseId) -> Result<(), Error> {
        if self.sources.contains_key(id) {
            return Ok(());
        }
        self.tell(&id.to_string());
        let file = states::Scratch::new(self.session, "captured", id)?;
        let mut database = self.session.database(id)?;
        database.dump(file.path()).map_err(Error::database(id))?;
        let description = database.describe().map_err(Error::database(id))?;
        let mut copy = Copy::begin(self.session, id)?;
        let filled = copy.fill(self.session, id, file.path());
        let references = Reference::all(&description);
        let source = Source {
            is_clean: false,
            copy,
            description,
            references,
            wanted: BTreeMap::new(),
            asked: BTreeMap::new(),
            taken: BTreeMap::new(),
        };
        // Also a copy that could not be filled is removed at the end.
        self.sources.insert(id.clone(), source);
        filled
    }

    pub(crate) fn position(&self, id: &DatabaseId, table: &str) -> Option<usize> {
        self.sources[id].description.tables.iter().position(|described| described.name == table)
    }

    /// Says how far it is.
    fn tell(&self, from: &str) {
        let rows = self.sources.values().flat_map(|source| source.taken.values()).map(BTreeMap::len).sum();
        self.session.context.monitor.on(Progress::Captured { from, rows });
    }

    /// Takes the rows of a database that are looked for, and looks for what they need.
    pub(crate) fn take(&mut self, id: &DatabaseId, children: &Children) -> Result<(), Error> {
        let source = self.sources.get_mut(id).expect("it was opened");
        let Some((table, wants)) = source.wanted.pop_first() else { return Ok(()) };
        assert!(source.is_clean, "rows are taken of a copy that is clean");
        let name = source.description.tables[table].name.clone();
        self.tell(&format!("{}.{name}", id.workspace));
        let source = self.sources.get_mut(id).expect("it was opened");
        let described = &source.description.tables[table];
        let primary = described.keys.iter().find(|key| key.primary);
        let place = |name: &String| described.columns.iter().position(|column| column.name == *name);
        let primary: Option<Vec<usize>> = primary.and_then(|key| key.columns.iter().map(place).collect());
        let names: Vec<String> = described.columns.iter().map(|column| column.name.clone()).collect();
        let taken = source.taken.entry(table).or_default();
        let mut new: Vec<(Row, bool)> = Vec::new();
        // Of a row that is found twice it is known by the key that it is the same one.
        let (asked, walked): (Vec<Want>, Vec<Want>) = wants.into_iter().partition(|want| {
            primary.is_some() && want.values.len() <= ASKED && want.values.iter().flatten().all(Option::is_some)
        });
        let database = &mut source.copy.database;
        for want in asked {
            let columns: Vec<String> = want.columns.iter().map(|column| names[*column].clone()).collect();
            let mut values: Vec<Vec<String>> =
                want.values.iter().map(|row| row.iter().flatten().cloned().collect()).collect();
            values.sort();
            let mut taking = Taking::new(vec![want], primary.as_deref(), taken, &mut new);
            let read = database.read_rows_with(&name, &columns, &values, &mut |row| {
                taking.take(row);
                Ok(())
            });
            read.map_err(Error::database(id))?;
        }
        if !walked.is_empty() {
            let mut taking = Taking::new(walked, primary.as_deref(), taken, &mut new);
            let read = database.read_rows(&name, &mut |row| {
                taking.take(row);
                Ok(())
            });
            read.map_err(Error::database(id))?;
        }
        for (row, descends) in new {
            self.follow(id, table, &row, descends, children)?;
        }
        Ok(())
    }

    /// Looks for what a row refers to, and for what refers to it where that is wanted.
    fn follow(
        &mut self,
        id: &DatabaseId,
        table: usize,
        row: &Row,
        descends: bool,
        children: &Children,
    ) -> Result<(), Error> {
        let source = self.sources.get_mut(id).expect("it was opened");
        for reference in source.references[table].clone() {
            if let Some(tuple) = Reference::tuple(&reference.columns, row) {
                source.want(reference.table, reference.referenced, tuple, false, None);
            }
        }
        if descends {
            for (child, references) in source.references.clone().into_iter().enumerate() {
                let Some(limit) = children.get(&(id.clone(), child)) else { continue };
                for reference in references.into_iter().filter(|reference| reference.table == table) {
                    if let Some(tuple) = Reference::tuple(&reference.referenced, row) {
                        source.want(child, reference.columns, tuple, true, *limit);
                    }
                }
            }
        }
        // What another service has is known by the types that are declared.
        let name = self.sources[id].description.tables[table].name.clone();
        let types = self.session.types.types();
        let of_table: Vec<DataType> = types
            .filter(|declared| {
                declared.name.service == id.workspace
                    && declared.database == id.name
                    && declared.table() == Some(&*name)
            })
            .cloned()
            .collect();
        for field in of_table.iter().flat_map(|declared| declared.fields.values()) {
            let (FieldKind::Reference(reference), Some(column)) = (&field.kind, &field.column) else { continue };
            let other = self.session.types.types().find(|other| other.name == reference.target).cloned();
            let Some(other) = other else { continue };
            let there = DatabaseId { workspace: other.name.service.clone(), name: other.database.clone() };
            if there == *id || !self.databases.contains(&there) {
                continue;
            }
            let number = self.sources[id].description.tables[table].columns.iter().position(|own| own.name == *column);
            let Some(value) = number.and_then(|number| row[number].clone()) else { continue };
            self.open(&there)?;
            if !self.sources[&there].is_clean {
                self.clean(&there, &mut [])?;
            }
            let Some(parent) = other.table().and_then(|table| self.position(&there, table)) else { continue };
            let source = self.sources.get_mut(&there).expect("it was opened");
            let described = &source.description.tables[parent];
            let primary = || described.keys.iter().find(|key| key.primary)?.columns.first().cloned();
            let Some(stored) = reference.value.clone().or_else(primary) else { continue };
            let Some(number) = described.columns.iter().position(|column| column.name == stored) else { continue };
            if matches!(described.columns[number].filled, database::Filled::Counter) {
                let note = format!(
                    "{name}.{column} holds what the database of {} counts ({stored}), which another database may count otherwise; let it \
                     hold a natural key by `value`",
                    other.name
                );
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
            source.want(parent, vec![number], vec![value], false, None);
        }
        Ok(())
    }
}

/// Takes rows of a table as they are read.
struct Taking<'t> {
    wants: Vec<Want>,
    /// By want and value: how many there were.
    counts: Vec<HashMap<Row, u64>>,
    primary: Option<&'t [usize]>,
    /// How many rows were read.
    place: i64,
    taken: &'t mut BTreeMap<Vec<KeyCell>, (Row, bool)>,
    /// Those that were not there before, or are now followed by those that refer to them.
    new: &'t mut Vec<(Row, bool)>,
}

impl<'t> Taking<'t> {
    fn new(
        wants: Vec<Want>,
        primary: Option<&'t [usize]>,
        taken: &'t mut BTreeMap<Vec<KeyCell>, (Row, bool)>,
        new: &'t mut Vec<(Row, bool)>,
    ) -> Self {
        let counts = wants.iter().map(|_| HashMap::new()).collect();
        Self { wants, counts, primary, place: 0, taken, new }
    }

    fn take(&mut self, row: &[Option<String>]) {
        let mut found = None;
        for (want, counts) in self.wants.iter().zip(&mut self.counts) {
            let tuple: Row = want.columns.iter().map(|column| row[*column].clone()).collect();
            if want.values.contains(&tuple) {
                let count = counts.entry(tuple).or_default();
                if want.limit.is_none_or(|limit| *count < limit) {
                    *count += 1;
                    found = Some(found.unwrap_or(false) || want.descends);
                }
            }
        }
        if let Some(descends) = found {
            let cell = |column: &usize| {
                let text = row[*column].clone().unwrap_or_default();
                text.parse().map_or(KeyCell::Text(text), KeyCell::Number)
            };
            // Without a key only the place tells it from others, and the table is always read as a whole.
            let key =
                self.primary.map_or_else(|| vec![KeyCell::Number(self.place)], |key| key.iter().map(cell).collect());
            let before = self.taken.get(&key).map(|(_, descends)| *descends);
            if before.is_none_or(|before| descends && !before) {
                self.taken.insert(key, (row.to_vec(), descends));
                self.new.push((row.to_vec(), descends));
            }
        }
        self.place += 1;
    }
}

impl Source {
    fn want(&mut self, table: usize, columns: Vec<usize>, tuple: Vec<String>, descends: bool, limit: Option<u64>) {
        let tuple: Row = tuple.into_iter().map(Some).collect();
        // Children may have come along as parents before, without what refers to them.
        if !descends && !self.asked.entry((table, columns.clone())).or_default().insert(tuple.clone()) {
            return;
        }
        let wants = self.wanted.entry(table).or_default();
        let fits = |want: &&mut Want| want.columns == columns && want.descends == descends && want.limit == limit;
        match wants.iter_mut().find(fits) {
            Some(want) => drop(want.values.insert(tuple)),
            None => wants.push(Want { columns, values: [tuple].into(), descends, limit }),
        }
    }
}
