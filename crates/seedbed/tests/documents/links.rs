//! What documents point at is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

/// All documents of the repository.
fn documents() -> Vec<PathBuf> {
    let root = repository();
    let mut documents = Vec::new();
    markdown_in(&root, &mut documents);
    let mut directories = vec![root.join("docs")];
    while let Some(directory) = directories.pop() {
        markdown_in(&directory, &mut documents);
        for entry in fs::read_dir(&directory).unwrap().flatten() {
            if entry.path().is_dir() {
                directories.push(entry.path());
            }
        }
    }
    documents
}

fn markdown_in(directory: &Path, documents: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path());
    documents.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
}

/// The targets of `[text](target)` outside code.
fn targets(text: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        if !in_code {
            targets.extend(line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target));
        }
    }
    targets
}

#[test]
fn every_link_leads_to_a_file() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in targets(&text) {
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = target.contains("://") || file.is_empty();
            if !is_elsewhere && !document.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
}

/// Words in backticks that look like a file of the repository.
fn named_files(text: &str) -> Vec<&str> {
    let words = text.split('`').skip(1).step_by(2);
    let is_file = |word: &&str| {
        let tops = ["crates/", "campus/", "xtask/", "docs/", "schemas/", ".ci/"];
        tops.iter().any(|top| word.starts_with(top)) && !word.contains(['*', ' ', '<'])
    };
    words.filter(is_file).collect()
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let mut missing = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for name in named_files(&text) {
            // What is written while it runs is named by the formats and is nowhere else.
            let is_written = name.contains("/target/") || name.contains(".seedbed");
            if !is_written && !repository().join(name).exists() {
                missing.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "these files are named and are not there:\n{}", missing.join("\n"));
}

/// The rows of the code map: a folder, and what is said of its files.
fn code_map(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `crates/"));
    rows.filter_map(|row| row.split_once("/src/` | "))
}

#[test]
fn every_file_of_the_code_map_is_there() {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    assert!(code_map(&text).count() > 5, "ARCHITECTURE.md has no code map");
    for (room, files) in code_map(&text) {
        let directory = repository().join("crates").join(room).join("src");
        for name in files
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "rs"))
        {
            assert!(
                directory.join(name).exists(),
                "the code map names `{name}`, which is not in {}",
                directory.display()
            );
        }
    }
}

#[test]
fn the_architecture_names_every_room() {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(repository().join("crates")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        assert!(text.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name the room `{name}`");
    }
}
