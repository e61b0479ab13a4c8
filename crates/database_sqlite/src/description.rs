//! The rich table model of a file, read from SQLite's pragmas and from the text of its definitions.

use database::{
    CheckDescription, ColumnDescription, Description, Filled, ForeignKeyDescription, KeyDescription, Kind,
    TableDescription,
};
use rusqlite::{Connection, Error, OptionalExtension as _};

use crate::schema;

/// Reads all that values must obey.
pub(crate) fn describe(connection: &Connection) -> Result<Description, Error> {
    let mut tables = Vec::new();
    for table in schema::inspect(connection)?.tables {
        let definition = definition(connection, &table.name)?;
        let mut described = TableDescription {
            columns: columns(connection, &table)?,
            keys: keys(connection, &table)?,
            foreign_keys: table.foreign_keys.iter().map(foreign_key).collect(),
            checks: checks(&definition),
            name: table.name,
            ..TableDescription::default()
        };
        for key in &mut described.keys {
            if key.expressions.iter().any(String::is_empty) {
                described.unknown.push(format!("the unique index {}", key.name));
                key.expressions.retain(|expression| !expression.is_empty());
            }
        }
        described.keys.retain(|key| !key.columns.is_empty() || !key.expressions.is_empty());
        tables.push(described);
    }
    Ok(Description { tables })
}

fn definition(connection: &Connection, name: &str) -> Result<String, Error> {
    let sql = "SELECT sql FROM sqlite_schema WHERE name = ?";
    let found: Option<Option<String>> = connection.query_row(sql, [name], |row| row.get(0)).optional()?;
    Ok(found.flatten().unwrap_or_default())
}

fn columns(connection: &Connection, table: &database::Table) -> Result<Vec<ColumnDescription>, Error> {
    let mut statement = connection.prepare("SELECT name, dflt_value FROM pragma_table_xinfo(?)")?;
    let mut rows = statement.query([&table.name])?;
    let mut defaults: Vec<(String, Option<String>)> = Vec::new();
    while let Some(row) = rows.next()? {
        defaults.push((row.get(0)?, row.get(1)?));
    }
    let column = |column: &database::Column| {
        let default = defaults.iter().find(|(name, _)| *name == column.name).and_then(|(_, default)| default.clone());
        let filled = match default {
            _ if column.generated => Filled::Generated,
            Some(default) => Filled::Default(default),
            // Only the row id has a value of its own without a default.
            None if column.has_default => Filled::Counter,
            None => Filled::Null,
        };
        ColumnDescription {
            name: column.name.clone(),
            sql_type: column.sql_type.clone(),
            kind: kind(&column.sql_type),
            // That a primary key may be NULL is an old mistake that nobody wants data of.
            nullable: column.nullable && !table.primary_key.contains(&column.name),
            filled,
            checks: Vec::new(),
        }
    };
    Ok(table.columns.iter().map(column).collect())
}

/// What a declared type says; where it says nothing, any text will do.
fn kind(sql_type: &str) -> Kind {
    let upper = sql_type.to_ascii_uppercase();
    let (word, rest) = upper.split_once('(').unwrap_or((&upper, ""));
    let numbers: Vec<u32> =
        rest.trim_end_matches(')').split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let length = numbers.first().copied();
    let word = word.trim();
    let signed = |bits: u32| Kind::Integer { least: -(1_i64 << (bits - 1)), greatest: (1_i64 << (bits - 1)) - 1 };
    match word {
        "BOOLEAN" | "BOOL" => Kind::Boolean,
        "TINYINT" => signed(8),
        "SMALLINT" | "INT2" => signed(16),
        "MEDIUMINT" => signed(24),
        "DATE" => Kind::Date,
        "TIME" => Kind::Time,
        "DECIMAL" | "NUMERIC" | "NUMBER" | "MONEY" => Kind::Decimal {
            precision: length.unwrap_or(15),
            scale: numbers.get(1).copied().unwrap_or(if length.is_some() { 0 } else { 2 }),
        },
        "UUID" | "GUID" | "UNIQUEIDENTIFIER" => Kind::Uuid,
        _ if word.starts_with("JSON") => Kind::Json,
        _ if word.starts_with("DATETIME") || word.starts_with("TIMESTAMP") => Kind::Timestamp { zone: false },
        // From here on as SQLite itself tells types apart.
        _ if word.contains("INT") => signed(32),
        _ if word.contains("CHAR") || word.contains("CLOB") || word.contains("TEXT") => Kind::Text { length },
        _ if word.contains("BLOB") || word.contains("BINARY") => Kind::Bytes { length, exact: false },
        _ if word.contains("REAL") || word.contains("FLOA") || word.contains("DOUB") => Kind::Float,
        _ => Kind::Text { length: None },
    }
}

fn keys(connection: &Connection, table: &database::Table) -> Result<Vec<KeyDescription>, Error> {
    let mut keys = Vec::new();
    if !table.primary_key.is_empty() {
        keys.push(KeyDescription { primary: true, columns: table.primary_key.clone(), ..KeyDescription::default() });
    }
    let sql = "SELECT name, partial FROM pragma_index_list(?) WHERE \"unique\" AND origin <> 'pk' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let indexes: Vec<(String, bool)> =
        statement.query_map([&table.name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (name, is_partial) in indexes {
        let mut statement = connection.prepare("SELECT name FROM pragma_index_info(?) ORDER BY seqno")?;
        let parts: Vec<Option<String>> = statement.query_map([&name], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let sql = definition(connection, &name)?;
        let inside = inside(&sql, 0);
        let texts = inside.map(split).unwrap_or_default();
        let mut key = KeyDescription { name, ..KeyDescription::default() };
        for (place, part) in parts.into_iter().enumerate() {
            match part {
                Some(column) => key.columns.push(column),
                None => key.expressions.push(texts.get(place).map(|text| text.trim().to_owned()).unwrap_or_default()),
            }
        }
        if is_partial {
            let condition = words(&sql).into_iter().find(|word| word.text.eq_ignore_ascii_case("WHERE"));
            key.condition = Some(condition.map(|word| sql[word.end..].trim().to_owned()).unwrap_or_default());
        }
        keys.push(key);
    }
    Ok(keys)
}

fn foreign_key(key: &database::ForeignKey) -> ForeignKeyDescription {
    ForeignKeyDescription {
        name: String::new(),
        columns: key.columns.clone(),
        table: key.table.clone(),
        referenced: key.referenced.clone(),
        // Any of them can be, by a setting of the session.
        deferrable: true,
    }
}

/// Finds the checks in the definition of a table.
fn checks(definition: &str) -> Vec<CheckDescription> {
    let words = words(definition);
    let mut checks = Vec::new();
    for (place, word) in words.iter().enumerate() {
        if !word.text.eq_ignore_ascii_case("CHECK") {
            continue;
        }
        let Some(condition) = inside(definition, word.end) else { continue };
        let named = place >= 2 && words[place - 2].text.eq_ignore_ascii_case("CONSTRAINT");
        let name =
            if named { words[place - 1].text.trim_matches(['"', '`', '[', ']']).to_owned() } else { String::new() };
        checks.push(CheckDescription { name, condition: condition.trim().to_owned() });
    }
    checks
}

/// A word of a definition that is no text; a quoted name is one with its quotes.
struct Word<'t> {
    text: &'t str,
    end: usize,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let length = piece(&text[start..]);
        let found = &text[start..start + length];
        let is_word =
            found.starts_with(|letter: char| letter.is_alphabetic() || matches!(letter, '_' | '"' | '`' | '['));
        start += length;
        if is_word {
            words.push(Word { text: found, end: start });
        }
    }
    words
}

/// How long the first piece of a text is: a word, a text in quotes, a comment, or a single letter.
fn piece(text: &str) -> usize {
    let first = text.chars().next().expect("it is not empty");
    let until = |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |place| from + place + end.len());
    match first {
        '\'' | '"' | '`' => until(&first.to_string(), 1),
        '[' => until("]", 1),
        '-' if text.starts_with("--") => until("\n", 2),
        '/' if text.starts_with("/*") => until("*/", 2),
        letter if letter.is_alphabetic() || letter == '_' => {
            text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len())
        }
        other => other.len_utf8(),
    }
}

/// What stands in the first parentheses from a place on.
fn inside(text: &str, from: usize) -> Option<&str> {
    let (mut start, mut begin, mut depth) = (from, None, 0_usize);
    while start < text.len() {
        let length = piece(&text[start..]);
        match &text[start..start + length] {
            "(" => {
                depth += 1;
                begin = begin.or(Some(start + length));
            }
            ")" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return begin.map(|begin| &text[begin..start]);
                }
            }
            _ => {}
        }
        start += length;
    }
    None
}

/// The parts of a list between its commas.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut begin, mut depth) = (Vec::new(), 0, 0, 0_i32);
    while start < text.len() {
        let length = piece(&text[start..]);
        match &text[start..start + length] {
            "(" => depth += 1,
            ")" => depth -= 1,
            "," if depth == 0 => {
                parts.push(&text[begin..start]);
                begin = start + 1;
            }
            _ => {}
        }
        start += length;
    }
    parts.push(&text[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_found_whatever_is_around_them() {
        let definition = "CREATE TABLE \"check (1)\" (a INT CHECK (a > 0 AND b <> ')'), -- CHECK (no)
            b TEXT DEFAULT 'CHECK (x)', CONSTRAINT \"c 1\" CHECK ((a) IN (1, 2)))";
        let found: Vec<_> = checks(definition).into_iter().map(|check| (check.name, check.condition)).collect();
        let expected = [("", "a > 0 AND b <> ')'"), ("c 1", "(a) IN (1, 2)")];
        assert_eq!(found, expected.map(|(name, condition)| (name.to_owned(), condition.to_owned())));
    }

    #[test]
    fn declared_types_say_what_values_are() {
        assert_eq!(kind("NVARCHAR(160)"), Kind::Text { length: Some(160) });
        assert_eq!(kind("NUMERIC(10,2)"), Kind::Decimal { precision: 10, scale: 2 });
        assert_eq!(kind("INTEGER"), Kind::Integer { least: i32::MIN.into(), greatest: i32::MAX.into() });
        assert_eq!(kind("DATETIME"), Kind::Timestamp { zone: false });
        assert_eq!(kind(""), Kind::Text { length: None });
    }
}
