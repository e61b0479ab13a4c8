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
    variables: Vec<(String, String)>,
    /// The image that the page calls `busybox`.
    busybox: Option<String>,
}

impl Session {
    /// In an empty directory, which pages call `/home/you`.
    pub fn in_empty_directory(page: &str) -> Self {
        let scratch = scratch(page);
        let root = scratch.join("home");
        fs::create_dir_all(&root).unwrap();
        Self::new(scratch, root, "/home/you")
    }

    /// In a clone of this repository, as far as pages need it: the campus, built, and nothing that its owner has there.
    pub fn in_clone(page: &str) -> Self {
        let campus = crate::repository().join("campus");
        build(&campus.join("programs"));
        let scratch = scratch(page);
        let root = scratch.join("home");
        copy(&campus, &root.join("campus"));
        Self::new(scratch, root, "/home/you/seedbed")
    }

    /// In an empty directory, with an image that pages call `busybox`; nothing where there is no engine.
    pub fn with_busybox(page: &str) -> Option<Self> {
        const BUILT: &str = "seedbed/welcome-web:";
        const DOCKERFILE: &str = "FROM BASE\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nCMD [\"sh\"]\n";
        let base = database::contract::image_with("guide", &["/bin/busybox"])?;
        let name = format!("{}-links", base.name);
        let mut session = Self::in_empty_directory(page);
        let context = session.scratch.join("image");
        fs::create_dir_all(&context).unwrap();
        fs::write(context.join("Dockerfile"), DOCKERFILE.replace("BASE", &base.name)).unwrap();
        let mut builder = Command::new(base.containers.program());
        let built =
            builder.args(["build", "--quiet", "--network", "none", "--tag", &name]).arg(&context).output().unwrap();
        assert!(built.status.success(), "{built:?}");
        session.busybox = Some(name);
        // What the page builds is built each time.
        let docker =
            |arguments: &[&str]| Command::new(base.containers.program()).args(arguments).output().unwrap().stdout;
        let made = String::from_utf8(docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"])).unwrap();
        for image in made.lines().filter(|image| image.starts_with(BUILT)) {
            docker(&["image", "rm", image]);
        }
        Some(session)
    }

    fn new(scratch: PathBuf, root: PathBuf, called: &'static str) -> Self {
        let root = fs::canonicalize(root).unwrap();
        let session = Self { scratch, directory: root.clone(), root, called, variables: Vec::new(), busybox: None };
        session.install();
        session
    }

    /// Puts `seedbed` where the shell finds it.
    fn install(&self) {
        use std::os::unix::fs::PermissionsExt;
        let directory = self.scratch.join("bin");
        fs::create_dir_all(&directory).unwrap();
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_seedbed"));
        let path = directory.join("seedbed");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Writes a file of the page.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = match &self.busybox {
            Some(image) => {
                let written = text.replace("image: busybox\n", &format!("image: {image}\n"));
                written.replace("FROM busybox\n", &format!("FROM {image}\n"))
            }
            None => text.to_owned(),
        };
        fs::write(&path, text).unwrap();
    }

    /// Types a command and gives what it prints, in the words of the page.
    pub fn run(&mut self, words: &str) -> String {
        if let Some(directory) = words.strip_prefix("cd ") {
            self.directory = fs::canonicalize(self.directory.join(directory)).unwrap();
            return String::new();
        }
        let name = words.split_once('=').map(|(name, _)| name);
        if let Some(name) = name.filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase())) {
            let value = self.type_in(&format!("{words}\nprintf %s \"${name}\""));
            self.variables.push((name.to_owned(), value));
            return String::new();
        }
        let printed = self.type_in(words).replace(self.root.to_str().unwrap(), self.called);
        self.busybox.as_ref().map_or_else(|| printed.clone(), |image| printed.replace(image, "busybox"))
    }

    fn type_in(&self, words: &str) -> String {
        let output = self.scratch.join("output");
        let file = File::create(&output).unwrap();
        let path = format!("{}:{}", self.scratch.join("bin").display(), std::env::var("PATH").unwrap());
        let mut process = Command::new("sh")
            .args(["-c", words])
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.directory)
            .env("PATH", path)
            .env("COLUMNS", "100")
            .env("USER", "you")
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
        fs::read_to_string(&output).unwrap()
    }

    /// The records of the environments that are there.
    pub fn environments(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        search(&self.root, 5, &mut found);
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
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

fn scratch(page: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("seedbed-documents-{page}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// Runs the tasks of an example, which its copies then need not repeat; in a new clone this is the moment of the compiler.
fn build(example: &Path) {
    let name = format!("documents-{}", std::process::id());
    for command in [["up", "--quiet"], ["destroy", "--yes"]] {
        let mut seedbed = Command::new(env!("CARGO_BIN_EXE_seedbed"));
        let output = seedbed.arg("-C").arg(example).args(["--name", &name]).args(command).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Copies what is in git, and that its tasks have run. What they have made is shared.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_name().to_str().unwrap() {
            "target" => std::os::unix::fs::symlink(&source, &target).unwrap(),
            ".seedbed" if source.join("tasks").is_dir() => copy(&source.join("tasks"), &target.join("tasks")),
            ".seedbed" => {}
            _ if source.is_dir() => copy(&source, &target),
            _ => drop(fs::copy(&source, &target).unwrap()),
        }
    }
}
