//! Writes specs as YAML: records on a line where they fit, values that mean what they say.

use std::fmt::Write as _;

/// What a field of a record is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Nothing.
    Null,
    /// Digits, or another word that stands for itself: a number, `true`, `false`.
    Plain(String),
    /// A text.
    Text(String),
    /// The record that these values are known by.
    Record(Record),
}

/// A record: its fields, in order.
pub type Record = Vec<(String, Field)>;

/// What means something in a text of a spec.
pub(crate) const REPLACED: [&str; 4] = ["{n}", "${", "{{", "{%"];

/// Names that mean something else than a field in a record.
const NOT_FIELDS: [&str; 2] = ["count", "traits"];

/// How long a line gets.
const WIDTH: usize = 140;

impl Field {
    /// The value as it stands in a spec, within a line.
    pub(crate) fn written(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Plain(word) => word.clone(),
            // Both would be replaced.
            Self::Text(text) if REPLACED.iter().any(|sign| text.contains(sign)) => {
                format!("{{ text: {} }}", quoted(text))
            }
            Self::Text(text) => scalar(text),
            Self::Record(fields) => format!("{{ record: {} }}", map(fields)),
        }
    }
}

/// A map on one line.
pub(crate) fn map(fields: &[(String, Field)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, field)| format!("{}: {}", scalar(name), field.written())).collect();
    if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) }
}

/// A whole spec: comments, then the records of each entry.
pub fn spec(comments: &[String], entries: &[(String, Vec<Record>)]) -> String {
    let mut text = String::new();
    for comment in comments {
        writeln!(text, "# {}", comment.replace('\n', " ")).expect("writing to a string cannot fail");
    }
    text.push_str("seedbed: 1\nrecords:\n");
    for (name, records) in entries {
        writeln!(text, "  {}:", scalar(name)).expect("writing to a string cannot fail");
        for record in records {
            item(4, record, &mut text);
        }
    }
    text
}

/// An entry of a list: on one line if it fits, else a line for each field.
pub(crate) fn item(indent: usize, fields: &[(String, Field)], text: &mut String) {
    let blank = " ".repeat(indent);
    let fields: Record = fields.iter().map(|(name, field)| (field_name(name), field.clone())).collect();
    let line = map(&fields);
    if indent + 2 + line.chars().count() <= WIDTH || fields.is_empty() {
        writeln!(text, "{blank}- {line}").expect("writing to a string cannot fail");
        return;
    }
    for (number, (name, field)) in fields.iter().enumerate() {
        let lead = if number == 0 { "- " } else { "  " };
        writeln!(text, "{blank}{lead}{}: {}", scalar(name), field.written()).expect("writing to a string cannot fail");
    }
}

/// The name of a field of a record; a point before it says that it is one.
pub(crate) fn field_name(name: &str) -> String {
    if NOT_FIELDS.contains(&name) || name.starts_with('.') { format!(".{name}") } else { name.to_owned() }
}

/// A text, in quotes only where it would mean something else without them.
pub(crate) fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let first = text.chars().next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
    let inner = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./@+ ".contains(letter));
    let ends = !text.ends_with(' ');
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if first && inner && ends && !is_word { text.to_owned() } else { quoted(text) }
}

/// A text in double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            // What readers of YAML refuse, or take for the end of a line.
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                write!(quoted, "\\u{:04x}", u32::from(letter)).expect("writing to a string cannot fail");
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use factory::{Choice, Given, Spec};

    use super::*;

    #[test]
    fn every_text_is_read_as_it_was() {
        let texts = [
            "",
            " ",
            "a",
            "a b ",
            "yes",
            "No",
            "null",
            "~",
            "12",
            "1e3",
            "0x1f",
            "a: b",
            "a #b",
            "- a",
            "{n}",
            "x ${y} {n}",
            "{{ a }}",
            "{% if %}",
            "'",
            "\"",
            "\\",
            "\\x00",
            "ä€𝄞",
            "two\nlines\n",
            "tab\t",
            "\u{7}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}x",
            "a, b",
            "[a]",
            "{a}",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%",
            "@a",
            "`a",
            "2024-01-01",
            "2024-01-01 10:00:00+00",
            "course-v1:edX+DemoX+Demo",
            "a@b.example",
            "<<",
            "=",
        ];
        let no_template = |template: &str| Err(format!("{template} is no text"));
        assert_eq!(NOT_FIELDS, factory::GROUP_KEYS);
        for text in texts {
            for width in [1, 200] {
                let fields = vec![
                    ("name of it".to_owned(), Field::Text(text.to_owned())),
                    ("count".to_owned(), Field::Text("x".repeat(width))),
                ];
                let mut written = "seedbed: 1\nrecords:\n  t:\n".to_owned();
                item(4, &fields, &mut written);
                let file = source::SourceFile::new("spec.yaml", &written);
                let tree = source::parse(&file).unwrap_or_else(|_| panic!("{written}"));
                let mut problems = source::Problems::default();
                let spec = Spec::read(&[tree], &Choice::default(), &no_template, &mut problems).expect("it is a spec");
                assert!(problems.is_empty(), "{written}");
                assert!(spec.entries[0].groups[0].group.given.contains_key("count"), "{written}");
                let given = &spec.entries[0].groups[0].group.given["name of it"];
                assert_eq!(*given, Given::Value(database::Datum::Text(text.to_owned())), "{written}");
            }
        }
    }
}
