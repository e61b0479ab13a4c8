//! Rows that are generated, from the command line to the database, on each engine with tables.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::workspace::Workspace;

/// Names a directory with other schemas of the world than those that are kept beside the tests: `NAME.ENGINE.sql`.
const SCHEMAS: &str = "SEEDBED_TEST_SCHEMAS";

/// What each engine understands: a circle that nothing can break but checking it late, keys over references, a table that
/// refers to itself, checks and defaults.
const SCHEMA: &str = "CREATE TABLE staff (id INTEGER PRIMARY KEY, store_id INTEGER NOT NULL, email VARCHAR(40) NOT NULL UNIQUE,
    manager_id INTEGER REFERENCES staff (id), state VARCHAR(10) NOT NULL CHECK (state IN ('new', 'old')),
    pay NUMERIC(7, 2) NOT NULL CHECK (pay > 0 AND pay <= 900), hired DATE NOT NULL, gone DATE, active INTEGER DEFAULT 1,
    CHECK (gone >= hired OR gone IS NULL));
CREATE TABLE stores (id INTEGER PRIMARY KEY, chief_id INTEGER NOT NULL UNIQUE REFERENCES staff (id),
    code CHAR(3) NOT NULL UNIQUE);
CREATE TABLE skills (id INTEGER PRIMARY KEY, name VARCHAR(30) NOT NULL UNIQUE);
CREATE TABLE staff_skills (staff_id INTEGER NOT NULL REFERENCES staff (id), skill_id INTEGER NOT NULL REFERENCES skills (id),
    level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 5), PRIMARY KEY (staff_id, skill_id));
";

/// What closes the circle, where a table cannot refer to one that is not there yet.
const CIRCLE: &str = "ALTER TABLE staff ADD CONSTRAINT staff_store FOREIGN KEY (store_id) REFERENCES stores (id);\n";

fn workspace(engine: &str) -> Workspace {
    workspace_with(engine, "")
}

/// A workspace with more in its manifest.
fn workspace_with(engine: &str, more: &str) -> Workspace {
    let manifest =
        format!("name: shop\ndatabases:\n  shop: {{ engine: {engine}, schema: {{ sql: [schema.sql] }} }}\n{more}");
    let schema = match engine {
        "sqlite" => SCHEMA.replace("store_id INTEGER NOT NULL,", "store_id INTEGER NOT NULL REFERENCES stores (id),"),
        // An inline reference means nothing there.
        "mysql" => {
            let plain = SCHEMA
                .replace(" REFERENCES staff (id), code", ", FOREIGN KEY (chief_id) REFERENCES staff (id), code")
                .replace(
                    "skill_id INTEGER NOT NULL REFERENCES skills (id),",
                    "skill_id INTEGER NOT NULL, FOREIGN KEY (staff_id) REFERENCES staff (id), FOREIGN KEY (skill_id) REFERENCES skills (id),",
                );
            plain + CIRCLE
        }
        _ => SCHEMA.to_owned() + CIRCLE,
    };
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest), ("schema.sql", &schema)]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace
}

fn fills_every_table(engine: &str) {
    let workspace = workspace(engine);
    let loaded = workspace.seedbed(&["load", "--fill", "300", "--json"]).ends_with(0).json();
    assert_eq!(loaded["load"]["created"], 1200, "{loaded}");
    assert_eq!(loaded["load"]["notes"].as_array().map(Vec::len), Some(0), "{loaded}");
    let again = workspace.seedbed(&["load", "--fill", "300", "--json"]).ends_with(0).json();
    assert_eq!((&again["load"]["created"], &again["load"]["found"]), (&0.into(), &1200.into()), "{again}");
    let more = workspace.seedbed(&["load", "--fill", "400", "--json"]).ends_with(0).json();
    assert_eq!(more["load"]["created"], 400, "{more}");
    let stats = workspace.seedbed(&["db", "stats", "--json"]).ends_with(0).json();
    for table in ["staff", "stores", "skills", "staff_skills"] {
        assert_eq!(stats["databases"][0]["tables"][table], 400, "{stats}");
    }
}

#[test]
fn every_table_is_filled_in_sqlite() {
    fills_every_table("sqlite");
}

#[test]
fn every_table_is_filled_in_postgres() {
    fills_every_table("postgres");
}

#[test]
fn every_table_is_filled_in_mysql() {
    fills_every_table("mysql");
}

#[test]
fn a_spec_says_counts_records_references_and_parameters() {
    let workspace = workspace("sqlite");
    workspace.write(
        "spec.yaml",
        "seedbed: 1
parameters: { learners: 20 }
records:
  skills:
    - { name: rust }
    - { count: 4, name: \"skill {n}\" }
  staff:
    - { email: ada@example.com, state: old, pay: 12.5 }
    - { count: \"${learners}\", email: \"learner{n}@example.com\", pay: { between: [100, 200] } }
  staff_skills:
    - { staff_id: { record: { email: ada@example.com } }, skill_id: { record: { name: rust } }, level: 5 }
    - { count: 30 }
",
    );
    let loaded = workspace.seedbed(&["load", "spec.yaml", "--set", "learners=30", "--json"]).ends_with(0).json();
    assert_eq!(loaded["load"]["created"], 5 + 31 + 31 + 3, "{loaded}");
    let notes = loaded["load"]["notes"].to_string();
    assert!(notes.contains("shop.stores: implied"), "{notes}");
    let sql = |sql: &str| workspace.sql("shop/shop", sql);
    assert_eq!(sql("SELECT name FROM skills ORDER BY id"), "rust\nskill 1\nskill 2\nskill 3\nskill 4\n");
    assert_eq!(sql("SELECT state, pay FROM staff WHERE email = 'ada@example.com'"), "old | 12.5\n");
    assert_eq!(sql("SELECT count(*) FROM staff WHERE email LIKE 'learner%' AND pay BETWEEN 100 AND 200"), "30\n");
    let of_ada = "SELECT level FROM staff_skills JOIN staff ON staff.id = staff_id JOIN skills ON skills.id = skill_id
        WHERE email = 'ada@example.com' AND name = 'rust'";
    assert_eq!(sql(of_ada), "5\n");
    let before = sql("SELECT * FROM staff ORDER BY id");
    let again = workspace.seedbed(&["load", "spec.yaml", "--set", "learners=30", "--json"]).ends_with(0).json();
    assert_eq!(again["load"]["created"], 0, "{again}");
    assert_eq!(sql("SELECT * FROM staff ORDER BY id"), before);
    // The same spec gives the same rows.
    workspace.seedbed(&["reset"]).ends_with(0);
    workspace.seedbed(&["load", "spec.yaml", "--set", "learners=30"]).ends_with(0);
    assert_eq!(sql("SELECT * FROM staff ORDER BY id"), before);
}

#[test]
fn a_record_is_known_by_what_it_refers_to() {
    let workspace = Workspace::of(&[
        ("seedbed.yaml", "name: shop\ndatabases:\n  shop: { engine: sqlite, schema: { sql: [schema.sql] } }\n"),
        (
            "schema.sql",
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
             CREATE TABLE lists (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id),
                 title TEXT NOT NULL, icon BLOB, UNIQUE (user_id, title));
             CREATE TABLE entries (id INTEGER PRIMARY KEY, list_id INTEGER NOT NULL REFERENCES lists (id),
                 text TEXT NOT NULL, UNIQUE (list_id, text));
             CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
                 friend_id INTEGER NOT NULL REFERENCES people (id));",
        ),
        (
            "spec.yaml",
            "seedbed: 1
records:
  users: [{ name: ada }, { name: grace }]
  lists:
    - { user_id: { record: { name: ada } }, title: todo, icon: '\\x00ff' }
    - { user_id: { record: { name: grace } }, title: todo, icon: null }
  entries:
    - { list_id: { record: { title: todo, user_id: { record: { name: grace } } } }, text: { text: '{n} ${x}' } }
  people:
    - { name: a, friend_id: { record: { name: b } } }
    - { name: b, friend_id: { record: { name: a } } }
",
        ),
    ]);
    workspace.seedbed(&["up"]).ends_with(0);
    for created in [7, 0] {
        let loaded = workspace.seedbed(&["load", "spec.yaml", "--json"]).ends_with(0).json();
        assert_eq!(loaded["load"]["created"], created, "{loaded}");
        let sql = "SELECT name, text FROM entries JOIN lists ON list_id = lists.id JOIN users ON user_id = users.id";
        assert_eq!(workspace.sql("shop/shop", sql), "grace | {n} ${x}\n");
        assert_eq!(workspace.sql("shop/shop", "SELECT hex(icon) FROM lists ORDER BY id"), "00FF\n\n");
        // The user is there, the list is not: what is known of it is found in two places.
        if created > 0 {
            workspace.client(&[], "DELETE FROM entries; DELETE FROM lists;");
            workspace.seedbed(&["load", "spec.yaml"]).ends_with(0);
        }
    }
}

#[test]
fn what_is_wrong_in_a_spec_is_said_at_its_place_and_nothing_is_written() {
    let workspace = workspace("sqlite");
    workspace.write(
        "spec.yaml",
        "seedbed: 1
records:
  skils: 3
  staff: { cuont: 3, wage: 7, hired: { between: [tomorrow, never] }, pay: { length: [1, 2] } }
  stores: { count: 2, code: { same_as: name } }
  skills: { count: 2, name: \"{{ level }}\" }
",
    );
    let refused = workspace.seedbed(&["load", "spec.yaml"]).ends_with(3);
    refused.says(&[
        "did you mean `skills`?",
        "spec.yaml:3:3",
        "`staff` has no field `cuont`",
        "did you mean `count`?",
        "`staff` has no field `wage`",
        "staff.hired: a value of the type DATE cannot be between",
        "staff.pay: a value of the type NUMERIC(7, 2) cannot be a text of some length",
        "stores.code: there is no column name",
        "skills.name: there is no column level",
    ]);
    assert!(!refused.stderr.contains("load data"), "it is said before anything begins: {}", refused.stderr);
    assert_eq!(workspace.sql("shop/shop", "SELECT count(*) FROM skills"), "0\n");
}

#[test]
fn types_say_where_each_value_comes_from() {
    let workspace = workspace("sqlite");
    let types = workspace.seedbed(&["types", "--json"]).ends_with(0).json();
    let staff = types["types"].as_array().unwrap().iter().find(|found| found["name"] == "staff").unwrap();
    let from = |name: &str| {
        let fields = staff["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).unwrap()["from"].as_str().unwrap()
    };
    assert_eq!(from("id"), "counted");
    assert_eq!(from("store_id"), "a row of stores (id)");
    assert_eq!(from("email"), "generated: email, each another one");
    assert_eq!(from("state"), "generated: one of new, old");
    assert_eq!(from("gone"), "generated: 2023-01-01 to 2024-12-31 >= hired, or nothing");
    assert_eq!(from("active"), "the default 1");
    let text = workspace.seedbed(&["types", "shop"]).ends_with(0).stdout;
    assert!(text.starts_with("shop.skills, known by id\n"), "{text}");
}

/// Of a few rows more in a table with many the keys are asked for: those that somebody else has made are gone around.
#[test]
fn a_few_rows_more_go_around_the_keys_that_are_taken() {
    for engine in ["sqlite", "postgres", "mysql"] {
        let workspace = workspace(engine);
        let spec = |count: u32| format!("seedbed: 1\nrecords:\n  skills: {{ count: {count}, name: 'skill {{n}}' }}\n");
        workspace.write("spec.yaml", &spec(300));
        workspace.seedbed(&["load", "spec.yaml"]).ends_with(0);
        let taken: Vec<String> =
            [303, 304, 306].iter().map(|number| format!("({}, 'skill {number}')", number + 1000)).collect();
        workspace.client(&[], &format!("INSERT INTO skills (id, name) VALUES {};", taken.join(", ")));
        workspace.write("spec.yaml", &spec(310));
        let more = workspace.seedbed(&["load", "spec.yaml", "--json"]).ends_with(0).json();
        assert_eq!((&more["load"]["created"], &more["load"]["found"]), (&7.into(), &303.into()), "{engine}: {more}");
        let count = workspace.client(&[], "SELECT count(DISTINCT name) AS names FROM skills;");
        assert!(count.lines().any(|line| line.trim() == "310"), "{engine}: {count}");
    }
}

/// What is written down of a load is in nobody's way: tables that are made afterwards are where they would be without it.
#[test]
fn tables_that_are_made_after_a_load_are_seen() {
    let workspace = workspace("postgres");
    workspace.seedbed(&["load", "--fill", "3"]).ends_with(0);
    workspace.client(&[], "CREATE TABLE later (id serial PRIMARY KEY);");
    let stats = workspace.seedbed(&["db", "stats", "--json"]).ends_with(0).json();
    assert_eq!(stats["databases"][0]["tables"]["later"], 0, "{stats}");
}

/// Killed while rows are copied, and while constraints are made again: nothing stays, and nothing is lost.
#[test]
fn a_load_that_is_killed_leaves_the_database_as_it_was() {
    const ROWS: &str = "200000";
    // In a shared server nobody sees what others ask it.
    let workspace = workspace_with("postgres", "servers: own\n");
    workspace.seedbed(&["load", "--fill", "10"]).ends_with(0);
    workspace.client(&[], "DELETE FROM staff_skills;");
    let types = workspace.seedbed(&["types", "--json"]).ends_with(0).stdout;
    for statement in ["COPY%skills%", "ALTER TABLE staff_skills ADD%"] {
        // The server itself looks: whoever asks it from outside comes too late.
        let watch = format!(
            "DO $$ BEGIN
                FOR attempt IN 1..30000 LOOP
                    PERFORM pg_stat_clear_snapshot();
                    IF EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '{statement}' AND state = 'active') THEN
                        RETURN;
                    END IF;
                    PERFORM pg_sleep(0.001);
                END LOOP;
                RAISE EXCEPTION 'it was never seen';
            END $$; SELECT 'seen';"
        );
        let mut load = workspace.command(&["load", "--fill", ROWS, "--quiet"]).spawn().unwrap();
        let seen = workspace.client(&[], &watch);
        load.kill().unwrap();
        load.wait().unwrap();
        assert!(seen.contains("seen"), "{statement}: {seen}");
        let stats = workspace.seedbed(&["db", "stats", "--json"]).ends_with(0).json();
        let tables = &stats["databases"][0]["tables"];
        assert_eq!((&tables["staff"], &tables["staff_skills"]), (&10.into(), &0.into()), "{statement}: {stats}");
        assert_eq!(workspace.seedbed(&["types", "--json"]).ends_with(0).stdout, types, "{statement}");
    }
    workspace.seedbed(&["load", "--fill", ROWS]).ends_with(0);
    assert_eq!(workspace.seedbed(&["types", "--json"]).ends_with(0).stdout, types);
}

/// The schemas that others have made: every table gets its rows, or the reason why not is said, and the engines find nothing
/// wrong with them.
#[test]
fn schemas_of_the_world_are_filled() {
    const ROWS: u64 = 1000;
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let directory = std::env::var_os(SCHEMAS).map_or(kept, PathBuf::from);
    let mut manifest = "name: world\ndatabases:\n".to_owned();
    let workspace = Workspace::new();
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).expect("the directory of schemas") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let [name, engine, "sql"] = file.split('.').collect::<Vec<_>>()[..] else { continue };
        let database = format!("{name}-{engine}");
        writeln!(manifest, "  {database}: {{ engine: {engine}, schema: {{ sql: [{file}] }} }}")
            .expect("it is a string");
        let sql = fs::read_to_string(&path).expect("it is text");
        // A dump names the owner of what was dumped, who is not here.
        let sql = sql.lines().filter(|line| !line.contains(" OWNER TO ")).collect::<Vec<_>>().join("\n");
        workspace.write(&file, &sql);
        names.push(database);
    }
    workspace.write("seedbed.yaml", &manifest);
    workspace.seedbed(&["up", "--quiet"]).ends_with(0);
    let loaded = workspace.seedbed(&["load", "--fill", &ROWS.to_string(), "--json"]).ends_with(0).json();
    let notes = loaded["load"]["notes"].to_string();
    for name in &names {
        let stats = workspace.seedbed(&["db", "stats", &format!("world/{name}"), "--json"]).ends_with(0).json();
        let tables = stats["databases"][0]["tables"].as_object().expect("tables");
        assert!(!tables.is_empty(), "{name} has no tables");
        for (table, rows) in tables {
            let is_explained = notes.contains(&format!("world/{name}.{table}: "));
            assert!(rows.as_u64() >= Some(ROWS) || is_explained, "{name}: {table} has {rows} rows: {notes}");
        }
        assert_eq!(wrong(&workspace, name), "", "{name}");
    }
    eprintln!("{notes}");
}

/// What an engine itself finds wrong with its rows: nothing.
fn wrong(workspace: &Workspace, name: &str) -> String {
    let ask = |sql: &str| workspace.asked(&["db", "shell", &format!("world/{name}")], sql);
    match name.rsplit('-').next() {
        Some("sqlite") => {
            let sql = |sql: &str| workspace.sql(&format!("world/{name}"), sql);
            sql("PRAGMA foreign_key_check") + sql("PRAGMA integrity_check").trim_start_matches("ok\n")
        }
        Some("postgres") => ask("\\t on\n\\a\nSELECT conname FROM pg_constraint WHERE NOT convalidated;
                SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid;")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("Tuples only") && !line.starts_with("Output format"))
        .collect(),
        _ => {
            // A query for each foreign key: the engine does not look again at what was written while it did not check.
            let queries = ask("SELECT CONCAT('SELECT \"', CONSTRAINT_NAME, '\" AS refers_to_nothing FROM `', TABLE_NAME, '` c WHERE ',
                GROUP_CONCAT('c.`', COLUMN_NAME, '` IS NOT NULL' SEPARATOR ' AND '), ' AND NOT EXISTS (SELECT 1 FROM `',
                REFERENCED_TABLE_NAME, '` p WHERE ',
                GROUP_CONCAT('p.`', REFERENCED_COLUMN_NAME, '` = c.`', COLUMN_NAME, '`' SEPARATOR ' AND '), ') LIMIT 1;')
                FROM information_schema.KEY_COLUMN_USAGE
                WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL
                GROUP BY CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME;");
            let queries: Vec<&str> = queries.lines().filter(|line| line.starts_with("SELECT \"")).collect();
            ask(&queries.join("\n"))
        }
    }
}
