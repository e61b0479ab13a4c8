//! What a load removes or changes in several databases, as it was: a file beside the journal, by which it is put back.
//!
//! A line for some rows of a table, as JSON. It is written before anything is committed, and read when the journal says that
//! a load is to be taken back.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use plan::DatabaseId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// What is to be put back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Former {
    /// Rows that were removed.
    Rows {
        /// Their table.
        table: String,
        /// The columns of the values.
        columns: Vec<String>,
        /// The rows.
        rows: Vec<Vec<Value>>,
    },
    /// Columns of rows that were changed.
    Values {
        /// Their table.
        table: String,
        /// The columns by which a row is found; its first values are of them.
        keys: Vec<String>,
        /// The columns that are set; the other values are of them.
        columns: Vec<String>,
        /// The rows.
        rows: Vec<Vec<Value>>,
    },
    /// A piece of the ledger, in hexadecimal digits.
    Piece {
        /// The load.
        load: u64,
        /// The piece.
        number: u64,
        /// What is in it.
        content: String,
    },
}

/// Writes the file, if anything may have to be put back at all.
pub(crate) struct FormerRows {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    is_wanted: bool,
}

impl FormerRows {
    pub(crate) fn new(path: PathBuf, is_wanted: bool) -> Self {
        Self { path, file: None, is_wanted }
    }

    /// Whether what is removed or changed must be told here.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Adds what is about to be removed or changed.
    pub(crate) fn add(&mut self, database: &DatabaseId, former: &Former) -> Result<(), Error> {
        if !self.is_wanted {
            return Ok(());
        }
        let path = &self.path;
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
                none.insert(BufWriter::new(file.map_err(Error::io("write", path))?))
            }
        };
        serde_json::to_writer(&mut *file, &(database.to_string(), former))
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(Error::io("write", path))
    }

    /// Makes it durable.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let synced = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        let synced = synced.and_then(|()| File::open(directory)?.sync_all());
        synced.map_err(Error::io("write", &self.path))
    }
}

/// Reads what is to be put back in one database; nothing where there is no file.
pub(crate) fn read(
    path: &Path,
    database: &DatabaseId,
    each: &mut dyn FnMut(Former) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    for line in BufReader::new(file).lines() {
        let line = line.map_err(Error::io("read", path))?;
        let read: Result<(String, Former), _> = serde_json::from_str(&line);
        let (name, former) = read.map_err(|source| Error::Record { path: path.to_owned(), source })?;
        if name == database.to_string() {
            each(former)?;
        }
    }
    Ok(())
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("a nibble is a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads what [`hexadecimal`] wrote.
pub(crate) fn bytes(digits: &str) -> Option<Vec<u8>> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}
