//! The shapes that a format is declared in, and the check of a tree against them.

use std::sync::OnceLock;

use regex::Regex;
use source::{MapReader, Node, Place, Problem, Problems, Tree, closest};

/// What a value may look like. The same declaration is checked here and published by [`crate::schema`].
pub(crate) enum Shape {
    /// A string, perhaps of a certain form.
    Text(Option<&'static Pattern>),
    /// A string; a whole number or a boolean is taken as it is written.
    Scalar,
    /// A string, a number or a boolean.
    Setting,
    /// A whole number in this range.
    Integer(i64, i64),
    /// `true`.
    True,
    /// `true` or `false`.
    Boolean,
    /// `null`, or nothing at all.
    Null,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list, with at least so many values.
    List(&'static Shape, usize),
    /// A map with keys of this form.
    Map(&'static Pattern, &'static Shape),
    /// A map with these keys.
    Record(&'static Record),
    /// The record if its own key is there, and else the shape.
    Keyed(&'static str, &'static Record, &'static Shape),
    /// One of these, which are told apart by their kind.
    Either(&'static [Shape]),
}

/// A map with known keys.
pub(crate) struct Record {
    /// Its name in the schema.
    pub(crate) name: &'static str,
    /// For messages: `a service`.
    pub(crate) what: &'static str,
    pub(crate) fields: &'static [Field],
    /// Groups of keys, of each of which at most one may be there.
    pub(crate) exclusive: &'static [&'static [&'static str]],
}

/// A key of a record.
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
    pub(crate) doc: &'static str,
    /// Whether what is below overlays something, so that required keys may be missing.
    pub(crate) overlay: bool,
}

/// A key that may be missing.
pub(crate) const fn optional(key: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { key, required: false, shape, doc, overlay: false }
}

/// A key that must be there.
pub(crate) const fn required(key: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { required: true, ..optional(key, shape, doc) }
}

/// A key that may be missing, below which nothing is required.
pub(crate) const fn overlay(key: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { overlay: true, ..optional(key, shape, doc) }
}

/// The form of a string.
pub(crate) struct Pattern {
    /// A regular expression that means the same here and in a JSON schema.
    pub(crate) regex: &'static str,
    /// For messages: `a name`.
    what: &'static str,
    /// For help: what the form is.
    rule: &'static str,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    pub(crate) const fn new(regex: &'static str, what: &'static str, rule: &'static str) -> Self {
        Self { regex, what, rule, compiled: OnceLock::new() }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        self.compiled.get_or_init(|| Regex::new(self.regex).expect("a pattern of ours is an expression")).is_match(text)
    }

    fn check(&self, text: &str, place: &Place, problems: &mut Problems) {
        if !self.matches(text) {
            problems.push(
                Problem::error("manifest::malformed", format!("`{text}` is not {}", self.what))
                    .at(place, format!("not {}", self.what))
                    .help(self.rule),
            );
        }
    }
}

impl Shape {
    /// Checks a value. `heading` is where missing keys are reported; in an overlay, none is missing.
    pub(crate) fn check(&self, tree: &Tree, heading: &Place, in_overlay: bool, problems: &mut Problems) {
        match self {
            Self::Either(shapes) => match shapes.iter().find(|shape| shape.is_of_kind(tree)) {
                Some(shape) => shape.check(tree, heading, in_overlay, problems),
                None => problems.push(tree.wrong_type(&self.wanted()).maybe_help(self.rule())),
            },
            _ if !self.is_of_kind(tree) => {
                problems.push(tree.wrong_type(&self.wanted()).maybe_help(self.rule()));
            }
            Self::Text(pattern) => {
                if let (Some(pattern), Some(text)) = (pattern, tree.as_str()) {
                    pattern.check(text, &tree.place, problems);
                }
            }
            Self::Scalar | Self::Setting | Self::True | Self::Boolean | Self::Null => {}
            Self::Integer(least, most) => {
                if !tree.as_integer().is_some_and(|number| (*least..=*most).contains(&number)) {
                    problems.push(
                        Problem::error("manifest::out-of-range", format!("the number is from {least} to {most}"))
                            .at(&tree.place, "out of range"),
                    );
                }
            }
            Self::Word(words) => check_word(tree.as_str().unwrap_or_default(), words, &tree.place, problems),
            Self::List(shape, least) => {
                let values = tree.as_list().unwrap_or_default();
                if values.len() < *least {
                    problems.push(Problem::error("manifest::empty", "the list is empty").at(&tree.place, ""));
                }
                for value in values {
                    shape.check(value, &value.place, in_overlay, problems);
                }
            }
            Self::Map(keys, shape) => {
                for entry in tree.as_map().unwrap_or_default() {
                    keys.check(&entry.key, &entry.key_place, problems);
                    shape.check(&entry.value, &entry.key_place, in_overlay, problems);
                }
            }
            Self::Record(record) => record.check(tree, heading, in_overlay, problems),
            Self::Keyed(key, with, without) => {
                if tree.get(key).is_some() {
                    with.check(tree, heading, in_overlay, problems);
                } else {
                    without.check(tree, heading, in_overlay, problems);
                }
            }
        }
    }

    fn is_of_kind(&self, tree: &Tree) -> bool {
        match self {
            Self::Text(_) | Self::Word(_) => matches!(tree.node, Node::String(_)),
            Self::Scalar => matches!(tree.node, Node::String(_) | Node::Integer(_) | Node::Bool(_)),
            Self::Setting => matches!(tree.node, Node::String(_) | Node::Integer(_) | Node::Float(_) | Node::Bool(_)),
            Self::Integer(..) => matches!(tree.node, Node::Integer(_)),
            Self::True => tree.as_bool() == Some(true),
            Self::Boolean => matches!(tree.node, Node::Bool(_)),
            Self::Null => matches!(tree.node, Node::Null),
            Self::List(..) => matches!(tree.node, Node::List(_)),
            Self::Map(..) | Self::Record(_) | Self::Keyed(..) => matches!(tree.node, Node::Map(_)),
            Self::Either(shapes) => shapes.iter().any(|shape| shape.is_of_kind(tree)),
        }
    }

    /// For a help: the form that a text has.
    fn rule(&self) -> Option<String> {
        match self {
            Self::Text(Some(pattern)) => Some(pattern.rule.to_owned()),
            Self::Either(shapes) => shapes.iter().find_map(Self::rule),
            _ => None,
        }
    }

    /// For a message: what is wanted.
    fn wanted(&self) -> String {
        match self {
            Self::Text(None) => "a string".to_owned(),
            Self::Text(Some(pattern)) => pattern.what.to_owned(),
            Self::Scalar => "a string, a whole number or a boolean".to_owned(),
            Self::Setting => "a string, a number or a boolean".to_owned(),
            Self::Integer(..) => "a whole number".to_owned(),
            Self::True => "`true`".to_owned(),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Null => "`null`".to_owned(),
            Self::Word(words) => match words {
                [word] => format!("`{word}`"),
                _ => format!("one of {}", crate::declared::listed(words)),
            },
            Self::List(..) => "a list".to_owned(),
            Self::Map(..) => "a map".to_owned(),
            Self::Keyed(_, _, without) => without.wanted(),
            Self::Record(record) => format!("{}, which is a map", record.what),
            Self::Either(shapes) => {
                let wanted: Vec<_> = shapes.iter().map(Shape::wanted).collect();
                wanted.join(" or ")
            }
        }
    }
}

/// What a thing is also called, and the word for it.
const OTHER_NAMES: [(&str, &str); 2] = [("mariadb", "mysql"), ("valkey", "redis")];

fn check_word(word: &str, words: &[&str], place: &Place, problems: &mut Problems) {
    if words.contains(&word) {
        return;
    }
    // `SIGTERM` for `TERM`, `postgresql` for `postgres`.
    let longer = || words.iter().copied().find(|known| word.to_lowercase().contains(&known.to_lowercase()));
    let other_name = || OTHER_NAMES.iter().find(|(other, _)| *other == word.to_lowercase()).map(|(_, name)| *name);
    let other_name = || other_name().filter(|name| words.contains(name));
    let help = match closest(word, words.iter().copied()).or_else(longer).or_else(other_name) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None => word.parse::<i64>().is_ok().then(|| "if a number is meant, write it without quotes".to_owned()),
    };
    let message = match words {
        [only] => format!("`{word}` is not `{only}`"),
        _ => format!("`{word}` is not one of {}", crate::declared::listed(words)),
    };
    problems.push(Problem::error("manifest::unknown-word", message).at(place, "not known here").maybe_help(help));
}

/// What belongs to a request, and is easily written beside it.
const IN_HTTP: [(&str, &str); 6] = [
    ("path", "it stands in `http: { path: … }`"),
    ("port", "it stands in `http: { path: /…, port: … }`"),
    ("status", "it stands in `http: { path: /…, status: … }`"),
    ("method", "it stands in `http: { path: /…, method: … }`"),
    ("headers", "it stands in `http: { path: /…, headers: … }`"),
    ("body", "it stands in `http: { path: /…, body: … }`"),
];

impl Record {
    fn check(&self, tree: &Tree, heading: &Place, in_overlay: bool, problems: &mut Problems) {
        let Some(mut reader) = MapReader::new(tree, problems, self.what) else { return };
        reader = reader.heading(heading);
        for field in self.fields {
            let entry = if field.required && !in_overlay {
                reader.required(field.key);
                tree.entry(field.key)
            } else {
                reader.entry(field.key)
            };
            if let Some(entry) = entry {
                let in_overlay = in_overlay || field.overlay;
                field.shape.check(&entry.value, &entry.key_place, in_overlay, reader.problems());
            }
        }
        if tree.get("http").is_some() && ["ready", "live"].contains(&self.name) {
            for (key, help) in IN_HTTP {
                reader.hint(key, help);
            }
        }
        for group in self.exclusive {
            let mut present = group.iter().filter_map(|key| tree.entry(key));
            if let (Some(first), Some(second)) = (present.next(), present.next()) {
                let message = format!("`{}` and `{}` exclude each other in {}", first.key, second.key, self.what);
                reader.problems().push(
                    Problem::error("manifest::exclusive-keys", message)
                        .at(&second.key_place, "only one of them")
                        .at(&first.key_place, "or this one"),
                );
            }
        }
        reader.finish();
    }
}
