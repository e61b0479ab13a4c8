//! A Compose file: its services are services.

use source::{SourceFile, Tree, parse};

use crate::directory::Directory;
use crate::sketch::Sketch;

/// In the order in which Compose looks for them.
const FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
/// What is laid over them without being named.
const OVERRIDES: [&str; 4] =
    ["compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml"];

pub(crate) fn add(directory: &Directory, sketch: &mut Sketch) {
    let Some(file) = directory.first(&FILES) else { return };
    let Some(tree) = directory.text(file).and_then(|text| parse(&SourceFile::new(file, text)).ok()) else {
        sketch.leave(format!("{file}: it cannot be read as YAML"));
        return;
    };
    let services = tree.get("services").and_then(Tree::as_map).unwrap_or_default();
    let names: Vec<&str> = services.iter().map(|service| service.key.as_str()).collect();
    if names.is_empty() && tree.get("include").is_none() {
        return;
    }
    sketch.has_program = services.iter().any(|service| service.value.get("build").is_some());
    let what = if names.is_empty() { "services".to_owned() } else { names.join(", ") };
    sketch.found(file, format!("{what}, as containers"));
    sketch.imports.push(("compose".to_owned(), file.to_owned()));
    if let Some(over) = directory.first(&OVERRIDES) {
        sketch.found(over, format!("laid over {file}"));
    }
    sketch.taken.extend(names.iter().map(|name| (*name).to_owned()));
    sketch.leave(format!("{file}: containers need docker or podman; `seedbed doctor` says whether it is there"));
}
