//! One command at a time changes a workspace.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::{Context, Error};

/// How often it is looked whether another command has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// The right to change a workspace, until it is dropped, or the process and all programs that it has called for that have ended,
/// however they end: those that have the same open file.
#[derive(Debug)]
pub struct Lock(Arc<File>);

impl Drop for Lock {
    fn drop(&mut self) {
        // At the latest the end of the process gives it back.
        let _ = flock(&*self.0, FlockOperation::Unlock);
    }
}

/// Opens the file that is locked.
pub fn open(path: &Path) -> Result<Arc<File>, Error> {
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
    opened.map(Arc::new).map_err(Error::io("open", path))
}

impl Lock {
    /// Waits for the right.
    pub fn take(file: &Arc<File>, path: &Path, context: &Context<'_>) -> Result<Self, Error> {
        let mut has_told = false;
        loop {
            match flock(&**file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(Arc::clone(file))),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(Error::io("lock", path)(error.into())),
            }
            if !std::mem::replace(&mut has_told, true) {
                context.world.note("waiting for another command on this workspace");
            }
            if context.world.is_interrupted() {
                return Err(Error::Interrupted);
            }
            std::thread::sleep(PAUSE);
        }
    }
}
