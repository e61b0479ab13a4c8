//! A data workspace, killed at many points of each command: everything is as before or as after, and nothing is lost.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::world::moments;

/// A data workspace with resources of all kinds that need nothing else.
struct Data(TempDir);

impl Data {
    fn new() -> Self {
        let data = Self(tempfile::Builder::new().prefix("seedbed-crash").tempdir().expect("a directory"));
        for directory in ["raw/deep", "code", "results", "library"] {
            fs::create_dir_all(data.path().join(directory)).expect("a directory");
        }
        data.write("one");
        data.git(&["init", "-q", "library"]);
        data.git(&["-C", "library", "add", "-A"]);
        data.git(&["-C", "library", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "first"]);
        data.done(&["init", "--data", "--hostname", "test"]);
        data.done(&["add", "local-files", "--role", "source-data", "raw"]);
        data.done(&["add", "git", "--role", "code", "code"]);
        data.done(&["add", "git", "--role", "code", "library"]);
        data.done(&["add", "git", "--role", "results", "results"]);
        data
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes all files, in a way that is seen in each.
    fn write(&self, content: &str) {
        let write = |path: String| fs::write(self.path().join(path), format!("{content}\0")).expect("a file");
        for number in 0..40 {
            write(format!("raw/{number}"));
            write(format!("raw/deep/{content}{number}"));
            write(format!("code/{number}"));
        }
        write(format!("code/only-{content}"));
        write("library/lib".to_owned());
    }

    /// Whose content each resource has; `mixed` when it is that of several.
    fn content(&self) -> String {
        let of = |directory: &str| {
            let mut all: Vec<String> = Vec::new();
            files(&self.path().join(directory), &mut all);
            all.sort();
            all.dedup();
            if all.len() == 1 { all.remove(0) } else { format!("mixed {all:?}") }
        };
        format!("{} {} {}", of("raw"), of("code"), of("library"))
    }

    fn results(&self) -> Vec<String> {
        let mut all = Vec::new();
        let listing = fs::read_dir(self.path().join("results")).expect("a directory");
        all.extend(listing.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")));
        all.sort();
        all
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git").args(arguments).current_dir(self.path()).output().expect("git runs");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seedbed"));
        command.args(arguments).current_dir(self.path()).env("HOME", self.path().join("home"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    fn measure(&self, arguments: &[&str]) -> Duration {
        let start = Instant::now();
        self.done(arguments);
        start.elapsed()
    }

    fn kill_after(&self, arguments: &[&str], delay: Duration) {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
        // The moment itself is what is tried out here.
        std::thread::sleep(delay);
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
        // It may have ended.
        let _ = kill_process(pid, Signal::KILL);
        child.wait().expect("it was started");
    }

    /// What must hold whatever was killed, after the next command.
    fn is_whole(&self, when: &str) {
        assert!(!self.path().join(".seedbed/data_workspace/journal.json").exists(), "{when}: a journal is left");
        self.done(&["workspace", "verify", "--data"]);
        let left = self.git(&["status", "--short", "--", ".dataworkspace"]);
        assert!(left.is_empty(), "{when}: {left}");
        self.git(&["fsck", "--no-dangling"]);
        let own = fs::read_dir(self.path().join(".git")).expect("a directory");
        let copies =
            own.filter(|entry| entry.as_ref().expect("an entry").file_name().to_string_lossy().starts_with("seedbed-"));
        assert_eq!(copies.count(), 0, "{when}: copies of the index are left");
    }
}

/// What files say, up to the zero byte.
fn files(directory: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.ends_with(".git") {
            continue;
        }
        if path.is_dir() {
            files(&path, all);
        } else {
            let bytes = fs::read(&path).expect("a file");
            all.push(String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned());
        }
    }
}

#[test]
fn restore() {
    let data = Data::new();
    data.done(&["snapshot", "one"]);
    for old in ["raw/deep", "code"] {
        fs::remove_dir_all(data.path().join(old)).expect("a directory");
        fs::create_dir_all(data.path().join(old)).expect("a directory");
    }
    data.write("two");
    data.done(&["snapshot", "two"]);
    let length = data.measure(&["restore", "one"]);
    assert_eq!(data.content(), "one one one");
    data.done(&["restore", "two"]);
    assert_eq!(data.content(), "two two two");
    for delay in moments(length, 30) {
        let when = format!("restore killed after {delay:?} of {length:?}");
        data.kill_after(&["restore", "one"], delay);
        // Any command that changes something puts it right.
        data.done(&["config", "set", "note", "x"]);
        let content = data.content();
        assert!(content == "two two two" || content == "one one one", "{when}: {content}");
        data.is_whole(&when);
        data.done(&["restore", "one"]);
        assert_eq!(data.content(), "one one one", "{when}");
        data.done(&["restore", "two"]);
        assert_eq!(data.content(), "two two two", "{when}");
    }
}

#[test]
fn snapshot() {
    let data = Data::new();
    fs::write(data.path().join("results/README.md"), "stays").expect("a file");
    let take = |tag: &str| ["snapshot".to_owned(), tag.to_owned()];
    let mut length = Duration::ZERO;
    for number in 0..30_u32 {
        let content = format!("content-{number}");
        for old in ["raw/deep", "code"] {
            fs::remove_dir_all(data.path().join(old)).expect("a directory");
            fs::create_dir_all(data.path().join(old)).expect("a directory");
        }
        data.write(&content);
        let metrics = format!("{{\"metrics\": {{\"number\": {number}}}}}");
        fs::write(data.path().join("results/results.json"), &metrics).expect("a file");
        let tag = format!("t{number}");
        let command = take(&tag);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        if number == 0 {
            length = data.measure(&command);
            continue;
        }
        let delay = length * number / 30;
        let when = format!("snapshot killed after {delay:?} of {length:?}");
        data.kill_after(&command, delay);
        data.done(&["config", "set", "note", "x"]);
        data.is_whole(&when);
        let shown = data.command(&["show", &tag, "--json"]).output().expect("it runs");
        let place = format!("results/snapshots/test-{tag}/results.json");
        if shown.status.success() {
            assert_eq!(data.results(), ["README.md", "snapshots"], "{when}");
        } else {
            assert_eq!(data.results(), ["README.md", "results.json", "snapshots"], "{when}");
            data.done(&command);
        }
        assert_eq!(fs::read_to_string(data.path().join(place)).expect("results"), metrics, "{when}");
        // The metrics are in the history, also if it had to be taken again.
        let shown = data.command(&["show", &tag, "--json"]).output().expect("it runs");
        assert!(String::from_utf8_lossy(&shown.stdout).contains(&format!("\"number\": {number}")), "{when}");
    }
    assert!(data.done(&["workspace", "verify", "--data"]).is_empty());
}

#[test]
fn two_at_once() {
    let data = Data::new();
    let start = |tag: &str| data.command(&["snapshot", tag]).spawn().expect("it runs");
    let running: Vec<_> = (0..4).map(|number| start(&format!("t{number}"))).collect();
    for child in running {
        let output = child.wait_with_output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    data.is_whole("four at once");
    let listed = data.command(&["snapshots", "--json"]).output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&listed.stdout).matches("\"hash\"").count(), 4);
}
