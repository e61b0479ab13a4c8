//! `capture`: a spec of chosen records of a living database, and of all that they need.
//!
//! It works on copies: the services go on, what is personal is replaced before anything of it is read, and all rows are of one
//! moment. Which rows follow from which is found by going through the tables until nothing is missing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use database::Description;
use dataset::{DataType, FieldKind};
use manifest::Replacement;
use plan::DatabaseId;
use source::{Problem, Problems};
use survey::{Field, Record, Reference, Row};

use crate::context::{Context, Mode, Target};
use crate::copy::{Copy, clean, quoted};
use crate::load::relational;
use crate::material::Material;
use crate::personal::{self, Personal};
use crate::pseudonyms::Pseudonyms;
use crate::session::Session;
use crate::{Error, states};

/// What to capture.
#[derive(Debug, Clone)]
pub struct CaptureOptions<'a> {
    /// The records.
    pub selectors: &'a [Selector],
    /// A condition of SQL for the records of a selector without a key.
    pub condition: Option<&'a str>,
    /// Types whose records follow those that they refer to, and how many for each of them.
    pub children: &'a [(String, Option<u64>)],
}

/// Which records: `[SERVICE.]TYPE`, or `[SERVICE.]TYPE[KEY]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The data type or table, perhaps with its service before it.
    pub name: String,
    /// The values of its key, each perhaps with the name of its field; all records without one.
    pub key: Vec<(Option<String>, String)>,
}

impl Selector {
    /// Reads what was typed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((name, rest)) = text.split_once('[') else {
            return Ok(Self { name: text.to_owned(), key: Vec::new() });
        };
        let inner = rest.strip_suffix(']').ok_or("a key ends with `]`: `users[ada]`")?;
        if inner.is_empty() || name.is_empty() {
            return Err(
                "it is written `TYPE[KEY]`: `users[ada]`, `lms.enrollment[ada,demo]`, `users[email=ada@example.com]`"
                    .to_owned(),
            );
        }
        let part = |part: &str| match part.split_once('=') {
            Some((name, value)) => (Some(name.trim().to_owned()), value.to_owned()),
            None => (None, part.to_owned()),
        };
        Ok(Self { name: name.to_owned(), key: inner.split(',').map(part).collect() })
    }
}

/// What was captured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The spec.
    pub text: String,
    /// Records by data type, in the order of the spec.
    pub counts: Vec<(String, usize)>,
    /// What one should know of it.
    pub notes: Vec<String>,
}

/// Captures records.
pub fn capture(context: &Context<'_>, target: &Target, options: &CaptureOptions<'_>) -> Result<Captured, Error> {
    let session = Session::open(context, target, &Mode::Existing, "capture")?;
    let databases: BTreeSet<DatabaseId> =
        relational(&session).filter(|id| session.observed.databases.contains_key(id)).collect();
    let was_running = !session.observed.running.is_empty();
    let servers = plan::servers(&session.model, &session.observed, &session.inputs, &databases);
    session.execute(&servers, &Material::of("capture"))?;
    let mut capture = Capture { session: &session, databases, sources: BTreeMap::new(), notes: Vec::new() };
    let captured = capture.carry_out(options);
    let removed = capture.remove();
    let rested = session.rest(was_running);
    let captured = captured?;
    removed?;
    rested?;
    Ok(captured)
}

struct Capture<'s, 'a> {
    session: &'s Session<'a>,
    databases: BTreeSet<DatabaseId>,
    /// The databases that are concerned.
    sources: BTreeMap<DatabaseId, Source>,
    notes: Vec<String>,
}

/// A copy of a database, and what is taken of it.
struct Source {
    copy: Copy,
    description: Description,
    references: Vec<Vec<Reference>>,
    /// By table: what is still to be looked for.
    wanted: BTreeMap<usize, Vec<Want>>,
    /// By table and columns: what was looked for.
    asked: BTreeMap<(usize, Vec<usize>), HashSet<Row>>,
    /// By table and by the place of the row in it: the rows that are taken, and whether those that refer to them follow.
    taken: BTreeMap<usize, BTreeMap<usize, (Row, bool)>>,
}

/// Rows that are looked for: those with these values in these columns.
struct Want {
    columns: Vec<usize>,
    values: HashSet<Row>,
    /// Whether rows that refer to them follow.
    descends: bool,
    /// How many for each of the values.
    limit: Option<u64>,
}

impl Capture<'_, '_> {
    fn carry_out(&mut self, options: &CaptureOptions<'_>) -> Result<Captured, Error> {
        let mut roots: BTreeMap<DatabaseId, Vec<(usize, &Selector)>> = BTreeMap::new();
        for selector in options.selectors {
            let (id, table) = self.find(&selector.name)?;
            roots.entry(id).or_default().push((table, selector));
        }
        let mut children = BTreeMap::new();
        for (name, limit) in options.children {
            let (id, table) = self.find(name)?;
            children.insert((id, table), *limit);
        }
        for (id, roots) in roots {
            // What is chosen is chosen by what stands there, not by what is put in its place.
            let mut chosen = Vec::new();
            for (table, selector) in roots {
                chosen.push((table, self.choose(&id, table, selector, options.condition)?));
            }
            self.clean(&id, &mut chosen)?;
            let source = self.sources.get_mut(&id).expect("it was opened");
            for (table, want) in chosen {
                source.wanted.entry(table).or_default().push(want);
            }
        }
        while let Some(id) = self.sources.iter().find(|(_, source)| !source.wanted.is_empty()).map(|(id, _)| id.clone())
        {
            self.take(&id, &children)?;
        }
        self.check_personal()?;
        self.write()
    }

    /// The table that a name means: of a data type, a table, or a table without its schema.
    fn find(&mut self, name: &str) -> Result<(DatabaseId, usize), Error> {
        let root = self.session.model.root.clone();
        let candidates = match name.split_once('.') {
            Some((service, rest)) => vec![(service.to_owned(), rest), (root, name)],
            None => vec![(root, name)],
        };
        let mut known = Vec::new();
        for (service, name) in candidates {
            let ids: Vec<DatabaseId> = self.databases.iter().filter(|id| id.workspace == service).cloned().collect();
            for declared in self.session.types.types().filter(|declared| declared.name.service == service) {
                known.push(declared.name.to_string());
                let id = ids.iter().find(|id| id.name == declared.database);
                if let (true, Some(id)) = (declared.name.name == name, id) {
                    let table = declared.table.clone();
                    self.open(id)?;
                    if let Some(table) = self.position(id, &table) {
                        return Ok((id.clone(), table));
                    }
                }
            }
            for id in ids {
                self.open(&id)?;
                if let Some(table) = self.position(&id, name) {
                    return Ok((id, table));
                }
                let tables = &self.sources[&id].description.tables;
                known.extend(tables.iter().map(|table| format!("{service}.{}", table.name)));
                let ending = format!(".{name}");
                let mut endings = (0..tables.len()).filter(|number| tables[*number].name.ends_with(&ending));
                if let (Some(table), None) = (endings.next(), endings.next()) {
                    return Ok((id, table));
                }
            }
        }
        let help = match source::closest(
            name,
            known.iter().flat_map(|known| [known.as_str(), known.split_once('.').map_or("", |(_, name)| name)]),
        ) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`seedbed types` lists them".to_owned(),
        };
        Err(problem(
            Problem::error("capture::unknown-type", format!("there is no data type or table `{name}`")).help(help),
        ))
    }

    fn position(&self, id: &DatabaseId, table: &str) -> Option<usize> {
        self.sources[id].description.tables.iter().position(|described| described.name == table)
    }

    /// Makes a copy of a database, once.
    fn open(&mut self, id: &DatabaseId) -> Result<(), Error> {
        if self.sources.contains_key(id) {
            return Ok(());
        }
        let file = states::Scratch::new(self.session, "captured", id)?;
        let mut database = self.session.database(id)?;
        database.dump(file.path()).map_err(Error::database(id))?;
        let description = database.describe().map_err(Error::database(id))?;
        let mut copy = Copy::begin(self.session, id)?;
        let filled = copy.fill(self.session, id, file.path());
        let references = Reference::all(&description);
        let source = Source {
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

    /// Finds the records of a selector, and says what they are known by in their table.
    fn choose(
        &mut self,
        id: &DatabaseId,
        table: usize,
        selector: &Selector,
        condition: Option<&str>,
    ) -> Result<Want, Error> {
        let engine = self.session.location(id).engine();
        let data_type = self.data_type(id, table, Some(&selector.name)).cloned();
        let source = self.sources.get_mut(id).expect("it was opened");
        let described = source.description.tables[table].clone();
        let column = |name: &str| {
            let field = data_type.as_ref().and_then(|data_type| data_type.fields.get(name)?.column.as_deref());
            let name = field.unwrap_or(name);
            described.columns.iter().position(|column| column.name == name)
        };
        let primary = described.keys.iter().find(|key| key.primary).map(|key| key.columns.clone());
        let mut key: Vec<(usize, String)> = Vec::new();
        let positional = match &data_type {
            Some(data_type) => data_type.key.iter().map(|(name, _)| name.clone()).collect(),
            None => primary.clone().unwrap_or_default(),
        };
        let is_positional = selector.key.iter().all(|(name, _)| name.is_none());
        // A value with commas in it is still one value, where the key has one field.
        let values: Vec<(Option<String>, String)> = if is_positional && positional.len() == 1 && selector.key.len() > 1
        {
            let values: Vec<&str> = selector.key.iter().map(|(_, value)| value.as_str()).collect();
            vec![(None, values.join(","))]
        } else {
            selector.key.clone()
        };
        for (place, (name, value)) in values.iter().enumerate() {
            let name = name.clone().or_else(|| positional.get(place).cloned());
            let number = name.as_deref().and_then(column);
            let Some(number) = number else {
                let what = name.map_or_else(
                    || format!("its key has {} field(s)", positional.len()),
                    |name| format!("it has no column `{name}`"),
                );
                let help = format!(
                    "write `{}[{}]`, or the names of columns: `[NAME=VALUE]`",
                    selector.name,
                    positional.join(",")
                );
                return Err(problem(Problem::error("capture::key", format!("`{}`: {what}", selector.name)).help(help)));
            };
            key.push((number, value.clone()));
        }
        if is_positional && !values.is_empty() && values.len() < positional.len() {
            let help = format!("write `{}[{}]`", selector.name, positional.join(","));
            return Err(problem(
                Problem::error("capture::key", format!("`{}`: its key has {} fields", selector.name, positional.len()))
                    .help(help),
            ));
        }
        let identity: Vec<usize> = match &primary {
            Some(columns) => columns
                .iter()
                .filter_map(|name| described.columns.iter().position(|column| column.name == *name))
                .collect(),
            None => (0..described.columns.len()).collect(),
        };
        let database = &mut *source.copy.database;
        let name = match condition.filter(|_| selector.key.is_empty()) {
            None => described.name.clone(),
            Some(condition) => {
                let (from, to) = (quoted(engine, &described.name), quoted(engine, CHOSEN));
                let columns: Vec<String> =
                    described.columns.iter().map(|column| quoted(engine, &column.name)).collect();
                let sql = format!("CREATE TABLE {to} AS SELECT {} FROM {from} WHERE ({condition})", columns.join(", "));
                database.execute_script(&sql).map_err(|source| Error::Rule { place: "--where".to_owned(), source })?;
                CHOSEN.to_owned()
            }
        };
        let mut values = HashSet::new();
        let read = database.read_rows(&name, &mut |row| {
            if key.iter().all(|(number, value)| row[*number].as_ref() == Some(value)) {
                values.insert(identity.iter().map(|number| row[*number].clone()).collect());
            }
            Ok(())
        });
        read.map_err(Error::database(id))?;
        if name == CHOSEN {
            database.execute_script(&format!("DROP TABLE {}", quoted(engine, CHOSEN))).map_err(Error::database(id))?;
        }
        if values.is_empty() {
            let known = selector.key.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ");
            let what = match (known.as_str(), condition) {
                ("", Some(condition)) => format!("no record of `{}` has {condition}", selector.name),
                ("", None) => format!("there is no record of `{}`", selector.name),
                (known, _) => format!("there is no record {known} of `{}`", selector.name),
            };
            return Err(problem(Problem::error("capture::no-record", what)));
        }
        Ok(Want { columns: identity, values, descends: true, limit: None })
    }

    /// The declared data type of a table: the one that was named, or the first.
    fn data_type(&self, id: &DatabaseId, table: usize, named: Option<&str>) -> Option<&DataType> {
        let name = &self.sources[id].description.tables[table].name;
        let is_of = |declared: &&DataType| {
            declared.name.service == id.workspace && declared.database == id.name && declared.table == *name
        };
        let is_named = |declared: &&DataType| {
            named.is_some_and(|named| declared.name.name == named || declared.name.to_string() == named)
        };
        let mut all = self.session.types.types().filter(is_of);
        self.session.types.types().filter(is_of).find(is_named).or_else(|| all.next())
    }

    /// Replaces what is personal in a copy; what was chosen is known by what stands there afterwards.
    fn clean(&mut self, id: &DatabaseId, chosen: &mut [(usize, Want)]) -> Result<(), Error> {
        let Some(scrub) = self.session.declaration(id).1.scrub.clone() else { return Ok(()) };
        let source = self.sources.get_mut(id).expect("it was opened");
        let database = &mut *source.copy.database;
        let pseudonyms = Pseudonyms::of(self.session, id, database)?;
        for (table, want) in chosen {
            let table = &source.description.tables[*table];
            for column in &want.columns {
                let name = &table.columns[*column].name;
                let is_lost = scrub.columns.iter().any(|rule| {
                    rule.table == table.name
                        && rule.column == *name
                        && !matches!(rule.replacement, Replacement::Pseudonym(_))
                });
                if is_lost {
                    let what =
                        format!("{}.{name}: its rows are known by it, and a rule of `scrub` replaces it", table.name);
                    let help = "`pseudonym(word)` is a rule by which they can still be told apart".to_owned();
                    return Err(problem(Problem::error("capture::lost", what).help(help)));
                }
            }
            let replaced = |value: &Row| {
                let cells = want.columns.iter().zip(value);
                let cells = cells.map(|(column, cell)| {
                    Some(pseudonyms.replaced(&table.name, &table.columns[*column].name, cell.as_ref()?))
                });
                cells.collect::<Vec<_>>()
            };
            want.values = want.values.iter().map(replaced).collect();
        }
        clean(self.session, id, &scrub, database)
    }

    /// Takes the rows of a database that are looked for, and looks for what they need.
    fn take(&mut self, id: &DatabaseId, children: &BTreeMap<(DatabaseId, usize), Option<u64>>) -> Result<(), Error> {
        let source = self.sources.get_mut(id).expect("it was opened");
        let Some((table, wants)) = source.wanted.pop_first() else { return Ok(()) };
        let name = source.description.tables[table].name.clone();
        let mut counts: Vec<HashMap<Row, u64>> = wants.iter().map(|_| HashMap::new()).collect();
        let taken = source.taken.entry(table).or_default();
        let mut new: Vec<(Row, bool)> = Vec::new();
        let mut place = 0;
        let read = source.copy.database.read_rows(&name, &mut |row| {
            let mut found = None;
            for (want, counts) in wants.iter().zip(&mut counts) {
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
                let before = taken.get(&place).map(|(_, descends)| *descends);
                if before.is_none_or(|before| descends && !before) {
                    taken.insert(place, (row.to_vec(), descends));
                    new.push((row.to_vec(), descends));
                }
            }
            place += 1;
            Ok(())
        });
        read.map_err(Error::database(id))?;
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
        children: &BTreeMap<(DatabaseId, usize), Option<u64>>,
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
                declared.name.service == id.workspace && declared.database == id.name && declared.table == name
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
            if !self.sources.contains_key(&there) {
                self.open(&there)?;
                self.clean(&there, &mut [])?;
            }
            let Some(parent) = self.position(&there, &other.table) else { continue };
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

    /// Refuses what looks personal and has no rule.
    fn check_personal(&self) -> Result<(), Error> {
        let mut found: Vec<Personal> = Vec::new();
        for (id, source) in &self.sources {
            for (table, rows) in &source.taken {
                let described = &source.description.tables[*table];
                found.extend(personal::of(self.session, id, described, rows.values().map(|(row, _)| row)));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(Error::Personal(found)) }
    }

    fn write(&self) -> Result<Captured, Error> {
        let (mut entries, mut captured) = (Vec::new(), Captured::default());
        captured.notes.clone_from(&self.notes);
        let mut problems = Problems::default();
        for (id, source) in &self.sources {
            let rows: survey::Rows = source
                .taken
                .iter()
                .map(|(table, rows)| {
                    let rows = rows.values().map(|(row, _)| row.clone()).collect();
                    (source.description.tables[*table].name.clone(), rows)
                })
                .collect();
            let keys = source.description.tables.iter().enumerate().filter_map(|(number, table)| {
                let declared = self.data_type(id, number, None)?;
                let column = |(field, _): &(String, source::Place)| declared.fields.get(field)?.column.clone();
                Some((table.name.clone(), declared.key.iter().map(column).collect::<Option<Vec<_>>>()?))
            });
            match survey::records(&source.description, &keys.collect(), &rows) {
                Ok(records) => {
                    captured.notes.extend(records.notes.into_iter().map(|note| format!("{}.{note}", id.workspace)));
                    for (table, records) in records.tables {
                        let number = self.position(id, &table).expect("it is one of its tables");
                        let declared = self.data_type(id, number, None);
                        let name = declared
                            .map_or_else(|| format!("{}.{table}", id.workspace), |declared| declared.name.to_string());
                        captured.counts.push((name.clone(), records.len()));
                        entries.push((name, records.into_iter().map(|record| named(declared, record)).collect()));
                    }
                }
                Err(unwritable) => {
                    for survey::Unwritable { table, reason } in unwritable {
                        problems.push(Problem::error(
                            "capture::no-natural-key",
                            format!("{}.{table}: {reason}", id.workspace),
                        ));
                    }
                }
            }
        }
        problems.into_result(()).map_err(Error::Problems)?;
        captured.text = survey::spec(&captured.notes, &entries);
        Ok(captured)
    }

    fn remove(self) -> Result<(), Error> {
        let mut result = Ok(());
        for (id, source) in self.sources {
            result = result.and(source.copy.remove(&id));
        }
        result
    }
}

/// The table with the records that a condition chose, in a copy.
const CHOSEN: &str = "seedbed_chosen";

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

/// A record with the names that its type gives the columns.
fn named(declared: Option<&DataType>, record: Record) -> Record {
    let field = |column: String| {
        let fields = declared.into_iter().flat_map(|declared| &declared.fields);
        fields
            .filter(|(_, field)| field.column.as_ref() == Some(&column))
            .map(|(name, _)| name.clone())
            .next()
            .unwrap_or(column)
    };
    record.into_iter().map(|(column, value): (String, Field)| (field(column), value)).collect()
}

fn problem(problem: Problem) -> Error {
    let mut problems = Problems::default();
    problems.push(problem);
    Error::Problems(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_name_types_and_keys() {
        let parse = |text: &str| Selector::parse(text).map(|selector| (selector.name, selector.key));
        let plain = |value: &str| (None, value.to_owned());
        assert_eq!(parse("lms.user"), Ok(("lms.user".to_owned(), vec![])));
        assert_eq!(parse("user[ada]"), Ok(("user".to_owned(), vec![plain("ada")])));
        assert_eq!(parse("e[ada,demo]"), Ok(("e".to_owned(), vec![plain("ada"), plain("demo")])));
        let named = (Some("email".to_owned()), "a@b.example".to_owned());
        assert_eq!(parse("u[email=a@b.example]"), Ok(("u".to_owned(), vec![named])));
        for wrong in ["u[", "u[]", "[a]", "u[a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
