//! Settings over several workspaces: who says what, and what is in force.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use manifest::{Applied, ByPath, Local, Setting, SettingValue, WorkspaceTree, load};
use source::{Problems, RenderOptions, render};
use tempfile::TempDir;

const STOCK: &str = "name: stock\nconfig:\n  page_size: { default: 20, public: true }\n  colour: { default: red, values: [red, blue] }\n\
                     profiles:\n  qa: { config: { colour: blue } }\n";

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    directory
}

fn read(root: &Path, profile: Option<&str>, applied: &Applied) -> (Option<WorkspaceTree>, Problems) {
    let mut problems = Problems::new();
    let local = Local::read(root, &mut problems);
    let (tree, more) = load(root, profile, &BTreeMap::new(), &local, applied, &mut ByPath);
    problems.extend(more);
    (tree, problems)
}

/// The setting of a workspace.
fn setting(root: &Path, profile: Option<&str>, applied: &Applied, workspace: &str, key: &str) -> Setting {
    let (tree, problems) = read(root, profile, applied);
    let tree = tree.unwrap_or_else(|| panic!("{}", render(&problems, RenderOptions::default())));
    tree.workspace(tree.find(workspace).expect("it is there")).manifest.config[key].clone()
}

fn report(root: &Path, applied: &Applied) -> String {
    let (tree, problems) = read(root, None, applied);
    assert!(tree.is_none(), "there is no problem");
    render(&problems, RenderOptions::default())
}

fn applied(profile: Option<&str>, values: &[(&str, &str)]) -> Applied {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Applied { profile: profile.map(str::to_owned), values }
}

#[test]
fn the_stronger_says_what_is_in_force() {
    let shop = "name: shop\ndependencies: { stock: { path: ../stock, config: { page_size: 30 } } }\n\
                config: { greeting: hello }\nprofiles:\n  loud: { config: { greeting: HELLO } }\n  qa: { config: { greeting: test } }\n";
    let directory = directory(&[("shop/seedbed.yaml", shop), ("stock/seedbed.yaml", STOCK)]);
    let root = directory.path().join("shop");
    let none = Applied::default();
    let greeting = |profile, applied: &Applied| setting(&root, profile, applied, "shop", "greeting").value.to_string();
    assert_eq!(greeting(None, &none), "hello");
    assert_eq!(greeting(Some("loud"), &none), "HELLO");
    assert_eq!(greeting(Some("loud"), &applied(Some("qa"), &[])), "test");
    fs::write(root.join("seedbed.local.yaml"), "config: { greeting: mine }\n").expect("written");
    assert_eq!(greeting(Some("loud"), &applied(Some("qa"), &[])), "mine");
    assert_eq!(greeting(None, &applied(Some("qa"), &[("shop.greeting", "\"yours\"")])), "yours");

    let stock = |applied: &Applied, key| setting(&root, None, applied, "stock", key);
    let size = stock(&none, "page_size");
    assert_eq!((size.value, size.place.file().name()), (SettingValue::Integer(30), "seedbed.yaml"));
    assert_eq!(stock(&none, "colour").value.to_string(), "red");
    assert_eq!(stock(&applied(Some("qa"), &[]), "colour").value.to_string(), "blue");
    assert_eq!(stock(&applied(None, &[("stock.page_size", "7")]), "page_size").value, SettingValue::Integer(7));
}

#[test]
fn a_dependent_sets_what_is_public_and_nothing_else() {
    let shop = "name: shop\ndependencies: { stock: { path: ../stock, config: { colour: blue, pages: 3, page_size: many } } }\n";
    let directory = directory(&[("shop/seedbed.yaml", shop), ("stock/seedbed.yaml", STOCK)]);
    let report = report(&directory.path().join("shop"), &Applied::default());
    for text in [
        "`stock` does not let others set `colour`",
        "those that are `public` are `page_size`",
        "`stock` has no setting `pages`",
        "the setting `page_size` is a whole number",
    ] {
        assert!(report.contains(text), "no {text:?} in\n{report}");
    }
}

#[test]
fn dependents_agree_or_the_root_decides() {
    let top = "name: top\ndependencies: { left: ../left, right: ../right }\n";
    let side = |name: &str, size: u32| {
        format!("name: {name}\ndependencies: {{ stock: {{ path: ../stock, config: {{ page_size: {size} }} }} }}\n")
    };
    let (left, right) = (side("left", 10), side("right", 11));
    let directory = directory(&[
        ("top/seedbed.yaml", top),
        ("left/seedbed.yaml", &left),
        ("right/seedbed.yaml", &right),
        ("stock/seedbed.yaml", STOCK),
    ]);
    let root = directory.path().join("top");
    let found = report(&root, &Applied::default());
    for text in ["each to another value", "top → left → stock", "top → right → stock"] {
        assert!(found.contains(text), "no {text:?} in\n{found}");
    }
    let decided = format!("{top}  \n")
        .replace("right: ../right", "right: ../right, stock: { path: ../stock, config: { page_size: 12 } }");
    fs::write(root.join("seedbed.yaml"), decided).expect("written");
    assert_eq!(setting(&root, None, &Applied::default(), "stock", "page_size").value, SettingValue::Integer(12));
}

#[test]
fn what_was_applied_and_does_not_fit_any_more_is_said() {
    let directory = directory(&[("seedbed.yaml", "name: shop\nconfig: { page_size: 20 }\n")]);
    for (values, text) in [
        (("shop.page_size", "\"many\""), "the setting `page_size` is a whole number"),
        (("shop.pages", "1"), "there is no setting `pages`"),
        (("stock.pages", "1"), "there is no workspace `stock`"),
    ] {
        let report = report(directory.path(), &applied(None, &[values]));
        assert!(report.contains(text) && report.contains("the applied configuration:1"), "no {text:?} in\n{report}");
    }
    let report = report(directory.path(), &applied(Some("qa"), &[]));
    assert!(report.contains("declares the profile `qa`"), "{report}");
}

#[test]
fn a_file_is_made_of_a_template_whose_mistakes_stand_in_it() {
    let manifest = "name: shop\nconfig: { size: 20 }\nfiles:\n  settings: conf/settings.toml.in\n  other: { template: other.ini, name: my.ini }\n\
                    services: { web: { run: web, env: { SETTINGS: \"${files.settings.path}\" } } }\n";
    let directory = directory(&[
        ("seedbed.yaml", manifest),
        ("conf/settings.toml.in", "size = ${config.size}\nprice = \"$5\"\n"),
        ("other.ini", "x = 1\n"),
    ]);
    let (tree, problems) = read(directory.path(), None, &Applied::default());
    let tree = tree.unwrap_or_else(|| panic!("{}", render(&problems, RenderOptions::default())));
    let files = &tree.workspace(tree.root).manifest.files;
    assert_eq!(files["settings"].file_name, "settings.toml");
    assert_eq!(files["other"].file_name, "my.ini");
    fs::write(directory.path().join("conf/settings.toml.in"), "a = 1\nsize = ${config.sise}\n").expect("written");
    let report = report(directory.path(), &Applied::default());
    assert!(report.contains("conf/settings.toml.in:2"), "{report}");
    assert!(report.contains("did you mean `size`?"), "{report}");
}
