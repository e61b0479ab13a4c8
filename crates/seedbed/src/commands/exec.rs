//! `seedbed exec` and `seedbed shell`

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use environment::ServicePlace;

use super::{Job, Outcome};
use crate::arguments::{ExecArguments, ShellArguments};
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &ExecArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let place = job.tell(environment::place_of_service(job.context, &target, Some(&arguments.service)))?;
    become_program(&place, &arguments.command)
}

pub fn shell(job: &Job<'_>, arguments: &ShellArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let place = job.tell(environment::place_of_service(job.context, &target, arguments.service.as_deref()))?;
    // A shell that another user has chosen may not be there for this one.
    let own = job.world.variables.get("SHELL").filter(|_| place.user.is_none());
    let shell = own.cloned().unwrap_or_else(|| "/bin/sh".to_owned());
    if job.world.terminal {
        job.note(&format!("this is where {} runs; `exit` leaves it", place.service));
    }
    become_program(&place, &[shell])
}

/// This process becomes the program: the terminal and the exit code are its own then.
fn become_program(place: &ServicePlace, words: &[String]) -> Result<Outcome, Failure> {
    let (program, arguments) = words.split_first().expect("the command line has a program");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&place.directory).env_clear();
    command.envs(place.variables.iter().map(|(name, value)| (name, value)));
    if let Some((uid, gid)) = place.user {
        command.uid(uid).gid(gid);
    }
    let error = command.exec();
    let message = match error.kind() {
        io::ErrorKind::NotFound if !place.directory.is_dir() => {
            format!("error: the directory {} does not exist\n", place.directory.display())
        }
        io::ErrorKind::NotFound => format!("error: there is no program {program} where {} runs\n", place.service),
        _ => format!("error: cannot run {program} where {} runs: {error}\n", place.service),
    };
    Err(Failure { code: 4, kind: "program", message })
}
