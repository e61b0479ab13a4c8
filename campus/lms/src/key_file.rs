//! Files with secrets that the service makes for itself the first time.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}", path.display())]
pub struct KeyFileError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Reads the file. If it is missing it is made, for its owner alone; of several processes that do so one has its way.
pub fn read_or_make(path: &Path, make: impl Fn() -> String) -> Result<String, KeyFileError> {
    let failed = |what| move |source| KeyFileError { what, path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => (),
        read => return read.map_err(failed("read")),
    }
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(make().as_bytes())?;
        file.sync_all()?;
        // A link is made by one alone, and never of half a file.
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => fs::remove_file(&draft),
        }
    };
    write().map_err(failed("make"))?;
    fs::read_to_string(path).map_err(failed("read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert_eq!(read_or_make(&path, || "one".to_owned()).unwrap(), "one");
        assert_eq!(read_or_make(&path, || "two".to_owned()).unwrap(), "one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no draft stays");
        let error = read_or_make(Path::new("/no/such/directory/key"), String::new).unwrap_err();
        assert_eq!(error.to_string(), "cannot make /no/such/directory/key");
    }
}
