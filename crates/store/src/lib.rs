//! A store of what environments were: objects by digest, references by name; snapshots, states and bases on top.
//!
//! A store lives on a [`Backend`]; a local one and a remote are the same format, told in `docs/formats/store.md`. It
//! knows nothing of databases and files: it is given objects, and names of what they hold.

mod ahead;
mod backend;
mod block;
mod census;
mod check;
mod collect;
mod directory;
mod disk;
mod document;
mod error;
mod fence;
mod fragment;
mod index;
mod keys;
mod memory;
mod object;
mod pack;
mod process;
mod random;
mod reader;
mod references;
mod reliance;
mod repair;
mod seal;
mod session;
mod snapshot;
mod snapshots;
mod states;
mod store;
mod table;
mod transfer;
mod writer;

pub use backend::{Backend, BackendError, Draft, Entry, Expect, Version};
pub use check::{CheckOptions, Finding, check};
pub use collect::{CollectOptions, CollectReport, collect};
pub use directory::DirectoryBackend;
pub use disk::{Disk, SystemDisk};
pub use error::StoreError;
pub use keys::{Access, BadKey, Identity, Recipient};
pub use memory::MemoryBackend;
pub use object::{
    BadObjectId, LARGEST_OBJECT, ObjectId, ObjectKind, ObjectReader, ObjectWriter, decode_node, encode_node,
};
pub use references::Reference;
pub use repair::{Repaired, repair};
pub use session::Session;
pub use snapshot::{Content, Snapshot, SnapshotId};
pub use snapshots::{Record, RecordDetails, check_tag};
pub use states::{State, StatePolicy, prune};
pub use store::{CreateOptions, Store};
pub use transfer::{Progress, Transferred, transfer};
pub use writer::{Writer, Written};
