//! A task that several need runs once: in one environment, in several, and for commands that come at the same time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
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

/// A workspace `DIRECTORY/w0` that needs `DIRECTORY/lib`, whose task says `keep`, with a remote for all.
fn write_keeping(workspace: &Workspace, directory: &str) {
    let build = "echo run >> runs; mkdir -p out/deep; cat src.txt > out/deep/lib.txt; ln -sf deep/lib.txt out/link; chmod +x out/deep/lib.txt";
    let lib = format!(
        "name: lib\ntasks:\n  build:\n    run: {{ shell: '{build}' }}\n    inputs: [src.txt]\n    outputs: ['out/**']\n    keep: true\nservices:\n  api: {{ run: [trivial_service, '${{port}}'], port: auto, after: [build] }}\n"
    );
    workspace.write(&format!("{directory}/lib/seedbed.yaml"), &lib);
    workspace.write(&format!("{directory}/lib/src.txt"), "one\n");
    workspace.write(
        &format!("{directory}/w0/seedbed.yaml"),
        "name: w0\ndependencies: { lib: ../lib }\nremotes: { team: ../../remote }\n",
    );
}

#[test]
fn what_a_task_makes_is_kept_in_the_store_and_had_by_others() {
    let workspace = Workspace::new();
    for directory in ["here", "there"] {
        write_keeping(&workspace, directory);
    }
    let done = |directory: &str, words: &[&str]| {
        let root = format!("{directory}/w0");
        run(&mut workspace.command(&[&["-C", root.as_str()], words].concat()), PATIENCE).ends_with(0)
    };
    let runs = |directory: &str| {
        let path = workspace.root().join(directory).join("lib/runs");
        fs::read_to_string(path).map_or(0, |text| text.lines().count())
    };
    let made = |directory: &str| workspace.read(&format!("{directory}/lib/out/link"));
    done("here", &["up"]);
    done("here", &["tend"]);
    assert_eq!(runs("here"), 1);

    // What is gone comes from the store, with its links and rights.
    fs::remove_dir_all(workspace.root().join("here/lib/out")).unwrap();
    let why = done("here", &["run", "lib/build", "--why"]).stdout;
    assert!(why.contains("its output out/** is missing"), "it was asked for, and runs in any case: {why}");
    done("here", &["up"]).says(&["lib/build need not run: what it makes of these inputs is taken from the store"]);
    assert_eq!((runs("here"), made("here")), (1, "one\n".to_owned()));
    let rights = fs::metadata(workspace.root().join("here/lib/out/deep/lib.txt")).unwrap().permissions();
    assert_eq!(rights.mode() & 0o111, 0o111);
    done("here", &["up"]);
    assert_eq!(runs("here"), 1, "it is as if it had run");

    // Another place, which is as good as another machine.
    done("here", &["push", "--states"]).says(&[]);
    done("there", &["up"])
        .says(&["lib/build need not run: what it makes of these inputs is taken from the remote team"]);
    assert_eq!((runs("there"), made("there")), (0, "one\n".to_owned()));

    // Other inputs are another matter, and so is what was asked for.
    workspace.write("there/lib/src.txt", "two\n");
    done("there", &["up"]);
    assert_eq!((runs("there"), made("there")), (1, "two\n".to_owned()));
    workspace.write("there/lib/src.txt", "one\n");
    done("there", &["up"]);
    assert_eq!((runs("there"), made("there")), (1, "one\n".to_owned()), "back to what is kept");
    done("there", &["run", "lib/build"]);
    assert_eq!(runs("there"), 2);

    // What leads out of the workspace is not written to.
    let outside = workspace.root().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::remove_dir_all(workspace.root().join("here/lib/out")).unwrap();
    std::os::unix::fs::symlink(&outside, workspace.root().join("here/lib/out")).unwrap();
    done("here", &["up"]).says(&["lib/build runs: what the store has of it cannot be used"]);
    assert_eq!(runs("here"), 2);
    // They lie too deep to be found at the end.
    for directory in ["here", "there"] {
        done(directory, &["destroy", "--yes"]);
    }
}

#[test]
fn a_task_that_names_what_is_of_its_environment_is_remembered_there() {
    let workspace = Workspace::of(&[
        (
            "seedbed.yaml",
            "name: shop
tasks:
  plain: { run: { shell: 'echo p >> runs; touch plain.txt' }, inputs: [src.txt], outputs: [plain.txt] }
  named: { run: { shell: 'echo n >> runs' }, env: { URL: '${services.web.url}' }, inputs: [src.txt] }
services:
  web: { run: [trivial_service, '${port}'], port: auto, after: [plain] }
  worker: { run: [trivial_service, '${port}'], port: auto, after: [named] }
",
        ),
        ("src.txt", "one\n"),
    ]);
    let runs = || workspace.read("runs").split_whitespace().collect::<Vec<_>>().concat();
    let up = |name: &str| workspace.seedbed(&["up", "--name", name]).ends_with(0);
    let count = |letter: char| runs().matches(letter).count();
    up("default");
    up("other");
    assert_eq!((count('p'), count('n')), (1, 2), "each environment has a port of its own: {}", runs());
    for name in ["default", "other", "default"] {
        up(name);
    }
    assert_eq!((count('p'), count('n')), (1, 2), "neither disturbs the other: {}", runs());
}
