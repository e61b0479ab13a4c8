//! Rows of groups imply records, and have defaults made of what they refer to: in their own database and in another one.

use crate::workspace::Workspace;

const LMS: &str = "CREATE TABLE courses (id INTEGER PRIMARY KEY, slug VARCHAR(20) NOT NULL UNIQUE, title VARCHAR(40) NOT NULL);
CREATE TABLE boards (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE);
CREATE TABLE forums (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE, board_id INTEGER NOT NULL REFERENCES boards (id),
    topic VARCHAR(60) NOT NULL);
CREATE TABLE modes (id INTEGER PRIMARY KEY, course_id INTEGER NOT NULL REFERENCES courses (id), slug VARCHAR(20) NOT NULL,
    label VARCHAR(80) NOT NULL, UNIQUE (course_id, slug));
";

const LMS_TYPES: &str = "types:
  course:
    table: courses
    key: [slug]
    fields: { slug: {}, title: {} }
    implies:
      - { type: forum, record: { name: \"about {{ slug }}\", board: \"{{ slug | first }}\" } }
  board: { table: boards, key: [name], fields: { name: {} } }
  forum:
    table: forums
    key: [name]
    fields: { name: {}, board: { references: board, column: board_id }, topic: \"{{ name }} on {{ board }}\" }
  mode:
    table: modes
    key: [course, slug]
    fields:
      course: { references: course, column: course_id }
      slug: {}
      label: \"{{ course__title }}: {{ slug }}\"
";

const STORE: &str =
    "CREATE TABLE products (id INTEGER PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE, course_id INTEGER NOT NULL,
    kind VARCHAR(10) NOT NULL, title VARCHAR(80) NOT NULL);
";

const STORE_TYPES: &str = "types:
  product:
    table: products
    key: [code]
    fields:
      code: {}
      course: { references: course, column: course_id }
      kind: {}
      title: \"{{ course__title }} ({{ course }})\"
    implies:
      - { type: mode, record: { course: \"{{ course }}\", slug: \"{{ kind }}\" } }
";

const SPEC: &str = "seedbed: 1
parameters: { products: 60 }
records:
  courses: [{ slug: c1, title: One }, { count: 19, slug: 'd{n}', title: 'Course {n}' }]
  modes: [{ course: c1, slug: audit }]
  products: { count: \"${products}\", code: 'p{n}', kind: { one_of: [audit, verified] } }
";

fn workspace(store: &str) -> Workspace {
    let manifest = format!(
        "name: school\ndatabases:\n  lms: {{ engine: sqlite, schema: {{ sql: [lms.sql] }}, types: lms.types.yaml }}\n  store: {{ engine: {store}, schema: {{ sql: [store.sql] }}, types: store.types.yaml }}\n"
    );
    let workspace = Workspace::of(&[
        ("seedbed.yaml", &manifest),
        ("lms.sql", LMS),
        ("lms.types.yaml", LMS_TYPES),
        ("store.sql", STORE),
        ("store.types.yaml", STORE_TYPES),
        ("spec.yaml", SPEC),
    ]);
    workspace.seedbed(&["up", "--quiet"]).ends_with(0);
    workspace
}

/// The pairs of courses and kinds of which there are products, and the titles of these.
fn products(workspace: &Workspace, store: &str) -> Vec<Vec<String>> {
    let select = "SELECT course_id, kind, title FROM products";
    let shown = match store {
        "sqlite" => workspace.sql("school/store", select).replace(" | ", "|"),
        _ => workspace.asked(&["db", "shell", "school/store"], &format!("{select};")).replace('\t', "|"),
    };
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    shown.lines().map(cells).filter(|cells| cells.len() == 3 && cells[0].parse::<u64>().is_ok()).collect()
}

fn groups_imply(store: &str) {
    let workspace = workspace(store);
    let sql = |sql: &str| workspace.sql("school/lms", sql);
    let everything = || {
        sql("SELECT slug, title FROM courses ORDER BY slug")
            + &sql("SELECT name, board_id, topic FROM forums ORDER BY name")
            + &sql("SELECT course_id, slug, label FROM modes ORDER BY course_id, slug")
    };
    workspace.seedbed(&["load", "spec.yaml"]).ends_with(0);
    let made = products(&workspace, store);
    assert_eq!(made.len(), 60, "{store}");
    // A mode for each course and kind of which there is a product, once, and the one that the spec has itself.
    let mut pairs: Vec<String> = made.iter().map(|row| format!("{} | {}", row[0], row[1])).collect();
    pairs.push("1 | audit".to_owned());
    pairs.sort();
    pairs.dedup();
    let mut modes: Vec<String> = sql("SELECT course_id, slug FROM modes").lines().map(str::to_owned).collect();
    modes.sort();
    assert_eq!(modes, pairs, "{store}");
    assert_eq!(
        sql(
            "SELECT count(*) FROM modes JOIN courses ON courses.id = course_id WHERE label <> title || ': ' || modes.slug"
        ),
        "0\n"
    );
    for row in &made {
        let title = sql(&format!("SELECT title || ' (' || slug || ')' FROM courses WHERE id = {}", row[0]));
        assert_eq!(row[2], title.trim(), "{store}");
    }
    // A forum for each course, and the boards that those refer to.
    assert_eq!(sql("SELECT count(*) FROM courses WHERE 'about ' || slug NOT IN (SELECT name FROM forums)"), "0\n");
    assert_eq!(sql("SELECT count(*), count(DISTINCT board_id) FROM forums"), "20 | 2\n");
    assert_eq!(sql("SELECT topic FROM forums WHERE name = 'about d17'"), "about d17 on d\n");
    let first = everything();
    let again = workspace.seedbed(&["load", "spec.yaml", "--json"]).ends_with(0).json();
    assert_eq!((&again["load"]["created"], &again["load"]["differing"]), (&0.into(), &0.into()), "{again}");
    // More rows imply what is not there yet; fewer leave what is implied.
    workspace.seedbed(&["load", "spec.yaml", "--set", "products=90"]).ends_with(0);
    let more = products(&workspace, store);
    for row in &more {
        let sql = sql(&format!("SELECT count(*) FROM modes WHERE course_id = {} AND slug = '{}'", row[0], row[1]));
        assert_eq!(sql, "1\n", "{store}: {row:?}");
    }
    let fewer = workspace.seedbed(&["load", "spec.yaml", "--mode", "replace", "--json"]).ends_with(0).json();
    assert_eq!((&fewer["load"]["removed"], &fewer["load"]["created"]), (&30.into(), &0.into()), "{fewer}");
    workspace.seedbed(&["unload", "spec.yaml"]).ends_with(0);
    assert_eq!(everything(), "", "{store}");
    assert_eq!(sql("SELECT count(*) FROM boards"), "0\n", "{store}");
    workspace.seedbed(&["load", "spec.yaml"]).ends_with(0);
    assert_eq!(everything(), first, "{store}");
    // What refers to rows that are there looks at those.
    workspace.seedbed(&["load", "spec.yaml", "--set", "products=80"]).ends_with(0);
    for row in products(&workspace, store) {
        let title = sql(&format!("SELECT title || ' (' || slug || ')' FROM courses WHERE id = {}", row[0]));
        assert_eq!(row[2], title.trim(), "{store}");
    }
}

#[test]
fn groups_imply_records_and_look_at_what_they_refer_to_in_sqlite() {
    groups_imply("sqlite");
}

#[test]
fn groups_imply_records_and_look_at_what_they_refer_to_in_postgres() {
    groups_imply("postgres");
}

#[test]
fn groups_imply_records_and_look_at_what_they_refer_to_in_mysql() {
    groups_imply("mysql");
}

#[test]
fn what_cannot_be_worked_out_is_said_at_its_place_before_anything_is_written() {
    let workspace = workspace("sqlite");
    let types = STORE_TYPES.replace("slug: \"{{ kind }}\"", "slug: \"{{ colour }}\"");
    let types = types.replace("      kind: {}\n", "      kind: {}\n      colour: { column: null, default: red }\n");
    workspace.write("store.types.yaml", &types);
    let refused = workspace.seedbed(&["load", "spec.yaml"]).ends_with(3);
    refused.says(&[
        "what a school.product implies cannot be worked out for rows of groups",
        "store.types.yaml:12",
        "`colour` is no value that is stored in its row",
    ]);
    assert_eq!(workspace.sql("school/lms", "SELECT count(*) FROM courses"), "0\n");
}
