//! States of databases that need not be made again: which there are, how one is had, how long they are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use database::{Database, EngineKind, Kept, StateName, is_comparable};
use plan::{ChainStep, DatabaseId, Key, StateSource};
use store::{Content, ObjectWriter as _, State, StatePolicy, Store, StoreError};

use crate::execute::kept_state;
use crate::library::{Purpose, existing_store};
use crate::material::dumped;
use crate::physical::{self, PHYSICAL};
use crate::record::{KeptRecord, MadeOf, Record};
use crate::session::Session;
use crate::sharing::{Shared, send_states};
use crate::{Error, Progress};

/// The step of a kept state that is none of a chain, but was saved in a snapshot or restored from one.
pub(crate) const SNAPSHOT: &str = "snapshot";

/// How many of those are kept.
const SNAPSHOTS: usize = 3;

/// How many bytes of them are kept by engines that are slow to copy, or keep everything in memory.
const SLOW_BYTES: u64 = 32 << 20;

/// The note of a content that says what it was made of.
const MADE_OF: &str = "made_of";

/// How many of the files of a schema that Seedbed executes have been executed on a database already.
pub(crate) fn executed(session: &Session<'_>, id: &DatabaseId) -> Result<usize, Error> {
    let before = session.database_record(id).made_of;
    let now = session.made_of(id, &session.chains()[id], ChainStep::Schema)?;
    Ok(before.missing_in(&now).map_or(0, |_| before.executed()))
}

/// Gets a state from the store or a remote, and keeps it in the engine.
pub(crate) fn fetch(
    session: &Session<'_>,
    id: &DatabaseId,
    key: &Key,
    step: ChainStep,
    source: &StateSource,
) -> Result<(), Error> {
    let store = session.store()?;
    if let StateSource::Remote(name) = source {
        bring(session, name, std::slice::from_ref(key))?;
    }
    let state = store.state(key.as_str())?;
    let state = state.ok_or_else(|| Error::StateGone { database: id.clone(), key: key.to_string() })?;
    let mut database = session.database(id)?;
    restore_as(session, id, &mut *database, &kept_state(key), &state.content, store, false)?;
    let made_of = made_of_note(&state.content);
    remember_kept(session, id, key.as_str(), step.as_str(), made_of)
}

/// Takes states from a remote into the own store, all in one go. What is there of them is not sent again; what was lost of
/// them is.
pub(crate) fn bring(session: &Session<'_>, remote: &str, keys: &[Key]) -> Result<(), Error> {
    let there = session.remote(crate::library::remote(&session.tree, Some(remote))?, Purpose::Read)?;
    let mut found = Vec::new();
    for key in keys {
        found.extend(there.state(key.as_str())?);
    }
    if found.is_empty() {
        return Ok(());
    }
    send_states(session.context, &there, session.store()?, &found, &mut Shared::default())
}

/// Makes a kept state of what a store holds, and compares it with what was saved.
pub(crate) fn restore_as(
    session: &Session<'_>,
    id: &DatabaseId,
    database: &mut dyn Database,
    name: &StateName,
    content: &Content,
    store: &Store,
    prove: bool,
) -> Result<(), Error> {
    let engine = session.location(id).engine().word();
    if content.kind != engine {
        return Err(Error::OtherEngine { database: id.clone(), engine: engine.to_owned(), kind: content.kind.clone() });
    }
    let is_transplanted =
        content.form == PHYSICAL && physical::transplant(session, id, database, name, content, store)?;
    if !is_transplanted {
        let file = Scratch::new(session, "incoming", id)?;
        physical::write_dump(session, content, store, file.path())?;
        session.heed_interrupt()?;
        database.restore_as(name, file.path()).map_err(Error::database(id))?;
    }
    let checked = check(session, id, database, name, content, prove);
    if checked.is_err() {
        // What is wrong must not be taken for a state by anybody.
        database.forget(name).map_err(Error::database(id))?;
    }
    checked
}

pub(crate) fn check(
    session: &Session<'_>,
    id: &DatabaseId,
    database: &mut dyn Database,
    name: &StateName,
    content: &Content,
    prove: bool,
) -> Result<(), Error> {
    let mut kept = database.open_kept(name).map_err(Error::database(id))?;
    if !is_comparable(&content.fingerprint) {
        let text = format!(
            "{id}: its bytes are those that were saved; its fingerprint was computed by another version of seedbed, and \
             is not compared"
        );
        session.context.monitor.on(Progress::Note(text));
    } else if kept.fingerprint().map_err(Error::database(id))? != content.fingerprint {
        return Err(Error::NotRestored(id.clone()));
    }
    if prove {
        let findings = kept.check().map_err(Error::database(id))?;
        if !findings.is_empty() {
            return Err(Error::NotProved { database: id.clone(), findings });
        }
        session.context.monitor.on(Progress::Note(format!("{id}: the engine's own checker finds nothing wrong")));
    }
    Ok(())
}

/// The key under which the content of a snapshot is kept: that of its fingerprint, which may have come from anywhere.
pub(crate) fn content_key(fingerprint: &str) -> Key {
    Key::of("content").text(fingerprint).end()
}

/// Remembers that a state of a chain is kept, made of what is declared now.
pub(crate) fn kept(session: &Session<'_>, id: &DatabaseId, state: &Key, step: ChainStep) -> Result<(), Error> {
    let made_of = session.made_of(id, &session.chains()[id], step)?;
    remember_kept(session, id, state.as_str(), step.as_str(), made_of)
}

/// Remembers that a state is kept, and lets go of those that are too many.
pub(crate) fn remember_kept(
    session: &Session<'_>,
    id: &DatabaseId,
    key: &str,
    step: &str,
    made_of: MadeOf,
) -> Result<(), Error> {
    let engine = session.location(id).engine().word().to_owned();
    let kept = KeptRecord { engine, step: step.to_owned(), used: session.now(), made_of };
    let limit = if step == SNAPSHOT { SNAPSHOTS } else { session.states_policy().keep.max(1) };
    let chains = session.chains();
    let is_needed = |key: &str| chains.get(id).is_some_and(|chain| chain.steps().any(|(_, own)| own.as_str() == key));
    let since = kept_since(session);
    let mut gone = Vec::new();
    session.change_record(|record| {
        let all = record.kept.entry(id.clone()).or_default();
        all.insert(key.to_owned(), kept);
        gone = superfluous(all, key, limit, since.as_deref(), &is_needed);
        all.retain(|key, _| !gone.contains(key));
    })?;
    if !gone.is_empty() {
        let mut database = session.database(id)?;
        for key in gone {
            database.forget(&kept_state(&Key::from_text(key))).map_err(Error::database(id))?;
        }
    }
    Ok(())
}

/// Since when a state must have been used to stay; nothing, if that was before there was time.
fn kept_since(session: &Session<'_>) -> Option<String> {
    let since = (session.context.now)().checked_sub(session.states_policy().age);
    since.map(|since| humantime::format_rfc3339_seconds(since).to_string())
}

/// Which states of a database go when one more is kept: those of its step that are too many, and all that nobody has used for
/// too long. What is needed stays whatever its age.
fn superfluous(
    all: &BTreeMap<String, KeptRecord>,
    new: &str,
    limit: usize,
    since: Option<&str>,
    is_needed: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    // Times have seconds; the one that was kept now is not the one to go.
    let others = || all.iter().filter(|(key, _)| *key != new);
    let mut same: Vec<(&str, &String)> =
        others().filter(|(_, kept)| kept.step == all[new].step).map(|(key, kept)| (kept.used.as_str(), key)).collect();
    same.sort_unstable();
    let count = (same.len() + 1).saturating_sub(limit);
    let too_many = same.into_iter().take(count).map(|(_, key)| key);
    let is_old = |kept: &KeptRecord| since.is_some_and(|since| kept.used.as_str() < since);
    let too_old = others().filter(|(key, kept)| is_old(kept) && !is_needed(key)).map(|(key, _)| key);
    let gone: BTreeSet<String> = too_many.chain(too_old).cloned().collect();
    gone.into_iter().collect()
}

/// Keeps the content of a database that was just saved in a snapshot, if it fits into what may be kept of snapshots. It is kept
/// now, because the next moment it may have changed.
pub(crate) fn keep_snapshot(
    session: &Session<'_>,
    id: &DatabaseId,
    database: &mut dyn Database,
    key: &Key,
) -> Result<(), Error> {
    let size = database.size().map_err(Error::database(id))?;
    let limit = snapshot_limit(session, id);
    if size > limit {
        return Ok(());
    }
    let (record, name) = (session.record(), kept_state(key));
    let present = database.kept().map_err(Error::database(id))?;
    let mut bytes = size;
    for (old, state) in snapshots_kept(&record, id, &present).into_iter().filter(|(_, state)| state.name != name) {
        bytes += state.bytes;
        if bytes > limit {
            database.forget(&state.name).map_err(Error::database(id))?;
            session.change_record(|record| {
                if let Some(kept) = record.kept.get_mut(id) {
                    kept.remove(&old);
                }
            })?;
        }
    }
    // A name of its content: what has it need not be copied again.
    let is_known = record.kept.get(id).is_some_and(|kept| kept.contains_key(key.as_str()));
    let is_kept = is_known && present.iter().any(|state| state.name == name);
    match if is_kept { Ok(()) } else { database.keep(&name) } {
        Ok(()) => remember_kept(session, id, key.as_str(), SNAPSHOT, MadeOf::default()),
        // The snapshot is whole without it.
        Err(error) if error.is_disk_full() => {
            let text = format!("{id}: no space is left to keep what was saved ready for a restore");
            session.context.monitor.on(Progress::Note(text));
            database.forget(&name).map_err(Error::database(id))
        }
        Err(error) => Err(Error::database(id)(error)),
    }
}

/// How many bytes of a database's snapshots are kept in its engine.
pub(crate) fn snapshot_limit(session: &Session<'_>, id: &DatabaseId) -> u64 {
    let policy = session.states_policy().size_bytes;
    match session.location(id).engine() {
        EngineKind::Sqlite | EngineKind::Postgres => policy,
        // Copies are slow, or take memory.
        EngineKind::Mysql | EngineKind::Redis => policy.min(SLOW_BYTES),
    }
}

/// The states of snapshots that are kept of a database, by their keys, the one that was used last first.
pub(crate) fn snapshots_kept<'k>(record: &Record, id: &DatabaseId, present: &'k [Kept]) -> Vec<(String, &'k Kept)> {
    let known = record.kept.get(id).into_iter().flatten().filter(|(_, known)| known.step == SNAPSHOT);
    let mut found: Vec<(&String, &String, &Kept)> = known
        .filter_map(|(key, known)| {
            let name = kept_state(&Key::from_text(key.clone()));
            Some((&known.used, key, present.iter().find(|present| present.name == name)?))
        })
        .collect();
    found.sort_by(|a, b| b.0.cmp(a.0));
    found.into_iter().map(|(_, key, state)| (key.clone(), state)).collect()
}

/// Remembers that a kept state was used, and what its schema was made of.
pub(crate) fn used(session: &Session<'_>, id: &DatabaseId, state: &Key) -> Result<(), Error> {
    let now = session.now();
    session.change_record(|record| {
        let Some(kept) = record.kept.get_mut(id).and_then(|kept| kept.get_mut(state.as_str())) else { return };
        kept.used = now;
        let (step, made_of) = (kept.step.clone(), kept.made_of.clone());
        if let Some(database) = record.databases.get_mut(id)
            && step == ChainStep::Schema.as_str()
        {
            database.made_of = made_of;
        }
    })
}

/// Puts a kept state into the store of the workspace; says whether it was not there.
pub(crate) fn store(
    session: &Session<'_>,
    id: &DatabaseId,
    key: &Key,
    known: &KeptRecord,
    mut kept: Box<dyn Database>,
) -> Result<bool, Error> {
    let is_of_chain = ["base", "schema", "data"].contains(&known.step.as_str());
    let store = session.store()?;
    if !is_of_chain {
        return Ok(false);
    }
    let writer = store.writer()?;
    match store.state(key.as_str()) {
        Ok(None) => {}
        Ok(Some(there)) if writer.contains(&there.content.root)? => return Ok(false),
        // What it was of is lost, or what it says: this completes it.
        Ok(Some(_)) | Err(StoreError::Damaged { .. }) => store.delete_state(key.as_str())?,
        Err(error) => return Err(error.into()),
    }
    let fingerprint = kept.fingerprint().map_err(Error::database(id))?;
    let notes = BTreeMap::from([note(&known.made_of)]);
    let content = dumped(session, id, &mut *kept, fingerprint, notes, &writer)?;
    let state = State { key: key.to_string(), step: known.step.clone(), content, made: session.now() };
    store.put_state(writer, &state)?;
    Ok(true)
}

/// Lets go of states in the store that are too many, too large or too old. What this environment needs stays.
pub(crate) fn apply_policy(session: &Session<'_>) -> Result<usize, Error> {
    let policy = session.states_policy();
    let limits = StatePolicy {
        count: Some(policy.keep.saturating_mul(3)),
        bytes: Some(policy.size_bytes),
        made_since: kept_since(session),
    };
    let Some(store) = existing_store(session.context, &session.target.root)? else { return Ok(0) };
    let chains = session.chains();
    let outputs = session.output_keys();
    let chained = chains.values().flat_map(|chain| chain.steps().map(|(_, key)| key.as_str()));
    let needed: BTreeSet<&str> = chained.chain(outputs.values().map(Key::as_str)).collect();
    let gone = store::prune(&store.states()?, &limits);
    let gone: Vec<_> = gone.into_iter().filter(|key| !needed.contains(key.as_str())).collect();
    for key in &gone {
        store.delete_state(key)?;
    }
    Ok(gone.len())
}

/// The note of what a schema was made of.
pub(crate) fn note(made_of: &MadeOf) -> (String, String) {
    let text = serde_json::to_string(made_of).expect("these types have string keys and no failing parts");
    (MADE_OF.to_owned(), text)
}

pub(crate) fn made_of_note(content: &Content) -> MadeOf {
    content.notes.get(MADE_OF).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// A file or a directory on its way between a database and a store; removed when this is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(session: &Session<'_>, direction: &str, id: &DatabaseId) -> Result<Self, Error> {
        let directory = session.place.directory().join(direction);
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        let process = std::process::id();
        let path = directory.join(format!("{}.{}.{process}", id.workspace, id.name));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => Ok(Self(path)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It was removed already, or the next one of the same name removes it.
        let _ = fs::remove_file(&self.0).or_else(|_| fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_go_by_number_of_their_step_and_by_age_save_what_is_needed() {
        let kept = |step: &str, used: &str| KeptRecord {
            step: step.to_owned(),
            used: format!("2026-01-{used}T00:00:00Z"),
            ..KeptRecord::default()
        };
        let all: BTreeMap<String, KeptRecord> = [
            ("new", kept("data", "20")),
            ("second", kept("data", "19")),
            ("third", kept("data", "18")),
            ("old-data", kept("data", "02")),
            ("needed-schema", kept("schema", "01")),
            ("old-schema", kept("schema", "03")),
            ("snapshot", kept("snapshot", "05")),
        ]
        .map(|(key, kept)| (key.to_owned(), kept))
        .into();
        let cases: [(usize, Option<&str>, &[&str]); 5] = [
            (9, None, &[]),
            (3, None, &["old-data"]),
            (1, None, &["old-data", "second", "third"]),
            (9, Some("2026-01-04T00:00:00Z"), &["old-data", "old-schema"]),
            (2, Some("2026-01-21T00:00:00Z"), &["old-data", "old-schema", "second", "snapshot", "third"]),
        ];
        for (limit, since, expected) in cases {
            let gone = superfluous(&all, "new", limit, since, &|key| key.starts_with("needed"));
            assert_eq!(gone, expected, "{limit}, {since:?}");
        }
    }
}
