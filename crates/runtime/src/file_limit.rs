//! How many files the supervisor may have open: it needs four for each process, and programs are given the limit that there was.

use std::io;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What macOS lets a process have at most, whatever its hard limit says.
#[cfg(target_os = "macos")]
const MOST: u64 = 10_240;

static BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit to the hard one, for this process alone.
pub(crate) fn raise() {
    let before = getrlimit(Resource::Nofile);
    if BEFORE.set(before).is_err() {
        return;
    }
    #[cfg(target_os = "macos")]
    let current = Some(before.maximum.map_or(MOST, |hard| hard.min(MOST)));
    #[cfg(not(target_os = "macos"))]
    let current = before.maximum;
    // Where it cannot be raised, it is as it was, and what does not fit says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum: before.maximum });
}

/// The limit that programs get: a raised one is a trap for those that use `select`, or that close all files that there can be.
pub(crate) fn of_programs() -> Option<libc::rlimit> {
    let Rlimit { current, maximum } = *BEFORE.get()?;
    let number = |limit: Option<u64>| limit.unwrap_or(libc::RLIM_INFINITY);
    Some(libc::rlimit { rlim_cur: number(current), rlim_max: number(maximum) })
}

/// Says more of an error that is about too many open files.
pub(crate) fn explain(error: &io::Error) -> Option<String> {
    match error.raw_os_error()? {
        libc::EMFILE => {
            let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
            Some(format!(
                "the supervisor may have only {limit} files open, and needs four for each process: raise the hard limit \
                 (`ulimit -Hn`, or LimitNOFILE of systemd) where `seedbed` is called, then `seedbed down` and `seedbed up`"
            ))
        }
        libc::ENFILE => Some("the whole system has too many files open: raise fs.file-max".to_owned()),
        _ => None,
    }
}
