//! Packs: files of blocks, named by their content.

use crate::block::{self, Batch, Encoder};
use crate::seal::Seal;
use crate::{ObjectId, ObjectKind};

/// Length of a pack's header.
pub(crate) const HEADER: usize = 40;
pub(crate) const MAGIC: &[u8; 8] = b"SEEDPAK1";
/// A pack is closed before it has more bytes than this.
pub(crate) const TARGET: usize = 32 * 1024 * 1024;

/// The name of a pack: BLAKE3 of the file.
pub(crate) type PackId = ObjectId;

/// The file of a pack in the store.
pub(crate) fn file_name(id: &PackId) -> String {
    let name = id.to_string();
    format!("packs/{}/{name}", &name[..2])
}

/// The pack that a file of the store is.
pub(crate) fn parse_file_name(name: &str) -> Option<PackId> {
    let (shard, id) = name.strip_prefix("packs/")?.split_once('/')?;
    id.parse().ok().filter(|_| id.starts_with(shard) && shard.len() == 2)
}

/// A block in a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackBlock {
    pub(crate) offset: u32,
    /// With its header.
    pub(crate) length: u32,
    pub(crate) kind: ObjectKind,
    pub(crate) objects: Vec<(ObjectId, u32)>,
}

/// What a pack holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackContents {
    pub(crate) id: PackId,
    /// The random part of its header: the ephemeral key when it is sealed.
    pub(crate) salt: [u8; 32],
    pub(crate) length: u64,
    pub(crate) blocks: Vec<PackBlock>,
}

/// Blocks on their way into a pack.
#[derive(Debug, Default)]
pub(crate) struct PackBuilder {
    /// Without the header of the pack.
    bytes: Vec<u8>,
    blocks: Vec<PackBlock>,
}

impl PackBuilder {
    /// An empty one that uses this buffer.
    pub(crate) fn with(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { bytes, blocks: Vec::new() }
    }

    /// Appends a block.
    pub(crate) fn push(&mut self, batch: &Batch, encoder: &mut Encoder, seal: Option<&Seal>) -> std::io::Result<()> {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&[0; HEADER]);
        }
        let offset = self.bytes.len();
        encoder.encode(batch, seal, &mut self.bytes)?;
        self.blocks.push(PackBlock {
            offset: narrow(offset),
            length: narrow(self.bytes.len() - offset),
            kind: batch.kind,
            objects: batch.objects.clone(),
        });
        Ok(())
    }

    /// Takes over the blocks of another.
    pub(crate) fn append(&mut self, other: Self) {
        if self.bytes.is_empty() {
            *self = other;
            return;
        }
        let Some(blocks) = other.bytes.get(HEADER..) else { return };
        let moved = self.bytes.len() - HEADER;
        self.bytes.extend_from_slice(blocks);
        self.blocks
            .extend(other.blocks.into_iter().map(|block| PackBlock { offset: block.offset + narrow(moved), ..block }));
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() + block::MOST >= TARGET
    }

    /// The file and what it holds; `None` when there is no block in it.
    pub(crate) fn finish(mut self, salt: [u8; 32]) -> Option<(Vec<u8>, PackContents)> {
        if self.blocks.is_empty() {
            return None;
        }
        self.bytes[..8].copy_from_slice(MAGIC);
        self.bytes[8..HEADER].copy_from_slice(&salt);
        let id = ObjectId(*blake3::hash(&self.bytes).as_bytes());
        let length = self.bytes.len() as u64;
        Some((self.bytes, PackContents { id, salt, length, blocks: self.blocks }))
    }
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).expect("a pack is far below 4 GiB")
}

/// What a scan of a pack found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Blocks whose header and table are as they were written.
    pub(crate) blocks: Vec<PackBlock>,
    /// Offsets where something stood that is no block.
    pub(crate) damaged: Vec<u64>,
    /// Blocks that this key cannot open.
    pub(crate) closed: usize,
}

/// The random part of a pack's header; `None` when this is not a pack.
pub(crate) fn salt(bytes: &[u8]) -> Option<[u8; 32]> {
    let rest = bytes.strip_prefix(MAGIC)?;
    rest.first_chunk().copied()
}

/// Goes through a pack without an index; steps over what is damaged.
pub(crate) fn scan(bytes: &[u8], opener: Option<&Seal>) -> Scan {
    let mut scan = Scan::default();
    let mut at = HEADER.min(bytes.len());
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = block::read_header(rest)
            .filter(|header| rest.len() >= block::HEADER + header.body && block::is_proved(rest, opener.is_some()))
            .map(|header| (header.kind, block::HEADER + header.body));
        let Some((kind, length)) = length else {
            scan.damaged.push(at as u64);
            let next = rest[1..].windows(4).enumerate().find(|(skipped, window)| {
                *window == block::MAGIC && block::is_proved(&rest[1 + skipped..], opener.is_some())
            });
            match next {
                Some((skipped, _)) => at += 1 + skipped,
                None => break,
            }
            continue;
        };
        match block::read_table(&rest[..length], opener) {
            Ok(objects) => {
                scan.blocks.push(PackBlock { offset: narrow(at), length: narrow(length), kind, objects });
            }
            Err(_) if opener.is_some() => scan.closed += 1,
            Err(_) => scan.damaged.push(at as u64),
        }
        at += length;
    }
    scan
}
