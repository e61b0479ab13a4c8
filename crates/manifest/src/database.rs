//! A database of an engine.

use std::time::Duration;

use indexmap::IndexMap;
use source::{Entry, Node, Place, Problem, Tree};

use crate::after::After;
use crate::command::Command;
use crate::file_reference::{self, FileReference};
use crate::reading::Reading;
use crate::{Base, Cold, Engine, Scrub, SpecReference, Template, duration};

/// One named database of an engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The kind of database.
    pub engine: Engine,
    /// The major version of the server that is wanted; `None`: the newest found. Always `None` without a server.
    pub version: Option<String>,
    /// The image whose programs its server runs; `None`: those that are installed, if any are. Always `None` without a server.
    pub image: Option<String>,
    /// Whether it may lose changes when the machine fails; `None`: it may not. Always `None` without a server.
    pub durability: Option<Durability>,
    /// How text is encoded, as the engine calls it; `None`: as the server does. Only for `postgres` and `mysql`.
    pub encoding: Option<String>,
    /// How text is compared: for `postgres` a locale, for `mysql` a collation; `None`: as the server does.
    pub locale: Option<String>,
    /// Extensions that are in it before anything else. Only for `postgres`.
    pub extensions: Vec<String>,
    /// Roles that the server has. Only for `postgres` and `mysql`.
    pub roles: Vec<String>,
    /// What it begins with; `None`: nothing.
    pub base: Option<Base>,
    /// What is done to a copy before it leaves the machine.
    pub scrub: Option<Scrub>,
    /// What makes a copy harmless.
    pub cold: Option<Cold>,
    /// What brings it from its base, or from empty, to its schema.
    pub schema: Option<SchemaStep>,
    /// Files of data types.
    pub types: Vec<FileReference>,
    /// Specs that are loaded, in this order.
    pub data: Vec<SpecReference>,
    /// Where its name stands.
    pub place: Place,
}

/// Whether what was committed survives a failure of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It survives.
    Full,
    /// The last changes may be lost, or the whole database: it is faster, and can be made again.
    Relaxed,
}

/// What brings a database from empty to its schema.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there are a few of them in an environment, and none is moved about")]
pub enum SchemaStep {
    /// A command, which is given `DATABASE_URL`.
    Command {
        /// What is run.
        run: Command,
        /// Variables that are added to the environment that it inherits.
        env: IndexMap<String, Template>,
        /// Globs of what it reads.
        inputs: Vec<FileReference>,
        /// What it waits for.
        after: Vec<After>,
        /// Where it runs, relative to the workspace; its root if there is none.
        directory: Option<String>,
        /// When it is ended with a failure.
        timeout: Option<Duration>,
    },
    /// Files of SQL that Seedbed executes.
    Sql {
        /// The files, in this order; at least one.
        files: Vec<FileReference>,
    },
}

impl Durability {
    pub(crate) const WORDS: [&'static str; 2] = ["full", "relaxed"];

    /// Returns the durability as the manifest calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Relaxed => "relaxed",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Full, Self::Relaxed].into_iter().find(|durability| durability.as_str() == word)
    }
}

impl Database {
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = &entry.value;
        let engine = tree.get("engine").and_then(Tree::as_str).and_then(Engine::from_word);
        let version = tree.get("version").and_then(|version| read_version(version, engine, reading));
        let for_servers = |engine: Engine| engine.has_server();
        let image = used(tree, "image", "server in a container", engine, for_servers, reading);
        let durability = used(tree, "durability", "durability of its own", engine, for_servers, reading);
        let with_locales = Engine::has_roles_and_locales;
        let encoding = used(tree, "encoding", "encoding of its own", engine, with_locales, reading);
        let locale = used(tree, "locale", "locale", engine, with_locales, reading);
        check_engine(tree, engine, reading);
        let extensions = read_names(tree.get("extensions"), reading);
        let roles = read_names(tree.get("roles"), reading);
        let base = tree.entry("base").map(|base| Base::read(base, reading));
        let scrub = tree.get("scrub").map(|scrub| Scrub::read(scrub, reading));
        let cold = tree.get("cold").map(|cold| Cold::read(cold, reading));
        let schema = tree.get("schema").map(|schema| SchemaStep::read(schema, reading));
        let types = FileReference::read_all(tree.get("types"), reading);
        let data = SpecReference::read_all(tree.get("data"), reading);
        Some(Self {
            name: entry.key.clone(),
            engine: engine?,
            version,
            image: image.map(str::to_owned),
            durability: durability.and_then(Durability::from_word),
            encoding: encoding.map(str::to_owned),
            locale: locale.map(str::to_owned),
            extensions,
            roles,
            // What is there and could not be read makes the whole unreadable.
            base: base.map_or(Some(None), |base| base.map(Some))?,
            scrub: scrub.map_or(Some(None), |scrub| scrub.map(Some))?,
            cold: cold.map_or(Some(None), |cold| cold.map(Some))?,
            schema: schema.map_or(Some(None), |schema| schema.map(Some))?,
            types,
            data,
            place: entry.key_place.clone(),
        })
    }
}

fn read_version(tree: &Tree, engine: Option<Engine>, reading: &mut Reading<'_>) -> Option<String> {
    if engine.is_some_and(|engine| !engine.has_server()) {
        // A profile may well change the engine and leave the version behind.
        if !reading.with_profile {
            reading.problems.push(
                Problem::warning("manifest::version", "a database without a server has no version")
                    .at(&tree.place, "not used"),
            );
        }
        return None;
    }
    let version = match &tree.node {
        Node::String(text) => text.clone(),
        Node::Integer(number) => number.to_string(),
        _ => return None,
    };
    if let Some((major, _)) = version.split_once('.').filter(|_| engine == Some(Engine::Postgres)) {
        reading.problems.push(
            Problem::error("manifest::version", format!("`{version}` is not a major version of PostgreSQL"))
                .at(&tree.place, "more than a major version")
                .help(format!("write `\"{major}\"`: of a major version, the newest that is found is taken")),
        );
        return None;
    }
    Some(version)
}

/// Takes the text of a key that only some engines have a use for; a warning for the others.
fn used<'t>(
    tree: &'t Tree,
    key: &str,
    what: &str,
    engine: Option<Engine>,
    is_for: impl Fn(Engine) -> bool,
    reading: &mut Reading<'_>,
) -> Option<&'t str> {
    let value = tree.get(key)?;
    if let Some(engine) = engine.filter(|engine| !is_for(*engine)) {
        // As with the version.
        if !reading.with_profile {
            let message = format!("a database of the engine {} has no {what}", engine.as_str());
            reading.problems.push(Problem::warning("manifest::not-used", message).at(&value.place, "not used"));
        }
        return None;
    }
    value.as_str()
}

/// Reports what this engine cannot have; without it the database would not be what was asked for.
fn check_engine(tree: &Tree, engine: Option<Engine>, reading: &mut Reading<'_>) {
    let Some(engine) = engine else { return };
    let columns = tree.get("scrub").and_then(|scrub| scrub.entry("columns"));
    let kept = tree.get("scrub").and_then(|scrub| scrub.entry("keep"));
    let checks = [
        (tree.entry("extensions"), engine == Engine::Postgres, "extensions: only PostgreSQL has them"),
        (tree.entry("roles"), engine.has_roles_and_locales(), "roles: only PostgreSQL and MySQL have them"),
        (tree.entry("types"), engine.has_tables(), "records: they need tables"),
        (tree.entry("data"), engine.has_tables(), "records: they need tables"),
        (columns, engine.has_tables(), "columns: they need tables"),
        (kept, engine.has_tables(), "tables"),
    ];
    for (entry, is_right, what) in checks {
        let Some(entry) = entry.filter(|entry| !is_right && !is_empty(&entry.value)) else { continue };
        let message = format!("a database of the engine {} has no {what}", engine.as_str());
        let help = reading.with_profile.then(|| format!("in the profile, write `{}: []`", entry.key));
        let help = help.filter(|_| matches!(entry.value.node, Node::List(_)));
        reading.problems.push(
            Problem::error("manifest::engine", message).at(&entry.key_place, "not possible here").maybe_help(help),
        );
    }
}

fn is_empty(tree: &Tree) -> bool {
    tree.as_list().is_some_and(<[Tree]>::is_empty) || tree.as_map().is_some_and(<[Entry]>::is_empty)
}

/// Reads a list of names, each of which stands there once.
fn read_names(tree: Option<&Tree>, reading: &mut Reading<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for value in tree.and_then(Tree::as_list).unwrap_or_default() {
        let Some(name) = value.as_str() else { continue };
        if names.iter().any(|known| known == name) {
            let message = format!("`{name}` stands twice in the list");
            reading.problems.push(Problem::error("manifest::twice", message).at(&value.place, "once is enough"));
        } else {
            names.push(name.to_owned());
        }
    }
    names
}

impl SchemaStep {
    fn read(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        if let Some(files) = tree.get("sql") {
            return Some(Self::Sql { files: FileReference::read_all(Some(files), reading) });
        }
        let run = tree.get("run").and_then(|run| Command::read(run, reading));
        let env = reading.env(tree.get("env"));
        let inputs = FileReference::read_globs(tree.get("inputs"), reading);
        let after = After::read_all(tree.get("after"), reading);
        After::refuse_restarts(&after, "a schema step", reading);
        let directory = tree.get("directory").and_then(|directory| file_reference::below(directory, reading));
        let timeout = tree.get("timeout").and_then(duration::read);
        Some(Self::Command { run: run?, env, inputs, after, directory, timeout })
    }
}
