//! Images of servers: which there are, what is in them, and what is left of their containers.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use database::{Binaries, ContainerError, Containers, Contents, EngineError, Image, ServerFound, ServerRequest};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::durable::{read_json, write_json};
use crate::place::Place;
use crate::{Error, Progress};

/// The directory beside the packages where it is remembered what is in images.
const IMAGES: &str = "images";

/// The file of an environment that says by which programs it has run containers.
const OWNERS: &str = "containers.json";

/// What an image was found to have.
#[derive(Serialize, Deserialize)]
struct Remembered {
    seedbed_image: u32,
    image: String,
    asked: String,
    server: String,
    programs: BTreeMap<String, PathBuf>,
}

/// Whose containers an environment has had.
#[derive(Serialize, Deserialize)]
struct Owners {
    seedbed_containers: u32,
    programs: Vec<PathBuf>,
}

/// Looks whether an image is on this machine, without bringing it.
pub(crate) fn look(context: &Context<'_>, name: &str) -> Result<Image, ContainerError> {
    let containers = Containers::find()?;
    let id = containers.image_id(name)?;
    let places = [&context.packages, &context.runtime_directory];
    let shared = places.into_iter().filter(|place| place.is_dir()).cloned().collect();
    Ok(Image { containers, name: name.to_owned(), id, contents: None, shared })
}

/// Brings an image to this machine, and says how far it is.
pub(crate) fn pull(context: &Context<'_>, name: &str) -> Result<(), ContainerError> {
    let containers = Containers::find()?;
    let mut layers: BTreeMap<String, bool> = BTreeMap::new();
    containers.pull(name, &mut |line| {
        // `a1b2c3: Pull complete`, and before that other things about the same layer.
        let Some((layer, what)) = line.split_once(": ").filter(|(layer, _)| !layer.contains(' ')) else { return };
        let is_there = ["Pull complete", "Already exists"].iter().any(|words| what.starts_with(words));
        if is_there || what.starts_with("Pulling fs layer") {
            layers.insert(layer.to_owned(), is_there);
            let done = layers.values().filter(|is_there| **is_there).count();
            context.monitor.on(Progress::Pulled { layers: done, of: layers.len() });
        }
    })
}

/// Finds the server in an image that is on this machine. What is in it is asked once.
pub(crate) fn find_server(
    context: &Context<'_>,
    engine: &dyn database::Engine,
    request: &ServerRequest,
    mut image: Image,
) -> Result<Option<ServerFound>, EngineError> {
    let file = remembered(context, engine.kind().word(), &image);
    // What cannot be read is asked again.
    let known = read_json::<Remembered>(&file).ok().flatten().filter(|known| known.seedbed_image == 1);
    let known = known.map(|known| Contents { asked: known.asked, programs: known.programs, version: known.server });
    image.contents.clone_from(&known);
    let request = ServerRequest { version: request.version.clone(), binaries: Some(Binaries::Image(image)) };
    let found = engine.find_server(&request)?;
    let contents = found.as_ref().and_then(|found| found.binaries.image()?.contents.clone());
    if let Some(contents) = contents.filter(|contents| known.as_ref() != Some(contents)) {
        let name = request.binaries.iter().find_map(Binaries::image).map(|image| image.name.clone());
        let known = Remembered {
            seedbed_image: 1,
            image: name.unwrap_or_default(),
            asked: contents.asked,
            server: contents.version,
            programs: contents.programs,
        };
        let written = file.parent().map(fs::create_dir_all).transpose().map_err(Error::io("create", &file));
        if let Err(error) = written.and_then(|_| write_json(&file, &known)) {
            context.monitor.on(Progress::Note(crate::with_causes(&error)));
        }
    }
    Ok(found)
}

/// Where it is remembered what is in an image for an engine, as the containers of this program and this user meet it.
fn remembered(context: &Context<'_>, engine: &str, image: &Image) -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    let words = format!("{}\0{}\0{}\0{user}", image.id, image.containers.place(), engine);
    let digest = blake3::hash(words.as_bytes()).to_hex();
    context.packages.join(IMAGES).join(format!("{engine}-{}.json", &digest[..16]))
}

/// Notes by which program containers are about to run, so that what is left of them can be found whatever happens.
pub(crate) fn note(place: &Place, found: &ServerFound) -> Result<(), Error> {
    // Servers are prepared side by side.
    static WRITING: Mutex<()> = Mutex::new(());
    let Some(image) = found.binaries.image() else { return Ok(()) };
    let _writing = WRITING.lock().expect("nothing panics while it holds this");
    let file = place.directory().join(OWNERS);
    let known = read_json::<Owners>(&file)?.map(|owners| owners.programs).unwrap_or_default();
    let program = image.containers.program();
    if known.iter().any(|known| known == program) {
        return Ok(());
    }
    let programs = known.into_iter().chain([program.to_owned()]).collect();
    write_json(&file, &Owners { seedbed_containers: 1, programs })
}

/// Removes what is left of services that are containers, while no supervisor lives; also their volumes, if the environment
/// itself goes. It must be possible to stop and to remove an environment whose engine is gone.
pub(crate) fn sweep_services(context: &Context<'_>, place: &Place, everything: bool) {
    if let Err(error) = runtime::sweep(place.directory(), everything) {
        let text = format!("whether something is left of its containers is not known: {}", crate::with_causes(&error));
        context.monitor.on(Progress::Note(text));
    }
}

/// Removes what is left of the containers of an environment whose supervisor is gone. They end with their clients by
/// themselves: this is for what was killed at the moment of its start, and for a container that does not end.
pub(crate) fn sweep(context: &Context<'_>, place: &Place) -> Result<(), Error> {
    sweep_services(context, place, false);
    let Some(owners) = read_json::<Owners>(&place.directory().join(OWNERS))? else { return Ok(()) };
    let mut directories = Vec::new();
    for directory in place.all_servers()? {
        let sockets = directory.file_name().map(|name| place.server_sockets(&name.to_string_lossy()));
        directories.extend([directory].into_iter().chain(sockets));
    }
    for program in owners.programs {
        // It must be possible to stop and to remove an environment whose docker is gone.
        if let Err(error) = Containers::sweep(&program, &directories) {
            let text = format!("whether something is left of its containers is not known: {error}");
            context.monitor.on(Progress::Note(text));
        }
    }
    Ok(())
}
