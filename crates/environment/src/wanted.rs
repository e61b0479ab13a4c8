//! What a spec of our own form wants of each database: its names looked up, its fields brought to columns.

use std::collections::BTreeMap;

use database::{DatabaseError, Datum, Description, TableDescription};
use dataset::{DataType, Field, FieldKind, Registry};
use factory::{Given, Group, Pick, RecordRef, SpecEntry, SpecGroup, Wanted};
use indexmap::IndexMap;
use plan::DatabaseId;
use source::{Place, Problem, Problems};

use crate::defaults::{give_defaults, looked_up};
use crate::elsewhere::{self, Link};
use crate::generation::Generation;
use crate::implied_rows::{self, Rule};
use crate::specs::compile;
use crate::{Error, implied};

/// Where what is wanted of each table stands, and of each of its columns.
pub(crate) type Places = BTreeMap<String, (Place, BTreeMap<String, Place>)>;

/// What is wanted of a database.
#[derive(Clone)]
pub(crate) struct Wants {
    pub(crate) wanted: Wanted,
    pub(crate) places: Places,
    /// Its columns that refer to rows of other databases.
    pub(crate) links: Vec<Link>,
}

/// What is wanted of each database, and what rows of that imply.
pub(crate) fn wanted(
    generation: &Generation<'_>,
    described: &[(&DatabaseId, &Description)],
) -> Result<(BTreeMap<DatabaseId, Wants>, Vec<Rule>), Problems> {
    let (all, rules, problems) = collect(generation, described);
    problems.into_result((all, rules))
}

/// What is wanted of each database, as far as it can be understood, and what cannot.
fn collect(
    generation: &Generation<'_>,
    described: &[(&DatabaseId, &Description)],
) -> (BTreeMap<DatabaseId, Wants>, Vec<Rule>, Problems) {
    let mut builder = Builder { generation, described, all: BTreeMap::new(), problems: Problems::new() };
    let fills = generation.spec.fill.is_some();
    for (id, _) in described.iter().filter(|(id, _)| generation.filled.contains(*id) && fills) {
        builder.of(id);
    }
    for entry in &generation.spec.entries {
        match builder.find(&entry.name) {
            Some(target) => builder.entry(target, entry, None),
            None => builder.problems.push(builder.unknown(entry)),
        }
    }
    let rules = implied_rows::rules(&mut builder);
    implied::add(&mut builder, &rules);
    // What is implied may imply more, in yet another database.
    for _ in &rules {
        for rule in rules.iter().filter(|rule| builder.all.contains_key(&rule.database)).collect::<Vec<_>>() {
            for id in rule.targets() {
                builder.of(id);
            }
        }
    }
    let mut all = BTreeMap::new();
    for (id, (wanted, places)) in std::mem::take(&mut builder.all) {
        let links = elsewhere::links(&builder, &id);
        all.insert(id, Wants { wanted, places, links });
    }
    (all, rules, builder.problems)
}

/// Finds what of a spec does not fit the tables that are there, before anything is made.
pub(crate) fn check(generation: &Generation<'_>, described: &[(&DatabaseId, &Description)], problems: &mut Problems) {
    let (all, _, found) = collect(generation, described);
    problems.extend(found);
    for (id, description) in described {
        let Some(Wants { wanted, places, links }) = all.get(*id) else { continue };
        // What is picked of rows elsewhere is seen when those are known.
        let is_link = |impossible: &factory::Impossible| {
            links.iter().any(|link| link.is_of(&impossible.table, impossible.column.as_deref()))
        };
        for impossible in factory::Plan::check(description, wanted).iter().filter(|impossible| !is_link(impossible)) {
            problems.push(problem(impossible, places));
        }
    }
}

/// Says at its place what cannot be.
pub(crate) fn problem(impossible: &factory::Impossible, places: &Places) -> Problem {
    let factory::Impossible { table, column, reason } = impossible;
    let of = column.as_ref().map_or_else(|| table.clone(), |column| format!("{table}.{column}"));
    let problem = Problem::error("spec::impossible", format!("{of}: {reason}"));
    match places.get(table) {
        Some((place, columns)) => {
            let place = column.as_ref().and_then(|column| columns.get(column)).unwrap_or(place);
            problem.at(place, "wanted here")
        }
        None => problem,
    }
}

/// What the database said of rows of a table, with the place at which these are wanted.
pub(crate) fn refused(table: Option<String>, places: &Places, source: DatabaseError) -> Error {
    let place = table
        .as_ref()
        .and_then(|table| places.get(table))
        .map(|(place, _)| format!("{}:{}", place.file().name(), place.line()));
    let record = table.map_or_else(|| "the generated rows".to_owned(), |table| format!("the rows of {table}"));
    Error::Load { record, place, is_copy: false, source }
}

/// A table that is meant, and the data type that its service declares for it.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) id: &'a DatabaseId,
    pub(crate) table: &'a TableDescription,
    pub(crate) data_type: Option<&'a DataType>,
}

/// The tables and data types that names can mean.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'a> {
    /// The service of those that are named without one.
    pub(crate) service: &'a str,
    pub(crate) types: &'a Registry,
    pub(crate) described: &'a [(&'a DatabaseId, &'a Description)],
}

impl<'a> Tables<'a> {
    /// The table that a name means: that of a declared data type, of a table, or of a table without its schema.
    pub(crate) fn find(&self, name: &str) -> Option<Target<'a>> {
        let own = self.service;
        let candidates = match name.split_once('.') {
            Some((service, rest)) => vec![(service, rest), (own, name)],
            None => vec![(own, name)],
        };
        for (service, name) in candidates {
            let databases = || self.described.iter().filter(move |(id, _)| id.workspace == service);
            if let Some(declared) = self.types.find(service, name) {
                let mut databases = databases().filter(|(id, _)| id.name == declared.database);
                let found = databases.find_map(|(id, description)| Some((*id, description.table(declared.table()?)?)));
                if let Some((id, table)) = found {
                    return Some(Target { id, table, data_type: Some(declared) });
                }
            }
            let exact = databases().find_map(|(id, description)| Some((*id, description.table(name)?)));
            let ending = format!(".{name}");
            let mut endings = databases().flat_map(|(id, description)| {
                let tables = description.tables.iter().filter(|table| table.name.ends_with(&ending));
                tables.map(|table| (*id, table)).collect::<Vec<_>>()
            });
            let only = endings.next().filter(|_| endings.next().is_none());
            if let Some((id, table)) = exact.or(only) {
                return Some(Target { id, table, data_type: None });
            }
        }
        None
    }
}

/// The rows in which others are listed.
pub(crate) struct Parent {
    /// The column of the children that refers to them.
    column: String,
    rows: ParentRows,
}

enum ParentRows {
    /// One record, with that by which it is known.
    Record(IndexMap<String, Given>),
    /// So many rows of the group with this number.
    Group { number: u64, count: u64 },
}

/// Collects what is wanted.
pub(crate) struct Builder<'a> {
    pub(crate) generation: &'a Generation<'a>,
    pub(crate) described: &'a [(&'a DatabaseId, &'a Description)],
    pub(crate) all: BTreeMap<DatabaseId, (Wanted, Places)>,
    pub(crate) problems: Problems,
}

impl<'a> Builder<'a> {
    /// What is wanted of a database so far.
    pub(crate) fn of(&mut self, id: &DatabaseId) -> &mut (Wanted, Places) {
        let spec = &self.generation.spec;
        let fill = spec.fill.filter(|_| self.generation.filled.contains(id));
        self.all.entry(id.clone()).or_insert_with(|| {
            (Wanted { seed: spec.seed, fill, locale: spec.locale, ..Wanted::default() }, Places::new())
        })
    }

    /// Takes in an entry; `parent` are the rows in which it lists children.
    fn entry(&mut self, target: Target<'a>, entry: &SpecEntry, parent: Option<&Parent>) {
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        for (field, place) in &entry.fields {
            match column_of(target, field) {
                Ok(Some(column)) => drop(places.insert(column, place.clone())),
                // What is not stored, or is a list of children, has no column.
                Ok(None) => {}
                Err(()) => self.problems.push(unknown_field(target, field, place)),
            }
        }
        for group in &entry.groups {
            self.group(target, group, parent);
        }
        let (_, all) = self.of(target.id);
        let table = all.entry(target.table.name.clone()).or_insert_with(|| (entry.place.clone(), BTreeMap::new()));
        for (column, place) in places {
            table.1.entry(column).or_insert(place);
        }
    }

    fn group(&mut self, target: Target<'a>, spec: &SpecGroup, parent: Option<&Parent>) {
        let mut given: IndexMap<String, Given> = IndexMap::new();
        for (field, value) in &spec.group.given {
            self.give(target, field, value.clone(), &mut given);
        }
        // Of several, the one that the type declares last has the last word, in whatever order they stand.
        let mut traits: Vec<&(String, Place)> = spec.traits.iter().collect();
        traits.sort_by_key(|(name, _)| target.data_type.and_then(|declared| declared.traits.get_index_of(name)));
        for (name, place) in traits.into_iter().rev() {
            self.give_trait(target, name, place, &mut given);
        }
        let defaults = give_defaults(self.tables(), target, &mut given);
        let mut group = Group { count: spec.group.count, is_record: spec.group.is_record, given, defaults };
        match parent {
            Some(Parent { column, rows: ParentRows::Record(by) }) => {
                group.given.insert(column.clone(), Given::Records(vec![(RecordRef::By(by.clone()), 1)]));
            }
            Some(Parent { column, rows: ParentRows::Group { number, count } }) => {
                group.given.insert(column.clone(), Given::Pick(Pick::Each { group: *number, times: group.count }));
                group.count = group.count.saturating_mul(*count);
                group.is_record = false;
            }
            None => {}
        }
        let groups = self.of(target.id).0.tables.entry(target.table.name.clone()).or_default();
        let number = groups.iter().filter(|group| !group.is_record).count() as u64;
        groups.push(group.clone());
        for children in &spec.children {
            self.children(target, &group, number, children);
        }
    }

    /// What a spec gives for a field, brought to its column.
    pub(crate) fn give(
        &mut self,
        target: Target<'a>,
        field: &str,
        mut value: Given,
        given: &mut IndexMap<String, Given>,
    ) {
        // What is unknown has been said where the fields are.
        let Ok(Some(column)) = column_of(target, field) else { return };
        let declared = target.data_type.and_then(|data_type| data_type.fields.get(field));
        if let Some(FieldKind::Reference(reference)) = declared.map(|declared| &declared.kind) {
            value = self.by_natural_key(target, &column, reference, value);
        }
        if let Given::Records(records) = &mut value {
            for (record, _) in records {
                self.to_columns(target, &column, record);
            }
        }
        value.rename(&|name| column_of(target, name).ok().flatten());
        if let Given::Template(template) = &mut value {
            for operand in &mut template.operands {
                // What is no field may be one of a record that is referred to.
                if column_of(target, &operand.column).is_err()
                    && let Some(found) = looked_up(self.tables(), target, &operand.column)
                {
                    *operand = found;
                }
            }
        }
        given.insert(column, value);
    }

    /// A value of a declared reference is the natural key of the record that is meant.
    fn by_natural_key(
        &self,
        target: Target<'a>,
        column: &str,
        reference: &dataset::ReferenceTo,
        value: Given,
    ) -> Given {
        let is_foreign_key = target.table.foreign_keys.iter().any(|key| key.columns.iter().any(|name| name == column));
        let types = self.generation.types;
        let Some(referred) = types.find(&reference.target.service, &reference.target.name) else { return value };
        let [(key, _)] = &referred.key[..] else { return value };
        let Some(Field { column: Some(key), kind: FieldKind::Plain, .. }) = referred.fields.get(key) else {
            return value;
        };
        if !is_foreign_key {
            return value;
        }
        let by = |value: Datum| RecordRef::By(IndexMap::from([(key.clone(), Given::Value(value))]));
        match value {
            Given::Value(value) if value != Datum::Null => Given::Records(vec![(by(value), 1)]),
            Given::OneOf(values) => {
                Given::Records(values.into_iter().map(|(value, weight)| (by(value), weight)).collect())
            }
            other => other,
        }
    }

    /// Brings the fields by which a record is known to the columns of the table that a column refers to.
    fn to_columns(&self, target: Target<'a>, column: &str, record: &mut RecordRef) {
        let RecordRef::By(values) = record else { return };
        let key = target.table.foreign_keys.iter().find(|key| key.columns.iter().any(|name| name == column));
        let description = self.described.iter().find(|(id, _)| *id == target.id).map(|(_, description)| description);
        let Some(table) = key.zip(description).and_then(|(key, description)| description.table(&key.table)) else {
            return;
        };
        let mut types = self.generation.types.types();
        let data_type = types.find(|declared| {
            let of_database = declared.name.service == target.id.workspace && declared.database == target.id.name;
            of_database && declared.table() == Some(&*table.name)
        });
        let parent = Target { id: target.id, table, data_type };
        let named = std::mem::take(values);
        for (field, mut value) in named {
            let column = column_of(parent, &field).ok().flatten().unwrap_or(field);
            if let Given::Records(records) = &mut value {
                for (record, _) in records {
                    self.to_columns(parent, &column, record);
                }
            }
            values.insert(column, value);
        }
    }

    fn give_trait(&mut self, target: Target<'a>, name: &str, place: &Place, given: &mut IndexMap<String, Given>) {
        let found = target.data_type.and_then(|data_type| data_type.traits.get(name));
        let Some(found) = found else {
            let problem = if let Some(data_type) = target.data_type {
                data_type.unknown_trait(name, place)
            } else {
                Problem::error("dataset::unknown-trait", format!("{} has no trait `{name}`", called(target)))
                    .at(place, "not a trait of it")
                    .help("a data type says which traits its records can have")
            };
            self.problems.push(problem);
            return;
        };
        for (field, _, tree) in &found.fields {
            let Ok(Some(column)) = column_of(target, field) else { continue };
            if given.contains_key(&column) {
                continue;
            }
            if let Some(value) = factory::read_given(tree, &compile, &mut self.problems) {
                self.give(target, field, value, given);
            }
        }
    }

    fn children(&mut self, target: Target<'a>, group: &Group, number: u64, children: &SpecEntry) {
        let field = target.data_type.and_then(|data_type| data_type.fields.get(&children.name));
        let Some(FieldKind::Children(of)) = field.map(|field| &field.kind) else {
            // A field that is no list was given one; one that is not there has been reported.
            if let Ok(Some(_)) = column_of(target, &children.name) {
                self.problems.push(
                    Problem::error("spec::children", format!("`{}` is no list of records", children.name))
                        .at(&children.place, "a list of records")
                        .help(
                            "a document is written `{ json: … }`; a data type says `has` of a field that lists records",
                        ),
                );
            }
            return;
        };
        let name = of.child.to_string();
        let Some(child) = self.find(&name) else {
            self.problems.push(self.unknown(&SpecEntry { name, ..children.clone() }));
            return;
        };
        let parent_field = child.data_type.and_then(|data_type| data_type.fields.get(&of.parent_field));
        let Some(column) = parent_field.and_then(|field| field.column.clone()) else { return };
        let rows = if group.is_record {
            ParentRows::Record(known_by(target, &group.given))
        } else {
            ParentRows::Group { number, count: group.count }
        };
        self.entry(child, children, Some(&Parent { column, rows }));
    }

    /// The table that a name means.
    pub(crate) fn find(&self, name: &str) -> Option<Target<'a>> {
        self.tables().find(name)
    }

    /// All tables that names can mean.
    pub(crate) fn tables(&self) -> Tables<'a> {
        let Generation { service, types, .. } = self.generation;
        Tables { service, types, described: self.described }
    }

    fn unknown(&self, entry: &SpecEntry) -> Problem {
        let generation = self.generation;
        let tables = self.described.iter().flat_map(|(id, description)| {
            let is_own = id.workspace == generation.service;
            let name = move |name: &str| if is_own { name.to_owned() } else { format!("{}.{name}", id.workspace) };
            description.tables.iter().map(move |table| name(&table.name))
        });
        let types = generation.types.types().flat_map(|declared| {
            let is_own = declared.name.service == generation.service;
            let full = |name: &str| if is_own { name.to_owned() } else { format!("{}.{name}", declared.name.service) };
            [full(&declared.name.name), full(&declared.list)]
        });
        let known: Vec<String> = tables.chain(types).collect();
        let help = match source::closest(&entry.name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`seedbed types` lists them".to_owned(),
        };
        Problem::error("spec::unknown-type", format!("there is no data type or table `{}`", entry.name))
            .at(&entry.place, "neither a data type nor a table")
            .help(help)
    }
}

/// By what a record is known, of all that is given of it: a key, since what else is given may differ from what is there; where
/// no key is given, everything.
fn known_by(target: Target<'_>, given: &IndexMap<String, Given>) -> IndexMap<String, Given> {
    let is_known = |given: &Given| match given {
        Given::Value(value) => *value != Datum::Null,
        Given::Records(_) => true,
        _ => false,
    };
    let natural = target.data_type.map(|data_type| {
        let columns = data_type.key.iter().map(|(name, _)| column_of(target, name).ok().flatten());
        columns.collect::<Option<Vec<String>>>()
    });
    let plain = target.table.keys.iter().filter(|key| key.expressions.is_empty() && key.condition.is_none());
    let mut keys = natural.flatten().into_iter().chain(plain.map(|key| key.columns.clone()));
    let key = keys.find(|key| key.iter().all(|column| given.get(column).is_some_and(is_known)));
    let is_meant = |column: &String, value: &Given| match &key {
        Some(key) => key.contains(column),
        None => matches!(value, Given::Value(value) if *value != Datum::Null),
    };
    let known = given.iter().filter(|(column, value)| is_meant(column, value));
    known.map(|(column, value)| (column.clone(), value.clone())).collect()
}

/// The column of a field: `None` for one that has none; an error for a field that is not there.
pub(crate) fn column_of(target: Target<'_>, field: &str) -> Result<Option<String>, ()> {
    if let Some(declared) = target.data_type.and_then(|data_type| data_type.fields.get(field)) {
        return Ok(declared.column.clone());
    }
    if target.table.column(field).is_some() { Ok(Some(field.to_owned())) } else { Err(()) }
}

fn unknown_field(target: Target<'_>, field: &str, place: &Place) -> Problem {
    if let Some(data_type) = target.data_type
        && data_type.renamed.iter().any(|(_, old, _)| old == field)
    {
        return data_type.unknown_field(field, place);
    }
    let declared = target.data_type.into_iter().flat_map(|data_type| data_type.fields.keys());
    let stored = |column: &str| {
        let mut fields = target.data_type.into_iter().flat_map(|data_type| data_type.fields.values());
        fields.any(|field| field.column.as_deref() == Some(column))
    };
    let columns = target.table.columns.iter().map(|column| &column.name).filter(|column| !stored(column));
    let fields: Vec<&str> = declared.chain(columns).map(String::as_str).collect();
    let help = match source::closest(field, fields.iter().copied().chain(factory::GROUP_KEYS)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its fields are {}", listed(fields.into_iter())),
    };
    Problem::error("spec::unknown-field", format!("{} has no field `{field}`", called(target)))
        .at(place, "not a field of it")
        .help(help)
}

/// What a message calls a table or data type.
fn called(target: Target<'_>) -> String {
    match target.data_type {
        Some(data_type) => format!("`{}`", data_type.name),
        None => format!("the table `{}`", target.table.name),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
