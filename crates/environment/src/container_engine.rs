//! The engine that runs containers: where it is, what it can, which images it has, and what the planner is told of it.

use std::collections::{BTreeMap, BTreeSet};

use containers::{Address, Call, Context as BuildContext};
use manifest::{Build, Container, ImageSource, Workspace, WorkspaceTree};
use plan::{ContainerFacts, Model};
use supervisor::UnitId;

use crate::Error;
use crate::context::Context;
use crate::place::Place;
use crate::record::Record;

/// An engine that answers.
pub(crate) struct ContainerEngine {
    pub(crate) call: Call,
    address: String,
    /// Whether containers can have networks of their own.
    pub(crate) has_networks: bool,
}

/// Whether a container gets a network that is not this machine's.
pub(crate) fn has_network(engine: Option<&ContainerEngine>, container: &Container) -> bool {
    engine.is_some_and(|engine| engine.has_networks) && container.network.is_of_its_own()
}

/// The name by which the port is remembered at which containers reach another one.
pub(crate) fn relay(name: &str) -> String {
    format!("{name} relay")
}

/// A service or task of a workspace that is a container.
pub(crate) struct Contained<'a> {
    /// `WORKSPACE/NAME`.
    pub(crate) id: UnitId,
    pub(crate) container: &'a Container,
    pub(crate) place: String,
}

/// Goes through the services and tasks of a workspace that are containers.
pub(crate) fn contained(workspace: &Workspace) -> impl Iterator<Item = Contained<'_>> {
    let manifest = &workspace.manifest;
    let services = manifest.services.values().map(|service| (&service.name, &service.run, &service.place));
    let tasks = manifest.tasks.values().map(|task| (&task.name, &task.run, &task.place));
    services.chain(tasks).filter_map(|(name, run, place)| {
        let id = UnitId::new(format!("{}/{name}", manifest.name));
        Some(Contained { id, container: run.container()?, place: format!("{}:{}", place.file().name(), place.line()) })
    })
}

/// Finds the engine, if any service or task is a container.
pub(crate) fn find(context: &Context<'_>, tree: &WorkspaceTree) -> Result<Option<ContainerEngine>, Error> {
    let Some(first) = tree.iter().find_map(|(_, workspace)| contained(workspace).next()) else { return Ok(None) };
    let (service, place) = (first.id.to_string(), first.place);
    let wrap = |source| Error::Containers { service: service.clone(), place: place.clone(), source };
    let address = Address::find(&context.variables).map_err(wrap)?;
    let text = address.to_string();
    let call = Call::new(address).map_err(wrap)?;
    let has_networks = call.ask(containers::Engine::about).map_err(wrap)?.has_networks;
    Ok(Some(ContainerEngine { call, address: text, has_networks }))
}

/// What the planner is told.
pub(crate) fn facts(
    engine: Option<&ContainerEngine>,
    tree: &WorkspaceTree,
    place: &Place,
    record: &Record,
) -> Result<ContainerFacts, Error> {
    let Some(engine) = engine else { return Ok(ContainerFacts::default()) };
    let label = place.directory().display().to_string();
    let mut names = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        for Contained { id, container, .. } in contained(workspace) {
            let ImageSource::Build(build) = &container.image else { continue };
            let key = key(build, &workspace.directory)?;
            let name = id.as_str().replace('/', "-").to_lowercase();
            names.insert(id, format!("seedbed/{name}:{}", &key[..16]));
        }
    }
    let relays = record.ports.iter().filter_map(|(name, port)| Some((*port, *record.ports.get(&relay(name))?)));
    Ok(ContainerFacts {
        engine: engine.address.clone(),
        word: blake3::hash(label.as_bytes()).to_hex()[..8].to_owned(),
        label,
        has_networks: engine.has_networks,
        built: names,
        relays: relays.collect(),
    })
}

/// The images of a model that the engine has.
pub(crate) fn images(engine: Option<&ContainerEngine>, model: &Model) -> Result<BTreeSet<String>, Error> {
    let Some(engine) = engine else { return Ok(BTreeSet::new()) };
    let mut found = BTreeSet::new();
    let services = model.services.values().map(|service| (&service.id, &service.image));
    let tasks = model.tasks.values().map(|task| (&task.id, &task.image));
    for (id, image) in services.chain(tasks) {
        let Some(image) = image else { continue };
        if found.contains(&image.name) {
            continue;
        }
        let looked = engine.call.ask(|engine| engine.find_image(&image.name));
        let wrap = |source| Error::Containers { service: id.to_string(), place: image.name.clone(), source };
        if looked.map_err(wrap)?.is_some() {
            found.insert(image.name.clone());
        }
    }
    Ok(found)
}

/// The files of a build.
pub(crate) fn build_context(build: &Build, root: &std::path::Path) -> Result<BuildContext, containers::EngineError> {
    let directory = root.join(&build.context);
    let mut context = BuildContext::open(&directory, &build.dockerfile)?;
    if let Some(text) = &build.dockerfile_text {
        context.add(&build.dockerfile, text.clone().into_bytes());
    }
    Ok(context)
}

/// What an image that is built is called by: a digest of its files and of how it is built.
fn key(build: &Build, root: &std::path::Path) -> Result<String, Error> {
    let failed = |source| Error::Containers { service: build.context.clone(), place: "build".to_owned(), source };
    let context = build_context(build, root).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    context
        .digest(&mut |part| {
            hasher.update(part);
        })
        .map_err(|error| failed(error.into()))?;
    let args: Vec<_> =
        build.args.iter().map(|(name, value)| (name, value.as_ref().map(manifest::Template::parts))).collect();
    let words = (&build.dockerfile, &build.target, format!("{args:?}"), &build.labels, &build.network);
    hasher.update(format!("{words:?}").as_bytes());
    Ok(hasher.finalize().to_hex().to_string())
}
