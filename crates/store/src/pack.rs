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

/// A pack is handed out to be written in pieces of about this size, while they are in the processor's cache.
const PIECE: usize = 512 * 1024;

/// Blocks on their way into a pack.
#[derive(Debug)]
pub(crate) struct PackBuilder {
    salt: [u8; 32],
    /// The end of the file, that has not been handed out.
    rest: Vec<u8>,
    /// Bytes that were handed out.
    written: usize,
    /// Of what was handed out.
    hasher: Box<blake3::Hasher>,
    blocks: Vec<PackBlock>,
}

/// The end of a pack.
pub(crate) struct Finished {
    /// What was not handed out before.
    pub(crate) rest: Vec<u8>,
    /// What the file holds.
    pub(crate) contents: PackContents,
}

impl PackBuilder {
    /// An empty one whose header will have these random bytes.
    pub(crate) fn new(salt: [u8; 32]) -> Self {
        Self { salt, rest: Vec::new(), written: 0, hasher: Box::default(), blocks: Vec::new() }
    }

    /// Appends a block; of the batch its plain bytes are left.
    pub(crate) fn push(
        &mut self,
        batch: &mut Batch<'_>,
        encoder: &mut Encoder,
        seal: Option<&Seal>,
    ) -> std::io::Result<()> {
        if self.len() == 0 {
            self.rest.extend_from_slice(MAGIC);
            self.rest.extend_from_slice(&self.salt);
        }
        let offset = self.len();
        encoder.encode(batch, seal, &mut self.rest)?;
        self.blocks.push(PackBlock {
            offset: narrow(offset),
            length: narrow(self.len() - offset),
            kind: batch.kind,
            objects: std::mem::take(&mut batch.objects),
        });
        Ok(())
    }

    /// Hands out what there is, if that is worth the while: the next piece of the file.
    pub(crate) fn hand_out<E>(&mut self, write: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.rest.len() < PIECE {
            return Ok(());
        }
        self.hasher.update(&self.rest);
        write(&self.rest)?;
        self.written += self.rest.len();
        self.rest.clear();
        Ok(())
    }

    /// Takes over the blocks of another of which nothing was handed out.
    pub(crate) fn append(&mut self, other: Self) {
        assert_eq!(other.written, 0, "the beginning of the other one is elsewhere");
        if self.len() == 0 {
            *self = other;
            return;
        }
        let Some(blocks) = other.rest.get(HEADER..) else { return };
        let moved = self.len() - HEADER;
        self.rest.extend_from_slice(blocks);
        self.blocks
            .extend(other.blocks.into_iter().map(|block| PackBlock { offset: block.offset + narrow(moved), ..block }));
    }

    /// Whether something of it was handed out.
    pub(crate) fn is_begun(&self) -> bool {
        self.written > 0
    }

    pub(crate) fn len(&self) -> usize {
        self.written + self.rest.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() + block::MOST >= TARGET
    }

    /// The end of the file and what it holds; `None` when there is no block in it.
    pub(crate) fn finish(mut self) -> Option<Finished> {
        if self.blocks.is_empty() {
            return None;
        }
        let id = ObjectId(*self.hasher.update(&self.rest).finalize().as_bytes());
        let length = self.len() as u64;
        Some(Finished { rest: self.rest, contents: PackContents { id, salt: self.salt, length, blocks: self.blocks } })
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
