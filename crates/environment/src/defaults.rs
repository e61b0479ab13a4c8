//! The defaults of data types, as far as rows that are generated can have them.

use std::collections::BTreeSet;

use database::Datum;
use dataset::{DataType, FieldKind};
use factory::{Given, Template};
use indexmap::IndexMap;
use source::Tree;

use crate::specs::compile;
use crate::wanted::Target;

/// Gives the defaults that the data type has for what is not given, and says of which columns.
pub(crate) fn give_defaults(target: Target<'_>, given: &mut IndexMap<String, Given>) -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    let Some(data_type) = target.data_type else { return columns };
    for declared in data_type.fields.values() {
        let (Some(column), FieldKind::Plain) = (&declared.column, &declared.kind) else { continue };
        let default = declared.default.as_ref().and_then(|default| declared_default(default, data_type));
        if let (Some(default), false) = (default, given.contains_key(column)) {
            given.insert(column.clone(), default);
            columns.insert(column.clone());
        }
    }
    columns
}

/// The default of a declared field: a value, or a template over stored fields of the record; `None` for another one.
pub(crate) fn declared_default(default: &Tree, data_type: &DataType) -> Option<Given> {
    Some(Given::Value(match &default.node {
        source::Node::Bool(value) => Datum::Boolean(*value),
        source::Node::Integer(value) => Datum::Integer(*value),
        source::Node::Float(value) => Datum::Float(*value),
        source::Node::String(text) if text.contains("{{") || text.contains("{%") => {
            return made(text, data_type).or_else(|| template(text, data_type));
        }
        source::Node::String(text) => Datum::Text(text.clone()),
        _ => return None,
    }))
}

/// The column of a field that is stored as it is.
fn plain_column(name: &str, data_type: &DataType) -> Option<String> {
    let field = data_type.fields.get(name).filter(|field| matches!(field.kind, FieldKind::Plain))?;
    field.column.clone()
}

/// Reads a template that has no more in it than names of fields that are stored as they are, with words between them.
fn made(template: &str, data_type: &DataType) -> Option<Given> {
    if template.contains("{%") {
        return None;
    }
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        pieces.push((before.to_owned(), Some(plain_column(name.trim(), data_type)?)));
        rest = after;
    }
    // One that is a single name keeps the type of its value.
    if let [(before, Some(column))] = &pieces[..]
        && before.is_empty()
        && rest.is_empty()
    {
        return Some(Given::SameAs(column.clone()));
    }
    pieces.push((rest.to_owned(), None));
    Some(Given::Made(pieces))
}

/// Compiles a template over fields that are stored as they are.
fn template(text: &str, data_type: &DataType) -> Option<Given> {
    let formula = compile(text).ok()?;
    let columns: Option<Vec<String>> = formula.names().iter().map(|name| plain_column(name, data_type)).collect();
    Some(Given::Template(Template { columns: columns?, formula }))
}
