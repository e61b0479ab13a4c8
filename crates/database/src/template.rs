//! Data directories of new servers, made once for all servers of a machine: a copy is had sooner than another one is made.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

use crate::{EngineKind, FileError, copy_tree, sync_all};

/// For how long one stays that nobody copies.
const IDLE: Duration = Duration::from_hours(30 * 24);

/// The end of the name of one that is not complete.
const UNFINISHED: &str = "unfinished";

/// The moment at which a file system is asked.
const NOW: Timestamps = {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Timestamps { last_access: now, last_modification: now }
};

/// The data directory that new servers of one kind begin with.
#[derive(Clone, Debug)]
pub struct Template {
    directory: PathBuf,
    engine: EngineKind,
}

impl Template {
    /// Names the template in a directory of templates; `words` say all that such a data directory depends on.
    #[must_use]
    pub fn new(templates: &Path, engine: EngineKind, words: &str) -> Self {
        let digest = blake3::hash(words.as_bytes()).to_hex();
        Template { directory: templates.join(format!("{engine}-{}", &digest[..16])), engine }
    }

    /// Says whether it is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.directory.is_dir()
    }

    /// Gives a copy of it the name of a directory that is not there yet, one that is ready or else a new one, which belongs to
    /// the caller's user; `false` when there is none to copy.
    pub fn copy_to(&self, to: &Path) -> Result<bool, FileError> {
        if !self.exists() {
            return Ok(false);
        }
        // Who tidies sees by this that it is in use; where it cannot be changed it can be copied nevertheless.
        let _ = fs::File::open(&self.directory).map(|opened| rustix::fs::futimens(opened, &NOW));
        // It may be on another file system, or another process is faster.
        if fs::rename(self.ready(), to).is_err() {
            copy_tree(&self.directory, to)?;
        }
        Ok(true)
    }

    /// Makes a copy that is ready to be taken, if there is none; `own` gives it to the user who will.
    pub fn make_ready<E: From<FileError>>(&self, own: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
        let ready = self.ready();
        if !self.exists() || ready.exists() {
            return Ok(());
        }
        self.place(&ready, |directory| {
            copy_tree(&self.directory, directory)?;
            own(directory)
        })
    }

    fn ready(&self) -> PathBuf {
        self.directory.with_extension("ready")
    }

    /// Makes it, if it is not there: `make` fills a directory that is not there yet, beside the place. It appears complete and
    /// on the disk. Those of the engine that nobody has copied for a month go.
    pub fn make<E: From<FileError>>(&self, make: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
        if self.exists() {
            return Ok(());
        }
        fs::create_dir_all(self.templates()).map_err(FileError::of("create", self.templates()))?;
        let placed = self.place(&self.directory, make);
        self.tidy();
        placed
    }

    /// Puts a directory in its place when it is complete and on the disk.
    fn place<E: From<FileError>>(&self, place: &Path, fill: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
        let unfinished = self.directory.with_extension(format!("{}.{UNFINISHED}", std::process::id()));
        let filled = fill(&unfinished).and_then(|()| Ok(sync_all(&unfinished)?));
        let placed = filled.and_then(|()| match fs::rename(&unfinished, place) {
            // Another process was faster.
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => Ok(()),
            Err(error) => Err(FileError::of("rename", &unfinished)(error).into()),
            Ok(()) => Ok(crate::sync_directory(self.templates())?),
        });
        // It is in its place, or of use to nobody.
        let _ = fs::remove_dir_all(&unfinished);
        placed
    }

    fn templates(&self) -> &Path {
        self.directory.parent().expect("it was made by joining a name")
    }

    /// Removes those of the engine that are idle or that nobody will complete. What cannot be removed is in nobody's way.
    fn tidy(&self) {
        let templates = self.templates();
        let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let Some(now) = modified(templates) else { return };
        let own = format!("{}-", self.engine);
        for entry in fs::read_dir(templates).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_own =
                entry.file_name().to_string_lossy().starts_with(&own) && path != self.directory && path != self.ready();
            let age = modified(&path).and_then(|modified| now.duration_since(modified).ok()).unwrap_or_default();
            let limit = if path.extension() == Some(OsStr::new(UNFINISHED)) { Duration::from_hours(1) } else { IDLE };
            if is_own && age > limit {
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn fill(directory: &Path, text: &str) -> Result<(), FileError> {
        fs::create_dir_all(directory.join("empty")).map_err(FileError::of("create", directory))?;
        fs::write(directory.join("file"), text).map_err(FileError::of("write", directory))
    }

    #[test]
    fn it_is_made_once_and_copied_with_permissions() {
        let place = tempfile::tempdir().unwrap();
        let template = Template::new(&place.path().join("templates"), EngineKind::Postgres, "words");
        assert!(!template.copy_to(&place.path().join("none")).unwrap());
        template
            .make(|directory| {
                fill(directory, "first")?;
                let private = fs::Permissions::from_mode(0o600);
                fs::set_permissions(directory.join("file"), private).map_err(FileError::of("protect", directory))
            })
            .unwrap();
        template.make(|_| -> Result<(), FileError> { panic!("it is there") }).unwrap();
        let copied = place.path().join("copy");
        assert!(template.copy_to(&copied).unwrap());
        assert_eq!(fs::read_to_string(copied.join("file")).unwrap(), "first");
        assert_eq!(fs::metadata(copied.join("file")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(copied.join("empty").is_dir());

        let given =
            |directory: &Path| fs::write(directory.join("owner"), "it").map_err(FileError::of("give", directory));
        template.make_ready(given).unwrap();
        template.make_ready(|_| -> Result<(), FileError> { panic!("it is ready") }).unwrap();
        let [taken, next] = ["taken", "next"].map(|name| place.path().join(name));
        assert!(template.copy_to(&taken).unwrap() && template.copy_to(&next).unwrap());
        assert!(taken.join("owner").exists() && !next.join("owner").exists(), "one of them was ready");
        assert_eq!(fs::read_to_string(next.join("file")).unwrap(), "first");
    }

    #[test]
    fn one_that_fails_leaves_nothing_and_one_that_is_idle_goes() {
        let place = tempfile::tempdir().unwrap();
        let template = |words| Template::new(place.path(), EngineKind::Mysql, words);
        let failed = FileError { action: "make", path: place.path().to_owned(), source: ErrorKind::Other.into() };
        let result = template("fails").make(|directory| fill(directory, "half").and(Err(failed)));
        assert!(result.is_err() && fs::read_dir(place.path()).unwrap().next().is_none());
        let [idle, used, other] = ["idle", "used", "other"].map(template);
        for template in [&idle, &used] {
            template.make(|directory| fill(directory, "old")).unwrap();
            let long_ago = fs::metadata(place.path()).unwrap().modified().unwrap() - 2 * IDLE;
            fs::File::open(&template.directory).unwrap().set_modified(long_ago).unwrap();
        }
        assert!(used.copy_to(&place.path().join("copy")).unwrap());
        other.make(|directory| fill(directory, "new")).unwrap();
        assert!(!idle.exists() && used.exists() && other.exists());
    }
}
