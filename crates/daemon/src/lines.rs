//! The client's end of the socket: documents out, documents in.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::ClientError;
use crate::wire::{ErrorKind, Reply, Request};

/// The half that writes; may be shared between threads.
#[derive(Debug, Clone)]
pub(crate) struct Writer(Arc<Mutex<UnixStream>>);

impl Writer {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self(Arc::new(Mutex::new(stream)))
    }

    pub(crate) fn write(&self, document: &impl Serialize) -> Result<(), ClientError> {
        let mut line = serde_json::to_vec(document).expect("documents have string keys only");
        line.push(b'\n');
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(&line).map_err(ClientError::Lost)
    }

    pub(crate) fn request(&self, request: &Request) -> Result<(), ClientError> {
        self.write(request)
    }

    /// Ends the connection in both directions, whoever else holds it.
    pub(crate) fn close(&self) {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It may be closed already from the other side, which is as good.
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

/// The half that reads.
#[derive(Debug)]
pub(crate) struct Reader(BufReader<UnixStream>);

impl Reader {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// Reads a line without its end; `None` when the other side has closed.
    pub(crate) fn line(&mut self) -> Result<Option<String>, ClientError> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(line)),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(None),
            Err(error) => Err(ClientError::Lost(error)),
        }
    }

    /// Reads a reply; one that says an error becomes one.
    pub(crate) fn reply(&mut self) -> Result<Reply, ClientError> {
        let line = self.line()?.ok_or(ClientError::Closed)?;
        match serde_json::from_str(&line) {
            Ok(Reply::Error { kind, message }) => Err(match kind {
                ErrorKind::Busy => ClientError::Busy(message),
                ErrorKind::Version | ErrorKind::Refused | ErrorKind::Malformed => ClientError::Refused(message),
            }),
            Ok(reply) => Ok(reply),
            Err(error) => Err(ClientError::Unexpected(error.to_string())),
        }
    }
}
