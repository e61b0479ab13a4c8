//! The engine that runs containers: where it is, what it can, which images it has, and what the planner is told of it.

use std::collections::{BTreeMap, BTreeSet};

use containers::{Address, Call, Context as BuildContext};
use manifest::{Build, Container, ImageSource, WorkspaceTree};
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

/// Finds the engine, if any service is a container.
pub(crate) fn find(context: &Context<'_>, tree: &WorkspaceTree) -> Result<Option<ContainerEngine>, Error> {
    let services = tree.iter().flat_map(|(_, workspace)| workspace.manifest.services.values());
    let Some(service) = services.into_iter().find(|service| service.run.container().is_some()) else {
        return Ok(None);
    };
    let place = format!("{}:{}", service.place.file().name(), service.place.line());
    let wrap = |source| Error::Containers { service: service.name.clone(), place: place.clone(), source };
    let address = Address::find(&context.variables).map_err(wrap)?;
    let text = address.to_string();
    let call = Call::new(address).map_err(wrap)?;
    let drivers = call.ask(containers::Engine::network_drivers).map_err(wrap)?;
    let has_networks = drivers.iter().any(|driver| driver == "bridge");
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
        for service in workspace.manifest.services.values() {
            let Some(ImageSource::Build(build)) = service.run.container().map(|container| &container.image) else {
                continue;
            };
            let id = UnitId::new(format!("{}/{}", workspace.manifest.name, service.name));
            let key = key(build, &workspace.directory)?;
            names.insert(id, format!("seedbed/{}-{}:{}", workspace.manifest.name, service.name, &key[..16]));
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
    for service in model.services.values() {
        let Some(image) = &service.image else { continue };
        if found.contains(&image.name) {
            continue;
        }
        let looked = engine.call.ask(|engine| engine.find_image(&image.name));
        let wrap = |source| Error::Containers { service: service.id.to_string(), place: image.name.clone(), source };
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
