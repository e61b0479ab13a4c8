//! Records that are captured, and loaded again into another environment, on each engine with tables.

use crate::workspace::Workspace;

/// What each engine understands; `%bytes%`, `%moment%` and `%json%` are types that have other names.
const SCHEMA: &str = "CREATE TABLE countries (code CHAR(2) PRIMARY KEY, name VARCHAR(40) NOT NULL);
CREATE TABLE users (id %id%, username VARCHAR(40) NOT NULL UNIQUE, email VARCHAR(60) NOT NULL UNIQUE, country CHAR(2) NOT NULL,
    boss_id INTEGER, active BOOLEAN NOT NULL, joined %moment%, photo %bytes%, settings %json%,
    FOREIGN KEY (country) REFERENCES countries (code), FOREIGN KEY (boss_id) REFERENCES users (id));
CREATE TABLE lists (id %id%, user_id INTEGER NOT NULL, title VARCHAR(40) NOT NULL, price DECIMAL(12, 3), UNIQUE (user_id, title),
    FOREIGN KEY (user_id) REFERENCES users (id));
CREATE TABLE entries (id %id%, list_id INTEGER NOT NULL, text VARCHAR(200), rate DOUBLE PRECISION, day DATE,
    FOREIGN KEY (list_id) REFERENCES lists (id));
";

const ROWS: &str = "INSERT INTO countries VALUES ('de', 'Germany'), ('fr', 'France'), ('no', 'Norway');
INSERT INTO users (id, username, email, country, boss_id, active, joined, photo, settings) VALUES
    (50, 'grace', 'grace@navy.mil', 'fr', NULL, TRUE, '2024-02-29 12:30:00.5', NULL, NULL),
    (7, 'ada', 'Ada.L@byron.uk', 'no', 50, FALSE, '2020-01-01 00:00:00', %photo%, '{\"theme\": \"dark\", \"sizes\": [1, 2.50]}'),
    (8, 'bob', 'bob@builder.uk', 'de', 7, TRUE, NULL, NULL, '[]');
INSERT INTO lists (id, user_id, title, price) VALUES (3, 7, 'yes', 12.500), (4, 7, 'x: {n} ${y} #1', NULL), (5, 50, 'yes', 0.001), (6, 8, 'no', 1);
INSERT INTO entries (id, list_id, text, rate, day) VALUES (90, 4, 'it''s \"two\"
lines', 0.1, '2024-12-31'), (91, 4, NULL, NULL, NULL), (92, 3, '', 1e20, NULL), (93, 6, 'bob''s', 3, NULL), (94, 5, 'of grace', 2, NULL);
";

fn workspace(engine: &str, scrub: &str) -> Workspace {
    let (id, bytes, moment, json, photo) = match engine {
        "postgres" => ("SERIAL PRIMARY KEY", "BYTEA", "TIMESTAMPTZ", "JSONB", "'\\x00ff5c78'"),
        "mysql" => ("INTEGER PRIMARY KEY AUTO_INCREMENT", "VARBINARY(20)", "DATETIME(3)", "JSON", "X'00ff5c78'"),
        _ => ("INTEGER PRIMARY KEY", "BLOB", "TIMESTAMP", "JSON", "X'00ff5c78'"),
    };
    let schema =
        SCHEMA.replace("%id%", id).replace("%bytes%", bytes).replace("%moment%", moment).replace("%json%", json);
    let manifest = format!(
        "name: shop\ndatabases:\n  shop:\n    engine: {engine}\n    schema: {{ sql: [schema.sql] }}\n    scrub: {scrub}\n"
    );
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest), ("schema.sql", &schema)]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.client(&[], &ROWS.replace("%photo%", photo));
    workspace
}

/// What is captured, loaded elsewhere and captured there again is the same file.
fn goes_round(engine: &str) {
    let workspace = workspace(engine, "{ keep: ['*'] }");
    let capture = [
        "capture",
        "users[username=ada]",
        "--with-children",
        "lists",
        "--with-children",
        "entries:2",
        "-o",
        "ada.yaml",
    ];
    workspace.seedbed(&capture).ends_with(0);
    let written = workspace.read("ada.yaml");
    for (part, is_there) in [
        ("username: ada", true),
        ("username: grace", true),
        ("username: bob", false),
        ("country: \"no\"", true),
        ("code: de", false),
        ("boss_id: { record: { username: grace } }", true),
        ("title: { text: \"x: {n} ${y} #1\" }", true),
        ("of grace", false),
        ("id: 7", false),
    ] {
        assert_eq!(written.contains(part), is_there, "{part}: {written}");
    }
    workspace.seedbed(&capture).ends_with(0);
    assert_eq!(workspace.read("ada.yaml"), written, "the same capture gives the same file");
    workspace.seedbed(&["--name", "other", "up"]).ends_with(0);
    // Other keys than in the original.
    workspace.client(
        &["--name", "other"],
        "INSERT INTO countries VALUES ('de', 'Germany');
        INSERT INTO users (id, username, email, country, active) VALUES (1000, 'x', 'y', 'de', TRUE);",
    );
    workspace.seedbed(&["--name", "other", "load", "ada.yaml"]).ends_with(0);
    let there =
        ["--name", "other", "capture", "users[username=ada]", "--with-children", "lists", "--with-children", "entries"];
    assert_eq!(workspace.seedbed(&there).ends_with(0).stdout, written);
}

#[test]
fn captured_records_go_round_in_sqlite() {
    goes_round("sqlite");
}

#[test]
fn captured_records_go_round_in_postgres() {
    goes_round("postgres");
}

#[test]
fn captured_records_go_round_in_mysql() {
    goes_round("mysql");
}

fn is_refused_or_replaced(engine: &str) {
    let plain = workspace(engine, "{ keep: [nothing] }");
    let refused = plain.seedbed(&["capture", "users", "--where", "username = 'ada'"]).ends_with(6);
    for part in [
        "users.email looks personal (it holds addresses such as ",
        "users.email: pseudonym(email)",
        "users.email: email",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert_eq!(refused.stdout, "");
    let rules = "{ columns: { users.email: pseudonym(email), users.username: pseudonym(word), countries.name: \"upper(code)\" } }";
    let workspace = workspace(engine, rules);
    let capture = ["capture", "users", "--where", "email = 'Ada.L@byron.uk'", "--with-children", "lists"];
    let written = workspace.seedbed(&capture).ends_with(0).stdout;
    for part in ["username: ada", "ada.l", "grace", "byron", "navy"] {
        assert!(!written.to_lowercase().contains(part), "{part}: {written}");
    }
    assert!(written.contains("@example.com") && written.contains("name: \"NO\""), "{written}");
    assert_eq!(workspace.seedbed(&capture).ends_with(0).stdout, written);
    // By the key that stands there, not by the pseudonym; and the living rows are as they were.
    assert_eq!(
        workspace.seedbed(&["capture", "users[username=ada]", "--with-children", "lists"]).ends_with(0).stdout,
        written
    );
    assert!(workspace.client(&[], "SELECT email FROM users;").contains("grace@navy.mil"));
    workspace.seedbed(&["--name", "other", "up"]).ends_with(0);
    workspace.write("ada.yaml", &written);
    workspace.seedbed(&["--name", "other", "load", "ada.yaml"]).ends_with(0);
    let there = workspace.client(
        &["--name", "other"],
        "SELECT count(*) FROM lists JOIN users ON users.id = user_id
        JOIN users boss ON boss.id = users.boss_id WHERE boss.email LIKE 'p%@example.com' AND boss.username LIKE 'w%';",
    );
    assert!(there.contains('2'), "{there}");
}

#[test]
fn what_is_personal_is_refused_or_replaced_in_sqlite() {
    is_refused_or_replaced("sqlite");
}

#[test]
fn what_is_personal_is_refused_or_replaced_in_postgres() {
    is_refused_or_replaced("postgres");
}

#[test]
fn what_is_personal_is_refused_or_replaced_in_mysql() {
    is_refused_or_replaced("mysql");
}

/// A record of one service brings those of others along that its type refers to, under the same pseudonym.
#[test]
fn what_another_service_has_comes_along() {
    let rules = "scrub: { columns: { users.name: pseudonym(word) } }";
    let rule = "scrub: { columns: { orders.learner: pseudonym(word) } }";
    let shop = "dependencies: { lms: lms }\ndatabases:\n  shop: { engine: sqlite, schema: { sql: [shop.sql] }, types: shop-types.yaml, ";
    let workspace = Workspace::of(&[
        ("seedbed.yaml", &format!("name: shop\n{shop}{rule} }}\n")),
        (
            "shop.sql",
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, learner TEXT NOT NULL);",
        ),
        (
            "shop-types.yaml",
            "types:\n  order:\n    table: orders\n    key: [code]\n    fields:\n      code: { column: number }
      who: { references: lms.learner, column: learner, value: name }\n",
        ),
        (
            "lms/seedbed.yaml",
            &format!(
                "name: lms\ndatabases:\n  lms: {{ engine: sqlite, schema: {{ sql: [lms.sql] }}, types: types.yaml, {rules} }}\n"
            ),
        ),
        ("lms/lms.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, level INTEGER);"),
        ("lms/types.yaml", "types:\n  learner:\n    table: users\n    key: [name]\n    fields:\n      name: {}\n"),
        (
            "data.yaml",
            "seedbed: 1\nrecords:\n  lms.learner: [{ name: ada, level: 3 }, { name: bob, level: 1 }]\n  order: [{ code: A1, who: ada }]\n",
        ),
    ]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.seedbed(&["load", "data.yaml"]).ends_with(0);
    let written = workspace.seedbed(&["capture", "order[A1]"]).ends_with(0).stdout;
    let name = written.split("who: ").nth(1).and_then(|rest| rest.split(' ').next()).expect("the order has a learner");
    assert_eq!(
        written,
        format!(
            "seedbed: 1\nrecords:\n  lms.learner:\n    - {{ name: {name}, level: 3 }}\n  shop.order:\n    - {{ code: A1, who: {name} }}\n"
        )
    );
    // However the other database came into it, nothing is taken of it before it is clean.
    let named = ["capture", "order[A1]", "--with-children", "lms.learner"];
    assert_eq!(workspace.seedbed(&named).ends_with(0).stdout, written);
    workspace.write("order.yaml", &written);
    workspace.seedbed(&["reset"]).ends_with(0);
    workspace.seedbed(&["load", "order.yaml"]).ends_with(0);
    assert_eq!(workspace.sql("lms/lms", "SELECT name, level FROM users"), format!("{name} | 3\n"));
    let refused = workspace.seedbed(&["capture", "oder[A1]"]).ends_with(3);
    assert!(refused.stderr.contains("did you mean `order`?"), "{}", refused.stderr);
    let refused = workspace.seedbed(&["capture", "order[A2]"]).ends_with(3);
    assert!(refused.stderr.contains("there is no record A2 of `order`"), "{}", refused.stderr);
}

/// A spec that is written of generated rows generates rows of the same shape.
#[test]
fn a_description_becomes_a_spec_of_like_rows() {
    let workspace = Workspace::of(&[
        ("seedbed.yaml", "name: shop\ndatabases:\n  shop: { engine: sqlite, schema: { sql: [schema.sql] } }\n"),
        (
            "schema.sql",
            "CREATE TABLE shops (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
             CREATE TABLE sales (id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL REFERENCES shops (id), state TEXT NOT NULL,
                 price INTEGER NOT NULL, day DATE NOT NULL, email TEXT NOT NULL);
             CREATE TABLE returns (id INTEGER PRIMARY KEY, reason_id INTEGER NOT NULL REFERENCES reasons (id));
             CREATE TABLE reasons (id INTEGER PRIMARY KEY);",
        ),
        (
            "data.yaml",
            "seedbed: 1
records:
  shops: 40
  sales:
    count: 2000
    shop_id: { pick: { zipf: 1.2 } }
    state: { weighted: { paid: 9, open: 1 } }
    price: { between: [100, 999] }
    day: { between: [2024-01-01, 2024-01-31] }
    email: secret@example.com
",
        ),
    ]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.seedbed(&["load", "data.yaml"]).ends_with(0);
    let shown = workspace.seedbed(&["describe", "shop"]).ends_with(0).stdout;
    for part in [
        "shop.sales: 2000 rows",
        "paid (",
        "of 40 rows of shops",
        ", Zipf 1.",
        "missing: reason_id needs rows of reasons, which has none",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let sales = |workspace: &Workspace| {
        let told = workspace.seedbed(&["describe", "--json"]).ends_with(0).json();
        let table = told["tables"].as_array().unwrap().iter().find(|table| table["table"] == "sales").unwrap().clone();
        let column = |name: &str| {
            table["columns"].as_array().unwrap().iter().find(|column| column["name"] == name).unwrap().clone()
        };
        let (state, price, day) = (column("state"), column("price"), column("day"));
        let paid = state["values"][0]["rows"].as_u64().unwrap();
        let zipf = table["references"][0]["zipf"].as_f64().unwrap();
        assert_eq!((state["distinct"].as_u64(), table["rows"].as_u64()), (Some(2), Some(2000)), "{table}");
        assert!((1750..1850).contains(&paid) && (1.0..1.4).contains(&zipf), "{paid} {zipf}");
        assert!(price["mean"].as_f64().is_some_and(|mean| (500.0..600.0).contains(&mean)), "{price}");
        assert!(day["least"].as_str() >= Some("2024-01-01") && day["greatest"].as_str() <= Some("2024-01-31"), "{day}");
    };
    sales(&workspace);
    let spec = workspace.seedbed(&["describe", "--as-spec"]).ends_with(0).stdout;
    assert!(!spec.contains("secret@"), "{spec}");
    workspace.write("like.yaml", &spec);
    workspace.seedbed(&["reset"]).ends_with(0);
    workspace.seedbed(&["load", "like.yaml", "--seed", "5"]).ends_with(0);
    sales(&workspace);
}
