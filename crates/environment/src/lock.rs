//! One command at a time changes an environment.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::context::Context;
use crate::place::Place;
use crate::{Error, Progress};

/// How often to look whether another command has ended, and whether the user still wants to wait for it.
const PAUSE: Duration = Duration::from_millis(10);

/// How many looks a command that has the right may take to say who it is.
const LOOKS: u32 = 50;

/// The right to change an environment, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The next one must not be taken for this one before it has said who it is.
        drop(self.file.set_len(0));
    }
}

impl Lock {
    /// Waits for the right, and says for whom. Makes the directories of the environment.
    pub fn take(place: &Place, command: &str, context: &Context<'_>) -> Result<Self, Error> {
        let path = place.directory().join("lock");
        let mut has_told = false;
        let mut looks = 0;
        loop {
            place.create_directory()?;
            let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = match opened {
                // Another command destroys the environment at this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(Error::io("open", &path))?,
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_at(&file, &path) => {
                    let holder = format!("`seedbed {command}` (process {})\n", std::process::id());
                    let written =
                        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
                    // Who holds it is only for the message of the next one.
                    drop(written);
                    let lock = Self { file };
                    place.create()?;
                    return Ok(lock);
                }
                // The environment was destroyed, and this lock with it; what is there now has another.
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    if context.interrupt.is_raised() {
                        return Err(Error::Interrupted);
                    }
                    looks += 1;
                    let mut holder = String::new();
                    let is_said = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                    if !has_told && (is_said || looks > LOOKS) {
                        let holder = if is_said { holder.trim() } else { "another command" };
                        context.monitor.on(Progress::Note(format!("waiting for {holder}")));
                        has_told = true;
                    }
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(Error::io("lock", &path)(error.into())),
            }
        }
    }
}

/// Whether this is the file that has that path now.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let own = file.metadata().map(|own| (own.dev(), own.ino()));
    let there = std::fs::metadata(path).map(|there| (there.dev(), there.ino()));
    own.is_ok_and(|own| there.is_ok_and(|there| own == there))
}
