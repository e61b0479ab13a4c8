//! PostgreSQL as an engine: finds the programs, prepares a data directory, opens databases.

use database::{
    Database, DatabaseError, Engine, EngineError, EngineKind, Location, ServerFound, ServerPlace, ServerProcess,
    ServerRequest,
};

use crate::database::PostgresDatabase;
use crate::{discovery, server};

/// Runs private PostgreSQL servers, versions 13 to 18, and opens their databases.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresEngine;

impl Engine for PostgresEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Postgres
    }

    fn find_server(&self, request: &ServerRequest) -> Result<Option<ServerFound>, EngineError> {
        discovery::find(request).map(Some)
    }

    fn prepare_server(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        server::prepare(found, place)
    }

    fn server_process(&self, found: &ServerFound, place: &ServerPlace) -> Result<ServerProcess, EngineError> {
        server::process(found, place)
    }

    fn open(&self, location: &Location) -> Result<Box<dyn Database>, DatabaseError> {
        match PostgresDatabase::new(location) {
            Some(database) => Ok(Box::new(database)),
            None => Err(DatabaseError::OtherEngine { database: location.name(), engine: EngineKind::Postgres }),
        }
    }
}
