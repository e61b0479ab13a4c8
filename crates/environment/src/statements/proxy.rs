//! What stands between a program and the socket of a server: it counts statements, and lets one of them be the last.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::fault::Fault;

/// How the statements of a client are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Postgres,
    Mysql,
}

/// A listening proxy. It lives as long as the process.
pub(super) struct Proxy {
    shared: Arc<Shared>,
}

struct Shared {
    protocol: Protocol,
    server: PathBuf,
    fault: Mutex<Option<Arc<Fault>>>,
    /// Both ends of each connection.
    connections: Mutex<Vec<UnixStream>>,
}

impl Proxy {
    /// Listens at a socket for the server at another one.
    pub(super) fn listen(protocol: Protocol, socket: &Path, server: &Path) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let (fault, connections) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { protocol, server: server.to_owned(), fault, connections });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                thread::spawn(move || drop(shared.connection(client)));
            }
        });
        Self { shared }
    }

    /// Lets a fault happen, or none, to connections that are made from now on.
    pub(super) fn set(&self, fault: Option<Arc<Fault>>) {
        *self.shared.fault.lock().unwrap() = fault;
        self.shared.connections.lock().unwrap().clear();
    }
}

impl Shared {
    fn connection(&self, mut client: UnixStream) -> io::Result<()> {
        let fault = self.fault.lock().unwrap().clone();
        let is_dead = || fault.as_ref().is_some_and(|fault| fault.is_dead());
        if is_dead() {
            return Ok(());
        }
        let mut server = UnixStream::connect(&self.server)?;
        self.connections.lock().unwrap().extend([client.try_clone()?, server.try_clone()?]);
        let last = Arc::new(AtomicBool::new(false));
        let answers = {
            let (from, to, last, fault) = (server.try_clone()?, client.try_clone()?, Arc::clone(&last), fault.clone());
            thread::spawn(move || answers(from, to, &last, fault.as_deref()))
        };
        let (known, is_first) = (HashMap::new(), true);
        let mut reader = Reader { client: client.try_clone()?, protocol: self.protocol, is_first, known };
        while let Ok(Said { bytes, statement }) = reader.next() {
            if is_dead() || last.load(Ordering::SeqCst) {
                break;
            }
            if let Some(fault) = fault.as_ref().filter(|fault| statement.is_some_and(|changes| fault.is_now(changes))) {
                if !fault.kind.is_after() {
                    fault.happens();
                    break;
                }
                last.store(true, Ordering::SeqCst);
            }
            if server.write_all(&bytes).is_err() {
                break;
            }
        }
        if let Some(fault) = fault.as_ref().filter(|_| last.load(Ordering::SeqCst)) {
            // A statement that has no answer.
            fault.happens();
        }
        let _ = (client.flush(), client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        let _ = answers.join();
        if is_dead() {
            // All connections of a process end with it.
            self.connections.lock().unwrap().drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        }
        Ok(())
    }
}

/// Hands answers back, until the last one.
fn answers(mut server: UnixStream, mut client: UnixStream, last: &AtomicBool, fault: Option<&Fault>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        if let Some(fault) = fault.filter(|_| last.load(Ordering::SeqCst)) {
            fault.happens();
            break;
        }
        if client.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}

/// What a client says at once.
struct Said {
    bytes: Vec<u8>,
    /// If it is a statement: whether it may change something.
    statement: Option<bool>,
}

/// Reads what a client says, up to where it waits for an answer.
struct Reader {
    client: UnixStream,
    protocol: Protocol,
    is_first: bool,
    /// By name or number: whether a prepared statement may change something.
    known: HashMap<Vec<u8>, bool>,
}

impl Reader {
    fn next(&mut self) -> io::Result<Said> {
        match self.protocol {
            Protocol::Postgres => self.group(),
            Protocol::Mysql => self.packet(),
        }
    }

    /// Messages of PostgreSQL come in groups, the last of which asks for the answer; the first one has no letter.
    fn group(&mut self) -> io::Result<Said> {
        let mut bytes = Vec::new();
        if std::mem::take(&mut self.is_first) {
            self.read(&mut bytes, 4)?;
            let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
            self.read(&mut bytes, length - 4)?;
            return Ok(Said { bytes, statement: Some(false) });
        }
        // What is only prepared or closed executes nothing.
        let mut statement = None;
        loop {
            let start = bytes.len();
            self.read(&mut bytes, 5)?;
            let length = u32::from_be_bytes(bytes[start + 1..].try_into().unwrap()) as usize;
            self.read(&mut bytes, length - 4)?;
            let (letter, content) = (bytes[start], &bytes[start + 5..]);
            let mut texts = content.split(|byte| *byte == 0);
            let mut text = || texts.next().unwrap_or_default().to_vec();
            match letter {
                b'P' => {
                    let (name, sql) = (text(), text());
                    self.known.insert(name, changes(&sql));
                }
                b'B' => {
                    let (_, name) = (text(), text());
                    statement = self.known.get(&name).copied().or(Some(true));
                }
                b'd' | b'c' => statement = Some(true),
                b'Q' => return Ok(Said { statement: Some(changes(&text())), bytes }),
                // Besides passwords, flushes, and the end.
                b'S' | b'p' | b'H' | b'X' => return Ok(Said { bytes, statement }),
                _ => {}
            }
        }
    }

    /// A command of MySQL begins to count its packets anew.
    fn packet(&mut self) -> io::Result<Said> {
        const QUERY: u8 = 3;
        const PREPARE: u8 = 0x16;
        const EXECUTE: u8 = 0x17;
        let mut bytes = Vec::new();
        self.read(&mut bytes, 4)?;
        let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) as usize;
        self.read(&mut bytes, length)?;
        if std::mem::take(&mut self.is_first) {
            return Ok(Said { bytes, statement: Some(false) });
        }
        if bytes[3] != 0 {
            return Ok(Said { bytes, statement: None });
        }
        let statement = match bytes[4] {
            QUERY => Some(changes(&bytes[5..])),
            PREPARE => {
                // The server numbers them from 1.
                let number = u32::try_from(self.known.len() + 1).unwrap();
                self.known.insert(number.to_le_bytes().to_vec(), changes(&bytes[5..]));
                None
            }
            EXECUTE => self.known.get(&bytes[5..9]).copied().or(Some(true)),
            // Closed, asked whether it is there, the end: nothing is executed, and of some no answer comes.
            _ => None,
        };
        Ok(Said { bytes, statement })
    }

    fn read(&mut self, bytes: &mut Vec<u8>, length: usize) -> io::Result<()> {
        let start = bytes.len();
        bytes.resize(start + length, 0);
        self.client.read_exact(&mut bytes[start..])
    }
}

/// Whether a statement may change something that outlives its connection.
fn changes(sql: &[u8]) -> bool {
    let text = String::from_utf8_lossy(sql).trim_start().to_ascii_lowercase();
    let only_reads = ["select", "show", "with", "begin", "start", "set ", "explain"];
    !only_reads.iter().any(|word| text.starts_with(word)) || text.contains("setval") || text.contains("insert into")
}
