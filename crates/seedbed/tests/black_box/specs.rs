//! Specs of our own form: what they build on, what of them is chosen, and what data types add to them.

use std::fs;

use serde_json::Value;

use crate::workspace::Workspace;

const MANIFEST: &str = "name: school
databases:
  school: { engine: sqlite, schema: { sql: [schema.sql] }, types: types.yaml }
";

const SCHEMA: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL,
    is_staff BOOLEAN NOT NULL, plan TEXT NOT NULL, joined DATE NOT NULL, seen DATE NOT NULL, first_name TEXT NOT NULL,
    city TEXT NOT NULL, zip TEXT NOT NULL, bio TEXT NOT NULL, score INTEGER NOT NULL);
CREATE TABLE courses (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, teacher_id INTEGER NOT NULL REFERENCES users (id));
CREATE TABLE seats (id INTEGER PRIMARY KEY, course_id INTEGER NOT NULL REFERENCES courses (id), kind TEXT NOT NULL
    CHECK (kind IN ('audit', 'verified', 'honor')), price INTEGER NOT NULL, UNIQUE (course_id, kind));
CREATE TABLE forums (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
";

const TYPES: &str = "types:
  user:
    table: users
    key: [username]
    version: 2
    renamed: { login: username }
    traits:
      staff: { is_staff: true, plan: free }
      rich: { plan: paid, email: \"{{ username }}@rich.example\" }
    fields:
      username: {}
      email: \"{{ username | lower }}@example.com\"
      is_staff: false
      plan: free
  course:
    table: courses
    key: [slug]
    fields:
      slug: {}
      teacher: { references: user, column: teacher_id }
      seats: { has: seat, as: course }
    implies:
      - { type: forum, record: { name: \"about {{ slug }}\" } }
  seat:
    table: seats
    key: [course, kind]
    fields:
      course: { references: course, column: course_id }
      kind: {}
      price: 10
  forum: { table: forums, key: [name], fields: { name: {} } }
";

fn school(more: &[(&str, &str)]) -> Workspace {
    let mut files = vec![("seedbed.yaml", MANIFEST), ("schema.sql", SCHEMA), ("types.yaml", TYPES)];
    files.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    files.extend(more);
    let workspace = Workspace::of(&files);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace
}

fn sql(workspace: &Workspace, sql: &str) -> String {
    workspace.sql("school/school", sql)
}

const RECORDS: &str = "seedbed: 1
records:
  user:
    - { username: Ada, traits: [staff] }
    - { username: bob, traits: [staff, rich], is_staff: false }
    - { count: 4, username: \"u{n}\", traits: rich }
  courses:
    - slug: algebra
      teacher: Ada
      seats: [{ kind: audit, price: 0 }, { kind: verified }]
    - { count: 10, slug: \"c{n}\", teacher: { weighted: { Ada: 3, bob: 1 } }, seats: { count: 2 } }
";

#[test]
fn traits_references_children_and_what_is_implied() {
    let workspace = school(&[("spec.yaml", RECORDS)]);
    let loaded = workspace.seedbed(&["load", "spec.yaml", "--json"]).ends_with(0).json();
    assert_eq!(loaded["load"]["created"], 6 + 11 + 22 + 11, "{loaded}");
    let users = "SELECT username, email, is_staff, plan FROM users ORDER BY username";
    let expected = "Ada | ada@example.com | 1 | free\nbob | bob@rich.example | 0 | paid\n";
    assert!(sql(&workspace, users).starts_with(expected), "{}", sql(&workspace, users));
    assert_eq!(sql(&workspace, "SELECT email FROM users WHERE username = 'u3'"), "u3@rich.example\n");
    let of_algebra = "SELECT username, kind, price FROM seats JOIN courses ON courses.id = course_id
        JOIN users ON users.id = teacher_id WHERE slug = 'algebra' ORDER BY kind";
    assert_eq!(sql(&workspace, of_algebra), "Ada | audit | 0\nAda | verified | 10\n");
    let each = "SELECT count(*), min(n), max(n) FROM (SELECT count(*) AS n FROM seats GROUP BY course_id)";
    assert_eq!(sql(&workspace, each), "11 | 2 | 2\n");
    let lacking = "SELECT count(*) FROM courses WHERE 'about ' || slug NOT IN (SELECT name FROM forums)";
    assert_eq!(sql(&workspace, lacking), "0\n", "the record and each row of the group imply one");
    let teachers = "SELECT DISTINCT username FROM courses JOIN users ON users.id = teacher_id ORDER BY 1";
    assert_eq!(sql(&workspace, teachers), "Ada\nbob\n");
    let again = workspace.seedbed(&["load", "spec.yaml", "--json"]).ends_with(0).json();
    assert_eq!(again["load"]["created"], 0, "{again}");
}

const VALUES: &str = "seedbed: 1
locale: de_DE
records:
  users:
    count: 200
    username: \"{{ first_name | lower }}{n}\"
    joined: { recent: [2020-01-01, 2024-12-31] }
    seen: { after: { joined: [1, 30] } }
    bio: { length: [20, 40] }
    score: { exponential: 10 }
    plan: { from: is_staff, map: { \"true\": staff }, else: other }
    is_staff: { one_of: [true, false] }
";

#[test]
fn values_are_spread_worked_out_and_agree() {
    let workspace = school(&[("spec.yaml", VALUES)]);
    workspace.seedbed(&["load", "spec.yaml"]).ends_with(0);
    let count = |condition: &str| -> u32 {
        sql(&workspace, &format!("SELECT count(*) FROM users WHERE {condition}")).trim().parse().unwrap()
    };
    assert_eq!(count("julianday(seen) - julianday(joined) BETWEEN 1 AND 30"), 200);
    assert_eq!(count("length(bio) BETWEEN 20 AND 40"), 200);
    assert_eq!(count("joined BETWEEN '2020-01-01' AND '2024-12-31'"), 200);
    assert!(count("joined >= '2024-01-01'") > 3 * count("joined < '2021-01-01'"));
    assert!(count("score <= 10") > 110 && count("score > 20") > 10);
    assert_eq!(count("(plan = 'staff') = is_staff"), 200);
    assert_eq!(count("city = 'Kiel'"), count("zip LIKE '241%'"));
    assert_eq!(count("username LIKE lower(first_name) || '%' OR first_name GLOB '*[^a-zA-Z]*'"), 200);
}

#[test]
fn scenarios_includes_and_names() {
    let manifest = MANIFEST.to_owned()
        + "scenarios:
  demo: data/main.yaml
  large: { spec: data/main.yaml, scenario: large, set: { learners: 3 } }
";
    let main = "seedbed: 1
include: [parts/users.yaml]
scenarios:
  small: { set: { learners: 2 } }
  large: { extends: small, records: { forums: 4 } }
";
    let users = "seedbed: 1
parameters: { learners: 1 }
records: { users: { count: \"${learners}\", username: \"user{n}\" } }
";
    let files = [("seedbed.yaml", manifest.as_str()), ("data/main.yaml", main), ("data/parts/users.yaml", users)];
    let workspace = school(&files);
    let counts = || sql(&workspace, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM forums)");
    for (arguments, expected) in [
        (vec!["load", "demo"], "1 | 0\n"),
        (vec!["load", "demo", "--scenario", "small"], "2 | 0\n"),
        (vec!["load", "large"], "3 | 4\n"),
        (vec!["load", "large", "--set", "learners=5"], "5 | 4\n"),
        (vec!["load", "data/main.yaml", "--scenario", "small", "--set", "learners=6"], "6 | 4\n"),
    ] {
        workspace.seedbed(&arguments).ends_with(0);
        assert_eq!(counts(), expected, "{arguments:?}");
    }
    workspace
        .seedbed(&["load", "dem"])
        .ends_with(3)
        .says(&["neither a scenario nor a file `dem`", "did you mean `demo`?"]);
    workspace.seedbed(&["load", "demo", "--scenario", "smal"]).ends_with(3).says(&["did you mean `small`?"]);
    workspace.seedbed(&["load", "demo", "--set", "learner=1"]).ends_with(3).says(&["did you mean `learners`?"]);
    workspace.write("data/parts/users.yaml", "seedbed: 1\ninclude: ../main.yaml\n");
    let circle = workspace.seedbed(&["load", "demo"]).ends_with(3);
    circle.says(&["data/main.yaml → data/parts/users.yaml → data/main.yaml", "users.yaml:2:10"]);
}

#[test]
fn what_an_address_gives_is_fetched_once() {
    let part = "seedbed: 1\nrecords: { forums: [{ name: fetched }] }\n";
    let workspace = school(&[("elsewhere/part.yaml", part)]);
    let url = format!("file://{}", workspace.root().join("elsewhere/part.yaml").display());
    let hex = sha256(&workspace, "elsewhere/part.yaml");
    workspace.write("spec.yaml", &format!("seedbed: 1\ninclude: {url}\n"));
    workspace.seedbed(&["load", "spec.yaml"]).ends_with(3).says(&["is included without a digest", "sha256sum"]);
    let wrong = "a".repeat(64);
    workspace.write("spec.yaml", &format!("seedbed: 1\ninclude: {{ url: \"{url}\", sha256: {wrong} }}\n"));
    workspace.seedbed(&["load", "spec.yaml"]).ends_with(3).says(&["cannot fetch", "named here"]);
    workspace.write("spec.yaml", &format!("seedbed: 1\ninclude: {{ url: \"{url}\", sha256: {hex} }}\n"));
    workspace.seedbed(&["load", "spec.yaml"]).ends_with(0);
    assert_eq!(sql(&workspace, "SELECT name FROM forums"), "fetched\n");
    workspace.seedbed(&["load", &url]).ends_with(0);
    fs::remove_dir_all(workspace.root().join("elsewhere")).unwrap();
    workspace.seedbed(&["load", "spec.yaml"]).ends_with(0);
    workspace.seedbed(&["load", &url]).ends_with(0).says(&["what was fetched before is used"]);
    workspace.seedbed(&["load", &format!("{url}x")]).ends_with(3).says(&["cannot fetch"]);
}

fn sha256(workspace: &Workspace, file: &str) -> String {
    let ran = workspace.shell(&format!("sha256sum {file}"));
    ran.stdout.split(' ').next().unwrap().to_owned()
}

#[test]
fn up_loads_specs_of_the_manifest_and_knows_what_they_are_made_of() {
    let manifest = MANIFEST.to_owned() + "data: [{ spec: spec.yaml, set: { learners: 7 } }]\n";
    let spec = "seedbed: 1
include: part.yaml
parameters: { learners: 1 }
records: { users: { count: \"${learners}\", username: \"user{n}\" } }
";
    let part = "seedbed: 1\nrecords: { forums: 2 }\n";
    let workspace = school(&[("seedbed.yaml", &manifest), ("spec.yaml", spec), ("part.yaml", part)]);
    let counts = || sql(&workspace, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM forums)");
    assert_eq!(counts(), "7 | 2\n");
    sql(&workspace, "DELETE FROM users");
    workspace.seedbed(&["reset"]).ends_with(0);
    assert_eq!(counts(), "7 | 2\n");
    let before = sql(&workspace, "SELECT * FROM users");
    // The same elsewhere has the same key, and the same rows.
    workspace.seedbed(&["--name", "other", "up"]).ends_with(0);
    let key = |environment: &str| {
        let why = workspace.seedbed(&["--name", environment, "why", "--json"]).ends_with(0).json();
        let steps = why["chains"][0]["steps"].as_array().unwrap().clone();
        steps.iter().find(|step| step["step"] == "data").unwrap()["key"].clone()
    };
    assert_eq!(key("default"), key("other"));
    let first = key("default");
    workspace.write("part.yaml", "seedbed: 1\nrecords: { forums: 3 }\n");
    let second = key("default");
    assert_ne!(second, first);
    let why = || workspace.seedbed(&["why"]).ends_with(0).stdout;
    assert!(why().contains("part.yaml changed"), "{}", why());
    workspace.write("seedbed.yaml", &manifest.replace("learners: 7", "learners: 8"));
    assert_ne!(key("default"), second);
    assert!(why().contains("its words in the manifest changed"), "{}", why());
    workspace.seedbed(&["up"]).ends_with(0);
    assert_eq!(counts(), "8 | 3\n");
    assert!(sql(&workspace, "SELECT * FROM users").starts_with(&before), "seven of them are the same");
}

#[test]
fn a_spec_for_an_older_version_is_read_with_a_warning() {
    let spec = "seedbed: 1\nrecords: { users: [{ login: ada }] }\n";
    let workspace = school(&[("spec.yaml", spec)]);
    workspace
        .seedbed(&["load", "spec.yaml"])
        .ends_with(3)
        .says(&["no field `login` since its version 2", "write `username`"]);
    workspace.write("spec.yaml", &format!("{spec}version: {{ school: 1 }}\n"));
    let read = workspace.seedbed(&["load", "spec.yaml"]).ends_with(0);
    read.says(&["written for version 1 of the data types of `school`", "for version 2, write `username` for `login`"]);
    assert_eq!(sql(&workspace, "SELECT username FROM users"), "ada\n");
}

#[test]
fn editors_know_what_the_environment_has() {
    let workspace = school(&[]);
    let printed = workspace.seedbed(&["schema", "--specs"]).ends_with(0);
    printed.says(&["# yaml-language-server: $schema=.seedbed/default/specs.schema.json"]);
    let schema: Value = serde_json::from_str(&printed.stdout).unwrap();
    let file = fs::read_to_string(workspace.root().join(".seedbed/default/specs.schema.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let said = |text: &str| {
        let tree = source::parse(&source::SourceFile::new("spec.yaml", text)).unwrap();
        let said = validator.iter_errors(&tree.to_json()).map(|error| error.to_string()).collect::<Vec<_>>();
        said.join("\n")
    };
    let more = "seedbed: 1
seed: 3
include: [a.yaml, { url: https://example.com/b.yaml, sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa }]
version: { school: 1 }
parameters: { learners: 5 }
scenarios: { large: { set: { learners: 9 }, fill: 3, records: { forums: 3 } }, huge: { extends: large } }
records:
  school.user: { count: \"${learners}\", is_staff: \"{{ n > 3 }}\", score: { lognormal: [3, 0.5] } }
  seat: [{ kind: audit, price: null }, { kind: \"{{ 'audit' }}\", course: { record: { slug: x } } }, 3]
  courses: { count: 3, seats: { count: 2 } }
";
    for spec in [RECORDS, VALUES, &more.replace(", price: null", "")] {
        assert_eq!(said(spec), "", "{spec}");
    }
    for (wrong, spec) in [
        ("a data type", "seedbed: 1\nrecords: { user: 3, usr: 4 }"),
        ("a field", "seedbed: 1\nrecords: { user: [{ usernam: ada }] }"),
        ("a word", "seedbed: 1\nrecords: { seat: [{ kind: gratis }] }"),
        ("a trait", "seedbed: 1\nrecords: { user: [{ traits: [poor] }] }"),
        ("a rule", "seedbed: 1\nrecords: { user: [{ score: { normal: [1] } }] }"),
        ("a field of a child", "seedbed: 1\nrecords: { course: [{ seats: [{ knd: audit }] }] }"),
        ("a nothing", "seedbed: 1\nrecords: { seat: [{ price: null }] }"),
        ("a version", "seedbed: 2"),
        ("a key", "seedbed: 1\nrecord: {}"),
        ("a list", "users: [{ username: ada }]\nuzers: []"),
        ("a list in a spec of the other form", "seedbed: 1\nusers: [{ username: ada }]"),
        ("a field of a record of a service's spec", "users: [{ usernam: ada }]"),
    ] {
        assert_ne!(said(spec), "", "{wrong}");
    }
}

#[test]
fn editors_know_the_records_that_providers_make() {
    let types = "providers: { code: { command: [nothing] } }
types:
  vendor: { table: vendors, key: [code], fields: { code: {}, products: { has: product, as: vendor } } }
  product: { provider: code, key: [upc], traits: [rare], fields: { upc: {}, vendor: { references: vendor } } }
";
    let manifest = "name: shop
databases: { shop: { engine: sqlite, schema: { sql: [schema.sql] }, types: types.yaml } }
";
    let schema = "CREATE TABLE vendors (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE);";
    let workspace = Workspace::of(&[("seedbed.yaml", manifest), ("types.yaml", types), ("schema.sql", schema)]);
    workspace.seedbed(&["up", "--quiet"]).ends_with(0);
    let schema: Value = workspace.seedbed(&["schema", "--specs"]).ends_with(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let is_valid = |text: &str| {
        let tree = source::parse(&source::SourceFile::new("spec.yaml", text)).unwrap();
        validator.is_valid(&tree.to_json())
    };
    assert!(is_valid(
        "vendors: [{ code: acme, products: [{ upc: '978', traits: [rare] }] }]\nproducts: [{ upc: '979' }]"
    ));
    for wrong in ["products: [{ upz: '978' }]", "products: [{ traits: [rear] }]", "product: [{ upc: '978' }]"] {
        assert!(!is_valid(wrong), "{wrong}");
    }
    let types = workspace.seedbed(&["types"]).ends_with(0).stdout;
    assert!(types.contains("shop.product, made by the provider code, known by upc"), "{types}");
}

#[test]
fn names_that_are_not_there_are_said_with_the_nearest() {
    let spec = "seedbed: 1
records:
  users: [{ username: ada, traits: [staf] }]
  courses: [{ slug: x, seats: [{ kid: audit }], teacher: { same_as: slog } }]
  forums: [{ name: [a] }, { name: [{ x: 1 }] }]
";
    let workspace = school(&[("spec.yaml", spec)]);
    workspace.seedbed(&["load", "spec.yaml"]).ends_with(3).says(&[
        "did you mean `staff`?",
        "did you mean `kind`?",
        "expected a value, found a list",
        "`name` is no list of records",
        "no column slog",
    ]);
}

const LEARNING: &str = "name: learning
databases:
  learning: { engine: sqlite, schema: { sql: [schema.sql] }, types: types.yaml }
";

const SHOP: &str = "name: shop
dependencies: { learning: learning }
databases:
  shop: { engine: sqlite, schema: { sql: [schema.sql] }, types: types.yaml }
";

const SHOP_TYPES: &str = "types:
  order:
    table: orders
    key: [number]
    fields:
      number: {}
      buyer: { references: learning.user, value: username }
      course: { references: learning.course, column: course_number }
";

#[test]
fn rows_of_one_service_refer_to_rows_of_another() {
    let learning_schema = "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE);
CREATE TABLE courses (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE);
";
    let learning_types = "types:
  user: { table: users, key: [username], fields: { username: {} } }
  course: { table: courses, key: [slug], fields: { slug: {} } }
";
    let shop_schema = "CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, buyer TEXT NOT NULL,
    course_number INTEGER NOT NULL, UNIQUE (buyer, course_number));
";
    let spec = "seedbed: 1
records:
  order:
    - { number: first, buyer: ada, course: algebra }
    - { count: 30, number: \"o{n}\", course: { pick: uniform } }
  learning.user: [{ username: ada }, { count: 9, username: \"user{n}\" }]
  learning.course: [{ slug: algebra }, { count: 4, slug: \"course{n}\" }]
";
    let workspace = Workspace::of(&[
        ("seedbed.yaml", SHOP),
        ("types.yaml", SHOP_TYPES),
        ("schema.sql", shop_schema),
        ("spec.yaml", spec),
        ("learning/seedbed.yaml", LEARNING),
        ("learning/types.yaml", learning_types),
        ("learning/schema.sql", learning_schema),
    ]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.write("alone.yaml", "seedbed: 1\nrecords: { order: { count: 3 } }\n");
    let alone = workspace.seedbed(&["load", "alone.yaml"]).ends_with(3);
    alone.says(&["no rows of learning.user to refer to", "ask for some: `learning.user: 10`", "alone.yaml:2:12"]);
    workspace.seedbed(&["load", "spec.yaml"]).ends_with(0);
    let orders = |sql: &str| workspace.sql("shop/shop", sql);
    let learning = |sql: &str| workspace.sql("learning/learning", sql);
    let users: Vec<String> = learning("SELECT username FROM users").lines().map(str::to_owned).collect();
    let courses: Vec<String> = learning("SELECT id FROM courses").lines().map(str::to_owned).collect();
    assert_eq!((users.len(), courses.len()), (10, 5));
    let made = orders("SELECT buyer, course_number FROM orders");
    assert_eq!(made.lines().count(), 31);
    for (buyer, course) in made.lines().map(|line| line.split_once(" | ").unwrap()) {
        assert!(users.iter().any(|user| user == buyer) && courses.iter().any(|id| id == course), "{buyer} {course}");
    }
    let algebra = learning("SELECT id FROM courses WHERE slug = 'algebra'");
    assert_eq!(orders("SELECT course_number FROM orders WHERE number = 'first'"), algebra);
    // Rows that are there can be referred to, too, and the same spec finds everything again.
    let again = workspace.seedbed(&["load", "spec.yaml", "--json"]).ends_with(0).json();
    assert_eq!(again["load"]["created"], 0, "{again}");
    workspace.write("alone.yaml", "seedbed: 1\nrecords: { order: { count: 35 } }\n");
    workspace.seedbed(&["load", "alone.yaml"]).ends_with(0);
    assert_eq!(orders("SELECT count(*) FROM orders"), "35\n");
    workspace.write("uneven.yaml", "seedbed: 1\nrecords: { order: { count: 40, buyer: { pick: zipf } } }\n");
    let uneven = workspace.seedbed(&["load", "uneven.yaml"]).ends_with(3);
    uneven.says(&["(buyer) is part of the unique key (buyer, course_number)", "cannot be spread unevenly"]);
    workspace.write("wrong.yaml", "seedbed: 1\nrecords: { order: [{ number: x, buyer: ada, course: algebro }] }\n");
    workspace.seedbed(&["load", "wrong.yaml"]).ends_with(3).says(&["no learning.course `algebro`"]);
}

#[test]
fn specs_of_records_have_traits_and_versions_too() {
    let plain = "version: 1
users:
  - { login: Ada, traits: staff, joined: 2024-01-01, seen: 2024-01-01, first_name: Ada, city: x, zip: x, bio: x, score: 1 }
  - { login: bob, traits: [rich, staff], is_staff: false, joined: 2024-01-01, seen: 2024-01-01, first_name: B, city: x,
      zip: x, bio: x, score: 1 }
";
    let types = TYPES.replace(
        "      plan: free\n",
        "      plan: free\n      joined: {}\n      seen: {}\n      first_name: {}\n      city: {}\n      zip: {}\n      bio: {}\n      score: {}\n",
    );
    let workspace = school(&[("types.yaml", &types), ("plain.yaml", plain)]);
    let loaded = workspace.seedbed(&["load", "plain.yaml"]).ends_with(0);
    loaded.says(&["written for version 1 of the data types of `school`", "plain.yaml:1:10"]);
    let users = sql(&workspace, "SELECT username, email, is_staff, plan FROM users ORDER BY username");
    assert_eq!(users, "Ada | ada@example.com | 1 | free\nbob | bob@rich.example | 0 | paid\n");
    workspace.write("wrong.yaml", "users: [{ username: x, traits: [poor] }, { login: y }]\n");
    let wrong = workspace.seedbed(&["load", "wrong.yaml"]).ends_with(3);
    wrong.says(&["has no trait `poor`", "its traits are `staff`, `rich`", "no field `login` since its version 2"]);
}

#[test]
fn a_top_spec_lists_records_and_rows_that_are_generated() {
    let top = "- { ida: school, path: records.yaml }\n- { ida: school, path: rows.yaml }\n";
    let records = "forums: [{ name: first }]\n";
    let rows = "seedbed: 1\nrecords: { forums: { count: 4 } }\n";
    let workspace = school(&[("top.yaml", top), ("records.yaml", records), ("rows.yaml", rows)]);
    let loaded = workspace.seedbed(&["load", "top.yaml", "--json"]).ends_with(0).json();
    assert_eq!(loaded["load"]["created"], 4, "the record counts as a row: {loaded}");
    assert_eq!(sql(&workspace, "SELECT count(*) FROM forums WHERE name = 'first'"), "1\n");
}

#[test]
fn a_spec_that_is_named_twice_is_loaded_once() {
    let top = "- { ida: school, path: rows.yaml }\n- { ida: school, path: rows.yaml }\n";
    let rows = |count: u32| format!("seedbed: 1\nrecords: {{ forums: [{{ name: first }}, {{ count: {count} }}] }}\n");
    let workspace = school(&[("top.yaml", top), ("rows.yaml", &rows(4))]);
    let load = |mode: &str| {
        let ran = workspace.seedbed(&["load", "top.yaml", "--mode", mode, "--json"]).ends_with(0).json();
        ["created", "changed", "removed"].map(|what| ran["load"][what].as_u64().unwrap())
    };
    assert_eq!(load("replace"), [5, 0, 0]);
    assert_eq!(load("replace"), [0, 0, 0]);
    workspace.write("rows.yaml", &rows(2));
    assert_eq!(load("replace"), [0, 0, 2]);
    assert_eq!(load("add"), [3, 0, 0]);
    assert_eq!(sql(&workspace, "SELECT count(*) FROM forums"), "6\n");
}

#[test]
fn problems_of_all_files_and_of_their_order_are_said_together_before_anything_begins() {
    let schema =
        "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, boss_id INTEGER REFERENCES users);";
    let types = "types:
  user: { table: users, key: [username], fields: { username: {}, boss: { references: user, column: boss_id } } }
";
    let top = "- { ida: school, path: records.yaml }\n- { ida: school, path: more.yaml }\n- { ida: school, path: rows.yaml }\n";
    let records = "users: [{ username: ada, boss: bob }, { username: bob, boss: ada }]\n";
    let more = "users: [{ username: eve, bos: ada }]\n";
    let rows = "seedbed: 1\nrecords: { users: { count: 3, nickname: x } }\n";
    let workspace = school(&[
        ("schema.sql", schema),
        ("types.yaml", types),
        ("top.yaml", top),
        ("records.yaml", records),
        ("more.yaml", more),
        ("rows.yaml", rows),
    ]);
    let wrong = workspace.seedbed(&["load", "top.yaml"]).ends_with(3).stderr;
    for said in [
        "dataset::record-circle",
        "records.yaml:1:",
        "no field `bos`",
        "more.yaml:1:",
        "no field `nickname`",
        "rows.yaml:2:",
    ] {
        assert!(wrong.contains(said), "{said}: {wrong}");
    }
    workspace.write("seedbed.yaml", &MANIFEST.replace("types: types.yaml", "types: types.yaml, data: [rows.yaml]"));
    let wrong = workspace.seedbed(&["up"]).ends_with(3).stderr;
    assert!(wrong.contains("no field `nickname`") && !wrong.contains("load data"), "{wrong}");
}

const EVERYTHING: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, username VARCHAR(60) NOT NULL UNIQUE, is_staff BOOLEAN NOT NULL,
    level INTEGER NOT NULL, twice BIGINT NOT NULL, price NUMERIC(9, 2) NOT NULL, joined DATE NOT NULL, seen TIMESTAMP NOT NULL,
    copied DATE NOT NULL, rating DOUBLE PRECISION NOT NULL, bio VARCHAR(90) NOT NULL, kind VARCHAR(10) NOT NULL);
CREATE TABLE seats (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, slot INTEGER NOT NULL, UNIQUE (user_id, slot),
    FOREIGN KEY (user_id) REFERENCES users (id));
";

const EVERYTHING_TYPES: &str = "types:
  user:
    table: users
    key: [username]
    fields: { username: {}, seats: { has: seat, as: user } }
  seat: { table: seats, key: [user, slot], fields: { user: { references: user, column: user_id }, slot: {} } }
";

const EVERYTHING_SPEC: &str = "seedbed: 1
locale: fr_FR
records:
  user:
    - { username: ada, level: 3, seats: [{ slot: 1 }, { slot: 2 }] }
    - count: 60
      username: \"{{ kind }}{n}\"
      is_staff: \"{{ n % 3 == 0 }}\"
      level: { between: [1, 9] }
      twice: \"{{ level * 2 }}\"
      price: { lognormal: [40, 0.5] }
      joined: { recent: [2020-01-01, 2024-12-31] }
      seen: { after: { joined: [1, 30] } }
      copied: { same_as: joined }
      rating: { normal: [3, 1] }
      bio: { length: [10, 80] }
      kind: { from: level, map: { \"1\": one, \"2\": two }, else: more }
      seats: { count: 3 }
";

fn everything_can_be_written(engine: &str) {
    let manifest = format!(
        "name: school\ndatabases:\n  school: {{ engine: {engine}, schema: {{ sql: [schema.sql] }}, types: types.yaml }}\n"
    );
    let schema = EVERYTHING.replace("TIMESTAMP", if engine == "mysql" { "DATETIME" } else { "TIMESTAMP" });
    let files = [
        ("seedbed.yaml", manifest.as_str()),
        ("schema.sql", &schema),
        ("types.yaml", EVERYTHING_TYPES),
        ("spec.yaml", EVERYTHING_SPEC),
    ];
    let workspace = school(&files);
    let loaded = workspace.seedbed(&["load", "spec.yaml", "--json"]).ends_with(0).json();
    assert_eq!(loaded["load"]["created"], 61 + 2 + 180, "{loaded}");
    let again = workspace.seedbed(&["load", "spec.yaml", "--json"]).ends_with(0).json();
    assert_eq!(again["load"]["created"], 0, "{again}");
    let holds =
        "SELECT 'wrong ' || username FROM users WHERE username <> 'ada' AND NOT (twice = 2 * level AND copied = joined
        AND seen > joined AND char_length(bio) BETWEEN 10 AND 80 AND username LIKE kind || '%' AND price > 0
        AND (kind = 'one') = (level = 1));";
    let holds = match engine {
        "mysql" => holds
            .replace("'wrong ' || username", "concat('wrong ', username)")
            .replace("kind || '%'", "concat(kind, '%')"),
        _ => holds.replace("char_length", if engine == "sqlite" { "length" } else { "char_length" }),
    };
    let said = workspace.client(&[], &holds);
    assert!(!said.contains("wrong"), "{said}");
    is_compared(&workspace);
}

/// Rows are compared with all that the spec gives of them, and brought to it.
fn is_compared(workspace: &Workspace) {
    let load = |mode: &str| {
        let ran = workspace.seedbed(&["load", "spec.yaml", "--mode", mode, "--json"]).ends_with(0).json();
        let counts = ["created", "changed", "removed", "differing"].map(|what| ran["load"][what].as_u64().unwrap());
        (counts, ran["load"]["differences"].clone())
    };
    for mode in ["ensure", "update", "replace"] {
        assert_eq!(load(mode).0, [0, 0, 0, 0], "{mode}: {}", load(mode).1);
    }
    let content =
        || workspace.client(&[], "SELECT * FROM users ORDER BY id; SELECT id, user_id FROM seats ORDER BY id;");
    let before = content();
    // Others are worked out from a level or a day.
    workspace.client(
        &[],
        "UPDATE users SET price = price + 1 WHERE id = 5; UPDATE users SET twice = 1 WHERE id = 6;
        UPDATE users SET level = 10 - level WHERE id = 7 AND level <> 5; UPDATE users SET bio = 'x' WHERE id = 8;
        UPDATE users SET level = 4 WHERE username = 'ada'; UPDATE users SET joined = '2001-01-01' WHERE id = 9;
        UPDATE seats SET slot = 77 WHERE id = 20; UPDATE seats SET user_id = 2 WHERE id = 20;",
    );
    let ([created, changed, removed, differing], differences) = load("ensure");
    assert_eq!([created, changed, removed], [0, 0, 0]);
    assert!(differing >= 5, "{differences}");
    let shown = differences.to_string();
    assert!(shown.contains("school.users[ada]") && shown.contains("school.users[5]"), "{shown}");
    let (counts, _) = load("update");
    assert!(counts[1] >= 5 && counts[0] + counts[2] == 0, "{counts:?}");
    assert_eq!(load("ensure").0, [0, 0, 0, 0], "{}", load("ensure").1);
    assert_eq!(content(), before);
}

#[test]
fn everything_can_be_written_in_sqlite() {
    everything_can_be_written("sqlite");
}

#[test]
fn everything_can_be_written_in_postgres() {
    everything_can_be_written("postgres");
}

#[test]
fn everything_can_be_written_in_mysql() {
    everything_can_be_written("mysql");
}
