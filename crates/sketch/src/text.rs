//! The text of a manifest.

use std::fmt::Write;

use crate::sketch::{Sketch, Thing};

/// What stands in a manifest for which nothing was found.
const EXAMPLE: &str = "\
# services:
#   web:
#     run: ./serve --port ${port}     # a command line; `shell:` before one for a shell
#     env: { DATABASE_URL: \"${databases.main.url}\" }
#     port: auto
#     ready: { http: / }
#
# databases:
#   main: { engine: sqlite, schema: { sql: [schema.sql] } }
";

/// The nearest text that can be a name.
pub(crate) fn name(text: &str) -> String {
    let mut name: String = text
        .to_lowercase()
        .chars()
        .map(|char| if char.is_ascii_lowercase() || char.is_ascii_digit() { char } else { '-' })
        .collect::<String>()
        .split('-')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name.insert_str(0, "app-");
    }
    name.truncate(40);
    name.trim_end_matches('-').to_owned()
}

/// A text as it is written in YAML: as it is where that reads as the same text, and else in quotes.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._- $={}".contains(char);
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || "./".contains(first));
    let ends = !text.ends_with(' ');
    let is_word = ["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    if begins && ends && !is_word && text.chars().all(is_plain) && !text.starts_with("..") {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

pub(crate) fn manifest(sketch: &Sketch) -> String {
    let mut text = format!("name: {}\n", sketch.name);
    for (key, file) in &sketch.imports {
        writeln!(text, "\n{key}: {}", quoted(file)).expect("writing to a string cannot fail");
    }
    for (key, things) in [("tasks", &sketch.tasks), ("databases", &sketch.databases), ("services", &sketch.services)] {
        if !things.is_empty() {
            writeln!(text, "\n{key}:").expect("writing to a string cannot fail");
            for one in things {
                thing(&mut text, one);
            }
        }
    }
    if sketch.services.is_empty() && sketch.imports.is_empty() {
        write!(text, "\n{EXAMPLE}").expect("writing to a string cannot fail");
    }
    text
}

fn thing(text: &mut String, thing: &Thing) {
    writeln!(text, "  {}:", thing.name).expect("writing to a string cannot fail");
    for (key, value) in &thing.keys {
        writeln!(text, "    {key}: {value}").expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::{name, quoted};

    #[test]
    fn what_directories_are_called_becomes_a_name() {
        for (text, expected) in [
            ("shop", "shop"),
            ("My Shop_2", "my-shop-2"),
            ("2048", "app-2048"),
            ("--", "app"),
            ("läden", "l-den"),
            (&"x".repeat(50), &*"x".repeat(40)),
        ] {
            assert_eq!(name(text), expected);
        }
    }

    #[test]
    fn texts_are_quoted_where_yaml_would_read_something_else() {
        for (text, expected) in [
            ("compose.yaml", "compose.yaml"),
            ("npm run dev", "npm run dev"),
            ("true", "\"true\""),
            ("a: b", "\"a: b\""),
            ("12", "\"12\""),
            ("# x", "\"# x\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
