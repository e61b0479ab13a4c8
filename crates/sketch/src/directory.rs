//! The files of a project, as far as they are looked at.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;
/// How many files are searched at most.
const MOST: usize = 2000;
/// How far down they are searched.
const DEEPEST: usize = 6;
/// Directories of what others made.
const FOREIGN: [&str; 6] = ["node_modules", "target", "venv", "dist", "build", "vendor"];

/// The files of a project.
pub(crate) struct Directory {
    root: PathBuf,
    /// The names of the files in its root.
    names: Vec<String>,
}

impl Directory {
    pub(crate) fn read(root: &Path, skipped: &[&str]) -> io::Result<Self> {
        let mut names = Vec::new();
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            if entry.path().is_file() && !skipped.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(Self { root: root.to_owned(), names })
    }

    /// Whether its root has this file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// The first of these that its root has.
    pub(crate) fn first<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.has(name))
    }

    /// Whether there is something at this path.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The text of a file of its root.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        if !self.has(name) {
            return None;
        }
        read(&self.root.join(name))
    }

    /// The first file below with one of these endings whose text has what is looked for: its path from the root, and its text.
    pub(crate) fn find(&self, endings: &[&str], wanted: impl Fn(&str) -> bool) -> Option<(String, String)> {
        let mut left = MOST;
        search(&self.root, DEEPEST, &mut left, &|path| {
            let name = path.file_name()?.to_str()?;
            let text = endings.iter().any(|ending| name.ends_with(ending)).then(|| read(path))??;
            let below = path.strip_prefix(&self.root).ok()?.to_str()?.to_owned();
            wanted(&text).then_some((below, text))
        })
    }
}

fn read(path: &Path) -> Option<String> {
    let is_short = fs::metadata(path).ok()?.len() <= LONGEST;
    if is_short { fs::read_to_string(path).ok() } else { None }
}

/// Looks at the files below, in the order of their names, until one is what is looked for.
fn search<T>(directory: &Path, depth: usize, left: &mut usize, look: &dyn Fn(&Path) -> Option<T>) -> Option<T> {
    let mut entries: Vec<_> = fs::read_dir(directory).ok()?.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    let (mut below, mut found) = (Vec::new(), None);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // What is linked is looked at where it lies.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !name.starts_with('.') && !FOREIGN.contains(&&*name) {
            below.push(entry.path());
        } else if kind.is_file() && *left > 0 && found.is_none() {
            *left -= 1;
            found = look(&entry.path());
        }
    }
    if found.is_some() || depth == 0 {
        return found;
    }
    below.iter().find_map(|below| search(below, depth - 1, left, look))
}
