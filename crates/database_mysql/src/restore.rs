//! Dumps made into kept states: Seedbed's own, and those that `mariadb-dump` and `mysqldump` have written.
//!
//! A foreign dump may name the database that it was made of, and users that are not here: the lines that choose a
//! database are left out, and what belonged to other users belongs to Seedbed's.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use database::{DatabaseError, FileError, ProgramFailure, StateName};

use crate::database::MysqlDatabase;
use crate::dump::{HEAD, TAIL};
use crate::program::{CLIENT, program};

/// What the dump programs write in their first lines, in their last, and what it means that the last is missing.
const FOREIGN_HEADS: [&str; 2] = ["-- MariaDB dump", "-- MySQL dump"];

/// What their last line begins with.
const FOREIGN_TAIL: &[u8] = b"-- Dump completed";

/// How much of the end of a foreign dump is searched for its last line, in bytes.
const FOREIGN_TAIL_PLACE: u64 = 4096;

/// The longest line that is looked at: longer ones are rows.
const LINE_LIMIT: usize = 64 << 10;

impl MysqlDatabase {
    pub(crate) fn restore_from(&mut self, state: &StateName, from: &Path) -> Result<(), DatabaseError> {
        check(from)?;
        let content = self.begin_content(None)?;
        let filled = self.fill(&content, from);
        self.accept_content(&content, state, filled)
    }

    fn fill(&mut self, schema: &str, from: &Path) -> Result<(), DatabaseError> {
        let file = File::open(from).map_err(FileError::of("read", from))?;
        let mut program = self.client(program(&self.binaries, &CLIENT));
        // Not a command of the client but statements: a dump must not run programs.
        program.argument("--binary-mode").argument("--max-allowed-packet=1073741824");
        program.argument("--init-command=SET SESSION foreign_key_checks = 0, unique_checks = 0");
        program.argument(format!("--database={schema}"));
        let path = program.path().to_owned();
        let mut filter = Filter::default();
        let fed = program.endable().feed(|input| filter.pass(BufReader::with_capacity(1 << 20, file), input));
        let damaged = |reason: String| DatabaseError::Damaged { path: from.to_owned(), reason };
        if let [first, second, ..] = filter.databases.as_slice() {
            return Err(damaged(format!("it holds several databases, {first} and {second}; make a dump of one")));
        }
        fed.map_err(|failure| match failure {
            ProgramFailure::Start(source) => FileError { action: "feed", path, source }.into(),
            ProgramFailure::Status { status, output } if full(&output) => {
                DatabaseError::Program { program: path, status, output }
            }
            ProgramFailure::Status { output, .. } => damaged(output),
        })?;
        // A text without statements is executed without an error.
        if filter.statements { Ok(()) } else { Err(damaged("it has no statements".to_owned())) }
    }
}

fn full(output: &str) -> bool {
    output.contains("No space left on device") || output.contains("is full")
}

/// Checks what can be checked before anything is executed: that the file is all there.
fn check(from: &Path) -> Result<(), DatabaseError> {
    let read = |source| FileError::of("read", from)(source);
    let damaged = |reason: &str| DatabaseError::Damaged { path: from.to_owned(), reason: reason.to_owned() };
    let mut file = File::open(from).map_err(read)?;
    let length = file.metadata().map_err(read)?.len();
    let mut head = vec![0; 256];
    let count = file.read(&mut head).map_err(read)?;
    head.truncate(count);
    let head = String::from_utf8_lossy(&head).into_owned();
    if head.starts_with(HEAD) {
        let tail_length = TAIL.len() as u64 + 65;
        let body = length.checked_sub(tail_length).ok_or_else(|| damaged("it is cut short"))?;
        let mut hasher = blake3::Hasher::new();
        file.seek(SeekFrom::Start(0)).map_err(read)?;
        hasher.update_reader((&mut file).take(body)).map_err(read)?;
        let mut tail = String::new();
        let text = file.read_to_string(&mut tail);
        return match text {
            Ok(_) if tail == format!("{TAIL}{}\n", hasher.finalize().to_hex()) => Ok(()),
            Err(source) if source.kind() != io::ErrorKind::InvalidData => Err(read(source).into()),
            _ => Err(damaged("its digest is another one, or it is cut short")),
        };
    }
    if FOREIGN_HEADS.iter().any(|words| head.contains(words)) {
        file.seek(SeekFrom::Start(length.saturating_sub(FOREIGN_TAIL_PLACE))).map_err(read)?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail).map_err(read)?;
        if !tail.windows(FOREIGN_TAIL.len()).any(|window| window == FOREIGN_TAIL) {
            return Err(damaged("it is cut short: its last line is missing"));
        }
    }
    Ok(())
}

/// Passes a dump on line by line.
#[derive(Default)]
struct Filter {
    /// The databases that it wants to be in.
    databases: Vec<String>,
    /// Whether something was passed on that is no comment.
    statements: bool,
    /// Within a statement that is left out.
    skipping: bool,
    /// Within a long line, whose end belongs to what was passed on.
    middle: bool,
}

impl Filter {
    fn pass(&mut self, mut from: impl BufRead, to: &mut dyn Write) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = (&mut from).take(LINE_LIMIT as u64).read_until(b'\n', &mut line)?;
            if count == 0 {
                return Ok(());
            }
            let ends = line.ends_with(b"\n");
            if self.middle || line.len() >= LINE_LIMIT || line.starts_with(b"INSERT ") {
                self.statements = true;
                to.write_all(&line)?;
            } else if let Some(changed) = self.line(&line) {
                to.write_all(&changed)?;
            } else {
                // Lines keep their numbers, for the errors of the client.
                to.write_all(b"\n")?;
            }
            self.middle = !ends;
        }
    }

    /// Gives what is passed on of a line that is no row; `None` for nothing.
    fn line(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let Ok(text) = std::str::from_utf8(line) else { return Some(line.to_vec()) };
        let trimmed = text.trim();
        if self.skipping || leaves_out(trimmed) {
            self.skipping = !trimmed.ends_with(';');
            if let Some(rest) = trimmed.strip_prefix("USE ") {
                let name = rest.trim_end_matches(';').trim_matches('`').to_owned();
                if !self.databases.contains(&name) {
                    self.databases.push(name);
                }
            }
            // More than one database: what follows would be mixed up.
            return None;
        }
        self.statements |= !trimmed.is_empty() && !trimmed.starts_with("--") && !trimmed.starts_with("/*M!999999");
        Some(without_definer(text).into_bytes())
    }
}

/// Says whether a line begins a statement that is about the server it was made on.
fn leaves_out(line: &str) -> bool {
    [
        "USE ",
        "CREATE DATABASE ",
        "DROP DATABASE ",
        "/*!40000 DROP DATABASE",
        "SET @@GLOBAL.GTID_PURGED",
        "CHANGE MASTER ",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

/// Replaces the users that objects belong to.
fn without_definer(line: &str) -> String {
    const WORD: &str = "DEFINER=`";
    let mut rest = line;
    let mut changed = String::with_capacity(line.len());
    while let Some((before, after)) = rest.split_once(WORD) {
        let end = after.split_once("`@`").and_then(|(user, after)| {
            let (host, after) = after.split_once('`')?;
            (!user.contains('`') && !host.contains('`')).then_some(after)
        });
        changed.push_str(before);
        if let Some(after) = end {
            changed.push_str("DEFINER=CURRENT_USER");
            rest = after;
        } else {
            changed.push_str(WORD);
            rest = after;
        }
    }
    changed.push_str(rest);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(dump: &str) -> (String, Filter) {
        let mut filter = Filter::default();
        let mut output = Vec::new();
        filter.pass(dump.as_bytes(), &mut output).unwrap();
        (String::from_utf8(output).unwrap(), filter)
    }

    #[test]
    fn what_is_about_the_other_server_is_left_out() {
        let cases = [
            ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `x`;\n\nUSE `x`;\nSELECT 1;\n", "\n\n\nSELECT 1;\n"),
            ("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a:1-5,\nb:1-7';\nSELECT 1;", "\n\nSELECT 1;"),
            (
                "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `t` */;;\n",
                "/*!50003 CREATE*/ /*!50017 DEFINER=CURRENT_USER*/ /*!50003 TRIGGER `t` */;;\n",
            ),
            ("INSERT INTO `t` VALUES ('DEFINER=`a`@`b`');\n", "INSERT INTO `t` VALUES ('DEFINER=`a`@`b`');\n"),
            ("DEFINER=`a", "DEFINER=`a"),
        ];
        for (dump, expected) in cases {
            assert_eq!(passed(dump).0, expected);
        }
        let (_, filter) = passed("USE `a`;\nUSE `b`;\n");
        assert_eq!(filter.databases, ["a", "b"]);
        assert!(!filter.statements);
    }
}
