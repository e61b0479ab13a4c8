//! `dws push`, `pull`, `publish` and `clone`

use std::path::{Path, PathBuf};

use workspace::{CloneOptions, Pushed, Resource, ShareOptions, Shared, Workspace};

use super::add::plain;
use super::arguments::{CloneArguments, PublishArguments, PushArguments};
use super::failure::Stop;
use super::snapshots::names;
use super::{Face, complain, say};

/// What is meant by the options, of which only one may be there.
fn share(face: &Face<'_>, workspace: &Workspace, arguments: &PushArguments) -> Result<ShareOptions, Stop> {
    let said = [arguments.only.is_some(), arguments.skip.is_some(), arguments.only_workspace];
    if said.into_iter().filter(|said| *said).count() > 1 {
        return Err(face.refuse("Please specify at most one of --only, --skip, or --only-workspace"));
    }
    let options = ShareOptions {
        only: names(arguments.only.as_deref()),
        skip: names(arguments.skip.as_deref()).unwrap_or_default(),
        only_workspace: arguments.only_workspace,
    };
    check(workspace, &options)?;
    Ok(options)
}

fn check(workspace: &Workspace, options: &ShareOptions) -> Result<(), Stop> {
    let known: Vec<String> = workspace.metadata().resources()?.into_iter().map(|resource| resource.name).collect();
    for (option, said) in [("--only", options.only.as_deref().unwrap_or_default()), ("--skip", &options.skip)] {
        let mut unknown: Vec<String> = said.iter().filter(|name| !known.contains(name)).cloned().collect();
        unknown.sort();
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            return Err(Stop::said(format!("Invalid resource names were included with {option}: {unknown}")));
        }
    }
    Ok(())
}

/// The resources that are meant and of which something is on this machine; says which are not.
fn with_files(workspace: &Workspace, options: &ShareOptions) -> Result<Vec<Resource>, Stop> {
    let chosen = options.chosen(&workspace.metadata().resources()?)?;
    let (here, elsewhere): (Vec<_>, Vec<_>) = chosen.into_iter().partition(has_files);
    if !elsewhere.is_empty() {
        let mut names: Vec<String> = elsewhere.into_iter().map(|resource| resource.name).collect();
        names.sort();
        say(format!("Skipping the following resources, which do not have local state: {}", names.join(", ")));
    }
    Ok(here)
}

/// Whether something of a resource is on this machine.
fn has_files(resource: &Resource) -> bool {
    resource.directory(Path::new("/")).is_some()
}

fn listed(resources: &[Resource]) -> String {
    resources.iter().map(|resource| resource.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Says what is about to be pushed.
fn announce(workspace: &Workspace, options: &ShareOptions) -> Result<(), Stop> {
    let resources = with_files(workspace, options)?;
    match (resources.is_empty(), options.only_workspace) {
        (false, _) => say(format!("Pushing workspace and resources: {}", listed(&resources))),
        (true, true) => say("Pushing workspace."),
        (true, false) => say("No resources to push, will still push workspace"),
    }
    Ok(())
}

fn tell(pushed: &Pushed) {
    for (name, what) in &pushed.resources {
        if *what == Shared::Nothing {
            continue;
        }
        say(format!("[push] pushing resource {name}"));
        if *what == Shared::ReadOnly {
            say(format!("Skipping push of resource {name}, as it is read-only"));
        }
    }
    if !pushed.resources.is_empty() {
        say("[push] all resources pushed successfully.");
    }
    let unsent: Vec<&str> =
        pushed.resources.iter().filter(|(_, what)| *what == Shared::Unsent).map(|(name, _)| name.as_str()).collect();
    if !unsent.is_empty() {
        complain(format!(
            "The contents of these resources stay on this machine: {}\nhelp: `dws config content.remote ADDRESS` says where they are shared",
            unsent.join(", ")
        ));
    }
    for note in pushed.incorporated.iter().flat_map(|one| &one.notes) {
        complain(note);
    }
}

pub fn push(face: &Face<'_>, arguments: &PushArguments) -> Result<(), Stop> {
    let workspace = face.workspace()?;
    let options = share(face, &workspace, arguments)?;
    announce(&workspace, &options)?;
    tell(&workspace::push(&face.context, &workspace, &options)?);
    Ok(())
}

pub fn publish(face: &Face<'_>, arguments: &PublishArguments) -> Result<(), Stop> {
    let workspace = face.workspace()?;
    let options =
        ShareOptions { skip: names(arguments.skip.as_deref()).unwrap_or_default(), ..ShareOptions::default() };
    check(&workspace, &options)?;
    say(format!("Set remote origin to {}", arguments.remote_repository));
    announce(&workspace, &options)?;
    tell(&workspace::publish(&face.context, &workspace, &arguments.remote_repository, &options)?);
    Ok(())
}

pub fn pull(face: &Face<'_>, arguments: &PushArguments) -> Result<(), Stop> {
    let workspace = face.workspace()?;
    let options = share(face, &workspace, arguments)?;
    say("Syncing workspace");
    let pulled = workspace::pull(&face.context, &workspace, &options)?;
    if !options.only_workspace {
        let here = with_files(&workspace, &options)?;
        let became = |resource: &Resource| pulled.resources.iter().find(|(name, _)| *name == resource.name);
        let is_new = |resource: &Resource| became(resource).is_some_and(|(_, what)| *what == Shared::Cloned);
        let (new, updated): (Vec<_>, Vec<_>) = here.into_iter().partition(is_new);
        if updated.is_empty() {
            say("No resources to update.");
        } else {
            say(format!("Updating resources: {}", listed(&updated)));
            for resource in &updated {
                say(format!("[pull] pulling resource {}", resource.name));
            }
            say("[pull] all resources pulled successfully.");
        }
        if !new.is_empty() {
            say(format!("Cloning new resources: {}", listed(&new)));
        }
    }
    for note in pulled.incorporated.iter().flat_map(|one| &one.notes) {
        complain(note);
    }
    Ok(())
}

pub fn clone(face: &Face<'_>, arguments: &CloneArguments) -> Result<(), Stop> {
    let host = face.hostname(arguments.hostname.as_deref())?;
    let directory = arguments.directory.as_ref().map(|directory| plain(&face.directory.join(directory)));
    if let Some(directory) = directory.as_ref().filter(|directory| directory.exists()) {
        return Err(Stop::said(format!("Clone target directory '{}' already exists", directory.display())));
    }
    let place = |resource: &Resource, usual: &Path| -> Option<PathBuf> {
        if face.is_batch {
            return None;
        }
        let question = format!(
            "Git resource '{}' is being added to your workspace. Where do you want to clone it?",
            resource.name
        );
        let usual = usual.to_string_lossy();
        let answer = face.ask.text("--workspace-dir", &question, Some(&usual)).ok()?;
        Some(face.directory.join(answer))
    };
    let begun = |name: &str, resources: &[Resource]| {
        say(format!("Completed initial clone of workspace {name}, will check for resources to clone..."));
        let here: Vec<Resource> = resources.iter().filter(|resource| has_files(resource)).cloned().collect();
        if here.is_empty() {
            say("No resources with local state to clone.");
        } else {
            say(format!("Will clone the following resources: {}", listed(&here)));
        }
    };
    let options = CloneOptions {
        url: &arguments.repository,
        directory: directory.as_deref(),
        into: &face.directory,
        host: Some(&host),
        share: ShareOptions::default(),
        begun: Some(&begun),
        place: Some(&place),
    };
    let cloned = workspace::clone(&face.context, &options)?;
    let unsent: Vec<&str> =
        cloned.resources.iter().filter(|(_, what)| *what == Shared::Unsent).map(|(name, _)| name.as_str()).collect();
    if !unsent.is_empty() {
        complain(format!("The contents of these resources are not shared: {}", unsent.join(", ")));
    }
    say(format!("Successfully completed clone of workspace {}.", cloned.name));
    Ok(())
}
