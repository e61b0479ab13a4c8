//! Which states of databases can be had: in the engines, in the store of the workspace, in the remotes.

use std::collections::{BTreeMap, BTreeSet};

use plan::{Chain, ChainStep, DatabaseId, Key, PreparedServer, ServerId, StateFound, StateSource};
use store::{Store, StoreError};

use crate::library::{Purpose, existing_store};
use crate::record::MadeOf;
use crate::session::Session;
use crate::states::made_of_note;
use crate::{Error, Progress, with_causes};

/// How far to look for states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// As far as one is not found nearer.
    Needed,
    /// In the engines, in the store and in the remotes.
    Everywhere,
}

/// Finds out which states of these databases can be had without making them.
pub(crate) fn find(session: &mut Session<'_>, wanted: &BTreeSet<DatabaseId>, reach: Reach) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    let chains = session.chains();
    let mut prepared = BTreeMap::new();
    let mut found = in_engines(session, wanted, &chains)?;
    let is_whole = |found: &Found| {
        wanted.iter().all(|id| {
            let key = chains[id].declared();
            chains[id].steps().count() == 1 || found.get(id).is_some_and(|states| states.contains_key(key))
        })
    };
    // What the store or a remote has can be made here.
    let leave_out = |place: &str, error: &Error| {
        let text = format!("{place} is left out: {}", with_causes(error));
        session.context.monitor.on(Progress::Note(text));
    };
    if (reach == Reach::Everywhere || !is_whole(&found))
        && let Err(error) = in_own_store(session, wanted, &chains, &mut found, &mut prepared)
    {
        leave_out("the store", &error);
    }
    let remotes: Vec<manifest::Remote> = session.pulled_remotes().cloned().collect();
    for remote in remotes {
        if reach == Reach::Needed && is_whole(&found) {
            break;
        }
        let source = StateSource::Remote(remote.name.clone());
        let looked = session
            .remote(&remote, Purpose::Read)
            .and_then(|store| in_store(session, &store, &source, wanted, &chains, &mut found, &mut prepared));
        match looked {
            Ok(()) | Err(Error::Store(store::StoreError::NoStore { .. })) => {}
            Err(error) => leave_out(&format!("remote {}", remote.name), &error),
        }
    }
    (session.observed.states, session.observed.prepared) = (found, prepared);
    Ok(())
}

type Found = BTreeMap<DatabaseId, BTreeMap<Key, StateFound>>;
type Prepared = BTreeMap<ServerId, PreparedServer>;

fn in_engines(
    session: &Session<'_>,
    wanted: &BTreeSet<DatabaseId>,
    chains: &BTreeMap<DatabaseId, Chain>,
) -> Result<Found, Error> {
    let record = session.record();
    let mut found = Found::new();
    for id in wanted {
        for (key, kept) in record.kept.get(id).into_iter().flatten() {
            if session.can_hold(id, &kept.engine) {
                let (key, step) = (Key::from_text(key.clone()), kept.step.as_str());
                add(session, id, &chains[id], key, step, &kept.made_of, &StateSource::Engine, &mut found)?;
            }
        }
    }
    Ok(found)
}

fn in_own_store(
    session: &Session<'_>,
    wanted: &BTreeSet<DatabaseId>,
    chains: &BTreeMap<DatabaseId, Chain>,
    found: &mut Found,
    prepared: &mut Prepared,
) -> Result<(), Error> {
    let Some(store) = existing_store(session.context, &session.target.root)? else { return Ok(()) };
    in_store(session, &store, &StateSource::Store, wanted, chains, found, prepared)?;
    session.store.get_or_init(|| store);
    Ok(())
}

fn in_store(
    session: &Session<'_>,
    store: &Store,
    source: &StateSource,
    wanted: &BTreeSet<DatabaseId>,
    chains: &BTreeMap<DatabaseId, Chain>,
    found: &mut Found,
    prepared: &mut Prepared,
) -> Result<(), Error> {
    begins(session, store, source, wanted, chains, found, prepared)?;
    // One question for all: a store may be far away.
    let keys: BTreeSet<String> =
        store.references("states/")?.into_iter().map(|name| name["states/".len()..].to_owned()).collect();
    for id in wanted {
        let chain = &chains[id];
        let is_usable = |key: &Key| !session.unusable.contains(id, key, source);
        for (_, key) in chain.steps().filter(|(_, key)| keys.contains(key.as_str()) && is_usable(key)) {
            let here = found.entry(id.clone()).or_default();
            here.entry(key.clone()).or_insert_with(|| StateFound { source: source.clone(), ancestor: None });
        }
        let has = |key: &Key| found.get(id).is_some_and(|found| found.contains_key(key));
        let has_ancestor = found.get(id).is_some_and(|found| found.values().any(|found| found.ancestor.is_some()));
        if !chain.schema.as_ref().is_none_or(has) && !has(chain.declared()) && !has_ancestor {
            for key in &keys {
                let state = match store.state(key) {
                    // It is of no use, and no obstacle: `check` names it.
                    Err(StoreError::Damaged { .. }) => continue,
                    state => state?.filter(|state| state.content.name == id.to_string()),
                };
                let Some(state) = state else { continue };
                let made_of = made_of_note(&state.content);
                add(session, id, chain, Key::from_text(key.clone()), &state.step, &made_of, source, found)?;
            }
        }
    }
    Ok(())
}

/// Adds what servers that are still to be made can begin with, unless it was found nearer.
fn begins(
    session: &Session<'_>,
    store: &Store,
    source: &StateSource,
    wanted: &BTreeSet<DatabaseId>,
    chains: &BTreeMap<DatabaseId, Chain>,
    found: &mut Found,
    prepared: &mut Prepared,
) -> Result<(), Error> {
    for begin in crate::prepared::find(session, store, chains)? {
        let has = |(id, (_, key)): (&DatabaseId, &(ChainStep, &Key))| {
            found.get(id).is_some_and(|states| states.contains_key(*key))
        };
        let is_of_use = begin.parts.keys().all(|id| wanted.contains(id)) && !begin.parts.iter().all(has);
        if !is_of_use || session.unusable.begins_anew(&begin.server) || prepared.contains_key(&begin.server) {
            continue;
        }
        for (id, (_, key)) in begin.parts {
            let state = StateFound { source: StateSource::Server, ancestor: None };
            found.entry(id).or_default().insert(key.clone(), state);
        }
        let key = Key::from_text(begin.prepared.key);
        prepared.insert(begin.server, PreparedServer { key, source: source.clone() });
    }
    Ok(())
}

/// Adds a state if it is one of the chain, or the nearest from which the schema step can go on.
#[expect(clippy::too_many_arguments, reason = "they are one state and where it belongs")]
fn add(
    session: &Session<'_>,
    id: &DatabaseId,
    chain: &Chain,
    key: Key,
    step: &str,
    made_of: &MadeOf,
    source: &StateSource,
    found: &mut Found,
) -> Result<(), Error> {
    // What somebody else has named may have any form.
    if !key.is_digest() || session.unusable.contains(id, &key, source) {
        return Ok(());
    }
    let states = found.entry(id.clone()).or_default();
    if chain.steps().any(|(_, own)| *own == key) {
        states.entry(key).or_insert_with(|| StateFound { source: source.clone(), ancestor: None });
        return Ok(());
    }
    if step != ChainStep::Schema.as_str() || chain.schema.is_none() {
        return Ok(());
    }
    let now = session.made_of(id, chain, ChainStep::Schema)?;
    let Some(missing) = made_of.missing_in(&now) else { return Ok(()) };
    let words = match missing.as_slice() {
        [one] => format!("it lacks {one}"),
        several => format!("it lacks {} and {} more", several[0], several.len() - 1),
    };
    let distance = |found: &StateFound| found.ancestor.as_ref().map_or(usize::MAX, |text| distance(text));
    let is_nearer = states.values().all(|other| distance(other) > missing.len());
    if is_nearer {
        states.retain(|_, other| other.ancestor.is_none());
        states.insert(key, StateFound { source: source.clone(), ancestor: Some(words) });
    }
    Ok(())
}

/// How many inputs an ancestor lacks, by its words.
fn distance(words: &str) -> usize {
    words
        .strip_suffix(" more")
        .and_then(|rest| rest.rsplit(' ').next()?.parse::<usize>().ok())
        .map_or(1, |more| more + 1)
}
