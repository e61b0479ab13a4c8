//! The file that a program's name stands for, and precisely why there is none.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use supervisor::ProcessSpec;
use thiserror::Error;

use crate::file_limit;

/// Why a process cannot be started.
#[derive(Debug, Error)]
pub(crate) enum SpawnError {
    #[error("the directory {} does not exist", .0.display())]
    NoDirectory(PathBuf),
    #[error("{} is not a directory", .0.display())]
    NotDirectory(PathBuf),
    #[error("there is no program {}", .0.display())]
    NoProgram(PathBuf),
    #[error("there is no program {program} in PATH")]
    NotInPath { program: String },
    #[error("there is no PATH in the environment to look up {0} in")]
    NoPath(String),
    #[error("{} is not executable", .0.display())]
    NotExecutable(PathBuf),
    #[error("{} cannot be executed: the interpreter that its first line names does not exist", .0.display())]
    NoInterpreter(PathBuf),
    #[error("{} is neither a binary for this machine nor a script with a first line `#!`", .0.display())]
    NotProgram(PathBuf),
    #[error("cannot write its log {}: {source}", path.display())]
    Log { path: PathBuf, source: io::Error },
    #[error("the regular expression {pattern} of its probe is not valid")]
    Pattern { pattern: String },
    #[error("cannot become user {uid}: only root can")]
    User { uid: u32 },
    #[error("cannot start {}: {source}", path.display())]
    System { path: PathBuf, source: io::Error },
}

impl SpawnError {
    /// The reason for people, with what can be done about it.
    pub(crate) fn told(&self) -> String {
        let about = match self {
            Self::Log { source, .. } | Self::System { source, .. } => file_limit::explain(source),
            _ => None,
        };
        about.map_or_else(|| self.to_string(), |about| format!("{self}; {about}"))
    }
}

/// Finds the file to execute.
pub(crate) fn find(process: &ProcessSpec) -> Result<PathBuf, SpawnError> {
    let directory = &process.directory;
    match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(SpawnError::NotDirectory(directory.clone())),
        Err(_) => return Err(SpawnError::NoDirectory(directory.clone())),
    }
    let program = &process.program;
    if program.contains('/') {
        let path = directory.join(program);
        return match fs::metadata(&path) {
            Ok(_) if is_executable(&path) => Ok(path),
            Ok(_) => Err(SpawnError::NotExecutable(path)),
            Err(_) => Err(SpawnError::NoProgram(path)),
        };
    }
    let Some(path) = process.env.get("PATH") else { return Err(SpawnError::NoPath(program.clone())) };
    let candidates = || path.split(':').map(|entry| directory.join(entry).join(program));
    if let Some(found) = candidates().find(|candidate| is_executable(candidate)) {
        return Ok(found);
    }
    // A file of that name which lacks only its permission is the better thing to speak of.
    Err(candidates()
        .find(|candidate| candidate.is_file())
        .map_or_else(|| SpawnError::NotInPath { program: program.clone() }, SpawnError::NotExecutable))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
