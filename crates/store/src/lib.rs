//! Snapshots of an environment: what one holds, and where they are kept.
//!
//! [`SnapshotStore`] is the boundary. [`CopyStore`] behind it keeps plain copies, each verified by its digest before it
//! is handed out; the bytes are described in `docs/formats/snapshots.md`. It knows nothing of databases: it is given
//! files and the names of what they hold.

mod copies;
mod error;
mod snapshot;

pub use copies::CopyStore;
pub use error::StoreError;
pub use snapshot::{Content, Draft, NewContent, Record, RecordDetails, Snapshot, SnapshotId, SnapshotStore};
