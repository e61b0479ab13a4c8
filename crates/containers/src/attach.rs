//! What a container writes, as the engine passes it on.

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

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
    body: Incoming,
    frames: Frames,
}

impl Output {
    pub(crate) fn new(body: Incoming, has_terminal: bool) -> Self {
        Self { body, frames: Frames::new(has_terminal) }
    }

    /// Waits for what comes next; `None` when the container has ended, or the engine is gone.
    pub async fn next(&mut self) -> Option<(OutputKind, Bytes)> {
        loop {
            if let Some(piece) = self.frames.next() {
                return Some(piece);
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(bytes) = frame.into_data() {
                self.frames.add(&bytes);
            }
        }
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
