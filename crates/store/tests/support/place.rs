//! A place in memory at which something happens.

use std::sync::Arc;

use store::{Backend, BackendError, Entry, Expect, MemoryBackend, Version};

/// What is asked of a place with the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Read,
    ReadRange,
    Write,
    Delete,
}

/// What is done before something that is asked for, with the name of the file.
type Before = Box<dyn Fn(Asked, &str) + Send + Sync>;

/// Memory with two hooks.
pub struct Place {
    pub memory: Arc<MemoryBackend>,
    pub before: Before,
    /// Whether a file that is there is listed.
    pub lists: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Default for Place {
    fn default() -> Self {
        Self { memory: Arc::default(), before: Box::new(|_, _| {}), lists: Box::new(|_| true) }
    }
}

impl Backend for Place {
    fn describe(&self) -> String {
        "a place where something happens".to_owned()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError> {
        (self.before)(Asked::Read, name);
        self.memory.read(name)
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError> {
        (self.before)(Asked::ReadRange, name);
        self.memory.read_range(name, offset, length)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackendError> {
        (self.before)(Asked::Write, name);
        self.memory.write(name, bytes)
    }

    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError> {
        (self.before)(Asked::Read, name);
        self.memory.read_versioned(name)
    }

    fn write_if(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<Version, BackendError> {
        (self.before)(Asked::Write, name);
        self.memory.write_if(name, bytes, expect)
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        (self.before)(Asked::Delete, name);
        self.memory.delete(name)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError> {
        self.memory.list(prefix, &mut |entry| if (self.lists)(&entry.name) { each(entry) } else { Ok(()) })
    }
}
