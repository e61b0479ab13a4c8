//! What references become, and what the digests of what is declared depend on.

use std::fs;
use std::path::Path;

use plan::{DatabaseId, Facts, Model};
use supervisor::{Probe, UnitId};
use tempfile::TempDir;

mod support;

thread_local! {
    /// Where the workspaces of a test are, one after the other: the directory is a part of what a service is.
    static DIRECTORY: TempDir = tempfile::tempdir().expect("made");
}

fn model(manifest: &str, change: impl FnOnce(&mut Facts)) -> Model {
    DIRECTORY.with(|directory| model_in(directory.path(), manifest, change))
}

fn model_in(directory: &Path, manifest: &str, change: impl FnOnce(&mut Facts)) -> Model {
    fs::write(directory.join("seedbed.yaml"), manifest).expect("written");
    support::resolve_with(directory, None, change).expect("no problems")
}

/// The digest of what the only service of a manifest declares.
fn words(services: &str, change: impl FnOnce(&mut Facts)) -> String {
    let model = model(&format!("name: app\nservices:\n{services}"), change);
    model.services.values().next().expect("there is one").words.to_string()
}

fn schema_words(schema: &str, change: impl FnOnce(&mut Facts)) -> String {
    let manifest = format!("name: app\ndatabases:\n  app: {{ engine: sqlite, schema: {{ {schema} }} }}\n");
    let model = model(&manifest, change);
    model.databases.values().next().and_then(|database| database.schema.clone()).expect("declared").words.to_string()
}

fn elsewhere(facts: &mut Facts) {
    facts.environment = "another".into();
    facts
        .databases
        .entry(DatabaseId::parse("app/app").expect("an id"))
        .or_default()
        .insert("url".into(), "other".into());
}

#[test]
fn a_reference_in_a_pattern_matches_its_value_and_nothing_else() {
    let manifest = "name: app\nconfig: { version: 1.2+x }\nservices:\n  web: { run: web, ready: { log: \"^v${config.version}.$\" } }\n";
    let model = model(manifest, |_| {});
    let web = &model.services[&UnitId::from("app/web")];
    assert_eq!(web.ready.probe, Probe::Log(r"^v1\.2\+x.$".into()));
}

#[test]
fn the_same_words_in_another_checkout_are_another_service() {
    let manifest = "name: app\nservices:\n  web: { run: web }\n";
    let other = tempfile::tempdir().expect("made");
    let words = |model: Model| model.services[&UnitId::from("app/web")].words.to_string();
    let here = words(model(manifest, |_| {}));
    assert_eq!(words(model(manifest, |_| {})), here);
    assert_ne!(words(model_in(other.path(), manifest, |_| {})), here);
}

#[test]
fn what_a_service_inherits_is_no_reason_to_restart_it() {
    let service = "  web: { run: web, port: auto, ready: { command: probe now } }\n";
    let first = words(service, |_| {});
    let inherited = |facts: &mut Facts| {
        facts.inherited = std::collections::BTreeMap::from([("OLDPWD".into(), "/elsewhere".into())]).into();
        facts.logs = "/logs".into();
    };
    assert_eq!(words(service, inherited), first);
    let port = |facts: &mut Facts| {
        facts.ports.insert("app/web".into(), 7);
    };
    let refers = "  web: { run: web, port: auto, env: { PORT: \"${port}\" } }\n";
    assert_ne!(words(refers, port), words(refers, |_| {}), "its own port is one");
}

#[test]
fn each_part_of_a_service_counts() {
    let services = [
        "run: web",
        "run: web now",
        "run: { shell: web }",
        "run: web, directory: sub",
        "run: web, env: { A: x }",
        "run: web, env: { A: y }",
        "run: web, ready: { command: probe }",
        "run: web, ready: { command: probe now }",
        "run: web, ready: { log: up }",
        "run: web, ready: { log: up, timeout: 1s }",
        "run: web, stop: { signal: INT }",
        "run: web, stop: { timeout: 1s }",
        "run: web, stop: { command: web --stop }",
        "run: web, restart: on-failure",
        "run: web, restart: always",
        "run: web, restart: { policy: always, max: 3 }",
        "run: web, live: { command: probe }",
        "run: web, live: { command: probe, failures: 1 }",
    ];
    let all: std::collections::BTreeSet<String> =
        services.iter().map(|service| words(&format!("  web: {{ {service} }}\n"), |_| {})).collect();
    assert_eq!(all.len(), services.len());
}

#[test]
fn a_schema_has_the_same_key_wherever_its_database_is() {
    let schema = "run: \"m ${databases.app.url}\", env: { NAME: \"${environment.name}\" }, inputs: [m]";
    assert_eq!(schema_words(schema, |_| {}), schema_words(schema, elsewhere));
    let reference = schema_words("run: { shell: \"m ${environment.name}\" }", |_| {});
    let literal = schema_words("run: { shell: \"m $${environment.name}\" }", |_| {});
    assert_ne!(reference, literal, "a reference and the same text as a literal");
}

#[test]
fn a_task_has_another_key_when_one_before_it_has() {
    let manifest = "name: app\ntasks:\n  one: { run: one, inputs: [a] }\n  two: { run: two, inputs: [b], after: [one] }\n\
                    services:\n  web: { run: web, after: [two] }\n";
    let model = model(manifest, |_| {});
    let mut world = support::World::default();
    world.up(&model);
    // As if another environment of the workspace, which does not need the second, had run the first.
    world.edit("task app/one");
    let two = world.observed.tasks[&UnitId::from("app/two")].clone();
    world.up(&model);
    assert_ne!(world.observed.tasks[&UnitId::from("app/two")], two);
}
