//! `ports`: which ports the services of an environment have, and who listens there.

use std::collections::{BTreeMap, BTreeSet};

use daemon::Client;
use manifest::WorkspaceTree;

use crate::context::{Context, Target};
use crate::observation::running_units;
use crate::record::Record;
use crate::{Error, ports};

/// A port of a service or server.
#[derive(Debug, PartialEq, Eq)]
pub struct PortReport {
    /// Whose port it is.
    pub unit: String,
    /// The port.
    pub port: u16,
    /// Whether the manifest names it; otherwise it was chosen.
    pub is_fixed: bool,
    /// What is there.
    pub state: PortState,
}

/// What is at a port.
#[derive(Debug, PartialEq, Eq)]
pub enum PortState {
    /// The service listens.
    Listening,
    /// The service runs and does not listen.
    Silent,
    /// The service does not run, and nobody else listens.
    Free,
    /// The service does not run, and somebody else listens: who, as far as can be seen.
    Taken(Option<String>),
}

/// Lists the ports of an environment, those of servers too.
pub fn list_ports(context: &Context<'_>, target: &Target) -> Result<Vec<PortReport>, Error> {
    let place = target.place(context);
    let Some(record) = Record::read(place.directory())? else {
        return Err(Error::NoEnvironment(target.name.clone()));
    };
    let loaded = crate::dependencies::load(context, &target.root, record.profile.as_deref(), &record.config)?;
    let Some(tree) = loaded.tree else { return Err(Error::Problems(loaded.problems)) };
    let declared = fixed(&tree);
    let running: BTreeSet<String> = match Client::connect(&place.socket()).map_err(Error::Supervisor)? {
        Some(mut client) => {
            running_units(&client.status().map_err(Error::Supervisor)?).into_keys().map(|id| id.to_string()).collect()
        }
        None => BTreeSet::new(),
    };
    // What runs has the port that it was started with; what is declared anew is seen when it does not.
    let mut all = declared.clone();
    all.extend(
        record
            .ports
            .iter()
            // Those behind others are for nobody to use.
            .filter(|(unit, _)| !unit.contains(' '))
            .filter(|(unit, _)| !declared.contains_key(*unit) || running.contains(*unit))
            .map(|(unit, port)| (unit.clone(), *port)),
    );
    let report = |(unit, port): (String, u16)| {
        let state = match (running.contains(ports::owner(&unit)), ports::is_free(port)) {
            (true, false) => PortState::Listening,
            (true, true) => PortState::Silent,
            (false, true) => PortState::Free,
            (false, false) => PortState::Taken(ports::holder(port)),
        };
        PortReport { is_fixed: declared.contains_key(&unit), unit, port, state }
    };
    Ok(all.into_iter().map(report).collect())
}

/// The ports that manifests name.
fn fixed(tree: &WorkspaceTree) -> BTreeMap<String, u16> {
    let mut ports = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        for service in workspace.manifest.services.values() {
            let id = format!("{}/{}", workspace.manifest.name, service.name);
            let further = service.ports.iter().map(|(name, port)| (format!("{id}:{name}"), *port));
            for (name, port) in service.port.map(|port| (id.clone(), port)).into_iter().chain(further) {
                if let manifest::Port::Fixed(port) = port {
                    ports.insert(name, port);
                }
            }
        }
    }
    ports
}
