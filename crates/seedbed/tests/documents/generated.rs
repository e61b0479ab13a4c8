//! Parts of documents that are made from the program: what it takes, how it ends, which room knows which.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use crate::{blessing, repository};

/// The part of a document between `<!-- generated: NAME -->` and `<!-- end -->` is this text.
fn check(path: &str, name: &str, text: &str) {
    let file = repository().join(path);
    let document = fs::read_to_string(&file).unwrap();
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("{path} has no `{}`", begin.trim_end()));
    let (shown, after) = rest.split_once("<!-- end -->").expect("what begins must end");
    if shown != text && blessing() {
        fs::write(&file, format!("{before}{begin}{text}<!-- end -->{after}")).unwrap();
        return;
    }
    assert_eq!(shown, text, "{path} is not what the program says; `cargo xtask bless` writes it anew");
}

fn help(words: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_seedbed")).args(words).arg("--help").env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success(), "`seedbed {words:?} --help` fails");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// The names of the commands, from the help of the program, where they are in groups.
fn grouped_commands(help: &str) -> Vec<&str> {
    named(help.lines().take_while(|line| *line != "Options:"))
}

/// The names of the commands of a command, from its help.
fn commands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    named(lines.take_while(|line| !line.is_empty()))
}

fn named<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    // What does not fit into a line goes on in the next, further to the right.
    let first = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    first.filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn commands_and_options() {
    let top = help(&[]);
    let names = grouped_commands(&top);
    assert!(names.contains(&"up"), "the help lists no commands:\n{top}");
    let without_codes = top.split("\nExit codes:").next().unwrap_or_default();
    let mut text = format!("\n```text\n{without_codes}```\n");
    for name in names {
        let options = help(&[name]);
        write!(text, "\n## `seedbed {name}`\n\n```text\n{options}```\n").unwrap();
        for inner in commands(&options).into_iter().filter(|inner| *inner != "help") {
            let options = help(&[name, inner]);
            write!(text, "\n### `seedbed {name} {inner}`\n\n```text\n{options}```\n").unwrap();
        }
    }
    text.push('\n');
    check("docs/reference/commands.md", "commands", &text);
}

#[test]
fn exit_codes() {
    let top = help(&[]);
    let (_, codes) = top.split_once("Exit codes:\n").expect("the help lists the exit codes");
    let mut text = "\n| code | meaning |\n| --- | --- |\n".to_owned();
    for line in codes.lines() {
        let (code, meaning) = line.trim().split_once(' ').expect("a code and its meaning");
        writeln!(text, "| {code} | {} |", meaning.trim()).unwrap();
    }
    text.push('\n');
    check("docs/reference/exit-codes.md", "exit codes", &text);
}

/// What programs read of errors: each word with which a failure is made.
#[test]
fn kinds_of_errors() {
    let directory = repository().join("crates/seedbed/src");
    let tables =
        ["failure.rs", "commands/data/failure.rs"].map(|file| fs::read_to_string(directory.join(file)).unwrap());
    // Arms of the tables of errors: a code and a word.
    let classed = tables.iter().flat_map(|table| table.split('(')).filter_map(|rest| {
        let (code, rest) = rest.split_once(", \"")?;
        code.parse::<u8>().is_ok().then_some(rest)
    });
    let mut kinds: BTreeSet<String> = classed.map(str::to_owned).collect();
    let commands =
        ["commands", "commands/data"].into_iter().flat_map(|commands| fs::read_dir(directory.join(commands)).unwrap());
    let commands = commands.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    for path in commands.chain([directory.join("failure.rs")]) {
        kinds.extend(fs::read_to_string(path).unwrap().split("kind: \"").skip(1).map(str::to_owned));
    }
    let kinds: BTreeSet<_> = kinds.iter().filter_map(|rest| rest.split('"').next()).collect();
    let kinds: Vec<_> = kinds.into_iter().map(|kind| format!("`{kind}`")).collect();
    let text = format!("\n{}\n\n", kinds.join(", "));
    check("docs/reference/exit-codes.md", "kinds", &text);
}

/// The decisions by their titles, in their order.
#[test]
fn decisions() {
    let directory = repository().join("docs/design");
    let mut files: Vec<String> =
        fs::read_dir(&directory).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
    files.retain(|file| file != "index.md");
    files.sort();
    let mut text = "\n".to_owned();
    for file in files {
        let page = fs::read_to_string(directory.join(&file)).unwrap();
        let title = page.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a page begins with its title");
        let (number, _) = file.split_once('-').expect("a page has a number");
        writeln!(text, "- {number} [{title}]({file})").unwrap();
    }
    text.push('\n');
    check("docs/design/index.md", "decisions", &text);
}

/// Which of our own rooms each room depends on, without its tests.
#[test]
fn dependencies_of_rooms() {
    let crates = repository().join("crates");
    let mut rooms: Vec<String> =
        fs::read_dir(&crates).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
    rooms.sort();
    let mut text = "\n```text\n".to_owned();
    let width = rooms.iter().map(String::len).max().unwrap_or(0);
    for room in &rooms {
        let manifest = fs::read_to_string(crates.join(room).join("Cargo.toml")).unwrap();
        let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
        let mut known: Vec<&str> = lines
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| rooms.iter().any(|room| room == name))
            .collect();
        known.sort_unstable();
        let known = if known.is_empty() { "nothing of ours".to_owned() } else { known.join(", ") };
        writeln!(text, "{room:width$}  knows  {known}").unwrap();
    }
    text.push_str("```\n\n");
    check("ARCHITECTURE.md", "rooms", &text);
}
