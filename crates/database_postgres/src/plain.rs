//! Dumps in plain SQL, read in bounded memory and executed by the driver itself: a client program would also execute what
//! concerns the machine and not the database.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::mem;
use std::path::Path;

use database::{DatabaseError, Dialect, FileError, Statement, statements};
use postgres::error::SqlState;
use postgres::{Client, Error};

use crate::error::refused;

/// How many bytes of statements are executed at once.
const BATCH: usize = 1 << 20;

/// Stands behind an unfinished text to see whether a statement could begin there.
const PROBE: &str = "\nSEEDBED_PROBE";

/// Stands between statements that are executed together.
const SEPARATOR: &str = ";\n";

/// What belongs to a whole server; dumps with it are of several databases or change what is outside of this one.
const OF_SERVERS: [&str; 12] = [
    "CREATE DATABASE",
    "DROP DATABASE",
    "ALTER DATABASE",
    "CREATE ROLE",
    "DROP ROLE",
    "ALTER ROLE",
    "CREATE USER ",
    "ALTER USER ",
    "DROP USER ",
    "CREATE TABLESPACE",
    "DROP TABLESPACE",
    "ALTER SYSTEM",
];

/// What is left out: everything belongs to whoever restores it, and what the dump is filled with is complete.
const LEFT_OUT: [&str; 7] = [
    "GRANT ",
    "REVOKE ",
    "ALTER DEFAULT PRIVILEGES",
    "SET SESSION AUTHORIZATION",
    "SET ROLE",
    "SET DEFAULT_TABLESPACE",
    "CREATE SUBSCRIPTION",
];

/// Executes a dump in a database.
pub(crate) fn restore(client: &mut Client, database: &str, from: &Path) -> Result<(), DatabaseError> {
    let file = File::open(from).map_err(FileError::of("read", from))?;
    let mut restore = Restore { client, database, from, text: String::new(), first_line: 1, line: 0, found: false };
    let fast = "SET synchronous_commit = off; SET maintenance_work_mem = '256MB'";
    restore.client.batch_execute(fast).map_err(refused(database, "restore a dump"))?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    while let Some(line) = restore.next_line(&mut reader)? {
        restore.take_line(&line, &mut reader)?;
    }
    if !restore.closed() {
        return Err(restore.damaged(restore.line, "the file ends within a statement"));
    }
    restore.flush()?;
    if restore.found { Ok(()) } else { Err(restore.damaged(1, "there is no statement in it")) }
}

struct Restore<'a> {
    client: &'a mut Client,
    database: &'a str,
    from: &'a Path,
    /// What was read and not yet executed, and its first line.
    text: String,
    first_line: usize,
    /// The number of the last line read.
    line: usize,
    found: bool,
}

impl Restore<'_> {
    fn damaged(&self, line: usize, reason: &str) -> DatabaseError {
        DatabaseError::Damaged { path: self.from.to_owned(), reason: format!("line {line}: {reason}") }
    }

    /// Reads the bytes of the next line, with its end; `false` at the end of the file.
    fn read_line(&mut self, reader: &mut BufReader<File>, line: &mut Vec<u8>) -> Result<bool, DatabaseError> {
        line.clear();
        let read = reader.read_until(b'\n', line).map_err(FileError::of("read", self.from))?;
        self.line += usize::from(read > 0);
        Ok(read > 0)
    }

    fn next_line(&mut self, reader: &mut BufReader<File>) -> Result<Option<String>, DatabaseError> {
        let mut bytes = Vec::new();
        if !self.read_line(reader, &mut bytes)? {
            return Ok(None);
        }
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        let advice = "it is no text in UTF-8; a dump in another encoding is made with --encoding=UTF8";
        text.map(Some).ok_or_else(|| self.damaged(self.line, advice))
    }

    fn take_line(&mut self, line: &str, reader: &mut BufReader<File>) -> Result<(), DatabaseError> {
        let trimmed = line.trim_end();
        let copies = trimmed.starts_with("COPY ") && trimmed.ends_with("FROM stdin;");
        if (line.starts_with('\\') || copies) && self.closed() {
            self.flush()?;
            self.first_line = self.line + 1;
            return if copies { self.copy(trimmed, reader) } else { self.command(trimmed) };
        }
        if self.text.is_empty() {
            self.first_line = self.line;
        }
        self.text.push_str(line);
        if self.text.len() > BATCH && trimmed.ends_with(';') && self.closed() {
            self.flush()?;
        }
        Ok(())
    }

    /// Says whether all statements read so far are complete.
    fn closed(&self) -> bool {
        let probed = format!("{}{PROBE}", self.text);
        statements(&probed, Dialect::Postgres).last().is_some_and(|last| last.text == PROBE.trim_start())
    }

    /// Obeys a command of the client program, as far as it concerns nothing but this database.
    fn command(&mut self, line: &str) -> Result<(), DatabaseError> {
        let word = line.split_whitespace().next().unwrap_or_default();
        match word {
            // They protect against the commands that are not obeyed here.
            "\\restrict" | "\\unrestrict" => Ok(()),
            "\\connect" | "\\c" => Err(self.of_server(word)),
            _ => Err(self.damaged(self.line, &format!("{word} is a command of psql, which a dump does not need"))),
        }
    }

    fn of_server(&self, what: &str) -> DatabaseError {
        let reason = format!(
            "{} concerns more than one database; make the dump of a single one with pg_dump, without --create",
            what.trim_end()
        );
        self.damaged(self.line, &reason)
    }

    /// Copies the rows that follow, up to the line with `\.`.
    fn copy(&mut self, statement: &str, reader: &mut BufReader<File>) -> Result<(), DatabaseError> {
        self.found = true;
        let begun = self.line;
        let sql = statement.trim_end_matches(';');
        let copied = copy_rows(self.client, sql, reader).map_err(FileError::of("read", self.from))?;
        match copied {
            Ok(Some(lines)) => {
                self.line += lines;
                Ok(())
            }
            Ok(None) => Err(self.damaged(begun, "the file ends within the rows that begin here")),
            Err(error) => Err(self.failed(begun, error)),
        }
    }

    /// Executes what was read so far.
    fn flush(&mut self) -> Result<(), DatabaseError> {
        let text = mem::take(&mut self.text);
        let found = statements(&text, Dialect::Postgres);
        let mut batch = String::new();
        let (mut lines, mut characters) = (Vec::new(), 0);
        for statement in &found {
            self.found = true;
            let line = self.first_line + statement.line - 1;
            let words = normalised(statement);
            if let Some(words) = OF_SERVERS.iter().find(|start| words.starts_with(**start)) {
                self.line = line;
                return Err(self.of_server(words));
            }
            if words.starts_with("SET CLIENT_ENCODING") && !words.contains("UTF8") && !words.contains("UTF-8") {
                return Err(self.damaged(line, "it is not in UTF-8; make it with --encoding=UTF8"));
            }
            let owner = statement.verb == "ALTER" && words.contains(" OWNER TO ") && !words.contains('\'');
            if owner || LEFT_OUT.iter().any(|start| words.starts_with(start)) {
                continue;
            }
            if statement.verb == "SET" {
                self.execute(&mut batch, &mut lines)?;
                characters = 0;
                match self.client.batch_execute(statement.text) {
                    // A newer server's tool sets what this one does not have.
                    Err(error) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => {}
                    done => done.map_err(|error| self.failed(line, error))?,
                }
                continue;
            }
            lines.push((characters, line));
            characters += statement.text.chars().count() + SEPARATOR.len();
            batch.push_str(statement.text);
            batch.push_str(SEPARATOR);
        }
        self.execute(&mut batch, &mut lines)
    }

    /// Executes statements together, which is one transaction; `lines` has the line of each, by its first character.
    fn execute(&mut self, batch: &mut String, lines: &mut Vec<(usize, usize)>) -> Result<(), DatabaseError> {
        if !batch.is_empty() {
            self.client.batch_execute(batch).map_err(|error| {
                let position = match error.as_db_error().and_then(|said| said.position()) {
                    Some(postgres::error::ErrorPosition::Original(position)) => *position as usize,
                    _ => 0,
                };
                let index = lines.partition_point(|(start, _)| *start < position).saturating_sub(1);
                self.failed(lines.get(index).map_or(self.first_line, |(_, line)| *line), error)
            })?;
        }
        batch.clear();
        lines.clear();
        Ok(())
    }

    fn failed(&self, line: usize, error: Error) -> DatabaseError {
        match refused(self.database, "restore a dump")(error) {
            full @ (DatabaseError::DiskFull { .. } | DatabaseError::Unreachable { .. }) => full,
            DatabaseError::Refused { source, .. } => self.damaged(line, &source.to_string()),
            other => self.damaged(line, &other.to_string()),
        }
    }
}

/// Copies rows up to the line that ends them, and counts the lines; `None` when the file ends first.
fn copy_rows(
    client: &mut Client,
    sql: &str,
    reader: &mut BufReader<File>,
) -> Result<Result<Option<usize>, Error>, io::Error> {
    let mut writer = match client.copy_in(sql) {
        Ok(writer) => writer,
        Err(error) => return Ok(Err(error)),
    };
    let (mut line, mut count) = (Vec::new(), 0);
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            // Dropped unfinished, the writer takes back what was copied.
            return Ok(Ok(None));
        }
        count += 1;
        // When the server does not want more, the end of the copying tells why.
        if line.trim_ascii_end() == b"\\." || writer.write_all(&line).is_err() {
            return Ok(writer.finish().map(|_| Some(count)));
        }
    }
}

/// Gives the beginning of a statement in upper case, with single spaces.
fn normalised(statement: &Statement<'_>) -> String {
    const ENOUGH: usize = 40;
    let words: Vec<_> = statement.text.split_whitespace().take(ENOUGH).collect();
    words.join(" ").to_ascii_uppercase()
}
