//! `.env` files, and the files that `env_file` names: lines `NAME=value` in the dialect of Compose.

use source::{Place, Problem, Problems, SourceFile};

use crate::Variables;
use crate::interpolation::substitute;

/// Reads a file. What it says is added in its order; a value may refer to variables of `outer`, which come first, and to
/// those above it.
pub fn read_variables(file: &SourceFile, outer: &Variables, problems: &mut Problems) -> Variables {
    let mut reader = Reader { file, at: 0, outer, found: Variables::default() };
    // What follows a mistake cannot be told from it.
    if let Err(problem) = reader.read() {
        problems.push(problem);
    }
    reader.found
}

/// Reads a file of `format: raw`: what follows the first `=` of a line is the value, whatever it is.
pub(crate) fn read_raw(file: &SourceFile, problems: &mut Problems) -> Variables {
    let mut found = Variables::default();
    let mut start = 0;
    for line in file.text().split_inclusive('\n') {
        let place = Place::new(file, start..start + line.trim_end().len());
        start += line.len();
        let line = line.trim_end_matches(['\n', '\r']).trim_start();
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        if name.contains(char::is_whitespace) {
            problems.push(malformed(&place, "a name has no blanks"));
        } else if !name.is_empty() && !name.starts_with('#') && line.contains('=') {
            found.set(name, value);
        }
    }
    found
}

struct Reader<'a> {
    file: &'a SourceFile,
    at: usize,
    outer: &'a Variables,
    found: Variables,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Problem> {
        while self.find_statement() {
            let (name, has_value) = self.name()?;
            if !has_value {
                // Handed on from outside, if it is there.
                if let Some(value) = self.outer.get(&name) {
                    self.found.set(name, value);
                }
                continue;
            }
            let value = self.value()?;
            self.found.set(name, value);
        }
        Ok(())
    }

    fn rest(&self) -> &str {
        &self.file.text()[self.at..]
    }

    /// Goes to where the next statement begins. Says whether there is one.
    fn find_statement(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            if !self.rest().starts_with('#') {
                return !self.rest().is_empty();
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    /// Reads a name and what separates it from its value, if it has one.
    fn name(&mut self) -> Result<(String, bool), Problem> {
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with(blank)
        {
            self.at += "export".len() + after.len() - after.trim_start_matches(blank).len();
        }
        let start = self.at;
        let end = self.rest().find(['=', ':', '\n']).map_or(self.file.text().len(), |end| start + end);
        let name = self.file.text()[start..end].trim();
        let place = Place::new(self.file, start..start + name.len().max(1));
        if name.is_empty() {
            return Err(malformed(&place, "a variable has a name"));
        }
        if let Some(wrong) = name.find(|c: char| !(c.is_alphanumeric() || "_.-[]".contains(c))) {
            let wrong = start + wrong;
            let message = format!("a name has letters, digits, and `_`, `.`, `-`, `[`, `]`; `{name}` has others");
            return Err(malformed(&Place::new(self.file, wrong..wrong + 1), &message));
        }
        let separator = self.file.text()[end..].chars().next();
        self.at = end + usize::from(separator.is_some());
        let has_value = matches!(separator, Some('=' | ':'));
        Ok((name.to_owned(), has_value))
    }

    fn value(&mut self) -> Result<String, Problem> {
        self.at += self.rest().len() - self.rest().trim_start_matches(blank).len();
        let start = self.at;
        if let Some(quote @ ('\'' | '"')) = self.rest().chars().next() {
            let missing = || malformed(&Place::new(self.file, start..start + 1), "a quoted value has no end");
            let end = self.closing(quote).ok_or_else(missing)?;
            let text = &self.file.text()[start + 1..end];
            self.at = end + 1;
            if quote == '\'' {
                return Ok(text.replace(r"\'", "'"));
            }
            return self.expanded(&unescaped(text), &Place::new(self.file, start..end + 1));
        }
        let line = self.rest().lines().next().unwrap_or_default();
        let end = line.find(" #").unwrap_or(line.len());
        let text = line[..end].trim_end().to_owned();
        self.at += line.len();
        self.expanded(&text, &Place::new(self.file, start..start + text.len()))
    }

    /// Finds the quote that ends a value.
    fn closing(&self, quote: char) -> Option<usize> {
        let text = self.file.text();
        let mut found = text[self.at + 1..].match_indices(quote).map(|(at, _)| self.at + 1 + at);
        found.find(|at| text.as_bytes()[at - 1] != b'\\')
    }

    fn expanded(&self, text: &str, place: &Place) -> Result<String, Problem> {
        let variables = self.outer.clone().or(self.found.clone());
        let prepared = lone_dollars_doubled(text);
        substitute(&prepared, &variables).map(|substituted| substituted.text).map_err(|failure| {
            Problem::error("compose::variable", failure.message).at(place, "here").maybe_help(failure.help)
        })
    }
}

fn blank(c: char) -> bool {
    c.is_whitespace() && c != '\n'
}

fn malformed(place: &Place, message: &str) -> Problem {
    Problem::error("compose::variables-file", message)
        .at(place, "here")
        .help("a line is `NAME=value`, `NAME='value'`, `NAME=\"value\"` or `# comment`")
}

/// A dollar that begins no variable is one; so is one with a backslash.
fn lone_dollars_doubled(text: &str) -> String {
    let mut doubled = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        doubled.push(character);
        if character == '$' {
            match characters.peek() {
                Some('$') => doubled.extend(characters.next()),
                Some(next) if next.is_ascii_alphabetic() || matches!(next, '_' | '{') => {}
                _ => doubled.push('$'),
            }
        }
    }
    doubled
}

/// Replaces what backslashes say between double quotes. A dollar after one becomes two, which is one later on.
fn unescaped(text: &str) -> String {
    let mut unescaped = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            unescaped.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => unescaped.push('\n'),
            Some('r') => unescaped.push('\r'),
            Some('t') => unescaped.push('\t'),
            Some('$') => unescaped.push_str("$$"),
            Some(other @ ('"' | '\\')) => unescaped.push(other),
            Some(other) => unescaped.extend(['\\', other]),
            None => unescaped.push('\\'),
        }
    }
    unescaped
}
