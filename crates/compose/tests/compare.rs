//! What is read of Compose files is what Docker Compose itself reads of them.
//!
//! `files` has files that nobody here wrote, `cases` a directory for each rule. Beside each stands what
//! `docker compose config --format json` says. With `SEEDBED_COMPOSE`, the path of that program, it is asked again, and
//! what is stored must be what it says; with `SEEDBED_BLESS` besides, what it says is stored.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::path::Path;

use serde_json::Value;
use source::{RenderOptions, render};
use support::{Case, blessing, cases, configuration, normalised, read_text, single_dollars_of_keys};

#[test]
fn projects_are_read_as_docker_compose_reads_them() {
    let mut failures = Vec::new();
    let mut compared = 0;
    for case in cases() {
        let stored = case.stored();
        if let Some(said) = case.ask() {
            if blessing() {
                case.store(&said);
            } else if said != stored && (said.starts_with('{') || stored.starts_with('{')) {
                failures.push(format!("{}: what is stored is not what Docker Compose says now:\n{said}", case.name));
            }
        }
        compared += 1;
        failures.extend(compare(&case).err());
    }
    assert!(compared >= 99, "only {compared} cases were found");
    assert!(failures.is_empty(), "{} of {compared}:\n{}", failures.len(), failures.join("\n\n"));
}

/// Compares one project. Where Compose says that it is wrong, so must the reader.
fn compare(case: &Case) -> Result<(), String> {
    let (project, problems) = compose::load(&case.request());
    let shown = render(&problems, RenderOptions { color: false, width: 100 });
    match (case.expected(), &project) {
        (Ok(_), None) if case.stricter.is_some() => Ok(()),
        (Ok(expected), Some(project)) => {
            let (ours, theirs) = (configuration(project), normalised(expected));
            differences("", &ours, &theirs).map_or(Ok(()), |text| Err(format!("{}: {text}", case.name)))
        }
        (Ok(_), None) => Err(format!("{}: refused, and Compose takes it\n{shown}", case.name)),
        (Err(reason), Some(_)) => Err(format!("{}: taken, and Compose says: {reason}", case.name)),
        (Err(_), None) => Ok(()),
    }
}

fn differences(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    if ours == theirs {
        return None;
    }
    if let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) {
        let keys = ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(*key)));
        let found: Vec<_> = keys
            .filter_map(|key| {
                let side = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or("(nothing)".into());
                differences(&format!("{path}.{key}"), &side(ours), &side(theirs))
            })
            .collect();
        return (!found.is_empty()).then(|| found.join("\n"));
    }
    Some(format!("{path}\n   ours: {ours}\n theirs: {theirs}"))
}

/// What Compose writes is a Compose file, too, and means the same.
#[test]
fn the_normal_form_is_its_own_normal_form() {
    for case in cases() {
        let Some(mut expected) = case.expected().ok().filter(|_| case.stricter.is_none()) else { continue };
        single_dollars_of_keys(&mut expected);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("compose.yaml");
        std::fs::write(&file, serde_json::to_string_pretty(&expected).unwrap()).unwrap();
        let request = compose::Request { files: vec![file], env_files: Vec::new(), ..case.request() };
        let (project, problems) = compose::load(&request);
        let Some(project) = project else {
            panic!("{}: {}", case.name, render(&problems, RenderOptions { color: false, width: 100 }));
        };
        assert_eq!(configuration(&project), normalised(expected), "{}", case.name);
    }
}

/// How mistakes are told.
#[test]
fn problems_are_told_at_their_place() {
    let mut failures = Vec::new();
    for case in cases() {
        let (project, problems) = compose::load(&case.request());
        let unsupported = project.map(|project| project.unsupported()).unwrap_or_default();
        let all: source::Problems = problems.into_iter().chain(unsupported).collect();
        let shown = render(&all, RenderOptions { color: false, width: 100 });
        let shown = shown.replace(&case.directory.display().to_string(), "DIRECTORY");
        let file = case.problems_file();
        if blessing() {
            if shown.is_empty() {
                let _ = std::fs::remove_file(&file);
            } else {
                std::fs::write(&file, &shown).unwrap();
            }
        }
        let expected = if Path::new(&file).exists() { read_text(&file) } else { String::new() };
        if shown != expected {
            failures.push(format!("{}:\n{shown}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
