//! The document that describes the interface: it names what is answered, and nothing else.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

mod harness;

use std::collections::BTreeSet;

use harness::on_each_engine;
use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    serde_json::from_str(commerce::OPENAPI).unwrap()
}

#[test]
fn its_paths_are_those_of_the_routes() {
    // What is behind the key of a course is one route, since a key may have slashes.
    let described: BTreeSet<String> = document()["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(|path| match path.split_once("{course}") {
            Some((before, _)) => format!("{before}{{*course}}"),
            None => path.clone(),
        })
        .collect();
    let routed: BTreeSet<String> = commerce::paths().into_iter().map(str::to_owned).collect();
    assert_eq!(described, routed);
}

#[test]
fn its_methods_are_answered_and_others_are_not() {
    on_each_engine("SELECT 1", |system| {
        for (path, operations) in document()["paths"].as_object().unwrap() {
            let address = path.replace("{course}", "course-v1:a+b+c").replace("{code}", "x").replace("{domain}", "x");
            let address = address.replace("{number}", "x");
            for method in METHODS {
                let (status, _) = system.call(&method.to_uppercase(), &address, Some("staff"), None);
                if operations[method].is_object() {
                    let known = operations[method]["responses"].as_object().unwrap();
                    assert!(known.contains_key(&status.to_string()), "{method} {path}: {status} is not described");
                } else {
                    assert_eq!(status, 405, "{method} {path} is not described");
                }
            }
        }
        let (status, served) = system.get_anonymously("/api/openapi.json");
        assert_eq!((status, served), (200, document()));
    });
}
