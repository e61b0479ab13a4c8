//! The files of a commit, as git lists them, and which of them may be written.

use std::collections::BTreeSet;

/// What a file of a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Program,
    Link,
}

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// The name of its content.
    pub(crate) object: String,
}

/// What a commit has below a path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// In the order of their paths.
    pub(crate) entries: Vec<Entry>,
    /// Where other repositories belong, which are not fetched.
    pub(crate) submodules: Vec<String>,
}

/// Reads what `git ls-tree -r -z` lists. `Err` is a name that must not be written.
pub(crate) fn read(listed: &[u8]) -> Result<Files, String> {
    let mut files = Files::default();
    let mut seen = BTreeSet::new();
    for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let lossy = || String::from_utf8_lossy(line).into_owned();
        let Ok(text) = std::str::from_utf8(line) else { return Err(lossy()) };
        let Some((about, path)) = text.split_once('\t') else { return Err(lossy()) };
        let mut words = about.split(' ');
        let (Some(mode), Some(_), Some(object)) = (words.next(), words.next(), words.next()) else {
            return Err(lossy());
        };
        if !may_be_written(path) || !seen.insert(path.to_owned()) {
            return Err(path.to_owned());
        }
        let kind = match mode {
            "160000" => {
                files.submodules.push(path.to_owned());
                continue;
            }
            "120000" => Kind::Link,
            "100755" => Kind::Program,
            "100644" | "100664" => Kind::File,
            _ => return Err(path.to_owned()),
        };
        files.entries.push(Entry { path: path.to_owned(), kind, object: object.to_owned() });
    }
    // Something cannot be a link and a directory: what is below it would be written elsewhere.
    let links = files.entries.iter().filter(|entry| entry.kind == Kind::Link);
    for link in links {
        let below = format!("{}/", link.path);
        if let Some(entry) = files.entries.iter().find(|entry| entry.path.starts_with(&below)) {
            return Err(entry.path.clone());
        }
    }
    files.entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn may_be_written(path: &str) -> bool {
    // `.git` in any spelling that some file system takes for it.
    let is_git = |part: &str| {
        let plain: String = part.chars().filter(char::is_ascii).collect::<String>().to_ascii_lowercase();
        plain.trim_end_matches(['.', ' ']) == ".git" || plain.starts_with("git~") || plain.starts_with(".git:")
    };
    let fits = |part: &str| !part.is_empty() && part != "." && part != ".." && !is_git(part);
    path.len() < 4000 && !path.contains(['\\', '\n']) && path.split('/').all(fits)
}

/// Whether a link stays within the repository, wherever that lies. `..` may only stand before names: after one it would
/// depend on where that leads.
pub(crate) fn stays_within(link: &str, target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') {
        return false;
    }
    let depth = link.matches('/').count();
    let parts: Vec<&str> = target.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let up = parts.iter().take_while(|part| **part == "..").count();
    up <= depth && !parts[up..].contains(&"..") && !parts[up..].contains(&".git")
}

#[cfg(test)]
mod tests {
    use super::{Kind, may_be_written, read, stays_within};

    #[test]
    fn what_git_lists_is_read() {
        let object = "1".repeat(40);
        let listed = format!(
            "100644 blob {object}\tb\0100755 blob {object}\ta/run\0120000 blob {object}\tlink\0160000 commit {object}\tsub\0"
        );
        let files = read(listed.as_bytes()).unwrap();
        let seen: Vec<_> = files.entries.iter().map(|entry| (entry.path.as_str(), entry.kind)).collect();
        assert_eq!(seen, [("a/run", Kind::Program), ("b", Kind::File), ("link", Kind::Link)]);
        assert_eq!(files.submodules, ["sub"]);
    }

    #[test]
    fn trees_that_would_be_written_elsewhere_are_refused() {
        let object = "1".repeat(40);
        let below_link = format!("120000 blob {object}\td\0100644 blob {object}\td/x\0");
        assert_eq!(read(below_link.as_bytes()), Err("d/x".to_owned()));
        let twice = format!("100644 blob {object}\td\0100644 blob {object}\td\0");
        assert_eq!(read(twice.as_bytes()), Err("d".to_owned()));
        for path in [
            "../x",
            "a/../x",
            ".git/config",
            "a/.GIT/hooks/x",
            ".git./x",
            "git~1/x",
            ".gi\u{200c}t/x",
            "a//b",
            "/x",
            "a\\b",
        ] {
            assert!(!may_be_written(path), "{path}");
        }
        for path in ["a", ".gitignore", "a/.github/x", "git/x", "ä/ö"] {
            assert!(may_be_written(path), "{path}");
        }
    }

    #[test]
    fn links_stay_within_also_through_other_links() {
        for (link, target) in [("a/b", "../c"), ("a/b", "c/d"), ("a", "b"), ("a/b/c", "../../d"), ("a", "./b")] {
            assert!(stays_within(link, target), "{link} {target}");
        }
        for (link, target) in [
            ("a", "/etc/passwd"),
            ("a", ".."),
            ("a/b", "../../c"),
            ("a", "b/../../c"),
            ("a", "b/.."),
            ("a", ""),
            ("a", ".git/config"),
        ] {
            assert!(!stays_within(link, target), "{link} {target}");
        }
    }
}
