//! A place in memory, for tests and for what need not last.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Backend, BackendError, Entry, Expect, Version};

/// Keeps a store in memory.
#[derive(Debug, Default)]
pub struct MemoryBackend(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryBackend {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_found(&self, name: &str) -> BackendError {
        BackendError::NotFound { name: name.to_owned(), place: self.describe() }
    }
}

fn version(bytes: &[u8]) -> Version {
    Version(blake3::hash(bytes).to_hex().to_string())
}

impl Backend for MemoryBackend {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError> {
        self.files().get(name).cloned().ok_or_else(|| self.not_found(name))
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError> {
        let files = self.files();
        let bytes = files.get(name).ok_or_else(|| self.not_found(name))?;
        let range = usize::try_from(offset).ok().zip(usize::try_from(offset.saturating_add(length)).ok());
        range.and_then(|(from, to)| bytes.get(from..to)).map(<[u8]>::to_vec).ok_or_else(|| BackendError::Io {
            action: "read",
            name: name.to_owned(),
            place: self.describe(),
            source: "the file ends before".into(),
        })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackendError> {
        self.files().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError> {
        Ok(self.files().get(name).map(|bytes| (bytes.clone(), version(bytes))))
    }

    fn write_if(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<Version, BackendError> {
        let mut files = self.files();
        let fits = match (files.get(name), expect) {
            (None, Expect::Absent) => true,
            (Some(found), Expect::Version(expected)) => version(found) == *expected,
            _ => false,
        };
        if !fits {
            return Err(BackendError::Conflict { name: name.to_owned(), place: self.describe() });
        }
        files.insert(name.to_owned(), bytes.to_vec());
        Ok(version(bytes))
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        self.files().remove(name);
        Ok(())
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError> {
        let entries: Vec<Entry> = self
            .files()
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, bytes)| Entry { name: name.clone(), bytes: bytes.len() as u64 })
            .collect();
        entries.into_iter().try_for_each(each)
    }
}
