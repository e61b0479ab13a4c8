//! A plan: steps with reasons and conditions.

use std::fmt;

use supervisor::{Condition, ConditionState, UnitId, UnitKind, UnitSpec};

use crate::step_id::DatabaseStep;
use crate::{ChainStep, DatabaseId, Key, ResourceId, ServerId, StateSource};

/// What will be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Units to stop before anything else, with the reason.
    pub stop: Vec<(UnitId, String)>,
    /// The steps. Their order is in their conditions; the list is sorted so that it reads well.
    pub steps: Vec<Step>,
    /// What is left as it is, with the reason.
    pub unchanged: Vec<(UnitId, String)>,
}

/// One part of a plan.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name, unique in the plan.
    pub id: UnitId,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// When it may begin.
    pub after: Vec<Condition>,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// The supervisor runs a task; on success its key is recorded.
    RunTask {
        /// For the supervisor.
        kind: Box<UnitKind>,
        /// What its success is recorded under.
        key: Key,
        /// What the supervisor knows it by: what it is, whatever its inputs are.
        words: Key,
    },
    /// The supervisor starts a service.
    StartService {
        /// For the supervisor.
        kind: Box<UnitKind>,
        /// The identity of what runs; another one is a reason to restart.
        digest: Key,
    },
    /// The supervisor watches the inputs of a task, and runs it when they change.
    WatchTask {
        /// For the supervisor.
        kind: Box<UnitKind>,
        /// What the supervisor knows it by: what it is, whatever its inputs are.
        words: Key,
    },
    /// Brings the image of a service from its registry.
    PullImage(UnitId),
    /// Builds the image of a service.
    BuildImage(UnitId),
    /// Makes a server's data directory when it is missing.
    PrepareServer(ServerId),
    /// Creates an empty database.
    CreateDatabase(DatabaseId),
    /// Empties a database.
    ClearDatabase(DatabaseId),
    /// Keeps a copy of a database that goes back in place if the command fails.
    Protect(DatabaseId),
    /// The supervisor runs the command that brings a database to its schema.
    RunSchema {
        /// Which database.
        database: DatabaseId,
        /// For the supervisor.
        kind: Box<UnitKind>,
        /// What its success is recorded under.
        key: Key,
    },
    /// Seedbed executes the files that bring a database to its schema.
    ExecuteSchema {
        /// Which database.
        database: DatabaseId,
        /// What its success is recorded under.
        key: Key,
    },
    /// Loads the declared data of all databases.
    Load {
        /// By database: the key of the declared state.
        keys: Vec<(DatabaseId, Key)>,
    },
    /// Removes what loads of a spec have made.
    Unload,
    /// Keeps a copy of a database in a state of its chain.
    Keep {
        /// Which database.
        database: DatabaseId,
        /// The state.
        state: Key,
        /// Which step of the chain made it.
        step: ChainStep,
    },
    /// Puts a copy of a state that was made before in a database's place; makes the database when it is not there.
    Adopt {
        /// Which database.
        database: DatabaseId,
        /// The state.
        state: Key,
        /// Which step of its chain made it.
        step: ChainStep,
        /// Where it can be had.
        source: StateSource,
        /// What is recorded as its schema then; `None` while its schema step is still to run.
        schema: Option<Key>,
        /// What is recorded as its declared state then.
        data: Option<Key>,
    },
    /// Fills a database with its base; makes it when it is not there.
    ImportBase {
        /// Which database.
        database: DatabaseId,
        /// The state that this makes.
        state: Key,
    },
    /// Writes the files of a stopped server to the snapshot being taken.
    SaveServer(ServerId),
    /// Writes a database to the snapshot being taken.
    Dump(DatabaseId),
    /// Writes a resource to the snapshot being taken.
    SaveFiles(ResourceId),
    /// Brings a resource back from a snapshot.
    RestoreFiles(ResourceId),
    /// Makes a snapshot's content ready beside a database.
    Fill(DatabaseId),
    /// Puts the content that was made ready in a database's place; makes the database when it is not there.
    Restore(DatabaseId),
    /// Lets a database change places with what the last command that replaced it had put aside.
    SwapBack(DatabaseId),
    /// Lets a resource change places with what the last restore had put aside.
    SwapFilesBack(ResourceId),
    /// Puts back what [`Action::Protect`] kept.
    Recover(DatabaseId),
}

impl Step {
    /// The step as the supervisor sees it: what it cannot do itself is external.
    pub fn unit(&self) -> UnitSpec {
        let (kind, digest) = match &self.action {
            Action::StartService { kind, digest } => ((**kind).clone(), digest.to_string()),
            Action::RunTask { kind, words, .. } | Action::WatchTask { kind, words } => {
                ((**kind).clone(), words.to_string())
            }
            Action::RunSchema { kind, key, .. } => ((**kind).clone(), key.to_string()),
            _ => (UnitKind::External, String::new()),
        };
        UnitSpec { id: self.id.clone(), kind, after: self.after.clone(), digest }
    }

    /// Whether it does not start a service, but lets it sleep.
    pub fn sleeps(&self) -> bool {
        let Action::StartService { kind, .. } = &self.action else { return false };
        let UnitKind::Service { life, .. } = &**kind else { return false };
        life.lazy.as_ref().is_some_and(|lazy| !lazy.awake)
    }

    /// The verb and its object, as shown while it runs.
    pub fn title(&self) -> String {
        let (verb, object) = self.words();
        format!("{verb} {object}")
    }

    fn words(&self) -> (&'static str, String) {
        match &self.action {
            Action::RunTask { .. } => ("run", self.id.to_string()),
            Action::WatchTask { .. } => ("watch", self.id.to_string()),
            Action::StartService { .. } if self.sleeps() => ("listen", format!("for {}", self.id)),
            Action::StartService { .. } => ("start", self.id.to_string()),
            Action::PullImage(service) => ("pull", format!("image of {service}")),
            Action::BuildImage(service) => ("build", format!("image of {service}")),
            Action::PrepareServer(server) => ("prepare", server.to_string()),
            Action::SaveServer(server) => ("save", server.to_string()),
            Action::CreateDatabase(database) => ("create", format!("database {database}")),
            Action::ClearDatabase(database) => ("clear", format!("database {database}")),
            Action::Protect(database) => ("protect", format!("database {database}")),
            Action::RunSchema { database, .. } | Action::ExecuteSchema { database, .. } => {
                ("migrate", format!("database {database}"))
            }
            Action::Load { .. } => ("load", "data".to_owned()),
            Action::Unload => ("unload", "data".to_owned()),
            Action::Keep { database, .. } => ("keep", format!("database {database}")),
            Action::Adopt { database, .. } => ("clone", format!("database {database}")),
            Action::ImportBase { database, .. } => ("import", format!("database {database}")),
            Action::SaveFiles(resource) => ("save", format!("files {resource}")),
            Action::RestoreFiles(resource) => ("restore", format!("files {resource}")),
            Action::Dump(database) => ("save", format!("database {database}")),
            Action::Fill(database) => ("fetch", format!("database {database}")),
            Action::SwapBack(database) => ("undo", format!("database {database}")),
            Action::SwapFilesBack(resource) => ("undo", format!("files {resource}")),
            Action::Restore(database) => ("restore", format!("database {database}")),
            Action::Recover(database) => ("recover", format!("database {database}")),
        }
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.stop.is_empty() && self.steps.is_empty()
    }

    /// Whether this database is brought to another schema.
    pub fn migrates(&self, database: &DatabaseId) -> bool {
        let id = DatabaseStep::Schema.of(database);
        self.steps.iter().any(|step| step.id == id)
    }

    /// Whether states are kept or used: then there is something to do in the background afterwards.
    pub fn changes_states(&self) -> bool {
        let is_one = |step: &Step| {
            matches!(
                step.action,
                Action::Keep { .. }
                    | Action::Adopt { .. }
                    | Action::ImportBase { .. }
                    | Action::Protect(_)
                    | Action::ClearDatabase(_)
                    | Action::Restore(_)
                    | Action::SwapBack(_)
            )
        };
        self.steps.iter().any(is_one)
    }

    /// Whether data is loaded.
    pub fn loads(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Load { .. }))
    }
}

impl fmt::Display for Plan {
    /// One line for each step: verb, object, reason, and what it waits for.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stopped = self.stop.iter().map(|(id, reason)| ("stop", id.to_string(), reason.as_str(), String::new()));
        let planned = self.steps.iter().map(|step| {
            let (verb, object) = step.words();
            (verb, object, step.reason.as_str(), waits_for(&step.after))
        });
        let left = self.unchanged.iter().map(|(id, reason)| ("leave", id.to_string(), reason.as_str(), String::new()));
        let lines: Vec<_> = stopped.chain(planned).chain(left).collect();
        let width = |column: fn(&(&str, String, &str, String)) -> usize| lines.iter().map(column).max().unwrap_or(0);
        let (verbs, objects) = (width(|line| line.0.len()), width(|line| line.1.len()));
        for (verb, object, reason, after) in &lines {
            writeln!(formatter, "{verb:verbs$}  {object:objects$}  {reason}{after}")?;
        }
        Ok(())
    }
}

fn waits_for(after: &[Condition]) -> String {
    let names: Vec<String> = after
        .iter()
        .map(|condition| match condition.state {
            ConditionState::Started => format!("{} started", condition.unit),
            ConditionState::Ready => format!("{} ready", condition.unit),
            ConditionState::Succeeded => condition.unit.to_string(),
            ConditionState::Completed => format!("{} ended", condition.unit),
        })
        .collect();
    if names.is_empty() { String::new() } else { format!("; after {}", names.join(", ")) }
}
