//! Entries of directories: names, metadata, and what each contains.

use store::ObjectId;

use crate::codec::{Decoder, Malformed, put_bytes, put_number, put_signed};
use crate::digest;

/// Longest name of an entry in bytes.
const NAME_MAX: usize = 255;

/// Longest file in bytes: 64 TiB. What a file says of its length is bounded, because memory is reserved by it.
pub const FILE_MAX: u64 = 1 << 46;

/// One entry of a directory, or the root of a tree (whose name is empty).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, in the bytes of the file system.
    pub name: Vec<u8>,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// Number of the owner.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
    /// When the content was last modified.
    pub mtime: Timestamp,
    /// Extended attributes by name, access control lists among them; sorted.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Files with the same number here are the same file (hard links).
    pub link: Option<u64>,
    /// What it is and contains.
    pub body: Body,
}

/// Nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp {
    /// Whole seconds; may be negative.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// What an entry is and contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A directory.
    Directory {
        /// The first node of its entries.
        node: ObjectId,
        /// Digest of its content, independent of the store.
        digest: [u8; 32],
    },
    /// A regular file.
    File(FileContent),
    /// A symbolic link to these bytes.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// Something was here that is not in the tree.
    Hole(HoleReason),
}

/// What a regular file contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    /// Length in bytes.
    pub size: u64,
    /// Whether it had holes: then zeros are restored as holes, else as reserved space.
    pub sparse: bool,
    /// How it is cut.
    pub class: Class,
    /// Where its bytes are.
    pub form: Form,
    /// Digest of its content, independent of the store.
    pub digest: [u8; 32],
}

/// How a file is cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// One chunk.
    Whole,
    /// Content-defined chunks of 16 to 256 KiB.
    Cdc,
    /// Chunks of this many bytes, because of where the file is or because of a rule.
    Page(u32),
    /// Chunks of this many bytes, because of what the file begins with.
    Recognised(u32),
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// There are none.
    Empty,
    /// In one data object.
    Data(ObjectId),
    /// In the chunks of one segment node.
    Segment(ObjectId),
    /// In several segments, which a list node names.
    List(ObjectId),
    /// All are zero.
    Zeros,
}

/// Why something is not in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoleReason {
    /// It is a device.
    Device,
    /// It is a socket, which has no content.
    Socket,
    /// The system did not let it be read.
    Unreadable,
    /// It changed each time it was read.
    Changed,
}

impl HoleReason {
    fn code(self) -> u8 {
        match self {
            Self::Device => 0,
            Self::Socket => 1,
            Self::Unreadable => 2,
            Self::Changed => 3,
        }
    }

    /// The reason in words that follow "it ".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "is a device",
            Self::Socket => "is a socket",
            Self::Unreadable => "could not be read",
            Self::Changed => "changed while it was read",
        }
    }
}

impl Form {
    /// The object, if there is one.
    pub fn child(&self) -> Option<ObjectId> {
        match self {
            Self::Empty | Self::Zeros => None,
            Self::Data(id) | Self::Segment(id) | Self::List(id) => Some(*id),
        }
    }
}

impl Entry {
    /// The object that holds the content, if there is one.
    pub fn child(&self) -> Option<ObjectId> {
        match &self.body {
            Body::Directory { node, .. } => Some(*node),
            Body::File(file) => file.form.child(),
            Body::Symlink(_) | Body::Fifo | Body::Hole(_) => None,
        }
    }

    /// The kind as a number: part of the format and of content digests.
    pub fn kind_code(&self) -> u8 {
        match self.body {
            Body::Directory { .. } => 0,
            Body::File(_) => 1,
            Body::Symlink(_) => 2,
            Body::Fifo => 3,
            Body::Hole(_) => 4,
        }
    }

    /// Digest of the content, independent of the store, of times and of owners.
    pub fn digest(&self) -> [u8; 32] {
        match &self.body {
            Body::Directory { digest, .. } => *digest,
            Body::File(file) => file.digest,
            Body::Symlink(target) => digest::chunk(target),
            Body::Fifo => digest::chunk(&[]),
            Body::Hole(why) => digest::chunk(&[why.code()]),
        }
    }
}

const XATTRS: u8 = 1;
const LINK: u8 = 2;
const SPARSE: u8 = 4;
const DIGEST: u8 = 8;

/// Appends the entry to a payload and its object, if any, to the children.
pub fn encode(entry: &Entry, payload: &mut Vec<u8>, children: &mut Vec<ObjectId>) {
    put_bytes(payload, &entry.name);
    payload.push(entry.kind_code());
    let mut flags = 0;
    if !entry.xattrs.is_empty() {
        flags |= XATTRS;
    }
    if entry.link.is_some() {
        flags |= LINK;
    }
    if let Body::File(file) = &entry.body {
        if file.sparse {
            flags |= SPARSE;
        }
        if implied_digest(&file.form) != Some(file.digest) {
            flags |= DIGEST;
        }
    }
    payload.push(flags);
    put_number(payload, u64::from(entry.mode));
    put_number(payload, u64::from(entry.uid));
    put_number(payload, u64::from(entry.gid));
    put_signed(payload, entry.mtime.seconds);
    put_number(payload, u64::from(entry.mtime.nanoseconds));
    match &entry.body {
        Body::Directory { digest, .. } => payload.extend_from_slice(digest),
        Body::File(file) => {
            put_number(payload, file.size);
            let (class, page) = match file.class {
                Class::Whole => (0, None),
                Class::Cdc => (1, None),
                Class::Page(bytes) => (2, Some(bytes)),
                Class::Recognised(bytes) => (3, Some(bytes)),
            };
            let form = match file.form {
                Form::Empty => 0,
                Form::Data(_) => 1,
                Form::Segment(_) => 2,
                Form::List(_) => 3,
                Form::Zeros => 4,
            };
            payload.push(form << 4 | class);
            if let Some(bytes) = page {
                put_number(payload, u64::from(bytes));
            }
            if flags & DIGEST != 0 {
                payload.extend_from_slice(&file.digest);
            }
        }
        Body::Symlink(target) => put_bytes(payload, target),
        Body::Fifo => {}
        Body::Hole(why) => payload.push(why.code()),
    }
    if flags & XATTRS != 0 {
        put_number(payload, entry.xattrs.len() as u64);
        for (name, value) in &entry.xattrs {
            put_bytes(payload, name);
            put_bytes(payload, value);
        }
    }
    if let Some(link) = entry.link {
        payload.extend_from_slice(&link.to_le_bytes());
    }
    children.extend(entry.child());
}

/// The digest that needs not be written, because the object is named by it.
fn implied_digest(form: &Form) -> Option<[u8; 32]> {
    match form {
        Form::Empty => Some(digest::chunk(&[])),
        Form::Data(id) => Some(id.0),
        Form::Segment(_) | Form::List(_) | Form::Zeros => None,
    }
}

/// Reads an entry; its object is the next of `children`.
pub fn decode(decoder: &mut Decoder<'_>, children: &mut std::slice::Iter<'_, ObjectId>) -> Result<Entry, Malformed> {
    let name = decoder.bytes()?.to_vec();
    if name.len() > NAME_MAX || name == b"." || name == b".." || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
        return Err("a name is not the name of an entry");
    }
    let kind = decoder.byte()?;
    let flags = decoder.byte()?;
    if flags & !(XATTRS | LINK | SPARSE | DIGEST) != 0 {
        return Err("a flag is unknown");
    }
    let mode = decoder.small()?;
    if mode > 0o7777 {
        return Err("a mode is too large");
    }
    let (uid, gid) = (decoder.small()?, decoder.small()?);
    let mtime = Timestamp { seconds: decoder.signed()?, nanoseconds: decoder.small()? };
    if mtime.nanoseconds > 999_999_999 {
        return Err("a time is not one");
    }
    let mut child = || children.next().copied().ok_or("it has too few children");
    let body = match kind {
        0 => Body::Directory { node: child()?, digest: decoder.array()? },
        1 => {
            let size = decoder.number()?;
            if size > FILE_MAX {
                return Err("a file is too large");
            }
            let code = decoder.byte()?;
            let class = match code & 15 {
                0 => Class::Whole,
                1 => Class::Cdc,
                2 => Class::Page(decoder.small()?),
                3 => Class::Recognised(decoder.small()?),
                _ => return Err("a class of chunks is unknown"),
            };
            let form = match code >> 4 {
                0 if size == 0 => Form::Empty,
                1 => Form::Data(child()?),
                2 => Form::Segment(child()?),
                3 => Form::List(child()?),
                4 => Form::Zeros,
                _ => return Err("a form of content is unknown"),
            };
            let digest = if flags & DIGEST == 0 {
                implied_digest(&form).ok_or("a digest is missing")?
            } else {
                decoder.array()?
            };
            Body::File(FileContent { size, sparse: flags & SPARSE != 0, class, form, digest })
        }
        2 => {
            let target = decoder.bytes()?;
            if target.is_empty() || target.contains(&0) {
                return Err("the target of a link is not a path");
            }
            Body::Symlink(target.to_vec())
        }
        3 => Body::Fifo,
        4 => Body::Hole(match decoder.byte()? {
            0 => HoleReason::Device,
            1 => HoleReason::Socket,
            2 => HoleReason::Unreadable,
            3 => HoleReason::Changed,
            _ => return Err("a reason is unknown"),
        }),
        _ => return Err("a kind of entry is unknown"),
    };
    let mut xattrs = Vec::new();
    if flags & XATTRS != 0 {
        for _ in 0..decoder.length()? {
            let attribute = decoder.bytes()?;
            if attribute.is_empty() || attribute.contains(&0) {
                return Err("the name of an attribute is not one");
            }
            xattrs.push((attribute.to_vec(), decoder.bytes()?.to_vec()));
        }
    }
    let link = if flags & LINK == 0 { None } else { Some(u64::from_le_bytes(decoder.array()?)) };
    Ok(Entry { name, mode, uid, gid, mtime, xattrs, link, body })
}
