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
use crate::wanted::{Given, Operand};
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

/// The row to which a reference leads.
enum Referred<'t> {
    /// The one at this place among those that are made.
    Made(u64),
    /// The one at this place among those that are there.
    There(usize),
    /// The one to which these values refer.
    Stored(&'t [Datum]),
}

/// What stands in a row of another table.
fn reference_cell(tables: &[Table], number: usize, row: &RowAt, pool: &Pool, position: usize) -> Datum {
    match referred(tables, number, row, pool) {
        Some(referred) => at(tables, &tables[number].references[pool.reference], pool, &referred, position),
        None => Datum::Null,
    }
}

/// What a reference stores of the row to which it leads.
fn at(tables: &[Table], reference: &Reference, pool: &Pool, referred: &Referred<'_>, position: usize) -> Datum {
    match referred {
        Referred::Stored(values) => values[position].clone(),
        Referred::There(there) => {
            let rows = &tables[reference.parent].existing.referable[pool.there.expect("there are some")].rows;
            rows[*there][position].clone()
        }
        Referred::Made(made) => {
            let parent = tables[reference.parent].locate(*made);
            cell(tables, reference.parent, &parent, reference.referenced[position])
        }
    }
}

/// The row of another table to which one refers, if it does.
fn referred<'t>(tables: &'t [Table], number: usize, row: &RowAt, pool: &'t Pool) -> Option<Referred<'t>> {
    let table = &tables[number];
    let layout = &table.parts[row.part].layout;
    let reference = &table.references[pool.reference];
    if !pool.chosen.is_empty() {
        return reference.choose(&pool.chosen, row).map(|chosen| match chosen {
            Chosen::There(values) => Referred::Stored(values),
            Chosen::Made(made) => Referred::Made(*made),
        });
    }
    let there = pool.there.map_or(0, |there| table_rows(tables, reference, there));
    let made = if pool.is_own { row.position } else { tables[reference.parent].count() };
    let size = there + made;
    let of = |picked: u64| {
        if picked < there {
            return Referred::There(usize::try_from(picked).expect("it is an index"));
        }
        Referred::Made(picked - there)
    };
    if let Some((group, times)) = pool.each {
        return Some(of(each(&tables[reference.parent], group, row.index / times.max(1), there, size)));
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
    let mut picked = picked?;
    if let Some(other) = pool.unlike
        && size > 1
        && at(tables, reference, pool, &of(picked), 0) == cell(tables, number, row, other)
    {
        picked = (picked + 1) % size;
    }
    Some(of(picked))
}

/// The value of what a name in a template stands for.
pub(crate) fn operand(tables: &[Table], number: usize, row: &RowAt, operand: &Operand) -> Result<Datum, String> {
    let table = &tables[number];
    let Some(column) = table.columns.iter().position(|column| column.name == operand.column) else {
        return Ok(Datum::Null);
    };
    match &operand.of {
        None => Ok(cell(tables, number, row, column)),
        Some(of) => look_up(tables, number, row, column, of),
    }
}

/// What a column holds of the row to which another column refers; nothing, if it refers to none.
fn look_up(tables: &[Table], number: usize, row: &RowAt, column: usize, of: &str) -> Result<Datum, String> {
    let table = &tables[number];
    let unknown = |name: &str| format!("what the {name} is of which it is the {of} cannot be seen");
    if let Some(Domain::Elsewhere(rows)) = &table.columns[column].domain {
        let stored = cell(tables, number, row, column);
        if stored == Datum::Null {
            return Ok(Datum::Null);
        }
        return rows.0.look_up(&stored, of).ok_or_else(|| unknown(rows.0.name()));
    }
    let layout = &table.parts[row.part].layout;
    let pool = match &layout.sources[column] {
        Source::Reference { pool, .. } => Some(&layout.pools[*pool]),
        _ => None,
    };
    let reference = match pool {
        Some(pool) => Some(&table.references[pool.reference]),
        None => table.references.iter().find(|reference| reference.columns.contains(&column)),
    };
    let Some(reference) = reference else { return Ok(Datum::Null) };
    let parent = &tables[reference.parent];
    let found = match pool.map(|pool| (pool, referred(tables, number, row, pool))) {
        Some((_, None)) => return Ok(Datum::Null),
        Some((_, Some(Referred::Made(made)))) => {
            let of = parent.columns.iter().position(|column| column.name == of);
            return Ok(of.map_or(Datum::Null, |of| cell(tables, reference.parent, &parent.locate(made), of)));
        }
        Some((pool, Some(Referred::There(there)))) => {
            pool.there.and_then(|place| parent.existing.referable[place].look_up(there, of))
        }
        Some((_, Some(Referred::Stored(values)))) => parent.look_up(reference, values, of),
        None => {
            let stored: Vec<Datum> =
                reference.columns.iter().map(|column| cell(tables, number, row, *column)).collect();
            if stored.contains(&Datum::Null) {
                return Ok(Datum::Null);
            }
            let there = parent.look_up(reference, &stored, of);
            there.or_else(|| look_up_made(tables, reference, &stored, of))
        }
    };
    found.ok_or_else(|| unknown(&parent.name))
}

/// What a column holds of the row that is made to which a reference refers by what it stores.
fn look_up_made(tables: &[Table], reference: &Reference, stored: &[Datum], of: &str) -> Option<Datum> {
    let parent = &tables[reference.parent];
    let texts = |values: Vec<Datum>| values.iter().map(Datum::text).collect::<Option<Vec<String>>>();
    let places = reference.made.get_or_init(|| {
        let known = |position: u64| {
            let row = parent.locate(position);
            let cells = reference.referenced.iter().map(|column| cell(tables, reference.parent, &row, *column));
            Some((texts(cells.collect())?, position))
        };
        (0..parent.count()).filter_map(known).collect()
    });
    let position = *places.get(&texts(stored.to_vec())?)?;
    let of = parent.columns.iter().position(|column| column.name == of)?;
    Some(cell(tables, reference.parent, &parent.locate(position), of))
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
    let other = |other: &Operand| operand(tables, number, row, other);
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
    operand: &dyn Fn(&Operand) -> Result<Datum, String>,
) -> Result<Datum, String> {
    let other = |column: &str| operand(&Operand::own(column));
    let limits = &table.columns[column];
    Ok(match given {
        Given::Made(pieces) => {
            let mut text = String::new();
            for (piece, column) in pieces {
                text.push_str(piece);
                if let Some(column) = column {
                    other(column)?.write(&mut text);
                }
            }
            Datum::Text(text)
        }
        Given::Template(template) => {
            let values = template.operands.iter().map(operand).collect::<Result<Vec<Datum>, String>>()?;
            fitted(limits, template.formula.evaluate(&values, row.index_shown())?)
        }
        Given::SameAs(column) => fitted(limits, other(column)?),
        Given::Mapped { from, map, otherwise } => {
            let value = other(from)?.text().and_then(|text| map.get(&text).cloned());
            value.unwrap_or_else(|| otherwise.clone())
        }
        Given::Beside { column: of, greater, distance } => {
            let comparison = if *greater { Comparison::Greater } else { Comparison::Less };
            let (Some(Domain::Numbers(numbers)), value) = (&limits.domain, other(of)?) else { return Ok(Datum::Null) };
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
    tables[reference.parent].existing.referable[there].rows.len() as u64
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
