//! What is refused, and under which bytes it is said.

use std::fmt::Write as _;

use proptest::prelude::*;
use source::{MapReader, Problem, Problems, RenderOptions, SourceFile, parse, render};

#[test]
fn surprises_are_refused_at_their_place() {
    for (text, code, at) in [
        ("a: 1\nb: 2\na: 3\n", "yaml::duplicate-key", "a"),
        ("a: { b: 1, b: 2 }", "yaml::duplicate-key", "b"),
        ("a: b\n---\nc: d\n", "yaml::several-documents", "---"),
        ("1: a\n", "yaml::key-not-a-string", "1"),
        ("true: a\n", "yaml::key-not-a-string", "true"),
        ("? [a]\n: b\n", "yaml::key-not-a-string", "["),
        ("a: {{ name }}\n", "yaml::key-not-a-string", "{"),
        ("a: !thing b\n", "yaml::tag", "!thing"),
        ("a: &x 1\n<<: *x\n", "yaml::merge-key", "<<"),
        ("a: &x [*x]\n", "yaml::endless-alias", "*x"),
        ("a: *nobody\n", "yaml::syntax", "*"),
        ("a: 0755\n", "yaml::unclear-number", "0755"),
        ("a:\n\tb: 1\n", "yaml::syntax", "\t"),
        ("a: [1, 2\n", "yaml::syntax", "["),
        ("a: 'b\n", "yaml::syntax", "b"),
        ("a: `b`\n", "yaml::syntax", "`"),
        ("%YAML 1.1\n---\na: b\n", "yaml::syntax", "%"),
    ] {
        let problem = parse(&SourceFile::new("f", text)).expect_err(text);
        assert_eq!((problem.code, problem.place().expect("a place").text()), (code, at), "{text}");
    }
}

#[test]
fn depth_and_aliases_are_bounded() {
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert_eq!(parse(&SourceFile::new("f", deep)).expect_err("deep").code, "yaml::too-deep");
    let fits = format!("{}{}", "[".repeat(64), "]".repeat(64));
    parse(&SourceFile::new("f", fits)).expect("64 levels");

    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{below}]").expect("a string takes everything");
    }
    assert_eq!(parse(&SourceFile::new("f", bomb)).expect_err("a bomb").code, "yaml::too-many-aliases");

    let mut ladder = "a0: &a0 [x]\n".to_owned();
    for level in 1..1000 {
        writeln!(ladder, "a{level}: &a{level} [*a{}]", level - 1).expect("a string takes everything");
    }
    assert_eq!(parse(&SourceFile::new("f", ladder)).expect_err("a ladder").code, "yaml::too-deep");
}

#[test]
fn files_that_cannot_be_read_are_problems_that_name_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = SourceFile::read(&directory.path().join("none.yaml"), "data/none.yaml").expect_err("missing");
    assert!(missing.message.starts_with("cannot read `data/none.yaml`: "), "{}", missing.message);

    let path = directory.path().join("latin1.yaml");
    std::fs::write(&path, b"name: caf\xe9\n").expect("written");
    let problem = SourceFile::read(&path, "latin1.yaml").expect_err("not UTF-8");
    assert_eq!(problem.place().expect("a place").to_string(), "latin1.yaml:1:10");
}

#[test]
fn a_map_is_read_strictly_and_the_report_is_one() {
    let file = SourceFile::new("seed.yaml", "web:\n  prot: 80\n  colour: red\n  ready: yes\n");
    let tree = parse(&file).expect("valid");
    let web = tree.entry("web").expect("there");
    let mut problems = Problems::new();
    let mut reader = MapReader::new(&web.value, &mut problems, "a service").expect("a map").heading(&web.key_place);
    assert_eq!(reader.required_str("run"), None);
    assert!(reader.optional("port").is_none());
    assert_eq!(reader.optional_bool("ready"), None);
    reader.finish();
    problems.push(Problem::warning("seed::odd", "something odd").at(&web.key_place, ""));
    problems.push(Problem::error("file::unreadable", "cannot read `x`"));
    let again = problems.iter().next().expect("one").clone();
    problems.push(again);
    let expected = "\
error[file::unreadable]: cannot read `x`

error[yaml::missing-key]: a service needs the key `run`
 --> seed.yaml:1:1
  |
1 | web:
  | ^^^ there is no `run` here

warning[seed::odd]: something odd
 --> seed.yaml:1:1
  |
1 | web:
  | ^^^

error[yaml::unknown-key]: unknown key `prot` in a service
 --> seed.yaml:2:3
  |
2 |   prot: 80
  |   ^^^^ not a key of a service
  |
  = help: did you mean `port`?

error[yaml::unknown-key]: unknown key `colour` in a service
 --> seed.yaml:3:3
  |
3 |   colour: red
  |   ^^^^^^ not a key of a service
  |
  = help: the keys of a service are `run`, `port`, `ready`

error[yaml::wrong-type]: expected `true` or `false`, found a string
 --> seed.yaml:4:10
  |
4 |   ready: yes
  |          ^^^ this is a string
";
    assert_eq!(render(&problems, RenderOptions::default()), expected);
    assert!(render(&problems, RenderOptions { color: true, width: 80 }).contains("\u{1b}["));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_tree_or_a_problem_that_can_be_shown(text in r#"([a-c:\- \n\[\]{},"'|>&*!%#?~0-9.\t\ré]|: |\n  ){0,60}"#) {
        let file = SourceFile::new("f", text);
        match parse(&file) {
            Ok(tree) => { tree.to_json(); }
            Err(problem) => {
                prop_assert!(problem.place().is_some());
                prop_assert!(!render(&problem.into(), RenderOptions::default()).is_empty());
            }
        }
    }
}
