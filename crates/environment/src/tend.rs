//! What is finished after a command, in the background: spare copies, states for the store, tidying.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use database::{StateName, Unsettled};
use plan::{DatabaseId, Key, ServerId};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::context::{Context, Mode, Target};
use crate::databases::is_reachable;
use crate::execute::kept_state;
use crate::facts::kind_of;
use crate::place::Place;
use crate::record::Record;
use crate::session::Session;
use crate::{Error, Progress, shared_server, states};

/// What tending has done.
#[derive(Debug, Default)]
pub struct TendReport {
    /// States that are in the store now and were not before: database, step, key.
    pub stored: Vec<(String, String, String)>,
    /// Databases of which a spare copy is ready.
    pub spares: Vec<String>,
    /// States that the policy has removed from the store.
    pub removed: usize,
}

/// States above this size are stored when they are pushed, not before: a dump costs the machine more than it may be worth.
const STORED_AT_ONCE: u64 = 256 << 20;

/// How long a command may take to forget a state after it has ended the work on it.
const FORGETTING: Duration = Duration::from_secs(10);

/// How often to look whether it has.
const PAUSE: Duration = Duration::from_millis(50);

/// Finishes what is done in the background. One process does it for an environment at a time; `None`: another one is at it,
/// and this one is not to wait.
pub fn tend(context: &Context<'_>, target: &Target, is_background: bool) -> Result<Option<TendReport>, Error> {
    let place = target.place(context);
    if Record::read(place.directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let Some(_turn) = Turn::take(&place, is_background)? else { return Ok(None) };
    let mut report = TendReport::default();
    loop {
        let before = Record::read(place.directory())?;
        let session = Session::open(context, target, &Mode::Look(None), "tend")?;
        let limit = if is_background { STORED_AT_ONCE } else { u64::MAX };
        crate::resources::settle(&session)?;
        session.tend(limit, &mut report)?;
        // A command that came meanwhile and found this one at work relies on it.
        if context.interrupt.is_raised() || Record::read(place.directory())? == before {
            return Ok(Some(report));
        }
    }
}

impl Session<'_> {
    /// Whether what a server was filled with is not on the disk yet.
    pub(crate) fn has_unsettled(&self) -> bool {
        self.servers.values().any(|(_, place)| Unsettled::of(&place.directory).is_set())
    }

    /// Lets everything be on the disk that servers have not written there, so that they need not when they stop.
    fn settle_servers(&self) -> Result<(), Error> {
        for server in self.model.servers.keys() {
            let own = |id: &&DatabaseId| self.model.databases[*id].server.as_ref() == Some(server);
            let Some(id) = self.model.databases.keys().find(own).filter(|id| is_reachable(self, id)) else { continue };
            // Of those that share a server, one at a time: it is settled once and for all.
            let _turn = self.tending_turn(server)?;
            self.database(id)?.settle().map_err(Error::database(id))?;
        }
        Ok(())
    }

    /// The turn of the one that works on the files of a shared server.
    fn tending_turn(&self, server: &ServerId) -> Result<Option<shared_server::Turn>, Error> {
        self.seats.get(server).map(|seat| seat.server.tending_turn(self.context)).transpose()
    }

    /// Makes what the next servers of this machine begin with.
    fn prepare_templates(&self) -> Result<(), Error> {
        for server in self.model.servers.keys() {
            let (found, place) = self.server(server);
            let _turn = self.tending_turn(server)?;
            let prepared = self.engine(kind_of(server.engine)).prepare_template(found, place);
            let database = self.model.databases.values().find(|database| database.server.as_ref() == Some(server));
            let database = database.expect("a server is there for a database").id.clone();
            prepared.map_err(|source| Error::Engine { database, engine: server.to_string(), source })?;
        }
        Ok(())
    }

    fn tend(&self, limit: u64, report: &mut TendReport) -> Result<(), Error> {
        self.settle_servers()?;
        let record = self.record();
        let declared = self.chains();
        let spares = self.states_policy().spares;
        for (id, kept) in &record.kept {
            let is_here = self.model.databases.contains_key(id) && is_reachable(self, id);
            if !is_here || kept.is_empty() || self.context.interrupt.is_raised() {
                continue;
            }
            let mut database = self.database(id)?;
            database.tidy().map_err(Error::database(id))?;
            let present = database.kept().map_err(Error::database(id))?;
            let key = declared[id].declared();
            let state = present.iter().find(|present| present.name == kept_state(key));
            if let Some(state) = state.filter(|_| spares > 0)
                && !state.has_spare
            {
                let done = database.prepare_spare(&state.name).map_err(Error::database(id));
                let is_done = self.unless_forgotten(id, &state.name, done)?.is_some();
                if is_done && !report.spares.contains(&id.to_string()) {
                    report.spares.push(id.to_string());
                }
            }
            // A restore of a recent snapshot takes a spare, too, as far as there is room for them.
            let saved = states::snapshots_kept(&record, id, &present);
            let mut bytes: u64 = saved.iter().map(|(_, state)| state.bytes).sum();
            for (_, state) in saved.into_iter().filter(|_| spares > 0) {
                bytes += state.bytes;
                if bytes > states::snapshot_limit(self, id) || self.context.interrupt.is_raised() {
                    break;
                }
                if !state.has_spare {
                    let done = database.prepare_spare(&state.name).map_err(Error::database(id));
                    self.unless_forgotten(id, &state.name, done)?;
                }
            }
        }
        for (id, kept) in &record.kept {
            if !self.model.databases.contains_key(id) || !is_reachable(self, id) {
                continue;
            }
            let mut database = self.database(id)?;
            let present = database.kept().map_err(Error::database(id))?;
            for (key, known) in kept {
                let key = Key::from_text(key.clone());
                let found = present.iter().find(|present| present.name == kept_state(&key));
                let Some(found) = found.filter(|found| found.bytes <= limit) else { continue };
                if self.context.interrupt.is_raised() {
                    return Ok(());
                }
                let kept = database.open_kept(&found.name).map_err(Error::database(id));
                let stored = kept.and_then(|kept| states::store(self, id, &key, known, kept));
                if self.unless_forgotten(id, &found.name, stored)? == Some(true) {
                    report.stored.push((id.to_string(), known.step.clone(), key.to_string()));
                }
            }
        }
        report.stored.extend(self.keep_outputs()?);
        report.removed += states::apply_policy(self)?;
        self.prepare_templates()?;
        // What the copies have left to be written; whoever stops a server would wait for it.
        self.settle_servers()
    }

    /// What came of work on a kept state; nothing where a command has forgotten the state meanwhile, since this process keeps none
    /// from it.
    fn unless_forgotten<T>(
        &self,
        id: &DatabaseId,
        state: &StateName,
        done: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let error = match done {
            Ok(done) => return Ok(Some(done)),
            Err(error) => error,
        };
        // A command ends the work on a state, and then takes its name away.
        let deadline = Instant::now() + FORGETTING;
        loop {
            let present = self.database(id)?.kept().map_err(Error::database(id))?;
            if !present.iter().any(|present| present.name == *state) {
                return Ok(None);
            }
            // On a full disk every moment counts: whoever comes next removes what was put aside.
            if error.is_disk_full() || Instant::now() > deadline || self.context.interrupt.is_raised() {
                return Err(error);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Lets another process finish in the background what need not be waited for.
    pub(crate) fn tend_in_background(&self) {
        let log = self.place.directory().join("tend.log");
        let started = fs::File::create(&log).and_then(|log| {
            Command::new(&self.context.program)
                .arg("--name")
                .arg(&self.target.name)
                .arg("-C")
                .arg(&self.target.root)
                .args(["--quiet", "--json", "tend", "--background"])
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                // Ctrl-C in the terminal is not meant for it.
                .process_group(0)
                .spawn()
        });
        // It is of use and not needed: `tend` does the same, and so does the next command that starts it.
        if let Err(error) = started {
            let text = format!("what is done in the background could not be started: {error}");
            self.context.monitor.on(Progress::Note(text));
        }
    }

    /// How many states are kept, and how long: as the root workspace says.
    pub(crate) fn states_policy(&self) -> &manifest::States {
        &self.tree.workspace(self.tree.root).manifest.states
    }
}

/// The turn of the one process that tends an environment. Given back by the kernel, however the process ends.
struct Turn(#[expect(dead_code, reason = "it is held")] fs::File);

impl Turn {
    fn take(place: &Place, is_background: bool) -> Result<Option<Self>, Error> {
        let path = place.directory().join("tend.pid");
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        let operation =
            if is_background { FlockOperation::NonBlockingLockExclusive } else { FlockOperation::LockExclusive };
        match flock(&file, operation) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(Error::io("lock", &path)(error.into())),
        }
        file.set_len(0).map_err(Error::io("write", &path))?;
        write!(file, "{}", std::process::id()).map_err(Error::io("write", &path))?;
        Ok(Some(Self(file)))
    }
}

/// Ends what tends an environment, and waits until it is gone: its servers and files are about to go.
pub(crate) fn stop_tending(place: &Place) -> Result<(), Error> {
    const PATIENCE: Duration = Duration::from_secs(5);
    const LOOK: Duration = Duration::from_millis(2);
    let path = place.directory().join("tend.pid");
    let Ok(file) = fs::File::open(&path) else { return Ok(()) };
    let began = Instant::now();
    let mut was_asked = None;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(Error::io("lock", &path)(error.into())),
        }
        let signal = if began.elapsed() > PATIENCE { Signal::KILL } else { Signal::TERM };
        if let Some(pid) = pid(&path).filter(|pid| was_asked != Some((*pid, signal)) && test_kill_process(*pid).is_ok())
        {
            // One that has just ended needs no signal.
            let _ = kill_process(pid, signal);
            was_asked = Some((pid, signal));
        }
        std::thread::sleep(LOOK);
    }
}

fn pid(path: &Path) -> Option<Pid> {
    Pid::from_raw(fs::read_to_string(path).ok()?.trim().parse().ok()?)
}
