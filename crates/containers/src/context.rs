//! The files that an image is built of: a directory without what its `.dockerignore` names.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use tar::{EntryType, Header};
use thiserror::Error;

/// Why the files of a build cannot be had.
#[derive(Debug, Error)]
pub enum ContextError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The files cannot be passed on.
    #[error("cannot send {}: {source}", path.display())]
    Send {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of the ignore file is no pattern.
    #[error("{} line {line}: `{pattern}` is not a pattern: {reason}", path.display())]
    Pattern {
        /// The file.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// What stands there.
        pattern: String,
        /// Why it is none.
        reason: String,
    },
}

impl ContextError {
    /// Whether the receiver wanted no more.
    pub(crate) fn is_cut_off(&self) -> bool {
        matches!(self, Self::Send { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// A directory of which an image is built.
#[derive(Debug)]
pub struct Context {
    root: PathBuf,
    /// Its files, directories and links that belong to it, relative and sorted.
    entries: Vec<PathBuf>,
    /// Files that are put in besides, by their names.
    more: Vec<(String, Vec<u8>)>,
}

impl Context {
    /// Looks at a directory. `dockerfile` is relative to it; it belongs to the context even if it is ignored.
    pub fn open(root: &Path, dockerfile: &str) -> Result<Self, ContextError> {
        let own = root.join(format!("{dockerfile}.dockerignore"));
        let ignore = if own.exists() { own } else { root.join(".dockerignore") };
        let rules = Rules::read(&ignore)?;
        let kept = [Path::new(dockerfile), Path::new(".dockerignore")];
        let mut entries = Vec::new();
        walk(root, Path::new(""), &rules, &kept, &mut entries)?;
        entries.sort();
        Ok(Self { root: root.to_owned(), entries, more: Vec::new() })
    }

    /// Puts a file in besides, in place of one of the directory.
    pub fn add(&mut self, name: &str, content: Vec<u8>) {
        self.entries.retain(|entry| entry != Path::new(name));
        self.more.push((name.to_owned(), content));
    }

    /// Tells each part of it: its name, and what it is in bytes that differ when it differs, without times.
    pub fn digest(&self, tell: &mut dyn FnMut(&[u8])) -> Result<(), ContextError> {
        for entry in &self.entries {
            let path = self.root.join(entry);
            let failed = |source| ContextError::File { path: path.clone(), source };
            let metadata = fs::symlink_metadata(&path).map_err(failed)?;
            tell(entry.as_os_str().as_encoded_bytes());
            tell(&[0]);
            tell(&metadata.permissions().mode().to_le_bytes());
            if metadata.is_symlink() {
                tell(fs::read_link(&path).map_err(failed)?.as_os_str().as_encoded_bytes());
            } else if metadata.is_file() {
                tell(&metadata.len().to_le_bytes());
                let mut file = File::open(&path).map_err(failed)?;
                let mut block = vec![0; 1 << 16];
                loop {
                    let count = file.read(&mut block).map_err(failed)?;
                    if count == 0 {
                        break;
                    }
                    tell(&block[..count]);
                }
            }
        }
        for (name, content) in &self.more {
            tell(name.as_bytes());
            tell(&[0]);
            tell(content);
        }
        Ok(())
    }

    /// Writes it as a tar file, whose owner is root and whose times are none: then layers are the same on all machines.
    pub fn write_tar(&self, output: &mut dyn Write) -> Result<(), ContextError> {
        let mut tar = tar::Builder::new(io::BufWriter::with_capacity(1 << 16, output));
        let sent = |path: &Path| {
            let path = path.to_owned();
            move |source| ContextError::Send { path, source }
        };
        for entry in &self.entries {
            let path = self.root.join(entry);
            let failed = |source| ContextError::File { path: path.clone(), source };
            let metadata = fs::symlink_metadata(&path).map_err(failed)?;
            let mut header = Header::new_gnu();
            header.set_mode(metadata.permissions().mode() & 0o7777);
            header.set_size(0);
            if metadata.is_symlink() {
                header.set_entry_type(EntryType::Symlink);
                let target = fs::read_link(&path).map_err(failed)?;
                tar.append_link(&mut header, entry, target).map_err(sent(&path))?;
            } else if metadata.is_dir() {
                header.set_entry_type(EntryType::Directory);
                tar.append_data(&mut header, entry, io::empty()).map_err(sent(&path))?;
            } else {
                header.set_size(metadata.len());
                let file = BufReader::new(File::open(&path).map_err(failed)?);
                tar.append_data(&mut header, entry, file).map_err(sent(&path))?;
            }
        }
        for (name, content) in &self.more {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content.as_slice()).map_err(sent(Path::new(name)))?;
        }
        let mut output = tar.into_inner().map_err(sent(&self.root))?;
        output.flush().map_err(sent(&self.root))
    }
}

fn walk(
    root: &Path,
    below: &Path,
    rules: &Rules,
    kept: &[&Path],
    entries: &mut Vec<PathBuf>,
) -> Result<(), ContextError> {
    let directory = root.join(below);
    let failed = |source| ContextError::File { path: directory.clone(), source };
    for entry in fs::read_dir(&directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type().map_err(failed)?;
        let is_kept = kept.contains(&path.as_path());
        let is_ignored = !is_kept && rules.ignore(&path);
        if kind.is_dir() {
            // Something in it may be wanted again.
            if !is_ignored || rules.has_exceptions || kept.iter().any(|kept| kept.starts_with(&path)) {
                walk(root, &path, rules, kept, entries)?;
            }
        }
        // Sockets and devices are no part of an image.
        if !is_ignored && (kind.is_dir() || kind.is_file() || kind.is_symlink()) {
            entries.push(path);
        }
    }
    Ok(())
}

/// The patterns of an ignore file: the last that matches a path, or one of the directories that it is in, counts.
#[derive(Debug, Default)]
struct Rules {
    rules: Vec<(GlobMatcher, bool)>,
    has_exceptions: bool,
}

impl Rules {
    fn read(file: &Path) -> Result<Self, ContextError> {
        match fs::read_to_string(file) {
            Ok(text) => Self::parse(&text, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ContextError::File { path: file.to_owned(), source }),
        }
    }

    fn parse(text: &str, file: &Path) -> Result<Self, ContextError> {
        let mut rules = Self::default();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (is_exception, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let parts = pattern.split('/').filter(|part| !part.is_empty() && *part != ".");
            let clean = parts.collect::<Vec<_>>().join("/");
            if clean.is_empty() {
                continue;
            }
            let glob = GlobBuilder::new(&clean).literal_separator(true).backslash_escape(true).build();
            let glob = glob.map_err(|error| ContextError::Pattern {
                path: file.to_owned(),
                line: index + 1,
                pattern: line.to_owned(),
                reason: error.kind().to_string(),
            })?;
            rules.rules.push((glob.compile_matcher(), is_exception));
            rules.has_exceptions |= is_exception;
        }
        Ok(rules)
    }

    fn ignore(&self, path: &Path) -> bool {
        let matches = |glob: &GlobMatcher| path.ancestors().any(|part| part != Path::new("") && glob.is_match(part));
        self.rules.iter().rev().find(|(glob, _)| matches(glob)).is_some_and(|(_, is_exception)| !is_exception)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ignore: &str, files: &[&str]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        fs::write(root.path().join(".dockerignore"), ignore).unwrap();
        let context = Context::open(root.path(), "Dockerfile").unwrap();
        let mut bytes = Vec::new();
        context.write_tar(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.header().entry_type().is_file());
        let names = files.map(|entry| entry.path().unwrap().display().to_string());
        names.filter(|name| name != ".dockerignore").collect()
    }

    #[test]
    fn what_is_ignored_is_not_sent() {
        let files = ["Dockerfile", "a.log", "sub/a.log", "node_modules/x/y", "src/main.rs", "src/keep.log"];
        let cases: [(&str, &[&str]); 7] = [
            ("", &files),
            ("*.log\n", &["Dockerfile", "node_modules/x/y", "src/keep.log", "src/main.rs", "sub/a.log"]),
            ("**/*.log\nnode_modules", &["Dockerfile", "src/main.rs"]),
            ("# all\n**/*.log\n!src/keep.log\n/node_modules/\n", &["Dockerfile", "src/keep.log", "src/main.rs"]),
            ("*\n!src\n", &["Dockerfile", "src/keep.log", "src/main.rs"]),
            ("*\n!src\nsrc/*.log", &["Dockerfile", "src/main.rs"]),
            ("Dockerfile\nsrc\nsub\nnode_modules\na.*", &["Dockerfile"]),
        ];
        for (ignore, wanted) in cases {
            let mut wanted = wanted.to_vec();
            wanted.sort_unstable();
            let mut found = names(ignore, &files);
            found.sort();
            assert_eq!(found, wanted, "{ignore:?}");
        }
    }

    #[test]
    fn a_pattern_that_is_none_is_shown_at_its_line() {
        let error = Rules::parse("a\n[z\n", Path::new("/w/.dockerignore")).unwrap_err().to_string();
        assert!(error.starts_with("/w/.dockerignore line 2: `[z` is not a pattern"), "{error}");
    }

    #[test]
    fn the_digest_differs_when_what_is_sent_differs() {
        let root = tempfile::tempdir().unwrap();
        let digest = || {
            let mut bytes = Vec::new();
            Context::open(root.path(), "Dockerfile")
                .unwrap()
                .digest(&mut |part| bytes.extend_from_slice(part))
                .unwrap();
            bytes
        };
        fs::write(root.path().join("Dockerfile"), "FROM scratch").unwrap();
        fs::write(root.path().join(".dockerignore"), "*.log").unwrap();
        let first = digest();
        fs::write(root.path().join("a.log"), "x").unwrap();
        assert_eq!(digest(), first);
        fs::write(root.path().join("a.txt"), "x").unwrap();
        let second = digest();
        assert_ne!(second, first);
        fs::set_permissions(root.path().join("a.txt"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(digest(), second);
    }
}
