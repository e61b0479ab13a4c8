//! A supervisor that is needed, as who needs it sees it.

use supervisor::UnitStatus;

use crate::ClientError;
use crate::client::vanished;
use crate::lines::{Reader, Writer};
use crate::wire::{Reply, Request};

/// A supervisor that stays for as long as this is there. Dropping it, or the end of the process, lets it go.
#[derive(Debug)]
pub struct Hold {
    reader: Reader,
    writer: Writer,
    pid: u32,
}

/// Something that happened to a supervisor that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldEvent {
    /// A unit has changed.
    Changed(UnitStatus),
    /// It was let go, and others hold it still.
    Released,
    /// It has stopped everything and is gone: nobody holds it any more, or somebody has ended it.
    Gone,
}

impl Hold {
    pub(crate) fn new(reader: Reader, writer: Writer, pid: u32) -> Self {
        Self { reader, writer, pid }
    }

    /// Waits for the next event.
    pub fn wait(&mut self) -> Result<HoldEvent, ClientError> {
        match self.reader.reply() {
            Ok(Reply::Changed { unit }) => Ok(HoldEvent::Changed(unit.into())),
            Ok(Reply::Released) => Ok(HoldEvent::Released),
            Ok(Reply::Gone) | Err(ClientError::Closed | ClientError::Lost(_)) => {
                vanished(self.pid).map(|()| HoldEvent::Gone)
            }
            Ok(other) => Err(ClientError::Unexpected(format!("{other:?}"))),
            Err(error) => Err(error),
        }
    }

    /// Lets it go, and waits until everything is stopped if nobody else holds it; says whether that was so.
    pub fn release(mut self) -> Result<bool, ClientError> {
        self.releaser().release()?;
        loop {
            match self.wait()? {
                HoldEvent::Changed(_) => {}
                HoldEvent::Released => return Ok(false),
                HoldEvent::Gone => return Ok(true),
            }
        }
    }

    /// Returns what lets it go from another thread.
    pub fn releaser(&self) -> Releaser {
        Releaser(self.writer.clone())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A releaser may have the connection for longer; the supervisor must see that nobody needs it.
        self.writer.close();
    }
}

/// What lets a supervisor go.
#[derive(Debug, Clone)]
pub struct Releaser(Writer);

impl Releaser {
    /// Says that the supervisor is needed no longer; [`Hold::wait`] tells what comes of it.
    pub fn release(&self) -> Result<(), ClientError> {
        self.0.request(&Request::Release)
    }
}
