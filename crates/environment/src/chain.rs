//! What the states of a database's chain are made of, and how two of them differ.

use manifest::{FileReference, SchemaStep, Workspace};
use plan::{Chain, ChainStep, DatabaseId, Key};

use crate::record::MadeOf;
use crate::session::Session;
use crate::{Error, inputs};

impl Session<'_> {
    /// The keys of all states.
    pub(crate) fn chains(&self) -> std::collections::BTreeMap<DatabaseId, Chain> {
        plan::chains(&self.model, &self.inputs)
    }

    /// What a state of a database is made of now.
    pub(crate) fn made_of(&self, id: &DatabaseId, chain: &Chain, step: ChainStep) -> Result<MadeOf, Error> {
        let (workspace, declared) = self.declaration(id);
        let model = &self.model.databases[id];
        Ok(match step {
            ChainStep::Create => MadeOf { words: model.settings.to_string(), ..MadeOf::default() },
            ChainStep::Base => {
                let words = model.base.as_ref().map(|base| base.words.to_string()).unwrap_or_default();
                let content = self.inputs.bases.get(id).cloned().unwrap_or_default();
                let source = model.base.as_ref().map(|base| base.source.clone()).unwrap_or_default();
                MadeOf { before: chain.create.to_string(), words, inputs: [(source, content)].into() }
            }
            ChainStep::Schema => {
                let before = chain.base.as_ref().unwrap_or(&chain.create).to_string();
                let (words, files) = match &declared.schema {
                    Some(SchemaStep::Command { inputs, .. }) => (
                        model.schema.as_ref().map(|schema| schema.words.to_string()).unwrap_or_default(),
                        inputs.as_slice(),
                    ),
                    Some(SchemaStep::Sql { files }) => (list(files), files.as_slice()),
                    None => Default::default(),
                };
                let patterns = files.iter().map(|file| file.path.as_str());
                MadeOf { before, words, inputs: inputs::listed(&workspace.directory, patterns, &|_| false)? }
            }
            ChainStep::Data => {
                let mut before = Key::of("before data");
                for (other, chain) in self.chains().iter().filter(|(_, chain)| chain.data.is_some()) {
                    before.text(&other.to_string()).text(chain.before_data().as_str());
                }
                let (words, inputs) = (self.data_words.clone(), self.data_files.clone());
                MadeOf { before: before.end().to_string(), words, inputs }
            }
        })
    }

    /// How a database is declared, and where.
    pub(crate) fn declaration(&self, id: &DatabaseId) -> (&Workspace, &manifest::Database) {
        let workspace = self.tree.workspace(self.tree.find(&id.workspace).expect("the model was made from this tree"));
        (workspace, &workspace.manifest.databases[&id.name])
    }
}

/// Files that Seedbed executes itself, in their order: a line each.
fn list(files: &[FileReference]) -> String {
    files.iter().fold(LIST.to_owned(), |text, file| format!("{text}\n{}", file.path))
}

/// How a list of files begins.
const LIST: &str = "sql";

impl MadeOf {
    /// How many files Seedbed has executed itself.
    pub(crate) fn executed(&self) -> usize {
        if self.is_list() { self.words.lines().count() - 1 } else { 0 }
    }

    fn is_list(&self) -> bool {
        self.words.lines().next() == Some(LIST)
    }

    /// Whether it begins with the same words: a list of files goes on where a shorter one has ended.
    fn begins(&self, now: &Self) -> bool {
        let rest = now.words.strip_prefix(&self.words);
        rest.is_some_and(|rest| rest.is_empty() || (self.is_list() && rest.starts_with('\n')))
    }

    /// Whether a schema step can go on from a state that was made of this: the same step on the same content, with some
    /// inputs fewer. Gives those.
    pub(crate) fn missing_in<'a>(&self, now: &'a Self) -> Option<Vec<&'a str>> {
        let is_same = self.before == now.before && self.begins(now) && self.inputs.len() < now.inputs.len();
        let is_part = || self.inputs.iter().all(|(name, digest)| now.inputs.get(name) == Some(digest));
        // A step without inputs says nothing of what it has done.
        (is_same && !self.inputs.is_empty() && is_part())
            .then(|| now.inputs.keys().filter(|name| !self.inputs.contains_key(*name)).map(String::as_str).collect())
    }

    /// How this came to differ from what was before, in words.
    pub(crate) fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.before != before.before {
            changes.push("the step before it changed".to_owned());
        }
        // Of a list of files it is told which came and went.
        let is_told = self.is_list() && before.is_list() && !self.inputs.keys().eq(before.inputs.keys());
        if self.words != before.words && !is_told {
            changes.push("its words in the manifest changed".to_owned());
        }
        for (name, digest) in &self.inputs {
            match before.inputs.get(name) {
                None => changes.push(format!("{name} is new")),
                Some(old) if old != digest => changes.push(format!("{name} changed")),
                Some(_) => {}
            }
        }
        let gone = before.inputs.keys().filter(|name| !self.inputs.contains_key(*name));
        changes.extend(gone.map(|name| format!("{name} is gone")));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_of(before: &str, words: &str, inputs: &[(&str, &str)]) -> MadeOf {
        let inputs = inputs.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect();
        MadeOf { before: before.into(), words: words.into(), inputs }
    }

    #[test]
    fn a_step_goes_on_only_from_a_part_of_itself() {
        let now = made_of("b", "w", &[("1.sql", "x"), ("2.sql", "y")]);
        let cases = [
            (made_of("b", "w", &[("1.sql", "x")]), Some(vec!["2.sql"])),
            (made_of("b", "w", &[("2.sql", "y")]), Some(vec!["1.sql"])),
            (made_of("b", "w", &[("1.sql", "x"), ("2.sql", "y")]), None),
            (made_of("b", "w", &[("1.sql", "edited")]), None),
            (made_of("b", "w", &[("0.sql", "gone")]), None),
            (made_of("b", "w", &[]), None),
            (made_of("other", "w", &[("1.sql", "x")]), None),
            (made_of("b", "other", &[("1.sql", "x")]), None),
        ];
        for (before, expected) in cases {
            assert_eq!(before.missing_in(&now), expected, "{before:?}");
        }
    }

    #[test]
    fn a_list_of_files_goes_on_only_where_a_shorter_one_has_ended() {
        let files = |names: &[&str]| {
            let words = names.iter().fold(LIST.to_owned(), |text, name| format!("{text}\n{name}"));
            made_of("b", &words, &names.iter().map(|name| (*name, "same")).collect::<Vec<_>>())
        };
        let now = files(&["a.sql", "b.sql", "b"]);
        let cases: [(&[&str], Option<Vec<&str>>); 6] = [
            (&["a.sql", "b.sql"], Some(vec!["b"])),
            (&["a.sql"], Some(vec!["b", "b.sql"])),
            (&["b.sql"], None),
            (&["b.sql", "a.sql"], None),
            (&["a.sql", "b"], None),
            (&["a.sql", "b.sql", "b"], None),
        ];
        for (before, expected) in cases {
            let before = files(before);
            assert_eq!(before.missing_in(&now), expected, "{before:?}");
            assert_eq!(before.executed(), before.inputs.len());
        }
        assert_eq!(now.changes_since(&files(&["a.sql", "b.sql"])), ["b is new"]);
        assert_eq!(now.changes_since(&files(&["b.sql", "a.sql", "b"])), ["its words in the manifest changed"]);
    }

    #[test]
    fn every_change_is_told() {
        let before = made_of("b", "w", &[("1.sql", "x"), ("2.sql", "y")]);
        let now = made_of("c", "v", &[("2.sql", "z"), ("3.sql", "y")]);
        let expected = [
            "the step before it changed",
            "its words in the manifest changed",
            "2.sql changed",
            "3.sql is new",
            "1.sql is gone",
        ];
        assert_eq!(now.changes_since(&before), expected);
        assert!(before.changes_since(&before).is_empty());
    }
}
