//! Where a trial takes place: services to start, a directory of its own, and the processes that came of it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::process::{self, Process};
use crate::run::output;
use crate::state::stop;

/// How often ports and files are looked at.
pub const PAUSE: Duration = Duration::from_millis(5);

/// How long anything may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long what was stopped or killed may take to vanish.
const FAREWELL: Duration = Duration::from_secs(10);

const SOURCE: &str = include_str!("svc.c");

/// A service of the workload.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The program and its words.
    pub words: Vec<String>,
    /// The port that it will accept on.
    pub port: Option<u16>,
    /// Services that must be ready before.
    pub after: Vec<String>,
}

impl Service {
    /// The words as one line.
    pub fn line(&self) -> String {
        self.words.join(" ")
    }
}

/// A directory for one manager, and the program that all services are.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where the manager's files are.
    pub directory: PathBuf,
    /// The program of the services.
    pub svc: PathBuf,
}

/// Compiles the program of the services.
pub fn compile(directory: &Path) -> Result<PathBuf> {
    let (source, program) = (directory.join("svc.c"), directory.join("svc"));
    fs::write(&source, SOURCE)?;
    output(Command::new("cc").args(["-O2", "-static", "-o"]).arg(&program).arg(&source))?;
    Ok(program)
}

impl Site {
    /// Makes an empty directory for a manager.
    pub fn new(work: &Path, manager: &str, svc: &Path) -> Result<Self> {
        let directory = work.join(manager);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(directory.join("home"))?;
        Ok(Self { directory, svc: svc.to_owned() })
    }

    /// Services `s0`, `s1` and so on, which accept on free ports some time after their start.
    pub fn services(&self, count: usize, delay_ms: u32) -> Result<Vec<Service>> {
        let service = |(index, port): (usize, u16)| Service {
            name: format!("s{index}"),
            words: vec![self.svc.display().to_string(), "serve".into(), port.to_string(), delay_ms.to_string()],
            port: Some(port),
            after: Vec::new(),
        };
        Ok(free_ports(count)?.into_iter().enumerate().map(service).collect())
    }

    /// A program in a plain environment, which marks what comes of it. Cargo's variables make every start of a process slower.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let is_of_cargo = text.starts_with("CARGO") || text.starts_with("RUSTUP") || text == "LD_LIBRARY_PATH";
            if is_of_cargo || text.starts_with("XDG_") || text.starts_with("npm_") {
                command.env_remove(&name);
            }
        }
        command.env(process::MARK, &self.directory).env("HOME", self.directory.join("home"));
        command.current_dir(&self.directory).stdin(Stdio::null());
        command
    }

    /// What the manager printed.
    pub fn printed(&self) -> PathBuf {
        self.directory.join("printed.log")
    }

    /// Starts a command with its output in a file.
    pub fn spawn(&self, mut command: Command) -> Result<Child> {
        let file = File::options().create(true).append(true).open(self.printed())?;
        command.stdout(file.try_clone()?).stderr(file);
        command.spawn().with_context(|| format!("cannot run {}", command.get_program().display()))
    }

    /// The processes of the manager: all that came of the trial and are no service.
    pub fn managers(&self) -> Result<Vec<Process>> {
        Ok(process::marked(&self.directory)?.into_iter().filter(|process| !process.is(&self.svc)).collect())
    }

    /// The services that run.
    pub fn running(&self) -> Result<Vec<Process>> {
        Ok(process::all()?.into_iter().filter(|process| process.is(&self.svc)).collect())
    }

    /// Kills what is left of the trial, and waits until it is gone.
    pub fn clear(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let mut left = process::marked(&self.directory)?;
            left.extend(self.running()?);
            if left.is_empty() {
                return Ok(());
            }
            left.iter().for_each(Process::kill);
            ensure!(began.elapsed() < FAREWELL, "processes cannot be killed: {left:?}");
            sleep(PAUSE);
        }
    }

    /// What was printed last, for an error.
    pub fn last_words(&self) -> String {
        let text = fs::read(self.printed()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

/// Waits until all services accept; the time since `began`.
pub fn await_ready(services: &[Service], began: Instant) -> Result<Duration> {
    let mut left: Vec<u16> = services.iter().filter_map(|service| service.port).collect();
    loop {
        left.retain(|port| !accepts(*port));
        if left.is_empty() {
            return Ok(began.elapsed());
        }
        stop::check()?;
        ensure!(began.elapsed() < PATIENCE, "{} of {} services do not accept", left.len(), services.len());
        sleep(PAUSE);
    }
}

/// Waits for the end of a process, which must succeed.
pub fn await_end(child: &mut Child, began: Instant) -> Result<Duration> {
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "it ended with {status}");
            return Ok(began.elapsed());
        }
        stop::check()?;
        ensure!(began.elapsed() < PATIENCE, "it does not end");
        sleep(Duration::from_millis(1));
    }
}

/// Whether somebody accepts on a port of this machine.
pub fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

/// Ports below those that the system gives to clients.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<TcpListener> =
        (21_000..32_000).filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).take(count).collect();
    ensure!(listeners.len() == count, "not enough free ports");
    Ok(listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<std::io::Result<_>>()?)
}
