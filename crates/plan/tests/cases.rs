//! Each directory under `cases/` has workspaces, what was done before (`case.txt`), and the plan or the problems.
//!
//! A line of `case.txt` is one thing that happens, see [`happen`]; the last line is what is planned.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use plan::{DatabaseId, Model, RunningUnit, StateWork};
use source::{RenderOptions, render};
use supervisor::UnitId;

use crate::support::{Command, World};

mod support;

#[test]
fn each_plan_is_the_one_beside_its_case() {
    let bless = std::env::var_os("SEEDBED_BLESS").is_some();
    let mut different = Vec::new();
    for case in cases() {
        let text = fs::read_to_string(case.join("case.txt")).unwrap_or_else(|_| panic!("{}", case.display()));
        let mut world = World::default();
        let mut output = String::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            output = happen(&case, &mut world, &words);
        }
        let expected = case.join("expected.txt");
        if bless {
            fs::write(&expected, &output).expect("written");
        } else if fs::read_to_string(&expected).unwrap_or_default() != output {
            different.push(format!("{}:\n{output}", case.display()));
        }
    }
    assert!(different.is_empty(), "set SEEDBED_BLESS=1 to accept:\n{}", different.join("\n"));
}

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = fs::read_dir(directory).expect("there are cases");
    let mut cases: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    cases.sort();
    cases
}

/// Lets one thing happen; what a command would do is the output.
fn happen(case: &Path, world: &mut World, words: &[&str]) -> String {
    let database = |id: &str| DatabaseId::parse(id).expect("WORKSPACE/DATABASE");
    match words {
        // Carries out `up` in full.
        ["up", workspace, profile @ ..] => world.up(&model(case, workspace, profile).expect("no problems")),
        // Nothing runs any more.
        ["down"] => world.observed.running.clear(),
        ["stop", unit] => {
            world.observed.running.remove(&UnitId::from(*unit)).expect("it runs");
        }
        // Another program with the supervisor, or one of an older manifest.
        ["run", unit] => {
            let unit_state = RunningUnit { digest: "of old".into(), ready: true, asleep: false };
            world.observed.running.insert(UnitId::from(*unit), unit_state);
        }
        ["unready", unit] => world.observed.running.get_mut(&UnitId::from(*unit)).expect("it runs").ready = false,
        ["lose", "database", id] => {
            world.observed.databases.remove(&database(id)).expect("it is there");
        }
        ["lose", "copy", id] => drop(world.kept.remove(&database(id)).expect("it is kept")),
        ["lose", "schema", id] => world.observed.databases.get_mut(&database(id)).expect("it is there").schema = None,
        ["lose", "output", task, output] => {
            let task = world.observed.tasks.get_mut(&UnitId::from(*task)).expect("it ran");
            task.missing_output = Some((*output).to_owned());
        }
        // `edit task ID`, `edit schema ID`, `edit data`: the contents of inputs change.
        ["edit", input @ ..] => world.edit(&input.join(" ")),
        // Only some steps of `up` are carried out; then it fails.
        ["fail", "after", count, "steps", "of", "up", workspace] => {
            let model = model(case, workspace, &[]).expect("no problems");
            let plan = world.plan(&model, Command::Up, &BTreeSet::new());
            world.carry_out(&model, &plan, count.parse().expect("a number"));
        }
        // `plan start app app/web`, `plan restart app app/web`
        ["plan", command @ ("start" | "restart"), workspace, services @ ..] => {
            let model = model(case, workspace, &[]).expect("no problems");
            let services: BTreeSet<UnitId> = services.iter().map(|id| UnitId::from(*id)).collect();
            let (observed, inputs) = (world.seen(&model), world.digests(&model));
            let call = if *command == "restart" { plan::Call::Restart } else { plan::Call::Start };
            return plan::services(&model, &observed, &inputs, &services, call).to_string();
        }
        ["plan", command, workspace, profile @ ..] => {
            let command = match *command {
                "up" => Command::Up,
                "load" => Command::Load,
                "reset" => Command::Around(StateWork::Reset),
                "snapshot" => Command::Around(StateWork::Snapshot),
                "snapshot-as-files" => Command::SaveServers,
                "restore" => Command::Around(StateWork::Restore),
                "undo" => Command::Around(StateWork::Undo),
                "recover" => Command::Around(StateWork::Recover),
                other => panic!("{other}?"),
            };
            return match model(case, workspace, profile) {
                Ok(model) => {
                    let wanted = if command == Command::Around(StateWork::Recover) {
                        model.services.keys().cloned().collect()
                    } else {
                        BTreeSet::new()
                    };
                    world.plan(&model, command, &wanted).to_string()
                }
                Err(report) => report,
            };
        }
        other => panic!("{other:?}?"),
    }
    String::new()
}

fn model(case: &Path, workspace: &str, profile: &[&str]) -> Result<Model, String> {
    support::resolve(&case.join(workspace), profile.first().copied())
        .map_err(|problems| render(&problems, RenderOptions::default()))
}
