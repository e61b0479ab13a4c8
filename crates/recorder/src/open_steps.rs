//! Steps that are under way: a file for each, locked as long as its process lives, so that what was killed is recorded as aborted.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use lineage::{Record, Status, document};
use rustix::fs::{FlockOperation, flock};

use crate::RecorderError;

/// A step that is under way in this process.
pub(crate) struct OpenStep {
    path: PathBuf,
    file: File,
}

impl OpenStep {
    /// Says that a step is under way.
    pub(crate) fn begin(directory: &Path, record: &Record) -> Result<Self, RecorderError> {
        fs::create_dir_all(directory).map_err(RecorderError::io("create", directory))?;
        let path = directory.join(format!("{}.json", record.id));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(RecorderError::io("create", &path))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| RecorderError::io("lock", &path)(error.into()))?;
        let step = Self { path, file };
        step.update(record)?;
        Ok(step)
    }

    /// What it has read and is to write by now.
    pub(crate) fn update(&self, record: &Record) -> Result<(), RecorderError> {
        let line = document::to_line(record);
        self.file
            .write_all_at(line.as_bytes(), 0)
            .and_then(|()| self.file.set_len(line.len() as u64))
            .map_err(RecorderError::io("write", &self.path))
    }

    /// It is over, and recorded.
    pub(crate) fn end(self) -> Result<(), RecorderError> {
        fs::remove_file(&self.path).map_err(RecorderError::io("remove", &self.path))
    }
}

/// The steps whose processes are gone, as they are to be recorded: `record` does that, and then nothing tells of them any more.
pub(crate) fn gone(
    directory: &Path,
    mut record: impl FnMut(Record) -> Result<(), RecorderError>,
) -> Result<(), RecorderError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(RecorderError::io("read", directory)(error)),
    };
    for entry in entries {
        let path = entry.map_err(RecorderError::io("read", directory))?.path();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            // It has ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(RecorderError::io("open", &path)(error)),
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(RecorderError::io("read", &path))?;
        // What has not even said what it is has done nothing that could be told.
        if let Ok(mut found) = document::from_line(text.lines().next().unwrap_or_default()) {
            // Removed first by whoever was faster: then it is recorded already.
            if !path.exists() {
                continue;
            }
            found.status = Status::Aborted;
            found.reason = Some("its process ended without a word".to_owned());
            record(found)?;
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(RecorderError::io("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}
