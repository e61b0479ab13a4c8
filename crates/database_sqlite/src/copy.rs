//! Copies of files.

use std::fs::File;
use std::io;
use std::path::Path;

use database::FileError;

/// Copies the bytes of a file to another, whose mode stays as it is. The caller syncs.
///
/// On Linux the kernel shares the blocks where the filesystem can, else it copies them itself.
pub(crate) fn copy_bytes(from: &Path, to: &Path) -> Result<(), FileError> {
    let mut source = File::open(from).map_err(FileError::of("open", from))?;
    let mut target = File::create(to).map_err(FileError::of("create", to))?;
    io::copy(&mut source, &mut target).map(drop).map_err(FileError::of("copy", from))
}
