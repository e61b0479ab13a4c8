//! Whatever stands in the files, it is a project or problems, and never the end of the program.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use compose::{Request, load};
use proptest::prelude::*;
use proptest::sample::Index;

/// Reads a file of this text, beside a `.env` of that one; what there is of a project is looked through.
fn read(text: &str, variables: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("compose.yaml");
    std::fs::write(&file, text).unwrap();
    std::fs::write(directory.path().join(".env"), variables).unwrap();
    let request = Request {
        directory: directory.path().to_owned(),
        files: vec![file],
        shown_from: directory.path().to_owned(),
        ..Request::default()
    };
    let (project, problems) = load(&request);
    assert_eq!(project.is_none(), problems.has_errors());
    if let Some(project) = project {
        project.unsupported();
    }
}

/// All Compose files of the other tests.
static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut found);
    found.sort();
    found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
});

fn pieces() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("${A".to_owned()),
        Just("${A:-${B}}".to_owned()),
        Just("$$".to_owned()),
        Just("!reset ".to_owned()),
        Just("!override ".to_owned()),
        Just("<<: ".to_owned()),
        Just("*a".to_owned()),
        Just("&a ".to_owned()),
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just(": ".to_owned()),
        Just("-1".to_owned()),
        Just("1e400".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("\n".to_owned()),
        Just("\n---\n".to_owned()),
        Just("extends: web".to_owned()),
        Just("ä€".to_owned()),
        "[ -~\\n]{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_files_end_no_program(
        which in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), 0..12_usize, pieces()), 1..5),
    ) {
        let mut text: Vec<char> = which.get(&TEXTS).chars().collect();
        for (at, removed, piece) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece.chars());
        }
        read(&text.into_iter().collect::<String>(), "A=1\n");
    }

    #[test]
    fn any_value_ends_no_program(value in "[ -~ä\\\\$'\"{}:,/]{0,24}", key in prop::sample::select(vec![
        "image", "command", "ports", "volumes", "environment", "healthcheck", "mem_limit", "stop_grace_period", "devices",
        "extra_hosts", "depends_on", "networks", "build", "env_file", "tmpfs", "ulimits", "secrets", "deploy", "extends",
    ])) {
        let quoted = serde_json::to_string(&value).unwrap();
        read(&format!("services: {{a: {{image: x, {key}: {quoted}}}}}"), "");
        read(&format!("services: {{a: {{image: x, {key}: [{quoted}]}}}}"), "");
        read(&format!("services: {{a: {{image: x, {key}: {{k: {quoted}}}}}}}"), "");
    }

    #[test]
    fn any_file_of_variables_ends_no_program(variables in "[A-C=:'\"#$\\\\{}\\n\\t ä-]{0,60}") {
        read("services: {a: {image: x, env_file: [.env, {path: .env, format: raw}]}}", &variables);
    }
}
