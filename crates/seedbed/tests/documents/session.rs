//! The reader of a page: writes its files, types its commands, and compares.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A directory with a `seedbed` in the `PATH`, and where its reader stands.
pub struct Session {
    scratch: PathBuf,
    /// The directory that the page begins in.
    root: PathBuf,
    /// What the page calls that directory.
    called: &'static str,
    directory: PathBuf,
    /// Variables that the page has set.
    variables: String,
    /// Files that were written outside the scratch directory.
    written: Vec<PathBuf>,
    /// The name of the environment, if the page uses one that may be in use.
    name: Option<String>,
}

impl Session {
    /// In an empty directory, which pages call `/home/you`.
    pub fn in_empty_directory(page: &str) -> Self {
        let scratch = scratch(page);
        let root = scratch.join("home");
        fs::create_dir_all(&root).unwrap();
        let root = fs::canonicalize(root).unwrap();
        Self::new(scratch, root, "/home/you", None)
    }

    /// In the repository; `seedbed` takes an environment of this name, so that nobody's own is touched.
    pub fn in_repository(page: &str, name: &str) -> Self {
        let root = fs::canonicalize(crate::repository()).unwrap();
        Self::new(scratch(page), root, "/home/you/seedbed", Some(format!("{name}-{}", std::process::id())))
    }

    fn new(scratch: PathBuf, root: PathBuf, called: &'static str, name: Option<String>) -> Self {
        let (directory, variables, written) = (root.clone(), String::new(), Vec::new());
        let session = Self { scratch, root, called, directory, variables, written, name };
        session.install();
        session
    }

    /// Puts `seedbed` where the shell finds it.
    fn install(&self) {
        use std::os::unix::fs::PermissionsExt;
        let directory = self.scratch.join("bin");
        fs::create_dir_all(&directory).unwrap();
        let name = self.name.as_ref().map_or_else(String::new, |name| format!("--name {name} "));
        let script = format!("#!/bin/sh\nexec '{}' {name}\"$@\"\n", env!("CARGO_BIN_EXE_seedbed"));
        let path = directory.join("seedbed");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Writes a file of the page.
    pub fn write(&mut self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        if !path.starts_with(&self.scratch) {
            self.written.push(path);
        }
    }

    /// Types a command and gives what it prints, in the words of the page.
    pub fn run(&mut self, words: &str) -> String {
        if let Some(directory) = words.strip_prefix("cd ") {
            self.directory = fs::canonicalize(self.directory.join(directory)).unwrap();
            return String::new();
        }
        if words.split_once('=').is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase())) {
            self.variables = format!("{}{words}\n", self.variables);
            return String::new();
        }
        let output = self.scratch.join("output");
        let file = File::create(&output).unwrap();
        let path = format!("{}:{}", self.scratch.join("bin").display(), std::env::var("PATH").unwrap());
        let mut process = Command::new("sh")
            .args(["-c", &format!("{}{words}", self.variables)])
            .current_dir(&self.directory)
            .env("PATH", path)
            .env("COLUMNS", "100")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        while process.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                process.kill().unwrap();
                panic!("`{words}` does not end; so far it printed\n{}", fs::read_to_string(&output).unwrap());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.in_words_of_page(&fs::read_to_string(&output).unwrap())
    }

    fn in_words_of_page(&self, printed: &str) -> String {
        let mut text = printed.replace(self.root.to_str().unwrap(), self.called);
        if let Some(name) = &self.name {
            text = text.replace(&format!(" ({name})"), "").replace(name, "default");
        }
        text
    }

    /// The records of the environments that are there.
    pub fn environments(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let own = |record: &PathBuf| match &self.name {
            Some(name) => record.parent().is_some_and(|directory| directory.ends_with(name)),
            None => true,
        };
        // In the repository only where the page stands: there is much else.
        search(if self.name.is_some() { &self.directory } else { &self.root }, 4, &mut found);
        found.retain(own);
        found
    }
}

fn search(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.ends_with("environment.json") {
            found.push(path);
        } else if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&path, depth - 1, found);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A page that ended in order has destroyed its environments itself.
        for record in self.environments() {
            let environment = record.parent().expect("a file is in a directory");
            let workspace = environment.parent().and_then(Path::parent).expect("it is in `.seedbed` of a workspace");
            let name = environment.file_name().expect("it has a name");
            let mut destroy = Command::new(env!("CARGO_BIN_EXE_seedbed"));
            let _ = destroy.arg("-C").arg(workspace).arg("--name").arg(name).args(["destroy", "--yes"]).output();
        }
        for path in &self.written {
            let _ = fs::remove_file(path);
        }
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

fn scratch(page: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("seedbed-documents-{page}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}
