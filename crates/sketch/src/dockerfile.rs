//! A Dockerfile: the image of a service.

use crate::directory::Directory;
use crate::sketch::{Sketch, Thing};

const FILES: [&str; 2] = ["Dockerfile", "Containerfile"];

pub(crate) fn add(directory: &Directory, sketch: &mut Sketch) {
    let Some(file) = directory.first(&FILES) else { return };
    if sketch.has_program {
        if sketch.imports.iter().all(|(key, _)| key != "compose") {
            sketch.leave(format!(
                "{file}: not used, since processes start faster; `build: .` in place of `run` makes a service of it"
            ));
        }
        return;
    }
    let text = directory.text(file).unwrap_or_default();
    let build = if file == "Dockerfile" { ".".to_owned() } else { format!("{{ context: ., dockerfile: {file} }}") };
    let port = text.lines().map(str::trim).filter(|line| line.to_uppercase().starts_with("EXPOSE ")).find_map(|line| {
        let port = line.split_whitespace().nth(1)?;
        port.split('/').next()?.parse::<u16>().ok()
    });
    let name = sketch.service_name(&["web"]);
    let mut keys = vec![("build".to_owned(), build)];
    match port {
        Some(port) => keys.push(("port".to_owned(), format!("{{ container: {port} }}"))),
        None => {
            sketch.leave(format!("{name}: {file} has no EXPOSE; if it listens, say `port: {{ container: NUMBER }}`"));
        }
    }
    sketch.found(file, format!("the service {name}, as a container"));
    sketch.leave(format!("{file}: containers need docker or podman; `seedbed doctor` says whether it is there"));
    sketch.services.push(Thing { name, keys });
    sketch.has_program = true;
}
