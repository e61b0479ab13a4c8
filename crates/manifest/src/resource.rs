//! Files that belong to the state of an environment.

use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use source::{Entry, Place, Problem};

use crate::reading::Reading;
use crate::{Glob, Part, Template};

/// A file or directory that belongs to the state of an environment, as its databases do.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Where it is: a path below the workspace, or `${environment.directory}` or a path below that. The only other
    /// reference in it is `${environment.name}`.
    pub path: Template,
    /// Globs of what does not belong to it, relative to `path`; one without a slash is for names at any depth.
    pub exclude: Vec<Glob>,
    /// Where its name stands.
    pub place: Place,
}

impl Resource {
    /// Reads an entry of `resources`, which the grammar has checked.
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = &entry.value;
        let exclude = Glob::read_files(tree.get("exclude"), reading);
        let known = reading.problems.len();
        let path = tree.get("path").and_then(|path| reading.template(path))?;
        if reading.problems.len() > known {
            return None;
        }
        if let Err(problem) = location(&path) {
            reading.problems.push(problem);
            return None;
        }
        Some(Self { name: entry.key.clone(), path, exclude, place: entry.key_place.clone() })
    }
}

/// Reports resources that have files in common: a restore would write them twice.
pub(crate) fn check_overlaps(resources: &IndexMap<String, Resource>, reading: &mut Reading<'_>) {
    let located: Vec<_> =
        resources.values().filter_map(|resource| Some((resource, location(&resource.path).ok()?))).collect();
    for (index, (second, its_location)) in located.iter().enumerate() {
        let overlaps = |other: &Location| {
            its_location.in_environment == other.in_environment
                && (its_location.path.starts_with(&other.path) || other.path.starts_with(&its_location.path))
        };
        if let Some((first, _)) = located[..index].iter().find(|(_, other)| overlaps(other)) {
            let message = format!("the resources `{}` and `{}` have files in common", first.name, second.name);
            reading.problems.push(
                Problem::error("manifest::resource", message)
                    .at(second.path.place(), "this one")
                    .at(first.path.place(), "and this one")
                    .help("keep the outer one; what is not wanted of it stands in its `exclude`"),
            );
        }
    }
}

/// Where a resource is, as far as it is known before there is an environment.
struct Location {
    /// Whether it is below the directory of the environment, and not below the workspace.
    in_environment: bool,
    path: PathBuf,
}

fn location(template: &Template) -> Result<Location, Problem> {
    let problem = |message: &str, place: &Place, label: &str| {
        Problem::error("manifest::path", message)
            .at(place, label)
            .help("write it relative to the workspace, without `..`, or as `${environment.directory}/NAME`")
    };
    let mut in_environment = false;
    let mut text = String::new();
    for (index, part) in template.parts().iter().enumerate() {
        match part {
            Part::Text(literal) => text.push_str(literal),
            Part::Reference(reference) => match (reference.path.join(".").as_str(), index) {
                ("environment.directory", 0) => in_environment = true,
                // It is a name, so it cannot lead anywhere.
                ("environment.name", _) => text.push_str("${environment.name}"),
                _ => {
                    let message = "the path of a resource does not depend on this";
                    return Err(problem(message, &reference.place, "could lead anywhere"));
                }
            },
        }
    }
    let whole = template.place();
    if in_environment && !text.is_empty() {
        text = text
            .strip_prefix('/')
            .ok_or_else(|| problem("a slash belongs after `${environment.directory}`", whole, "no slash"))?
            .to_owned();
    }
    let mut path = PathBuf::new();
    for component in Path::new(&text).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                let message = "the path of a resource leads out of the workspace";
                return Err(problem(message, whole, "leads out of the workspace"));
            }
        }
    }
    if path.as_os_str().is_empty() && !in_environment {
        return Err(problem("a resource is not the whole workspace", whole, "a directory of it is needed"));
    }
    if path.starts_with(".seedbed") && !in_environment {
        return Err(problem("a resource is not among the files of Seedbed itself", whole, "not yours"));
    }
    Ok(Location { in_environment, path })
}
