//! What is given of a column: whether it fits, and what it gives a row.

use database::{Datum, TableDescription};

use crate::condition::Limits;
use crate::domain::Domain;
use crate::draw::{Draw, below, fraction};
use crate::table::RowAt;
use crate::wanted::Given;

/// What is given for a cell, of that which needs no other cells.
pub(crate) fn given_cell(given: &Given, limits: &Limits, draw: Draw, row: &RowAt) -> Datum {
    let digits = draw.at(row.identity);
    match given {
        Given::Value(Datum::Text(text)) if matches!(limits.domain, Some(Domain::Bytes { .. })) => {
            bytes(text).map_or_else(|| Datum::Text(text.clone()), Datum::Bytes)
        }
        Given::Value(value) => value.clone(),
        Given::Numbered(pieces) => Datum::Text(pieces.join(&(row.index + 1).to_string())),
        Given::OneOf(values) => {
            let all = values.iter().map(|(_, weight)| weight).sum::<u64>().max(1);
            let mut place = below(digits, all);
            for (value, weight) in values {
                if place < *weight {
                    return value.clone();
                }
                place -= weight;
            }
            Datum::Null
        }
        Given::Between(least, greatest) => match &limits.domain {
            Some(Domain::Numbers(numbers)) => match (numbers.read(least), numbers.read(greatest)) {
                (Some(least), Some(greatest)) if least <= greatest => {
                    numbers.datum(numbers.within(least, greatest, digits))
                }
                _ => Datum::Null,
            },
            _ => match (least.parse::<f64>(), greatest.parse::<f64>()) {
                (Ok(least), Ok(greatest)) => Datum::Float(least + (greatest - least) * fraction(digits)),
                _ => Datum::Null,
            },
        },
        Given::Normal { mean, deviation } => {
            // Twelve even ones add up to what is normal enough, with the same digits on every machine.
            let sum: f64 = (0..12).map(|salt| fraction(draw.other(20 + salt).at(row.identity))).sum();
            let value = mean + deviation * (sum - 6.0);
            match &limits.domain {
                Some(Domain::Numbers(numbers)) => numbers.datum(numbers.nearest(value)),
                _ => Datum::Float(value),
            }
        }
        Given::Pick(_) | Given::Record(_) | Given::Made(_) => Datum::Null,
    }
}

/// Reads `\x` and hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x").filter(|digits| digits.is_ascii() && digits.len() % 2 == 0)?;
    (0..digits.len()).step_by(2).map(|place| u8::from_str_radix(&digits[place..place + 2], 16).ok()).collect()
}

/// Why something that is given does not fit its column, if it does not.
pub(crate) fn unfit(
    given: &Given,
    column: &database::ColumnDescription,
    described: &TableDescription,
) -> Option<String> {
    let is_reference = described.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
    match given {
        Given::Pick(_) | Given::Record(_) if !is_reference => Some("it refers to no other table".to_owned()),
        Given::Between(least, greatest) => {
            let is_number = |text: &String| text.parse::<f64>().is_ok();
            let fits = match Domain::of(&column.kind, &column.name) {
                Some(Domain::Numbers(numbers)) => match (numbers.read(least), numbers.read(greatest)) {
                    (Some(least), Some(greatest)) => least <= greatest,
                    _ => false,
                },
                Some(Domain::Float { .. }) => is_number(least) && is_number(greatest),
                _ => false,
            };
            (!fits).then(|| format!("a value of the type {} cannot be between {least} and {greatest}", column.sql_type))
        }
        Given::Normal { .. } => {
            let fits =
                matches!(Domain::of(&column.kind, &column.name), Some(Domain::Numbers(_) | Domain::Float { .. }));
            (!fits).then(|| format!("a value of the type {} cannot be around a mean", column.sql_type))
        }
        Given::Value(Datum::Null) if !column.nullable => Some("it cannot be nothing".to_owned()),
        _ => None,
    }
}
