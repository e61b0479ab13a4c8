//! `doctor`: what could keep an environment from coming up, and what to do about it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use containers::{Address, Call, EngineError};
use daemon::Client;
use manifest::{Command, ImageSource, Part, PullPolicy, SchemaStep, SecretSource, SettingValue, WorkspaceTree};
use source::{Problem, Problems};

use crate::container_engine::contained;
use crate::context::{Context, Target};
use crate::data::DeclaredData;
use crate::dependencies;
use crate::facts::find_servers;
use crate::journal::Journal;
use crate::record::Record;
use crate::secrets::can_be_had;
use crate::{Error, ports, toggles};

/// One thing that was looked at.
#[derive(Debug)]
pub struct Check {
    /// What it is about.
    pub name: String,
    /// What was found.
    pub finding: Finding,
}

/// What a check found.
#[derive(Debug)]
pub enum Finding {
    /// All is well.
    Good(String),
    /// It works, but should be looked at.
    Doubtful {
        /// What is so.
        what: String,
        /// What to do.
        help: String,
    },
    /// It will not work.
    Bad {
        /// What is wrong.
        what: String,
        /// What to do.
        help: String,
    },
    /// The files have problems, each with its place.
    Problems(Problems),
}

/// Looks at everything that `up` needs, and changes nothing.
pub fn doctor(context: &Context<'_>, target: &Target, profile: Option<&str>) -> Vec<Check> {
    let place = target.place(context);
    // An environment whose record cannot be read is said to be so by the check of the environment.
    let record = Record::read(place.directory());
    let made_with = record.as_ref().ok().and_then(|record| record.as_ref()?.profile.clone());
    let profile = made_with.as_deref().or(profile);
    let applied = record.as_ref().ok().and_then(|record| Some(record.as_ref()?.config.clone())).unwrap_or_default();

    let mut checks = Vec::new();
    let mut add = |name: &str, finding| checks.push(Check { name: name.to_owned(), finding });
    let (tree, mut problems) = match dependencies::load(context, &target.root, profile, &applied) {
        Ok(loaded) => (loaded.tree, loaded.problems),
        Err(Error::Problems(problems)) => (None, problems),
        Err(error) => {
            let problem = Problem::error("dependency::repository", crate::with_causes(&error));
            let help = if let Error::Repository { source, .. } = &error { source.help() } else { None };
            (None, problem.maybe_help(help).into())
        }
    };
    let mut records = 0;
    if let Some(tree) = &tree {
        let data = DeclaredData::read(context, &target.root, tree, &mut problems);
        match dataset::order(&data.types, data.specs, &crate::data::options(false)) {
            Ok(plan) => records = plan.rows().count(),
            Err(more) => problems.extend(more.iter().cloned()),
        }
    }
    if let Some(tree) = &tree {
        problems.extend(toggles::expired(context, tree, toggles::Of::All));
    }
    match &tree {
        Some(tree) if problems.is_empty() => {
            let names: Vec<&str> = tree.iter().map(|(_, workspace)| workspace.manifest.name.as_str()).collect();
            add("files", Finding::Good(format!("{} and {records} declared records are in order", names.join(", "))));
        }
        _ => add("files", Finding::Problems(problems)),
    }
    if let Some(tree) = &tree {
        if let Some(finding) = secrets(context, tree) {
            add("secrets", finding);
        }
        add("programs", programs(tree, context.variables.get("PATH").map_or("", String::as_str)));
        if let Some(finding) = limits(tree) {
            add("limits", finding);
        }
        for (id, found) in find_servers(context, tree) {
            add(
                &id,
                match found {
                    Ok(text) => Finding::Good(text),
                    Err(error) => Finding::Bad {
                        what: error.to_string(),
                        help: "install it, or choose another engine or profile".to_owned(),
                    },
                },
            );
        }
    }
    if let Some(finding) = tree.as_ref().and_then(|tree| engine(context, tree)) {
        add("containers", finding);
    }
    if let Some(finding) = shared_servers(context) {
        add("shared servers", finding);
    }
    add("disk", disk(&target.root));
    add(
        "environment",
        match record {
            Err(error) => Finding::Bad {
                what: crate::with_causes(&error),
                help: format!("move {} away and run `up` again", place.directory().display()),
            },
            Ok(None) => match taken_ports(&fixed_ports(tree.as_ref())) {
                None => Finding::Good(format!("'{}' is not made yet", target.name)),
                Some(what) => Finding::Bad {
                    what,
                    help: "free it, or write `port: auto` and let seedbed choose one that is free".to_owned(),
                },
            },
            Ok(Some(record)) => environment(&place, &record, fixed_ports(tree.as_ref())),
        },
    );
    checks
}

/// Looks for the engine that runs containers, and for the images that it does not have; nothing where no service is a container.
fn engine(context: &Context<'_>, tree: &WorkspaceTree) -> Option<Finding> {
    let all = || tree.iter().flat_map(|(_, workspace)| contained(workspace));
    all().next()?;
    let bad = |error: EngineError| Finding::Bad {
        what: error.to_string(),
        help: error.help().unwrap_or_else(|| "correct it, or choose another engine with DOCKER_HOST".to_owned()),
    };
    let found = Address::find(&context.variables).and_then(|address| {
        let call = Call::new(address.clone())?;
        let about = call.ask(containers::Engine::about)?;
        Ok((address, call, about))
    });
    let (address, call, about) = match found {
        Ok(found) => found,
        Err(error) => return Some(bad(error)),
    };
    let rootless = if about.is_rootless { ", without root" } else { "" };
    let mut what = format!("{} {} at {address}, {}{rootless}", about.product, about.version, about.platform);
    let (mut to_pull, mut unavailable) = (Vec::new(), Vec::new());
    for one in all() {
        let ImageSource::Pull { image, policy } = &one.container.image else { continue };
        // What is only known when the environment is resolved is found then.
        let [Part::Text(name)] = image.parts() else { continue };
        match call.ask(|engine| engine.find_image(name)) {
            Ok(Some(_)) => {}
            Ok(None) if *policy == PullPolicy::Never => unavailable.push(format!("{name} (of {})", one.id)),
            Ok(None) => to_pull.push(name.clone()),
            Err(error) => return Some(bad(error)),
        }
    }
    to_pull.sort();
    to_pull.dedup();
    if !to_pull.is_empty() {
        what.extend(["; `up` pulls ", &to_pull.join(", ")]);
    }
    if !unavailable.is_empty() {
        let what = format!("{what}; it does not have {}, which is never pulled", unavailable.join(", "));
        return Some(Finding::Bad { what, help: "build or load it, or write another `pull`".to_owned() });
    }
    if !address.has_ports_here() {
        let help = "ports of its containers are ports of that machine, at its loopback address: forward them, or use an engine here";
        return Some(Finding::Doubtful { what: format!("{what}; it is elsewhere"), help: help.to_owned() });
    }
    if !about.has_networks {
        let help =
            "containers share the network and the ports of this machine, and cannot be told apart by their names";
        return Some(Finding::Doubtful {
            what: format!("{what}; it has no networks of its own"),
            help: help.to_owned(),
        });
    }
    Some(Finding::Good(what))
}

/// Looks at the servers that environments share; nothing where there are none.
fn shared_servers(context: &Context<'_>) -> Option<Finding> {
    let servers = match crate::servers(context) {
        Ok(servers) => servers,
        Err(error) => {
            let help = "`seedbed servers` lists them; one that runs for another version of seedbed ends with its last environment";
            return Some(Finding::Doubtful { what: crate::with_causes(&error), help: help.to_owned() });
        }
    };
    let gone: Vec<String> = servers
        .iter()
        .filter_map(|server| {
            let gone = server.environments.iter().filter(|own| own.state == "is gone").count();
            (gone > 0).then(|| format!("{} has the databases of {gone} whose directory is gone", server.name))
        })
        .collect();
    if !gone.is_empty() {
        return Some(Finding::Doubtful {
            what: gone.join("; "),
            help: "`seedbed servers --prune` removes them".to_owned(),
        });
    }
    let each = servers.iter().map(|server| {
        let users = server.environments.iter().filter(|own| own.state == "uses it").count();
        let state = if server.is_running { "runs" } else { "is stopped" };
        format!("{} {state}, used by {users} of {} environments", server.name, server.environments.len())
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| Finding::Good(each.join("; ")))
}

/// Whether limits of processes hold here; nothing if there are none.
fn limits(tree: &manifest::WorkspaceTree) -> Option<Finding> {
    let services = tree.iter().flat_map(|(_, workspace)| workspace.manifest.services.values());
    let limits: Vec<supervisor::LimitSpec> =
        services.map(plan::process_limits).filter(|limits| !limits.is_empty()).collect();
    if limits.is_empty() {
        return None;
    }
    Some(match runtime::limits_hold(&limits) {
        Ok(()) => Finding::Good("processes can be limited".to_owned()),
        Err(what) => Finding::Doubtful { what, help: "the services run without their limits".to_owned() },
    })
}

/// The ports that services are to have and no others.
fn fixed_ports(tree: Option<&WorkspaceTree>) -> BTreeMap<String, u16> {
    let mut fixed = BTreeMap::new();
    for (_, workspace) in tree.into_iter().flat_map(WorkspaceTree::iter) {
        for service in workspace.manifest.services.values() {
            let name = format!("{}/{}", workspace.manifest.name, service.name);
            let others = service.ports.iter().map(|(port_name, port)| (format!("{name}:{port_name}"), *port));
            let outside = service.run.container().into_iter().flat_map(|container| &container.ports);
            let outside = outside.map(|port| (format!("{name}:{}", port.name), port.host));
            let all = service.port.into_iter().map(|port| (name.clone(), port)).chain(others).chain(outside);
            fixed.extend(all.filter_map(|(name, port)| match port {
                manifest::Port::Fixed(port) => Some((name, port)),
                manifest::Port::Auto => None,
            }));
        }
    }
    fixed
}

/// Says which of these ports are in use, and by whom.
fn taken_ports(wanted: &BTreeMap<String, u16>) -> Option<String> {
    let taken: Vec<String> = wanted
        .iter()
        .filter(|(_, port)| !ports::is_free(**port))
        .map(|(name, port)| {
            let holder = ports::holder(*port).map_or_else(String::new, |holder| format!(" by {holder}"));
            format!("port {port} of {name} is in use{holder}")
        })
        .collect();
    (!taken.is_empty()).then(|| taken.join("; "))
}

fn environment(place: &crate::place::Place, record: &Record, fixed: BTreeMap<String, u16>) -> Finding {
    let client = match Client::connect(&place.socket()) {
        Ok(client) => client,
        Err(error) => {
            let help = error.help().unwrap_or_else(|| "`seedbed down` ends it".to_owned());
            return Finding::Doubtful { what: crate::with_causes(&error), help };
        }
    };
    if Journal::open(place.directory()).is_ok_and(|journal| !journal.contents().is_empty()) {
        return Finding::Doubtful {
            what: "a command did not come to its end".to_owned(),
            help: "the next command that changes something undoes what it began".to_owned(),
        };
    }
    if client.is_some() {
        return Finding::Good("it runs".to_owned());
    }
    // A server that is shared may well run for others.
    let own = record.ports.clone().into_iter().filter(|(name, _)| !record.shared.contains_key(name));
    let wanted: BTreeMap<String, u16> = own.chain(fixed).collect();
    match taken_ports(&wanted) {
        None => Finding::Good("it is made and does not run".to_owned()),
        Some(what) => {
            Finding::Doubtful { what, help: "`up` moves a chosen port; a fixed one must be freed".to_owned() }
        }
    }
}

fn disk(root: &Path) -> Finding {
    const LITTLE: u64 = 1 << 30;
    if let Err(error) = rustix::fs::access(root, rustix::fs::Access::WRITE_OK) {
        let what = format!("cannot write to {}: {}", root.display(), std::io::Error::from(error));
        return Finding::Bad { what, help: "environments and their store are kept there, in `.seedbed`".to_owned() };
    }
    match rustix::fs::statvfs(root) {
        Err(error) => Finding::Doubtful { what: format!("cannot tell the free space: {error}"), help: String::new() },
        Ok(space) => {
            let free = space.f_bavail * space.f_frsize;
            let text = match free {
                0..1_000_000_000 => format!("{} MB free", free / 1_000_000),
                _ => format!("{}.{} GB free", free / 1_000_000_000, free / 100_000_000 % 10),
            };
            if free < LITTLE {
                Finding::Doubtful { what: text, help: "free some space: databases and snapshots are copies".to_owned() }
            } else {
                Finding::Good(text)
            }
        }
    }
}

/// Whether the secrets can be had that a service, task or schema step could need; nothing where there are none.
fn secrets(context: &Context<'_>, tree: &WorkspaceTree) -> Option<Finding> {
    let (mut good, mut missing) = (Vec::new(), Vec::new());
    for (_, workspace) in tree.iter() {
        for (key, setting) in &workspace.manifest.config {
            let SettingValue::Secret(source) = &setting.value else { continue };
            let name = format!("{}.{key}", workspace.manifest.name);
            match can_be_had(context, source, &workspace.directory) {
                Ok(()) if matches!(source, SecretSource::Command(_)) => {
                    good.push(format!("{name} (a command is asked)"));
                }
                Ok(()) => good.push(name),
                Err(why) => missing.push(format!("{name} cannot be had: {why}")),
            }
        }
    }
    if missing.is_empty() {
        return (!good.is_empty()).then(|| Finding::Good(good.join(", ")));
    }
    let help = "what uses them does not start without; `seedbed config show` says where each comes from".to_owned();
    Some(Finding::Doubtful { what: missing.join("; "), help })
}

/// Programs that are called by a plain name must be in `PATH`; those with a slash may be what a task makes.
fn programs(tree: &WorkspaceTree, path: &str) -> Finding {
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        let manifest = &workspace.manifest;
        let schemas = manifest.databases.values().filter_map(|database| match &database.schema {
            Some(SchemaStep::Command { run, .. }) => Some(run),
            _ => None,
        });
        let tasks = manifest.tasks.values().filter_map(|task| task.run.command());
        for command in
            manifest.services.values().filter_map(|service| service.run.command()).chain(tasks).chain(schemas)
        {
            if let Some(program) = plain_program(command) {
                wanted.entry(program).or_insert_with(|| manifest.name.to_string());
            }
        }
    }
    let missing: Vec<String> = wanted
        .iter()
        .filter(|(program, _)| !path.split(':').any(|directory| is_executable(&Path::new(directory).join(program))))
        .map(|(program, workspace)| format!("{program} (of {workspace})"))
        .collect();
    if missing.is_empty() {
        let names: Vec<String> = wanted.into_keys().collect();
        return Finding::Good(if names.is_empty() { "none is needed".to_owned() } else { names.join(", ") });
    }
    Finding::Bad {
        what: format!("not found in PATH: {}", missing.join(", ")),
        help: "install them, or write where they are".to_owned(),
    }
}

fn plain_program(command: &Command) -> Option<String> {
    let Command::Words { words, .. } = command else { return Some("sh".to_owned()) };
    match words.first()?.parts() {
        [Part::Text(program)] if !program.contains('/') => Some(program.clone()),
        _ => None,
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
