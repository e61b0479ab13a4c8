//! How long it takes to order 100,000 records: `cargo bench -p dataset`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints its figures and may fail")]

use std::iter::once;
use std::time::Instant;

use dataset::{Options, Registry, SpecSet, order};
use source::{Problems, SourceFile, parse};

const RECORDS: usize = 100_000;

const USERS: &str = "
types:
  user:
    table: users
    key: [username]
    fields: { username: {}, email: \"{{ username }}@example.com\", is_staff: false, is_active: true }
";

const ENROLLMENTS: &str = "
types:
  user: { table: users, key: [username], fields: { username: {}, email: \"{{ username }}@example.com\" } }
  course: { table: courses, key: [id], fields: { id: {}, name: \"{{ id | upper }}\" } }
  enrollment:
    table: enrollments
    key: [user, course]
    fields:
      user: { references: user }
      course: { references: course }
      mode: audit
      sku: \"{{ digest(7, user, course) }}\"
    implies: [{ type: course, record: { id: \"{{ course }}-run\" } }]
";

const CHAIN: &str = "
types:
  node:
    table: nodes
    key: [id]
    fields:
      id: {}
      parent: { references: node, default: null }
      depth: \"{{ parent__depth + 1 if parent else 0 }}\"
";

fn measure(what: &str, types: &str, list: &str, lines: impl Iterator<Item = String>) {
    let spec: String = once(format!("{list}:\n")).chain(lines).collect();
    let mut problems = Problems::new();
    let mut registry = Registry::new();
    registry.add("lms", "main", &parse(&SourceFile::new("types", types)).unwrap(), &mut problems);
    let start = Instant::now();
    let tree = parse(&SourceFile::new("spec", spec)).unwrap();
    let parsed = start.elapsed();
    let mut set = SpecSet::new();
    set.add(&registry, "lms", None, &tree, &mut problems);
    let collected = start.elapsed().saturating_sub(parsed);
    assert!(problems.is_empty(), "{problems:?}");
    let start = Instant::now();
    let plan = order(&registry, set, &Options::default()).unwrap();
    let ordered = start.elapsed();
    let rows = plan.rows().count();
    println!("{what}: {rows} rows; parsed in {parsed:.2?}, collected in {collected:.2?}, ordered in {ordered:.2?}");
}

fn main() {
    let users = (0..RECORDS).map(|number| format!("  - {{ username: user{number} }}\n"));
    measure("users", USERS, "users", users);
    let enrollment = |number| format!("  - {{ user: user{}, course: course{} }}\n", number / 10, number % 1000);
    measure("enrollments that imply", ENROLLMENTS, "enrollments", (0..RECORDS).map(enrollment));
    // The last first, so that each waits for all the others.
    let nodes = (1..RECORDS).rev().map(|number| format!("  - {{ id: {number}, parent: {} }}\n", number - 1));
    measure("one chain", CHAIN, "nodes", once("  - { id: 0 }\n".to_owned()).chain(nodes));
}
