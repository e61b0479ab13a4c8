//! `status`: what an environment is and does.

use std::collections::BTreeMap;
use std::fs;

use crate::Error;
use crate::context::{Context, Mode, Target};
use crate::dependency_report::{self, DependencyReport};
use crate::place;
use crate::record::Record;
use crate::report::{ServiceReport, WatchReport, service_reports, watch_reports};
use crate::session::Session;
use crate::shared_choice::Why;

/// An environment as it is now.
#[derive(Debug)]
pub struct StatusReport {
    /// Name of the workspace.
    pub workspace: String,
    /// Name of the environment.
    pub environment: String,
    /// Its profile.
    pub profile: Option<String>,
    /// Its services.
    pub services: Vec<ServiceReport>,
    /// What is watched while it runs.
    pub watched: Vec<WatchReport>,
    /// Its databases.
    pub databases: Vec<DatabaseReport>,
    /// Its servers.
    pub servers: Vec<ServerReport>,
    /// Its dependencies that are had by git or by a link.
    pub dependencies: Vec<DependencyReport>,
    /// What `up` would do, a line each; none when all is as declared.
    pub pending: Vec<String>,
    /// Other environments of this workspace.
    pub others: Vec<String>,
}

/// A database as it is now.
#[derive(Debug, PartialEq, Eq)]
pub struct DatabaseReport {
    /// `WORKSPACE/DATABASE`.
    pub id: String,
    /// Its engine.
    pub engine: String,
    /// Where it is, without password.
    pub location: String,
    /// `not made`, `schema behind`, `data behind` or `as declared`.
    pub state: &'static str,
}

/// A server of an environment.
#[derive(Debug, PartialEq, Eq)]
pub struct ServerReport {
    /// Its name, also that of its service.
    pub id: String,
    /// Maker and version.
    pub version: String,
    /// Where its programs are.
    pub programs: String,
    /// Whether it runs in a container.
    pub in_container: bool,
    /// The name that it has for all who share it, and how many other environments use it now, if it is shared.
    pub shared: Option<(String, usize)>,
    /// Why the environment has it for itself, of an engine whose servers environments share.
    pub own: Option<String>,
}

/// Looks at an environment and changes nothing.
pub fn status(context: &Context<'_>, target: &Target) -> Result<StatusReport, Error> {
    let place = target.place(context);
    if Record::read(place.directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let session = Session::open(context, target, &Mode::Look(None), "status")?;
    let plan = plan::up(&session.model, &session.observed, &session.inputs);
    let databases = session.model.databases.values().map(|database| {
        let location = session.location(&database.id);
        let shown = location.property("path").unwrap_or_else(|| {
            let property = |name| location.property(name).unwrap_or_default();
            format!("{}:{}/{}", property("host"), property("port"), property("name"))
        });
        let state = match session.observed.databases.get(&database.id) {
            None => "not made",
            Some(_) if plan.migrates(&database.id) => "schema behind",
            Some(_) if plan.loads() => "data behind",
            Some(_) => "as declared",
        };
        DatabaseReport {
            id: database.id.to_string(),
            engine: location.engine().word().to_owned(),
            location: shown,
            state,
        }
    });
    let own = place.directory().display().to_string();
    let mut servers = Vec::new();
    for (id, (found, _)) in &session.servers {
        let others = session.seats.get(id).map(|seat| {
            let holders = seat.server.holders()?;
            Ok::<_, Error>((seat.server.name.clone(), holders.iter().filter(|holder| **holder != own).count()))
        });
        servers.push(ServerReport {
            id: id.to_string(),
            version: format!("{} {}", found.product, found.version),
            programs: found.binaries.to_string(),
            in_container: found.binaries.image().is_some(),
            shared: others.transpose()?,
            own: session.own_servers.get(id).and_then(Why::words),
        });
    }
    let pending = plan.steps.iter().map(|step| format!("{}: {}", step.title(), step.reason)).collect();
    Ok(StatusReport {
        workspace: session.model.root.clone(),
        environment: target.name.clone(),
        profile: session.record().profile.clone(),
        services: service_reports(&session, &BTreeMap::new()),
        watched: watch_reports(&session.model, |_| true),
        databases: databases.collect(),
        servers,
        dependencies: dependency_report::reports(context, &session.tree, &session.dependencies)?,
        pending,
        others: environments(target)?.into_iter().filter(|name| *name != target.name).collect(),
    })
}

/// Names of the environments that a workspace has.
pub fn environments(target: &Target) -> Result<Vec<String>, Error> {
    let directory = target.root.join(place::DIRECTORY);
    let Ok(entries) = fs::read_dir(&directory) else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", &directory))?;
        if entry.path().join("environment.json").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
