//! Images of services: brought from their registries, or built.

use std::collections::BTreeMap;
use std::sync::Arc;

use containers::{Address, BuildRequest, Call, EngineError, Login};
use manifest::{Build, ImageSource, Workspace};
use supervisor::UnitId;

use crate::container_engine::{Contained, build_context, contained};
use crate::context::Context;
use crate::session::Session;
use crate::{Error, Progress, RemoteFailure, with_causes};

/// So many lines of what the steps of a build said stand in an error.
const SHOWN: usize = 12;

/// The registry of images that name none.
const DOCKER_HUB: &str = "docker.io";

/// Brings or builds the image of a service, and tells how that goes.
pub(crate) fn make(session: &Session<'_>, id: &UnitId) -> Result<(), Error> {
    let model = &session.model;
    let service = model.services.get(id).map(|service| (&service.process, &service.image));
    let unit = service.or_else(|| model.tasks.get(id).map(|task| (&task.process, &task.image)));
    let (process, image) = unit.expect("images are planned for services and tasks");
    let image = image.as_ref().expect("a container has an image");
    let (workspace, _) = id.as_str().split_once('/').expect("units are called WORKSPACE/NAME");
    let workspace = session.tree.workspace(session.tree.find(workspace).expect("the model was made from this tree"));
    let mut contained = contained(workspace);
    let Contained { container, place, .. } =
        contained.find(|one| one.id == *id).expect("only images of containers are planned");
    let wrap = |source| Error::Containers { service: id.to_string(), place: place.clone(), source };
    let engine = process.container.as_ref().map(|container| container.engine.clone()).unwrap_or_default();
    let call = Address::parse(&engine).and_then(Call::new).map_err(wrap)?;
    let made = match &container.image {
        ImageSource::Pull { .. } => {
            let login = login(session.context, containers::registry(&image.name), &wrap)?;
            let mut layers = Layers { session, known: BTreeMap::new() };
            call.ask(|engine| async {
                let mut note = |line: &str| layers.note(line);
                engine.pull_image(&image.name, image.platform.as_deref(), login.as_ref(), &mut note).await
            })
        }
        ImageSource::Build(build) => {
            let logins = logins(session.context, build, workspace, &wrap)?;
            build_image(session, &call, build, workspace, image, id, logins)
        }
    };
    if made.is_err() && session.context.interrupt.is_raised() {
        return Err(Error::Interrupted);
    }
    made.map_err(wrap)
}

/// Who a registry is asked as.
fn login(context: &Context<'_>, registry: &str, wrap: &dyn Fn(EngineError) -> Error) -> Result<Option<Login>, Error> {
    let failed = |error: RemoteFailure| wrap(EngineError::Failed(with_causes(&*error)));
    context.remotes.login(registry).map_err(failed)
}

/// Who the registries are asked as from which a build may take images: those that its Dockerfile or its arguments name. Not
/// all that there are, for asking a helper may take a second, and what is not sent cannot be read on the way.
fn logins(
    context: &Context<'_>,
    build: &Build,
    workspace: &Workspace,
    wrap: &dyn Fn(EngineError) -> Error,
) -> Result<BTreeMap<String, Login>, Error> {
    let known = context.remotes.registries().map_err(|error| wrap(EngineError::Failed(with_causes(&*error))))?;
    if known.is_empty() {
        return Ok(BTreeMap::new());
    }
    let file = || std::fs::read_to_string(workspace.directory.join(&build.context).join(&build.dockerfile));
    // A Dockerfile that cannot be read is what the build says.
    let text = build.dockerfile_text.clone().map_or_else(file, Ok).unwrap_or_default();
    let is_open = text.lines().any(|line| line.trim_start().to_lowercase().starts_with("from") && line.contains('$'));
    let mut logins = BTreeMap::new();
    for registry in known.iter().filter(|host| is_open || *host == DOCKER_HUB || text.contains(host.as_str())) {
        if let Some(login) = login(context, registry, wrap)? {
            logins.insert(registry.clone(), login);
        }
    }
    Ok(logins)
}

fn build_image(
    session: &Session<'_>,
    call: &Call,
    build: &Build,
    workspace: &Workspace,
    image: &plan::ImageModel,
    id: &UnitId,
    logins: BTreeMap<String, Login>,
) -> Result<(), EngineError> {
    let context = Arc::new(build_context(build, &workspace.directory)?);
    let variables = &session.context.variables;
    // A variable of the user's that is not set is no argument.
    let value = |name: &String, value: &Option<String>| value.clone().or_else(|| variables.get(name).cloned());
    let args = image.args.iter().filter_map(|(name, given)| Some((name.clone(), value(name, given)?)));
    let request = BuildRequest {
        tags: [image.name.clone()].into_iter().chain(build.tag.clone()).collect(),
        dockerfile: build.dockerfile.clone(),
        target: build.target.clone(),
        args: args.collect(),
        labels: build.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        cache_from: build.cache_from.clone(),
        network: build.network.clone(),
        extra_hosts: build.extra_hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect(),
        shm_size: build.shm_size,
        platform: image.platform.clone(),
        pull: build.pull,
        no_cache: build.no_cache,
        logins,
    };
    let mut said = Vec::new();
    let outcome = call.ask(|engine| async {
        engine
            .build_image(&request, &context, &mut |line| {
                if line.starts_with("Step ") {
                    session.context.monitor.on(Progress::Note(format!("{id}: {line}")));
                }
                said.push(line.to_owned());
            })
            .await
    });
    outcome.map_err(|error| match error {
        EngineError::Failed(why) => {
            let last = said[said.len().saturating_sub(SHOWN)..].join("\n  ");
            EngineError::Failed(format!("{why}\n  {last}"))
        }
        other => other,
    })
}

/// The layers of an image that comes.
struct Layers<'a> {
    session: &'a Session<'a>,
    known: BTreeMap<String, bool>,
}

impl Layers<'_> {
    fn note(&mut self, line: &str) {
        let Some((layer, what)) = line.split_once(": ").filter(|(layer, _)| !layer.contains(' ')) else { return };
        let is_there = ["Pull complete", "Already exists"].iter().any(|words| what.starts_with(words));
        if is_there || what.starts_with("Pulling fs layer") {
            self.known.insert(layer.to_owned(), is_there);
            let done = self.known.values().filter(|is_there| **is_there).count();
            self.session.context.monitor.on(Progress::Pulled { layers: done, of: self.known.len() });
        }
    }
}
