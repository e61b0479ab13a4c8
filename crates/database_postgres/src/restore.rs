//! Dumps become kept states: ours, and those that PostgreSQL's own tools write in any of their formats.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use database::{DatabaseError, FileError, ProgramFailure, StateName};

use crate::database::PostgresDatabase;
use crate::extension::install;
use crate::plain;

/// How many connections fill a database at once, where the format allows it.
const JOBS: &str = "2";

/// From which size on, in bytes, several connections fill a database sooner than one that begins at once.
const JOBS_FROM: u64 = 8 << 20;

/// What sessions do that fill a database which nobody uses before it is renamed, and then what they wrote is on the disk.
const FAST: &str = "-c synchronous_commit=off -c maintenance_work_mem=256MB";

/// Where a tar file says that it is one, and what.
const TAR_MARK: (usize, &[u8]) = (257, b"ustar");

/// The formats of dumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// A file with a table of contents, compressed or not.
    Custom,
    /// A directory with a table of contents and a file for each table.
    Directory,
    /// The same in one tar file.
    Tar,
    /// Statements of SQL, with the rows between them.
    Plain,
}

impl Format {
    fn of(path: &Path) -> Result<Self, FileError> {
        let metadata = std::fs::metadata(path).map_err(FileError::of("read", path))?;
        if metadata.is_dir() {
            return Ok(Format::Directory);
        }
        let mut head = Vec::new();
        let file = File::open(path).map_err(FileError::of("read", path))?;
        file.take(512).read_to_end(&mut head).map_err(FileError::of("read", path))?;
        let (at, mark) = TAR_MARK;
        if head.starts_with(b"PGDMP") {
            Ok(Format::Custom)
        } else if head.get(at..at + mark.len()) == Some(mark) {
            Ok(Format::Tar)
        } else {
            Ok(Format::Plain)
        }
    }
}

impl PostgresDatabase {
    pub(crate) fn restore_state(&mut self, state: &StateName, from: &Path) -> Result<(), DatabaseError> {
        let format = Format::of(from)?;
        self.commanding(|this| {
            let restored = this.make(
                |this, new| {
                    this.create_empty(new)?;
                    match format {
                        Format::Plain => plain::restore(&mut this.address.connect(new, &this.name)?, &this.name, from),
                        Format::Custom | Format::Directory | Format::Tar => this.restore_archive(new, from, format),
                    }
                    .map_err(|error| this.explain(error))?;
                    this.create_extensions(new)?;
                    this.give_to_owner(new)
                },
                |this, new| this.put_under(new, state),
            );
            if restored.is_err() {
                let kept = this.kept_name(state);
                this.discard(&[kept])?;
            }
            restored
        })
    }

    fn restore_archive(&self, database: &str, from: &Path, format: Format) -> Result<(), DatabaseError> {
        let mut program = self.program("pg_restore");
        program.env("PGOPTIONS", FAST);
        program.argument("--exit-on-error").argument("--no-tablespaces").argument("--no-subscriptions");
        // Of a directory it is not known; who has one has much in it.
        let is_large = format == Format::Directory
            || std::fs::metadata(from).map_err(FileError::of("read", from))?.len() >= JOBS_FROM;
        if is_large && format != Format::Tar {
            program.argument("--jobs").argument(JOBS);
        } else {
            program.argument("--single-transaction");
        }
        program.argument("--dbname").argument(database).argument(from).share(from);
        let path = program.path().to_owned();
        program.endable().run().map(drop).map_err(|failure| match failure {
            ProgramFailure::Start(source) if source.kind() == ErrorKind::NotFound => {
                FileError { action: "find", path, source }.into()
            }
            ProgramFailure::Start(source) => FileError { action: "start", path, source }.into(),
            ProgramFailure::Status { status, output } => {
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

    /// Says what to do about a dump that is whole, but needs what the server does not have.
    fn explain(&mut self, error: DatabaseError) -> DatabaseError {
        let DatabaseError::Damaged { path, reason } = &error else { return error };
        let advice = if let Some(role) = between(reason, "role \"", "\" does not exist") {
            format!("it names the role {role}; add it to the roles of the database")
        } else if let Some(extension) = between(reason, "extension \"", "\" is not available")
            .or_else(|| between(reason, "/extension/", ".control\""))
        {
            let version = self.maintenance().ok().and_then(|client| client.query_one("SHOW server_version", &[]).ok());
            let version: String = version.map(|row| row.get(0)).unwrap_or_default();
            install(extension, version.split('.').next().unwrap_or_default())
        } else if reason.contains("unsupported version") {
            "it was made by a newer version of PostgreSQL; use that version, or make the dump as plain SQL".to_owned()
        } else {
            return error;
        };
        DatabaseError::Refused {
            database: self.name.clone(),
            action: format!("restore {}", path.display()),
            source: advice.into(),
        }
    }
}

/// Finds what stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let end = text.find(after)?;
    let start = text[..end].rfind(before)? + before.len();
    Some(&text[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_what_the_server_said_is_found() {
        let said = "pg_restore: error: role \"a\": x\nERROR:  role \"app owner\" does not exist\nCommand was: CREATE";
        assert_eq!(between(said, "role \"", "\" does not exist"), Some("app owner"));
        assert_eq!(between("role x", "role \"", "\" does not exist"), None);
    }
}
