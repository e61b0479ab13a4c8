//! Partitioning: learners in groups, by a rule that gives the same answer each time.

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// A division of the learners of a course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// What it is called.
    pub name: String,
    /// How it divides.
    pub scheme: Scheme,
    /// Into what.
    pub groups: Vec<Group>,
}

/// How learners are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// By a digest of their names, so that each group gets its share.
    Hash,
    /// By the mode of their enrolment, of which a group has the name.
    Mode,
}

/// A part of the learners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What it is called.
    pub name: String,
    /// Its share, in proportion to those of the others.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

impl Partition {
    /// What is wrong with it.
    pub fn problem(&self) -> Option<&'static str> {
        if self.name.is_empty() {
            return Some("A partition has a name.");
        }
        if self.groups.iter().all(|group| group.weight == 0) {
            return Some("A partition has at least one group with a weight.");
        }
        let is_twice = |group: &Group| self.groups.iter().filter(|other| other.name == group.name).count() > 1;
        self.groups
            .iter()
            .any(|group| group.name.is_empty() || is_twice(group))
            .then_some("Each group has a name of its own.")
    }

    /// The group of a learner who is enrolled in this mode; none if no group has its name.
    pub fn group_of(&self, username: &str, mode: Option<&str>) -> Option<&str> {
        let group = match self.scheme {
            Scheme::Mode => self.groups.iter().find(|group| Some(group.name.as_str()) == mode),
            Scheme::Hash => {
                let total: u64 = self.groups.iter().map(|group| u64::from(group.weight)).sum();
                // The name of the partition is in it, so that two partitions divide independently of each other.
                let hashed = digest(&SHA256, format!("{}\n{username}", self.name).as_bytes());
                let bytes = hashed.as_ref()[..8].try_into().expect("eight bytes are eight");
                let mut place = u64::from_be_bytes(bytes).checked_rem(total)?;
                self.groups.iter().find(|group| {
                    let is_here = place < u64::from(group.weight);
                    place = place.saturating_sub(u64::from(group.weight));
                    is_here
                })
            }
        };
        group.map(|group| group.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(name: &str, scheme: Scheme, groups: &[(&str, u32)]) -> Partition {
        let groups = groups.iter().map(|(name, weight)| Group { name: (*name).to_owned(), weight: *weight }).collect();
        Partition { name: name.to_owned(), scheme, groups }
    }

    #[test]
    fn each_group_gets_its_share_and_nobody_changes_it() {
        let experiment = partition("experiment", Scheme::Hash, &[("a", 1), ("none", 0), ("b", 3)]);
        let groups: Vec<&str> =
            (0..10_000).map(|n| experiment.group_of(&format!("learner{n}"), None).unwrap()).collect();
        let share = groups.iter().filter(|group| **group == "a").count();
        assert!((2350..2650).contains(&share) && !groups.contains(&"none"), "{share}");
        assert_eq!(experiment.group_of("ada", None), experiment.group_of("ada", Some("verified")));
        // Frozen: who was in a group yesterday is in it tomorrow.
        let names: Vec<_> =
            ["ada", "bob", "eve", "zoe"].iter().map(|name| experiment.group_of(name, None).unwrap()).collect();
        assert_eq!(names, ["a", "b", "a", "b"]);
        let other = partition("another", Scheme::Hash, &[("a", 1), ("b", 1)]);
        let same = (0..1000).map(|n| format!("learner{n}"));
        let same = same.filter(|name| other.group_of(name, None) == experiment.group_of(name, None)).count();
        assert!((400..600).contains(&same), "{same}");
    }

    #[test]
    fn modes_are_groups_if_they_have_one() {
        let tracks = partition("tracks", Scheme::Mode, &[("audit", 1), ("verified", 1)]);
        for (mode, group) in [(Some("verified"), Some("verified")), (Some("honor"), None), (None, None)] {
            assert_eq!(tracks.group_of("ada", mode), group);
        }
    }

    #[test]
    fn a_partition_without_a_group_to_be_in_is_none() {
        for (name, groups, is_wrong) in [
            ("x", &[("a", 1)][..], false),
            ("", &[("a", 1)], true),
            ("x", &[], true),
            ("x", &[("a", 0)], true),
            ("x", &[("a", 1), ("a", 1)], true),
            ("x", &[("", 1)], true),
        ] {
            assert_eq!(partition(name, Scheme::Hash, groups).problem().is_some(), is_wrong, "{name} {groups:?}");
        }
    }
}
