//! The digest of a database's content: the objects of its schema by name and kind, and all rows.
//!
//! Large tables are read in parts by several connections that see the same moment. The text of a row is that of the server's
//! `COPY`, which costs the least to make and to take, and is the same for all versions.

use std::io::{self, BufRead as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use database::{DatabaseError, FingerprintBuilder, RowSum};
use postgres::Client;

use crate::database::PostgresDatabase;
use crate::error::refused;
use crate::ledger;
use crate::schema::{self, NAME, TABLES};
use crate::table::literal;

/// What the table model does not have: other relations, constraints, triggers, functions and enumerations.
///
/// By name and kind only: the text of an expression may change when it is dumped and restored.
const OBJECTS: &str = "WITH own AS (
        SELECT oid, nspname FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'seedbed ledger')
    ), definition AS (
        SELECT 'relation ' || relkind::text || ' ' || nspname || '.' || relname AS text
            FROM pg_class JOIN own ON own.oid = relnamespace
        UNION ALL SELECT 'constraint ' || contype::text || ' ' || nspname || '.' || conname
            FROM pg_constraint JOIN own ON own.oid = connamespace WHERE contype <> 'n'
        UNION ALL SELECT 'trigger ' || nspname || '.' || relname || '.' || tgname
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN own ON own.oid = relnamespace WHERE NOT tgisinternal
        UNION ALL SELECT 'function ' || nspname || '.' || proname || '(' || pg_get_function_identity_arguments(pg_proc.oid) || ')'
            FROM pg_proc JOIN own ON own.oid = pronamespace
        UNION ALL SELECT 'label ' || nspname || '.' || typname || ' ' || enumlabel
            FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid JOIN own ON own.oid = typnamespace
    ) SELECT text FROM definition ORDER BY text COLLATE \"C\"";

/// The relations that hold the rows of each table: itself, or its partitions, whose columns may stand in another order. Parts
/// can be read by the places of rows only where the server has the scan for it (from version 14) and rows have such places.
const STORED: &str = "SELECT stored.oid::regclass::text, pg_relation_size(stored.oid),
        current_setting('block_size')::bigint, current_setting('server_version_num')::int >= 140000 AND amname = 'heap',
        ARRAY(SELECT quote_ident(attname) FROM pg_attribute
            WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum)
    FROM pg_class class
    LEFT JOIN LATERAL pg_partition_tree(CASE class.relkind WHEN 'p' THEN class.oid END) AS tree ON tree.isleaf
    JOIN pg_class stored ON stored.oid = CASE class.relkind WHEN 'p' THEN tree.relid ELSE class.oid END
    LEFT JOIN pg_am ON pg_am.oid = stored.relam
    WHERE class.oid = $1";

/// How many bytes of a table are read in one go.
const PART_BYTES: i64 = 32 << 20;

/// From how many bytes on it pays to connect more than once.
const SHARED_BYTES: i64 = 16 << 20;

/// The most connections that read at once: each keeps the server and this process busy.
const CONNECTIONS: usize = 4;

/// What a connection that only reads rows begins with. Compiling queries and workers of the server's own gain nothing here.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off;
    SET LOCAL max_parallel_workers_per_gather = 0";

/// What reading is called in errors.
const ACTION: &str = "read the content";

/// A part of the rows of a table.
struct Part {
    /// Which table, by its position.
    table: usize,
    /// The size of what is read, in bytes.
    bytes: i64,
    sql: String,
}

impl PostgresDatabase {
    /// Gives the fingerprint of one moment of the database.
    pub(crate) fn take_fingerprint(&mut self) -> Result<String, DatabaseError> {
        let name = self.name.clone();
        self.session()?.batch_execute(BEGIN).map_err(refused(&name, ACTION))?;
        let fingerprint = self.read_content();
        let ended = self.session.as_mut().map_or(Ok(()), |client| client.batch_execute("ROLLBACK"));
        fingerprint.and_then(|fingerprint| ended.map(|()| fingerprint).map_err(refused(&name, ACTION)))
    }

    fn read_content(&mut self) -> Result<String, DatabaseError> {
        let name = self.name.clone();
        let client = self.session.as_mut().expect("its transaction has begun");
        let mut builder = FingerprintBuilder::default();
        let (names, parts) = describe(client, &mut builder).map_err(refused(&name, ACTION))?;
        for (table, rows) in names.iter().zip(self.sum_rows(names.len(), &parts)?) {
            builder.table(table, &rows);
        }
        Ok(builder.finish())
    }

    /// Sums the rows of each table, by several connections where there are many.
    fn sum_rows(&mut self, tables: usize, parts: &[Part]) -> Result<Vec<RowSum>, DatabaseError> {
        let (name, target, address) = (&self.name, &self.target, &self.address);
        let client = self.session.as_mut().expect("its transaction has begun");
        let bytes: i64 = parts.iter().map(|part| part.bytes).sum();
        let most = thread::available_parallelism().map_or(1, NonZero::get).min(CONNECTIONS).min(parts.len());
        let others = if bytes < SHARED_BYTES { 0 } else { most - 1 };
        let snapshot: Option<String> = if others == 0 {
            None
        } else {
            Some(client.query_one("SELECT pg_export_snapshot()", &[]).map_err(refused(name, ACTION))?.get(0))
        };
        let next = AtomicUsize::new(0);
        let work = |client: &mut Client| -> Result<Vec<RowSum>, DatabaseError> {
            let mut sums = vec![RowSum::default(); tables];
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = add_rows(client, &part.sql, &mut sums[part.table]) {
                    // Nobody needs the rest.
                    next.store(parts.len(), Ordering::Relaxed);
                    return Err(said(error, name));
                }
            }
            Ok(sums)
        };
        thread::scope(|scope| {
            let work = &work;
            let begun: Vec<_> = snapshot
                .iter()
                .flat_map(|snapshot| std::iter::repeat_n(snapshot, others))
                .map(|snapshot| {
                    scope.spawn(move || {
                        let mut client = address.connect(target, name)?;
                        let sql = format!("{BEGIN}; SET TRANSACTION SNAPSHOT {}", literal(snapshot));
                        client.batch_execute(&sql).map_err(refused(name, ACTION))?;
                        work(&mut client)
                    })
                })
                .collect();
            let mut sums = work(client);
            for other in begun {
                let other = other.join().expect("reading rows does not panic");
                sums = sums.and_then(|mut sums| {
                    sums.iter_mut().zip(other?).for_each(|(sum, more)| sum.merge(&more));
                    Ok(sums)
                });
            }
            sums
        })
    }
}

/// Adds the schema, and gives the names of the tables and the parts to read of them, the largest first.
fn describe(
    client: &mut Client,
    builder: &mut FingerprintBuilder,
) -> Result<(Vec<String>, Vec<Part>), postgres::Error> {
    for row in client.query(OBJECTS, &[])? {
        builder.definition(row.get(0));
    }
    for table in schema::inspect(client)?.tables {
        builder.definition(&format!("{table:?}"));
    }
    let (mut names, mut parts) = (Vec::new(), Vec::new());
    let sql = format!("SELECT {NAME}, class.oid FROM {TABLES} ORDER BY ({NAME}) COLLATE \"C\"");
    for row in client.query(&sql, &[])? {
        for stored in client.query(STORED, &[&row.get::<_, u32>(1)])? {
            let columns: Vec<&str> = stored.get(4);
            let select = format!("SELECT {} FROM ONLY {}", columns.join(", "), stored.get::<_, &str>(0));
            let (bytes, block, can_split): (i64, i64, Option<bool>) = (stored.get(1), stored.get(2), stored.get(3));
            split(names.len(), &select, bytes, block, can_split == Some(true), &mut parts);
        }
        names.push(row.get(0));
    }
    if ledger::is_there(client)? {
        let sql = format!("COPY {} TO STDOUT", ledger::TABLE);
        parts.push(Part { table: names.len(), bytes: 0, sql });
        names.push(ledger::TABLE.to_owned());
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    Ok((names, parts))
}

/// Adds the parts of what a query selects.
fn split(table: usize, select: &str, bytes: i64, block: i64, can_split: bool, parts: &mut Vec<Part>) {
    let copy = |condition: &str| format!("COPY ({select}{condition}) TO STDOUT");
    if !can_split || bytes <= PART_BYTES {
        parts.push(Part { table, bytes, sql: copy("") });
        return;
    }
    let (step, end) = (PART_BYTES / block, bytes / block);
    for first in (0..end).step_by(usize::try_from(step).expect("a part has a few thousand blocks")) {
        let next = first + step;
        // The last part has no end: the table may have grown since it was measured.
        let condition = if next < end {
            format!(" WHERE ctid >= '({first},0)' AND ctid < '({next},0)'")
        } else {
            format!(" WHERE ctid >= '({first},0)'")
        };
        parts.push(Part { table, bytes: PART_BYTES.min(bytes - first * block), sql: copy(&condition) });
    }
}

/// Adds the rows that a copy sends. Each is a line: the format has no line feeds within rows.
fn add_rows(client: &mut Client, sql: &str, sum: &mut RowSum) -> io::Result<()> {
    let mut reader = client.copy_out(sql).map_err(io::Error::other)?;
    let mut begun = Vec::new();
    loop {
        let bytes = reader.fill_buf()?;
        let length = bytes.len();
        if length == 0 {
            return Ok(());
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match (line.ends_with(b"\n"), begun.is_empty()) {
                (true, true) => sum.add(blake3::hash(line).as_bytes()),
                (true, false) => {
                    begun.extend_from_slice(line);
                    sum.add(blake3::hash(&begun).as_bytes());
                    begun.clear();
                }
                (false, _) => begun.extend_from_slice(line),
            }
        }
        reader.consume(length);
    }
}

/// Makes the error of a copy: the client wraps what the server said.
fn said(error: io::Error, name: &str) -> DatabaseError {
    match error.downcast::<postgres::Error>() {
        Ok(error) => refused(name, ACTION)(error),
        Err(error) => DatabaseError::Unreachable { database: name.to_owned(), source: error.into() },
    }
}
