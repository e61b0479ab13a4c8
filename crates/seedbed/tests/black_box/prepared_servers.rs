//! Servers on another machine begin with the files of a prepared one, which has nothing but the declared states; and do without it
//! where it is of no use.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use store::{CreateOptions, DirectoryBackend, Store};

use crate::program::{Ran, run};
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(120);

const NOTES: &str = "CREATE TABLE notes (text text PRIMARY KEY);
INSERT INTO notes VALUES ('kept'), ('deleted-4711');
DELETE FROM notes WHERE text = 'deleted-4711';
";

/// Two machines and a remote between them; `None` where there is no PostgreSQL.
struct Machines {
    workspace: Workspace,
}

impl Machines {
    fn new(notes: &str) -> Option<Self> {
        if !Path::new("/usr/lib/postgresql").is_dir() {
            eprintln!("skipped: PostgreSQL is not installed");
            return None;
        }
        let workspace = Workspace::new();
        for machine in ["one", "two"] {
            let files = [
                (
                    "seedbed.yaml",
                    "name: shop\nservers: own\ndatabases:\n  notes:\n    engine: postgres\n    schema: { sql: [notes.sql] }\n    \
                     types: types.yaml\n    data: [data.yaml]\n  more:\n    engine: postgres\n    schema: { sql: [more.sql] }\n\
                     remotes:\n  team: ../remote\n",
                ),
                ("notes.sql", notes),
                ("more.sql", "CREATE TABLE more (number integer)"),
                ("types.yaml", "types:\n  note: { table: notes, key: [text], fields: { text: {} } }\n"),
                ("data.yaml", "notes: [{ text: declared }]\n"),
            ];
            for (name, text) in files {
                workspace.write(&format!("{machine}/{name}"), text);
            }
        }
        Some(Self { workspace })
    }

    /// The same, with all that the first machine has made in the remote.
    fn shared(notes: &str) -> Option<(Self, Ran)> {
        let machines = Self::new(notes)?;
        machines.done("one", &["up"]);
        machines.done("one", &["tend"]);
        let pushed = machines.done("one", &["push", "--states", "--json"]);
        Some((machines, pushed))
    }

    #[track_caller]
    fn done(&self, machine: &str, arguments: &[&str]) -> Ran {
        run(&mut self.workspace.command(&[&["-C", machine], arguments].concat()), PATIENCE).ends_with(0)
    }

    #[track_caller]
    fn rows(&self, machine: &str) -> Vec<String> {
        let sql = "\\pset tuples_only on\n\\pset format unaligned\nSELECT 'row ' || text FROM notes ORDER BY 1;\n";
        let all = self.workspace.asked(&["-C", machine, "db", "shell", "notes"], sql);
        all.lines().filter_map(|line| line.strip_prefix("row ")).map(ToOwned::to_owned).collect()
    }

    fn remote(&self) -> PathBuf {
        self.workspace.root().join("remote")
    }

    fn open(&self, place: &Path) -> Store {
        let cache = self.workspace.root().join("cache");
        let backend = Arc::new(DirectoryBackend::new(place));
        Store::open_or_create(backend, &cache, &[], &CreateOptions::default()).unwrap()
    }

    /// The password of the server of a machine's environment.
    fn password(&self, machine: &str) -> String {
        let record = self.workspace.read(&format!("{machine}/.seedbed/default/environment.json"));
        let record: Value = serde_json::from_str(&record).unwrap();
        record["passwords"]["postgres"].as_str().unwrap().to_owned()
    }
}

/// Titles and reasons of a plan, or of what was done.
fn titles(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    report["steps"].as_array().unwrap().iter().map(|step| step["title"].as_str().unwrap().to_owned()).collect()
}

/// Fails unless all was had from the remote: nothing is migrated or loaded.
#[track_caller]
fn is_cloned(ran: &Ran) {
    let titles = titles(ran);
    assert!(titles.iter().any(|title| title == "clone database shop/notes"), "{titles:?}");
    let made = |title: &&String| ["migrate", "create", "load"].iter().any(|word| title.starts_with(word));
    assert_eq!(titles.iter().find(made), None);
}

#[test]
fn a_server_on_another_machine_begins_with_the_files_of_a_prepared_one() {
    let Some((machines, pushed)) = Machines::shared(NOTES) else { return };
    let pushed = pushed.json();
    assert_eq!(pushed["servers"][0]["server"], "shop/postgres", "{pushed}");
    let key = pushed["servers"][0]["key"].as_str().unwrap();

    // It has the rows, and nothing that the rows were made with.
    let files = machines.workspace.root().join("files");
    let (remote, cache) = (machines.open(&machines.remote()), machines.workspace.root().join("stat"));
    let prepared = remote.server(key).unwrap().unwrap();
    let options = tree::RestoreOptions::default();
    tree::restore(&prepared.content.root, &files, &cache, &remote, &options, &tree::unwatched).unwrap();
    let is_there = |text: &str| contains(&files, text.as_bytes());
    assert!(is_there("declared") && !is_there("deleted-4711"));
    assert!(!is_there(&machines.password("one")));

    let plan = machines.done("two", &["up", "--dry-run"]);
    assert!(plan.stdout.contains("a prepared one is in the remote team"), "{}", plan.stdout);
    let ran = machines.done("two", &["up", "--json"]);
    is_cloned(&ran);
    assert!(!ran.stderr.contains("prepared"), "{}", ran.stderr);
    assert_eq!(machines.rows("two"), ["declared", "kept"]);
    assert_ne!(machines.password("one"), machines.password("two"));

    // What is done from there on is as anywhere: there is a state to go back to, and a spare of it.
    machines.done("two", &["tend"]);
    machines.workspace.asked(&["-C", "two", "db", "shell", "notes"], "DELETE FROM notes;\n");
    assert_eq!(machines.rows("two"), Vec::<String>::new());
    machines.done("two", &["reset"]);
    assert_eq!(machines.rows("two"), ["declared", "kept"]);
    machines.done("two", &["down"]);
    machines.done("two", &["up"]);
    assert_eq!(machines.rows("two"), ["declared", "kept"]);

    // The next environment has it in the own store, and a second push sends nothing.
    let is_there = |machine: &str| {
        let pushed = machines.done(machine, &["push", "--states", "--json"]).json();
        assert_eq!(pushed["servers"].as_array().unwrap().len(), 0, "{pushed}");
    };
    is_there("one");
    machines.done("two", &["destroy", "--yes"]);
    fs::rename(machines.remote(), machines.workspace.root().join("gone")).unwrap();
    let plan = machines.done("two", &["up", "--dry-run"]);
    assert!(plan.stdout.contains("a prepared one is in the store"), "{}", plan.stdout);
    is_cloned(&machines.done("two", &["up", "--json"]));
    assert_eq!(machines.rows("two"), ["declared", "kept"]);
}

#[test]
fn a_prepared_server_that_is_damaged_is_set_aside_and_the_databases_are_restored_one_by_one() {
    let Some((machines, pushed)) = Machines::shared(NOTES) else { return };
    let pushed = pushed.json();
    let key = pushed["servers"][0]["key"].as_str().unwrap();
    // Files of which the server can make nothing, in place of its own.
    let junk = machines.workspace.root().join("junk");
    fs::create_dir_all(&junk).unwrap();
    fs::write(junk.join("PG_VERSION"), "15\n").unwrap();
    let (remote, cache) = (machines.open(&machines.remote()), machines.workspace.root().join("stat"));
    let writer = remote.writer().unwrap();
    let saved = tree::save(&junk, &tree::Rules::default(), &cache, &writer, &tree::unwatched).unwrap();
    let mut prepared = remote.server(key).unwrap().unwrap();
    prepared.content.root = saved.root;
    remote.delete_server(key).unwrap();
    remote.name_server(&prepared, &writer.finish().unwrap().session).unwrap();

    let ran = machines.done("two", &["up", "--json"]);
    ran.says(&["postgres does not begin with the prepared server: "]);
    is_cloned(&ran);
    assert_eq!(machines.rows("two"), ["declared", "kept"]);
}

#[test]
fn what_would_mean_something_else_on_another_machine_is_not_prepared() {
    let Some((machines, pushed)) = Machines::shared(
        "CREATE COLLATION of_the_system (provider = icu, locale = 'sv');
CREATE TABLE notes (text text COLLATE of_the_system PRIMARY KEY);
INSERT INTO notes VALUES ('kept');\n",
    ) else {
        return;
    };
    pushed.says(&["postgres is not prepared for other machines", "shop/notes: notes_pkey is ordered by the system"]);
    assert_eq!(pushed.json()["servers"].as_array().unwrap().len(), 0);
    let ran = machines.done("two", &["up", "--json"]);
    is_cloned(&ran);
    assert_eq!(machines.rows("two"), ["declared", "kept"]);
}

/// Whether any file below a directory has these bytes.
fn contains(directory: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return contains(&path, bytes);
        }
        fs::read(&path).unwrap().windows(bytes.len()).any(|part| part == bytes)
    })
}
