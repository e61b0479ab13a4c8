//! Publishing: each entity has versions, of which authors see one and learners another.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What an entity is. Each kind has the next one below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The course: the root, of which there is one, with the key `course`.
    Course,
    /// A section.
    Section,
    /// A subsection.
    Subsection,
    /// A unit: what a learner has on the screen at a time.
    Unit,
}

/// The key of the root.
pub const ROOT: &str = "course";

impl Kind {
    /// The kind of what is below.
    pub fn below(self) -> Option<Self> {
        match self {
            Self::Course => Some(Self::Section),
            Self::Section => Some(Self::Subsection),
            Self::Subsection => Some(Self::Unit),
            Self::Unit => None,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Course => "course",
            Self::Section => "section",
            Self::Subsection => "subsection",
            Self::Unit => "unit",
        }
    }

    /// The kind that the word is for.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Course, Self::Section, Self::Subsection, Self::Unit].into_iter().find(|kind| kind.word() == word)
    }
}

/// Where an entity stands: which version authors see, and which one learners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub kind: Kind,
    /// The number of the draft; nothing if it was removed.
    pub draft: Option<i64>,
    /// The number of the published version; nothing if there is none.
    pub published: Option<i64>,
    /// What is below the draft.
    pub children: Vec<String>,
}

/// What publishing, or discarding, does with one entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which one.
    pub key: String,
    /// The version before.
    pub from: Option<i64>,
    /// The version after.
    pub to: Option<i64>,
}

/// What is published if these are, with all that is below their drafts; without keys, all that differs.
///
/// An unknown key is an error that names it.
pub fn to_publish(heads: &BTreeMap<String, Head>, keys: Option<&[String]>) -> Result<Vec<Change>, String> {
    changes(heads, keys, |head| (head.published, head.draft))
}

/// Which drafts go back to what is published.
pub fn to_discard(heads: &BTreeMap<String, Head>, keys: Option<&[String]>) -> Result<Vec<Change>, String> {
    changes(heads, keys, |head| (head.draft, head.published))
}

fn changes(
    heads: &BTreeMap<String, Head>,
    keys: Option<&[String]>,
    of: impl Fn(&Head) -> (Option<i64>, Option<i64>),
) -> Result<Vec<Change>, String> {
    let mut chosen = BTreeSet::new();
    let mut open: Vec<&String> = match keys {
        None => heads.keys().collect(),
        Some(keys) => keys.iter().collect(),
    };
    if let Some(unknown) = open.iter().find(|key| !heads.contains_key(**key)) {
        return Err((*unknown).clone());
    }
    while let Some(key) = open.pop() {
        // What is below may have been removed since.
        if let Some(head) = heads.get(key).filter(|_| chosen.insert(key)) {
            open.extend(&head.children);
        }
    }
    let change = |key: &String| {
        let (from, to) = of(&heads[key]);
        (from != to).then(|| Change { key: key.clone(), from, to })
    };
    Ok(chosen.into_iter().filter_map(change).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads() -> BTreeMap<String, Head> {
        let head = |kind, draft, published, children: &[&str]| Head {
            kind,
            draft,
            published,
            children: children.iter().map(|key| (*key).to_owned()).collect(),
        };
        [
            ("course", head(Kind::Course, Some(1), Some(1), &["a", "b", "gone"])),
            ("a", head(Kind::Section, Some(2), Some(1), &["a1"])),
            ("a1", head(Kind::Subsection, Some(1), None, &["u"])),
            ("u", head(Kind::Unit, Some(1), None, &[])),
            ("b", head(Kind::Section, None, Some(3), &[])),
        ]
        .into_iter()
        .map(|(key, head)| (key.to_owned(), head))
        .collect()
    }

    fn shown(changes: Result<Vec<Change>, String>) -> Result<String, String> {
        let number = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
        let one = |change: &Change| format!("{} {}>{}", change.key, number(change.from), number(change.to));
        changes.map(|changes| changes.iter().map(one).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn what_is_chosen_goes_with_all_below_it() {
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        for (chosen, published, discarded) in [
            (None, "a 1>2, a1 ->1, b 3>-, u ->1", "a 2>1, a1 1>-, b ->3, u 1>-"),
            (Some(keys(&["a"])), "a 1>2, a1 ->1, u ->1", "a 2>1, a1 1>-, u 1>-"),
            (Some(keys(&["u"])), "u ->1", "u 1>-"),
            (Some(keys(&["b"])), "b 3>-", "b ->3"),
            (Some(keys(&[])), "", ""),
        ] {
            assert_eq!(shown(to_publish(&heads(), chosen.as_deref())), Ok(published.to_owned()), "{chosen:?}");
            assert_eq!(shown(to_discard(&heads(), chosen.as_deref())), Ok(discarded.to_owned()), "{chosen:?}");
        }
        assert_eq!(shown(to_publish(&heads(), Some(&keys(&["a", "x"])))), Err("x".to_owned()));
    }

    #[test]
    fn each_kind_has_a_word_and_one_below() {
        let mut kind = Kind::Course;
        let mut words = vec![kind.word()];
        while let Some(below) = kind.below() {
            assert_eq!(Kind::of(below.word()), Some(below));
            words.push(below.word());
            kind = below;
        }
        assert_eq!(words, ["course", "section", "subsection", "unit"]);
        assert_eq!(Kind::of("chapter"), None);
    }
}
