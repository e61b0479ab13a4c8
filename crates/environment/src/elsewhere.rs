//! References from one database to rows of another one: which rows there are, and what is stored to refer to them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use database::{Database, Datum, Description, Kind};
use dataset::{DataType, Field, FieldKind, ReferenceTo};
use factory::{Elsewhere, Given, Operand, Plan, PlannedColumn, RowsElsewhere, Wanted};
use plan::DatabaseId;
use source::{Problem, Problems};

use crate::Error;
use crate::wanted::{Builder, Places, Target};

/// A column that refers to rows of another database, by what its data type says.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    table: String,
    column: String,
    nullable: bool,
    /// The data type that it refers to.
    name: String,
    /// Where its rows are.
    pub(crate) database: DatabaseId,
    of_table: String,
    /// The column that is stored.
    of_column: String,
    /// The column of the natural key, if that is one.
    key: Option<String>,
}

impl Link {
    /// Whether it is this column.
    pub(crate) fn is_of(&self, table: &str, column: Option<&str>) -> bool {
        self.table == table && column == Some(&self.column)
    }
}

/// How many rows of another database can be referred to, of those that are there already.
const REFERABLE: usize = 100_000;

/// The columns of a database that refer to rows of others.
pub(crate) fn links(builder: &Builder<'_>, id: &DatabaseId) -> Vec<Link> {
    let of_database = |declared: &&DataType| declared.name.service == id.workspace && declared.database == id.name;
    let mut links = Vec::new();
    for declared in builder.generation.types.types().filter(of_database) {
        let Some(target) = builder.find(&declared.name.to_string()) else { continue };
        for field in declared.fields.values() {
            if let (Some(column), FieldKind::Reference(to)) = (&field.column, &field.kind) {
                links.extend(link(builder, target, column, to));
            }
        }
    }
    links
}

fn link(builder: &Builder<'_>, target: Target<'_>, column: &str, to: &ReferenceTo) -> Option<Link> {
    let described = target.table.column(column)?;
    let referred = builder.find(&to.target.to_string()).filter(|referred| referred.id != target.id)?;
    let primary = referred.table.keys.iter().find(|key| key.primary && key.columns.len() == 1);
    let of_column = to.value.clone().or_else(|| primary.map(|key| key.columns[0].clone()))?;
    let key = match &referred.data_type?.key[..] {
        [(name, _)] => match referred.data_type?.fields.get(name)? {
            Field { column: Some(column), kind: FieldKind::Plain, .. } => Some(column.clone()),
            _ => None,
        },
        _ => None,
    };
    Some(Link {
        table: target.table.name.clone(),
        column: column.to_owned(),
        nullable: described.nullable,
        name: to.target.to_string(),
        database: referred.id.clone(),
        of_table: referred.table.name.clone(),
        of_column,
        key,
    })
}

/// Puts databases in an order in which those come first that others refer to, as far as there is one.
pub(crate) fn order(ids: &[(DatabaseId, Vec<Link>)]) -> Vec<DatabaseId> {
    let mut left: Vec<&(DatabaseId, Vec<Link>)> = ids.iter().collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let waits_for = |(_, links): &(DatabaseId, Vec<Link>)| {
            let needed: BTreeSet<&DatabaseId> = links.iter().map(|link| &link.database).collect();
            left.iter().filter(|(other, _)| needed.contains(other)).count()
        };
        let next = (0..left.len()).min_by_key(|place| (waits_for(left[*place]), *place)).expect("some are left");
        order.push(left.remove(next).0.clone());
    }
    order
}

/// A database that is referred to: what it is like, and what is made in it in the same load.
pub(crate) struct Referred<'a> {
    pub(crate) database: &'a mut dyn Database,
    pub(crate) description: &'a Description,
    pub(crate) plan: Option<Arc<Plan>>,
}

/// Gives a database that is referred to, if there is one.
pub(crate) type Find<'a> = dyn FnMut(&DatabaseId, &mut Take<'_>) -> Result<(), Error> + 'a;

/// Looks into a database that is referred to.
pub(crate) type Take<'a> = dyn FnMut(Referred<'_>) -> Result<(), Error> + 'a;

/// Tells what is wanted of a database which rows of others it can refer to; `find` gives one of those.
pub(crate) fn resolve(
    links: &[Link],
    looks: &[(String, Operand)],
    (wanted, places): (&mut Wanted, &Places),
    find: &mut Find<'_>,
) -> Result<(), Error> {
    let mut problems = Problems::new();
    for link in links {
        let beside = looked_at(link, wanted, looks);
        if wanted.fill.is_none() && !wanted.tables.contains_key(&link.table) {
            continue;
        }
        let mut read: Option<Rows> = None;
        find(&link.database, &mut |referred| {
            read = Some(rows(link, &beside, referred)?);
            Ok(())
        })?;
        let Some(rows) = read else { continue };
        give(link, rows, wanted, places, &mut problems);
    }
    if problems.has_errors() { Err(Error::Problems(problems)) } else { Ok(()) }
}

/// The columns of the other table at which rows look.
fn looked_at(link: &Link, wanted: &Wanted, looks: &[(String, Operand)]) -> Vec<String> {
    let given = wanted.tables.get(&link.table).into_iter().flatten().flat_map(|group| group.given.values());
    let templates = given.filter_map(|given| match given {
        Given::Template(template) => Some(&template.operands),
        _ => None,
    });
    let implied = looks.iter().filter(|(table, _)| *table == link.table).map(|(_, operand)| operand);
    let all = templates.flatten().chain(implied).filter(|operand| operand.column == link.column);
    all.filter_map(|operand| operand.of.clone()).collect::<BTreeSet<String>>().into_iter().collect()
}

/// Reads which rows are there, and adds those that are made.
fn rows(link: &Link, beside: &[String], referred: Referred<'_>) -> Result<Rows, Error> {
    let Referred { database, description, plan } = referred;
    let position = |column: &String| {
        let table = description.table(&link.of_table)?;
        table.columns.iter().position(|described| described.name == *column)
    };
    let (stored, key) = (position(&link.of_column), link.key.as_ref().and_then(position));
    let kinds = description.table(&link.of_table).map(|table| &table.columns);
    let looked_at: Vec<Option<(usize, &Kind)>> =
        beside.iter().map(|column| position(column).and_then(|place| Some((place, &kinds?[place].kind)))).collect();
    let mut there: Vec<RowThere> = Vec::new();
    let read = database.read_rows(&link.of_table, &mut |row| {
        if let Some(stored) = stored
            && let Some(value) = row[stored].clone().filter(|_| there.len() < REFERABLE)
        {
            let beside = looked_at.iter().map(|place| match place {
                Some((place, kind)) => stored_value(row[*place].as_deref(), kind),
                None => Datum::Null,
            });
            let key = key.and_then(|key| row[key].clone());
            there.push(RowThere { key, stored: Datum::Text(value), beside: beside.collect() });
        }
        Ok(())
    });
    read.map_err(Error::database(&link.database))?;
    let made = plan.and_then(|plan| {
        let stored = plan.column(&link.of_table, &link.of_column)?;
        let key = link.key.as_ref().and_then(|key| plan.column(&link.of_table, key));
        Some((plan, stored, key))
    });
    let (name, of_table) = (link.name.clone(), link.of_table.clone());
    Ok(Rows { name, of_table, there, made, beside: beside.to_vec(), places: OnceLock::new() })
}

/// Replaces natural keys by what is stored, and lets what is not given be picked.
fn give(link: &Link, rows: Rows, wanted: &mut Wanted, places: &Places, problems: &mut Problems) {
    let place = places.get(&link.table).map(|(place, columns)| columns.get(&link.column).unwrap_or(place));
    let at = |problem: Problem| match place {
        Some(place) => problem.at(place, "wanted here"),
        None => problem,
    };
    let is_key = link.key.as_ref() == Some(&link.of_column);
    let mut needs_rows = wanted.fill.is_some() && !wanted.tables.contains_key(&link.table);
    for group in wanted.tables.get_mut(&link.table).into_iter().flatten() {
        let mut stored = |value: &mut Datum| {
            // What is stored is the key: such a row may also come later.
            if is_key || link.key.is_none() || *value == Datum::Null {
                return;
            }
            if let Some(found) = rows.find(value) {
                *value = found;
                return;
            }
            let shown = value.text().unwrap_or_default();
            let message = format!("{}.{}: there is no {} `{shown}`", link.table, link.column, link.name);
            problems.push(at(Problem::error("spec::impossible", message)));
        };
        match group.given.get_mut(&link.column) {
            Some(Given::Value(value)) => stored(value),
            Some(Given::OneOf(values)) => values.iter_mut().for_each(|(value, _)| stored(value)),
            Some(Given::Pick(_)) | None => needs_rows = true,
            Some(_) => {}
        }
    }
    if rows.size() > 0 {
        let rows = Elsewhere(Arc::new(rows));
        wanted.elsewhere.insert((link.table.clone(), link.column.clone()), rows);
    } else if needs_rows && link.nullable {
        for group in wanted.tables.get_mut(&link.table).into_iter().flatten() {
            group.given.entry(link.column.clone()).or_insert(Given::Value(Datum::Null));
        }
    } else if needs_rows {
        let message = format!("{}.{}: there are no rows of {} to refer to", link.table, link.column, link.name);
        let help = format!("ask for some: `{}: 10`", link.name);
        problems.push(at(Problem::error("spec::impossible", message)).help(help));
    }
}

/// A row that is there: its natural key, what is stored to refer to it, and what else is looked at.
#[derive(Debug)]
struct RowThere {
    key: Option<String>,
    stored: Datum,
    beside: Vec<Datum>,
}

/// Rows that are there, with their keys, and rows that are made.
#[derive(Debug)]
struct Rows {
    name: String,
    of_table: String,
    there: Vec<RowThere>,
    /// The other columns of these that are looked at.
    beside: Vec<String>,
    /// By what is stored to refer to them: where they stand, first those that are there.
    places: OnceLock<HashMap<String, u64>>,
    /// The plan, the column that is stored, and the one of the key.
    made: Option<(Arc<Plan>, PlannedColumn, Option<PlannedColumn>)>,
}

impl Rows {
    /// What is stored to refer to the row with a natural key.
    fn find(&self, key: &Datum) -> Option<Datum> {
        let key = key.text()?;
        if let Some(there) = self.there.iter().find(|there| there.key.as_ref() == Some(&key)) {
            return Some(there.stored.clone());
        }
        let (plan, stored, column) = self.made.as_ref()?;
        let column = (*column)?;
        let row = (0..stored.rows).find(|row| plan.value(column, *row).text().as_ref() == Some(&key))?;
        Some(plan.value(*stored, row))
    }
}

impl RowsElsewhere for Rows {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> u64 {
        self.there.len() as u64 + self.made.as_ref().map_or(0, |(_, stored, _)| stored.rows)
    }

    fn value(&self, row: u64) -> Datum {
        let there = self.there.len() as u64;
        match &self.made {
            _ if row < there => self.there[usize::try_from(row).expect("it is an index")].stored.clone(),
            Some((plan, stored, _)) => plan.value(*stored, row - there),
            None => Datum::Null,
        }
    }

    fn look_up(&self, stored: &Datum, column: &str) -> Option<Datum> {
        let places = self
            .places
            .get_or_init(|| (0..self.size()).filter_map(|row| Some((self.value(row).text()?, row))).collect());
        let row = *places.get(&stored.text()?)?;
        let there = self.there.len() as u64;
        if row < there {
            let place = self.beside.iter().position(|known| known == column)?;
            return self.there[usize::try_from(row).expect("it is an index")].beside.get(place).cloned();
        }
        let (plan, ..) = self.made.as_ref()?;
        Some(plan.value(plan.column(&self.of_table, column)?, row - there))
    }
}

/// A text that is stored as the value of its column, as far as templates tell it from a text.
pub(crate) fn stored_value(text: Option<&str>, kind: &Kind) -> Datum {
    let Some(text) = text else { return Datum::Null };
    let read = match kind {
        Kind::Integer { .. } => text.parse().ok().map(Datum::Integer),
        Kind::Float => text.parse().ok().map(Datum::Float),
        Kind::Boolean => match text {
            "true" | "t" | "1" => Some(Datum::Boolean(true)),
            "false" | "f" | "0" => Some(Datum::Boolean(false)),
            _ => None,
        },
        _ => None,
    };
    read.unwrap_or_else(|| Datum::Text(text.to_owned()))
}
