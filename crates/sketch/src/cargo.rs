//! A package of Cargo.

use crate::directory::Directory;
use crate::sketch::{Sketch, Thing};

const FILE: &str = "Cargo.toml";
/// Crates of programs that serve.
const SERVERS: [&str; 8] = ["axum", "actix-web", "rocket", "warp", "hyper", "tonic", "poem", "tide"];

/// What is read of the file; it is read line by line, and what is written in another way is left to people.
#[derive(Default)]
struct Package {
    name: Option<String>,
    /// Names of `[[bin]]`.
    programs: Vec<String>,
    dependencies: Vec<String>,
    is_workspace: bool,
}

pub(crate) fn add(directory: &Directory, sketch: &mut Sketch) {
    let Some(text) = directory.text(FILE) else { return };
    let package = Package::read(&text);
    if sketch.has_program {
        sketch.leave(format!("{FILE}: not used, since another file says what is run"));
        return;
    }
    let Some(name) = package.name.clone() else {
        if package.is_workspace {
            sketch.leave(format!("{FILE}: a workspace of several packages; which of them serve is for you to say"));
        }
        return;
    };
    let main = directory.exists("src/main.rs").then_some(name);
    let programs: Vec<String> = if package.programs.is_empty() { main.into_iter().collect() } else { package.programs };
    let [program] = programs.as_slice() else {
        if programs.len() > 1 {
            sketch.leave(format!(
                "{FILE}: has the programs {}; which of them serve is for you to say",
                programs.join(", ")
            ));
        }
        return;
    };
    let lock = if directory.has("Cargo.lock") { ", Cargo.lock" } else { "" };
    let inputs = format!("[\"src/**\", {FILE}{lock}]");
    let outputs = format!("[target/debug/{program}]");
    let build = sketch.task_name("build", "build-program");
    let run = if lock.is_empty() { "cargo build" } else { "cargo build --locked" };
    sketch.tasks.push(Thing::new(&build, &[("run", run), ("inputs", &inputs), ("outputs", &outputs)]));
    let listens = || directory.find(&[".rs"], |text| text.contains("TcpListener") || text.contains("UnixListener"));
    let serves = SERVERS.iter().any(|server| package.dependencies.iter().any(|known| known == server));
    if !serves && listens().is_none() {
        sketch.found(FILE, format!("the task {build}"));
        sketch.leave(format!("{FILE}: `{program}` does not look like a program that keeps running; if it is one, declare it under `services`"));
        return;
    }
    sketch.has_program = true;
    let name = sketch.service_name(&["web", "server"]);
    let run = format!("target/debug/{program}");
    let after = format!("[{build}]");
    let mut keys = vec![("run", run.as_str()), ("after", &after)];
    if directory.find(&[".rs"], |text| text.contains("\"PORT\"")).is_some() {
        keys.extend([("env", "{ PORT: \"${port}\" }"), ("port", "auto")]);
    } else {
        sketch.leave(format!("{name}: how it is told its port; then say `port: auto` and give it `${{port}}`, so that environments run side by side"));
    }
    sketch.found(FILE, format!("the service {name}, after the task {build}"));
    sketch.services.push(Thing::new(&name, &keys));
}

impl Package {
    fn read(text: &str) -> Self {
        let mut package = Self::default();
        let mut section = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(header) = line.strip_prefix('[') {
                header.trim_end_matches(']').trim_start_matches('[').trim().clone_into(&mut section);
                package.is_workspace |= section == "workspace" || section.starts_with("workspace.");
                if let Some(dependency) = section.strip_prefix("dependencies.") {
                    package.dependencies.push(dependency.to_owned());
                }
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim().trim_matches('"'), value.trim());
            let text = || value.trim_matches(|char| char == '"' || char == '\'').to_owned();
            match (section.as_str(), key) {
                ("package", "name") => package.name = Some(text()),
                ("bin", "name") => package.programs.push(text()),
                ("dependencies", key) => {
                    package.dependencies.push(key.split('.').next().unwrap_or_default().to_owned());
                }
                _ => {}
            }
        }
        package
    }
}
