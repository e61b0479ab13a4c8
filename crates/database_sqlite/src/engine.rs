//! SQLite as an engine: no server, only files to open.

use std::collections::BTreeMap;

use database::{
    Database, DatabaseError, DatabaseSettings, Engine, EngineError, EngineKind, Location, ServerFiles, ServerFound,
    ServerPlace, ServerProcess, ServerRequest, ShellCommand,
};

use crate::client::Access;
use crate::database::SqliteDatabase;

/// Opens databases that are SQLite files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqliteEngine;

impl Engine for SqliteEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Sqlite
    }

    fn find_server(&self, _request: &ServerRequest) -> Result<Option<ServerFound>, EngineError> {
        Ok(None)
    }

    fn prepare_server(&self, _found: &ServerFound, _place: &ServerPlace) -> Result<(), EngineError> {
        Err(EngineError::NoServer(EngineKind::Sqlite))
    }

    fn server_process(&self, _found: &ServerFound, _place: &ServerPlace) -> Result<ServerProcess, EngineError> {
        Err(EngineError::NoServer(EngineKind::Sqlite))
    }

    fn open(&self, location: &Location, settings: &DatabaseSettings) -> Result<Box<dyn Database>, DatabaseError> {
        let Location::Sqlite { path, kept } = location else {
            return Err(DatabaseError::OtherEngine { database: location.name(), engine: EngineKind::Sqlite });
        };
        if let Some(action) = unsupported(settings) {
            return Err(DatabaseError::Unsupported { engine: EngineKind::Sqlite, action });
        }
        let (name, path, kept) = (location.name(), path.clone(), kept.clone());
        Ok(Box::new(SqliteDatabase { name, path, kept, access: Access::Shared, clones: Vec::new() }))
    }

    fn server_files(&self, _place: &ServerPlace) -> Option<ServerFiles> {
        None
    }

    fn shell(&self, location: &Location) -> Result<ShellCommand, EngineError> {
        match location {
            Location::Sqlite { path, .. } => Ok(ShellCommand {
                program: "sqlite3".into(),
                arguments: vec![path.to_string_lossy().into_owned()],
                env: BTreeMap::new(),
            }),
            other => Err(EngineError::OtherEngine { database: other.name(), engine: EngineKind::Sqlite }),
        }
    }
}

/// Says what a file has no place for.
fn unsupported(settings: &DatabaseSettings) -> Option<&'static str> {
    let DatabaseSettings { encoding, locale, extensions, roles } = settings;
    match () {
        () if encoding.is_some() => Some("set the encoding of a database"),
        () if locale.is_some() => Some("set the locale of a database"),
        () if !extensions.is_empty() => Some("keep extensions in a database"),
        () if !roles.is_empty() => Some("have roles"),
        () => None,
    }
}
