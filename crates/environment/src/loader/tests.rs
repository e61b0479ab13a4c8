//! Loads into real SQLite databases.

use std::sync::atomic::{AtomicUsize, Ordering};

use database::{DatabaseSettings, Engine as _, Location};
use database_sqlite::SqliteEngine;
use dataset::{Options, Registry, SpecSet};
use source::SourceFile;
use tempfile::TempDir;

use super::*;

/// Two services with a database each, `lms` and `shop`.
pub(super) struct World {
    directory: TempDir,
}

const LMS: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, age INTEGER CHECK (age >= 0));
    CREATE TABLE enrolments (user_id INTEGER NOT NULL REFERENCES users, course TEXT NOT NULL, PRIMARY KEY (user_id, course));
    CREATE TABLE notes (username TEXT, text TEXT);
    CREATE TABLE certificates (enrolment TEXT NOT NULL);
";

const LMS_TYPES: &str = "
types:
  user: { table: users, key: [username], fields: { username: {}, age: {} } }
  enrolment:
    table: enrolments
    key: [username, course]
    fields: { username: { references: user, column: user_id }, course: {} }
  note:
    table: notes
    key: [text]
    fields: { text: {}, username: { default: null } }
  certificate:
    table: certificates
    key: [enrolment]
    fields: { enrolment: { references: enrolment } }
";

const SHOP: &str = "
    CREATE TABLE buyers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, lms_id INTEGER);
    CREATE TABLE regions (code TEXT PRIMARY KEY);
    CREATE TABLE orders (
        number TEXT PRIMARY KEY, buyer_id INTEGER REFERENCES buyers,
        region TEXT REFERENCES regions DEFERRABLE INITIALLY DEFERRED
    );
";

const SHOP_TYPES: &str = "
types:
  buyer:
    table: buyers
    key: [name]
    fields: { name: { references: lms.user, value: username }, lms_id: { default: null } }
  order:
    table: orders
    key: [number]
    fields: { number: {}, buyer_id: { references: buyer, default: null }, region: { default: null } }
  need:
    table: orders
    key: [number]
    fields: { number: {}, region: { required: true } }
    list: needs
  wish:
    table: regions
    key: [code]
    fields: { code: { references: need, value: number } }
    list: wishes
";

impl World {
    pub(super) fn new() -> Self {
        let world = Self { directory: tempfile::tempdir().unwrap() };
        for (name, script) in [("lms", LMS), ("shop", SHOP)] {
            let mut database = world.open(&id(name)).unwrap();
            database.create().unwrap();
            database.execute_script(script).unwrap();
        }
        world
    }

    pub(super) fn open(&self, id: &DatabaseId) -> Result<Box<dyn Database>, Error> {
        let path = |end: &str| self.directory.path().join(format!("{}{end}", id.name));
        let location = Location::Sqlite { path: path(".db"), kept: path(".kept") };
        SqliteEngine.open(&location, &DatabaseSettings::default()).map_err(Error::database(id))
    }

    pub(super) fn journal(&self) -> Journal {
        Journal::open(self.directory.path()).unwrap()
    }

    /// Loads specs, each of a service.
    fn load(&self, specs: &[(&str, &str)], strict: bool) -> Result<LoadReport, Error> {
        self.carry_out(&plan(specs, strict))
    }

    fn carry_out(&self, plan: &LoadPlan) -> Result<LoadReport, Error> {
        load(
            plan,
            &Loading::default(),
            None,
            Hands {
                open: &|id| self.open(id),
                start: &no_provider,
                journal: &self.journal(),
                interrupt: &Interrupt::default(),
            },
        )
        .map(|loaded| loaded.report)
    }

    /// Does what a command does that finds the journal.
    pub(super) fn take_back(&self) {
        let journal = self.journal();
        for (name, load) in journal.contents().loads {
            let id = DatabaseId::parse(&name).unwrap();
            crate::loader_commit::take_back(&id, &load, &journal.rows(), &|id| self.open(id)).unwrap();
        }
        journal.settle_load().unwrap();
    }

    /// What is in both databases, as a digest.
    pub(super) fn content(&self) -> Vec<String> {
        ["lms", "shop"].map(|name| self.open(&id(name)).unwrap().fingerprint().unwrap()).to_vec()
    }

    pub(super) fn count(&self, database: &str, table: &str) -> u64 {
        self.open(&id(database)).unwrap().row_counts().unwrap()[table]
    }

    pub(super) fn execute(&self, database: &str, sql: &str) {
        self.open(&id(database)).unwrap().execute_script(sql).unwrap();
    }

    /// The wanted columns of the row with this key.
    pub(super) fn row(&self, database: &str, table: &str, key: (&str, Value), wanted: &[&str]) -> Option<Vec<Value>> {
        let mut database = self.open(&id(database)).unwrap();
        let mut transaction = database.begin().unwrap();
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        transaction.find(table, &[key.0.to_owned()], &[vec![key.1]], &wanted).unwrap().remove(0)
    }
}

/// These loads have records of no provider.
pub(super) fn no_provider(
    provider: &dataset::Provider,
    _: &Interrupt,
) -> Result<Box<dyn crate::provider::Work>, Error> {
    panic!("{} is not needed", provider.name)
}

pub(super) fn id(name: &str) -> DatabaseId {
    DatabaseId { workspace: name.to_owned(), name: name.to_owned() }
}

pub(super) fn plan(specs: &[(&str, &str)], strict: bool) -> LoadPlan {
    match copy(specs, strict, 1) {
        Ok(plan) => plan.unwrap(),
        Err(problems) => panic!("{}", rendered(&problems)),
    }
}

/// The plan of a copy of what specs declare.
pub(super) fn copy(specs: &[(&str, &str)], strict: bool, number: u64) -> Result<Option<LoadPlan>, Problems> {
    let mut problems = Problems::default();
    let mut types = Registry::default();
    for (service, text) in [("lms", LMS_TYPES), ("shop", SHOP_TYPES)] {
        types.add(service, service, &parse(&format!("{service}-types.yaml"), text), &mut problems);
    }
    types.check(&mut problems);
    let mut set = SpecSet::new();
    for (service, text) in specs {
        set.add(&types, service, None, &parse(&format!("{service}.yaml"), text), &mut problems);
    }
    assert!(!problems.has_errors(), "{}", rendered(&problems));
    dataset::order_copy(&types, set, &Options { strict, seed: 0 }, number)
}

fn parse(name: &str, text: &str) -> source::Tree {
    source::parse(&SourceFile::new(name, text)).unwrap_or_else(|problem| panic!("{problem:?}"))
}

fn rendered(problems: &Problems) -> String {
    source::render(problems, source::RenderOptions::default())
}

pub(super) fn message(error: &Error) -> String {
    match error {
        Error::Problems(problems) => rendered(problems),
        other => crate::error::with_causes(other),
    }
}

const BOTH: [(&str, &str); 2] = [
    (
        "lms",
        "{ users: [{ username: ada }, { username: bob, age: 7 }], enrolments: [{ username: bob, course: x }],
           notes: [{ text: hello }] }",
    ),
    ("shop", "{ buyers: [{ name: ada }, { name: bob }], orders: [{ number: n1, buyer_id: bob }] }"),
];

#[test]
fn a_second_load_finds_everything_and_changes_nothing() {
    let world = World::new();
    let first = world.load(&BOTH, false).unwrap();
    assert_eq!((first.created(), first.found()), (7, 0));
    let content = world.content();
    let second = world.load(&BOTH, false).unwrap();
    assert_eq!((second.created(), second.found()), (0, 7));
    assert_eq!(second.implied, Vec::<String>::new());
    assert_eq!(world.content(), content);
    assert!(world.journal().contents().is_empty());
}

#[test]
fn references_store_what_the_database_gave_to_the_other_row() {
    let world = World::new();
    world.execute("lms", "INSERT INTO users (id, username, age) VALUES (41, 'bob', 99)");
    let report = world.load(&BOTH, false).unwrap();
    assert_eq!((report.created(), report.found()), (6, 1), "{report:?}");
    let enrolment = world.row("lms", "enrolments", ("course", "x".into()), &["user_id"]);
    assert_eq!(enrolment, Some(vec![41.into()]), "a composite primary key, one part of which is a reference");
    let bob = world.row("lms", "users", ("username", "bob".into()), &["age"]);
    assert_eq!(bob, Some(vec![99.into()]), "what is there is left alone");
    let buyer = world.row("shop", "buyers", ("name", "bob".into()), &["id"]).unwrap();
    let order = world.row("shop", "orders", ("number", "n1".into()), &["buyer_id", "region"]);
    assert_eq!(order, Some(vec![buyer[0].clone(), Value::Null]));
}

#[test]
fn a_table_without_a_primary_key_is_loaded_once_and_null_is_kept() {
    let world = World::new();
    let spec = [("lms", "{ notes: [{ text: hello }, { text: other, username: ada }] }")];
    assert_eq!(world.load(&spec, false).unwrap().created(), 2);
    assert_eq!(world.load(&spec, false).unwrap().found(), 2);
    assert_eq!(world.count("lms", "notes"), 2);
    assert_eq!(world.row("lms", "notes", ("username", Value::Null), &["text"]), Some(vec!["hello".into()]));
}

#[test]
fn what_is_only_referred_to_is_made_and_named() {
    let world = World::new();
    let spec = [("lms", "{ enrolments: [{ username: eve, course: x }] }"), ("shop", "{ buyers: [{ name: eve }] }")];
    let report = world.load(&spec, false).unwrap();
    assert_eq!(report.implied, ["lms.user[eve]"]);
    assert_eq!((report.created(), world.count("lms", "users")), (3, 1));
    assert_eq!(world.load(&spec, false).unwrap().implied, Vec::<String>::new(), "the second time it is there");
}

#[test]
fn strict_refuses_what_is_only_referred_to_and_names_all_of_it() {
    let world = World::new();
    let spec = [
        ("lms", "{ enrolments: [{ username: eve, course: x }, { username: dan, course: y }] }"),
        ("shop", "{ buyers: [{ name: eve }], orders: [{ number: n1, buyer_id: fay }] }"),
    ];
    let content = world.content();
    let error = message(&world.load(&spec, true).unwrap_err());
    for missing in ["lms.user[dan]", "lms.user[eve]", "lms.user[fay]", "shop.buyer[fay]"] {
        assert!(error.contains(&format!("{missing} is neither in the specs nor in the database")), "{error}");
    }
    assert_eq!(world.content(), content);
    for name in ["dan", "eve", "fay"] {
        world.execute("lms", &format!("INSERT INTO users (username) VALUES ('{name}')"));
    }
    world.execute("shop", "INSERT INTO buyers (name) VALUES ('fay')");
    world.load(&spec, true).unwrap();
}

#[test]
fn what_cannot_be_made_from_its_key_alone_is_refused_with_the_place_of_the_field() {
    let world = World::new();
    let error = message(&world.load(&[("shop", "{ wishes: [{ code: n7 }] }")], false).unwrap_err());
    assert!(error.contains("shop.need[n7] does not exist and cannot be made from its key alone"), "{error}");
    assert!(error.contains("a spec must give `region`") && error.contains("shop-types.yaml"), "{error}");
    world.execute("shop", "INSERT INTO orders (number) VALUES ('n7')");
    assert_eq!(world.load(&[("shop", "{ wishes: [{ code: n7 }] }")], false).unwrap().created(), 1);
}

#[test]
fn a_row_that_the_database_refuses_is_named_and_nothing_is_left() {
    let world = World::new();
    let users: Vec<String> =
        (0..50).map(|number| format!("  - {{ username: u{number:02}, age: {} }}", 30 - number)).collect();
    let spec = format!("users:\n{}\n", users.join("\n"));
    let content = world.content();
    let error = message(&world.load(&[("shop", "{ buyers: [{ name: u07 }] }"), ("lms", &spec)], false).unwrap_err());
    assert!(error.starts_with("cannot load lms.user[u31]"), "{error}");
    assert!(error.contains("age = -1"), "{error}");
    assert_eq!(world.content(), content);
    let error = world.load(&[("lms", &spec)], false).unwrap_err();
    assert!(matches!(&error, Error::Load { place: Some(place), .. } if place == "lms.yaml:33"), "{error:?}");
}

#[test]
fn a_key_that_several_rows_have_is_named() {
    let world = World::new();
    world.execute("lms", "INSERT INTO notes (text) VALUES ('twice'), ('twice')");
    let spec = [("lms", "{ notes: [{ text: once }, { text: twice }] }")];
    let error = message(&world.load(&spec, false).unwrap_err());
    assert!(error.starts_with("cannot load lms.note[twice]") && error.contains("several rows"), "{error}");
    assert_eq!(world.count("lms", "notes"), 2);
}

#[test]
fn a_reference_to_a_key_of_several_columns_asks_for_the_column() {
    let world = World::new();
    let spec = [("lms", "{ certificates: [{ enrolment: { username: ada, course: x } }] }")];
    let error = message(&world.load(&spec, false).unwrap_err());
    assert!(error.contains("`enrolments` has a primary key of several columns: user_id, course"), "{error}");
    assert!(error.contains("under `value`"), "{error}");
    assert_eq!(world.count("lms", "users"), 0);
}

#[test]
fn a_commit_that_fails_takes_back_the_one_before() {
    let world = World::new();
    world.load(&[BOTH[0]], false).unwrap();
    let content = world.content();
    // The lms is committed first; the shop finds only then that there is no such region.
    let spec = [
        ("lms", "{ users: [{ username: ada }, { username: new }], enrolments: [{ username: new, course: x }] }"),
        ("shop", "{ orders: [{ number: n1, region: nowhere }], buyers: [{ name: new }] }"),
    ];
    let error = message(&world.load(&spec, false).unwrap_err());
    assert!(error.contains("deferred reference to regions"), "{error}");
    assert_eq!(world.content(), content);
    assert!(world.journal().contents().is_empty(), "nothing is left to undo");
    world.execute("shop", "INSERT INTO regions (code) VALUES ('nowhere')");
    assert_eq!(world.load(&spec, false).unwrap().created(), 4);
}

#[test]
fn what_cannot_be_taken_back_stays_in_the_journal() {
    let world = World::new();
    let spec = [("lms", "{ users: [{ username: new }] }"), ("shop", "{ orders: [{ number: n1, region: nowhere }] }")];
    let opened = AtomicUsize::new(0);
    let open = |id: &DatabaseId| {
        // The two of the load itself, then no more: as if the server had gone.
        if opened.fetch_add(1, Ordering::Relaxed) >= 2 {
            Err(Error::NotRunning(id.to_string()))
        } else {
            world.open(id)
        }
    };
    let error = load(
        &plan(&spec, false),
        &Loading::default(),
        None,
        Hands { open: &open, start: &no_provider, journal: &world.journal(), interrupt: &Interrupt::default() },
    )
    .unwrap_err();
    assert!(message(&error).contains("deferred reference to regions"), "the first error is told: {error:?}");
    assert_eq!(world.count("lms", "users"), 1);
    let left = world.journal().contents();
    assert_eq!(left.databases(), BTreeSet::from([id("lms"), id("shop")]));
    world.take_back();
    assert_eq!((world.count("lms", "users"), world.count("shop", "orders")), (0, 0));
}

#[test]
fn rows_of_protected_databases_stay_undoable_when_the_load_has_succeeded() {
    let world = World::new();
    let journal = world.journal();
    journal.protect(&id("shop"), crate::record::DatabaseRecord::default()).unwrap();
    let spec = plan(&[("lms", "{ users: [{ username: new }] }")], false);
    load(
        &spec,
        &Loading::default(),
        None,
        Hands { open: &|id| world.open(id), start: &no_provider, journal: &journal, interrupt: &Interrupt::default() },
    )
    .unwrap();
    world.take_back();
    assert_eq!(world.count("lms", "users"), 0);
}

#[test]
fn an_interrupt_ends_a_load_and_leaves_nothing() {
    let world = World::new();
    let content = world.content();
    let interrupt = Interrupt::default();
    interrupt.raise();
    let error = load(
        &plan(&BOTH, false),
        &Loading::default(),
        None,
        Hands { open: &|id| world.open(id), start: &no_provider, journal: &world.journal(), interrupt: &interrupt },
    )
    .unwrap_err();
    assert!(matches!(error, Error::Interrupted), "{error:?}");
    assert_eq!(world.content(), content);
}

#[test]
fn more_rows_than_are_given_at_once_are_all_loaded() {
    const ROWS: usize = 2 * AT_ONCE + 1;
    let world = World::new();
    let users: String = (0..ROWS).map(|number| format!("  - {{ username: u{number} }}\n")).collect::<Vec<_>>().concat();
    let enrolments: String = (0..ROWS)
        .map(|number| format!("  - {{ username: u{number}, course: c{number} }}\n"))
        .collect::<Vec<_>>()
        .concat();
    let plan = plan(&[("lms", &format!("users:\n{users}enrolments:\n{enrolments}"))], false);
    world.execute("lms", "INSERT INTO users (username) VALUES ('u1500')");
    let report = world.carry_out(&plan).unwrap();
    assert_eq!((report.created(), report.found()), (2 * ROWS - 1, 1));
    let user = world.row("lms", "users", ("username", "u1999".into()), &["id"]).unwrap();
    assert_eq!(world.row("lms", "enrolments", ("course", "c1999".into()), &["user_id"]), Some(user));
}
