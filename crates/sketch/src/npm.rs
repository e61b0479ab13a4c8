//! A package of npm: `package.json`.

use serde_json::Value;

use crate::directory::Directory;
use crate::sketch::{Sketch, Thing};

const FILE: &str = "package.json";
/// Scripts that start what is developed, the best first.
const SCRIPTS: [&str; 3] = ["dev", "start", "serve"];

/// A package manager: its lock, what installs, what runs a script, and what installing leaves.
const MANAGERS: [(&str, &str, &str, &str); 5] = [
    ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm run", "node_modules/.modules.yaml"),
    ("yarn.lock", "yarn install", "yarn run", "node_modules"),
    ("bun.lock", "bun install --frozen-lockfile", "bun run", "node_modules"),
    ("package-lock.json", "npm ci --no-audit --no-fund", "npm run", "node_modules/.package-lock.json"),
    ("", "npm install --no-audit --no-fund", "npm run", "node_modules/.package-lock.json"),
];

pub(crate) fn add(directory: &Directory, sketch: &mut Sketch) {
    let Some(text) = directory.text(FILE) else { return };
    let Ok(package) = serde_json::from_str::<Value>(&text) else {
        sketch.leave(format!("{FILE}: it cannot be read as JSON"));
        return;
    };
    let is_procfile = sketch.imports.iter().any(|(key, _)| key == "procfile");
    if sketch.has_program && (is_procfile || !sketch.imports.is_empty()) {
        sketch.leave(format!("{FILE}: not used, since another file says what is run"));
        return;
    }
    let scripts = package.get("scripts").and_then(Value::as_object);
    let script = SCRIPTS.iter().find_map(|name| Some((*name, scripts?.get(*name)?.as_str()?)));
    let Some((script, command)) = script else {
        sketch.leave(format!("{FILE}: has none of the scripts dev, start and serve; what is run is for you to say"));
        return;
    };
    let (lock, install, run, made) = MANAGERS
        .into_iter()
        .find(|(lock, ..)| lock.is_empty() || directory.has(lock))
        .expect("the last one fits always");
    let mut keys = vec![];
    let needs = |key: &str| package.get(key).and_then(Value::as_object).is_some_and(|needed| !needed.is_empty());
    let mut after = None;
    if needs("dependencies") || needs("devDependencies") {
        let name = sketch.task_name("install", "install-npm");
        let lock = if lock.is_empty() { String::new() } else { format!(", {lock}") };
        let (inputs, outputs) = (format!("[{FILE}{lock}]"), format!("[{made}]"));
        sketch.tasks.push(Thing::new(&name, &[("run", install), ("inputs", &inputs), ("outputs", &outputs)]));
        after = Some(name);
    }
    let name = sketch.service_name(&["web", "frontend"]);
    let first = command.split_whitespace().next().unwrap_or_default();
    let endings = [".js", ".mjs", ".cjs", ".ts", ".mts"];
    if first == "vite" || command.starts_with("npx vite") {
        let dashes = if run == "npm run" { " --" } else { "" };
        keys.push(("run".to_owned(), format!("{run} {script}{dashes} --host 127.0.0.1 --port ${{port}} --strictPort")));
        keys.push(("port".to_owned(), "auto".to_owned()));
    } else {
        keys.push(("run".to_owned(), format!("{run} {script}")));
        if first == "next"
            || directory
                .find(&endings, |text| text.contains("process.env.PORT") || text.contains("env[\"PORT\"]"))
                .is_some()
        {
            keys.push(("env".to_owned(), "{ PORT: \"${port}\" }".to_owned()));
            keys.push(("port".to_owned(), "auto".to_owned()));
        } else {
            sketch.leave(format!(
                "{name}: how it is told its port; then say `port: auto` and give it `${{port}}`, so that environments run side by side"
            ));
        }
    }
    let waits = after.as_ref().map_or_else(String::new, |task| format!(", after the task {task}"));
    if let Some(task) = after {
        keys.push(("after".to_owned(), format!("[{task}]")));
    }
    sketch.found(FILE, format!("the service {name}, `{run} {script}`{waits}"));
    sketch.services.push(Thing { name, keys });
    sketch.has_program = true;
}
