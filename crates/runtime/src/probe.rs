//! Looking at a service until it is ready, and after that whether it is alive.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use regex::bytes::Regex;
use supervisor::{BodyPattern, HttpProbe, LiveSpec, Probe, ReadySpec};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{sleep, timeout};

use crate::http;
use crate::native::Processes;

/// A look at a socket costs microseconds, and most services listen a few milliseconds after their start.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// A look by a command costs a process.
const FIRST_COMMAND_PAUSE: Duration = Duration::from_millis(25);
/// By how much the pause grows after each look. It is the most by which a service's being ready can be noticed late, as a part of what it took.
const CONNECT_GROWTH: f32 = 1.05;
/// A service that answers and is not ready writes a line about each look.
const HTTP_GROWTH: f32 = 1.1;
/// Each look is the life of a process.
const COMMAND_GROWTH: f32 = 1.5;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);
/// An engine learns from its own machine that a port of a container is closed.
const PROXY_PATIENCE: Duration = Duration::from_millis(40);
/// A command may have to start a whole interpreter.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);

/// Looks, at once and then again and again, and reports what is new, until the probe passes.
pub(crate) async fn watch(ready: ReadySpec, processes: Processes, report: impl Fn(Result<(), String>)) {
    let is_command = matches!(ready.probe, Probe::Command(_) | Probe::Health { .. });
    let mut pause = if is_command { FIRST_COMMAND_PAUSE } else { FIRST_PAUSE };
    let growth = match ready.probe {
        Probe::Command(_) | Probe::Health { .. } => COMMAND_GROWTH,
        Probe::Http { .. } => HTTP_GROWTH,
        _ => CONNECT_GROWTH,
    };
    let mut patience = if is_command { COMMAND_PATIENCE } else { FIRST_PATIENCE };
    let mut last = None;
    loop {
        let patience_now = ready.check_timeout.unwrap_or(patience);
        let look = timeout(patience_now, look(&ready.probe, &processes)).await;
        let seen = match look {
            Ok(Ok(())) => return report(Ok(())),
            Ok(Err(seen)) => seen,
            Err(_) => {
                let seen = no_answer(patience_now, &ready.probe);
                patience = patience.mul_f32(1.5).min(if is_command { COMMAND_PATIENCE } else { LONGEST_PATIENCE });
                seen
            }
        };
        if last.as_ref() != Some(&seen) {
            report(Err(seen.clone()));
            last = Some(seen);
        }
        sleep(ready.interval.unwrap_or(pause)).await;
        pause = pause.mul_f32(growth).min(ready.longest_pause.unwrap_or(LONGEST_PAUSE));
    }
}

/// Looks again and again and reports each look. Who says by itself that it is alive has done so in `heartbeat`.
pub(crate) async fn check(
    live: LiveSpec,
    processes: Processes,
    heartbeat: Rc<Cell<bool>>,
    report: impl Fn(Result<(), String>),
) {
    loop {
        sleep(live.interval).await;
        report(match &live.probe {
            Probe::Notify if heartbeat.take() => Ok(()),
            Probe::Notify => Err(format!("it did not say WATCHDOG=1 within {:?}", live.interval)),
            probe => match timeout(live.check_timeout, look(probe, &processes)).await {
                Ok(seen) => seen,
                Err(_) => Err(no_answer(live.check_timeout, probe)),
            },
        });
    }
}

fn no_answer(patience: Duration, probe: &Probe) -> String {
    format!("no answer within {patience:?} from {}", Place(probe))
}

/// Looks once; `Err` says what was seen.
async fn look(probe: &Probe, processes: &Processes) -> Result<(), String> {
    let place = Place(probe);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("connection refused on {place}"),
        io::ErrorKind::ConnectionReset => format!("connection reset by {place}"),
        io::ErrorKind::NotFound => format!("there is no {place}"),
        _ => format!("{error}, from {place}"),
    };
    match probe {
        // Told by the start of the process, by its output, and by itself.
        Probe::Started | Probe::Log(_) | Probe::Notify => Ok(()),
        Probe::Http(http) => {
            let mut stream = connect(&http.host, http.port).await.map_err(|error| match error.kind() {
                io::ErrorKind::ConnectionRefused => format!("connection refused on {}:{}", http.host, http.port),
                _ => failed(error),
            })?;
            let answer = http::ask(&mut stream, http).await.map_err(failed)?;
            judge(http, &answer).map_err(|seen| format!("{seen} from {place}"))
        }
        Probe::Tcp { host, port } => {
            let stream = connect(host, *port).await.map_err(failed)?;
            if processes.is_published(*port) { stays_open(&stream, &place).await } else { Ok(()) }
        }
        Probe::Unix { path, greets } => {
            let mut stream = UnixStream::connect(path).await.map_err(failed)?;
            // A server that hears nobody yet has a queue of those who have connected.
            if *greets && stream.read(&mut [0]).await.map_err(failed)? == 0 {
                return Err(format!("closed without a word by {place}"));
            }
            Ok(())
        }
        Probe::Command(process) => processes.run_probe(process).await,
        Probe::Health { container } => processes.check_contained(container, None).await,
    }
}

/// Compares an answer with what is wanted; `Err` says what came instead.
fn judge(wanted: &HttpProbe, answer: &http::Answer) -> Result<(), String> {
    let status = answer.status;
    let has_status =
        if wanted.status.is_empty() { (200..400).contains(&status) } else { wanted.status.contains(&status) };
    if !has_status {
        return Err(format!("HTTP {status}"));
    }
    let has_body = match &wanted.body {
        None => true,
        Some(BodyPattern::Text(text)) => String::from_utf8_lossy(&answer.body).contains(text),
        // The manifest's reader has compiled it before.
        Some(BodyPattern::Regex(pattern)) => Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(&answer.body)),
    };
    if has_body { Ok(()) } else { Err(format!("HTTP {status} with another body, {},", beginning(&answer.body))) }
}

/// The first words of a body, for people.
fn beginning(body: &[u8]) -> String {
    const LONGEST: usize = 60;
    let text = String::from_utf8_lossy(body);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        return "which is empty".to_owned();
    }
    let more = if words.chars().count() > LONGEST { "…" } else { "" };
    format!("`{}{more}`", words.chars().take(LONGEST).collect::<String>())
}

/// What a probe looks at, in words.
struct Place<'a>(&'a Probe);

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Probe::Started | Probe::Log(_) | Probe::Notify => formatter.write_str("its process"),
            Probe::Http(http) => write!(formatter, "http://{}:{}{}", http.host, http.port, http.path),
            Probe::Tcp { host, port } => write!(formatter, "{host}:{port}"),
            Probe::Unix { path, .. } => write!(formatter, "socket {}", path.display()),
            Probe::Command(process) => write!(formatter, "the command {}", process.program),
            Probe::Health { .. } => formatter.write_str("its health check"),
        }
    }
}

/// Waits a moment whether a connection is closed again: an engine accepts in place of a container that may not listen yet,
/// and closes when it learns that.
async fn stays_open(stream: &TcpStream, place: &Place<'_>) -> Result<(), String> {
    match timeout(PROXY_PATIENCE, stream.peek(&mut [0])).await {
        Ok(Ok(0) | Err(_)) => Err(format!("nobody listens in the container behind {place}")),
        // A service that speaks first, or one that waits.
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = if let Ok(address) = host.parse::<IpAddr>() {
        vec![(address, port).into()]
    } else if host == "localhost" {
        // Known without asking, which would take a thread.
        vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
    } else {
        tokio::net::lookup_host((host, port)).await?.collect()
    };
    let mut first_error = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            // Where nobody listens on a port that the system gives to clients, a client can meet itself.
            Ok(stream) if stream.local_addr()? == stream.peer_addr()? => {
                first_error.get_or_insert(io::Error::from(io::ErrorKind::ConnectionRefused));
            }
            Ok(stream) => return Ok(stream),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable)))
}
