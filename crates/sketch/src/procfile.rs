//! A Procfile: its processes are services.

use crate::directory::Directory;
use crate::sketch::Sketch;

const FILE: &str = "Procfile";

pub(crate) fn add(directory: &Directory, sketch: &mut Sketch) {
    let Some(text) = directory.text(FILE) else { return };
    if sketch.has_program {
        sketch.leave(format!(
            "{FILE}: not used, since the Compose file builds the program; `procfile: {FILE}` runs it as processes"
        ));
        return;
    }
    let name = |line: &str| {
        let (name, command) = line.split_once(':')?;
        let is_name = !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "_-".contains(char));
        (is_name && !command.trim().is_empty()).then(|| name.to_owned())
    };
    let names: Vec<String> = text.lines().filter_map(name).collect();
    if names.is_empty() {
        return;
    }
    sketch.found(FILE, format!("{}, as processes", names.join(", ")));
    sketch.imports.push(("procfile".to_owned(), FILE.to_owned()));
    sketch.has_program = true;
}
