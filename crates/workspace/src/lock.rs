//! One command at a time changes a workspace.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::{Context, Error};

/// How often it is looked whether another command has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// The right to change a workspace, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "it is held, not used")] File);

impl Lock {
    /// Waits for the right.
    pub fn take(path: &Path, context: &Context<'_>) -> Result<Self, Error> {
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(Error::io("open", path))?;
        let mut has_told = false;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(file)),
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
