//! Rows in bulk: COPY, in the binary form where each column's type has one here, and what is set aside meanwhile.

use std::io::Write as _;

use database::{Bulk, BulkTable, DatabaseError, Datum, Rows};
use postgres::{Client, CopyInWriter, Error};

use crate::error::refused;
use crate::schema::{NAME, TABLES, attributes};
use crate::table::{literal, quote};

/// From how many rows on an empty table is filled faster without its indexes and constraints, which are made again.
const SET_ASIDE: u64 = 10_000;

/// How many bytes go to the server at once.
const PIECE: usize = 256 * 1024;

/// How much memory the server may use for an index that is made again.
const MEMORY: &str = "SET LOCAL maintenance_work_mem = '128MB'";

/// Tables that are written in bulk in the transaction of their connection.
pub(crate) struct PostgresBulk<'a> {
    client: &'a mut Client,
    database: String,
    tables: &'a [BulkTable],
    targets: Vec<Target>,
    /// What makes again what was set aside: first the keys and indexes, then the foreign keys.
    again: Vec<String>,
    /// What makes foreign keys that are checked late what they were.
    prompt: Vec<String>,
    failed: &'a mut bool,
}

/// A table that is written.
struct Target {
    quoted: String,
    /// The columns in the order of the rows; `None`: a type of which the binary form is not known here.
    forms: Option<Vec<Form>>,
    /// Whether its storage was begun anew in this transaction, so that rows can be written as if they had always been there.
    is_fresh: bool,
}

/// The binary form of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Boolean,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Jsonb,
    Bytes,
    Date,
    Time,
    Timestamp,
    Uuid,
}

impl Form {
    fn of(name: &str, is_enum: bool) -> Option<Self> {
        if is_enum {
            return Some(Form::Text);
        }
        Some(match name {
            "bool" => Form::Boolean,
            "int2" => Form::Int2,
            "int4" => Form::Int4,
            "int8" => Form::Int8,
            "float4" => Form::Float4,
            "float8" => Form::Float8,
            "numeric" => Form::Numeric,
            "text" | "varchar" | "bpchar" | "name" | "citext" | "json" | "xml" => Form::Text,
            "jsonb" => Form::Jsonb,
            "bytea" => Form::Bytes,
            "date" => Form::Date,
            "time" => Form::Time,
            "timestamp" | "timestamptz" => Form::Timestamp,
            "uuid" => Form::Uuid,
            _ => return None,
        })
    }
}

impl<'a> PostgresBulk<'a> {
    /// Reads what the tables are, and sets aside what slows their rows down.
    pub(crate) fn begin(
        client: &'a mut Client,
        database: String,
        tables: &'a [BulkTable],
        failed: &'a mut bool,
    ) -> Result<Self, DatabaseError> {
        let mut bulk =
            Self { client, database, tables, targets: Vec::new(), again: Vec::new(), prompt: Vec::new(), failed };
        // Until the end of what is begun here, an error leaves only a rollback.
        *bulk.failed = true;
        for table in tables {
            let target = bulk.target(table)?;
            bulk.targets.push(target);
        }
        let refused = || refused(&bulk.database, "set constraints aside");
        let mut aside = Aside::default();
        for (table, target) in tables.iter().zip(&bulk.targets) {
            if table.rows >= SET_ASIDE {
                aside.add(bulk.client, &target.quoted).map_err(refused())?;
            }
        }
        if let Some(again) = aside.set(bulk.client).map_err(refused())? {
            bulk.again = again;
            for target in &mut bulk.targets {
                target.is_fresh = aside.tables.contains(&target.quoted);
            }
        }
        for table in tables {
            for key in &table.late {
                let (late, prompt) = deferring(bulk.client, &table.name, Some(&key.columns)).map_err(refused())?;
                for statement in late {
                    bulk.client.batch_execute(&statement).map_err(refused())?;
                }
                bulk.prompt.extend(prompt);
            }
        }
        *bulk.failed = false;
        Ok(bulk)
    }

    fn target(&mut self, table: &BulkTable) -> Result<Target, DatabaseError> {
        let sql = format!(
            "SELECT format('%I.%I', nspname, relname), attname::text, base.typname::text, base.typtype = 'e'
            FROM {TABLES} JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
            JOIN LATERAL (WITH RECURSIVE below AS (
                    SELECT pg_type.* FROM pg_type WHERE pg_type.oid = atttypid
                    UNION ALL SELECT pg_type.* FROM below JOIN pg_type ON pg_type.oid = below.typbasetype
                ) SELECT typname, typtype FROM below WHERE typbasetype = 0) base ON true
            WHERE {NAME} = $1"
        );
        let rows = self.client.query(&sql, &[&table.name]);
        let rows = rows.map_err(refused(&self.database, format!("inspect {}", table.name)))?;
        let Some(first) = rows.first() else {
            return Err(DatabaseError::UnknownTable { database: self.database.clone(), table: table.name.clone() });
        };
        let mut forms = Some(Vec::new());
        for column in &table.columns {
            let row = rows.iter().find(|row| row.get::<_, &str>(1) == column);
            let row = row.ok_or_else(|| DatabaseError::UnknownColumn {
                database: self.database.clone(),
                table: table.name.clone(),
                column: column.clone(),
            })?;
            match (Form::of(row.get(2), row.get(3)), &mut forms) {
                (Some(form), Some(forms)) => forms.push(form),
                _ => forms = None,
            }
        }
        Ok(Target { quoted: first.get(0), forms, is_fresh: false })
    }

    fn copy(&mut self, number: usize, rows: &mut dyn Iterator<Item = Rows>) -> Result<u64, CopyError> {
        let (table, target) = (&self.tables[number], &self.targets[number]);
        let columns: Vec<String> = table.columns.iter().map(|column| quote(column)).collect();
        let format = if target.forms.is_some() { "binary" } else { "text" };
        let sql = format!(
            "COPY {} ({}) FROM STDIN WITH (FORMAT {format}, FREEZE {})",
            target.quoted,
            columns.join(", "),
            target.is_fresh
        );
        let mut piece = Piece { writer: self.client.copy_in(&sql)?, bytes: Vec::with_capacity(PIECE + 4096) };
        match &target.forms {
            Some(forms) => binary(&mut piece, forms, rows)?,
            None => text(&mut piece, rows)?,
        }
        piece.send(0)?;
        Ok(piece.writer.finish()?)
    }

    fn ending(&mut self) -> Result<(), Error> {
        if !self.again.is_empty() {
            self.client.batch_execute(MEMORY)?;
        }
        for statement in &self.again {
            self.client.batch_execute(statement)?;
        }
        self.client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE")?;
        for statement in &self.prompt {
            self.client.batch_execute(statement)?;
        }
        for (table, target) in self.tables.iter().zip(&self.targets) {
            count_on(self.client, table, target)?;
        }
        Ok(())
    }
}

impl Bulk for PostgresBulk<'_> {
    fn write(&mut self, table: usize, rows: &mut dyn Iterator<Item = Rows>) -> Result<u64, DatabaseError> {
        if *self.failed {
            return Err(DatabaseError::Aborted { database: self.database.clone() });
        }
        let action = format!("copy rows into {}", self.tables[table].name);
        self.copy(table, rows).map_err(|error| {
            *self.failed = true;
            match error {
                CopyError::Server(error) => refused(&self.database, action)(error),
                CopyError::Value(message) => {
                    DatabaseError::Refused { database: self.database.clone(), action, source: message.into() }
                }
            }
        })
    }

    fn finish(mut self: Box<Self>) -> Result<(), DatabaseError> {
        if *self.failed {
            return Err(DatabaseError::Aborted { database: self.database.clone() });
        }
        self.ending().map_err(|error| {
            *self.failed = true;
            refused(&self.database, "verify the constraints")(error)
        })
    }
}

/// Why rows could not be copied.
enum CopyError {
    Server(Error),
    /// A value that its column cannot take.
    Value(String),
}

impl From<Error> for CopyError {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

/// Bytes on their way.
struct Piece<'w> {
    writer: CopyInWriter<'w>,
    bytes: Vec<u8>,
}

impl Piece<'_> {
    /// Sends what there is, if it is more than so many bytes.
    fn send(&mut self, limit: usize) -> Result<(), CopyError> {
        if self.bytes.len() > limit {
            // The server's own error comes with the end of the copy; this one says no more than that there is one.
            if let Err(error) = self.writer.write_all(&self.bytes) {
                let message = error.to_string();
                let server = error.into_inner().and_then(|inner| inner.downcast::<Error>().ok());
                return Err(server.map_or(CopyError::Value(message), |error| CopyError::Server(*error)));
            }
            self.bytes.clear();
        }
        Ok(())
    }
}

fn binary(piece: &mut Piece<'_>, forms: &[Form], rows: &mut dyn Iterator<Item = Rows>) -> Result<(), CopyError> {
    const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    let width = i16::try_from(forms.len()).expect("a table has at most 1600 columns").to_be_bytes();
    piece.bytes.extend_from_slice(HEADER);
    for rows in rows {
        for row in &rows {
            piece.bytes.extend_from_slice(&width);
            for (datum, form) in row.iter().zip(forms) {
                let start = piece.bytes.len();
                piece.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
                if *datum == Datum::Null {
                    continue;
                }
                encode(*form, datum, &mut piece.bytes).ok_or_else(|| {
                    CopyError::Value(format!("{:?} is no {form:?}", datum.text().unwrap_or_default()))
                })?;
                let length = i32::try_from(piece.bytes.len() - start - 4).expect("values are short");
                piece.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
            }
            piece.send(PIECE)?;
        }
    }
    piece.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    Ok(())
}

/// Days and microseconds from 1970 to 2000, when PostgreSQL's time begins.
const DAYS: i32 = 10_957;
const MICROS: i64 = 946_684_800_000_000;

/// Appends the binary form of a value; `None` when it has none.
fn encode(form: Form, datum: &Datum, bytes: &mut Vec<u8>) -> Option<()> {
    let parsed;
    // A value that came as a text is read as what its column holds.
    let datum = match (form, datum) {
        (Form::Text | Form::Jsonb, _) => datum,
        (_, Datum::Text(text)) => {
            parsed = read(form, text.trim())?;
            &parsed
        }
        _ => datum,
    };
    match (form, datum) {
        (Form::Boolean, Datum::Boolean(value)) => bytes.push(u8::from(*value)),
        (Form::Int2, Datum::Integer(value)) => bytes.extend(i16::try_from(*value).ok()?.to_be_bytes()),
        (Form::Int4, Datum::Integer(value)) => bytes.extend(i32::try_from(*value).ok()?.to_be_bytes()),
        (Form::Int8, Datum::Integer(value)) => bytes.extend(value.to_be_bytes()),
        (Form::Float4, Datum::Float(_) | Datum::Integer(_) | Datum::Decimal { .. }) => {
            let value: f32 = datum.text()?.parse().ok()?;
            bytes.extend(value.to_be_bytes());
        }
        (Form::Float8, Datum::Float(value)) => bytes.extend(value.to_be_bytes()),
        (Form::Float8, Datum::Integer(_) | Datum::Decimal { .. }) => {
            let value: f64 = datum.text()?.parse().ok()?;
            bytes.extend(value.to_be_bytes());
        }
        (Form::Numeric, Datum::Integer(value)) => numeric(*value, 0, bytes),
        (Form::Numeric, Datum::Decimal { unscaled, scale }) => numeric(*unscaled, *scale, bytes),
        (Form::Numeric, Datum::Float(_)) => {
            let Some(Datum::Decimal { unscaled, scale }) = read(form, &datum.text()?) else { return None };
            numeric(unscaled, scale, bytes);
        }
        (Form::Text, datum) => {
            let mut text = String::new();
            datum.write(&mut text);
            bytes.extend_from_slice(text.as_bytes());
        }
        (Form::Jsonb, datum) => {
            const VERSION: u8 = 1;
            bytes.push(VERSION);
            bytes.extend_from_slice(datum.text()?.as_bytes());
        }
        (Form::Bytes, Datum::Bytes(value)) => bytes.extend_from_slice(value),
        (Form::Date, Datum::Date(days)) => bytes.extend((days - DAYS).to_be_bytes()),
        (Form::Date, Datum::Timestamp(micros)) => {
            bytes.extend((i32::try_from(micros.div_euclid(86_400_000_000)).ok()? - DAYS).to_be_bytes());
        }
        (Form::Time, Datum::Time(micros)) => bytes.extend(micros.to_be_bytes()),
        (Form::Timestamp, Datum::Timestamp(micros)) => bytes.extend((micros - MICROS).to_be_bytes()),
        (Form::Timestamp, Datum::Date(days)) => {
            bytes.extend((i64::from(*days) * 86_400_000_000 - MICROS).to_be_bytes());
        }
        (Form::Uuid, Datum::Uuid(value)) => bytes.extend_from_slice(value),
        _ => return None,
    }
    Some(())
}

/// Reads a text as a value of a form.
fn read(form: Form, text: &str) -> Option<Datum> {
    Some(match form {
        Form::Boolean => Datum::Boolean(match text {
            "true" | "t" | "1" | "yes" | "on" => true,
            "false" | "f" | "0" | "no" | "off" => false,
            _ => return None,
        }),
        Form::Int2 | Form::Int4 | Form::Int8 => Datum::Integer(text.parse().ok()?),
        Form::Float4 | Form::Float8 => Datum::Float(text.parse().ok()?),
        Form::Numeric => {
            let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
            let scale = u32::try_from(rest.len()).ok()?;
            Datum::Decimal { unscaled: format!("{whole}{rest}").parse().ok()?, scale }
        }
        Form::Bytes => {
            let digits = text.strip_prefix("\\x")?;
            let pair = |start: usize| u8::from_str_radix(digits.get(start..start + 2)?, 16).ok();
            Datum::Bytes((0..digits.len()).step_by(2).map(pair).collect::<Option<Vec<u8>>>()?)
        }
        Form::Date | Form::Timestamp => return moment(text),
        Form::Time => Datum::Time(clock(text)?),
        Form::Uuid => {
            let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
            let bytes: Vec<u8> = (0..digits.len())
                .step_by(2)
                .map(|start| u8::from_str_radix(digits.get(start..start + 2)?, 16).ok())
                .collect::<Option<Vec<u8>>>()?;
            Datum::Uuid(bytes.try_into().ok()?)
        }
        Form::Text | Form::Jsonb => Datum::Text(text.to_owned()),
    })
}

/// Reads `2022-01-31`, perhaps with a time of day and a zone.
fn moment(text: &str) -> Option<Datum> {
    let (date, rest) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || parts.next().is_some() {
        return None;
    }
    let days = database::day_of(year, month, day);
    if rest.is_empty() {
        return Some(Datum::Date(days));
    }
    let (time, zone) = rest.split_at(rest.rfind(['+', '-', 'Z']).unwrap_or(rest.len()));
    let offset = match zone {
        "" | "Z" => 0,
        zone => {
            let (hours, minutes) = zone[1..].split_once(':').unwrap_or((&zone[1..], "0"));
            let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -seconds } else { seconds }
        }
    };
    Some(Datum::Timestamp(i64::from(days) * 86_400_000_000 + clock(time)? - offset * 1_000_000))
}

fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds = parts.next().unwrap_or("0");
    let (whole, rest) = seconds.split_once('.').unwrap_or((seconds, ""));
    let micros: i64 = format!("{:0<6}", rest.get(..rest.len().min(6))?).parse().ok()?;
    Some((hours * 3600 + minutes * 60 + whole.parse::<i64>().ok()?) * 1_000_000 + micros)
}

/// Appends PostgreSQL's form of an exact number: digits to the base of 10,000, of which `weight` + 1 are before the point.
fn numeric(unscaled: i64, scale: u32, bytes: &mut Vec<u8>) {
    const BASE: u128 = 10_000;
    let sign: u16 = if unscaled < 0 { 0x4000 } else { 0 };
    // The digits behind the point are filled up to whole groups of four.
    let groups = scale.div_ceil(4);
    let mut rest = u128::from(unscaled.unsigned_abs()) * 10_u128.pow(groups * 4 - scale);
    let mut digits: Vec<u16> = Vec::new();
    while rest > 0 {
        digits.push(u16::try_from(rest % BASE).expect("it is below the base"));
        rest /= BASE;
    }
    let small = |number: usize| i16::try_from(number).expect("an i64 has few digits");
    let weight = small(digits.len()) - small(groups as usize) - 1;
    // Zeros at the end say nothing.
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    digits.drain(..zeros);
    bytes.extend(small(digits.len()).to_be_bytes());
    bytes.extend((if digits.is_empty() { 0 } else { weight }).to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(u16::try_from(scale).expect("scales are small").to_be_bytes());
    for digit in digits.iter().rev() {
        bytes.extend(digit.to_be_bytes());
    }
}

fn text(piece: &mut Piece<'_>, rows: &mut dyn Iterator<Item = Rows>) -> Result<(), CopyError> {
    let mut cell = String::new();
    for rows in rows {
        for row in &rows {
            for (index, datum) in row.iter().enumerate() {
                if index > 0 {
                    piece.bytes.push(b'\t');
                }
                cell.clear();
                if !datum.write(&mut cell) {
                    piece.bytes.extend_from_slice(b"\\N");
                    continue;
                }
                for byte in cell.bytes() {
                    match byte {
                        b'\\' => piece.bytes.extend_from_slice(b"\\\\"),
                        b'\t' => piece.bytes.extend_from_slice(b"\\t"),
                        b'\n' => piece.bytes.extend_from_slice(b"\\n"),
                        b'\r' => piece.bytes.extend_from_slice(b"\\r"),
                        other => piece.bytes.push(other),
                    }
                }
            }
            piece.bytes.push(b'\n');
            piece.send(PIECE)?;
        }
    }
    Ok(())
}

/// What is set aside of empty tables.
#[derive(Default)]
struct Aside {
    tables: Vec<String>,
}

impl Aside {
    /// Adds a table, if it is empty and an ordinary one.
    fn add(&mut self, client: &mut Client, quoted: &str) -> Result<(), Error> {
        let sql = format!(
            "SELECT relkind = 'r' AND NOT relhassubclass AND NOT EXISTS (SELECT FROM {quoted})
                AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgtype::int & 32 <> 0)
            FROM pg_class WHERE oid = {}::regclass",
            literal(quoted)
        );
        if client.query_one(&sql, &[])?.get(0) {
            // Whoever wrote a row between the look and the lock must not lose it.
            client.batch_execute(&format!("LOCK TABLE ONLY {quoted} IN ACCESS EXCLUSIVE MODE"))?;
            if client.query_one(&sql, &[])?.get(0) {
                self.tables.push(quoted.to_owned());
            }
        }
        Ok(())
    }

    /// Sets aside their indexes, keys and foreign keys, begins their storage anew, and gives the statements that make again what
    /// was set aside.
    ///
    /// `None`: where something else depends on one of them, such as a view on a primary key, all stays in place.
    fn set(&self, client: &mut Client) -> Result<Option<Vec<String>>, Error> {
        if self.tables.is_empty() {
            return Ok(None);
        }
        // Whatever could not be made again exactly as it was stays where it is.
        let sql = "WITH target AS (SELECT unnest($1::text[])::regclass::oid AS oid),
            plain AS (
                SELECT indexrelid FROM pg_index JOIN target ON target.oid = indrelid
                JOIN pg_class ON pg_class.oid = indexrelid
                WHERE indisvalid AND NOT indisclustered AND NOT indisreplident AND NOT indisexclusion
                AND reloptions IS NULL AND reltablespace = 0
                AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = indexrelid AND attstattarget >= 0)
            ), refers AS (
                SELECT pg_constraint.* FROM pg_constraint
                WHERE contype = 'f' AND (conrelid IN (SELECT oid FROM target) OR confrelid IN (SELECT oid FROM target))
            )
            SELECT 0, format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
                format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)),
                format('COMMENT ON CONSTRAINT %I ON %s IS %L', conname, conrelid::regclass, obj_description(oid, 'pg_constraint')),
                obj_description(oid, 'pg_constraint') IS NOT NULL, 2
            FROM refers WHERE convalidated AND conparentid = 0
            UNION ALL
            SELECT 1, format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
                format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)),
                format('COMMENT ON CONSTRAINT %I ON %s IS %L', conname, conrelid::regclass, obj_description(oid, 'pg_constraint')),
                obj_description(oid, 'pg_constraint') IS NOT NULL, 0
            FROM pg_constraint WHERE contype IN ('p', 'u') AND conindid IN (SELECT indexrelid FROM plain)
            UNION ALL
            SELECT 2, format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid),
                format('COMMENT ON INDEX %s IS %L', indexrelid::regclass, obj_description(indexrelid, 'pg_class')),
                obj_description(indexrelid, 'pg_class') IS NOT NULL, 1
            FROM plain WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
            ORDER BY 1, 2";
        let rows = client.query(sql, &[&self.tables])?;
        client.batch_execute("SAVEPOINT aside")?;
        // They are locked and empty; new storage is what rows can be written into without a later pass over them.
        let anew = format!("TRUNCATE ONLY {}", self.tables.join(", "));
        for statement in rows.iter().map(|row| row.get(1)).chain([anew.as_str()]) {
            if client.batch_execute(statement).is_err() {
                client.batch_execute("ROLLBACK TO SAVEPOINT aside; RELEASE SAVEPOINT aside")?;
                return Ok(None);
            }
        }
        client.batch_execute("RELEASE SAVEPOINT aside")?;
        let mut again: Vec<(i32, String)> = Vec::new();
        for row in &rows {
            let order: i32 = row.get(5);
            again.push((order, row.get(2)));
            if row.get(4) {
                again.push((order, row.get(3)));
            }
        }
        // Foreign keys need the keys that they refer to.
        again.sort_by_key(|(order, _)| *order);
        Ok(Some(again.into_iter().map(|(_, statement)| statement).collect()))
    }
}

/// The statements by which foreign keys over these columns, or all of a table, are checked at the end, and those that undo this.
pub(crate) fn deferring(
    client: &mut Client,
    table: &str,
    columns: Option<&[String]>,
) -> Result<(Vec<String>, Vec<String>), Error> {
    let sql = format!(
        "SELECT format('ALTER TABLE %s ALTER CONSTRAINT %I ', conrelid::regclass, conname), condeferrable, condeferred
        FROM pg_constraint
        JOIN pg_class class ON class.oid = coalesce(pg_partition_root(conrelid), conrelid)
        JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
        WHERE contype = 'f' AND conparentid = 0 AND {NAME} = $1 AND ($2::text[] IS NULL OR {} = $2)",
        attributes("conrelid", "conkey")
    );
    let (mut late, mut prompt) = (Vec::new(), Vec::new());
    for row in client.query(&sql, &[&table, &columns])? {
        let alter: &str = row.get(0);
        let before = match (row.get(1), row.get(2)) {
            (true, true) => continue,
            (true, false) => "DEFERRABLE INITIALLY IMMEDIATE",
            (false, _) => "NOT DEFERRABLE",
        };
        late.push(format!("{alter} DEFERRABLE INITIALLY DEFERRED"));
        prompt.push(format!("{alter} {before}"));
    }
    Ok((late, prompt))
}

/// Lets the sequences of a table go on after its greatest values.
fn count_on(client: &mut Client, table: &BulkTable, target: &Target) -> Result<(), Error> {
    let sql = "SELECT attname::text, sequence.oid::regclass::text FROM pg_attribute
        JOIN pg_class sequence ON relkind = 'S' AND sequence.oid IN (
            SELECT refobjid FROM pg_depend JOIN pg_attrdef ON classid = 'pg_attrdef'::regclass AND objid = pg_attrdef.oid
                WHERE adrelid = attrelid AND adnum = attnum AND refclassid = 'pg_class'::regclass
            UNION SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
                AND refobjid = attrelid AND refobjsubid = attnum AND deptype = 'i')
        JOIN pg_sequence ON seqrelid = sequence.oid AND seqincrement > 0
        WHERE attrelid = $1::text::regclass AND attname = ANY($2)";
    for row in client.query(sql, &[&target.quoted, &table.columns])? {
        let (column, sequence): (&str, &str) = (row.get(0), row.get(1));
        client.batch_execute(&format!(
            "SELECT setval({}, greatest(most, last_value)) FROM {sequence},
                (SELECT max({}) AS most FROM {}) counted WHERE most IS NOT NULL AND (most > last_value OR NOT is_called)",
            literal(sequence),
            quote(column),
            target.quoted
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hexadecimal(form: Form, datum: &Datum) -> Option<String> {
        let mut bytes = Vec::new();
        encode(form, datum, &mut bytes)?;
        let digits = Datum::Bytes(bytes).text()?;
        digits.strip_prefix("\\x").map(str::to_owned)
    }

    /// As `SELECT numeric_send(…)` and its siblings give them.
    #[test]
    fn binary_forms_are_those_of_the_server() {
        let decimal = |unscaled, scale| Datum::Decimal { unscaled, scale };
        for (form, datum, expected) in [
            (Form::Numeric, decimal(0, 2), "0000000000000002"),
            (Form::Numeric, decimal(1250, 2), "0002000000000002000c1388"),
            (Form::Numeric, decimal(-5, 1), "0001ffff400000011388"),
            (Form::Numeric, decimal(10_000, 0), "00010001000000000001"),
            (Form::Numeric, Datum::Text("12.50".to_owned()), "0002000000000002000c1388"),
            (Form::Date, Datum::Date(DAYS), "00000000"),
            (Form::Timestamp, Datum::Timestamp(MICROS + 1), "0000000000000001"),
            (Form::Timestamp, Datum::Text("2000-01-01 01:00:00+01".to_owned()), "0000000000000000"),
            (Form::Int2, Datum::Text("-2".to_owned()), "fffe"),
            (Form::Boolean, Datum::Text("true".to_owned()), "01"),
        ] {
            assert_eq!(hexadecimal(form, &datum).as_deref(), Some(expected), "{form:?} {datum:?}");
        }
        assert_eq!(hexadecimal(Form::Int2, &Datum::Integer(40_000)), None);
        assert_eq!(hexadecimal(Form::Uuid, &Datum::Text("12".to_owned())), None);
    }
}
