//! What is remembered of tasks, beside the files that they make: all environments of a workspace share those. Of a task that names
//! what is of one environment, that environment remembers it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use manifest::Workspace;
use plan::TaskModel;
use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::{Error, durable, inputs, place};

/// The version of the files.
const FORMAT: u32 = 2;

/// What is known of a task that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Its key.
    pub key: String,
    /// What the key is made of.
    pub made_of: TaskMadeOf,
    /// The files that it has made, as they were then, by their paths from the workspace.
    pub outputs: BTreeMap<String, OutputRecord>,
}

/// What the key of a task is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMadeOf {
    /// Digest of its words.
    pub words: String,
    /// Digests of its inputs, by their paths from the workspace.
    pub inputs: BTreeMap<String, String>,
    /// The keys of the tasks that it comes after.
    pub tasks: BTreeMap<String, String>,
}

/// A file that a task has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last written: seconds since 1970, and nanoseconds.
    pub modified: (i64, i64),
}

#[derive(Serialize, Deserialize)]
struct File {
    seedbed_task: u32,
    #[serde(flatten)]
    record: TaskRecord,
}

/// What is known of a task since it last succeeded.
pub fn last(records: &Path, task: &str) -> Result<Option<TaskRecord>, Error> {
    let file: Option<File> = match durable::read_json(&path(records, task)) {
        // What cannot be read says nothing; the task runs again and writes it anew.
        Err(Error::Record { .. }) => None,
        file => file?,
    };
    Ok(file.filter(|file| file.seedbed_task == FORMAT).map(|file| file.record))
}

/// Remembers that a task succeeded.
pub fn succeeded(records: &Path, task: &str, record: TaskRecord) -> Result<(), Error> {
    fs::create_dir_all(records).map_err(Error::io("create", records))?;
    durable::write_json(&path(records, task), &File { seedbed_task: FORMAT, record })
}

/// Forgets a task: it is about to run, and what it makes is no longer what its last key says.
pub fn forget(records: &Path, task: &str) -> Result<(), Error> {
    durable::remove(&path(records, task))
}

/// The files that a task has made, as they are now.
pub fn outputs<'a>(
    workspace: &Path,
    patterns: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, OutputRecord>, Error> {
    let mut outputs = BTreeMap::new();
    for (name, path) in inputs::made(workspace, patterns)? {
        // What has vanished meanwhile was not meant to stay.
        outputs.extend(output(&path).map(|output| (name, output)));
    }
    Ok(outputs)
}

fn output(path: &Path) -> Option<OutputRecord> {
    let stat = fs::symlink_metadata(path).ok()?;
    Some(OutputRecord { bytes: stat.len(), modified: (stat.mtime(), stat.mtime_nsec()) })
}

impl TaskRecord {
    /// The first file that it made and that is not as it was, and whether it is gone. What has come beside them is no matter of
    /// the task.
    pub fn first_changed(&self, workspace: &Path) -> Option<(String, bool)> {
        self.outputs.iter().find_map(|(name, before)| {
            let now = output(&workspace.join(name));
            (now.as_ref() != Some(before)).then(|| (name.clone(), now.is_none()))
        })
    }
}

/// Makes the directory of what is remembered of the tasks of a workspace, and of whose turn it is; says where it is.
pub fn create(workspace: &Path) -> Result<PathBuf, Error> {
    let directory = workspace.join(place::DIRECTORY).join(TASKS);
    fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
    let ignore = workspace.join(place::DIRECTORY).join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(Error::io("write", &ignore))?;
    }
    Ok(directory)
}

/// Where it is remembered of a task that it succeeded.
pub fn records(environment: &Place, workspace: &Workspace, task: &TaskModel) -> PathBuf {
    if task.names_environment() {
        return environment.directory().join(TASKS).join(workspace.manifest.name.as_str());
    }
    // No environment can be called `tasks`.
    workspace.directory.join(place::DIRECTORY).join(TASKS)
}

fn path(records: &Path, task: &str) -> PathBuf {
    records.join(format!("{task}.json"))
}

/// The directory beside the environments' own.
pub const TASKS: &str = "tasks";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_missed_when_it_is_gone_or_was_written() {
        let workspace = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = workspace.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        // Whoever makes things mostly hides them from git.
        write(".gitignore", "out/\n");
        write("out/a/one", "1");
        write("out/two", "2");
        std::os::unix::fs::symlink("/etc/hostname", workspace.path().join("out/link")).unwrap();
        let outputs = outputs(workspace.path(), ["out/**"]).unwrap();
        assert_eq!(outputs.keys().collect::<Vec<_>>(), ["out/a/one", "out/link", "out/two"]);
        let record = TaskRecord { outputs, ..TaskRecord::default() };
        assert_eq!(record.first_changed(workspace.path()), None);
        write("out/three", "beside");
        assert_eq!(record.first_changed(workspace.path()), None);
        write("out/two", "by hand");
        assert_eq!(record.first_changed(workspace.path()), Some(("out/two".to_owned(), false)));
        fs::remove_dir_all(workspace.path().join("out/a")).unwrap();
        assert_eq!(record.first_changed(workspace.path()), Some(("out/a/one".to_owned(), true)));
    }
}
