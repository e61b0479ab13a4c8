//! A plan is carried out: the supervisor does what is a process, this does what is a database.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use daemon::{Answerer, ApplyEvent};
use database::{DatabaseError, StateName};
use dataset::LoadPlan;
use plan::{Action, DatabaseId, Key, Plan, Step};
use store::{Draft, NewContent, Snapshot};
use supervisor::{Failure, UnitId, UnitState, UnitStatus};

use crate::error::{StepFailure, with_causes};
use crate::journal::UNDO;
use crate::loader::{self, LoadReport};
use crate::record::DatabaseRecord;
use crate::{Error, Progress, Session, tasks};

/// What the steps of a plan work with, besides the plan.
#[derive(Default)]
pub(crate) struct Material<'a> {
    /// What `load` loads; the declared data when it is not given.
    pub(crate) load: Option<&'a LoadPlan>,
    /// What `save` writes to.
    pub(crate) draft: Option<Mutex<Box<dyn Draft>>>,
    /// What `restore` reads from.
    pub(crate) snapshot: Option<&'a Snapshot>,
    /// The databases that `recover` has put right.
    pub(crate) recovered: Mutex<BTreeSet<DatabaseId>>,
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Execution {
    /// How each unit was seen last.
    pub(crate) units: BTreeMap<UnitId, UnitStatus>,
    /// What the load did, if there was one.
    pub(crate) load: Option<LoadReport>,
}

impl Session<'_> {
    /// Carries out a plan. When it fails, what it began on databases is undone.
    pub(crate) fn execute(&self, plan: &Plan, material: &Material<'_>) -> Result<Execution, Error> {
        let running = self.running_services();
        self.journal.set_running(running.iter().map(ToString::to_string).collect());
        let outcome = self.carry_out(plan, material);
        match outcome {
            Ok(execution) => {
                self.forget_protected()?;
                Ok(execution)
            }
            Err(error) => {
                let error = self.or_disk_full(error);
                // What ran before shall run again, save what has just failed to.
                let failed = |id: &UnitId| match &error {
                    Error::Failed(failures) => failures.iter().any(|failure| failure.step == id.as_str()),
                    _ => false,
                };
                let is_stopped = matches!(error, Error::Stopped);
                let wanted = running.into_iter().filter(|id| !failed(id) && !is_stopped).collect();
                // The first error is the one to tell; what remains in the journal is undone by the next command.
                if let Err(second) = self.recover(&wanted) {
                    let text =
                        format!("could not undo what was begun ({}); the next command will", with_causes(&second));
                    self.context.monitor.on(Progress::Note(text));
                }
                Err(error)
            }
        }
    }

    /// Carries out a plan without undoing anything.
    pub(crate) fn carry_out(&self, plan: &Plan, material: &Material<'_>) -> Result<Execution, Error> {
        self.context.monitor.on(Progress::Planned(plan));
        for step in &plan.steps {
            self.before(step)?;
        }
        if plan.is_empty() {
            return Ok(Execution::default());
        }
        let start = plan.steps.iter().map(Step::unit).collect();
        let stop = plan.stop.iter().map(|(id, _)| id.clone()).collect();
        let mut apply = self.client()?.apply(start, stop).map_err(Error::Supervisor)?;
        self.context.interrupt.watch(Some(apply.answerer()));
        let worker = Worker {
            session: self,
            steps: plan.steps.iter().map(|step| (step.id.clone(), step)).collect(),
            material,
            load: Mutex::new(None),
            first_error: Mutex::new(None),
            done: Mutex::new(BTreeSet::new()),
            shown: Mutex::new(BTreeSet::new()),
        };
        let followed = worker.follow(&mut apply);
        self.context.interrupt.watch(None);
        let (units, ok) = followed?;
        // A wish that came when all was done, or committed, came too late.
        let done = worker.done.into_inner().expect("nothing panics while it holds this");
        let is_done = ok || plan.steps.iter().all(|step| done.contains(&step.id));
        if !is_done && self.context.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        if let Some(error) = worker.first_error.into_inner().expect("nothing panics while it holds this") {
            return Err(error);
        }
        if !is_done {
            let failures = self.failures(plan, &units);
            return Err(if failures.is_empty() { Error::Stopped } else { Error::Failed(failures) });
        }
        Ok(Execution { units, load: worker.load.into_inner().expect("nothing panics while it holds this") })
    }

    /// What must be so on the disk before a step can be handed over.
    fn before(&self, step: &Step) -> Result<(), Error> {
        match &step.action {
            Action::RunTask { .. } => {
                let (workspace, task) = self.task(&step.id);
                tasks::forget(&workspace, &task)
            }
            Action::StartService { .. } => {
                let Some((workspace, _)) = step.id.as_str().split_once('/') else { return Ok(()) };
                let directory = self.place.workspace_directory(workspace);
                fs::create_dir_all(&directory).map_err(Error::io("create", &directory))
            }
            _ => Ok(()),
        }
    }

    fn task(&self, id: &UnitId) -> (PathBuf, String) {
        let (workspace, task) = id.as_str().split_once('/').expect("tasks are called WORKSPACE/TASK");
        let directory = self.model.directory(workspace).expect("the plan was made from this model");
        (directory.clone(), task.to_owned())
    }

    fn failures(&self, plan: &Plan, units: &BTreeMap<UnitId, UnitStatus>) -> Vec<StepFailure> {
        let mut failures = Vec::new();
        for step in &plan.steps {
            let Some(status) = units.get(&step.id) else { continue };
            let UnitState::Failed(failure) = &status.state else { continue };
            let mut reason = failure.to_string();
            if let Some(detail) = status.detail.as_ref().filter(|detail| **detail != reason) {
                reason = format!("{reason}; {detail}");
            }
            let process = match step.unit().kind {
                supervisor::UnitKind::Service { process, .. } | supervisor::UnitKind::Task { process, .. } => {
                    Some(process)
                }
                supervisor::UnitKind::External => None,
            };
            // A process that was never started has printed nothing.
            let was_started = !matches!(failure, Failure::Spawn(_));
            let log = process.map(|process| process.log).filter(|log| was_started && log.exists());
            failures.push(StepFailure {
                step: step.id.to_string(),
                title: step.title(),
                reason,
                place: self.place_of(step),
                last_lines: log.as_ref().map(|log| crate::logs::last_run(log)).unwrap_or_default(),
                log,
                help: help(failure, &step.id),
            });
        }
        failures
    }

    /// File and line of the manifest that declare what a step works on.
    fn place_of(&self, step: &Step) -> Option<String> {
        let (workspace, name) = match &step.action {
            Action::RunSchema { database, .. } => (database.workspace.as_str(), database.name.as_str()),
            _ => step.id.as_str().split_once('/')?,
        };
        let manifest = &self.tree.workspace(self.tree.find(workspace)?).manifest;
        let place = match &step.action {
            Action::RunSchema { .. } => &manifest.databases.get(name)?.place,
            Action::RunTask { .. } => &manifest.tasks.get(name)?.place,
            _ => &manifest.services.get(name)?.place,
        };
        Some(format!("{}:{}", place.file().name(), place.line()))
    }

    /// Says that nothing is to be undone any more, and drops the copies that were kept for it.
    fn forget_protected(&self) -> Result<(), Error> {
        let protected = self.journal.contents().protected;
        let settled = self.left_to_undo();
        self.journal.settle(&settled)?;
        for id in settled.iter().filter(|id| protected.contains_key(&id.to_string())) {
            let forgotten =
                self.database(id).and_then(|mut database| database.forget(&undo_state()).map_err(Error::database(id)));
            // It is done all the same; the next copy takes the place of this one.
            if let Err(error) = forgotten {
                let text = format!("the copy that was kept of {id} could not be removed: {}", with_causes(&error));
                self.context.monitor.on(Progress::Note(text));
            }
        }
        Ok(())
    }

    /// The error itself, or, when nothing is left on the disk, that: few programs say so in so many words.
    fn or_disk_full(&self, error: Error) -> Error {
        const NEXT_TO_NOTHING: u64 = 64 << 10;
        let space = rustix::fs::statvfs(self.place.directory());
        let is_full = space.is_ok_and(|space| space.f_bavail * space.f_frsize < NEXT_TO_NOTHING);
        if is_full && !error.is_disk_full() && !matches!(error, Error::Interrupted | Error::Stopped) {
            return Error::DiskFull { directory: self.place.directory().to_owned(), source: Box::new(error) };
        }
        error
    }
}

/// Does the steps that the supervisor hands back, each on a thread of its own.
struct Worker<'a> {
    session: &'a Session<'a>,
    steps: BTreeMap<UnitId, &'a Step>,
    material: &'a Material<'a>,
    load: Mutex<Option<LoadReport>>,
    first_error: Mutex<Option<Error>>,
    /// The steps that were done here.
    done: Mutex<BTreeSet<UnitId>>,
    shown: Mutex<BTreeSet<UnitId>>,
}

impl Worker<'_> {
    fn follow(&self, apply: &mut daemon::Apply) -> Result<(BTreeMap<UnitId, UnitStatus>, bool), Error> {
        let answerer = apply.answerer();
        let mut units = BTreeMap::new();
        std::thread::scope(|scope| {
            loop {
                let event = apply.next().map_err(|error| {
                    self.session.is_abandoned.store(true, Ordering::Relaxed);
                    Error::Supervisor(error)
                })?;
                match event {
                    ApplyEvent::Changed(status) => {
                        if let Err(error) = self.changed(&status) {
                            self.fail(error);
                            // A supervisor that is gone is seen by the next event.
                            let _ = answerer.cancel();
                        }
                        units.insert(status.id.clone(), status);
                    }
                    ApplyEvent::Due(id) => {
                        let answerer = answerer.clone();
                        scope.spawn(move || self.work(&id, &answerer));
                    }
                    ApplyEvent::Finished { ok } => return Ok((units, ok)),
                }
            }
        })
    }

    /// Records and shows what happened to a unit of the supervisor.
    fn changed(&self, status: &UnitStatus) -> Result<(), Error> {
        let Some(step) = self.steps.get(&status.id) else { return Ok(()) };
        let session = self.session;
        match (&step.action, &status.state) {
            (Action::RunTask { key, .. }, UnitState::Succeeded) => {
                let (workspace, task) = session.task(&step.id);
                tasks::succeeded(&workspace, &task, key.as_str())?;
            }
            (Action::RunSchema { database, key, .. }, UnitState::Succeeded) => self.schema_done(database, key)?,
            _ => {}
        }
        let monitor = session.context.monitor;
        let title = step.title();
        let mut shown = self.shown.lock().expect("nothing panics while it holds this");
        match &status.state {
            UnitState::Starting | UnitState::Running | UnitState::Due if shown.insert(step.id.clone()) => {
                monitor.on(Progress::Began { step: step.id.as_str(), title: &title, reason: &step.reason });
            }
            UnitState::Ready | UnitState::Succeeded | UnitState::Failed(_) if shown.remove(&step.id) => {
                let failure = match &status.state {
                    UnitState::Failed(failure) => Some(failure.to_string()),
                    _ => None,
                };
                let took_ms = status.ready_ms.unwrap_or_default();
                monitor.on(Progress::Ended {
                    step: step.id.as_str(),
                    title: &title,
                    took_ms,
                    failure: failure.as_deref(),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn schema_done(&self, database: &DatabaseId, key: &Key) -> Result<(), Error> {
        self.session.remember(database, |record| record.schema = Some(key.to_string()))?;
        self.session.journal.settle_made(database)
    }

    fn work(&self, id: &UnitId, answerer: &Answerer) {
        let result = match self.steps.get(id) {
            Some(step) => self.step(step),
            None => Ok(()),
        };
        let answer = result.as_ref().copied().map_err(|error| with_causes(error));
        match result {
            Ok(()) => drop(self.done.lock().expect("nothing panics while it holds this").insert(id.clone())),
            Err(error) => self.fail(error),
        }
        // A supervisor that is gone is seen by whoever waits for the next event.
        let _ = answerer.done(id, answer);
    }

    fn fail(&self, error: Error) {
        let mut first = self.first_error.lock().expect("nothing panics while it holds this");
        // A full disk has many faces, and the one that says so is the one to show.
        if first.as_ref().is_none_or(|first| error.is_disk_full() && !first.is_disk_full()) {
            *first = Some(error);
        }
    }

    fn step(&self, step: &Step) -> Result<(), Error> {
        let session = self.session;
        match &step.action {
            Action::PrepareServer(id) => {
                let (found, place) = session.server(id);
                let engine = session.engine(match id.engine {
                    manifest::Engine::Sqlite => database::EngineKind::Sqlite,
                    manifest::Engine::Postgres => database::EngineKind::Postgres,
                });
                engine.prepare_server(found, place).map_err(|source| {
                    let database =
                        session.model.databases.values().find(|database| database.server.as_ref() == Some(id));
                    let database = database.expect("a server is planned for a database").id.clone();
                    Error::Engine { database, engine: id.to_string(), source }
                })
            }
            Action::CreateDatabase(id) => {
                let mut database = session.database(id)?;
                // What is there although nobody remembers it is the user's.
                let is_there = database.exists().map_err(Error::database(id))?;
                if !is_there && session.model.databases[id].schema.is_some() {
                    session.journal.make(id)?;
                }
                database.create().map_err(Error::database(id))?;
                let engine = session.location(id).engine().word().to_owned();
                self.remember(id, DatabaseRecord { engine, ..DatabaseRecord::default() })
            }
            Action::ClearDatabase(id) => {
                session.database(id)?.clear().map_err(Error::database(id))?;
                let engine = session.location(id).engine().word().to_owned();
                self.remember(id, DatabaseRecord { engine, ..DatabaseRecord::default() })
            }
            Action::Protect(id) => {
                let mut database = session.database(id)?;
                database.forget(&undo_state()).map_err(Error::database(id))?;
                database.keep(&undo_state()).map_err(Error::database(id))?;
                let before = session.record().databases.get(id).cloned().unwrap_or_default();
                session.journal.protect(id, before)
            }
            Action::ExecuteSchema { database: id, key } => {
                let mut database = session.database(id)?;
                for file in &session.model.databases[id].schema.as_ref().expect("it is executed").files {
                    let sql = fs::read_to_string(file).map_err(Error::io("read", file))?;
                    database.execute_script(&sql).map_err(|source| Error::Script { file: file.clone(), source })?;
                }
                self.schema_done(id, key)
            }
            Action::Load { keys } => self.load(keys),
            Action::Keep { database: id, key } => {
                let state = declared_state(key);
                let mut database = session.database(id)?;
                // Only the newest declared state is kept.
                for old in database.kept().map_err(Error::database(id))? {
                    if old.as_str().starts_with(DECLARED) {
                        database.forget(&old).map_err(Error::database(id))?;
                    }
                }
                database.keep(&state).map_err(Error::database(id))?;
                session.remember(id, |record| {
                    record.kept = Some(key.to_string());
                    record.data = Some(key.to_string());
                })
            }
            Action::Reset { database: id, key, schema } => {
                session.database(id)?.reset_to(&declared_state(key)).map_err(Error::database(id))?;
                session.remember(id, |record| {
                    record.data = Some(key.to_string());
                    record.schema = Some(schema.to_string());
                })
            }
            Action::Dump(id) => self.dump(id),
            Action::Restore(id) => self.restore(id),
            Action::Recover(id) => self.recover(id),
            Action::RunTask { .. } | Action::StartService { .. } | Action::RunSchema { .. } => {
                unreachable!("the supervisor does these itself")
            }
        }
    }

    fn remember(&self, id: &DatabaseId, database: DatabaseRecord) -> Result<(), Error> {
        self.session.remember(id, |record| *record = database)
    }

    fn load(&self, keys: &[(DatabaseId, Key)]) -> Result<(), Error> {
        let session = self.session;
        let open = |id: &DatabaseId| session.database(id);
        let plan = self.material.load.unwrap_or(&session.declared);
        let report = loader::load(plan, &open, &session.journal, &session.context.interrupt)?;
        for (id, key) in keys {
            session.remember(id, |record| record.data = Some(key.to_string()))?;
        }
        *self.load.lock().expect("nothing panics while it holds this") = Some(report);
        Ok(())
    }

    fn dump(&self, id: &DatabaseId) -> Result<(), Error> {
        let session = self.session;
        let draft = self.material.draft.as_ref().expect("whoever plans a snapshot begins a draft");
        let place = draft.lock().expect("nothing panics while it holds this").place(&id.to_string());
        let mut database = session.database(id)?;
        let fingerprint = database.fingerprint().map_err(Error::database(id))?;
        database.dump(&place).map_err(Error::database(id))?;
        let record = session.record().databases.get(id).cloned().unwrap_or_default();
        let notes = [("schema", record.schema), ("data", record.data)];
        let notes = notes.into_iter().filter_map(|(name, key)| Some((name.to_owned(), key?))).collect();
        let kind = session.location(id).engine().word().to_owned();
        let content = NewContent { name: id.to_string(), kind, fingerprint, notes };
        draft.lock().expect("nothing panics while it holds this").add(content).map_err(Error::Store)
    }

    fn restore(&self, id: &DatabaseId) -> Result<(), Error> {
        let session = self.session;
        let snapshot = self.material.snapshot.expect("whoever plans a restore has opened a snapshot");
        let name = id.to_string();
        let content = snapshot.contents.iter().find(|content| content.name == name);
        let content = content.ok_or_else(|| Error::OtherDatabases { missing: vec![name] })?;
        let mut database = session.database(id)?;
        database.restore(&content.file).map_err(Error::database(id))?;
        if database.fingerprint().map_err(Error::database(id))? != content.fingerprint {
            return Err(Error::NotRestored(id.clone()));
        }
        session.remember(id, |record| {
            record.schema = content.notes.get("schema").cloned();
            record.data = content.notes.get("data").cloned();
        })
    }

    fn recover(&self, id: &DatabaseId) -> Result<(), Error> {
        let session = self.session;
        let contents = session.journal.contents();
        let name = id.to_string();
        if let Some(before) = contents.protected.get(&name) {
            let mut database = session.database(id)?;
            let put_back = match database.reset_to(&undo_state()) {
                // There is no room for another copy, but the copy itself can be had.
                Err(error) if error.is_disk_full() => database.move_back(&undo_state()),
                // A recovery that was cut short has moved it back: nothing else removes it while the journal names it.
                Err(DatabaseError::UnknownState { .. }) => Ok(()),
                result => result,
            };
            put_back.map_err(Error::database(id))?;
            self.remember(id, before.clone())?;
        } else if contents.made.contains(&name) {
            session.database(id)?.destroy().map_err(Error::database(id))?;
            session.forget(id)?;
        } else {
            let rows: Vec<_> = contents.inserted.into_iter().filter(|rows| rows.database == name).collect();
            match loader::take_back(&rows, &|id| session.database(id)) {
                Err(Error::Database { source: DatabaseError::Constraint { .. }, .. }) => {
                    let text = format!("rows that a load has left in {id} are in use by now, and stay");
                    session.context.monitor.on(Progress::Note(text));
                }
                result => result?,
            }
            // Only where the load is kept undoable to the end of its command was it remembered before that end.
            if !contents.protected.is_empty() {
                session.remember(id, |record| record.data = None)?;
            }
        }
        self.material.recovered.lock().expect("nothing panics while it holds this").insert(id.clone());
        Ok(())
    }
}

impl Session<'_> {
    /// Undoes what the journal says, and starts these services again.
    pub(crate) fn recover(&self, wanted: &BTreeSet<UnitId>) -> Result<(), Error> {
        let observed = self.observe_again()?;
        let databases = self.left_to_undo();
        let work = plan::DatabaseWork::Recover;
        let plan = plan::around_databases(&self.model, &observed, &self.inputs, &databases, work, wanted);
        let interrupted = self.context.interrupt.is_raised();
        self.context.interrupt.lower();
        let material = Material::default();
        self.is_abandoned.store(false, Ordering::Relaxed);
        let undone = self.carry_out(&plan, &material);
        if interrupted {
            self.context.interrupt.raise();
        }
        // The content is what counts; a service that does not come up again is told, but does not bring it back.
        if let Err(error) = undone {
            let recovered = material.recovered.into_inner().expect("nothing panics while it holds this");
            if !databases.is_subset(&recovered) || matches!(error, Error::Interrupted) {
                return Err(error);
            }
            self.context.monitor.on(Progress::Note(with_causes(&error)));
        }
        self.forget_protected()
    }
}

/// What to do about a step that failed.
fn help(failure: &Failure, step: &UnitId) -> String {
    match failure {
        Failure::Spawn(_) => "install it, correct `run`, or let a task that makes it stand in `after`".to_owned(),
        Failure::NotReady { .. } => {
            format!("see why with `seedbed logs {step}`; `ready: {{ timeout: … }}` gives it longer")
        }
        Failure::TimedOut { .. } => "`timeout` gives it longer".to_owned(),
        Failure::NotGone => "the system cannot end it; see `dmesg`".to_owned(),
        Failure::Exited(_) | Failure::External(_) => {
            format!("all that it printed: `seedbed logs {}`", step.as_str().replace(' ', "-"))
        }
    }
}

/// Declared states are kept under names that begin so.
const DECLARED: &str = "declared-";

fn declared_state(key: &Key) -> StateName {
    StateName::new(format!("{DECLARED}{}", &key.as_str()[..32])).expect("letters, digits and a hyphen")
}

fn undo_state() -> StateName {
    StateName::new(UNDO).expect("it is a plain word")
}
