//! The contract of all drivers, kept by SQLite.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use database::contract::{Harness, RelationalHarness, TypeKind, change_rows, fill_tables};
use database::{Database, DatabaseSettings, Engine as _, Location};
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

    fn path(&self) -> PathBuf {
        // With what has a meaning in a URI.
        self.place.path().join("l m?s#50%.db")
    }
}

impl Harness for SqliteHarness {
    fn open(&self) -> Box<dyn Database> {
        let location = Location::Sqlite { path: self.path(), kept: self.place.path().join("kept") };
        SqliteEngine.open(&location, &DatabaseSettings::default()).expect("open")
    }

    fn directory(&self) -> &Path {
        self.dumps.path()
    }

    fn fill(&self, database: &mut dyn Database, variant: u8) {
        fill_tables(self, database, variant);
    }

    fn change(&self, database: &mut dyn Database) {
        change_rows(database);
    }

    fn damage(&self, database: &mut dyn Database) -> bool {
        let middle = database.size().expect("size") / 2;
        let file = OpenOptions::new().write(true).open(self.path()).expect("open the file");
        file.write_all_at(&[0x5a; 8192], middle).expect("overwrite");
        true
    }
}

impl RelationalHarness for SqliteHarness {
    fn open_clone(&self, name: &str) -> Box<dyn Database> {
        let location = Location::Sqlite { path: self.path(), kept: self.place.path().join("kept") }.renamed(name);
        SqliteEngine.open(&location, &DatabaseSettings::default()).expect("open")
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

database::contract_tests!(SqliteHarness::new());
