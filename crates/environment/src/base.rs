//! Bases: what a database begins with in place of nothing, and how one is published.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

use database::{Database, StateName};
use manifest::{BaseSource, Replacement, Scrub};
use plan::DatabaseId;
use store::{Content, State, Store};

use crate::context::{Context, Mode, Target};
use crate::copy::{Copy, clean, make_cold};
use crate::downloads::download;
use crate::library::{Purpose, remote};
use crate::material::{Material, dumped};
use crate::scan;
use crate::session::Session;
use crate::sharing::{Shared, send};
use crate::{Error, databases, ledger, physical, pseudonyms, states};

/// Keeps the content of a database's base under a name in its engine.
pub(crate) fn import(session: &Session<'_>, id: &DatabaseId, name: &StateName) -> Result<(), Error> {
    let (workspace, declared) = session.declaration(id);
    let base = declared.base.as_ref().expect("it is planned for databases with a base");
    let mut database = session.database(id)?;
    match &base.source {
        BaseSource::File(file) => from_file(session, id, &mut *database, name, &workspace.directory.join(&file.path)),
        BaseSource::Url { url, digest } => {
            let file = download(session.context, &session.target.root, url, digest)?;
            from_file(session, id, &mut *database, name, &file)
        }
        BaseSource::Snapshot { tag, remote } => {
            let there = other_store(session, remote.as_deref())?;
            let store = there.as_ref().map_or_else(|| session.store(), Ok)?;
            let record = store.find(tag)?;
            let wanted = wanted(base.database.as_deref(), id);
            let contents = store.snapshot(&record)?.contents;
            let content = contents.into_iter().find(|content| content.name == wanted);
            let content = content.ok_or_else(|| Error::OtherDatabases { missing: vec![wanted] })?;
            states::restore_as(session, id, &mut *database, name, &content, store, false)
        }
        BaseSource::Published { name: published, remote } => {
            let there = other_store(session, remote.as_deref())?;
            let store = there.as_ref().map_or_else(|| session.store(), Ok)?;
            let known = || store.bases().unwrap_or_default();
            let base =
                store.base(published)?.ok_or_else(|| Error::NoBase { wanted: published.clone(), known: known() })?;
            states::restore_as(session, id, &mut *database, name, &base.content, store, false)
        }
    }
}

/// The name of a content as a base gives it: with or without the workspace.
fn wanted(name: Option<&str>, id: &DatabaseId) -> String {
    match name {
        None => id.to_string(),
        Some(name) if name.contains('/') => name.to_owned(),
        Some(name) => format!("{}/{name}", id.workspace),
    }
}

fn other_store(session: &Session<'_>, name: Option<&str>) -> Result<Option<Store>, Error> {
    let open = |name| session.remote(remote(&session.tree, Some(name))?, Purpose::Read);
    name.map(open).transpose()
}

pub(crate) fn from_file(
    session: &Session<'_>,
    id: &DatabaseId,
    database: &mut dyn Database,
    name: &StateName,
    file: &Path,
) -> Result<(), Error> {
    let plain = states::Scratch::new(session, "incoming", id)?;
    let source = if decompress(session, file, plain.path())? { plain.path() } else { file };
    session.heed_interrupt()?;
    database.restore_as(name, source).map_err(|source| Error::Base { file: file.to_owned(), source })
}

/// How files are compressed, by their first bytes: an address or a name need not say it.
const COMPRESSED: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"\x04\x22\x4d\x18", "LZ4"),
];

/// Writes the plain form of a compressed file; says whether it was one.
fn decompress(session: &Session<'_>, file: &Path, to: &Path) -> Result<bool, Error> {
    if file.is_dir() {
        return Ok(false);
    }
    let opened = || File::open(file).map_err(Error::io("open", file));
    let mut head = Vec::new();
    opened()?.take(8).read_to_end(&mut head).map_err(Error::io("read", file))?;
    let Some((_, format)) = COMPRESSED.iter().find(|(magic, _)| head.starts_with(magic)) else { return Ok(false) };
    let mut reader: Box<dyn Read> = match *format {
        "gzip" => Box::new(flate2::read::MultiGzDecoder::new(opened()?)),
        "zstd" => Box::new(zstd::Decoder::new(opened()?).map_err(Error::io("read", file))?),
        "xz" => Box::new(liblzma::read::XzDecoder::new_multi_decoder(opened()?)),
        format => return Err(Error::Compression { file: file.to_owned(), format }),
    };
    let mut plain = File::create(to).map_err(Error::io("create", to))?;
    let mut piece = vec![0; 1 << 20];
    loop {
        session.heed_interrupt()?;
        match reader.read(&mut piece).map_err(Error::io("decompress", file))? {
            0 => return Ok(true),
            length => plain.write_all(&piece[..length]).map_err(Error::io("write", to))?,
        }
    }
}

/// The note of a content that was cleaned: by which rules.
const SCRUBBED: &str = "scrubbed";

/// Gives a content as it may leave the machine: as a dump, cleaned by the rules of its database if there are any. The result is
/// in the store, kept by the writer.
pub(crate) fn scrubbed(
    session: &Session<'_>,
    id: &DatabaseId,
    content: Content,
    store: &Store,
    writer: &store::Writer,
) -> Result<Content, Error> {
    let Some(scrub) = session.declaration(id).1.scrub.clone() else {
        return physical::portable(session, content, store, writer);
    };
    let rules = rules_digest(session, id, &scrub)?;
    if content.notes.get(SCRUBBED) == Some(&rules) {
        return physical::portable(session, content, store, writer);
    }
    let file = states::Scratch::new(session, "outgoing-copy", id)?;
    physical::write_dump(session, &content, store, file.path())?;
    let mut copy = Copy::begin(session, id)?;
    let cleaned = copy.fill(session, id, file.path()).and_then(|()| {
        // It has the keys of rows as they were.
        ledger::forget(&mut *copy.database).map_err(Error::database(id))?;
        clean(session, id, &scrub, &mut *copy.database)?;
        make_cold(session, id, &mut *copy.database)?;
        let fingerprint = copy.database.fingerprint().map_err(Error::database(id))?;
        let mut notes = content.notes.clone();
        // It is not the state that this key names any more.
        notes.retain(|name, _| name != "data");
        notes.insert(SCRUBBED.to_owned(), rules);
        dumped(session, id, &mut *copy.database, fingerprint, notes, writer)
    });
    copy.remove(id)?;
    cleaned.map(|cleaned| Content { name: content.name, ..cleaned })
}

fn rules_digest(session: &Session<'_>, id: &DatabaseId, scrub: &Scrub) -> Result<String, Error> {
    let (workspace, declared) = session.declaration(id);
    let cold = declared.cold.iter().flat_map(|cold| &cold.sql);
    let files = scrub.sql.iter().chain(cold).map(|file| file.path.as_str());
    let mut text = crate::inputs::digest(&workspace.directory, files)?;
    for rule in &scrub.columns {
        write!(text, "\n{}.{}={:?}", rule.table, rule.column, rule.replacement)
            .expect("writing to a string cannot fail");
    }
    if scrub.columns.iter().any(|rule| matches!(rule.replacement, Replacement::Pseudonym(_))) {
        text.push_str(&blake3::hash(&pseudonyms::key(session)?).to_hex());
    }
    Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
}

/// What to publish.
#[derive(Debug, Clone)]
pub struct PublishOptions<'a> {
    /// The name of the base.
    pub name: &'a str,
    /// The database; the only one of the workspace if none is named.
    pub database: Option<&'a str>,
    /// A dump to take instead of the database's present content.
    pub file: Option<&'a Path>,
    /// A remote to send it to, too.
    pub to: Option<&'a str>,
    /// Whether what the scan finds is published all the same.
    pub allow_findings: bool,
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// The name of the base.
    pub name: String,
    /// The database, `WORKSPACE/DATABASE`.
    pub database: String,
    /// Its digest: same content, same text.
    pub fingerprint: String,
    /// Its size as a dump, in bytes.
    pub bytes: u64,
    /// What was sent to the remote, if one was named.
    pub sent: Option<Shared>,
}

/// Publishes the content of a database, cleaned and made harmless, as a base for others.
pub fn publish(context: &Context<'_>, target: &Target, options: &PublishOptions<'_>) -> Result<Published, Error> {
    store::check_tag(options.name)?;
    let session = Session::open(context, target, &Mode::Existing, "base publish")?;
    let id = databases::find_one(&session, options.database)?;
    let was_running = !session.observed.running.is_empty();
    let wanted = [id.clone()].into();
    let servers = plan::servers(&session.model, &session.observed, &session.inputs, &wanted);
    session.execute(&servers, &Material::of("base publish"))?;
    let published = publish_in(&session, &id, options);
    let rested = session.rest(was_running);
    let published = published?;
    rested?;
    Ok(published)
}

fn publish_in(session: &Session<'_>, id: &DatabaseId, options: &PublishOptions<'_>) -> Result<Published, Error> {
    let own = states::Scratch::new(session, "outgoing-copy", id)?;
    let file = if let Some(file) = options.file {
        file
    } else {
        session.database(id)?.dump(own.path()).map_err(Error::database(id))?;
        own.path()
    };
    let store = session.store()?;
    let writer = store.writer()?;
    let mut copy = Copy::begin(session, id)?;
    let content = copy.fill(session, id, file).and_then(|()| {
        let database = &mut *copy.database;
        let mut notes = std::collections::BTreeMap::new();
        // What loads made here is a beginning for others, and nothing that they could unload.
        ledger::forget(database).map_err(Error::database(id))?;
        if let Some(scrub) = &session.declaration(id).1.scrub {
            clean(session, id, scrub, database)?;
            notes.insert(SCRUBBED.to_owned(), rules_digest(session, id, scrub)?);
        }
        make_cold(session, id, database)?;
        if !options.allow_findings {
            let findings = scan::database(session, id, database)?;
            if !findings.is_empty() {
                return Err(Error::Findings(findings));
            }
        }
        let fingerprint = database.fingerprint().map_err(Error::database(id))?;
        dumped(session, id, database, fingerprint, notes, &writer)
    });
    copy.remove(id)?;
    let content = content?;
    let base = State {
        key: content.fingerprint.clone(),
        step: "base".to_owned(),
        content: content.clone(),
        made: session.now(),
    };
    store.put_base(options.name, writer, &base)?;
    let sent = match options.to {
        None => None,
        Some(name) => {
            let remote = remote(&session.tree, Some(name))?;
            let there = session.remote(remote, Purpose::Write)?;
            let mut shared = Shared { remote: remote.name.clone(), ..Shared::default() };
            let sent = send(session.context, store, &there, &[content.root], &mut shared)?;
            there.put_base(options.name, there.writer()?, &base)?;
            drop(sent);
            let failed = |source| Error::Remote { name: remote.name.clone(), url: remote.written.clone(), source };
            session.context.remotes.finish(there.backend().as_ref()).map_err(failed)?;
            Some(shared)
        }
    };
    Ok(Published {
        name: options.name.to_owned(),
        database: id.to_string(),
        fingerprint: content.fingerprint,
        bytes: content.bytes,
        sent,
    })
}

/// The published bases of the workspace's store, or of a remote.
pub fn bases(context: &Context<'_>, target: &Target, from: Option<&str>) -> Result<Vec<(String, State)>, Error> {
    let store = match from {
        Some(name) => Some(crate::snapshot::named_remote(context, target, name)?),
        None => crate::library::existing_store(context, &target.root)?,
    };
    let Some(store) = store else { return Ok(Vec::new()) };
    let mut bases = Vec::new();
    for name in store.bases()? {
        if let Some(base) = store.base(&name)? {
            bases.push((name, base));
        }
    }
    Ok(bases)
}
