//! Given values that a check is known to refuse, so that it can be said at their place before anything is written.
//!
//! Where it is not certain (texts that differ only in their letters' case, orders of texts, NULL) the database decides.

use database::{Datum, TableDescription};
use indexmap::IndexMap;

use crate::expression::{Comparison, Expression, parse};
use crate::wanted::Given;

/// The columns whose given values a check of the table refuses, with what is wrong.
pub(crate) fn refusals(described: &TableDescription, given: &IndexMap<String, Given>) -> Vec<(String, String)> {
    let of_columns =
        described.columns.iter().flat_map(|column| column.checks.iter().map(move |check| (Some(column), check)));
    let of_table = described.checks.iter().map(|check| (None, check));
    let mut refusals = Vec::new();
    for (column, check) in of_columns.chain(of_table) {
        let Some(condition) = parse(&check.condition) else { continue };
        let mut used: Vec<&str> = Vec::new();
        let holds = holds(&condition, &mut |name| {
            // A domain calls the column VALUE.
            let own = column.filter(|_| name.eq_ignore_ascii_case("value")).map(|column| column.name.as_str());
            let (known, given) = given.iter().find(|(known, _)| own.unwrap_or(name).eq_ignore_ascii_case(known))?;
            let Given::Value(value) = given else { return None };
            used.push(known);
            Some(value.clone())
        });
        if let (Some(false), Some(column)) = (holds, used.first()) {
            let values: Vec<String> = used
                .iter()
                .filter_map(|column| match given.get(*column) {
                    Some(Given::Value(value)) => Some(format!("{column} = {}", value.text().unwrap_or_default())),
                    _ => None,
                })
                .collect();
            let reason = format!("the check {} refuses {}", check.condition, values.join(", "));
            refusals.push(((*column).to_owned(), reason));
        }
    }
    refusals
}

/// Whether a condition holds, if that is certain.
fn holds(condition: &Expression, value: &mut dyn FnMut(&str) -> Option<Datum>) -> Option<bool> {
    match condition {
        Expression::And(parts) => every(parts, value, true),
        Expression::Or(parts) => every(parts, value, false),
        Expression::Not(inner) => holds(inner, value).map(|holds| !holds),
        Expression::IsNull(inner) => match &**inner {
            Expression::Column(name) => value(name).map(|value| value == Datum::Null),
            _ => None,
        },
        Expression::In(left, list) => {
            let left = constant(left, value)?;
            let mut found = Some(false);
            for one in list {
                match constant(one, value).and_then(|one| compared(&left, Comparison::Equal, &one)) {
                    Some(true) => return Some(true),
                    Some(false) => {}
                    None => found = None,
                }
            }
            found
        }
        Expression::Compare(comparison, left, right) => {
            let (left, right) = (constant(left, value)?, constant(right, value)?);
            compared(&left, *comparison, &right)
        }
        _ => None,
    }
}

/// Whether all parts hold, or, if that is asked for with `false`, any of them does.
fn every(parts: &[Expression], value: &mut dyn FnMut(&str) -> Option<Datum>, all: bool) -> Option<bool> {
    let mut found = Some(all);
    for part in parts {
        match holds(part, value) {
            Some(holds) if holds == all => {}
            Some(decides) => return Some(decides),
            None => found = None,
        }
    }
    found
}

/// A value that is known, and is not NULL.
fn constant(expression: &Expression, value: &mut dyn FnMut(&str) -> Option<Datum>) -> Option<Datum> {
    match expression {
        Expression::Column(name) => value(name).filter(|value| *value != Datum::Null),
        Expression::Text(text) => Some(Datum::Text(text.clone())),
        Expression::Number(digits) => Some(Datum::Float(digits.parse().ok()?)),
        Expression::Boolean(value) => Some(Datum::Boolean(*value)),
        _ => None,
    }
}

fn compared(left: &Datum, comparison: Comparison, right: &Datum) -> Option<bool> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        let ordering = left.partial_cmp(&right)?;
        return Some(match comparison {
            Comparison::Equal => ordering == Equal,
            Comparison::Unequal => ordering != Equal,
            Comparison::Less => ordering == Less,
            Comparison::LessEqual => ordering != Greater,
            Comparison::Greater => ordering == Greater,
            Comparison::GreaterEqual => ordering != Less,
        });
    }
    let (Datum::Text(left), Datum::Text(right)) = (left, right) else { return None };
    let is_equal = if left == right {
        true
    } else if left.trim_end().to_lowercase() == right.trim_end().to_lowercase() {
        // That depends on the collation.
        return None;
    } else {
        false
    };
    match comparison {
        Comparison::Equal => Some(is_equal),
        Comparison::Unequal => Some(!is_equal),
        _ => None,
    }
}

/// A number, also one that is written as text; far from where a float is not exact any more.
fn number(value: &Datum) -> Option<f64> {
    const EXACT: f64 = 9e15;
    let number = match value {
        Datum::Integer(_) | Datum::Float(_) | Datum::Decimal { .. } => value.text()?.parse().ok()?,
        _ => return None,
    };
    Some(number).filter(|number: &f64| number.abs() < EXACT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A condition, what is given, and what is certain of it.
    type Case<'a> = (&'a str, &'a [(&'a str, Datum)], Option<bool>);

    fn told(condition: &str, given: &[(&str, Datum)]) -> Option<bool> {
        let condition = parse(condition).unwrap();
        holds(&condition, &mut |name| given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()))
    }

    #[test]
    fn what_is_certain_is_told_and_nothing_else() {
        let text = |text: &str| Datum::Text(text.to_owned());
        let cases: [Case<'_>; 14] = [
            ("price >= 0", &[("price", Datum::Integer(-1))], Some(false)),
            ("price >= 0", &[("price", Datum::Integer(0))], Some(true)),
            ("price >= 0", &[("price", Datum::Null)], None),
            ("price >= 0", &[], None),
            ("plan IN ('free', 'paid')", &[("plan", text("gratis"))], Some(false)),
            ("plan IN ('free', 'paid')", &[("plan", text("paid"))], Some(true)),
            ("plan IN ('free', 'paid')", &[("plan", text("Paid"))], None),
            ("price > 0 OR plan = 'free'", &[("price", Datum::Integer(0))], None),
            ("price > 0 OR plan = 'free'", &[("price", Datum::Integer(0)), ("plan", text("paid"))], Some(false)),
            ("price > 0 AND plan = 'free'", &[("price", Datum::Integer(0))], Some(false)),
            ("NOT (price > 5)", &[("price", Datum::Float(5.5))], Some(false)),
            ("paid IS NOT NULL", &[("paid", Datum::Null)], Some(false)),
            ("until >= since", &[("until", text("2020-01-01")), ("since", text("2024-01-01"))], None),
            ("least <= most", &[("least", Datum::Integer(9)), ("most", Datum::Integer(3))], Some(false)),
        ];
        for (condition, given, expected) in cases {
            assert_eq!(told(condition, given), expected, "{condition} of {given:?}");
        }
    }
}
