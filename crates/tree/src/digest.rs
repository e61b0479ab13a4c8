//! Digests of content that do not depend on the store, on times or on owners.

use store::{ObjectKind, ObjectWriter};

use crate::entry::{Class, Entry};

/// Digest of the bytes of one chunk.
pub fn chunk(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// Whether the ids of data objects in this store are the digests of their chunks, so that one hash serves both.
pub fn ids_are_digests(writer: &dyn ObjectWriter) -> bool {
    let probe = b"seedbed: is an id a digest?";
    writer.id(ObjectKind::Data, probe).0 == chunk(probe)
}

/// Digest of what a directory contains, entry by entry in the order of their names.
pub struct DirectoryDigest(blake3::Hasher);

impl DirectoryDigest {
    pub fn new() -> Self {
        Self(blake3::Hasher::new_derive_key("seedbed tree 1: directory"))
    }

    pub fn add(&mut self, entry: &Entry) {
        let mut bytes = [0u8; 9];
        bytes[0] = entry.kind_code();
        // What lies behind a hole is unknown, and a link has no mode.
        bytes[1..5].copy_from_slice(&if matches!(entry.kind_code(), 2 | 4) { 0 } else { entry.mode }.to_le_bytes());
        bytes[5..9].copy_from_slice(&(entry.name.len() as u32).to_le_bytes());
        self.0.update(&bytes);
        self.0.update(&entry.name);
        self.0.update(&entry.digest());
    }

    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// Digest of a segment: its pieces in order.
pub struct SegmentDigest(blake3::Hasher);

impl SegmentDigest {
    pub fn new() -> Self {
        Self(blake3::Hasher::new_derive_key("seedbed tree 1: segment"))
    }

    /// Adds a chunk by its digest, or with `None` that many zeros.
    pub fn add(&mut self, length: u32, chunk: Option<&[u8; 32]>) {
        let mut bytes = [0u8; 37];
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        if let Some(digest) = chunk {
            bytes[4] = 1;
            bytes[5..].copy_from_slice(digest);
        }
        self.0.update(&bytes);
    }

    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// Digest of a file that is cut into chunks, from those of its segments.
pub fn file(size: u64, class: Class, segments: impl Iterator<Item = [u8; 32]>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("seedbed tree 1: file");
    hasher.update(&size.to_le_bytes());
    let page = match class {
        Class::Whole | Class::Cdc => 0,
        Class::Page(bytes) | Class::Recognised(bytes) => bytes,
    };
    hasher.update(&page.to_le_bytes());
    for segment in segments {
        hasher.update(&segment);
    }
    *hasher.finalize().as_bytes()
}
