//! What the file system says of an entry besides its content: read, and set where it differs.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use rustix::io::Errno;

use crate::TreeError;
use crate::entry::{Entry, Timestamp};

/// What `stat` says, in the types of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    pub kind: FileType,
    pub identity: Identity,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u64,
    /// Bytes that are allocated on the disk.
    pub allocated: u64,
}

/// What tells that a file is still the one it was and contains what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    pub mtime: Timestamp,
    pub ctime: Timestamp,
}

impl From<Stat> for FileStat {
    // The widths of these numbers differ between systems; none of them is cut on a 64-bit system.
    #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, clippy::unnecessary_cast, clippy::cast_lossless)]
    fn from(stat: Stat) -> Self {
        let time = |seconds: i64, nanoseconds: u64| Timestamp { seconds, nanoseconds: nanoseconds as u32 };
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            identity: Identity {
                device: stat.st_dev as u64,
                inode: stat.st_ino as u64,
                size: stat.st_size as u64,
                mtime: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
                ctime: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
            },
            mode: stat.st_mode as u32 & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            links: stat.st_nlink as u64,
            allocated: stat.st_blocks as u64 * 512,
        }
    }
}

/// An entry whose extended attributes are read or set: open, or by its path (never followed when it is a link).
#[derive(Clone, Copy)]
pub enum Place<'a> {
    Open(BorrowedFd<'a>),
    At(&'a Path),
}

/// Extended attributes: names and values, sorted.
pub type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// Attributes that are part of the state of a file. Labels and checksums of security modules belong to a machine.
fn is_state(name: &[u8]) -> bool {
    [&b"user."[..], b"trusted.", b"system.posix_acl_"].iter().any(|prefix| name.starts_with(prefix))
        || name == b"security.capability"
}

/// The extended attributes of an entry, sorted by name.
pub fn xattrs(place: Place<'_>) -> rustix::io::Result<Attributes> {
    let mut small = [0u8; 256];
    let listed = match place {
        Place::Open(file) => rustix::fs::flistxattr(file, &mut small),
        Place::At(path) => rustix::fs::llistxattr(path, &mut small),
    };
    let mut large;
    let names = match listed {
        Ok(0) | Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
        Ok(length) => &small[..length],
        Err(Errno::RANGE) => {
            large = vec![0u8; 1 << 16];
            let length = match place {
                Place::Open(file) => rustix::fs::flistxattr(file, &mut large)?,
                Place::At(path) => rustix::fs::llistxattr(path, &mut large)?,
            };
            &large[..length]
        }
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| is_state(name)) {
        let mut value = vec![0u8; 1 << 16];
        let length = match place {
            Place::Open(file) => rustix::fs::fgetxattr(file, name, &mut value)?,
            Place::At(path) => rustix::fs::lgetxattr(path, name, &mut value)?,
        };
        value.truncate(length);
        value.shrink_to_fit();
        found.push((name.to_vec(), value));
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes the extended attributes be these. What this process may not set, or the file system cannot keep, is returned.
pub fn set_xattrs(place: Place<'_>, wanted: &[(Vec<u8>, Vec<u8>)]) -> rustix::io::Result<Vec<Vec<u8>>> {
    let present = xattrs(place)?;
    let mut refused = Vec::new();
    if present == wanted {
        return Ok(refused);
    }
    let mut note = |name: &[u8], result: rustix::io::Result<()>| match result {
        Err(Errno::PERM | Errno::NOTSUP | Errno::ACCESS) => {
            refused.push(name.to_vec());
            Ok(())
        }
        Err(Errno::NODATA) => Ok(()),
        other => other,
    };
    for (name, _) in present.iter().filter(|(name, _)| wanted.iter().all(|(other, _)| other != name)) {
        note(
            name,
            match place {
                Place::Open(file) => rustix::fs::fremovexattr(file, name.as_slice()),
                Place::At(path) => rustix::fs::lremovexattr(path, name.as_slice()),
            },
        )?;
    }
    for attribute in wanted.iter().filter(|attribute| !present.contains(attribute)) {
        let (name, value) = attribute;
        note(
            name,
            match place {
                Place::Open(file) => rustix::fs::fsetxattr(file, name.as_slice(), value, XattrFlags::empty()),
                Place::At(path) => rustix::fs::lsetxattr(path, name.as_slice(), value, XattrFlags::empty()),
            },
        )?;
    }
    Ok(refused)
}

/// Makes owner, mode, attributes and time of an open file or directory be those of the entry, and says how it is then.
/// What may not be set is added to `refused`.
pub fn apply(
    file: BorrowedFd<'_>,
    entry: &Entry,
    owner: Option<(u32, u32)>,
    path: &Path,
    refused: &mut Vec<String>,
) -> Result<FileStat, TreeError> {
    let os = |action| TreeError::os(action, path);
    let mut stat = FileStat::from(rustix::fs::fstat(file).map_err(os("inspect"))?);
    let mut changed = false;
    if let Some((uid, gid)) = owner.filter(|owner| *owner != (stat.uid, stat.gid)) {
        // Changing the owner clears set-user-id, so the mode comes after it.
        match rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))) {
            Err(Errno::PERM) => refused.push(format!("{}: owner {uid}:{gid}", path.display())),
            result => result.map_err(os("change the owner of"))?,
        }
        stat = FileStat::from(rustix::fs::fstat(file).map_err(os("inspect"))?);
        changed = true;
    }
    let attributes = set_xattrs(Place::Open(file), &entry.xattrs).map_err(os("set the attributes of"))?;
    for name in attributes {
        refused.push(format!("{}: attribute {}", path.display(), String::from_utf8_lossy(&name)));
    }
    if !entry.xattrs.is_empty() {
        // An access control list changes the mode.
        stat = FileStat::from(rustix::fs::fstat(file).map_err(os("inspect"))?);
        changed = true;
    }
    if stat.mode != entry.mode {
        // From<u32> of the system's type: the bits are those of `chmod`.
        rustix::fs::fchmod(file, Mode::from_raw_mode(entry.mode)).map_err(os("change the mode of"))?;
        changed = true;
    }
    if stat.identity.mtime != entry.mtime {
        rustix::fs::futimens(file, &times(entry.mtime)).map_err(os("set the time of"))?;
        changed = true;
    }
    if changed {
        stat = FileStat::from(rustix::fs::fstat(file).map_err(os("inspect"))?);
    }
    Ok(stat)
}

/// As [`apply`], for a link or named pipe, which is not opened.
pub fn apply_at(
    directory: BorrowedFd<'_>,
    entry: &Entry,
    owner: Option<(u32, u32)>,
    path: &Path,
    refused: &mut Vec<String>,
) -> Result<(), TreeError> {
    let os = |action| TreeError::os(action, path);
    let name = entry.name.as_slice();
    let stat = FileStat::from(rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(os("inspect"))?);
    if let Some((uid, gid)) = owner.filter(|owner| *owner != (stat.uid, stat.gid)) {
        let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        match rustix::fs::chownat(directory, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::PERM) => refused.push(format!("{}: owner {uid}:{gid}", path.display())),
            result => result.map_err(os("change the owner of"))?,
        }
    }
    for name in set_xattrs(Place::At(path), &entry.xattrs).map_err(os("set the attributes of"))? {
        refused.push(format!("{}: attribute {}", path.display(), String::from_utf8_lossy(&name)));
    }
    if stat.kind == FileType::Fifo && stat.mode != entry.mode {
        rustix::fs::chmodat(directory, name, Mode::from_raw_mode(entry.mode), AtFlags::empty())
            .map_err(os("change the mode of"))?;
    }
    if stat.identity.mtime != entry.mtime {
        rustix::fs::utimensat(directory, name, &times(entry.mtime), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(os("set the time of"))?;
    }
    Ok(())
}

fn times(mtime: Timestamp) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanoseconds.into() },
    }
}

/// A path below a root, for messages and for calls that need one.
pub fn join(root: &Path, relative: &[u8]) -> PathBuf {
    if relative.is_empty() { root.to_owned() } else { root.join(OsStr::from_bytes(relative)) }
}

/// Whether the file system has times that are fine-grained and of this machine's clock. Others count as coarse.
#[cfg(target_os = "linux")]
pub fn has_fine_times(directory: impl std::os::fd::AsFd) -> bool {
    // ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS.
    const LOCAL: [u64; 7] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0xf2f5_2010, 0x2fc1_2fc1];
    rustix::fs::fstatfs(directory).is_ok_and(|system| LOCAL.contains(&(system.f_type.cast_unsigned() & 0xffff_ffff)))
}

/// Whether the file system has times that are fine-grained and of this machine's clock. Others count as coarse.
#[cfg(not(target_os = "linux"))]
pub fn has_fine_times(_: impl std::os::fd::AsFd) -> bool {
    false
}

/// Makes durable all that was written to the file system of an open directory.
#[cfg(target_os = "linux")]
pub fn sync_file_system(directory: impl std::os::fd::AsFd) -> rustix::io::Result<()> {
    rustix::fs::syncfs(directory)
}

/// Makes durable all that was written to the file system of an open directory.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)] // The other system can fail.
pub fn sync_file_system(_: impl std::os::fd::AsFd) -> rustix::io::Result<()> {
    rustix::fs::sync();
    Ok(())
}
