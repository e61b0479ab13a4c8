//! How two manifests differ, in a few lines for people.

use source::{Entry, Node, SourceFile, Tree, parse};

/// Says what was added, removed and changed from one manifest to the other: `+ services.worker`, `~ databases.lms`. One that
/// cannot be read has nothing in it.
pub fn differences(before: &SourceFile, after: &SourceFile) -> Vec<String> {
    let (before, after) = (parse(before).ok(), parse(after).ok());
    let entries = |tree: &Option<Tree>| tree.as_ref().and_then(Tree::as_map).unwrap_or_default().to_vec();
    let (before, after) = (entries(&before), entries(&after));
    let mut lines = Vec::new();
    for key in keys(&before, &after) {
        let value = |entries: &[Entry]| entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.clone());
        let (one, other) = (value(&before), value(&after));
        let is_map = |tree: &Option<Tree>| tree.as_ref().is_none_or(|tree| matches!(tree.node, Node::Map(_)));
        if is_map(&one) && is_map(&other) {
            let (one, other) = (entries(&one), entries(&other));
            for name in keys(&one, &other) {
                compare(&format!("{key}.{name}"), find(&one, &name), find(&other, &name), &mut lines);
            }
        } else {
            compare(&key, one.as_ref(), other.as_ref(), &mut lines);
        }
    }
    lines
}

fn find<'e>(entries: &'e [Entry], name: &str) -> Option<&'e Tree> {
    entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
}

fn keys(one: &[Entry], other: &[Entry]) -> Vec<String> {
    let new = other.iter().filter(|entry| find(one, &entry.key).is_none());
    one.iter().chain(new).map(|entry| entry.key.clone()).collect()
}

fn compare(name: &str, before: Option<&Tree>, after: Option<&Tree>, lines: &mut Vec<String>) {
    match (before, after) {
        (Some(_), None) => lines.push(format!("- {name}")),
        (None, Some(_)) => lines.push(format!("+ {name}")),
        (Some(before), Some(after)) if before.to_json() != after.to_json() => lines.push(format!("~ {name}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use source::SourceFile;

    use super::differences;

    #[test]
    fn what_was_added_removed_and_changed_is_named() {
        let file = |text: &str| SourceFile::new("seedbed.yaml", text);
        let before = "name: lms\nservices: { web: { run: a }, old: { run: b } }\ndata: [a.yaml]\nexports: { url: x }\n";
        let after = "name: lms\n# a remark\nservices: { web: { run: c }, new: { run: b } }\ndata: [b.yaml]\nexports: { url: x }\ntasks: { t: {} }\n";
        let expected = ["~ services.web", "- services.old", "+ services.new", "~ data", "+ tasks.t"];
        assert_eq!(differences(&file(before), &file(after)), expected);
        assert_eq!(differences(&file(before), &file(before)), Vec::<String>::new());
    }
}
