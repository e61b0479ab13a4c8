//! States that turn out to be of no use are set aside with a word; a snapshot that cannot be relied on is not restored.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use store::{CreateOptions, DirectoryBackend, State, Store};

use crate::program::Ran;
use crate::workspace::Workspace;

const MANIFEST: &str = "name: shop
databases:
  shop:
    engine: sqlite
    schema: { sql: [1.sql] }
    types: types.yaml
    data: [data.yaml]
";

fn workspace() -> Workspace {
    Workspace::of(&[
        ("seedbed.yaml", MANIFEST),
        ("1.sql", "CREATE TABLE partners (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE);\n"),
        ("types.yaml", "types:\n  partner: { table: partners, key: [code], fields: { code: {} } }\n"),
        ("data.yaml", "partners: [{ code: edx }]\n"),
    ])
}

/// A workspace that was up once: what it made is in its store, and no environment is left.
fn made_before() -> Workspace {
    let workspace = workspace();
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.seedbed(&["tend"]).ends_with(0);
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    workspace
}

fn store_of(workspace: &Workspace) -> Store {
    let top = workspace.root().join(".seedbed");
    let (backend, cache) = (Arc::new(DirectoryBackend::new(top.join("store"))), top.join("store-cache/test"));
    Store::open_or_create(backend, &cache, &[], &CreateOptions::default()).unwrap()
}

/// Lets every state of a store that is of these steps say that its content has another fingerprint.
fn falsify(workspace: &Workspace, steps: &[&str], fingerprint: &str) -> usize {
    let store = store_of(workspace);
    let chosen = |state: &State| steps.contains(&state.step.as_str());
    let states: Vec<State> = store.states().unwrap().into_iter().filter(chosen).collect();
    for state in &states {
        let mut state = state.clone();
        fingerprint.clone_into(&mut state.content.fingerprint);
        // The writer keeps what the state is of.
        let writer = store.writer().unwrap();
        store.delete_state(&state.key).unwrap();
        store.put_state(writer, &state).unwrap();
    }
    states.len()
}

/// A fingerprint that was computed as they are now, of something else.
fn wrong() -> String {
    format!("{}-{}", database::FINGERPRINT_VERSION, "5eed".repeat(16))
}

/// The titles of the steps that were done, without those that always are.
fn titles(ran: &Ran) -> BTreeSet<String> {
    let report = ran.json();
    report["steps"].as_array().unwrap().iter().map(|step| step["title"].as_str().unwrap().to_owned()).collect()
}

fn up(workspace: &Workspace) -> Ran {
    let ran = workspace.seedbed(&["up", "--json"]).ends_with(0);
    assert_eq!(workspace.sql("shop/shop", "SELECT code FROM partners"), "edx\n");
    ran
}

const CLONED: &str = "clone database shop/shop";
const MIGRATED: &str = "migrate database shop/shop";
const LOADED: &str = "load data";

#[test]
fn a_state_that_is_not_what_it_says_is_set_aside_and_made_again() {
    let workspace = made_before();
    assert_eq!(falsify(&workspace, &["schema", "data"], &wrong()), 2);
    let ran = up(&workspace);
    let (data, schema) = ("the data state ", "the schema state ");
    let (aside, why) = (" of shop/shop in the store is set aside: ", "is not what was saved");
    ran.says(&[data, schema, aside, why]);
    assert_eq!(ran.stderr.matches(aside).count(), 2, "{}", ran.stderr);
    let done = titles(&ran);
    assert!(done.contains(MIGRATED) && done.contains(LOADED) && !done.contains(CLONED), "{done:?}");

    // What was made in its place is kept, and is what the next one takes.
    workspace.seedbed(&["tend"]).ends_with(0);
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    let ran = up(&workspace);
    assert_eq!(titles(&ran), BTreeSet::from([CLONED.to_owned()]));
    assert!(!ran.stderr.contains("set aside"), "{}", ran.stderr);
}

#[test]
fn after_a_state_that_is_of_no_use_the_next_nearest_is_taken() {
    let workspace = made_before();
    assert_eq!(falsify(&workspace, &["data"], &wrong()), 1);
    let ran = up(&workspace);
    ran.says(&["the data state ", "is set aside"]);
    let done = titles(&ran);
    assert!(done.contains(CLONED) && done.contains(LOADED) && !done.contains(MIGRATED), "{done:?}");
}

/// The packs of the store, the largest first.
fn packs(workspace: &Workspace) -> Vec<PathBuf> {
    let directories = fs::read_dir(workspace.root().join(".seedbed/store/packs")).unwrap();
    let files = directories.flat_map(|directory| fs::read_dir(directory.unwrap().path()).unwrap());
    let mut packs: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    packs.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().len()));
    assert!(!packs.is_empty());
    packs
}

#[test]
fn a_state_in_a_damaged_pack_is_set_aside_and_made_again_once_the_store_is_mended() {
    for damage in ["overwritten", "gone"] {
        let workspace = made_before();
        for pack in packs(&workspace) {
            let mut bytes = fs::read(&pack).unwrap();
            let length = bytes.len();
            // Neither its beginning nor its end, by which it is known.
            bytes[length / 4..length / 2].fill(0x5a);
            fs::remove_file(&pack).unwrap();
            if damage == "overwritten" {
                fs::write(&pack, bytes).unwrap();
            }
        }
        let ran = up(&workspace);
        ran.says(&["the data state ", "of shop/shop in the store is set aside: ", "`seedbed store repair`"]);
        assert!(titles(&ran).contains(MIGRATED), "{damage}: {ran:?}");

        // What is done in the background relies on what the store seems to have, and comes to its end first.
        workspace.seedbed(&["tend"]);
        workspace.seedbed(&["store", "repair"]);
        workspace.seedbed(&["tend"]).ends_with(0);
        workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
        let ran = up(&workspace);
        assert_eq!(titles(&ran), BTreeSet::from([CLONED.to_owned()]), "{damage}: {}", ran.stderr);
    }
}

#[test]
fn a_kept_state_that_is_gone_is_taken_from_the_store() {
    let workspace = workspace();
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.seedbed(&["tend"]).ends_with(0);
    workspace.seedbed(&["up"]).ends_with(0);
    fs::remove_dir_all(workspace.root().join(".seedbed/default/states/shop")).unwrap();
    let ran = workspace.seedbed(&["reset", "--json"]).ends_with(0);
    ran.says(&["the data state ", "of shop/shop kept in the engine is set aside: "]);
    assert_eq!(titles(&ran), BTreeSet::from([CLONED.to_owned()]));
    assert_eq!(workspace.sql("shop/shop", "SELECT code FROM partners"), "edx\n");
}

#[test]
fn a_store_that_cannot_be_opened_does_not_keep_anything_from_coming_up() {
    let workspace = made_before();
    fs::write(workspace.root().join(".seedbed/store/store"), "nonsense").unwrap();
    let ran = up(&workspace);
    ran.says(&["the store is left out: "]);
    assert!(titles(&ran).contains(MIGRATED), "{ran:?}");
}

/// Takes a snapshot, and adds one under another tag that says that the database has this fingerprint.
fn with_snapshot(fingerprint: &dyn Fn(&str) -> String) -> Workspace {
    let workspace = workspace();
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.seedbed(&["snapshot", "taken"]).ends_with(0);
    let store = store_of(&workspace);
    let record = store.find("taken").unwrap();
    let mut contents = store.snapshot(&record).unwrap().contents;
    for content in &mut contents {
        content.fingerprint = fingerprint(&content.fingerprint);
    }
    let mut details = record.details;
    "other".clone_into(&mut details.tag);
    store.commit(store.writer().unwrap(), contents, details).unwrap();
    workspace
}

fn change(workspace: &Workspace) {
    let change = "INSERT INTO partners (code) VALUES ('mine');\n";
    workspace.client(&[], change);
    assert_eq!(workspace.sql("shop/shop", "SELECT count(*) FROM partners"), "2\n");
}

#[test]
fn a_snapshot_that_is_not_what_it_says_is_not_restored() {
    for wrong in
        [wrong(), format!("{}-", database::FINGERPRINT_VERSION), format!("{}-é", database::FINGERPRINT_VERSION)]
    {
        let workspace = with_snapshot(&|_| wrong.clone());
        change(&workspace);
        let ran = workspace.seedbed(&["restore", "other"]).ends_with(1);
        ran.says(&[
            "database shop/shop is not what was saved",
            "help: nothing was changed",
            "seedbed store check --data",
        ]);
        assert_eq!(workspace.sql("shop/shop", "SELECT count(*) FROM partners"), "2\n");
    }
}

#[test]
fn a_snapshot_of_another_way_of_fingerprints_is_restored_and_compared_by_its_rows() {
    // As an earlier version wrote them, and a later one might.
    for other in [|now: &str| now.split_once('-').unwrap().1.to_owned(), |now: &str| format!("9{now}")] {
        let workspace = with_snapshot(&other);
        let same = |arguments: &[&str]| {
            let difference = workspace.seedbed(arguments).ends_with(0);
            difference.says(&["its fingerprint was computed by another version of seedbed"]);
            assert_eq!(difference.stdout, "no difference\n", "{arguments:?}");
        };
        same(&["diff", "taken", "other"]);
        same(&["diff", "other", "taken"]);
        same(&["diff", "other"]);
        change(&workspace);
        let difference = workspace.seedbed(&["diff", "other"]).ends_with(0);
        assert!(difference.stdout.contains("1 added"), "{}", difference.stdout);

        let ran = workspace.seedbed(&["restore", "other"]).ends_with(0);
        ran.says(&["shop/shop: its bytes are those that were saved", "is not compared"]);
        assert_eq!(workspace.sql("shop/shop", "SELECT code FROM partners"), "edx\n");
        // A snapshot now says it as it is said now.
        let id =
            |tag: &str| workspace.seedbed(&["snapshot", tag, "--json"]).ends_with(0).json()["snapshot"]["id"].clone();
        let again: Value = id("again");
        let shown = workspace.seedbed(&["show", "taken", "--json"]).ends_with(0).json();
        assert_eq!(again, shown["snapshot"]["id"], "{shown}");
    }
}
