//! The user's own program for containers: which one there is, whether it works on this machine, which images it has.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How long the program may take for what needs no more than an answer of its engine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most of a failed program's output that an error carries, in characters.
const OUTPUT_LIMIT: usize = 500;

/// How programs say that an image is not there.
const NO_IMAGE: [&str; 4] = ["No such image", "no such image", "image not known", "No such object"];

/// `docker` or `podman`, as the user has it: it knows where its engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Containers {
    /// The program.
    pub(crate) program: PathBuf,
    /// Whether it is podman, by whatever name.
    pub(crate) is_podman: bool,
    /// The address of its engine; of podman, which has none, nothing.
    pub(crate) host: String,
}

/// Says why a server cannot run in a container.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// There is no program.
    #[error("there is neither docker nor podman in PATH")]
    NoProgram,
    /// The program is there, and its engine does not answer.
    #[error("{} does not answer: {said}", program.display())]
    NoAnswer {
        /// The program.
        program: PathBuf,
        /// What it said.
        said: String,
    },
    /// The engine is on another machine, or in a virtual one: neither files nor sockets would be shared with it.
    #[error("{} runs containers elsewhere than on this machine ({detail}), which is not supported", program.display())]
    Elsewhere {
        /// The program.
        program: PathBuf,
        /// How that is known.
        detail: String,
    },
    /// The image is not on this machine.
    #[error("the image {image} is not on this machine")]
    NotPulled {
        /// The image.
        image: String,
    },
    /// The image could not be brought.
    #[error("the image {image} cannot be pulled: {said}; pull it by hand, or name another one by `image`")]
    Pull {
        /// The image.
        image: String,
        /// What the program said.
        said: String,
    },
    /// A program in the image could not be asked.
    #[error("the image {image} cannot be used: {reason}")]
    Image {
        /// The image.
        image: String,
        /// Why not.
        reason: String,
    },
}

impl Containers {
    /// Looks for the program in `PATH`, and asks where its engine is: docker first, and podman if it does not answer. What was
    /// found is not looked for again by this process.
    pub fn find() -> Result<Self, ContainerError> {
        static FOUND: OnceLock<Containers> = OnceLock::new();
        match FOUND.get() {
            Some(found) => Ok(found.clone()),
            None => Self::look().map(|found| FOUND.get_or_init(|| found).clone()),
        }
    }

    fn look() -> Result<Self, ContainerError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories: Vec<PathBuf> = std::env::split_paths(&path).filter(|place| place.is_absolute()).collect();
        let mut failure = None;
        for name in ["docker", "podman"] {
            let Some(program) = directories.iter().map(|place| place.join(name)).find(|path| path.is_file()) else {
                continue;
            };
            match Self::at(program) {
                Ok(containers) => return Ok(containers),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or(ContainerError::NoProgram))
    }

    /// Looks whether the program can be used.
    fn at(program: PathBuf) -> Result<Self, ContainerError> {
        let no_answer = |said| ContainerError::NoAnswer { program: program.clone(), said };
        // Some systems have podman by the name of docker.
        let version = ask(&program, &["--version"]).map_err(no_answer)?;
        let is_podman = version.to_lowercase().contains("podman");
        let mut host = String::new();
        if !is_podman {
            host =
                ask(&program, &["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).map_err(no_answer)?;
            host.truncate(host.trim_end().len());
            if !host.starts_with("unix://") {
                let detail = format!("its engine is at {host}");
                return Err(ContainerError::Elsewhere { program, detail });
            }
        }
        Ok(Containers { program, is_podman, host })
    }

    /// Gives the id of an image that is on this machine.
    pub fn image_id(&self, image: &str) -> Result<String, ContainerError> {
        match ask(&self.program, &["image", "inspect", "--format", "{{.Id}}", image]) {
            Ok(answer) => Ok(answer.trim().trim_start_matches("sha256:").to_owned()),
            Err(said) if NO_IMAGE.iter().any(|words| said.contains(words)) => {
                Err(ContainerError::NotPulled { image: image.to_owned() })
            }
            Err(said) => Err(ContainerError::NoAnswer { program: self.program.clone(), said }),
        }
    }

    /// Brings an image to this machine, which takes as long as it takes; each line that the program says is passed on.
    pub fn pull(&self, image: &str, each: &mut dyn FnMut(&str)) -> Result<(), ContainerError> {
        let failed = |said: String| ContainerError::Pull { image: image.to_owned(), said };
        let mut command = Command::new(&self.program);
        command.args(["pull", image]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let errors = child.stderr.take().expect("its standard error is a pipe");
        // Podman says everything there, docker only what went wrong.
        let errors = std::thread::spawn(move || {
            let mut said = String::new();
            BufReader::new(errors).read_to_string(&mut said).map(|_| said)
        });
        let lines = BufReader::new(child.stdout.take().expect("its standard output is a pipe")).lines();
        lines.map_while(Result::ok).for_each(|line| each(&line));
        let said = errors.join().expect("reading does not panic").unwrap_or_default();
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        if status.success() { Ok(()) } else { Err(failed(shorten(&said))) }
    }

    /// Ends and removes all containers of ours that share something below one of these directories, also those that were made
    /// and never ran; gives how many there were.
    pub fn sweep(program: &Path, directories: &[PathBuf]) -> Result<usize, ContainerError> {
        let no_answer = |said| ContainerError::NoAnswer { program: program.to_owned(), said };
        let format = "{{.ID}} {{.Mounts}}";
        let listed = ["ps", "--all", "--no-trunc", "--filter", "label=seedbed", "--format", format];
        let listed = ask(program, &listed).map_err(no_answer)?;
        let directories: Vec<String> = directories.iter().map(|place| place.display().to_string()).collect();
        let ours = |line: &&str| directories.iter().any(|directory| line.contains(directory.as_str()));
        let found: Vec<&str> = listed.lines().filter(ours).filter_map(|line| line.split(' ').next()).collect();
        if !found.is_empty() {
            match ask(program, &[&["rm", "--force", "--volumes"], found.as_slice()].concat()) {
                // Some may be on their way out.
                Err(said) if !said.contains("No such container") && !said.contains("already in progress") => {
                    return Err(no_answer(said));
                }
                _ => {}
            }
        }
        Ok(found.len())
    }

    /// Says where its engine is, in words that differ between engines.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{} {}", self.program.display(), self.host)
    }

    /// Gives the program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }
}

/// Runs the program, which answers within a time; gives what it said, or what it said against it.
pub(crate) fn ask(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments);
    answer(command, PATIENCE)
}

/// Runs a command that ends within a time; gives its standard output, or what it said when it failed.
pub(crate) fn answer(mut command: Command, patience: Duration) -> Result<String, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error: io::Error| error.to_string())?;
    // A container lives as long as this is open.
    let input = child.stdin.take();
    let id = rustix::process::Pid::from_child(&child);
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        // The receiver may have given up.
        let _ = send.send(child.wait_with_output());
    });
    let result = match receive.recv_timeout(patience) {
        Ok(Ok(output)) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(Ok(output)) => {
            let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
            let said = shorten(&String::from_utf8_lossy(said));
            Err(if said.is_empty() { output.status.to_string() } else { said })
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(RecvTimeoutError::Timeout) => {
            // It cannot have been waited for: the thread would have said so.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
            Err(format!("no answer within {} seconds", patience.as_secs()))
        }
        Err(RecvTimeoutError::Disconnected) => Err("it was lost".to_owned()),
    };
    drop(input);
    result
}

/// Makes one line of what a program said, and takes its end if it is long.
fn shorten(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    let line = words.join(" ");
    let skipped = line.chars().count().saturating_sub(OUTPUT_LIMIT);
    line.chars().skip(skipped).collect()
}
