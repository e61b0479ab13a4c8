//! Values that are written shortly, at length.

use source::{Entry, Node, Problem, Tree};

use crate::build_format;
use crate::normal::{Normalising, entry, string};
use crate::shape::{Alone, Shape};
use crate::words;

pub(crate) use crate::ports::ports;
pub(crate) use crate::volumes::volumes;

/// Makes a map that stands where a short value stands.
pub(crate) fn at_length(tree: &Tree, entries: impl IntoIterator<Item = (&'static str, Node)>) -> Tree {
    let entries = entries.into_iter().map(|(key, node)| entry(key, node, &tree.place)).collect();
    Tree { node: Node::Map(entries), place: tree.place.clone() }
}

/// Makes a map whose only key has the text.
fn only(tree: &Tree, key: &'static str, wanted: &str, normalising: &mut Normalising<'_>) -> Option<Tree> {
    let text = normalising.text(tree, wanted)?;
    Some(at_length(tree, [(key, string(text))]))
}

pub(crate) fn include(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    only(tree, "path", "a path, or an included file, which is a map", normalising)
}

pub(crate) fn build(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    only(tree, "context", "a directory, or a build, which is a map", normalising)
}

pub(crate) fn env_file(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    only(tree, "path", "a path, or a file of variables, which is a map", normalising)
}

pub(crate) fn extends(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    only(tree, "service", "the name of a service, or a map with `service` and `file`", normalising)
}

pub(crate) fn grant(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    only(tree, "source", "a name, or a map with `source` and `target`", normalising)
}

/// A command line is split into words, as Compose does it: at the first `;`, `&`, `|`, `<` or `>` it ends.
pub(crate) fn command(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    if tree.as_list().is_some() {
        return Some(tree.clone());
    }
    let text = normalising.text(tree, "a string, or a list of words")?;
    let Some(line) = words::split(text) else {
        return normalising.malformed(
            tree,
            "a command line",
            "a quote, a backslash or a parenthesis needs another one",
        );
    };
    if let Some(cut) = line.cut {
        normalising.problems.push(
            Problem::warning("compose::command-cut", "a command line is not for a shell, and ends here")
                .at(&tree.place.within(text, cut..text.len()), "Compose leaves this out, and so does Seedbed")
                .help("for a shell, write `[\"sh\", \"-c\", \"…\"]`"),
        );
    }
    let words = line.words.into_iter().map(|word| Tree { node: string(word), place: tree.place.clone() });
    Some(Tree { node: Node::List(words.collect()), place: tree.place.clone() })
}

pub(crate) fn health_test(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    if tree.as_list().is_some() {
        return Some(tree.clone());
    }
    let script = normalising.text(tree, "a string, or a list of words")?;
    let words = ["CMD-SHELL", script].map(|word| Tree { node: string(word), place: tree.place.clone() });
    Some(Tree { node: Node::List(words.into()), place: tree.place.clone() })
}

/// A list of names as a map, in which each has this value.
fn named(tree: &Tree, normalising: &mut Normalising<'_>, wanted: &str, value: impl Fn(&Tree) -> Tree) -> Option<Tree> {
    let Some(names) = tree.as_list() else { return normalising.wrong(tree, wanted) };
    let mut entries: Vec<Entry> = Vec::new();
    for name in names {
        let Some(text) = normalising.text(name, "a name") else { continue };
        if entries.iter().all(|entry| entry.key != text) {
            entries.push(Entry { key: text.to_owned(), key_place: name.place.clone(), value: value(name) });
        }
    }
    Some(Tree { node: Node::Map(entries), place: tree.place.clone() })
}

pub(crate) fn depends_on(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    named(tree, normalising, "a list of services, or a map of them", |name| {
        at_length(name, [("condition", string("service_started")), ("required", Node::Bool(true))])
    })
}

pub(crate) fn networks(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    named(tree, normalising, "a list of networks, or a map of them", |name| Tree {
        node: Node::Null,
        place: name.place.clone(),
    })
}

/// `HOST[:CONTAINER[:PERMISSIONS]]`.
pub(crate) fn device(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    let text = normalising.text(tree, "a string `HOST:CONTAINER`, or a map")?;
    let parts: Vec<_> = text.split(':').collect();
    let (source, target, permissions) = match parts.as_slice() {
        [source] => (*source, *source, "rwm"),
        [source, target] => (*source, *target, "rwm"),
        [source, target, permissions] => (*source, *target, *permissions),
        _ => return normalising.malformed(tree, "a device", "a device is `HOST:CONTAINER:rwm`"),
    };
    let entries = [("source", string(source)), ("target", string(target)), ("permissions", string(permissions))];
    Some(at_length(tree, entries))
}

/// Hosts as a map from name to addresses; in a list, each is `NAME=ADDRESS` or `NAME:ADDRESS`.
pub(crate) fn extra_hosts(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    let Some(values) = tree.as_list() else { return normalising.wrong(tree, "a list of `NAME=ADDRESS`, or a map") };
    let mut entries: Vec<Entry> = Vec::new();
    for value in values {
        let Some(text) = normalising.text(value, "a string `NAME=ADDRESS`") else { continue };
        let parts = text.split_once('=').or_else(|| text.split_once(':'));
        let Some((name, address)) = parts.filter(|(name, address)| !name.is_empty() && !address.is_empty()) else {
            normalising.malformed::<()>(value, "a host", "a host is `NAME=ADDRESS`");
            continue;
        };
        let address = Tree { node: string(address), place: value.place.clone() };
        match entries.iter_mut().find(|entry| entry.key == name) {
            Some(Entry { value: Tree { node: Node::List(addresses), .. }, .. }) => addresses.push(address),
            _ => entries.push(entry(name, Node::List(vec![address]), &value.place)),
        }
    }
    Some(Tree { node: Node::Map(entries), place: tree.place.clone() })
}

/// One number is both limits, and stays one number.
pub(crate) fn ulimit(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    match tree.node {
        Node::Map(_) => normalising.value(&Shape::Record(&build_format::ULIMIT), tree),
        _ => normalising.value(&Shape::Integer, tree),
    }
}

pub(crate) fn gpus(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    if tree.as_list().is_some() {
        return Some(tree.clone());
    }
    normalising.value(&Shape::Word(&["all"]), tree)?;
    Some(Tree { node: Node::List(vec![at_length(tree, [("count", Node::Integer(-1))])]), place: tree.place.clone() })
}

/// `all` is counted as -1.
pub(crate) fn count(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    if tree.as_str() == Some("all") {
        return Some(Tree { node: Node::Integer(-1), place: tree.place.clone() });
    }
    normalising.value(&Shape::Integer, tree)
}

/// `true`, or the old form with a name.
pub(crate) fn external(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    if tree.as_map().is_none() {
        return normalising.value(&Shape::Bool, tree);
    }
    match tree.get("name") {
        Some(name) if tree.as_map().is_some_and(|entries| entries.len() == 1) => {
            let name = normalising.value(&Shape::Text, name)?;
            Some(at_length(&name, [("name", name.node.clone())]))
        }
        _ => normalising.wrong(tree, "`true` or `false`"),
    }
}

/// A build context: a directory, or an address.
pub(crate) fn context(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    let text = normalising.text(tree, "a directory")?;
    let path = if is_address(text) { text.to_owned() } else { normalising.path(text) };
    Some(Tree { node: string(path), place: tree.place.clone() })
}

/// Further build contexts by name.
pub(crate) fn contexts(tree: &Tree, normalising: &mut Normalising<'_>) -> Option<Tree> {
    let mut contexts = normalising.value(&Shape::Pairs(Alone::Empty), tree)?;
    if let Node::Map(entries) = &mut contexts.node {
        for entry in entries {
            if let Some(text) = entry.value.as_str().filter(|text| !is_address(text) && !text.starts_with("service:")) {
                entry.value.node = string(normalising.path(text));
            }
        }
    }
    Some(contexts)
}

/// Whether a build context is not a directory of this machine.
pub fn is_address(text: &str) -> bool {
    text.contains("://") || text.starts_with("git@") || text.starts_with("github.com/")
}
