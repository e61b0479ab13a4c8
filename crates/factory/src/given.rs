//! What is given of a column: whether it fits, and what it gives a row.

use database::{Datum, Kind, TableDescription};
use indexmap::IndexMap;

use crate::condition::Limits;
use crate::domain::Domain;
use crate::draw::{Draw, below, fraction};
use crate::locale::Locale;
use crate::spread::{exponential, logarithm, normal, recent, zipf};
use crate::table::RowAt;
use crate::wanted::{Given, Pick, Spread};
use crate::words::text_of_length;

/// What is given for a cell, of that which needs no other cells.
pub(crate) fn given_cell(given: &Given, limits: &Limits, draw: Draw, row: &RowAt) -> Datum {
    let digits = draw.at(row.identity);
    match given {
        Given::Value(Datum::Text(text)) if matches!(limits.domain, Some(Domain::Bytes { .. })) => {
            bytes(text).map_or_else(|| Datum::Text(text.clone()), Datum::Bytes)
        }
        Given::Value(value) => value.clone(),
        Given::Listed(values) => {
            let place = usize::try_from(row.nth).expect("it is the place of a list");
            values.get(place).cloned().unwrap_or(Datum::Null)
        }
        Given::Numbered(pieces) => Datum::Text(pieces.join(&row.index_shown().to_string())),
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
        Given::Recent(first, last) => match &limits.domain {
            Some(Domain::Numbers(numbers)) => match (numbers.read(first), numbers.read(last)) {
                (Some(first), Some(last)) if first <= last => {
                    let back = scaled(last.saturating_sub(first), recent(fraction(digits)));
                    numbers.datum(numbers.within(last - back, last - back, 0))
                }
                _ => Datum::Null,
            },
            _ => Datum::Null,
        },
        Given::Normal { mean, deviation } => number(limits, mean + deviation * normal(draw, row.identity)),
        Given::Exponential { mean } => number(limits, -mean * logarithm(1.0 - fraction(digits))),
        Given::LogNormal { median, deviation } => {
            number(limits, median * exponential(deviation * normal(draw, row.identity)))
        }
        Given::Length(least, greatest) => {
            let length = u64::from(*least) + below(digits, u64::from(greatest - least) + 1);
            let length = usize::try_from(length).expect("texts are not that long");
            Datum::Text(if length == 0 { String::new() } else { text_of_length(draw, row.identity, length) })
        }
        Given::Pick(Pick::Spread(spread)) => match &limits.domain {
            Some(Domain::Elsewhere(rows)) if rows.0.size() > 0 => rows.0.value(match spread {
                Spread::Uniform => below(digits, rows.0.size()),
                Spread::Zipf { exponent } => zipf(fraction(digits), rows.0.size(), *exponent),
            }),
            _ => Datum::Null,
        },
        // What needs other cells is worked out where they are.
        _ => Datum::Null,
    }
}

/// The nearest number that a column can have.
fn number(limits: &Limits, value: f64) -> Datum {
    match &limits.domain {
        Some(Domain::Numbers(numbers)) => numbers.datum(numbers.nearest(value)),
        _ => Datum::Float(value),
    }
}

/// A part of a number.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "it is a share")]
fn scaled(value: i64, share: f64) -> i64 {
    (value as f64 * share) as i64
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
    is_elsewhere: bool,
) -> Option<String> {
    let is_reference = described.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
    let domain = Domain::of(&column.kind, &column.name, Locale::default());
    let of_type = |what: &str| format!("a value of the type {} cannot be {what}", column.sql_type);
    if let Some(missing) = given.needs().into_iter().find(|name| described.column(name).is_none()) {
        return Some(format!("there is no column {missing} to work it out from"));
    }
    match given {
        Given::Pick(Pick::Spread(_)) if is_elsewhere => None,
        Given::Pick(_) | Given::Records(_) if !is_reference => Some("it refers to no other table".to_owned()),
        Given::Between(least, greatest) | Given::Recent(least, greatest) => {
            let is_number = |text: &String| text.parse::<f64>().is_ok();
            let fits = match domain {
                Some(Domain::Numbers(numbers)) => match (numbers.read(least), numbers.read(greatest)) {
                    (Some(least), Some(greatest)) => least <= greatest,
                    _ => false,
                },
                Some(Domain::Float { .. }) if matches!(given, Given::Between(..)) => {
                    is_number(least) && is_number(greatest)
                }
                _ => false,
            };
            (!fits).then(|| of_type(&format!("between {least} and {greatest}")))
        }
        Given::Normal { .. } | Given::Exponential { .. } | Given::LogNormal { .. } => {
            let fits = matches!(domain, Some(Domain::Numbers(_) | Domain::Float { .. }));
            (!fits).then(|| of_type(if matches!(given, Given::Normal { .. }) { "around a mean" } else { "a number" }))
        }
        Given::Length(_, greatest) => match domain {
            Some(Domain::Texts(texts)) => texts
                .length
                .filter(|length| length < greatest)
                .map(|length| format!("it has at most {length} characters, and not {greatest}")),
            _ => Some(of_type("a text of some length")),
        },
        Given::Beside { column: of, greater, .. } => {
            let is_number = |kind| matches!(Domain::of(kind, "", Locale::default()), Some(Domain::Numbers(_)));
            let fits = is_number(&column.kind) && described.column(of).is_some_and(|other| is_number(&other.kind));
            let word = if *greater { "after" } else { "before" };
            (!fits).then(|| of_type(&format!("{word} {of}: that is for numbers, dates and moments")))
        }
        Given::Value(Datum::Text(text)) if is_reference && matches!(column.kind, Kind::Integer { .. }) => {
            let key = described.foreign_keys.iter().find(|key| key.columns.contains(&column.name));
            let table = key.map(|key| key.table.as_str()).unwrap_or_default();
            text.parse::<i64>().is_err().then(|| {
                format!(
                    "it refers to a row of {table} by a number, and `{text}` is none; write `{{ record: {{ FIELD: {text} }} }}`, or declare \
                     a data type with a natural key"
                )
            })
        }
        Given::Value(Datum::Null) if !column.nullable => Some("it cannot be nothing".to_owned()),
        _ => None,
    }
}

/// The first circle of columns that are worked out from each other, if there is one.
pub(crate) fn circle(group: &IndexMap<String, Given>) -> Option<Vec<String>> {
    for start in group.keys() {
        let mut way = vec![(start.as_str(), 0)];
        while let Some((column, next)) = way.pop() {
            let needs = group.get(column).map(Given::needs).unwrap_or_default();
            let Some(needed) = needs.get(next).copied() else { continue };
            way.push((column, next + 1));
            if let Some(begin) = way.iter().position(|(on_way, _)| *on_way == needed) {
                let names = way[begin..].iter().map(|(name, _)| (*name).to_owned());
                return Some(names.chain([needed.to_owned()]).collect());
            }
            way.push((needed, 0));
        }
    }
    None
}
