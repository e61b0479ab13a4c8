//! `!reset` and `!override`: what a file takes away from those before it.

use source::{Entry, Node, Place, Problem, Problems, Tree, closest};

use crate::edit;

/// What is taken away: the keys that lead there.
pub(crate) type Path = Vec<String>;

/// Finds what the tags of a file take away, and leaves out what is only there to say so.
pub(crate) fn take(tree: &mut Tree, tags: &[(String, Place)], problems: &mut Problems) -> Vec<Path> {
    for (tag, place) in tags {
        if tag != "reset" && tag != "override" {
            let help = closest(tag, ["reset", "override"]).map(|near| format!("did you mean `!{near}`?"));
            problems.push(
                Problem::error("compose::tag", format!("the tag `!{tag}` is not known"))
                    .at(place, "what it is put before")
                    .help(help.unwrap_or_else(|| "Compose knows `!reset` and `!override`".to_owned())),
            );
        }
    }
    let mut taken = Vec::new();
    if !tags.is_empty() {
        walk(tree, tags, &mut Vec::new(), &mut taken);
    }
    taken
}

fn walk(tree: &mut Tree, tags: &[(String, Place)], path: &mut Path, taken: &mut Vec<Path>) {
    let tag = |tree: &Tree| tags.iter().find(|(_, place)| *place == tree.place).map(|(tag, _)| tag.as_str());
    match &mut tree.node {
        Node::Map(entries) => entries.retain_mut(|entry| {
            path.push(entry.key.clone());
            let tag = tag(&entry.value);
            if tag.is_some() {
                taken.push(path.clone());
            }
            if tag != Some("reset") {
                walk(&mut entry.value, tags, path, taken);
            }
            path.pop();
            tag != Some("reset")
        }),
        Node::List(values) => values.retain(|value| tag(value) != Some("reset")),
        _ => {}
    }
}

/// Takes away what is said.
pub(crate) fn apply(paths: &[Path], entries: &mut Vec<Entry>) {
    for path in paths {
        remove(path, entries);
    }
}

/// Takes away what is said of one service.
pub(crate) fn apply_to_service(paths: &[Path], name: &str, service: &mut Vec<Entry>) {
    for path in paths {
        if let [services, known, rest @ ..] = path.as_slice()
            && services == "services"
            && known == name
            && !rest.is_empty()
        {
            remove(rest, service);
        }
    }
}

fn remove(path: &[String], entries: &mut Vec<Entry>) {
    match path {
        [] => {}
        [last] => {
            edit::remove(entries, last);
        }
        [first, rest @ ..] => {
            if let Some(below) = edit::map(entries, first) {
                remove(rest, below);
            }
        }
    }
}
