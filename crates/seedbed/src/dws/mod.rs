//! The program under the name `dws`: it takes the command line of Data Workspaces 1.6, asks as that does, says what scripts read from
//! that, ends with the same exit codes, and does everything by the operations that `seedbed` calls.
//!
//! What differs on purpose is told in `docs/guide/dws.md`.

mod add;
mod arguments;
mod ask;
mod config;
mod failure;
mod kinds;
mod lineage;
mod report;
mod sharing;
mod snapshots;
mod table;
mod usage;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use environment::{Monitor, Progress};
use workspace::{Context, Workspace};

use self::arguments::{Arguments, Command};
use self::ask::Ask;
use self::failure::Stop;
use self::usage::Refused;
use crate::arguments::{self as own, Color, Global};
use crate::commands::Job;
use crate::commands::data::{self, outside::Outside};
use crate::world::World;

/// The version of dws whose command line this is.
const VERSION: &str = "1.6.0";

/// The words that were typed, if the program was called by this name.
pub fn called() -> Option<Vec<String>> {
    let words: Vec<_> = std::env::args_os().collect();
    let is_called = |program: &OsString| Path::new(program).file_name().is_some_and(|name| name == "dws");
    words.first().filter(|program| is_called(program))?;
    Some(words.iter().map(|word| word.to_string_lossy().into_owned()).collect())
}

/// What a command works with.
struct Face<'a> {
    job: &'a Job<'a>,
    context: Context<'a>,
    ask: Ask,
    is_batch: bool,
    words: &'a [String],
    directory: PathBuf,
}

impl Face<'_> {
    /// The workspace that is meant.
    fn workspace(&self) -> Result<Workspace, Stop> {
        Ok(Workspace::find(&self.job.arguments.global.directory)?)
    }

    /// Options that do not fit each other.
    fn refuse(&self, reason: &str) -> Stop {
        Stop::Usage(Refused::because(&usage::usage_of(self.words), reason))
    }
}

/// Says a line on standard output.
fn say(text: impl AsRef<str>) {
    let mut output = std::io::stdout().lock();
    // A reader that is gone needs no more words.
    let _ = writeln!(output, "{}", text.as_ref()).and_then(|()| output.flush());
}

/// Says text as it is.
fn show(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Says a line on standard error.
fn complain(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
}

/// Says what goes on, when it is asked for.
struct Talk {
    is_verbose: bool,
}

impl Monitor for Talk {
    fn on(&self, progress: Progress<'_>) {
        match progress {
            Progress::Note(text) if self.is_verbose => say(text),
            _ => {}
        }
    }
}

/// Runs what was typed; the first word is the program.
pub fn run(words: &[String]) -> ExitCode {
    let arguments = match usage::parse::<Arguments>(words) {
        Ok(arguments) => arguments,
        Err(refused) => return end(Err(Stop::Usage(refused))),
    };
    let (directory, root) = match places(&arguments) {
        Ok(places) => places,
        Err(stop) => return end(Err(stop)),
    };
    let global =
        Global { directory: root, name: None, json: false, color: Color::Never, quiet: true, environment: false };
    let world = match World::read(&global) {
        Ok(world) => world,
        Err(error) => return end(Err(Stop::said(error.to_string()))),
    };
    world.listen(|| {});
    let talk = Talk { is_verbose: arguments.verbose };
    let context = world.context(&talk);
    // What of our own commands is called works where the workspace is.
    let own = own::Arguments { global, files: Vec::new(), command: own::Command::Status };
    let job = Job { context: &context, world: &world, arguments: &own };
    let outside = Outside { job: &job };
    let face = Face {
        job: &job,
        context: data::context(&job, &outside),
        ask: Ask { is_batch: arguments.batch },
        is_batch: arguments.batch,
        words,
        directory,
    };
    end(face.run(&arguments.command))
}

/// The directory that this was started in, and the root of the workspace: as it is said, or found, or answered. Where a command makes
/// a workspace both are the same.
fn places(arguments: &Arguments) -> Result<(PathBuf, PathBuf), Stop> {
    let here = Path::new(".").canonicalize().map_err(|error| Stop::said(format!("cannot work here: {error}")))?;
    let Some(place) = arguments.command.place() else { return Ok((here.clone(), here)) };
    let root = match &place.workspace_dir {
        Some(root) => root.clone(),
        None => match workspace::find_root(&here) {
            Some(root) => root,
            None => Ask { is_batch: arguments.batch }.parsed(
                "--workspace-dir",
                "Please enter the workspace root dir",
                None,
                &kinds::workspace,
            )?,
        },
    };
    let root = root.canonicalize().map_err(|error| Stop::said(format!("{}: {error}", root.display())))?;
    Ok((here, root))
}

impl Face<'_> {
    fn run(&self, command: &Command) -> Result<(), Stop> {
        match command {
            Command::Init(options) => add::init(self, options),
            Command::Add(options) => add::add(self, options),
            Command::Snapshot(options) => snapshots::take(self, options),
            Command::Restore(options) => snapshots::restore(self, options),
            Command::DeleteSnapshot(options) => snapshots::delete(self, options),
            Command::Diff(options) => snapshots::diff(self, options),
            Command::Status(options) => report::status(self, options),
            Command::Report(options) => report::run(self, options),
            Command::Push(options) => sharing::push(self, options),
            Command::Pull(options) => sharing::pull(self, options),
            Command::Publish(options) => sharing::publish(self, options),
            Command::Clone(options) => sharing::clone(self, options),
            Command::Config(options) => config::run(self, options),
            Command::Lineage(options) => lineage::graph(self, &options.command),
            Command::Version => {
                say(format!("Data Workspaces version {VERSION}"));
                Ok(())
            }
        }
    }
}

fn end(outcome: Result<(), Stop>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => ExitCode::from(stop.tell()),
    }
}
