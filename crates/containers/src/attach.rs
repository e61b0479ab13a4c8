//! What a container writes, as the engine passes it on.

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use crate::{Engine, EngineError};

/// Which of the two outputs of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// Standard output; with a terminal, all of it.
    Output,
    /// Standard error.
    Errors,
}

/// The outputs of a container, from the moment of the attachment on.
#[derive(Debug)]
pub struct Output {
    source: Source,
    frames: Frames,
}

/// Where it comes from.
#[derive(Debug)]
enum Source {
    Answer(Incoming),
    /// The connection by which there is input, too.
    Connection(ReadHalf<TokioIo<Upgraded>>),
}

/// Where is sent what is typed at the terminal of a container.
#[derive(Debug)]
pub struct Keys {
    connection: WriteHalf<TokioIo<Upgraded>>,
    engine: Engine,
    container: String,
}

/// How much is read at once of a connection.
const BLOCK: usize = 1 << 16;

impl Output {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { source: Source::Answer(body), frames: Frames::new(false) }
    }

    /// Waits for what comes next; `None` when the container has ended, or the engine is gone.
    pub async fn next(&mut self) -> Option<(OutputKind, Bytes)> {
        loop {
            if let Some(piece) = self.frames.next() {
                return Some(piece);
            }
            match &mut self.source {
                Source::Answer(body) => {
                    let frame = body.frame().await?.ok()?;
                    if let Ok(bytes) = frame.into_data() {
                        self.frames.add(&bytes);
                    }
                }
                Source::Connection(connection) => {
                    let mut bytes = BytesMut::with_capacity(BLOCK);
                    let count = connection.read_buf(&mut bytes).await.ok()?;
                    if count == 0 {
                        return None;
                    }
                    self.frames.add(&bytes);
                }
            }
        }
    }
}

impl Keys {
    /// Types something; waits while the container does not read.
    pub async fn write(&mut self, input: &[u8]) -> std::io::Result<()> {
        self.connection.write_all(input).await?;
        self.connection.flush().await
    }

    /// Says how large the window is.
    pub async fn resize(&self, rows: u16, columns: u16) -> Result<(), EngineError> {
        self.engine.order(&format!("/containers/{}/resize?h={rows}&w={columns}", self.container), None).await
    }
}

impl Engine {
    /// Gives what a container with a terminal writes from now on, and where can be typed.
    pub async fn attach_terminal(&self, id: &str) -> Result<(Output, Keys), EngineError> {
        let path = format!("/containers/{id}/attach?stream=1&stdin=1&stdout=1&stderr=1");
        let (reader, connection) = tokio::io::split(self.converse(&path, String::new()).await?);
        let output = Output { source: Source::Connection(reader), frames: Frames::new(true) };
        Ok((output, Keys { connection, engine: self.clone(), container: id.to_owned() }))
    }
}

/// Takes a stream apart into frames: a byte that tells the output, three of nothing, four with the length, the rest. A
/// frame is passed on in the pieces in which it comes.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    has_terminal: bool,
    unread: BytesMut,
    /// The frame that has begun, and how much of it is to come.
    open: Option<(OutputKind, usize)>,
}

const HEADER: usize = 8;

impl Frames {
    pub(crate) fn new(has_terminal: bool) -> Self {
        Self { has_terminal, ..Self::default() }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    pub(crate) fn next(&mut self) -> Option<(OutputKind, Bytes)> {
        if self.has_terminal {
            return (!self.unread.is_empty()).then(|| (OutputKind::Output, self.unread.split().freeze()));
        }
        loop {
            match self.open {
                Some((_, 0)) => self.open = None,
                Some((kind, left)) => {
                    let here = left.min(self.unread.len());
                    if here == 0 {
                        return None;
                    }
                    self.open = Some((kind, left - here));
                    return Some((kind, self.unread.split_to(here).freeze()));
                }
                None if self.unread.len() < HEADER => return None,
                None => {
                    let kind = if self.unread[0] == 2 { OutputKind::Errors } else { OutputKind::Output };
                    self.unread.advance(4);
                    let length = self.unread.get_u32() as usize;
                    self.open = Some((kind, length));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_may_come_in_any_pieces() {
        let whole = b"\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x00\x02\0\0\0\0\0\0\x05oh no\x01\0\0\0\0\0\0\x04four";
        for size in 1..whole.len() {
            let mut frames = Frames::default();
            let (mut output, mut errors) = (Vec::new(), Vec::new());
            for piece in whole.chunks(size) {
                frames.add(piece);
                while let Some((kind, bytes)) = frames.next() {
                    if kind == OutputKind::Output { &mut output } else { &mut errors }.extend_from_slice(&bytes);
                }
            }
            assert_eq!((output.as_slice(), errors.as_slice()), (&b"onefour"[..], &b"oh no"[..]), "by {size}");
        }
    }

    #[test]
    fn a_terminal_has_no_frames() {
        let mut frames = Frames::new(true);
        assert_eq!(frames.next(), None);
        frames.add(b"\x01\0\0");
        assert_eq!(frames.next(), Some((OutputKind::Output, Bytes::from_static(b"\x01\0\0"))));
    }
}
