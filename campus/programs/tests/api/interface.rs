//! The OpenAPI document says what the service does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::on_each_engine;

const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "trace"];

#[test]
fn the_document_has_every_path_and_every_method_and_no_others() {
    let document: Value = serde_json::from_str(programs::OPENAPI).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let documented: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    assert_eq!(documented, programs::paths().into_iter().collect::<BTreeSet<_>>());
    on_each_engine(|system| {
        for (path, operations) in paths {
            let path = path.replace("{program}", "active").replace("{file}", "default__435x145.jpg");
            for method in METHODS {
                // Nobody may do anything, but what cannot be done at all is said first.
                let answer = system.send(&method.to_uppercase(), &path, &[], b"");
                assert_eq!(answer.status == 405, operations.get(method).is_none(), "{method} {path}: {answer:?}");
            }
        }
        let served = system.get_anonymously("/api/openapi.json");
        assert_eq!((served.status, &served.body), (200, &document));
    });
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => (),
        }
    }
    let document: Value = serde_json::from_str(programs::OPENAPI).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
    assert_eq!(document["openapi"], json!("3.1.0"));
}
