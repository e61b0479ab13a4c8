//! What two files say of the same thing, put together.

use source::{Entry, Node, Tree};

use crate::shape::{Key, Merge, Record, Shape};

/// Lays one value in normal form over another.
pub(crate) fn merge(shape: &Shape, base: Tree, over: Tree) -> Tree {
    let place = over.place.clone();
    let node = match (shape, base.node, over.node) {
        // What is there with nothing after it says nothing.
        (_, node, Node::Null) => return Tree { node, place: base.place },
        (Shape::Record(record), Node::Map(base), Node::Map(over)) => Node::Map(records(record, base, over)),
        (Shape::Map(shape), Node::Map(base), Node::Map(over)) => Node::Map(maps(shape, base, over)),
        (Shape::Pairs(_) | Shape::Made(_), Node::Map(base), Node::Map(over)) => {
            Node::Map(maps(&Shape::Any, base, over))
        }
        (Shape::List(_) | Shape::OneOrMore(_) | Shape::Items(..), Node::List(mut base), Node::List(over)) => {
            base.extend(over);
            Node::List(base)
        }
        (Shape::Short(_, shape) | Shape::OrNothing(shape), base_node, over) => {
            return merge(shape, Tree { node: base_node, place: base.place }, Tree { node: over, place });
        }
        (_, _, over) => over,
    };
    Tree { node, place }
}

fn maps(shape: &Shape, mut base: Vec<Entry>, over: Vec<Entry>) -> Vec<Entry> {
    for entry in over {
        match base.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => put_over(known, entry, |base, over| merge(shape, base, over)),
            None => base.push(entry),
        }
    }
    base
}

/// Lays one record over another.
pub(crate) fn records(record: &Record, mut base: Vec<Entry>, over: Vec<Entry>) -> Vec<Entry> {
    for entry in over {
        let key = record.key(&entry.key);
        match (base.iter_mut().find(|known| known.key == entry.key), key) {
            (Some(known), Some(key)) => put_over(known, entry, |base, over| fields(key, base, over)),
            // An extension is nobody's business.
            (Some(known), None) => *known = entry,
            (None, _) => base.push(entry),
        }
    }
    base
}

fn fields(key: &Key, base: Tree, over: Tree) -> Tree {
    match key.merge {
        Merge::Usual => merge(&key.shape, base, over),
        Merge::Replaced => over,
        Merge::ReplacedUnlessSame(name) => match (base.get(name), over.get(name)) {
            (Some(below), Some(above)) if below.node != above.node => over,
            _ => merge(&key.shape, base, over),
        },
        Merge::Unique(unique) => only_once(merge(&key.shape, base, over), unique),
    }
}

/// Leaves of values of the same name the last, in the place of the first.
pub(crate) fn only_once(mut tree: Tree, unique: fn(&Tree) -> String) -> Tree {
    if let Node::List(values) = tree.node {
        let mut kept: Vec<(String, Tree)> = Vec::new();
        for value in values {
            let name = unique(&value);
            match kept.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => kept.push((name, value)),
            }
        }
        tree.node = Node::List(kept.into_iter().map(|(_, value)| value).collect());
    }
    tree
}

fn put_over(known: &mut Entry, over: Entry, merge: impl FnOnce(Tree, Tree) -> Tree) {
    let place = known.value.place.clone();
    let base = std::mem::replace(&mut known.value, Tree { node: Node::Null, place });
    if !matches!((&base.node, &over.value.node), (Node::Map(_), Node::Map(_)) | (_, Node::Null)) {
        known.key_place = over.key_place;
    }
    known.value = merge(base, over.value);
}
