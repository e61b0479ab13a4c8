//! The same story on each engine that is a server: what was made once is kept, brought back, compared and shared.

use database::EngineKind;
use database::contract::image_of;
use serde_json::Value;

use crate::program::Ran;
use crate::workspace::Workspace;

/// What is said to an engine in its own words.
struct Engine {
    word: &'static str,
    /// The image that the server runs in a container of.
    image: Option<String>,
    /// What makes the schema.
    schema: &'static str,
    /// One migration more.
    migration: &'static str,
    /// Whether there are data types and specs.
    has_data: bool,
    /// Adds the user `mine`.
    change: &'static str,
    /// Removes the user `mine`.
    remove: &'static str,
    /// Whether files of a server go back into it as they are.
    has_transplants: bool,
    /// Reads the names of all users, a line for each.
    read: &'static str,
    /// Reads what the migration has made.
    read_migrated: &'static str,
}

const SCHEMA: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL UNIQUE);
INSERT INTO users VALUES (1, 'ada');
";

const POSTGRES: Engine = Engine {
    word: "postgres",
    image: None,
    schema: SCHEMA,
    migration: "ALTER TABLE users ADD COLUMN city TEXT NOT NULL DEFAULT 'nowhere';\n",
    has_data: true,
    change: "INSERT INTO users VALUES (2, 'mine');",
    remove: "DELETE FROM users WHERE id = 2;\n",
    has_transplants: true,
    read: "\\pset format unaligned\n\\pset tuples_only on\nSELECT 'is ' || name FROM users ORDER BY name;\n",
    read_migrated: "\\pset format unaligned\nSELECT 'is ' || city FROM users WHERE name = 'ada';\n",
};

const MYSQL: Engine = Engine {
    word: "mysql",
    image: None,
    schema: SCHEMA,
    migration: "ALTER TABLE users ADD COLUMN city VARCHAR(50) NOT NULL DEFAULT 'nowhere';\n",
    has_data: true,
    change: "INSERT INTO users VALUES (2, 'mine');",
    remove: "DELETE FROM users WHERE id = 2;\n",
    has_transplants: false,
    read: "SELECT CONCAT('is ', name) FROM users ORDER BY name;\n",
    read_migrated: "SELECT CONCAT('is ', city) FROM users WHERE name = 'ada';\n",
};

const REDIS: Engine = Engine {
    word: "redis",
    image: None,
    schema: "SET user:1 'is ada'\n",
    migration: "SET city:1 'is nowhere'\n",
    has_data: false,
    change: "SET user:2 'is mine'",
    remove: "DEL user:2\n",
    has_transplants: false,
    read: "GET user:1\nGET user:2\n",
    read_migrated: "GET city:1\n",
};

const TYPES: &str = "types:
  place: { table: places, key: [name], fields: { id: 1, name: {} } }
";

const PLACES: &str = "CREATE TABLE places (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL UNIQUE);\n";

/// A checkout of the workspace, in a directory of its own.
struct Checkout<'a> {
    workspace: &'a Workspace,
    engine: &'a Engine,
    directory: &'static str,
}

impl Checkout<'_> {
    fn write(&self, schema: &[&str]) {
        let write = |name: &str, text: &str| self.workspace.write(&format!("{}/{name}", self.directory), text);
        let image = self.engine.image.as_ref().map_or_else(String::new, |image| format!("    image: {image}\n"));
        let data = if self.engine.has_data { "    types: types.yaml\n    data: [data.yaml]\n" } else { "" };
        write(
            "seedbed.yaml",
            &format!(
                "name: shop
databases:
  shop:
    engine: {}
{image}    schema: {{ sql: [{}] }}
{data}services:
  web:
    run: trivial_service ${{port}}
    env: {{ DATABASE_URL: \"${{databases.shop.url}}\" }}
    port: auto
    ready: {{ http: / }}
remotes:
  team: ../remote
",
                self.engine.word,
                schema.join(", ")
            ),
        );
        let places = if self.engine.has_data { PLACES } else { "" };
        write("schema.sql", &format!("{}{places}", self.engine.schema));
        write("migration.sql", self.engine.migration);
        write("types.yaml", TYPES);
        write("data.yaml", "places: [{ name: here }]\n");
    }

    /// Has the environment a server of its own, which it can stop for its files.
    fn shares_nothing(&self) {
        let path = format!("{}/seedbed.yaml", self.directory);
        let manifest = self.workspace.read(&path);
        self.workspace.write(&path, &format!("{manifest}servers: own\n"));
    }

    #[track_caller]
    fn seedbed(&self, arguments: &[&str]) -> Ran {
        self.workspace.seedbed(&[&["-C", self.directory, "--quiet"], arguments].concat()).ends_with(0)
    }

    /// What the engine's own client reads.
    #[track_caller]
    fn asked(&self, input: &str) -> Vec<String> {
        let answer = self.workspace.client(&["-C", self.directory], input);
        // In a batch some clients print the names of columns, too.
        let rows = answer.lines().map(|line| line.trim_matches('"')).filter_map(|line| line.strip_prefix("is "));
        rows.map(str::to_owned).collect()
    }

    #[track_caller]
    fn has(&self, users: &[&str]) {
        assert_eq!(self.asked(self.engine.read), users);
    }

    fn change(&self) {
        self.workspace.client(&["-C", self.directory], &format!("{}\n", self.engine.change));
    }

    /// What is kept of the database in its engine: step, and whether a spare copy is ready.
    fn kept(&self) -> Vec<(String, bool)> {
        let listed = self.seedbed(&["db", "list", "--json"]).json();
        let kept = listed["databases"][0]["kept"].as_array().unwrap().iter();
        let mut kept: Vec<(String, bool)> = kept
            .filter_map(|kept| Some((kept["step"].as_str()?.to_owned(), kept["spare"].as_bool().unwrap())))
            .collect();
        kept.sort();
        kept
    }
}

/// The first words of the steps that were done.
fn verbs(report: &Value) -> Vec<&str> {
    let titles = report["steps"].as_array().unwrap().iter().map(|step| step["title"].as_str().unwrap());
    titles.map(|title| title.split(' ').next().unwrap()).collect()
}

fn from_one_machine_to_the_next(engine: &Engine) {
    let workspace = Workspace::new();
    let checkout = |directory| Checkout { workspace: &workspace, engine, directory };
    let (one, two) = (checkout("one"), checkout("two"));
    one.write(&["schema.sql"]);
    two.write(&["schema.sql"]);

    one.seedbed(&["up"]);
    one.has(&["ada"]);
    one.seedbed(&["tend"]);
    let mut kept = vec![("schema".to_owned(), !engine.has_data)];
    if engine.has_data {
        kept.insert(0, ("data".to_owned(), true));
    }
    assert_eq!(one.kept(), kept);

    // A reset takes the spare copy; the next one is ready afterwards.
    one.change();
    one.has(&["ada", "mine"]);
    let reset = one.seedbed(&["reset", "--json"]).json();
    assert_eq!(
        verbs(&reset).iter().filter(|verb| !["start", "prepare"].contains(verb)).collect::<Vec<_>>(),
        [&"clone"]
    );
    one.has(&["ada"]);
    one.seedbed(&["tend"]);
    assert_eq!(one.kept(), kept);
    one.seedbed(&["undo"]);
    one.has(&["ada", "mine"]);

    one.seedbed(&["snapshot", "changed"]);
    one.seedbed(&["reset"]);
    let difference = one.seedbed(&["diff", "changed"]).stdout;
    assert!(difference.contains(": 1 removed\n"), "{difference}");
    one.seedbed(&["restore", "changed", "--prove"]);
    one.has(&["ada", "mine"]);
    assert_eq!(one.seedbed(&["diff", "changed"]).stdout, "no difference\n");
    one.seedbed(&["undo"]);
    one.has(&["ada"]);
    let nothing = one.seedbed(&["up", "--json"]).json();
    assert_eq!(nothing["steps"], serde_json::json!([]));

    // Another machine: no migration, no load.
    one.seedbed(&["push", "changed", "--states"]);
    let up = two.seedbed(&["up", "--json"]).json();
    let made = ["create", "migrate", "load", "import"];
    assert!(verbs(&up).iter().all(|verb| !made.contains(verb)), "{up}");
    two.has(&["ada"]);
    two.seedbed(&["pull", "changed"]);
    two.seedbed(&["restore", "changed"]);
    two.has(&["ada", "mine"]);
    let again = two.seedbed(&["snapshot", "again", "--json"]).json();
    let listed = one.seedbed(&["snapshots", "--json"]).json();
    assert_eq!(again["snapshot"]["id"], listed["snapshots"][0]["id"], "the same content has the same id");

    // One migration more begins with what there is.
    two.write(&["schema.sql", "migration.sql"]);
    let reset = two.seedbed(&["reset", "--json"]).json();
    assert!(verbs(&reset).contains(&"clone") && verbs(&reset).contains(&"migrate"), "{reset}");
    assert_eq!(two.asked(engine.read_migrated), ["nowhere"]);

    for checkout in [one, two] {
        checkout.seedbed(&["down"]);
        checkout.seedbed(&["store", "check", "--data"]);
        checkout.seedbed(&["destroy", "--yes"]);
    }
}

#[test]
fn from_one_machine_to_the_next_on_postgres() {
    from_one_machine_to_the_next(&POSTGRES);
}

#[test]
fn from_one_machine_to_the_next_on_mariadb() {
    from_one_machine_to_the_next(&MYSQL);
}

#[test]
fn from_one_machine_to_the_next_on_redis() {
    from_one_machine_to_the_next(&REDIS);
}

/// The forms of the databases of a snapshot.
fn forms(checkout: &Checkout<'_>, tag: &str) -> Vec<String> {
    let shown = checkout.seedbed(&["show", tag, "--json"]).json();
    shown["contents"].as_array().unwrap().iter().map(|content| content["form"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn files_of_a_server_are_restored_here_and_read_elsewhere() {
    files_of_a_server(&POSTGRES);
}

#[test]
fn files_of_a_server_of_mysql_are_read_here_and_elsewhere() {
    files_of_a_server(&MYSQL);
}

#[test]
fn files_of_a_server_of_redis_are_read_here_and_elsewhere() {
    files_of_a_server(&REDIS);
}

#[test]
fn files_of_a_server_in_a_container_are_restored_here_and_read_elsewhere() {
    let Some(image) = image_of(EngineKind::Postgres) else { return };
    files_of_a_server(&Engine { image: Some(image.name), ..POSTGRES });
}

fn files_of_a_server(engine: &Engine) {
    let workspace = Workspace::new();
    let checkout = |directory| Checkout { workspace: &workspace, engine, directory };
    let (one, two) = (checkout("one"), checkout("two"));
    for checkout in [&one, &two] {
        checkout.write(&["schema.sql"]);
        checkout.shares_nothing();
    }
    one.seedbed(&["up"]);
    one.change();
    let taken = one.seedbed(&["snapshot", "files", "--physical", "--json"]).json();
    assert_eq!(forms(&one, "files"), ["physical"]);
    let running = one.seedbed(&["status", "--json"]).json().to_string();
    one.has(&["ada", "mine"]);
    assert_eq!(running.matches("\"state\":\"ready\"").count(), 2, "server and service run again: {running}");
    let again = one.seedbed(&["snapshot", "dump", "--logical", "--json"]).json();
    assert_eq!(forms(&one, "dump"), ["logical"]);
    assert_eq!(again["snapshot"]["id"], taken["snapshot"]["id"], "the form is no part of the state");
    // What was not written since is not read again; what was is.
    let id = |tag: &str| one.seedbed(&["snapshot", tag, "--physical", "--json"]).json()["snapshot"]["id"].clone();
    let first = taken["snapshot"]["id"].clone();
    assert_eq!((id("same"), id("still")), (first.clone(), first.clone()));
    one.workspace.client(&["-C", one.directory], engine.remove);
    assert_ne!(id("deleted"), first);
    one.change();
    assert_eq!(id("back"), first);
    one.seedbed(&["snapshot", "small"]);
    assert_eq!(forms(&one, "small"), ["logical"], "it is too small for its files");
    let manifest = std::fs::read_to_string(one.workspace.root().join(one.directory).join("seedbed.yaml")).unwrap();
    one.workspace
        .write(&format!("{}/seedbed.yaml", one.directory), &format!("{manifest}snapshots: {{ files_from: 1kB }}\n"));
    one.seedbed(&["snapshot", "large"]);
    assert_eq!(forms(&one, "large"), [if engine.has_transplants { "physical" } else { "logical" }]);
    if engine.has_transplants {
        // The server counts who reads the whole table, and nobody does when nothing was written.
        let scans = || {
            one.asked(
                "\\pset format unaligned\nSELECT 'is ' || seq_scan FROM pg_stat_user_tables WHERE relname = 'users';\n",
            )
        };
        // Who asks it reads catalogs, and the first who reads a page writes into it.
        for tag in ["read", "read-again", "read-once-more"] {
            id(tag);
            scans();
        }
        let before = scans();
        id("not-read");
        assert_eq!((before.len(), scans()), (1, before.clone()), "a fingerprint that is known is not taken again");
        one.workspace.client(&["-C", one.directory], "UPDATE users SET id = id;\n");
        assert_eq!(id("written"), first);
        assert_ne!(scans(), before);
    }

    // Into the same server, without reading a row; the checker reads all of it.
    one.seedbed(&["reset"]);
    one.has(&["ada"]);
    one.seedbed(&["restore", "files", "--prove"]);
    one.has(&["ada", "mine"]);
    one.seedbed(&["undo"]);
    one.has(&["ada"]);
    assert!(one.seedbed(&["diff", "files"]).stdout.contains(": 1 removed\n"));
    one.seedbed(&["down"]);
    one.seedbed(&["snapshot", "cold", "--physical"]);
    let stopped = one.seedbed(&["status", "--json"]).json().to_string();
    assert!(!stopped.contains("\"state\":\"ready\""), "nothing runs that did not run: {stopped}");
    one.seedbed(&["store", "check", "--data", "--prove", "files", "--prove", "cold"]);

    // Elsewhere it is a dump, which a server of its own makes.
    one.seedbed(&["push", "files"]);
    one.seedbed(&["export", "cold.seedbed", "cold"]);
    two.seedbed(&["up"]);
    two.seedbed(&["pull", "files"]);
    assert_eq!(forms(&two, "files"), ["logical"]);
    two.seedbed(&["restore", "files"]);
    two.has(&["ada", "mine"]);
    two.seedbed(&["import", "../one/cold.seedbed"]);
    two.seedbed(&["restore", "cold"]);
    two.has(&["ada"]);

    // After the environment is gone its server is another one, too.
    one.seedbed(&["destroy", "--yes"]);
    one.seedbed(&["up"]);
    one.seedbed(&["restore", "files", "--prove"]);
    one.has(&["ada", "mine"]);
    assert_eq!(one.seedbed(&["diff", "files"]).stdout, "no difference\n");
    let again = one.seedbed(&["snapshot", "again", "--json"]).json();
    assert_eq!(again["snapshot"]["id"], first, "the same content has the same id");
    for checkout in [one, two] {
        checkout.seedbed(&["store", "check", "--data"]);
        checkout.seedbed(&["destroy", "--yes"]);
    }
}

#[test]
fn from_one_machine_to_the_next_in_containers() {
    for (engine, kind) in [(POSTGRES, EngineKind::Postgres), (MYSQL, EngineKind::Mysql), (REDIS, EngineKind::Redis)] {
        let Some(image) = image_of(kind) else { return };
        from_one_machine_to_the_next(&Engine { image: Some(image.name), ..engine });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_was_not_settled_before_the_machine_went_down_is_made_again() {
    let workspace = Workspace::new();
    let one = Checkout { workspace: &workspace, engine: &POSTGRES, directory: "one" };
    one.write(&["schema.sql"]);
    one.shares_nothing();
    one.seedbed(&["up"]);
    let data = one.asked("\\pset format unaligned\nSELECT 'is ' || current_setting('data_directory');\n");
    let mark = std::path::Path::new(&data[0]).with_file_name("unsettled.conf");
    one.seedbed(&["tend"]);
    assert!(!mark.exists(), "what is done in the background settles it");
    one.change();
    one.seedbed(&["down"]);
    // Another start of the same machine is no crash for a server that was settled.
    one.seedbed(&["up"]);
    one.has(&["ada", "mine"]);
    one.seedbed(&["down"]);
    std::fs::write(&mark, "# another start\nfsync = off\n").unwrap();
    one.seedbed(&["up"]);
    one.has(&["ada"]);
    one.seedbed(&["down"]);
    assert!(!mark.exists(), "and so does `down`");
    one.seedbed(&["up"]);
    one.has(&["ada"]);
    one.seedbed(&["destroy", "--yes"]);
}
