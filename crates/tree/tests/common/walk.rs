//! Directories described without the code under test: by a plain walk over `std`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What is compared of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub kind: char,
    pub mode: u32,
    pub mtime: (i64, i64),
    pub content: Vec<u8>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The first path that is the same file.
    pub same_as: PathBuf,
}

/// All entries below a directory, the root itself as the empty path.
pub fn walk(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut seen = BTreeMap::new();
    visit(root, Path::new(""), &mut seen);
    // Groups of hard links are told by their first path.
    let mut first = HashMap::new();
    for (path, (entry, inode)) in &mut seen {
        let same: &PathBuf = first.entry(*inode).or_insert_with(|| path.clone());
        entry.same_as.clone_from(same);
    }
    seen.into_iter().map(|(path, (entry, _))| (path, entry)).collect()
}

fn visit(root: &Path, path: &Path, seen: &mut BTreeMap<PathBuf, (Seen, u64)>) {
    let full = if path.as_os_str().is_empty() { root.to_owned() } else { root.join(path) };
    let data = fs::symlink_metadata(&full).unwrap();
    let kind = data.file_type();
    let (letter, content) = if kind.is_dir() {
        ('d', Vec::new())
    } else if kind.is_symlink() {
        ('l', fs::read_link(&full).unwrap().as_os_str().as_bytes().to_vec())
    } else if kind.is_file() {
        ('f', fs::read(&full).unwrap())
    } else {
        ('p', Vec::new())
    };
    let entry = Seen {
        kind: letter,
        mode: data.mode() & 0o7777,
        mtime: (data.mtime(), data.mtime_nsec()),
        content,
        xattrs: attributes(&full),
        same_as: PathBuf::new(),
    };
    seen.insert(path.to_owned(), (entry, data.ino()));
    if kind.is_dir() {
        for child in fs::read_dir(&full).unwrap() {
            visit(root, &path.join(child.unwrap().file_name()), seen);
        }
    }
}

fn attributes(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names = vec![0; 4096];
    let length = rustix::fs::llistxattr(path, &mut names).unwrap();
    let mut found: Vec<_> = names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| name.starts_with(b"user."))
        .map(|name| {
            let mut value = vec![0; 4096];
            let length = rustix::fs::lgetxattr(path, name, &mut value).unwrap();
            (name.to_vec(), value[..length].to_vec())
        })
        .collect();
    found.sort();
    found
}
