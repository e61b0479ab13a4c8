//! Objects: byte strings by the digest of their content, and how they are written and read.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::StoreError;

/// The name of an object: BLAKE3 of its plain bytes, which for nodes is keyed. The same in every store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub [u8; 32]);

impl ObjectId {
    /// The bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A text that is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not the id of an object")]
pub struct BadObjectId(pub String);

impl FromStr for ObjectId {
    type Err = BadObjectId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match blake3::Hash::from_hex(text) {
            Ok(hash) if !text.bytes().any(|byte| byte.is_ascii_uppercase()) => Ok(Self(*hash.as_bytes())),
            _ => Err(BadObjectId(text.to_owned())),
        }
    }
}

/// Whether a store can look into an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// Opaque bytes.
    Data,
    /// Begins with its children, so that a store can walk without knowing the format: a count as `u32` in little endian,
    /// that many ids of 32 bytes, then a payload that is the caller's.
    Node,
}

/// Where objects are put.
pub trait ObjectWriter: Send + Sync {
    /// The id that these bytes have in this store. The same bytes have another id as another kind.
    fn id(&self, kind: ObjectKind, bytes: &[u8]) -> ObjectId;

    /// Whether the store has this object, or has it accepted from this writer.
    fn contains(&self, id: &ObjectId) -> Result<bool, StoreError>;

    /// Puts an object; does nothing when it is there. `id` is what [`ObjectWriter::id`] gave for `kind` and `bytes`.
    /// The children of a node are put before it. Called from several threads.
    fn put(&self, kind: ObjectKind, id: ObjectId, bytes: &[u8]) -> Result<(), StoreError>;

    /// Puts many, each a part of `bytes`, as neighbours in this order. Where they follow each other in `bytes`, it is cheaper than
    /// to put each.
    fn put_all(&self, kind: ObjectKind, bytes: &[u8], objects: &[(ObjectId, Range<usize>)]) -> Result<(), StoreError> {
        objects.iter().try_for_each(|(id, range)| self.put(kind, *id, &bytes[range.clone()]))
    }
}

/// Where objects are got.
pub trait ObjectReader: Send + Sync {
    /// The bytes of an object, verified against its id.
    fn get(&self, id: &ObjectId) -> Result<Vec<u8>, StoreError>;

    /// Hands out many objects in the order in which they are stored, so that each block is read and decompressed once;
    /// the index is the position in `ids`. An id that stands in `ids` twice is handed out twice.
    #[expect(clippy::type_complexity, reason = "a closure with its arguments")]
    fn get_many(
        &self,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
}

/// The bytes of a node with these children and this payload.
pub fn encode_node(children: &[ObjectId], payload: &[u8]) -> Vec<u8> {
    let count = u32::try_from(children.len()).expect("a node of 128 GiB cannot be in memory");
    let mut bytes = Vec::with_capacity(4 + children.len() * 32 + payload.len());
    bytes.extend_from_slice(&count.to_le_bytes());
    for child in children {
        bytes.extend_from_slice(&child.0);
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// The children and the payload of a node; `None` when the bytes are not a node.
pub fn decode_node(bytes: &[u8]) -> Option<(Vec<ObjectId>, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(32)?;
    let (ids, payload) = rest.split_at_checked(length)?;
    let (ids, _) = ids.as_chunks::<32>();
    Some((ids.iter().map(|id| ObjectId(*id)).collect(), payload))
}

/// An object longer than this is refused.
pub const LARGEST_OBJECT: usize = 16 * 1024 * 1024;

/// BLAKE3 of `seedbed store 1 node` in the mode for deriving keys, of no material.
static NODE_KEY: std::sync::LazyLock<[u8; 32]> =
    std::sync::LazyLock::new(|| blake3::derive_key("seedbed store 1 node", b""));

/// The id of an object.
pub(crate) fn object_id(kind: ObjectKind, bytes: &[u8]) -> ObjectId {
    let hash = match kind {
        ObjectKind::Data => blake3::hash(bytes),
        ObjectKind::Node => blake3::keyed_hash(&NODE_KEY, bytes),
    };
    ObjectId(*hash.as_bytes())
}
