//! The sessions of the README and of the guide, typed as they stand there.

use std::fs;

use crate::markdown::{Block, blocks};
use crate::sameness::{fits, leaves_out};
use crate::session::Session;
use crate::{blessing, repository};

/// Reads a page as a person would who does all that it says.
fn check(path: &str, mut session: Session) {
    let file = repository().join(path);
    let page = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
    let mut different = Vec::new();
    let mut corrections = Vec::new();
    for block in blocks(&page) {
        match block {
            Block::File { path, text } => session.write(&path, &text),
            Block::Console(commands) => {
                for command in commands {
                    let printed = session.run(&command.words);
                    let is_same = fits(&command.output, &printed);
                    let (words, output) = (&command.words, &command.output);
                    if !is_same {
                        different.push(format!("$ {words}\n-- the page shows\n{output}-- it prints\n{printed}"));
                    }
                    // Ports and ids of one page belong together; what leaves something out stays so while it fits.
                    if !is_same || !leaves_out(output) {
                        corrections.push((command.lines, printed));
                    }
                }
            }
        }
    }
    let left = session.environments();
    assert!(left.is_empty(), "{path} does not end with `destroy`: {left:?} is left");
    if blessing() && !different.is_empty() {
        for (range, printed) in corrections.into_iter().rev() {
            lines.splice(range, printed.lines().map(|line| line.trim_end().to_owned()));
        }
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        return;
    }
    assert!(different.is_empty(), "{path} does not show what is so:\n\n{}", different.join("\n"));
}

/// Whether a program that a page calls is there; without it the page is skipped, but not in CI.
fn has(program: &str) -> bool {
    let found = std::process::Command::new(program).arg("--version").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed, and in CI nothing is skipped");
    if !found {
        eprintln!("skipped: a page that calls {program}, which is not installed");
    }
    found
}

#[test]
fn readme() {
    if !has("curl") {
        return;
    }
    check("README.md", Session::in_clone("readme"));
}

#[test]
fn first_environment() {
    if !has("perl") {
        return;
    }
    check("docs/guide/first-environment.md", Session::in_empty_directory("first-environment"));
}

#[test]
fn several_repositories() {
    if !has("perl") {
        return;
    }
    check("docs/guide/several-repositories.md", Session::in_empty_directory("several-repositories"));
}

#[test]
fn when_something_goes_wrong() {
    if !has("perl") {
        return;
    }
    check("docs/guide/when-something-goes-wrong.md", Session::in_empty_directory("when-something-goes-wrong"));
}

#[test]
fn states_and_snapshots() {
    if !has("python3") {
        return;
    }
    check("docs/guide/states-and-snapshots.md", Session::in_empty_directory("states-and-snapshots"));
}

#[test]
fn dev_data() {
    check("docs/guide/dev-data.md", Session::in_empty_directory("dev-data"));
}

#[test]
fn capture() {
    check("docs/guide/capture.md", Session::in_empty_directory("capture"));
}

#[test]
fn loading_again() {
    check("docs/guide/loading-again.md", Session::in_empty_directory("loading-again"));
}

#[test]
fn working_with_services() {
    check("docs/guide/working-with-services.md", Session::in_empty_directory("working-with-services"));
}

#[test]
fn services_at_hand() {
    if !has("curl") || !has("python3") {
        return;
    }
    check("docs/guide/services-at-hand.md", Session::in_empty_directory("services-at-hand"));
}

#[test]
fn containers() {
    let Some(session) = Session::with_busybox("containers") else { return };
    check("docs/guide/containers.md", session);
}

#[test]
fn compose() {
    check("docs/guide/compose.md", Session::in_empty_directory("compose"));
}

#[test]
fn data_workspaces() {
    check("docs/guide/data-workspaces.md", Session::in_empty_directory("data-workspaces"));
}

#[test]
fn lineage() {
    check("docs/guide/lineage.md", Session::in_empty_directory("lineage"));
}

#[test]
fn settings() {
    if !has("perl") {
        return;
    }
    check("docs/guide/settings.md", Session::in_empty_directory("settings"));
}

#[test]
fn first_manifest() {
    if !has("npm") {
        return;
    }
    check("docs/guide/first-manifest.md", Session::in_empty_directory("first-manifest"));
}
