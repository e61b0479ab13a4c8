//! The defaults of data types, as far as rows that are generated can have them; and what names in templates stand for.

use std::collections::BTreeSet;

use database::Datum;
use dataset::{DataType, FieldKind, ReferenceTo};
use factory::{Given, Operand, Template};
use indexmap::IndexMap;
use source::Tree;

use crate::specs::compile;
use crate::wanted::{Tables, Target};

/// Gives the defaults that the data type has for what is not given, and says of which columns.
pub(crate) fn give_defaults(
    tables: Tables<'_>,
    target: Target<'_>,
    given: &mut IndexMap<String, Given>,
) -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    let Some(data_type) = target.data_type else { return columns };
    let operand = |name: &str| operand(tables, target, name);
    for declared in data_type.fields.values() {
        let (Some(column), FieldKind::Plain) = (&declared.column, &declared.kind) else { continue };
        let default = declared.default.as_ref().and_then(|default| declared_default(default, data_type, &operand));
        if let (Some(default), false) = (default, given.contains_key(column)) {
            given.insert(column.clone(), default);
            columns.insert(column.clone());
        }
    }
    columns
}

/// The default of a declared field: a value, or a template over what is stored in the row and in rows that it refers to;
/// `None` for another one. `operand` tells what a name in a template stands for.
pub(crate) fn declared_default(
    default: &Tree,
    data_type: &DataType,
    operand: &dyn Fn(&str) -> Option<Operand>,
) -> Option<Given> {
    Some(Given::Value(match &default.node {
        source::Node::Bool(value) => Datum::Boolean(*value),
        source::Node::Integer(value) => Datum::Integer(*value),
        source::Node::Float(value) => Datum::Float(*value),
        source::Node::String(text) if text.contains("{{") || text.contains("{%") => {
            return made(text, data_type).or_else(|| template(text, operand));
        }
        source::Node::String(text) => Datum::Text(text.clone()),
        _ => return None,
    }))
}

/// What a name in a template of a data type stands for: a column of the row; for a reference, the natural key of the row that
/// is referred to; `FIELD__NAME`, another field of that.
pub(crate) fn operand(tables: Tables<'_>, target: Target<'_>, name: &str) -> Option<Operand> {
    let data_type = target.data_type?;
    if let Some(field) = data_type.fields.get(name) {
        let column = field.column.as_ref()?;
        return match &field.kind {
            FieldKind::Plain => Some(Operand::own(column)),
            FieldKind::Reference(reference) => across(tables, target, column, reference, None),
            FieldKind::Children(_) => None,
        };
    }
    looked_up(tables, target, name)
}

/// What `FIELD__NAME` stands for, where a field refers to rows that have such a one.
pub(crate) fn looked_up(tables: Tables<'_>, target: Target<'_>, name: &str) -> Option<Operand> {
    let data_type = target.data_type?;
    let splits = name.match_indices("__").map(|(split, between)| (&name[..split], &name[split + between.len()..]));
    let mut found = splits.filter_map(|(field, of)| {
        let field = data_type.fields.get(field)?;
        let (FieldKind::Reference(reference), Some(column)) = (&field.kind, &field.column) else { return None };
        across(tables, target, column, reference, Some(of))
    });
    found.next()
}

/// A field of the row that a column refers to; its natural key, if none is named.
fn across(
    tables: Tables<'_>,
    target: Target<'_>,
    column: &str,
    reference: &ReferenceTo,
    field: Option<&str>,
) -> Option<Operand> {
    let referred = tables.find(&reference.target.to_string())?;
    let declared = referred.data_type?;
    let field = match (field, &declared.key[..]) {
        (Some(field), _) => field,
        (None, [(key, _)]) => key,
        (None, _) => return None,
    };
    let of = plain_column(field, declared)?;
    if reference.value.as_ref() == Some(&of) {
        return Some(Operand::own(column));
    }
    // A column that refers to nothing as far as the database knows leads to no row.
    let is_key = |key: &database::ForeignKeyDescription| {
        key.table == referred.table.name && key.columns.iter().any(|name| name == column)
    };
    let leads = referred.id != target.id || target.table.foreign_keys.iter().any(is_key);
    leads.then(|| Operand { column: column.to_owned(), of: Some(of) })
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

/// Compiles a template over what is stored.
fn template(text: &str, operand: &dyn Fn(&str) -> Option<Operand>) -> Option<Given> {
    let formula = compile(text).ok()?;
    let operands: Option<Vec<Operand>> = formula.names().iter().map(|name| operand(name)).collect();
    Some(Given::Template(Template { formula, operands: operands? }))
}
