//! Scripts: one command on each line, quoted as for `redis-cli`.

use database::DatabaseError;
use redis::{Connection, Pipeline, RedisError};

use crate::error::{message, refused};
use crate::value::Bytes;

/// Commands that would lead out of the database or the session.
const REFUSED: [&str; 13] = [
    "SELECT",
    "AUTH",
    "HELLO",
    "RESET",
    "QUIT",
    "CLIENT",
    "SUBSCRIBE",
    "PSUBSCRIBE",
    "SSUBSCRIBE",
    "MONITOR",
    "SYNC",
    "PSYNC",
    "SHUTDOWN",
];

/// Commands by which a script controls transactions itself.
const TRANSACTIONS: [&str; 5] = ["MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"];

/// A command of a script.
#[derive(Debug, PartialEq)]
struct Line {
    /// From 1.
    number: usize,
    words: Vec<Bytes>,
}

impl Line {
    fn is_one_of(&self, commands: &[&str]) -> bool {
        commands.iter().any(|command| self.words[0].eq_ignore_ascii_case(command.as_bytes()))
    }
}

/// Executes the commands in order: in one transaction, unless they control transactions themselves.
///
/// A command that does not exist or has the wrong number of arguments undoes the whole transaction; one that fails for
/// another reason (a wrong type) does not, since Redis takes nothing back.
pub(crate) fn execute(connection: &mut Connection, database: &str, script: &str) -> Result<(), DatabaseError> {
    let at = |line: usize, message: String| DatabaseError::Script { database: database.to_owned(), line, message };
    let lines = lines(script).map_err(|line| at(line, "a quote is not closed, or something follows it".to_owned()))?;
    if let Some(line) = lines.iter().find(|line| line.is_one_of(&REFUSED)) {
        let command = String::from_utf8_lossy(&line.words[0]).to_uppercase();
        return Err(at(line.number, format!("{command} cannot stand in a script")));
    }
    if lines.iter().any(|line| line.is_one_of(&TRANSACTIONS)) {
        for line in &lines {
            let result = pipeline(std::slice::from_ref(line)).exec(connection);
            result.map_err(|error| failed(error, std::slice::from_ref(line), database))?;
        }
        return Ok(());
    }
    if lines.is_empty() {
        return Ok(());
    }
    pipeline(&lines).atomic().exec(connection).map_err(|error| failed(error, &lines, database))
}

fn pipeline(lines: &[Line]) -> Pipeline {
    let mut pipeline = redis::pipe();
    for line in lines {
        let mut command = redis::Cmd::new();
        command.arg(&line.words);
        pipeline.add_command(command);
    }
    pipeline
}

/// Makes the error of the first command that failed.
fn failed(error: RedisError, lines: &[Line], database: &str) -> DatabaseError {
    let said = error.clone().into_server_errors();
    let first = said.as_ref().and_then(|errors| errors.first());
    match first.and_then(|(index, said)| Some((lines.get(*index)?, said))) {
        Some((line, said)) => {
            DatabaseError::Script { database: database.to_owned(), line: line.number, message: message(said) }
        }
        None => refused(database, "execute a script")(error),
    }
}

/// Cuts a script into commands; lines that are empty or begin with `#` are none. The error is the number of a line.
fn lines(script: &str) -> Result<Vec<Line>, usize> {
    let mut lines = Vec::new();
    for (index, text) in script.lines().enumerate() {
        let (number, text) = (index + 1, text.trim());
        if !text.is_empty() && !text.starts_with('#') {
            lines.push(Line { number, words: words(text.as_bytes()).ok_or(number)? });
        }
    }
    Ok(lines)
}

/// Cuts a line into words; `None` when its quotes do not fit.
fn words(mut text: &[u8]) -> Option<Vec<Bytes>> {
    let mut words = Vec::new();
    loop {
        text = text.trim_ascii_start();
        if text.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        while let Some((&byte, rest)) = text.split_first().filter(|(byte, _)| !byte.is_ascii_whitespace()) {
            text = rest;
            if byte != b'"' && byte != b'\'' {
                word.push(byte);
                continue;
            }
            text = quoted(byte, text, &mut word)?;
            if text.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return None;
            }
        }
        words.push(word);
    }
}

/// Reads to behind the closing quote.
fn quoted<'a>(quote: u8, mut text: &'a [u8], word: &mut Bytes) -> Option<&'a [u8]> {
    loop {
        text = match text {
            [byte, rest @ ..] if *byte == quote => return Some(rest),
            [b'\\', b'\'', rest @ ..] if quote == b'\'' => {
                word.push(b'\'');
                rest
            }
            [b'\\', b'x', high, low, rest @ ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                word.push(u8::from_str_radix(digits, 16).ok()?);
                rest
            }
            [b'\\', escaped, rest @ ..] if quote == b'"' => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest
            }
            [byte, rest @ ..] => {
                word.push(*byte);
                rest
            }
            [] => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_the_client_of_redis_would_cut_it() {
        let cases: [(&str, Option<&[&[u8]]>); 10] = [
            ("SET a b", Some(&[b"SET", b"a", b"b"])),
            ("  SET\ta   b ", Some(&[b"SET", b"a", b"b"])),
            (r#"SET "a b" 'c d'"#, Some(&[b"SET", b"a b", b"c d"])),
            (r#"SET "\x00\xfF\n\"\q" '\n\''"#, Some(&[b"SET", b"\x00\xff\n\"q", b"\\n'"])),
            (r#"SET "" ''"#, Some(&[b"SET", b"", b""])),
            (r#"a"b""#, Some(&[b"ab"])),
            (r#""\xz""#, Some(&[b"xz"])),
            (r#"SET "a"#, None),
            (r"SET 'a\", None),
            (r#""a"b"#, None),
        ];
        for (line, expected) in cases {
            let found = words(line.as_bytes());
            let expected = expected.map(|words| words.iter().map(|word| word.to_vec()).collect());
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn lines_without_a_command_count_but_are_none() {
        let found = lines("# SET a b\n\n SET a b\r\n").unwrap();
        assert_eq!(found, [Line { number: 3, words: vec![b"SET".to_vec(), b"a".to_vec(), b"b".to_vec()] }]);
        assert_eq!(lines("GET a\n'"), Err(2));
    }
}
