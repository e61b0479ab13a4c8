//! An environment with every reference resolved: what is wanted, in the words of the supervisor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use supervisor::{Condition, LifeSpec, ProcessSpec, ReadySpec, StopSpec, UnitId, WatchSpec};

use crate::{ImageModel, Key};

/// A database by its workspace and name there, written `lms/lms`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseId {
    /// Name of the workspace that declares it.
    pub workspace: String,
    /// Its name in that workspace.
    pub name: String,
}

impl fmt::Display for DatabaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.workspace, self.name)
    }
}

impl DatabaseId {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (workspace, name) = text.split_once('/')?;
        Some(Self { workspace: workspace.to_owned(), name: name.to_owned() })
    }
}

/// A server process of the environment that its databases share: engine, wanted version and image,
/// written `postgres-15` and `mysql@mariadb-11.4`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId {
    /// Which engine.
    pub engine: manifest::Engine,
    /// The wanted major version; `None` takes the newest there is.
    pub version: Option<String>,
    /// The image that has its programs; `None` takes what is installed, if anything is.
    pub image: Option<String>,
}

impl fmt::Display for ServerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.engine.as_str())?;
        if let Some(version) = &self.version {
            write!(formatter, "-{version}")?;
        }
        match &self.image {
            Some(image) => write!(formatter, "@{}", short(image)),
            None => Ok(()),
        }
    }
}

/// Names an image as a part of names of files: its last part, with a digest if that is not all of it. It is short, since the
/// path of a socket has it, which may have about 100 bytes.
fn short(image: &str) -> String {
    const LIMIT: usize = 20;
    const BEGINNING: usize = 11;
    let last = image.rsplit('/').next().unwrap_or_default();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || ".-_".contains(character);
    let plain: String = last.chars().map(|character| if is_plain(character) { character } else { '-' }).collect();
    // A name with a tag and nothing else can be read back.
    if last == image && last.len() <= LIMIT && last.chars().filter(|character| !is_plain(*character)).count() <= 1 {
        return plain;
    }
    let digest = blake3::hash(image.as_bytes()).to_hex();
    format!("{}-{}", &plain[..plain.len().min(BEGINNING)], &digest[..8])
}

/// A resource by its workspace and name there, written `lms/uploads`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// Name of the workspace that declares it.
    pub workspace: String,
    /// Its name in that workspace.
    pub name: String,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.workspace, self.name)
    }
}

/// Files that belong to the state of an environment.
#[derive(Debug, Clone)]
pub struct ResourceModel {
    /// Its name.
    pub id: ResourceId,
    /// The directory.
    pub directory: PathBuf,
    /// Globs below it of what does not belong to it.
    pub exclude: Vec<String>,
    /// The services that may write there: those of its workspace.
    pub users: BTreeSet<UnitId>,
}

/// What is wanted, resolved.
#[derive(Debug, Clone)]
pub struct Model {
    /// Name of the root workspace.
    pub root: String,
    /// The workspaces, dependencies before dependents.
    pub workspaces: Vec<WorkspaceModel>,
    /// Tasks that `up` needs, and those that are wanted beside them, by id.
    pub tasks: BTreeMap<UnitId, TaskModel>,
    /// All services, by id.
    pub services: BTreeMap<UnitId, ServiceModel>,
    /// All databases.
    pub databases: BTreeMap<DatabaseId, DatabaseModel>,
    /// The servers that those databases need.
    pub servers: BTreeMap<ServerId, ServerModel>,
    /// All resources.
    pub resources: BTreeMap<ResourceId, ResourceModel>,
    /// Whether any spec is to be loaded.
    pub has_data: bool,
}

/// A workspace of the environment.
#[derive(Debug, Clone)]
pub struct WorkspaceModel {
    /// Its name.
    pub name: String,
    /// Its root.
    pub directory: PathBuf,
    /// Its exports, resolved.
    pub exports: BTreeMap<String, String>,
}

/// A task.
#[derive(Debug, Clone)]
pub struct TaskModel {
    /// `WORKSPACE/TASK`.
    pub id: UnitId,
    /// What is run.
    pub process: ProcessSpec,
    /// The image that it is a container of, if it is one.
    pub image: Option<ImageModel>,
    /// What must be so before.
    pub after: Vec<Condition>,
    /// The databases whose content it needs.
    pub uses: BTreeSet<DatabaseId>,
    /// When it is ended with a failure.
    pub timeout: Option<Duration>,
    /// Its inputs, if it runs again when they change.
    pub watch: Option<WatchSpec>,
    /// Whether it declares inputs; one without is never skipped.
    pub has_inputs: bool,
    /// Files made of templates that it reads: by path, what is in them.
    pub config_files: BTreeMap<PathBuf, String>,
    /// Digest of its words and of what it declares.
    pub words: Key,
    /// The same, in which places of databases, ports and directories stand as names.
    pub plain_words: Key,
    /// Whether a secret is among its words.
    pub has_secret: bool,
}

impl TaskModel {
    /// Whether it names what is of one environment: then it has run for that one alone.
    pub fn names_environment(&self) -> bool {
        self.words != self.plain_words
    }
}

impl TaskModel {
    /// What the supervisor knows it by: what it is and when it runs again, whatever is in the files that it reads.
    pub fn identity(&self) -> Key {
        Key::of("watched task").text(self.words.as_str()).text(&format!("{:?} {:?}", self.timeout, self.watch)).end()
    }
}

/// A service.
#[derive(Debug, Clone)]
pub struct ServiceModel {
    /// `WORKSPACE/SERVICE`.
    pub id: UnitId,
    /// What is run.
    pub process: ProcessSpec,
    /// The image that it is a container of, if it is one.
    pub image: Option<ImageModel>,
    /// When it counts as ready.
    pub ready: ReadySpec,
    /// How it is stopped.
    pub stop: StopSpec,
    /// What becomes of it when it ends by itself, or lives no longer.
    pub life: LifeSpec,
    /// What must be so before.
    pub after: Vec<Condition>,
    /// The databases that it uses.
    pub uses: BTreeSet<DatabaseId>,
    /// Its port, if it has one.
    pub port: Option<u16>,
    /// Files made of templates that it reads: by path, what is in them.
    pub config_files: BTreeMap<PathBuf, String>,
    /// Digest of its words and of what it declares.
    pub words: Key,
}

impl ServiceModel {
    /// Where it listens, for people and dependents.
    pub fn url(&self) -> Option<String> {
        self.port.map(|port| format!("http://127.0.0.1:{port}"))
    }
}

/// A database.
#[derive(Debug, Clone)]
pub struct DatabaseModel {
    /// Its name.
    pub id: DatabaseId,
    /// Its engine.
    pub engine: manifest::Engine,
    /// The server that it lives in, for engines that have one.
    pub server: Option<ServerId>,
    /// Digest of the server's version and of everything with which an empty one is made.
    pub settings: Key,
    /// What it holds before its schema step; empty without one.
    pub base: Option<BaseModel>,
    /// The step that brings it from empty to its schema.
    pub schema: Option<SchemaModel>,
}

/// Where the first content of a database comes from.
#[derive(Debug, Clone)]
pub struct BaseModel {
    /// Digest of what the manifest says of it, and of the steps that make it harmless.
    pub words: Key,
    /// Its source, for people.
    pub source: String,
}

/// The schema step of a database.
#[derive(Debug, Clone)]
pub struct SchemaModel {
    /// What is run; `None` when Seedbed itself executes the files.
    pub process: Option<ProcessSpec>,
    /// SQL files to execute, absolute, when there is no process.
    pub files: Vec<PathBuf>,
    /// What must be so before.
    pub after: Vec<Condition>,
    /// Other databases whose content it needs.
    pub uses: BTreeSet<DatabaseId>,
    /// When it is ended with a failure.
    pub timeout: Option<Duration>,
    /// Whether it declares inputs; one without is repeated whenever a task before it runs.
    pub has_inputs: bool,
    /// Files made of templates that it reads: by path, what is in them.
    pub config_files: BTreeMap<PathBuf, String>,
    /// Digest of its words, in which places of databases, ports and directories stand as names.
    pub words: Key,
}

/// A server of the environment.
#[derive(Debug, Clone)]
pub struct ServerModel {
    /// Its name, also the id of its service.
    pub id: ServerId,
    /// Maker and major version of what was found, such as `PostgreSQL 15`.
    pub version: String,
    /// Whether other environments use it, too; then what is run only holds it.
    pub is_shared: bool,
    /// What is run.
    pub process: ProcessSpec,
    /// When it accepts.
    pub ready: ReadySpec,
    /// How it is stopped.
    pub stop: StopSpec,
}

impl ServerModel {
    /// The id of the service that it is for the supervisor.
    pub fn unit(&self) -> UnitId {
        UnitId::new(self.id.to_string())
    }
}

impl Model {
    /// The directory of a workspace.
    pub fn directory(&self, workspace: &str) -> Option<&PathBuf> {
        self.workspaces.iter().find(|candidate| candidate.name == workspace).map(|candidate| &candidate.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_its_image_in_few_letters() {
        let server = |image: &str| {
            let id = ServerId {
                engine: manifest::Engine::Postgres,
                version: Some("17".to_owned()),
                image: Some(image.to_owned()),
            };
            id.to_string()
        };
        assert_eq!(server("postgres:17-alpine"), "postgres-17@postgres-17-alpine");
        let others = [
            "postgres",
            "postgres-17",
            "owner/postgres:17",
            "ghcr.io/owner/postgres:17",
            "127.0.0.1:5000/postgres:17",
            "postgres@sha256:321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
            "postgres_with_everything_that_we_need:17",
        ];
        let names: std::collections::BTreeSet<String> = others.iter().map(|image| server(image)).collect();
        assert_eq!(names.len(), others.len(), "{names:?}");
        assert!(names.iter().all(|name| name.len() <= "postgres-17@".len() + 20), "{names:?}");
    }
}
