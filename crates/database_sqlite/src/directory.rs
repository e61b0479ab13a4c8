//! The directory of kept states: what its files are called, and how callers stay out of each other's way.
//!
//! | file | what it is |
//! | --- | --- |
//! | `NAME.sqlite` | a kept state; never written to |
//! | `NAME.spare` | a copy of the state of that name. Whoever puts a state in its place removes the spare before |
//! | `NAME.pending` | the content that is being displaced, a second name of the database's file until it is displaced |
//! | `*.unfinished` | a copy in the making, locked by its maker |
//! | `*.clone` | a copy of a state that somebody uses, who holds a lock on it |
//! | `*.trash` | what was put aside |
//!
//! The lock of the directory is held while files get other names, and for copies only by the one caller that changes the
//! database; a process that tidies or prepares spares holds it for moments.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use database::{DatabaseError, FileError, StateName};
use tempfile::{Builder, NamedTempFile};

use crate::database::SqliteDatabase;
use crate::swap::{remove_side_files, same_file};

/// The extension of kept states.
const STATE: &str = "sqlite";
/// The extension of spares.
const SPARE: &str = "spare";
/// The extension of content that is being displaced.
const PENDING: &str = "pending";
/// The end of the name of a copy in the making.
const UNFINISHED: &str = "unfinished";
/// The end of the name of a copy that somebody uses.
const CLONE: &str = "clone";
/// The end of the name of what was put aside.
const TRASH: &str = "trash";

/// How many characters make a name that nobody else has.
const RANDOM: usize = 16;

/// The directory of kept states, held against everyone else.
pub(crate) struct Held {
    path: PathBuf,
    /// Gives the lock back when it is closed.
    _lock: File,
}

impl SqliteDatabase {
    /// Holds the directory, which is made when it is missing, and finishes what a killed caller has begun.
    pub(crate) fn hold(&self) -> Result<Held, DatabaseError> {
        loop {
            fs::create_dir_all(&self.kept).map_err(FileError::of("create", &self.kept))?;
            if let Some(held) = self.hold_if_there()? {
                return Ok(held);
            }
        }
    }

    /// Holds the directory, unless there is none.
    pub(crate) fn hold_if_there(&self) -> Result<Option<Held>, DatabaseError> {
        loop {
            let directory = match File::open(&self.kept) {
                Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened.map_err(FileError::of("open", &self.kept))?,
            };
            directory.lock().map_err(FileError::of("lock", &self.kept))?;
            // Whoever had the lock before may have removed the directory.
            let locked = directory.metadata().map_err(FileError::of("inspect", &self.kept))?;
            if same_file(&locked, &self.kept)? {
                let held = Held { path: self.kept.clone(), _lock: directory };
                held.finish_displacing(&self.path)?;
                return Ok(Some(held));
            }
        }
    }
}

impl Held {
    /// Says where a kept state is.
    pub(crate) fn state(&self, name: &StateName) -> PathBuf {
        self.path.join(format!("{name}.{STATE}"))
    }

    /// Says where the spare of a kept state is.
    pub(crate) fn spare(&self, name: &StateName) -> PathBuf {
        self.path.join(format!("{name}.{SPARE}"))
    }

    /// Says where the content is that is being displaced, and will be kept under a name.
    pub(crate) fn pending(&self, name: &StateName) -> PathBuf {
        self.path.join(format!("{name}.{PENDING}"))
    }

    /// Lists the kept states, in no order.
    pub(crate) fn states(&self) -> Result<Vec<StateName>, FileError> {
        self.named(STATE)
    }

    /// Makes a file for a copy, which is gone when it is dropped; until then nobody tidies it.
    pub(crate) fn unfinished(&self) -> Result<NamedTempFile, FileError> {
        self.locked(".unfinished")
    }

    /// Makes a file for a clone, which is gone when it is dropped; until then nobody tidies it.
    pub(crate) fn for_clone(&self) -> Result<NamedTempFile, FileError> {
        self.locked(".clone")
    }

    fn locked(&self, end: &str) -> Result<NamedTempFile, FileError> {
        let mut builder = Builder::new();
        // As anyone's new file: the umask says who may read it.
        builder.permissions(fs::Permissions::from_mode(0o666)).prefix("").rand_bytes(RANDOM).suffix(end);
        let file = builder.tempfile_in(&self.path).map_err(FileError::of("create a file in", &self.path))?;
        file.as_file().lock().map_err(FileError::of("lock", file.path()))?;
        Ok(file)
    }

    /// Makes a complete file the state of a name, and puts aside what had the name before with its spare.
    pub(crate) fn publish(&self, file: &Path, name: &StateName) -> Result<(), FileError> {
        let state = self.state(name);
        self.discard(&self.spare(name))?;
        self.also_in_trash(&state)?;
        fs::rename(file, &state).map_err(FileError::of("rename", file))?;
        self.sync()
    }

    /// Puts a file aside; one that is not there is no error.
    pub(crate) fn discard(&self, file: &Path) -> Result<(), FileError> {
        self.trash(|trash| fs::rename(file, trash)).map_err(FileError::of("put aside", file))
    }

    /// Gives a file a second name among what was put aside: what replaces it then need not wait until its blocks are free.
    pub(crate) fn also_in_trash(&self, file: &Path) -> Result<(), FileError> {
        match self.trash(|trash| fs::hard_link(file, trash)) {
            // It is removed by what replaces it.
            Err(source) if has_no_links(&source) => Ok(()),
            done => done.map_err(FileError::of("put aside", file)),
        }
    }

    /// Writes the names to the disk.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        database::sync_directory(&self.path)
    }

    /// Puts aside what killed callers have left.
    pub(crate) fn discard_leftovers(&self) -> Result<(), FileError> {
        for name in self.named(SPARE)? {
            if !self.state(&name).try_exists().map_err(FileError::of("inspect", &self.state(&name)))? {
                self.discard(&self.spare(&name))?;
            }
        }
        for file in [files(&self.path, UNFINISHED)?, files(&self.path, CLONE)?].concat() {
            let opened = match File::open(&file) {
                Err(source) if source.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(FileError::of("open", &file))?,
            };
            match opened.try_lock() {
                Ok(()) => {
                    remove_side_files(&file)?;
                    self.discard(&file)?;
                }
                // Its maker lives.
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(FileError::of("lock", &file)(source)),
            }
        }
        Ok(())
    }

    /// Removes all files of ours, also those that someone is making.
    pub(crate) fn remove_all(&self) -> Result<(), FileError> {
        for end in [STATE, SPARE, PENDING, UNFINISHED, CLONE, TRASH] {
            for file in files(&self.path, end)? {
                database::remove_file(&file)?;
                remove_side_files(&file)?;
            }
        }
        Ok(())
    }

    /// Keeps the content that a killed caller has displaced. What is still the database's own file was not displaced.
    fn finish_displacing(&self, database: &Path) -> Result<(), FileError> {
        for name in self.named(PENDING)? {
            let pending = self.pending(&name);
            let found = fs::metadata(&pending).map_err(FileError::of("inspect", &pending))?;
            if same_file(&found, database)? {
                database::remove_file(&pending)?;
            } else {
                self.publish(&pending, &name)?;
            }
        }
        Ok(())
    }

    /// Does something with a new name among what was put aside; a file that is not there is no error.
    fn trash(&self, make: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
        match Builder::new().prefix("").rand_bytes(RANDOM).suffix(".trash").make_in(&self.path, make) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done?.into_temp_path().keep().map(drop).map_err(|error| error.error),
        }
    }

    fn named(&self, extension: &str) -> Result<Vec<StateName>, FileError> {
        let files = files(&self.path, extension)?;
        Ok(files.iter().filter_map(|file| StateName::new(file.file_stem()?.to_str()?).ok()).collect())
    }
}

/// Removes what was put aside, which takes its time; nobody needs to be kept out.
pub(crate) fn empty_trash(directory: &Path) -> Result<(), FileError> {
    files(directory, TRASH)?.iter().try_for_each(|file| database::remove_file(file))
}

/// Says whether a file cannot have a second name there.
pub(crate) fn has_no_links(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
}

/// Lists the files of a directory with this extension; of one that is not there, none.
fn files(directory: &Path, extension: &str) -> Result<Vec<PathBuf>, FileError> {
    let entries = match fs::read_dir(directory) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(FileError::of("read", directory))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(FileError::of("read", directory))?.path();
        if file.extension().is_some_and(|found| found == extension) {
            files.push(file);
        }
    }
    Ok(files)
}

/// Says whether two files are the same one with the same content: no other name, no other time.
pub(crate) fn is_unchanged(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    let identity = |file: &fs::Metadata| {
        (file.dev(), file.ino(), file.len(), (file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()))
    };
    identity(one) == identity(other)
}
