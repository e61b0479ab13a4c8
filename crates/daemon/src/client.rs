//! The client of a supervisor.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use supervisor::{Signal, UnitId, UnitSpec, UnitStatus};

use crate::conversion::shared;
use crate::lines::{Reader, Writer};
use crate::wire::{Hello, PROTOCOL, Reply, Request, Spec};
use crate::{Apply, ClientError, Hold, start};

/// How long a supervisor that has stopped everything may take to vanish.
const VANISH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a supervisor may take to greet: it does so at once, unless it is stopped or stuck.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a supervisor.
#[derive(Debug)]
pub struct Client {
    reader: Reader,
    writer: Writer,
    pid: u32,
    version: String,
}

impl Client {
    /// Connects to the supervisor that listens on `socket`; `None` if nobody does.
    pub fn connect(socket: &Path) -> Result<Option<Self>, ClientError> {
        let failed = |source| ClientError::Connect { path: socket.to_owned(), source };
        let stream = match UnixStream::connect(socket) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        let handle = stream.try_clone().map_err(failed)?;
        handle.set_read_timeout(Some(GREETING_TIMEOUT)).map_err(failed)?;
        let writer = Writer::new(stream.try_clone().map_err(failed)?);
        let mut reader = Reader::new(stream);
        // A supervisor that ends just now closes the connection instead of greeting: then nobody is there.
        if let Err(ClientError::Lost(_)) = writer.write(&Hello::own()) {
            return Ok(None);
        }
        let line = match reader.line() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(None),
            Err(ClientError::Lost(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(ClientError::Silent { pid: listener(&handle) });
            }
            Err(error) => return Err(error),
        };
        handle.set_read_timeout(None).map_err(failed)?;
        let hello: Hello = serde_json::from_str(&line).map_err(|_| ClientError::Unexpected(line))?;
        if hello.seedbed != PROTOCOL {
            return Err(ClientError::Version { version: hello.version, pid: hello.pid });
        }
        Ok(Some(Self { reader, writer, pid: hello.pid, version: hello.version }))
    }

    /// Ends a supervisor that speaks another version, by the signal that all of them shut down at.
    pub fn terminate(pid: u32) -> Result<(), ClientError> {
        if let Some(process) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
            // One that has ended meanwhile is what is wanted.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        vanished(pid)
    }

    /// Starts a supervisor that outlives this process, waits until it listens on `socket`, and connects.
    ///
    /// `program` is the binary whose `arguments` lead to [`crate::serve`] with a handshake; what it says of itself is
    /// appended to `log`.
    pub fn start(program: &Path, arguments: &[OsString], socket: &Path, log: &Path) -> Result<Self, ClientError> {
        start::start(program, arguments, log)?;
        Self::connect(socket)?.ok_or_else(|| start::not_up(log))
    }

    /// Returns the version of the Seedbed that the supervisor is.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the process id of the supervisor.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns how every unit is, ordered by name.
    pub fn status(&mut self) -> Result<Vec<UnitStatus>, ClientError> {
        self.writer.request(&Request::Status)?;
        match self.reader.reply()? {
            Reply::Status { units, .. } => Ok(units.into_iter().map(UnitStatus::from).collect()),
            other => Err(ClientError::Unexpected(format!("{other:?}"))),
        }
    }

    /// Returns who [holds](Client::hold) the supervisor.
    pub fn holders(&mut self) -> Result<Vec<String>, ClientError> {
        self.writer.request(&Request::Status)?;
        match self.reader.reply()? {
            Reply::Status { holders, .. } => Ok(holders),
            other => Err(ClientError::Unexpected(format!("{other:?}"))),
        }
    }

    /// Keeps the supervisor and its units for as long as the [`Hold`] is there; when the last one is gone, however its process
    /// has ended, everything is stopped. `None` if it was about to end, and has ended now.
    pub fn hold(mut self, holder: &str) -> Result<Option<Hold>, ClientError> {
        let mut heard =
            self.writer.request(&Request::Hold { holder: holder.to_owned() }).and_then(|()| self.reader.reply());
        loop {
            match heard {
                Ok(Reply::Held) => return Ok(Some(Hold::new(self.reader, self.writer, self.pid))),
                Ok(Reply::Changed { .. }) => heard = self.reader.reply(),
                Ok(Reply::Gone) | Err(ClientError::Closed | ClientError::Lost(_)) => break,
                Ok(other) => return Err(ClientError::Unexpected(format!("{other:?}"))),
                Err(error) => return Err(error),
            }
        }
        vanished(self.pid).map(|()| None)
    }

    /// Stops units and then starts others; an error of the whole request comes from the first [`Apply::next`].
    #[expect(clippy::needless_pass_by_value, reason = "both are handed over")]
    pub fn apply(self, start: Vec<UnitSpec>, stop: Vec<UnitId>) -> Result<Apply, ClientError> {
        let shared = shared(&start);
        let start: Result<Vec<Spec>, _> = start.into_iter().map(|unit| Spec::of(unit, &shared)).collect();
        let start = start.map_err(|error| ClientError::Unsendable(error.to_string()))?;
        let stop = names(&stop);
        self.writer.request(&Request::Apply { shared: shared.as_ref().clone(), start, stop })?;
        Ok(Apply::new(self.reader, self.writer))
    }

    /// Stops units after all that depend on them, tells `on_event` of each change, and waits until they are stopped.
    pub fn stop(&mut self, units: &[UnitId], on_event: &mut dyn FnMut(UnitStatus)) -> Result<(), ClientError> {
        self.writer.request(&Request::Stop { units: names(units) })?;
        loop {
            match self.reader.reply()? {
                Reply::Changed { unit } => on_event(unit.into()),
                Reply::Stopped => return Ok(()),
                other => return Err(ClientError::Unexpected(format!("{other:?}"))),
            }
        }
    }

    /// Sends a signal to the process groups of units that run; if one does not run, none is sent.
    pub fn signal(&mut self, units: &[UnitId], signal: Signal) -> Result<(), ClientError> {
        self.writer.request(&Request::Signal { units: names(units), signal: signal.name().to_owned() })?;
        loop {
            match self.reader.reply()? {
                Reply::Changed { .. } => {}
                Reply::Signalled => return Ok(()),
                other => return Err(ClientError::Unexpected(format!("{other:?}"))),
            }
        }
    }

    /// Says where the socket of a unit's terminal is; `None` if it has none, or does not run.
    pub fn terminal(&mut self, unit: &UnitId) -> Result<Option<PathBuf>, ClientError> {
        self.writer.request(&Request::Terminal { unit: unit.to_string() })?;
        match self.reader.reply()? {
            Reply::Terminal { socket } => Ok(socket.map(PathBuf::from)),
            other => Err(ClientError::Unexpected(format!("{other:?}"))),
        }
    }

    /// Waits until no apply is under way, such as that of a client which was killed; `None` if the supervisor ended meanwhile.
    pub fn settled(mut self) -> Result<Option<Self>, ClientError> {
        let mut heard = self.writer.request(&Request::Settle).and_then(|()| self.reader.reply());
        loop {
            match heard {
                Ok(Reply::Settled) => return Ok(Some(self)),
                Ok(Reply::Changed { .. }) => heard = self.reader.reply(),
                Ok(Reply::Gone) | Err(ClientError::Closed | ClientError::Lost(_)) => break,
                Ok(other) => return Err(ClientError::Unexpected(format!("{other:?}"))),
                Err(error) => return Err(error),
            }
        }
        vanished(self.pid).map(|()| None)
    }

    /// Stops everything, tells `on_event` of each change, and waits until the supervisor's process is gone.
    pub fn shutdown(self, on_event: &mut dyn FnMut(UnitStatus)) -> Result<(), ClientError> {
        self.end(&Request::Shutdown, on_event)
    }

    /// The same, when all that the services have written is about to be removed: they need not write more.
    pub fn discard(self, on_event: &mut dyn FnMut(UnitStatus)) -> Result<(), ClientError> {
        self.end(&Request::Discard, on_event)
    }

    fn end(mut self, request: &Request, on_event: &mut dyn FnMut(UnitStatus)) -> Result<(), ClientError> {
        self.writer.request(request)?;
        loop {
            match self.reader.reply() {
                Ok(Reply::Changed { unit }) => on_event(unit.into()),
                // One that was about to end anyway may close the connection without a last word.
                Ok(Reply::Gone) | Err(ClientError::Closed | ClientError::Lost(_)) => break,
                Ok(other) => return Err(ClientError::Unexpected(format!("{other:?}"))),
                Err(error) => return Err(error),
            }
        }
        vanished(self.pid)
    }
}

/// Waits until a supervisor that has stopped everything is gone.
pub(crate) fn vanished(pid: u32) -> Result<(), ClientError> {
    if runtime::wait_gone(pid, VANISH_TIMEOUT) { Ok(()) } else { Err(ClientError::StillThere(pid)) }
}

fn names(units: &[UnitId]) -> Vec<String> {
    units.iter().map(UnitId::to_string).collect()
}

/// Whose socket this leads to.
#[cfg(target_os = "linux")]
fn listener(stream: &UnixStream) -> Option<u32> {
    let credentials = rustix::net::sockopt::socket_peercred(stream).ok()?;
    credentials.pid.as_raw_nonzero().get().try_into().ok()
}

/// Whose socket this leads to: not told here.
#[cfg(not(target_os = "linux"))]
fn listener(_stream: &UnixStream) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixListener;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_supervisor_of_another_version_is_named_and_can_be_ended() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = other.id();
        let supervisor = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            writeln!(stream, r#"{{"seedbed":{},"version":"99.0.0","pid":{pid}}}"#, PROTOCOL + 1).unwrap();
            stream
        });
        match Client::connect(&socket) {
            Err(ClientError::Version { version, pid }) => {
                assert_eq!(version, "99.0.0");
                Client::terminate(pid).unwrap();
            }
            other => panic!("connected: {other:?}"),
        }
        assert!(!other.wait().unwrap().success(), "it was ended by a signal");
        drop(supervisor.join().unwrap());
    }
}
