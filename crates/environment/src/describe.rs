//! `describe`: what the tables of an environment hold, and what they would need and do not have.

use std::collections::{BTreeMap, BTreeSet};

use database::{Description, TableDescription};
use dataset::{DataType, FieldKind};
use plan::DatabaseId;
use survey::{Alike, ColumnProfile, ColumnSurvey, FanOut, FanOutSurvey, Reference, looks_personal};

use crate::Error;
use crate::context::{Context, Mode, Target};
use crate::databases::reachable;
use crate::load::relational;
use crate::session::Session;

/// What a table holds.
#[derive(Debug, Clone)]
pub struct TableProfile {
    /// The service.
    pub service: String,
    /// The database of it.
    pub database: String,
    /// The description of the table.
    pub table: TableDescription,
    /// How many rows there are.
    pub rows: u64,
    /// How much their values take as texts, in bytes.
    pub bytes: u64,
    /// What its columns hold, in their order.
    pub columns: Vec<ColumnProfile>,
    /// How its rows refer to others, for each of its foreign keys.
    pub fan_out: Vec<FanOut>,
    /// What it needs and does not have.
    pub missing: Vec<String>,
    /// Its columns of which no value is written into a spec.
    secret: Vec<String>,
}

/// How many values of other services are looked for, of one column.
const LOOKED_FOR: usize = 100_000;

/// How many of those that are missing are named.
const NAMED: usize = 3;

/// Describes what the tables of an environment hold, or those of one of its services.
pub fn describe(context: &Context<'_>, target: &Target, service: Option<&str>) -> Result<Vec<TableProfile>, Error> {
    if crate::record::Record::read(target.place(context).directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let session = Session::open(context, target, &Mode::Look(None), "describe")?;
    if let Some(service) = service {
        let known: Vec<String> = session.model.workspaces.iter().map(|workspace| workspace.name.clone()).collect();
        if !known.iter().any(|name| name == service) {
            return Err(Error::NoWorkspace { wanted: service.to_owned(), known });
        }
    }
    let mut profiles = Vec::new();
    let mut references = Vec::new();
    for id in relational(&session).filter(|id| service.is_none_or(|service| id.workspace == service)) {
        of_database(&session, &id, &mut profiles, &mut references)?;
    }
    for reference in references {
        if let Some(missing) = reference.missing(&session)? {
            profiles[reference.profile].missing.push(missing);
        }
    }
    Ok(profiles)
}

/// Writes a spec that generates rows of like shape.
pub fn spec_alike(profiles: &[TableProfile]) -> String {
    let alike: Vec<Alike<'_>> = profiles
        .iter()
        .map(|profile| Alike {
            name: format!("{}.{}", profile.service, profile.table.name),
            table: &profile.table,
            columns: profile.columns.clone(),
            fan_out: profile.fan_out.clone(),
            secret: profile.secret.clone(),
        })
        .collect();
    survey::spec_alike(&alike)
}

fn of_database(
    session: &Session<'_>,
    id: &DatabaseId,
    profiles: &mut Vec<TableProfile>,
    references: &mut Vec<OtherService>,
) -> Result<(), Error> {
    let mut database = reachable(session, id)?;
    let description = database.describe().map_err(Error::database(id))?;
    let counts = database.row_counts().map_err(Error::database(id))?;
    let count = |table: &str| counts.get(table).copied().unwrap_or(0);
    for table in &description.tables {
        let keys = foreign_keys(&description, table);
        let mut columns: Vec<ColumnSurvey> = table.columns.iter().map(ColumnSurvey::new).collect();
        let mut spread: Vec<FanOutSurvey> = keys.iter().map(|_| FanOutSurvey::default()).collect();
        let mut others = OtherService::of(session, id, table, profiles.len());
        let (mut rows, mut bytes) = (0, 0);
        let read = database.read_rows(&table.name, &mut |row| {
            rows += 1;
            for (column, value) in columns.iter_mut().zip(row) {
                column.see(value.as_deref());
                bytes += value.as_ref().map_or(0, |value| value.len() as u64);
            }
            let row = row.to_vec();
            for (spread, positions) in spread.iter_mut().zip(&keys) {
                spread.see(Reference::tuple(positions, &row).as_deref());
            }
            for other in &mut others {
                other.see(&row);
            }
            Ok(())
        });
        read.map_err(Error::database(id))?;
        let rules = || session.declaration(id).1.scrub.iter().flat_map(|scrub| &scrub.columns);
        let is_secret = |name: &String| {
            looks_personal(name).is_some() || rules().any(|rule| rule.table == table.name && rule.column == *name)
        };
        profiles.push(TableProfile {
            service: id.workspace.clone(),
            database: id.name.clone(),
            rows,
            bytes,
            columns: columns.iter().map(ColumnSurvey::profile).collect(),
            fan_out: spread
                .iter()
                .zip(&table.foreign_keys)
                .map(|(spread, key)| spread.fan_out(count(&key.table)))
                .collect(),
            missing: needs_rows(table, &count),
            secret: table.columns.iter().map(|column| column.name.clone()).filter(is_secret).collect(),
            table: table.clone(),
        });
        references.append(&mut others);
    }
    Ok(())
}

/// The columns of each foreign key of a table, by their numbers; none where it cannot be followed.
fn foreign_keys(description: &Description, table: &TableDescription) -> Vec<Vec<usize>> {
    let is_known = |key: &&database::ForeignKeyDescription| description.table(&key.table).is_some();
    let position = |name: &String| table.columns.iter().position(|column| column.name == *name);
    let positions = |key: &database::ForeignKeyDescription| {
        Some(key).filter(is_known).map_or_else(Vec::new, |key| key.columns.iter().filter_map(position).collect())
    };
    table.foreign_keys.iter().map(positions).collect()
}

/// The empty tables without which a table cannot have rows.
fn needs_rows(table: &TableDescription, count: &dyn Fn(&str) -> u64) -> Vec<String> {
    let is_needed = |key: &&database::ForeignKeyDescription| {
        let is_filled = |name: &String| table.column(name).is_some_and(|column| !column.nullable);
        key.table != table.name && key.columns.iter().all(is_filled) && count(&key.table) == 0
    };
    let needed = table.foreign_keys.iter().filter(is_needed);
    needed.map(|key| format!("{} needs rows of {}, which has none", key.columns.join(", "), key.table)).collect()
}

/// Values of a column that are those of records of another service, by the data types that are declared.
struct OtherService {
    /// Which profile it belongs to.
    profile: usize,
    position: usize,
    column: String,
    target: DataType,
    /// The column there.
    stored: Option<String>,
    values: BTreeSet<String>,
}

impl OtherService {
    fn of(session: &Session<'_>, id: &DatabaseId, table: &TableDescription, profile: usize) -> Vec<Self> {
        let is_of = |declared: &&DataType| {
            declared.name.service == id.workspace
                && declared.database == id.name
                && declared.table() == Some(&*table.name)
        };
        let mut all: BTreeMap<String, Self> = BTreeMap::new();
        for field in session.types.types().filter(is_of).flat_map(|declared| declared.fields.values()) {
            let (FieldKind::Reference(reference), Some(column)) = (&field.kind, &field.column) else { continue };
            let target = session.types.types().find(|other| other.name == reference.target);
            let position = table.columns.iter().position(|own| own.name == *column);
            let is_foreign_key = table.foreign_keys.iter().any(|key| key.columns.contains(column));
            if let (Some(target), Some(position), false) = (target, position, is_foreign_key) {
                let (column, stored) = (column.clone(), reference.value.clone());
                let found = Self {
                    profile,
                    position,
                    column: column.clone(),
                    target: target.clone(),
                    stored,
                    values: BTreeSet::new(),
                };
                all.insert(column, found);
            }
        }
        all.into_values().collect()
    }

    fn see(&mut self, row: &[Option<String>]) {
        if let Some(value) = &row[self.position]
            && self.values.len() < LOOKED_FOR
        {
            self.values.insert(value.clone());
        }
    }

    /// Says which of the records are not there.
    fn missing(&self, session: &Session<'_>) -> Result<Option<String>, Error> {
        let there = DatabaseId { workspace: self.target.name.service.clone(), name: self.target.database.clone() };
        let mut database = reachable(session, &there)?;
        let description = database.describe().map_err(Error::database(&there))?;
        let Some(table) = self.target.table().and_then(|table| description.table(table)) else { return Ok(None) };
        let primary = || table.keys.iter().find(|key| key.primary)?.columns.first().cloned();
        let stored = self.stored.clone().or_else(primary);
        let position = table.columns.iter().position(|column| Some(&column.name) == stored.as_ref());
        let Some(position) = position else { return Ok(None) };
        let mut missing = self.values.clone();
        let read = database.read_rows(&table.name, &mut |row| {
            if let Some(value) = &row[position] {
                missing.remove(value);
            }
            Ok(())
        });
        read.map_err(Error::database(&there))?;
        if missing.is_empty() {
            return Ok(None);
        }
        let named: Vec<&str> = missing.iter().take(NAMED).map(String::as_str).collect();
        let more = if missing.len() > NAMED { ", …" } else { "" };
        Ok(Some(format!(
            "{} refers to {} record(s) of {} that are not there: {}{more}",
            self.column,
            missing.len(),
            self.target.name,
            named.join(", ")
        )))
    }
}
