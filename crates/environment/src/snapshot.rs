//! `snapshot`, `restore` and what is done with snapshots: list, show, tag, delete.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use globset::Glob;
use plan::{DatabaseId, Parts, ResourceId, StateWork};
use store::{Content, Record, RecordDetails, Store};

use crate::context::{Context, Mode, Target};
use crate::library::{Purpose, existing_store, open_remote, remote};
use crate::material::{Draft, Material, Source};
use crate::physical::{self, SnapshotForm, has_files, portable_records};
use crate::report::{millis, step_reports};
use crate::resources::FILES;
use crate::session::Session;
use crate::tend::stop_tending;
use crate::{Error, archive, times};

/// How a snapshot is to be taken.
#[derive(Debug, Clone)]
pub struct SnapshotOptions<'a> {
    /// The word to restore it by.
    pub tag: &'a str,
    /// What it is.
    pub message: &'a str,
    /// Whether what cannot be read of resources is named instead of being an error.
    pub allow_holes: bool,
    /// How databases are written, if not as the manifest says.
    pub form: Option<SnapshotForm>,
}

/// What a restore brings back.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions<'a> {
    /// A tag, or at least 7 digits of an id.
    pub tag: &'a str,
    /// Only these databases and resources, if there are any.
    pub only: &'a [String],
    /// Not these.
    pub leave: &'a [String],
    /// Whether the engines' own checkers read what is about to be put in place.
    pub prove: bool,
}

/// Saves the state of all databases and resources under a tag. Services that write are stopped meanwhile, so that it is the
/// state of one moment.
pub fn snapshot(context: &Context<'_>, target: &Target, options: &SnapshotOptions<'_>) -> Result<(Record, u64), Error> {
    let mut session = Session::open(context, target, &Mode::Existing, "snapshot")?;
    if session.observed.databases.is_empty() && session.model.resources.is_empty() {
        return Err(Error::NothingToSave);
    }
    session.store()?.check_new_tag(options.tag)?;
    let was_running = !session.observed.running.is_empty();
    let taken = take(&mut session, options);
    let rested = session.rest(was_running);
    let record = taken?;
    rested?;
    if was_running {
        session.tend_in_background();
    }
    Ok((record, millis(session.began)))
}

fn take(session: &mut Session<'_>, options: &SnapshotOptions<'_>) -> Result<Record, Error> {
    let form = options.form.unwrap_or(session.tree.workspace(session.tree.root).manifest.snapshots.form);
    let files = physical::choose(session, form)?;
    let session = &*session;
    let store = session.store()?;
    let parts = Parts {
        databases: session.observed.databases.keys().cloned().collect(),
        resources: session.model.resources.keys().cloned().collect(),
        servers: physical::servers(session, files.keys()),
    };
    if !parts.servers.is_empty() {
        // It works on the servers, which are about to be stopped.
        stop_tending(&session.place)?;
    }
    let mut draft = Draft::begin(store, options.allow_holes)?;
    draft.files = files;
    let material = Material { draft: Some(draft), ..Material::of("snapshot") };
    run(session, &parts, StateWork::Snapshot, &material)?;
    let draft = material.draft.expect("it was put in above");
    let chains = session.chains();
    let lineage: BTreeMap<String, String> =
        chains.iter().map(|(id, chain)| (id.to_string(), chain.declared().to_string())).collect();
    let record = draft.commit(RecordDetails {
        tag: options.tag.to_owned(),
        message: options.message.to_owned(),
        created: session.now(),
        author: session.context.author.clone(),
        environment: session.target.name.clone(),
        lineage,
        ..RecordDetails::default()
    })?;
    Ok(record)
}

/// Brings back what a snapshot holds. What is overwritten is kept until all is there, and for `undo`.
pub fn restore(context: &Context<'_>, target: &Target, options: &RestoreOptions<'_>) -> Result<(Record, u64), Error> {
    let session = Session::open(context, target, &Mode::Existing, "restore")?;
    let store = session.store()?;
    let record = store.find(options.tag)?;
    let snapshot = store.snapshot(&record)?;
    let parts = chosen(&session, options, &snapshot.contents)?;
    let source = Source { store, snapshot };
    let material = Material { snapshot: Some(&source), prove: options.prove, ..Material::of("restore") };
    let was_running = !session.observed.running.is_empty();
    let done = run(&session, &parts, StateWork::Restore, &material);
    let rested = session.rest(was_running);
    done?;
    rested?;
    if options.prove {
        let proved: Vec<String> = parts.databases.iter().map(ToString::to_string).collect();
        let text = format!("{} by the engines' own checkers, {}", proved.join(", "), session.now());
        store.update_record(&record.details.tag, |details| details.proof = Some(text.clone()))?;
    }
    session.tend_in_background();
    Ok((record, millis(session.began)))
}

/// What is to be restored, all of which the snapshot must have.
fn chosen(session: &Session<'_>, options: &RestoreOptions<'_>, contents: &[Content]) -> Result<Parts, Error> {
    let databases = session.model.databases.keys().map(|id| (id.to_string(), &id.name));
    let resources = session.model.resources.keys().map(|id| (id.to_string(), &id.name));
    let all: Vec<(String, &String)> = databases.chain(resources).collect();
    let is = |wanted: &String, (full, name): &(String, &String)| wanted == full || wanted == *name;
    for wanted in options.only.iter().chain(options.leave) {
        if !all.iter().any(|name| is(wanted, name)) {
            let known = all.iter().map(|(name, _)| name.clone()).collect();
            return Err(Error::NoDatabase { wanted: wanted.clone(), known });
        }
    }
    let wanted: BTreeSet<&String> = all
        .iter()
        .filter(|name| options.only.is_empty() || options.only.iter().any(|wanted| is(wanted, name)))
        .filter(|name| !options.leave.iter().any(|left| is(left, name)))
        .map(|(name, _)| name)
        .collect();
    let has = |name: &String| contents.iter().any(|content| content.name == *name);
    let missing: Vec<String> = wanted.iter().filter(|name| !has(name)).map(ToString::to_string).collect();
    if !missing.is_empty() {
        return Err(Error::OtherDatabases { missing });
    }
    Ok(Parts {
        databases: session.model.databases.keys().filter(|id| wanted.contains(&id.to_string())).cloned().collect(),
        resources: session.model.resources.keys().filter(|id| wanted.contains(&id.to_string())).cloned().collect(),
        servers: BTreeSet::new(),
    })
}

/// The snapshots of a workspace, or of a remote, the oldest first.
pub fn snapshots(
    context: &Context<'_>,
    target: &Target,
    pattern: Option<&str>,
    from: Option<&str>,
) -> Result<Vec<Record>, Error> {
    let pattern = match pattern {
        None => None,
        Some(pattern) => {
            let glob = Glob::new(pattern).map_err(|_| Error::Store(store::StoreError::BadTag(pattern.to_owned())))?;
            Some(glob.compile_matcher())
        }
    };
    let fits = |record: &Record| pattern.as_ref().is_none_or(|pattern| pattern.is_match(&record.details.tag));
    match from {
        Some(name) => Ok(named_remote(context, target, name)?.records(fits)?),
        None => existing_store(context, &target.root)?.map_or(Ok(Vec::new()), |store| Ok(store.records(fits)?)),
    }
}

pub(crate) fn named_remote(context: &Context<'_>, target: &Target, name: &str) -> Result<Store, Error> {
    let tree = crate::sharing::tree(context, target)?;
    open_remote(context, target, remote(&tree, Some(name))?, Purpose::Read)
}

/// A snapshot in full.
#[derive(Debug)]
pub struct Shown {
    /// What was said of it.
    pub record: Record,
    /// What it holds.
    pub contents: Vec<Content>,
    /// The files of its resources, each with the resource, if they were wanted.
    pub files: Vec<(String, String)>,
}

/// What a snapshot holds, and the files of its resources if they are wanted.
pub fn show(context: &Context<'_>, target: &Target, tag: &str, with_files: bool) -> Result<Shown, Error> {
    let store = store_with(context, target, tag)?;
    let record = store.find(tag)?;
    let contents = store.snapshot(&record)?.contents;
    let mut files = Vec::new();
    for content in contents.iter().filter(|content| with_files && content.kind == FILES) {
        tree::list(&content.root, &store, &mut |listed| {
            files.push((content.name.clone(), listed.path.display().to_string()));
            Ok(())
        })
        .map_err(Error::tree)?;
    }
    Ok(Shown { record, contents, files })
}

/// Gives a snapshot another tag.
pub fn tag(context: &Context<'_>, target: &Target, tag: &str, second: &str) -> Result<Record, Error> {
    Ok(store_with(context, target, tag)?.tag(tag, second)?)
}

/// Removes snapshots; all are looked for before the first is removed.
pub fn delete(context: &Context<'_>, target: &Target, tags: &[String]) -> Result<Vec<Record>, Error> {
    let store = store_with(context, target, &tags[0])?;
    let records = tags.iter().map(|tag| store.find(tag)).collect::<Result<Vec<_>, _>>()?;
    for record in &records {
        store.delete_record(&record.details.tag)?;
    }
    Ok(records)
}

/// The store of a workspace, in which something is looked for.
pub(crate) fn store_with(context: &Context<'_>, target: &Target, wanted: &str) -> Result<Store, Error> {
    let nothing = || Error::Store(store::StoreError::NotFound { wanted: wanted.to_owned(), known: Vec::new() });
    existing_store(context, &target.root)?.ok_or_else(nothing)
}

/// Writes snapshots into one file, which is complete when it appears.
pub fn export(context: &Context<'_>, target: &Target, tags: &[String], to: &Path) -> Result<u64, Error> {
    let store = store_with(context, target, &tags[0])?;
    let records = tags.iter().map(|tag| store.find(tag)).collect::<Result<Vec<_>, _>>()?;
    let records =
        if records.iter().map(|record| has_files(&store, record)).collect::<Result<Vec<_>, _>>()?.contains(&true) {
            let session = Session::open(context, target, &Mode::Existing, "export")?;
            portable_records(&session, &store, records)?
        } else {
            records.into_iter().map(|record| (record.details.tag.clone(), record)).collect()
        };
    archive::export(context, target, &store, &records, to)
}

/// Takes snapshots from a file that [`export`] wrote.
pub fn import(context: &Context<'_>, target: &Target, from: &Path) -> Result<Vec<Record>, Error> {
    let store = crate::library::open_store(context, &target.root)?;
    archive::import(context, target, &store, from)
}

fn run(session: &Session<'_>, parts: &Parts, work: StateWork, material: &Material<'_>) -> Result<(), Error> {
    let nothing_more = BTreeSet::new();
    let (model, observed, inputs) = (&session.model, &session.observed, &session.inputs);
    let plan = plan::around_state(model, observed, inputs, parts, work, &nothing_more);
    let execution = session.execute(&plan, material)?;
    times::append(session, material.command, millis(session.began), &step_reports(&plan, &execution));
    Ok(())
}

/// What a content is the state of.
pub(crate) enum Part {
    Database(DatabaseId),
    Resource(ResourceId),
}

/// The part of an environment that a content is the state of, if it has that part.
pub(crate) fn part_of(session: &Session<'_>, content: &Content) -> Option<Part> {
    let database = session.model.databases.keys().find(|id| id.to_string() == content.name && content.kind != FILES);
    let resource = session.model.resources.keys().find(|id| id.to_string() == content.name && content.kind == FILES);
    database.cloned().map(Part::Database).or_else(|| resource.cloned().map(Part::Resource))
}
