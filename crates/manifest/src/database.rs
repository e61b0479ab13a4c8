//! A database of an engine.

use std::time::Duration;

use indexmap::IndexMap;
use source::{Entry, Node, Place, Problem, Tree};

use crate::after::After;
use crate::command::Command;
use crate::file_reference::{self, FileReference};
use crate::reading::Reading;
use crate::{Template, duration};

/// One named database of an engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The kind of database.
    pub engine: Engine,
    /// The major version of the server that is wanted; `None`: the newest found. Always `None` without a server.
    pub version: Option<String>,
    /// What brings it from empty to its schema.
    pub schema: Option<SchemaStep>,
    /// Files of data types.
    pub types: Vec<FileReference>,
    /// Specs that are loaded, in this order.
    pub data: Vec<FileReference>,
    /// Where its name stands.
    pub place: Place,
}

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// A file of the environment.
    Sqlite,
    /// A private server of the environment.
    Postgres,
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

impl Engine {
    pub(crate) const WORDS: [&'static str; 2] = ["sqlite", "postgres"];

    /// Returns the engine as the manifest calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Says whether databases of this engine live in a server.
    pub fn has_server(self) -> bool {
        match self {
            Self::Sqlite => false,
            Self::Postgres => true,
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Sqlite, Self::Postgres].into_iter().find(|engine| engine.as_str() == word)
    }
}

impl Database {
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = &entry.value;
        let engine = tree.get("engine").and_then(Tree::as_str).and_then(Engine::from_word);
        let version = tree.get("version").and_then(|version| read_version(version, engine, reading));
        let schema = tree.get("schema").map(|schema| SchemaStep::read(schema, reading));
        let types = FileReference::read_all(tree.get("types"), reading);
        let data = FileReference::read_all(tree.get("data"), reading);
        Some(Self {
            name: entry.key.clone(),
            engine: engine?,
            version,
            schema: match schema {
                Some(schema) => Some(schema?),
                None => None,
            },
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
    match &tree.node {
        Node::String(text) => Some(text.clone()),
        Node::Integer(number) => Some(number.to_string()),
        _ => None,
    }
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
        let directory = tree.get("directory").and_then(|directory| file_reference::below(directory, reading));
        let timeout = tree.get("timeout").and_then(duration::read);
        Some(Self::Command { run: run?, env, inputs, after, directory, timeout })
    }
}
