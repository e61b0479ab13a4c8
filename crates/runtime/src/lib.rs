//! Processes and containers: what executes the actions of the crate `supervisor`.
//!
//! [`Runtime`] starts each unit's process in a process group of its own, captures its output (`capture.rs`, `log_file.rs`), probes
//! it (`probe.rs`, `http.rs`), signals it, and reports what happens as events. Everything runs on one thread: the kernel
//! ties the death of a child to the *thread* that started it, and one thread needs no locks.
//!
//! No process outlives its supervisor, even if that is killed (`launch.rs` says how): the kernel sends every child a
//! `SIGKILL` when its parent dies; a pipe whose last writer is the supervisor sends one to each whole process group;
//! and what escapes both is found by the next supervisor of the environment (`predecessor.rs`). The first two are Linux'.
//!
//! A unit that is a container is the engine's child (`contained.rs`, `contained_unit.rs`); what ends it with the supervisor
//! is the [`guard`].
//!
//! A [`Companion`] is another thing: a process that one command asks line by line, with the same guarantees.
//!
//! [`LogReader`] reads what was captured. The format of logs is described in `docs/formats/log.md`.

mod capture;
mod cgroup;
mod clock;
mod companion;
mod contained;
mod contained_unit;
mod departure;
mod error;
mod file_limit;
mod files;
mod gate;
mod group;
mod guard;
mod http;
mod launch;
mod log_file;
mod log_line;
mod log_reader;
mod lookup;
mod native;
mod notify;
mod pattern;
mod predecessor;
mod probe;
mod reaper;
mod register;
mod relay;
mod sites;
mod spawn;
mod tail;
mod terminal;
mod usage;
mod workplace;

pub use cgroup::limits_hold;
pub use clock::Clock;
pub use companion::{Companion, CompanionPipes};
pub use departure::wait_gone;
pub use error::RuntimeError;
pub use guard::guard;
pub use log_line::{LogLine, Stream};
pub use log_reader::{LogEntry, LogReader, OLDER_PARTS, rotated};
pub use native::Runtime;
pub use predecessor::unit_processes;
pub use sites::sweep;
pub use spawn::{MARK, SUPERVISOR};
pub use tail::tail;
pub use usage::{Usage, available_memory, usage};
pub use workplace::works_in;
