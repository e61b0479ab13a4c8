//! How each cell of the rows of a part comes about.

use std::collections::BTreeSet;

use database::{Datum, Filled};
use indexmap::IndexMap;

use crate::cell::table_rows;
use crate::condition::Nulls;
use crate::domain::Domain;
use crate::expression::{Comparison, Expression, parse};
use crate::keys;
use crate::maker::Maker;
use crate::table::{Chosen, Layout, Part, Pool, Reference, Source, Table};
use crate::wanted::{Given, Pick, RecordRef, Spread};

impl Maker {
    /// How each cell of a part comes about, and how many indexes there are.
    pub(crate) fn lay_out(&self, number: usize, part: usize) -> Result<(Layout, u64), String> {
        let table = &self.tables[number];
        let part = &table.parts[part];
        let mut layout = Layout {
            sources: vec![Source::Open; table.columns.len()],
            beside: vec![Vec::new(); table.columns.len()],
            told: vec![Vec::new(); table.columns.len()],
            ..Layout::default()
        };
        for (column, limits) in table.columns.iter().enumerate() {
            match part.group.given.get(&limits.name) {
                Some(given @ Given::Pick(_)) if matches!(limits.domain, Some(Domain::Elsewhere(_))) => {
                    // What is picked evenly can be numbered where a key asks for that.
                    if *given != Given::Pick(Pick::Spread(Spread::Uniform)) {
                        layout.sources[column] = Source::Given(given.clone());
                    }
                }
                Some(Given::Pick(_) | Given::Records(_)) | None => {}
                Some(given) => layout.sources[column] = Source::Given(given.clone()),
            }
            if table.filled[column] == Filled::Generated {
                layout.sources[column] = Source::LeftOut;
            } else if limits.null == Nulls::Always && layout.sources[column] == Source::Open {
                layout.sources[column] = Source::Null;
            }
        }
        for index in 0..table.references.len() {
            self.lay_out_reference(table, part, index, &mut layout)?;
        }
        for (column, limits) in table.columns.iter().enumerate() {
            if layout.sources[column] == Source::Open && limits.domain.is_none() {
                layout.sources[column] = match &table.filled[column] {
                    Filled::Null if limits.nullable => Source::Null,
                    Filled::Null => {
                        return Err(format!("nothing is known of the type of its column {}", limits.name));
                    }
                    _ => Source::LeftOut,
                };
            }
        }
        let size = |pool: &Pool| {
            let reference = &table.references[pool.reference];
            let there = pool.there.map_or(0, |there| table_rows(&self.tables, reference, there));
            there + self.tables[reference.parent].count()
        };
        let capacity = keys::number(table, &mut layout, part.need(), &size)?;
        let mut room = capacity;
        for column in 0..table.columns.len() {
            if layout.sources[column] == Source::Open {
                match &table.filled[column] {
                    Filled::Counter => room = room.min(keys::number_column(table, &mut layout, column, part.need())),
                    Filled::Default(default) if table.columns[column].beside.is_empty() => {
                        let domain = table.columns[column].domain.as_ref();
                        let allowed = constant(default).filter(|value| domain.is_none_or(|domain| domain.has(value)));
                        layout.sources[column] = allowed.map_or(Source::Drawn, Source::Default);
                    }
                    _ => layout.sources[column] = Source::Drawn,
                }
            }
        }
        compare(table, &mut layout);
        tell(table, &mut layout);
        Ok((layout, room))
    }

    fn lay_out_reference(&self, table: &Table, part: &Part, index: usize, layout: &mut Layout) -> Result<(), String> {
        let reference = &table.references[index];
        let open = reference.columns.iter().filter(|column| layout.sources[**column] == Source::Open).count();
        if reference.columns.iter().any(|column| layout.sources[*column] == Source::Null) {
            // With a NULL in it, it refers to nothing.
            return Ok(());
        }
        // A column that can be NULL, so that it refers to nothing.
        let nullable = reference.columns.iter().copied().find(|column| {
            let limits = &table.columns[*column];
            limits.nullable && limits.null != Nulls::Never && layout.sources[*column] == Source::Open
        });
        if open == 0 {
            return if self.agrees(table, reference, layout) {
                Ok(())
            } else {
                Err(format!(
                    "its foreign keys share the columns {} and would have to agree",
                    table.shown(&reference.columns)
                ))
            };
        }
        if open < reference.columns.len() {
            let Some(column) = nullable else {
                let shown = table.shown(&reference.columns);
                return Err(format!("its foreign keys share columns of {shown} and would have to agree"));
            };
            layout.sources[column] = Source::Null;
            return Ok(());
        }
        let names: Vec<String> = reference
            .referenced
            .iter()
            .map(|column| self.tables[reference.parent].columns[*column].name.clone())
            .collect();
        let parent = &self.tables[reference.parent];
        let there = parent.existing.referable.iter().position(|rows| rows.columns == names && !rows.rows.is_empty());
        let is_own = std::ptr::eq(parent, table);
        if there.is_none() && parent.count() == 0 {
            let Some(column) = nullable else {
                let why = self.left_out.get(&reference.parent);
                let why = why.map_or_else(|| "has no rows".to_owned(), |why| format!("is left out: {why}"));
                return Err(format!("it refers to {}, which {why}", parent.name));
            };
            layout.sources[column] = Source::Null;
            return Ok(());
        }
        let given = reference.columns.iter().find_map(|column| part.group.given.get(&table.columns[*column].name));
        let (mut spread, mut chosen, mut each) = (Spread::Uniform, Vec::new(), None);
        match given {
            Some(Given::Pick(Pick::Spread(picked))) => spread = *picked,
            Some(Given::Pick(Pick::Each { group, times })) => each = Some((*group, *times)),
            Some(Given::Records(records)) => {
                for (record, weight) in records {
                    let found = match record {
                        RecordRef::There(values) => Chosen::There(values.clone()),
                        RecordRef::By(values) => match find(parent, values) {
                            Some(made) => Chosen::Made(made),
                            None => return Err(format!("there is no {} with {}", parent.name, shown(values))),
                        },
                    };
                    chosen.push((found, *weight));
                }
            }
            _ => {}
        }
        for (position, column) in reference.columns.iter().enumerate() {
            layout.sources[*column] = Source::Reference { pool: layout.pools.len(), position };
        }
        let nullable = nullable.is_some() && given.is_none();
        layout.pools.push(Pool {
            reference: index,
            there,
            spread,
            chosen,
            each,
            numbering: None,
            nullable,
            is_own,
            unlike: None,
        });
        Ok(())
    }

    /// Whether a foreign key holds because of others: what its columns hold comes from rows that keep it themselves.
    fn agrees(&self, table: &Table, reference: &Reference, layout: &Layout) -> bool {
        if reference.columns.iter().all(|column| matches!(layout.sources[*column], Source::Given(_))) {
            return true;
        }
        let mut pools: BTreeSet<usize> = BTreeSet::new();
        let mut columns = Vec::new();
        for column in &reference.columns {
            let Source::Reference { pool, position } = layout.sources[*column] else { return false };
            pools.insert(pool);
            columns.push(table.references[layout.pools[pool].reference].referenced[position]);
        }
        let [pool] = pools.into_iter().collect::<Vec<_>>()[..] else { return false };
        let other = &table.references[layout.pools[pool].reference];
        if other.parent == reference.parent && columns == reference.referenced {
            return true;
        }
        let parent = &self.tables[other.parent];
        parent.references.iter().any(|above| {
            above.parent == reference.parent && above.columns == columns && above.referenced == reference.referenced
        })
    }
}

/// The position of the record with these values among the rows that are made.
fn find(parent: &Table, values: &IndexMap<String, Given>) -> Option<u64> {
    let mut position = 0;
    for part in &parent.parts {
        let has = |(name, value): (&String, &Given), nth: u64| match (part.group.given.get(name), value) {
            (Some(Given::Value(given)), Given::Value(value)) => given.text() == value.text(),
            (Some(Given::Listed(given)), Given::Value(value)) => {
                usize::try_from(nth).ok().and_then(|nth| given.get(nth)).map(Datum::text) == Some(value.text())
            }
            (Some(given), value) => given == value,
            (None, _) => false,
        };
        // A record alone is a list of one.
        let of_list = |place: &u64| {
            let nth = part.index(*place) - part.first;
            values.iter().all(|value| has(value, nth))
        };
        if part.group.is_record
            && let Some(place) = (0..part.count).find(of_list)
        {
            return Some(position + place);
        }
        position += part.count;
    }
    None
}

/// The values by which a record is known, for a message.
fn shown(values: &IndexMap<String, Given>) -> String {
    let shown = values.iter().map(|(name, value)| match value {
        Given::Value(value) => format!("{name} = {}", value.text().unwrap_or_else(|| "nothing".to_owned())),
        Given::Records(records) => match records.first() {
            Some((RecordRef::By(values), _)) => format!("{name} = ({})", shown(values)),
            _ => name.clone(),
        },
        _ => name.clone(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Says what is given of the persons and places that texts are about.
fn tell(table: &Table, layout: &mut Layout) {
    let texts = |column: usize| match &table.columns[column].domain {
        Some(Domain::Texts(texts)) if texts.voice.shared.is_some() => Some(texts),
        _ => None,
    };
    for column in 0..table.columns.len() {
        let Some(own) = texts(column) else { continue };
        if !matches!(layout.sources[column], Source::Drawn | Source::Numbered(_)) {
            continue;
        }
        for other in 0..table.columns.len() {
            let is_told =
                texts(other).is_some_and(|other| other.style.tells() && other.voice.shared == own.voice.shared);
            // What is worked out from this one tells it nothing.
            if is_told && matches!(layout.sources[other], Source::Given(_)) && !depends(table, layout, other, column) {
                layout.told[column].push(other);
            }
        }
    }
}

/// Says which cells are worked out from others, so that what is compared holds.
fn compare(table: &Table, layout: &mut Layout) {
    for column in 0..table.columns.len() {
        'pairs: for (comparison, other) in &table.columns[column].beside {
            let pairs = [(column, *comparison, *other), (*other, comparison.mirrored(), column)];
            let free = pairs.iter().find(|(dependent, _, other)| {
                let is_number = matches!(table.columns[*dependent].domain, Some(Domain::Numbers(_)));
                layout.sources[*dependent] == Source::Drawn && is_number && !depends(table, layout, *other, *dependent)
            });
            if let Some((dependent, comparison, other)) = free {
                layout.beside[*dependent].push((*comparison, *other));
                continue;
            }
            if *comparison == Comparison::Unequal {
                for (dependent, _, other) in pairs {
                    if let Source::Reference { pool, position: 0 } = layout.sources[dependent]
                        && layout.pools[pool].numbering.is_none()
                    {
                        layout.pools[pool].unlike = Some(other);
                        continue 'pairs;
                    }
                }
            }
            let is_nothing = |column: usize| layout.sources[column] == Source::Null;
            if !is_nothing(column) && !is_nothing(*other) {
                layout.apart.push((column, *other));
            }
        }
    }
}

/// Whether a cell is worked out from another one, directly or not.
fn depends(table: &Table, layout: &Layout, column: usize, other: usize) -> bool {
    let given = match &layout.sources[column] {
        Source::Given(given) => given.needs(),
        _ => Vec::new(),
    };
    let needed = given.into_iter().filter_map(|name| table.columns.iter().position(|limits| limits.name == name));
    let compared = layout.beside[column].iter().map(|(_, next)| *next);
    let mut all = needed.chain(compared).chain(layout.told[column].iter().copied());
    column == other || all.any(|next| depends(table, layout, next, other))
}

/// The value of a default that is always the same.
fn constant(default: &str) -> Option<Datum> {
    Some(match parse(default)? {
        Expression::Text(text) => Datum::Text(text),
        Expression::Number(digits) => Datum::Text(digits),
        Expression::Boolean(value) => Datum::Boolean(value),
        _ => return None,
    })
}
