//! The settings of all workspaces of an environment: who says what of them, and which of it is in force.
//!
//! From the weakest to the strongest: the default, the profile of the environment, those that depend on the workspace, the
//! profile that was applied, what one person has otherwise, the values that were applied.

use std::rc::Rc;

use indexmap::IndexMap;
use source::{Entry, Problem, Problems};

use crate::Setting;
use crate::declared::listed;
use crate::document::Variant;
use crate::loader::Loader;
use crate::setting::{give_later, unknown};

/// The settings of each workspace, in the order in which these were come upon.
pub(crate) struct Configuration {
    all: Vec<IndexMap<String, Setting>>,
}

/// A value that a dependent gives.
struct Given<'a> {
    /// The dependent.
    by: usize,
    alias: &'a str,
    entry: &'a Entry,
}

impl Configuration {
    /// Works out what is in force.
    pub(crate) fn new(loader: &Loader<'_>, parts: &[Rc<Variant>], problems: &mut Problems) -> Self {
        let mut all: Vec<_> = parts.iter().map(|part| part.manifest.config.clone()).collect();
        let of_dependents = of_dependents(loader, parts, problems);
        for (index, config) in all.iter_mut().enumerate() {
            let declared = &parts[index].declared;
            let mut give = |values: &[Entry]| give_later(config, values, declared, problems);
            give(&of_dependents[index]);
            if let Some(profile) = &loader.applied.profile {
                give(loader.loaded[index].values(profile));
            }
            if index == 0 {
                give(&loader.local.config);
            }
        }
        for (workspace, entry) in loader.applied.read(problems) {
            let index = loader.loaded.iter().position(|loaded| loaded.name() == Some(&workspace));
            match index {
                Some(index) => give_later(&mut all[index], &[entry], &parts[index].declared, problems),
                None => problems.push(
                    Problem::error("manifest::setting", format!("there is no workspace `{workspace}`"))
                        .at(&entry.key_place, "a setting of it was applied")
                        .help("`seedbed config apply` applies what is declared and nothing else"),
                ),
            }
        }
        Self { all }
    }

    /// Takes out the settings of one workspace.
    pub(crate) fn of(&mut self, index: usize) -> IndexMap<String, Setting> {
        std::mem::take(&mut self.all[index])
    }
}

/// What dependents say of the settings of each workspace. What the root says holds for all; else they have to agree.
fn of_dependents(loader: &Loader<'_>, parts: &[Rc<Variant>], problems: &mut Problems) -> Vec<Vec<Entry>> {
    let mut given: Vec<IndexMap<&str, Vec<Given<'_>>>> = loader.loaded.iter().map(|_| IndexMap::new()).collect();
    for (by, (loaded, part)) in loader.loaded.iter().zip(parts).enumerate() {
        for (alias, dependency) in &part.manifest.dependencies {
            let Some(of) = loaded.dependencies.get(alias) else { continue };
            for entry in &dependency.config {
                if is_open(entry, alias, &parts[*of], problems) {
                    given[*of].entry(&entry.key).or_default().push(Given { by, alias, entry });
                }
            }
        }
    }
    let mut chosen = |values: Vec<Given<'_>>| {
        let decides = values.iter().position(|given| given.by == 0).unwrap_or(0);
        let first = &values[decides];
        let other = values.iter().find(|other| other.entry.value.to_json() != first.entry.value.to_json());
        if let Some(other) = other.filter(|_| first.by != 0) {
            problems.push(conflict(loader, first, other));
        }
        first.entry.clone()
    };
    given.into_iter().map(|settings| settings.into_values().map(&mut chosen).collect()).collect()
}

/// Whether a workspace lets others set a setting; if not, that is a problem.
fn is_open(entry: &Entry, alias: &str, part: &Variant, problems: &mut Problems) -> bool {
    let config = &part.manifest.config;
    let open: Vec<&str> = config.iter().filter(|(_, setting)| setting.is_public).map(|(key, _)| key.as_str()).collect();
    match config.get(&entry.key) {
        Some(setting) if setting.is_public => true,
        Some(setting) => {
            let help = if open.is_empty() {
                "none of its settings is `public`".to_owned()
            } else {
                format!("those that are `public` are {}", listed(&open))
            };
            problems.push(
                Problem::error("manifest::setting", format!("`{alias}` does not let others set `{}`", entry.key))
                    .at(&entry.key_place, "not for others to set")
                    .at(&setting.declared, "declared here without `public: true`")
                    .help(help),
            );
            false
        }
        None => {
            let problem = unknown(&entry.key, &entry.key_place, open.into_iter());
            problems.push(Problem { message: format!("`{alias}` has no setting `{}`", entry.key), ..problem });
            false
        }
    }
}

fn conflict(loader: &Loader<'_>, first: &Given<'_>, other: &Given<'_>) -> Problem {
    let chain = |given: &Given<'_>| {
        let mut names = loader.loaded[given.by].chain.clone();
        names.push(given.alias.to_owned());
        names.join(" → ")
    };
    let key = &first.entry.key;
    Problem::error("manifest::setting", format!("two workspaces set `{key}` of `{}`, each to another value", first.alias))
        .at(&other.entry.value.place, chain(other))
        .at(&first.entry.value.place, chain(first))
        .help(format!(
            "one instance of it has one configuration: let both say the same, or decide it in the root workspace, under `config` of its own dependency `{}`",
            first.alias
        ))
}
