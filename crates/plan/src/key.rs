//! Digests that name what something was made of.

use std::fmt;

/// A digest over named parts; equal keys mean equal parts, in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Begins a key for one kind of thing; keys of different kinds never meet.
    pub fn of(kind: &str) -> KeyBuilder {
        let mut builder = KeyBuilder(blake3::Hasher::new());
        builder.text(kind);
        builder
    }

    /// Takes a key that was written down.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether it has the form of a key: 64 hexadecimal digits.
    pub fn is_digest(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Takes the parts of a [`Key`]. Each part is preceded by its length, so that no two lists of parts look alike.
pub struct KeyBuilder(blake3::Hasher);

impl KeyBuilder {
    /// Adds a text.
    pub fn text(&mut self, part: &str) -> &mut Self {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part.as_bytes());
        self
    }

    /// Adds texts, and how many there are.
    pub fn texts<'a>(&mut self, parts: impl IntoIterator<Item = &'a str>) -> &mut Self {
        let parts: Vec<&str> = parts.into_iter().collect();
        self.0.update(&(parts.len() as u64).to_le_bytes());
        for part in parts {
            self.text(part);
        }
        self
    }

    /// Ends the key.
    pub fn end(&self) -> Key {
        Key(self.0.finalize().to_hex().to_string())
    }
}
