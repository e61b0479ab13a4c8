//! A database as files of its stopped server.
//!
//! What the server knows of its tables stands in files of the whole server, so they are read by a server on all of them.

use std::collections::BTreeMap;

use database::{Account, DatabaseError, DatabaseFiles, EngineError, ServerFiles, ServerFound, ServerPlace};
use mysql::prelude::Queryable as _;

use crate::copy::file_name;
use crate::database::MysqlDatabase;
use crate::error::refused;
use crate::literal::text;
use crate::program::{SERVER, program};
use crate::server;

/// What the database is called on its server.
const NAME: &str = "name";

impl MysqlDatabase {
    pub(crate) fn find_files(&mut self) -> Result<DatabaseFiles, DatabaseError> {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        let failed = || refused(&name, "find its files");
        let elsewhere = format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES
                WHERE TABLE_SCHEMA = {} AND CREATE_OPTIONS LIKE '%DATA DIRECTORY%' LIMIT 1",
            text(&schema)
        );
        let elsewhere: Option<String> = self.present()?.query_first(elsewhere).map_err(failed())?;
        let directory = file_name(&schema);
        let obstacle = match (elsewhere, &directory) {
            (Some(table), _) => Some(format!("the files of {table} are somewhere else")),
            (None, None) => Some("its name has letters of which it is not known how files are called".to_owned()),
            (None, Some(_)) => None,
        };
        if let Some(obstacle) = obstacle {
            let action = "save it as files".to_owned();
            return Err(DatabaseError::Refused { database: name, action, source: obstacle.into() });
        }
        let notes = BTreeMap::from([(NAME.to_owned(), schema)]);
        // The server's own tables name the copies beside it, and their files must be there for a server that reads them.
        Ok(DatabaseFiles { notes, directory: directory.unwrap_or_default(), exclude: Vec::new(), go_back: false })
    }
}

/// Says which files a copy needs of a server that was stopped.
pub(crate) fn stopped_files(place: &ServerPlace) -> Result<ServerFiles, EngineError> {
    let files = server::files(place);
    // It goes with an orderly end.
    if server::pid_file(place).exists() {
        return Err(EngineError::NotStopped { directory: files.directory, state: "killed, or at work".to_owned() });
    }
    Ok(files)
}

/// Gives the files of another server to this one, and lets it be entered with the password of its place.
pub(crate) fn adopt_files(found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
    let data = server::files(place).directory;
    let account = Account::for_server(&server::ACCOUNTS)?;
    if let Some(account) = &account {
        account.give_all(&data)?;
    }
    server::prepare(found, place)?;
    if server::is_mysql(found) {
        // It does this itself when it starts.
        return Ok(());
    }
    let mut program = program(&found.binaries, &SERVER);
    program.run_as(account.as_ref()).directory(&place.directory).share(&place.directory);
    program.setting("--defaults-file", server::configuration(place));
    program.setting("--datadir", &data).argument("--bootstrap");
    let sql = format!("FLUSH PRIVILEGES;\n{}", server::change_password(place));
    server::run(program, |program| {
        program.feed(|input| std::io::Write::write_all(input, sql.as_bytes())).map(|()| String::new())
    })
}
