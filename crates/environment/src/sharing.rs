//! `push`, `pull` and `fetch`: snapshots and states go to remotes and come from there.

use std::collections::BTreeSet;
use std::time::Instant;

use manifest::{BaseSource, WorkspaceTree};
use plan::DatabaseId;
use store::{Content, ObjectId, Record, State, Store, Transferred};

use crate::context::{Context, Mode, Target};
use crate::library::{Purpose, open_remote, open_store, remote};
use crate::material::Material;
use crate::physical::{self, commit_beside, portable_records};
use crate::report::millis;
use crate::resources::FILES;
use crate::scan;
use crate::session::Session;
use crate::snapshot::{Part, part_of};
use crate::{Error, Progress, base};

/// What was sent to a remote, or came from one.
#[derive(Debug, Default)]
pub struct Shared {
    /// The remote.
    pub remote: String,
    /// Tags of snapshots that are there now and were not before.
    pub snapshots: Vec<String>,
    /// States that are there now and were not before: database, step, key.
    pub states: Vec<(String, String, String)>,
    /// What was there already.
    pub present: usize,
    /// Bytes that were sent, as they are stored.
    pub bytes: u64,
    /// Milliseconds that it took.
    pub total_ms: u64,
}

/// What to push.
#[derive(Debug, Clone, Default)]
pub struct PushOptions<'a> {
    /// Tags of snapshots.
    pub tags: &'a [String],
    /// Whether the states of all databases go, too.
    pub states: bool,
    /// The remote; the only one if none is named.
    pub to: Option<&'a str>,
    /// Whether what the scan finds is sent all the same.
    pub allow_findings: bool,
}

/// Sends snapshots and states to a remote. What looks like a secret or like the data of real people is found first, and
/// keeps everything here.
pub fn push(context: &Context<'_>, target: &Target, options: &PushOptions<'_>) -> Result<Shared, Error> {
    let began = Instant::now();
    let tree = tree(context, target)?;
    let remote = remote(&tree, options.to)?;
    let store = open_store(context, &target.root)?;
    if options.states {
        // What is kept in the engines goes to the store first.
        crate::tend(context, target, false)?;
    }
    let records = options.tags.iter().map(|tag| store.find(tag)).collect::<Result<Vec<_>, _>>()?;
    let states =
        if options.states { wanted_states(context, target, &store, options.allow_findings)? } else { Vec::new() };
    let leaving = leaving(context, target, &store, records, options.allow_findings)?;
    if !options.allow_findings {
        let mut contents: Vec<Content> = states.iter().map(|state| state.content.clone()).collect();
        for (_, record) in &leaving {
            contents.extend(store.snapshot(record)?.contents);
        }
        let findings = scan::secrets(&store, &contents)?;
        if !findings.is_empty() {
            return Err(Error::Findings(findings));
        }
    }
    // What was sent until then is found by the next push.
    let _at_once = context.interrupt.at_once();
    let there = open_remote(context, target, remote, Purpose::Write)?;
    let mut shared = Shared { remote: remote.name.clone(), ..Shared::default() };
    for (tag, mut record) in leaving {
        // What was cleaned for leaving has another tag here, and its own there.
        record.details.tag = tag;
        send_record(context, &store, &there, record, &mut shared)?;
    }
    for state in states {
        let (name, step, key) = (state.content.name.clone(), state.step.clone(), state.key.clone());
        if there.state(&key)?.is_some() {
            shared.present += 1;
            continue;
        }
        send_state(context, &store, &there, &state, &mut shared)?;
        shared.states.push((name, step, key));
    }
    context.remotes.finish(there.backend().as_ref()).map_err(|source| Error::Remote {
        name: remote.name.clone(),
        url: remote.written.clone(),
        source,
    })?;
    shared.total_ms = millis(began);
    Ok(shared)
}

/// What leaves the machine in place of snapshots: the same, with the databases cleaned that have rules for it, each under the
/// tag that it is to have there. Looks for the data of real people.
fn leaving(
    context: &Context<'_>,
    target: &Target,
    store: &Store,
    records: Vec<Record>,
    allow_findings: bool,
) -> Result<Vec<(String, Record)>, Error> {
    let mut databases = BTreeSet::new();
    for record in &records {
        let contents = store.snapshot(record)?.contents;
        databases.extend(contents.into_iter().filter(|content| content.kind != FILES).map(|content| content.name));
    }
    let plain = |records: Vec<Record>| records.into_iter().map(|record| (record.details.tag.clone(), record)).collect();
    if databases.is_empty() {
        return Ok(plain(records));
    }
    let session = Session::open(context, target, &Mode::Existing, "push")?;
    let has_rules = |id: &DatabaseId| session.declaration(id).1.scrub.is_some();
    let wanted: BTreeSet<DatabaseId> =
        session.model.databases.keys().filter(|id| databases.contains(&id.to_string())).cloned().collect();
    if allow_findings && !wanted.iter().any(has_rules) {
        return portable_records(&session, store, records);
    }
    let was_running = !session.observed.running.is_empty();
    let servers = plan::servers(&session.model, &session.observed, &session.inputs, &wanted);
    session.execute(&servers, &Material::of("push"))?;
    let cleaned = records.into_iter().map(|record| cleaned(&session, store, record, allow_findings)).collect();
    session.rest(was_running)?;
    cleaned
}

fn cleaned(
    session: &Session<'_>,
    store: &Store,
    record: Record,
    allow_findings: bool,
) -> Result<(String, Record), Error> {
    let writer = store.writer()?;
    let before = store.snapshot(&record)?.contents;
    let mut contents = Vec::with_capacity(before.len());
    for content in before.clone() {
        contents.push(match part_of(session, &content) {
            Some(Part::Database(id)) => base::scrubbed(session, &id, content, store, &writer)?,
            _ => physical::portable(session, content, store, &writer)?,
        });
    }
    let tag = record.details.tag.clone();
    let is_cleaned = before.iter().zip(&contents).any(|(before, after)| before.fingerprint != after.fingerprint);
    let record = if contents == before {
        record
    } else {
        // Made again, since rules or snapshot may be others.
        commit_beside(store, writer, record, if is_cleaned { "scrubbed" } else { "logical" }, contents.clone())?
    };
    if !allow_findings {
        let findings = scan::people(session, store, &contents)?;
        if !findings.is_empty() {
            return Err(Error::Findings(findings));
        }
    }
    Ok((tag, record))
}

/// The states of the chains of an environment, as far as they are in the store and may leave the machine as they are.
fn wanted_states(
    context: &Context<'_>,
    target: &Target,
    store: &Store,
    allow_findings: bool,
) -> Result<Vec<State>, Error> {
    let session = Session::open(context, target, &Mode::Look(None), "push")?;
    let mut states = Vec::new();
    for (id, chain) in session.chains() {
        let declared = session.declaration(&id).1;
        let is_raw = |base: &manifest::Base| !matches!(base.source, BaseSource::Published { .. });
        if !allow_findings && declared.base.as_ref().is_some_and(is_raw) {
            let text =
                format!("states of {id} stay here: its base is not cleaned; `seedbed base publish` makes one that is");
            context.monitor.on(Progress::Note(text));
            continue;
        }
        for (_, key) in chain.steps() {
            states.extend(store.state(key.as_str())?);
        }
    }
    for key in session.output_keys().values() {
        states.extend(store.state(key.as_str())?);
    }
    Ok(states)
}

/// Gets snapshots from a remote; only some databases and resources of them if these are named.
pub fn pull(
    context: &Context<'_>,
    target: &Target,
    tags: &[String],
    from: Option<&str>,
    only: &[String],
) -> Result<Shared, Error> {
    let (began, _at_once) = (Instant::now(), context.interrupt.at_once());
    let tree = tree(context, target)?;
    let remote = remote(&tree, from)?;
    let there = open_remote(context, target, remote, Purpose::Read)?;
    let store = open_store(context, &target.root)?;
    let mut shared = Shared { remote: remote.name.clone(), ..Shared::default() };
    for tag in tags {
        let record = there.find(tag)?;
        if only.is_empty() {
            send_record(context, &there, &store, record, &mut shared)?;
        } else {
            part(context, &there, &store, record, only, &mut shared)?;
        }
    }
    shared.total_ms = millis(began);
    Ok(shared)
}

/// Gets a part of a snapshot, which is a snapshot of its own: under the same tag, with the part added to it.
fn part(
    context: &Context<'_>,
    there: &Store,
    here: &Store,
    record: Record,
    only: &[String],
    shared: &mut Shared,
) -> Result<(), Error> {
    let contents = there.snapshot(&record)?.contents;
    let known: Vec<String> = contents.iter().map(|content| content.name.clone()).collect();
    let is = |wanted: &String, name: &str| name == wanted || name.rsplit('/').next() == Some(wanted);
    if let Some(wanted) = only.iter().find(|wanted| !known.iter().any(|name| is(wanted, name))) {
        return Err(Error::NoDatabase { wanted: wanted.clone(), known });
    }
    let chosen: Vec<Content> =
        contents.into_iter().filter(|content| only.iter().any(|wanted| is(wanted, &content.name))).collect();
    let roots: Vec<ObjectId> = chosen.iter().map(|content| content.root).collect();
    let sent = send(context, there, here, &roots, shared)?;
    let mut details = record.details;
    details.tag = format!("{}.part", details.tag);
    if here.record(&details.tag)?.is_some() {
        // The same part, or another one of the same snapshot: the newest is the one that was asked for.
        here.delete_record(&details.tag)?;
    }
    let record = here.commit(here.writer()?, chosen, details)?;
    drop(sent);
    shared.snapshots.push(record.details.tag);
    Ok(())
}

/// Gets what snapshots and states consist of; the states that the environment's databases need, when none is named.
pub fn fetch(context: &Context<'_>, target: &Target, names: &[String], from: Option<&str>) -> Result<Shared, Error> {
    let (began, _at_once) = (Instant::now(), context.interrupt.at_once());
    let tree = tree(context, target)?;
    let remote = remote(&tree, from)?;
    let there = open_remote(context, target, remote, Purpose::Read)?;
    let store = open_store(context, &target.root)?;
    let mut shared = Shared { remote: remote.name.clone(), ..Shared::default() };
    let mut keys = Vec::new();
    for name in names {
        match there.find(name) {
            Ok(record) => send_record(context, &there, &store, record, &mut shared)?,
            Err(store::StoreError::NotFound { .. }) if there.state(name)?.is_some() => keys.push(name.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    if names.is_empty() {
        let session = Session::open(context, target, &Mode::Look(None), "fetch")?;
        let known: BTreeSet<String> = there.references("states/")?.into_iter().collect();
        for chain in session.chains().values() {
            // The last step that is there: with it, the ones before are not needed.
            let steps: Vec<String> = chain.steps().map(|(_, key)| key.to_string()).collect();
            keys.extend(steps.into_iter().rev().find(|key| known.contains(&format!("states/{key}"))));
        }
        let outputs = session.output_keys().into_values().map(|key| key.to_string());
        keys.extend(outputs.filter(|key| known.contains(&format!("states/{key}"))));
    }
    let mut states: Vec<State> = Vec::new();
    for key in keys.into_iter().collect::<BTreeSet<_>>() {
        let Some(state) = there.state(&key)? else { continue };
        if store.state(&key)?.is_some() {
            shared.present += 1;
        } else {
            states.push(state);
        }
    }
    if !states.is_empty() {
        send_states(context, &there, &store, &states, &mut shared)?;
    }
    shared.states.extend(states.into_iter().map(|state| (state.content.name, state.step, state.key)));
    shared.total_ms = millis(began);
    Ok(shared)
}

/// Sends a snapshot and its record. One that is there already under the same tag is left; another one is refused.
pub(crate) fn send_record(
    context: &Context<'_>,
    from: &Store,
    to: &Store,
    record: Record,
    shared: &mut Shared,
) -> Result<(), Error> {
    if let Some(there) = to.record(&record.details.tag)? {
        if there.snapshot == record.snapshot {
            shared.present += 1;
            return Ok(());
        }
        return Err(Error::TagElsewhere { tag: record.details.tag, place: to.place() });
    }
    let sent = send(context, from, to, &[record.object], shared)?;
    to.put_record(&record, &sent.session)?;
    shared.snapshots.push(record.details.tag);
    Ok(())
}

/// Sends a state and its name.
pub(crate) fn send_state(
    context: &Context<'_>,
    from: &Store,
    to: &Store,
    state: &State,
    shared: &mut Shared,
) -> Result<(), Error> {
    send_states(context, from, to, std::slice::from_ref(state), shared)
}

/// Sends states, all in one go, and then their names.
pub(crate) fn send_states(
    context: &Context<'_>,
    from: &Store,
    to: &Store,
    states: &[State],
    shared: &mut Shared,
) -> Result<(), Error> {
    let roots: Vec<ObjectId> = states.iter().map(|state| state.content.root).collect();
    let sent = send(context, from, to, &roots, shared)?;
    for state in states {
        to.name_state(state, &sent.session)?;
    }
    Ok(())
}

/// Sends what these objects reach. The result keeps it until a reference names it.
pub(crate) fn send(
    context: &Context<'_>,
    from: &Store,
    to: &Store,
    roots: &[ObjectId],
    shared: &mut Shared,
) -> Result<Transferred, Error> {
    let before = shared.bytes;
    let sent = store::transfer(from, to, roots, &|progress| {
        context.monitor.on(Progress::Transferred { bytes: before + progress.bytes, objects: progress.objects });
    })?;
    shared.bytes += sent.stored_bytes;
    Ok(sent)
}

pub(crate) fn tree(context: &Context<'_>, target: &Target) -> Result<WorkspaceTree, Error> {
    let loaded = crate::dependencies::load(context, &target.root, None, &manifest::Applied::default())?;
    loaded.tree.ok_or(Error::Problems(loaded.problems))
}
