//! A resource is added.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::kind::Work;
use crate::resource::PATH;
use crate::{
    Changes, Context, Error, Git, Resource, Role, Workspace, git_reference, git_repository, git_subdirectory, http,
    init, names, rclone,
};

/// What is added.
#[derive(Debug, Clone)]
pub struct AddOptions<'a> {
    /// The kind. `git` for a directory of the workspace's own repository makes a `git-subdirectory`.
    pub kind: &'a str,
    /// What it is for.
    pub role: Role,
    /// What it is called; found from what it is when nothing is said.
    pub name: Option<&'a str>,
    /// Where its files are: a whole path.
    pub path: Option<&'a Path>,
    /// Its other parameters.
    pub parameters: Map<String, Value>,
}

/// What was added.
#[derive(Debug, Clone)]
pub struct Added {
    /// The resource.
    pub resource: Resource,
    /// Whether git ignores its files from now on.
    pub ignored: bool,
}

/// Adds a resource to a workspace.
pub fn add(context: &Context<'_>, workspace: &Workspace, options: &AddOptions<'_>) -> Result<Added, Error> {
    let _lock = workspace.begin(context)?;
    let root = workspace.root();
    let there = workspace.metadata().resources()?;
    let path = options.path.map(plain);
    let below = path.as_deref().and_then(|path| path.strip_prefix(root).ok());
    let mut kind = options.kind;
    let mut parameters = options.parameters.clone();
    if let Some(path) = &path {
        refuse_overlap(root, path, &there)?;
        let shown = below.map_or_else(|| path.to_string_lossy(), |below| below.to_string_lossy());
        parameters.insert(PATH.to_owned(), json!(shown));
        if kind == git_repository::KIND {
            let git = if path.is_dir() { Git::find(path)? } else { None };
            match git {
                Some(git) if git.prefix.is_empty() => describe_repository(&git, &mut parameters)?,
                _ if below.is_some() => kind = git_subdirectory::KIND,
                _ => {
                    let problem = format!("{} is no repository of git", path.display());
                    return Err(Error::refused(problem, "add it as local-files, or `git init` it"));
                }
            }
        }
    }
    let name = match options.name {
        Some(name) => name.to_owned(),
        None => suggested(path.as_deref(), &parameters, options.role),
    };
    names::check(&name).map_err(|problem| Error::Name {
        what: "resource",
        name: name.clone(),
        problem: problem.to_owned(),
    })?;
    if there.iter().any(|resource| resource.name == name) {
        return Err(Error::ResourceExists(name));
    }
    if let Some(path) = &path {
        prepare(context, kind, &name, path, &mut parameters)?;
    }
    let resource = Resource { name, kind: kind.to_owned(), role: options.role, parameters, local: Map::new() };
    let work = Work { workspace, resource: &resource, context };
    work.kind()?.check(&work)?;
    let mut changes = Changes::new(root);
    workspace.metadata().put_resource(&mut changes, &resource)?;
    let ignored = match below {
        Some(below) if kind != git_subdirectory::KIND => {
            init::ignore(&mut changes, &format!("/{}/", below.display()))?;
            true
        }
        _ => false,
    };
    let message = format!("Add the resource {}", resource.name);
    workspace.change_with(context, &message, &changes, vec![init::IGNORE.to_owned()], None)?;
    Ok(Added { resource, ignored })
}

/// Brings what the other side of a new resource has.
fn prepare(
    context: &Context<'_>,
    kind: &str,
    name: &str,
    path: &Path,
    parameters: &mut Map<String, Value>,
) -> Result<(), Error> {
    match kind {
        git_reference::KIND => git_reference::prepare(context, name, path, parameters),
        http::KIND => http::prepare(context, name, path, parameters),
        rclone::KIND => rclone::prepare(context, name, path, parameters),
        _ => Ok(()),
    }
}

/// A whole path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut all = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(all.pop()),
            Component::CurDir => {}
            other => all.push(other),
        }
    }
    all
}

fn refuse_overlap(root: &Path, path: &Path, there: &[Resource]) -> Result<(), Error> {
    let own = [root.join(crate::find::DIRECTORY), root.join(".git"), root.join(".seedbed")];
    if root.starts_with(path) || own.iter().any(|own| path.starts_with(own)) {
        let problem = format!("{} has the metadata of the workspace in it, or is in it", path.display());
        return Err(Error::refused(problem, "name a directory below the root, or beside the workspace"));
    }
    for resource in there {
        let Some(other) = resource.directory(root) else { continue };
        if path.starts_with(&other) || other.starts_with(path) {
            return Err(Error::PathTaken { path: path.to_owned(), resource: resource.name.clone() });
        }
    }
    Ok(())
}

fn describe_repository(git: &Git, parameters: &mut Map<String, Value>) -> Result<(), Error> {
    if let Ok(url) = git.run(&["remote", "get-url", "origin"]) {
        parameters.entry("url").or_insert_with(|| json!(url));
    }
    let here = git.run(&["symbolic-ref", "--short", "-q", "HEAD"]);
    if let Some(branch) = here.ok().filter(|branch| !branch.is_empty()) {
        parameters.entry("branch").or_insert_with(|| json!(branch));
    }
    if git.head()?.is_some() {
        return Ok(());
    }
    let problem = format!("{} has no commit yet", git.directory().display());
    Err(Error::refused(problem, "make its first commit, then add it"))
}

/// A name from what a resource is.
fn suggested(path: Option<&Path>, parameters: &Map<String, Value>, role: Role) -> String {
    let of_path = path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let named = ["remote", "bucket", "url", "database"].iter().find_map(|key| parameters.get(*key)?.as_str());
    let of_parameter = named.and_then(|text| text.trim_end_matches('/').rsplit(['/', ':']).next()).map(str::to_owned);
    let name = of_path.or(of_parameter).unwrap_or_else(|| role.as_str().to_owned());
    let fits = |character: char| if character.is_alphanumeric() || "-_.".contains(character) { character } else { '-' };
    name.trim_start_matches(['.', '-', '_']).chars().map(fits).collect()
}
