//! `capture`: a spec of chosen records of a living database, and of all that they need.
//!
//! It works on copies: the services go on, what is personal is replaced before anything of it is read, and all rows are of one
//! moment. Which rows follow from which is found by going through the tables until nothing is missing.

use std::collections::{BTreeMap, BTreeSet};

use dataset::DataType;
use plan::DatabaseId;
use source::{Problem, Problems};
use survey::{Field, Record};

use crate::Error;
use crate::capture_choice::Selector;
use crate::capture_rows::Source;
use crate::context::{Context, Mode, Target};
use crate::load::relational;
use crate::material::Material;
use crate::personal::{self, Personal};
use crate::session::Session;

/// What to capture.
#[derive(Debug, Clone)]
pub struct CaptureOptions<'a> {
    /// The records.
    pub selectors: &'a [Selector],
    /// A condition of SQL for the records of a selector without a key.
    pub condition: Option<&'a str>,
    /// Types whose records follow those that they refer to, and how many for each of them.
    pub children: &'a [(String, Option<u64>)],
}

/// What was captured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The spec.
    pub text: String,
    /// Records by data type, in the order of the spec.
    pub counts: Vec<(String, usize)>,
    /// What one should know of it.
    pub notes: Vec<String>,
}

/// Captures records.
pub fn capture(context: &Context<'_>, target: &Target, options: &CaptureOptions<'_>) -> Result<Captured, Error> {
    let session = Session::open(context, target, &Mode::Existing, "capture")?;
    let databases: BTreeSet<DatabaseId> =
        relational(&session).filter(|id| session.observed.databases.contains_key(id)).collect();
    let was_running = !session.observed.running.is_empty();
    let servers = plan::servers(&session.model, &session.observed, &session.inputs, &databases);
    session.execute(&servers, &Material::of("capture"))?;
    let mut capture = Capture { session: &session, databases, sources: BTreeMap::new(), notes: Vec::new() };
    let captured = capture.carry_out(options);
    let removed = capture.remove();
    let rested = session.rest(was_running);
    let captured = captured?;
    removed?;
    rested?;
    Ok(captured)
}

/// A capture that goes on.
pub(crate) struct Capture<'s, 'a> {
    pub(crate) session: &'s Session<'a>,
    pub(crate) databases: BTreeSet<DatabaseId>,
    /// The databases that are concerned.
    pub(crate) sources: BTreeMap<DatabaseId, Source>,
    pub(crate) notes: Vec<String>,
}

impl Capture<'_, '_> {
    fn carry_out(&mut self, options: &CaptureOptions<'_>) -> Result<Captured, Error> {
        let mut roots: BTreeMap<DatabaseId, Vec<(usize, &Selector)>> = BTreeMap::new();
        for selector in options.selectors {
            let (id, table) = self.find(&selector.name)?;
            roots.entry(id).or_default().push((table, selector));
        }
        let mut children = BTreeMap::new();
        for (name, limit) in options.children {
            let (id, table) = self.find(name)?;
            children.insert((id, table), *limit);
        }
        for (id, roots) in roots {
            // What is chosen is chosen by what stands there, not by what is put in its place.
            let mut chosen = Vec::new();
            for (table, selector) in roots {
                chosen.push((table, self.choose(&id, table, selector, options.condition)?));
            }
            self.clean(&id, &mut chosen)?;
            let source = self.sources.get_mut(&id).expect("it was opened");
            for (table, want) in chosen {
                source.wanted.entry(table).or_default().push(want);
            }
        }
        while let Some(id) = self.sources.iter().find(|(_, source)| !source.wanted.is_empty()).map(|(id, _)| id.clone())
        {
            if self.session.context.interrupt.is_raised() {
                return Err(Error::Interrupted);
            }
            self.take(&id, &children)?;
        }
        self.check_personal()?;
        self.write()
    }

    /// The declared data type of a table: the one that was named, or the first.
    pub(crate) fn data_type(&self, id: &DatabaseId, table: usize, named: Option<&str>) -> Option<&DataType> {
        let name = &self.sources[id].description.tables[table].name;
        let is_of = |declared: &&DataType| {
            declared.name.service == id.workspace
                && declared.database == id.name
                && declared.table() == Some(name.as_str())
        };
        let is_named = |declared: &&DataType| {
            named.is_some_and(|named| declared.name.name == named || declared.name.to_string() == named)
        };
        let mut all = self.session.types.types().filter(is_of);
        self.session.types.types().filter(is_of).find(is_named).or_else(|| all.next())
    }

    /// Refuses what looks personal and has no rule.
    fn check_personal(&self) -> Result<(), Error> {
        let mut found: Vec<Personal> = Vec::new();
        for (id, source) in &self.sources {
            for (table, rows) in &source.taken {
                let described = &source.description.tables[*table];
                found.extend(personal::of(self.session, id, described, rows.values().map(|(row, _)| row)));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(Error::Personal(found)) }
    }

    fn write(&self) -> Result<Captured, Error> {
        let (mut entries, mut captured) = (Vec::new(), Captured::default());
        captured.notes.clone_from(&self.notes);
        let mut problems = Problems::default();
        for (id, source) in &self.sources {
            let rows: survey::Rows = source
                .taken
                .iter()
                .map(|(table, rows)| {
                    let rows = rows.values().map(|(row, _)| row.clone()).collect();
                    (source.description.tables[*table].name.clone(), rows)
                })
                .collect();
            let keys = source.description.tables.iter().enumerate().filter_map(|(number, table)| {
                let declared = self.data_type(id, number, None)?;
                let column = |(field, _): &(String, source::Place)| declared.fields.get(field)?.column.clone();
                Some((table.name.clone(), declared.key.iter().map(column).collect::<Option<Vec<_>>>()?))
            });
            match survey::records(&source.description, &keys.collect(), &rows) {
                Ok(records) => {
                    captured.notes.extend(records.notes.into_iter().map(|note| format!("{}.{note}", id.workspace)));
                    for (table, records) in records.tables {
                        let number = self.position(id, &table).expect("it is one of its tables");
                        let declared = self.data_type(id, number, None);
                        let name = declared
                            .map_or_else(|| format!("{}.{table}", id.workspace), |declared| declared.name.to_string());
                        captured.counts.push((name.clone(), records.len()));
                        entries.push((name, records.into_iter().map(|record| named(declared, record)).collect()));
                    }
                }
                Err(unwritable) => {
                    for survey::Unwritable { table, reason } in unwritable {
                        problems.push(Problem::error(
                            "capture::no-natural-key",
                            format!("{}.{table}: {reason}", id.workspace),
                        ));
                    }
                }
            }
        }
        problems.into_result(()).map_err(Error::Problems)?;
        captured.text = survey::spec(&captured.notes, &entries);
        Ok(captured)
    }

    fn remove(self) -> Result<(), Error> {
        let mut result = Ok(());
        for (id, source) in self.sources {
            result = result.and(source.copy.remove(&id));
        }
        result
    }
}

/// A record with the names that its type gives the columns.
fn named(declared: Option<&DataType>, record: Record) -> Record {
    let field = |column: String| {
        let fields = declared.into_iter().flat_map(|declared| &declared.fields);
        fields
            .filter(|(_, field)| field.column.as_ref() == Some(&column))
            .map(|(name, _)| name.clone())
            .next()
            .unwrap_or(column)
    };
    record.into_iter().map(|(column, value): (String, Field)| (field(column), value)).collect()
}
