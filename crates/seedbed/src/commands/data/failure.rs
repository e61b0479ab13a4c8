//! What to say of an error of a data workspace.

use std::fmt::Write;

use workspace::Error;

use crate::failure::{Failure, near};

/// The message, the word and the exit code for an error.
pub fn of(error: &Error) -> Failure {
    let (code, kind) = class(error);
    let mut message = format!("error: {}\n", environment::with_causes(error));
    if let Some(hint) = hint(error) {
        writeln!(message, "help: {hint}").expect("writing to a string cannot fail");
    }
    Failure { code, kind, message }
}

fn class(error: &Error) -> (u8, &'static str) {
    match error {
        Error::NoWorkspace { .. } => (5, "no-data-workspace"),
        Error::NoResource { .. } => (5, "no-resource"),
        Error::NoSnapshot { .. } | Error::Ambiguous { .. } => (5, "no-snapshot"),
        Error::Unknown { .. } => (5, "unknown"),
        Error::Exists { .. }
        | Error::ResourceExists(_)
        | Error::PathTaken { .. }
        | Error::TagTaken { .. }
        | Error::Name { .. }
        | Error::Refused { .. }
        | Error::Store(store::StoreError::BadTag(_)) => (6, "refused"),
        Error::Metadata { .. } => (3, "metadata"),
        Error::Io { .. } => (4, "file-system"),
        Error::NoGit { .. } => (4, "git"),
        Error::Git { .. } => (1, "git"),
        Error::Program { .. } => (1, "program"),
        Error::World { .. } => (4, "remote"),
        Error::Resource { .. } | Error::Tree { .. } => (1, "resource"),
        Error::Store(_) => (1, "store"),
        Error::Interrupted => (130, "interrupted"),
    }
}

fn hint(error: &Error) -> Option<String> {
    match error {
        Error::NoWorkspace { .. } => {
            Some("`seedbed init --data` makes one here; stand in one, or name one with -C".to_owned())
        }
        Error::Exists { .. } => Some("`seedbed add` adds resources to it".to_owned()),
        Error::NoResource { wanted, known }
        | Error::NoSnapshot { wanted, known }
        | Error::Unknown { wanted, known, .. } => Some(near(wanted, known)),
        Error::Ambiguous { found, .. } => Some(format!("write more digits: {}", found.join(", "))),
        Error::ResourceExists(_) => Some("choose another name with --name".to_owned()),
        Error::PathTaken { .. } => Some("a file belongs to one resource".to_owned()),
        Error::TagTaken { .. } => {
            Some("choose another tag; `seedbed tag SNAPSHOT TAG --move` moves this one".to_owned())
        }
        Error::Resource { help, .. } | Error::Refused { help, .. } => help.clone(),
        Error::Metadata { .. } => Some("git has earlier versions of it: `git log -- .dataworkspace`".to_owned()),
        Error::NoGit { .. } => Some("install git; it carries the metadata".to_owned()),
        Error::Interrupted => Some("nothing was changed".to_owned()),
        _ => None,
    }
}
