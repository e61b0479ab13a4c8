//! The records that records of a spec of our own form imply: those of the data types that say `implies`.

use std::collections::BTreeSet;

use database::Datum;
use dataset::DataType;
use factory::{Given, Group, RecordRef};
use indexmap::IndexMap;
use plan::DatabaseId;
use source::{Node, Tree};

use crate::implied_rows::Rule;
use crate::specs::{compile, datum};
use crate::wanted::{Builder, Target, column_of};

/// How many steps long a chain of records may be of which each implies the next.
const MOST_STEPS: usize = 64;

/// Adds what the records that are wanted imply. What rows of groups imply is known when they are planned: [`implied_rows`](crate::implied_rows).
pub(crate) fn add(builder: &mut Builder<'_>, rules: &[Rule]) {
    // What is wanted already, or was added, is not added again.
    let mut known: BTreeSet<(DatabaseId, String, String)> = BTreeSet::new();
    let types: Vec<&DataType> = builder.generation.types.types().collect();
    let mut waiting: Vec<(&DataType, Group)> = Vec::new();
    for declared in &types {
        let Some(target) = builder.find(&declared.name.to_string()) else { continue };
        for group in records(builder, target) {
            known.extend(key(target, declared, &group).map(|key| (target.id.clone(), declared.name.to_string(), key)));
            waiting.push((declared, group));
        }
    }
    for _ in 0..MOST_STEPS {
        let mut next = Vec::new();
        for (declared, group) in waiting {
            for rule in &declared.implies {
                let Some(target) = builder.find(&rule.implied.to_string()) else { continue };
                let Some(implied) = target.data_type else { continue };
                let mut given: IndexMap<String, Given> = IndexMap::new();
                let mut is_whole = true;
                for (field, _, tree) in &rule.record {
                    match value(tree, declared, &group) {
                        Some(value) => builder.give(target, field, Given::Value(value), &mut given),
                        None => is_whole = false,
                    }
                }
                // What it refers to may have to be made, too, which is seen when rows are planned.
                let is_planned = rules.iter().any(|known| known.is_of(declared, rule));
                if is_planned && lacks_what_it_refers_to(builder, target, &given) {
                    continue;
                }
                let group = Group { is_record: true, given, ..Group::of(1) };
                let Some(key) = key(target, implied, &group).filter(|_| is_whole) else { continue };
                if known.insert((target.id.clone(), implied.name.to_string(), key)) {
                    let (wanted, _) = builder.of(target.id);
                    wanted.tables.entry(target.table.name.clone()).or_default().push(group.clone());
                    next.push((implied, group));
                }
            }
        }
        if next.is_empty() {
            return;
        }
        waiting = next;
    }
}

/// Whether a record refers to one that the spec does not have.
fn lacks_what_it_refers_to(builder: &Builder<'_>, target: Target<'_>, given: &IndexMap<String, Given>) -> bool {
    let wanted = builder.all.get(target.id).map(|(wanted, _)| &wanted.tables);
    let is_there = |column: &str, values: &IndexMap<String, Given>| {
        let keys = target.table.foreign_keys.iter().filter(|key| key.columns.iter().any(|name| name == column));
        let mut groups = keys.filter_map(|key| wanted?.get(&key.table)).flatten().filter(|group| group.is_record);
        groups.any(|group| values.iter().all(|(name, value)| group.given.get(name) == Some(value)))
    };
    given.iter().any(|(column, given)| match given {
        Given::Records(records) => records.iter().any(|(record, _)| match record {
            RecordRef::By(values) => !is_there(column, values),
            RecordRef::There(_) => false,
        }),
        _ => false,
    })
}

fn records(builder: &Builder<'_>, target: Target<'_>) -> Vec<Group> {
    let wanted = builder.all.get(target.id).and_then(|(wanted, _)| wanted.tables.get(&target.table.name));
    wanted.into_iter().flatten().filter(|group| group.is_record).cloned().collect()
}

/// The natural key of a record, as far as it is given.
fn key(target: Target<'_>, declared: &DataType, group: &Group) -> Option<String> {
    let part = |name: &String| {
        let column = column_of(target, name).ok()??;
        Some(format!("{:?}", constant(group.given.get(&column)?)?))
    };
    let parts: Option<Vec<String>> = declared.key.iter().map(|(name, _)| part(name)).collect();
    Some(parts?.join("\0"))
}

/// What is given, if it is one value: of a reference the natural key.
pub(crate) fn constant(given: &Given) -> Option<Datum> {
    match given {
        Given::Value(value) => Some(value.clone()),
        Given::Records(records) => match &records[..] {
            [(RecordRef::By(values), _)] if values.len() == 1 => values.values().next().and_then(constant),
            _ => None,
        },
        _ => None,
    }
}

/// A value of an implied record, worked out from what is given of the record that implies it.
fn value(tree: &Tree, declared: &DataType, group: &Group) -> Option<Datum> {
    match &tree.node {
        Node::String(text) if text.contains("{{") || text.contains("{%") => {
            let formula = compile(text).ok()?;
            let values = formula.names().iter().map(|name| field(name, declared, group, 0));
            formula.evaluate(&values.collect::<Option<Vec<_>>>()?, 1).ok()
        }
        Node::List(_) | Node::Map(_) => None,
        _ => Some(datum(tree.to_json())),
    }
}

/// What a field of a record holds: what is given of it, or its default.
fn field(name: &str, declared: &DataType, group: &Group, depth: usize) -> Option<Datum> {
    let field_of = declared.fields.get(name)?;
    let given = field_of.column.as_ref().and_then(|column| group.given.get(column));
    if let Some(value) = given.and_then(constant) {
        return Some(value);
    }
    let default = field_of.default.as_ref().filter(|_| depth < declared.fields.len())?;
    match default.as_str().filter(|text| text.contains("{{") || text.contains("{%")) {
        Some(text) => {
            let formula = compile(text).ok()?;
            let values = formula.names().iter().map(|name| field(name, declared, group, depth + 1));
            formula.evaluate(&values.collect::<Option<Vec<_>>>()?, 1).ok()
        }
        None => Some(datum(default.to_json())),
    }
}
