//! Scripts of SQL, cut into statements as the server's own client does, so that an error knows its line.

use database::DatabaseError;
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error};

use crate::error::{message, refused};

/// One statement of a script, without its delimiter.
#[derive(Debug, PartialEq, Eq)]
struct Statement<'a> {
    text: &'a str,
    /// The line of its first word, from 1.
    line: usize,
    /// Its first word, in upper case.
    verb: String,
}

/// Executes a script in one transaction where it can be done: a change of the schema commits what was before it.
pub(crate) fn execute(conn: &mut Conn, database: &str, sql: &str) -> Result<(), DatabaseError> {
    let statements = statements(sql);
    let controls = |statement: &Statement<'_>| {
        let verb = statement.verb.as_str();
        let autocommit = verb == "SET" && statement.text.to_ascii_lowercase().contains("autocommit");
        autocommit
            || matches!(verb, "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "XA" | "LOCK")
    };
    let transaction = !statements.iter().any(controls);
    if transaction {
        conn.query_drop("SET autocommit = 0").map_err(refused(database, "begin a transaction"))?;
    }
    // What fails is taken back when the connection is closed.
    for statement in &statements {
        conn.query_drop(statement.text).map_err(|error| failure(database, statement, error))?;
    }
    if transaction && let Some(last) = statements.last() {
        conn.query_drop("COMMIT").map_err(|error| failure(database, last, error))?;
    }
    Ok(())
}

fn failure(database: &str, statement: &Statement<'_>, error: Error) -> DatabaseError {
    if !matches!(error, Error::MySqlError(_)) {
        return refused(database, format!("execute line {} of the script", statement.line))(error);
    }
    let said = message(&error);
    // A message about the syntax ends with the line of the statement.
    let within = said.rsplit_once(" at line ").and_then(|(_, line)| line.parse::<usize>().ok()).unwrap_or(1);
    match refused(database, String::new())(error) {
        full @ DatabaseError::DiskFull { .. } => full,
        _ => DatabaseError::Script { database: database.to_owned(), line: statement.line + within - 1, message: said },
    }
}

/// Cuts a script into its statements: at `;`, or at what `DELIMITER` says.
///
/// What is not closed reaches to the end, where the server will complain about it.
fn statements(sql: &str) -> Vec<Statement<'_>> {
    let bytes = sql.as_bytes();
    let mut found = Vec::new();
    let mut delimiter = ";";
    let mut start = None;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &sql[at..];
        if start.is_none()
            && let Some((word, length)) = delimiter_line(sql, at)
        {
            delimiter = word;
            at += length;
            continue;
        }
        if let Some(length) = comment(rest) {
            at += length;
            continue;
        }
        if rest.starts_with(delimiter) {
            found.extend(start.take().map(|start| statement(sql, start, at)));
            at += delimiter.len();
            continue;
        }
        let byte = bytes[at];
        if !byte.is_ascii_whitespace() {
            start.get_or_insert(at);
        }
        at += match byte {
            b'\'' | b'"' | b'`' => quoted(bytes, at),
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    found.extend(start.map(|start| statement(sql, start, sql.len())));
    found
}

fn statement(sql: &str, start: usize, end: usize) -> Statement<'_> {
    let text = sql[start..end].trim_end();
    let line = sql.as_bytes()[..start].split(|&byte| byte == b'\n').count();
    // The server executes what is in such a comment: `/*!40101 SET …*/`.
    let words = text.strip_prefix("/*!").or_else(|| text.strip_prefix("/*M!")).unwrap_or(text);
    let words = words.trim_start_matches(|character: char| character.is_ascii_digit() || character == ' ');
    let end = words.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(words.len());
    Statement { text, line, verb: words[..end].to_ascii_uppercase() }
}

/// Reads `DELIMITER word`, a line of its own that is for the client.
fn delimiter_line(sql: &str, at: usize) -> Option<(&str, usize)> {
    const WORD: &str = "DELIMITER";
    let line_start = sql[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = sql[at..].lines().next()?;
    let head = line.get(..WORD.len())?;
    let word = line[WORD.len()..].split_whitespace().next()?;
    let alone = sql[line_start..at].trim().is_empty() && line[WORD.len()..].starts_with([' ', '\t']);
    (alone && head.eq_ignore_ascii_case(WORD)).then_some((word, line.len()))
}

/// Gives the length of a comment that starts here; those that the server executes are none.
fn comment(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let dashes = bytes.starts_with(b"--") && bytes.get(2).is_none_or(u8::is_ascii_whitespace);
    if dashes || bytes.starts_with(b"#") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if bytes.starts_with(b"/*") && !bytes.starts_with(b"/*!") && !bytes.starts_with(b"/*M!") {
        return Some(rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    None
}

/// Gives the length of what is in quotes from here on, with its quotes.
fn quoted(bytes: &[u8], from: usize) -> usize {
    let close = bytes[from];
    let mut at = from + 1;
    while at < bytes.len() {
        if bytes[at] == b'\\' && close != b'`' {
            at += 2;
        } else if bytes[at] == close {
            return at + 1 - from;
        } else {
            at += 1;
        }
    }
    bytes.len() - from
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A script, and the lines, verbs and texts of its statements.
    type Case = (&'static str, &'static [(usize, &'static str, &'static str)]);

    #[test]
    fn a_script_is_cut_where_the_client_would_cut_it() {
        let cases: [Case; 8] = [
            ("", &[]),
            (" ;;-- a;b\n/* ; */ # x;\n", &[]),
            ("a;\n\n b ; c", &[(1, "A", "a"), (3, "B", "b"), (3, "C", "c")]),
            (
                "x ';''\\'' \";\" `;\\`;-- y;\nz;1--1",
                &[(1, "X", "x ';''\\'' \";\" `;\\`"), (2, "Z", "z"), (2, "", "1--1")],
            ),
            (
                "/*!40101 SET NAMES utf8 */;\n/*M!100100 x*/",
                &[(1, "SET", "/*!40101 SET NAMES utf8 */"), (2, "X", "/*M!100100 x*/")],
            ),
            (
                "DELIMITER ;;\nCREATE TRIGGER t BEGIN a; b; END ;;\n  delimiter ;\nc;",
                &[(2, "CREATE", "CREATE TRIGGER t BEGIN a; b; END"), (4, "C", "c")],
            ),
            ("é 'ü", &[(1, "", "é 'ü")]),
            ("a /* never closed;", &[(1, "A", "a /* never closed;")]),
        ];
        for (script, expected) in cases {
            let found = statements(script);
            let found: Vec<_> = found.iter().map(|found| (found.line, found.verb.as_str(), found.text)).collect();
            assert_eq!(found, expected, "{script}");
        }
    }
}
