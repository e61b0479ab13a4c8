//! What tasks make, kept in the store: whoever has the same inputs, in another place or on another machine, has it from there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use plan::{Action, Key, Plan, StateSource};
use store::{Content, State, Store};
use supervisor::UnitId;
use tree::{RestoreOptions, Rules};

use crate::library::{Purpose, existing_store};
use crate::private::platform;
use crate::resources::FILES;
use crate::session::Session;
use crate::tasks::TaskRecord;
use crate::{Error, Progress, inputs, states, tasks, with_causes};

/// The step of a kept state that is what a task has made.
pub(crate) const OUTPUTS: &str = "outputs";

/// Where what a task makes can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptOutputs {
    key: Key,
    source: StateSource,
}

impl KeptOutputs {
    /// The place, in words.
    pub(crate) fn place(&self) -> String {
        match &self.source {
            StateSource::Remote(name) => format!("the remote {name}"),
            StateSource::Engine | StateSource::Store => "the store".to_owned(),
        }
    }
}

impl Session<'_> {
    /// By task: the keys of what is kept, of those that say `keep`.
    pub(crate) fn output_keys(&self) -> BTreeMap<UnitId, Key> {
        let mut keys = plan::output_keys(&self.model, &self.inputs, &platform());
        keys.retain(|id, _| self.declared_task(id).is_some_and(|task| task.keep));
        keys
    }

    fn declared_task(&self, id: &UnitId) -> Option<&manifest::Task> {
        let (workspace, name) = id.as_str().split_once('/')?;
        self.tree.workspace(self.tree.find(workspace)?).manifest.tasks.get(name)
    }

    /// Finds out which of these tasks need not run, since what they make is kept.
    pub(crate) fn kept_outputs(&self, wanted: &BTreeSet<UnitId>) -> Result<BTreeMap<UnitId, KeptOutputs>, Error> {
        let mut keys = self.output_keys();
        keys.retain(|id, _| wanted.contains(id));
        let mut found = BTreeMap::new();
        if keys.is_empty() {
            return Ok(found);
        }
        let look = |store: &Store, source: &StateSource, found: &mut BTreeMap<UnitId, KeptOutputs>| {
            let known: BTreeSet<String> = store.references("states/")?.into_iter().collect();
            for (id, key) in keys.iter().filter(|(_, key)| known.contains(&format!("states/{key}"))) {
                let kept = || KeptOutputs { key: key.clone(), source: source.clone() };
                found.entry(id.clone()).or_insert_with(kept);
            }
            Ok::<_, Error>(())
        };
        if let Some(store) = existing_store(self.context, &self.target.root)? {
            look(&store, &StateSource::Store, &mut found)?;
        }
        for remote in self.pulled_remotes() {
            if keys.keys().all(|id| found.contains_key(id)) {
                break;
            }
            let looked = self
                .remote(remote, Purpose::Read)
                .and_then(|store| look(&store, &StateSource::Remote(remote.name.clone()), &mut found));
            match looked {
                Ok(()) | Err(Error::Store(store::StoreError::NoStore { .. })) => {}
                // What is there can be made here.
                Err(error) => {
                    let text = format!("remote {} is left out: {}", remote.name, with_causes(&error));
                    self.context.monitor.on(Progress::Note(text));
                }
            }
        }
        Ok(found)
    }

    /// Gets what tasks of a plan would make from where it is kept, as far as it is. Says whether something was got: then it is to be
    /// planned again. Whoever does this has the turns of these tasks.
    pub(crate) fn bring_outputs(&mut self, plan: &Plan) -> Result<bool, Error> {
        let is_task = |action: &Action| matches!(action, Action::RunTask { .. });
        let is_due = |reason: &str| reason != plan::ASKED_FOR;
        let steps = plan.steps.iter().filter(|step| is_task(&step.action) && is_due(&step.reason));
        let wanted = steps.map(|step| step.id.clone()).filter(|id| !self.without_kept.contains(id)).collect();
        let mut has_brought = false;
        for (id, kept) in self.kept_outputs(&wanted)? {
            match self.bring_output(&id, &kept) {
                Ok(()) => {
                    let text =
                        format!("{id} need not run: what it makes of these inputs is taken from {}", kept.place());
                    self.context.monitor.on(Progress::Note(text));
                    has_brought = true;
                }
                Err(error @ Error::Interrupted) => return Err(error),
                Err(error) => {
                    let place = kept.place();
                    let text = format!("{id} runs: what {place} has of it cannot be used: {}", with_causes(&error));
                    self.context.monitor.on(Progress::Note(text));
                }
            }
            // Once and no more: what is wanted may be otherwise than what was got.
            self.without_kept.insert(id);
        }
        if has_brought {
            self.look_at_tasks()?;
        }
        Ok(has_brought)
    }

    fn bring_output(&self, id: &UnitId, kept: &KeptOutputs) -> Result<(), Error> {
        if let StateSource::Remote(name) = &kept.source {
            states::bring(self, name, std::slice::from_ref(&kept.key))?;
        }
        let store = self.store()?;
        let state = store.state(kept.key.as_str())?.filter(|state| state.step == OUTPUTS);
        let state = state.ok_or_else(|| Error::OutputsGone { task: id.to_string(), key: kept.key.to_string() })?;
        let (workspace, name) = self.task(id);
        let scratch = Staging::new(&workspace, &format!("{name}.incoming"))?;
        let options = RestoreOptions { sync: false, ..RestoreOptions::default() };
        let progress = |progress: tree::Progress| {
            let (entries, bytes) = (progress.entries, progress.bytes);
            self.context.monitor.on(Progress::Files { resource: id.as_str(), entries, bytes });
            self.context.interrupt.flow()
        };
        let restored =
            tree::restore(&state.content.root, &scratch.files(), &scratch.cache(), store, &options, &progress);
        restored.map_err(Error::tree)?;
        let declared = self.declared_task(id).expect("it was declared when it was looked for");
        let patterns: Vec<&str> = declared.outputs.iter().map(|file| file.path.as_str()).collect();
        tasks::forget(&self.task_records(id), &name)?;
        let files = scratch.listed()?;
        // Others have made the list.
        let stranger = files
            .iter()
            .find(|file| !patterns.iter().any(|pattern| inputs::covers(&workspace, pattern, &workspace.join(file))));
        if let Some(file) = stranger {
            return Err(Error::ForeignOutput { task: id.to_string(), file: file.clone() });
        }
        for file in &files {
            put(&scratch.files().join(file), &workspace, file)?;
        }
        let key = plan::task_keys(&self.model, &self.inputs).remove(id).expect("it is a task of the model");
        let outputs = tasks::outputs(&workspace, patterns)?;
        let record = TaskRecord { key: key.to_string(), made_of: self.task_made_of(id), outputs };
        tasks::succeeded(&self.task_records(id), &name, record)
    }

    /// Whether a plan runs a task of which what it makes is kept.
    pub(crate) fn makes_outputs_to_keep(&self, plan: &Plan) -> bool {
        let is_kept = |id: &UnitId| self.declared_task(id).is_some_and(|task| task.keep);
        plan.steps.iter().any(|step| matches!(step.action, Action::RunTask { .. }) && is_kept(&step.id))
    }

    /// Puts into the store what tasks have made that say `keep`, as far as it is not there. Says which that was.
    pub(crate) fn keep_outputs(&self) -> Result<Vec<(String, String, String)>, Error> {
        let mut stored = Vec::new();
        let current = plan::task_keys(&self.model, &self.inputs);
        for (id, key) in self.output_keys() {
            let (workspace, name) = self.task(&id);
            let record = tasks::last(&self.task_records(&id), &name)?;
            let is_whole =
                |record: &TaskRecord| record.key == current[&id].as_str() && record.first_changed(&workspace).is_none();
            let Some(record) = record.filter(is_whole) else { continue };
            let store = self.store()?;
            if self.context.interrupt.is_raised() || store.state(key.as_str())?.is_some() {
                continue;
            }
            let scratch = Staging::new(&workspace, &format!("{name}.outgoing"))?;
            for file in record.outputs.keys() {
                let to = scratch.files().join(file);
                let parent = to.parent().expect("it lies below the directory");
                fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
                fs::hard_link(workspace.join(file), &to).map_err(Error::io("link", &to))?;
            }
            let writer = store.writer()?;
            let watch = |_| self.context.interrupt.flow();
            let saved = tree::save(&scratch.files(), &Rules::default(), &scratch.cache(), &writer, &watch);
            let saved = saved.map_err(Error::tree)?;
            // Who writes without a turn may have changed what was being read.
            if !is_whole(&record) {
                continue;
            }
            let content = Content {
                name: id.to_string(),
                kind: FILES.to_owned(),
                form: FILES.to_owned(),
                fingerprint: saved.content,
                root: saved.root,
                bytes: saved.bytes,
                notes: BTreeMap::new(),
            };
            let state = State { key: key.to_string(), step: OUTPUTS.to_owned(), content, made: self.now() };
            store.put_state(writer, &state)?;
            stored.push((id.to_string(), OUTPUTS.to_owned(), key.to_string()));
        }
        Ok(stored)
    }
}

/// Puts a file in its place in a workspace, and leads through no link on the way.
fn put(from: &Path, workspace: &Path, file: &str) -> Result<(), Error> {
    let mut to = workspace.to_owned();
    let mut components = Path::new(file).components().peekable();
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else { return Err(Error::io("write", &to)(leads_out())) };
        to.push(name);
        if components.peek().is_none() {
            break;
        }
        match fs::symlink_metadata(&to) {
            Ok(stat) if stat.is_dir() => {}
            Ok(_) => return Err(Error::io("enter", &to)(leads_out())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(&to).map_err(Error::io("create", &to))?;
            }
            Err(error) => return Err(Error::io("inspect", &to)(error)),
        }
    }
    fs::rename(from, &to).map_err(Error::io("write", &to))
}

fn leads_out() -> io::Error {
    io::Error::new(io::ErrorKind::NotADirectory, "it is no directory of the workspace")
}

/// A directory in which files stand together that come from the store or go there; gone when it is dropped.
struct Staging(PathBuf);

impl Staging {
    fn new(workspace: &Path, name: &str) -> Result<Self, Error> {
        // What a killed command has left is of no use to anybody.
        let path = tasks::create(workspace)?.join(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", &path)(error)),
            _ => {}
        }
        let staging = Self(path);
        fs::create_dir_all(staging.files()).map_err(Error::io("create", &staging.0))?;
        Ok(staging)
    }

    fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    fn cache(&self) -> PathBuf {
        self.0.join("stat")
    }

    /// The files and links in it, by their paths.
    fn listed(&self) -> Result<Vec<String>, Error> {
        let root = self.files();
        let (mut files, mut open) = (Vec::new(), vec![root.clone()]);
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).map_err(Error::io("list", &directory))? {
                let entry = entry.map_err(Error::io("list", &directory))?;
                let path = entry.path();
                if entry.file_type().map_err(Error::io("inspect", &path))?.is_dir() {
                    open.push(path);
                } else {
                    let below = path.strip_prefix(&root).expect("it was found there");
                    files.push(below.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        Ok(files)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The next one of the same name removes it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_leads_through_no_link() {
        let directory = tempfile::tempdir().unwrap();
        let (workspace, outside) = (directory.path().join("workspace"), directory.path().join("outside"));
        for directory in [&workspace, &outside] {
            fs::create_dir(directory).unwrap();
        }
        std::os::unix::fs::symlink(&outside, workspace.join("out")).unwrap();
        let from = directory.path().join("file");
        fs::write(&from, "text").unwrap();
        for file in ["out/file", "../outside/file", "/file"] {
            assert!(put(&from, &workspace, file).is_err(), "{file}");
        }
        assert!(fs::read_dir(&outside).unwrap().next().is_none());
        put(&from, &workspace, "made/here/file").unwrap();
        assert_eq!(fs::read_to_string(workspace.join("made/here/file")).unwrap(), "text");
    }
}
