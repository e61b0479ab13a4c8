//! The life of a supervisor.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runtime::{Clock, Runtime};
use rustix::fs::Mode;
use rustix::process::umask;
use supervisor::{Action, Event, Machine, RequestError, RequestId, UnitId, UnitSpec};
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use crate::ServeError;
use crate::connection::{Connection, ConnectionId, FAREWELL_TIMEOUT, Heard};
use crate::lock::Lock;
use crate::wire::{ErrorKind, Reply, Request};

/// How long a supervisor stays when nothing runs and nobody is connected.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long it waits after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What a supervisor needs to know.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The directory of the environment, for its own files; created when it is not there.
    pub directory: PathBuf,
    /// The socket to listen on; at most 107 bytes.
    pub socket: PathBuf,
    /// Whether [`crate::Client::start`] waits at the other end of standard output to be told that the socket listens.
    pub handshake: bool,
    /// How this program is started as a guard of containers ([`runtime::guard`]).
    pub guard: Vec<OsString>,
}

/// Why a supervisor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// A client, or a signal, asked for it, and everything was stopped.
    Shutdown,
    /// Nothing ran and nobody was connected.
    Idle,
}

/// Serves one environment until there is nothing left to do. To be called on the thread that lives as long as the process.
pub fn serve(options: &ServeOptions) -> Result<ExitReason, ServeError> {
    // Ctrl-C and the end of the terminal are for whoever started this. It fails only where it is so already.
    let _ = rustix::process::setsid();
    let system = |operation| move |source| ServeError::System { operation, source };
    fs::create_dir_all(&options.directory).map_err(file("create", &options.directory))?;
    let directory = fs::canonicalize(&options.directory).map_err(file("find", &options.directory))?;
    let _lock = Lock::take(&directory)?;
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system("set up the event loop"))?;
    let reason = tokio::task::LocalSet::new().block_on(&tokio, async {
        // First, so that a signal during the start is not lost.
        let terminations = [SignalKind::terminate(), SignalKind::interrupt()]
            .map(|kind| signal(kind).map_err(system("listen for signals")));
        let [terminate, interrupt] = terminations;
        let (terminate, interrupt) = (terminate?, interrupt?);
        let runtime = Runtime::new(&directory, &options.socket.with_file_name("notify"), &options.guard)?;
        let listener = listen(&options.socket)?;
        if options.handshake {
            shake_hands().map_err(system("tell that the socket listens"))?;
        }
        let reason = Server::new(runtime).live(&listener, terminate, interrupt).await;
        // Under the lock: nobody else can have made a new one.
        let _ = fs::remove_file(&options.socket);
        Ok(reason)
    });
    // Tasks that look after pipes which escaped processes hold end here.
    tokio.shutdown_background();
    reason
}

fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ServeError {
    let path = path.to_owned();
    move |source| ServeError::File { operation, path, source }
}

/// Listens on a socket that only this user can connect to.
fn listen(socket: &Path) -> Result<UnixListener, ServeError> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file("remove", socket)(error)),
        _ => {}
    }
    // The mask holds from the first moment; the explicit permissions hold where the mask is not heeded.
    let before = umask(Mode::RWXG | Mode::RWXO);
    let listener = UnixListener::bind(socket);
    umask(before);
    let listener = listener.map_err(file("listen on", socket))?;
    fs::set_permissions(socket, Permissions::from_mode(0o600)).map_err(file("protect", socket))?;
    Ok(listener)
}

/// Tells the one who started this process, and lets go of standard output.
fn shake_hands() -> io::Result<()> {
    io::stdout().write_all(b"\n")?;
    io::stdout().flush()?;
    let nothing = fs::OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nothing)?;
    Ok(())
}

struct Server {
    machine: Machine,
    runtime: Runtime,
    clock: Clock,
    connections: BTreeMap<ConnectionId, Connection>,
    last_connection: u64,
    heard: UnboundedReceiver<(ConnectionId, Heard)>,
    hear: UnboundedSender<(ConnectionId, Heard)>,
    /// Who waits for which request.
    requests: BTreeMap<RequestId, ConnectionId>,
    last_request: u64,
    /// Whose apply is under way.
    applying: Option<(RequestId, ConnectionId)>,
    /// Who waits until no apply is under way.
    settling: Vec<ConnectionId>,
    /// Who needs this supervisor, by connection; when the last of them is gone, everything is stopped.
    holders: BTreeMap<ConnectionId, String>,
    /// Who waits for the end.
    leaving: Vec<ConnectionId>,
    is_ending: bool,
    idle_since: Option<Instant>,
    is_over: bool,
}

impl Server {
    fn new(runtime: Runtime) -> Self {
        let (hear, heard) = unbounded_channel();
        Self {
            machine: Machine::new(),
            clock: runtime.clock(),
            runtime,
            connections: BTreeMap::new(),
            last_connection: 0,
            heard,
            hear,
            requests: BTreeMap::new(),
            last_request: 0,
            applying: None,
            settling: Vec::new(),
            holders: BTreeMap::new(),
            leaving: Vec::new(),
            is_ending: false,
            idle_since: None,
            is_over: false,
        }
    }

    async fn live(mut self, listener: &UnixListener, mut terminate: Signal, mut interrupt: Signal) -> ExitReason {
        let reason = loop {
            if self.is_over {
                break ExitReason::Shutdown;
            }
            let is_idle = self.connections.is_empty() && self.machine.is_idle();
            self.idle_since = if is_idle { self.idle_since.or_else(|| Some(Instant::now())) } else { None };
            let idle_until = self.idle_since.map(|since| since + IDLE_TIMEOUT);
            let deadline = self.machine.next_deadline().map(|deadline| Instant::from_std(self.clock.instant(deadline)));
            let wake = [idle_until, deadline].into_iter().flatten().min();
            tokio::select! {
                event = self.runtime.next() => self.handle(event),
                heard = self.heard.recv() => {
                    let (id, heard) = heard.expect("this server holds a sender itself");
                    self.hear(id, heard);
                }
                accepted = listener.accept() => self.accept(accepted).await,
                _ = terminate.recv() => self.handle(Event::Shutdown),
                _ = interrupt.recv() => self.handle(Event::Shutdown),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    if idle_until.is_some_and(|until| until <= Instant::now()) {
                        break ExitReason::Idle;
                    }
                    self.handle(Event::Tick);
                }
            }
        };
        self.runtime.finish().await;
        for id in self.leaving {
            if let Some(connection) = self.connections.remove(&id) {
                connection.say(&Reply::Gone);
                // One that does not read is not waited for.
                let _ = tokio::time::timeout(FAREWELL_TIMEOUT, connection.flush()).await;
            }
        }
        reason
    }

    async fn accept(&mut self, accepted: io::Result<(tokio::net::UnixStream, tokio::net::unix::SocketAddr)>) {
        let Ok((stream, _)) = accepted else {
            // It may fail again at once, when there are too many open files: not as fast as possible then.
            return tokio::time::sleep(ACCEPT_PAUSE).await;
        };
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        self.connections.insert(id, Connection::open(id, stream, self.hear.clone()));
    }

    fn hear(&mut self, id: ConnectionId, heard: Heard) {
        match heard {
            Heard::Closed => {
                self.connections.remove(&id);
                if self.is_applying(id) {
                    self.handle(Event::Cancel);
                }
                self.let_go(id);
            }
            Heard::Request(request) => self.obey(id, request),
        }
    }

    fn obey(&mut self, id: ConnectionId, request: Request) {
        match request {
            Request::Status => {
                let units = self.machine.statuses().into_iter().map(Into::into).collect();
                let holders = self.holders.values().cloned().collect();
                self.say(id, &Reply::Status { units, holders });
            }
            Request::Apply { shared, start, stop } => {
                let shared = Arc::new(shared);
                let start: Result<Vec<UnitSpec>, _> = start.into_iter().map(|unit| unit.into_unit(&shared)).collect();
                match start {
                    Ok(start) => {
                        let request = self.new_request(id);
                        if self.applying.is_none() {
                            self.applying = Some((request, id));
                        }
                        let stop = stop.into_iter().map(UnitId::new).collect();
                        self.handle(Event::Apply { request, start, stop });
                    }
                    Err(error) => {
                        self.say(id, &Reply::Error { kind: ErrorKind::Refused, message: error.to_string() });
                    }
                }
            }
            Request::Cancel if self.is_applying(id) => self.handle(Event::Cancel),
            Request::Done { unit, error } if self.is_applying(id) => {
                self.handle(Event::Done { unit: UnitId::new(unit), result: error.map_or(Ok(()), Err) });
            }
            // What comes after the end of an apply has crossed with it.
            Request::Cancel | Request::Done { .. } => {}
            Request::Stop { units } => {
                let request = self.new_request(id);
                self.handle(Event::Stop { request, units: units.into_iter().map(UnitId::new).collect() });
            }
            Request::Signal { units, signal } => match crate::conversion::signal(signal) {
                Ok(signal) => {
                    let request = self.new_request(id);
                    let units = units.into_iter().map(UnitId::new).collect();
                    self.handle(Event::Signal { request, units, signal });
                }
                Err(error) => self.say(id, &Reply::Error { kind: ErrorKind::Refused, message: error.to_string() }),
            },
            Request::Terminal { unit } => {
                let socket = self.runtime.terminal(&UnitId::new(unit));
                // A path that is not text could not have been asked for.
                let socket = socket.and_then(|path| path.to_str().map(str::to_owned));
                self.say(id, &Reply::Terminal { socket });
            }
            Request::Settle => {
                self.settling.push(id);
                self.settle();
            }
            // Whoever comes when the last one has gone waits for the end, and starts another.
            Request::Hold { .. } if self.is_ending => self.leaving.push(id),
            Request::Hold { holder } => {
                self.holders.insert(id, holder);
                self.say(id, &Reply::Held);
            }
            Request::Release => {
                if self.let_go(id) || self.is_ending {
                    self.leaving.push(id);
                } else {
                    self.say(id, &Reply::Released);
                }
            }
            Request::Shutdown => {
                self.leaving.push(id);
                self.handle(Event::Shutdown);
            }
            Request::Discard => {
                self.leaving.push(id);
                self.handle(Event::Discard);
            }
        }
    }

    /// A connection needs this supervisor no longer; says whether it was the last one that did, so that everything is stopped.
    fn let_go(&mut self, id: ConnectionId) -> bool {
        let is_last = self.holders.remove(&id).is_some() && self.holders.is_empty();
        if is_last {
            self.handle(Event::Shutdown);
        }
        is_last
    }

    fn new_request(&mut self, id: ConnectionId) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.requests.insert(request, id);
        request
    }

    fn is_applying(&self, id: ConnectionId) -> bool {
        self.applying.is_some_and(|(_, applying)| applying == id)
    }

    fn say(&self, id: ConnectionId, reply: &Reply) {
        if let Some(connection) = self.connections.get(&id) {
            connection.say(reply);
        }
    }

    /// Lets the machine decide about an event, and does what it says.
    fn handle(&mut self, event: Event) {
        self.is_ending |= matches!(event, Event::Shutdown | Event::Discard);
        for action in self.machine.handle(event, self.clock.now()) {
            self.runtime.execute(&action);
            self.execute(action);
        }
        self.settle();
    }

    /// Tells those who wait for it that no apply is under way; at the end they wait for that instead.
    fn settle(&mut self) {
        if self.is_ending {
            self.leaving.append(&mut self.settling);
        } else if self.applying.is_none() {
            for id in std::mem::take(&mut self.settling) {
                self.say(id, &Reply::Settled);
            }
        }
    }

    /// Does what is to be done towards clients.
    fn execute(&mut self, action: Action) {
        match action {
            Action::Announce(status) => {
                let listeners = self.requests.values().chain(&self.leaving).chain(self.holders.keys());
                let mut listeners: Vec<ConnectionId> = listeners.copied().collect();
                listeners.sort_unstable();
                listeners.dedup();
                let reply = Reply::Changed { unit: status.into() };
                for id in listeners {
                    self.say(id, &reply);
                }
            }
            Action::Due(unit) => {
                if let Some((_, id)) = self.applying {
                    self.say(id, &Reply::Due { unit: unit.to_string() });
                }
            }
            Action::Reject { request, error } => {
                let kind = if error == RequestError::Busy { ErrorKind::Busy } else { ErrorKind::Refused };
                self.answer(request, &Reply::Error { kind, message: error.to_string() });
            }
            Action::Finished { request, ok } => self.answer(request, &Reply::Finished { ok }),
            Action::StopFinished { request } => self.answer(request, &Reply::Stopped),
            Action::Signalled { request } => self.answer(request, &Reply::Signalled),
            Action::Exit => self.is_over = true,
            Action::Prepare { .. }
            | Action::Spawn { .. }
            | Action::Probe { .. }
            | Action::Check { .. }
            | Action::StopProbe { .. }
            | Action::StopCommand { .. }
            | Action::Remark { .. }
            | Action::Hold { .. }
            | Action::Admit { .. }
            | Action::CloseGate { .. }
            | Action::Watch { .. }
            | Action::Unwatch { .. }
            | Action::Signal { .. } => {}
        }
    }

    /// Says the last word on a request.
    fn answer(&mut self, request: RequestId, reply: &Reply) {
        if let Some(id) = self.requests.remove(&request) {
            self.say(id, reply);
        }
        if self.applying.is_some_and(|(applying, _)| applying == request) {
            self.applying = None;
        }
    }
}
