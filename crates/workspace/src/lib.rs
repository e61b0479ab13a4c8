//! Data workspaces: resources with roles, snapshots of all of them together, and the metadata that git carries.
//!
//! A data workspace is a directory with `.dataworkspace/`. [`Workspace`] opens one; each operation is a file. What a kind
//! of resource can do stands behind one trait ([`ResourceKind`]), and each kind is one file. The metadata has two forms,
//! told in `docs/formats/data-workspace.md`: nothing above [`Metadata`] knows which. Nothing here knows services,
//! environments or the terminal; what is needed of the world comes with [`Context`].

mod add;
mod changes;
mod classic;
mod contents;
mod context;
mod error;
mod find;
mod git;
mod git_index;
mod git_repository;
mod git_subdirectory;
mod init;
mod journal;
mod kind;
mod local_files;
mod lock;
mod manifest;
mod metadata;
mod moment;
mod names;
mod resource;
mod results;
mod role;
mod separate;
mod sketch;
mod snapshot;
mod status;
mod taking;
mod template;
mod workspace;

pub use add::{AddOptions, Added, add};
pub use changes::Changes;
pub use context::{Context, Failure, World};
pub use error::Error;
pub use find::find_root;
pub use git::Git;
pub use init::{InitOptions, Initialised, init};
pub use kind::{Draft, ResourceKind, State, Work, kind, kinds};
pub use manifest::{Entry, Manifest};
pub use metadata::{Form, Metadata};
pub use resource::Resource;
pub use role::Role;
pub use snapshot::{SnapshotOptions, Taken, snapshot};
pub use status::{Change, ChangeKind, ResourceStatus, Status, status};
pub use taking::Taking;
pub use workspace::Workspace;
