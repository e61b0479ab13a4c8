//! A copy of a workspace that others share.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::kind::Work;
use crate::sharing::{ORIGIN, ShareOptions, Shared};
use crate::status::state_of;
use crate::{Changes, Context, Error, Git, Metadata, Resource, Workspace, git_repository, git_subdirectory, sharing};

/// Is told of a copy that is begun.
pub type Begun<'a> = dyn Fn(&str, &[Resource]) + 'a;
/// Says where a repository goes.
pub type Place<'a> = dyn Fn(&Resource, &Path) -> Option<PathBuf> + 'a;

/// How a copy is made.
#[derive(Clone)]
pub struct CloneOptions<'a> {
    /// The address of the repository.
    pub url: &'a str,
    /// The new directory, a whole path; below `into`, and called as the workspace, when nothing is said.
    pub directory: Option<&'a Path>,
    /// Where the new directory goes when it is not named.
    pub into: &'a Path,
    /// What this machine is called in it.
    pub host: Option<&'a str>,
    /// Which resources are brought; the others can be pulled later.
    pub share: ShareOptions,
    /// Is told the name and the resources as soon as they are known.
    pub begun: Option<&'a Begun<'a>>,
    /// Where a repository of its own goes, if not to the usual place, which is given.
    pub place: Option<&'a Place<'a>>,
}

/// What was made.
#[derive(Debug)]
pub struct Cloned {
    /// The workspace.
    pub workspace: Workspace,
    /// Its name.
    pub name: String,
    /// What became of each resource.
    pub resources: Vec<(String, Shared)>,
}

/// Makes a copy of a workspace. If that fails, there is no new directory.
pub fn clone(context: &Context<'_>, options: &CloneOptions<'_>) -> Result<Cloned, Error> {
    let parent = match options.directory {
        Some(directory) => directory.parent().unwrap_or(Path::new("/")),
        None => options.into,
    };
    if let Some(directory) = options.directory {
        refuse_existing(directory)?;
    }
    let begun = parent.join(format!(".seedbed-clone-{:016x}", fastrand::u64(..)));
    let outcome = begin(context, options, &begun, parent);
    if outcome.is_err() {
        // What failed is said; what cannot be removed has a name that says what it is.
        let _ = fs::remove_dir_all(&begun);
    }
    let directory = outcome?;
    let cloned = fill(context, options, &directory);
    if cloned.is_err() {
        let _ = fs::remove_dir_all(&directory);
    }
    cloned
}

fn refuse_existing(directory: &Path) -> Result<(), Error> {
    if directory.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Error::refused(format!("{} is there already", directory.display()), "name another directory"))
}

/// The repository under a name that nobody minds, then under its own.
fn begin(context: &Context<'_>, options: &CloneOptions<'_>, begun: &Path, parent: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    context.world.note(&format!("the workspace is cloned from {}", options.url));
    let target = begun.to_string_lossy().into_owned();
    Git::outside(parent).run(&["clone", "-q", "--origin", ORIGIN, "--", options.url, &target])?;
    let metadata = Metadata::open(begun).map_err(|error| match error {
        Error::NoWorkspace { .. } => {
            let problem = format!("{} is no data workspace: it has no .dataworkspace", options.url);
            Error::refused(
                problem,
                "`git clone` clones other repositories; `seedbed init --data` makes one a data workspace",
            )
        }
        error => error,
    })?;
    let name = metadata.name()?;
    let directory = if let Some(directory) = options.directory {
        directory.to_owned()
    } else if name.is_empty() || name.contains('/') || name.starts_with('.') {
        let problem = format!("the workspace is called '{name}', which is no name of a directory");
        return Err(Error::refused(problem, "name a directory"));
    } else {
        parent.join(&name)
    };
    refuse_existing(&directory)?;
    fs::rename(begun, &directory).map_err(Error::io("create", &directory))?;
    Ok(directory)
}

/// What belongs to this machine, and the resources.
fn fill(context: &Context<'_>, options: &CloneOptions<'_>, directory: &Path) -> Result<Cloned, Error> {
    let metadata = Metadata::open(directory)?;
    if let Some(begun) = options.begun {
        begun(&metadata.name()?, &metadata.resources()?);
    }
    let mut changes = Changes::new(directory);
    let host = options.host.unwrap_or(&context.host);
    metadata.set_local_parameter(&mut changes, "hostname", Some(&json!(host)))?;
    for resource in metadata.resources()? {
        metadata.put_local(&mut changes, &Resource { local: local(directory, &resource, options), ..resource })?;
    }
    changes.apply()?;
    let ignored = directory.join(".dataworkspace/current_lineage");
    fs::create_dir_all(&ignored).map_err(Error::io("create", &ignored))?;
    let workspace = Workspace::find(directory)?;
    let scratch = workspace.scratch()?;
    fs::create_dir_all(&scratch).map_err(Error::io("create", &scratch))?;
    let name = metadata.name()?;
    let lock = workspace.begin(context)?;
    let chosen = options.share.chosen(&metadata.resources()?)?;
    let mut resources = Vec::new();
    for resource in &chosen {
        resources.push((resource.name.clone(), bring(context, &workspace, resource)?));
    }
    drop(lock);
    Ok(Cloned { workspace, name, resources })
}

/// Where a resource is here: a whole path of another machine means nothing, unless it is there.
fn local(root: &Path, resource: &Resource, options: &CloneOptions<'_>) -> Map<String, Value> {
    let mut local = Map::new();
    let Some(path) = resource.text(crate::resource::PATH) else { return local };
    let said = root.join(path);
    let is_elsewhere = Path::new(path).is_absolute() && !said.exists();
    let usual = if is_elsewhere { root.join(&resource.name) } else { said };
    let asked = options.place.filter(|_| resource.kind == git_repository::KIND);
    let chosen = asked.and_then(|place| place(resource, &usual)).unwrap_or_else(|| usual.clone());
    if is_elsewhere || chosen != usual {
        let shown = chosen.strip_prefix(root).unwrap_or(&chosen);
        local.insert(crate::resource::PATH.to_owned(), json!(shown));
    }
    local
}

/// Gets a resource, and puts its files where they belong if nothing is there yet.
fn bring(context: &Context<'_>, workspace: &Workspace, resource: &Resource) -> Result<Shared, Error> {
    if resource.kind == git_subdirectory::KIND {
        let path = resource.directory(workspace.root());
        if let Some(path) = path {
            fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
        }
        return Ok(Shared::WithWorkspace);
    }
    let received = sharing::receive(context, workspace, resource)?;
    if resource.kind == git_repository::KIND || received != Shared::Contents {
        return Ok(received);
    }
    let work = Work { workspace, resource, context };
    let Some(directory) = work.kind()?.directory(&work) else { return Ok(received) };
    let is_empty = fs::read_dir(&directory).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        return Ok(received);
    }
    let metadata = workspace.metadata();
    let Some(newest) = metadata.takings(Some(1))?.into_iter().next() else { return Ok(received) };
    let manifest = metadata.manifest(&newest.snapshot)?;
    let Some(entry) = manifest.entry(&resource.name) else { return Ok(received) };
    let state = state_of(metadata, entry, Some(&newest))?;
    let kind = work.kind()?;
    if kind.stage(&work, &state)? {
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        kind.put(&work, &state)?;
    }
    Ok(received)
}
