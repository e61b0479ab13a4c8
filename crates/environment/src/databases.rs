//! `db`: the databases of an environment, for a person who wants to look into them.

use database::{Location, ShellCommand};
use indexmap::IndexMap;
use plan::DatabaseId;

use crate::Error;
use crate::context::{Context, Mode, Target};
use crate::session::Session;

/// A database, where it is and what is kept of it.
#[derive(Debug)]
pub struct DatabaseInfo {
    /// `WORKSPACE/DATABASE`.
    pub id: String,
    /// Its engine, with the server's maker and version if there is one.
    pub engine: String,
    /// The URL that services use, with its password.
    pub url: String,
    /// Whether it was made.
    pub is_made: bool,
    /// Its size in bytes; `None` while its server does not run.
    pub bytes: Option<u64>,
    /// What is kept of it inside the engine; `None` while its server does not run.
    pub kept: Option<Vec<KeptInfo>>,
}

/// A state that is kept inside an engine.
#[derive(Debug)]
pub struct KeptInfo {
    /// The key of the state; the name under which it is kept if it is none of the chain.
    pub name: String,
    /// The step that made it, if it is one of the chain.
    pub step: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether a spare copy is ready.
    pub has_spare: bool,
}

/// The rows of a database.
#[derive(Debug)]
pub struct DatabaseStats {
    /// `WORKSPACE/DATABASE`.
    pub id: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Rows by table.
    pub tables: IndexMap<String, u64>,
}

/// Lists the databases of an environment.
pub fn list_databases(context: &Context<'_>, target: &Target) -> Result<Vec<DatabaseInfo>, Error> {
    let session = open(context, target)?;
    let mut infos = Vec::new();
    for database in session.model.databases.values() {
        let id = &database.id;
        let location = session.location(id);
        let server = database.server.as_ref().and_then(|server| session.model.servers.get(server));
        let is_made = session.observed.databases.contains_key(id);
        let (bytes, kept) = if is_made && is_reachable(&session, id) {
            let mut open = session.database(id)?;
            let bytes = open.size().map_err(Error::database(id))?;
            let kept = open.kept().map_err(Error::database(id))?;
            (Some(bytes), Some(kept.iter().map(|kept| kept_info(&session, id, kept)).collect()))
        } else {
            (None, None)
        };
        infos.push(DatabaseInfo {
            id: id.to_string(),
            engine: server.map_or_else(|| location.engine().word().to_owned(), |server| server.version.clone()),
            url: location.url(),
            is_made,
            bytes,
            kept,
        });
    }
    Ok(infos)
}

fn kept_info(session: &Session<'_>, id: &DatabaseId, kept: &database::Kept) -> KeptInfo {
    let record = session.record();
    let known = record.kept.get(id).into_iter().flatten();
    let mut known =
        known.filter(|(key, _)| crate::execute::kept_state(&plan::Key::from_text((*key).clone())) == kept.name);
    let (name, step) = match known.next() {
        Some((key, record)) => (key.clone(), Some(record.step.clone())),
        None => (kept.name.to_string(), None),
    };
    KeptInfo { name, step, bytes: kept.bytes, has_spare: kept.has_spare }
}

/// Counts the rows of a database, or of all.
pub fn database_stats(context: &Context<'_>, target: &Target, name: Option<&str>) -> Result<Vec<DatabaseStats>, Error> {
    let session = open(context, target)?;
    let ids: Vec<DatabaseId> = match name {
        Some(name) => vec![find(&session, name)?],
        None => session.observed.databases.keys().cloned().collect(),
    };
    ids.into_iter()
        .map(|id| {
            let mut database = reachable(&session, &id)?;
            let bytes = database.size().map_err(Error::database(&id))?;
            let tables = database.row_counts().map_err(Error::database(&id))?;
            Ok(DatabaseStats { id: id.to_string(), bytes, tables })
        })
        .collect()
}

/// The URL of a database, with its password.
pub fn database_url(context: &Context<'_>, target: &Target, name: Option<&str>) -> Result<String, Error> {
    let session = open(context, target)?;
    let id = find_one(&session, name)?;
    Ok(session.location(&id).url())
}

/// How to open the engine's own client on a database.
pub fn database_shell(context: &Context<'_>, target: &Target, name: Option<&str>) -> Result<ShellCommand, Error> {
    let session = open(context, target)?;
    let id = find_one(&session, name)?;
    drop(reachable(&session, &id)?);
    let location = session.location(&id);
    let shell = context.engine(location.engine()).shell(location);
    shell.map_err(|source| Error::Engine { database: id, engine: location.engine().to_string(), source })
}

fn open<'a>(context: &'a Context<'a>, target: &Target) -> Result<Session<'a>, Error> {
    if crate::record::Record::read(target.place(context).directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    Session::open(context, target, &Mode::Look(None), "db")
}

/// Whether a database can be opened now.
pub(crate) fn is_reachable(session: &Session<'_>, id: &DatabaseId) -> bool {
    if let Location::Sqlite { .. } = session.location(id) {
        true
    } else {
        let server = session.model.databases[id].server.as_ref();
        server.is_some_and(|server| session.observed.running.contains_key(&session.model.servers[server].unit()))
    }
}

/// Opens a database that was made and whose server runs.
pub(crate) fn reachable(session: &Session<'_>, id: &DatabaseId) -> Result<Box<dyn database::Database>, Error> {
    if !session.observed.databases.contains_key(id) || !is_reachable(session, id) {
        return Err(Error::NotRunning(session.target.name.clone()));
    }
    session.database(id)
}

/// The database that is called so, with or without its workspace.
pub(crate) fn find(session: &Session<'_>, name: &str) -> Result<DatabaseId, Error> {
    let ids = session.model.databases.keys();
    let fits = |id: &&DatabaseId| id.to_string() == name || id.name == name;
    let mut fitting: Vec<&DatabaseId> = ids.filter(fits).collect();
    if fitting.len() > 1 {
        fitting.retain(|id| id.workspace == session.model.root || id.to_string() == name);
    }
    match fitting.as_slice() {
        [id] => Ok((*id).clone()),
        _ => Err(Error::NoDatabase {
            wanted: name.to_owned(),
            known: session.model.databases.keys().map(ToString::to_string).collect(),
        }),
    }
}

/// The named database; when none is named, the only one of the workspace.
pub(crate) fn find_one(session: &Session<'_>, name: Option<&str>) -> Result<DatabaseId, Error> {
    if let Some(name) = name {
        return find(session, name);
    }
    let own: Vec<&DatabaseId> =
        session.model.databases.keys().filter(|id| id.workspace == session.model.root).collect();
    match own.as_slice() {
        [id] => Ok((*id).clone()),
        _ => Err(Error::WhichDatabase { known: session.model.databases.keys().map(ToString::to_string).collect() }),
    }
}
