//! dws 1.6 and ours under its name, side by side: the same scripts, the same exit codes, sentences and files.
//!
//! A script is a file of `tests/dws`. A line `$ …` is a command of the shell, and the lines `< …` below it are typed when it asks.
//! `[CODE]` is its exit code unless that is 0, and `~ …` says why what it prints differs on purpose. Where dws 1.6 is not
//! installed, ours runs alone, and the exit codes are checked.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use regex::Regex;

use crate::program::{self, Ran};

const PATIENCE: Duration = Duration::from_secs(120);

/// One command of a script.
#[derive(Debug, Default)]
struct Step {
    command: String,
    input: String,
    code: i32,
    differs: bool,
}

fn steps(script: &str) -> Vec<Step> {
    let mut all: Vec<Step> = Vec::new();
    for line in script.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            all.push(Step { command: command.to_owned(), ..Step::default() });
            continue;
        }
        let Some(last) = all.last_mut() else { continue };
        match line.chars().next() {
            Some('<') => last.input.extend([line[1..].trim_start(), "\n"]),
            Some('[') => last.code = line.trim_matches(['[', ']']).parse().unwrap(),
            Some('~') => last.differs = true,
            _ => {}
        }
    }
    all
}

/// dws 1.6, if it is installed where `.ci/run` installs it.
pub fn theirs() -> Option<PathBuf> {
    let usual = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("dws").join("bin/dws");
    let said = env::var_os("SEEDBED_TEST_DWS").map(PathBuf::from);
    said.into_iter().chain([usual]).find(|program| program.is_file())
}

/// A home, a program called `dws`, and a place for repositories.
pub struct Site {
    directory: tempfile::TempDir,
}

impl Site {
    /// One in which `dws` is that program; ours if none is said.
    pub fn new(program: Option<&Path>) -> Self {
        let site = Self { directory: tempfile::tempdir().unwrap() };
        let root = site.root();
        for name in ["bin", "home", "work", "ours"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        match program {
            Some(program) => symlink(program, root.join("bin/dws")).unwrap(),
            None => symlink(env!("CARGO_BIN_EXE_seedbed"), root.join("bin/dws")).unwrap(),
        }
        symlink(env!("CARGO_BIN_EXE_seedbed"), root.join("bin/seedbed")).unwrap();
        symlink(env!("CARGO_BIN_EXE_seedbed"), root.join("ours/dws")).unwrap();
        site.shell("git config --global user.name T; git config --global user.email t@example.com", "").ends_with(0);
        site.shell("git config --global init.defaultBranch main", "").ends_with(0);
        let data = "git init -q --bare sklearn-digits-dataset.git && git clone -q sklearn-digits-dataset.git d 2>&1 && cd d \
                    && echo 1,2,3 > train.csv && git add . && git commit -q -m first && git push -q origin main && cd .. && rm -rf d";
        site.shell(data, "").ends_with(0);
        site
    }

    /// The directory of everything, without links in its path.
    pub fn root(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }

    /// Where scripts begin.
    pub fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    /// Runs a command of the shell; the directory that it goes to is kept for the next one.
    pub fn shell(&self, command: &str, input: &str) -> Ran {
        let kept = self.root().join("home/directory");
        let directory = fs::read_to_string(&kept).unwrap_or_else(|_| self.work().display().to_string());
        let script = format!("{command}\ncode=$?\npwd > {}\nexit $code", kept.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(directory.trim()).env_clear();
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.root().join("bin").display());
        shell.env("PATH", path).env("HOME", self.root().join("home")).env("USER", "you").env("LC_ALL", "C.UTF-8");
        program::run_with(&mut shell, input, PATIENCE)
    }

    /// What a person sees of it: paths, hashes and moments are the same everywhere.
    fn shown(&self, text: &str, hashes: &mut BTreeMap<String, String>) -> String {
        let text = text.replace(&self.root().display().to_string(), "/ROOT");
        let hash = Regex::new(r"\b[0-9a-f]{40}\b").unwrap();
        let text = hash.replace_all(&text, |found: &regex::Captures<'_>| {
            let number = hashes.len();
            let name = || format!("{number:0>40}");
            hashes.entry(found[0].to_owned()).or_insert_with(name).clone()
        });
        let short = Regex::new(r"\b[0-9a-f]{7}\b").unwrap();
        let text = short.replace_all(&text, |found: &regex::Captures<'_>| {
            let known = hashes.iter().find(|(hash, _)| hash.starts_with(&found[0]));
            known.map_or_else(|| found[0].to_owned(), |(_, name)| format!("...{}", &name[36..]))
        });
        let moment = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?").unwrap();
        moment.replace_all(&text, "2026-01-01T00:00:00").into_owned()
    }

    /// Every file that is not metadata, with what is in it.
    pub fn files(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        collect(&self.work(), Path::new(""), &mut all);
        all
    }
}

fn collect(root: &Path, path: &Path, all: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(root.join(path)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_metadata = [".git", ".dataworkspace", ".seedbed", ".gitignore"].contains(&name.as_str())
            || Path::new(&name).extension().is_some_and(|extension| extension == "git");
        if is_metadata || name == "README.txt" {
            continue;
        }
        let path = path.join(name);
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, all);
        } else {
            all.insert(path.display().to_string(), fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// What scripts read of standard error: not what is said beside it.
fn complaints(text: &str) -> String {
    const READ: [&str; 6] = ["Usage:", "Try ", "Error:", "Configuration error:", "Running in", "Not a positive"];
    text.lines().filter(|line| READ.iter().any(|start| line.starts_with(start))).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dws").join(format!("{name}.txt"));
    let script = steps(&fs::read_to_string(file).unwrap());
    let theirs = theirs();
    if theirs.is_none() {
        eprintln!("dws 1.6 is not installed: {name} is checked with ours alone; .ci/run installs it");
    }
    let ours = Site::new(None);
    let beside = theirs.as_deref().map(|program| Site::new(Some(program)));
    let (mut hashes, mut others) = (BTreeMap::new(), BTreeMap::new());
    for step in &script {
        let ran = ours.shell(&step.command, &step.input);
        let said = format!("$ {}\n{}{}", step.command, ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(step.code), "{said}");
        let Some(beside) = &beside else { continue };
        let other = beside.shell(&step.command, &step.input);
        assert_eq!(
            other.code,
            Some(step.code),
            "dws 1.6 itself:\n$ {}\n{}{}",
            step.command,
            other.stdout,
            other.stderr
        );
        let (out, expected) = (ours.shown(&ran.stdout, &mut hashes), beside.shown(&other.stdout, &mut others));
        let (err, wanted) = (ours.shown(&ran.stderr, &mut hashes), beside.shown(&other.stderr, &mut others));
        if step.differs {
            continue;
        }
        assert_eq!(out, expected, "$ {}\nours left, dws 1.6 right\n{}", step.command, ran.stderr);
        assert_eq!(complaints(&err), complaints(&wanted), "$ {}\nours left, dws 1.6 right", step.command);
    }
    if let Some(beside) = &beside {
        assert_eq!(ours.files(), beside.files());
    }
}

#[test]
fn quick_start() {
    check("quick_start");
}

#[test]
fn asking() {
    check("asking");
}

#[test]
fn mistakes() {
    check("mistakes");
}

#[test]
fn parameters() {
    check("parameters");
}
