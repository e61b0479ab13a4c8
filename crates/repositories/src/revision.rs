//! Revisions: what may be asked for, and the commit that it is.

use std::fmt;

/// The whole name of a commit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(String);

impl CommitId {
    /// Takes 40 (SHA-1) or 64 (SHA-256) small hexadecimal digits, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = [40, 64].contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        fits.then(|| Self(text.to_owned()))
    }

    /// All digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As many digits as people read.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a name turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolvedKind {
    /// What the repository checks out when nothing is named.
    Default,
    /// A branch, which moves.
    Branch,
    /// A tag, which should not move.
    Tag,
    /// A commit by its whole name.
    Commit,
}

/// Where a name points to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The commit.
    pub commit: CommitId,
    /// What the name is.
    pub kind: ResolvedKind,
}

/// Says what is wrong with the name of a branch, a tag or a commit; git's own rules, and none that could be an option.
pub fn check_reference(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > 250 {
        return Err("it is empty, or too long");
    }
    if name.starts_with('-') {
        return Err("it looks like an option of git");
    }
    let is_odd = |char: char| char.is_whitespace() || char.is_control() || "~^:?*[\\".contains(char);
    if name.contains(is_odd) || name.contains("..") || name.contains("@{") || name == "@" {
        return Err("it is no name of a branch, a tag or a commit");
    }
    if name.ends_with(['/', '.']) || name.starts_with('/') || name.contains("//") {
        return Err("it is no name of a branch, a tag or a commit");
    }
    if name.split('/').any(|part| part.starts_with('.') || part.strip_suffix(".lock").is_some()) {
        return Err("it is no name of a branch, a tag or a commit");
    }
    Ok(())
}

/// Finds a name in what `git ls-remote` lists. An annotated tag has a second line for the commit that it is of.
pub(crate) fn find(listed: &str, name: Option<&str>) -> Found {
    let lines: Vec<(&str, &str)> = listed.lines().filter_map(|line| line.split_once('\t')).collect();
    let at = |wanted: &str| {
        let peeled = format!("{wanted}^{{}}");
        let of = |wanted: &str| lines.iter().find(|(_, name)| *name == wanted).map(|(commit, _)| *commit);
        of(&peeled).or_else(|| of(wanted)).and_then(CommitId::parse)
    };
    let Some(name) = name else {
        return at("HEAD")
            .map_or(Found::Nothing, |commit| Found::One(Resolved { commit, kind: ResolvedKind::Default }));
    };
    let whole = name.starts_with("refs/").then(|| at(name)).flatten();
    let kind = if name.starts_with("refs/tags/") { ResolvedKind::Tag } else { ResolvedKind::Branch };
    if let Some(commit) = whole {
        return Found::One(Resolved { commit, kind });
    }
    match (at(&format!("refs/heads/{name}")), at(&format!("refs/tags/{name}"))) {
        (Some(branch), Some(tag)) if branch != tag => Found::Both { branch, tag },
        (_, Some(commit)) => Found::One(Resolved { commit, kind: ResolvedKind::Tag }),
        (Some(commit), None) => Found::One(Resolved { commit, kind: ResolvedKind::Branch }),
        (None, None) => Found::Nothing,
    }
}

/// What a name turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    One(Resolved),
    /// A branch and a tag have the name, and are not the same.
    Both {
        branch: CommitId,
        tag: CommitId,
    },
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::{CommitId, Found, ResolvedKind, check_reference, find};

    #[test]
    fn a_name_is_found_among_branches_and_tags() {
        let (one, two, three) = ("1".repeat(40), "2".repeat(40), "3".repeat(40));
        let listed = format!(
            "{one}\tHEAD\n{one}\trefs/heads/main\n{two}\trefs/heads/both\n{three}\trefs/tags/both\n\
             {two}\trefs/tags/v1\n{three}\trefs/tags/v1^{{}}\n"
        );
        let commit = |name| match find(&listed, name) {
            Found::One(resolved) => (resolved.commit.to_string(), resolved.kind),
            other => panic!("{other:?}"),
        };
        assert_eq!(commit(None), (one.clone(), ResolvedKind::Default));
        assert_eq!(commit(Some("main")), (one.clone(), ResolvedKind::Branch));
        assert_eq!(commit(Some("v1")), (three.clone(), ResolvedKind::Tag), "the commit, not the tag's own object");
        assert_eq!(commit(Some("refs/tags/both")), (three.clone(), ResolvedKind::Tag));
        assert_eq!(find(&listed, Some("v2")), Found::Nothing);
        let parse = |text: &str| CommitId::parse(text).unwrap();
        assert_eq!(find(&listed, Some("both")), Found::Both { branch: parse(&two), tag: parse(&three) });
    }

    #[test]
    fn names_follow_the_rules_of_git() {
        for name in ["main", "v1.2.3", "feature/a-b", "refs/tags/v1", "a@b", &"0".repeat(40)] {
            assert_eq!(check_reference(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "-u",
            "--upload-pack=x",
            "a b",
            "a..b",
            "a^",
            "a~1",
            "a:b",
            "@",
            "a@{1}",
            "a.lock",
            ".a",
            "a/",
            "/a",
            "a//b",
            "a\n",
        ] {
            assert!(check_reference(name).is_err(), "{name:?}");
        }
    }
}
