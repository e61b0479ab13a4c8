//! The one place that reads the clock, environment variables, the terminal and signals.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use database::{Engine, ServerPackage};
use database_mysql::MysqlEngine;
use database_postgres::PostgresEngine;
use database_redis::RedisEngine;
use database_sqlite::SqliteEngine;
use environment::{Answered, Context, Interrupt, Monitor, Progress, Question, RegistryLogin, RemoteFailure, Remotes};
use store::Backend;

use crate::arguments::{Color, Global};
use crate::local_time::ahead_of_utc;

/// What is read of the world, once.
pub struct World {
    /// The engines; nobody else lists them.
    pub engines: Vec<Box<dyn Engine>>,
    /// This program.
    pub program: PathBuf,
    /// A directory for sockets, with a short path.
    pub runtime_directory: PathBuf,
    /// The environment variables.
    pub variables: Arc<BTreeMap<String, String>>,
    /// Whether this process is root's.
    pub is_root: bool,
    /// What takes colour.
    pub color: Coloured,
    /// Whether standard error is a terminal, which can show what goes on.
    pub terminal: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// The user's wish to end.
    pub interrupt: Interrupt,
    /// The way to other places.
    pub remotes: Elsewhere,
    /// Where the programs of servers are that were fetched.
    pub packages: PathBuf,
    /// Where data directories are of which those of new servers are copies.
    pub templates: PathBuf,
    /// Where what belongs to servers is that environments share.
    pub servers: PathBuf,
    /// Where repositories are that were fetched.
    pub repositories: PathBuf,
    /// The keys that open encrypted stores.
    pub identities: Vec<store::Identity>,
    /// The file that they are in.
    pub identity_file: PathBuf,
    /// Who works here.
    pub author: String,
    /// What this machine is called.
    pub host: String,
}

/// What takes colour.
#[derive(Debug, Clone, Copy)]
pub struct Coloured {
    /// Standard output.
    pub output: bool,
    /// Standard error.
    pub errors: bool,
}

/// The way to other places, as `remotes` has it.
pub struct Elsewhere {
    settings: remotes::Settings,
    asker: remotes::Asker,
}

impl Remotes for Elsewhere {
    fn open(&self, url: &str) -> Result<Arc<dyn Backend>, RemoteFailure> {
        Ok(remotes::open(url, &self.settings)?)
    }

    fn finish(&self, backend: &dyn Backend) -> Result<(), RemoteFailure> {
        Ok(remotes::publish_listing(backend)?)
    }

    fn fetch_package(&self, package: &ServerPackage, to: &Path, monitor: &dyn Monitor) -> Result<(), RemoteFailure> {
        let progress = |bytes, of| monitor.on(Progress::Downloaded { bytes, of });
        let checksum = format!("sha256:{}", package.sha256).parse()?;
        Ok(remotes::fetch_package(package.package, package.file, &checksum, to, &self.settings, &progress)?)
    }

    fn ask(&self, question: &Question) -> Result<Answered, RemoteFailure> {
        let asking = remotes::Asking {
            method: &question.method,
            url: &question.url,
            headers: &question.headers,
            login: question.login.as_ref(),
            body: question.body.as_deref(),
            timeout: question.timeout,
        };
        let (status, body) = self.asker.ask(&asking, &self.settings)?;
        Ok(Answered { status, body })
    }

    fn registries(&self) -> Result<BTreeSet<String>, RemoteFailure> {
        Ok(remotes::known_registries(&self.settings)?)
    }

    fn login(&self, registry: &str) -> Result<Option<RegistryLogin>, RemoteFailure> {
        let login = remotes::registry_login(registry, &self.settings)?;
        Ok(login.map(|login| match login {
            remotes::RegistryLogin::Password(user, password) => RegistryLogin::Password(user, password),
            remotes::RegistryLogin::IdentityToken(token) => RegistryLogin::IdentityToken(token),
        }))
    }

    fn fetch(
        &self,
        url: &str,
        digest: Option<&manifest::Digest>,
        to: &Path,
        monitor: &dyn Monitor,
    ) -> Result<(), RemoteFailure> {
        let text = digest.map(|digest| match digest {
            manifest::Digest::Sha256(hex) => format!("sha256:{hex}"),
            manifest::Digest::Blake3(hex) => format!("blake3:{hex}"),
        });
        let checksum = text.map(|text| text.parse()).transpose()?;
        let progress = |bytes, of| monitor.on(Progress::Downloaded { bytes, of });
        Ok(remotes::fetch(url, checksum.as_ref(), to, &self.settings, &progress)?)
    }
}

/// The file with the keys that open encrypted stores, below the home directory: one a line.
const IDENTITIES: &str = ".config/seedbed/identities";

/// Who calls the program: as the session says, else as the machine knows the account.
fn author(variables: &BTreeMap<String, String>) -> String {
    let said = ["USER", "LOGNAME"].iter().find_map(|name| variables.get(*name)).filter(|name| !name.is_empty());
    let known = || nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.name);
    said.cloned().or_else(known).unwrap_or_default()
}

/// What this machine is called, without its domain.
fn host(variables: &BTreeMap<String, String>) -> String {
    let named = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = variables.get("SEEDBED_HOST").filter(|name| !name.is_empty()).cloned().unwrap_or(named);
    name.split('.').next().unwrap_or_default().to_owned()
}

fn identities(path: &Path) -> io::Result<Vec<store::Identity>> {
    let text = match std::fs::read_to_string(path) {
        // An account without a home has one that is no directory.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        text => text.map_err(|error| io::Error::other(format!("cannot read {}: {error}", path.display())))?,
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let bad = |_| io::Error::other(format!("{} has a line that is no key", path.display()));
    lines.map(|line| store::Identity::parse(line).map_err(bad)).collect()
}

impl World {
    /// Reads it.
    pub fn read(global: &Global) -> io::Result<Self> {
        let variables: BTreeMap<String, String> = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let is_root = rustix::process::geteuid().is_root();
        let user = rustix::process::geteuid().as_raw();
        let own = variables.get("XDG_RUNTIME_DIR").map(Path::new).filter(|path| path.is_dir() && !is_root);
        // The servers of root run as another user, who cannot enter root's own directory.
        let runtime_directory =
            own.map_or_else(|| env::temp_dir().join(format!("seedbed-{user}")), |path| path.join("seedbed"));
        let takes_color = |is_terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && variables.get("NO_COLOR").is_none_or(String::is_empty),
        };
        let color = Coloured {
            output: takes_color(io::stdout().is_terminal()),
            errors: takes_color(io::stderr().is_terminal()),
        };
        let columns = variables.get("COLUMNS").and_then(|columns| columns.parse().ok());
        let seen = || rustix::termios::tcgetwinsize(io::stderr()).ok().map(|size| usize::from(size.ws_col));
        let home = variables.get("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let identity_file = variables.get("SEEDBED_IDENTITIES").map_or_else(|| home.join(IDENTITIES), PathBuf::from);
        let cache = variables.get("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from).join("seedbed");
        let state = variables.get("XDG_STATE_HOME").map_or_else(|| home.join(".local/state"), PathBuf::from);
        // The servers of root run as another user, who cannot enter root's own directory.
        let shared = if is_root { PathBuf::from("/var/lib/seedbed") } else { cache.clone() };
        Ok(Self {
            identities: identities(&identity_file)?,
            identity_file,
            packages: shared.join("packages"),
            templates: shared.join("templates"),
            servers: state.join("seedbed/servers"),
            repositories: cache.join("repositories"),
            author: author(&variables),
            host: host(&variables),
            remotes: Elsewhere {
                settings: remotes::Settings { env: variables.clone(), cache, home },
                asker: remotes::Asker::default(),
            },
            engines: vec![
                Box::new(SqliteEngine),
                Box::new(PostgresEngine),
                Box::new(MysqlEngine),
                Box::new(RedisEngine),
            ],
            program: env::current_exe()?,
            runtime_directory,
            is_root,
            color,
            terminal: io::stderr().is_terminal() && !global.quiet,
            width: columns.or_else(seen).filter(|width| *width > 20).unwrap_or(100),
            variables: Arc::new(variables),
            interrupt: Interrupt::default(),
        })
    }

    /// What operations are given of it.
    pub fn context<'a>(&'a self, monitor: &'a dyn Monitor) -> Context<'a> {
        Context {
            engines: &self.engines,
            program: self.program.clone(),
            runtime_directory: self.runtime_directory.clone(),
            variables: self.variables.clone(),
            is_root: self.is_root,
            remotes: &self.remotes,
            packages: self.packages.clone(),
            templates: self.templates.clone(),
            servers: self.servers.clone(),
            repositories: self.repositories.clone(),
            may_ask: self.terminal,
            is_locked: false,
            identities: self.identities.clone(),
            author: self.author.clone(),
            now,
            ahead_of_utc,
            monitor,
            interrupt: self.interrupt.clone(),
        }
    }

    /// Listens to Ctrl-C: the first ends what goes on and undoes it, the third ends this process at once. So does the first where
    /// nothing has to be undone; `say` tells it before.
    pub fn listen(&self, say: impl Fn() + Send + 'static) {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        const AT_ONCE: usize = 3;
        let interrupt = self.interrupt.clone();
        let listening = ctrlc::set_handler(move || {
            if COUNT.fetch_add(1, Ordering::SeqCst) + 1 >= AT_ONCE {
                // What was begun stands in the journal; the next command undoes it.
                std::process::exit(130);
            }
            if interrupt.raise() {
                say();
                std::process::exit(130);
            }
        });
        // Without a handler Ctrl-C ends the process, which is what the third one would do.
        drop(listening);
    }
}

/// The wall clock.
pub fn now() -> SystemTime {
    SystemTime::now()
}
