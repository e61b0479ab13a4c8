//! The published JSON schema is the one of the code, and it and the reader refuse the same things.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use source::{RenderOptions, SourceFile, parse, render};

const FULL: &str = include_str!("valid/full.yaml");

/// What the reader says of the form alone; the rest is beyond a schema.
const OF_FORM: [&str; 8] = [
    "yaml::unknown-key",
    "yaml::missing-key",
    "yaml::wrong-type",
    "manifest::malformed",
    "manifest::unknown-word",
    "manifest::out-of-range",
    "manifest::empty",
    "manifest::exclusive-keys",
];

static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::validator_for(&manifest::schema()).expect("a schema"));

/// Compares reader and schema on a text; says what differs. What cannot be parsed is no matter for a schema.
fn disagreement(text: &str) -> Option<String> {
    let validator = &*VALIDATOR;
    let file = SourceFile::new("seedbed.yaml", text);
    let json = parse(&file).ok()?.to_json();
    let (_, problems) = manifest::read(&file, None);
    let refused = || -> Vec<String> {
        validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect()
    };
    let report = render(&problems, RenderOptions::default());
    if !validator.is_valid(&json) && !problems.has_errors() {
        return Some(format!("only the schema refuses:\n{text}\n{:#?}", refused()));
    }
    // Profiles are checked when they are merged, which a schema cannot do.
    let of_form = problems.iter().any(|problem| OF_FORM.contains(&problem.code));
    if json.get("profiles").is_none() && validator.is_valid(&json) && of_form {
        return Some(format!("only the reader refuses:\n{text}\n{report}"));
    }
    if !validator.is_valid(&json) && !of_form {
        return Some(format!("the reader refuses for another reason:\n{text}\n{:#?}\n{report}", refused()));
    }
    None
}

#[test]
fn the_published_schemas_are_those_of_the_code() {
    for (name, schema) in [("seedbed", manifest::schema()), ("seedbed.local", manifest::local_schema())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../schemas/{name}.schema.json"));
        let schema = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        let published = fs::read_to_string(&path).unwrap_or_default();
        if published != schema && std::env::var_os("SEEDBED_BLESS").is_some() {
            fs::write(&path, &schema).expect("written");
            continue;
        }
        assert!(published == schema, "{name}: set SEEDBED_BLESS=1 to publish the schema anew");
    }
}

#[test]
fn the_schema_takes_what_is_right_and_refuses_what_is_wrong_in_form() {
    assert!(VALIDATOR.is_valid(&parse(&SourceFile::new("full", FULL)).expect("YAML").to_json()));
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems");
    for entry in fs::read_dir(directory).expect("there are cases") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).expect("text");
            assert_eq!(disagreement(&text), None, "{}", path.display());
        }
    }
}

/// Words and values that mean something somewhere in a manifest.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(false)),
        Just(json!(0)),
        Just(json!(8080)),
        Just(json!(70000)),
        Just(json!(1.5)),
        Just(json!("")),
        Just(json!("auto")),
        Just(json!("10s")),
        Just(json!("build")),
        Just(json!("Two Words")),
        Just(json!("sqlite")),
        Just(json!("ready")),
        Just(json!("TERM")),
        Just(json!("${port}")),
        Just(json!([])),
        Just(json!(["build"])),
        Just(json!([1])),
        Just(json!({})),
        Just(json!({ "run": "serve" })),
        Just(json!({ "shell": "a && b" })),
        Just(json!({ "sql": ["a.sql"] })),
        Just(json!({ "http": "/", "tcp": true })),
        Just(json!({ "engine": "postgres" })),
        Just(json!("5GB")),
        Just(json!("10.11")),
        Just(json!("mysql")),
        Just(json!({ "url": "s3://bucket" })),
        Just(json!({ "file": "a.dump", "snapshot": "monday" })),
    ]
}

#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Rename(&'static str),
    Add(&'static str, Value),
}

fn change() -> impl Strategy<Value = Change> {
    let key = || {
        prop::sample::select(vec![
            "name",
            "run",
            "port",
            "http",
            "tcp",
            "sql",
            "engine",
            "after",
            "timeout",
            "prot",
            "Odd",
            "profiles",
            "base",
            "url",
            "file",
            "columns",
            "keep",
            "path",
            "pull",
            "sha256",
            "blake3",
            "users.email",
        ])
    };
    prop_oneof![
        value().prop_map(Change::Replace),
        Just(Change::Remove),
        key().prop_map(Change::Rename),
        (key(), value()).prop_map(|(key, value)| Change::Add(key, value)),
    ]
}

fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                pointers(value, &format!("{at}/{}", key.replace('/', "~1")), into);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), into);
            }
        }
        _ => {}
    }
}

fn apply(json: &mut Value, place: Index, change: Change) {
    let mut all = Vec::new();
    pointers(json, "", &mut all);
    let pointer = place.get(&all);
    match change {
        Change::Replace(value) => *json.pointer_mut(pointer).expect("it was just seen") = value,
        Change::Add(key, value) => {
            if let Some(map) = json.pointer_mut(pointer).and_then(Value::as_object_mut) {
                map.insert(key.to_owned(), value);
            }
        }
        Change::Remove | Change::Rename(_) => {
            let Some((parent, key)) = pointer.rsplit_once('/') else { return };
            match json.pointer_mut(parent) {
                Some(Value::Object(map)) => {
                    let removed = map.shift_remove(&key.replace("~1", "/"));
                    if let (Change::Rename(new), Some(value)) = (change, removed) {
                        map.insert(new.to_owned(), value);
                    }
                }
                Some(Value::Array(list)) => {
                    list.remove(key.parse::<usize>().expect("an index"));
                }
                _ => {}
            }
        }
    }
}

fn bytes(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..length)
}

/// Reads under every profile and renders; the manifest is there if and only if there is no error.
fn survives(text: &str) -> Result<(), TestCaseError> {
    let file = SourceFile::new("seedbed.yaml", text);
    for profile in [None, Some("postgres"), Some("large")] {
        let (manifest, problems) = manifest::read(&file, profile);
        prop_assert_eq!(manifest.is_none(), problems.has_errors());
        prop_assert_eq!(render(&problems, RenderOptions { color: true, width: 60 }).is_empty(), problems.is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn schema_and_reader_refuse_the_same(
        keep_profiles in any::<bool>(),
        changes in prop::collection::vec((any::<Index>(), change()), 1..4),
    ) {
        let mut json = parse(&SourceFile::new("full", FULL)).expect("YAML").to_json();
        if !keep_profiles {
            json.as_object_mut().expect("a map").shift_remove("profiles");
        }
        for (place, change) in changes {
            apply(&mut json, place, change);
        }
        // JSON is YAML.
        let text = json.to_string();
        prop_assert_eq!(disagreement(&text), None);
        survives(&text)?;
    }

    #[test]
    fn any_bytes_are_a_manifest_or_problems(bytes in bytes(200)) {
        survives(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn a_manifest_with_pieces_replaced_is_one_or_has_problems(
        cuts in prop::collection::vec((any::<Index>(), 0..30usize, r#"[a-z:${}\[\]"'|&*! \n-]{0,6}"#), 1..4),
    ) {
        let mut text = FULL.to_owned();
        for (place, length, piece) in cuts {
            let start = place.index(text.len());
            let end = (start + length).min(text.len());
            text.replace_range(start..end, &piece);
        }
        survives(&text)?;
    }
}
