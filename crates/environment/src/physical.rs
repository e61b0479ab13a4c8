//! Databases in snapshots as files of their stopped server: which ones, how they are saved, and how they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use database::{Database, DatabaseFiles, StateName, Transplant};
use plan::{DatabaseId, ServerId};
use store::{Content, ObjectId, Record, Store};
use tree::{PageRule, RestoreOptions, Rules};

use crate::facts::kind_of;
use crate::material::{Draft, LOGICAL, Material};
use crate::private::{self, DIRECTORY, PLATFORM, PRODUCT, Private, VERSION, platform};
use crate::session::Session;
use crate::states::Scratch;
use crate::{Error, Progress, with_causes};

/// The form of a content that is the files of a server.
pub(crate) const PHYSICAL: &str = "physical";

/// How databases are to be saved.
pub use manifest::SnapshotForm;

/// Finds out which databases are saved as files, and what of them has to be remembered for that. Starts the servers.
pub(crate) fn choose(
    session: &mut Session<'_>,
    form: SnapshotForm,
) -> Result<BTreeMap<DatabaseId, DatabaseFiles>, Error> {
    let mut chosen = BTreeMap::new();
    let databases: BTreeSet<DatabaseId> = session.observed.databases.keys().cloned().collect();
    if form == SnapshotForm::Logical || servers(session, databases.iter()).is_empty() {
        return Ok(chosen);
    }
    let plan = plan::servers(&session.model, &session.observed, &session.inputs, &databases);
    session.execute(&plan, &Material::of("snapshot"))?;
    session.observed = session.observe_again()?;
    let files_from = session.tree.workspace(session.tree.root).manifest.snapshots.files_from_bytes;
    for server in session.model.servers.keys() {
        if session.seats.contains_key(server) {
            // It would have to stop, for others too.
            if form == SnapshotForm::Physical {
                return Err(Error::SharedFiles(server.to_string()));
            }
            let bytes = bytes_of(session, server)?;
            if bytes >= files_from {
                let (bytes, makes) = (bytes / 1_000_000, "an environment that is made with `servers: own` saves files");
                let text = format!(
                    "the databases of {server} are dumped, all {bytes} MB, since the server is shared; {makes}"
                );
                session.context.monitor.on(Progress::Note(text));
            }
            continue;
        }
        let own: Vec<&DatabaseId> = databases_of(session, server).collect();
        let bytes = bytes_of(session, server)?;
        if form == SnapshotForm::Auto && bytes < files_from {
            continue;
        }
        let mut found = BTreeMap::new();
        let mut obstacle = None;
        for id in own {
            match session.database(id)?.files() {
                Ok(Some(files)) if form == SnapshotForm::Physical || files.go_back => {
                    found.insert(id.clone(), files);
                }
                Ok(_) => {}
                Err(error) if form == SnapshotForm::Auto => obstacle = Some(with_causes(&error)),
                Err(error) => return Err(Error::database(id)(error)),
            }
        }
        match obstacle {
            Some(why) => {
                let text = format!("the databases of {server} are dumped: {why}");
                session.context.monitor.on(Progress::Note(text));
            }
            None => chosen.append(&mut found),
        }
    }
    Ok(chosen)
}

/// How many bytes the databases of a server have.
fn bytes_of(session: &Session<'_>, server: &ServerId) -> Result<u64, Error> {
    databases_of(session, server).map(|id| session.database(id)?.size().map_err(Error::database(id))).sum()
}

/// The databases of a server that are there.
fn databases_of<'s>(session: &'s Session<'_>, server: &'s ServerId) -> impl Iterator<Item = &'s DatabaseId> {
    let is_there = |id: &&DatabaseId| session.observed.databases.contains_key(*id);
    let own = session.model.databases.values().filter(move |database| database.server.as_ref() == Some(server));
    own.map(|database| &database.id).filter(is_there)
}

/// The servers of these databases.
pub(crate) fn servers<'d>(
    session: &Session<'_>,
    databases: impl Iterator<Item = &'d DatabaseId>,
) -> BTreeSet<ServerId> {
    databases.filter_map(|id| session.model.databases[id].server.clone()).collect()
}

/// Writes the files of a stopped server to the snapshot being taken.
pub(crate) fn save(session: &Session<'_>, server: &ServerId, draft: &Draft<'_>) -> Result<(), Error> {
    let (found, place) = session.server(server);
    let failed = |source| {
        let database = databases_of(session, server).next().expect("it is planned for a server with databases").clone();
        Error::Engine { database, engine: server.to_string(), source }
    };
    let files = session.engine(kind_of(server.engine)).stopped_files(found, place).map_err(failed)?;
    let files = files.expect("it is planned for servers whose databases have said that they have files");
    let mut exclude = files.exclude;
    exclude
        .extend(databases_of(session, server).filter_map(|id| draft.files.get(id)).flat_map(|own| own.exclude.clone()));
    let pages = files.pages.into_iter().map(|(glob, bytes)| PageRule { glob, bytes }).collect();
    let rules = Rules { exclude, pages, ..Rules::default() };
    // No workspace is called so.
    let directory = session.place.directory().join("stat").join(".servers");
    fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
    let name = server.to_string();
    let progress = |progress: tree::Progress| {
        let (entries, bytes) = (progress.entries, progress.bytes);
        session.context.monitor.on(Progress::Files { resource: &name, entries, bytes });
        session.context.interrupt.flow()
    };
    // Complete at once, so that it can be compared with what was saved before.
    let writer = session.store()?.writer()?;
    let saved =
        tree::save(&files.directory, &rules, &directory.join(&name), &writer, &progress).map_err(Error::tree)?;
    draft.add_server(server, saved, writer.finish()?);
    Ok(())
}

/// Gives the fingerprint of a database of which nothing was written since its files were saved before; then no row is read.
pub(crate) fn known_fingerprint(
    session: &Session<'_>,
    id: &DatabaseId,
    database: &mut dyn Database,
    draft: &Draft<'_>,
) -> Result<Option<String>, Error> {
    let (Some(files), Some(root)) = (draft.files.get(id), draft.saved_root(session, id)) else { return Ok(None) };
    let server = session.model.databases[id].server.as_ref().expect("it was saved with its server");
    let version = &session.server(server).0.version;
    for known in draft.known_files.iter().filter(|known| known.name == id.to_string()) {
        // Another version may write the same values in other words.
        let is_alike = known.notes.get(VERSION) == Some(version)
            && known.notes.get(PLATFORM) == Some(&platform())
            && known.notes.get(DIRECTORY) == Some(&files.directory);
        if is_alike
            && database.has_past(&known.notes).map_err(Error::database(id))?
            && !differs(session, known, root, &files.directory)?
        {
            return Ok(Some(known.fingerprint.clone()));
        }
    }
    Ok(None)
}

/// Whether there is any difference within a directory of two saved servers.
fn differs(session: &Session<'_>, known: &Content, root: ObjectId, directory: &str) -> Result<bool, Error> {
    let mut is_different = false;
    // The directory itself has another time with each start of the server, which makes files there that are not saved.
    let directory = Path::new(directory);
    let compared = tree::diff(&known.root, &root, session.store()?, &mut |change| {
        is_different |= change.path.starts_with(directory) && change.path != directory;
        Ok(())
    });
    // What cannot be read is as good as another one.
    Ok(compared.is_err() || is_different)
}

/// Makes the content of a database whose server was saved as files.
pub(crate) fn content(
    session: &Session<'_>,
    id: &DatabaseId,
    root: ObjectId,
    files: &DatabaseFiles,
    bytes: u64,
    fingerprint: String,
    mut notes: BTreeMap<String, String>,
) -> Content {
    let server = session.model.databases[id].server.as_ref().expect("it was saved with its server");
    let (found, _) = session.server(server);
    notes.extend(files.notes.clone());
    let needed = [
        (DIRECTORY, files.directory.clone()),
        (PRODUCT, found.product.clone()),
        (VERSION, found.version.clone()),
        (PLATFORM, platform()),
    ];
    notes.extend(needed.map(|(name, value)| (name.to_owned(), value)));
    let kind = session.location(id).engine().word().to_owned();
    Content { name: id.to_string(), kind, form: PHYSICAL.to_owned(), fingerprint, root, bytes, notes }
}

/// Keeps a content under a name in the server that its files are of, without reading them; says whether that could be done.
pub(crate) fn transplant(
    session: &Session<'_>,
    id: &DatabaseId,
    database: &mut dyn Database,
    name: &StateName,
    content: &Content,
    store: &Store,
) -> Result<bool, Error> {
    let Some(server) = session.model.databases[id].server.as_ref() else { return Ok(false) };
    let (_, place) = session.server(server);
    let Some(files) = session.engine(kind_of(server.engine)).server_files(place) else { return Ok(false) };
    // What is known of files that have just been written is of no use to anybody.
    let known = Scratch::new(session, "incoming", id)?;
    fs::create_dir(known.path()).map_err(Error::io("create", known.path()))?;
    let cache = known.path().join("stat");
    let mut bring = |from: &str, to: &Path| {
        let options = RestoreOptions { only: vec![from.to_owned()], ..RestoreOptions::default() };
        let watch = |_| session.context.interrupt.flow();
        tree::restore(&content.root, to, &cache, store, &options, &watch).map(drop).map_err(Into::into)
    };
    let done = database.transplant(name, &files.directory, &content.notes, &mut bring).map_err(Error::database(id))?;
    Ok(done == Transplant::Done)
}

/// Writes a content as a dump into a file, whatever its form is.
pub(crate) fn write_dump(session: &Session<'_>, content: &Content, store: &Store, to: &Path) -> Result<(), Error> {
    if content.form != PHYSICAL {
        let watch = |_| session.context.interrupt.flow();
        return tree::restore_file(&content.root, to, store, &watch).map(drop).map_err(Error::tree);
    }
    let text = format!("{}: its files are read by a server of their own, and written as a dump", content.name);
    session.context.monitor.on(Progress::Note(text));
    let mut private = session.private.lock().expect("nothing panics while it holds this");
    if !private.as_ref().is_some_and(|private| private.has(content)) {
        // One at a time, in one place.
        *private = None;
        *private = Some(Private::start(session, content, store)?);
    }
    let running = private.as_ref().expect("it was started above");
    let kind = content.kind.parse().expect("a server of it was started");
    let mut database = running.open(session.engine(kind), content)?;
    database.dump(to).map_err(Error::database(&private::id(content)))
}

/// Gives a content in the form that can be read elsewhere; the result is kept by the writer.
pub(crate) fn portable(
    session: &Session<'_>,
    content: Content,
    store: &Store,
    writer: &store::Writer,
) -> Result<Content, Error> {
    if content.form != PHYSICAL {
        return Ok(content);
    }
    let file = Scratch::new(session, "outgoing", &private::id(&content))?;
    write_dump(session, &content, store, file.path())?;
    let saved = tree::save_file(file.path(), writer, &|_| session.context.interrupt.flow()).map_err(Error::tree)?;
    // What is needed to read the files is of no use any more.
    let kept = |name: &String| ["schema", "data", "made_of", "scrubbed"].contains(&name.as_str());
    let notes = content.notes.into_iter().filter(|(name, _)| kept(name)).collect();
    Ok(Content { form: LOGICAL.to_owned(), root: saved.root, bytes: saved.bytes, notes, ..content })
}

/// Whether a snapshot has contents that cannot be read everywhere.
pub(crate) fn has_files(store: &Store, record: &Record) -> Result<bool, Error> {
    Ok(store.snapshot(record)?.contents.iter().any(|content| content.form == PHYSICAL))
}

/// Gives snapshots as they can be read elsewhere, each with the tag that it is to have there. One that had to be made is kept
/// under a tag of its own, for the next time.
pub(crate) fn portable_records(
    session: &Session<'_>,
    store: &Store,
    records: Vec<Record>,
) -> Result<Vec<(String, Record)>, Error> {
    let one = |record: Record| {
        let tag = record.details.tag.clone();
        if !has_files(store, &record)? {
            return Ok((tag, record));
        }
        let made = store.record(&format!("{tag}.logical"))?.filter(|made| made.snapshot == record.snapshot);
        if let Some(made) = made
            && !has_files(store, &made)?
        {
            return Ok((tag, made));
        }
        let contents = store.snapshot(&record)?.contents;
        let writer = store.writer()?;
        let contents =
            contents.into_iter().map(|content| portable(session, content, store, &writer)).collect::<Result<_, _>>()?;
        commit_beside(store, writer, record, "logical", contents).map(|record| (tag, record))
    };
    records.into_iter().map(one).collect()
}

/// Makes a snapshot that stands for another one where it leaves the machine, in place of an older one.
pub(crate) fn commit_beside(
    store: &Store,
    writer: store::Writer,
    record: Record,
    word: &str,
    contents: Vec<Content>,
) -> Result<Record, Error> {
    let name = format!("{}.{word}", record.details.tag);
    if store.record(&name)?.is_some() {
        store.delete_record(&name)?;
    }
    let text = format!("snapshot {}", record.snapshot);
    let mut details = record.details;
    details.lineage.insert(format!("{word} from"), text);
    details.tag = name;
    Ok(store.commit(writer, contents, details)?)
}
