//! A setting under `config`: what it may be, what it is, and where that was said.

use std::fmt;

use indexmap::IndexMap;
use source::{Entry, Node, Place, Problem, Problems, Tree, closest};

use crate::date::Date;
use crate::declared::listed;
use crate::reading::Reading;
use crate::secret::SecretSource;

/// A setting, with the value that is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What it is.
    pub value: SettingValue,
    /// Where that stands.
    pub place: Place,
    /// What it may be.
    pub kind: SettingKind,
    /// The only values that it may have; any of its kind when there are none.
    pub values: Vec<SettingValue>,
    /// What it does, for people.
    pub description: Option<String>,
    /// When it should be gone, if it is a temporary toggle.
    pub until: Option<Date>,
    /// Whether those that depend on the workspace may set it.
    pub is_public: bool,
    /// Where it is declared.
    pub declared: Place,
}

/// The value of a setting. `Display` is what `${config.KEY}` stands for; of a secret, where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    /// Text, as it is.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// What nobody writes down.
    Secret(SecretSource),
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// What nobody writes down.
    Secret,
}

impl SettingKind {
    /// The words that a declaration may have.
    pub(crate) const WORDS: [&'static str; 4] = ["text", "integer", "number", "boolean"];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Secret => "secret",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Text, Self::Integer, Self::Number, Self::Boolean].into_iter().find(|kind| kind.as_str() == word)
    }

    /// For messages.
    fn what(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "`true` or `false`",
            Self::Secret => "a secret",
        }
    }
}

impl SettingValue {
    /// Takes a value of the file; a list, a map or nothing is no setting.
    fn read(tree: &Tree) -> Option<Self> {
        match &tree.node {
            Node::String(text) => Some(Self::Text(text.clone())),
            Node::Integer(value) => Some(Self::Integer(*value)),
            Node::Float(value) => Some(Self::Float(*value)),
            Node::Bool(value) => Some(Self::Boolean(*value)),
            Node::Null | Node::List(_) | Node::Map(_) => None,
        }
    }

    fn kind(&self) -> SettingKind {
        match self {
            Self::Text(_) => SettingKind::Text,
            Self::Integer(_) => SettingKind::Integer,
            Self::Float(_) => SettingKind::Number,
            Self::Boolean(_) => SettingKind::Boolean,
            Self::Secret(_) => SettingKind::Secret,
        }
    }

    /// The value as one of a kind, if it is one: a whole number is a number, too.
    fn of_kind(self, kind: SettingKind) -> Option<Self> {
        match (&self, kind) {
            (Self::Integer(_), SettingKind::Number) => Some(self),
            _ if self.kind() == kind => Some(self),
            _ => None,
        }
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(value) => write!(f, "{value}"),
            // `Debug` keeps the point of `1.0`.
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Secret(source) => write!(f, "{source}"),
        }
    }
}

impl Setting {
    /// Reads a setting as the manifest declares it, with its default as its value.
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let Entry { key, key_place, value: tree } = entry;
        let description = tree.get("description").and_then(Tree::as_str).map(str::to_owned);
        let is_public = tree.get("public").and_then(Tree::as_bool).unwrap_or(false);
        let setting = |value, place: &Place, kind| Self {
            value,
            place: place.clone(),
            kind,
            values: Vec::new(),
            description: description.clone(),
            until: None,
            is_public,
            declared: key_place.clone(),
        };
        if let Some(secret) = tree.get("secret") {
            let source = SecretSource::read(secret, reading)?;
            return Some(setting(SettingValue::Secret(source), &secret.place, SettingKind::Secret));
        }
        if tree.as_map().is_none() {
            let value = SettingValue::read(tree)?;
            let kind = value.kind();
            return Some(setting(value, &tree.place, kind));
        }
        let toggle = tree.entry("toggle");
        let (value, place) = match (tree.get("default"), toggle) {
            (Some(default), _) => (SettingValue::read(default)?, &default.place),
            (None, Some(_)) => (SettingValue::Boolean(false), key_place),
            (None, None) => {
                reading.problems.push(
                    Problem::error("manifest::setting", format!("the setting `{key}` has no default"))
                        .at(key_place, "`default` is missing")
                        .help(
                            "every setting has a value that nobody has to choose; a `secret` says where it comes from",
                        ),
                );
                return None;
            }
        };
        let kind = match (toggle, tree.get("type")) {
            (Some(_), _) => SettingKind::Boolean,
            (None, Some(word)) => SettingKind::from_word(word.as_str()?)?,
            (None, None) => value.kind(),
        };
        let mut read = setting(value, place, kind);
        read.until = until(key, toggle, tree.entry("until"), reading);
        for allowed in tree.get("values").and_then(Tree::as_list).unwrap_or_default() {
            let Some(value) = SettingValue::read(allowed) else { continue };
            match value.of_kind(kind) {
                Some(value) => read.values.push(value),
                None => reading.problems.push(read.wrong_kind(key, &allowed.place)),
            }
        }
        let problem = read.check(key, read.value.clone(), place).err();
        reading.problems.extend(problem);
        Some(read)
    }

    /// The value as one that this setting may have; `place` is where it stands.
    fn check(&self, key: &str, value: SettingValue, place: &Place) -> Result<SettingValue, Problem> {
        let Some(value) = value.of_kind(self.kind) else { return Err(self.wrong_kind(key, place)) };
        if self.values.is_empty() || self.values.contains(&value) {
            return Ok(value);
        }
        let words: Vec<String> = self.values.iter().map(ToString::to_string).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let shown = value.to_string();
        Err(Problem::error("manifest::setting", format!("`{shown}` is no value that `{key}` may have"))
            .at(place, "not one of its values")
            .at(&self.declared, "declared here")
            .help(match closest(&shown, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is {}", listed(&words)),
            }))
    }

    fn wrong_kind(&self, key: &str, place: &Place) -> Problem {
        if self.kind == SettingKind::Secret {
            // The line would show what is secret.
            let there = format!("{}:{}", place.file().name(), place.line());
            return Problem::error("manifest::secret", format!("`{key}` is a secret, and {there} has another value for it"))
                .at(&self.declared, "declared here as a secret")
                .help("write where it comes from, such as `{ secret: { env: NAME } }`; what stood there should be changed if anybody else could read it");
        }
        let problem = Problem::error("manifest::setting", format!("the setting `{key}` is {}", self.kind.what()))
            .at(place, format!("not {}", self.kind.what()));
        let problem = if place == &self.declared { problem } else { problem.at(&self.declared, "declared here") };
        match self.kind {
            SettingKind::Text => problem.help("text that looks like something else stands in quotes"),
            _ => problem,
        }
    }

    /// Sets the value; nothing is set when it may not have it.
    fn give(&mut self, entry: &Entry, reading: &mut Reading<'_>) {
        let value = match (entry.value.get("secret"), self.kind) {
            (Some(secret), SettingKind::Secret) => SecretSource::read(secret, reading).map(SettingValue::Secret),
            (Some(_), _) => {
                reading.problems.push(self.wrong_kind(&entry.key, &entry.value.place));
                None
            }
            (None, _) => SettingValue::read(&entry.value),
        };
        match value.map(|value| self.check(&entry.key, value, &entry.value.place)) {
            Some(Ok(value)) => (self.value, self.place) = (value, entry.value.place.clone()),
            Some(Err(problem)) => reading.problems.push(problem),
            None => {}
        }
    }
}

/// When a temporary toggle should be gone. Only such a one has a day, and each of them has one.
fn until(key: &str, toggle: Option<&Entry>, until: Option<&Entry>, reading: &mut Reading<'_>) -> Option<Date> {
    let is_temporary = toggle.and_then(|toggle| toggle.value.as_str()) == Some("temporary");
    match (toggle, until) {
        (Some(toggle), None) if is_temporary => {
            reading.problems.push(
                Problem::error(
                    "manifest::toggle",
                    format!("the toggle `{key}` is temporary, and nobody says until when"),
                )
                .at(&toggle.value.place, "needs a day on which it is removed")
                .help("write `until: 2027-01-31` beside it"),
            );
            None
        }
        (_, Some(entry)) if !is_temporary => {
            reading.problems.push(
                Problem::error("manifest::toggle", "`until` is for toggles that are temporary")
                    .at(&entry.key_place, "without `toggle: temporary`"),
            );
            None
        }
        (_, Some(entry)) => {
            let text = entry.value.as_str()?;
            let date = text.parse().ok();
            if date.is_none() {
                reading.problems.push(
                    Problem::error("manifest::malformed", format!("`{text}` is not a day"))
                        .at(&entry.value.place, "there is no such day")
                        .help("a day is written like `2027-01-31`"),
                );
            }
            date
        }
        (_, None) => None,
    }
}

/// Lays values over settings. What is not declared, or not allowed, is a problem at its place.
pub(crate) fn give_all(config: &mut IndexMap<String, Setting>, values: &[Entry], reading: &mut Reading<'_>) {
    for entry in values {
        if let Some(setting) = config.get_mut(&entry.key) {
            setting.give(entry, reading);
        } else if !reading.declared.config.contains(&entry.key) {
            // One that is declared and could not be read has been reported.
            reading.problems.push(unknown(&entry.key, &entry.key_place, config.keys().map(String::as_str)));
        }
    }
}

/// The problem of a value for a setting that there is not.
pub(crate) fn unknown<'n>(key: &str, place: &Place, known: impl Iterator<Item = &'n str>) -> Problem {
    let known: Vec<&str> = known.collect();
    let help = match closest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none at all; a setting is declared under `config`".to_owned(),
        None => format!("there is {}; another one is declared under `config`", listed(&known)),
    };
    Problem::error("manifest::setting", format!("there is no setting `{key}`")).at(place, "not declared").help(help)
}

/// Lays values over settings that were checked before, or are checked now.
pub(crate) fn give_later(
    config: &mut IndexMap<String, Setting>,
    values: &[Entry],
    declared: &crate::declared::Declared,
    problems: &mut Problems,
) {
    let mut reading = Reading::new(declared, false);
    give_all(config, values, &mut reading);
    problems.extend(reading.problems);
}
