//! The content as one portable file, and back.
//!
//! A line of JSON for each key, sorted by name: `["name", "type", expiry, value]`, where bytes that are no text are
//! `{"hex": …}`. The first line says what the file is; the last one has the number of keys and the digest of all before it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use database::{DatabaseError, DurableRename, FileError, StateName};
use redis::Connection;
use serde_json::{Value as Json, json};

use crate::content::{self, Entry};
use crate::database::RedisDatabase;
use crate::error::refused;
use crate::import;
use crate::value::{Value, bytes_from_json, bytes_to_json};

/// The first line.
const HEADER: &str = r#"{"format":"seedbed-redis","version":1}"#;

/// How many keys are written to the server at a time.
const BATCH: usize = 200;

impl RedisDatabase {
    pub(crate) fn dump_to(&mut self, to: &Path) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let session = self.content()?;
        let keys = content::keys(session, &name)?;
        let file = DurableRename::begin(to)?;
        let failed = |source| FileError::of("write", to)(source);
        let mut writer = Writer::create(file.path()).map_err(failed)?;
        writer.line(HEADER).map_err(failed)?;
        let mut count = 0_u64;
        content::each(session, &name, &keys, |entry| {
            count += 1;
            Ok(writer.line(&line(&entry)).map_err(failed)?)
        })?;
        writer.finish(count).map_err(failed)?;
        Ok(file.finish()?)
    }

    pub(crate) fn restore_state(&mut self, state: &StateName, from: &Path) -> Result<(), DatabaseError> {
        if import::is_rdb(from)? {
            return self.import_rdb(state, from);
        }
        verify(from)?;
        let name = self.name.clone();
        self.keep_filled(state, |session| load(session, &name, from))
    }
}

fn line(Entry { key, expiry, value }: &Entry) -> String {
    json!([bytes_to_json(key), value.kind(), expiry, value.to_json()]).to_string()
}

fn entry(line: &[u8]) -> Option<Entry> {
    let json: Json = serde_json::from_slice(line).ok()?;
    let value = Value::from_json(json.get(1)?.as_str()?, json.get(3)?)?;
    Some(Entry { key: bytes_from_json(json.get(0)?)?, expiry: json.get(2)?.as_i64(), value })
}

/// A file that is digested while it is written.
struct Writer {
    file: BufWriter<File>,
    digest: blake3::Hasher,
}

impl Writer {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Writer { file: BufWriter::new(File::create(path)?), digest: blake3::Hasher::new() })
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        for bytes in [text.as_bytes(), b"\n"] {
            self.digest.update(bytes);
            self.file.write_all(bytes)?;
        }
        Ok(())
    }

    fn finish(mut self, keys: u64) -> io::Result<()> {
        let digest = self.digest.finalize().to_hex();
        writeln!(self.file, "{}", end(keys, digest.as_str()))?;
        self.file.flush()
    }
}

fn end(keys: u64, digest: &str) -> Json {
    json!({ "keys": keys, "digest": digest })
}

/// Compares the file with its digest, before anything is done with it.
fn verify(path: &Path) -> Result<(), DatabaseError> {
    let mut digest = blake3::Hasher::new();
    let mut count = 0_u64;
    let mut last = Vec::new();
    each_line(path, |line| {
        digest.update(&last);
        last.clear();
        last.extend_from_slice(line);
        if count == 0 && line.trim_ascii_end() != HEADER.as_bytes() {
            return Err(damaged(path, "it is neither a dump of this program nor an RDB file"));
        }
        count += 1;
        Ok(())
    })?;
    let expected = end(count.saturating_sub(2), digest.finalize().to_hex().as_str()).to_string();
    if last == format!("{expected}\n").as_bytes() {
        Ok(())
    } else {
        Err(damaged(path, "its content does not fit the digest at its end"))
    }
}

/// Writes the keys of a verified file into the selected database.
fn load(session: &mut Connection, database: &str, path: &Path) -> Result<(), DatabaseError> {
    let mut pipeline = redis::pipe();
    let mut waiting = 0;
    each_line(path, |line| {
        if !line.starts_with(b"[") {
            return Ok(());
        }
        let Entry { key, expiry, value } = entry(line).ok_or_else(|| damaged(path, "a key is not understood"))?;
        value.write_commands(&mut pipeline, &key, expiry);
        waiting += 1;
        if waiting == BATCH {
            pipeline.exec(session).map_err(refused(database, "load a dump"))?;
            pipeline.clear();
            waiting = 0;
        }
        Ok(())
    })?;
    if waiting > 0 {
        pipeline.exec(session).map_err(refused(database, "load a dump"))?;
    }
    Ok(())
}

fn each_line(path: &Path, mut each: impl FnMut(&[u8]) -> Result<(), DatabaseError>) -> Result<(), DatabaseError> {
    let file = File::open(path).map_err(FileError::of("read", path))?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).map_err(FileError::of("read", path))? > 0 {
        each(&line)?;
        line.clear();
    }
    Ok(())
}

/// Makes the error of a file that is no usable dump.
pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> DatabaseError {
    DatabaseError::Damaged { path: path.to_owned(), reason: reason.into() }
}
