//! Snapshots in one file: a store of its own, in a tar archive.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use database::DurableRename;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use store::{CreateOptions, DirectoryBackend, Record, Store};

use crate::Error;
use crate::context::{Context, Target};
use crate::place::DIRECTORY;
use crate::sharing::{Shared, send_record};

/// Writes snapshots, each under the tag that it is to have there, into a file, which is complete when it appears. Gives its size in bytes.
pub(crate) fn export(
    context: &Context<'_>,
    target: &Target,
    from: &Store,
    records: &[(String, Record)],
    to: &Path,
) -> Result<u64, Error> {
    let _at_once = context.interrupt.at_once();
    let unpacked = Unpacked::begin(target, "export")?;
    let store = Store::create(unpacked.backend(), &unpacked.0.join("cache"), &CreateOptions::default())?;
    for (tag, record) in records {
        let mut record = record.clone();
        // What was made for leaving has another tag here, and its own there.
        record.details.tag.clone_from(tag);
        send_record(context, from, &store, record, &mut Shared::default())?;
    }
    drop(store);
    let file = DurableRename::begin(to).map_err(of_file)?;
    let out = File::create(file.path()).map_err(Error::io("create", file.path()))?;
    let mut archive = tar::Builder::new(out);
    archive.mode(tar::HeaderMode::Deterministic);
    archive.append_dir_all("store", unpacked.store()).map_err(Error::io("write", file.path()))?;
    archive.finish().map_err(Error::io("write", file.path()))?;
    drop(archive);
    let bytes = fs::metadata(file.path()).map_err(Error::io("read", file.path()))?.len();
    file.finish().map_err(of_file)?;
    Ok(bytes)
}

/// Takes snapshots from a file that [`export`] wrote.
pub(crate) fn import(context: &Context<'_>, target: &Target, to: &Store, from: &Path) -> Result<Vec<Record>, Error> {
    let _at_once = context.interrupt.at_once();
    let unpacked = Unpacked::begin(target, "import")?;
    let file = File::open(from).map_err(Error::io("open", from))?;
    // Nothing is written outside the directory, whatever the names in the archive are.
    tar::Archive::new(file).unpack(&unpacked.0).map_err(Error::io("unpack", from))?;
    let store = Store::open(unpacked.backend(), &unpacked.0.join("cache"), &context.identities)?;
    let records = store.records(|_| true)?;
    for record in &records {
        send_record(context, &store, to, record.clone(), &mut Shared::default())?;
    }
    Ok(records)
}

fn of_file(error: database::FileError) -> Error {
    Error::Io { action: error.action, path: error.path, source: error.source }
}

/// Removes what those have left that were ended in the middle.
fn remove_abandoned(top: &Path, word: &str) {
    let prefix = format!(".{word}-");
    for entry in fs::read_dir(top).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.parse().ok()).and_then(Pid::from_raw);
        if process.is_some_and(|process| test_kill_process(process) == Err(Errno::SRCH)) {
            // What cannot be removed is hidden from git, and in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A directory for the store of an archive; removed when this is dropped.
struct Unpacked(PathBuf);

impl Unpacked {
    fn begin(target: &Target, word: &str) -> Result<Self, Error> {
        let top = target.root.join(DIRECTORY);
        crate::place::create_top(&top)?;
        let directory = top.join(format!(".{word}-{}", std::process::id()));
        let unpacked = Self(directory);
        unpacked.remove();
        remove_abandoned(&top, word);
        fs::create_dir(&unpacked.0).map_err(Error::io("create", &unpacked.0))?;
        Ok(unpacked)
    }

    fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    fn backend(&self) -> Arc<DirectoryBackend> {
        Arc::new(DirectoryBackend::new(self.store()))
    }

    fn remove(&self) {
        // What cannot be removed is hidden from git, and in nobody's way.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        self.remove();
    }
}
