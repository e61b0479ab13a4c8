//! MariaDB and MySQL as an engine: finds the programs, prepares a data directory, opens databases.

use std::collections::BTreeMap;

use database::{
    Database, DatabaseError, DatabaseSettings, Engine, EngineError, EngineKind, Location, ServerFiles, ServerFound,
    ServerPlace, ServerProcess, ServerRequest, ShellCommand,
};

use crate::database::MysqlDatabase;
use crate::program::{CLIENT, locate};
use crate::{client, discovery, physical, server};

/// Runs private servers of MariaDB (10.5 and later) or MySQL (8.0 and later), and opens their databases.
#[derive(Clone, Copy, Debug, Default)]
pub struct MysqlEngine;

impl Engine for MysqlEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Mysql
    }

    fn find_server(&self, request: &ServerRequest) -> Result<Option<ServerFound>, EngineError> {
        discovery::find(request).map(Some)
    }

    fn image(&self, request: &ServerRequest) -> Option<String> {
        // MySQL counts to 9, and MariaDB from 10.
        let is_mysql = |version: &str| version.split('.').next().is_some_and(|major| major.len() == 1);
        Some(match request.version.as_deref() {
            None => "mariadb:lts".to_owned(),
            Some(version) if is_mysql(version) => format!("mysql:{version}"),
            Some(version) => format!("mariadb:{version}"),
        })
    }

    fn prepare_server(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        server::prepare(found, place)
    }

    fn server_process(&self, found: &ServerFound, place: &ServerPlace) -> Result<ServerProcess, EngineError> {
        server::process(found, place)
    }

    fn open(&self, location: &Location, settings: &DatabaseSettings) -> Result<Box<dyn Database>, DatabaseError> {
        if !settings.extensions.is_empty() {
            return Err(DatabaseError::Unsupported {
                engine: EngineKind::Mysql,
                action: "add extensions to a database",
            });
        }
        match MysqlDatabase::new(location, settings) {
            Some(database) => Ok(Box::new(database)),
            None => Err(DatabaseError::OtherEngine { database: location.name(), engine: EngineKind::Mysql }),
        }
    }

    fn server_files(&self, place: &ServerPlace) -> Option<ServerFiles> {
        Some(server::files(place))
    }

    fn stopped_files(&self, _found: &ServerFound, place: &ServerPlace) -> Result<Option<ServerFiles>, EngineError> {
        physical::stopped_files(place).map(Some)
    }

    fn adopt_files(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        physical::adopt_files(found, place)
    }

    fn shell(&self, location: &Location) -> Result<ShellCommand, EngineError> {
        let Location::Mysql { socket_directory, user, password, name, binaries, .. } = location else {
            return Err(EngineError::NoServer(location.engine()));
        };
        let socket = client::socket(socket_directory);
        let shell = ShellCommand {
            program: locate(binaries, &CLIENT),
            arguments: vec![
                "--no-defaults".to_owned(),
                format!("--socket={}", socket.display()),
                format!("--user={user}"),
                "--default-character-set=utf8mb4".to_owned(),
                format!("--database={name}"),
            ],
            env: BTreeMap::from([("MYSQL_PWD".to_owned(), password.expose().to_owned())]),
        };
        Ok(shell.of(binaries, socket_directory))
    }
}
