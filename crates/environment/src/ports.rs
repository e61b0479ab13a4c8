//! Ports: chosen before anything starts, the same for an environment from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::Error;

/// Chosen ports are from here …
const FIRST: u16 = 20_000;
/// … to here: below those that the system gives to outgoing connections.
const LAST: u16 = 31_999;

/// The service that a port belongs to, by the port's name: what comes after a blank or a colon says which of its ports.
pub(crate) fn owner(name: &str) -> &str {
    name.split([' ', ':']).next().unwrap_or(name)
}

/// What a service asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Any free one, the same every time.
    Any,
    /// That one.
    This(u16),
}

/// Chooses a port for each name. `known` has those that were chosen before; those of `running` are in use by the very
/// services that they belong to. Says which remembered ports had to change.
pub fn choose(
    environment: &str,
    wanted: &BTreeMap<String, Wanted>,
    known: &BTreeMap<String, u16>,
    running: &BTreeSet<String>,
) -> Result<(BTreeMap<String, u16>, Vec<String>), Error> {
    let mut chosen = BTreeMap::new();
    let mut taken: BTreeSet<u16> = BTreeSet::new();
    let mut notes = Vec::new();
    for (name, wanted) in wanted {
        if let Wanted::This(port) = *wanted {
            // A service that runs has the port that it was started with, which an edit may have changed.
            let has_it = running.contains(name) && known.get(name) == Some(&port);
            if taken.contains(&port) || !(has_it || is_free(port)) {
                let holder = if taken.contains(&port) {
                    chosen.iter().find(|(_, other)| **other == port).map(|(name, _): (&String, _)| name.clone())
                } else {
                    holder(port)
                };
                return Err(Error::PortTaken { service: name.clone(), port, holder, place: None });
            }
            taken.insert(port);
            chosen.insert(name.clone(), port);
        }
    }
    let any = || wanted.iter().filter(|(_, wanted)| **wanted == Wanted::Any).map(|(name, _)| name);
    for name in any() {
        if let Some(&port) = known.get(name)
            && !taken.contains(&port)
            && (running.contains(name) || is_free(port))
        {
            taken.insert(port);
            chosen.insert(name.clone(), port);
        }
    }
    for name in any() {
        if chosen.contains_key(name) {
            continue;
        }
        let port = first_free(environment, name, &taken)?;
        if let Some(before) = known.get(name) {
            let holder = holder(*before).map_or_else(String::new, |holder| format!(" by {holder}"));
            notes.push(format!("port {before} of {name} is in use{holder}; it moves to {port}"));
        }
        taken.insert(port);
        chosen.insert(name.clone(), port);
    }
    Ok((chosen, notes))
}

/// The first free port from a place that depends on the names alone, so that the same environment mostly gets the same.
pub(crate) fn first_free(environment: &str, name: &str, taken: &BTreeSet<u16>) -> Result<u16, Error> {
    let digest = blake3::hash(format!("{environment}\0{name}").as_bytes());
    let count = LAST - FIRST + 1;
    let start = u16::from_le_bytes([digest.as_bytes()[0], digest.as_bytes()[1]]) % count;
    (0..count)
        .map(|step| FIRST + (start + step) % count)
        .find(|port| !taken.contains(port) && is_free(*port))
        .ok_or(Error::NoPort(FIRST, LAST))
}

/// Whether nobody listens there, on loopback or on all addresses.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Who listens on a port: the command and the id of the process, and the environment that it belongs to, where the system
/// tells.
pub fn holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| listener_inode(table, port))?;
    let target = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(id) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else { continue };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == target.as_str()));
        if holds {
            let environment = environment_of(&process.path()).map_or_else(String::new, |of| format!(" of {of}"));
            return Some(format!("{} (process {id}{environment})", command(&process.path())));
        }
    }
    None
}

/// The command line of a process, of which the beginning says enough; that of another user may be kept from us.
fn command(process: &Path) -> String {
    const LONGEST: usize = 60;
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&line).replace('\0', " ");
    let words = words.trim();
    match words.char_indices().nth(LONGEST) {
        _ if words.is_empty() => fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned(),
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words.to_owned(),
    }
}

/// The environment that a process belongs to, as it is called: with the workspace, of which each has its own.
fn environment_of(process: &Path) -> Option<String> {
    let variables = fs::read(process.join("environ")).ok()?;
    let mark = format!("{}=", runtime::MARK);
    let value = variables.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(mark.as_bytes()))?;
    let directory = Path::new(str::from_utf8(value).ok()?);
    let workspace = directory.parent()?.parent()?;
    Some(format!("environment '{}' in {}", directory.file_name()?.to_str()?, workspace.display()))
}

fn listener_inode(table: &str, port: u16) -> Option<String> {
    const LISTENING: &str = "0A";
    let text = fs::read_to_string(table).ok()?;
    text.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let local = columns.get(1)?.rsplit(':').next()?;
        let fits = u16::from_str_radix(local, 16).ok()? == port && *columns.get(3)? == LISTENING;
        fits.then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(names: &[(&str, Wanted)]) -> BTreeMap<String, Wanted> {
        names.iter().map(|(name, wanted)| ((*name).to_owned(), *wanted)).collect()
    }

    #[test]
    fn a_port_stays_the_same() {
        let wanted = wanted(&[("a/web", Wanted::Any), ("b/web", Wanted::Any)]);
        let (first, _) = choose("here", &wanted, &BTreeMap::new(), &BTreeSet::new()).unwrap();
        let (second, notes) = choose("here", &wanted, &first, &BTreeSet::new()).unwrap();
        assert_eq!(first, second);
        assert_ne!(first["a/web"], first["b/web"]);
        assert!(notes.is_empty());
    }

    #[test]
    fn a_remembered_port_that_is_taken_moves_and_says_who_has_it() {
        let wanted = wanted(&[("a/web", Wanted::Any)]);
        let (first, _) = choose("there", &wanted, &BTreeMap::new(), &BTreeSet::new()).unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first["a/web"])).unwrap();
        let (second, notes) = choose("there", &wanted, &first, &BTreeSet::new()).unwrap();
        assert_ne!(first, second);
        let holder = format!("(process {}", std::process::id());
        assert!(notes[0].contains(&holder) && notes[0].contains("it moves to"), "{notes:?}");
        // In use by the service itself, it stays.
        let running = BTreeSet::from(["a/web".to_owned()]);
        assert_eq!(choose("there", &wanted, &first, &running).unwrap().0, first);
    }

    #[test]
    fn a_fixed_port_that_is_taken_is_an_error_with_its_holder() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = wanted(&[("a/web", Wanted::This(port))]);
        let error = choose("e", &taken, &BTreeMap::new(), &BTreeSet::new()).unwrap_err();
        assert!(error.to_string().contains(&format!("(process {}", std::process::id())), "{error}");
        // The service itself has it, or runs with another one and is to change.
        let running = BTreeSet::from(["a/web".to_owned()]);
        assert!(choose("e", &taken, &BTreeMap::from([("a/web".to_owned(), port)]), &running).is_ok());
        assert!(choose("e", &taken, &BTreeMap::from([("a/web".to_owned(), port ^ 1)]), &running).is_err());
        drop(listener);
        let twice = wanted(&[("a/web", Wanted::This(port)), ("b/web", Wanted::This(port))]);
        let error = choose("e", &twice, &BTreeMap::new(), &BTreeSet::new()).unwrap_err();
        assert_eq!(error.to_string(), format!("port {port} of b/web is in use by a/web"));
    }
}
