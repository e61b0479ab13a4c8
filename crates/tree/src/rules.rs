//! What of a directory is saved, and where pages begin.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use globset::{Glob, GlobMatcher, GlobSet, GlobSetBuilder};

use crate::TreeError;
use crate::entry::Class;

/// Pages of `PostgreSQL` (two of them) and of `InnoDB`.
const PAGE: u32 = 16 << 10;

/// Of a log that a database writes, which changes only at its end: a chunk compresses better alone.
const LOG: u32 = 64 << 10;

/// What a file of `SQLite` begins with.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// What is saved and how. Patterns are of whole paths from the root: `*` crosses directories, and a pattern that fits a
/// directory fits all that is in it.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Only these, if there are any.
    pub include: Vec<String>,
    /// Not these.
    pub exclude: Vec<String>,
    /// Files whose content comes in pages.
    pub pages: Vec<PageRule>,
    /// Whether directories on which another file system is mounted are left empty.
    pub one_file_system: bool,
    /// Whether what cannot be saved becomes a named hole instead of an error.
    pub allow_holes: bool,
}

/// Files whose content comes in pages.
#[derive(Debug, Clone)]
pub struct PageRule {
    /// Which files.
    pub glob: String,
    /// Bytes of a chunk: a power of two from 4,096 to 1,048,576.
    pub bytes: u32,
}

/// A set of patterns, ready to be used.
#[derive(Debug)]
pub struct Patterns(GlobSet);

impl Patterns {
    pub fn new(globs: &[String]) -> Result<Self, TreeError> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let glob = glob.trim_end_matches('/');
            for glob in [glob.to_owned(), format!("{glob}/**")] {
                set.add(Glob::new(&glob).map_err(|source| TreeError::BadGlob { glob, source })?);
            }
        }
        let all = || globs.join(" ");
        Ok(Self(set.build().map_err(|source| TreeError::BadGlob { glob: all(), source })?))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn fit(&self, path: &[u8]) -> bool {
        !self.0.is_empty() && self.0.is_match(Path::new(OsStr::from_bytes(path)))
    }
}

/// Rules, ready to be used.
pub struct Selection {
    include: Patterns,
    exclude: Patterns,
    pages: Vec<(GlobMatcher, u32)>,
    pub one_file_system: bool,
    pub allow_holes: bool,
}

impl Selection {
    pub fn new(rules: &Rules) -> Result<Self, TreeError> {
        let mut pages = Vec::new();
        for rule in &rules.pages {
            if !rule.bytes.is_power_of_two() || !(4096..=1 << 20).contains(&rule.bytes) {
                return Err(TreeError::BadPage { bytes: rule.bytes });
            }
            let glob =
                Glob::new(&rule.glob).map_err(|source| TreeError::BadGlob { glob: rule.glob.clone(), source })?;
            pages.push((glob.compile_matcher(), rule.bytes));
        }
        Ok(Self {
            include: Patterns::new(&rules.include)?,
            exclude: Patterns::new(&rules.exclude)?,
            pages,
            one_file_system: rules.one_file_system,
            allow_holes: rules.allow_holes,
        })
    }

    pub fn excludes(&self, path: &[u8]) -> bool {
        self.exclude.fit(path)
    }

    /// Whether the entry itself is asked for; a directory that is not may contain some that are.
    pub fn includes(&self, path: &[u8]) -> bool {
        self.include.is_empty() || self.include.fit(path)
    }

    /// How a file must be cut because of its path; `None` where its content decides.
    pub fn class(&self, path: &[u8], name: &[u8], place: Place) -> Option<Class> {
        let file = Path::new(OsStr::from_bytes(path));
        if let Some((_, bytes)) = self.pages.iter().find(|(glob, _)| glob.is_match(file)) {
            return Some(Class::Page(*bytes));
        }
        let is_of_pages = place == Place::ClusterPages || name.ends_with(b".ibd") || name.starts_with(b"ibdata");
        match place {
            Place::ClusterLog => Some(Class::Page(LOG)),
            _ => is_of_pages.then_some(Class::Page(PAGE)),
        }
    }
}

/// Where a directory is in a `PostgreSQL` data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Not in one.
    Outside,
    /// It is one.
    Cluster,
    /// In a part of one where files consist of pages.
    ClusterPages,
    /// In its log, whose files are written from their beginning to their end.
    ClusterLog,
}

impl Place {
    /// The place of a directory in which these names are.
    pub fn refine(self, has: impl Fn(&[u8]) -> bool) -> Self {
        if self == Self::Outside && has(b"PG_VERSION") && has(b"global") { Self::Cluster } else { self }
    }

    /// The place of a directory in this one.
    pub fn below(self, name: &[u8]) -> Self {
        match self {
            Self::Cluster if matches!(name, b"base" | b"global" | b"pg_tblspc") => Self::ClusterPages,
            Self::Cluster if name == b"pg_wal" => Self::ClusterLog,
            Self::Cluster | Self::Outside => Self::Outside,
            Self::ClusterPages | Self::ClusterLog => self,
        }
    }
}

/// How a file is cut that begins with these bytes.
pub fn recognise(head: &[u8]) -> Class {
    match head.split_first_chunk::<16>() {
        Some((magic, [high, low, ..])) if magic == SQLITE => {
            let page = match u32::from(u16::from_be_bytes([*high, *low])) {
                1 => 1 << 16,
                page => page,
            };
            let bytes = (page * 4).max(16 << 10);
            if bytes.is_power_of_two() { Class::Recognised(bytes) } else { Class::Cdc }
        }
        _ => Class::Cdc,
    }
}
