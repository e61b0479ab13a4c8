//! The one place that reads the clock, environment variables, the terminal and signals.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use database::Engine;
use database_postgres::PostgresEngine;
use database_sqlite::SqliteEngine;
use environment::Interrupt;

use crate::arguments::{Color, Global};

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
    /// Whether standard output takes colour.
    pub color: bool,
    /// Whether standard error is a terminal, which can show what goes on.
    pub terminal: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// The user's wish to end.
    pub interrupt: Interrupt,
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
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stderr().is_terminal() && variables.get("NO_COLOR").is_none_or(String::is_empty),
        };
        let columns = variables.get("COLUMNS").and_then(|columns| columns.parse().ok());
        let seen = || rustix::termios::tcgetwinsize(io::stderr()).ok().map(|size| usize::from(size.ws_col));
        Ok(Self {
            engines: vec![Box::new(SqliteEngine), Box::new(PostgresEngine)],
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

    /// Listens to Ctrl-C: the first ends what goes on and undoes it, the third ends this process at once.
    pub fn listen(&self) {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        const AT_ONCE: usize = 3;
        let interrupt = self.interrupt.clone();
        let listening = ctrlc::set_handler(move || {
            if COUNT.fetch_add(1, Ordering::SeqCst) + 1 >= AT_ONCE {
                // What was begun stands in the journal; the next command undoes it.
                std::process::exit(130);
            }
            interrupt.raise();
        });
        // Without a handler Ctrl-C ends the process, which is what the third one would do.
        drop(listening);
    }
}

/// The wall clock.
pub fn now() -> SystemTime {
    SystemTime::now()
}
