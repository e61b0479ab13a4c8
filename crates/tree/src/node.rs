//! Nodes as bytes: segments, lists of segments, leaves and indexes of directories, roots.

use std::collections::BTreeMap;

use store::{ObjectId, ObjectReader, decode_node, encode_node};

use crate::TreeError;
use crate::chunking::{Piece, SEGMENT_BYTES};
use crate::codec::{Decoder, Malformed, put_bytes, put_number};
use crate::entry::{self, Entry};

/// How many children a list of segments has.
pub const LIST_CHILDREN: u64 = 2048;

const SEGMENT: u8 = 1;
const LIST: u8 = 2;
const LEAF: u8 = 3;
const INDEX: u8 = 4;
const ROOT: u8 = 5;
const VERSION: u8 = 1;

/// The root of a tree: a directory or one file, and what is said once for all entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootNode {
    /// The directory or file itself; its name is empty.
    pub entry: Entry,
    /// How many entries there are below it.
    pub entries: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Names of the owners by number.
    pub users: BTreeMap<u32, String>,
    /// Names of the groups by number.
    pub groups: BTreeMap<u32, String>,
}

/// A piece of a file in a list: a segment or list of a lower level, or zeros.
pub type ListItem = Option<ObjectId>;

/// A node of a directory.
pub enum DirectoryNode {
    /// Entries in the order of their names.
    Leaf(Vec<Entry>),
    /// Nodes of the level below, in the order of their names.
    Index(Vec<ObjectId>),
}

pub fn encode_segment(pieces: &[Piece]) -> Vec<u8> {
    let mut payload = vec![SEGMENT];
    let mut children = Vec::new();
    let mut rest = pieces;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|piece| piece.id.is_some() == first.id.is_some()).count();
        let (run, after) = rest.split_at(count);
        if first.id.is_none() {
            put_number(&mut payload, 0);
            put_number(&mut payload, run.iter().map(|piece| u64::from(piece.length)).sum());
        } else {
            // The last chunk of a file of pages may be shorter: it is a run of its own.
            let uniform = run.iter().take_while(|piece| piece.length == first.length).count();
            if uniform + 1 >= count {
                put_number(&mut payload, (uniform as u64) << 1);
                put_number(&mut payload, u64::from(first.length));
                children.extend(run[..uniform].iter().filter_map(|piece| piece.id));
                rest = &rest[uniform..];
                continue;
            }
            put_number(&mut payload, (count as u64) << 1 | 1);
            for piece in run {
                put_number(&mut payload, u64::from(piece.length));
            }
            children.extend(run.iter().filter_map(|piece| piece.id));
        }
        rest = after;
    }
    encode_node(&children, &payload)
}

fn decode_segment(decoder: &mut Decoder<'_>, children: &[ObjectId]) -> Result<Vec<Piece>, Malformed> {
    let mut pieces = Vec::with_capacity(children.len());
    let mut children = children.iter();
    let mut total = 0u64;
    let mut push = |length: u64, id: Option<ObjectId>| {
        total = total.saturating_add(length);
        let length = u32::try_from(length).map_err(|_| "a chunk is too long")?;
        if length == 0 || total > SEGMENT_BYTES {
            return Err("the lengths of its chunks cannot be");
        }
        pieces.push(Piece { length, id });
        Ok(())
    };
    while decoder.left() > 0 {
        let head = decoder.number()?;
        let count = head >> 1;
        if count > children.len() as u64 {
            return Err("it has too few children");
        }
        if head == 0 {
            push(decoder.number()?, None)?;
        } else if count == 0 {
            return Err("a run is empty");
        } else if head & 1 == 0 {
            let length = decoder.number()?;
            for _ in 0..count {
                push(length, children.next().copied())?;
            }
        } else {
            for _ in 0..count {
                push(decoder.number()?, children.next().copied())?;
            }
        }
    }
    if children.next().is_some() {
        return Err("it has too many children");
    }
    Ok(pieces)
}

pub fn encode_list(level: u8, items: &[ListItem]) -> Vec<u8> {
    let mut payload = vec![LIST, level];
    let mut rest = items;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|item| item.is_some() == first.is_some()).count();
        put_number(&mut payload, (count as u64) << 1 | u64::from(first.is_some()));
        rest = &rest[count..];
    }
    let children: Vec<_> = items.iter().filter_map(|item| *item).collect();
    encode_node(&children, &payload)
}

fn decode_list(decoder: &mut Decoder<'_>, children: &[ObjectId]) -> Result<(u8, Vec<ListItem>), Malformed> {
    let level = decoder.byte()?;
    // Three levels of 2,048 segments of 32 MiB are more than a file can have.
    if !(1..=3).contains(&level) {
        return Err("the level of a list cannot be");
    }
    let mut items = Vec::new();
    let mut children = children.iter();
    while decoder.left() > 0 {
        let head = decoder.number()?;
        let count = head >> 1;
        if count == 0 || count > LIST_CHILDREN - items.len() as u64 {
            return Err("a list has too many items");
        }
        for _ in 0..count {
            items.push(if head & 1 == 0 { None } else { Some(*children.next().ok_or("it has too few children")?) });
        }
    }
    if children.next().is_some() {
        return Err("it has too many children");
    }
    Ok((level, items))
}

/// A leaf from entries that are encoded already.
pub fn encode_leaf(count: usize, entries: &[u8], children: &[ObjectId]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(entries.len() + 4);
    payload.push(LEAF);
    put_number(&mut payload, count as u64);
    payload.extend_from_slice(entries);
    encode_node(children, &payload)
}

pub fn encode_index(level: u8, children: &[ObjectId]) -> Vec<u8> {
    encode_node(children, &[INDEX, level])
}

fn decode_leaf(decoder: &mut Decoder<'_>, children: &[ObjectId]) -> Result<Vec<Entry>, Malformed> {
    let count = decoder.length()?;
    let mut children = children.iter();
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..count {
        let entry = entry::decode(decoder, &mut children)?;
        if entry.name.is_empty() || entries.last().is_some_and(|last| last.name >= entry.name) {
            return Err("its names are not in order");
        }
        entries.push(entry);
    }
    decoder.end()?;
    if children.next().is_some() {
        return Err("it has too many children");
    }
    Ok(entries)
}

impl RootNode {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut payload = vec![ROOT, VERSION];
        let mut children = Vec::new();
        entry::encode(&self.entry, &mut payload, &mut children);
        put_number(&mut payload, self.entries);
        put_number(&mut payload, self.bytes);
        for names in [&self.users, &self.groups] {
            put_number(&mut payload, names.len() as u64);
            for (number, name) in names {
                put_number(&mut payload, u64::from(*number));
                put_bytes(&mut payload, name.as_bytes());
            }
        }
        encode_node(&children, &payload)
    }

    fn decode(decoder: &mut Decoder<'_>, children: &[ObjectId]) -> Result<Self, Malformed> {
        if decoder.byte()? != VERSION {
            return Err("its version is unknown");
        }
        let mut children = children.iter();
        let entry = entry::decode(decoder, &mut children)?;
        if !entry.name.is_empty() {
            return Err("a root has a name");
        }
        let (entries, bytes) = (decoder.number()?, decoder.number()?);
        let mut names = || {
            let mut names = BTreeMap::new();
            for _ in 0..decoder.length()? {
                let number = decoder.small()?;
                let name = str::from_utf8(decoder.bytes()?).map_err(|_| "the name of an owner is not text")?;
                names.insert(number, name.to_owned());
            }
            Ok::<_, Malformed>(names)
        };
        let (users, groups) = (names()?, names()?);
        decoder.end()?;
        if children.next().is_some() {
            return Err("it has too many children");
        }
        Ok(Self { entry, entries, bytes, users, groups })
    }

    /// Reads the root of a tree.
    pub fn read(id: &ObjectId, reader: &dyn ObjectReader) -> Result<Self, TreeError> {
        read(id, reader, &[ROOT], |_, decoder, children| Self::decode(decoder, children))
    }
}

pub fn read_segment(id: &ObjectId, reader: &dyn ObjectReader) -> Result<Vec<Piece>, TreeError> {
    read(id, reader, &[SEGMENT], |_, decoder, children| decode_segment(decoder, children))
}

pub fn read_list(id: &ObjectId, reader: &dyn ObjectReader) -> Result<(u8, Vec<ListItem>), TreeError> {
    read(id, reader, &[LIST], |_, decoder, children| decode_list(decoder, children))
}

pub fn read_directory(id: &ObjectId, reader: &dyn ObjectReader) -> Result<DirectoryNode, TreeError> {
    read(id, reader, &[LEAF, INDEX], |tag, decoder, children| {
        if tag == LEAF {
            return Ok(DirectoryNode::Leaf(decode_leaf(decoder, children)?));
        }
        let _level = decoder.byte()?;
        decoder.end()?;
        Ok(DirectoryNode::Index(children.to_vec()))
    })
}

fn read<T>(
    id: &ObjectId,
    reader: &dyn ObjectReader,
    tags: &[u8],
    decode: impl FnOnce(u8, &mut Decoder<'_>, &[ObjectId]) -> Result<T, Malformed>,
) -> Result<T, TreeError> {
    let bytes = reader.get(id)?;
    let bad = |problem| TreeError::BadNode { id: *id, problem };
    let (children, payload) = decode_node(&bytes).ok_or(bad("it has no list of children"))?;
    let mut decoder = Decoder::new(payload);
    let tag = decoder.byte().map_err(bad)?;
    if !tags.contains(&tag) {
        return Err(bad("it is a node of another kind"));
    }
    decode(tag, &mut decoder, &children).map_err(bad)
}

/// Decodes whatever node the bytes are; says what is wrong with them otherwise. For fuzzing.
pub fn decode_any(bytes: &[u8]) -> Result<(), Malformed> {
    let (children, payload) = decode_node(bytes).ok_or("it has no list of children")?;
    let mut decoder = Decoder::new(payload);
    match decoder.byte()? {
        SEGMENT => decode_segment(&mut decoder, &children).map(drop),
        LIST => decode_list(&mut decoder, &children).map(drop),
        LEAF => decode_leaf(&mut decoder, &children).map(drop),
        INDEX => Ok(()),
        ROOT => RootNode::decode(&mut decoder, &children).map(drop),
        _ => Err("it is a node of another kind"),
    }
}
