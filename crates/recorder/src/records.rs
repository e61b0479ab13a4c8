//! Files of records: one line each, appended under a lock.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use lineage::{Record, Source, document};
use rustix::fs::{FlockOperation, flock};

use crate::RecorderError;

/// Bytes by which a file is known that is appended to.
const MARK_BYTES: u64 = 256;

/// Opens a file of records and locks it for this process.
pub(crate) fn locked(path: &Path) -> Result<File, RecorderError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(RecorderError::io("create", parent))?;
    }
    let open = || File::options().read(true).append(true).create(true).open(path);
    let file = open().map_err(RecorderError::io("open", path))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| RecorderError::io("lock", path)(error.into()))?;
    Ok(file)
}

/// Appends a record, and returns when it is on the disk.
pub(crate) fn append(path: &Path, record: &Record) -> Result<(), RecorderError> {
    let file = write(path, std::slice::from_ref(record))?;
    file.sync_data().map_err(RecorderError::io("write", path))
}

/// Appends records, which the system writes to the disk when it likes.
pub(crate) fn write(path: &Path, records: &[Record]) -> Result<File, RecorderError> {
    let mut file = locked(path)?;
    let length = file.metadata().map_err(RecorderError::io("look at", path))?.len();
    let mut line: String = records.iter().map(document::to_line).collect();
    let mut last = [b'\n'];
    if length > 0 && file.read_exact_at(&mut last, length - 1).is_ok() && last != [b'\n'] {
        // A line that was cut short by a crash stays alone, and is no record.
        line.insert(0, '\n');
    }
    file.write_all(line.as_bytes()).map_err(RecorderError::io("write", path))?;
    Ok(file)
}

/// What was read of a file.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub records: Vec<Record>,
    /// Lines that are no records, and why.
    pub notes: Vec<String>,
    /// How far it was read, to the end of the last whole line.
    pub bytes: u64,
    /// By which it is known.
    pub mark: String,
    /// Whether it was read from its beginning although a part was known: it is another file now.
    pub is_other: bool,
}

/// Reads what is new in a file since it was read last; `None` when there is no such file.
pub(crate) fn read(path: &Path, name: &str, known: Option<&Source>) -> Result<Option<Lines>, RecorderError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RecorderError::io("open", path)(error)),
    };
    let fail = |error| RecorderError::io("read", path)(error);
    let length = file.metadata().map_err(fail)?.len();
    let mark_of = |file: &File, bytes: u64| -> io::Result<String> {
        let mut head = vec![0; usize::try_from(bytes.min(MARK_BYTES)).expect("it is small")];
        file.read_exact_at(&mut head, 0)?;
        Ok(blake3::hash(&head).to_hex()[..32].to_owned())
    };
    let same =
        known.filter(|known| known.bytes <= length && mark_of(&file, known.bytes).is_ok_and(|mark| mark == known.mark));
    let from = same.map_or(0, |known| known.bytes);
    let mut lines = Lines { is_other: known.is_some() && same.is_none(), ..Lines::default() };
    let mut bytes = Vec::new();
    if from < length {
        file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut bytes)).map_err(fail)?;
    }
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record = std::str::from_utf8(line).map_err(|error| error.to_string()).and_then(document::from_line);
        match record {
            Ok(record) => lines.records.push(record),
            Err(why) => lines.notes.push(format!("a line of {name} is no record and was passed over: {why}")),
        }
    }
    lines.bytes = from + whole as u64;
    lines.mark = mark_of(&file, lines.bytes).map_err(fail)?;
    Ok(Some(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_once_and_a_torn_line_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/records.jsonl");
        let record = |id: &str| Record::new(id, "s", "script", 0);
        append(&path, &record("1")).unwrap();
        let lines = read(&path, "it", None).unwrap().unwrap();
        assert_eq!(lines.records.len(), 1);
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"seedbed_lin").unwrap();
        let known = Source { name: "it".to_owned(), bytes: lines.bytes, mark: lines.mark };
        let torn = read(&path, "it", Some(&known)).unwrap().unwrap();
        assert_eq!((torn.records.len(), torn.notes.len(), torn.is_other), (0, 0, false));
        append(&path, &record("2")).unwrap();
        let next = read(&path, "it", Some(&known)).unwrap().unwrap();
        // What is known by fewer bytes than there are now is still known.
        assert_eq!((next.records.len(), next.notes.len(), next.is_other), (1, 1, false));
        fs::write(&path, "").unwrap();
        assert!(read(&path, "it", Some(&known)).unwrap().unwrap().is_other);
    }
}
