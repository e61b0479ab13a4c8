//! Redis as an engine: finds the programs, prepares a data directory, opens databases.

use database::{
    Database, DatabaseError, DatabaseSettings, Engine, EngineError, EngineKind, Location, ServerFiles, ServerFound,
    ServerPlace, ServerProcess, ServerRequest, ShellCommand,
};

use crate::database::RedisDatabase;
use crate::{discovery, server};

/// Runs private servers of Redis 7 and 8, or of Valkey where there is no Redis, and opens their databases.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisEngine;

impl Engine for RedisEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Redis
    }

    fn find_server(&self, request: &ServerRequest) -> Result<Option<ServerFound>, EngineError> {
        discovery::find(request).map(Some)
    }

    fn image(&self, request: &ServerRequest) -> Option<String> {
        // Redis 9 is not there; Valkey counts on from 7.
        Some(match request.version.as_deref() {
            Some("9") => "valkey/valkey:9".to_owned(),
            version => format!("redis:{}", version.unwrap_or("8")),
        })
    }

    fn prepare_server(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        server::prepare(found, place)
    }

    fn server_process(&self, found: &ServerFound, place: &ServerPlace) -> Result<ServerProcess, EngineError> {
        server::process(found, place)
    }

    fn open(&self, location: &Location, settings: &DatabaseSettings) -> Result<Box<dyn Database>, DatabaseError> {
        let unknown = [
            (settings.encoding.is_some(), "choose an encoding"),
            (settings.locale.is_some(), "choose a locale"),
            (!settings.extensions.is_empty(), "add extensions to a database"),
            (!settings.roles.is_empty(), "make roles for a database"),
        ];
        if let Some((_, action)) = unknown.into_iter().find(|(given, _)| *given) {
            return Err(DatabaseError::Unsupported { engine: EngineKind::Redis, action });
        }
        match RedisDatabase::new(location) {
            Some(database) => Ok(Box::new(database)),
            None => Err(DatabaseError::OtherEngine { database: location.name(), engine: EngineKind::Redis }),
        }
    }

    fn server_files(&self, place: &ServerPlace) -> Option<ServerFiles> {
        Some(server::files(place))
    }

    fn stopped_files(&self, _found: &ServerFound, place: &ServerPlace) -> Result<Option<ServerFiles>, EngineError> {
        // Its log is whole up to its last command, however it ended.
        Ok(Some(server::files(place)))
    }

    fn adopt_files(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        server::prepare(found, place)
    }

    fn shell(&self, location: &Location) -> Result<ShellCommand, EngineError> {
        server::shell(location)
    }
}
