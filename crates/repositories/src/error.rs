//! What can go wrong with a repository.

use std::io;
use std::path::{Path, PathBuf};

use crate::CommitId;

/// Why something could not be had of a repository. What was there before is still there.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// There is no `git`.
    #[error("`git` cannot be started")]
    NoGit(#[source] io::Error),
    /// Nobody answers, or the answer is no.
    #[error("{address} cannot be reached: {said}")]
    Unreachable {
        /// The repository.
        address: String,
        /// The last lines of git.
        said: String,
    },
    /// Git failed at something else.
    #[error("`git {command}` failed: {said}")]
    Git {
        /// Its command.
        command: String,
        /// The last lines of git.
        said: String,
    },
    /// No branch and no tag has this name.
    #[error("{address} has no branch and no tag `{reference}`")]
    NoReference {
        /// The repository.
        address: String,
        /// What was asked for.
        reference: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The repository has no commit at all, or does not say which one it begins with.
    #[error("{address} has no commit that is checked out when none is named")]
    NoHead {
        /// The repository.
        address: String,
    },
    /// A branch and a tag have this name.
    #[error("`{reference}` is a branch ({}) and a tag ({}) of {address}", branch.short(), tag.short())]
    Ambiguous {
        /// The repository.
        address: String,
        /// What was asked for.
        reference: String,
        /// The commit of the branch.
        branch: CommitId,
        /// The commit of the tag.
        tag: CommitId,
    },
    /// The repository does not have a commit, or not any more.
    #[error("{address} has no commit {commit}")]
    NoCommit {
        /// The repository.
        address: String,
        /// What was asked for.
        commit: CommitId,
    },
    /// The commit has nothing under a path.
    #[error("there is no `{path}` in {address} at {}", commit.short())]
    NoPath {
        /// The repository.
        address: String,
        /// The commit.
        commit: CommitId,
        /// What was asked for.
        path: String,
    },
    /// A symbolic link would lead out of the repository.
    #[error("{address} at {} has the link `{path}` to `{target}`, which leads out of it", commit.short())]
    LinkOut {
        /// The repository.
        address: String,
        /// The commit.
        commit: CommitId,
        /// The link.
        path: String,
        /// What it points to.
        target: String,
    },
    /// A file has a name that must not be written.
    #[error("{address} at {} has a file with the name `{path}`, which is not written", commit.short())]
    BadName {
        /// The repository.
        address: String,
        /// The commit.
        commit: CommitId,
        /// The name.
        path: String,
    },
    /// The content is not what was pinned.
    #[error("`{path}` of {address} at {} is not what the lock says: it has the digest {found}, not {wanted}", commit.short())]
    OtherContent {
        /// The repository.
        address: String,
        /// The commit.
        commit: CommitId,
        /// The path in it.
        path: String,
        /// What the lock says.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl RepositoryError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::NoGit(_) => "install git, version 2.25 or later".to_owned(),
            Self::Unreachable { address, .. } => format!(
                "see whether `git ls-remote {address}` works: git's own settings and credential helpers are used; what \
                 is locked and was fetched before needs no network"
            ),
            Self::NoReference { reference, known, .. } => {
                match source::closest(reference, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if reference.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                        "a commit is named by all its digits".to_owned()
                    }
                    None => format!("there is {}", known.iter().take(10).cloned().collect::<Vec<_>>().join(", ")),
                }
            }
            Self::NoHead { .. } => "name a branch with `ref`".to_owned(),
            Self::Ambiguous { reference, .. } => format!("write `refs/heads/{reference}` or `refs/tags/{reference}`"),
            Self::NoCommit { .. } => {
                "it was never pushed, or removed there; `seedbed update` moves the lock to one that is there".to_owned()
            }
            Self::LinkOut { .. } | Self::BadName { .. } => {
                "this is refused, whoever wrote it; take another commit, or another path of the repository".to_owned()
            }
            Self::OtherContent { .. } => "somebody changed the lock, the repository or the cache; nothing of it was \
                                          used. If the content is right, remove its digest from seedbed.lock"
                .to_owned(),
            Self::Io { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory
                ) =>
            {
                "what is fetched is kept in the user's cache: `XDG_CACHE_HOME` names another directory for it"
                    .to_owned()
            }
            Self::NoPath { .. } | Self::Git { .. } | Self::Io { .. } | Self::Interrupted => return None,
        })
    }
}
