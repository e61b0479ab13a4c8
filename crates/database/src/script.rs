//! A script of SQL cut into its statements, each with its line.

/// What a script's text may contain, by engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Names in backticks and brackets; triggers with a body of statements.
    Sqlite,
    /// Dollar quotes, escape strings, nested comments; functions with a body of statements.
    Postgres,
    /// Names in backticks, backslashes in texts, `#` comments; comments that are executed (`/*!`) are statements, and
    /// `DELIMITER` lines say what ends a statement, also in bodies.
    Mysql,
}

/// One statement of a script, without the semicolon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The text from the first word on.
    pub text: &'a str,
    /// The line of its first word, from 1.
    pub line: usize,
    /// Its first word, in upper case.
    pub verb: String,
}

impl Statement<'_> {
    /// Gives the script's line of a byte in the text.
    pub fn line_at(&self, offset: usize) -> usize {
        self.line + line_breaks(&self.text.as_bytes()[..offset.min(self.text.len())])
    }

    /// Says whether the statement controls transactions itself.
    pub fn controls_transactions(&self) -> bool {
        matches!(
            self.verb.as_str(),
            "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE"
        )
    }
}

/// Cuts a script into its statements.
///
/// Quotes, comments and the bodies of triggers and functions are respected; what is not closed reaches to the end, where the
/// engine will complain about it.
pub fn statements(sql: &str, dialect: Dialect) -> Vec<Statement<'_>> {
    Splitter { sql, bytes: sql.as_bytes(), at: 0, dialect, delimiter: ";" }.split()
}

struct Splitter<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    /// What ends a statement.
    delimiter: &'a str,
}

/// What is known of the statement that is being read.
#[derive(Default)]
struct Current {
    start: Option<usize>,
    verb: String,
    words: usize,
    /// The statement creates something whose body may hold statements.
    routine: bool,
    /// Depth of BEGIN … END and CASE … END within such a body.
    depth: usize,
}

impl<'a> Splitter<'a> {
    fn split(mut self) -> Vec<Statement<'a>> {
        let mut found = Vec::new();
        let mut current = Current::default();
        let mut counted = (0, 1);
        while let Some(&byte) = self.bytes.get(self.at) {
            let from = self.at;
            if self.skip_comment() || byte.is_ascii_whitespace() {
                self.at = self.at.max(from + 1);
                continue;
            }
            if current.depth == 0 && self.bytes[from..].starts_with(self.delimiter.as_bytes()) {
                self.finish(&mut current, from, &mut counted, &mut found);
                self.at += self.delimiter.len();
                continue;
            }
            if current.start.is_none() && self.skip_delimiter_line() {
                continue;
            }
            current.start.get_or_insert(from);
            if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 {
                self.word(&mut current);
            } else {
                self.symbol(byte);
            }
        }
        self.finish(&mut current, self.sql.len(), &mut counted, &mut found);
        found
    }

    fn finish(&self, current: &mut Current, end: usize, counted: &mut (usize, usize), found: &mut Vec<Statement<'a>>) {
        let finished = std::mem::take(current);
        let Some(start) = finished.start else { return };
        counted.1 += line_breaks(&self.bytes[counted.0..start]);
        counted.0 = start;
        found.push(Statement { text: self.sql[start..end].trim_end(), line: counted.1, verb: finished.verb });
    }

    /// Skips a comment that starts here.
    fn skip_comment(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        if self.is_line_comment(rest) {
            self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            return true;
        }
        if !rest.starts_with(b"/*") || self.is_executed(rest) {
            return false;
        }
        let mut depth = 0_usize;
        let mut at = 0;
        while at < rest.len() {
            if rest[at..].starts_with(b"/*") && (depth == 0 || self.dialect == Dialect::Postgres) {
                depth += 1;
                at += 2;
            } else if rest[at..].starts_with(b"*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    break;
                }
            } else {
                at += 1;
            }
        }
        self.at += at;
        true
    }

    fn is_line_comment(&self, rest: &[u8]) -> bool {
        match self.dialect {
            // Two dashes alone can be two signs.
            Dialect::Mysql => {
                let dashes = rest.strip_prefix(b"--");
                rest.starts_with(b"#") || dashes.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
            }
            Dialect::Sqlite | Dialect::Postgres => rest.starts_with(b"--"),
        }
    }

    /// Says whether a comment is executed by this engine; that for a version which there will never be is not.
    fn is_executed(&self, rest: &[u8]) -> bool {
        let executed = rest.starts_with(b"/*!") || rest.starts_with(b"/*M!");
        executed && self.dialect == Dialect::Mysql && !rest.starts_with(b"/*!999999")
    }

    /// Skips a line that says what ends a statement from now on.
    fn skip_delimiter_line(&mut self) -> bool {
        if self.dialect != Dialect::Mysql {
            return false;
        }
        let line = self.sql[self.at..].lines().next().unwrap_or_default();
        let Some((word, delimiter)) = line.split_once([' ', '\t']) else { return false };
        let delimiter = delimiter.trim();
        if !word.eq_ignore_ascii_case("delimiter") || delimiter.is_empty() {
            return false;
        }
        self.delimiter = delimiter;
        self.at += line.len();
        true
    }

    fn word(&mut self, current: &mut Current) {
        let from = self.at;
        while let Some(&byte) = self.bytes.get(self.at) {
            if !(byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80) {
                break;
            }
            self.at += 1;
        }
        let word = self.sql[from..self.at].to_ascii_uppercase();
        // The prefix of an escape string: in it, a backslash escapes the quote.
        if word == "E" && self.dialect == Dialect::Postgres && self.bytes.get(self.at) == Some(&b'\'') {
            self.quoted(b'\'', true);
            return;
        }
        current.words += 1;
        match word.as_str() {
            "TRIGGER" if self.dialect == Dialect::Sqlite => current.routine |= current.creates(),
            "FUNCTION" | "PROCEDURE" if self.dialect == Dialect::Postgres => current.routine |= current.creates(),
            "BEGIN" | "CASE" if current.routine && (word == "BEGIN" || current.depth > 0) => current.depth += 1,
            "END" if current.routine => current.depth = current.depth.saturating_sub(1),
            _ => {}
        }
        if current.verb.is_empty() {
            current.verb = word;
        }
    }

    fn symbol(&mut self, byte: u8) {
        match byte {
            b'\'' | b'"' => self.quoted(byte, self.dialect == Dialect::Mysql),
            b'`' if self.dialect != Dialect::Postgres => self.quoted(byte, false),
            b'[' if self.dialect == Dialect::Sqlite => self.quoted(b']', false),
            b'$' if self.dialect == Dialect::Postgres => self.dollar(),
            b'/' if self.is_executed(&self.bytes[self.at..]) => self.executed_comment(),
            _ => self.at += 1,
        }
    }

    /// Skips the head of a comment that is executed, with the version that it is for.
    fn executed_comment(&mut self) {
        self.at += self.bytes[self.at..].iter().take_while(|byte| b"/*M!".contains(byte)).count();
        self.at += self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }

    /// Skips from an opening quote to behind the closing one; a doubled quote opens again at once.
    fn quoted(&mut self, close: u8, backslash: bool) {
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            if byte == close {
                return;
            }
            if backslash && byte == b'\\' {
                self.at = (self.at + 1).min(self.bytes.len());
            }
        }
    }

    /// Skips a dollar-quoted text, or the dollar of a parameter.
    fn dollar(&mut self) {
        let rest = &self.sql[self.at..];
        let tag = rest[1..].find('$').map(|end| &rest[..end + 2]).filter(|tag| {
            let name = &tag[1..tag.len() - 1];
            let letters = name.chars().all(|character| character.is_alphanumeric() || character == '_');
            letters && !name.starts_with(|character: char| character.is_ascii_digit())
        });
        self.at += match tag {
            Some(tag) => rest[tag.len()..].find(tag).map_or(rest.len(), |end| end + 2 * tag.len()),
            None => 1,
        };
    }
}

fn line_breaks(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

impl Current {
    /// Says whether what is read is still the head of a CREATE: `CREATE OR REPLACE TEMP TRIGGER` at most.
    fn creates(&self) -> bool {
        self.verb == "CREATE" && self.words <= 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A script in a dialect, and the lines and texts of its statements.
    type Case = (Dialect, &'static str, &'static [(usize, &'static str)]);

    #[test]
    fn a_script_is_cut_where_the_engine_would_cut_it() {
        let cases: [Case; 17] = [
            (Dialect::Sqlite, "", &[]),
            (Dialect::Sqlite, " ;;-- a;b\n/* ; */", &[]),
            (Dialect::Sqlite, "a;\n\n b ; c", &[(1, "a"), (3, "b"), (3, "c")]),
            (Dialect::Sqlite, "x ';''' \";\" `;` [;];y", &[(1, "x ';''' \";\" `;` [;]"), (1, "y")]),
            (
                Dialect::Sqlite,
                "CREATE TRIGGER t AFTER INSERT ON u BEGIN\n UPDATE u SET a = CASE WHEN b THEN 1 END;\n DELETE FROM v;\nEND;\nz",
                &[
                    (
                        1,
                        "CREATE TRIGGER t AFTER INSERT ON u BEGIN\n UPDATE u SET a = CASE WHEN b THEN 1 END;\n DELETE FROM v;\nEND",
                    ),
                    (5, "z"),
                ],
            ),
            (Dialect::Postgres, "-- c\n\nx $$;$$ $a$ ; $$ $a$ $1;y", &[(3, "x $$;$$ $a$ ; $$ $a$ $1"), (3, "y")]),
            (Dialect::Postgres, "/* ; /* ; */ ; */ x E'\\';';y", &[(1, "x E'\\';'"), (1, "y")]),
            (Dialect::Postgres, "x '\\';y", &[(1, "x '\\'"), (1, "y")]),
            (
                Dialect::Postgres,
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END; y",
                &[
                    (1, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END"),
                    (1, "y"),
                ],
            ),
            (
                Dialect::Postgres,
                "CREATE TRIGGER t AFTER INSERT ON u EXECUTE FUNCTION f(); BEGIN; x",
                &[(1, "CREATE TRIGGER t AFTER INSERT ON u EXECUTE FUNCTION f()"), (1, "BEGIN"), (1, "x")],
            ),
            (Dialect::Postgres, "x 'é;", &[(1, "x 'é;")]),
            (Dialect::Mysql, "x '\\';' \"\\\";\" `;\\`;y", &[(1, "x '\\';' \"\\\";\" `;\\`"), (1, "y")]),
            (Dialect::Mysql, "# a;\n-- b;\nx 1--1;\ny --", &[(3, "x 1--1"), (4, "y --")]),
            (
                Dialect::Mysql,
                "/*!999999\\- sandbox */\n/*!40101 SET NAMES utf8 */;\n/* c */x /* ; */;",
                &[(2, "/*!40101 SET NAMES utf8 */"), (3, "x /* ; */")],
            ),
            (
                Dialect::Mysql,
                "DELIMITER ;;\nCREATE TRIGGER t BEGIN a; b; END;;\n delimiter ;\nx;y",
                &[(2, "CREATE TRIGGER t BEGIN a; b; END"), (4, "x"), (4, "y")],
            ),
            (
                Dialect::Mysql,
                "CREATE TABLE t (delimiter int);\ndelimiter",
                &[(1, "CREATE TABLE t (delimiter int)"), (2, "delimiter")],
            ),
            (Dialect::Sqlite, "delimiter ;;\nx", &[(1, "delimiter"), (2, "x")]),
        ];
        for (dialect, sql, expected) in cases {
            let found: Vec<_> = statements(sql, dialect).iter().map(|found| (found.line, found.text)).collect();
            assert_eq!(found, expected, "{sql:?}");
        }
    }

    #[test]
    fn the_verb_of_a_comment_that_is_executed_is_the_one_in_it() {
        let found = statements(
            "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER t*/; /*M!100 set x*/",
            Dialect::Mysql,
        );
        assert_eq!(found.iter().map(|statement| statement.verb.as_str()).collect::<Vec<_>>(), ["CREATE", "SET"]);
    }

    #[test]
    fn a_statement_knows_its_verb_and_the_lines_within() {
        let found = statements("\n /* c */ commit\n\nwork", Dialect::Sqlite);
        assert_eq!(found[0].verb, "COMMIT");
        assert!(found[0].controls_transactions());
        assert_eq!([0, 7, 8, 99].map(|offset| found[0].line_at(offset)), [2, 3, 4, 4]);
    }
}
