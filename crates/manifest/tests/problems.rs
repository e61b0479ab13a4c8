//! Each case under `problems/` is a manifest with its whole rendered report beside it.

use std::fs;
use std::path::{Path, PathBuf};

use source::{RenderOptions, SourceFile, render};

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems");
    let mut cases: Vec<_> = fs::read_dir(directory)
        .expect("there are cases")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn each_report_is_the_one_beside_its_case() {
    let bless = std::env::var_os("SEEDBED_BLESS").is_some();
    let mut different = Vec::new();
    for case in cases() {
        let file = SourceFile::new("seedbed.yaml", fs::read_to_string(&case).expect("text"));
        let (manifest, problems) = manifest::read(&file, None);
        assert_eq!(manifest.is_none(), problems.has_errors(), "{}", case.display());
        assert!(!problems.is_empty(), "{} has no problem", case.display());
        let report = render(&problems, RenderOptions::default());
        let expected = case.with_extension("txt");
        if bless {
            fs::write(&expected, &report).expect("written");
        } else if fs::read_to_string(&expected).unwrap_or_default() != report {
            different.push(format!("{}:\n{report}", case.display()));
        }
    }
    assert!(different.is_empty(), "set SEEDBED_BLESS=1 to accept:\n{}", different.join("\n"));
}
