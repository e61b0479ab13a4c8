//! Strict reading of a map: what nobody asked for is an error that names the nearest known key.

use crate::{Entry, Place, Problem, Problems, Tree, closest};

/// Reads a map key by key; every key that was asked for is known, and [`MapReader::finish`] reports the others.
pub struct MapReader<'t, 'p> {
    entries: &'t [Entry],
    heading: Place,
    what: String,
    /// What helps where a key is written that stands elsewhere.
    hints: Vec<(&'static str, &'static str)>,
    known: Vec<String>,
    problems: &'p mut Problems,
}

impl<'t, 'p> MapReader<'t, 'p> {
    /// Begins to read; a value that is not a map is a problem. `what` reads like `a service`.
    pub fn new(tree: &'t Tree, problems: &'p mut Problems, what: impl Into<String>) -> Option<Self> {
        let what = what.into();
        let Some(entries) = tree.as_map() else {
            problems.push(tree.wrong_type(&format!("{what}, which is a map")));
            return None;
        };
        let (heading, known, hints) = (tree.place.clone(), Vec::new(), Vec::new());
        Some(Self { entries, heading, what, hints, known, problems })
    }

    /// Says where a missing key is reported: the key under which this map stands, say. Default: where the map begins.
    #[must_use]
    pub fn heading(mut self, place: &Place) -> Self {
        self.heading = place.clone();
        self
    }

    /// Says what helps whoever writes a key here that stands elsewhere.
    pub fn hint(&mut self, key: &'static str, help: &'static str) {
        self.hints.push((key, help));
    }

    /// Returns the entry of a key that may be there.
    pub fn entry(&mut self, key: &str) -> Option<&'t Entry> {
        self.known.push(key.to_owned());
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Returns the value of a key that may be there; one that is there with nothing after it is returned too.
    pub fn optional(&mut self, key: &str) -> Option<&'t Tree> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Returns the value of a key that must be there; a problem if it is not.
    pub fn required(&mut self, key: &str) -> Option<&'t Tree> {
        let found = self.optional(key);
        if found.is_none() {
            let message = format!("{} needs the key `{key}`", self.what);
            self.problems.push(
                Problem::error("yaml::missing-key", message).at(&self.heading, format!("there is no `{key}` here")),
            );
        }
        found
    }

    /// Returns the text of a key that may be there; a problem if it is not a string.
    pub fn optional_str(&mut self, key: &str) -> Option<&'t str> {
        let value = self.optional(key);
        self.typed(value, "a string", Tree::as_str)
    }

    /// Returns the text of a key that must be there; a problem if it is missing or not a string.
    pub fn required_str(&mut self, key: &str) -> Option<&'t str> {
        let value = self.required(key);
        self.typed(value, "a string", Tree::as_str)
    }

    /// Returns the boolean of a key that may be there; a problem if it is something else.
    pub fn optional_bool(&mut self, key: &str) -> Option<bool> {
        let value = self.optional(key);
        self.typed(value, "`true` or `false`", Tree::as_bool)
    }

    /// Returns the values of a list that may be there; a problem if it is something else.
    pub fn optional_list(&mut self, key: &str) -> Option<&'t [Tree]> {
        let value = self.optional(key);
        self.typed(value, "a list", Tree::as_list)
    }

    /// Returns the entries of a map that may be there; a problem if it is something else.
    pub fn optional_map(&mut self, key: &str) -> Option<&'t [Entry]> {
        let value = self.optional(key);
        self.typed(value, "a map", Tree::as_map)
    }

    /// Returns the problems, for what the caller finds in a value.
    pub fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&entry.key)) {
            let hint = self.hints.iter().find(|(key, _)| *key == entry.key);
            let help = match closest(&entry.key, self.known.iter().map(String::as_str)) {
                _ if hint.is_some() => hint.map(|(_, help)| (*help).to_owned()).unwrap_or_default(),
                Some(near) => format!("did you mean `{near}`?"),
                None if self.known.len() == 1 => format!("the only key of {} is {}", self.what, listed(&self.known)),
                None => format!("the keys of {} are {}", self.what, listed(&self.known)),
            };
            self.problems.push(
                Problem::error("yaml::unknown-key", format!("unknown key `{}` in {}", entry.key, self.what))
                    .at(&entry.key_place, format!("not a key of {}", self.what))
                    .help(help),
            );
        }
    }

    fn typed<T>(&mut self, value: Option<&'t Tree>, wanted: &str, take: fn(&'t Tree) -> Option<T>) -> Option<T> {
        let value = value?;
        let taken = take(value);
        if taken.is_none() {
            self.problems.push(value.wrong_type(wanted));
        }
        taken
    }
}

fn listed(words: &[String]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}
