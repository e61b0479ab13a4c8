//! An image as a carrier of programs: each runs in a container of its own, and meets the same files and sockets at the same
//! paths, the same users and the same network as a program of this machine.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::containers::answer;
use crate::{ContainerError, Containers, ServerProcess};

/// Runs a program in a container until it ends, or until the standard input of the container is closed: then the first
/// process of the container ends, and the kernel ends all others. The arguments are files to be removed before, `--`, and
/// the program with its arguments.
///
/// Standard input is what a container has of whoever started it: it is closed when the docker client dies, however it does.
const LIFELINE: &str = r#"
while [ "$1" != -- ]; do rm -f "$1"; shift; done; shift
exec 3<&0 </dev/null
trap 'exit 137' HUP
(while read -r word; do :; done <&3; kill -HUP $$) &
"$@" 3<&- & program=$!
trap 'kill -INT $program' INT; trap 'kill -TERM $program' TERM
while :; do wait "$program"; status=$?; kill -0 "$program" 2>/dev/null || exit "$status"; done
"#;

/// Becomes the client that runs a server. Before, what is left of a container with that name goes: one server to a data
/// directory, whatever happened. The client's standard input is a pipe that it holds open itself. The arguments are the
/// name, the pipe, the client, and the arguments of `run`.
const START: &str = r#"
name=$1 pipe=$2 client=$3; shift 3
tries=0
while [ $tries -lt 100 ] && "$client" container inspect "$name" >/dev/null 2>&1; do
    "$client" rm --force --volumes "$name" >/dev/null 2>&1; tries=$((tries + 1))
done
[ -p "$pipe" ] || mkfifo -m 600 "$pipe" || exit
exec "$client" run "$@" <>"$pipe"
"#;

/// Becomes an interactive client: with a terminal if there is one.
const SHELL: &str = r#"
client=$1; shift
[ -t 0 ] && [ -t 1 ] && set -- --tty "$@"
exec "$client" run "$@"
"#;

/// Says what is in an image. The arguments are directories with patterns, separated by `:`, the number of names of the
/// server, those names, names of other programs, `--`, and files to be written.
const QUESTION: &str = r#"
places=$1 servers=$2; shift 2
echo "kernel $(cat /proc/sys/kernel/random/boot_id)"
echo "network $(readlink /proc/self/ns/net)"
IFS=:
while [ "$1" != -- ]; do
    for place in $places:$PATH; do
        if [ -f "$place/$1" ] && [ -x "$place/$1" ]; then
            echo "program $1 $place/$1"
            if [ "$servers" -gt 0 ]; then echo "version $("$place/$1" --version 2>&1)"; servers=0; fi
            break
        fi
    done
    [ "$servers" -eq 0 ] || servers=$((servers - 1))
    shift
done
shift
for file in "$@"; do : >"$file"; done
"#;

/// How long the question may take: the first container of an image is unpacked.
const PATIENCE: Duration = Duration::from_mins(2);

/// The most shared memory that the programs of a container may use together; docker's own default is 64 MiB, which is too
/// little for a parallel query.
const SHARED_MEMORY: &str = "1g";

/// An image on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Who runs its containers.
    pub containers: Containers,
    /// How the user calls it, such as `mariadb:11`.
    pub name: String,
    /// Its id, by which it is run: a name may come to mean another image.
    pub id: String,
    /// What is in it, once that is known.
    pub contents: Option<Contents>,
    /// Directories of this machine that containers must be able to share, for a trial.
    pub shared: Vec<PathBuf>,
}

/// What is in an image of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// What it was asked: another question has another answer.
    pub asked: String,
    /// The paths of programs in it, by name.
    pub programs: BTreeMap<String, PathBuf>,
    /// What the server's program says of its version.
    pub version: String,
}

/// What is asked of an image.
pub struct Question<'a> {
    /// Names of the server's program, the best first.
    pub servers: &'a [&'a str],
    /// Names of other programs.
    pub programs: &'a [&'a str],
    /// Directories beside those of `PATH`, with patterns of the shell, separated by `:`; they are looked into first.
    pub places: &'a str,
    /// User and group that will run the server.
    pub user: (u32, u32),
}

impl Question<'_> {
    /// Gives it as a text, the same for the same question.
    fn text(&self) -> String {
        let (user, group) = self.user;
        format!("{} {} in {} as {user}:{group}", self.servers.join(" "), self.programs.join(" "), self.places)
    }
}

/// Says how a program is to run in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// Files and directories that it meets at the same paths.
    pub mounts: Vec<PathBuf>,
    /// User and group to run as; the caller's if not given.
    pub user: Option<(u32, u32)>,
    /// A file that stands for the list of accounts, for programs that must know who they are.
    pub accounts: Option<PathBuf>,
}

impl Inside {
    /// Shares a file or a directory; nothing happens if it is within one that is shared already.
    pub fn share(&mut self, path: &Path) {
        if !self.mounts.iter().any(|mount| path.starts_with(mount)) {
            self.mounts.retain(|mount| !mount.starts_with(path));
            self.mounts.push(path.to_owned());
        }
    }
}

impl Image {
    /// Gives the path of a program in the image, by the first of its names that is there.
    pub(crate) fn program(&self, names: &[&str]) -> Option<&Path> {
        let programs = &self.contents.as_ref()?.programs;
        names.iter().find_map(|name| programs.get(*name)).map(PathBuf::as_path)
    }

    /// Asks what is in the image, unless the answer to this very question is known.
    pub fn learn(&mut self, question: &Question<'_>) -> Result<(), ContainerError> {
        if self.contents.as_ref().is_none_or(|contents| contents.asked != question.text()) {
            self.contents = Some(self.ask(question)?);
        }
        Ok(())
    }

    /// Asks what is in the image, in a container of it, and tries whether files, users, network and sockets are shared
    /// with this machine.
    fn ask(&self, question: &Question<'_>) -> Result<Contents, ContainerError> {
        let unusable = |reason: String| ContainerError::Image { image: self.name.clone(), reason };
        let mut trials = Vec::new();
        for shared in &self.shared {
            let trial = shared.join(format!("trial-{}", std::process::id()));
            trials.push(Trial::begin(trial, question.user).map_err(|error| unusable(error.to_string()))?);
        }
        let mut plain = Command::new("/bin/sh");
        plain.arg("-c").arg(QUESTION).arg("question").arg(question.places).arg(question.servers.len().to_string());
        plain.args(question.servers).args(question.programs).arg("--");
        let mut inside = Inside { user: Some(question.user), ..Inside::default() };
        for Trial(trial) in &trials {
            plain.arg(trial.join("file"));
            inside.share(trial);
        }
        let said = answer(self.command(&plain, &inside), PATIENCE).map_err(unusable)?;
        let mut contents = Contents { asked: question.text(), programs: BTreeMap::new(), version: String::new() };
        for line in said.lines() {
            match line.split_once(' ') {
                Some(("kernel", id)) => self.check_same("kernel", id, fs::read_to_string(BOOT_ID).ok())?,
                Some(("network", id)) => {
                    let own = fs::read_link(NETWORK).ok().map(|link| link.display().to_string());
                    // An image may have no program that reads it.
                    if !id.is_empty() {
                        self.check_same("network", id, own)?;
                    }
                }
                Some(("program", found)) => {
                    if let Some((name, path)) = found.split_once(' ') {
                        contents.programs.insert(name.to_owned(), PathBuf::from(path));
                    }
                }
                Some(("version", version)) => version.clone_into(&mut contents.version),
                _ => {}
            }
        }
        for Trial(trial) in &trials {
            let written = fs::metadata(trial.join("file"));
            if !written.is_ok_and(|file| (file.uid(), file.gid()) == question.user) {
                let reason = format!(
                    "what its containers write into {} does not belong here to who wrote it; an engine that gives users other \
                     numbers is not supported",
                    trial.parent().unwrap_or(trial).display()
                );
                return Err(unusable(reason));
            }
        }
        Ok(contents)
    }

    fn check_same(&self, what: &str, theirs: &str, ours: Option<String>) -> Result<(), ContainerError> {
        match ours {
            Some(ours) if ours.trim() == theirs.trim() => Ok(()),
            _ => Err(ContainerError::Elsewhere {
                program: self.containers.program.clone(),
                detail: format!("another {what} than this one"),
            }),
        }
    }

    /// Makes the command that runs a program of the image, which gets its input from whoever runs the command and is to end
    /// with it. The plain command has the program's path in the image, its arguments, its own variables and its directory.
    #[must_use]
    pub fn command(&self, plain: &Command, inside: &Inside) -> Command {
        let mut command = Command::new(&self.containers.program);
        command.arg("run").args(self.options(plain, inside)).arg("--entrypoint").arg(plain.get_program());
        command.arg(&self.id).args(plain.get_args());
        pass_variables(plain, &mut command);
        command
    }

    /// Makes the command that runs a program of the image without input: the program ends when the standard input of the
    /// command is closed, so whoever runs it holds that open.
    #[must_use]
    pub fn command_with_lifeline(&self, plain: &Command, inside: &Inside) -> Command {
        let mut command = Command::new(&self.containers.program);
        command.arg("run").args(self.options(plain, inside)).args(self.with_lifeline(plain, &[]));
        pass_variables(plain, &mut command);
        command
    }

    /// Says how to run the client with an interactive program of the image: program, arguments, and variables.
    #[must_use]
    pub fn shell(&self, plain: &Command, inside: &Inside) -> (PathBuf, Vec<String>, BTreeMap<String, String>) {
        let mut arguments: Vec<OsString> = ["-c", SHELL, "shell"].map(OsString::from).to_vec();
        arguments.push(self.containers.program.clone().into());
        arguments.extend(self.options(plain, inside));
        arguments.extend(["--entrypoint".into(), plain.get_program().to_owned(), self.id.clone().into()]);
        arguments.extend(plain.get_args().map(OsStr::to_owned));
        (PathBuf::from("/bin/sh"), texts(arguments), variables(plain))
    }

    /// Turns the process of a server of the image into one that runs it in a container: it is called by its directory, so
    /// that there is never more than one, and ends with its client. What the server leaves as locks is removed before: they
    /// name processes of a container that is gone.
    #[must_use]
    pub fn server(&self, process: ServerProcess, sockets: &Path, locks: &[PathBuf]) -> ServerProcess {
        let name = Self::container_name(&process.directory);
        let mut plain = Command::new(&process.program);
        plain.args(&process.arguments).envs(&process.env).current_dir(&process.directory);
        let mut inside = Inside { user: process.user, ..Inside::default() };
        inside.share(&process.directory);
        inside.share(sockets);
        let mut arguments: Vec<OsString> = ["-c", START, "start"].map(OsString::from).to_vec();
        arguments.extend([(&name).into(), process.directory.join(PIPE).into(), (&self.containers.program).into()]);
        arguments.extend(["--name".into(), OsString::from(&name)]);
        arguments.extend(self.options(&plain, &inside));
        arguments.extend(self.with_lifeline(&plain, locks));
        // The container ends with its client.
        let discard_signal = rustix::process::Signal::KILL.as_raw();
        let program = PathBuf::from("/bin/sh");
        ServerProcess { program, arguments: texts(arguments), user: None, discard_signal, ..process }
    }

    /// Names the container of the server in a directory.
    #[must_use]
    pub fn container_name(directory: &Path) -> String {
        let digest = blake3::hash(directory.as_os_str().as_encoded_bytes()).to_hex();
        format!("seedbed-{}", &digest[..16])
    }

    /// Lists the options that all containers of ours have.
    fn options(&self, plain: &Command, inside: &Inside) -> Vec<OsString> {
        let mut options: Vec<OsString> = ["--rm", "--interactive", "--log-driver", "none", "--no-healthcheck"]
            .iter()
            // The network of this machine: the server listens on its loopback like any other.
            .chain(&["--network", "host", "--shm-size", SHARED_MEMORY, "--security-opt", "label=disable"])
            .map(OsString::from)
            .collect();
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let (user, group) = inside.user.unwrap_or(own);
        if self.containers.is_podman && own.0 != 0 {
            options.push("--userns=keep-id".into());
        }
        options.extend(["--user".into(), format!("{user}:{group}").into(), "--label".into(), "seedbed".into()]);
        if let Some(directory) = plain.get_current_dir() {
            options.extend(["--workdir".into(), directory.into()]);
        }
        for path in &inside.mounts {
            options.extend(["--mount".into(), mount(path, path, false)]);
        }
        if let Some(accounts) = &inside.accounts {
            options.extend(["--mount".into(), mount(accounts, Path::new("/etc/passwd"), true)]);
        }
        // By name alone: what they contain is not for the list of processes.
        for (name, _) in plain.get_envs().filter(|(_, value)| value.is_some()) {
            options.extend(["--env".into(), name.to_owned()]);
        }
        options
    }

    /// Lists what follows the options: the image, and how the program is run in it.
    fn with_lifeline(&self, plain: &Command, locks: &[PathBuf]) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["--entrypoint", "/bin/sh", &self.id, "-c", LIFELINE, "lifeline"]
            .iter()
            .map(OsString::from)
            .chain(locks.iter().map(OsString::from))
            .collect();
        arguments.extend(["--".into(), plain.get_program().to_owned()]);
        arguments.extend(plain.get_args().map(OsStr::to_owned));
        arguments
    }
}

/// By its name and whose program runs it: `mariadb:11 (docker)`.
impl fmt::Display for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = if self.containers.is_podman { "podman" } else { "docker" };
        write!(formatter, "{} ({program})", self.name)
    }
}

/// What tells one running kernel from another.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What tells one network of a machine from another.
const NETWORK: &str = "/proc/self/ns/net";

/// The pipe in a server's directory.
pub(crate) const PIPE: &str = "lifeline";

/// Writes a mount as docker reads it: as a line of values separated by commas.
fn mount(source: &Path, target: &Path, is_read_only: bool) -> OsString {
    let field = |name: &str, path: &Path| {
        let field = format!("{name}={}", path.display());
        if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
    };
    let end = if is_read_only { ",readonly" } else { "" };
    format!("type=bind,{},{}{end}", field("source", source), field("target", target)).into()
}

/// Gives the client the variables that it passes on.
fn pass_variables(plain: &Command, command: &mut Command) {
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
}

fn variables(plain: &Command) -> BTreeMap<String, String> {
    let text = |word: &OsStr| word.to_string_lossy().into_owned();
    plain.get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))).collect()
}

fn texts(words: Vec<OsString>) -> Vec<String> {
    words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// A directory for a trial, which goes with its end.
struct Trial(PathBuf);

impl Trial {
    fn begin(directory: PathBuf, (user, group): (u32, u32)) -> std::io::Result<Self> {
        let above = directory.parent().expect("it was made by joining a name");
        fs::create_dir_all(above)?;
        // A process with this number may have been killed here before.
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::DirBuilder::new().mode(0o700).create(&directory)?;
        let trial = Trial(directory);
        if rustix::process::geteuid().is_root() {
            chown(&trial.0, Some(user), Some(group))?;
        }
        Ok(trial)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // What stays is an empty directory that the next trial with its name removes.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn image() -> Image {
        let containers = Containers { program: "/bin/docker".into(), is_podman: false, host: String::new() };
        Image { containers, name: "mariadb:11".into(), id: "abc".into(), contents: None, shared: Vec::new() }
    }

    #[test]
    fn a_mount_is_one_whatever_the_path() {
        let written = |path: &str| mount(Path::new(path), Path::new(path), false).to_string_lossy().into_owned();
        assert_eq!(written("/a b"), "type=bind,source=/a b,target=/a b");
        assert_eq!(written("/a,b\"c"), r#"type=bind,"source=/a,b""c","target=/a,b""c""#);
    }

    #[test]
    fn what_lies_within_another_mount_is_not_mounted_again() {
        let mut inside = Inside::default();
        for path in ["/a/b", "/a/b/c", "/d", "/a", "/ab"] {
            inside.share(Path::new(path));
        }
        assert_eq!(inside.mounts, ["/d", "/a", "/ab"].map(PathBuf::from));
    }

    #[test]
    fn variables_are_passed_by_their_names_alone() {
        let mut plain = Command::new("/usr/bin/mariadb-dump");
        plain.env("MYSQL_PWD", "secret").env_remove("LANG").arg("shop");
        let inside = Inside { user: Some((7, 8)), ..Inside::default() };
        for command in [image().command(&plain, &inside), image().command_with_lifeline(&plain, &inside)] {
            let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
            assert!(words.windows(2).any(|pair| pair == ["--env", "MYSQL_PWD"]), "{words:?}");
            assert!(words.windows(2).any(|pair| pair == ["--user", "7:8"]), "{words:?}");
            assert!(words.iter().all(|word| !word.contains("secret") && word != "LANG"), "{words:?}");
            assert_eq!(words.last().map(String::as_str), Some("shop"));
            assert!(command.get_envs().any(|(name, value)| name == "MYSQL_PWD" && value == Some(OsStr::new("secret"))));
        }
    }

    #[test]
    fn a_container_ends_with_its_input_and_else_with_its_program() {
        // The script itself, without a container: it is the same shell.
        let run = |program: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", LIFELINE, "lifeline", "--", "sh", "-c", program]);
            command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut ended = run("exit 3");
        let input = ended.stdin.take();
        assert_eq!(ended.wait().unwrap().code(), Some(3));
        drop(input);
        // Outside a container nobody else ends it.
        let mut cut = run("while kill -0 $PPID; do sleep 0.05; done 2>/dev/null");
        drop(cut.stdin.take());
        assert_eq!(cut.wait().unwrap().code(), Some(137));
    }
}
