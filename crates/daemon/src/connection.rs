//! One connection of the server: lines in, lines out.

use std::io;
use std::pin::pin;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedSender, WeakSender, channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::wire::{ErrorKind, Hello, LINE_LIMIT, PROTOCOL, Reply, Request};

/// So many lines wait for a client that does not read; then it is given up.
const QUEUE: usize = 16 * 1024;

/// How long a client may take to read the last word.
pub(crate) const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);

/// The number of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// What a connection tells the server.
#[derive(Debug)]
pub(crate) enum Heard {
    Request(Request),
    /// The client is gone, or was given up.
    Closed,
}

/// The server's hold on a connection; dropping it ends the connection when everything queued is written.
#[derive(Debug)]
pub(crate) struct Connection {
    id: ConnectionId,
    lines: Sender<Vec<u8>>,
    task: JoinHandle<()>,
    heard: UnboundedSender<(ConnectionId, Heard)>,
}

impl Connection {
    /// Looks after a connection in a task of its own.
    pub(crate) fn open(id: ConnectionId, stream: UnixStream, heard: UnboundedSender<(ConnectionId, Heard)>) -> Self {
        let (lines, queue) = channel(QUEUE);
        let task = tokio::task::spawn_local(look_after(id, stream, queue, lines.downgrade(), heard.clone()));
        let own = Self { id, lines, task, heard };
        own.say(&Hello::own());
        own
    }

    /// Queues a line; a client that lets too many wait is given up.
    pub(crate) fn say(&self, document: &impl Serialize) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line(document)) {
            self.task.abort();
            // Without a server nobody needs to know.
            let _ = self.heard.send((self.id, Heard::Closed));
        }
    }

    /// Waits until everything queued is written, or the client is gone.
    pub(crate) async fn flush(self) {
        drop(self.lines);
        // It ends in order, or was given up.
        let _ = self.task.await;
    }
}

async fn look_after(
    id: ConnectionId,
    stream: UnixStream,
    queue: Receiver<Vec<u8>>,
    lines: WeakSender<Vec<u8>>,
    heard: UnboundedSender<(ConnectionId, Heard)>,
) {
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut writing = pin!(write(writer, queue));
    let error = tokio::select! {
        error = listen(id, &mut reader, &heard) => error,
        () = &mut writing => return drop(heard.send((id, Heard::Closed))),
    };
    if let Some((error, lines)) = error.zip(lines.upgrade()) {
        // With a full queue the client does not read anyway.
        let _ = lines.try_send(line(&error));
    }
    // The server lets go of the queue then, which ends the writing; a client that does not read is not waited for.
    let _ = heard.send((id, Heard::Closed));
    let _ = timeout(FAREWELL_TIMEOUT, writing).await;
}

fn line(document: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(document).expect("documents have string keys only");
    line.push(b'\n');
    line
}

async fn write(mut writer: OwnedWriteHalf, mut queue: Receiver<Vec<u8>>) {
    // What has come together is written together: a line each would wake the client for each.
    let mut lines = Vec::new();
    while queue.recv_many(&mut lines, QUEUE).await > 0 {
        if writer.write_all(&lines.concat()).await.is_err() {
            return;
        }
        lines.clear();
    }
}

/// Passes requests on until the client ends; returns the error that it is to be told.
async fn listen(
    id: ConnectionId,
    reader: &mut (impl AsyncBufRead + Unpin),
    heard: &UnboundedSender<(ConnectionId, Heard)>,
) -> Option<Reply> {
    let malformed = |message: String| Some(Reply::Error { kind: ErrorKind::Malformed, message });
    let hello = match read_line(reader).await {
        Ok(line) => line?,
        Err(error) => return malformed(error.to_string()),
    };
    match serde_json::from_slice::<Hello>(&hello) {
        Ok(Hello { seedbed: PROTOCOL, .. }) => {}
        Ok(Hello { version, .. }) => {
            let message = format!("this supervisor is Seedbed {}, the client {version}", env!("CARGO_PKG_VERSION"));
            return Some(Reply::Error { kind: ErrorKind::Version, message });
        }
        Err(error) => return malformed(format!("not a greeting: {error}")),
    }
    loop {
        let line = match read_line(reader).await {
            Ok(line) => line?,
            Err(error) => return malformed(error.to_string()),
        };
        match serde_json::from_slice(&line) {
            Ok(request) => heard.send((id, Heard::Request(request))).ok()?,
            Err(error) => return malformed(format!("not a request: {error}")),
        }
    }
}

/// Reads a line of bounded length; `None` at the end, also in the middle of a line.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let block = reader.fill_buf().await?;
        if block.is_empty() {
            return Ok(None);
        }
        let end = block.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(block.len(), |end| end + 1);
        line.extend_from_slice(&block[..taken]);
        reader.consume(taken);
        if line.len() > LINE_LIMIT {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a line is longer than {LINE_LIMIT} bytes"),
            ));
        }
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}
