//! Values of one file brought into the normal form of their shape, and what is wrong with them.

use std::path::{Component, Path, PathBuf};

use source::{Entry, MapReader, Node, Place, Problem, Problems, Tree, closest};

use crate::Variables;
use crate::shape::{Alone, Record, Shape, is_extension};
use crate::units;

/// What is at hand while values are brought into normal form.
pub(crate) struct Normalising<'a> {
    /// What relative paths are relative to.
    pub(crate) directory: &'a Path,
    pub(crate) variables: &'a Variables,
    pub(crate) problems: &'a mut Problems,
}

impl Normalising<'_> {
    /// Brings a value into the normal form of a shape. `None` when it cannot be; that has been reported then.
    pub(crate) fn value(&mut self, shape: &Shape, tree: &Tree) -> Option<Tree> {
        let node = match shape {
            Shape::Any => tree.node.clone(),
            Shape::Text => Node::String(self.text(tree, "a string")?.to_owned()),
            Shape::Scalar => Node::String(self.scalar(tree)?),
            Shape::Word(words) => Node::String(self.word(words, tree)?),
            Shape::Bool => Node::Bool(self.bool(tree)?),
            Shape::Integer => Node::Integer(self.integer(tree)?),
            Shape::Number => self.number(tree)?,
            Shape::Bytes => Node::String(self.bytes(tree)?.to_string()),
            Shape::Duration => Node::String(self.duration(tree)?),
            Shape::Mode => Node::String(self.mode(tree)?),
            Shape::Path => {
                let path = self.text(tree, "a path")?;
                Node::String(self.path(path))
            }
            Shape::List(shape) => {
                let values = listed(tree, self.problems)?;
                self.list(shape, values)
            }
            Shape::OneOrMore(shape) => match tree.as_list() {
                Some(values) => self.list(shape, values),
                None => Node::List(vec![self.value(shape, tree)?]),
            },
            Shape::Items(expand, shape) => {
                let values = listed(tree, self.problems)?;
                let expanded: Vec<_> = values.iter().flat_map(|value| expand(value, self)).collect();
                self.list(shape, &expanded)
            }
            Shape::Map(shape) => {
                let Some(entries) = tree.as_map() else { return self.wrong(tree, "a map") };
                Node::Map(entries.iter().filter_map(|entry| self.entry(shape, entry)).collect())
            }
            Shape::Pairs(alone) => Node::Map(self.pairs(*alone, tree)?),
            Shape::Record(record) => Node::Map(self.record(record, tree)?),
            Shape::Short(long, shape) => {
                let long = match &tree.node {
                    Node::Map(_) => tree.clone(),
                    _ => long(tree, self)?,
                };
                return self.value(shape, &long);
            }
            Shape::Made(make) => return make(tree, self),
            Shape::OrNothing(shape) => match tree.node {
                Node::Null => Node::Null,
                _ => return self.value(shape, tree),
            },
        };
        Some(Tree { node, place: tree.place.clone() })
    }

    fn list(&mut self, shape: &Shape, values: &[Tree]) -> Node {
        Node::List(values.iter().filter_map(|value| self.value(shape, value)).collect())
    }

    fn entry(&mut self, shape: &Shape, entry: &Entry) -> Option<Entry> {
        Some(Entry { value: self.value(shape, &entry.value)?, ..entry.clone() })
    }

    fn record(&mut self, record: &Record, tree: &Tree) -> Option<Vec<Entry>> {
        let mut reader = MapReader::new(tree, self.problems, record.what)?;
        for key in record.keys {
            if key.required {
                reader.required(key.name);
            } else {
                reader.entry(key.name);
            }
        }
        let mut extensions: Vec<_> = tree.as_map()?.iter().filter(|entry| is_extension(entry)).cloned().collect();
        for entry in &extensions {
            reader.entry(&entry.key);
        }
        reader.finish();
        let known = tree.as_map()?.iter().filter_map(|entry| Some((record.key(&entry.key)?, entry)));
        let mut entries: Vec<_> = known.filter_map(|(key, entry)| self.entry(&key.shape, entry)).collect();
        entries.append(&mut extensions);
        Some(entries)
    }

    /// Reads a map from name to text, or a list of `NAME=value`.
    fn pairs(&mut self, alone: Alone, tree: &Tree) -> Option<Vec<Entry>> {
        let entries = match &tree.node {
            Node::Map(entries) => entries.iter().filter_map(|entry| self.pair(alone, entry)).collect(),
            Node::List(values) => {
                let mut entries: Vec<Entry> = Vec::new();
                for value in values {
                    let Some(entry) = self.listed_pair(alone, value) else { continue };
                    entries.retain(|known| known.key != entry.key);
                    entries.push(entry);
                }
                entries
            }
            _ => return self.wrong(tree, "a map, or a list of `NAME=value`"),
        };
        Some(entries)
    }

    fn pair(&mut self, alone: Alone, entry: &Entry) -> Option<Entry> {
        let node = match &entry.value.node {
            Node::Null if alone == Alone::Variable => Node::Null,
            Node::Null => Node::String(String::new()),
            _ => Node::String(self.scalar(&entry.value)?),
        };
        Some(Entry { value: Tree { node, place: entry.value.place.clone() }, ..entry.clone() })
    }

    fn listed_pair(&mut self, alone: Alone, tree: &Tree) -> Option<Entry> {
        let text = self.text(tree, "a string `NAME=value`")?;
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Node::String(value.to_owned())),
            None if alone == Alone::Variable => (text, Node::Null),
            None => (text, Node::String(String::new())),
        };
        let value = Tree { node: value, place: tree.place.clone() };
        Some(Entry { key: name.to_owned(), key_place: tree.place.clone(), value })
    }

    /// Returns the text of a string; a problem if it is none.
    pub(crate) fn text<'t>(&mut self, tree: &'t Tree, wanted: &str) -> Option<&'t str> {
        let text = tree.as_str();
        if text.is_none() {
            let help = match tree.node {
                Node::Integer(_) | Node::Float(_) | Node::Bool(_) => {
                    Some(format!("put it in quotes: `\"{}\"`", tree.place.text()))
                }
                _ => None,
            };
            self.problems.push(tree.wrong_type(wanted).maybe_help(help));
        }
        text
    }

    fn scalar(&mut self, tree: &Tree) -> Option<String> {
        match &tree.node {
            Node::String(text) => Some(text.clone()),
            Node::Integer(number) => Some(number.to_string()),
            Node::Float(number) => Some(units::float(*number)),
            Node::Bool(value) => Some(value.to_string()),
            Node::Null | Node::List(_) | Node::Map(_) => self.wrong(tree, "a string, a number or a boolean"),
        }
    }

    fn word(&mut self, words: &[&str], tree: &Tree) -> Option<String> {
        let text = self.text(tree, "a string")?;
        if words.contains(&text) {
            return Some(text.to_owned());
        }
        let known: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        let help = closest(text, words.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        self.problems.push(
            Problem::error("compose::unknown-word", format!("`{text}` is not one of {}", known.join(", ")))
                .at(&tree.place, "not known here")
                .maybe_help(help),
        );
        None
    }

    fn bool(&mut self, tree: &Tree) -> Option<bool> {
        let from_text = |text: &str| match text.to_lowercase().as_str() {
            "y" | "yes" | "true" | "on" => Some(true),
            "n" | "no" | "false" | "off" => Some(false),
            _ => None,
        };
        tree.as_bool().or_else(|| from_text(tree.as_str()?)).or_else(|| self.wrong(tree, "`true` or `false`"))
    }

    fn integer(&mut self, tree: &Tree) -> Option<i64> {
        let number = match &tree.node {
            Node::Integer(number) => Some(*number),
            Node::String(text) => text.parse().ok(),
            _ => None,
        };
        number.or_else(|| self.wrong(tree, "a whole number"))
    }

    fn number(&mut self, tree: &Tree) -> Option<Node> {
        let node = match &tree.node {
            Node::Integer(_) | Node::Float(_) => Some(tree.node.clone()),
            Node::String(text) => match text.parse::<i64>() {
                Ok(number) => Some(Node::Integer(number)),
                Err(_) => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Node::Float),
            },
            _ => None,
        };
        node.or_else(|| self.wrong(tree, "a number"))
    }

    fn bytes(&mut self, tree: &Tree) -> Option<i64> {
        let bytes = match &tree.node {
            Node::Integer(number) => Some(*number),
            Node::String(text) => units::bytes(text),
            _ => None,
        };
        bytes.or_else(|| self.malformed(tree, "a size", "a size is a number with a unit: `64mb`, `1.5g`, `512k`"))
    }

    fn duration(&mut self, tree: &Tree) -> Option<String> {
        let nanoseconds = tree.as_str().and_then(units::nanoseconds);
        let rule = "a duration has units: `5s`, `1m30s`, `500ms`";
        nanoseconds.map(units::duration).or_else(|| self.malformed(tree, "a duration", rule))
    }

    fn mode(&mut self, tree: &Tree) -> Option<String> {
        let mode = match &tree.node {
            Node::Integer(number) => Some(*number),
            Node::String(text) => i64::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
            _ => None,
        };
        let mode = mode.filter(|mode| (0..=0o7777).contains(mode));
        mode.map(|mode| format!("0{mode:o}"))
            .or_else(|| self.malformed(tree, "permissions", "permissions are an octal number: `0440`"))
    }

    /// Makes a path absolute. One that is so already stays as it is.
    pub(crate) fn path(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        let home = self.variables.get("HOME");
        let path = match (path.strip_prefix('~'), home) {
            (Some(""), Some(home)) => PathBuf::from(home),
            (Some(rest), Some(home)) if rest.starts_with('/') => Path::new(home).join(rest.trim_start_matches('/')),
            _ => self.directory.join(path),
        };
        clean(&path)
    }

    /// Reports a value of the wrong kind.
    pub(crate) fn wrong<T>(&mut self, tree: &Tree, wanted: &str) -> Option<T> {
        let problem = match tree.as_str() {
            Some(text) => Problem::error("compose::malformed", format!("expected {wanted}, found `{text}`"))
                .at(&tree.place, format!("not {wanted}")),
            None => tree.wrong_type(wanted),
        };
        self.problems.push(problem);
        None
    }

    /// Reports a text that does not have the form it should have.
    pub(crate) fn malformed<T>(&mut self, tree: &Tree, what: &str, rule: &str) -> Option<T> {
        let problem = match &tree.node {
            Node::String(text) => Problem::error("compose::malformed", format!("`{text}` is not {what}"))
                .at(&tree.place, format!("not {what}")),
            Node::Integer(_) | Node::Float(_) => {
                Problem::error("compose::malformed", format!("`{}` is not {what}", tree.place.text()))
                    .at(&tree.place, format!("not {what}"))
            }
            _ => tree.wrong_type(what),
        };
        self.problems.push(problem.help(rule));
        None
    }
}

fn listed<'t>(tree: &'t Tree, problems: &mut Problems) -> Option<&'t [Tree]> {
    let values = tree.as_list();
    if values.is_none() {
        problems.push(tree.wrong_type("a list"));
    }
    values
}

/// Resolves `.` and `..` in a path without looking at files.
pub(crate) fn clean(path: &Path) -> String {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            Component::ParentDir if clean.has_root() => {}
            _ => clean.push(component),
        }
    }
    let text = clean.to_string_lossy().into_owned();
    if text.is_empty() { ".".to_owned() } else { text }
}

/// Makes an entry whose key and value stand at one place.
pub(crate) fn entry(key: &str, node: Node, place: &Place) -> Entry {
    Entry { key: key.to_owned(), key_place: place.clone(), value: Tree { node, place: place.clone() } }
}

/// Makes a string.
pub(crate) fn string(text: impl Into<String>) -> Node {
    Node::String(text.into())
}
