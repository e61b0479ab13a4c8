//! Clones of databases for who tests with them: each is fresh, is made before somebody asks for it, and outlives nobody.
//!
//! [The design](../../../docs/design/033-clones-for-tests.md) says why they are made ahead.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use database::{Database, DatabaseError, Location, StateName};
use plan::DatabaseId;

use crate::clone_place::{ClonePlace, ClonePlaces};
use crate::context::{Context, Mode, Target};
use crate::databases::{find_one, reachable};
use crate::execute::kept_state;
use crate::record::Record;
use crate::session::Session;
use crate::states::{self, Scratch};
use crate::{Error, physical};

/// How many clones are ready before somebody asks.
const AHEAD: usize = 4;

/// How many wait to be dropped before that comes first: files that are removed soon are never written to the disk.
const LEFT: usize = 2;

/// How many threads make and drop; a server copies with one processor for each.
const MAKERS: usize = 2;

/// Clones of databases of an environment, by database and state as they are asked for. All are gone when this is dropped.
#[derive(Default)]
pub struct Clones {
    places: ClonePlaces,
    cloners: BTreeMap<(Option<String>, Option<String>), Cloner>,
}

impl Clones {
    /// Gives a fresh clone, which is that of who asked until it is [given back](Clones::give_back); says where it is.
    ///
    /// Its content is that of the declared state, of a step (`base`, `schema`, `data`), or of a snapshot, by tag or id. The environment must
    /// run; nothing of it is changed. Without a database's name it is the only one of the workspace.
    pub fn take(
        &mut self,
        context: &Context<'_>,
        target: &Target,
        database: Option<&str>,
        state: Option<&str>,
    ) -> Result<Location, Error> {
        let wanted = (database.map(str::to_owned), state.map(str::to_owned));
        if !self.cloners.contains_key(&wanted) {
            let cloner = Cloner::open(context, target, &mut self.places, database, state)?;
            self.cloners.insert(wanted.clone(), cloner);
        }
        let taken = self.cloners[&wanted].take();
        if taken.is_err() {
            self.cloners.remove(&wanted);
        }
        taken
    }

    /// Takes the clone with this URL back, which is dropped when there is time; says whether there was one.
    pub fn give_back(&self, url: &str) -> bool {
        self.cloners.values().any(|cloner| cloner.give_back(url))
    }
}

/// Makes clones of one state of one database, and drops them.
struct Cloner {
    id: DatabaseId,
    /// Where the database is of whose state there are clones.
    location: Location,
    pool: Arc<Pool>,
    makers: Vec<JoinHandle<()>>,
    /// Outlives the makers.
    _place: Arc<ClonePlace>,
}

/// What the threads share.
#[derive(Default)]
struct Pool {
    state: Mutex<PoolState>,
    /// Something of it is otherwise.
    changed: Condvar,
}

#[derive(Default)]
struct PoolState {
    /// Clones that nobody has yet, by name; each with the number of its maker.
    ready: VecDeque<(String, usize)>,
    /// How many are being made.
    begun: usize,
    /// Clones that somebody has, with their makers.
    taken: BTreeMap<String, usize>,
    /// Clones to be dropped, for each maker: a clone is dropped by the connection that made it.
    left: [Vec<String>; MAKERS],
    /// Why none can be made; making begins again when it was told.
    failure: Option<DatabaseError>,
    is_ending: bool,
}

impl Cloner {
    /// Puts the state into the place for clones, and begins to make them.
    fn open(
        context: &Context<'_>,
        target: &Target,
        places: &mut ClonePlaces,
        database: Option<&str>,
        state: Option<&str>,
    ) -> Result<Self, Error> {
        if Record::read(target.place(context).directory())?.is_none() {
            return Err(Error::NoEnvironment(target.name.clone()));
        }
        let session = Session::open(context, target, &Mode::Look(None), "db")?;
        let id = find_one(&session, database)?;
        let place = places.of(&session, &id)?;
        let location = place.location(&session, &id);
        let name = put(&session, &id, state, &mut *session.open_at(&id, &location)?)?;
        let pool = Arc::new(Pool::default());
        let mut cloner = Self { id, location, pool, makers: Vec::new(), _place: place };
        for number in 0..MAKERS {
            let database = session.open_at(&cloner.id, &cloner.location)?;
            let (pool, name) = (Arc::clone(&cloner.pool), name.clone());
            let maker = move || Maker { number, database, name, pool }.work();
            let thread = std::thread::Builder::new().name(format!("clones {number}")).spawn(maker);
            cloner.makers.push(thread.map_err(|source| Error::Thread { source })?);
        }
        Ok(cloner)
    }

    fn take(&self) -> Result<Location, Error> {
        let mut state = self.pool.lock();
        loop {
            if let Some((name, maker)) = state.ready.pop_front() {
                let location = self.location.renamed(&name);
                state.taken.insert(name, maker);
                self.pool.changed.notify_all();
                return Ok(location);
            }
            if let Some(failure) = state.failure.take() {
                return Err(Error::database(&self.id)(failure));
            }
            state = self.pool.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&self, url: &str) -> bool {
        let mut state = self.pool.lock();
        let found = state.taken.iter().find(|(name, _)| self.location.renamed(name).url() == url);
        let Some((name, maker)) = found.map(|(name, maker)| (name.clone(), *maker)) else { return false };
        state.taken.remove(&name);
        state.left[maker].push(name);
        self.pool.changed.notify_all();
        true
    }
}

impl Drop for Cloner {
    fn drop(&mut self) {
        self.pool.lock().is_ending = true;
        self.pool.changed.notify_all();
        for maker in self.makers.drain(..) {
            // One that has panicked has said so.
            let _ = maker.join();
        }
    }
}

/// Puts a state of a database where it is cloned, and gives its name there.
fn put(
    session: &Session<'_>,
    id: &DatabaseId,
    state: Option<&str>,
    there: &mut dyn Database,
) -> Result<StateName, Error> {
    let chain = &session.chains()[id];
    let of_chain = match state {
        None => Some(chain.declared()),
        Some(word) => chain.steps().find(|(step, _)| step.as_str() == word).map(|(_, key)| key),
    };
    let file = Scratch::new(session, "outgoing", id)?;
    if let Some(key) = of_chain {
        let name = kept_state(key);
        let mut here = reachable(session, id)?;
        if here.kept().map_err(Error::database(id))?.iter().all(|kept| kept.name != name) {
            let state = state.map_or_else(|| "its declared state".to_owned(), |state| format!("the state `{state}`"));
            return Err(Error::NotKept { database: id.clone(), state });
        }
        let mut kept = here.open_kept(&name).map_err(Error::database(id))?;
        kept.dump(file.path()).map_err(Error::database(id))?;
        there.restore_as(&name, file.path()).map_err(Error::database(id))?;
        return Ok(name);
    }
    let tag = state.expect("every chain has a declared state");
    let store = session.store()?;
    let snapshot = store.snapshot(&store.find(tag)?)?;
    let content = snapshot.contents.iter().find(|content| content.name == id.to_string());
    let content = content.ok_or_else(|| Error::OtherDatabases { missing: vec![id.to_string()] })?;
    let name = kept_state(&states::content_key(&content.fingerprint));
    physical::write_dump(session, content, store, file.path())?;
    there.restore_as(&name, file.path()).map_err(Error::database(id))?;
    states::check(session, id, there, &name, content, false)?;
    Ok(name)
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread with a connection of its own.
struct Maker {
    number: usize,
    database: Box<dyn Database>,
    name: StateName,
    pool: Arc<Pool>,
}

/// What a maker does next.
enum Work {
    Make,
    Drop(String),
}

impl Maker {
    fn work(mut self) {
        while let Some(work) = self.next() {
            match work {
                Work::Make => {
                    let made = self.database.clone_kept(&self.name);
                    let mut state = self.pool.lock();
                    state.begun -= 1;
                    match made {
                        Ok(name) => state.ready.push_back((name, self.number)),
                        Err(error) => state.failure = Some(error),
                    }
                }
                Work::Drop(name) => {
                    // What cannot be dropped goes with the place.
                    let _ = self.database.drop_clone(&name);
                }
            }
            self.pool.changed.notify_all();
        }
    }

    /// Waits for something to do; nothing when this is at its end: what there is goes with the place.
    fn next(&self) -> Option<Work> {
        let mut state = self.pool.lock();
        loop {
            if state.is_ending {
                return None;
            }
            let is_full = state.left[self.number].len() >= LEFT;
            let is_wanted = state.ready.len() + state.begun < AHEAD && state.failure.is_none();
            if is_wanted && !is_full {
                state.begun += 1;
                return Some(Work::Make);
            }
            if let Some(name) = state.left[self.number].pop() {
                return Some(Work::Drop(name));
            }
            state = self.pool.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
