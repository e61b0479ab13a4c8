//! SQLite as an engine: no server, only files to open.

use database::{
    Database, DatabaseError, Engine, EngineError, EngineKind, Location, ServerFound, ServerPlace, ServerProcess,
    ServerRequest,
};

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

    fn open(&self, location: &Location) -> Result<Box<dyn Database>, DatabaseError> {
        match location {
            Location::Sqlite { path, kept } => {
                Ok(Box::new(SqliteDatabase { name: location.name(), path: path.clone(), kept: kept.clone() }))
            }
            Location::Postgres { .. } => {
                Err(DatabaseError::OtherEngine { database: location.name(), engine: EngineKind::Sqlite })
            }
        }
    }
}
