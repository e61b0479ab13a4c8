//! Lineage as snapshots carry it: the records that are new, and which executions are current.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lineage::{Record, format_time, parse_time};
use serde_json::{Value, json};

use crate::recorder::Recorder;
use crate::{RecorderError, records};

const RECORDS: &str = ".dataworkspace/lineage/records";
const SNAPSHOTS: &str = ".dataworkspace/lineage/snapshots";

/// What a snapshot takes of lineage.
#[derive(Debug, Clone)]
pub struct SnapshotLineage {
    /// Files to be written, by their path below the workspace. Each is named after its content: one that is there is the same.
    pub files: Vec<(String, String)>,
    /// The executions that are current, makers first.
    pub current: Vec<Rc<Record>>,
}

/// The name of a file with this content.
pub fn name_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..32].to_owned()
}

/// The files with records that snapshots have taken: their names in the index, and where they are.
pub(crate) fn files(root: &Path) -> Result<Vec<(String, PathBuf)>, RecorderError> {
    let directory = root.join(RECORDS);
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RecorderError::io("read", &directory)(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(RecorderError::io("read", &directory))?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            files.push((format!("bundle {name}"), path.clone()));
        }
    }
    files.sort();
    Ok(files)
}

impl Recorder<'_> {
    /// What a snapshot takes of lineage. Nothing is changed; when the snapshot is there, [`Recorder::taken`] says so.
    pub fn for_snapshot(&mut self, snapshot: &str, taken_ms: i64) -> Result<SnapshotLineage, RecorderError> {
        self.read()?;
        let current = self.current()?;
        let lines = whole_lines(&self.current_file())?;
        let mut files = Vec::new();
        if !lines.is_empty() {
            files.push((format!("{RECORDS}/{}.jsonl", name_of(lines.as_bytes())), lines));
        }
        if !current.is_empty() {
            let ids: Vec<&str> = current.iter().map(|record| record.id.as_str()).collect();
            let document = json!({
                "seedbed_snapshot_lineage": 1, "snapshot": snapshot, "taken": format_time(taken_ms), "current": ids
            });
            let text = format!("{document:#}\n");
            files.push((format!("{SNAPSHOTS}/{snapshot}/{}.json", name_of(text.as_bytes())), text));
        }
        Ok(SnapshotLineage { files, current })
    }

    /// Files of a snapshot are there: records that are in one of them need not stand among the current ones any more.
    pub fn taken(&mut self) -> Result<(), RecorderError> {
        let path = self.current_file();
        let mut file = records::locked(&path)?;
        let lines = whole_lines(&path)?;
        // What came after the snapshot has begun is behind what it took.
        let (mut taken, mut end, mut hasher) = (0, 0, blake3::Hasher::new());
        for line in lines.split_inclusive('\n') {
            hasher.update(line.as_bytes());
            end += line.len();
            let name = &hasher.finalize().to_hex()[..32];
            if self.catalogue().root.join(RECORDS).join(format!("{name}.jsonl")).is_file() {
                taken = end;
            }
        }
        if taken > 0 {
            let mut all = Vec::new();
            // Beside and renamed would lose what somebody appends who waits for the lock of this file.
            file.read_to_end(&mut all)
                .and_then(|_| file.set_len(0))
                .and_then(|()| file.write_all(&all[taken..]))
                .and_then(|()| file.sync_data())
                .map_err(RecorderError::io("write", &path))?;
        }
        drop(file);
        self.read()
    }

    /// The executions that were current in a snapshot, makers first; `None` if it has no lineage.
    pub fn of_snapshot(&self, snapshot: &str) -> Result<Option<Vec<Rc<Record>>>, RecorderError> {
        let directory = self.catalogue().root.join(SNAPSHOTS).join(snapshot);
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RecorderError::io("read", &directory)(error)),
        };
        let mut latest: Option<(i64, Vec<String>)> = None;
        for entry in entries {
            let path = entry.map_err(RecorderError::io("read", &directory))?.path();
            let bytes = fs::read(&path).map_err(RecorderError::io("read", &path))?;
            let Some(found) = current_ids(&bytes) else { continue };
            if latest.as_ref().is_none_or(|known| *known < found) {
                latest = Some(found);
            }
        }
        let Some((_, ids)) = latest else { return Ok(None) };
        let mut records = Vec::new();
        for id in ids {
            records.extend(self.index().record(&id)?);
        }
        Ok(Some(records))
    }
}

/// The lines of a file of records that are whole; none if there is no such file.
fn whole_lines(path: &Path) -> Result<String, RecorderError> {
    match fs::read_to_string(path) {
        Ok(mut text) => {
            text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
            Ok(text)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(RecorderError::io("read", path)(error)),
    }
}

/// When a snapshot was taken, and which executions were current.
fn current_ids(bytes: &[u8]) -> Option<(i64, Vec<String>)> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let taken = parse_time(document.get("taken")?.as_str()?)?;
    let ids = document.get("current")?.as_array()?.iter();
    Some((taken, ids.filter_map(|id| id.as_str().map(str::to_owned)).collect()))
}
