//! A plan is carried out: the supervisor does what is a process, this does what is a database.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock};

use daemon::{Answerer, ApplyEvent};
use database::{Database, DatabaseError, StateName};
use plan::{Action, ChainStep, DatabaseId, Key, Plan, ServerId, StateSource, Step};
use supervisor::{Exit, Failure, KindTag, UnitId, UnitSpec, UnitState, UnitStatus};

use crate::error::{StepFailure, with_causes};
use crate::facts::kind_of;
use crate::journal::UNDO;
use crate::loader_report::LoadReport;
use crate::loader_stages;
use crate::material::Material;
use crate::record::{DatabaseRecord, MadeOf, UndoRecord};
use crate::shared_hold::{self, Held};
use crate::tasks::TaskRecord;
use crate::{Error, Interrupt, Progress, Session, base, physical, provenance, resources, states, tasks, unusable};

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
        let began = (self.context.now)();
        let outcome = self.carry_out(plan, material);
        match outcome {
            Ok(execution) => {
                self.settle(material.command)?;
                provenance::record(self, plan, material, execution.load.as_ref(), began);
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
        let mut start: Vec<_> = plan.steps.iter().map(Step::unit).collect();
        self.hand_over(&mut start)?;
        self.write_config_files(plan)?;
        let stop = plan.stop.iter().map(|(id, _)| id.clone()).collect();
        std::thread::scope(|scope| {
            let shared = scope.spawn(|| self.start_shared(plan));
            let outcome = self.follow(plan, material, start, stop);
            for held in shared.join().expect("nothing panics there") {
                let released = held.release(self.context);
                if let Err(error) = released {
                    self.context.monitor.on(Progress::Note(with_causes(&error)));
                }
            }
            outcome
        })
    }

    /// Starts the shared servers of a plan, as soon as it is known that they are wanted.
    fn start_shared(&self, plan: &Plan) -> Vec<Held> {
        let wanted = |id: &ServerId| {
            let unit = UnitId::new(id.to_string());
            plan.steps.iter().any(|step| step.id == unit)
        };
        let seats = self.seats.iter().filter(|(id, _)| wanted(id));
        let passwords = self.record().passwords;
        seats
            .filter_map(|(id, seat)| {
                shared_hold::start_ahead(self.context, &self.place, seat, passwords[&id.to_string()].clone())
            })
            .collect()
    }

    /// Lets the supervisor carry out a plan, and does what it hands back.
    fn follow(
        &self,
        plan: &Plan,
        material: &Material<'_>,
        start: Vec<UnitSpec>,
        stop: Vec<UnitId>,
    ) -> Result<Execution, Error> {
        let mut apply = self.client()?.apply(start, stop).map_err(Error::Supervisor)?;
        let watched = self.context.interrupt.watch(apply.answerer());
        let worker = Worker {
            session: self,
            steps: plan.steps.iter().map(|step| (step.id.clone(), step)).collect(),
            material,
            load: Mutex::new(None),
            first_error: Mutex::new(None),
            done: Mutex::new(BTreeSet::new()),
            shown: Mutex::new(BTreeSet::new()),
            brought: OnceLock::new(),
        };
        let followed = worker.follow(&mut apply);
        drop(watched);
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
                let (_, task) = self.task(&step.id);
                tasks::forget(&self.task_records(&step.id), &task)
            }
            Action::StartService { .. } => {
                let Some((workspace, _)) = step.id.as_str().split_once('/') else { return Ok(()) };
                let directory = self.place.workspace_directory(workspace);
                fs::create_dir_all(&directory).map_err(Error::io("create", &directory))
            }
            _ => Ok(()),
        }
    }

    /// Remembers that a task has succeeded, and what it has made.
    pub(crate) fn task_succeeded(&self, id: &UnitId, key: &Key) -> Result<(), Error> {
        let (workspace, name) = self.task(id);
        let outputs = tasks::outputs(&workspace, self.outputs_of(id))?;
        let record = TaskRecord { key: key.to_string(), made_of: self.task_made_of(id), outputs };
        tasks::succeeded(&self.task_records(id), &name, record)
    }

    /// Where it is remembered of a task that it succeeded.
    pub(crate) fn task_records(&self, id: &UnitId) -> PathBuf {
        let workspace = id.as_str().split_once('/').and_then(|(workspace, _)| self.tree.find(workspace));
        let workspace = self.tree.workspace(workspace.expect("the model was made of these workspaces"));
        tasks::records(&self.place, workspace, &self.model.tasks[id])
    }

    /// What a task says that it makes.
    pub(crate) fn outputs_of(&self, id: &UnitId) -> Vec<&str> {
        let (_, name) = self.task(id);
        let declared = id.as_str().split_once('/').and_then(|(workspace, _)| self.tree.find(workspace));
        let declared = declared.and_then(|workspace| self.tree.workspace(workspace).manifest.tasks.get(&name));
        declared.into_iter().flat_map(|task| &task.outputs).map(|file| file.path.as_str()).collect()
    }

    pub(crate) fn task(&self, id: &UnitId) -> (PathBuf, String) {
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
            let is_container = process.as_ref().is_some_and(|process| process.container.is_some());
            // A process that was never started has printed nothing.
            let was_started = !matches!(failure, Failure::Spawn(_));
            let log = process.map(|process| process.log).filter(|log| was_started && log.exists());
            let last_lines = log.as_ref().map(|log| crate::logs::last_run(log)).unwrap_or_default();
            failures.push(StepFailure {
                step: step.id.to_string(),
                lacks_program: !was_started && !is_container,
                exit_code: match failure {
                    Failure::Exited(Exit::Code(code)) => Some(*code),
                    _ => None,
                },
                title: step.title(),
                reason,
                place: self.place_of(step),
                log,
                help: self.superuser_help(step, &last_lines).unwrap_or_else(|| help(failure, &step.id, is_container)),
                last_lines,
            });
        }
        failures
    }

    /// What to do about a step that wanted to be a superuser in a server that is shared.
    fn superuser_help(&self, step: &Step, lines: &[String]) -> Option<String> {
        const WORDS: [&str; 3] =
            ["must be superuser", "permission denied to create extension", "permission denied for language"];
        let Action::RunSchema { database, .. } = &step.action else { return None };
        let server = self.model.databases[database].server.as_ref()?;
        let wants = lines.iter().any(|line| WORDS.iter().any(|words| line.contains(words)));
        (wants && self.seats.contains_key(server)).then(|| {
            let shared = "in a server that environments share nobody is a superuser: name extensions in `extensions` of the database";
            format!("{shared}, or ask for a server of its own with `servers: own` in the manifest")
        })
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
            Action::RunTask { .. } | Action::WatchTask { .. } => &manifest.tasks.get(name)?.place,
            _ => &manifest.services.get(name)?.place,
        };
        Some(format!("{}:{}", place.file().name(), place.line()))
    }

    /// Says that nothing is to be undone any more. What was put aside can be had back by `undo`, until another command puts
    /// something aside.
    fn settle(&self, command: &str) -> Result<(), Error> {
        let contents = self.journal.contents();
        let settled = self.left_to_undo();
        let aside: BTreeMap<String, DatabaseRecord> = contents
            .protected
            .into_iter()
            .filter(|(name, _)| DatabaseId::parse(name).is_some_and(|id| settled.contains(&id)))
            .collect();
        let resources = contents.resources;
        if aside.is_empty() && resources.is_empty() {
            return self.journal.settle(&settled);
        }
        let undo = UndoRecord { command: command.to_owned(), at: self.now(), databases: aside, resources };
        // From here on the content is what it is to be, and whoever finds the journal goes on with this.
        self.journal.succeed(&settled, undo)?;
        self.put_aside()
    }

    /// Gives what a command has put aside that has succeeded the names by which `undo` finds it.
    pub(crate) fn put_aside(&self) -> Result<(), Error> {
        let Some(mut undo) = self.journal.contents().succeeded else { return Ok(()) };
        let before = self.record().undo;
        // A name that cannot be given only means that there is no way back.
        undo.databases.retain(|name, record| {
            let id = DatabaseId::parse(name).filter(|id| self.can_hold(id, &record.engine));
            let renamed = id.map(|id| self.rename_aside(&id));
            if let Some(Err(error)) = &renamed {
                let text = format!("what {name} held cannot be had back by `undo`: {}", with_causes(error));
                self.context.monitor.on(Progress::Note(text));
            }
            renamed.is_some_and(|renamed| renamed.is_ok())
        });
        let now = undo.databases.clone();
        self.change_record(|record| record.undo = Some(undo))?;
        // Together they are one state: what an older command has put aside of other databases does not belong to it.
        for name in before.into_iter().flat_map(|before| before.databases.into_keys()) {
            if let Some(id) =
                DatabaseId::parse(&name).filter(|id| !now.contains_key(&name) && self.model.databases.contains_key(id))
            {
                let forgotten = self
                    .database(&id)
                    .and_then(|mut database| database.forget(&previous_state()).map_err(Error::database(&id)));
                if let Err(error) = forgotten {
                    let text = format!("an old copy of {id} could not be removed: {}", with_causes(&error));
                    self.context.monitor.on(Progress::Note(text));
                }
            }
        }
        self.journal.settle_succeeded()
    }

    fn rename_aside(&self, id: &DatabaseId) -> Result<(), Error> {
        let mut database = self.database(id)?;
        match database.rename_kept(&undo_state(), &previous_state()) {
            // A process that was killed has done it already.
            Err(DatabaseError::UnknownState { .. }) if keeps_previous(id, &mut *database)? => Ok(()),
            renamed => renamed.map_err(Error::database(id)),
        }
    }

    /// Finishes what a command has begun that had succeeded, and was killed.
    pub(crate) fn finish(&self, aside: &UndoRecord) -> Result<(), Error> {
        let databases = aside.databases.keys().filter_map(|name| DatabaseId::parse(name)).collect();
        let servers = plan::servers(&self.model, &self.observed, &self.inputs, &databases);
        self.carry_out(&servers, &Material::of("undo"))?;
        self.put_aside()
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
pub(crate) struct Worker<'a> {
    pub(crate) session: &'a Session<'a>,
    steps: BTreeMap<UnitId, &'a Step>,
    pub(crate) material: &'a Material<'a>,
    /// What the load did, if there was one.
    pub(crate) load: Mutex<Option<LoadReport>>,
    first_error: Mutex<Option<Error>>,
    /// The steps that were done here.
    done: Mutex<BTreeSet<UnitId>>,
    shown: Mutex<BTreeSet<UnitId>>,
    /// States of remotes that are in the own store now; set when all were tried.
    brought: OnceLock<BTreeSet<Key>>,
}

impl Worker<'_> {
    fn follow(&self, apply: &mut daemon::Apply) -> Result<(BTreeMap<UnitId, UnitStatus>, bool), Error> {
        let answerer = apply.answerer();
        let mut units = BTreeMap::new();
        std::thread::scope(|scope| {
            if !self.remote_states().is_empty() {
                // While servers are made and started.
                scope.spawn(|| self.bring());
            }
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

    /// The states that steps take from remotes, by remote.
    fn remote_states(&self) -> BTreeMap<&str, Vec<Key>> {
        let mut all: BTreeMap<&str, Vec<Key>> = BTreeMap::new();
        for step in self.steps.values() {
            if let Action::Adopt { state, source: StateSource::Remote(remote), .. } = &step.action {
                all.entry(remote).or_default().push(state.clone());
            }
        }
        all
    }

    /// Takes them into the own store, once; whoever asks meanwhile waits. What cannot be had is told by the step that
    /// needs it, which tries again.
    fn bring(&self) -> &BTreeSet<Key> {
        self.brought.get_or_init(|| {
            let all = self.remote_states().into_iter();
            all.filter(|(remote, keys)| states::bring(self.session, remote, keys).is_ok())
                .flat_map(|(_, keys)| keys)
                .collect()
        })
    }

    /// Shows a service that nobody named, and that restarts with what it needs since it has asked for that.
    fn changed_along(&self, status: &UnitStatus) {
        if status.kind != KindTag::Service {
            return;
        }
        let (monitor, step) = (self.session.context.monitor, status.id.as_str());
        let title = format!("restart {step}");
        let mut shown = self.shown.lock().expect("nothing panics while it holds this");
        match &status.state {
            UnitState::Starting if shown.insert(status.id.clone()) => {
                monitor.on(Progress::Began { step, title: &title, reason: "what it needs is started anew" });
            }
            UnitState::Ready | UnitState::Failed(_) if shown.remove(&status.id) => {
                let failure = matches!(status.state, UnitState::Failed(_)).then(|| status.state.to_string());
                let took_ms = status.ready_ms.unwrap_or_default();
                monitor.on(Progress::Ended { step, title: &title, took_ms, failure: failure.as_deref() });
            }
            _ => {}
        }
    }

    /// Records and shows what happened to a unit of the supervisor.
    fn changed(&self, status: &UnitStatus) -> Result<(), Error> {
        let Some(step) = self.steps.get(&status.id) else {
            self.changed_along(status);
            return Ok(());
        };
        let session = self.session;
        match (&step.action, &status.state) {
            (Action::RunTask { key, .. }, UnitState::Succeeded) => {
                session.task_succeeded(&step.id, key)?;
                session.give_turn_back(&step.id);
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
        let made_of = self.session.made_of(database, &self.session.chains()[database], ChainStep::Schema)?;
        self.session.remember(database, |record| {
            record.schema = Some(key.to_string());
            record.made_of = made_of;
        })?;
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
        session.heed_interrupt()?;
        match &step.action {
            Action::PullImage(id) | Action::BuildImage(id) => crate::container_images::make(session, id),
            Action::PrepareServer(id) => {
                let (found, place) = session.server(id);
                crate::images::note(&session.place, found)?;
                session.engine(kind_of(id.engine)).prepare_server(found, place).map_err(|source| {
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
                self.made(id)
            }
            Action::ClearDatabase(id) => {
                self.replace(id, |database, aside| database.clear(aside))?;
                self.made(id)
            }
            Action::Adopt { database: id, state, step, source, schema, data } => {
                let name = kept_state(state);
                let fetched = match source {
                    StateSource::Engine => Ok(()),
                    StateSource::Remote(_) if self.bring().contains(state) => {
                        states::fetch(session, id, state, *step, &StateSource::Store)
                    }
                    source => states::fetch(session, id, state, *step, source),
                };
                let reset = |database: &mut dyn Database, aside: Option<&StateName>| database.reset_to(&name, aside);
                fetched.and_then(|()| self.replace(id, reset)).map_err(unusable::error(id, state, *step, source))?;
                let chain = &session.chains()[id];
                let made_of = match schema {
                    Some(_) => session.made_of(id, chain, ChainStep::Schema)?,
                    // Of an older schema it is known from the state itself.
                    None => MadeOf::default(),
                };
                let key = |key: &Option<Key>| key.as_ref().map(ToString::to_string);
                let engine = session.location(id).engine().word().to_owned();
                self.remember(id, DatabaseRecord { engine, schema: key(schema), made_of, data: key(data) })?;
                if schema.is_some() || session.model.databases[id].schema.is_none() {
                    session.journal.settle_made(id)?;
                }
                states::used(session, id, state)
            }
            Action::ImportBase { database: id, state } => {
                let incoming = StateName::new("incoming").expect("it is a plain word");
                base::import(session, id, &incoming)?;
                self.replace(id, |database, aside| database.take(&incoming, aside))?;
                self.made(id)?;
                let mut database = session.database(id)?;
                crate::copy::make_cold(session, id, &mut *database)?;
                database.keep(&kept_state(state)).map_err(Error::database(id))?;
                if session.model.databases[id].schema.is_none() {
                    session.journal.settle_made(id)?;
                }
                states::kept(session, id, state, ChainStep::Base)
            }
            Action::Protect(id) => {
                let mut database = session.database(id)?;
                database.forget(&undo_state()).map_err(Error::database(id))?;
                database.keep(&undo_state()).map_err(Error::database(id))?;
                session.journal.protect(id, session.database_record(id))
            }
            Action::ExecuteSchema { database: id, key } => {
                let mut database = session.database(id)?;
                let files = &session.model.databases[id].schema.as_ref().expect("it is executed").files;
                for file in files.iter().skip(states::executed(session, id)?) {
                    let sql = fs::read_to_string(file).map_err(Error::io("read", file))?;
                    database.execute_script(&sql).map_err(|source| Error::Script { file: file.clone(), source })?;
                }
                self.schema_done(id, key)
            }
            Action::Load { keys } => self.load(keys),
            Action::Unload => self.unload(),
            Action::Keep { database: id, state, step } => {
                session.database(id)?.keep(&kept_state(state)).map_err(Error::database(id))?;
                states::kept(session, id, state, *step)
            }
            Action::SaveServer(id) => physical::save(session, id, self.material.draft()),
            Action::Dump(id) => self.dump(id),
            Action::Fill(id) => self.fill(id),
            Action::Restore(id) => self.restore(id),
            Action::SwapBack(id) => self.swap_back(id),
            Action::SaveFiles(id) => resources::save(session, id, self.material.draft()),
            Action::RestoreFiles(id) => resources::restore(session, id, self.material.source()),
            Action::SwapFilesBack(id) => resources::swap_back(session, id),
            Action::Recover(id) => self.recover(id),
            Action::RunTask { .. } | Action::WatchTask { .. } => unreachable!("the supervisor runs tasks"),
            Action::StartService { .. } | Action::RunSchema { .. } => unreachable!("the supervisor does these, too"),
        }
    }

    fn remember(&self, id: &DatabaseId, database: DatabaseRecord) -> Result<(), Error> {
        self.session.remember(id, |record| *record = database)
    }

    /// Changes the content of a database as a whole; what it held is put aside until the command has succeeded.
    fn replace(
        &self,
        id: &DatabaseId,
        change: impl FnOnce(&mut dyn Database, Option<&StateName>) -> Result<(), DatabaseError>,
    ) -> Result<(), Error> {
        let session = self.session;
        let mut database = session.database(id)?;
        if database.exists().map_err(Error::database(id))? {
            database.forget(&undo_state()).map_err(Error::database(id))?;
            // Before it happens: a recovery that finds nothing put aside knows that it has not.
            session.journal.protect(id, session.database_record(id))?;
            change(&mut *database, Some(&undo_state())).map_err(Error::database(id))
        } else {
            session.journal.make(id)?;
            change(&mut *database, None).map_err(Error::database(id))
        }
    }

    /// A database is there now, and nothing has been done to it.
    fn made(&self, id: &DatabaseId) -> Result<(), Error> {
        let engine = self.session.location(id).engine().word().to_owned();
        self.remember(id, DatabaseRecord { engine, ..DatabaseRecord::default() })
    }

    fn dump(&self, id: &DatabaseId) -> Result<(), Error> {
        let session = self.session;
        let mut database = session.database(id)?;
        let known = physical::known_fingerprint(session, id, &mut *database, self.material.draft())?;
        let fingerprint = known.map_or_else(|| database.fingerprint().map_err(Error::database(id)), Ok)?;
        let record = session.database_record(id);
        let notes = [("schema", record.schema), ("data", record.data)];
        let notes = notes.into_iter().filter_map(|(name, key)| Some((name.to_owned(), key?)));
        let notes = notes.chain([states::note(&record.made_of)]).collect();
        self.material.draft().save_database(session, id, &mut *database, fingerprint.clone(), notes)?;
        session.heed_interrupt()?;
        // The restore of what was just saved is then a matter of names.
        states::keep_snapshot(session, id, &mut *database, &states::content_key(&fingerprint))
    }

    /// Makes a snapshot's content ready beside the database, and compares it with what was saved.
    fn fill(&self, id: &DatabaseId) -> Result<(), Error> {
        let session = self.session;
        let content = self.material.content(&id.to_string())?;
        let mut database = session.database(id)?;
        let key = states::content_key(&content.fingerprint);
        let name = kept_state(&key);
        let is_known = session.record().kept.get(id).is_some_and(|kept| kept.contains_key(key.as_str()));
        let kept = database.kept().map_err(Error::database(id))?;
        if !is_known || self.material.prove || kept.iter().all(|kept| kept.name != name) {
            let (store, prove) = (self.material.source().store, self.material.prove);
            states::restore_as(session, id, &mut *database, &name, content, store, prove)?;
        }
        states::remember_kept(session, id, key.as_str(), states::SNAPSHOT, MadeOf::default())
    }

    fn restore(&self, id: &DatabaseId) -> Result<(), Error> {
        let content = self.material.content(&id.to_string())?;
        let name = kept_state(&states::content_key(&content.fingerprint));
        self.replace(id, |database, aside| database.reset_to(&name, aside))?;
        let engine = self.session.location(id).engine().word().to_owned();
        let note = |name: &str| content.notes.get(name).cloned();
        let (schema, data, made_of) = (note("schema"), note("data"), states::made_of_note(content));
        self.remember(id, DatabaseRecord { engine, schema, made_of, data })?;
        self.session.journal.settle_made(id)
    }

    /// The database and what was put aside change places.
    fn swap_back(&self, id: &DatabaseId) -> Result<(), Error> {
        let record = self.session.record();
        let before = record.undo.as_ref().and_then(|undo| undo.databases.get(&id.to_string()).cloned());
        let before = before.expect("it is planned for databases of which something was put aside");
        self.replace(id, |database, aside| database.take(&previous_state(), aside))?;
        self.remember(id, before)
    }

    fn recover(&self, id: &DatabaseId) -> Result<(), Error> {
        let session = self.session;
        let contents = session.journal.contents();
        let name = id.to_string();
        if let Some(before) = contents.protected.get(&name) {
            let mut database = session.database(id)?;
            // What an `undo` was about to put back is what is there now: it goes back to where it was, too.
            let is_displaced = session.record().undo.is_some_and(|undo| undo.databases.contains_key(&name))
                && !keeps_previous(id, &mut *database)?;
            let previous = previous_state();
            match database.take(&undo_state(), is_displaced.then_some(&previous)) {
                // Nothing was put aside yet, or a recovery that was cut short has put it back: nothing else removes it
                // while the journal names it.
                Ok(()) | Err(DatabaseError::UnknownState { .. }) => {}
                Err(error) => return Err(Error::database(id)(error)),
            }
            self.remember(id, before.clone())?;
        } else if contents.made.contains(&name) {
            let mut database = session.database(id)?;
            if database.kept().map_err(Error::database(id))?.is_empty() {
                database.destroy().map_err(Error::database(id))?;
            } else if database.exists().map_err(Error::database(id))? {
                // An empty one is as good as none, and what is kept of it stays.
                database.clear(None).map_err(Error::database(id))?;
            }
            session.forget(id)?;
        } else {
            let open = |id: &DatabaseId| session.database(id);
            let start = |provider: &dataset::Provider, heeded: &Interrupt| session.start_provider(provider, heeded);
            let made_by = |data_type: &str| session.types.made_by(session.types.data_type_called(data_type)?);
            for text in loader_stages::undo_in(id, &session.journal, &open, &start, &made_by)? {
                session.context.monitor.on(Progress::Note(text));
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
        let parts = plan::Parts { databases: databases.clone(), ..plan::Parts::default() };
        let work = plan::StateWork::Recover;
        let plan = plan::around_state(&self.model, &observed, &self.inputs, &parts, work, wanted);
        let interrupted = self.context.interrupt.is_raised();
        self.context.interrupt.lower();
        let material = Material::of("undo");
        self.is_abandoned.store(false, Ordering::Relaxed);
        let undone = resources::recover(self).map(|()| self.carry_out(&plan, &material));
        if interrupted {
            self.context.interrupt.raise();
        }
        let undone = undone?;
        // The content is what counts; a service that does not come up again is told, but does not bring it back.
        if let Err(error) = undone {
            let recovered = material.recovered.into_inner().expect("nothing panics while it holds this");
            if !databases.is_subset(&recovered) || matches!(error, Error::Interrupted) {
                return Err(error);
            }
            self.context.monitor.on(Progress::Note(with_causes(&error)));
        }
        let settled = self.left_to_undo();
        self.journal.settle(&settled)
    }
}

/// What to do about a step that failed.
fn help(failure: &Failure, step: &UnitId, is_container: bool) -> String {
    match failure {
        Failure::Spawn(_) if is_container => {
            "the engine refuses it: correct its keys, or see what the engine has with `seedbed doctor`".to_owned()
        }
        Failure::Spawn(_) => "install it, correct `run`, or let a task that makes it stand in `after`".to_owned(),
        Failure::NotReady { .. } => {
            format!("see why with `seedbed logs {step}`; `ready: {{ timeout: … }}` gives it longer")
        }
        Failure::NotLive { .. } => {
            format!("see why with `seedbed logs {step}`; `live: {{ failures: …, interval: … }}` bears with it longer")
        }
        Failure::CrashLoop { .. } => {
            format!("all that it printed: `seedbed logs {step}`; `restart: {{ max: … }}` lets it try more often")
        }
        Failure::TimedOut { .. } => "`timeout` gives it longer".to_owned(),
        Failure::NotGone => "the system cannot end it; see `dmesg`".to_owned(),
        Failure::Exited(_) | Failure::External(_) => {
            format!("all that it printed: `seedbed logs {}`", step.as_str().replace(' ', "-"))
        }
    }
}

/// The name under which a state of a chain is kept.
pub(crate) fn kept_state(key: &Key) -> StateName {
    StateName::new(format!("state-{}", &key.as_str()[..32])).expect("letters, digits and a hyphen")
}

fn keeps_previous(id: &DatabaseId, database: &mut dyn Database) -> Result<bool, Error> {
    let kept = database.kept().map_err(Error::database(id))?;
    Ok(kept.iter().any(|kept| kept.name == previous_state()))
}

fn undo_state() -> StateName {
    StateName::new(UNDO).expect("it is a plain word")
}

/// What the last command has put aside that succeeded.
pub(crate) fn previous_state() -> StateName {
    StateName::new("previous").expect("it is a plain word")
}
