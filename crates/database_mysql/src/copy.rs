//! A copy of a schema inside the server.
//!
//! Small tables are copied row by row by the server; of large ones the files are copied and taken in, which is several
//! times faster. While that lasts nobody can write to the tables.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use database::{DatabaseError, FileError};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error};

use crate::client::SQL_MODE;
use crate::database::MysqlDatabase;
use crate::error::{is_locked, refused};
use crate::literal::{quote, text, within};
use crate::{objects, schema};

/// From this size on, in bytes, it pays to copy a table's file: the server writes every page of it anew and to the disk.
const FILE_COPY_SIZE: u64 = 32 << 20;

/// What a session needs to copy rows: nothing is checked again, nothing locked, and every value is stored as it is.
const COPYING: [&str; 3] = [
    "SET SESSION foreign_key_checks = 0, unique_checks = 0",
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

/// The way back from [`COPYING`].
const COPIED: [&str; 3] = [
    "SET SESSION foreign_key_checks = 1, unique_checks = 1",
    SQL_MODE,
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
];

/// A table as it is copied.
struct TableCopy {
    name: String,
    /// The columns that are stored, quoted.
    columns: String,
    by_file: bool,
}

impl MysqlDatabase {
    /// Copies everything of a schema into an empty one.
    pub(crate) fn copy(&mut self, from: &str, to: &str) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let refused = |what: &str| refused(&name, format!("copy {what}"));
        // A connection of its own holds the tables still, as long as it lives.
        let mut guard = self.address.session(&self.name)?;
        let objects = objects::read(self.session()?, from).map_err(refused("its views and routines"))?;
        let tables = schema::base_tables(&mut guard, from).map_err(refused("its tables"))?;
        if hold(&mut guard, from, &tables).is_err_and(|error| is_locked(&error)) && from == self.schema {
            self.end_connections()?;
        }
        hold(&mut guard, from, &tables).map_err(refused("its tables"))?;
        for setting in COPYING {
            self.run(setting, "copy its tables")?;
        }
        let copied = self.copy_tables(from, to, &tables);
        for setting in COPIED {
            self.run(setting, "copy its tables")?;
        }
        copied?;
        objects::make(self.session()?, to, &objects).map_err(refused("its views and routines"))
    }

    fn copy_tables(&mut self, from: &str, to: &str, tables: &[String]) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let data = self.data_directory()?;
        let conn = self.session()?;
        let sequences = schema::sequences(conn, from).map_err(refused(&name, "list its sequences"))?;
        for sequence in &sequences {
            copy_sequence(conn, from, to, sequence).map_err(refused(&name, format!("copy {sequence}")))?;
        }
        let mut copies = Vec::with_capacity(tables.len());
        for table in tables {
            let copy = begin_table(conn, from, to, table, &sequences);
            copies.push(copy.map_err(refused(&name, format!("copy {table}")))?);
        }
        for table in &copies {
            let files = table.by_file.then(|| TableFiles::of(&data, from, to, &table.name)).flatten();
            let by_file = match files {
                Some(files) => by_file(conn, &name, from, to, table, &files)?,
                None => false,
            };
            if !by_file {
                by_rows(conn, from, to, table).map_err(refused(&name, format!("copy {}", table.name)))?;
            }
        }
        Ok(())
    }

    fn data_directory(&mut self) -> Result<PathBuf, DatabaseError> {
        let refused = refused(&self.name, "look for the data directory");
        let found: Option<String> = self.session()?.query_first("SELECT @@datadir").map_err(refused)?;
        Ok(PathBuf::from(found.unwrap_or_default()))
    }
}

/// Keeps others from writing to the tables of a schema, as long as the connection lives.
fn hold(guard: &mut Conn, schema: &str, tables: &[String]) -> Result<(), Error> {
    if tables.is_empty() {
        return Ok(());
    }
    guard.query_drop("SET SESSION lock_wait_timeout = 5")?;
    let locks: Vec<_> = tables.iter().map(|table| format!("{} READ", within(schema, table))).collect();
    guard.query_drop(format!("LOCK TABLES {}", locks.join(", ")))
}

fn copy_sequence(conn: &mut Conn, from: &str, to: &str, sequence: &str) -> Result<(), Error> {
    create_like(conn, from, to, sequence, &[])?;
    let sql = format!("SELECT next_not_cached_value FROM {}", within(from, sequence));
    if let Some(next) = conn.query_first::<i64, _>(sql)? {
        conn.query_drop(format!("SELECT SETVAL({}, {next}, 0)", within(to, sequence)))?;
    }
    Ok(())
}

/// Makes an empty table or sequence like another one, with its foreign keys.
fn create_like(conn: &mut Conn, from: &str, to: &str, table: &str, sequences: &[String]) -> Result<String, Error> {
    conn.query_drop(format!("USE {}", quote(to)))?;
    let (_, mut statement): (String, String) =
        conn.query_first(format!("SHOW CREATE TABLE {}", within(from, table)))?.unwrap_or_default();
    // A default that takes a value from a sequence names the sequence with its schema.
    for sequence in sequences {
        statement = statement.replace(&within(from, sequence), &within(to, sequence));
    }
    conn.query_drop(&statement)?;
    Ok(statement)
}

fn begin_table(conn: &mut Conn, from: &str, to: &str, table: &str, sequences: &[String]) -> Result<TableCopy, Error> {
    let statement = create_like(conn, from, to, table, sequences)?;
    let columns: Vec<String> = conn.query(format!(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS
            WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND COALESCE(GENERATION_EXPRESSION, '') = ''
            ORDER BY ORDINAL_POSITION",
        text(from),
        text(table)
    ))?;
    let columns: Vec<_> = columns.iter().map(|column| quote(column)).collect();
    let facts: Option<(Option<String>, u64, String)> = conn.query_first(format!(
        "SELECT ENGINE, COALESCE(DATA_LENGTH + INDEX_LENGTH, 0), COALESCE(CREATE_OPTIONS, '')
            FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        text(from),
        text(table)
    ))?;
    let by_file = facts.is_some_and(|(engine, bytes, options)| {
        let plain = !options.contains("partitioned") && !options.to_ascii_uppercase().contains("ENCRYPT");
        // What has more than one file, or is computed, the server does not take in.
        let unusual = ["FULLTEXT KEY", "SPATIAL KEY", " VIRTUAL", "DATA DIRECTORY", "SYSTEM VERSIONING"];
        engine.as_deref() == Some("InnoDB")
            && bytes >= FILE_COPY_SIZE
            && plain
            && !unusual.iter().any(|word| statement.contains(word))
    });
    Ok(TableCopy { name: table.to_owned(), columns: columns.join(", "), by_file })
}

fn by_rows(conn: &mut Conn, from: &str, to: &str, table: &TableCopy) -> Result<(), Error> {
    let columns = &table.columns;
    let (original, copy) = (within(from, &table.name), within(to, &table.name));
    conn.query_drop(format!("INSERT INTO {copy} ({columns}) SELECT {columns} FROM {original}"))
}

/// Copies a table's file; `false` when the server would not take it in and the table is to be copied by its rows.
fn by_file(
    conn: &mut Conn,
    name: &str,
    from: &str,
    to: &str,
    table: &TableCopy,
    files: &TableFiles,
) -> Result<bool, DatabaseError> {
    let refused = |action: &str| refused(name, format!("{action} {}", table.name));
    let (original, copy) = (within(from, &table.name), within(to, &table.name));
    conn.query_drop(format!("ALTER TABLE {copy} DISCARD TABLESPACE")).map_err(refused("copy the file of"))?;
    conn.query_drop(format!("FLUSH TABLES {original} FOR EXPORT")).map_err(refused("copy the file of"))?;
    let copied = files.copy();
    conn.query_drop("UNLOCK TABLES").map_err(refused("copy the file of"))?;
    copied?;
    if conn.query_drop(format!("ALTER TABLE {copy} IMPORT TABLESPACE")).is_ok() {
        database::remove_file(&files.to.with_extension("cfg"))?;
        return Ok(true);
    }
    conn.query_drop(format!("DROP TABLE {copy}")).map_err(refused("copy"))?;
    create_like(conn, from, to, &table.name, &[]).map_err(refused("copy"))?;
    Ok(false)
}

/// The file of a table, and that of its copy.
struct TableFiles {
    from: PathBuf,
    to: PathBuf,
}

impl TableFiles {
    /// Finds them; `None` where the names of the files are not certain.
    fn of(data: &Path, from: &str, to: &str, table: &str) -> Option<Self> {
        let file = |schema: &str| Some(data.join(file_name(schema)?).join(file_name(table)?).with_extension("ibd"));
        let (from, to) = (file(from)?, file(to)?);
        from.is_file().then_some(TableFiles { from, to })
    }

    /// Copies the file and its description, where the file system can without copying the bytes; they belong to whom the
    /// schema's directory belongs.
    fn copy(&self) -> Result<(), FileError> {
        let owner = self.to.parent().unwrap_or(Path::new("/"));
        let owner = fs::metadata(owner).map_err(FileError::of("inspect", owner))?;
        for extension in ["cfg", "ibd"] {
            let (from, to) = (self.from.with_extension(extension), self.to.with_extension(extension));
            fs::copy(&from, &to).map_err(FileError::of("write", &to))?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o660)).map_err(FileError::of("protect", &to))?;
            chown(&to, Some(owner.uid()), Some(owner.gid())).map_err(FileError::of("change the owner of", &to))?;
        }
        Ok(())
    }
}

/// Gives the name by which the server calls a file: other characters than letters, digits and `_` have their code.
pub(crate) fn file_name(name: &str) -> Option<String> {
    let character = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => Some(character.to_string()),
        // Letters of other alphabets have codes that only the server knows.
        _ if character.is_ascii() => Some(format!("@{:04x}", u32::from(character))),
        _ => None,
    };
    name.chars().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_the_server_names_them() {
        assert_eq!(file_name("a_1").as_deref(), Some("a_1"));
        assert_eq!(file_name("my-app 'x'").as_deref(), Some("my@002dapp@0020@0027x@0027"));
        assert_eq!(file_name("björn"), None);
    }
}
