//! Steps in a workspace of files: what is recorded, what snapshots carry, and what is left of who was killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use lineage::{Content, Place, Status, Subject};
use recorder::{Catalogue, Recorder, RecorderError, Resource, Step, StepSpec, Surroundings, classic};
use serde_json::json;

struct Ground {
    _directory: tempfile::TempDir,
    root: PathBuf,
}

impl Ground {
    /// A data workspace with resources for data and results.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        for name in [".dataworkspace", "data", "results"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        Self { _directory: directory, root }
    }

    fn open(&self) -> Recorder<'static> {
        let resource = |name: &str| Resource { directory: Some(self.root.join(name)), ..Resource::default() };
        let catalogue = Catalogue {
            name: "ground".to_owned(),
            root: self.root.clone(),
            resources: ["data", "results"].map(|name| (name.to_owned(), resource(name))).into(),
        };
        let surroundings = Surroundings {
            now: SystemTime::now,
            host: "larch".to_owned(),
            by: "ann".to_owned(),
            environment: BTreeMap::new(),
        };
        Recorder::open(catalogue, surroundings, Box::new(|_| Content::Unknown)).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

fn place(resource: &str, path: &str) -> Subject {
    Subject::Place(Place::new(resource, path))
}

fn spec(step: &str, inputs: &[(&str, &str)], outputs: &[(&str, &str)]) -> StepSpec {
    let all = |list: &[(&str, &str)]| list.iter().map(|(resource, path)| place(resource, path)).collect();
    StepSpec {
        step: step.to_owned(),
        kind: "script".to_owned(),
        inputs: all(inputs),
        outputs: all(outputs),
        ..StepSpec::default()
    }
}

fn execute(ground: &Ground, recorder: &mut Recorder<'_>, step: StepSpec, writes: &[(&str, &str)]) -> lineage::Record {
    let (step, _) = Step::begin(recorder, step).unwrap();
    for (path, text) in writes {
        ground.write(path, text);
    }
    step.complete(recorder).unwrap().0
}

#[test]
fn digests_are_of_what_was_there_when_it_was_read_and_written() {
    let ground = Ground::new();
    ground.write("data/a\tä.csv", "one");
    let mut recorder = ground.open();
    let first =
        execute(&ground, &mut recorder, spec("s", &[("data", "a\tä.csv")], &[("results", "r")]), &[("results/r", "1")]);
    // The data changes, and the step runs again: nothing of the first execution is left in the second.
    ground.write("data/a\tä.csv", "two");
    let second =
        execute(&ground, &mut recorder, spec("s", &[("data", "a\tä.csv")], &[("results", "r")]), &[("results/r", "2")]);
    assert_ne!(first.inputs[0].content, second.inputs[0].content);
    assert_ne!(first.outputs[0].content, second.outputs[0].content);
    assert_eq!(recorder.current().unwrap().len(), 1);
    assert_eq!(recorder.current().unwrap()[0].id, second.id);
    ground.write("results/r", "1");
    ground.write("data/a\tä.csv", "one");
    assert_eq!(recorder.current().unwrap()[0].id, first.id);
}

#[test]
fn what_changes_while_a_step_runs_is_told() {
    let ground = Ground::new();
    ground.write("data/a", "one");
    let mut recorder = ground.open();
    let (step, _) = Step::begin(&mut recorder, spec("s", &[("data", "a")], &[])).unwrap();
    ground.write("data/a", "two, and longer");
    let (record, warnings) = step.complete(&mut recorder).unwrap();
    assert_eq!(warnings, ["data:a has changed while the step ran; what was there when it began is recorded"]);
    assert_eq!(record.warnings().collect::<Vec<_>>(), warnings);
}

#[test]
fn an_output_that_is_not_there_fails_the_step() {
    let ground = Ground::new();
    let mut recorder = ground.open();
    let (step, _) = Step::begin(&mut recorder, spec("s", &[], &[("results", "r")])).unwrap();
    let error = step.complete(&mut recorder).unwrap_err();
    assert!(matches!(error, RecorderError::NotWritten { .. }));
    assert_eq!(recorder.index().latest(1).unwrap()[0].status, Status::Failed);
}

#[test]
fn results_are_written_as_people_read_them() {
    let ground = Ground::new();
    let mut recorder = ground.open();
    let spec = StepSpec {
        results: Some(Place::new("results", "")),
        description: Some("first".to_owned()),
        ..spec("s", &[], &[])
    };
    let (mut step, _) = Step::begin(&mut recorder, spec).unwrap();
    step.parameter("depth", json!(3)).unwrap();
    let path = step.write_results(&recorder, &json!({ "accuracy": 0.5 })).unwrap();
    assert_eq!(path, ground.path("results/results.json"));
    let written: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(written["metrics"]["accuracy"], json!(0.5));
    assert_eq!((&written["parameters"], &written["run_description"]), (&json!({ "depth": 3 }), &json!("first")));
    let (record, _) = step.complete(&mut recorder).unwrap();
    assert_eq!(record.output_places().count(), 1);
}

#[test]
fn a_step_whose_process_is_gone_is_recorded_as_aborted_by_the_next_that_looks() {
    let ground = Ground::new();
    ground.write("data/a", "one");
    let mut recorder = ground.open();
    let (step, _) = Step::begin(&mut recorder, spec("s", &[("data", "a")], &[("results", "r")])).unwrap();
    let id = step.id().to_owned();
    // As long as it lives, nobody takes it for dead.
    assert!(ground.open().index().record(&id).unwrap().is_none());
    drop(step);
    let mut next = ground.open();
    let record = next.index().record(&id).unwrap().unwrap();
    assert_eq!((record.status, record.reason.as_deref()), (Status::Aborted, Some("its process ended without a word")));
    assert_eq!(next.take_notes().len(), 1);
    assert_eq!(ground.open().take_notes(), Vec::<String>::new());
    assert_eq!(fs::read_dir(ground.path(".seedbed/lineage/open")).unwrap().count(), 0);
}

/// Writes what a snapshot takes.
fn snapshot(ground: &Ground, recorder: &mut Recorder<'_>, hash: &str, taken_ms: i64) {
    let lineage = recorder.for_snapshot(hash, taken_ms).unwrap();
    for (path, bytes) in &lineage.files {
        ground.write(path, bytes);
    }
    recorder.taken().unwrap();
}

#[test]
fn snapshots_carry_the_lineage() {
    let ground = Ground::new();
    ground.write("data/a", "one");
    let mut recorder = ground.open();
    let first =
        execute(&ground, &mut recorder, spec("s", &[("data", "a")], &[("results", "r")]), &[("results/r", "1")]);
    snapshot(&ground, &mut recorder, "h1", 1000);
    assert_eq!(fs::read(ground.path(".dataworkspace/current_lineage/records.jsonl")).unwrap(), b"");
    ground.write("data/a", "two");
    let second =
        execute(&ground, &mut recorder, spec("s", &[("data", "a")], &[("results", "r")]), &[("results/r", "2")]);
    snapshot(&ground, &mut recorder, "h2", 2000);
    // The same state again, of other executions: the latest taking counts.
    let third = execute(&ground, &mut recorder, spec("s", &[("data", "a")], &[("results", "r")]), &[]);
    snapshot(&ground, &mut recorder, "h2", 3000);
    let ids = |recorder: &Recorder<'_>, hash: &str| -> Vec<String> {
        recorder.of_snapshot(hash).unwrap().unwrap().iter().map(|record| record.id.clone()).collect()
    };
    for recorder in [recorder, ground.open()] {
        assert_eq!(ids(&recorder, "h1"), [first.id.as_str()]);
        assert_eq!(ids(&recorder, "h2"), [third.id.as_str()]);
        assert!(recorder.of_snapshot("h3").unwrap().is_none());
        assert_eq!(recorder.index().len().unwrap(), 3);
    }
    // Who has the files and no index, such as a clone, knows the same.
    fs::remove_dir_all(ground.path(".seedbed")).unwrap();
    let mut clone = ground.open();
    assert_eq!(ids(&clone, "h1"), [first.id.as_str()]);
    assert_eq!(clone.index().len().unwrap(), 3);
    assert!(clone.index().record(&second.id).unwrap().is_some());
    assert_eq!(clone.stale().unwrap().len(), 0);
    let documents = classic(&clone.current().unwrap(), &["data".to_owned(), "results".to_owned()]);
    assert_eq!(documents["results"]["lineages"][0]["step_name"], "s");
    assert_eq!(documents["data"]["lineages"][0]["type"], "source_data");
}

#[test]
fn a_damaged_index_is_made_anew() {
    let ground = Ground::new();
    let mut recorder = ground.open();
    execute(&ground, &mut recorder, spec("s", &[], &[("results", "r")]), &[("results/r", "1")]);
    drop(recorder);
    for name in ["index-1.sqlite-wal", "index-1.sqlite-shm"] {
        let _ = fs::remove_file(ground.path(".seedbed/lineage").join(name));
    }
    fs::write(ground.path(".seedbed/lineage/index-1.sqlite"), "no database at all, but long enough to be looked at")
        .unwrap();
    assert_eq!(ground.open().index().len().unwrap(), 1);
}

#[test]
fn several_at_once_lose_nothing() {
    let ground = Ground::new();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let ground = &ground;
            scope.spawn(move || {
                let mut recorder = ground.open();
                for turn in 0..10 {
                    let name = format!("{worker}-{turn}");
                    let path = format!("results/{name}");
                    execute(ground, &mut recorder, spec(&name, &[], &[("results", &name)]), &[(&path, &name)]);
                }
            });
        }
    });
    let mut recorder = ground.open();
    assert_eq!(recorder.index().len().unwrap(), 40);
    assert_eq!(recorder.take_notes(), Vec::<String>::new());
}
