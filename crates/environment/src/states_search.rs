//! Which states of databases can be had: in the engines, in the store of the workspace, in the remotes.

use std::collections::{BTreeMap, BTreeSet};

use plan::{Chain, ChainStep, DatabaseId, Key, StateFound, StateSource};
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
    let mut search = Search { session, wanted, chains: session.chains(), found: Found::new() };
    search.in_engines()?;
    // What the store or a remote has can be made here.
    let leave_out = |place: &str, error: &Error| {
        let text = format!("{place} is left out: {}", with_causes(error));
        session.context.monitor.on(Progress::Note(text));
    };
    if (reach == Reach::Everywhere || !search.is_whole())
        && let Err(error) = search.in_own_store()
    {
        leave_out("the store", &error);
    }
    for remote in session.pulled_remotes() {
        if reach == Reach::Needed && search.is_whole() {
            break;
        }
        let source = StateSource::Remote(remote.name.clone());
        let looked = session.remote(remote, Purpose::Read).and_then(|store| search.in_store(&store, &source));
        match looked {
            Ok(()) | Err(Error::Store(store::StoreError::NoStore { .. })) => {}
            Err(error) => leave_out(&format!("remote {}", remote.name), &error),
        }
    }
    session.observed.states = search.found;
    Ok(())
}

type Found = BTreeMap<DatabaseId, BTreeMap<Key, StateFound>>;

/// A search for states of databases, the nearest places first.
struct Search<'s> {
    session: &'s Session<'s>,
    wanted: &'s BTreeSet<DatabaseId>,
    chains: BTreeMap<DatabaseId, Chain>,
    found: Found,
}

impl Search<'_> {
    /// Whether the declared state of each database was found.
    fn is_whole(&self) -> bool {
        self.wanted.iter().all(|id| {
            let chain = &self.chains[id];
            chain.steps().count() == 1 || self.has(id, chain.declared())
        })
    }

    fn has(&self, id: &DatabaseId, key: &Key) -> bool {
        self.found.get(id).is_some_and(|states| states.contains_key(key))
    }

    fn in_engines(&mut self) -> Result<(), Error> {
        let record = self.session.record();
        for id in self.wanted {
            for (key, kept) in record.kept.get(id).into_iter().flatten() {
                if self.session.can_hold(id, &kept.engine) {
                    let key = Key::from_text(key.clone());
                    self.add(id, key, &kept.step, &kept.made_of, &StateSource::Engine)?;
                }
            }
        }
        Ok(())
    }

    fn in_own_store(&mut self) -> Result<(), Error> {
        let Some(store) = existing_store(self.session.context, &self.session.target.root)? else { return Ok(()) };
        self.in_store(&store, &StateSource::Store)?;
        self.session.store.get_or_init(|| store);
        Ok(())
    }

    fn in_store(&mut self, store: &Store, source: &StateSource) -> Result<(), Error> {
        // One question for all: a store may be far away.
        let keys: BTreeSet<String> =
            store.references("states/")?.into_iter().map(|name| name["states/".len()..].to_owned()).collect();
        for id in self.wanted {
            let chain = &self.chains[id];
            let is_usable = |key: &Key| !self.session.unusable.contains(id, key, source);
            for (_, key) in chain.steps().filter(|(_, key)| keys.contains(key.as_str()) && is_usable(key)) {
                let here = self.found.entry(id.clone()).or_default();
                here.entry(key.clone()).or_insert_with(|| StateFound { source: source.clone(), ancestor: None });
            }
            if self.needs_ancestor(id) {
                self.ancestors(id, &keys, store, source)?;
            }
        }
        Ok(())
    }

    /// Whether the schema step of a database would begin with nothing.
    fn needs_ancestor(&self, id: &DatabaseId) -> bool {
        let chain = &self.chains[id];
        let has_ancestor = self.found.get(id).is_some_and(|found| found.values().any(|found| found.ancestor.is_some()));
        let has_schema = chain.schema.as_ref().is_none_or(|key| self.has(id, key));
        !has_schema && !self.has(id, chain.declared()) && !has_ancestor
    }

    /// Adds what a store has of a database that is none of its chain.
    fn ancestors(
        &mut self,
        id: &DatabaseId,
        keys: &BTreeSet<String>,
        store: &Store,
        source: &StateSource,
    ) -> Result<(), Error> {
        for key in keys {
            let state = match store.state(key) {
                // It is of no use, and no obstacle: `check` names it.
                Err(StoreError::Damaged { .. }) => continue,
                state => state?.filter(|state| state.content.name == id.to_string()),
            };
            let Some(state) = state else { continue };
            let made_of = made_of_note(&state.content);
            self.add(id, Key::from_text(key.clone()), &state.step, &made_of, source)?;
        }
        Ok(())
    }

    /// Adds a state if it is one of the chain, or the nearest from which the schema step can go on.
    fn add(
        &mut self,
        id: &DatabaseId,
        key: Key,
        step: &str,
        made_of: &MadeOf,
        source: &StateSource,
    ) -> Result<(), Error> {
        let chain = &self.chains[id];
        // What somebody else has named may have any form.
        if !key.is_digest() || self.session.unusable.contains(id, &key, source) {
            return Ok(());
        }
        let states = self.found.entry(id.clone()).or_default();
        if chain.steps().any(|(_, own)| *own == key) {
            states.entry(key).or_insert_with(|| StateFound { source: source.clone(), ancestor: None });
            return Ok(());
        }
        if step != ChainStep::Schema.as_str() || chain.schema.is_none() {
            return Ok(());
        }
        let now = self.session.made_of(id, chain, ChainStep::Schema)?;
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
}

/// How many inputs an ancestor lacks, by its words.
fn distance(words: &str) -> usize {
    words
        .strip_suffix(" more")
        .and_then(|rest| rest.rsplit(' ').next()?.parse::<usize>().ok())
        .map_or(1, |more| more + 1)
}
