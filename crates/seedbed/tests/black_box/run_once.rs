//! A task that several need runs once: in one environment, in several, and for commands that come at the same time.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Ran, run, wait_until};
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(180);

/// How many workspaces need the same task.
const MANY: usize = 20;

/// Workspaces `w0`, `w1` … that all need the task of `lib`, which notes each of its runs.
fn workspaces(count: usize) -> Workspace {
    let workspace = Workspace::new();
    let build =
        "echo run >> runs; while [ -e wait ]; do sleep 0.01; done; mkdir -p out; cat src.txt more/*.txt > out/lib.txt";
    let lib = format!(
        "name: lib\ntasks:\n  build:\n    run: {{ shell: '{build}' }}\n    inputs: [src.txt, 'more/*.txt']\n    outputs: ['out/**']\nservices:\n  api: {{ run: [trivial_service, '${{port}}'], port: auto, after: [build] }}\n"
    );
    workspace.write("lib/seedbed.yaml", &lib);
    workspace.write("lib/src.txt", "one\n");
    workspace.write("lib/more/a.txt", "a\n");
    workspace.write("lib/.gitignore", "out\nruns\n");
    for number in 0..count {
        let manifest = format!("name: w{number}\ndependencies: {{ lib: ../lib }}\n");
        workspace.write(&format!("w{number}/seedbed.yaml"), &manifest);
    }
    workspace
}

fn start(workspace: &Workspace, number: usize) -> Child {
    let mut command = workspace.command(&["-C", &format!("w{number}"), "up"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn up(workspace: &Workspace, number: usize) -> Ran {
    run(&mut workspace.command(&["-C", &format!("w{number}"), "up"]), PATIENCE).ends_with(0)
}

fn runs(workspace: &Workspace) -> usize {
    workspace.read("lib/runs").lines().count()
}

#[test]
fn a_task_that_many_workspaces_need_runs_once() {
    let workspace = workspaces(MANY);
    let children: Vec<Child> = (0..MANY).map(|number| start(&workspace, number)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(runs(&workspace), 1);
    assert_eq!(workspace.read("lib/out/lib.txt"), "one\na\n");
    // And once more when what it reads has changed.
    workspace.write("lib/src.txt", "two\n");
    for number in 0..3 {
        up(&workspace, number);
    }
    assert_eq!((runs(&workspace), workspace.read("lib/out/lib.txt")), (2, "two\na\n".to_owned()));
}

#[test]
fn whoever_waits_for_one_that_is_killed_runs_it_and_whoever_comes_later_uses_that() {
    let workspace = workspaces(3);
    workspace.write("lib/wait", "");
    let mut first = start(&workspace, 0);
    let has_begun = || if workspace.root().join("lib/runs").exists() { Ok(()) } else { Err("not yet") };
    wait_until("the task has begun", PATIENCE / 3, has_begun).unwrap();
    let said = workspace.root().join("said");
    let mut second = workspace.command(&["-C", "w1", "up"]);
    second.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&said).unwrap());
    let mut second = second.spawn().unwrap();
    let waits = || match fs::read_to_string(&said).unwrap() {
        text if text.contains("waiting for `seedbed up` (process ") && text.contains("which runs lib/build") => Ok(()),
        text => Err(text),
    };
    wait_until("the second waits, and says for whom", PATIENCE, waits).unwrap();
    // All of the first at once: the command, and the supervisor that owns the task.
    let supervisor = workspace.read("w0/.seedbed/default/supervisor.pid");
    first.kill().unwrap();
    kill_process(Pid::from_raw(supervisor.trim().parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    first.wait().unwrap();
    fs::remove_file(workspace.root().join("lib/wait")).unwrap();
    assert!(second.wait().unwrap().success());
    assert_eq!((runs(&workspace), workspace.read("lib/out/lib.txt")), (2, "one\na\n".to_owned()));
    up(&workspace, 2);
    up(&workspace, 0);
    assert_eq!(runs(&workspace), 2);
}

/// What somebody does by hand.
type Change = fn(&Workspace);

#[test]
fn what_a_task_has_made_is_made_again_when_somebody_has_changed_or_removed_it() {
    let workspace = workspaces(2);
    let why = |number: usize| {
        let directory = format!("w{number}");
        let mut command = workspace.command(&["-C", &directory, "run", "lib/build", "--why", "--json"]);
        let json = run(&mut command, PATIENCE).ends_with(0).json();
        let task = &json["tasks"][0];
        assert_eq!(task["task"], "lib/build");
        let reasons = task["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap());
        format!("{}: {}", task["runs"], reasons.collect::<Vec<_>>().join("; "))
    };
    assert_eq!(why(0), "true: it has not run yet");
    up(&workspace, 0);
    let skipped = "false: its 2 inputs are unchanged since it succeeded, and what it made is there";
    assert_eq!((why(0), why(1)), (skipped.to_owned(), skipped.to_owned()));

    let changes: [(Change, &str); 6] = [
        (|at| at.write("lib/out/lib.txt", "by hand\n"), "its output out/lib.txt was changed since"),
        (|at| fs::remove_file(at.root().join("lib/out/lib.txt")).unwrap(), "its output out/** is missing"),
        (
            |at| {
                fs::remove_file(at.root().join("lib/out/lib.txt")).unwrap();
                std::os::unix::fs::symlink(at.root().join("elsewhere"), at.root().join("lib/out/lib.txt")).unwrap();
                at.write("elsewhere", "not to be lost");
            },
            "its output out/lib.txt was changed since",
        ),
        (|at| at.write("lib/src.txt", "three\n"), "input src.txt changed"),
        (
            |at| {
                at.write("lib/more/b.txt", "b\n");
                fs::remove_file(at.root().join("lib/more/a.txt")).unwrap();
            },
            "input more/a.txt is gone; input more/b.txt is new",
        ),
        (
            |at| {
                let manifest = at.read("lib/seedbed.yaml").replace("    inputs", "    env: { A: b }\n    inputs");
                at.write("lib/seedbed.yaml", &manifest);
            },
            "its command, its variables or what they refer to changed",
        ),
    ];
    for (index, (change, reason)) in changes.into_iter().enumerate() {
        change(&workspace);
        let number = index % 2;
        assert_eq!(why(number), format!("true: {reason}"));
        assert_eq!(runs(&workspace), index + 1, "an explanation runs nothing");
        up(&workspace, number);
        assert_eq!(runs(&workspace), index + 2, "{reason}");
        up(&workspace, 1 - number);
        assert_eq!(runs(&workspace), index + 2, "{reason}");
    }
    // What lies beside is no matter of the task.
    workspace.write("lib/out/beside", "");
    up(&workspace, 0);
    assert_eq!(runs(&workspace), 7);
}

#[test]
fn what_one_task_makes_and_another_reads_is_known_before_it_is_there() {
    let workspace = Workspace::of(&[
        (
            "seedbed.yaml",
            "name: shop
tasks:
  generate: { run: { shell: 'echo g >> runs; mkdir -p made; cp src.txt made/code.txt' }, inputs: [src.txt], outputs: [made] }
  compile:
    run: { shell: 'echo c >> runs; cat made/*.txt own.txt > app' }
    inputs: ['made/*.txt', own.txt]
    outputs: [app]
    after: [generate]
services:
  web: { run: [trivial_service, '${port}'], port: auto, after: [compile] }
",
        ),
        ("src.txt", "one\n"),
        ("own.txt", "own\n"),
    ]);
    let runs = || workspace.read("runs").split_whitespace().collect::<String>();
    let up = || workspace.seedbed(&["up"]).ends_with(0);
    up();
    assert_eq!(runs(), "gc");
    let pid = workspace.processes();
    up();
    assert_eq!((runs(), workspace.processes()), ("gc".to_owned(), pid), "nothing has changed");
    workspace.write("own.txt", "other\n");
    up();
    assert_eq!(runs(), "gcc");
    workspace.write("src.txt", "two\n");
    let why = workspace.seedbed(&["run", "compile", "--why"]).ends_with(0).stdout;
    let lines: Vec<String> = why.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        ["TASK UP WHY", "shop/generate runs input src.txt changed", "shop/compile runs task shop/generate changed"]
    );
    up();
    assert_eq!((runs(), workspace.read("app")), ("gccgc".to_owned(), "two\nother\n".to_owned()));
}
