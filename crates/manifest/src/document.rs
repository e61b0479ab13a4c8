//! One manifest file in all its variants: as it stands, and with each of its profiles.

use indexmap::IndexMap;
use source::{Place, Problem, Problems, SourceFile, Tree, parse};

use crate::declared::Declared;
use crate::format::MANIFEST;
use crate::grammar::Shape;
use crate::import::{Imported, Surroundings};
use crate::manifest::Manifest;
use crate::reading::Reading;
use crate::{Dependency, FileReference, Reference, Remote};

/// A manifest file, read.
pub(crate) struct Document {
    /// Where the name of the workspace stands, and the name.
    pub(crate) name: Option<(String, Place)>,
    /// Dependencies, which no profile changes.
    pub(crate) dependencies: IndexMap<String, Dependency>,
    base: Variant,
    profiles: IndexMap<String, Variant>,
}

/// A manifest with a certain profile, or without.
pub(crate) struct Variant {
    manifest: Manifest,
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
    /// Reads a file; what is wrong with it is added to the problems, each once.
    ///
    /// Without surroundings, the files that it imports services from are not read.
    pub(crate) fn read(
        file: &SourceFile,
        surroundings: Option<&Surroundings<'_>>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut found = Problems::new();
        let document = match parse(file) {
            Ok(tree) => Self::of(&tree, surroundings, &mut found),
            Err(problem) => {
                found.push(problem);
                None
            }
        };
        problems.extend(found.sorted().into_iter().cloned());
        document
    }

    fn of(tree: &Tree, surroundings: Option<&Surroundings<'_>>, problems: &mut Problems) -> Option<Self> {
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
        let base = Variant::read(tree, None, surroundings, problems);
        let overlays = tree.get("profiles").and_then(Tree::as_map).unwrap_or_default();
        let mut profiles = IndexMap::new();
        for overlay in overlays {
            let merged = overlay.value.clone().merge_over(tree.clone());
            // An overlay that is no map has been reported.
            if overlay.value.as_map().is_some() {
                let mut found = Problems::new();
                let variant = Variant::read(&merged, Some(&overlay.key), surroundings, &mut found);
                add_of_profile(found, &overlay.key, &overlay.value.place, problems);
                profiles.insert(overlay.key.clone(), variant);
            }
        }
        let name = tree.get("name").and_then(|name| Some((name.as_str()?.to_owned(), name.place.clone())));
        let dependencies = base.manifest.dependencies.clone();
        Some(Self { name, dependencies, base, profiles })
    }

    /// Returns the variant of this profile, or the one without if it declares none of that name.
    pub(crate) fn variant(&self, profile: Option<&str>) -> &Variant {
        profile.and_then(|profile| self.profiles.get(profile)).unwrap_or(&self.base)
    }

    /// Returns every variant, with the name of its profile.
    pub(crate) fn variants(&self) -> impl Iterator<Item = (Option<&str>, &Variant)> {
        let profiles = self.profiles.iter().map(|(name, variant)| (Some(name.as_str()), variant));
        std::iter::once((None, &self.base)).chain(profiles)
    }

    /// Returns the names of its profiles.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// Returns the manifest under a profile.
    pub(crate) fn into_manifest(mut self, profile: Option<&str>) -> Manifest {
        let profile = profile.and_then(|profile| self.profiles.swap_remove(profile));
        profile.unwrap_or(self.base).manifest
    }
}

impl Variant {
    /// Returns the remotes of the manifest.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = &Remote> {
        self.manifest.remotes.values()
    }

    fn read(
        tree: &Tree,
        profile: Option<&str>,
        surroundings: Option<&Surroundings<'_>>,
        problems: &mut Problems,
    ) -> Self {
        Shape::Record(&MANIFEST).check(tree, &tree.place, false, problems);
        let imported = surroundings.map(|around| Imported::read(tree, around, problems)).unwrap_or_default();
        let mut declared = Declared::of(tree);
        imported.declare(tree, &mut declared, problems);
        let mut reading = Reading::new(&declared, profile.is_some());
        let mut manifest = Manifest::convert(tree, &mut reading);
        imported.add_to(&mut manifest);
        let Reading { problems: found, files, paths, foreign_exports, foreign_services, .. } = reading;
        problems.extend(found);
        Self { manifest, declared, files, paths, foreign_exports, foreign_services }
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
