//! Changes of maps in normal form.

use source::{Entry, Node, Place, Tree};

/// Returns the entries of a map.
pub(crate) fn entries(tree: &mut Tree) -> Option<&mut Vec<Entry>> {
    if let Node::Map(entries) = &mut tree.node { Some(entries) } else { None }
}

/// Returns the value of a key.
pub(crate) fn value<'t>(entries: &'t mut [Entry], key: &str) -> Option<&'t mut Tree> {
    entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
}

/// Returns the entries of the map that a key has.
pub(crate) fn map<'t>(map: &'t mut [Entry], key: &str) -> Option<&'t mut Vec<Entry>> {
    value(map, key).and_then(entries)
}

/// Returns the entries of the map that a key has, which is made if it is not there.
pub(crate) fn map_or_new<'t>(map: &'t mut Vec<Entry>, key: &str, place: &Place) -> &'t mut Vec<Entry> {
    set_if_missing(map, key, Node::Map(Vec::new()), place);
    let tree = value(map, key).expect("it was set");
    if tree.as_map().is_none() {
        tree.node = Node::Map(Vec::new());
    }
    entries(tree).expect("it is a map")
}

/// Returns the value of a key.
pub(crate) fn get<'t>(entries: &'t [Entry], key: &str) -> Option<&'t Tree> {
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}

/// Returns the text of a key.
pub(crate) fn text<'t>(entries: &'t [Entry], key: &str) -> Option<&'t str> {
    get(entries, key).and_then(Tree::as_str)
}

/// Sets a key that is not there.
pub(crate) fn set_if_missing(entries: &mut Vec<Entry>, key: &str, node: Node, place: &Place) {
    if get(entries, key).is_none() {
        entries.push(crate::normal::entry(key, node, place));
    }
}

/// Takes a key away.
pub(crate) fn remove(entries: &mut Vec<Entry>, key: &str) -> Option<Entry> {
    let index = entries.iter().position(|entry| entry.key == key)?;
    Some(entries.remove(index))
}
