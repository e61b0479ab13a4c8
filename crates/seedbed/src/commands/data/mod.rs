//! Commands about data workspaces, and how it is chosen which of the two a command is about.

mod add;
mod failure;
mod init;
pub mod outside;
mod restore;
mod settings;
mod sharing;
pub mod snapshot;
pub mod snapshots;
pub mod status;

use std::path::Path;

use workspace::{Context, Workspace};

use self::outside::Outside;
use super::{Job, Outcome};
use crate::arguments::{Command, ConfigCommand};
use crate::data_arguments::{ReportCommand, WorkspaceCommand};
use crate::failure::Failure;

/// What a command about a data workspace works with.
pub struct DataJob<'a> {
    pub job: &'a Job<'a>,
    pub context: Context<'a>,
    pub workspace: Workspace,
}

/// Runs the command if it is about a data workspace; `None`: it is about an environment, or about nothing in particular.
pub fn run(job: &Job<'_>) -> Option<Result<Outcome, Failure>> {
    match &job.arguments.command {
        Command::Init(options) if options.data.is_meant() => {
            let outside = Outside { job };
            return Some(init::run(job, &context(job, &outside), &options.data));
        }
        Command::Clone(options) => {
            let outside = Outside { job };
            return Some(sharing::clone(job, &context(job, &outside), options));
        }
        Command::Add(_)
        | Command::Publish(_)
        | Command::Remove(_)
        | Command::Rename(_)
        | Command::Branch(_)
        | Command::Use(_)
        | Command::Report(_)
        | Command::Workspace(_)
        | Command::Config(ConfigCommand::List(_) | ConfigCommand::Get(_) | ConfigCommand::Set(_)) => {}
        Command::Snapshot(_)
        | Command::Restore(_)
        | Command::Undo
        | Command::Snapshots(_)
        | Command::Show(_)
        | Command::Diff(_)
        | Command::Tag(_)
        | Command::Delete(_)
        | Command::Push(_)
        | Command::Pull(_)
        | Command::Status => {
            if job.arguments.global.environment || !job.arguments.files.is_empty() || !is_data(&job.directory().ok()?) {
                return None;
            }
        }
        _ => return None,
    }
    Some(about_workspace(job))
}

/// The failure of something about a data workspace.
pub fn tell<T>(result: Result<T, workspace::Error>) -> Result<T, Failure> {
    result.map_err(|error| failure::of(&error))
}

/// Whether a directory is in a data workspace, and not in a workspace of services that is deeper.
fn is_data(directory: &Path) -> bool {
    match (workspace::find_root(directory), manifest::find_root(directory)) {
        (Some(data), Some(services)) => data.starts_with(services),
        (data, _) => data.is_some(),
    }
}

fn about_workspace(job: &Job<'_>) -> Result<Outcome, Failure> {
    let outside = Outside { job };
    let workspace = Workspace::find(&job.directory()?).map_err(|error| failure::of(&error))?;
    let data = DataJob { job, context: context(job, &outside), workspace };
    match &job.arguments.command {
        Command::Add(command) => add::run(&data, command),
        Command::Remove(options) => settings::remove(&data, options),
        Command::Rename(options) => settings::rename(&data, options),
        Command::Branch(options) => restore::branch(&data, options),
        Command::Use(options) => restore::use_set(&data, options),
        Command::Report(ReportCommand::Status) | Command::Status => status::run(&data),
        Command::Report(ReportCommand::History(options)) => snapshots::history(&data, options),
        Command::Report(ReportCommand::Results(options)) => snapshots::results(&data, options),
        Command::Workspace(WorkspaceCommand::Upgrade) => settings::upgrade(&data),
        Command::Workspace(WorkspaceCommand::Verify(options)) => settings::verify(&data, options),
        Command::Config(ConfigCommand::List(options)) => settings::list(&data, options),
        Command::Config(ConfigCommand::Get(options)) => settings::get(&data, options),
        Command::Config(ConfigCommand::Set(options)) => settings::set(&data, options),
        Command::Snapshot(options) => snapshot::run(&data, options),
        Command::Restore(options) => restore::run(&data, options),
        Command::Undo => restore::undo(&data),
        Command::Snapshots(options) => snapshots::list(&data, options),
        Command::Show(options) => snapshots::show(&data, options),
        Command::Diff(options) => snapshots::diff(&data, options),
        Command::Tag(options) => snapshots::tag(&data, options),
        Command::Delete(options) => snapshots::delete(&data, options),
        Command::Push(options) => sharing::push(&data, options),
        Command::Pull(options) => sharing::pull(&data, options),
        Command::Publish(options) => sharing::publish(&data, options),
        _ => unreachable!("it was found to be about a data workspace"),
    }
}

/// What operations are given of the world.
pub fn context<'a>(job: &'a Job<'_>, outside: &'a Outside<'a>) -> Context<'a> {
    Context {
        now: job.context.now,
        ahead_of_utc: job.context.ahead_of_utc,
        user: job.world.author.clone(),
        host: job.world.host.clone(),
        identities: job.context.identities.clone(),
        world: outside,
    }
}
