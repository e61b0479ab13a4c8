//! Environments: one operation per file, from `up` to `destroy`.
//!
//! An operation opens a [`Session`] (what is declared, what is there, the right to change it), lets the room `plan` say
//! what is to be done, and carries that out: processes through the supervisor, databases itself. It tells a
//! [`Monitor`] what goes on and returns a report; nothing here prints, reads a clock or knows an engine by name.

mod archive;
mod base;
mod capture;
mod chain;
mod compare;
mod context;
mod copy;
mod data;
mod databases;
mod describe;
mod destroy;
mod diff;
mod doctor;
mod down;
mod downloads;
mod durable;
mod elsewhere;
mod error;
mod execute;
mod facts;
mod generation;
mod images;
mod implied;
mod inputs;
mod journal;
mod journal_rows;
mod keeping;
mod ledger;
mod ledger_column;
mod ledger_identity;
mod library;
mod load;
mod loader;
mod loader_commit;
mod loader_part;
mod loader_removal;
mod loader_report;
mod loads;
mod lock;
mod logs;
mod material;
mod monitor;
mod observation;
mod personal;
mod physical;
mod place;
mod ports;
mod private;
mod pseudonyms;
mod record;
mod report;
mod reset;
mod resources;
mod scan;
mod session;
mod sharing;
mod snapshot;
mod spec_schema;
mod specs;
mod states;
mod status;
mod tasks;
mod tend;
mod times;
mod types;
mod undo;
mod unload;
mod up;
mod verify;
mod versions;
mod wanted;
mod why;

pub use base::{PublishOptions, Published, bases, publish};
pub use capture::{CaptureOptions, Captured, Selector, capture};
pub use compare::{DatabaseDifference, TableDifference};
pub use context::{Context, Mode, RemoteFailure, Remotes, Target};
pub use databases::{
    DatabaseInfo, DatabaseStats, KeptInfo, database_shell, database_stats, database_url, list_databases,
};
pub use describe::{TableProfile, describe, spec_alike};
pub use destroy::{DestroyPreview, destroy, destroy_preview};
pub use diff::{Difference, diff};
pub use doctor::{Check, Finding, doctor};
pub use down::{DownReport, down};
pub use error::{Error, StepFailure, with_causes};
pub use keeping::{CheckReport, check, collect, repair};
pub use ledger::LoadMode;
pub use load::{LoadOptions, load};
pub use loader_removal::InTheWay;
pub use loader_report::{Difference as FieldDifference, LoadReport, TypeReport};
pub use loads::{LoadInfo, LoadedRows, loads};
pub use logs::{LogLine, LogOptions, follow, logs};
pub use monitor::{Interrupt, Monitor, Progress};
pub use personal::Personal;
pub use physical::SnapshotForm;
pub use report::{ServiceReport, StepReport};
pub use reset::{ResetReport, reset};
pub use scan::Finding as ScanFinding;
pub use session::Session;
pub use sharing::{PushOptions, Shared, fetch, pull, push};
pub use snapshot::{
    RestoreOptions, Shown, SnapshotOptions, delete, export, import, restore, show, snapshot, snapshots, tag,
};
pub use spec_schema::spec_schema;
pub use status::{DatabaseReport, ServerReport, StatusReport, environments, status};
pub use tend::{TendReport, tend};
pub use types::{FieldInfo, TypeInfo, types};
pub use undo::{UndoReport, undo};
pub use unload::{UnloadOptions, unload};
pub use up::{UpOptions, UpReport, plan_up, up};
pub use verify::{Verified, verify};
pub use why::{ChainReport, StepOfChain, why};
