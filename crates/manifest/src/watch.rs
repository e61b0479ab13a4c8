//! Files of which a change starts a service anew, or lets a task run again.

use std::time::Duration;

use source::{Problem, Tree};

use crate::reading::Reading;
use crate::{FileReference, Glob, duration};

/// What is watched for a service or task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Globs, relative to the workspace; a directory stands for all below it.
    pub paths: Vec<FileReference>,
    /// Globs, relative to the workspace, of what is not looked at.
    pub ignore: Vec<Glob>,
    /// How long nothing more must have changed.
    pub debounce: Duration,
}

impl Watch {
    /// The usual pause: longer than a program takes that writes several files at once.
    const DEBOUNCE: Duration = Duration::from_millis(200);

    /// Reads `watch` of a service: globs, or a map with `paths`.
    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Self {
        let paths = if tree.as_list().is_some() { Some(tree) } else { tree.get("paths") };
        Self::of(FileReference::read_globs(paths, reading), tree, reading)
    }

    /// Reads `watch` of a task, whose inputs are watched, and not its outputs.
    pub(crate) fn read_of_task(
        tree: &Tree,
        inputs: &[FileReference],
        outputs: &[FileReference],
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        if tree.as_bool() == Some(false) {
            return None;
        }
        if inputs.is_empty() {
            reading.problems.push(
                Problem::error("manifest::watch", "a task without `inputs` has nothing that could change")
                    .at(&tree.place, "its inputs are watched, and it names none")
                    .help("write `inputs`, such as `inputs: [src/**]`"),
            );
            return None;
        }
        let mut watch = Self::of(inputs.to_vec(), tree, reading);
        for output in outputs {
            let (pattern, place) = (output.path.clone(), output.place.clone());
            watch.ignore.push(Glob { pattern: format!("{}/**", pattern.trim_end_matches('/')), place: place.clone() });
            watch.ignore.push(Glob { pattern, place });
        }
        Some(watch)
    }

    fn of(paths: Vec<FileReference>, tree: &Tree, reading: &mut Reading<'_>) -> Self {
        let ignore = Glob::read_files(tree.get("ignore"), reading);
        let debounce = tree.get("debounce").and_then(duration::read).unwrap_or(Self::DEBOUNCE);
        Self { paths, ignore, debounce }
    }
}
