//! `servers`: the servers that environments share, and who has databases in them.

use std::fs;
use std::path::PathBuf;

use crate::context::Context;
use crate::record::Record;
use crate::shared_hold;
use crate::shared_server::SharedServer;
use crate::{Error, Progress};

/// A server that environments share.
#[derive(Debug, PartialEq, Eq)]
pub struct SharedServerReport {
    /// Its name.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// Whether it runs.
    pub is_running: bool,
    /// Who has databases in it.
    pub environments: Vec<SharedEnvironment>,
}

/// An environment that has databases in a server.
#[derive(Debug, PartialEq, Eq)]
pub struct SharedEnvironment {
    /// Its directory.
    pub directory: PathBuf,
    /// Its role in the server.
    pub role: String,
    /// `uses it`, `is down` or `is gone`: then its databases are nobody's.
    pub state: &'static str,
}

/// Lists the servers of this user.
pub fn servers(context: &Context<'_>) -> Result<Vec<SharedServerReport>, Error> {
    let mut reports = Vec::new();
    for server in all(context)? {
        let Some(file) = server.read()? else { continue };
        let holders = server.holders()?;
        let environments = file.environments.into_iter().map(|(role, directory)| {
            let state = if holders.contains(&directory.display().to_string()) {
                "uses it"
            } else if Record::exists(&directory) {
                "is down"
            } else {
                "is gone"
            };
            SharedEnvironment { directory, role, state }
        });
        reports.push(SharedServerReport {
            name: server.name.clone(),
            port: file.port,
            is_running: !holders.is_empty(),
            environments: environments.collect(),
        });
    }
    Ok(reports)
}

/// Removes the databases of environments whose directories are gone. Says which those were.
pub fn prune_servers(context: &Context<'_>) -> Result<Vec<PathBuf>, Error> {
    let mut pruned = Vec::new();
    for server in all(context)? {
        let gone = |directory: &PathBuf| !Record::exists(directory);
        let file = server.read()?;
        let gone: Vec<(String, PathBuf)> =
            file.into_iter().flat_map(|file| file.environments).filter(|(_, directory)| gone(directory)).collect();
        if gone.is_empty() {
            continue;
        }
        let mut held = shared_hold::start(context, server, "servers --prune", None)?;
        for (role, directory) in gone {
            context.monitor.on(Progress::Note(format!("removing the databases of {}", directory.display())));
            held.dismiss(context, &role)?;
            pruned.push(directory);
        }
        held.release(context)?;
    }
    Ok(pruned)
}

fn all(context: &Context<'_>) -> Result<Vec<SharedServer>, Error> {
    let Ok(entries) = fs::read_dir(&context.servers) else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", &context.servers))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names.iter().map(|name| SharedServer::named(context, name)).collect())
}
