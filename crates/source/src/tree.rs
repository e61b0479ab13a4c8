//! A YAML value as a tree in which everything knows where it stands.

use serde_json::Value;

use crate::{Place, Problem};

/// A YAML value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// What it is.
    pub node: Node,
    /// Where it stands; of a block map or list, from its first key or value to the end of its last value.
    pub place: Place,
}

/// What a YAML value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number that is not written as a whole one.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Tree>),
    /// A map, in the order of the text; keys are unique.
    Map(Vec<Entry>),
}

/// One key of a map and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_place: Place,
    /// The value.
    pub value: Tree,
}

impl Tree {
    /// Returns the value under a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Returns the entry of a key, if this is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|entry| entry.key == key)
    }

    /// Returns the text of a string; numbers and booleans are none.
    pub fn as_str(&self) -> Option<&str> {
        if let Node::String(text) = &self.node { Some(text) } else { None }
    }

    /// Returns a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if let Node::Bool(value) = self.node { Some(value) } else { None }
    }

    /// Returns a whole number.
    pub fn as_integer(&self) -> Option<i64> {
        if let Node::Integer(value) = self.node { Some(value) } else { None }
    }

    /// Returns the values of a list.
    pub fn as_list(&self) -> Option<&[Tree]> {
        if let Node::List(values) = &self.node { Some(values) } else { None }
    }

    /// Returns the entries of a map.
    pub fn as_map(&self) -> Option<&[Entry]> {
        if let Node::Map(entries) = &self.node { Some(entries) } else { None }
    }

    /// Says whether this is nothing.
    pub fn is_null(&self) -> bool {
        self.node == Node::Null
    }

    /// Says what kind of value this is, for a message: `a string`, `a list`.
    pub fn kind(&self) -> &'static str {
        match self.node {
            Node::Null => "nothing",
            Node::Bool(_) => "a boolean",
            Node::Integer(_) => "a whole number",
            Node::Float(_) => "a number",
            Node::String(_) => "a string",
            Node::List(_) => "a list",
            Node::Map(_) => "a map",
        }
    }

    /// Makes the problem of a value of the wrong kind; `wanted` reads like `a string`.
    pub fn wrong_type(&self, wanted: &str) -> Problem {
        let found = self.kind();
        let problem = Problem::error("yaml::wrong-type", format!("expected {wanted}, found {found}"))
            .at(&self.place, format!("this is {found}"));
        match &self.node {
            Node::String(text) if wanted.starts_with("a list") && !text.contains('\n') => {
                problem.help(format!("a list of one is written `[{text}]`"))
            }
            _ => problem,
        }
    }

    /// Returns the value as JSON, without places; keys keep their order.
    pub fn to_json(&self) -> Value {
        match &self.node {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Integer(value) => Value::from(*value),
            Node::Float(value) => Value::from(*value),
            Node::String(text) => Value::String(text.clone()),
            Node::List(values) => Value::Array(values.iter().map(Tree::to_json).collect()),
            Node::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect())
            }
        }
    }

    /// Lays this tree over a base: maps are merged key by key, anything else is replaced. Places are kept.
    #[must_use]
    pub fn merge_over(self, base: Tree) -> Tree {
        match (self.node, base.node) {
            (Node::Map(over), Node::Map(mut entries)) => {
                for entry in over {
                    match entries.iter_mut().find(|known| known.key == entry.key) {
                        Some(known) => {
                            let below = std::mem::replace(&mut known.value.node, Node::Null);
                            let below = Tree { node: below, place: known.value.place.clone() };
                            if !matches!((&entry.value.node, &below.node), (Node::Map(_), Node::Map(_))) {
                                known.key_place = entry.key_place;
                            }
                            known.value = entry.value.merge_over(below);
                        }
                        None => entries.push(entry),
                    }
                }
                Tree { node: Node::Map(entries), place: base.place }
            }
            (node, _) => Tree { node, place: self.place },
        }
    }
}
