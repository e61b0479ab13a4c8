//! A store of plain copies in a directory, each under the digest of its bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Content, Draft, NewContent, Record, RecordDetails, Snapshot, SnapshotId, SnapshotStore, StoreError};

/// The version of the files that this store writes.
const FORMAT: u32 = 1;

/// Keeps snapshots as plain copies in a directory; the layout is `docs/formats/snapshots.md`.
///
/// One writer at a time: the environment's lock sees to that.
#[derive(Debug, Clone)]
pub struct CopyStore {
    directory: PathBuf,
}

/// `contents/ID/snapshot.json`.
#[derive(Serialize, Deserialize)]
struct SnapshotFile {
    seedbed_snapshot: u32,
    id: String,
    contents: Vec<ContentFile>,
}

#[derive(Serialize, Deserialize)]
struct ContentFile {
    name: String,
    kind: String,
    fingerprint: String,
    #[serde(default)]
    notes: BTreeMap<String, String>,
    file: String,
    bytes: u64,
    blake3: String,
}

/// `records/TAG.json`.
#[derive(Serialize, Deserialize)]
struct RecordFile {
    seedbed_record: u32,
    tag: String,
    message: String,
    created: String,
    snapshot: String,
}

impl CopyStore {
    /// The store in this directory, which is made when the first snapshot is taken.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    fn records_directory(&self) -> PathBuf {
        self.directory.join("records")
    }

    fn contents_directory(&self) -> PathBuf {
        self.directory.join("contents")
    }

    fn record_path(&self, tag: &str) -> PathBuf {
        self.records_directory().join(format!("{tag}.json"))
    }

    fn content_path(&self, id: &SnapshotId) -> PathBuf {
        self.contents_directory().join(id.as_str())
    }

    fn read_record(&self, path: &Path) -> Result<Record, StoreError> {
        let file: RecordFile = read_json(path)?;
        check_format(path, file.seedbed_record)?;
        let id = SnapshotId::parse(&file.snapshot)
            .ok_or_else(|| damaged(path, format!("names no snapshot: '{}'", file.snapshot)))?;
        let snapshot: SnapshotFile = read_json(&self.content_path(&id).join("snapshot.json"))?;
        Ok(Record {
            id,
            details: RecordDetails { tag: file.tag, message: file.message, created: file.created },
            bytes: snapshot.contents.iter().map(|content| content.bytes).sum(),
            names: snapshot.contents.into_iter().map(|content| content.name).collect(),
        })
    }
}

impl SnapshotStore for CopyStore {
    fn draft(&self, tag: &str) -> Result<Box<dyn Draft>, StoreError> {
        check_tag(tag)?;
        if self.record_path(tag).exists() {
            return Err(StoreError::TagTaken(tag.to_owned()));
        }
        // A draft that a killed process left is nobody's: there is one writer at a time.
        let staging = self.directory.join("draft");
        remove_directory(&staging)?;
        fs::create_dir_all(&staging).map_err(StoreError::io("create", &staging))?;
        Ok(Box::new(CopyDraft { store: self.clone(), tag: tag.to_owned(), staging, contents: Vec::new() }))
    }

    fn records(&self) -> Result<Vec<Record>, StoreError> {
        let directory = self.records_directory();
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("list", &directory)(error)),
        };
        let mut records = Vec::new();
        for entry in entries {
            let path = entry.map_err(StoreError::io("list", &directory))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                records.push(self.read_record(&path)?);
            }
        }
        records.sort_by(|a, b| (&a.details.created, &a.details.tag).cmp(&(&b.details.created, &b.details.tag)));
        Ok(records)
    }

    fn find(&self, tag_or_id: &str) -> Result<Record, StoreError> {
        // Directly: another snapshot that is damaged shall not stand in the way of this one.
        if check_tag(tag_or_id).is_ok() && self.record_path(tag_or_id).exists() {
            return self.read_record(&self.record_path(tag_or_id));
        }
        let records = self.records()?;
        let mut fitting: Vec<&Record> = if tag_or_id.len() >= 7 {
            records.iter().filter(|record| record.id.as_str().starts_with(tag_or_id)).collect()
        } else {
            Vec::new()
        };
        fitting.dedup_by(|a, b| a.id == b.id);
        match fitting.as_slice() {
            [record] => Ok((*record).clone()),
            [] => Err(StoreError::NotFound {
                wanted: tag_or_id.to_owned(),
                known: records.into_iter().map(|record| record.details.tag).collect(),
            }),
            several => Err(StoreError::Ambiguous {
                wanted: tag_or_id.to_owned(),
                ids: several.iter().map(|record| record.id.to_string()).collect(),
            }),
        }
    }

    fn open(&self, id: &SnapshotId) -> Result<Snapshot, StoreError> {
        let directory = self.content_path(id);
        let path = directory.join("snapshot.json");
        let file: SnapshotFile = read_json(&path)?;
        check_format(&path, file.seedbed_snapshot)?;
        let contents =
            file.contents.iter().map(|content| open_content(&directory, content)).collect::<Result<_, _>>()?;
        let actual =
            SnapshotId::of(file.contents.iter().map(|content| (&*content.name, &*content.kind, &*content.fingerprint)));
        if actual != *id {
            return Err(damaged(&path, format!("describes the snapshot {actual}")));
        }
        Ok(Snapshot { id: id.clone(), contents })
    }

    fn delete(&self, tag: &str) -> Result<(), StoreError> {
        check_tag(tag)?;
        let record = self.find(tag)?;
        let path = self.record_path(&record.details.tag);
        fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        sync(&self.records_directory())?;
        if self.records()?.iter().all(|other| other.id != record.id) {
            remove_directory(&self.content_path(&record.id))?;
        }
        Ok(())
    }
}

fn open_content(directory: &Path, content: &ContentFile) -> Result<Content, StoreError> {
    let file = directory.join(&content.file);
    if Path::new(&content.file).components().count() != 1 {
        return Err(damaged(&directory.join("snapshot.json"), format!("names a file elsewhere: '{}'", content.file)));
    }
    let (bytes, digest) = digest_file(&file)?;
    if bytes != content.bytes {
        return Err(damaged(&file, format!("has {bytes} bytes where {} were saved", content.bytes)));
    }
    if digest != content.blake3 {
        return Err(damaged(&file, "does not have the bytes that were saved".to_owned()));
    }
    Ok(Content {
        name: content.name.clone(),
        kind: content.kind.clone(),
        fingerprint: content.fingerprint.clone(),
        notes: content.notes.clone(),
        file,
        bytes,
    })
}

struct CopyDraft {
    store: CopyStore,
    tag: String,
    staging: PathBuf,
    contents: Vec<ContentFile>,
}

impl Draft for CopyDraft {
    fn place(&self, name: &str) -> PathBuf {
        self.staging.join(file_name(name))
    }

    fn add(&mut self, content: NewContent) -> Result<(), StoreError> {
        let path = self.place(&content.name);
        sync(&path)?;
        let (bytes, blake3) = digest_file(&path)?;
        self.contents.push(ContentFile {
            file: file_name(&content.name),
            name: content.name,
            kind: content.kind,
            fingerprint: content.fingerprint,
            notes: content.notes,
            bytes,
            blake3,
        });
        Ok(())
    }

    fn commit(mut self: Box<Self>, message: &str, created: &str) -> Result<Record, StoreError> {
        self.contents.sort_by(|a, b| a.name.cmp(&b.name));
        let contents = std::mem::take(&mut self.contents);
        let id = SnapshotId::of(contents.iter().map(|content| (&*content.name, &*content.kind, &*content.fingerprint)));
        let file = SnapshotFile { seedbed_snapshot: FORMAT, id: id.as_str().to_owned(), contents };
        write_json(&self.staging.join("snapshot.json"), &file)?;
        sync(&self.staging)?;

        // The same state may be there already; a damaged copy of it gives way to the good one.
        let place = self.store.content_path(&id);
        if self.store.open(&id).is_err() {
            remove_directory(&place)?;
            let parent = self.store.contents_directory();
            fs::create_dir_all(&parent).map_err(StoreError::io("create", &parent))?;
            fs::rename(&self.staging, &place).map_err(StoreError::io("move a snapshot to", &place))?;
            sync(&parent)?;
        }

        // The record is the commit point.
        let records = self.store.records_directory();
        fs::create_dir_all(&records).map_err(StoreError::io("create", &records))?;
        let record = RecordFile {
            seedbed_record: FORMAT,
            tag: self.tag.clone(),
            message: message.to_owned(),
            created: created.to_owned(),
            snapshot: id.as_str().to_owned(),
        };
        let temporary = records.join(".record");
        write_json(&temporary, &record)?;
        let path = self.store.record_path(&self.tag);
        fs::hard_link(&temporary, &path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::TagTaken(self.tag.clone()),
            _ => StoreError::io("write", &path)(error),
        })?;
        fs::remove_file(&temporary).map_err(StoreError::io("remove", &temporary))?;
        sync(&records)?;
        sync(&self.store.directory)?;
        if let Some(parent) = self.store.directory.parent() {
            sync(parent)?;
        }
        self.store.read_record(&path)
    }
}

impl Drop for CopyDraft {
    fn drop(&mut self) {
        // After a commit there is nothing left here; after a failure the next draft clears what could not be removed.
        let _ = remove_directory(&self.staging);
    }
}

fn check_tag(tag: &str) -> Result<(), StoreError> {
    let fits = tag.len() <= 100
        && tag.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if fits { Ok(()) } else { Err(StoreError::BadTag(tag.to_owned())) }
}

fn check_format(path: &Path, format: u32) -> Result<(), StoreError> {
    if format == FORMAT {
        return Ok(());
    }
    Err(damaged(path, format!("has the format {format}, which this version of seedbed does not know")))
}

/// Names such as `lms/lms` have no other character that a file name could not have.
fn file_name(name: &str) -> String {
    format!("{}.state", name.replace('/', "."))
}

fn damaged(path: &Path, problem: String) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), problem }
}

fn digest_file(path: &Path) -> Result<(u64, String), StoreError> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => damaged(path, "is missing".to_owned()),
        _ => StoreError::io("read", path)(error),
    })?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(StoreError::io("read", path))?;
        if count == 0 {
            return Ok((bytes, hasher.finalize().to_hex().to_string()));
        }
        hasher.update(&buffer[..count]);
        bytes += count as u64;
    }
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, StoreError> {
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => damaged(path, "is missing".to_owned()),
        _ => StoreError::io("read", path)(error),
    })?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(path, format!("cannot be read: {error}")))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("these types have string keys and no failing parts");
    bytes.push(b'\n');
    let mut file = File::create(path).map_err(StoreError::io("create", path))?;
    file.write_all(&bytes).map_err(StoreError::io("write", path))?;
    file.sync_all().map_err(StoreError::io("sync", path))
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(StoreError::io("sync", path))
}

fn remove_directory(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}
