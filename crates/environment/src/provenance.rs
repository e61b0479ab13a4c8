//! What a command has done with databases, written down as lineage: migrations, loads, snapshots, and what was put in place.
//!
//! Nothing reads a database for that. Who made what is in it is known from the order of what was done: beside each environment stands
//! which record made what its databases, its states and its snapshots hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lineage::{Content, Place, Record, Reference, Subject, WORKSPACE, milliseconds};
use plan::{Action, DatabaseId, Key, Plan};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ledger::LoadIdentity;
use crate::loader_report::LoadReport;
use crate::material::Material;
use crate::{Progress, Session, with_causes};

/// Commands whose databases are of no environment that stays.
const PASSING: [&str; 2] = ["verify", "check"];

/// Which records made what there is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Makers {
    #[serde(rename = "seedbed_makers")]
    version: u32,
    /// Of what databases hold.
    databases: BTreeMap<String, String>,
    /// Of what they held before it was put aside.
    #[serde(default)]
    aside: BTreeMap<String, String>,
    /// Of states, by database and key.
    #[serde(default)]
    states: BTreeMap<String, String>,
    /// Of contents of snapshots, by name and fingerprint.
    #[serde(default)]
    snapshots: BTreeMap<String, String>,
}

/// Writes down what a plan has done. It is done, whatever becomes of this: what cannot be written is told.
pub(crate) fn record(
    session: &Session<'_>,
    plan: &Plan,
    material: &Material<'_>,
    load: Option<&LoadReport>,
    began: SystemTime,
) {
    if PASSING.contains(&material.command) {
        return;
    }
    let path = session.place.directory().join("makers.json");
    let mut writer = Writer::new(session, read(&path), began);
    writer.all(plan, material, load);
    let Writer { makers, before, records, .. } = writer;
    let written = if records.is_empty() { Ok(()) } else { recorder::append(&session.target.root, &records) };
    let written = written.map_err(|error| with_causes(&error));
    let kept = if makers == before { Ok(()) } else { write(&path, &makers).map_err(|error| error.to_string()) };
    if let Err(error) = written.and(kept) {
        let text = format!("what was done is not in the lineage: {error}");
        session.context.monitor.on(Progress::Note(text));
    }
}

fn read(path: &Path) -> Makers {
    fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Replaces the file whole. It need not be on the disk: what it says is told by records, too.
fn write(path: &Path, makers: &Makers) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let text = serde_json::to_vec(&Makers { version: 1, ..makers.clone() })?;
    fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path))
}

struct Writer<'a> {
    session: &'a Session<'a>,
    makers: Makers,
    before: Makers,
    began_ms: i64,
    now_ms: i64,
    records: Vec<Record>,
}

impl<'a> Writer<'a> {
    fn new(session: &'a Session<'_>, makers: Makers, began: SystemTime) -> Self {
        let ms = |time| milliseconds(time).unwrap_or(0);
        let (began_ms, now_ms) = (ms(began), ms((session.context.now)()));
        Self { session, before: makers.clone(), makers, began_ms, now_ms, records: Vec::new() }
    }

    fn all(&mut self, plan: &Plan, material: &Material<'_>, load: Option<&LoadReport>) {
        // In the order in which it happens to a database.
        for step in &plan.steps {
            match &step.action {
                Action::Adopt { database, state, .. } => self.adopted(material, database, state),
                Action::Restore(database) => self.restored(material, database),
                Action::SwapBack(database) => self.swapped_back(database),
                Action::ImportBase { database, state } => self.based(database, state),
                Action::ClearDatabase(database) => drop(self.makers.databases.remove(&self.name(database))),
                _ => {}
            }
        }
        for step in &plan.steps {
            if let Action::RunSchema { database, key, .. } | Action::ExecuteSchema { database, key } = &step.action {
                self.migrated(database, key);
            }
        }
        for step in &plan.steps {
            if let (Action::Load { keys }, Some(report)) = (&step.action, load.filter(|report| !report.is_dry)) {
                self.loaded(material, keys, report);
            }
        }
        let saved = material.saved();
        if !saved.is_empty() {
            self.saved(material, &saved);
        }
        // Each ends a moment after the one before it.
        let count = i64::try_from(self.records.len()).unwrap_or(0);
        for (at, record) in (0..count).zip(&mut self.records) {
            record.duration_ms = (self.now_ms - self.began_ms - (count - 1 - at)).max(at);
            record.settle();
        }
    }

    /// The name of a database, as people say it in the workspace.
    fn name(&self, database: &DatabaseId) -> String {
        if database.workspace == self.session.model.root { database.name.clone() } else { database.to_string() }
    }

    fn begin(&self, step: String, kind: &str, command: &[&str]) -> Record {
        let mut record = Record::new(recorder::id(self.began_ms), step, kind, self.began_ms);
        record.by.clone_from(&self.session.context.author);
        record.command = command.iter().map(|word| (*word).to_owned()).collect();
        let directory = self.session.place.directory().file_name().unwrap_or_default();
        record.environment.insert("environment".to_owned(), directory.to_string_lossy().into_owned());
        record.environment.insert("seedbed".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        record
    }

    /// With the commit of the workspace, where something of it was read.
    fn with_commit(&self, mut record: Record) -> Record {
        if let Some(commit) = repositories::head(&self.session.target.root) {
            record.environment.insert("commit".to_owned(), commit.to_string());
        }
        record
    }

    /// All of a database, as a record left it; one of which nothing is recorded was empty, or is not known.
    fn content_of(&self, name: &str) -> Option<Reference> {
        let made_by = vec![self.makers.databases.get(name)?.clone()];
        Some(Reference { made_by: Some(made_by), ..Reference::of(Place::new(name, ""), Content::Unknown) })
    }

    fn wrote(&mut self, record: Record, names: impl IntoIterator<Item = String>) {
        for name in names {
            if let Some(before) = self.makers.databases.insert(name.clone(), record.id.clone()) {
                self.makers.aside.insert(name, before);
            }
        }
        self.records.push(record);
    }

    /// Another content was put in a database's place.
    fn put_in_place(&mut self, kind: &str, name: &str, from: String, maker: Option<String>, content: Content) {
        let mut record = self.begin(format!("{kind} {name}"), kind, &[]);
        let made_by = Some(maker.into_iter().collect());
        record.inputs = vec![Reference { subject: Subject::External(from), content: content.clone(), made_by }];
        record.outputs = vec![Reference::of(Place::new(name, ""), content)];
        self.wrote(record, [name.to_owned()]);
    }

    fn adopted(&mut self, material: &Material<'_>, database: &DatabaseId, state: &Key) {
        let (name, key) = (self.name(database), state.to_string());
        let maker = self.makers.states.get(&format!("{name} {key}")).cloned();
        let kind = if material.command == "reset" { "reset" } else { "restore" };
        self.put_in_place(kind, &name, format!("state:{key}"), maker, Content::Unknown);
    }

    fn based(&mut self, database: &DatabaseId, state: &Key) {
        let name = self.name(database);
        self.put_in_place("restore", &name, format!("base:{state}"), None, Content::Unknown);
    }

    fn restored(&mut self, material: &Material<'_>, database: &DatabaseId) {
        let Some(source) = material.snapshot else { return };
        let wanted = database.to_string();
        let Some(content) = source.snapshot.contents.iter().find(|content| content.name == wanted) else { return };
        let name = self.name(database);
        let maker = self.makers.snapshots.get(&format!("{wanted} {}", content.fingerprint)).cloned();
        let fingerprint = Content::Digest(content.fingerprint.clone());
        self.put_in_place("restore", &name, format!("snapshot:{}", source.snapshot.id), maker, fingerprint);
    }

    fn swapped_back(&mut self, database: &DatabaseId) {
        let name = self.name(database);
        let maker = self.makers.aside.get(&name).cloned();
        self.put_in_place("restore", &name, "aside:".to_owned(), maker, Content::Unknown);
    }

    fn migrated(&mut self, database: &DatabaseId, key: &Key) {
        let name = self.name(database);
        let mut record = self.with_commit(self.begin(format!("migrate {name}"), "migration", &["seedbed", "up"]));
        record.inputs = self.content_of(&name).into_iter().collect();
        record.outputs = vec![Reference::of(Place::new(&name, ""), Content::Unknown)];
        let made_of = self.session.database_record(database).made_of;
        let workspace = self.session.tree.find(&database.workspace);
        let directory = workspace.map(|id| self.session.tree.workspace(id).directory.clone());
        for file in made_of.inputs.keys() {
            record.code.extend(directory.as_ref().and_then(|directory| self.file(&directory.join(file))));
        }
        self.makers.states.insert(format!("{name} {key}"), record.id.clone());
        self.wrote(record, [name]);
    }

    fn loaded(&mut self, material: &Material<'_>, keys: &[(DatabaseId, Key)], report: &LoadReport) {
        let changed = report.types.iter().filter(|one| one.created + one.changed + one.removed > 0);
        let written: BTreeSet<(String, String)> = changed.filter_map(|one| self.table_of(&one.data_type)).collect();
        let names: BTreeSet<String> = written.iter().map(|(name, _)| name.clone()).collect();
        if !written.is_empty() {
            let identity = Self::identity(material);
            let spec = identity.map_or("declared data", |identity| identity.spec.as_str());
            let command: &[&str] = match identity {
                Some(identity) => &["seedbed", "load", &identity.spec],
                None => &["seedbed", "up"],
            };
            let mut record = self.with_commit(self.begin(format!("load {spec}"), "load", command));
            record.inputs = names.iter().filter_map(|name| self.content_of(name)).collect();
            let root = &self.session.target.root;
            let is_declared = identity.is_none();
            // What was declared is read by every command; a spec that is loaded is one more.
            let declared = self.session.data_files.keys();
            let types = declared.filter(|file| is_declared || file.contains(".types."));
            record.code.extend(types.filter_map(|file| self.file(&root.join(file))));
            record.inputs.extend(identity.and_then(|identity| self.file(&root.join(&identity.spec))));
            if let Some(identity) = identity {
                record.parameters.insert("mode".to_owned(), json!(format!("{:?}", identity.mode).to_lowercase()));
                record.parameters.insert("seed".to_owned(), json!(identity.seed));
                record.environment.insert("data types".to_owned(), identity.types.clone());
                for (name, value) in &identity.parameters {
                    record.parameters.insert(name.clone(), json!(value));
                }
            }
            record.outputs = written
                .iter()
                .map(|(name, table)| {
                    Reference::of(Place { resource: name.clone(), path: table.clone() }, Content::Unknown)
                })
                .collect();
            self.wrote(record, names);
        }
        for (database, key) in keys {
            let name = self.name(database);
            if let Some(maker) = self.makers.databases.get(&name).cloned() {
                self.makers.states.insert(format!("{name} {key}"), maker);
            }
        }
    }

    /// What the ledger calls a load, if it is one of a spec.
    fn identity<'b>(material: &'b Material<'_>) -> Option<&'b LoadIdentity> {
        let records = material.load.map(|(_, loading)| &loading.identity);
        records.or_else(|| material.generations.first().map(|generation| &generation.identity))
    }

    /// The database and the table of a data type.
    fn table_of(&self, data_type: &str) -> Option<(String, String)> {
        let session = self.session;
        if let Some(found) = session.types.data_type_called(data_type) {
            let database = DatabaseId { workspace: found.name.service.clone(), name: found.database.clone() };
            let table = match &found.maker {
                dataset::Maker::Table(table) => table,
                dataset::Maker::Provider(_) => &found.name.name,
            };
            return Some((self.name(&database), table.clone()));
        }
        let (service, table) = data_type.split_once('.')?;
        let database = session.model.databases.keys().find(|id| id.workspace == service)?;
        Some((self.name(database), table.to_owned()))
    }

    /// A file of the workspace, as it is now.
    fn file(&self, path: &Path) -> Option<Reference> {
        let below: PathBuf = path.strip_prefix(&self.session.target.root).ok()?.to_owned();
        let content = recorder::digest_of(path);
        let is_there = content != Content::Unknown;
        is_there.then(|| Some(Reference::of(Place::new(WORKSPACE, below.to_str()?), content))).flatten()
    }

    fn saved(&mut self, material: &Material<'_>, saved: &[(String, String)]) {
        let mut record = self.begin(material.command.to_owned(), "snapshot", &[]);
        for (wanted, fingerprint) in saved {
            let name = DatabaseId::parse(wanted).map_or_else(|| wanted.clone(), |database| self.name(&database));
            let input = Reference::of(Place::new(&name, ""), Content::Digest(fingerprint.clone()));
            let made_by = Some(self.makers.databases.get(&name).cloned().into_iter().collect());
            if let Some(maker) = self.makers.databases.get(&name) {
                self.makers.snapshots.insert(format!("{wanted} {fingerprint}"), maker.clone());
            }
            record.inputs.push(Reference { made_by, ..input });
        }
        self.records.push(record);
    }
}
