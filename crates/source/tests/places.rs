//! Every key and value of a parsed file stands exactly where its place says.

use source::{Node, SourceFile, Tree, parse};

const TEXT: &str = r#"# A comment, then ünïcode.
plain: some words   # trailing
quoted: "é \"x\" ${port}"
single: 'it''s'
"key in quotes": 5
list:
- a
-   b c
flow: { x: [1, 2.5], y: }
block: |
  first ${port}
  second
folded: >-
  one
  two

map:
  inner:
    deep: true
last: end
"#;

fn tree() -> Tree {
    parse(&SourceFile::new("f.yaml", TEXT)).expect("valid")
}

fn at<'a>(tree: &'a Tree, path: &str) -> &'a Tree {
    path.split('/').fold(tree, |tree, key| match key.parse::<usize>() {
        Ok(index) => &tree.as_list().expect(path)[index],
        Err(_) => tree.get(key).expect(path),
    })
}

#[test]
fn the_text_at_a_place_is_what_was_written_there() {
    let tree = tree();
    for (path, text) in [
        ("plain", "some words"),
        ("quoted", r#""é \"x\" ${port}""#),
        ("single", "'it''s'"),
        ("key in quotes", "5"),
        ("list", "a\n-   b c"),
        ("list/1", "b c"),
        ("flow", "{ x: [1, 2.5], y: }"),
        ("flow/x/1", "2.5"),
        ("flow/y", ""),
        ("block", "first ${port}\n  second"),
        ("folded", "one\n  two"),
        ("map", "inner:\n    deep: true"),
        ("map/inner", "deep: true"),
        ("map/inner/deep", "true"),
        ("last", "end"),
    ] {
        assert_eq!(at(&tree, path).place.text(), text, "{path}");
    }
    let entry = tree.entry("key in quotes").expect("there");
    assert_eq!(entry.key_place.text(), r#""key in quotes""#);
    assert_eq!((entry.key_place.line(), entry.key_place.column()), (5, 1));
    assert_eq!(at(&tree, "flow/x/0").place.to_string(), "f.yaml:9:13");
}

#[test]
fn a_part_of_a_scalar_is_found_through_quotes_and_indentation() {
    let tree = tree();
    for path in ["quoted", "block"] {
        let scalar = at(&tree, path);
        let value = scalar.as_str().expect("a string");
        let start = value.find("${port}").expect("there");
        let place = scalar.place.within(value, start..start + 7);
        assert_eq!(place.text(), "${port}", "{path}");
    }
    // Folding took the line break out, so the part is not in the text: the whole scalar is the answer.
    let folded = at(&tree, "folded");
    assert_eq!(folded.as_str(), Some("one two"));
    assert_eq!(folded.place.within("one two", 2..5), folded.place);
}

#[test]
fn the_second_of_two_equal_parts_is_told_from_the_first() {
    let tree = parse(&SourceFile::new("f", "a: x$x$x\n")).expect("valid");
    let value = tree.get("a").expect("there");
    assert_eq!(value.place.within("x$x$x", 2..3).range(), 5..6);
    assert_eq!(value.place.within("x$x$x", 4..5).range(), 7..8);
}

#[test]
fn a_tree_as_json_keeps_order_and_kinds() {
    let json = tree().to_json();
    assert_eq!(json["flow"].to_string(), r#"{"x":[1,2.5],"y":null}"#);
    assert_eq!(json["block"], "first ${port}\nsecond\n");
    let keys: Vec<_> = json.as_object().expect("a map").keys().map(String::as_str).collect();
    assert_eq!(keys[..4], ["plain", "quoted", "single", "key in quotes"]);
}

#[test]
fn aliases_stand_for_what_was_anchored_and_str_tags_for_quotes() {
    let tree = parse(&SourceFile::new("f", "a: &x { n: 1 }\nb: *x\nc: !!str 12\nd: [*x, *x]\n")).expect("valid");
    assert_eq!(tree.to_json().to_string(), r#"{"a":{"n":1},"b":{"n":1},"c":"12","d":[{"n":1},{"n":1}]}"#);
}

#[test]
fn an_overlay_merges_maps_replaces_the_rest_and_keeps_places() {
    let base = parse(&SourceFile::new("f", "m: { a: 1, b: [1, 2] }\nk: x\n")).expect("valid");
    let over = parse(&SourceFile::new("g", "m: { b: [3], c: null }\nk: { y: z }\nnew: 1\n")).expect("valid");
    let merged = over.merge_over(base);
    assert_eq!(merged.to_json().to_string(), r#"{"m":{"a":1,"b":[3],"c":null},"k":{"y":"z"},"new":1}"#);
    let map = merged.get("m").expect("there");
    assert_eq!(map.get("a").expect("there").place.file().name(), "f");
    assert_eq!(map.entry("b").expect("there").key_place.file().name(), "g");
    assert!(matches!(map.get("c").expect("there").node, Node::Null));
}

#[test]
fn an_empty_file_is_nothing_and_a_byte_order_mark_is_no_text() {
    for text in ["", "\n", "# only a comment\n", "---\n"] {
        assert!(parse(&SourceFile::new("f", text)).expect("valid").is_null(), "{text:?}");
    }
    let tree = parse(&SourceFile::new("f", "\u{feff}a: b\r\nc: d\r\n")).expect("valid");
    assert_eq!(tree.get("a").expect("there").place.range(), 3..4);
    assert_eq!(tree.get("c").and_then(Tree::as_str), Some("d"));
}

#[test]
fn a_loose_file_is_read_as_other_readers_do() {
    let text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 5\nd: !reset null\ne: !override\n  - 1\nf: 010\n---\ng: 1\n";
    let loose = source::parse_loosely(&SourceFile::new("f", text)).expect("a loose file");
    let json: Vec<_> = loose.documents.iter().map(|tree| tree.to_json().to_string()).collect();
    let c = r#""c":{"x":5,"y":2,"z":4}"#;
    assert_eq!(
        json,
        [format!(r#"{{"a":{{"x":1,"y":2}},"b":{{"y":3,"z":4}},{c},"d":null,"e":[1],"f":8}}"#), r#"{"g":1}"#.to_owned()]
    );
    let tags: Vec<_> = loose.tags.iter().map(|(tag, place)| (tag.as_str(), place.text())).collect();
    assert_eq!(tags, [("reset", "null"), ("override", "- 1")]);
    let y = loose.documents[0].get("c").and_then(|c| c.entry("y")).expect("it was merged");
    assert_eq!(y.key_place.line(), 1, "what is merged stays where it stands");
    for (text, code) in [("a: {<<: 1}", "yaml::wrong-type"), ("a: 1\na: 2", "yaml::duplicate-key")] {
        assert_eq!(source::parse_loosely(&SourceFile::new("f", text)).expect_err(text).code, code, "{text}");
    }
}
