//! The cells of the rows of a plan, each worked out alone.

use database::Datum;

use crate::condition::Nulls;
use crate::domain::Domain;
use crate::expression::Comparison;
use crate::given::given_cell;
use crate::numbers::Form;
use crate::table::{Reference, RowAt, Source, Table, is_null};
use crate::wanted::Given;

/// Works a cell out.
pub(crate) fn cell(tables: &[Table], number: usize, row: &RowAt, column: usize) -> Datum {
    let table = &tables[number];
    let layout = &table.parts[row.part].layout;
    let limits = &table.columns[column];
    let draw = table.draws[column];
    match &layout.sources[column] {
        Source::LeftOut | Source::Null | Source::Open => Datum::Null,
        Source::Default(value) => value.clone(),
        Source::Given(Given::Made(pieces)) => {
            let mut text = String::new();
            for (piece, column) in pieces {
                text.push_str(piece);
                let other =
                    column.as_ref().and_then(|name| table.columns.iter().position(|column| column.name == *name));
                if let Some(other) = other {
                    cell(tables, number, row, other).write(&mut text);
                }
            }
            Datum::Text(text)
        }
        Source::Given(given) => given_cell(given, limits, draw, row),
        Source::Numbered(numbering) => match &limits.domain {
            Some(domain) => domain.nth(layout.numberings[*numbering].at(row), draw, row.identity),
            None => Datum::Null,
        },
        Source::Drawn => {
            let Some(domain) = &limits.domain else { return Datum::Null };
            if limits.nullable && limits.null == Nulls::Free && is_null(draw, row) {
                return Datum::Null;
            }
            match &layout.beside[column][..] {
                [] => domain.draw(draw, row.identity),
                beside => beside_cell(tables, number, row, column, domain, beside),
            }
        }
        Source::Reference { pool, position } => {
            let pool = &layout.pools[*pool];
            let reference = &table.references[pool.reference];
            let there = pool.there.map_or(0, |there| table_rows(tables, reference, there));
            let made = if pool.is_own { row.position } else { tables[reference.parent].count() };
            let size = there + made;
            let mut picked = match pool.pick(reference, layout, row, size) {
                Some(picked) if pool.is_own && pool.numbering.is_some() => Some(there + picked.min(row.position)),
                Some(picked) => Some(picked),
                // The first row of a table that refers to itself and may not refer to nothing.
                None if pool.is_own && !pool.nullable => Some(there + row.position),
                None => None,
            };
            if pool.is_own && pool.numbering.is_some() {
                picked = Some(there + row.position);
            }
            let Some(mut picked) = picked else { return Datum::Null };
            let at = |picked: u64, position: usize| {
                if picked < there {
                    let rows = &tables[reference.parent].existing.referable[pool.there.expect("there are some")].1;
                    return rows[usize::try_from(picked).expect("it is an index")][position].clone();
                }
                let parent = tables[reference.parent].locate(picked - there);
                cell(tables, reference.parent, &parent, reference.referenced[position])
            };
            if let Some(other) = pool.unlike
                && size > 1
                && at(picked, 0) == cell(tables, number, row, other)
            {
                picked = (picked + 1) % size;
            }
            at(picked, *position)
        }
    }
}

pub(crate) fn table_rows(tables: &[Table], reference: &Reference, there: usize) -> u64 {
    tables[reference.parent].existing.referable[there].1.len() as u64
}

/// A value that compares with other cells of its row as it must; NULL where there is none.
fn beside_cell(
    tables: &[Table],
    number: usize,
    row: &RowAt,
    column: usize,
    domain: &Domain,
    beside: &[(Comparison, usize)],
) -> Datum {
    let table = &tables[number];
    let draw = table.draws[column];
    let Domain::Numbers(numbers) = domain else { return domain.draw(draw, row.identity) };
    let mut narrowed = numbers.clone();
    let mut first = None;
    for (comparison, other) in beside {
        // What is compared with NULL may be anything.
        let Some(value) = value_in(numbers.form, &cell(tables, number, row, *other)) else { continue };
        if first.is_none() {
            first = Some((*comparison, value));
        } else {
            narrowed.keep_beside(*comparison, value);
        }
    }
    let Some((comparison, value)) = first else { return domain.draw(draw, row.identity) };
    match narrowed.beside(comparison, value, draw.at(row.identity)) {
        Some(value) => numbers.datum(value),
        None if table.columns[column].nullable => Datum::Null,
        None => domain.draw(draw, row.identity),
    }
}

/// The number of a value as numbers of a form count.
fn value_in(form: Form, datum: &Datum) -> Option<i64> {
    const DAY: i64 = 86_400_000_000;
    match (form, datum) {
        (Form::Integer, Datum::Integer(value))
        | (Form::Time, Datum::Time(value))
        | (Form::Timestamp, Datum::Timestamp(value)) => Some(*value),
        (Form::Decimal { scale }, Datum::Integer(value)) => value.checked_mul(10_i64.checked_pow(scale)?),
        (Form::Integer, Datum::Decimal { unscaled, scale }) => Some(unscaled / 10_i64.checked_pow(*scale)?),
        (Form::Decimal { scale: wanted }, Datum::Decimal { unscaled, scale }) if wanted >= *scale => {
            unscaled.checked_mul(10_i64.checked_pow(wanted - scale)?)
        }
        (Form::Decimal { scale: wanted }, Datum::Decimal { unscaled, scale }) => {
            Some(unscaled / 10_i64.checked_pow(scale - wanted)?)
        }
        (Form::Date, Datum::Date(value)) => Some(i64::from(*value)),
        (Form::Timestamp, Datum::Date(value)) => Some(i64::from(*value) * DAY),
        (Form::Date, Datum::Timestamp(value)) => Some(value.div_euclid(DAY)),
        _ => None,
    }
}
