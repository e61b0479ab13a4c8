//! The content of a numbered database: its keys in the order of their names, a batch at a time.

use database::DatabaseError;
use redis::{Connection, RedisResult, from_redis_value};

use crate::error::refused;
use crate::value::{Bytes, Value, read_command};

/// How many keys are read at a time.
const BATCH: usize = 200;

/// What reading is called in errors.
const READ: &str = "read the content";

/// How many names the server is asked for at a time.
const PAGE: usize = 1000;

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Bytes,
    /// When it expires, in milliseconds since 1970.
    pub(crate) expiry: Option<i64>,
    pub(crate) value: Value,
}

/// Lists the names of all keys of the selected database, sorted.
pub(crate) fn keys(connection: &mut Connection, database: &str) -> Result<Vec<Bytes>, DatabaseError> {
    scan(connection).map_err(refused(database, READ))
}

fn scan(connection: &mut Connection) -> RedisResult<Vec<Bytes>> {
    let mut keys = Vec::new();
    let mut cursor = 0_u64;
    loop {
        let (next, mut page): (u64, Vec<Bytes>) =
            redis::cmd("SCAN").arg(cursor).arg("COUNT").arg(PAGE).query(connection)?;
        keys.append(&mut page);
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    keys.sort();
    // The server may name a key twice while its table grows.
    keys.dedup();
    Ok(keys)
}

/// Reads the values of all these keys, in order; a key that is gone is skipped.
pub(crate) fn each(
    connection: &mut Connection,
    database: &str,
    keys: &[Bytes],
    mut each: impl FnMut(Entry) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    for batch in keys.chunks(BATCH) {
        for entry in read(connection, batch).map_err(refused(database, READ))? {
            each(entry)?;
        }
    }
    Ok(())
}

fn read(connection: &mut Connection, keys: &[Bytes]) -> RedisResult<Vec<Entry>> {
    let facts = facts(connection, keys)?;
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors();
    for (key, kind, _) in &facts {
        read_command(&mut pipeline, kind, key);
    }
    let answers: Vec<redis::Value> = pipeline.query(connection)?;
    let mut entries = Vec::with_capacity(facts.len());
    for ((key, kind, expiry), answer) in facts.into_iter().zip(answers) {
        match answer {
            // The only command that refuses a key that has expired since its type was read.
            redis::Value::ServerError(error) if error.details().is_some_and(|said| said.contains("no such key")) => {}
            redis::Value::ServerError(error) => return Err(error.into()),
            answer => {
                entries.extend(Value::from_answer(&kind, answer)?.map(|value| Entry { key, expiry, value }));
            }
        }
    }
    Ok(entries)
}

/// Reads type and expiry of keys.
fn facts(connection: &mut Connection, keys: &[Bytes]) -> RedisResult<Vec<(Bytes, String, Option<i64>)>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = redis::pipe();
    for key in keys {
        pipeline.cmd("TYPE").arg(key).cmd("PEXPIRETIME").arg(key);
    }
    let answers: Vec<redis::Value> = pipeline.query(connection)?;
    let mut facts = Vec::with_capacity(keys.len());
    for (key, answers) in keys.iter().zip(answers.chunks_exact(2)) {
        let (kind, expiry): (String, i64) =
            (from_redis_value(answers[0].clone())?, from_redis_value(answers[1].clone())?);
        if kind != "none" {
            facts.push((key.clone(), kind, (expiry >= 0).then_some(expiry)));
        }
    }
    Ok(facts)
}
