//! Loading again, and unloading, in real SQLite databases.

use super::tests::{World, copy, id, message, no_provider, plan};
use super::*;
use crate::ledger::LoadMode;
use crate::unload::{Unloading, carry_out as unload};

/// A load of the spec of this name.
fn loading(spec: &str, mode: LoadMode) -> Loading {
    let identity = LoadIdentity { spec: spec.to_owned(), mode, ..LoadIdentity::default() };
    let databases = if mode == LoadMode::Replace { ["lms", "shop"].map(id).into() } else { BTreeSet::new() };
    Loading { identity, is_dry: false, databases }
}

impl World {
    fn load_as(&self, spec: &str, mode: LoadMode, texts: &[(&str, &str)]) -> Result<LoadReport, Error> {
        let plan = plan(texts, false);
        let make = |number: u64| copy(texts, false, number);
        let make_copy: Option<&MakeCopy<'_>> = (mode == LoadMode::Add).then_some(&make);
        load(
            &plan,
            &loading(spec, mode),
            make_copy,
            Hands {
                open: &|id| self.open(id),
                start: &no_provider,
                journal: &self.journal(),
                interrupt: &Interrupt::default(),
            },
        )
        .map(|loaded| loaded.report)
    }

    fn unload(&self, spec: &str, takes_along: bool) -> Result<LoadReport, Error> {
        let unloading = unloading(spec, takes_along);
        unload(&unloading, &|id| self.open(id), (&no_provider, &|_: &str| None), &self.journal(), &Interrupt::default())
    }

    /// A column of all rows of a table, in the order of another one.
    fn column(&self, database: &str, table: &str, column: usize) -> Vec<String> {
        let mut values = Vec::new();
        let mut database = self.open(&id(database)).unwrap();
        database
            .read_rows(table, &mut |row| {
                values.push(row[column].clone().unwrap_or_default());
                Ok(())
            })
            .unwrap();
        values
    }
}

fn unloading(spec: &str, takes_along: bool) -> Unloading {
    Unloading { spec: spec.to_owned(), databases: ["lms", "shop"].map(id).into(), takes_along, is_dry: false }
}

const SPEC: &str = "{ users: [{ username: ada, age: 36 }, { username: bob, age: 7 }, { username: eve }],
    enrolments: [{ username: bob, course: x }] }";
const SHOP_SPEC: &str = "{ buyers: [{ name: ada }, { name: bob }], orders: [{ number: n1, buyer_id: bob }] }";
const BOTH: [(&str, &str); 2] = [("lms", SPEC), ("shop", SHOP_SPEC)];

#[test]
fn what_differs_is_reported_and_left_alone() {
    let world = World::new();
    world.execute("lms", "INSERT INTO users (username, age) VALUES ('ada', 35), ('bob', 7)");
    let report = world.load_as("spec", LoadMode::Ensure, &BOTH).unwrap();
    let difference =
        Difference { record: "lms.user[ada]".to_owned(), field: "age".to_owned(), is: 35.into(), declared: 36.into() };
    assert_eq!((report.differences.as_slice(), report.differing), ([difference].as_slice(), 1));
    assert_eq!(world.row("lms", "users", ("username", "ada".into()), &["age"]), Some(vec![35.into()]));
}

#[test]
fn values_that_the_database_takes_for_the_same_do_not_differ() {
    let world = World::new();
    let spec = [("lms", "{ users: [{ username: ada, age: '36' }] }")];
    world.load_as("spec", LoadMode::Ensure, &spec).unwrap();
    assert_eq!(world.load_as("spec", LoadMode::Ensure, &spec).unwrap().differing, 0);
}

#[test]
fn update_brings_declared_fields_to_what_is_declared_and_unload_puts_them_back() {
    let world = World::new();
    world.execute("lms", "INSERT INTO users (username, age) VALUES ('ada', 35), ('bob', 9), ('eve', 1)");
    let content = world.content();
    let report = world.load_as("spec", LoadMode::Update, &BOTH).unwrap();
    assert_eq!((report.created(), report.changed(), report.differing), (4, 2, 0));
    assert_eq!(world.column("lms", "users", 2), ["36", "7", "1"], "what no spec gives is left alone");
    let after = world.content();
    let again = world.load_as("spec", LoadMode::Update, &BOTH).unwrap();
    assert_eq!((again.created(), again.changed()), (0, 0));
    assert_eq!(world.content(), after);
    let report = world.unload("spec", false).unwrap();
    assert_eq!((report.removed(), report.changed()), (4, 2));
    assert_eq!(world.content(), content);
}

#[test]
fn what_somebody_has_changed_since_an_update_is_not_put_back() {
    let world = World::new();
    world.execute("lms", "INSERT INTO users (username, age) VALUES ('ada', 35), ('bob', 9)");
    world.load_as("spec", LoadMode::Update, &[BOTH[0]]).unwrap();
    world.execute("lms", "UPDATE users SET age = 99 WHERE username = 'bob'");
    world.unload("spec", false).unwrap();
    assert_eq!(world.column("lms", "users", 2), ["35", "99"]);
}

#[test]
fn unload_gives_back_the_former_state_to_the_byte_of_its_fingerprint() {
    let world = World::new();
    world.execute("lms", "INSERT INTO users (username) VALUES ('own')");
    let content = world.content();
    for mode in [LoadMode::Ensure, LoadMode::Update, LoadMode::Replace] {
        world.load_as("spec", mode, &BOTH).unwrap();
        assert_ne!(world.content(), content);
        assert_eq!(world.unload("spec", false).unwrap().removed(), 7);
        assert_eq!(world.content(), content);
        assert!(world.journal().contents().is_empty());
    }
    assert!(matches!(world.unload("spec", false), Err(Error::NothingLoaded { .. })));
}

#[test]
fn replace_removes_what_the_spec_no_longer_has() {
    let world = World::new();
    world.execute("lms", "INSERT INTO users (username) VALUES ('own')");
    let content = world.content();
    world.load_as("spec", LoadMode::Ensure, &BOTH).unwrap();
    let less = [("lms", "{ users: [{ username: ada, age: 37 }, { username: new }] }")];
    let report = world.load_as("spec", LoadMode::Replace, &less).unwrap();
    assert_eq!((report.created(), report.changed(), report.removed()), (1, 1, 6), "{report:?}");
    assert_eq!(world.column("lms", "users", 1), ["own", "ada", "new"]);
    assert_eq!(world.count("shop", "orders"), 0);
    let after = world.content();
    let again = world.load_as("spec", LoadMode::Replace, &less).unwrap();
    assert_eq!((again.created(), again.changed(), again.removed()), (0, 0, 0));
    assert_eq!(world.content(), after);
    world.unload("spec", false).unwrap();
    assert_eq!(world.content(), content);
}

#[test]
fn add_makes_new_records_each_time_and_unload_takes_all_of_them_out() {
    let world = World::new();
    world.execute("lms", "INSERT INTO users (username) VALUES ('bob-3')");
    let content = world.content();
    for _ in 0..3 {
        let report = world.load_as("spec", LoadMode::Add, &BOTH).unwrap();
        assert_eq!((report.created(), report.found(), report.differing), (7, 0, 0));
    }
    // What somebody else has is no copy of ours: that number is not taken for any record.
    let mut users = world.column("lms", "users", 1);
    users.sort();
    assert_eq!(users, ["ada", "ada-2", "ada-4", "bob", "bob-2", "bob-3", "bob-4", "eve", "eve-2", "eve-4"]);
    assert_eq!(world.column("shop", "orders", 0), ["n1", "n1-2", "n1-4"]);
    assert_eq!(world.column("shop", "buyers", 1), ["ada", "bob", "ada-2", "bob-2", "ada-4", "bob-4"]);
    let id_of = |name: &str| world.row("lms", "users", ("username", name.into()), &["id"]).unwrap().remove(0);
    for name in ["bob", "bob-2", "bob-4"] {
        let enrolment = world.row("lms", "enrolments", ("user_id", id_of(name)), &["course"]);
        assert_eq!(enrolment, Some(vec!["x".into()]), "a key is new through what it refers to");
    }
    assert_eq!(world.unload("spec", false).unwrap().removed(), 21);
    assert_eq!(world.content(), content);
}

#[test]
fn a_record_of_two_specs_goes_with_the_last_of_them() {
    let world = World::new();
    let content = world.content();
    let first = [("lms", "{ users: [{ username: ada }, { username: bob }] }")];
    let second = [("lms", "{ users: [{ username: bob }, { username: eve }] }")];
    for (gone, left) in [("first", "second"), ("second", "first")] {
        world.load_as("first", LoadMode::Ensure, &first).unwrap();
        world.load_as("second", LoadMode::Ensure, &second).unwrap();
        let after = world.content();
        world.load_as("second", LoadMode::Ensure, &second).unwrap();
        assert_eq!(world.content(), after, "that it is shared is noted once");
        assert_eq!(world.unload(gone, false).unwrap().removed(), 1);
        assert_eq!(world.count("lms", "users"), 2);
        assert_eq!(world.unload(left, false).unwrap().removed(), 2);
        assert_eq!(world.content(), content);
    }
}

#[test]
fn rows_that_were_there_or_came_back_by_other_hands_stay() {
    let world = World::new();
    world.execute("lms", "INSERT INTO users (username) VALUES ('ada')");
    world.load_as("spec", LoadMode::Ensure, &[BOTH[0]]).unwrap();
    // The last row's number is given again to another one.
    world.execute("lms", "DELETE FROM users WHERE username = 'eve'; INSERT INTO users (username) VALUES ('other')");
    assert_eq!(world.unload("spec", false).unwrap().removed(), 2);
    assert_eq!(world.column("lms", "users", 1), ["ada", "other"]);
}

#[test]
fn rows_of_others_are_in_the_way_and_go_along_only_when_asked_to() {
    let world = World::new();
    world.load_as("spec", LoadMode::Ensure, &BOTH).unwrap();
    world.execute("lms", "INSERT INTO enrolments (user_id, course) SELECT id, 'mine' FROM users");
    let content = world.content();
    let error = world.unload("spec", false).unwrap_err();
    let Error::InTheWay(in_the_way) = &error else { panic!("{error:?}") };
    assert_eq!((in_the_way[0].table.as_str(), in_the_way[0].rows), ("enrolments", 3));
    assert!(message(&error).contains("3 rows of lms/lms.enrolments refer to users: user_id = "), "{error}");
    assert_eq!(world.content(), content);
    let report = world.unload("spec", true).unwrap();
    assert_eq!(report.notes.len(), 1, "{report:?}");
    assert_eq!((world.count("lms", "users"), world.count("lms", "enrolments")), (0, 0));
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let world = World::new();
    world.load_as("spec", LoadMode::Ensure, &BOTH).unwrap();
    let content = world.content();
    let less = plan(&[("lms", "{ users: [{ username: ada, age: 37 }, { username: new }] }")], false);
    let dry = Loading { is_dry: true, ..loading("spec", LoadMode::Replace) };
    let report = load(
        &less,
        &dry,
        None,
        Hands {
            open: &|id| world.open(id),
            start: &no_provider,
            journal: &world.journal(),
            interrupt: &Interrupt::default(),
        },
    )
    .unwrap()
    .report;
    assert_eq!((report.created(), report.changed(), report.removed()), (1, 1, 6));
    assert_eq!(world.content(), content);
    let dry = Unloading { is_dry: true, ..unloading("spec", false) };
    let report =
        unload(&dry, &|id| world.open(id), (&no_provider, &|_: &str| None), &world.journal(), &Interrupt::default())
            .unwrap();
    assert_eq!(report.removed(), 7);
    assert_eq!(world.content(), content);
}
