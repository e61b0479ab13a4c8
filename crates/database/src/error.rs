//! What can go wrong with a database.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::{EngineKind, FileError, StateName};

/// What an engine's own library or program said.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Says what went wrong with a database; `database` is its name everywhere.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The location belongs to another engine.
    #[error("database {database} is not of the engine {engine}")]
    OtherEngine {
        /// The database.
        database: String,
        /// The engine that was asked to open it.
        engine: EngineKind,
    },
    /// Its server cannot be reached.
    #[error("cannot connect to database {database}")]
    Unreachable {
        /// The database.
        database: String,
        /// Why not.
        source: Cause,
    },
    /// It does not exist.
    #[error("database {database} does not exist")]
    Missing {
        /// The database.
        database: String,
    },
    /// Someone else has it open or locked.
    #[error("database {database} is in use by another process: {detail}")]
    Busy {
        /// The database.
        database: String,
        /// What could not be done.
        detail: String,
    },
    /// There is no such table.
    #[error("database {database} has no table {table}")]
    UnknownTable {
        /// The database.
        database: String,
        /// The table.
        table: String,
    },
    /// There is no such column.
    #[error("table {table} of database {database} has no column {column}")]
    UnknownColumn {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A row breaks a constraint.
    #[error("constraint {constraint} of table {table} in database {database} is violated: {detail}")]
    Constraint {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// The constraint's name, or the columns that it is about where the engine has no name for it.
        constraint: String,
        /// The values of the row, and what is wrong with them.
        detail: String,
    },
    /// Several rows have one key.
    #[error("table {table} of database {database} has several rows with {key}")]
    Ambiguous {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// The key, rendered.
        key: String,
    },
    /// A statement of a script failed.
    #[error("line {line} of the script for database {database}: {message}")]
    Script {
        /// The database.
        database: String,
        /// The line, from 1.
        line: usize,
        /// What the engine said.
        message: String,
    },
    /// A transaction that had an error was committed.
    #[error("a transaction in database {database} had an error and can only be rolled back")]
    Aborted {
        /// The database.
        database: String,
    },
    /// The engine has no such thing.
    #[error("{engine} cannot {action}")]
    Unsupported {
        /// The engine.
        engine: EngineKind,
        /// What was asked for, such as `insert rows`.
        action: &'static str,
    },
    /// No such state is kept.
    #[error("database {database} has no kept state {state}")]
    UnknownState {
        /// The database.
        database: String,
        /// The state.
        state: StateName,
    },
    /// A file is no usable dump.
    #[error("{} is damaged or no dump of this engine: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no space left on the disk.
    #[error("the disk of database {database} is full")]
    DiskFull {
        /// The database.
        database: String,
        /// What the engine said.
        source: Cause,
    },
    /// A program of the engine failed.
    #[error("{} failed ({status}): {output}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: String,
        /// The end of what it said.
        output: String,
    },
    /// A file or a directory could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The engine refused, for a reason of no kind above.
    #[error("cannot {action} in database {database}")]
    Refused {
        /// The database.
        database: String,
        /// What was tried, such as `insert into users`.
        action: String,
        /// What the engine said.
        source: Cause,
    },
}

impl DatabaseError {
    /// Says whether there is no space left on the disk.
    pub fn is_disk_full(&self) -> bool {
        match self {
            DatabaseError::DiskFull { .. } => true,
            DatabaseError::File(FileError { source, .. }) => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            DatabaseError::Program { output, .. } => output.contains("No space left on device"),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_recognised_whoever_reports_it() {
        let file = |kind: io::ErrorKind| {
            DatabaseError::File(FileError { action: "write", path: "/x".into(), source: kind.into() })
        };
        let program = |output: &str| DatabaseError::Program {
            program: "pg_dump".into(),
            status: "exit status: 1".into(),
            output: output.into(),
        };
        let cases = [
            (file(io::ErrorKind::StorageFull), true),
            (file(io::ErrorKind::QuotaExceeded), true),
            (file(io::ErrorKind::PermissionDenied), false),
            (program("pg_dump: error: could not write: No space left on device"), true),
            (program("pg_dump: error: no"), false),
            (DatabaseError::DiskFull { database: "lms".into(), source: "full".into() }, true),
            (DatabaseError::Missing { database: "lms".into() }, false),
        ];
        for (error, expected) in cases {
            assert_eq!(error.is_disk_full(), expected, "{error}");
        }
    }
}
