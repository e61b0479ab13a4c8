//! Modes: a named part of a workspace, for dependents that do not need all of it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::LazyLock;

use regex::Regex;
use source::{Entry, Node, Problem, Problems, Tree, closest};

use crate::declared::listed;

/// Which parts of a workspace are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Everything.
    All,
    /// What these modes name, and what that needs.
    Modes(BTreeSet<String>),
}

impl Taken {
    /// Adds what another dependent takes; whether that is more.
    pub(crate) fn add(&mut self, mode: Option<&str>) -> bool {
        match (&mut *self, mode) {
            (Self::All, _) => false,
            (Self::Modes(modes), Some(mode)) => modes.insert(mode.to_owned()),
            (Self::Modes(_), None) => {
                *self = Self::All;
                true
            }
        }
    }

    pub(crate) fn of(mode: Option<&str>) -> Self {
        mode.map_or(Self::All, |mode| Self::Modes([mode.to_owned()].into()))
    }
}

/// What a mode may name: the key in the mode and in the manifest, and the word for one of them.
const KINDS: [(&str, &str); 4] =
    [("services", "service"), ("tasks", "task"), ("databases", "database"), ("dependencies", "dependency")];

/// Checks that what modes name is there.
pub(crate) fn check(tree: &Tree, problems: &mut Problems) {
    for mode in entries(tree, "modes") {
        for (kind, word) in KINDS {
            let known: Vec<&str> = entries(tree, kind).iter().map(|entry| entry.key.as_str()).collect();
            for name in list(&mode.value, kind) {
                check_name(name, word, &known, problems);
            }
        }
        let known: Vec<&str> = all_data(tree).into_iter().filter_map(spec).collect();
        for name in list(&mode.value, "data") {
            check_name(name, "spec", &known, problems);
        }
    }
}

fn check_name(tree: &Tree, word: &str, known: &[&str], problems: &mut Problems) {
    let Some(name) = tree.as_str().filter(|name| !known.contains(name)) else { return };
    let help = match closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("this workspace has no {word} at all"),
        None => format!("there is {}", listed(known)),
    };
    let message = format!("there is no {word} `{name}` that a mode could have");
    problems.push(Problem::error("manifest::mode", message).at(&tree.place, "names nothing").help(help));
}

/// The names of the modes that a manifest has.
pub(crate) fn names(tree: &Tree) -> Vec<&str> {
    entries(tree, "modes").iter().map(|entry| entry.key.as_str()).collect()
}

/// The manifest as far as it is taken.
pub(crate) fn part(tree: &Tree, taken: &Taken) -> Tree {
    match taken {
        Taken::All => tree.clone(),
        Taken::Modes(modes) => Part::of(tree, modes).cut(tree),
    }
}

/// What is taken of a manifest.
struct Part<'t> {
    /// Kind and name.
    kept: BTreeSet<(&'static str, String)>,
    /// Specs that modes name.
    specs: BTreeSet<&'t str>,
    /// Whether the specs of databases that are kept are, too.
    keeps_data: bool,
}

impl<'t> Part<'t> {
    fn of(tree: &'t Tree, modes: &BTreeSet<String>) -> Self {
        let modes: Vec<&Tree> = modes.iter().filter_map(|mode| tree.get("modes")?.get(mode)).collect();
        let named = |kind: &'static str| {
            let names = modes.iter().flat_map(move |mode| list(mode, kind)).filter_map(Tree::as_str);
            names.map(move |name| (kind, name.to_owned()))
        };
        let mut wanted: VecDeque<_> = KINDS.iter().flat_map(|(kind, _)| named(kind)).collect();
        let mut kept = BTreeSet::new();
        while let Some((kind, name)) = wanted.pop_front() {
            let Some(value) = tree.get(kind).and_then(|things| things.get(&name)) else { continue };
            if kept.insert((kind, name)) && kind != "dependencies" {
                wanted.extend(needs(value, tree));
            }
        }
        let specs = modes.iter().flat_map(|mode| list(mode, "data")).filter_map(Tree::as_str).collect();
        Self { kept, specs, keeps_data: modes.iter().any(|mode| mode.get("data").is_none()) }
    }

    fn has(&self, kind: &'static str, name: &str) -> bool {
        self.kept.contains(&(kind, name.to_owned()))
    }

    fn cut(&self, tree: &Tree) -> Tree {
        let mut tree = tree.clone();
        let Node::Map(all) = &mut tree.node else { return tree };
        // What other files bring has no names here that a mode could have.
        all.retain(|entry| !["profiles", "procfile", "compose"].contains(&entry.key.as_str()));
        for entry in all {
            if let Some((kind, _)) = KINDS.iter().find(|(kind, _)| *kind == entry.key)
                && let Node::Map(things) = &mut entry.value.node
            {
                things.retain(|thing| self.has(kind, &thing.key));
            }
            match (entry.key.as_str(), &mut entry.value.node) {
                ("data", Node::List(specs)) => {
                    specs.retain(|one| spec(one).is_some_and(|one| self.specs.contains(one)));
                }
                ("exports", Node::Map(exports)) => {
                    exports.retain(|export| references(&export.value).iter().all(|(kind, name)| self.has(kind, name)));
                }
                ("databases", Node::Map(databases)) => {
                    for database in databases {
                        self.cut_data(database);
                    }
                }
                _ => {}
            }
        }
        tree
    }

    fn cut_data(&self, database: &mut Entry) {
        let Node::Map(keys) = &mut database.value.node else { return };
        let data = keys.iter_mut().find(|entry| entry.key == "data");
        if let Some(Entry { value: Tree { node: Node::List(specs), .. }, .. }) = data {
            specs.retain(|one| self.keeps_data || spec(one).is_some_and(|one| self.specs.contains(one)));
        }
    }
}

fn entries<'t>(tree: &'t Tree, key: &str) -> &'t [Entry] {
    tree.get(key).and_then(Tree::as_map).unwrap_or_default()
}

fn list<'t>(mode: &'t Tree, key: &str) -> &'t [Tree] {
    mode.get(key).and_then(Tree::as_list).unwrap_or_default()
}

/// The file or address of a spec in `data`.
fn spec(tree: &Tree) -> Option<&str> {
    tree.as_str().or_else(|| tree.get("spec")?.as_str()).or_else(|| tree.get("url")?.as_str())
}

fn all_data(tree: &Tree) -> Vec<&Tree> {
    let of_databases = entries(tree, "databases").iter().flat_map(|database| list(&database.value, "data"));
    list(tree, "data").iter().chain(of_databases).collect()
}

/// What a service, task or database cannot be without: what its texts refer to, and what it comes after.
fn needs(value: &Tree, tree: &Tree) -> Vec<(&'static str, String)> {
    let mut needed = references(value);
    let mut names = Vec::new();
    targets(value, &mut names);
    for name in names {
        let first = name.split('/').next().unwrap_or_default();
        let kinds = ["services", "tasks", "dependencies"].into_iter();
        needed.extend(
            kinds
                .filter(|kind| tree.get(kind).and_then(|all| all.get(first)).is_some())
                .map(|kind| (kind, first.to_owned())),
        );
    }
    needed
}

/// The names in every `after`.
fn targets<'t>(tree: &'t Tree, names: &mut Vec<&'t str>) {
    match &tree.node {
        Node::Map(entries) => {
            for entry in entries {
                match (entry.key.as_str(), &entry.value.node) {
                    ("after", Node::List(list)) => names.extend(list.iter().filter_map(Tree::as_str)),
                    ("after", Node::Map(map)) => names.extend(map.iter().map(|entry| entry.key.as_str())),
                    _ => targets(&entry.value, names),
                }
            }
        }
        Node::List(values) => values.iter().for_each(|value| targets(value, names)),
        _ => {}
    }
}

/// What the texts of a value refer to with `${…}`.
fn references(tree: &Tree) -> Vec<(&'static str, String)> {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\$\{(services|databases|dependencies)\.([a-z0-9-]+)").expect("it is an expression")
    });
    match &tree.node {
        Node::String(text) => {
            let found = REFERENCE.captures_iter(text);
            let kind = |word: &str| KINDS.iter().find(|(kind, _)| *kind == word).map(|(kind, _)| *kind);
            found.filter_map(|parts| Some((kind(&parts[1])?, parts[2].to_owned()))).collect()
        }
        Node::List(values) => values.iter().flat_map(references).collect(),
        Node::Map(entries) => entries.iter().flat_map(|entry| references(&entry.value)).collect(),
        _ => Vec::new(),
    }
}
