//! An index of records, in SQLite: a cache that can be thrown away, so that questions take no longer with more records.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::LineageError;
use crate::document;
use crate::place::Place;
use crate::record::{Content, FORGET, Record, Reference, Status};

const SCHEMA: &str = include_str!("schema.sql");

/// Which references are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What was read.
    Input = 0,
    /// What completed executions wrote.
    Output = 1,
    /// What was executed.
    Code = 2,
    /// What executions that did not complete were to write.
    Broken = 3,
}

/// An index of records.
pub struct Index {
    connection: Connection,
    /// Records that were asked for.
    known: RefCell<HashMap<i64, Rc<Record>>>,
}

/// A record as the index finds it.
pub(crate) type Found = (i64, Rc<Record>);

/// A source of records, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Bytes that were read.
    pub bytes: u64,
    /// Something by which it is known that it is still the same.
    pub mark: String,
}

impl Index {
    /// Opens the index of a file, or begins one.
    pub fn open(path: &Path) -> Result<Self, LineageError> {
        Self::new(Connection::open(path)?)
    }

    /// An index in memory.
    pub fn in_memory() -> Result<Self, LineageError> {
        Self::new(Connection::open_in_memory()?)
    }

    fn new(connection: Connection) -> Result<Self, LineageError> {
        connection.busy_timeout(std::time::Duration::from_secs(60))?;
        // What a power cut takes of it is read again from the records.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.execute_batch(SCHEMA)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection, known: RefCell::default() })
    }

    /// What was read so far.
    pub fn sources(&self) -> Result<Vec<Source>, LineageError> {
        let mut statement = self.connection.prepare_cached("SELECT name, bytes, mark FROM sources ORDER BY name")?;
        let rows = statement.query_map([], |row| {
            Ok(Source { name: row.get(0)?, bytes: row.get::<_, i64>(1)?.cast_unsigned(), mark: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds records of a source, which is then read as far as it says. Nothing is done for records that are there.
    pub fn add(&mut self, source: &Source, records: &[Record]) -> Result<(), LineageError> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT INTO sources (name, bytes, mark) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes, mark = excluded.mark",
            params![source.name, source.bytes.cast_signed(), source.mark],
        )?;
        let number: i64 =
            transaction.query_row("SELECT number FROM sources WHERE name = ?1", [&source.name], |row| row.get(0))?;
        let mut places = HashMap::new();
        for record in records {
            let seq = insert(&transaction, record, &mut places)?;
            transaction
                .prepare_cached("INSERT OR IGNORE INTO held (source, seq) VALUES (?1, ?2)")?
                .execute([number, seq])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Takes a source away, and the records that no other has.
    pub fn remove(&mut self, source: &str) -> Result<(), LineageError> {
        let transaction = self.connection.transaction()?;
        let number: Option<i64> = transaction
            .query_row("SELECT number FROM sources WHERE name = ?1", [source], |row| row.get(0))
            .optional()?;
        let Some(number) = number else { return Ok(()) };
        let gone: Vec<i64> = transaction
            .prepare(
                "SELECT seq FROM held AS one WHERE source = ?1
                 AND NOT EXISTS (SELECT 1 FROM held AS other WHERE other.seq = one.seq AND other.source <> ?1)",
            )?
            .query_map([number], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        transaction.execute("DELETE FROM held WHERE source = ?1", [number])?;
        transaction.execute("DELETE FROM sources WHERE number = ?1", [number])?;
        for seq in gone {
            delete(&transaction, seq)?;
        }
        transaction.commit()?;
        self.known.borrow_mut().clear();
        Ok(())
    }

    /// How many records there are.
    pub fn len(&self) -> Result<usize, LineageError> {
        let count: i64 = self.connection.query_row("SELECT count(*) FROM records", [], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool, LineageError> {
        Ok(self.len()? == 0)
    }

    /// A record by its id.
    pub fn record(&self, id: &str) -> Result<Option<Rc<Record>>, LineageError> {
        Ok(self.found(id)?.map(|(_, record)| record))
    }

    /// The latest records, latest first.
    pub fn latest(&self, limit: usize) -> Result<Vec<Rc<Record>>, LineageError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let seqs = self.seqs("SELECT seq FROM records ORDER BY ended DESC, id DESC LIMIT ?1", &[&limit])?;
        seqs.into_iter().map(|seq| self.by_seq(seq)).collect()
    }

    pub(crate) fn found(&self, id: &str) -> Result<Option<Found>, LineageError> {
        let seq: Option<i64> = self
            .connection
            .prepare_cached("SELECT seq FROM records WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        seq.map(|seq| Ok((seq, self.by_seq(seq)?))).transpose()
    }

    pub(crate) fn by_seq(&self, seq: i64) -> Result<Rc<Record>, LineageError> {
        if let Some(record) = self.known.borrow().get(&seq) {
            return Ok(record.clone());
        }
        let line: String = self
            .connection
            .prepare_cached("SELECT document FROM records WHERE seq = ?1")?
            .query_row([seq], |row| row.get(0))?;
        let record = document::from_line(&line)
            .map_err(|why| LineageError::Malformed { what: "a record of the index".to_owned(), why })?;
        let record = Rc::new(record);
        self.known.borrow_mut().insert(seq, record.clone());
        Ok(record)
    }

    /// The latest completed execution, other than one, that left this content at exactly this place and had ended by then: when,
    /// and which.
    pub(crate) fn maker(
        &self,
        place: &Place,
        content: &Content,
        by: i64,
        other_than: i64,
    ) -> Result<Option<(i64, i64)>, LineageError> {
        self.at(place, |number| {
            Ok(self
                .connection
                .prepare_cached(
                    "SELECT moment, seq FROM refs WHERE role = 1 AND place = ?1 AND content = ?2 AND moment <= ?3 AND seq <> ?4
                     ORDER BY moment DESC, seq DESC LIMIT 1",
                )?
                .query_row(params![number, word(content), by, other_than], pair)
                .optional()?)
        })
    }

    /// The latest completed execution that wrote exactly this place, whatever it left there.
    pub(crate) fn writer(&self, place: &Place) -> Result<Option<(i64, i64)>, LineageError> {
        self.at(place, |number| {
            Ok(self
                .connection
                .prepare_cached(
                    "SELECT moment, seq FROM refs WHERE role = 1 AND place = ?1 ORDER BY moment DESC, seq DESC LIMIT 1",
                )?
                .query_row([number], pair)
                .optional()?)
        })
    }

    /// The latest execution that was to write exactly this place and did not complete.
    pub(crate) fn breaker(&self, place: &Place) -> Result<Option<(i64, i64)>, LineageError> {
        self.at(place, |number| {
            Ok(self
                .connection
                .prepare_cached(
                    "SELECT moment, seq FROM refs WHERE role = 3 AND place = ?1 ORDER BY moment DESC, seq DESC LIMIT 1",
                )?
                .query_row([number], pair)
                .optional()?)
        })
    }

    fn at<T>(
        &self,
        place: &Place,
        find: impl FnOnce(i64) -> Result<Option<T>, LineageError>,
    ) -> Result<Option<T>, LineageError> {
        let number: Option<i64> = self
            .connection
            .prepare_cached("SELECT number FROM places WHERE resource = ?1 AND path = ?2")?
            .query_row([&place.resource, &place.path], |row| row.get(0))
            .optional()?;
        number.map_or(Ok(None), find)
    }

    /// The places with references of this role that overlap with this one, each once: those it is in, itself, those in it.
    pub(crate) fn overlapping(&self, role: Role, place: &Place) -> Result<Vec<Place>, LineageError> {
        let exists = self.connection.prepare_cached("SELECT 1 FROM refs WHERE role = ?1 AND place = ?2 LIMIT 1");
        let mut exists = exists?;
        let mut places = Vec::new();
        for candidate in std::iter::once(place.clone()).chain(place.ancestors()) {
            if self.at(&candidate, |number| Ok(exists.exists(params![role as i64, number])?.then_some(())))?.is_some() {
                places.push(candidate);
            }
        }
        let (from, to) = within(place);
        let mut inside = self.connection.prepare_cached(
            "SELECT path FROM places WHERE resource = ?1 AND path >= ?2 AND path < ?3
             AND EXISTS (SELECT 1 FROM refs WHERE role = ?4 AND place = number)",
        )?;
        let rows = inside.query_map(params![place.resource, from, to, role as i64], |row| row.get::<_, String>(0))?;
        for path in rows {
            places.push(Place { resource: place.resource.clone(), path: path? });
        }
        Ok(places)
    }

    /// The latest completed executions that have references of these roles to places that overlap with this one.
    pub(crate) fn latest_with(&self, roles: &[Role], place: &Place) -> Result<Vec<Found>, LineageError> {
        let mut seqs = Vec::new();
        for role in roles {
            for candidate in std::iter::once(place.clone()).chain(place.ancestors()) {
                self.at(&candidate, |number| {
                    seqs.extend(self.seqs(
                        "SELECT latest FROM latest_refs JOIN families ON number = family WHERE role = ?1 AND place = ?2",
                        &[&(*role as i64), &number],
                    )?);
                    Ok(Some(()))
                })?;
            }
            let (from, to) = within(place);
            seqs.extend(self.seqs(
                "SELECT latest FROM places JOIN latest_refs ON place = places.number AND role = ?1
                 JOIN families ON families.number = family WHERE resource = ?2 AND path >= ?3 AND path < ?4",
                &[&(*role as i64), &place.resource, &from, &to],
            )?);
        }
        seqs.sort_unstable();
        seqs.dedup();
        seqs.into_iter().map(|seq| Ok((seq, self.by_seq(seq)?))).collect()
    }

    /// The executions that had an input of which this record is said to be a maker.
    pub(crate) fn said_readers(&self, maker: &str) -> Result<Vec<i64>, LineageError> {
        self.seqs("SELECT seq FROM made_by WHERE maker = ?1", &[&maker])
    }

    /// The executions that read this content at exactly this place from then on, as an input or as code; `only_unlooked` leaves
    /// those out of which somebody looked who had made it.
    pub(crate) fn readers(
        &self,
        role: Role,
        place: &Place,
        content: &Content,
        from: i64,
        only_unlooked: bool,
    ) -> Result<Vec<i64>, LineageError> {
        let most = i64::from(!only_unlooked);
        let found = self.at(place, |number| {
            Ok(Some(self.seqs(
                "SELECT seq FROM refs WHERE role = ?1 AND place = ?2 AND content = ?3 AND moment >= ?4 AND looked <= ?5",
                &[&(role as i64), &number, &word(content), &from, &most],
            )?))
        })?;
        Ok(found.unwrap_or_default())
    }

    /// All families of steps that were not forgotten: the step, the latest completed execution, the latest of all.
    pub(crate) fn families(&self) -> Result<Vec<Family>, LineageError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT families.number, families.latest, families.last FROM families JOIN records ON seq = last
             LEFT JOIN forgotten ON forgotten.step = families.step
             WHERE forgotten.ended IS NULL OR forgotten.ended < records.ended ORDER BY records.ended, records.id",
        )?;
        let rows = statement
            .query_map([], |row| Ok(Family { number: row.get(0)?, latest: row.get(1)?, last: row.get(2)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The family of a record.
    pub(crate) fn family_of(&self, seq: i64) -> Result<Family, LineageError> {
        Ok(self
            .connection
            .prepare_cached("SELECT number, latest, last FROM families JOIN records ON number = family WHERE seq = ?1")?
            .query_row([seq], |row| Ok(Family { number: row.get(0)?, latest: row.get(1)?, last: row.get(2)? }))?)
    }

    /// The completed executions of a family that left this content at a place, latest first.
    pub(crate) fn of_family(&self, family: i64, place: &Place, content: &Content) -> Result<Vec<i64>, LineageError> {
        let found = self.at(place, |number| {
            Ok(Some(self.seqs(
                "SELECT refs.seq FROM refs JOIN records ON records.seq = refs.seq
                 WHERE role = 1 AND place = ?1 AND content = ?2 AND family = ?3 ORDER BY moment DESC, refs.seq DESC",
                &[&number, &word(content), &family],
            )?))
        })?;
        Ok(found.unwrap_or_default())
    }

    /// When a step was forgotten.
    pub(crate) fn forgotten(&self, step: &str) -> Result<Option<i64>, LineageError> {
        Ok(self
            .connection
            .prepare_cached("SELECT ended FROM forgotten WHERE step = ?1")?
            .query_row([step], |row| row.get(0))
            .optional()?)
    }

    /// The names of all steps.
    pub fn steps(&self) -> Result<Vec<String>, LineageError> {
        let mut statement = self.connection.prepare_cached("SELECT DISTINCT step FROM families ORDER BY step")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn seqs(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<i64>, LineageError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(values, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A step with its output places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    pub number: i64,
    /// The latest completed execution.
    pub latest: Option<i64>,
    /// The latest of all.
    pub last: i64,
}

fn pair(row: &Row<'_>) -> rusqlite::Result<(i64, i64)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// From where to where paths are in a place, itself left out: `0` follows `/`.
fn within(place: &Place) -> (String, String) {
    if place.path.is_empty() {
        // All but the empty path; no path begins with what is beyond all letters.
        ("\u{1}".to_owned(), "\u{10ffff}".to_owned())
    } else {
        (format!("{}/", place.path), format!("{}0", place.path))
    }
}

/// A content in the words of the table.
fn word(content: &Content) -> &str {
    match content {
        Content::Unknown => "?",
        Content::Absent => "",
        Content::Digest(digest) => digest,
    }
}

fn references(record: &Record) -> impl Iterator<Item = (Role, &Reference)> {
    let output = if record.status == Status::Complete { Role::Output } else { Role::Broken };
    let inputs = record.inputs.iter().map(|reference| (Role::Input, reference));
    let outputs = record.outputs.iter().map(move |reference| (output, reference));
    inputs.chain(outputs).chain(record.code.iter().map(|reference| (Role::Code, reference)))
}

fn insert(
    transaction: &Transaction<'_>,
    record: &Record,
    places: &mut HashMap<Place, i64>,
) -> Result<i64, LineageError> {
    let there: Option<i64> = transaction
        .prepare_cached("SELECT seq FROM records WHERE id = ?1")?
        .query_row([&record.id], |row| row.get(0))
        .optional()?;
    if let Some(seq) = there {
        return Ok(seq);
    }
    if record.kind == FORGET {
        transaction.execute(
            "INSERT INTO forgotten (step, ended) VALUES (?1, ?2)
             ON CONFLICT (step) DO UPDATE SET ended = max(ended, excluded.ended)",
            params![record.step, record.ended_ms()],
        )?;
    }
    // The family is made first, and told of its newest execution when there is one.
    let name = blake3::hash(record.family().as_bytes()).to_hex()[..32].to_owned();
    transaction
        .prepare_cached("INSERT OR IGNORE INTO families (name, step, latest, last) VALUES (?1, ?2, NULL, 0)")?
        .execute(params![name, record.step])?;
    let (family, latest, last): (i64, Option<i64>, i64) = transaction
        .prepare_cached("SELECT number, latest, last FROM families WHERE name = ?1")?
        .query_row([&name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    transaction
        .prepare_cached(
            "INSERT INTO records (id, family, status, started, ended, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            record.id,
            family,
            record.status as i64,
            record.started_ms,
            record.ended_ms(),
            document::to_json(record).to_string()
        ])?;
    let seq = transaction.last_insert_rowid();
    for (role, reference) in references(record) {
        let Some(place) = reference.place() else { continue };
        let place = number(transaction, place, places)?;
        let moment = if matches!(role, Role::Output | Role::Broken) { record.ended_ms() } else { record.started_ms };
        transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO refs (role, place, content, moment, seq, looked) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                role as i64,
                place,
                word(&reference.content),
                moment,
                seq,
                i64::from(reference.made_by.is_some())
            ])?;
        for maker in reference.made_by.iter().flatten() {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO made_by (maker, seq) VALUES (?1, ?2)")?
                .execute(params![maker, seq])?;
        }
    }
    if is_after(transaction, record, Some(last).filter(|last| *last != 0))? {
        transaction.prepare_cached("UPDATE families SET last = ?1 WHERE number = ?2")?.execute([seq, family])?;
    }
    if record.status == Status::Complete && record.kind != FORGET && is_after(transaction, record, latest)? {
        set_latest(transaction, family, Some((seq, record)), places)?;
    }
    Ok(seq)
}

/// Whether the record comes after another, if there is one.
fn is_after(transaction: &Transaction<'_>, record: &Record, other: Option<i64>) -> Result<bool, LineageError> {
    let Some(other) = other else { return Ok(true) };
    let (ended, id): (i64, String) = transaction
        .prepare_cached("SELECT ended, id FROM records WHERE seq = ?1")?
        .query_row([other], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(record.order() > (ended, id.as_str()))
}

/// Makes an execution the latest completed one of its family.
fn set_latest(
    transaction: &Transaction<'_>,
    family: i64,
    latest: Option<(i64, &Record)>,
    places: &mut HashMap<Place, i64>,
) -> Result<(), LineageError> {
    let before: Option<String> = transaction
        .prepare_cached("SELECT document FROM families JOIN records ON seq = latest WHERE number = ?1")?
        .query_row([family], |row| row.get(0))
        .optional()?;
    if let Some(before) = before.and_then(|line| document::from_line(&line).ok()) {
        for (role, reference) in references(&before) {
            let Some(place) = reference.place() else { continue };
            let place = number(transaction, place, places)?;
            transaction
                .prepare_cached("DELETE FROM latest_refs WHERE role = ?1 AND place = ?2 AND family = ?3")?
                .execute([role as i64, place, family])?;
        }
    }
    transaction
        .prepare_cached("UPDATE families SET latest = ?1 WHERE number = ?2")?
        .execute(params![latest.map(|(seq, _)| seq), family])?;
    let Some((_, record)) = latest else { return Ok(()) };
    for (role, reference) in references(record) {
        let Some(place) = reference.place() else { continue };
        let place = number(transaction, place, places)?;
        transaction
            .prepare_cached("INSERT OR IGNORE INTO latest_refs (role, place, family) VALUES (?1, ?2, ?3)")?
            .execute([role as i64, place, family])?;
    }
    Ok(())
}

fn number(transaction: &Transaction<'_>, place: &Place, places: &mut HashMap<Place, i64>) -> Result<i64, LineageError> {
    if let Some(number) = places.get(place) {
        return Ok(*number);
    }
    transaction
        .prepare_cached("INSERT OR IGNORE INTO places (resource, path) VALUES (?1, ?2)")?
        .execute([&place.resource, &place.path])?;
    let number = transaction
        .prepare_cached("SELECT number FROM places WHERE resource = ?1 AND path = ?2")?
        .query_row([&place.resource, &place.path], |row| row.get(0))?;
    places.insert(place.clone(), number);
    Ok(number)
}

fn delete(transaction: &Transaction<'_>, seq: i64) -> Result<(), LineageError> {
    let (line, family): (String, i64) = transaction
        .prepare_cached("SELECT document, family FROM records WHERE seq = ?1")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let record = document::from_line(&line)
        .map_err(|why| LineageError::Malformed { what: "a record of the index".to_owned(), why })?;
    let mut places = HashMap::new();
    for (role, reference) in references(&record) {
        let Some(place) = reference.place() else { continue };
        let place = number(transaction, place, &mut places)?;
        let moment = if matches!(role, Role::Output | Role::Broken) { record.ended_ms() } else { record.started_ms };
        transaction
            .prepare_cached(
                "DELETE FROM refs WHERE role = ?1 AND place = ?2 AND content = ?3 AND moment = ?4 AND seq = ?5",
            )?
            .execute(params![role as i64, place, word(&reference.content), moment, seq])?;
        for maker in reference.made_by.iter().flatten() {
            transaction
                .prepare_cached("DELETE FROM made_by WHERE maker = ?1 AND seq = ?2")?
                .execute(params![maker, seq])?;
        }
    }
    // Its family has another latest execution now, or is none.
    let best = |condition: &str| -> Result<Option<i64>, LineageError> {
        let sql = format!(
            "SELECT seq FROM records WHERE family = ?1 AND seq <> ?2 {condition} ORDER BY ended DESC, id DESC LIMIT 1"
        );
        Ok(transaction.prepare_cached(&sql)?.query_row([family, seq], |row| row.get(0)).optional()?)
    };
    let (latest, last) = (best("AND status = 0")?, best("")?);
    let latest_record = latest
        .map(|seq| {
            let line: String =
                transaction.query_row("SELECT document FROM records WHERE seq = ?1", [seq], |row| row.get(0))?;
            let record = document::from_line(&line)
                .map_err(|why| LineageError::Malformed { what: "a record of the index".to_owned(), why })?;
            Ok::<_, LineageError>((seq, record))
        })
        .transpose()?
        .filter(|(_, record)| record.kind != FORGET);
    set_latest(transaction, family, latest_record.as_ref().map(|(seq, record)| (*seq, record)), &mut places)?;
    match last {
        Some(last) => transaction.execute("UPDATE families SET last = ?1 WHERE number = ?2", [last, family])?,
        None => transaction.execute("DELETE FROM families WHERE number = ?1", [family])?,
    };
    transaction.execute("DELETE FROM records WHERE seq = ?1", [seq])?;
    if record.kind == FORGET {
        transaction.execute("DELETE FROM forgotten WHERE step = ?1", [&record.step])?;
        let others: Vec<String> = transaction
            .prepare_cached("SELECT document FROM records JOIN families ON number = family WHERE step = ?1")?
            .query_map([&record.step], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let ended = others
            .iter()
            .filter_map(|line| document::from_line(line).ok())
            .filter(|record| record.kind == FORGET)
            .map(|record| record.ended_ms())
            .max();
        if let Some(ended) = ended {
            transaction.execute("INSERT INTO forgotten (step, ended) VALUES (?1, ?2)", params![record.step, ended])?;
        }
    }
    Ok(())
}
