//! One manifest file in all its variants: as it stands, and with each of its profiles.

use std::rc::Rc;

use indexmap::IndexMap;
use source::{Entry, Node, Place, Problem, Problems, SourceFile, Tree, parse};

use crate::declared::Declared;
use crate::format::MANIFEST;
use crate::grammar::Shape;
use crate::import::{Imported, Surroundings};
use crate::manifest::Manifest;
use crate::mode::{self, Taken};
use crate::reading::Reading;
use crate::{ConfigFile, FileReference, Local, Reference, Remote, setting};

/// A manifest file, read.
pub(crate) struct Document {
    /// Where the name of the workspace stands, and the name.
    pub(crate) name: Option<(String, Place)>,
    base: Rc<Variant>,
    profiles: IndexMap<String, Rc<Variant>>,
    /// What each profile says of settings.
    values: IndexMap<String, Vec<Entry>>,
}

/// A manifest with a certain profile, or without.
pub(crate) struct Variant {
    pub(crate) manifest: Manifest,
    tree: Tree,
    pub(crate) declared: Declared,
    /// Files that must exist.
    pub(crate) files: Vec<FileReference>,
    /// Files or directories that must exist.
    pub(crate) paths: Vec<FileReference>,
    /// References to exports of dependencies.
    pub(crate) foreign_exports: Vec<Reference>,
    /// Services of dependencies: the dependency's name, the service's, and where they stand.
    pub(crate) foreign_services: Vec<(String, String, Place)>,
}

impl Document {
    /// Reads a file, with what one person has otherwise; what is wrong with it is added to the problems, each once.
    ///
    /// Without surroundings, the files that it imports services from are not read.
    pub(crate) fn read(
        file: &SourceFile,
        surroundings: Option<&Surroundings<'_>>,
        local: Option<&Local>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut found = Problems::new();
        let document = match parse(file) {
            Ok(tree) => Self::of(&tree, surroundings, local, &mut found),
            Err(problem) => {
                found.push(problem);
                None
            }
        };
        problems.extend(found.sorted().into_iter().cloned());
        document
    }

    fn of(
        tree: &Tree,
        surroundings: Option<&Surroundings<'_>>,
        local: Option<&Local>,
        problems: &mut Problems,
    ) -> Option<Self> {
        if tree.is_null() {
            problems.push(
                Problem::error("manifest::empty", "the manifest is empty")
                    .at(&tree.place, "there is nothing here")
                    .help("the least that it says is a name: `name: lms`"),
            );
            return None;
        }
        if tree.as_map().is_none() {
            problems.push(tree.wrong_type("a manifest, which is a map"));
            return None;
        }
        let with_local = |tree: Tree| local.map_or_else(|| tree.clone(), |local| local.over(tree.clone()));
        let base = Variant::read(with_local(tree.clone()), &[], None, surroundings, problems);
        mode::check(tree, problems);
        let overlays = tree.get("profiles").and_then(Tree::as_map).unwrap_or_default();
        let mut profiles = IndexMap::new();
        let mut values = IndexMap::new();
        for overlay in overlays {
            if overlay.key == "default" {
                problems.push(
                    Problem::error("manifest::profile", "`default` is what is declared without a profile")
                        .at(&overlay.key_place, "another name")
                        .help("what holds without a profile stands outside of `profiles`"),
                );
            }
            // An overlay that is no map has been reported.
            if overlay.value.as_map().is_some() {
                let (config, rest) = without_config(&overlay.value);
                let merged = rest.merge_over(tree.clone());
                let mut found = Problems::new();
                let variant = Variant::read(with_local(merged), &config, Some(&overlay.key), surroundings, &mut found);
                values.insert(overlay.key.clone(), config);
                add_of_profile(found, &overlay.key, &overlay.value.place, problems);
                profiles.insert(overlay.key.clone(), Rc::new(variant));
            }
        }
        let name = tree.get("name").and_then(|name| Some((name.as_str()?.to_owned(), name.place.clone())));
        Some(Self { name, base: Rc::new(base), profiles, values })
    }

    /// Returns what a profile says of settings.
    pub(crate) fn values(&self, profile: &str) -> &[Entry] {
        self.values.get(profile).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the variant of this profile, or the one without if it declares none of that name.
    pub(crate) fn variant(&self, profile: Option<&str>) -> &Rc<Variant> {
        profile.and_then(|profile| self.profiles.get(profile)).unwrap_or(&self.base)
    }

    /// Returns every variant, with the name of its profile.
    pub(crate) fn variants(&self) -> impl Iterator<Item = (Option<&str>, &Variant)> {
        let profiles = self.profiles.iter().map(|(name, variant)| (Some(name.as_str()), &**variant));
        std::iter::once((None, &*self.base)).chain(profiles)
    }

    /// Returns the names of its profiles.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// Returns what is taken of the manifest under a profile.
    pub(crate) fn taken(&self, profile: Option<&str>, taken: &Taken) -> Rc<Variant> {
        let variant = self.variant(profile);
        if *taken == Taken::All {
            return Rc::clone(variant);
        }
        // What can be wrong with a part was found when the whole was read.
        let mut problems = Problems::new();
        let mut part = Variant::read(mode::part(&variant.tree, taken), &[], profile, None, &mut problems);
        part.manifest.profiles.clone_from(&variant.manifest.profiles);
        part.manifest.config.clone_from(&variant.manifest.config);
        part.manifest.files.clone_from(&variant.manifest.files);
        Rc::new(part)
    }

    /// Returns the names of the modes that it has.
    pub(crate) fn modes(&self) -> Vec<&str> {
        mode::names(&self.base.tree)
    }

    /// Returns the manifest under a profile.
    pub(crate) fn manifest(&self, profile: Option<&str>) -> Manifest {
        self.variant(profile).manifest.clone()
    }
}

impl Variant {
    /// Returns the remotes of the manifest.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = &Remote> {
        self.manifest.remotes.values()
    }

    /// Returns what lies beside the workspace and is read: where its globs lead out of it, up to the first wildcard.
    pub(crate) fn beside(&self) -> Vec<String> {
        let mut found = Vec::new();
        globs(&self.tree, &mut found);
        let outside = found.into_iter().filter(|glob| glob.starts_with(".."));
        let fixed = outside.map(|glob| match glob.find(['*', '?', '[', '{']) {
            Some(wildcard) => glob[..wildcard].rsplit_once('/').map_or("", |(fixed, _)| fixed).to_owned(),
            None => glob.to_owned(),
        });
        fixed.collect()
    }

    fn read(
        tree: Tree,
        values: &[Entry],
        profile: Option<&str>,
        surroundings: Option<&Surroundings<'_>>,
        problems: &mut Problems,
    ) -> Self {
        Shape::Record(&MANIFEST).check(&tree, &tree.place, false, problems);
        let imported = surroundings.map(|around| Imported::read(&tree, around, problems)).unwrap_or_default();
        let mut declared = Declared::of(&tree);
        imported.declare(&tree, &mut declared, problems);
        let mut reading = Reading::new(&declared, profile.is_some());
        let mut manifest = Manifest::convert(&tree, &mut reading);
        setting::give_all(&mut manifest.config, values, &mut reading);
        if let Some(surroundings) = surroundings {
            manifest.files = ConfigFile::read_all(&tree, surroundings, &mut reading);
        }
        imported.add_to(&mut manifest, &mut reading);
        let Reading { problems: found, files, paths, foreign_exports, foreign_services, .. } = reading;
        problems.extend(found);
        Self { manifest, tree, declared, files, paths, foreign_exports, foreign_services }
    }
}

/// What an overlay says of settings, and the rest of it.
fn without_config(overlay: &Tree) -> (Vec<Entry>, Tree) {
    let config = overlay.get("config").and_then(Tree::as_map).unwrap_or_default().to_vec();
    let mut rest = overlay.clone();
    if let Node::Map(entries) = &mut rest.node {
        entries.retain(|entry| entry.key != "config");
    }
    (config, rest)
}

/// The texts in every `inputs`.
fn globs<'t>(tree: &'t Tree, found: &mut Vec<&'t str>) {
    for entry in tree.as_map().unwrap_or_default() {
        match entry.key.as_str() {
            "inputs" => found.extend(entry.value.as_list().unwrap_or_default().iter().filter_map(Tree::as_str)),
            _ => globs(&entry.value, found),
        }
    }
}

/// Adds what was found under a profile and not without it. Where that is not in the profile itself, the message says under
/// which profile it is so.
fn add_of_profile(found: Problems, profile: &str, overlay: &Place, problems: &mut Problems) {
    let is_known = |problem: &Problem| {
        problems.iter().any(|known| known.message == problem.message && known.place() == problem.place())
    };
    let fresh: Vec<_> = found.into_iter().filter(|problem| !is_known(problem)).collect();
    problems.extend(fresh.into_iter().map(|mut problem| {
        let inside = |place: &Place| {
            let (outer, inner) = (overlay.range(), place.range());
            outer.start <= inner.start && inner.end <= outer.end
        };
        if !problem.place().is_some_and(inside) {
            problem.message = format!("with the profile `{profile}`: {}", problem.message);
        }
        problem
    }));
}
