//! Parts of workspaces that dependents take.

use std::collections::BTreeMap;
use std::fs;

use manifest::{Applied, ByPath, Local, WorkspaceTree, load};
use source::{RenderOptions, render};
use tempfile::TempDir;

const LMS: &str = r#"
name: lms
dependencies: { mail: ../mail, search: ../search }
tasks:
  build: { run: make web }
  index: { run: "index ${databases.index.url}" }
databases:
  accounts: { engine: sqlite, schema: { run: migrate, after: [build] }, types: types.yaml, data: [users.yaml] }
  courses: { engine: sqlite, types: types.yaml, data: [courses.yaml] }
  index: { engine: redis }
services:
  web: { run: "serve ${databases.accounts.url}", port: auto, env: { MAIL: "${dependencies.mail.url}" }, after: [build] }
  studio: { run: "serve ${databases.courses.url}", port: auto, after: [search, index] }
data: [everything.yaml]
exports: { url: "${services.web.url}", studio: "${services.studio.url}", fixed: one }
modes:
  accounts: { services: [web] }
  courses: { databases: [courses] }
  bare: { databases: [accounts], data: [] }
  demo: { services: [studio], data: [courses.yaml, everything.yaml] }
"#;

/// The workspaces of an environment in which these depend on the LMS.
fn workspaces(dependents: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("lms/seedbed.yaml", LMS);
    for name in ["types", "users", "courses", "everything"] {
        write(&format!("lms/{name}.yaml"), "");
    }
    for name in ["mail", "search"] {
        let text = "services: { web: { run: serve, port: auto } }\nexports: { url: \"${services.web.url}\" }\n";
        write(&format!("{name}/seedbed.yaml"), &format!("name: {name}\n{text}"));
    }
    for (name, text) in dependents {
        write(&format!("{name}/seedbed.yaml"), &format!("name: {name}\n{text}"));
    }
    directory
}

fn read(directory: &TempDir) -> Result<WorkspaceTree, String> {
    let (tree, problems) = load(
        &directory.path().join("top"),
        None,
        &BTreeMap::new(),
        &Local::default(),
        &Applied::default(),
        &mut ByPath,
    );
    tree.ok_or_else(|| render(&problems, RenderOptions::default()))
}

/// All that is there of the LMS, and the names of all workspaces.
fn seen(tree: &WorkspaceTree) -> String {
    let manifest = &tree[tree.find("lms").expect("there")].manifest;
    let names = |names: Vec<&str>| names.join(" ");
    let all = tree.workspaces.iter().map(|workspace| workspace.manifest.name.as_str()).collect();
    let databases = manifest.databases.iter().map(|(name, database)| format!("{name}:{}", database.data.len()));
    format!(
        "{} | {} | {} | {} | {} | {}",
        names(manifest.services.keys().map(String::as_str).collect()),
        names(manifest.tasks.keys().map(String::as_str).collect()),
        databases.collect::<Vec<_>>().join(" "),
        manifest.data.len(),
        names(manifest.exports.keys().map(String::as_str).collect()),
        names(all),
    )
}

#[test]
fn a_mode_is_what_it_names_and_all_that_this_needs() {
    for (mode, expected) in [
        ("", "web studio | build index | accounts:1 courses:1 index:0 | 1 | url studio fixed | mail search lms top"),
        ("accounts", "web | build | accounts:1 | 0 | url fixed | mail lms top"),
        ("courses", " |  | courses:1 | 0 | fixed | lms top"),
        ("bare", " | build | accounts:0 | 0 | fixed | lms top"),
        ("demo", "studio | index | courses:1 index:0 | 1 | studio fixed | search lms top"),
    ] {
        let mode = if mode.is_empty() { String::new() } else { format!(", mode: {mode}") };
        let directory = workspaces(&[("top", &format!("dependencies: {{ lms: {{ path: ../lms{mode} }} }}\n"))]);
        assert_eq!(seen(&read(&directory).expect("no problem")), expected, "{mode}");
    }
}

#[test]
fn what_several_dependents_take_is_united() {
    let top = "dependencies: { lms: { path: ../lms, mode: accounts }, shop: ../shop }\n";
    for (mode, expected) in [
        (", mode: courses", "web | build | accounts:1 courses:1 | 0 | url fixed | mail lms shop top"),
        (
            ", mode: demo",
            "web studio | build index | accounts:1 courses:1 index:0 | 1 | url studio fixed | mail search lms shop top",
        ),
        (
            "",
            "web studio | build index | accounts:1 courses:1 index:0 | 1 | url studio fixed | mail search lms shop top",
        ),
    ] {
        let shop = format!("dependencies: {{ lms: {{ path: ../lms{mode} }} }}\n");
        let directory = workspaces(&[("top", top), ("shop", &shop)]);
        assert_eq!(seen(&read(&directory).expect("no problem")), expected, "{mode}");
    }
}

#[test]
fn what_is_not_taken_is_not_referred_to() {
    let directory = workspaces(&[(
        "top",
        "dependencies:\n  lms: { path: ../lms, mode: accounts }\n  mail: { path: ../mail, mode: acounts }\n\
         services:\n  web:\n    run: serve ${dependencies.lms.studio}\n    after: [lms/studio]\n",
    )]);
    let report = read(&directory).expect_err("it refers to what is not there");
    assert!(report.contains("the dependency `mail` has no mode `acounts`"), "{report}");
    let good = workspaces(&[(
        "top",
        "dependencies:\n  lms: { path: ../lms, mode: accounts }\n\
         services:\n  web:\n    run: serve ${dependencies.lms.studio}\n    after: [lms/studio]\n",
    )]);
    let report = read(&good).expect_err("it refers to what is not there");
    for text in
        ["`studio` is no export of what is taken of `lms`, which is its mode `accounts`", "`studio` is no service of"]
    {
        assert!(report.contains(text), "{report}");
    }
    assert!(report.contains("seedbed.yaml:6:16") && report.contains("seedbed.yaml:7:13"), "{report}");
}

#[test]
fn what_one_person_has_otherwise_is_laid_over_the_root_alone() {
    let directory = workspaces(&[(
        "top",
        "dependencies: { mail: ../mail }\nservices:\n  web: { run: serve, env: { A: one, B: two } }\ntasks:\n  build: { run: make }\n\
         resources: { uploads: { path: media } }\nprofiles: { dev: { services: { web: { env: { C: three } } } } }\n",
    )]);
    let root = directory.path().join("top");
    fs::write(
        root.join("seedbed.local.yaml"),
        "profile: dev\nenv: { A: \"${config.none}\", D: mine }\nresources: { uploads: { path: elsewhere } }\nlink: { mail: ../mail2 }\n",
    )
    .expect("written");
    let mut problems = source::Problems::new();
    let local = Local::read(&root, &mut problems);
    assert!(problems.is_empty());
    let (_, problems) =
        load(&root, local.profile.as_deref(), &BTreeMap::new(), &local, &Applied::default(), &mut ByPath);
    let report = render(&problems, RenderOptions::default());
    assert!(report.contains("seedbed.local.yaml:2:12") && report.contains("no setting `none`"), "{report}");

    let text = fs::read_to_string(root.join("seedbed.local.yaml"))
        .expect("there")
        .replace("${config.none}", "${workspace.root}");
    fs::write(root.join("seedbed.local.yaml"), text).expect("written");
    let local = Local::read(&root, &mut source::Problems::new());
    assert_eq!((local.profile.as_deref(), local.link["mail"].path.as_str()), (Some("dev"), "../mail2"));
    let (tree, problems) = load(&root, Some("dev"), &BTreeMap::new(), &local, &Applied::default(), &mut ByPath);
    let tree = tree.unwrap_or_else(|| panic!("{}", render(&problems, RenderOptions::default())));
    let manifest = &tree[tree.root].manifest;
    assert_eq!(manifest.services["web"].env.keys().collect::<Vec<_>>(), ["A", "B", "C", "D"]);
    assert_eq!(manifest.tasks["build"].env.keys().collect::<Vec<_>>(), ["A", "D"]);
    assert!(format!("{:?}", manifest.resources["uploads"].path).contains("elsewhere"));
    let mail = &tree[tree.find("mail").expect("there")].manifest;
    assert!(mail.services["web"].env.is_empty());
}
