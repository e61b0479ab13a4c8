//! A Django project: `manage.py`.

use crate::directory::Directory;
use crate::sketch::{Sketch, Thing};
use crate::text::quoted;

const FILE: &str = "manage.py";

pub(crate) fn add(directory: &Directory, sketch: &mut Sketch) {
    let Some(text) = directory.text(FILE) else { return };
    if !text.contains("django") && !text.contains("DJANGO_SETTINGS_MODULE") {
        return;
    }
    if sketch.has_program {
        sketch.leave(format!("{FILE}: what runs Django is said elsewhere; a `schema` step with `{FILE} migrate` would let Seedbed keep its database"));
        return;
    }
    sketch.has_program = true;
    let (python, install) = python(directory, sketch);
    let mut after = Vec::new();
    if let Some(install) = install {
        after.push(install.name.clone());
        sketch.tasks.push(install);
    }
    let name = sketch.service_name(&["web", "django"]);
    let run = format!("{python} {FILE} runserver --noreload 127.0.0.1:${{port}}");
    let settings = directory.find(&[".py"], |text| text.contains("DATABASES"));
    let reads_url =
        settings.as_ref().is_some_and(|(_, text)| text.contains("DATABASE_URL") || text.contains("env.db("));
    let mut keys = vec![("run".to_owned(), run)];
    let migrate = format!("{python} {FILE} migrate --noinput");
    let inputs = "[\"**/migrations/*.py\"]".to_owned();
    if reads_url {
        let engine = engine(directory);
        // For what Django uses to read addresses, a path begins after the third slash.
        let url = if engine == "sqlite" { "sqlite:///${databases.main.path}" } else { "${databases.main.url}" };
        let env = format!("{{ DATABASE_URL: \"{url}\" }}");
        let mut database = vec![("engine".to_owned(), engine.to_owned())];
        let after = if after.is_empty() { String::new() } else { format!(", after: [{}]", after.join(", ")) };
        database.push(("schema".to_owned(), format!("{{ run: {migrate}, env: {env}, inputs: {inputs}{after} }}")));
        sketch.databases.push(Thing { name: "main".to_owned(), keys: database });
        keys.push(("env".to_owned(), env));
        sketch.found(FILE, format!("the service {name}, and the {engine} database main with its migrations"));
    } else {
        let mut task = vec![("run".to_owned(), migrate), ("inputs".to_owned(), inputs)];
        if settings.as_ref().is_some_and(|(_, text)| text.contains("db.sqlite3")) {
            task.push(("outputs".to_owned(), "[db.sqlite3]".to_owned()));
        }
        if !after.is_empty() {
            task.push(("after".to_owned(), format!("[{}]", after.join(", "))));
        }
        sketch.tasks.push(Thing { name: "migrate".to_owned(), keys: task });
        after = vec!["migrate".to_owned()];
        sketch.found(FILE, format!("the service {name}, after the task migrate"));
        let settings = settings.map_or_else(|| "the settings".to_owned(), |(path, _)| path);
        sketch.leave(format!(
            "{settings}: let it take its database from the variable DATABASE_URL, and declare that under `databases`; then it can be reset, saved and shared"
        ));
    }
    keys.push(("port".to_owned(), "auto".to_owned()));
    if !after.is_empty() {
        keys.push(("after".to_owned(), format!("[{}]", after.join(", "))));
    }
    sketch.services.push(Thing { name, keys });
}

/// How Python is called, and the task that makes it so.
fn python(directory: &Directory, sketch: &mut Sketch) -> (String, Option<Thing>) {
    const REQUIREMENTS: &str = "requirements.txt";
    if let Some(own) = [".venv", "venv"].into_iter().find(|own| directory.exists(&format!("{own}/bin/python"))) {
        sketch.found(own, "Python with what the project needs");
        return (format!("{own}/bin/python"), None);
    }
    if directory.has("uv.lock") {
        sketch.found("uv.lock", "the task install, `uv sync`");
        let keys = [("run", "uv sync"), ("inputs", "[pyproject.toml, uv.lock]"), ("outputs", "[.venv/bin/python]")];
        return (".venv/bin/python".to_owned(), Some(Thing::new("install", &keys)));
    }
    if directory.has(REQUIREMENTS) {
        sketch.found(REQUIREMENTS, "the task install, into .venv");
        // Newer versions of Python hide what they make from git by themselves. What is hidden does not count as a migration, of
        // which Django and others bring some along.
        let make = "python3 -m venv .venv && echo '*' > .venv/.gitignore";
        let run =
            format!("{{ shell: {} }}", quoted(&format!("{make} && .venv/bin/pip install --quiet -r {REQUIREMENTS}")));
        let inputs = format!("[{REQUIREMENTS}]");
        let keys = [("run", run.as_str()), ("inputs", &inputs), ("outputs", "[.venv/bin/python]")];
        return (".venv/bin/python".to_owned(), Some(Thing::new("install", &keys)));
    }
    if directory.has("pyproject.toml") {
        sketch.leave("pyproject.toml: what it needs is not installed by any task; python3 of the PATH is used");
    }
    ("python3".to_owned(), None)
}

/// The engine whose driver is required.
fn engine(directory: &Directory) -> &'static str {
    let required: String =
        ["requirements.txt", "pyproject.toml"].iter().filter_map(|file| directory.text(file)).collect();
    if required.contains("psycopg") {
        "postgres"
    } else if required.contains("mysqlclient") || required.to_lowercase().contains("pymysql") {
        "mysql"
    } else {
        "sqlite"
    }
}
