//! Volumes of a service, which are written `[SOURCE:]TARGET[:OPTIONS]`.

use source::{Node, Tree};

use crate::normal::{Normalising, entry, string};
use crate::short::at_length;

const RULE: &str = "a volume is `[SOURCE:]TARGET[:OPTIONS]`, such as `data:/var/lib/data` or `./conf:/etc/app:ro`";
const PROPAGATIONS: [&str; 6] = ["rprivate", "private", "rshared", "shared", "rslave", "slave"];
/// What was once for Docker Desktop, and does nothing.
const WITHOUT_EFFECT: [&str; 3] = ["cached", "delegated", "consistent"];

/// Writes a volume at length.
pub(crate) fn volumes(tree: &Tree, normalising: &mut Normalising<'_>) -> Vec<Tree> {
    match &tree.node {
        Node::Map(_) => vec![with_path(tree, normalising)],
        Node::String(text) => match Short::parse(text) {
            Ok(short) => vec![short.at_length(tree, normalising)],
            Err(reason) => {
                normalising.malformed::<()>(tree, &format!("a volume: {reason}"), RULE);
                Vec::new()
            }
        },
        _ => {
            normalising.wrong::<()>(tree, "a volume, or a map with `type`, `source` and `target`");
            Vec::new()
        }
    }
}

/// The source of a bind mount is a path.
fn with_path(tree: &Tree, normalising: &Normalising<'_>) -> Tree {
    let mut tree = tree.clone();
    let is_bind = tree.get("type").and_then(Tree::as_str) == Some("bind");
    if let Node::Map(entries) = &mut tree.node
        && is_bind
    {
        for entry in entries.iter_mut().filter(|entry| entry.key == "source") {
            if let Some(path) = entry.value.as_str() {
                entry.value.node = string(normalising.path(path));
            }
        }
    }
    tree
}

/// What a short text says.
struct Short<'t> {
    source: Option<&'t str>,
    target: &'t str,
    options: Vec<&'t str>,
}

impl<'t> Short<'t> {
    fn parse(text: &'t str) -> Result<Self, String> {
        let parts = split(text);
        if parts.iter().any(|part| part.is_empty()) {
            return Err("nothing stands between two colons".to_owned());
        }
        let (source, target, options) = match parts.as_slice() {
            [target] => (None, *target, ""),
            [source, target] => (Some(*source), *target, ""),
            [source, target, options] => (Some(*source), *target, *options),
            _ => return Err("there are too many colons".to_owned()),
        };
        let options: Vec<_> = options.split(',').filter(|option| !option.is_empty()).collect();
        let known = |option: &&str| {
            matches!(*option, "ro" | "rw" | "nocopy" | "z" | "Z")
                || PROPAGATIONS.contains(option)
                || WITHOUT_EFFECT.contains(option)
        };
        match options.iter().find(|option| !known(option)) {
            Some(unknown) => Err(format!("`{unknown}` is not known")),
            None => Ok(Self { source, target, options }),
        }
    }

    fn at_length(&self, tree: &Tree, normalising: &Normalising<'_>) -> Tree {
        let is_bind = self.source.is_some_and(is_path);
        let mut entries = vec![("type", string(if is_bind { "bind" } else { "volume" }))];
        match self.source {
            Some(source) if is_bind && !is_drive(source) && !source.starts_with('\\') => {
                entries.push(("source", string(normalising.path(source))));
            }
            Some(source) => entries.push(("source", string(source))),
            None => {}
        }
        entries.push(("target", string(self.target)));
        if self.options.contains(&"ro") {
            entries.push(("read_only", Node::Bool(true)));
        }
        let mut details = Vec::new();
        for option in &self.options {
            match *option {
                "z" | "Z" => details.push(entry("selinux", string(*option), &tree.place)),
                "nocopy" if !is_bind => details.push(entry("nocopy", Node::Bool(true), &tree.place)),
                option if PROPAGATIONS.contains(&option) => {
                    details.push(entry("propagation", string(option), &tree.place));
                }
                _ => {}
            }
        }
        if is_bind {
            details.push(entry("create_host_path", Node::Bool(true), &tree.place));
        }
        entries.push((if is_bind { "bind" } else { "volume" }, Node::Map(details)));
        at_length(tree, entries)
    }
}

/// Splits at colons, save that of a Windows drive.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(':') {
        if !is_drive(&text[start..=at]) {
            parts.push(&text[start..at]);
            start = at + 1;
        }
    }
    parts.push(&text[start..]);
    parts
}

fn is_drive(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(char::is_alphabetic) && characters.next() == Some(':')
}

fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~']) || source.starts_with(r"\\") || is_drive(source)
}
