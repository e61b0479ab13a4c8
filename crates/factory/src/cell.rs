//! The cells of the rows of a plan, each worked out alone.

use std::borrow::Cow;
use std::sync::Arc;

use database::Datum;

use crate::condition::{Limits, Nulls};
use crate::domain::Domain;
use crate::expression::Comparison;
use crate::given::given_cell;
use crate::numbers::Form;
use crate::table::{Chosen, Pool, Reference, RowAt, Source, Table, is_null};
use crate::texts::Texts;
use crate::wanted::Given;
use crate::words::{Told, Voice};

/// Works a cell out.
pub(crate) fn cell(tables: &[Table], number: usize, row: &RowAt, column: usize) -> Datum {
    let table = &tables[number];
    let layout = &table.parts[row.part].layout;
    let limits = &table.columns[column];
    let draw = table.draws[column];
    match &layout.sources[column] {
        Source::LeftOut | Source::Null | Source::Open => Datum::Null,
        Source::Default(value) => value.clone(),
        Source::Given(given) if given.is_derived() => derived_cell(tables, number, row, column, given),
        Source::Given(given) => given_cell(given, limits, draw, row),
        Source::Numbered(numbering) => match told(tables, number, row, column) {
            Some(domain) => domain.nth(layout.numberings[*numbering].at(row), draw, row.identity),
            None => Datum::Null,
        },
        Source::Drawn => {
            let Some(domain) = &limits.domain else { return Datum::Null };
            if limits.nullable && limits.null == Nulls::Free && is_null(draw, row) {
                return Datum::Null;
            }
            match &layout.beside[column][..] {
                [] if !layout.told[column].is_empty() => {
                    told(tables, number, row, column).map_or(Datum::Null, |domain| domain.draw(draw, row.identity))
                }
                [] => domain.draw(draw, row.identity),
                beside => beside_cell(tables, number, row, column, domain, beside),
            }
        }
        Source::Reference { pool, position } => reference_cell(tables, number, row, &layout.pools[*pool], *position),
    }
}

/// The values of a column, with what is given of the person or place that they are about.
fn told<'t>(tables: &'t [Table], number: usize, row: &RowAt, column: usize) -> Option<Cow<'t, Domain>> {
    let table = &tables[number];
    let domain = table.columns[column].domain.as_ref()?;
    let others = &table.parts[row.part].layout.told[column];
    let Domain::Texts(texts) = domain else { return Some(Cow::Borrowed(domain)) };
    if others.is_empty() {
        return Some(Cow::Borrowed(domain));
    }
    let mut told = Told::default();
    for other in others {
        if let (Some(Domain::Texts(of)), Some(given)) =
            (&table.columns[*other].domain, cell(tables, number, row, *other).text())
        {
            told.tell(texts.voice.locale, of.style, given);
        }
    }
    let voice = Voice { told: Some(Arc::new(told)), ..texts.voice.clone() };
    Some(Cow::Owned(Domain::Texts(Texts { voice, ..texts.clone() })))
}

/// What stands in a row of another table.
fn reference_cell(tables: &[Table], number: usize, row: &RowAt, pool: &Pool, position: usize) -> Datum {
    let table = &tables[number];
    let layout = &table.parts[row.part].layout;
    let reference = &table.references[pool.reference];
    let made_cell = |made: u64, position: usize| {
        let parent = tables[reference.parent].locate(made);
        cell(tables, reference.parent, &parent, reference.referenced[position])
    };
    if !pool.chosen.is_empty() {
        return match reference.choose(&pool.chosen, row) {
            Some(Chosen::There(values)) => values[position].clone(),
            Some(Chosen::Made(made)) => made_cell(*made, position),
            None => Datum::Null,
        };
    }
    let there = pool.there.map_or(0, |there| table_rows(tables, reference, there));
    let made = if pool.is_own { row.position } else { tables[reference.parent].count() };
    let size = there + made;
    let at = |picked: u64, position: usize| {
        if picked < there {
            let rows = &tables[reference.parent].existing.referable[pool.there.expect("there are some")].1;
            return rows[usize::try_from(picked).expect("it is an index")][position].clone();
        }
        made_cell(picked - there, position)
    };
    if let Some((group, times)) = pool.each {
        return at(each(&tables[reference.parent], group, row.index / times.max(1), there, size), position);
    }
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
    if let Some(other) = pool.unlike
        && size > 1
        && at(picked, 0) == cell(tables, number, row, other)
    {
        picked = (picked + 1) % size;
    }
    at(picked, position)
}

/// The row at a place of a group, among those that are there and those that are made.
fn each(parent: &Table, group: u64, index: u64, there: u64, size: u64) -> u64 {
    let mut before = 0;
    for part in &parent.parts {
        if !part.group.is_record && part.ordinal == group && index >= part.first {
            return there + before + (index - part.first).min(part.count - 1);
        }
        before += part.count;
    }
    // It is there already, and which it is nobody has written down.
    index % size.max(1)
}

/// What is worked out from other cells of the row.
fn derived_cell(tables: &[Table], number: usize, row: &RowAt, column: usize, given: &Given) -> Datum {
    let table = &tables[number];
    let other = |name: &str| {
        let other = table.columns.iter().position(|column| column.name == name);
        other.map_or(Datum::Null, |other| cell(tables, number, row, other))
    };
    derive(table, row, column, given, &other).unwrap_or_else(|said| {
        // Whoever writes the rows asks for it; the first is enough.
        let _ = table.failure.set((column, said));
        Datum::Null
    })
}

/// Works out what is given from the values of other columns of the row; an error says why a template cannot be.
pub(crate) fn derive(
    table: &Table,
    row: &RowAt,
    column: usize,
    given: &Given,
    other: &dyn Fn(&str) -> Datum,
) -> Result<Datum, String> {
    let limits = &table.columns[column];
    Ok(match given {
        Given::Made(pieces) => {
            let mut text = String::new();
            for (piece, column) in pieces {
                text.push_str(piece);
                if let Some(column) = column {
                    other(column).write(&mut text);
                }
            }
            Datum::Text(text)
        }
        Given::Template(template) => {
            let values: Vec<Datum> = template.columns.iter().map(|column| other(column)).collect();
            fitted(limits, template.formula.evaluate(&values, row.index_shown())?)
        }
        Given::SameAs(column) => fitted(limits, other(column)),
        Given::Mapped { from, map, otherwise } => {
            let value = other(from).text().and_then(|text| map.get(&text).cloned());
            value.unwrap_or_else(|| otherwise.clone())
        }
        Given::Beside { column: of, greater, distance } => {
            let comparison = if *greater { Comparison::Greater } else { Comparison::Less };
            let (Some(Domain::Numbers(numbers)), value) = (&limits.domain, other(of)) else { return Ok(Datum::Null) };
            let Some(value) = value_in(numbers.form, &value) else { return Ok(Datum::Null) };
            let digits = table.draws[column].at(row.identity);
            let beside = match distance {
                Some((least, greatest)) => numbers.away(value, *greater, *least, *greatest, digits),
                None => numbers.beside(comparison, value, digits),
            };
            beside.map_or(Datum::Null, |value| numbers.datum(value))
        }
        _ => Datum::Null,
    })
}

/// A value as a column holds it, where it is one of another type.
fn fitted(limits: &Limits, value: Datum) -> Datum {
    match (&limits.domain, value) {
        (_, Datum::Null) => Datum::Null,
        (Some(Domain::Numbers(numbers)), value) => {
            value_in(numbers.form, &value).map_or(value, |value| numbers.datum(value))
        }
        (Some(Domain::Texts(_)), value) => Datum::Text(value.text().unwrap_or_default()),
        (_, value) => value,
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
