//! The snapshots of a store, each under a tag with what was said of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::snapshot::{Content, Snapshot, SnapshotId};
use crate::writer::Writer;
use crate::{Expect, ObjectId, ObjectKind, ObjectReader, ObjectWriter, Store, StoreError};

const DIRECTORY: &str = "records/";

/// What is said of a snapshot by whoever takes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordDetails {
    /// The word that it is asked for by.
    pub tag: String,
    /// A sentence by the person who took it; may be empty.
    pub message: String,
    /// When, in RFC 3339, UTC.
    pub created: String,
    /// Who took it.
    pub author: String,
    /// The environment that it was taken of.
    pub environment: String,
    /// What is not in it, as paths with reasons.
    pub holes: Vec<String>,
    /// What it was made from, by what made it.
    pub lineage: BTreeMap<String, String>,
    /// Figures of it, by name.
    pub metrics: BTreeMap<String, f64>,
    /// What the engines' own checkers said of it, once they were asked.
    pub proof: Option<String>,
}

/// A snapshot in the list: what it is and what was said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What was said of it.
    pub details: RecordDetails,
    /// The state that it names.
    pub snapshot: SnapshotId,
    /// The node that has all of it.
    pub object: ObjectId,
    /// Size of its contents together, in bytes, when they are restored.
    pub bytes: u64,
    /// Names of its contents.
    pub names: Vec<String>,
}

/// The value of the reference.
#[derive(Serialize, Deserialize)]
struct RecordJson {
    seedbed_record: u32,
    tag: String,
    message: String,
    created: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    environment: String,
    snapshot: String,
    bytes: u64,
    names: Vec<String>,
    #[serde(default)]
    holes: Vec<String>,
    #[serde(default)]
    lineage: BTreeMap<String, String>,
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
    #[serde(default)]
    proof: Option<String>,
}

impl RecordJson {
    fn of(record: &Record) -> Self {
        let RecordDetails { tag, message, created, author, environment, holes, lineage, metrics, proof } =
            record.details.clone();
        let (snapshot, bytes, names) = (record.snapshot.as_str().to_owned(), record.bytes, record.names.clone());
        Self {
            seedbed_record: 1,
            tag,
            message,
            created,
            author,
            environment,
            snapshot,
            bytes,
            names,
            holes,
            lineage,
            metrics,
            proof,
        }
    }

    fn into_record(self, object: ObjectId) -> Option<Record> {
        let snapshot = SnapshotId::parse(&self.snapshot)?;
        let Self { tag, message, created, author, environment, bytes, names, holes, lineage, metrics, proof, .. } =
            self;
        let details = RecordDetails { tag, message, created, author, environment, holes, lineage, metrics, proof };
        Some(Record { details, snapshot, object, bytes, names })
    }
}

/// Whether a word can be a tag.
pub fn check_tag(tag: &str) -> Result<(), StoreError> {
    let fits = tag.len() <= 100
        && tag.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if fits { Ok(()) } else { Err(StoreError::BadTag(tag.to_owned())) }
}

impl Store {
    /// Fails when this word cannot be the tag of a new snapshot; to be asked before the work.
    pub fn check_new_tag(&self, tag: &str) -> Result<(), StoreError> {
        check_tag(tag)?;
        if self.references(DIRECTORY)?.contains(&format!("{DIRECTORY}{tag}")) {
            return Err(StoreError::TagTaken(tag.to_owned()));
        }
        Ok(())
    }

    /// Makes a snapshot of contents whose objects the writer has put: durable and seen, all at once.
    pub fn commit(&self, writer: Writer, contents: Vec<Content>, details: RecordDetails) -> Result<Record, StoreError> {
        check_tag(&details.tag)?;
        let snapshot = Snapshot::new(contents);
        let node = snapshot.to_node();
        let object = writer.id(ObjectKind::Node, &node);
        writer.put(ObjectKind::Node, object, &node)?;
        let written = writer.finish()?;
        let record = Record {
            details,
            bytes: snapshot.contents.iter().map(|content| content.bytes).sum(),
            names: snapshot.contents.into_iter().map(|content| content.name).collect(),
            snapshot: snapshot.id,
            object,
        };
        self.put_record(&record, &written.session)?;
        Ok(record)
    }

    /// Makes a record of a snapshot that was [transferred](crate::transfer) here.
    pub fn put_record(&self, record: &Record, session: &Session) -> Result<(), StoreError> {
        let tag = &record.details.tag;
        check_tag(tag)?;
        let name = format!("{DIRECTORY}{tag}");
        match self.put_reference(&name, &[record.object], &RecordJson::of(record), &Expect::Absent, session) {
            Ok(_) => Ok(()),
            Err(error) if error.is_conflict() => Err(StoreError::TagTaken(tag.clone())),
            Err(error) => Err(error),
        }
    }

    /// The record with this tag.
    pub fn record(&self, tag: &str) -> Result<Option<Record>, StoreError> {
        let name = format!("{DIRECTORY}{tag}");
        let Some(reference) = self.reference::<RecordJson>(&name)? else { return Ok(None) };
        let record = match reference.objects.as_slice() {
            [object] if reference.value.seedbed_record == 1 => reference.value.into_record(*object),
            _ => None,
        };
        record.map(Some).ok_or_else(|| self.inner.damaged(&name, "is no record that this version of seedbed knows"))
    }

    /// The records that `filter` takes, the oldest first. One that is damaged is an error of its own.
    pub fn records(&self, mut filter: impl FnMut(&Record) -> bool) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        for name in self.references(DIRECTORY)? {
            // Deleted since it was listed.
            let Some(record) = self.record(&name[DIRECTORY.len()..])? else { continue };
            if filter(&record) {
                records.push(record);
            }
        }
        records.sort_by(|one, other| {
            (&one.details.created, &one.details.tag).cmp(&(&other.details.created, &other.details.tag))
        });
        Ok(records)
    }

    /// The record with this tag, or whose snapshot's id begins with these 7 or more digits.
    pub fn find(&self, tag_or_id: &str) -> Result<Record, StoreError> {
        // Directly: another record that is damaged shall not stand in the way of this one.
        if check_tag(tag_or_id).is_ok()
            && let Some(record) = self.record(tag_or_id)?
        {
            return Ok(record);
        }
        let mut fitting = Vec::new();
        if tag_or_id.len() >= 7 {
            fitting = self.records(|record| record.snapshot.as_str().starts_with(tag_or_id))?;
        }
        let ids: std::collections::BTreeSet<String> =
            fitting.iter().map(|record| record.snapshot.to_string()).collect();
        if ids.len() > 1 {
            return Err(StoreError::Ambiguous { wanted: tag_or_id.to_owned(), ids: ids.into_iter().collect() });
        }
        if let Some(record) = fitting.into_iter().next() {
            return Ok(record);
        }
        let known = self.references(DIRECTORY)?.iter().map(|name| name[DIRECTORY.len()..].to_owned()).collect();
        Err(StoreError::NotFound { wanted: tag_or_id.to_owned(), known })
    }

    /// What a snapshot holds.
    pub fn snapshot(&self, record: &Record) -> Result<Snapshot, StoreError> {
        let bytes = self.get(&record.object)?;
        let snapshot = Snapshot::of_node(&bytes).filter(|snapshot| snapshot.id == record.snapshot);
        snapshot.ok_or_else(|| {
            self.inner
                .damaged(&format!("{DIRECTORY}{}", record.details.tag), "names an object that is another snapshot")
        })
    }

    /// Gives a snapshot a second tag; all that was said of it is said under both.
    pub fn tag(&self, tag: &str, second: &str) -> Result<Record, StoreError> {
        check_tag(second)?;
        // From here on collection leaves alone what the first tag names, even if that goes away.
        let session = Session::begin(&self.inner)?;
        let mut record = self.find(tag)?;
        second.clone_into(&mut record.details.tag);
        self.put_record(&record, &session)?;
        Ok(record)
    }

    /// Changes what is said of a snapshot: message, holes, lineage, metrics, proof. The tag stays.
    pub fn update_record(&self, tag: &str, mut change: impl FnMut(&mut RecordDetails)) -> Result<Record, StoreError> {
        let name = format!("{DIRECTORY}{tag}");
        let object = self.find(tag)?.object;
        let changed = self.update_reference::<RecordJson>(&name, |json| {
            let before = std::mem::replace(json, empty_record());
            let Some(mut record) = before.into_record(object) else { return };
            change(&mut record.details);
            tag.clone_into(&mut record.details.tag);
            *json = RecordJson::of(&record);
        })?;
        changed
            .and_then(|json| json.into_record(object))
            .ok_or_else(|| StoreError::NotFound { wanted: tag.to_owned(), known: Vec::new() })
    }

    /// Removes a record. The space is free after the next [collections](crate::collect).
    pub fn delete_record(&self, tag: &str) -> Result<(), StoreError> {
        check_tag(tag)?;
        if self.reference::<serde_json::Value>(&format!("{DIRECTORY}{tag}"))?.is_none() {
            self.find(tag)?;
        }
        self.delete_reference(&format!("{DIRECTORY}{tag}"))
    }
}

fn empty_record() -> RecordJson {
    let details = RecordDetails::default();
    let snapshot = SnapshotId::of([]);
    RecordJson::of(&Record { details, snapshot, object: ObjectId([0; 32]), bytes: 0, names: Vec::new() })
}
