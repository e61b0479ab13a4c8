//! What a spec of our own form wants of each database: its names looked up, its fields brought to columns.

use std::collections::BTreeMap;

use database::{Datum, Description};
use dataset::{DataType, FieldKind};
use factory::{Given, Group, SpecEntry, Wanted};
use plan::DatabaseId;
use source::{Place, Problem, Problems};

use crate::generation::Generation;

/// Where what is wanted of each table stands, and of each of its columns.
pub(crate) type Places = BTreeMap<String, (Place, BTreeMap<String, Place>)>;

/// What is wanted of each database.
pub(crate) fn wanted(
    generation: &Generation,
    described: &[(&DatabaseId, &Description)],
) -> Result<BTreeMap<DatabaseId, (Wanted, Places)>, Problems> {
    let spec = &generation.spec;
    let mut all: BTreeMap<DatabaseId, (Wanted, Places)> = BTreeMap::new();
    let empty = |id: &DatabaseId| {
        let fill = spec.fill.filter(|_| generation.filled.contains(id));
        (Wanted { seed: spec.seed, fill, ..Wanted::default() }, Places::new())
    };
    for (id, _) in described.iter().filter(|(id, _)| generation.filled.contains(*id) && spec.fill.is_some()) {
        all.insert((*id).clone(), empty(id));
    }
    let mut problems = Problems::default();
    for entry in &spec.entries {
        let Some((id, table, data_type)) = find(generation, described, entry) else {
            problems.push(unknown(generation, described, entry));
            continue;
        };
        let (wanted, places) = all.entry(id.clone()).or_insert_with(|| empty(id));
        let column = |field: &String| {
            let declared = data_type.and_then(|data_type| data_type.fields.get(field));
            declared.and_then(|field| field.column.clone()).unwrap_or_else(|| field.clone())
        };
        let groups = entry.groups.iter().map(|group| {
            let given = group.given.iter().map(|(field, given)| (column(field), given.clone())).collect();
            let mut group = Group { given, ..group.clone() };
            for declared in data_type.into_iter().flat_map(|data_type| data_type.fields.values()) {
                let Some(column) = &declared.column else { continue };
                let default = declared.default.as_ref().filter(|_| matches!(declared.kind, FieldKind::Plain));
                let default =
                    default.zip(data_type).and_then(|(default, data_type)| declared_default(default, data_type));
                if let (Some(default), false) = (default, group.given.contains_key(column)) {
                    group.given.insert(column.clone(), default);
                }
            }
            group
        });
        wanted.tables.entry(table.to_owned()).or_default().extend(groups);
        let fields = entry.fields.iter().map(|(field, place)| (column(field), place.clone()));
        places.entry(table.to_owned()).or_insert_with(|| (entry.place.clone(), BTreeMap::new())).1.extend(fields);
    }
    problems.into_result(all)
}

/// The default of a declared field: a value, or a template that puts fields of the record together; `None` for another one.
pub(crate) fn declared_default(default: &source::Tree, data_type: &DataType) -> Option<Given> {
    Some(Given::Value(match &default.node {
        source::Node::Bool(value) => Datum::Boolean(*value),
        source::Node::Integer(value) => Datum::Integer(*value),
        source::Node::Float(value) => Datum::Float(*value),
        source::Node::String(text) if text.contains("{%") => return None,
        source::Node::String(text) if text.contains("{{") => return made(text, data_type),
        source::Node::String(text) => Datum::Text(text.clone()),
        _ => return None,
    }))
}

/// Reads a template that has no more in it than names of fields that are stored as they are.
fn made(template: &str, data_type: &DataType) -> Option<Given> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        let field = data_type.fields.get(name.trim()).filter(|field| matches!(field.kind, FieldKind::Plain))?;
        pieces.push((before.to_owned(), Some(field.column.clone()?)));
        rest = after;
    }
    pieces.push((rest.to_owned(), None));
    Some(Given::Made(pieces))
}

/// The table that an entry means: by the name of a declared data type, of a table, or of a table without its schema.
fn find<'g, 'd>(
    generation: &'g Generation,
    described: &[(&'d DatabaseId, &'d Description)],
    entry: &SpecEntry,
) -> Option<(&'d DatabaseId, &'d str, Option<&'g DataType>)> {
    let candidates = match entry.name.split_once('.') {
        Some((service, name)) => vec![(service, name), (generation.service.as_str(), entry.name.as_str())],
        None => vec![(generation.service.as_str(), entry.name.as_str())],
    };
    for (service, name) in candidates {
        let databases = || described.iter().filter(move |(id, _)| id.workspace == service);
        let mut types = generation.types.types();
        if let Some(declared) = types.find(|declared| declared.name.service == service && declared.name.name == name) {
            let mut databases = databases().filter(|(id, _)| id.name == declared.database);
            let found = databases.find_map(|(id, description)| Some((*id, description.table(&declared.table)?)));
            if let Some((id, table)) = found {
                return Some((id, table.name.as_str(), Some(declared)));
            }
        }
        let exact = databases().find_map(|(id, description)| Some((*id, description.table(name)?.name.as_str())));
        let ending = format!(".{name}");
        let mut endings = databases().flat_map(|(id, description)| {
            let tables = description.tables.iter().filter(|table| table.name.ends_with(&ending));
            tables.map(|table| (*id, table.name.as_str())).collect::<Vec<_>>()
        });
        let only = endings.next().filter(|_| endings.next().is_none());
        if let Some((id, table)) = exact.or(only) {
            return Some((id, table, None));
        }
    }
    None
}

fn unknown(generation: &Generation, described: &[(&DatabaseId, &Description)], entry: &SpecEntry) -> Problem {
    let tables = described.iter().flat_map(|(id, description)| {
        let is_own = id.workspace == generation.service;
        let name = move |name: &str| if is_own { name.to_owned() } else { format!("{}.{name}", id.workspace) };
        description.tables.iter().map(move |table| name(&table.name))
    });
    let types = generation.types.types().map(|declared| {
        let is_own = declared.name.service == generation.service;
        if is_own { declared.name.name.clone() } else { declared.name.to_string() }
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
