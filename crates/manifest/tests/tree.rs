//! Trees of workspaces on disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use manifest::{Applied, ByPath, Local, WorkspaceTree, find_root, load};
use source::{RenderOptions, render};
use tempfile::TempDir;

/// Writes files, by path, into a new directory.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    directory
}

fn tree(root: &Path, profile: Option<&str>) -> WorkspaceTree {
    let (tree, problems) = load(root, profile, &BTreeMap::new(), &Local::default(), &Applied::default(), &mut ByPath);
    assert!(problems.is_empty(), "{}", render(&problems, RenderOptions::default()));
    tree.expect("there is no problem")
}

fn report(root: &Path, profile: Option<&str>) -> String {
    let (tree, problems) = load(root, profile, &BTreeMap::new(), &Local::default(), &Applied::default(), &mut ByPath);
    assert!(tree.is_none() && problems.has_errors(), "there is no problem");
    render(&problems, RenderOptions::default())
}

fn names(tree: &WorkspaceTree) -> Vec<&str> {
    tree.workspaces.iter().map(|workspace| workspace.manifest.name.as_str()).collect()
}

#[test]
fn a_diamond_is_read_once_and_dependencies_come_first() {
    let directory = directory(&[
        ("top/seedbed.yaml", "name: top\ndependencies: { left: ../left, right: ../right }\n"),
        ("left/seedbed.yaml", "name: left\ndependencies: { base: ../base }\n"),
        ("right/seedbed.yaml", "name: right\ndependencies: { ground: ../left/../base }\n"),
        ("base/seedbed.yaml", "name: base\n"),
    ]);
    let tree = tree(&directory.path().join("top"), None);
    assert_eq!(names(&tree), ["base", "left", "right", "top"]);
    assert_eq!(tree[tree.root].manifest.name.as_str(), "top");
    let base = tree.find("base").expect("there");
    let right = tree.find("right").expect("there");
    assert_eq!(tree.workspace(right).dependencies["ground"], base);
    let canonical = directory.path().join("base").canonicalize().expect("there");
    assert_eq!(tree[base].directory, canonical);
    assert_eq!(tree[base].file.name(), "../base/seedbed.yaml");
    assert_eq!(tree[tree.root].file.name(), "seedbed.yaml");
}

#[test]
fn dependencies_may_form_a_circle() {
    let directory = directory(&[
        (
            "lms/seedbed.yaml",
            "name: lms\ndependencies: { commerce: ../commerce }\nservices: { web: { run: serve, port: auto, \
             env: { C: \"${dependencies.commerce.url}\" }, after: [commerce/web] } }\nexports: { url: \"${services.web.url}\" }\n",
        ),
        (
            "commerce/seedbed.yaml",
            "name: commerce\ndependencies: { lms: ../lms }\nservices: { web: { run: serve, port: auto, \
             env: { L: \"${dependencies.lms.url}\" } } }\nexports: { url: \"${services.web.url}\" }\n",
        ),
    ]);
    assert_eq!(names(&tree(&directory.path().join("lms"), None)), ["commerce", "lms"]);
    assert_eq!(names(&tree(&directory.path().join("commerce"), None)), ["lms", "commerce"]);
}

#[cfg(unix)]
#[test]
fn a_directory_that_is_reached_through_a_link_is_the_same_workspace() {
    let directory = directory(&[
        ("a/seedbed.yaml", "name: a\ndependencies: { b: ../b, link: ../link }\n"),
        ("b/seedbed.yaml", "name: b\n"),
    ]);
    std::os::unix::fs::symlink(directory.path().join("b"), directory.path().join("link")).expect("linked");
    assert_eq!(names(&tree(&directory.path().join("a"), None)), ["b", "a"]);
}

#[test]
fn all_problems_of_all_manifests_are_in_one_report() {
    let directory = directory(&[
        (
            "lms/seedbed.yaml",
            "name: lms\ndependencies:\n  commerce: ../commerce\n  twin: ../twin\n  gone: ../gone\n  bare: ../bare\n\
             databases:\n  main: { engine: sqlite, types: data/tpyes.yaml, schema: { sql: [data] } }\n\
             services:\n  web:\n    run: serve ${dependencies.commerce.ulr} ${dependencies.gone.any}\n    \
             after: [commerce/wbe, gone/any]\n",
        ),
        ("lms/data/types.yaml", "types: {}\n"),
        (
            "commerce/seedbed.yaml",
            "name: commerce\nservices:\n  web: { run: serve, prot: 1 }\nexports: { url: here }\n",
        ),
        ("twin/seedbed.yaml", "name: lms\n"),
        ("bare/README.md", "nothing\n"),
    ]);
    let expected = "\
error[yaml::unknown-key]: unknown key `prot` in a service
 --> ../commerce/seedbed.yaml:3:22
  |
3 |   web: { run: serve, prot: 1 }
  |                      ^^^^ not a key of a service
  |
  = help: did you mean `port`?

error[manifest::same-name]: two workspaces have the name `lms`
 --> ../twin/seedbed.yaml:1:7
  |
1 | name: lms
  |       ^^^ this one: lms → twin
  |
 ::: seedbed.yaml:1:7
  |
1 | name: lms
  |       --- and this one: lms
  |
  = help: in one environment, each workspace has a name of its own; if both are meant to be the same, name the same path or repository in both places

error[manifest::missing-dependency]: the dependency `gone` is not there
 --> seedbed.yaml:5:9
  |
5 |   gone: ../gone
  |         ^^^^^^^ no such directory
  |
  = help: put the repository at `../gone`, or correct the path

error[manifest::missing-dependency]: the dependency `bare` has no `seedbed.yaml`
 --> seedbed.yaml:6:9
  |
6 |   bare: ../bare
  |         ^^^^^^^ not a workspace
  |
  = help: there is no `../bare/seedbed.yaml`

error[manifest::missing-file]: there is no file `data/tpyes.yaml`
 --> seedbed.yaml:8:34
  |
8 |   main: { engine: sqlite, types: data/tpyes.yaml, schema: { sql: [data] } }
  |                                  ^^^^^^^^^^^^^^^ no such file
  |
  = help: did you mean `data/types.yaml`?

error[manifest::missing-file]: there is no file `data`
 --> seedbed.yaml:8:67
  |
8 |   main: { engine: sqlite, types: data/tpyes.yaml, schema: { sql: [data] } }
  |                                                                   ^^^^ this is a directory

error[manifest::unknown-name]: the dependency `commerce` has no export `ulr`
  --> seedbed.yaml:11:16
   |
11 |     run: serve ${dependencies.commerce.ulr} ${dependencies.gone.any}
   |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refers to nothing
   |
   = help: did you mean `url`?

error[manifest::unknown-name]: the dependency `commerce` has no service `wbe`
  --> seedbed.yaml:12:13
   |
12 |     after: [commerce/wbe, gone/any]
   |             ^^^^^^^^^^^^ nothing to wait for
   |
   = help: did you mean `web`?
";
    assert_eq!(report(&directory.path().join("lms"), None), expected);
}

#[test]
fn a_profile_applies_where_it_is_declared_and_one_must_declare_it() {
    let directory = directory(&[
        ("a/seedbed.yaml", "name: a\ndependencies: { b: ../b }\nconfig: { size: 1 }\n"),
        ("b/seedbed.yaml", "name: b\nconfig: { size: 1 }\nprofiles: { large: { config: { size: 9 } } }\n"),
    ]);
    let root = directory.path().join("a");
    let tree = tree(&root, Some("large"));
    let sizes: Vec<_> = tree.iter().map(|(_, workspace)| workspace.manifest.config["size"].value.to_string()).collect();
    assert_eq!(sizes, ["9", "1"]);
    assert_eq!(
        report(&root, Some("lagre")),
        "error[manifest::unknown-profile]: no workspace of this environment declares the profile `lagre`\n |\n \
         = help: did you mean `large`?\n"
    );
}

#[test]
fn a_profile_that_is_not_chosen_is_checked_against_the_dependencies() {
    let directory = directory(&[
        (
            "a/seedbed.yaml",
            "name: a\ndependencies: { b: ../b }\nprofiles:\n  p: { exports: { x: \"${dependencies.b.plain}${dependencies.b.only}\" } }\n  \
             q: { exports: { x: \"${dependencies.b.only}\" } }\n",
        ),
        ("b/seedbed.yaml", "name: b\nexports: { plain: x }\nprofiles: { p: { exports: { only: y } } }\n"),
    ]);
    let report = report(&directory.path().join("a"), None);
    assert!(report.contains("--> seedbed.yaml:5:23"), "{report}");
    assert_eq!(report.matches("error[").count(), 1, "{report}");
}

#[test]
fn the_root_is_the_nearest_directory_upward_with_a_manifest() {
    let directory = directory(&[("a/seedbed.yaml", "name: a\n"), ("a/b/c/file", "")]);
    let root = directory.path().join("a");
    assert_eq!(find_root(&root.join("b/c")).as_deref(), Some(root.as_path()));
    assert_eq!(find_root(&root).as_deref(), Some(root.as_path()));
    assert_eq!(find_root(directory.path()), None);
}

#[test]
fn a_root_without_a_manifest_is_a_problem_that_names_the_file() {
    let directory = directory(&[("file", "")]);
    assert!(report(directory.path(), None).contains("cannot read `seedbed.yaml`"));
    assert!(report(&directory.path().join("gone"), None).contains("gone"));
}

#[test]
fn a_relative_remote_is_below_the_workspace_that_names_it_and_keeps_what_was_written() {
    let directory = directory(&[
        (
            "top/seedbed.yaml",
            "name: top\ndependencies: { base: ../base }\nremotes: { a: ../store, b: s3://bucket/x }\n",
        ),
        ("base/seedbed.yaml", "name: base\nremotes: { a: ./store, b: /srv/store, c: { url: 'rclone:r:p' } }\n"),
    ]);
    let tree = tree(&directory.path().join("top"), None);
    let parent = directory.path().canonicalize().expect("there");
    let below = |path: &str| parent.join(path).to_str().expect("text").to_owned();
    for (workspace, remote, url, written) in [
        ("top", "a", below("store"), "../store"),
        ("top", "b", "s3://bucket/x".to_owned(), "s3://bucket/x"),
        ("base", "a", below("base/store"), "./store"),
        ("base", "b", "/srv/store".to_owned(), "/srv/store"),
        ("base", "c", "rclone:r:p".to_owned(), "rclone:r:p"),
    ] {
        let found = &tree[tree.find(workspace).expect("there")].manifest.remotes[remote];
        assert_eq!((&found.url, found.written.as_str()), (&url, written), "{workspace}/{remote}");
    }
}

#[test]
fn a_base_may_be_a_file_or_a_directory_and_must_be_there() {
    let manifest = "name: lms\ndatabases:\n  a: { engine: postgres, base: bases/lms.dump }\n  \
                    b: { engine: postgres, base: { file: bases } }\n";
    let right = directory(&[("seedbed.yaml", manifest), ("bases/lms.dump", "")]);
    assert_eq!(tree(right.path(), None).workspaces.len(), 1);
    let wrong = directory(&[("seedbed.yaml", manifest), ("bases/lms.dumb", "")]);
    assert_eq!(
        report(wrong.path(), None),
        "error[manifest::missing-file]: there is no file or directory `bases/lms.dump`
 --> seedbed.yaml:3:32
  |
3 |   a: { engine: postgres, base: bases/lms.dump }
  |                                ^^^^^^^^^^^^^^ nothing of this name
  |
  = help: did you mean `bases/lms.dumb`?
"
    );
}

#[cfg(unix)]
#[test]
fn a_relative_remote_of_a_workspace_whose_path_is_not_utf_8_is_a_problem() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let directory = directory(&[("seedbed.yaml", "name: lms\nremotes: { near: ../store, far: s3://bucket }\n")]);
    let odd = directory.path().join(OsStr::from_bytes(b"odd\xff"));
    fs::create_dir(&odd).expect("made");
    fs::copy(directory.path().join("seedbed.yaml"), odd.join("seedbed.yaml")).expect("copied");
    assert_eq!(tree(directory.path(), None).workspaces.len(), 1);
    assert_eq!(
        report(&odd, None),
        "error[manifest::remote]: a relative remote needs a workspace whose path is UTF-8
 --> seedbed.yaml:2:12
  |
2 | remotes: { near: ../store, far: s3://bucket }
  |            ^^^^ cannot be made absolute
"
    );
}
