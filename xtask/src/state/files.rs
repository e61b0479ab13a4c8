//! Directories that are copied, changed and compared.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::output;

/// Copies a directory with all that can be said of its files.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    output(Command::new("cp").arg("-a").arg("--").arg(from).arg(to))?;
    Ok(())
}

/// Removes a directory if it is there.
pub fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// Every file is read once, so that what is measured does not wait for the disk; then what waits to be written is written.
pub fn warm(directory: &Path) -> Result<()> {
    for (path, metadata) in entries(directory)? {
        if metadata.is_file() {
            let path = directory.join(path);
            std::io::copy(&mut open(&path)?, &mut std::io::sink())?;
        }
    }
    rustix::fs::syncfs(open(directory)?)?;
    Ok(())
}

/// Makes `to` what `from` is, by writing those files only that differ in size or time of modification.
pub fn bring(from: &Path, to: &Path) -> Result<()> {
    let (wanted, present) = (entries(from)?, entries(to)?);
    for (path, metadata) in present.iter().rev() {
        if !wanted.contains_key(path) {
            let path = to.join(path);
            if metadata.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    for (path, metadata) in &wanted {
        let (source, target) = (from.join(path), to.join(path));
        let same =
            |other: &Metadata| other.len() == metadata.len() && other.modified().ok() == metadata.modified().ok();
        // What is as it should be is not touched at all: tools look at the time of the last change of anything.
        if present.get(path).is_some_and(|other| metadata.is_dir() || same(other)) {
            continue;
        }
        if metadata.is_dir() {
            fs::create_dir(&target).with_context(|| format!("cannot create {}", target.display()))?;
            fs::set_permissions(&target, metadata.permissions())?;
        } else {
            fs::copy(&source, &target).with_context(|| format!("cannot copy {}", source.display()))?;
        }
        chown(&target, Some(metadata.uid()), Some(metadata.gid()))
            .with_context(|| format!("cannot change the owner of {}", target.display()))?;
        if metadata.is_file() {
            File::options()
                .write(true)
                .open(&target)?
                .set_times(FileTimes::new().set_modified(metadata.modified()?))?;
        }
    }
    Ok(())
}

/// Says in what `found` differs from `wanted`: in which names, contents, modes and owners; `exact` when in nothing.
pub fn difference(wanted: &Path, found: &Path) -> Result<String> {
    let (left, right) = (entries(wanted)?, entries(found)?);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, metadata) in &left {
        let word = match right.get(path) {
            None if metadata.is_dir() => "directories missing",
            None => "files missing",
            Some(other) if other.file_type() != metadata.file_type() => "of another kind",
            Some(_) if metadata.is_file() && !same_content(&wanted.join(path), &found.join(path))? => "contents differ",
            Some(other) if other.permissions().mode() != metadata.permissions().mode() => "modes differ",
            Some(other) if (other.uid(), other.gid()) != (metadata.uid(), metadata.gid()) => "owners differ",
            Some(_) => continue,
        };
        *counts.entry(word).or_default() += 1;
    }
    let extra = right.keys().filter(|path| !left.contains_key(*path)).count();
    if extra > 0 {
        counts.insert("too many", extra);
    }
    if counts.is_empty() {
        return Ok("exact".to_owned());
    }
    Ok(counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", "))
}

/// Space that files and directories take on the disk, in bytes; hard links count once.
pub fn size(paths: &[PathBuf]) -> Result<u64> {
    let mut seen = BTreeMap::new();
    for path in paths.iter().filter(|path| path.exists()) {
        for metadata in entries(path)?.into_values().filter(|metadata| !metadata.is_dir()) {
            seen.insert((metadata.dev(), metadata.ino()), metadata.blocks() * 512);
        }
    }
    Ok(seen.values().sum())
}

/// All that is below a directory, parents before what is in them.
fn entries(root: &Path) -> Result<BTreeMap<PathBuf, Metadata>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(directory) = waiting.pop() {
        let path = root.join(&directory);
        for entry in fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
            let entry = entry?;
            let name = directory.join(entry.file_name());
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                waiting.push(name.clone());
            }
            found.insert(name, metadata);
        }
    }
    Ok(found)
}

fn same_content(left: &Path, right: &Path) -> Result<bool> {
    let (mut left, mut right) = (open(left)?, open(right)?);
    if left.metadata()?.len() != right.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let count = left.read(&mut one)?;
        if count == 0 {
            return Ok(true);
        }
        right.read_exact(&mut other[..count])?;
        if one[..count] != other[..count] {
            return Ok(false);
        }
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    #[test]
    fn a_directory_becomes_another_and_what_is_equal_is_not_touched() {
        let wanted = tree(&[("same", "1"), ("changed", "22"), ("new/deep", "3")]);
        let found = tree(&[("changed", "1"), ("gone/deep", "4")]);
        output(Command::new("cp").arg("-p").arg(wanted.path().join("same")).arg(found.path())).unwrap();
        let before = fs::metadata(found.path().join("same")).unwrap();
        assert_eq!(
            difference(wanted.path(), found.path()).unwrap(),
            "1 contents differ, 1 directories missing, 1 files missing, 2 too many"
        );

        bring(wanted.path(), found.path()).unwrap();

        assert_eq!(difference(wanted.path(), found.path()).unwrap(), "exact");
        let after = fs::metadata(found.path().join("same")).unwrap();
        assert_eq!((after.ctime(), after.ctime_nsec()), (before.ctime(), before.ctime_nsec()));
    }

    #[test]
    fn another_mode_is_a_difference() {
        let (wanted, found) = (tree(&[("file", "1")]), tree(&[("file", "1")]));
        fs::set_permissions(found.path().join("file"), PermissionsExt::from_mode(0o600)).unwrap();
        fs::set_permissions(wanted.path().join("file"), PermissionsExt::from_mode(0o640)).unwrap();
        assert_eq!(difference(wanted.path(), found.path()).unwrap(), "1 modes differ");
    }
}
