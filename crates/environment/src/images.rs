//! Images of servers: which there are, what is in them, and what is left of their containers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use database::{Binaries, ContainerError, Containers, Contents, EngineError, Image, ServerFound, ServerRequest};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::durable::{read_json, write_json};
use crate::place::Place;
use crate::{Error, Progress};

/// The directory beside the packages where it is remembered what is in images.
const IMAGES: &str = "images";

/// The file in the directory of a server that says by which program its container was started.
const OWNER: &str = "container.json";

/// What an image was found to have.
#[derive(Serialize, Deserialize)]
struct Remembered {
    seedbed_image: u32,
    image: String,
    asked: String,
    server: String,
    programs: BTreeMap<String, PathBuf>,
}

/// Whose container the server in a directory is.
#[derive(Serialize, Deserialize)]
struct Owner {
    seedbed_container: u32,
    program: PathBuf,
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

/// Notes that a server is about to run in a container, so that what is left of it can be found whatever happens.
pub(crate) fn note(directory: &Path, found: &ServerFound) -> Result<(), Error> {
    let file = directory.join(OWNER);
    let Some(image) = found.binaries.image() else {
        return match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &file)(error)),
            _ => Ok(()),
        };
    };
    write_json(&file, &Owner { seedbed_container: 1, program: image.containers.program().to_owned() })
}

/// Removes what is left of the containers of an environment whose supervisor is gone. They end with it by themselves: this
/// is for what was killed at the moment of its start, and for a container that does not end.
pub(crate) fn sweep(context: &Context<'_>, place: &Place) -> Result<(), Error> {
    for directory in place.all_servers()? {
        let Some(owner) = read_json::<Owner>(&directory.join(OWNER))? else { continue };
        let name = Image::container_name(&directory);
        // It must be possible to stop and to remove an environment whose docker is gone.
        if let Err(error) = Containers::remove(&owner.program, &name) {
            let text = format!("whether something is left of the container {name} is not known: {error}");
            context.monitor.on(Progress::Note(text));
        }
    }
    Ok(())
}
