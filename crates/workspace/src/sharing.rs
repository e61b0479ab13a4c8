//! A workspace is shared: `push`, `pull` and `publish`. Git carries the metadata, a store the contents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::incorporate::{Incorporated, incorporate};
use crate::kind::Work;
use crate::shared_contents::{self, SentContents};
use crate::status::state_of;
use crate::{Context, Error, Git, Resource, Workspace, git_repository, git_subdirectory};

/// Where others are.
pub(crate) const ORIGIN: &str = "origin";
/// So often others may be faster before it is given up.
const ATTEMPTS: usize = 50;

/// What of a workspace is shared.
#[derive(Debug, Clone, Default)]
pub struct ShareOptions {
    /// Only these resources.
    pub only: Option<Vec<String>>,
    /// All resources but these.
    pub skip: Vec<String>,
    /// Only the metadata, and no resource.
    pub only_workspace: bool,
}

/// What became of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shared {
    /// Git carries it, with the metadata.
    WithWorkspace,
    /// Its own repository was pushed or pulled.
    Repository,
    /// It was not here, and was brought.
    Cloned,
    /// Its repository is only read.
    ReadOnly,
    /// It has a repository that came from nowhere.
    NoOrigin,
    /// Its contents are where contents are shared.
    Contents,
    /// It has contents, and no place is named where they are shared.
    Unsent,
    /// There is nothing of it that could be shared.
    Nothing,
}

/// What was pushed.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// Where to.
    pub origin: String,
    /// The commit that is there now.
    pub commit: String,
    /// What became of each resource.
    pub resources: Vec<(String, Shared)>,
    /// What was sent of contents; `None` when no place is named.
    pub contents: Option<SentContents>,
    /// What others had pushed meanwhile, and is here now.
    pub incorporated: Vec<Incorporated>,
}

/// What was pulled.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// Where from.
    pub origin: String,
    /// What others had pushed; `None` when there was nothing new.
    pub incorporated: Option<Incorporated>,
    /// What became of each resource.
    pub resources: Vec<(String, Shared)>,
    /// Snapshots that are new here.
    pub snapshots: Vec<String>,
}

impl ShareOptions {
    /// The resources that are meant, in their order.
    pub fn chosen(&self, resources: &[Resource]) -> Result<Vec<Resource>, Error> {
        let known: Vec<String> = resources.iter().map(|resource| resource.name.clone()).collect();
        if let Some(wanted) = self.only.iter().flatten().chain(&self.skip).find(|name| !known.contains(name)) {
            return Err(Error::NoResource { wanted: wanted.clone(), known });
        }
        let is_meant = |resource: &&Resource| {
            let only = self.only.as_ref().is_none_or(|only| only.contains(&resource.name));
            !self.only_workspace && only && !self.skip.contains(&resource.name)
        };
        Ok(resources.iter().filter(is_meant).cloned().collect())
    }
}

/// Sends what is here to where the workspace is shared. What others have pushed meanwhile is taken in first.
pub fn push(context: &Context<'_>, workspace: &Workspace, options: &ShareOptions) -> Result<Pushed, Error> {
    let _lock = workspace.begin(context)?;
    let chosen = options.chosen(&workspace.metadata().resources()?)?;
    let (origin, branch) = (origin(workspace.git()?)?, branch(workspace)?);
    // What can fail of the others comes before anything is sent.
    let mut repositories = Vec::new();
    for resource in chosen.iter().filter(|resource| resource.kind == git_repository::KIND) {
        repositories.extend(outgoing(workspace, context, resource)?);
    }
    let names: BTreeSet<String> = chosen.iter().map(|resource| resource.name.clone()).collect();
    let present = if options.only_workspace {
        BTreeMap::default()
    } else {
        shared_contents::present(workspace, context, &names)?
    };
    // Contents first: who sees a snapshot can have what it holds.
    let contents = if present.is_empty() {
        None
    } else {
        let there = shared_contents::open_or_create(workspace, context)?;
        there.map(|there| shared_contents::send(workspace, context, &there, &present)).transpose()?
    };
    for (git, branch) in &repositories {
        git.run(&["push", "-q", ORIGIN, &format!("HEAD:refs/heads/{branch}")])?;
    }
    let resources = chosen.iter().map(|resource| {
        let what = match resource.kind.as_str() {
            git_subdirectory::KIND => Shared::WithWorkspace,
            git_repository::KIND if resource.flag("read_only") == Some(true) => Shared::ReadOnly,
            git_repository::KIND => match repository(workspace, resource)? {
                Some(git) if git.run(&["remote", "get-url", ORIGIN]).is_ok() => Shared::Repository,
                _ => Shared::NoOrigin,
            },
            _ if !present.contains_key(&resource.name) => Shared::Nothing,
            _ if contents.is_none() => Shared::Unsent,
            _ => Shared::Contents,
        };
        Ok((resource.name.clone(), what))
    });
    let resources = resources.collect::<Result<_, Error>>()?;
    let mut incorporated = Vec::new();
    let commit = send_workspace(workspace, &branch, &mut incorporated)?;
    Ok(Pushed { origin, commit, resources, contents, incorporated })
}

/// Pushes the workspace's own repository; when others were faster, takes in what they have pushed and tries again.
fn send_workspace(workspace: &Workspace, branch: &str, incorporated: &mut Vec<Incorporated>) -> Result<String, Error> {
    let git = workspace.git()?;
    for _ in 0..ATTEMPTS {
        let Err(refused) = git.run(&["push", "-q", ORIGIN, &format!("HEAD:refs/heads/{branch}")]) else {
            return Ok(git.head()?.unwrap_or_default());
        };
        let Some(theirs) = git.fetch(ORIGIN, branch)? else { return Err(refused) };
        match incorporate(workspace, &theirs)? {
            Some(one) => incorporated.push(one),
            // Others were not faster: it was refused for another reason. Or they have just let go of what they held.
            None if !is_race(&refused) => return Err(refused),
            None => {}
        }
    }
    Err(Error::refused("others push all the time, and were faster again and again", "try again"))
}

/// Whether git was refused because somebody else pushed in the same moment.
fn is_race(error: &Error) -> bool {
    let Error::Git { said, .. } = error else { return false };
    ["cannot lock ref", "failed to update ref", "fetch first", "non-fast-forward", "reference already exists"]
        .iter()
        .any(|word| said.contains(word))
}

/// Gets what others have pushed.
pub fn pull(context: &Context<'_>, workspace: &Workspace, options: &ShareOptions) -> Result<Pulled, Error> {
    let _lock = workspace.begin(context)?;
    // Only what is asked for can be wrong now; resources that others have added are not here yet.
    options.chosen(&workspace.metadata().resources()?).or_else(|error| match error {
        Error::NoResource { .. } if workspace.git()?.run(&["remote", "get-url", ORIGIN]).is_ok() => Ok(Vec::new()),
        error => Err(error),
    })?;
    let git = workspace.git()?;
    let (origin, branch) = (origin(git)?, branch(workspace)?);
    let before: BTreeSet<String> = workspace.metadata().snapshots()?.into_iter().collect();
    let incorporated = match git.fetch(ORIGIN, &branch)? {
        Some(theirs) => incorporate(workspace, &theirs)?,
        None => None,
    };
    let snapshots = workspace.metadata().snapshots()?.into_iter().filter(|hash| !before.contains(hash)).collect();
    let chosen = options.chosen(&workspace.metadata().resources()?)?;
    let mut resources = Vec::new();
    for resource in &chosen {
        resources.push((resource.name.clone(), receive(context, workspace, resource)?));
    }
    Ok(Pulled { origin, incorporated, resources, snapshots })
}

/// Gets what belongs to one resource.
pub(crate) fn receive(context: &Context<'_>, workspace: &Workspace, resource: &Resource) -> Result<Shared, Error> {
    match resource.kind.as_str() {
        git_subdirectory::KIND => Ok(Shared::WithWorkspace),
        git_repository::KIND => receive_repository(context, workspace, resource),
        _ => receive_contents(context, workspace, resource),
    }
}

fn receive_repository(context: &Context<'_>, workspace: &Workspace, resource: &Resource) -> Result<Shared, Error> {
    let Some(git) = repository(workspace, resource)? else {
        return clone_repository(context, workspace, resource);
    };
    if git.run(&["remote", "get-url", ORIGIN]).is_err() {
        return Ok(Shared::NoOrigin);
    }
    let git = git.with_identity(&context.user, &context.host);
    let branch = match resource.text("branch") {
        Some(branch) => branch.to_owned(),
        None => git.branch()?,
    };
    let (Some(theirs), Some(ours)) = (git.fetch(ORIGIN, &branch)?, git.head()?) else { return Ok(Shared::Repository) };
    match git.merge_base(&ours, &theirs)? {
        Some(base) if base == theirs => {}
        Some(base) if base == ours => git.move_to(&ours, &theirs, "seedbed pull")?,
        _ => {
            if let Err(error) = git.run(&["merge", "-q", "--no-edit", &theirs]) {
                git.run(&["merge", "--abort"])?;
                let said = crate::status::with_causes(&error);
                let help = format!(
                    "its files are as they were; `git -C {} pull` lets you merge them",
                    git.directory().display()
                );
                return Err(Error::resource(&resource.name, format!("it cannot be merged by itself: {said}"), help));
            }
        }
    }
    Ok(Shared::Repository)
}

/// Brings a repository that is not here.
pub(crate) fn clone_repository(
    context: &Context<'_>,
    workspace: &Workspace,
    resource: &Resource,
) -> Result<Shared, Error> {
    let work = Work { workspace, resource, context };
    let directory = work.files()?;
    let Some(url) = resource.text("url") else { return Ok(Shared::NoOrigin) };
    let git = workspace.git()?;
    context.world.note(&format!("{} is cloned from {url}", resource.name));
    let mut words = vec!["clone", "-q"];
    if let Some(branch) = resource.text("branch") {
        words.extend(["--branch", branch]);
    }
    let target = directory.to_string_lossy().into_owned();
    words.extend(["--", url, &target]);
    git.run(&words)?;
    Ok(Shared::Cloned)
}

/// Brings the content that the newest snapshot has of a resource, so that it can be restored without the network.
fn receive_contents(context: &Context<'_>, workspace: &Workspace, resource: &Resource) -> Result<Shared, Error> {
    let metadata = workspace.metadata();
    let Some(newest) = metadata.takings(Some(1))?.into_iter().next() else { return Ok(Shared::Nothing) };
    let manifest = metadata.manifest(&newest.snapshot)?;
    let Some(entry) = manifest.entry(&resource.name) else { return Ok(Shared::Nothing) };
    let state = state_of(metadata, entry, Some(&newest))?;
    let Some(root) = &state.content else { return Ok(Shared::Nothing) };
    if workspace.store(context)?.contains(root)? {
        return Ok(Shared::Contents);
    }
    if crate::contents::address(workspace)?.is_none() {
        return Ok(Shared::Unsent);
    }
    let work = Work { workspace, resource, context };
    match crate::contents::bring(&work, &state) {
        Ok(_) => Ok(Shared::Contents),
        // It was snapshotted by somebody who has not sent it: everything else is here all the same.
        Err(Error::Store(store::StoreError::NoObject { .. } | store::StoreError::NoStore { .. })) => Ok(Shared::Unsent),
        Err(error) => Err(error),
    }
}

/// Says where the workspace is shared, and pushes it. Can be said again, also of another place.
pub fn publish(
    context: &Context<'_>,
    workspace: &Workspace,
    url: &str,
    options: &ShareOptions,
) -> Result<Pushed, Error> {
    {
        let _lock = workspace.begin(context)?;
        let git = workspace.git()?;
        match git.run(&["remote", "get-url", ORIGIN]) {
            Err(_) => drop(git.run(&["remote", "add", ORIGIN, url])?),
            Ok(before) if before == url => {}
            Ok(before) => {
                git.run(&["remote", "set-url", ORIGIN, url])?;
                context.world.note(&format!("it was shared at {before} until now"));
            }
        }
    }
    push(context, workspace, options)
}

/// Where others are.
fn origin(git: &Git) -> Result<String, Error> {
    git.run(&["remote", "get-url", ORIGIN]).map_err(|_| {
        let problem = format!("{} is not shared: its repository has no remote '{ORIGIN}'", git.directory().display());
        Error::refused(problem, "`seedbed publish ADDRESS` shares it")
    })
}

/// The branch of the workspace.
fn branch(workspace: &Workspace) -> Result<String, Error> {
    let said = workspace.metadata().parameter("dws_git_branch")?;
    match said.as_ref().and_then(Value::as_str) {
        Some(branch) => Ok(branch.to_owned()),
        None => workspace.git()?.branch(),
    }
}

/// The repository of a resource, if it is here.
fn repository(workspace: &Workspace, resource: &Resource) -> Result<Option<Git>, Error> {
    let Some(directory) = resource.directory(workspace.root()).filter(|directory| directory.is_dir()) else {
        return Ok(None);
    };
    Ok(Git::find(&directory)?.filter(|git| git.prefix.is_empty()))
}

/// A repository that is to be pushed, and its branch; an error when others have pushed what is not here.
fn outgoing(workspace: &Workspace, context: &Context<'_>, resource: &Resource) -> Result<Option<(Git, String)>, Error> {
    let Some(git) = repository(workspace, resource)? else { return Ok(None) };
    if resource.flag("read_only") == Some(true) || git.run(&["remote", "get-url", ORIGIN]).is_err() {
        return Ok(None);
    }
    let git = git.with_identity(&context.user, &context.host);
    let branch = match resource.text("branch") {
        Some(branch) => branch.to_owned(),
        None => git.branch()?,
    };
    let head = git.run(&["ls-remote", ORIGIN, &format!("refs/heads/{branch}")])?;
    let theirs = head.split_whitespace().next();
    if let Some(theirs) = theirs
        && !git.has(theirs)?
    {
        let problem = "others have pushed what is not here";
        return Err(Error::resource(
            &resource.name,
            problem,
            format!("nothing was sent; `seedbed pull --only {}`", resource.name),
        ));
    }
    Ok(Some((git, branch)))
}
