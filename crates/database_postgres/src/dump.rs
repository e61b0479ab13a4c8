//! The content as one portable file, made with PostgreSQL's own program.

use std::path::Path;

use database::{DatabaseError, DurableRename, FileError, Program, ProgramFailure};

use crate::database::PostgresDatabase;
use crate::program::program;

impl PostgresDatabase {
    pub(crate) fn dump_to(&mut self, to: &Path) -> Result<(), DatabaseError> {
        let target = self.target.clone();
        if !self.is_there(&target)? {
            return Err(DatabaseError::Missing { database: self.name.clone() });
        }
        let file = DurableRename::begin(to)?;
        let mut program = self.program("pg_dump");
        // By the environment: an argument with `=` in it would be taken for a list of settings.
        program.env("PGDATABASE", &target);
        // Not compressed, so that a store finds what two dumps have in common. The file is synced when it is whole.
        program.argument("--format=custom").argument("--compress=0").argument("--no-sync");
        program.argument("--file").argument(file.path());
        program.share(file.path().parent().unwrap_or(Path::new("/")));
        let path = program.path().to_owned();
        program.endable().run().map_err(|failure| match failure {
            ProgramFailure::Start(source) => FileError { action: "start", path, source }.into(),
            ProgramFailure::Status { status, output } => DatabaseError::Program { program: path, status, output },
        })?;
        Ok(file.finish()?)
    }

    /// Makes a program that connects as this database's user; the objects will belong to whoever restores them.
    pub(crate) fn program(&self, name: &str) -> Program {
        let mut program = program(&self.binaries, name);
        program.env("PGPASSWORD", self.address.password.expose());
        program.argument("--no-password").argument("--no-owner").argument("--no-acl");
        program.argument("--host").argument(&self.address.socket_directory).share(&self.address.socket_directory);
        program.argument("--port").argument(self.address.port.to_string());
        program.argument("--username").argument(&self.address.user);
        program
    }
}
