//! Prepared servers: files of servers in which nothing was ever done but restoring declared states. New servers begin with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use database::{FINGERPRINT_VERSION, ServerFiles};
use plan::{Chain, ChainStep, DatabaseId, Key, PreparedServer, ServerId};
use store::{Content, ObjectWriter as _, State, StatePolicy, Store};
use tree::{PageRule, RestoreOptions, Rules};

use crate::execute::kept_state;
use crate::facts::{kind_of, server_database_name};
use crate::guarded::{self, Guarded, NotReady, Use};
use crate::material::LOGICAL;
use crate::physical::{self, PHYSICAL};
use crate::private::{PLATFORM, PRODUCT, VERSION, platform};
use crate::record::KeptRecord;
use crate::session::Session;
use crate::states::{self, Scratch};
use crate::{Error, Progress, with_causes};

/// The step of a prepared server, which is that of no chain.
const STEP: &str = "server";

/// The note of the fingerprints of its databases: JSON, by database.
const FINGERPRINTS: &str = "fingerprints";

/// What another content of a prepared server would change, so that those from before are not taken.
const FORM: &str = "1";

/// How many prepared servers of an environment's server a remote keeps.
const IN_REMOTE: usize = 3;

/// The declared states that a prepared server has, by database, with the step of each.
type Parts<'c> = BTreeMap<DatabaseId, (ChainStep, &'c Key)>;

/// The declared states of all databases of a server, and the key of what has them all and runs here.
fn wanted<'c>(
    session: &Session<'_>,
    server: &ServerId,
    chains: &'c BTreeMap<DatabaseId, Chain>,
) -> Option<(Key, Parts<'c>)> {
    let of_server = session.model.databases.values().filter(|database| database.server.as_ref() == Some(server));
    // What nothing is declared in is made when it is needed.
    let chains =
        of_server.map(|database| (&database.id, &chains[&database.id])).filter(|(_, chain)| chain.steps().count() > 1);
    let last = |chain: &'c Chain| chain.steps().last().expect("each begins with a step");
    let parts: Parts<'c> = chains.map(|(id, chain)| (id.clone(), last(chain))).collect();
    if parts.is_empty() {
        return None;
    }
    let (found, _) = session.server(server);
    let mut key = Key::of("prepared server");
    key.text(FORM).text(server.engine.as_str()).text(&found.product).text(found.major()).text(&platform());
    for (id, (_, state)) in &parts {
        key.text(&id.to_string()).text(&server_database_name(id)).text(state.as_str());
    }
    Some((key.end(), parts))
}

/// Whether a server of the environment is its own, and still to be made.
fn is_new(session: &Session<'_>, server: &ServerId) -> bool {
    let (_, place) = session.server(server);
    let files = session.engine(kind_of(server.engine)).server_files(place);
    !session.seats.contains_key(server) && files.is_some_and(|files| !files.directory.exists())
}

/// A prepared server that was found in a store.
pub(crate) struct Found<'c> {
    pub(crate) server: ServerId,
    pub(crate) prepared: State,
    pub(crate) parts: Parts<'c>,
}

/// The prepared servers in a store with which servers of this environment that are still to be made can begin.
pub(crate) fn find<'c>(
    session: &Session<'_>,
    store: &Store,
    chains: &'c BTreeMap<DatabaseId, Chain>,
) -> Result<Vec<Found<'c>>, Error> {
    let mut all = Vec::new();
    for server in session.model.servers.keys() {
        if !session.engine(kind_of(server.engine)).seals_servers() || !is_new(session, server) {
            continue;
        }
        let Some((key, parts)) = wanted(session, server, chains) else { continue };
        match store.server(key.as_str()) {
            Ok(Some(prepared)) => all.push(Found { server: server.clone(), prepared, parts }),
            // It is of no use, and no obstacle: `check` names it.
            Ok(None) | Err(store::StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(all)
}

/// Makes the data of a server of the files of a prepared one, which the own store has, and notes the states that are kept in it.
pub(crate) fn begin(session: &Session<'_>, server: &ServerId, with: &PreparedServer) -> Result<(), Error> {
    let store = session.store()?;
    let chains = session.chains();
    let (_, parts) = wanted(session, server, &chains).expect("it was found by this");
    let (first, (_, state)) = parts.first_key_value().expect("it has a database");
    let gone = || Error::StateGone { database: first.clone(), key: state.to_string() };
    let prepared = store.server(with.key.as_str())?.ok_or_else(gone)?;
    let (found, place) = session.server(server);
    // What is known of files that have just been written is of no use to anybody.
    let known = Scratch::new(session, "incoming", first)?;
    fs::create_dir(known.path()).map_err(Error::io("create", known.path()))?;
    let cache = known.path().join("stat");
    let mut fill = |to: &Path| {
        let options = RestoreOptions { sync: false, ..RestoreOptions::default() };
        let watch = |_| session.context.interrupt.flow();
        tree::restore(&prepared.content.root, to, &cache, store, &options, &watch).map(drop).map_err(Into::into)
    };
    let made = session.engine(kind_of(server.engine)).prepare_server_with(found, place, &mut fill);
    made.map_err(|source| Error::Engine { database: first.clone(), engine: server.to_string(), source })?;
    let (engine, now) = (server.engine.as_str().to_owned(), session.now());
    let mut kept = Vec::new();
    for (id, (step, key)) in &parts {
        let made_of = session.made_of(id, &chains[id], *step)?;
        let (engine, step, used) = (engine.clone(), step.as_str().to_owned(), now.clone());
        kept.push((id, key.to_string(), KeptRecord { engine, step, used, made_of }));
    }
    session.change_record(|record| {
        for (id, key, kept) in kept {
            record.kept.entry(id.clone()).or_default().insert(key, kept);
        }
    })
}

/// Compares a state that came with a prepared server with what was declared.
pub(crate) fn check(session: &Session<'_>, id: &DatabaseId, state: &Key) -> Result<(), Error> {
    let server = session.model.databases[id].server.as_ref().expect("its state came with a server");
    let prepared = session.observed.prepared.get(server).expect("its state was found in a prepared one");
    let gone = || Error::StateGone { database: id.clone(), key: state.to_string() };
    let stored = session.store()?.server(prepared.key.as_str())?.ok_or_else(gone)?;
    let expected = fingerprints(&stored.content).remove(&id.to_string()).ok_or_else(gone)?;
    states::check(session, id, &mut *session.database(id)?, &kept_state(state), &expected, false)
}

fn fingerprints(content: &Content) -> BTreeMap<String, String> {
    content.notes.get(FINGERPRINTS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Gives the prepared servers that go with these states, which are in the store: each has the declared states of all databases of
/// one server. Those that neither the store nor the remote has are made; what cannot be made is told.
pub(crate) fn of_states(
    session: &Session<'_>,
    store: &Store,
    there: &Store,
    states: &[State],
) -> Result<Vec<State>, Error> {
    let chains = session.chains();
    let mut all = Vec::new();
    // Without an environment there is no place for a server. What is shared does not begin with one, here or there.
    let servers = session.model.servers.keys().filter(|_| session.place.directory().is_dir());
    let servers = servers.filter(|server| !session.seats.contains_key(*server));
    for server in servers.filter(|server| session.engine(kind_of(server.engine)).seals_servers()) {
        let Some((key, parts)) = wanted(session, server, &chains) else { continue };
        let portable = |(id, (_, key)): (&DatabaseId, &(ChainStep, &Key))| {
            let state = states.iter().find(|state| state.key == key.as_str() && state.content.form == LOGICAL);
            state.map(|state| (id.clone(), state))
        };
        let leaving: BTreeMap<DatabaseId, &State> = parts.iter().filter_map(portable).collect();
        if leaving.len() < parts.len() || there.server(key.as_str())?.is_some() {
            continue;
        }
        if let Some(state) = store.server(key.as_str())?
            && store.writer()?.contains(&state.content.root)?
        {
            all.push(state);
            continue;
        }
        let title = format!("preparing {server} for other machines: their servers begin with its files");
        session.context.monitor.on(Progress::Note(title));
        match make(session, server, &key, &leaving, store) {
            Ok(Ok(state)) => all.push(state),
            Ok(Err(obstacle)) => tell(session, server, &obstacle),
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => tell(session, server, &with_causes(&error)),
        }
    }
    Ok(all)
}

fn tell(session: &Session<'_>, server: &ServerId, why: &str) {
    let text = format!("{server} is not prepared for other machines, which restore its databases one by one: {why}");
    session.context.monitor.on(Progress::Note(text));
}

/// Restores states into a new server, and keeps its files in the store; the other result says why they cannot leave the machine.
fn make(
    session: &Session<'_>,
    server: &ServerId,
    key: &Key,
    states: &BTreeMap<DatabaseId, &State>,
    store: &Store,
) -> Result<Result<State, String>, Error> {
    let (found, _) = session.server(server);
    let kind = kind_of(server.engine);
    let engine = session.engine(kind);
    let (first, _) = states.first_key_value().expect("it is made for databases");
    let failed = |source| Error::Engine { database: first.clone(), engine: server.to_string(), source };
    let place = Use::Sealing.place(session);
    let occupied = guarded::occupy(session, Use::Sealing)?;
    engine.prepare_server(found, &place).map_err(failed)?;
    let process = engine.server_process(found, &place).map_err(failed)?;
    let mut running = Guarded::start(place.clone(), &process, process.stop_signal, occupied)?;
    let mut fingerprints = BTreeMap::new();
    for (id, state) in states {
        if session.context.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        let location = running.location(kind, found.binaries.clone(), server_database_name(id), 0);
        let location = location.expect("an engine that seals servers has some");
        let mut database = session.open_at(id, &location)?;
        match running.wait(session, &mut *database) {
            Ok(_) => {}
            Err(NotReady::Failed(error)) => return Err(error),
            Err(NotReady::Ended(source, _)) => return Err(Error::database(id)(source)),
        }
        let name = kept_state(&Key::from_text(state.key.clone()));
        let file = Scratch::new(session, "outgoing", id)?;
        physical::write_dump(session, &state.content, store, file.path())?;
        database.restore_as(&name, file.path()).map_err(Error::database(id))?;
        states::check(session, id, &mut *database, &name, &state.content.fingerprint, false)?;
        if let Some(obstacle) = database.bound_to_machine().map_err(Error::database(id))? {
            return Ok(Err(format!("{id}: {obstacle}")));
        }
        // With it, what puts the state in place is a rename.
        database.prepare_spare(&name).map_err(Error::database(id))?;
        fingerprints.insert(id.to_string(), state.content.fingerprint.clone());
    }
    running.end();
    let files = engine.seal_server(found, &place).map_err(failed)?.expect("it is an engine that seals servers");
    save(session, server, key, &files, &fingerprints, store).map(Ok)
}

/// Keeps the files of a sealed server in the store.
fn save(
    session: &Session<'_>,
    server: &ServerId,
    key: &Key,
    files: &ServerFiles,
    fingerprints: &BTreeMap<String, String>,
    store: &Store,
) -> Result<State, Error> {
    let (found, _) = session.server(server);
    let pages = files.pages.iter().map(|(glob, bytes)| PageRule { glob: glob.clone(), bytes: *bytes }).collect();
    let rules = Rules { exclude: files.exclude.clone(), pages, ..Rules::default() };
    let cache = files.directory.with_extension("stat");
    let writer = store.writer()?;
    let saved = tree::save(&files.directory, &rules, &cache, &writer, &|_| session.context.interrupt.flow())
        .map_err(Error::tree)?;
    let written = writer.finish()?;
    let text = serde_json::to_string(fingerprints).expect("these types have string keys");
    let notes = [
        (PRODUCT, found.product.clone()),
        (VERSION, found.version.clone()),
        (PLATFORM, platform()),
        (FINGERPRINTS, text),
    ];
    let mut digest = Key::of("databases of a server");
    for (id, fingerprint) in fingerprints {
        digest.text(id).text(fingerprint);
    }
    let content = Content {
        name: format!("{}/{server}", session.model.root),
        kind: server.engine.as_str().to_owned(),
        form: PHYSICAL.to_owned(),
        fingerprint: format!("{FINGERPRINT_VERSION}-{}", digest.end()),
        root: saved.root,
        bytes: saved.bytes,
        notes: notes.map(|(name, value)| (name.to_owned(), value)).into(),
    };
    let state = State { key: key.to_string(), step: STEP.to_owned(), content, made: session.now() };
    store.name_server(&state, &written.session)?;
    Ok(state)
}

/// Lets go of prepared servers in the own store that are too many, too large or too old. What this environment needs stays.
pub(crate) fn apply_policy(session: &Session<'_>, store: &Store, limits: &StatePolicy) -> Result<(), Error> {
    let chains = session.chains();
    let servers = session.model.servers.keys();
    let needed: BTreeSet<String> =
        servers.filter_map(|server| wanted(session, server, &chains)).map(|(key, _)| key.to_string()).collect();
    for key in store::prune(&store.servers()?, limits) {
        if !needed.contains(&key) {
            store.delete_server(&key)?;
        }
    }
    Ok(())
}

/// Lets go of those in a remote that newer ones of the same server have come after.
pub(crate) fn tidy_remote(there: &Store, newest: &State) -> Result<(), Error> {
    let mut alike = there.servers()?;
    let platform = |state: &State| state.content.notes.get(PLATFORM).cloned();
    alike.retain(|state| state.content.name == newest.content.name && platform(state) == platform(newest));
    let limits = StatePolicy { count: Some(IN_REMOTE), ..StatePolicy::default() };
    for key in store::prune(&alike, &limits) {
        there.delete_server(&key)?;
    }
    Ok(())
}
