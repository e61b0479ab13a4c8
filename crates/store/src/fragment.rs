//! Fragments of the index: what some packs hold, as bytes.

use std::collections::{BTreeMap, BTreeSet};

use crate::census::{Census, FragmentFound};
use crate::keys::StoreKeys;
use crate::pack::{PackBlock, PackContents, PackId};
use crate::random::random_bytes;
use crate::store::Inner;
use crate::{ObjectId, ObjectKind, StoreError};

const MAGIC: &[u8; 8] = b"SEEDIDX1";
const HEADER: usize = 40;
/// A fragment that is made of others has about so many objects.
const OBJECTS: usize = 60_000;
/// More small fragments than this are written as one.
const MANY: usize = 32;

/// The file of a fragment in the store.
pub(crate) fn file_name(bytes: &[u8]) -> String {
    format!("index/{}", blake3::hash(bytes).to_hex())
}

/// The bytes of a fragment.
pub(crate) fn encode(packs: &[PackContents], keys: Option<&StoreKeys>) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).expect("far fewer than 2^32").to_le_bytes();
    let mut plain = Vec::new();
    plain.extend_from_slice(&number(packs.len()));
    for pack in packs {
        plain.extend_from_slice(&pack.id.0);
        plain.extend_from_slice(&pack.salt);
        plain.extend_from_slice(&pack.length.to_le_bytes());
        plain.extend_from_slice(&number(pack.blocks.len()));
        for block in &pack.blocks {
            plain.extend_from_slice(&block.offset.to_le_bytes());
            plain.extend_from_slice(&block.length.to_le_bytes());
            plain.extend_from_slice(&u32::from(block.kind == ObjectKind::Node).to_le_bytes());
            plain.extend_from_slice(&number(block.objects.len()));
            for (id, length) in &block.objects {
                plain.extend_from_slice(&id.0);
                plain.extend_from_slice(&length.to_le_bytes());
            }
        }
    }
    let mut bytes = MAGIC.to_vec();
    if let Some(keys) = keys {
        let seal = keys.seal();
        bytes.extend_from_slice(&seal.ephemeral);
        bytes.extend_from_slice(&seal.seal(MAGIC, &plain));
    } else {
        bytes.extend_from_slice(&random_bytes());
        bytes.extend_from_slice(&plain);
    }
    bytes
}

/// What a fragment says, or what is wrong with it. `name` is its file in the store.
pub(crate) fn decode(name: &str, bytes: &[u8], keys: Option<&StoreKeys>) -> Result<Vec<PackContents>, &'static str> {
    if file_name(bytes) != name {
        return Err("does not have the bytes that were written");
    }
    let (header, rest) = bytes.split_at_checked(HEADER).ok_or("is cut")?;
    let ephemeral = header.strip_prefix(MAGIC).and_then(|salt| salt.first_chunk::<32>()).ok_or("is no fragment")?;
    let content;
    let plain = if let Some(keys) = keys {
        let opener = keys.opener(*ephemeral).ok_or("is sealed, and this key may only write")?;
        content = opener.open(MAGIC, rest).ok_or("cannot be opened with the key of this store")?;
        &content
    } else {
        rest
    };
    read(&mut Reader(plain)).ok_or("has lengths that do not fit")
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// A count of things that have at least `size` bytes each.
    fn count(&mut self, size: usize) -> Option<usize> {
        let count = self.number()? as usize;
        (count <= self.0.len() / size).then_some(count)
    }
}

fn read(reader: &mut Reader<'_>) -> Option<Vec<PackContents>> {
    let mut packs = Vec::new();
    for _ in 0..reader.count(76)? {
        let (id, salt) = (ObjectId(reader.take()?), reader.take()?);
        let length = u64::from_le_bytes(reader.take()?);
        let mut blocks = Vec::new();
        for _ in 0..reader.count(16)? {
            let (offset, block_length) = (reader.number()?, reader.number()?);
            let kind = match reader.number()? {
                0 => ObjectKind::Data,
                1 => ObjectKind::Node,
                _ => return None,
            };
            let mut objects = Vec::new();
            for _ in 0..reader.count(36)? {
                objects.push((ObjectId(reader.take()?), reader.number()?));
            }
            blocks.push(PackBlock { offset, length: block_length, kind, objects });
        }
        packs.push(PackContents { id, salt, length, blocks });
    }
    reader.0.is_empty().then_some(packs)
}

/// Writes packs into as few fragments as is good.
pub(crate) struct Fragments<'a> {
    inner: &'a Inner,
    waiting: Vec<PackContents>,
    objects: usize,
}

impl<'a> Fragments<'a> {
    pub(crate) fn new(inner: &'a Inner) -> Self {
        Self { inner, waiting: Vec::new(), objects: 0 }
    }

    pub(crate) fn push(&mut self, pack: PackContents) -> Result<(), StoreError> {
        self.objects += count(&pack);
        self.waiting.push(pack);
        if self.objects >= OBJECTS { self.flush() } else { Ok(()) }
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        if !self.waiting.is_empty() {
            let bytes = encode(&self.waiting, self.inner.keys.as_ref());
            self.inner.backend.write(&file_name(&bytes), &bytes)?;
            self.waiting.clear();
            self.objects = 0;
        }
        Ok(())
    }
}

fn count(pack: &PackContents) -> usize {
    pack.blocks.iter().map(|block| block.objects.len()).sum()
}

/// What readable fragments say of some packs.
pub(crate) fn contents(
    inner: &Inner,
    census: &Census,
    wanted: &BTreeSet<PackId>,
) -> Result<BTreeMap<PackId, PackContents>, StoreError> {
    let mut contents = BTreeMap::new();
    for (name, _) in census.fragments.iter().filter(|(_, found)| found.packs.iter().any(|pack| wanted.contains(pack))) {
        let packs = decode(name, &inner.backend.read(name)?, inner.keys.as_ref());
        let packs = packs.map_err(|problem| inner.damaged(name, problem))?;
        contents.extend(packs.into_iter().filter(|pack| wanted.contains(&pack.id)).map(|pack| (pack.id, pack)));
    }
    Ok(contents)
}

/// Takes packs out of the index, and where there are many small fragments makes one of them. What stays is in new
/// fragments before the old ones go. Only for the one that holds the [fence](crate::fence::Fence).
pub(crate) fn rewrite(inner: &Inner, census: &Census, gone: &BTreeSet<PackId>) -> Result<(), StoreError> {
    let is_small = |found: &FragmentFound| found.objects < OBJECTS / 2;
    let many = census.fragments.values().filter(|found| is_small(found)).count() > MANY;
    let affected: Vec<&String> = census
        .fragments
        .iter()
        .filter(|(_, found)| many && is_small(found) || found.packs.iter().any(|pack| gone.contains(pack)))
        .map(|(name, _)| name)
        .collect();
    let mut written = BTreeSet::new();
    let mut fragments = Fragments::new(inner);
    for name in &affected {
        let bytes = match inner.backend.read(name) {
            // A collection that was taken over lives after all; the next one sees what it left.
            Err(error) if error.is_not_found() => {
                return Err(StoreError::Collecting { place: inner.backend.describe() });
            }
            other => other?,
        };
        let packs = decode(name, &bytes, inner.keys.as_ref());
        for pack in packs.map_err(|problem| inner.damaged(name, problem))? {
            // A pack can stand in several fragments.
            if !gone.contains(&pack.id) && written.insert(pack.id) {
                fragments.push(pack)?;
            }
        }
    }
    fragments.flush()?;
    for name in affected {
        inner.backend.delete(name)?;
    }
    Ok(())
}
