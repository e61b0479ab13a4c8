//! What the checks of a table mean for its columns.

use database::Partitions;

use crate::domain::Domain;
use crate::expression::{Comparison, Expression};
use crate::numbers::Numbers;
use crate::pattern::Pattern;

/// What is known of a column so far.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limits {
    pub(crate) name: String,
    /// `None` for a kind that nothing is known of.
    pub(crate) domain: Option<Domain>,
    pub(crate) nullable: bool,
    pub(crate) null: Nulls,
    /// How its values compare with those of other columns, by their numbers.
    pub(crate) beside: Vec<(Comparison, usize)>,
}

/// Whether a column is NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// Now and then, if it can be.
    Free,
    Never,
    Always,
}

/// Leaves room in columns that are compared with each other, so that each value of one has one of the other beside it.
pub(crate) fn leave_room(columns: &mut [Limits]) {
    for column in 0..columns.len() {
        for (comparison, other) in columns[column].beside.clone() {
            let (low, high) = match comparison {
                Comparison::Less | Comparison::LessEqual => (column, other),
                Comparison::Greater | Comparison::GreaterEqual => (other, column),
                Comparison::Equal | Comparison::Unequal => continue,
            };
            let (Some(Domain::Numbers(lower)), Some(Domain::Numbers(higher))) =
                (columns[low].domain.clone(), columns[high].domain.clone())
            else {
                continue;
            };
            if lower.form == higher.form {
                let (mut low_numbers, mut high_numbers) = (lower.clone(), higher.clone());
                low_numbers.leave_room(&higher, true);
                high_numbers.leave_room(&lower, false);
                columns[low].domain = Some(Domain::Numbers(low_numbers));
                columns[high].domain = Some(Domain::Numbers(high_numbers));
            }
        }
    }
}

/// How many ways to fulfil a condition are looked at.
const MOST_WAYS: usize = 64;

/// Narrows the columns so that a condition holds; `None`, and nothing is changed, when no way to that is understood.
///
/// `value` is the column that a domain calls `VALUE`.
pub(crate) fn narrow(columns: &mut Vec<Limits>, condition: &Expression, value: Option<usize>) -> Option<()> {
    let mut ways = ways(condition, false)?;
    // A way that needs no NULL leaves more to see.
    ways.sort_by_key(|way| {
        way.iter().filter(|atom| matches!(atom, Atom { negated: false, of: Expression::IsNull(_) })).count()
    });
    for way in ways {
        let mut tried = columns.clone();
        if way.iter().all(|atom| apply(&mut tried, atom, value).is_some()) {
            *columns = tried;
            return Some(());
        }
    }
    None
}

/// A condition without `and` and `or`, or its contrary.
#[derive(Clone, Debug)]
struct Atom<'e> {
    negated: bool,
    of: &'e Expression,
}

/// The ways to fulfil a condition: each is a list of atoms that hold together.
fn ways(condition: &Expression, negated: bool) -> Option<Vec<Vec<Atom<'_>>>> {
    let (parts, all) = match condition {
        Expression::Not(inner) => return ways(inner, !negated),
        Expression::And(parts) => (parts, !negated),
        Expression::Or(parts) => (parts, negated),
        atom => return Some(vec![vec![Atom { negated, of: atom }]]),
    };
    if !all {
        let mut any = Vec::new();
        for part in parts {
            any.extend(ways(part, negated)?);
        }
        return (any.len() <= MOST_WAYS).then_some(any);
    }
    let mut product: Vec<Vec<Atom<'_>>> = vec![Vec::new()];
    for part in parts {
        let more = ways(part, negated)?;
        if product.len() * more.len() > MOST_WAYS {
            return None;
        }
        product =
            product.iter().flat_map(|way| more.iter().map(|part| [way.as_slice(), part.as_slice()].concat())).collect();
    }
    Some(product)
}

fn apply(columns: &mut [Limits], atom: &Atom<'_>, value: Option<usize>) -> Option<()> {
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let find = |expression: &Expression| match expression {
        Expression::Column(name) if name.eq_ignore_ascii_case("value") && value.is_some() => value,
        Expression::Column(name) => names
            .iter()
            .position(|column| column == name)
            .or_else(|| names.iter().position(|column| column.eq_ignore_ascii_case(name))),
        _ => None,
    };
    match atom.of {
        Expression::Boolean(holds) => (*holds != atom.negated).then_some(()),
        Expression::IsNull(inner) => {
            let column = &mut columns[find(inner)?];
            let wanted = if atom.negated { Nulls::Never } else { Nulls::Always };
            let fits = column.null == Nulls::Free || column.null == wanted;
            let fits = fits && (atom.negated || column.nullable);
            column.null = wanted;
            fits.then_some(())
        }
        Expression::Column(_) => {
            let column = find(atom.of)?;
            columns[column].null = Nulls::Never;
            columns[column].domain.as_mut()?.compare(Comparison::Equal, &Expression::Boolean(!atom.negated))
        }
        Expression::Compare(comparison, left, right) => {
            let comparison = if atom.negated { comparison.negated() } else { *comparison };
            if let (Some(left), Some(right)) = (find(left), find(right)) {
                columns[left].beside.push((comparison, right));
                return (left != right).then_some(());
            }
            if is_constant(right) {
                compare(columns, &find, comparison, left, right)
            } else if is_constant(left) {
                compare(columns, &find, comparison.mirrored(), right, left)
            } else {
                same_in_case(columns, &find, comparison, left, right)
            }
        }
        Expression::In(inner, values) => {
            let (column, is_folded) = match &**inner {
                Expression::Call(name, arguments) if matches!(name.as_str(), "upper" | "lower" | "lcase" | "ucase") => {
                    (find(arguments.first()?)?, true)
                }
                plain => (find(plain)?, false),
            };
            let domain = columns[column].domain.as_mut()?;
            if atom.negated && !is_folded {
                domain.without(values)
            } else if atom.negated {
                None
            } else {
                domain.within(values, is_folded)
            }
        }
        Expression::Like(inner, pattern, _) if !atom.negated => {
            columns[find(inner)?].domain.as_mut()?.matching(Pattern::like(pattern))
        }
        Expression::Matches(inner, pattern) if !atom.negated => {
            columns[find(inner)?].domain.as_mut()?.matching(Pattern::regular(pattern)?)
        }
        Expression::Call(name, arguments) if name == "json_valid" && !atom.negated => {
            columns[find(arguments.first()?)?].domain.as_mut()?.documents()
        }
        _ => None,
    }
}

fn is_constant(expression: &Expression) -> bool {
    let mut columns = Vec::new();
    expression.columns(&mut columns);
    columns.is_empty()
}

fn compare(
    columns: &mut [Limits],
    find: &dyn Fn(&Expression) -> Option<usize>,
    comparison: Comparison,
    left: &Expression,
    constant: &Expression,
) -> Option<()> {
    match left {
        Expression::Column(_) => columns[find(left)?].domain.as_mut()?.compare(comparison, constant),
        Expression::Call(name, arguments) => {
            let domain = columns[find(arguments.first()?)?].domain.as_mut()?;
            match name.as_str() {
                "length" | "char_length" | "character_length" | "octet_length" => domain.length(comparison, constant),
                // A text of blanks alone is never made.
                "trim" | "btrim" | "ltrim" | "rtrim" if arguments.len() == 1 => domain.compare(comparison, constant),
                "upper" | "lower" if comparison == Comparison::Equal => {
                    domain.within(std::slice::from_ref(constant), true)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `lower(x) = x`.
fn same_in_case(
    columns: &mut [Limits],
    find: &dyn Fn(&Expression) -> Option<usize>,
    comparison: Comparison,
    left: &Expression,
    right: &Expression,
) -> Option<()> {
    let ((Expression::Call(name, arguments), plain) | (plain, Expression::Call(name, arguments))) = (left, right)
    else {
        return None;
    };
    let column = find(plain)?;
    if comparison != Comparison::Equal || find(arguments.first()?) != Some(column) {
        return None;
    }
    match name.as_str() {
        "lower" | "lcase" => columns[column].domain.as_mut()?.cased(false),
        "upper" | "ucase" => columns[column].domain.as_mut()?.cased(true),
        "trim" | "btrim" => Some(()),
        _ => None,
    }
}

/// Leaves only values for which there is a partition: of several ranges that do not meet, the first that do.
pub(crate) fn keep_partitions(columns: &mut [Limits], partitions: &Partitions) -> Option<()> {
    let limits = columns.iter_mut().find(|column| column.name == partitions.column)?;
    limits.null = Nulls::Never;
    let domain = limits.domain.as_mut()?;
    if !partitions.values.is_empty() {
        let values: Vec<Expression> = partitions.values.iter().cloned().map(Expression::Text).collect();
        return domain.within(&values, false);
    }
    let Domain::Numbers(numbers) = domain else { return None };
    let read = |numbers: &Numbers, text: &Option<String>| match text {
        None => Some(None),
        Some(text) => numbers.read(text).map(Some),
    };
    let mut ranges = Vec::new();
    for (from, to) in &partitions.ranges {
        ranges.push((read(numbers, from)?, read(numbers, to)?));
    }
    ranges.sort();
    let (from, mut to) = *ranges.first()?;
    for (next, end) in &ranges[1..] {
        if next.is_some() && *next == to {
            to = *end;
        }
    }
    numbers.between(from, to)
}

#[cfg(test)]
mod tests {
    use database::Kind;

    use super::*;
    use crate::expression::parse;

    fn columns() -> Vec<Limits> {
        let column = |name: &str, kind: &Kind, nullable| Limits {
            name: name.to_owned(),
            domain: Domain::of(kind, name, crate::locale::Locale::World),
            nullable,
            null: Nulls::Free,
            beside: Vec::new(),
        };
        vec![
            column("a", &Kind::Integer { least: -100, greatest: 100 }, false),
            column("b", &Kind::Integer { least: -100, greatest: 100 }, true),
            column("t", &Kind::Text { length: Some(10) }, true),
            column("f", &Kind::Boolean, false),
            column("d", &Kind::Text { length: None }, false),
        ]
    }

    fn narrowed(condition: &str) -> Option<Vec<Limits>> {
        let mut columns = columns();
        narrow(&mut columns, &parse(condition).expect(condition), None)?;
        Some(columns)
    }

    #[test]
    fn the_common_shapes_are_understood() {
        for condition in [
            "a > 0 AND a <= 5",
            "5 >= a",
            "a IN (1, 2) OR a = 7",
            "NOT (a > 5 AND f)",
            "upper(t) IN ('A', 'B') OR t IS NULL",
            "length(t) >= 3",
            "t ~ '^[a-z]+$'",
            "t LIKE 'x%'",
            "lower(t) = t",
            "trim(t) <> ''",
            "b >= a OR b IS NULL",
            "a <> 3 AND a NOT IN (4, 5)",
            "JSON_VALID(d) OR d IS NULL",
        ] {
            assert!(narrowed(condition).is_some(), "{condition}");
        }
    }

    #[test]
    fn what_is_not_understood_changes_nothing() {
        for condition in
            ["a * 2 > 3".replace(" * 2", ""), "foo(a) > 3".to_owned(), "a > 200".to_owned(), "a IS NULL".to_owned()]
        {
            let mut columns = columns();
            let before = columns.clone();
            if narrow(&mut columns, &parse(&condition).expect(&condition), None).is_none() {
                assert_eq!(columns, before, "{condition}");
            }
        }
        assert!(narrowed("a > 200").is_none());
        assert!(narrowed("a IS NULL").is_none());
        assert!(narrowed("json_valid(t)").is_none(), "no document has ten characters");
    }

    #[test]
    fn a_way_without_null_is_taken_where_there_is_one() {
        let columns = narrowed("(b IS NULL AND a = 0) OR (b IS NOT NULL AND a >= 1)").unwrap();
        assert_eq!(columns[1].null, Nulls::Never);
        let Some(Domain::Numbers(numbers)) = &columns[0].domain else { panic!("a is a number") };
        assert_eq!((numbers.least, numbers.greatest), (1, 100));
    }
}
