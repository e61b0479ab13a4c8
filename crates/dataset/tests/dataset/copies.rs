//! Copies of what specs declare: other keys, and everything that follows from them.

use dataset::{LoadPlan, Options, Registry, SpecSet, order_copy};
use source::{Problems, RenderOptions, SourceFile, parse};

const TYPES: &str = "
types:
  user: { table: users, key: [name], fields: { name: {}, email: '{{ name }}@example.org', boss: { references: user, default: null } } }
  course: { table: courses, key: [code], fields: { code: {} } }
  seat:
    table: seats
    key: [course, kind]
    fields: { course: { references: course }, kind: {}, price: \"{{ 9 if kind == 'paid' else 0 }}\" }
    implies: [{ type: tag, record: { name: '{{ course }}' } }]
  tag: { table: tags, key: [name], fields: { name: {} } }
  level: { table: levels, key: [number], fields: { number: {} } }
  slot: { table: slots, key: [day, hour], fields: { day: {}, hour: {} } }
  flag: { table: flags, key: [is_on], fields: { is_on: {} } }
  badge: { table: badges, key: [user], fields: { user: { references: user } } }
";

fn copy(spec: &str, number: u64) -> Result<Option<LoadPlan>, String> {
    let mut problems = Problems::new();
    let mut registry = Registry::new();
    registry.add("lms", "main", &parse(&SourceFile::new("types.yaml", TYPES)).unwrap(), &mut problems);
    registry.check(&mut problems);
    let mut specs = SpecSet::new();
    specs.add(&registry, "lms", None, &parse(&SourceFile::new("spec.yaml", spec)).unwrap(), &mut problems);
    assert!(!problems.has_errors(), "{}", source::render(&problems, RenderOptions::default()));
    order_copy(&registry, specs, &Options::default(), number)
        .map_err(|problems| source::render(&problems, RenderOptions::default()))
}

/// The records with their plain values, sorted.
fn records(plan: &LoadPlan) -> Vec<String> {
    let row = |row: &dataset::Row| {
        let values = row.cells.iter().filter_map(|(_, cell)| match cell {
            dataset::Cell::Value(value) => Some(value.to_string()),
            dataset::Cell::Reference { row, .. } => plan.row(*row).map(|row| format!("→{}", row.name)),
        });
        format!("{} {}", row.name.trim_start_matches("lms."), values.collect::<Vec<_>>().join(" "))
    };
    let mut records: Vec<String> = plan.rows().map(row).collect();
    records.sort();
    records
}

#[test]
fn copies_have_other_keys_and_what_follows_from_them() {
    let cases: [(&str, &str, u64, &[&str]); 8] = [
        (
            "the first has the keys of the specs",
            "users: [{ name: ada }]",
            1,
            &["user[ada] \"ada\" \"ada@example.org\" null"],
        ),
        (
            "texts get the number, and templates follow",
            "users: [{ name: ada }]",
            3,
            &["user[ada-3] \"ada-3\" \"ada-3@example.org\" null"],
        ),
        (
            "what refers to a record refers to its copy, and to others as before",
            "users: [{ name: bob, boss: ada }, { name: ada, boss: eve }]",
            2,
            &[
                "user[ada-2] \"ada-2\" \"ada-2@example.org\" →lms.user[eve]",
                "user[bob-2] \"bob-2\" \"bob-2@example.org\" →lms.user[ada-2]",
                "user[eve] \"eve\" \"eve@example.org\" null",
            ],
        ),
        (
            "a key that has a reference to a copy is new through it, and what is implied follows",
            "{ courses: [{ code: x }], seats: [{ course: x, kind: paid }] }",
            2,
            &["course[x-2] \"x-2\"", "seat[x-2, paid] →lms.course[x-2] \"paid\" 9", "tag[x-2] \"x-2\""],
        ),
        (
            "of a key whose reference leads out of the specs the text varies",
            "seats: [{ course: x, kind: free }]",
            2,
            &["course[x] \"x\"", "seat[x, free-2] →lms.course[x] \"free-2\" 0", "tag[x] \"x\""],
        ),
        ("whole numbers go on counting", "levels: [{ number: 3 }, { number: 5 }]", 3, &["level[11] 11", "level[9] 9"]),
        (
            "whole numbers stay where a text varies",
            "slots: [{ day: mon, hour: 8 }]",
            2,
            &["slot[mon-2, 8] \"mon-2\" 8"],
        ),
        (
            "a key of nothing but a reference",
            "{ users: [{ name: ada }], badges: [{ user: ada }] }",
            2,
            &["badge[ada-2] →lms.user[ada-2]", "user[ada-2] \"ada-2\" \"ada-2@example.org\" null"],
        ),
    ];
    for (what, spec, number, expected) in cases {
        let plan = copy(spec, number).unwrap_or_else(|problems| panic!("{what}: {problems}")).unwrap();
        assert_eq!(records(&plan), expected, "{what}");
    }
}

#[test]
fn a_number_with_a_key_that_the_specs_have_is_none() {
    assert!(copy("users: [{ name: ada }, { name: ada-2 }]", 2).unwrap().is_none());
    assert!(copy("users: [{ name: ada }, { name: ada-2 }]", 3).unwrap().is_some());
}

#[test]
fn a_key_that_cannot_vary_is_a_problem_at_its_place() {
    for (spec, name, line) in [
        ("flags:\n  - { is_on: true }", "lms.flag[true]", 2),
        ("users:\n  - name: bob\nbadges:\n  - { user: ada }", "lms.badge[ada]", 4),
    ] {
        let problems = copy(spec, 2).unwrap_err();
        assert!(problems.contains(&format!("`{name}` cannot be made once more")), "{problems}");
        assert!(problems.contains(&format!("spec.yaml:{line}:")), "{problems}");
        assert!(copy(spec, 1).is_ok());
    }
}
