//! The content as one portable file, and back, with PostgreSQL's own programs.

use std::fs::File;
use std::path::Path;

use database::{DatabaseError, DurableRename, FileError};

use crate::database::PostgresDatabase;
use crate::program::{Failure, Program};

impl PostgresDatabase {
    pub(crate) fn dump_to(&mut self, to: &Path) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        if !self.is_there(&name)? {
            return Err(DatabaseError::Missing { database: name });
        }
        let file = DurableRename::begin(to)?;
        let mut program = self.program("pg_dump");
        // By the environment: an argument with `=` in it would be taken for a list of settings.
        program.env("PGDATABASE", &name);
        // Compressed a little, so that a damaged file is noticed.
        program.argument("--format=custom").argument("--compress=1").argument("--file").argument(file.path());
        let path = program.path().to_owned();
        program.run().map_err(|failure| match failure {
            Failure::Start(source) => FileError { action: "start", path, source }.into(),
            Failure::Status { status, output } => DatabaseError::Program { program: path, status, output },
        })?;
        Ok(file.finish()?)
    }

    pub(crate) fn restore_from(&mut self, from: &Path) -> Result<(), DatabaseError> {
        File::open(from).map_err(FileError::of("read", from))?;
        self.drop_leftovers()?;
        let (name, new) = (self.name.clone(), self.new_name());
        self.create_empty(&new)?;
        if let Err(error) = self.fill(&new, from) {
            // The next call would drop it, too; this one has a better error to report than that it cannot.
            let _ = self.drop_named(&new);
            return Err(error);
        }
        self.swap(&new, &name)
    }

    fn fill(&self, database: &str, from: &Path) -> Result<(), DatabaseError> {
        let mut program = self.program("pg_restore");
        program.argument("--exit-on-error").argument("--dbname").argument(database).argument(from);
        let path = program.path().to_owned();
        program.run().map(drop).map_err(|failure| match failure {
            Failure::Start(source) => FileError { action: "start", path, source }.into(),
            Failure::Status { status, output } => {
                let failed = DatabaseError::Program { program: path, status, output };
                match failed {
                    DatabaseError::Program { output: reason, .. } if !reason.contains("No space left on device") => {
                        DatabaseError::Damaged { path: from.to_owned(), reason }
                    }
                    full => full,
                }
            }
        })
    }

    /// Makes a program that connects as this database's user; the objects will belong to whoever restores them.
    fn program(&self, name: &str) -> Program {
        let mut program = Program::new(&self.binaries, name);
        program.env("PGPASSWORD", self.address.password.expose());
        program.argument("--no-password").argument("--no-owner").argument("--no-acl");
        program.argument("--host").argument(&self.address.socket_directory);
        program.argument("--port").argument(self.address.port.to_string());
        program.argument("--username").argument(&self.address.user);
        program
    }
}
