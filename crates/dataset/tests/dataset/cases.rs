//! Cases as directories: `SERVICE.types.yaml` with data types, `SERVICE.*.yaml` with specs, perhaps `top.yaml`, and what is expected of
//! them in `expected.txt`, which `SEEDBED_BLESS=1` writes anew.

use std::fs;
use std::path::{Path, PathBuf};

use source::{RenderOptions, SourceFile};

use crate::case::Case;
use crate::fake_database::FakeDatabase;
use crate::rendering::render;

pub fn directories() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut directories: Vec<_> = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.sort();
    directories
}

pub fn read(directory: &Path) -> Case {
    let mut case = Case::default();
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names.iter().filter(|name| *name != "expected.txt") {
        let file = SourceFile::read(&directory.join(name), name).unwrap();
        let (service, rest) = name.split_once('.').unwrap();
        match rest {
            _ if rest.ends_with("types.yaml") => case.types.push((service.to_owned(), file)),
            _ if service == "top" => case.top = Some(file),
            _ => case.specs.push((service.to_owned(), file)),
        }
    }
    case
}

#[test]
fn each_case_gives_the_expected_plan_or_report() {
    let bless = std::env::var_os("SEEDBED_BLESS").is_some();
    let mut different = Vec::new();
    for directory in directories() {
        let case = read(&directory);
        let options = RenderOptions { color: false, width: 120 };
        let found = match case.plan() {
            Ok(plan) => format!("{}{}", render(&plan, true), source::render(&plan.warnings, options)),
            Err(problems) => source::render(&problems, options),
        };
        let path = directory.join("expected.txt");
        if bless {
            fs::write(&path, &found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if found != expected {
            different.push(format!("{}\n--- expected\n{expected}\n--- found\n{found}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn the_order_of_files_lists_records_and_fields_is_without_effect() {
    for directory in directories() {
        let case = read(&directory);
        match (case.plan(), case.plan_reversed()) {
            (Ok(plan), Ok(reversed)) => {
                assert_eq!(render(&plan, false), render(&reversed, false), "{}", directory.display());
            }
            (Err(_), Err(_)) => {}
            (one, other) => panic!("{}: {one:?} but reversed {other:?}", directory.display()),
        }
    }
}

#[test]
fn a_second_load_finds_everything_that_the_first_inserted() {
    let mut loads = 0;
    for directory in directories() {
        let Ok(plan) = read(&directory).plan() else { continue };
        let mut database = FakeDatabase::default();
        let Ok(first) = database.load(&plan) else { continue };
        let after = database.clone();
        let second = database.load(&plan).unwrap();
        let rows = plan.rows().count();
        assert_eq!((first.inserted, first.found), (rows, 0), "{}", directory.display());
        assert_eq!((second.inserted, second.found), (0, rows), "{}", directory.display());
        assert_eq!(database, after);
        loads += 1;
    }
    assert!(loads >= 15, "only {loads} cases can be loaded");
}

#[test]
fn strict_refuses_to_insert_what_is_only_referred_to_and_finds_it_when_it_is_there() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/referenced");
    let mut case = read(&directory);
    let relaxed = case.plan().unwrap();
    case.options.strict = true;
    let strict = case.plan().unwrap();
    let mut database = FakeDatabase::default();
    assert_eq!(database.clone().load(&strict), Err("lms.user[staff] is not there".to_owned()));
    database.load(&relaxed).unwrap();
    assert_eq!(database.load(&strict).unwrap().inserted, 0);
}

#[test]
fn a_row_that_lacks_a_required_field_can_be_found_but_not_inserted() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/referenced-required");
    let plan = read(&directory).plan().unwrap();
    let message = FakeDatabase::default().load(&plan).unwrap_err();
    assert_eq!(message, "lms.course[X/Y/Z] cannot be inserted without name");
}
