//! A session file: Markdown whose blocks are files of a workspace, and commands with what they say.
//!
//! A block ```` ```file PATH ```` is written to the workspace. In a block ```` ```console ````, each line that begins with `$ `
//! is a command, and the lines up to the next one are its output: standard error marked with `! `, then standard
//! output, then `[exit CODE]` unless the code is 0. Running a session makes the same document again, with what was
//! really said; it must be equal. With `SEEDBED_BLESS=1` it is written instead.
//!
//! | command | does |
//! | --- | --- |
//! | `seedbed …` | runs the program in the workspace |
//! | `sql [ENVIRONMENT:]DATABASE[@DIRECTORY] SQL` | asks a database, of the workspace or of one below it; a line for each row |
//! | `get SERVICE PATH` | asks a service by HTTP |
//! | `restarted` | the services whose process is another than when last asked |
//! | `replace PATH OLD NEW` | edits a file |
//! | `remove PATH` | removes a file |
//! | `until TEXT COMMAND …` | gives the same command until it says the text, and what it says then |
//! | `sh SCRIPT` | does something else in the workspace |
//! | `tended [ARGUMENT …]` | waits until nothing is left to be done in the background: for sessions in which it can be seen |
//! | `flip DIRECTORY` | changes one bit in the middle of the largest file below |
//! | `socket PATH` | makes a socket |

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::program::wait_until;
use crate::redaction::redact;
use crate::workspace::Workspace;

/// How long a session waits until something has happened.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a session file of `tests/sessions`.
#[track_caller]
pub fn check(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions").join(format!("{name}.md"));
    let expected = fs::read_to_string(&file).unwrap();
    let actual = Session::default().run(&expected);
    if actual == expected {
        return;
    }
    if env::var_os("SEEDBED_BLESS").is_some() {
        fs::write(file, actual).unwrap();
        return;
    }
    panic!(
        "{} is not what happens; SEEDBED_BLESS=1 writes it anew\n{}",
        file.display(),
        difference(&expected, &actual)
    );
}

#[derive(Default)]
struct Session {
    workspace: Option<Workspace>,
    processes: BTreeMap<String, u64>,
}

impl Session {
    fn run(&mut self, document: &str) -> String {
        let workspace = self.workspace.insert(Workspace::new());
        let root = workspace.root().to_owned();
        let mut actual = String::new();
        let mut lines = document.lines().peekable();
        while let Some(line) = lines.next() {
            writeln!(actual, "{line}").unwrap();
            let mut block = || -> Vec<&str> { std::iter::from_fn(|| lines.next_if(|line| *line != "```")).collect() };
            if let Some(path) = line.strip_prefix("```file ") {
                let text: String = block().into_iter().flat_map(|line| [line, "\n"]).collect();
                actual.push_str(&text);
                self.workspace().write(path, &text);
            } else if line == "```console" {
                for command in block().iter().filter_map(|line| line.strip_prefix("$ ")) {
                    writeln!(actual, "$ {command}").unwrap();
                    actual.push_str(&redact(&self.command(&words(command)), &root));
                }
            }
        }
        actual
    }

    fn workspace(&self) -> &Workspace {
        self.workspace.as_ref().expect("it was made when the session began")
    }

    fn command(&mut self, words: &[String]) -> String {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let path = |name: &str| self.workspace().root().join(name);
        match words[..] {
            ["seedbed", ref arguments @ ..] => {
                let ran = self.workspace().seedbed(arguments);
                let mut text: String =
                    ran.stderr.lines().map(|line| format!("! {line}").trim_end().to_owned() + "\n").collect();
                text.push_str(&ran.stdout);
                if ran.code != Some(0) {
                    writeln!(text, "[exit {}]", ran.code.map_or("by a signal".to_owned(), |code| code.to_string()))
                        .unwrap();
                }
                text
            }
            ["sql", database, sql] => self.workspace().sql(database, sql),
            ["get", service, path] => self.workspace().get(service, path) + "\n",
            ["restarted"] => {
                let now = self.workspace().processes();
                let before = std::mem::replace(&mut self.processes, now.clone());
                let changed = now.iter().filter(|(name, pid)| before.get(*name) != Some(pid));
                changed.flat_map(|(name, _)| [name, "\n"]).collect()
            }
            ["replace", name, old, new] => {
                let text = fs::read_to_string(path(name)).unwrap();
                assert!(text.contains(old), "no {old:?} in {name}");
                fs::write(path(name), text.replace(old, new)).unwrap();
                String::new()
            }
            ["until", text, ref command @ ..] => {
                let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
                let mut said = String::new();
                let outcome = wait_until(&format!("{command:?} says {text:?}"), PATIENCE, || {
                    said = self.command(&command);
                    if said.contains(text) { Ok(()) } else { Err(said.clone()) }
                });
                outcome.unwrap_or_else(|state| panic!("{state}"));
                said
            }
            ["remove", name] => {
                fs::remove_file(path(name)).unwrap();
                String::new()
            }
            ["sh", script] => {
                let ran = self.workspace().shell(script);
                format!("{}{}", ran.stderr, ran.stdout)
            }
            ["tended", ref arguments @ ..] => {
                self.workspace().seedbed(&[arguments, &["tend", "--quiet"]].concat()).ends_with(0);
                String::new()
            }
            ["flip", directory] => {
                let file = largest(&path(directory)).expect("there is a file");
                let mut bytes = fs::read(&file).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(file, bytes).unwrap();
                String::new()
            }
            ["socket", name] => {
                UnixListener::bind(path(name)).unwrap();
                String::new()
            }
            _ => panic!("a session has no command {words:?}"),
        }
    }
}

/// The largest file below a directory.
fn largest(directory: &Path) -> Option<PathBuf> {
    let size = |file: &PathBuf| fs::metadata(file).unwrap().len();
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter_map(|entry| if entry.is_dir() { largest(&entry) } else { Some(entry) }).max_by_key(size)
}

/// The words of a command; quotes of both kinds keep spaces, and `\n` is a line end.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote): (Vec<String>, Option<char>) = (Vec::new(), None);
    let mut between = true;
    for character in line.replace("\\n", "\n").chars() {
        match quote {
            Some(open) if character == open => quote = None,
            None if character == ' ' => between = true,
            _ => {
                if std::mem::take(&mut between) {
                    words.push(String::new());
                }
                if quote.is_none() && (character == '"' || character == '\'') {
                    quote = Some(character);
                } else {
                    words.last_mut().expect("one was begun").push(character);
                }
            }
        }
    }
    assert!(quote.is_none(), "an open quote in {line:?}");
    words
}

/// The lines from the first to the last that differ.
fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let same = expected.iter().zip(&actual).take_while(|(a, b)| a == b).count();
    let rest = expected[same..].iter().rev().zip(actual[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    for line in &expected[same.saturating_sub(3)..same] {
        writeln!(text, "  {line}").unwrap();
    }
    for (mark, lines) in [('-', &expected[same..expected.len() - rest]), ('+', &actual[same..actual.len() - rest])] {
        for line in lines {
            writeln!(text, "{mark} {line}").unwrap();
        }
    }
    text
}

#[test]
fn quotes_keep_words_together() {
    assert_eq!(words(r#"sql a/b "select 'x y'" '' '\n'"#), ["sql", "a/b", "select 'x y'", "", "\n"]);
}

#[test]
fn a_difference_shows_what_was_expected_and_what_happened() {
    assert_eq!(difference("a\nb\nc\n", "a\nx\ny\nc\n"), "  a\n- b\n+ x\n+ y\n");
}
