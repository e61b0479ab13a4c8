//! Names in a directory, sorted.

use std::ffi::CString;
use std::os::fd::AsFd;

use rustix::fs::Dir;

/// The names in a directory but for `.` and `..`, in the order of their bytes.
pub fn sorted(directory: impl AsFd) -> rustix::io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}
