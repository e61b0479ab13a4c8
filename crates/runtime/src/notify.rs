//! The socket on which one process says how it is, as it would to systemd (`sd_notify(3)`).

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tokio::net::UnixDatagram;

/// More than any message has.
const MESSAGE_LIMIT: usize = 4096;

/// What a process has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// `READY=1`
    Ready,
    /// `STATUS=…`
    Status(String),
    /// `STOPPING=1`
    Stopping,
    /// `WATCHDOG=1`
    Alive,
}

/// The socket of one run of a unit; its file goes with it.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl NotifySocket {
    /// Makes the socket `name` in a directory of sockets, which is made when it is missing.
    pub(crate) fn open(directory: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self { socket: UnixDatagram::bind(&path)?, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells what is said, for ever; notes that the process is alive in `heartbeat`.
    pub(crate) async fn listen(self, heartbeat: Rc<Cell<bool>>, tell: impl Fn(Said)) {
        let mut message = vec![0; MESSAGE_LIMIT];
        while let Ok(length) = self.socket.recv(&mut message).await {
            for said in read(&message[..length]) {
                if said == Said::Alive {
                    heartbeat.set(true);
                } else {
                    tell(said);
                }
            }
        }
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        // What stays is removed by the next supervisor.
        let _ = fs::remove_file(&self.path);
    }
}

/// Reads the assignments of a message, a line each; what is not known here is passed over.
fn read(message: &[u8]) -> Vec<Said> {
    let message = String::from_utf8_lossy(message);
    let lines = message.lines().filter_map(|line| line.split_once('='));
    lines
        .filter_map(|(name, value)| match (name, value) {
            ("READY", "1") => Some(Said::Ready),
            ("STOPPING", "1") => Some(Said::Stopping),
            ("WATCHDOG", "1") => Some(Said::Alive),
            ("STATUS", text) => Some(Said::Status(text.trim().to_owned())),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_line_by_line() {
        let said = read(b"STATUS=loading 3 of 7\nMAINPID=12\nREADY=1\nWATCHDOG=1\nREADY=0\nnonsense\nSTOPPING=1\xff\n");
        assert_eq!(said, [Said::Status("loading 3 of 7".to_owned()), Said::Ready, Said::Alive]);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"STOPPING=1"), [Said::Stopping]);
    }
}
