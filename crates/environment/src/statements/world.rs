//! Two databases of one engine, what is loaded into them, and what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use database::{Database, DatabaseSettings, Engine as _, EngineKind, Location};
use database_sqlite::SqliteEngine;
use dataset::{Options, Registry, SpecSet};
use factory::Choice;
use plan::DatabaseId;
use serde_json::Value;
use source::{Problems, SourceFile, Tree};
use tempfile::TempDir;

use super::calls::Lost;
use super::fault::{Fault, Kind, Statement};
use super::proxy::Proxy;
use super::server::Server;
use crate::execute_load::{Parts, carry_out};
use crate::generation::Generation;
use crate::journal::Journal;
use crate::ledger::LoadMode;
use crate::ledger_identity;
use crate::loader::{Hands, Loading, MakeCopy};
use crate::specs::{OwnSpec, compile};
use crate::unload::{self, Unloading};
use crate::{Error, Interrupt, loader_stages};

/// The tables of each database, those that are referred to first. `ID` stands for what an engine says of a number that it counts.
const LMS: &str = "
    CREATE TABLE users (id ID, username VARCHAR(40) NOT NULL UNIQUE, age INTEGER CHECK (age >= 0));
    CREATE TABLE enrolments (
        user_id BIGINT NOT NULL, course VARCHAR(40) NOT NULL,
        PRIMARY KEY (user_id, course), FOREIGN KEY (user_id) REFERENCES users (id)
    );
    CREATE TABLE visits (
        id ID, page VARCHAR(40) NOT NULL, user_id BIGINT NOT NULL, FOREIGN KEY (user_id) REFERENCES users (id)
    );
    INSERT INTO users (username, age) VALUES ('ada', 35), ('own', 1);
";
const SHOP: &str = "
    CREATE TABLE buyers (id ID, name VARCHAR(40) NOT NULL);
    CREATE TABLE orders (
        number VARCHAR(40) PRIMARY KEY, buyer_id BIGINT, FOREIGN KEY (buyer_id) REFERENCES buyers (id)
    );
    CREATE TABLE views (id ID, page VARCHAR(40) NOT NULL);
";
/// A table, and its columns.
type Columns = (&'static str, &'static [&'static str]);

/// The databases: the script of each, and its tables.
const TABLES: [(&str, &str, [Columns; 3]); 2] = [
    (
        "lms",
        LMS,
        [
            ("users", &["id", "username", "age"]),
            ("enrolments", &["user_id", "course"]),
            ("visits", &["id", "page", "user_id"]),
        ],
    ),
    ("shop", SHOP, [("buyers", &["id", "name"]), ("orders", &["number", "buyer_id"]), ("views", &["id", "page"])]),
];

const TYPES: [(&str, &str); 2] = [
    (
        "lms",
        "types:
  user: { table: users, key: [username], fields: { username: {}, age: {} } }
  enrolment:
    table: enrolments
    key: [username, course]
    fields: { username: { references: user, column: user_id }, course: {} }",
    ),
    (
        "shop",
        "types:
  buyer: { table: buyers, key: [name], fields: { name: { references: lms.user, value: username } } }
  order: { table: orders, key: [number], fields: { number: {}, buyer_id: { references: buyer, default: null } } }",
    ),
];

/// What is loaded: records of each service, and rows that are generated.
pub(super) struct Specs {
    pub(super) lms: &'static str,
    pub(super) shop: &'static str,
    pub(super) own: &'static str,
}

/// The pieces of each load.
type Ledger = Vec<(u64, Vec<Vec<u8>>)>;

/// What is in both databases.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    tables: BTreeMap<(&'static str, &'static str), Table>,
    ledger: BTreeMap<String, Ledger>,
}

#[derive(Clone, Debug, PartialEq)]
struct Table {
    columns: &'static [&'static str],
    rows: Vec<Vec<Option<String>>>,
}

/// What does not depend on the numbers that a database has counted.
#[derive(Debug, PartialEq)]
pub(super) struct Shape {
    tables: BTreeMap<(&'static str, &'static str), Vec<Vec<Option<String>>>>,
    /// What is said first of each load.
    ledger: BTreeMap<String, Vec<(u64, Value)>>,
}

impl Content {
    pub(super) fn shape(&self) -> Shape {
        let tables = self.tables.iter().map(|(name, table)| {
            let is_counted = |column: &str| column == "id" || column.ends_with("_id");
            let shown: Vec<usize> = (0..table.columns.len()).filter(|at| !is_counted(table.columns[*at])).collect();
            let pick = |row: &Vec<Option<String>>| shown.iter().map(|at| row[*at].clone()).collect::<Vec<_>>();
            let mut rows: Vec<_> = table.rows.iter().map(pick).collect();
            rows.sort();
            (*name, rows)
        });
        let entries = |loads: &Ledger| {
            let entry = |(number, pieces): &(u64, Vec<Vec<u8>>)| {
                let mut first: Value = serde_json::from_slice(&pieces[0]).unwrap();
                // After a loss the rows of a batch are inserted one by one, and each makes a piece.
                first.as_object_mut().unwrap().remove("pieces");
                (*number, first)
            };
            loads.iter().map(entry).collect()
        };
        let ledger = self.ledger.iter().map(|(name, loads)| (name.clone(), entries(loads)));
        Shape { tables: tables.collect(), ledger: ledger.collect() }
    }
}

/// What came of a run with a fault.
pub(super) struct Outcome {
    /// Whether the operation says that all went well.
    pub(super) is_success: bool,
    /// Whether there was such a statement.
    pub(super) has_happened: bool,
    /// The statements.
    pub(super) statements: Vec<Statement>,
}

enum Engine<'a> {
    Sqlite,
    Server { server: &'a Server, name: String, proxy: Proxy, socket_directory: PathBuf },
}

/// Two databases, `lms` and `shop`, the journal of an environment, and what goes wrong.
pub(super) struct World<'a> {
    directory: TempDir,
    engine: Engine<'a>,
    /// The databases without any fault.
    direct: BTreeMap<&'static str, Mutex<Box<dyn Database>>>,
    fault: Mutex<Option<Arc<Fault>>>,
    types: Registry,
    empty: Option<Content>,
}

impl<'a> World<'a> {
    pub(super) fn on_sqlite() -> Self {
        Self::new(Engine::Sqlite, "INTEGER PRIMARY KEY")
    }

    pub(super) fn on_server(server: &'a Server, kind: EngineKind, name: &str) -> Self {
        let (proxy, socket_directory) = server.proxy(name);
        let id = match kind {
            EngineKind::Postgres => "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            _ => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        };
        Self::new(Engine::Server { server, name: name.to_lowercase(), proxy, socket_directory }, id)
    }

    fn new(engine: Engine<'a>, id: &str) -> Self {
        let mut types = Registry::default();
        let mut problems = Problems::default();
        for (service, text) in TYPES {
            types.add(service, service, &parse(text), &mut problems);
        }
        types.check(&mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let (directory, direct, fault) = (in_memory("world-"), BTreeMap::new(), Mutex::default());
        let mut world = Self { directory, engine, direct, fault, types, empty: None };
        std::fs::create_dir(world.journal_directory()).unwrap();
        for (name, script, _) in TABLES {
            let mut database = world.open_directly(name);
            database.create().unwrap();
            database.execute_script(&script.replace(" ID", &format!(" {id}"))).unwrap();
            world.direct.insert(name, Mutex::new(database));
        }
        world.empty = Some(world.content());
        world
    }

    /// Brings both databases back to what they were first.
    pub(super) fn clear(&self) {
        self.put(self.empty.as_ref().unwrap());
    }

    fn journal_directory(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    fn open_directly(&self, name: &str) -> Box<dyn Database> {
        match &self.engine {
            Engine::Sqlite => {
                let path = |end: &str| self.directory.path().join(format!("{name}{end}"));
                let location = Location::Sqlite { path: path(".db"), kept: path(".kept") };
                SqliteEngine.open(&location, &DatabaseSettings::default()).unwrap()
            }
            Engine::Server { server, name: world, .. } => server.open(&format!("{world}_{name}")),
        }
    }

    /// Opens a database as the program does, with the fault if there is one.
    fn open(&self, id: &DatabaseId) -> Box<dyn Database> {
        let fault = self.fault.lock().unwrap().clone();
        match (&self.engine, fault) {
            (Engine::Sqlite, Some(fault)) => Box::new(Lost { inner: self.open_directly(&id.name), fault }),
            (Engine::Server { server, name, socket_directory, .. }, Some(_)) => {
                server.open_at(&format!("{name}_{}", id.name), socket_directory.clone())
            }
            (_, None) => self.open_directly(&id.name),
        }
    }

    /// Does something with a fault at one statement. If the process is killed, its journal is what it was then.
    pub(super) fn with(&self, kind: Kind, at: usize, operation: impl FnOnce(&Self) -> bool) -> Outcome {
        let left = self.directory.path().join("left");
        let fault = Arc::new(Fault::new(kind, at, &self.journal_directory(), &left));
        self.set(Some(Arc::clone(&fault)));
        let is_success = operation(self);
        self.set(None);
        let (has_happened, statements) = (fault.has_happened(), fault.statements());
        if fault.is_dead() {
            std::fs::remove_dir_all(self.journal_directory()).unwrap();
            std::fs::rename(&left, self.journal_directory()).unwrap();
        }
        Outcome { is_success: is_success && !fault.is_dead(), has_happened, statements }
    }

    fn set(&self, fault: Option<Arc<Fault>>) {
        if let Engine::Server { proxy, .. } = &self.engine {
            proxy.set(fault.clone());
        }
        *self.fault.lock().unwrap() = fault;
    }

    fn journal(&self) -> Journal {
        Journal::open(&self.journal_directory()).unwrap()
    }

    /// Does what a command does that finds the journal; then nothing of it may be left.
    pub(super) fn recover(&self) {
        let journal = self.journal();
        let databases = journal.contents().databases();
        for id in &databases {
            let open = |id: &DatabaseId| Ok(self.open(id));
            let staying = loader_stages::undo_in(id, &journal, &open, &no_provider, &|_| None).unwrap();
            assert_eq!(staying, Vec::<String>::new());
        }
        if !databases.is_empty() {
            journal.settle(&databases).unwrap();
        }
        let left = std::fs::read_dir(self.journal_directory()).unwrap().flatten().map(|entry| entry.file_name());
        // What was written before the journal could name it is written over by the next command.
        let left: Vec<_> = left.filter(|name| name == "journal.json").collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// Loads records and generated rows, as one.
    pub(super) fn load(&self, mode: LoadMode, specs: &Specs) -> Result<(), Error> {
        let mut problems = Problems::default();
        let mut set = SpecSet::new();
        for (service, text) in [("lms", specs.lms), ("shop", specs.shop)] {
            set.add(&self.types, service, None, &parse(text), &mut problems);
        }
        let spec = factory::Spec::read(&[parse(specs.own)], &Choice::default(), &compile, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let make_copy =
            |number: u64| dataset::order_copy(&self.types, set.clone(), &Options { strict: false, seed: 0 }, number);
        let plan = make_copy(1).unwrap().unwrap();
        let identity = ledger_identity::of_records("spec".to_owned(), "lms".to_owned(), mode, &plan);
        let databases: BTreeSet<DatabaseId> = TABLES.iter().map(|(name, ..)| id(name)).collect();
        let removing = if mode == LoadMode::Replace { databases.clone() } else { BTreeSet::new() };
        let loading = Loading { identity, is_dry: false, databases: removing };
        let (name, service) = ("spec".to_owned(), "lms".to_owned());
        let own = OwnSpec { name, service: service.clone(), spec: spec.unwrap(), chosen: BTreeMap::new() };
        let generations = [Generation {
            identity: ledger_identity::of_generation(&own, mode, &self.types),
            spec: own.spec,
            service,
            databases: databases.into_iter().collect(),
            filled: BTreeSet::new(),
            types: &self.types,
            is_dry: false,
        }];
        let make_copy: Option<&MakeCopy<'_>> = (mode == LoadMode::Add).then_some(&make_copy);
        let parts = Parts { records: Some((&plan, &loading)), make_copy, generations: &generations };
        let (open, journal, interrupt) = (|id: &DatabaseId| Ok(self.open(id)), self.journal(), Interrupt::default());
        let hands = Hands { open: &open, start: &no_provider, journal: &journal, interrupt: &interrupt };
        carry_out(&parts, hands, &|_| None).map(drop)
    }

    pub(super) fn unload(&self) -> Result<(), Error> {
        let databases = TABLES.iter().map(|(name, ..)| id(name)).collect();
        let unloading = Unloading { spec: "spec".to_owned(), databases, takes_along: false, is_dry: false };
        let (open, interrupt) = (|id: &DatabaseId| Ok(self.open(id)), Interrupt::default());
        unload::carry_out(&unloading, &open, (&no_provider, &|_| None), &self.journal(), &interrupt).map(drop)
    }

    /// What is in both databases.
    pub(super) fn content(&self) -> Content {
        let mut content = Content { tables: BTreeMap::new(), ledger: BTreeMap::new() };
        for (name, database) in &self.direct {
            let mut database = database.lock().unwrap();
            let tables = TABLES.iter().find(|(of, ..)| of == name).unwrap().2;
            for (table, columns) in tables {
                let mut rows = Vec::new();
                database
                    .read_rows(table, &mut |row| {
                        rows.push(row.to_vec());
                        Ok(())
                    })
                    .unwrap();
                content.tables.insert((*name, table), Table { columns, rows });
            }
            let mut transaction = database.begin().unwrap();
            let loads = transaction.ledger().unwrap().into_iter().map(|(load, first)| {
                let next = |number| transaction.ledger_piece(load, number).unwrap();
                let more: Vec<Vec<u8>> = (1..).map_while(next).collect();
                (load, [vec![first], more].concat())
            });
            let loads = loads.collect();
            transaction.rollback().unwrap();
            content.ledger.insert((*name).to_owned(), loads);
        }
        content
    }

    /// Makes the content of both databases this one.
    pub(super) fn put(&self, content: &Content) {
        for (name, _, tables) in TABLES {
            let mut database = self.direct[name].lock().unwrap();
            let deleted: Vec<String> = tables.iter().rev().map(|(table, _)| format!("DELETE FROM {table}")).collect();
            database.execute_script(&deleted.join(";\n")).unwrap();
            database.prepare_ledger().unwrap();
            let mut transaction = database.begin().unwrap();
            for (table, columns) in tables {
                let Table { rows, .. } = &content.tables[&(name, table)];
                let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
                let value = |cell: &Option<String>| cell.clone().map_or(Value::Null, Value::String);
                let rows: Vec<Vec<Value>> = rows.iter().map(|row| row.iter().map(value).collect()).collect();
                transaction.insert(table, &columns, &rows, &[]).unwrap();
            }
            for (load, _) in transaction.ledger().unwrap() {
                transaction.cut_ledger(load, 0).unwrap();
            }
            for (load, pieces) in &content.ledger[name] {
                for (number, piece) in (0..).zip(pieces) {
                    transaction.write_ledger(*load, number, piece).unwrap();
                }
            }
            transaction.commit().unwrap();
            database.tidy_ledger().unwrap();
        }
    }
}

/// A directory in memory where that can be had: no test cuts the power.
pub(super) fn in_memory(prefix: &str) -> TempDir {
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        builder
    };
    builder().tempdir_in("/dev/shm").or_else(|_| builder().tempdir()).unwrap()
}

fn id(name: &str) -> DatabaseId {
    DatabaseId { workspace: name.to_owned(), name: name.to_owned() }
}

fn parse(text: &str) -> Tree {
    source::parse(&SourceFile::new("text.yaml", text)).unwrap()
}

/// These loads have records of no provider.
fn no_provider(provider: &dataset::Provider, _: &Interrupt) -> Result<Box<dyn crate::provider::Work>, Error> {
    panic!("{} is not needed", provider.name)
}
