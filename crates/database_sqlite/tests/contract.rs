//! The contract of all drivers, kept by SQLite.

use std::path::Path;

use database::contract::{Harness, TypeKind};
use database::{Database, Engine as _, Location};
use database_sqlite::SqliteEngine;
use tempfile::TempDir;

struct SqliteHarness {
    place: TempDir,
    dumps: TempDir,
}

impl SqliteHarness {
    fn new() -> Self {
        let place = || TempDir::new().expect("a temporary directory");
        SqliteHarness { place: place(), dumps: place() }
    }
}

impl Harness for SqliteHarness {
    fn open(&self) -> Box<dyn Database> {
        let location =
            Location::Sqlite { path: self.place.path().join("lms.db"), kept: self.place.path().join("kept") };
        SqliteEngine.open(&location).expect("open")
    }

    fn directory(&self) -> &Path {
        self.dumps.path()
    }

    fn sql_type(&self, kind: TypeKind) -> &'static str {
        match kind {
            TypeKind::Serial => "integer PRIMARY KEY",
            TypeKind::Boolean => "BOOLEAN",
            TypeKind::Decimal => "DECIMAL(20, 4)",
            TypeKind::Date => "DATE",
            TypeKind::Timestamp => "TIMESTAMP",
            TypeKind::Json => "JSON",
            TypeKind::Uuid => "UUID",
            TypeKind::Bytes => "BLOB",
        }
    }
}

database::contract_tests!(Some(SqliteHarness::new()));
