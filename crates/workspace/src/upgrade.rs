//! From the classic form of the metadata to the separate one.

use serde_json::Value;

use crate::metadata::Form;
use crate::{Changes, Context, Error, Workspace, classic, moment, separate};

/// What was carried over.
#[derive(Debug, Clone)]
pub struct Upgraded {
    /// Resources.
    pub resources: usize,
    /// Snapshots.
    pub snapshots: usize,
}

/// Writes the metadata in the separate form, in one commit. Snapshots keep their hashes and their tags.
pub fn upgrade(context: &Context<'_>, workspace: &Workspace) -> Result<Upgraded, Error> {
    let _lock = workspace.begin(context)?;
    let metadata = workspace.metadata();
    if metadata.form() == Form::Separate {
        return Err(Error::refused("the metadata has the separate form already", "nothing is to be done"));
    }
    let author = context.author();
    let mut changes = Changes::new(workspace.root());
    let takings = metadata.takings(None)?;
    separate::create(&mut changes, &metadata.name()?, &author);
    for (name, value) in metadata.parameters()? {
        separate::set_parameter(&mut changes, &name, Some(&value), &author);
    }
    let resources = metadata.resources()?;
    for resource in &resources {
        separate::put_resource(&mut changes, resource);
    }
    let local: serde_json::Map<_, _> =
        resources.iter().map(|resource| (resource.name.clone(), Value::Object(resource.local.clone()))).collect();
    changes.write_json(".dataworkspace/resource_local_params.json", &Value::Object(local));
    let mut foreign = Vec::new();
    for taking in takings.iter().rev() {
        let manifest = metadata.manifest(&taking.snapshot)?;
        if manifest.hash() != taking.snapshot {
            foreign.push(taking.snapshot.clone());
        }
        let mut taking = taking.clone();
        taking.time = in_utc(context, &taking.time);
        separate::put_snapshot(&mut changes, &manifest, &taking);
    }
    separate::put_foreign(&mut changes, &foreign)?;
    for file in classic::all_files(workspace.root())? {
        changes.remove(&file);
    }
    workspace.change_with(context, "Upgrade the metadata to separate files", &changes, Vec::new(), None)?;
    Ok(Upgraded { resources: resources.len(), snapshots: takings.len() })
}

/// A moment of the clock of this machine, in UTC; what cannot be read stays as it is.
fn in_utc(context: &Context<'_>, time: &str) -> String {
    let format = time::format_description::well_known::Iso8601::DEFAULT;
    let Ok(local) = time::PrimitiveDateTime::parse(time, &format) else { return time.to_owned() };
    let shown = local.assume_utc();
    let ahead = (context.ahead_of_utc)(shown.into());
    moment::utc((shown - time::Duration::seconds(ahead)).into())
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: String,
    /// What.
    pub what: String,
}

/// Looks whether the metadata is whole and leads to contents that are there; `data`: also whether every byte of them can be read.
pub fn verify(context: &Context<'_>, workspace: &Workspace, data: bool) -> Result<Vec<Finding>, Error> {
    let metadata = workspace.metadata();
    let mut findings = Findings { all: Vec::new() };
    let hashes = metadata.snapshots()?;
    let foreign = if metadata.form() == Form::Separate { separate::foreign(workspace.root())? } else { Vec::new() };
    for hash in &hashes {
        if context.world.is_interrupted() {
            return Err(Error::Interrupted);
        }
        match metadata.manifest(hash) {
            Ok(manifest) => {
                let is_ours = metadata.form() == Form::Separate && !foreign.contains(hash);
                if is_ours && manifest.hash() != *hash {
                    findings.add(format!("snapshot {hash}"), "what it says is not what was taken: the hash is another");
                }
                contents(context, workspace, hash, &manifest, data, &mut findings)?;
            }
            Err(error) => findings.add(format!("snapshot {hash}"), crate::status::with_causes(&error)),
        }
    }
    let leads = [("tag", metadata.tags()?), ("branch", metadata.branches()?)];
    for (what, all) in leads {
        for (name, hash) in all {
            if !hashes.contains(&hash) {
                findings.add(format!("{what} {name}"), format!("there is no snapshot {hash}"));
            }
        }
    }
    for taking in metadata.takings(None)? {
        if !hashes.contains(&taking.snapshot) {
            findings.add(format!("the taking of {}", taking.time), format!("there is no snapshot {}", taking.snapshot));
        }
    }
    Ok(findings.all)
}

struct Findings {
    all: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, place: String, what: impl Into<String>) {
        let finding = Finding { place, what: what.into() };
        if !self.all.contains(&finding) {
            self.all.push(finding);
        }
    }
}

fn contents(
    context: &Context<'_>,
    workspace: &Workspace,
    hash: &str,
    manifest: &crate::Manifest,
    data: bool,
    findings: &mut Findings,
) -> Result<(), Error> {
    let store = workspace.store(context)?;
    for entry in &manifest.entries {
        let state = crate::status::state_of(workspace.metadata(), entry, None)?;
        let place = || format!("{} in snapshot {hash}", entry.name);
        if entry.kind == crate::git_subdirectory::KIND {
            let git = workspace.git()?;
            let tree = state.hash.as_deref().unwrap_or_default();
            if !git.has(tree)? || !git.is_whole(tree)? {
                findings.add(place(), "git has not all of it");
            }
            continue;
        }
        let Some(root) = &state.content else { continue };
        if !store.contains(root)? {
            findings.add(place(), "its content is not on this machine");
        } else if let Err(error) = read(store, root, data) {
            findings.add(place(), crate::status::with_causes(&error));
        }
    }
    Ok(())
}

/// Reads the nodes of a tree, and every file if that is wanted.
fn read(store: &store::Store, root: &store::ObjectId, data: bool) -> Result<(), tree::TreeError> {
    let mut files = Vec::new();
    tree::list(root, store, &mut |listed| {
        if matches!(listed.entry.body, tree::Body::File(_)) {
            files.push(listed.path);
        }
        Ok(())
    })?;
    if data {
        for path in files {
            tree::read_file(root, &path, store, &mut std::io::sink())?;
        }
    }
    Ok(())
}
