//! Specs that are loaded again in every mode, and unloaded, into all engines with tables at once: random schemas and specs, and
//! loads that are killed.

use std::fmt::Write as _;

use fastrand::Rng;

use crate::workspace::Workspace;

const ENGINES: [(&str, &str); 3] = [("lite", "sqlite"), ("post", "postgres"), ("maria", "mysql")];

/// A random table, and a group of its rows.
struct Table {
    name: String,
    columns: Vec<String>,
    keys: Vec<String>,
    /// How many rows its group has; the greatest size of one.
    rows: u64,
    greatest: u64,
}

/// Tables that refer to earlier ones, to themselves, and with luck in a circle.
fn tables(rng: &mut Rng, prefix: &str) -> (Vec<Table>, Option<String>) {
    let count = rng.usize(2..=4);
    let mut tables: Vec<Table> = Vec::new();
    for number in 0..count {
        let name = format!("{prefix}_t{number}");
        let greatest = rng.u64(5..50);
        let mut columns = vec![
            "id INTEGER NOT NULL".to_owned(),
            "code VARCHAR(30) NOT NULL".to_owned(),
            format!("size INTEGER NOT NULL CHECK (size >= 1 AND size <= {greatest})"),
            "note VARCHAR(40)".to_owned(),
        ];
        let mut keys = vec!["PRIMARY KEY (id)".to_owned(), "UNIQUE (code)".to_owned()];
        for (parent, other) in tables.iter().enumerate() {
            if rng.bool() {
                continue;
            }
            let is_needed = rng.bool();
            columns.push(format!("p{parent}_id INTEGER{}", if is_needed { " NOT NULL" } else { "" }));
            let then = match (rng.u8(..3), is_needed) {
                (0, _) => " ON DELETE CASCADE",
                (1, false) => " ON DELETE SET NULL",
                _ => "",
            };
            keys.push(format!("FOREIGN KEY (p{parent}_id) REFERENCES {} (id){then}", other.name));
        }
        if rng.bool() {
            columns.push("boss_id INTEGER".to_owned());
            keys.push(format!("FOREIGN KEY (boss_id) REFERENCES {name} (id)"));
        }
        tables.push(Table { name, columns, keys, rows: rng.u64(1..60), greatest });
    }
    // The first refers to the last, which needs it in turn or not.
    let circle = rng.bool().then(|| {
        tables[0].columns.push("last_id INTEGER".to_owned());
        format!("FOREIGN KEY (last_id) REFERENCES {} (id)", tables[count - 1].name)
    });
    (tables, circle)
}

fn schema(engine: &str, tables: &[Table], circle: Option<&String>) -> String {
    let mut sql = String::new();
    for (number, table) in tables.iter().enumerate() {
        let mut parts = [&table.columns[..], &table.keys[..]].concat();
        parts.extend(circle.filter(|_| number == 0 && engine == "sqlite").cloned());
        writeln!(sql, "CREATE TABLE {} ({});", table.name, parts.join(", ")).unwrap();
    }
    if let Some(circle) = circle.filter(|_| engine != "sqlite") {
        writeln!(sql, "ALTER TABLE {} ADD CONSTRAINT circle {circle};", tables[0].name).unwrap();
    }
    sql
}

/// A spec of all tables; `form` changes what is given of their rows.
fn spec(tables: &[Table], form: &str, share: u64) -> String {
    let mut text = "seedbed: 1\nseed: 3\nrecords:\n".to_owned();
    for table in tables {
        let (rows, greatest) = ((table.rows * share / 100).max(1), table.greatest);
        writeln!(
            text,
            "  {}:\n    - {{ code: special, note: {form} }}\n    - {{ count: {rows}, note: \"{form} {{n}}\", size: {{ between: [1, {greatest}] }} }}",
            table.name
        )
        .unwrap();
    }
    text
}

struct World {
    workspace: Workspace,
    snapshots: std::cell::Cell<u32>,
}

impl World {
    /// The digests of all databases.
    fn content(&self) -> Vec<String> {
        let tag = format!("s{}", self.snapshots.replace(self.snapshots.get() + 1));
        self.workspace.seedbed(&["snapshot", &tag]).ends_with(0);
        let shown = self.workspace.seedbed(&["show", &tag, "--json"]).ends_with(0).json();
        let contents = shown["contents"].as_array().unwrap_or_else(|| panic!("{shown}"));
        let prints = contents.iter().map(|one| format!("{}: {}", one["name"], one["fingerprint"]));
        prints.collect()
    }

    /// What a load created, changed, removed, and found to differ.
    #[track_caller]
    fn load(&self, mode: &str) -> [u64; 4] {
        let ran = self.workspace.seedbed(&["load", "spec.yaml", "--mode", mode, "--json"]).ends_with(0).json();
        ["created", "changed", "removed", "differing"].map(|what| ran["load"][what].as_u64().unwrap())
    }
}

fn walk(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut manifest = "name: shop\ndatabases:\n".to_owned();
    let workspace = Workspace::new();
    let mut all = Vec::new();
    for (name, engine) in ENGINES {
        writeln!(manifest, "  {name}: {{ engine: {engine}, schema: {{ sql: [{name}.sql] }} }}").unwrap();
        let (tables, circle) = tables(&mut rng, name);
        workspace.write(&format!("{name}.sql"), &schema(engine, &tables, circle.as_ref()));
        all.extend(tables);
    }
    workspace.write("seedbed.yaml", &manifest);
    workspace.seedbed(&["up", "--quiet"]).ends_with(0);
    let world = World { workspace, snapshots: std::cell::Cell::new(0) };
    let write = |form: &str, share: u64| world.workspace.write("spec.yaml", &spec(&all, form, share));
    let before = world.content();

    write("first", 100);
    let [created, changed, removed, differing] = world.load("ensure");
    assert!(created >= 2 * all.len() as u64 && changed + removed + differing == 0, "seed {seed}: {created}");
    let loaded = world.content();
    for mode in ["ensure", "update", "replace"] {
        assert_eq!(world.load(mode), [0, 0, 0, 0], "seed {seed}, {mode} again");
        assert_eq!(world.content(), loaded, "seed {seed}, {mode} again");
    }
    write("second", 100);
    assert_eq!(world.load("ensure"), [0, 0, 0, created], "seed {seed}: every row has another note");
    assert_eq!(world.load("update"), [0, created, 0, 0], "seed {seed}: every row has another note");
    assert_eq!(world.load("update"), [0, 0, 0, 0], "seed {seed}");
    write("second", 50);
    let [_, _, removed, _] = world.load("replace");
    assert!(removed > 0 || all.iter().all(|table| table.rows == 1), "seed {seed}");
    assert_eq!(world.load("replace"), [0, 0, 0, 0], "seed {seed}");
    let [added, ..] = world.load("add");
    let groups: u64 = all.iter().map(|table| (table.rows / 2).max(1)).sum();
    assert!(added >= groups + all.len() as u64, "seed {seed}: {added}, with a copy of each record");
    for table in all.iter().filter(|table| table.name.starts_with("lite")) {
        let sql = format!("SELECT code FROM {} WHERE code LIKE 'special%' ORDER BY code", table.name);
        assert_eq!(world.workspace.sql("shop/lite", &sql), "special\nspecial-2\n", "seed {seed}, {}", table.name);
    }
    assert_eq!(world.workspace.sql("shop/lite", "PRAGMA foreign_key_check"), "", "seed {seed}");
    world.workspace.seedbed(&["unload", "spec.yaml", "--dry-run"]).ends_with(0);
    world.workspace.seedbed(&["unload", "spec.yaml"]).ends_with(0);
    assert_eq!(world.content(), before, "seed {seed}: what was loaded is gone");
}

#[test]
fn random_specs_in_every_mode() {
    (0..3).for_each(walk);
}

#[test]
fn random_specs_in_every_mode_and_other_schemas() {
    (3..6).for_each(walk);
}
