//! A setting under `config`.

use std::fmt;

use source::{Node, Tree};

/// The value of a setting. `Display` is what `${config.KEY}` stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// Text, as it is.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
}

impl Setting {
    /// Takes a value of the file; a list, a map or nothing is no setting.
    pub(crate) fn read(tree: &Tree) -> Option<Self> {
        match &tree.node {
            Node::String(text) => Some(Self::Text(text.clone())),
            Node::Integer(value) => Some(Self::Integer(*value)),
            Node::Float(value) => Some(Self::Float(*value)),
            Node::Bool(value) => Some(Self::Boolean(*value)),
            Node::Null | Node::List(_) | Node::Map(_) => None,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(value) => write!(f, "{value}"),
            // `Debug` keeps the point of `1.0`.
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Boolean(value) => write!(f, "{value}"),
        }
    }
}
