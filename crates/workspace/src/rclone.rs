//! Files that rclone copies from a remote or to one; what is here is kept in the store like other files.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Map, Value};
use store::ObjectReader;

use crate::kind::{Draft, ResourceKind, State, Work};
use crate::local_files::LocalFiles;
use crate::status::Change;
use crate::{Context, Error};

/// The kind `rclone`.
pub struct Rclone;

/// The word for it.
pub const KIND: &str = "rclone";

/// Where the files are elsewhere: `REMOTE:PATH`.
const REMOTE: &str = "remote";
/// The configuration file of rclone, if it is not the usual one.
const CONFIG: &str = "config";
/// Which side is copied to the other: `remote`, `local`, or `none` of them.
const MASTER: &str = "master";
/// `copy`: what is only at the target stays; `sync`: it goes.
const SYNC_MODE: &str = "sync_mode";
/// Whether files of the same size are taken for equal.
const SIZE_ONLY: &str = "size_only";

impl ResourceKind for Rclone {
    fn name(&self) -> &'static str {
        KIND
    }

    fn about(&self) -> &'static str {
        "a directory that rclone copies from a remote or to one; its content is kept in the store"
    }

    fn check(&self, work: &Work<'_>) -> Result<(), Error> {
        LocalFiles.check(work)
    }

    fn save(&self, work: &Work<'_>, draft: &Draft<'_>) -> Result<State, Error> {
        LocalFiles.save(work, draft)
    }

    fn stage(&self, work: &Work<'_>, state: &State) -> Result<bool, Error> {
        LocalFiles.stage(work, state)
    }

    fn put(&self, work: &Work<'_>, state: &State) -> Result<(), Error> {
        LocalFiles.put(work, state)
    }

    fn changes(
        &self,
        work: &Work<'_>,
        before: &State,
        after: &State,
        reader: &dyn ObjectReader,
    ) -> Result<Option<Vec<Change>>, Error> {
        LocalFiles.changes(work, before, after, reader)
    }

    fn pull(&self, work: &Work<'_>) -> Result<bool, Error> {
        if matches!(work.resource.text(MASTER), Some("local" | "none")) {
            return Ok(false);
        }
        let all = [&work.resource.parameters, &work.resource.local];
        let local = work.files()?;
        transfer(work.context, &work.resource.name, &all, &local, true).map(|()| true)
    }

    fn push(&self, work: &Work<'_>) -> Result<bool, Error> {
        if work.resource.text(MASTER) != Some("local") {
            return Ok(false);
        }
        let all = [&work.resource.parameters, &work.resource.local];
        let local = work.files()?;
        transfer(work.context, &work.resource.name, &all, &local, false).map(|()| true)
    }
}

/// Fetches the files of a resource that is being added.
pub(crate) fn prepare(
    context: &Context<'_>,
    name: &str,
    directory: &Path,
    parameters: &Map<String, Value>,
) -> Result<(), Error> {
    if parameters.get(MASTER).and_then(Value::as_str) == Some("local") && directory.is_dir() {
        return Ok(());
    }
    transfer(context, name, &[parameters], directory, true)
}

/// Copies between the two sides.
fn transfer(
    context: &Context<'_>,
    name: &str,
    parameters: &[&Map<String, Value>],
    local: &Path,
    inwards: bool,
) -> Result<(), Error> {
    let value = |key: &str| parameters.iter().rev().find_map(|all| all.get(key).filter(|value| !value.is_null()));
    let text = |key: &str| value(key).and_then(Value::as_str);
    let Some(remote) = text(REMOTE) else {
        return Err(Error::resource(name, "it has no `remote`", "remove it, and add it again"));
    };
    fs::create_dir_all(local).map_err(Error::io("create", local))?;
    context.world.note(&if inwards {
        format!("{name} comes from {remote}")
    } else {
        format!("{name} goes to {remote}")
    });
    let mut command = Command::new("rclone");
    command.arg(if text(SYNC_MODE) == Some("sync") { "sync" } else { "copy" });
    if inwards {
        command.arg(remote).arg(local);
    } else {
        command.arg(local).arg(remote);
    }
    if let Some(config) = text(CONFIG) {
        command.args(["--config", config]);
    }
    command.arg(if value(SIZE_ONLY).and_then(Value::as_bool) == Some(true) { "--size-only" } else { "--checksum" });
    command.args(["--links", "--create-empty-src-dirs"]).stdin(Stdio::null());
    let output = command.output().map_err(|error| {
        Error::resource(name, format!("cannot run rclone: {error}"), "install rclone; `apt install rclone` on Debian")
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("; ");
    Err(Error::Program { program: format!("rclone for {name}"), said })
}
