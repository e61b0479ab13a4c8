//! The lock by which an environment has one supervisor.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::ServeError;

/// The lock of a living supervisor: the kernel gives it back however the process ends.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "it is held, not used")] File);

impl Lock {
    /// Takes the lock of an environment's directory, in a file that says who has it.
    pub(crate) fn take(directory: &Path) -> Result<Self, ServeError> {
        let path = directory.join("supervisor.pid");
        let failed = |operation| {
            let path = path.clone();
            move |source| ServeError::File { operation, path, source }
        };
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed("open"))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            if error == rustix::io::Errno::WOULDBLOCK {
                ServeError::Taken { directory: directory.to_owned() }
            } else {
                failed("lock")(error.into())
            }
        })?;
        let pid = format!("{}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(pid.as_bytes()))
            .map_err(failed("write"))?;
        Ok(Self(file))
    }
}
