//! The account that a server runs as which refuses to run as root.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use crate::{EngineError, FileError};

/// Where the accounts are listed.
const ACCOUNTS: &str = "/etc/passwd";

/// An account of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// The id of its user.
    pub user: u32,
    /// The id of its group.
    pub group: u32,
}

impl Account {
    /// Chooses the account for a server out of those that may stand in for root, the best first; `None` when it can be the
    /// caller's own.
    pub fn for_server(candidates: &[&str]) -> Result<Option<Self>, EngineError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string(ACCOUNTS).map_err(FileError::of("read", Path::new(ACCOUNTS)))?;
        let found = candidates.iter().find_map(|name| Account::parse(&accounts, name));
        let tried = || candidates.iter().map(ToString::to_string).collect();
        found.map(Some).ok_or_else(|| EngineError::NoAccount { tried: tried() })
    }

    /// Gives user and group of the account, or the caller's own.
    pub fn numbers(account: Option<&Self>) -> (u32, u32) {
        account.map_or_else(
            || (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
            |account| (account.user, account.group),
        )
    }

    fn parse(accounts: &str, name: &str) -> Option<Self> {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            let user = fields.nth(1)?.parse().ok()?;
            let group = fields.next()?.parse().ok()?;
            Some(Account { name: name.to_owned(), user, group })
        })
    }

    /// Gives a file or directory, which is ours, to the account.
    pub fn give(&self, path: &Path) -> Result<(), EngineError> {
        Ok(chown(path, Some(self.user), Some(self.group)).map_err(FileError::of("change the owner of", path))?)
    }

    /// Gives a directory and all that is in it, which is ours, to the account.
    pub fn give_all(&self, directory: &Path) -> Result<(), EngineError> {
        self.give(directory)?;
        for entry in fs::read_dir(directory).map_err(FileError::of("read", directory))? {
            let entry = entry.map_err(FileError::of("read", directory))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(FileError::of("inspect", &path))?;
            // What a link points to is not ours to give.
            if kind.is_dir() {
                self.give_all(&path)?;
            } else if kind.is_file() {
                self.give(&path)?;
            }
        }
        Ok(())
    }

    /// Checks that the account can get to a directory: through each one above it, and into it.
    pub fn check_way(&self, wanted: &Path) -> Result<(), EngineError> {
        let above: Vec<&Path> = wanted.ancestors().collect();
        for directory in above.into_iter().rev() {
            let metadata = fs::metadata(directory).map_err(FileError::of("inspect", directory))?;
            let mode = metadata.permissions().mode();
            let enter = if metadata.uid() == self.user {
                0o100
            } else if metadata.gid() == self.group {
                0o010
            } else {
                0o001
            };
            if mode & enter == 0 {
                return Err(EngineError::NotTraversable {
                    directory: directory.to_owned(),
                    wanted: wanted.to_owned(),
                    user: self.name.clone(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_exact_name() {
        let accounts = "postgres2:x:1:2::/:\n#\n\npostgres:x:101:104:PostgreSQL administrator,,,:/var:/bin/bash\n";
        let found = Account::parse(accounts, "postgres").expect("it is listed");
        assert_eq!((found.user, found.group), (101, 104));
        assert_eq!(Account::parse(accounts, "nobody"), None);
    }

    #[test]
    fn a_closed_directory_on_the_way_is_named() {
        let place = tempfile::tempdir().unwrap();
        let (closed, below) = (place.path().join("closed"), place.path().join("closed/below"));
        fs::create_dir_all(&below).unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o711)).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { name: "stranger".into(), user: 4_000_001, group: 4_000_001 };
        match stranger.check_way(&below) {
            Err(EngineError::NotTraversable { directory, .. }) => assert_eq!(directory, closed),
            other => panic!("{other:?}"),
        }
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).unwrap();
        stranger.check_way(&closed).unwrap();
    }
}
