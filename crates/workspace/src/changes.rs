//! Files of the metadata as they are going to be: all of a command's changes, before any of them is made.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Error;

/// What becomes of files, by their paths from the root of the workspace; `None` removes one.
#[derive(Debug, Clone)]
pub struct Changes {
    root: PathBuf,
    files: BTreeMap<String, Option<String>>,
}

impl Changes {
    /// None yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), files: BTreeMap::new() }
    }

    /// These.
    pub(crate) fn of(root: &Path, files: BTreeMap<String, Option<String>>) -> Self {
        Self { root: root.to_owned(), files }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// All of them.
    pub(crate) fn files(&self) -> &BTreeMap<String, Option<String>> {
        &self.files
    }

    /// The text that a file is going to have; `None` when there will be no such file.
    pub fn read(&self, path: &str) -> Result<Option<String>, Error> {
        match self.files.get(path) {
            Some(text) => Ok(text.clone()),
            None => read(&self.root.join(path)),
        }
    }

    /// The JSON that a file is going to have.
    pub fn read_json(&self, path: &str) -> Result<Option<Value>, Error> {
        let parsed = |text: String| {
            serde_json::from_str(&text)
                .map_err(|error| Error::Metadata { path: self.root.join(path), problem: error.to_string() })
        };
        self.read(path)?.map(parsed).transpose()
    }

    /// Gives a file a text.
    pub fn write(&mut self, path: &str, text: String) {
        self.files.insert(path.to_owned(), Some(text));
    }

    /// Gives a file a value, as people can read it.
    pub fn write_json(&mut self, path: &str, value: &Value) {
        self.write(path, format!("{value:#}\n"));
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &str) {
        self.files.insert(path.to_owned(), None);
    }

    /// Makes them; each file is whole at every moment. Can be made again.
    pub(crate) fn apply(&self) -> Result<(), Error> {
        // First what is new, so that there is a workspace at every moment.
        for (path, text) in &self.files {
            if let Some(text) = text {
                write(&self.root.join(path), text)?;
            }
        }
        for (path, text) in &self.files {
            if text.is_none() {
                remove(&self.root.join(path))?;
            }
        }
        Ok(())
    }
}

/// The text of a file; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        text => text.map(Some).map_err(Error::io("read", path)),
    }
}

/// The JSON of a file; `None` when there is none.
pub fn read_json(path: &Path) -> Result<Option<Value>, Error> {
    let parsed = |text: String| {
        serde_json::from_str(&text)
            .map_err(|error| Error::Metadata { path: path.to_owned(), problem: error.to_string() })
    };
    read(path)?.map(parsed).transpose()
}

/// Writes a file, whole and durable.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    let parent = path.parent().expect("a file is in a directory");
    fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    let temporary = parent.join(format!(".seedbed-{:08x}.new", fastrand::u32(..)));
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The error says more than one about the remains.
        let _ = fs::remove_file(&temporary);
        return Err(Error::io("write", path)(error));
    }
    File::open(parent).and_then(|directory| directory.sync_all()).map_err(Error::io("sync", parent))
}

/// Removes a file; fine when there is none. A directory of the metadata that is empty then goes, too.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}
