//! The records of the workspace that a command works in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use environment::Target;
use lineage::Content;
use recorder::{Catalogue, Recorder, RecorderError, Resource, Surroundings};

use workspace::Workspace;

use crate::commands::{Job, data};
use crate::failure::Failure;

/// What a database is called among resources.
pub const DATABASE: &str = "database";

/// Opens the records of the workspace, for somebody who executes steps: they have the commit of its repository.
pub fn open_to_record<'a>(job: &Job<'_>) -> Result<Recorder<'a>, Failure> {
    let mut recorder = open(job)?;
    if let Some(commit) = commit(job, &recorder.catalogue().root) {
        recorder.surroundings_mut().environment.insert("commit".to_owned(), commit);
    }
    Ok(recorder)
}

/// Opens the records of the workspace, which is a data workspace, or that of an environment.
pub fn open<'a>(job: &Job<'_>) -> Result<Recorder<'a>, Failure> {
    let directory = job.directory()?;
    let catalogue = catalogue(job, &directory)?;
    let surroundings = surroundings(job);
    let mut recorder = tell(Recorder::open(catalogue, surroundings, Box::new(|_| Content::Unknown)))?;
    for note in recorder.take_notes() {
        job.note(&note);
    }
    Ok(recorder)
}

/// The failure of a command about records.
pub fn tell<T>(result: Result<T, RecorderError>) -> Result<T, Failure> {
    result.map_err(|error| Failure::of_recorder(&error))
}

/// The resources of the workspace that a directory is in: those of its metadata, and the databases of its environment.
pub fn catalogue(job: &Job<'_>, directory: &Path) -> Result<Catalogue, Failure> {
    let data = workspace::find_root(directory);
    let services = manifest::find_root(directory);
    let root = data.clone().or_else(|| services.clone()).ok_or_else(|| nowhere(directory))?;
    let mut resources = BTreeMap::new();
    let mut name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if data.is_some() {
        let opened = data::tell(Workspace::find(directory))?;
        name = data::tell(opened.metadata().name())?;
        for resource in data::tell(opened.metadata().resources())? {
            let entry = Resource {
                kind: resource.kind.clone(),
                role: resource.role.to_string(),
                directory: resource.directory(&root),
                exclude: resource.excluded(),
                export: resource.flag("export").unwrap_or(false),
                imported: resource.flag("imported").unwrap_or(false),
            };
            resources.insert(resource.name, entry);
        }
    }
    if services.is_some()
        && let Ok(target) = Target::find(directory, job.arguments.global.environment_name())
    {
        for database in environment::declared_names(job.context, &target).databases {
            let entry = Resource { kind: DATABASE.to_owned(), ..Resource::default() };
            resources.entry(database).or_insert(entry);
        }
    }
    Ok(Catalogue { name, root, resources })
}

fn nowhere(directory: &Path) -> Failure {
    let message = format!(
        "error: {} is in no workspace\nhelp: `seedbed init --data` makes a data workspace here, `seedbed init` the workspace of an \
         environment\n",
        directory.display()
    );
    Failure { code: 5, kind: "no-workspace", message }
}

fn surroundings(job: &Job<'_>) -> Surroundings {
    let environment = BTreeMap::from([
        ("seedbed".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("system".to_owned(), format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)),
    ]);
    Surroundings { now: job.context.now, host: job.world.host.clone(), by: job.context.author.clone(), environment }
}

/// The commit of the repository that the workspace is in, with `+` when files differ from it.
fn commit(job: &Job<'_>, root: &Path) -> Option<String> {
    let settings = repositories::Settings {
        variables: &job.context.variables,
        may_ask: false,
        is_interrupted: &|| job.world.interrupt.is_raised(),
        progress: &|_| {},
    };
    let copy = repositories::WorkingCopy::new(&settings, root);
    let distance = copy.distance(None).ok().flatten()?;
    let mark = if distance.changed > 0 { "+" } else { "" };
    Some(format!("{}{mark}", distance.commit))
}

/// The hash of a snapshot that is known by a tag, or by the beginning of its hash.
pub fn snapshot_hash(root: &Path, wanted: &str) -> Result<String, Failure> {
    data::tell(data::tell(Workspace::find(root))?.metadata().resolve(wanted))
}

/// A place below the workspace, as records have directories.
pub fn below(root: &Path, directory: &Path) -> String {
    directory.strip_prefix(root).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Where a command of a record was executed.
pub fn directory_of(root: &Path, below: &str) -> PathBuf {
    if below.is_empty() { root.to_owned() } else { root.join(below) }
}
