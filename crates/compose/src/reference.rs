//! What Seedbed does with every key of the format, for the reference.

use crate::format::FILE;
use crate::shape::{Record, Shape, Support};

/// A key of the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands, such as `services.*.healthcheck.test`; `*` is a name, `[]` a value of a list.
    pub path: String,
    /// What Seedbed does with it.
    pub support: Support,
}

/// Returns every key of the format, outer ones before those inside. What is below a key that is refused or has no effect
/// is left out.
pub fn reference() -> Vec<Row> {
    let mut rows = Vec::new();
    record(&FILE, "", &mut rows);
    rows
}

fn record(record_: &Record, above: &str, rows: &mut Vec<Row>) {
    for key in record_.keys {
        let path = if above.is_empty() { key.name.to_owned() } else { format!("{above}.{}", key.name) };
        rows.push(Row { path: path.clone(), support: key.support });
        if matches!(key.support, Support::Done | Support::Differs(_)) {
            shape(&key.shape, &path, rows);
        }
    }
}

fn shape(shape_: &Shape, path: &str, rows: &mut Vec<Row>) {
    match shape_ {
        Shape::Record(below) => record(below, path, rows),
        Shape::Map(below) => shape(below, &format!("{path}.*"), rows),
        Shape::List(below) | Shape::OneOrMore(below) | Shape::Items(_, below) => {
            shape(below, &format!("{path}[]"), rows);
        }
        Shape::Short(_, below) | Shape::OrNothing(below) => shape(below, path, rows),
        _ => {}
    }
}
