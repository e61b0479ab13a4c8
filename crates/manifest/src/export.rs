//! What a workspace lets its dependents see.

use source::{Entry, Node, Place, Tree};

use crate::Template;
use crate::reading::Reading;

/// A named value that dependents see.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The value.
    pub value: Template,
    /// What it is, if that is declared.
    pub kind: Option<ExportKind>,
    /// Where it stands.
    pub place: Place,
}

/// What an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A number from 1 to 65535.
    Port,
    /// `SCHEME://…`.
    Url,
}

impl ExportKind {
    pub(crate) const WORDS: [&'static str; 6] = ["text", "integer", "number", "boolean", "port", "url"];
    const ALL: [Self; 6] = [Self::Text, Self::Integer, Self::Number, Self::Boolean, Self::Port, Self::Url];

    fn from_word(word: &str) -> Option<Self> {
        let index = Self::WORDS.iter().position(|known| *known == word)?;
        Some(Self::ALL[index])
    }

    /// What it is, for messages.
    pub fn what(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "`true` or `false`",
            Self::Port => "a port, from 1 to 65535",
            Self::Url => "a URL, such as `http://HOST:PORT`",
        }
    }

    /// Whether a value is of this kind.
    pub fn fits(self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Integer => value.parse::<i64>().is_ok(),
            Self::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Boolean => matches!(value, "true" | "false"),
            Self::Port => value.parse::<u16>().is_ok_and(|port| port > 0),
            Self::Url => value.split_once("://").is_some_and(|(scheme, rest)| {
                let is_letter = |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
                scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                    && scheme.chars().all(is_letter)
                    && !rest.is_empty()
                    && !rest.contains(char::is_whitespace)
            }),
        }
    }
}

impl Export {
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let (value, kind) = match &entry.value.node {
            Node::Map(_) => {
                let kind = entry.value.get("type").and_then(Tree::as_str).and_then(ExportKind::from_word);
                (entry.value.get("value")?, kind)
            }
            _ => (&entry.value, None),
        };
        Some(Self { value: reading.template(value)?, kind, place: value.place.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::ExportKind::{Boolean, Integer, Number, Port, Text, Url};

    #[test]
    fn values_are_of_their_kinds() {
        for (kind, good, bad) in [
            (Text, vec!["", "any"], vec![]),
            (Integer, vec!["0", "-7"], vec!["", "1.5", "one"]),
            (Number, vec!["1.5", "-2"], vec!["", "NaN", "inf"]),
            (Boolean, vec!["true", "false"], vec!["yes", ""]),
            (Port, vec!["1", "65535"], vec!["0", "65536", "http", ""]),
            (
                Url,
                vec!["http://127.0.0.1:80/a?b", "git+ssh://x"],
                vec!["127.0.0.1:80", "://x", "http://", "1a://x", "http://a b"],
            ),
        ] {
            for value in good {
                assert!(kind.fits(value), "{kind:?} {value}");
            }
            for value in bad {
                assert!(!kind.fits(value), "{kind:?} {value}");
            }
        }
    }
}
