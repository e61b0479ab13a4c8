//! Services that come from files of other formats.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use manifest::{AfterTarget, ByPath, Command, Condition, Local, Manifest, Part, Port, Probe, Template, load};
use source::{RenderOptions, render};

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    directory
}

fn manifest(root: &Path) -> Manifest {
    let (tree, problems) =
        load(root, None, &BTreeMap::from([("TAG".to_owned(), "7".to_owned())]), &Local::default(), &mut ByPath);
    assert!(problems.is_empty(), "{}", render(&problems, RenderOptions::default()));
    let tree = tree.expect("there is no problem");
    tree[tree.root].manifest.clone()
}

fn report(root: &Path) -> String {
    let (tree, problems) = load(root, None, &BTreeMap::new(), &Local::default(), &mut ByPath);
    assert!(tree.is_none() && problems.has_errors(), "there is no problem");
    render(&problems, RenderOptions::default())
}

/// The template as it could have been written.
fn written(template: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Reference(reference) => format!("<{}>", reference.path.join(".")),
    };
    template.parts().iter().map(part).collect()
}

const PROCFILE: &str = "# what runs
web: bundle exec puma -p $PORT

worker: ./work --queue=\"a: b\"   # not a comment
release: ./migrate && echo ${DONE}
";

#[test]
fn processes_of_a_procfile_are_services() {
    let directory = directory(&[
        (
            "seedbed.yaml",
            "name: shop\nprocfile: Procfile\nservices:\n  own: { run: ./own, after: { web: ready, worker: started }, env: { \
             URL: \"${services.web.url}\" } }\n",
        ),
        ("Procfile", PROCFILE),
        (".env", "RAILS_ENV=development\nSECRET='a $b'\n"),
    ]);
    let manifest = manifest(directory.path());
    let services: Vec<_> = manifest.services.keys().map(String::as_str).collect();
    assert_eq!(services, ["own", "web", "worker"]);
    let web = &manifest.services["web"];
    let Some(Command::Shell { script, .. }) = web.run.command() else { panic!("a script") };
    assert_eq!(written(script), "bundle exec puma -p $PORT");
    assert_eq!(script.place().text(), "bundle exec puma -p $PORT");
    let env: Vec<_> = web.env.iter().map(|(name, value)| (name.as_str(), written(value))).collect();
    let expected = [("RAILS_ENV", "development"), ("SECRET", "a $b"), ("PORT", "<port>")];
    assert_eq!(env, expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!((web.port, &web.ready.probe), (Some(Port::Auto), &Probe::Tcp { port: None }));
    assert_eq!(manifest.services["worker"].ready.probe, Probe::Started);
    // What is to be done before anything runs is a task.
    assert_eq!(manifest.tasks.keys().collect::<Vec<_>>(), ["release"]);
    let after = &web.after[0];
    assert_eq!((&after.target, after.condition), (&AfterTarget::Task("release".to_owned()), Condition::Succeeded));
}

#[test]
fn a_port_in_the_environment_is_that_of_the_first_process() {
    let directory = directory(&[
        ("seedbed.yaml", "name: shop\nprocfile: Procfile\n"),
        ("Procfile", "web: a\nworker: b\n"),
        (".env", "PORT=3000\n"),
    ]);
    let manifest = manifest(directory.path());
    let ports: Vec<_> = manifest.services.values().map(|service| service.port).collect();
    assert_eq!(ports, [Some(Port::Fixed(3000)), Some(Port::Fixed(3100))]);
}

#[test]
fn mistakes_in_a_procfile_are_told_at_their_place() {
    let directory = directory(&[
        (
            "seedbed.yaml",
            "name: shop\nprocfile: Procfile\nservices:\n  web: { run: ./x }\n  own: { run: ./y, after: [wrker] }\n",
        ),
        ("Procfile", "web: a\nworker: b\nworker: c\nno process\nbad name: x\nempty:\n"),
    ]);
    let report = report(directory.path());
    for expected in [
        "`web` is there twice",
        "Procfile:1:1",
        "the process `worker` is there twice",
        "this line is no process",
        "`bad name` cannot be the name of a process",
        "the process `empty` has no command",
        "did you mean `worker`?",
    ] {
        assert!(report.contains(expected), "{expected} in:\n{report}");
    }
}

#[test]
fn a_procfile_that_is_not_there_is_told_where_it_is_named() {
    let directory = directory(&[("seedbed.yaml", "name: shop\nprocfile: Procfle\n")]);
    let report = report(directory.path());
    assert!(report.contains("cannot read `Procfle`") && report.contains("seedbed.yaml:2:11"), "{report}");
}
