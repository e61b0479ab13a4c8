//! What is remembered of tasks, beside the files that they make: all environments of a workspace share those.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, durable, place};

/// The version of the files.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    seedbed_task: u32,
    key: String,
}

/// The key under which a task last succeeded.
pub fn last_key(workspace: &Path, task: &str) -> Result<Option<String>, Error> {
    let file: Option<File> = match durable::read_json(&path(workspace, task)) {
        // What cannot be read says nothing; the task runs again and writes it anew.
        Err(Error::Record { .. }) => None,
        file => file?,
    };
    Ok(file.filter(|file| file.seedbed_task == FORMAT).map(|file| file.key))
}

/// Remembers that a task succeeded under this key.
pub fn succeeded(workspace: &Path, task: &str, key: &str) -> Result<(), Error> {
    let path = path(workspace, task);
    let directory = path.parent().expect("it was made by joining a name");
    fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    let ignore = workspace.join(place::DIRECTORY).join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(Error::io("write", &ignore))?;
    }
    durable::write_json(&path, &File { seedbed_task: FORMAT, key: key.to_owned() })
}

/// Forgets a task: it is about to run, and what it makes is no longer what its last key says.
pub fn forget(workspace: &Path, task: &str) -> Result<(), Error> {
    durable::remove(&path(workspace, task))
}

/// No environment can be called `tasks`.
fn path(workspace: &Path, task: &str) -> PathBuf {
    workspace.join(place::DIRECTORY).join(TASKS).join(format!("{task}.json"))
}

/// The directory beside the environments' own.
pub const TASKS: &str = "tasks";
