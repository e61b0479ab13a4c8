//! What is in the cache of repositories, and what goes from it: all of it can be fetched again.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};

use crate::cache::is_at;
use crate::checkout::{MADE, USED};
use crate::{Cache, CommitId, RepositoryError};

/// The files of a commit in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// The address that its repository was last had from.
    pub address: String,
    /// The commit.
    pub commit: CommitId,
    /// Where its files are.
    pub directory: PathBuf,
    /// How much space they take, in bytes.
    pub bytes: u64,
    /// When somebody looked them up last.
    pub used: SystemTime,
}

/// What may stay in the cache.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// What was used since then; nothing: whatever its age.
    pub used_since: Option<SystemTime>,
    /// So many bytes of files, those that were used last; nothing: however many.
    pub bytes: Option<u64>,
}

impl Cache<'_> {
    /// The commits whose files are here, those that were used last first.
    pub fn list(&self) -> Result<Vec<Cached>, RepositoryError> {
        let mut found = Vec::new();
        for repository in below(&self.root)? {
            let address = fs::read_to_string(repository.join("git/made")).unwrap_or_default();
            for place in below(&repository.join("trees"))? {
                let commit = place.file_name().and_then(|name| CommitId::parse(name.to_str()?));
                let Some(commit) = commit.filter(|_| place.join(MADE).is_file()) else { continue };
                let used =
                    [USED, MADE].into_iter().find_map(|name| fs::metadata(place.join(name)).ok()?.modified().ok());
                let used = used.unwrap_or(SystemTime::UNIX_EPOCH);
                found.push(Cached { address: address.clone(), commit, bytes: size(&place), directory: place, used });
            }
        }
        found.sort_by(|one, other| other.used.cmp(&one.used).then_with(|| one.directory.cmp(&other.directory)));
        Ok(found)
    }

    /// Removes what is beyond the limits, but for what `is_in_use` says of, and gives what that was. What another command
    /// fetches at this moment stays; a repository of which no files are left goes with its objects.
    pub fn clean(&self, limits: &Limits, is_in_use: &dyn Fn(&Path) -> bool) -> Result<Vec<Cached>, RepositoryError> {
        let (mut bytes, mut gone) = (0_u64, Vec::new());
        for cached in self.list()? {
            bytes = bytes.saturating_add(cached.bytes);
            let is_old = limits.used_since.is_some_and(|since| cached.used < since);
            let is_too_much = limits.bytes.is_some_and(|limit| bytes > limit);
            if !(is_old || is_too_much) || is_in_use(&cached.directory) {
                continue;
            }
            let trees = cached.directory.parent().expect("it was found in one");
            let repository = trees.parent().expect("it was found in one");
            if let Some(_lock) = take(&repository.join("lock"))? {
                remove(&cached.directory)?;
                if below(trees)?.is_empty() {
                    remove(&repository.join("git"))?;
                }
                bytes -= cached.bytes;
                gone.push(cached);
            }
        }
        Ok(gone)
    }
}

/// The right to change what is here of a repository; nothing if another one has it.
fn take(path: &Path) -> Result<Option<File>, RepositoryError> {
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let file = opened.map_err(RepositoryError::io("open", path))?;
    let is_taken = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() && is_at(&file, path);
    Ok(is_taken.then_some(file))
}

/// Removes a directory, which has another name before anything in it goes: what is found is whole.
fn remove(directory: &Path) -> Result<(), RepositoryError> {
    let name = directory.file_name().expect("it was made by joining a name").to_string_lossy().into_owned();
    let gone = directory.with_file_name(format!(".gone-{name}"));
    let absent = |error: io::Error, path: &Path| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(RepositoryError::io("remove", path)(error)),
    };
    // What a killed command has left under that name.
    fs::remove_dir_all(&gone).or_else(|error| absent(error, &gone))?;
    fs::rename(directory, &gone).or_else(|error| absent(error, directory))?;
    fs::remove_dir_all(&gone).or_else(|error| absent(error, &gone))
}

/// The directories in a directory, without those that are being removed; none if it is not there.
fn below(directory: &Path) -> Result<Vec<PathBuf>, RepositoryError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(RepositoryError::io("list", directory))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(RepositoryError::io("list", directory))?;
        let is_whole = !entry.file_name().to_string_lossy().starts_with('.');
        if is_whole && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// How much space a directory takes; what vanishes meanwhile takes none.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let stat = entry.metadata().ok()?;
            Some(if stat.is_dir() { size(&entry.path()) } else { stat.blocks() * 512 })
        })
        .sum()
}
