//! Values between JSON and SQLite, by the declared type of their column.

use std::fmt::Write as _;

use database::Value;
use rusqlite::types::{Value as SqliteValue, ValueRef};

/// What the declared type of a column says about the form of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Stored as 0 and 1.
    Boolean,
    /// Stored as JSON text.
    Json,
    /// Stored as bytes; `\x` and hexadecimal digits outside.
    Bytes,
    /// Stored as it comes.
    Plain,
}

impl Kind {
    /// Classifies a declared type.
    pub(crate) fn of(sql_type: &str) -> Self {
        let upper = sql_type.to_ascii_uppercase();
        if upper.starts_with("BOOL") {
            Kind::Boolean
        } else if upper.starts_with("JSON") {
            Kind::Json
        } else if ["BLOB", "BINARY", "BYTEA"].iter().any(|word| upper.contains(word)) {
            Kind::Bytes
        } else {
            Kind::Plain
        }
    }

    /// Gives what SQLite stores for a value.
    pub(crate) fn bind(self, value: &Value) -> SqliteValue {
        match value {
            Value::Null => SqliteValue::Null,
            value if self == Kind::Json => SqliteValue::Text(value.to_string()),
            Value::Bool(truth) => SqliteValue::Integer((*truth).into()),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => SqliteValue::Integer(integer),
                // Beyond 64 bits signed, the digits are worth more than the number.
                _ if number.is_u64() => SqliteValue::Text(number.to_string()),
                (None, Some(real)) => SqliteValue::Real(real),
                (None, None) => SqliteValue::Text(number.to_string()),
            },
            Value::String(text) => match (self, bytes(text)) {
                (Kind::Bytes, Some(bytes)) => SqliteValue::Blob(bytes),
                _ => SqliteValue::Text(text.clone()),
            },
            Value::Array(_) | Value::Object(_) => SqliteValue::Text(value.to_string()),
        }
    }

    /// Gives the JSON of a stored value.
    pub(crate) fn read(self, value: ValueRef<'_>) -> Value {
        match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(integer @ (0 | 1)) if self == Kind::Boolean => Value::Bool(integer == 1),
            ValueRef::Integer(integer) => integer.into(),
            ValueRef::Real(real) => {
                serde_json::Number::from_f64(real).map_or_else(|| real.to_string().into(), Value::Number)
            }
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) if self == Kind::Json => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
                Ok(text) => text.into(),
                Err(_) => hexadecimal(text).into(),
            },
            ValueRef::Blob(bytes) => hexadecimal(bytes).into(),
        }
    }
}

/// Reads `\x` and hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? * 16 + digit(*low)?)).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
