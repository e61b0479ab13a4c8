//! The commit of a checkout, from git's own files: for who asks often, and must not wait for a process.

use std::fs;
use std::path::{Path, PathBuf};

use crate::CommitId;

/// The commit that the checkout is at which a directory is in; `None` when it is in none, or that has no commit yet.
pub fn head(directory: &Path) -> Option<CommitId> {
    let git = directory.ancestors().map(|above| above.join(".git")).find(|git| git.exists())?;
    // In a worktree and a submodule it is a file that says where it is.
    let git = match fs::read_to_string(&git) {
        Ok(text) => git.parent()?.join(text.trim().strip_prefix("gitdir: ")?),
        Err(_) => git,
    };
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return CommitId::parse(head.trim()) };
    let common = fs::read_to_string(git.join("commondir")).map_or_else(|_| git.clone(), |text| git.join(text.trim()));
    let loose = |place: &PathBuf| fs::read_to_string(place.join(name)).ok();
    if let Some(text) = loose(&git).or_else(|| loose(&common)) {
        return CommitId::parse(text.trim());
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix(' ').and_then(CommitId::parse))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_loose_packed_and_detached() {
        let directory = tempfile::tempdir().unwrap();
        let git = directory.path().join(".git");
        let commit = "0123456789abcdef0123456789abcdef01234567";
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::create_dir_all(directory.path().join("deep/er")).unwrap();
        let read = || head(&directory.path().join("deep/er")).map(|commit| commit.to_string());
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(read(), None);
        fs::write(git.join("packed-refs"), format!("# pack-refs\n{commit} refs/heads/main\n")).unwrap();
        assert_eq!(read().as_deref(), Some(commit));
        let other = commit.replace('0', "f");
        fs::write(git.join("refs/heads/main"), format!("{other}\n")).unwrap();
        assert_eq!(read(), Some(other.clone()));
        fs::write(git.join("HEAD"), format!("{commit}\n")).unwrap();
        assert_eq!(read().as_deref(), Some(commit));
    }
}
