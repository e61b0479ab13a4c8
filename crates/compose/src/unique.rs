//! What tells the values of a list apart when several files say something of it.

use source::{Node, Tree};

use crate::units;

/// A text is told apart by all of it.
pub(crate) fn whole(tree: &Tree) -> String {
    match &tree.node {
        Node::String(text) => text.clone(),
        Node::Integer(number) => number.to_string(),
        Node::Float(number) => units::float(*number),
        _ => String::new(),
    }
}

/// What is mounted is told apart by where.
pub(crate) fn target(tree: &Tree) -> String {
    tree.get("target").map(whole).unwrap_or_default()
}

/// A file of variables is told apart by its path.
pub(crate) fn path(tree: &Tree) -> String {
    tree.get("path").map(whole).unwrap_or_default()
}

/// A range of addresses is told apart by its subnet.
pub(crate) fn subnet(tree: &Tree) -> String {
    tree.get("subnet").map(whole).unwrap_or_default()
}

/// A secret is told apart by where it is put.
pub(crate) fn secret(tree: &Tree) -> String {
    let source = || tree.get("source").map(whole).unwrap_or_default();
    tree.get("target").map_or_else(|| format!("/run/secrets/{}", source()), whole)
}

/// A config is told apart by where it is put.
pub(crate) fn config(tree: &Tree) -> String {
    let source = || tree.get("source").map(whole).unwrap_or_default();
    tree.get("target").map_or_else(|| format!("/{}", source()), whole)
}

/// A port is told apart by all four of address, outer number, inner number and protocol.
pub(crate) fn port(tree: &Tree) -> String {
    let part = |key: &str, missing: &str| tree.get(key).map_or_else(|| missing.to_owned(), whole);
    let outside = format!("{}:{}", part("host_ip", "0.0.0.0"), part("published", ""));
    format!("{outside}:{}/{}", part("target", ""), part("protocol", "tcp"))
}
