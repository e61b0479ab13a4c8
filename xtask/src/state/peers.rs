//! The tools that are measured beside ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::tool::{Site, Tool};
use crate::run::{has, output, root};

/// `cp -a` into a directory for each snapshot.
pub struct Copy {
    /// Whether it waits until all is on the disk, as tools do that keep a store.
    pub is_synced: bool,
}

impl Copy {
    fn end(&self) -> &'static str {
        if self.is_synced { "; sync -f \"$2\"" } else { "" }
    }
}

impl Tool for Copy {
    fn name(&self) -> &'static str {
        if self.is_synced { "cp-synced" } else { "cp" }
    }

    fn install(&mut self) -> Result<String> {
        first_line("cp", &["--version"])
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        Ok(fs::create_dir_all(site.store())?)
    }

    fn snapshot(&self, site: &Site, tag: &str) -> Command {
        let copy = site.store().join(tag);
        site.shell(&format!("cp -a -- \"$1\" \"$2\"{}", self.end()), &[&text(&site.data()), &text(&copy)])
    }

    fn restore(&self, site: &Site, tag: &str) -> Command {
        let copy = site.store().join(tag);
        let script = format!("rm -rf -- \"$2\"; cp -a -- \"$1\" \"$2\"{}", self.end());
        site.shell(&script, &[&text(&copy), &text(&site.data())])
    }
}

/// restic, the program.
#[derive(Default)]
pub struct Restic {
    can_delete: bool,
}

impl Restic {
    fn command(site: &Site) -> Command {
        let mut command = site.command("restic");
        command.env("RESTIC_REPOSITORY", site.store()).env("RESTIC_PASSWORD", "bench");
        command.env("RESTIC_CACHE_DIR", site.home().join("cache")).arg("--quiet");
        command
    }
}

impl Tool for Restic {
    fn name(&self) -> &'static str {
        "restic"
    }

    fn install(&mut self) -> Result<String> {
        let version = first_line("restic", &["version"]).context("install it: apt-get install restic")?;
        let help = output(Command::new("restic").args(["restore", "--help"]))?;
        self.can_delete = String::from_utf8_lossy(&help.stdout).contains("--delete");
        Ok(version)
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        output(Self::command(site).arg("init"))?;
        Ok(())
    }

    fn snapshot(&self, site: &Site, tag: &str) -> Command {
        let mut command = Self::command(site);
        command.args(["backup", "--tag", tag, "data"]);
        command
    }

    fn restore(&self, site: &Site, tag: &str) -> Command {
        let mut command = Self::command(site);
        command.args(["restore", "--tag", tag]);
        if self.can_delete {
            command.args(["--delete", "latest:/data", "--target"]).arg(site.data());
        } else {
            command.args(["latest", "--target"]).arg(site.work());
        }
        command
    }
}

/// `rustic_core` through its API: a small program of its own workspace.
pub struct Rustic {
    target: PathBuf,
}

impl Rustic {
    /// It is built below this directory.
    pub fn new(peers: &Path) -> Self {
        Self { target: peers.join("rustic") }
    }

    fn program(&self) -> PathBuf {
        self.target.join("release/bench_peer_rustic")
    }
}

impl Tool for Rustic {
    fn name(&self) -> &'static str {
        "rustic"
    }

    fn install(&mut self) -> Result<String> {
        let manifest = root().join("xtask/peers/rustic/Cargo.toml");
        let mut command = crate::run::cargo("", &["build", "--release", "--locked", "--quiet", "--manifest-path"]);
        command.arg(&manifest).arg("--target-dir").arg(&self.target);
        output(&mut command).context("it needs crates.io, and about seven minutes of CPU")?;
        let lock = fs::read_to_string(manifest.with_file_name("Cargo.lock"))?;
        let version = lock.split("name = \"rustic_core\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
        Ok(format!("rustic_core {}", version.context("no rustic_core in its lock file")?))
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        output(site.command(self.program()).arg("init").arg(site.store()))?;
        Ok(())
    }

    fn snapshot(&self, site: &Site, tag: &str) -> Command {
        let mut command = site.command(self.program());
        command.arg("backup").arg(site.store()).arg(tag).arg(site.data());
        command
    }

    fn restore(&self, site: &Site, tag: &str) -> Command {
        let mut command = site.command(self.program());
        command.arg("restore").arg(site.store()).arg(tag).arg(site.data());
        command
    }
}

/// Borg, with the compression that the others use.
pub struct Borg {
    environment: PythonEnvironment,
}

impl Borg {
    /// It is installed below this directory, if it is not in `PATH`.
    pub fn new(peers: &Path) -> Self {
        Self { environment: PythonEnvironment::new(peers, "borg", "borgbackup==1.4.*") }
    }

    fn command(&self, site: &Site) -> Command {
        let mut command = site.command(self.environment.program());
        command.env("BORG_PASSPHRASE", "bench").env("BORG_BASE_DIR", site.home());
        command
    }

    fn archive(site: &Site, tag: &str) -> String {
        format!("{}::{tag}", site.store().display())
    }
}

impl Tool for Borg {
    fn name(&self) -> &'static str {
        "borg"
    }

    fn install(&mut self) -> Result<String> {
        const LIBRARIES: &str =
            "it is compiled: apt-get install pkg-config libacl1-dev liblz4-dev libssl-dev libxxhash-dev libzstd-dev";
        self.environment.install(&["--version"]).context(LIBRARIES)
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        output(self.command(site).args(["init", "-e", "repokey-blake2"]).arg(site.store()))?;
        Ok(())
    }

    fn snapshot(&self, site: &Site, tag: &str) -> Command {
        let mut command = self.command(site);
        command.args(["create", "-C", "zstd,1", &Self::archive(site, tag), "data"]);
        command
    }

    fn restore(&self, site: &Site, tag: &str) -> Command {
        let mut command = self.command(site);
        command.args(["extract", &Self::archive(site, tag)]);
        command
    }
}

/// DVC, without git: `dvc add` and `dvc checkout`.
pub struct Dvc {
    environment: PythonEnvironment,
}

impl Dvc {
    /// It is installed below this directory, if it is not in `PATH`.
    pub fn new(peers: &Path) -> Self {
        Self { environment: PythonEnvironment::new(peers, "dvc", "dvc==3.*") }
    }
}

impl Tool for Dvc {
    fn name(&self) -> &'static str {
        "dvc"
    }

    fn install(&mut self) -> Result<String> {
        self.environment.install(&["--version"])
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        for words in [
            &["init", "--no-scm", "--quiet"][..],
            &["config", "core.analytics", "false"],
            &["config", "core.check_update", "false"],
        ] {
            output(site.command(self.environment.program()).args(words))?;
        }
        Ok(())
    }

    fn snapshot(&self, site: &Site, tag: &str) -> Command {
        let program = text(&self.environment.program());
        site.shell("\"$1\" add --quiet data; cp data.dvc \"../$2.dvc\"", &[&program, tag])
    }

    fn restore(&self, site: &Site, tag: &str) -> Command {
        let program = text(&self.environment.program());
        site.shell("cp \"../$2.dvc\" data.dvc; \"$1\" checkout --quiet --force data.dvc", &[&program, tag])
    }

    fn stored(&self, site: &Site) -> Vec<PathBuf> {
        vec![site.work().join(".dvc")]
    }
}

/// git with git-lfs: a commit for each snapshot.
pub struct GitLfs;

impl Tool for GitLfs {
    fn name(&self) -> &'static str {
        "git-lfs"
    }

    fn install(&mut self) -> Result<String> {
        first_line("git-lfs", &["version"]).context("install it: apt-get install git git-lfs")
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        let script = "git init --quiet .; git config user.name bench; git config user.email bench@example.invalid; \
            git lfs install --local >/dev/null; git lfs track 'data/**' >/dev/null; git add .gitattributes; git commit --quiet -m none";
        output(&mut site.shell(script, &[]))?;
        Ok(())
    }

    fn snapshot(&self, site: &Site, tag: &str) -> Command {
        site.shell("git add --all; git commit --quiet --allow-empty -m \"$1\"; git tag \"$1\"", &[tag])
    }

    fn restore(&self, site: &Site, tag: &str) -> Command {
        site.shell("git checkout --quiet --force \"$1\"", &[tag])
    }

    fn stored(&self, site: &Site) -> Vec<PathBuf> {
        vec![site.work().join(".git")]
    }
}

/// A program that pip installs into a directory of its own.
struct PythonEnvironment {
    directory: PathBuf,
    program: &'static str,
    package: &'static str,
}

impl PythonEnvironment {
    fn new(peers: &Path, program: &'static str, package: &'static str) -> Self {
        Self { directory: peers.join(program), program, package }
    }

    fn program(&self) -> PathBuf {
        let own = self.directory.join("bin").join(self.program);
        if own.exists() { own } else { PathBuf::from(self.program) }
    }

    /// Installs it, unless it is there, and gives its version.
    fn install(&self, version: &[&str]) -> Result<String> {
        let how = || {
            format!(
                "install it: python3 -m venv DIRECTORY && DIRECTORY/bin/pip install '{}', and put it into PATH",
                self.package
            )
        };
        if !has(&text(&self.program()), version[0]) {
            output(Command::new("python3").args(["-m", "venv"]).arg(&self.directory)).with_context(how)?;
            output(Command::new(self.directory.join("bin/pip")).args(["install", "--quiet", self.package]))
                .with_context(how)?;
        }
        Ok(format!(
            "{} {}",
            self.program,
            first_line(&text(&self.program()), version).with_context(how)?.replace(self.program, "").trim()
        ))
    }
}

fn first_line(program: &str, arguments: &[&str]) -> Result<String> {
    let output = output(Command::new(program).args(arguments))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next() {
        Some(line) => Ok(line.to_owned()),
        None => bail!("{program} does not say its version"),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
