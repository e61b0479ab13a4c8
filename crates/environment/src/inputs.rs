//! Digests of declared inputs: names and contents of files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use ignore::WalkBuilder;

use crate::Error;

/// The digest of the names and contents of all files that these patterns name, relative to `root`.
pub fn digest<'a>(root: &Path, patterns: impl IntoIterator<Item = &'a str>) -> Result<String, Error> {
    let mut hasher = blake3::Hasher::new();
    for pattern in patterns {
        hasher.update(&(pattern.len() as u64).to_le_bytes());
        hasher.update(pattern.as_bytes());
        for (name, path) in files(root, pattern)? {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hash_file(&path, &mut hasher)?;
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// The same for files that are large and seldom change: what a file held is remembered by its size and times, in the
/// directory of the workspace's environments.
pub fn remembered_digest<'a>(root: &Path, patterns: impl IntoIterator<Item = &'a str>) -> Result<String, Error> {
    let memory = root.join(crate::place::DIRECTORY).join("digests.json");
    let known: BTreeMap<String, String> = crate::durable::read_json(&memory).ok().flatten().unwrap_or_default();
    let mut now = known.clone();
    let mut hasher = blake3::Hasher::new();
    for pattern in patterns {
        for (name, path) in files(root, pattern)? {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            let stat = fs::metadata(&path).map_err(Error::io("read", &path))?;
            let (seconds, nanos) = (stat.ctime(), stat.ctime_nsec());
            let key = format!("{name} {} {} {} {seconds}.{nanos}", stat.dev(), stat.ino(), stat.len());
            let digest = if let Some(digest) = known.get(&key) {
                digest.clone()
            } else {
                let mut content = blake3::Hasher::new();
                hash_file(&path, &mut content)?;
                let digest = content.finalize().to_hex().to_string();
                now.retain(|other, _| !other.starts_with(&format!("{name} ")));
                now.insert(key, digest.clone());
                digest
            };
            hasher.update(digest.as_bytes());
        }
    }
    // What cannot be remembered is found out again; a workspace without environments is left without their directory.
    if now != known && memory.parent().is_some_and(Path::is_dir) {
        drop(crate::durable::write_json(&memory, &now));
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// The digest of each file that these patterns name, by its name, but for those that `is_left_out` says of.
pub fn listed<'a>(
    root: &Path,
    patterns: impl IntoIterator<Item = &'a str>,
    is_left_out: &dyn Fn(&Path) -> bool,
) -> Result<BTreeMap<String, String>, Error> {
    let mut listed = BTreeMap::new();
    for pattern in patterns {
        for (name, path) in files(root, pattern)? {
            if is_left_out(&path) {
                continue;
            }
            let mut hasher = blake3::Hasher::new();
            hash_file(&path, &mut hasher)?;
            listed.insert(name, hasher.finalize().to_hex().to_string());
        }
    }
    Ok(listed)
}

/// The digest of files that were [`listed`].
pub fn digest_of(listed: &BTreeMap<String, String>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, digest) in listed {
        for text in [name, digest] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// The files that somebody has made under these patterns, whether git sees them or not.
pub fn made<'a>(root: &Path, patterns: impl IntoIterator<Item = &'a str>) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut made = Vec::new();
    for pattern in patterns {
        made.extend(walk(root, pattern, false)?);
    }
    Ok(made)
}

/// Whether a pattern names this file, which need not be there.
pub fn covers(root: &Path, pattern: &str, file: &Path) -> bool {
    let (fixed, rest) = split(pattern);
    let Ok(below) = normal(file).strip_prefix(normal(&root.join(fixed))).map(Path::to_owned) else { return false };
    rest.is_empty() || glob(rest).is_some_and(|glob| glob.is_match(below))
}

/// A path without `.` and `..`, by its words alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// The first of these patterns that names nothing that exists.
pub fn first_missing<'a>(root: &Path, patterns: impl IntoIterator<Item = &'a str>) -> Result<Option<String>, Error> {
    for pattern in patterns {
        let plain = root.join(pattern);
        if !plain.exists() && walk(root, pattern, false)?.is_empty() {
            return Ok(Some(pattern.to_owned()));
        }
    }
    Ok(None)
}

/// The files that a pattern names, by name, in order: a file, all below a directory, or what a glob matches.
fn files(root: &Path, pattern: &str) -> Result<Vec<(String, PathBuf)>, Error> {
    walk(root, pattern, true)
}

fn walk(root: &Path, pattern: &str, heeds_git: bool) -> Result<Vec<(String, PathBuf)>, Error> {
    let (fixed, rest) = split(pattern);
    let base = root.join(fixed);
    if rest.is_empty() && base.is_file() {
        return Ok(vec![(pattern.to_owned(), base)]);
    }
    if !base.is_dir() {
        return Ok(Vec::new());
    }
    let matcher = match (rest, glob(rest)) {
        ("", _) => None,
        (_, Some(matcher)) => Some(matcher),
        // A pattern that is no glob names nothing; the manifest was checked.
        (_, None) => return Ok(Vec::new()),
    };
    let crosses = rest.is_empty() || rest.contains("**");
    let mut walk = WalkBuilder::new(&base);
    // Only `.gitignore` counts, which all who work on the repository share.
    let heeds_git = heeds_git && crosses;
    walk.standard_filters(false).git_ignore(heeds_git).parents(heeds_git).require_git(false);
    walk.max_depth(if crosses { None } else { Some(rest.split('/').count()) });
    walk.filter_entry(|entry| entry.file_name() != ".git" && entry.file_name() != crate::place::DIRECTORY);
    let mut found = Vec::new();
    for entry in walk.build() {
        let entry = entry.map_err(|error| Error::io("list", &base)(std::io::Error::other(error)))?;
        // Whoever reads a pipe or a socket may wait for ever.
        if !entry.file_type().is_some_and(|kind| kind.is_file() || kind.is_symlink()) {
            continue;
        }
        let below = entry.path().strip_prefix(&base).unwrap_or(entry.path());
        if matcher.as_ref().is_none_or(|matcher| matcher.is_match(below)) {
            found.push((format!("{fixed}/{}", below.display()), entry.path().to_owned()));
        }
    }
    found.sort();
    Ok(found)
}

/// The directories before the first part with a wildcard, and the rest.
fn split(pattern: &str) -> (&str, &str) {
    let Some(wild) = pattern.find(['*', '?', '[', '{']) else { return (pattern.trim_end_matches('/'), "") };
    match pattern[..wild].rfind('/') {
        Some(slash) => (&pattern[..slash], &pattern[slash + 1..]),
        None => ("", pattern),
    }
}

fn glob(pattern: &str) -> Option<GlobMatcher> {
    GlobBuilder::new(pattern).literal_separator(true).build().ok().map(|glob| glob.compile_matcher())
}

fn hash_file(path: &Path, hasher: &mut blake3::Hasher) -> Result<(), Error> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) && !path.is_file() {
        let target = fs::read_link(path).map_err(Error::io("read", path))?;
        hasher.update(target.as_os_str().as_encoded_bytes());
        return Ok(());
    }
    let mut file = match File::open(path) {
        Ok(file) => file,
        // What vanishes meanwhile, as an editor's files do, is not there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let mut contents = blake3::Hasher::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer).map_err(Error::io("read", path))?;
        if count == 0 {
            break;
        }
        contents.update(&buffer[..count]);
    }
    hasher.update(contents.finalize().as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("src/main.rs", "main"),
            ("src/deep/er.rs", "deeper"),
            ("src/target/out.o", "object"),
            ("Cargo.toml", "toml"),
            (".gitignore", "target/\n"),
            ("sub/own.txt", "own"),
        ] {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    #[test]
    fn patterns_name_files_directories_and_globs() {
        let tree = tree();
        let cases: [(&str, &str, &[&str]); 7] = [
            ("", "Cargo.toml", &["Cargo.toml"]),
            ("", "src/*.rs", &["src/main.rs"]),
            ("", "src/**", &["src/deep/er.rs", "src/main.rs"]),
            ("", "src", &["src/deep/er.rs", "src/main.rs"]),
            ("", "*.toml", &["/Cargo.toml"]),
            ("sub", "../src/**/*.rs", &["../src/deep/er.rs", "../src/main.rs"]),
            ("", "missing/**", &[]),
        ];
        for (below, pattern, expected) in cases {
            let found = files(&tree.path().join(below), pattern).unwrap();
            let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, expected, "{pattern}");
        }
    }

    #[test]
    fn the_digest_follows_names_and_contents_and_nothing_else() {
        let tree = tree();
        let digest = || digest(tree.path(), ["src/**", "Cargo.toml"]).unwrap();
        let first = digest();
        fs::write(tree.path().join("src/target/out.o"), "changed").unwrap();
        fs::write(tree.path().join("sub/own.txt"), "changed").unwrap();
        let main = tree.path().join("src/main.rs");
        fs::write(&main, "main").unwrap();
        assert_eq!(digest(), first, "ignored and undeclared files, and times, do not count");
        fs::write(&main, "changed").unwrap();
        let second = digest();
        assert_ne!(second, first);
        fs::rename(&main, tree.path().join("src/moved.rs")).unwrap();
        assert_ne!(digest(), second);
    }

    #[test]
    fn only_files_count_and_only_gitignore_hides() {
        let tree = tree();
        fs::write(tree.path().join(".ignore"), "main.rs\n").unwrap();
        std::os::unix::fs::symlink("nowhere", tree.path().join("src/link")).unwrap();
        // A socket: whoever would read it waits for ever, or fails.
        let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("src/socket")).unwrap();
        let names = |pattern| {
            let found = files(tree.path(), pattern).unwrap();
            found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names("src/**"), ["src/deep/er.rs", "src/link", "src/main.rs"]);
        assert_eq!(names("src/{a"), Vec::<String>::new(), "no glob");
        let before = digest(tree.path(), ["src/**"]).unwrap();
        fs::remove_file(tree.path().join("src/link")).unwrap();
        std::os::unix::fs::symlink("elsewhere", tree.path().join("src/link")).unwrap();
        assert_ne!(digest(tree.path(), ["src/**"]).unwrap(), before, "where a link goes is its content");
    }

    #[test]
    fn what_a_pattern_names_is_known_before_it_is_there() {
        let cases = [
            ("out", "/w/out/a/b", true),
            ("out", "/w/outer", false),
            ("out/*.js", "/w/out/a.js", true),
            ("out/*.js", "/w/out/deep/a.js", false),
            ("out/**/*.js", "/w/out/deep/a.js", true),
            ("../lib/x", "/lib/x", true),
            ("a", "/w/b/../a", true),
        ];
        for (pattern, file, expected) in cases {
            assert_eq!(covers(Path::new("/w"), pattern, Path::new(file)), expected, "{pattern} {file}");
        }
    }

    #[test]
    fn a_missing_output_is_named() {
        let tree = tree();
        assert_eq!(first_missing(tree.path(), ["src/*.rs", "sub"]).unwrap(), None);
        assert_eq!(first_missing(tree.path(), ["sub", "out/lib"]).unwrap(), Some("out/lib".into()));
    }
}
