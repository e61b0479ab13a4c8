//! One command on one environment: what is declared, what is there, and the right to change it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use daemon::Client;
use database::{Database, DatabaseError, DatabaseSettings, Engine, EngineKind, Location, ServerFound, ServerPlace};
use dataset::LoadPlan;
use manifest::{Applied, WorkspaceTree};
use plan::{DatabaseId, Facts, InputDigests, Model, Observed, ServerId};
use source::Problems;
use store::Store;
use supervisor::{UnitId, UnitStatus};

use crate::container_engine;
use crate::context::{Context, Mode, Target};
use crate::data::{self, DeclaredData};
use crate::dependencies::{self, Dependencies, Loaded};
use crate::facts::{FactsMaker, Lasting, Servers, find_all, server_ids, settings};
use crate::journal::Journal;
use crate::library::Purpose;
use crate::lock::Lock;
use crate::lost::forget_lost;
use crate::names::wanted_tasks;
use crate::observation::{
    TaskInputs, digests, is_there, observed_databases, observed_tasks, running_units, task_inputs, watched_tasks,
};
use crate::place::Place;
use crate::private::Private;
use crate::record::{DatabaseRecord, Record};
use crate::shared_choice::Why;
use crate::shared_server::{self, Seat, Seats};
use crate::specs::OwnSpec;
use crate::task_turns::Turns;
use crate::tasks::TaskMadeOf;
use crate::unusable::Unusable;
use crate::{Error, Progress, inputs, supervisor_client};

/// One command on one environment.
pub struct Session<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) target: Target,
    pub(crate) place: Place,
    pub(crate) tree: WorkspaceTree,
    pub(crate) dependencies: Dependencies,
    pub(crate) model: Model,
    pub(crate) observed: Observed,
    pub(crate) inputs: InputDigests,
    /// What the digests of the inputs of tasks are made of.
    pub(crate) task_inputs: TaskInputs,
    /// The tasks that nobody else runs meanwhile.
    pub(crate) turns: Mutex<Turns>,
    /// Tasks of which it was tried already to have what they make from the store.
    pub(crate) without_kept: BTreeSet<UnitId>,
    pub(crate) types: dataset::Registry,
    pub(crate) declared: LoadPlan,
    /// The specs of our own form that are declared, which are loaded after the records.
    pub(crate) own: Vec<OwnSpec>,
    /// The digest of each data type and spec, by its name.
    pub(crate) data_files: BTreeMap<String, String>,
    /// What the manifests say of declared specs beside their files.
    pub(crate) data_words: String,
    pub(crate) statuses: Vec<UnitStatus>,
    /// States that were found and turned out to be of no use.
    pub(crate) unusable: Unusable,
    pub(crate) journal: Journal,
    pub(crate) began: Instant,
    locations: BTreeMap<DatabaseId, Location>,
    settings: BTreeMap<DatabaseId, DatabaseSettings>,
    pub(crate) servers: Servers,
    /// Which of the servers are shared, and this environment's place there.
    pub(crate) seats: BTreeMap<ServerId, Seat>,
    /// Why the others are not.
    pub(crate) own_servers: BTreeMap<ServerId, Why>,
    record: Mutex<Record>,
    client: Mutex<Option<Client>>,
    /// Set when the supervisor is gone, and its servers with it: then nobody waits for them.
    pub(crate) is_abandoned: AtomicBool,
    pub(crate) store: OnceLock<Store>,
    /// The stores in remotes that were opened.
    pub(crate) remotes: Mutex<BTreeMap<(String, Purpose), Store>>,
    /// The server that reads saved files of another one, if that was needed.
    pub(crate) private: Mutex<Option<Private>>,
    /// The right to change something; one that only looks has none.
    pub(crate) lock: Option<Lock>,
}

/// Tells what is not as it should be in the files.
fn tell(context: &Context<'_>, warnings: &Problems) {
    if !warnings.is_empty() {
        context.monitor.on(Progress::Warnings(warnings));
    }
}

impl<'a> Session<'a> {
    /// Reads what is declared, looks at what is there, and puts right what a command that did not end has left.
    pub fn open(context: &'a Context<'a>, target: &Target, mode: &Mode, command: &str) -> Result<Self, Error> {
        loop {
            let mut session = Self::look(context, target, mode, command)?;
            session.take_over_watched()?;
            let left = session.journal.contents();
            let is_settled = session.left_to_undo().is_empty() && left.resources.is_empty() && left.succeeded.is_none();
            if mode.only_looks() {
                return Ok(session);
            }
            if is_settled {
                crate::guarded::remove(&session.place)?;
                crate::resources::repeat_interrupted(&session)?;
                return Ok(session);
            }
            if let Some(aside) = left.succeeded {
                let was_running = !session.observed.running.is_empty();
                session.finish(&aside)?;
                session.rest(was_running)?;
                continue;
            }
            context
                .monitor
                .on(Progress::Note("an earlier command did not come to its end; undoing what it began".to_owned()));
            let wanted: BTreeSet<UnitId> =
                session.journal.contents().running.iter().map(|id| UnitId::new(id.clone())).collect();
            let was_running = !session.observed.running.is_empty() || !wanted.is_empty();
            session.recover(&wanted)?;
            session.rest(was_running)?;
            // The lock is given back and taken again: what is observed now is another thing.
        }
    }

    /// The databases on which an earlier command began something. One that is not declared any more, or is one of another
    /// engine now, is left until it is as it was.
    pub(crate) fn left_to_undo(&self) -> BTreeSet<DatabaseId> {
        let record = self.record();
        let contents = self.journal.contents();
        let engine = |id: &DatabaseId| {
            let before = contents.protected.get(&id.to_string()).or_else(|| record.databases.get(id));
            before.map(|before| before.engine.clone())
        };
        let is_here = |id: &DatabaseId| {
            let location = self.locations.get(id);
            location.is_some_and(|location| engine(id).is_none_or(|engine| engine == location.engine().word()))
        };
        contents.databases().into_iter().filter(is_here).collect()
    }

    fn look(context: &'a Context<'a>, target: &Target, mode: &Mode, command: &str) -> Result<Self, Error> {
        let began = Instant::now();
        let place = target.place(context);
        let existing = Record::read(place.directory())?;
        if mode.needs_environment() && existing.is_none() {
            return Err(Error::NoEnvironment(target.name.clone()));
        }
        let profile = profile(target, existing.as_ref(), mode.profile())?;
        let applied = applied(mode, existing.as_ref());
        // Everything that can be wrong in the files is said before anything is made.
        let Declared { tree, dependencies, data, mut warnings } =
            read_declared(context, &target.root, profile.as_deref(), &applied)?;
        let lock = if mode.only_looks() { None } else { Some(Lock::take(&place, command, context)?) };
        // Whoever had the lock before may have changed this.
        let written = Record::read(place.directory())?;
        let mut record = match written.clone() {
            Some(record) if record.profile != profile || mode.configuration().is_none() && record.config != applied => {
                drop(lock);
                return Self::look(context, target, mode, command);
            }
            Some(record) => record,
            None if mode.needs_environment() => return Err(Error::NoEnvironment(target.name.clone())),
            None => Record::new(place.directory(), profile),
        };
        record.config = applied;
        if lock.is_some() {
            dependencies.write_lock()?;
        }
        let journal = Journal::open(place.directory())?;

        let mut client = connect(context, &place, lock.is_some())?;
        let statuses = client.as_mut().map_or_else(|| Ok(Vec::new()), Client::status).map_err(Error::Supervisor)?;
        let running = running_units(&statuses);

        let servers = server_ids(&tree);
        let found = find_all(context, &servers, lock.is_some())?;
        let found_seats = shared_server::seats(context, &place, &tree, &found, &mut record, lock.is_some())?;
        let Seats { taken: seats, own: own_servers } = found_seats;
        let engine = container_engine::find(context, &tree)?;
        let (name, containers) = (&target.name, engine.as_ref());
        let lasting = Lasting { tree: &tree, name, servers: &servers, containers, running: &running, seats: &seats };
        lasting.choose(&mut record, context.monitor)?;
        if lock.is_some() && written.as_ref() != Some(&record) {
            record.write()?;
        }

        let maker = FactsMaker {
            context,
            place: &place,
            record: &record,
            tree: &tree,
            name,
            containers: container_engine::facts(containers, &tree, &place, &record)?,
            seats: &seats,
        };
        let servers = maker.servers(found);
        let locations = maker.locations(&servers);
        let facts = Facts { wanted: wanted_tasks(mode, &tree)?, ..maker.facts(&servers, &locations)? };
        if lock.is_some() {
            forget_lost(&servers, &locations, &running, &seats, &mut record, &journal, context.monitor)?;
        }
        let model = plan::resolve(&tree, &facts).map_err(Error::Problems)?;
        let declared = dataset::order(&data.types, data.specs, &data::options(false)).map_err(Error::Problems)?;
        let (mut inputs, task_inputs) = digests(&tree, &model, data.digest, &declared)?;
        inputs.loaded.extend(data.own.iter().flat_map(|spec| spec.databases(&tree, &data.types)));
        warnings.extend(declared.warnings.iter().cloned());
        tell(context, &warnings);
        let (tasks, databases) =
            (observed_tasks(&place, &tree, &model)?, observed_databases(&record, &locations, &servers));
        let images = container_engine::images(engine.as_ref(), &model)?;
        let (watched, states) = (watched_tasks(&statuses), BTreeMap::new());
        let observed = Observed { tasks, databases, running, watched, images, states };
        Ok(Self {
            context,
            target: target.clone(),
            place,
            model,
            observed,
            inputs,
            task_inputs,
            turns: Mutex::default(),
            without_kept: BTreeSet::new(),
            types: data.types,
            declared,
            own: data.own,
            statuses,
            unusable: Unusable::default(),
            journal,
            began,
            data_files: data.files,
            data_words: data.words,
            settings: settings(&tree),
            store: OnceLock::new(),
            remotes: Mutex::default(),
            private: Mutex::new(None),
            locations,
            servers,
            seats,
            own_servers,
            record: Mutex::new(record),
            client: Mutex::new(client),
            is_abandoned: AtomicBool::new(false),
            lock,
            dependencies,
            tree,
        })
    }

    /// What is remembered of the environment, at this moment.
    pub(crate) fn record(&self) -> Record {
        self.record.lock().expect("nothing panics while it holds this").clone()
    }

    /// What is remembered of a database; nothing, when it was not made.
    pub(crate) fn database_record(&self, id: &DatabaseId) -> DatabaseRecord {
        self.record.lock().expect("nothing panics while it holds this").databases.get(id).cloned().unwrap_or_default()
    }

    /// Changes what is remembered of a database, and writes it down.
    pub(crate) fn remember(&self, id: &DatabaseId, change: impl FnOnce(&mut DatabaseRecord)) -> Result<(), Error> {
        let mut record = self.record.lock().expect("nothing panics while it holds this");
        let before = record.databases.get(id).cloned();
        change(record.databases.entry(id.clone()).or_default());
        // A full disk must not keep a database from getting back what it had.
        if before.as_ref() == record.databases.get(id) { Ok(()) } else { record.write() }
    }

    /// Forgets a database that is not there any more.
    pub(crate) fn forget(&self, id: &DatabaseId) -> Result<(), Error> {
        self.change_record(|record| drop(record.databases.remove(id)))
    }

    /// Changes what is remembered of the environment, and writes it down.
    pub(crate) fn change_record(&self, change: impl FnOnce(&mut Record)) -> Result<(), Error> {
        let mut record = self.record.lock().expect("nothing panics while it holds this");
        let before = record.clone();
        change(&mut record);
        if before == *record { Ok(()) } else { record.write() }
    }

    /// The connection to the supervisor; one is started when there is none.
    pub(crate) fn client(&self) -> Result<Client, Error> {
        if let Some(client) = self.connected() {
            return Ok(client);
        }
        match supervisor_client::settled(self.context, &self.place)? {
            Some(client) => Ok(client),
            None => supervisor_client::start(self.context, &self.place),
        }
    }

    /// The connection to the supervisor, if there is one that was not taken yet.
    pub(crate) fn connected(&self) -> Option<Client> {
        self.client.lock().expect("nothing panics while it holds this").take()
    }

    pub(crate) fn engine(&self, kind: EngineKind) -> &dyn Engine {
        self.context.engine(kind)
    }

    pub(crate) fn location(&self, id: &DatabaseId) -> &Location {
        &self.locations[id]
    }

    pub(crate) fn server(&self, id: &ServerId) -> &(ServerFound, ServerPlace) {
        &self.servers[id]
    }

    /// Whether what an engine holds of a database can still be there.
    pub(crate) fn can_hold(&self, id: &DatabaseId, engine: &str) -> bool {
        self.locations.get(id).is_some_and(|location| is_there(location, engine, &self.servers))
    }

    /// Opens what is somewhere else than the database itself, with the same settings.
    pub(crate) fn open_at(&self, id: &DatabaseId, location: &Location) -> Result<Box<dyn Database>, Error> {
        self.engine(location.engine()).open(location, &self.settings[id]).map_err(Error::database(id))
    }

    /// Opens a database; a server that has just begun to accept may need a moment more.
    pub(crate) fn database(&self, id: &DatabaseId) -> Result<Box<dyn Database>, Error> {
        const PATIENCE: Duration = Duration::from_secs(30);
        const PAUSE: Duration = Duration::from_millis(20);
        let location = self.location(id);
        let engine = self.engine(location.engine());
        let mut database = engine.open(location, &self.settings[id]).map_err(Error::database(id))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match database.exists() {
                Ok(_) => return Ok(database),
                Err(DatabaseError::Unreachable { .. })
                    if Instant::now() < deadline && !self.is_abandoned.load(Ordering::Relaxed) =>
                {
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(Error::database(id)(error)),
            }
        }
    }

    /// What is there now, after this command has changed something.
    pub(crate) fn observe_again(&self) -> Result<Observed, Error> {
        let statuses = match supervisor_client::settled(self.context, &self.place)? {
            Some(mut client) => client.status().map_err(Error::Supervisor)?,
            None => Vec::new(),
        };
        let databases = observed_databases(&self.record(), &self.locations, &self.servers);
        let (tasks, states) = (self.observed.tasks.clone(), self.observed.states.clone());
        let images = self.observed.images.clone();
        Ok(Observed {
            running: running_units(&statuses),
            watched: watched_tasks(&statuses),
            databases,
            tasks,
            images,
            states,
        })
    }

    /// Looks at the tasks again, since others may have run them; says whether anything is otherwise.
    pub(crate) fn look_at_tasks(&mut self) -> Result<bool, Error> {
        let observed = observed_tasks(&self.place, &self.tree, &self.model)?;
        let task_inputs = task_inputs(&self.tree, &self.model)?;
        let is_other = observed != self.observed.tasks || task_inputs != self.task_inputs;
        self.inputs.tasks = task_inputs.iter().map(|(id, listed)| (id.clone(), inputs::digest_of(listed))).collect();
        (self.observed.tasks, self.task_inputs) = (observed, task_inputs);
        Ok(is_other)
    }

    /// What the key of a task is made of.
    pub(crate) fn task_made_of(&self, id: &UnitId) -> TaskMadeOf {
        let keys = plan::task_keys(&self.model, &self.inputs);
        let task = &self.model.tasks[id];
        let before = task.after.iter().map(|condition| &condition.unit);
        let tasks = before.filter_map(|unit| Some((unit.to_string(), keys.get(unit)?.to_string())));
        TaskMadeOf {
            words: task.words.to_string(),
            inputs: self.task_inputs.get(id).cloned().unwrap_or_default(),
            tasks: tasks.collect(),
        }
    }

    /// Fails if Ctrl-C was pressed.
    pub(crate) fn heed_interrupt(&self) -> Result<(), Error> {
        if self.context.interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// The wall clock, in RFC 3339.
    pub(crate) fn now(&self) -> String {
        humantime::format_rfc3339_seconds((self.context.now)()).to_string()
    }

    /// Services that run now.
    pub(crate) fn running_services(&self) -> BTreeSet<UnitId> {
        self.model.services.keys().filter(|id| self.observed.running.contains_key(*id)).cloned().collect()
    }
}

/// The connection to the supervisor, for a command that only looks or one that has the right to change.
fn connect(context: &Context<'_>, place: &Place, may_change: bool) -> Result<Option<Client>, Error> {
    if !may_change {
        return Client::connect(&place.socket()).map_err(Error::Supervisor);
    }
    // Whoever had the right may have been killed: what it asked the supervisor for is taken back first.
    let client = supervisor_client::settled(context, place)?;
    if client.is_none() && !Record::exists(place.directory()) {
        // Its directory was removed by hand: nobody knows the passwords of the servers that are left.
        place.remove_servers()?;
    }
    Ok(client)
}

/// The profile of an environment, or the one that it is made with.
fn profile(target: &Target, existing: Option<&Record>, wanted: Option<String>) -> Result<Option<String>, Error> {
    match (existing, wanted) {
        (Some(record), Some(wanted)) if record.profile.as_ref() != Some(&wanted) => {
            let made_with = record.profile.clone();
            Err(Error::Profile { name: target.name.clone(), made_with, wanted })
        }
        (Some(record), _) => Ok(record.profile.clone()),
        (None, Some(wanted)) => Ok(Some(wanted)),
        (None, None) => dependencies::own_profile(&target.root),
    }
}

/// The configuration that a command brings with it, or else the one that was applied.
fn applied(mode: &Mode, existing: Option<&Record>) -> Applied {
    mode.configuration().or(existing.map(|record| &record.config)).cloned().unwrap_or_default()
}

struct Declared {
    tree: WorkspaceTree,
    dependencies: Dependencies,
    data: DeclaredData,
    warnings: Problems,
}

fn read_declared(
    context: &Context<'_>,
    root: &Path,
    profile: Option<&str>,
    applied: &Applied,
) -> Result<Declared, Error> {
    let Loaded { tree, mut problems, dependencies } = dependencies::load(context, root, profile, applied)?;
    let Some(tree) = tree else { return Err(Error::Problems(problems)) };
    let data = DeclaredData::read(context, root, &tree, &mut problems);
    if problems.has_errors() {
        return Err(Error::Problems(problems));
    }
    Ok(Declared { tree, dependencies, data, warnings: problems })
}
