//! Data workspaces: resources with roles, snapshots of all of them together, and the metadata that git carries.
//!
//! A data workspace is a directory with `.dataworkspace/`. [`Workspace`] opens one; each operation is a file. What a kind
//! of resource can do stands behind one trait ([`ResourceKind`]), and each kind is one file. The metadata has two forms,
//! told in `docs/formats/data-workspace.md`: nothing above [`Metadata`] knows which. Nothing here knows services,
//! environments or the terminal; what is needed of the world comes with [`Context`].

mod add;
mod api;
mod branch;
mod changes;
mod classic;
mod cloning;
mod compare;
mod config;
mod contents;
mod context;
mod database;
mod error;
mod find;
mod git;
mod git_index;
mod git_merge;
mod git_reference;
mod git_repository;
mod git_subdirectory;
mod http;
mod incorporate;
mod init;
mod journal;
mod kind;
mod local_files;
mod lock;
mod manifest;
pub mod merge;
mod metadata;
mod moment;
mod names;
mod page;
mod rclone;
mod resource;
mod restore;
mod results;
mod role;
mod separate;
mod shared_contents;
mod sharing;
mod sketch;
mod snapshot;
mod status;
mod switch;
mod tags;
mod taking;
mod template;
mod upgrade;
mod workspace;

pub use add::{AddOptions, Added, add};
pub use branch::{Sets, Switched, Used, branch, delete_branch, sets, use_set};
pub use changes::Changes;
pub use cloning::{Begun, CloneOptions, Cloned, Place, clone};
pub use compare::{Compared, Difference, ResourceResults, Shown, diff, flat, results, show};
pub use config::{Parameter, parameters, remove, rename, set_parameter};
pub use context::{Context, Failure, World};
pub use error::Error;
pub use find::find_root;
pub use git::Git;
pub use incorporate::Incorporated;
pub use init::{InitOptions, Initialised, init};
pub use kind::{Draft, ResourceKind, State, Work, kind, kinds};
pub use manifest::{Entry, Manifest};
pub use metadata::{Form, Metadata};
pub use page::{differences, numbers, page};
pub use resource::Resource;
pub use restore::{RestoreOptions, Restored, Undone, restore, undo};
pub use role::Role;
pub use shared_contents::SentContents;
pub use sharing::{Pulled, Pushed, ShareOptions, Shared, publish, pull, push};
pub use snapshot::{SnapshotOptions, Taken, snapshot};
pub use status::{Change, ChangeKind, ResourceStatus, Status, status};
pub use tags::{delete_snapshots, tag, untag};
pub use taking::Taking;
pub use upgrade::{Finding, Upgraded, upgrade, verify};
pub use workspace::{Current, Workspace};
