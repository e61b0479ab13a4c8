//! The lock by which an environment has one supervisor.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::ServeError;

/// How long one that is about to end may still have it: it listens no more, but its process is not gone yet.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often to look whether it is gone.
const PAUSE: Duration = Duration::from_millis(5);

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
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(failed("lock")(error.into()));
            }
            if Instant::now() > deadline {
                return Err(ServeError::Taken { directory: directory.to_owned() });
            }
            std::thread::sleep(PAUSE);
        }
        let pid = format!("{}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(pid.as_bytes()))
            .map_err(failed("write"))?;
        Ok(Self(file))
    }
}
