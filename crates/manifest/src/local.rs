//! `seedbed.local.yaml`: what one person has otherwise than the repository says. It is not committed.

use std::path::{Component, Path};

use indexmap::IndexMap;
use source::{Entry, Node, Place, Problem, Problems, SourceFile, Tree, parse};

use crate::format::LOCAL;
use crate::grammar::Shape;

/// Name of the file, beside the manifest of the root workspace.
pub const LOCAL_FILE_NAME: &str = "seedbed.local.yaml";

/// What one person has otherwise than the repository says.
#[derive(Clone, Debug, Default)]
pub struct Local {
    /// The profile that environments are made with when none is named.
    pub profile: Option<String>,
    /// Directories that are used instead of dependencies, by the names of those.
    pub link: IndexMap<String, Link>,
    env: Option<Tree>,
    resources: Option<Entry>,
    /// Values for settings of the root workspace.
    pub(crate) config: Vec<Entry>,
    servers: Option<Entry>,
}

/// A directory that is used instead of a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The directory, relative to the workspace or absolute.
    pub path: String,
    /// Where it stands.
    pub place: Place,
}

impl Local {
    /// Reads the file of a workspace, if there is one; all problems at once.
    pub fn read(root: &Path, problems: &mut Problems) -> Self {
        let path = root.join(LOCAL_FILE_NAME);
        if !path.exists() {
            return Self::default();
        }
        match SourceFile::read(&path, LOCAL_FILE_NAME).and_then(|file| parse(&file)) {
            Ok(tree) => Self::of(&tree, problems),
            Err(problem) => {
                problems.push(problem);
                Self::default()
            }
        }
    }

    fn of(tree: &Tree, problems: &mut Problems) -> Self {
        if tree.is_null() {
            return Self::default();
        }
        Shape::Record(&LOCAL).check(tree, &tree.place, false, problems);
        let links = tree.get("link").and_then(Tree::as_map).unwrap_or_default();
        let link = |entry: &Entry| {
            let path = entry.value.as_str()?.to_owned();
            Some((entry.key.clone(), Link { path, place: entry.value.place.clone() }))
        };
        Self {
            profile: tree.get("profile").and_then(Tree::as_str).map(str::to_owned),
            link: links.iter().filter_map(link).collect(),
            env: tree.get("env").filter(|env| env.as_map().is_some()).cloned(),
            resources: tree.entry("resources").cloned(),
            config: tree.get("config").and_then(Tree::as_map).unwrap_or_default().to_vec(),
            servers: tree.entry("servers").cloned(),
        }
    }

    /// The manifest of the workspace with all of this laid over it.
    pub(crate) fn over(&self, mut manifest: Tree) -> Tree {
        for entry in [&self.resources, &self.servers].into_iter().flatten() {
            let overlay = Tree { node: Node::Map(vec![entry.clone()]), place: entry.key_place.clone() };
            manifest = overlay.merge_over(manifest);
        }
        let (Some(env), Node::Map(keys)) = (&self.env, &mut manifest.node) else { return manifest };
        for kind in keys.iter_mut().filter(|entry| entry.key == "services" || entry.key == "tasks") {
            let Node::Map(things) = &mut kind.value.node else { continue };
            for thing in things.iter_mut().filter(|thing| thing.value.as_map().is_some()) {
                let entry = Entry { key: "env".to_owned(), key_place: env.place.clone(), value: env.clone() };
                let overlay = Tree { node: Node::Map(vec![entry]), place: env.place.clone() };
                let below = std::mem::replace(&mut thing.value.node, Node::Null);
                let below = Tree { node: below, place: thing.value.place.clone() };
                thing.value = overlay.merge_over(below);
            }
        }
        manifest
    }
}

/// The text of the file with one link more, or another one. `Err` when it has a form in which that can only be done by
/// hand.
pub fn with_link(text: &str, name: &str, path: &str) -> Result<String, Problem> {
    let file = SourceFile::new(LOCAL_FILE_NAME, text);
    let tree = parse(&file)?;
    let value = quoted(path);
    let links = tree.entry("link");
    let entries = links.and_then(|links| links.value.as_map()).unwrap_or_default();
    let changed = match (links, entries.iter().find(|entry| entry.key == name), entries.first()) {
        (_, Some(known), _) => replaced(text, &known.value.place, &value),
        (Some(_), None, Some(first)) => {
            let is_flow = links.is_some_and(|links| links.value.place.text().starts_with('{'));
            let start = first.key_place.range().start;
            let indent = " ".repeat(first.key_place.column() - 1);
            let between = if is_flow { ", ".to_owned() } else { format!("\n{indent}") };
            format!("{}{name}: {value}{between}{}", &text[..start], &text[start..])
        }
        (Some(links), None, None) => {
            let (start, end) = (links.key_place.range().start, links.value.place.range().end);
            format!("{}link:\n  {name}: {value}{}", &text[..start], &text[end.max(start + "link:".len())..])
        }
        (None, None, _) => {
            let space = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            format!("{text}{space}link:\n  {name}: {value}\n")
        }
    };
    let mut wanted: IndexMap<String, String> = linked(&tree);
    wanted.insert(name.to_owned(), path.to_owned());
    verified(changed, &wanted, &tree)
}

/// The text of the file without a link. `Err` when it has a form in which that can only be done by hand.
pub fn without_link(text: &str, name: &str) -> Result<String, Problem> {
    let file = SourceFile::new(LOCAL_FILE_NAME, text);
    let tree = parse(&file)?;
    let Some(links) = tree.entry("link") else { return Ok(text.to_owned()) };
    let entries = links.value.as_map().unwrap_or_default();
    let Some(at) = entries.iter().position(|entry| entry.key == name) else { return Ok(text.to_owned()) };
    let (start, end) = if entries.len() == 1 {
        (links.key_place.range().start, links.value.place.range().end)
    } else {
        match entries.get(at + 1) {
            Some(next) => (entries[at].key_place.range().start, next.key_place.range().start),
            None => (entries[at - 1].value.place.range().end, entries[at].value.place.range().end),
        }
    };
    let mut changed = format!("{}{}", &text[..start], &text[end..]);
    if entries.len() == 1 && changed[start..].starts_with('\n') && (start == 0 || changed[..start].ends_with('\n')) {
        changed.remove(start);
    }
    let mut wanted = linked(&tree);
    wanted.shift_remove(name);
    verified(changed, &wanted, &tree)
}

fn linked(tree: &Tree) -> IndexMap<String, String> {
    let links = tree.get("link").and_then(Tree::as_map).unwrap_or_default();
    links.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.as_str()?.to_owned()))).collect()
}

/// The changed text, if it means what it should and all else is as before.
fn verified(changed: String, wanted: &IndexMap<String, String>, before: &Tree) -> Result<String, Problem> {
    let others = |tree: &Tree| {
        let mut value = tree.to_json();
        if let Some(map) = value.as_object_mut() {
            map.shift_remove("link");
        }
        if value.as_object().is_some_and(serde_json::Map::is_empty) { serde_json::Value::Null } else { value }
    };
    let read = parse(&SourceFile::new(LOCAL_FILE_NAME, changed.clone()));
    match read {
        Ok(tree) if linked(&tree) == *wanted && others(&tree) == others(before) => Ok(changed),
        _ => Err(Problem::error(
            "local::by-hand",
            format!("`{LOCAL_FILE_NAME}` has a form that is not changed by a program"),
        )
        .at(&before.place.first_line(), "change `link` here by hand")),
    }
}

fn replaced(text: &str, place: &Place, value: &str) -> String {
    let range = place.range();
    format!("{}{value}{}", &text[..range.start], &text[range.end..])
}

/// As it is where that reads as the same text, and else in quotes.
fn quoted(path: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-".contains(char);
    let begins = Path::new(path).components().next();
    let is_clear = matches!(begins, Some(Component::ParentDir | Component::RootDir | Component::CurDir));
    if is_clear && path.chars().all(is_plain) && path.contains('/') {
        path.to_owned()
    } else {
        serde_json::Value::from(path).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{with_link, without_link};

    #[test]
    fn links_are_written_and_removed_and_all_else_stays() {
        for (before, name, path, after) in [
            ("", "lms", "../lms", "link:\n  lms: ../lms\n"),
            ("profile: dev", "lms", "../my lms", "profile: dev\nlink:\n  lms: \"../my lms\"\n"),
            (
                "# mine\nlink:\n  lms: ../lms # old\nprofile: dev\n",
                "lms",
                "/src/lms",
                "# mine\nlink:\n  lms: /src/lms # old\nprofile: dev\n",
            ),
            ("link:\n    a: ../a\n", "b", "../b", "link:\n    b: ../b\n    a: ../a\n"),
            ("link: { a: ../a }\n", "b", "../b", "link: { b: ../b, a: ../a }\n"),
            ("link: {}\nprofile: dev\n", "b", "../b", "link:\n  b: ../b\nprofile: dev\n"),
        ] {
            assert_eq!(with_link(before, name, path).unwrap(), after);
        }
        for (before, name, after) in [
            ("link:\n  lms: ../lms\n", "lms", ""),
            ("# mine\nlink:\n  lms: ../lms\nprofile: dev\n", "lms", "# mine\nprofile: dev\n"),
            ("link:\n  a: ../a\n  b: ../b # c\n  d: ../d\n", "a", "link:\n  b: ../b # c\n  d: ../d\n"),
            ("link:\n  a: ../a\n  b: ../b\n", "b", "link:\n  a: ../a\n"),
            ("link: { a: ../a, b: ../b }\n", "a", "link: { b: ../b }\n"),
            ("link: { a: ../a, b: ../b }\n", "b", "link: { a: ../a }\n"),
            ("profile: dev\n", "b", "profile: dev\n"),
        ] {
            assert_eq!(without_link(before, name).unwrap(), after);
        }
    }

    #[test]
    fn a_form_that_a_program_would_spoil_is_left_to_people() {
        for text in ["{ profile: dev }\n", "- a\n", "link: &x { a: ../a }\nenv: *x\n", "text\n"] {
            assert!(with_link(text, "lms", "../lms").is_err(), "{text}");
        }
    }
}
