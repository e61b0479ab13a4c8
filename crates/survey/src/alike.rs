//! A spec that generates rows of like shape: as many, with like values, and spread alike.

use std::fmt::Write as _;

use database::{Filled, Kind, TableDescription};

use crate::profile::{ColumnProfile, FanOut};
use crate::yaml::{REPLACED, field_name, scalar};

/// A value is one of a few when there are so many at most, and each is there several times.
const FEW: usize = 20;
const TIMES: u64 = 3;

/// What is known of a table.
#[derive(Clone, Debug)]
pub struct Alike<'d> {
    /// The name that the spec gives it.
    pub name: String,
    /// Its description.
    pub table: &'d TableDescription,
    /// What its columns hold, in their order.
    pub columns: Vec<ColumnProfile>,
    /// For each of its foreign keys, how it is spread.
    pub fan_out: Vec<FanOut>,
    /// Its columns of which no value may leave the machine.
    pub secret: Vec<String>,
}

/// Writes the spec.
pub fn spec_alike(tables: &[Alike<'_>]) -> String {
    let mut text = "seedbed: 1\nrecords:\n".to_owned();
    for alike in tables {
        let rows = alike.columns.first().map_or(0, |column| column.rows);
        if rows == 0 {
            continue;
        }
        writeln!(text, "  {}:\n    count: {rows}", scalar(&alike.name)).expect("writing to a string cannot fail");
        for (number, column) in alike.columns.iter().enumerate() {
            let name = &alike.table.columns[number].name;
            let rule = if alike.secret.contains(name) { None } else { rule(alike, number, column) };
            if let Some(rule) = rule {
                writeln!(text, "    {}: {rule}", scalar(&field_name(name))).expect("writing to a string cannot fail");
            }
        }
    }
    text
}

/// How the values of a column are made; `None` where the schema says enough.
fn rule(alike: &Alike<'_>, number: usize, column: &ColumnProfile) -> Option<String> {
    let described = &alike.table.columns[number];
    let name = &described.name;
    if matches!(described.filled, Filled::Counter | Filled::Generated) {
        return None;
    }
    let is_in_key = alike.table.keys.iter().any(|key| key.columns.contains(name) || !key.expressions.is_empty());
    if let Some(key) = alike.table.foreign_keys.iter().position(|key| key.columns.contains(name)) {
        let is_first = alike.table.foreign_keys[key].columns.first() == Some(name);
        let exponent = alike.fan_out.get(key).and_then(|fan_out| fan_out.zipf).filter(|_| is_first && !is_in_key)?;
        return Some(format!("{{ pick: {{ zipf: {exponent} }} }}"));
    }
    if is_in_key {
        return None;
    }
    let filled = column.rows - column.nulls;
    if filled == 0 {
        return described.nullable.then(|| "null".to_owned());
    }
    // What is there now and then is left to the generator, which also leaves some out.
    if column.nulls * 20 > column.rows {
        return None;
    }
    if let [(value, _)] = column.values.as_slice()
        && filled > 1
    {
        return Some(plain(&described.kind, value));
    }
    let is_word =
        matches!(described.kind, Kind::Text { .. } | Kind::Enum(_) | Kind::Boolean | Kind::Integer { .. } | Kind::Year);
    let counted: u64 = column.values.iter().map(|(_, count)| count).sum();
    if is_word
        && !column.values.is_empty()
        && column.values.len() <= FEW
        && counted >= TIMES * column.values.len() as u64
    {
        let weights: Vec<String> = column
            .values
            .iter()
            .map(|(value, count)| {
                // Keys are texts, whatever they look like.
                let value =
                    if matches!(described.kind, Kind::Boolean) { plain(&described.kind, value) } else { value.clone() };
                format!("{}: {count}", scalar(&value))
            })
            .collect();
        return Some(format!("{{ weighted: {{ {} }} }}", weights.join(", ")));
    }
    let (least, greatest) = (column.least.as_ref()?, column.greatest.as_ref()?);
    match &described.kind {
        Kind::Integer { .. } | Kind::Decimal { .. } | Kind::Float | Kind::Year => {
            let (mean, deviation) = column.mean?;
            let (low, high) = (least.parse::<f64>().ok()?, greatest.parse::<f64>().ok()?);
            // Even values deviate by their range over the root of twelve; those around a mean by much less.
            let even = (high - low) / 12_f64.sqrt();
            let rounded = |number: f64| (number * 1000.0).round() / 1000.0;
            if deviation > 0.0 && deviation < 0.7 * even {
                Some(format!("{{ normal: [{}, {}] }}", rounded(mean), rounded(deviation)))
            } else {
                Some(format!("{{ between: [{least}, {greatest}] }}"))
            }
        }
        Kind::Date => Some(format!("{{ between: [{}, {}] }}", scalar(least), scalar(greatest))),
        Kind::Timestamp { .. } => {
            let day = |text: &str| scalar(&text.chars().take(19).collect::<String>());
            Some(format!("{{ between: [{}, {}] }}", day(least), day(greatest)))
        }
        _ => None,
    }
}

fn plain(kind: &Kind, value: &str) -> String {
    match (kind, value) {
        (Kind::Boolean, "t" | "true" | "1") => "true".to_owned(),
        (Kind::Boolean, "f" | "false" | "0") => "false".to_owned(),
        (Kind::Integer { .. } | Kind::Year, value) => value.to_owned(),
        (_, value) if REPLACED.iter().any(|sign| value.contains(sign)) => format!("{{ text: {} }}", scalar(value)),
        (_, value) => scalar(value),
    }
}
