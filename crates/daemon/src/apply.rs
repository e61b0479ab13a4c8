//! A running apply, as its client sees it.

use supervisor::{UnitId, UnitStatus};

use crate::ClientError;
use crate::lines::{Reader, Writer};
use crate::wire::{Reply, Request};

/// A running apply. Dropping it before `Finished` takes it back: what it started is stopped.
#[derive(Debug)]
pub struct Apply {
    reader: Reader,
    writer: Writer,
}

/// Something that happened in an apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyEvent {
    /// A unit has changed.
    Changed(UnitStatus),
    /// An external unit's work is due; answered through [`Answerer::done`].
    Due(UnitId),
    /// All units are settled; nothing follows.
    Finished {
        /// Whether every unit is ready or succeeded.
        ok: bool,
    },
}

impl Apply {
    pub(crate) fn new(reader: Reader, writer: Writer) -> Self {
        Self { reader, writer }
    }

    /// Waits for the next event.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not end with an error and with `Finished`")]
    pub fn next(&mut self) -> Result<ApplyEvent, ClientError> {
        match self.reader.reply()? {
            Reply::Changed { unit } => Ok(ApplyEvent::Changed(unit.into())),
            Reply::Due { unit } => Ok(ApplyEvent::Due(UnitId::new(unit))),
            Reply::Finished { ok } => Ok(ApplyEvent::Finished { ok }),
            other => Err(ClientError::Unexpected(format!("{other:?}"))),
        }
    }

    /// Returns what answers this apply's due units, also from another thread.
    pub fn answerer(&self) -> Answerer {
        Answerer(self.writer.clone())
    }
}

impl Drop for Apply {
    fn drop(&mut self) {
        // Answerers may hold the connection for longer; the supervisor must see that nobody listens.
        self.writer.close();
    }
}

/// What answers due units.
#[derive(Debug, Clone)]
pub struct Answerer(Writer);

impl Answerer {
    /// Says that a due unit's work is done, or why it could not be.
    pub fn done(&self, unit: &UnitId, result: Result<(), String>) -> Result<(), ClientError> {
        self.0.request(&Request::Done { unit: unit.to_string(), error: result.err() })
    }

    /// Takes the apply back; [`Apply::next`] goes on to say what happens, up to `Finished`.
    pub fn cancel(&self) -> Result<(), ClientError> {
        self.0.request(&Request::Cancel)
    }
}
