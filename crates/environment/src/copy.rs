//! Copies of databases beside everything else, which can be changed: cleaned before they leave, or looked into.

use std::fs;
use std::path::Path;

use database::{Database, EngineKind, Location, StateName};
use manifest::{FileReference, Replacement, Scrub};
use plan::DatabaseId;

use crate::pseudonyms::Pseudonyms;
use crate::session::Session;
use crate::{Error, base};

/// Executes the steps that make a copy harmless.
pub(crate) fn make_cold(session: &Session<'_>, id: &DatabaseId, database: &mut dyn Database) -> Result<(), Error> {
    let (workspace, declared) = session.declaration(id);
    let files = declared.cold.iter().flat_map(|cold| &cold.sql);
    execute(&workspace.directory, files, database)
}

fn execute<'f>(
    root: &Path,
    files: impl Iterator<Item = &'f FileReference>,
    database: &mut dyn Database,
) -> Result<(), Error> {
    for file in files {
        let file = root.join(&file.path);
        let sql = fs::read_to_string(&file).map_err(Error::io("read", &file))?;
        database.execute_script(&sql).map_err(|source| Error::Script { file: file.clone(), source })?;
    }
    Ok(())
}

/// Cleans a copy as its rules say: pseudonyms first, since they are of what was there, then other columns, then scripts.
pub(crate) fn clean(
    session: &Session<'_>,
    id: &DatabaseId,
    scrub: &Scrub,
    database: &mut dyn Database,
) -> Result<(), Error> {
    let quoted = |name: &str| quoted(session.location(id).engine(), name);
    Pseudonyms::of(session, id, database)?.put(database)?;
    for rule in &scrub.columns {
        let value = match &rule.replacement {
            Replacement::Nothing => "NULL",
            Replacement::Expression(expression) => expression,
            Replacement::Pseudonym(_) => continue,
        };
        let sql = format!("UPDATE {} SET {} = {value}", quoted(&rule.table), quoted(&rule.column));
        let place = format!("{}:{}", rule.place.file().name(), rule.place.line());
        database.execute_script(&sql).map_err(|source| Error::Rule { place, source })?;
    }
    execute(&session.declaration(id).0.directory, scrub.sql.iter(), database)
}

/// A name as the engine's SQL has it; one with points is of a table, with its schema before it.
pub(crate) fn quoted(engine: EngineKind, name: &str) -> String {
    let quote = if engine == EngineKind::Mysql { '`' } else { '"' };
    let part = |part: &str| format!("{quote}{}{quote}", part.replace(quote, &format!("{quote}{quote}")));
    name.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// A copy of a database's content that can be changed, beside everything else; removed by [`Copy::remove`], or when the
/// next one is made.
pub(crate) struct Copy {
    pub(crate) database: Box<dyn Database>,
}

impl Copy {
    /// Makes an empty one.
    pub(crate) fn begin(session: &Session<'_>, id: &DatabaseId) -> Result<Self, Error> {
        let mut location = session.location(id).clone();
        match &mut location {
            Location::Sqlite { path, kept } => {
                let directory = session.place.directory().join("copy");
                *path = directory.join(&id.workspace).join(format!("{}.sqlite3", id.name));
                *kept = directory.join(&id.workspace).join(&id.name);
                let parent = path.parent().expect("it was joined from a directory");
                fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
            }
            Location::Postgres { name, .. } | Location::Mysql { name, .. } => name.push_str("_copy"),
            Location::Redis { name, number, .. } => {
                name.push_str("_copy");
                *number += 500;
            }
        }
        let mut database = session.open_at(id, &location)?;
        database.destroy().map_err(Error::database(id))?;
        Ok(Self { database })
    }

    /// Gives it the content of a dump or of a file of the engine's tools.
    pub(crate) fn fill(&mut self, session: &Session<'_>, id: &DatabaseId, file: &Path) -> Result<(), Error> {
        let name = StateName::new("copy").expect("it is a plain word");
        base::from_file(session, id, &mut *self.database, &name, file)?;
        self.database.take(&name, None).map_err(Error::database(id))
    }

    pub(crate) fn remove(mut self, id: &DatabaseId) -> Result<(), Error> {
        self.database.destroy().map_err(Error::database(id))
    }
}
