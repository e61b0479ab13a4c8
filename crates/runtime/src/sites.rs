//! In which engines an environment has containers, and the end of what a supervisor that died has left there.
//!
//! One line per engine: its address, and the value of the label that everything of the environment carries.

use std::fs;
use std::io;
use std::path::Path;

use containers::{Address, LABEL, Sweep};

use crate::RuntimeError;

/// The file of an environment that says in which engine it has had containers.
const SITES: &str = "engines";

/// An engine, and the label of what the environment has in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    pub(crate) engine: String,
    pub(crate) label: String,
}

/// Notes a place of containers, before the first is made there.
pub(crate) fn remember(directory: &Path, site: &Site) -> io::Result<()> {
    let path = directory.join(SITES);
    let mut sites = read(&path)?;
    if sites.contains(site) {
        return Ok(());
    }
    sites.push(site.clone());
    let lines: Vec<String> = sites.iter().map(|site| format!("{} {}\n", site.engine, site.label)).collect();
    let new = path.with_extension("new");
    fs::write(&new, lines.concat())?;
    fs::rename(&new, &path)
}

fn read(path: &Path) -> io::Result<Vec<Site>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let site = |line: &str| {
        let (engine, label) = line.split_once(' ')?;
        Some(Site { engine: engine.to_owned(), label: label.to_owned() })
    };
    Ok(text.lines().filter_map(site).collect())
}

/// Removes what an environment has in engines, while no supervisor of it lives; gives how much that was. Of an engine that
/// does not answer it says why; the others are asked all the same.
pub fn sweep(directory: &Path, everything: bool) -> Result<usize, RuntimeError> {
    let path = directory.join(SITES);
    let sites = read(&path).map_err(|source| RuntimeError::File { operation: "read", path, source })?;
    let mut swept = 0;
    let mut failure = None;
    for site in sites {
        let how = if everything { Sweep::Everything } else { Sweep::Running };
        let address = Address::parse(&site.engine);
        let call = address.and_then(containers::Call::new);
        match call.and_then(|call| call.ask(|engine| engine.sweep(LABEL, &site.label, how))) {
            Ok(count) => swept += count,
            Err(source) => failure = Some(RuntimeError::Engine { engine: site.engine, source }),
        }
    }
    failure.map_or(Ok(swept), Err)
}

/// Removes what an earlier supervisor of this environment has left in engines. One that does not answer keeps nothing from
/// starting: it says so itself when it is asked for a container.
pub(crate) fn bury(directory: &Path) {
    if directory.join(SITES).exists() {
        let directory = directory.to_owned();
        // On a thread of its own, for there is an event loop on this one.
        let _ = std::thread::spawn(move || sweep(&directory, false)).join();
    }
}
