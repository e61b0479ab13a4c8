//! `seedbed exec` and `seedbed shell`

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use environment::{ContainerPlace, ServicePlace};

use super::{Job, Outcome};
use crate::arguments::{ExecArguments, ShellArguments};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// What is a shell in a container: of those that an image may have, the one that people like better.
const SHELL_OF_IMAGES: &str = "command -v bash >/dev/null 2>&1 && exec bash; exec sh";

/// What a shell needs to know of the terminal.
const TERMINAL_VARIABLES: [&str; 2] = ["TERM", "COLORTERM"];

pub fn run(job: &Job<'_>, arguments: &ExecArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let place = job.tell(environment::place_of_service(job.context, &target, Some(&arguments.service)))?;
    match &place.container {
        Some(container) => run_inside(job, container, &arguments.command),
        None => become_program(&place, &arguments.command),
    }
}

pub fn shell(job: &Job<'_>, arguments: &ShellArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let place = job.tell(environment::place_of_service(job.context, &target, arguments.service.as_deref()))?;
    if job.world.terminal {
        let what = if place.container.is_some() { "inside of the container of" } else { "where" };
        let verb = if place.container.is_some() { "" } else { " runs" };
        job.note(&format!("this is {what} {}{verb}; `exit` leaves it", place.service));
    }
    if let Some(container) = &place.container {
        return run_inside(job, container, &["/bin/sh", "-c", SHELL_OF_IMAGES].map(str::to_owned));
    }
    // A shell that another user has chosen may not be there for this one.
    let own = job.world.variables.get("SHELL").filter(|_| place.user.is_none());
    let shell = own.cloned().unwrap_or_else(|| "/bin/sh".to_owned());
    become_program(&place, &[shell])
}

/// Passes on what a program in a container reads and writes, and ends as it does.
fn run_inside(job: &Job<'_>, container: &ContainerPlace, words: &[String]) -> Result<Outcome, Failure> {
    let terminal = Terminal::open();
    let variables = TERMINAL_VARIABLES.iter().filter(|_| terminal.is_real());
    let variables: Vec<(&str, &str)> =
        variables.filter_map(|name| Some((*name, job.world.variables.get(*name)?.as_str()))).collect();
    let ended = container.run(job.context, words, &variables, &terminal);
    // What is said next is said to a terminal as it was before.
    drop(terminal);
    let code = job.tell(ended)?;
    Ok(Outcome { code: u8::try_from(code).unwrap_or(u8::MAX), ..Outcome::silent() })
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
