//! One file of a tree, without the others.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

use store::{ObjectId, ObjectReader};

use crate::TreeError;
use crate::content;
use crate::directory::DirectoryReader;
use crate::entry::{Body, Entry, FileContent, Form};
use crate::node::RootNode;
use crate::save::{Progress, Watch, tell};

/// Writes the content of a file of a tree; the path is empty for a tree of one file. Returns its length.
pub fn read_file(
    root: &ObjectId,
    path: &Path,
    reader: &dyn ObjectReader,
    out: &mut dyn Write,
) -> Result<u64, TreeError> {
    each_part(root, path, reader, &mut |bytes| out.write_all(bytes).map_err(TreeError::io("write", path)))
}

/// Hands out the content of a file of a tree in order; returns its length.
fn each_part(
    root: &ObjectId,
    path: &Path,
    reader: &dyn ObjectReader,
    out: &mut dyn FnMut(&[u8]) -> Result<(), TreeError>,
) -> Result<u64, TreeError> {
    let entry = find(root, path, reader)?;
    let Body::File(content) = entry.body else { return Err(TreeError::NoFile { path: path.to_owned() }) };
    write(&content, reader, out)?;
    Ok(content.size)
}

/// Writes the file that a tree of one file is, whole and synced; metadata is not restored.
pub fn restore_file(
    root: &ObjectId,
    to: &Path,
    reader: &dyn ObjectReader,
    watch: &Watch<'_>,
) -> Result<u64, TreeError> {
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = Path::new(&temporary);
    let file = std::fs::File::create(temporary).map_err(TreeError::io("create", temporary))?;
    let mut out = std::io::BufWriter::with_capacity(1 << 20, file);
    let mut written = 0;
    let filled = each_part(root, Path::new(""), reader, &mut |bytes| {
        out.write_all(bytes).map_err(TreeError::io("write", to))?;
        written += bytes.len() as u64;
        tell(watch, Progress { entries: 0, bytes: written, moved_bytes: written })
    });
    let result = filled.and_then(|length| {
        let done = out.flush().and_then(|()| out.get_ref().sync_all()).and_then(|()| std::fs::rename(temporary, to));
        done.map_err(TreeError::io("write", to)).map(|()| length)
    });
    if result.is_err() {
        // The error that is returned says more than one about the remains.
        let _ = std::fs::remove_file(temporary);
    }
    result
}

fn find(root: &ObjectId, path: &Path, reader: &dyn ObjectReader) -> Result<Entry, TreeError> {
    let none = || TreeError::NoFile { path: path.to_owned() };
    let mut entry = RootNode::read(root, reader)?.entry;
    for component in path.components() {
        let Component::Normal(name) = component else { return Err(none()) };
        let Body::Directory { node, .. } = entry.body else { return Err(none()) };
        entry = in_directory(node, name, reader)?.ok_or_else(none)?;
    }
    Ok(entry)
}

fn in_directory(node: ObjectId, name: &OsStr, reader: &dyn ObjectReader) -> Result<Option<Entry>, TreeError> {
    let mut entries = DirectoryReader::new(node, reader);
    while let Some(entry) = entries.next()? {
        match entry.name.as_slice().cmp(name.as_bytes()) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Ok(Some(entry)),
            std::cmp::Ordering::Greater => break,
        }
    }
    Ok(None)
}

/// Hands out the bytes of a file in order.
fn write(
    content: &FileContent,
    reader: &dyn ObjectReader,
    out: &mut dyn FnMut(&[u8]) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    if let Form::Data(id) = content.form {
        let bytes = reader.get(&id)?;
        if bytes.len() as u64 != content.size {
            return Err(TreeError::BadNode { id, problem: "it has not the length of its file" });
        }
        return out(&bytes);
    }
    let zeros = [0u8; 8 << 10];
    for (index, segment) in (0..).zip(content::segments(content, reader)?) {
        let length = content::segment_length(content.size, index);
        for piece in content::pieces(segment, length, reader)? {
            if let Some(id) = piece.id {
                let bytes = reader.get(&id)?;
                if bytes.len() != piece.length as usize {
                    let problem = "a chunk has not the length that its segment says";
                    return Err(TreeError::BadNode { id, problem });
                }
                out(&bytes)?;
            } else {
                let mut left = piece.length as usize;
                while left > 0 {
                    let count = left.min(zeros.len());
                    out(&zeros[..count])?;
                    left -= count;
                }
            }
        }
    }
    Ok(())
}
