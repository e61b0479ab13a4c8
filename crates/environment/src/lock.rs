//! One command at a time changes an environment.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::{Context, Error, Progress};

/// The right to change an environment, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the right, and says for whom.
    pub fn take(directory: &Path, command: &str, context: &Context<'_>) -> Result<Self, Error> {
        const PAUSE: Duration = Duration::from_millis(20);
        let (monitor, interrupt) = (context.monitor, &context.interrupt);
        let path = directory.join("lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            monitor.on(Progress::Note(format!("waiting for {}", holder.trim())));
            // Waiting in the kernel could not be ended by Ctrl-C.
            while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
                if error != rustix::io::Errno::WOULDBLOCK {
                    return Err(Error::io("lock", &path)(error.into()));
                }
                if interrupt.is_raised() {
                    return Err(Error::Interrupted);
                }
                std::thread::sleep(PAUSE);
            }
        }
        let holder = format!("`seedbed {command}` (process {})\n", std::process::id());
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
        // Who holds it is only for the message of the next one.
        drop(written);
        Ok(Self { _file: file })
    }
}
