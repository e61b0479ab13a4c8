//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::failure::EXIT_CODES;

/// Development environments over many repositories, with the data in them.
#[derive(Debug, Parser)]
#[command(name = "seedbed", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Work as if started in this directory
    #[arg(short = 'C', long = "directory", global = true, value_name = "DIRECTORY", default_value = ".")]
    pub directory: PathBuf,
    /// Which environment of the workspace; several live side by side
    #[arg(long, global = true, value_name = "NAME", default_value = "default")]
    pub name: String,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Say nothing while it goes on
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands, one file each in `commands/`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring up the services, what they depend on, their databases and data
    Up(UpArguments),
    /// Stop everything; what is stored stays
    Down,
    /// Show what runs, and what `up` would do
    Status,
    /// Show what the services print
    Logs(LogsArguments),
    /// Make sure that the records of a spec are there
    Load(LoadArguments),
    /// Save the state of all databases under a tag
    Snapshot(SnapshotArguments),
    /// Bring back what a snapshot holds
    Restore(RestoreArguments),
    /// List the snapshots
    Snapshots,
    /// Bring every database back to its declared data
    Reset,
    /// Remove the environment with its databases and snapshots
    Destroy(DestroyArguments),
    /// Look for what could keep the environment from coming up
    Doctor(DoctorArguments),
    /// Print the JSON schema of seedbed.yaml
    Schema,
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Own the processes of one environment; started by `up`
    #[command(hide = true)]
    Supervise(SuperviseArguments),
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArguments {
    /// The profile that the environment is made with
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct LogsArguments {
    /// Services, tasks or workspaces; all when none is named
    pub names: Vec<String>,
    /// Go on showing new lines
    #[arg(short, long)]
    pub follow: bool,
    /// How many of the last lines of each
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 100)]
    pub tail: usize,
}

/// Arguments of `load`.
#[derive(Debug, Args)]
pub struct LoadArguments {
    /// A service spec, or a top spec that lists service specs
    pub path: PathBuf,
    /// The service that a service spec is of; default: this workspace
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// Refuse to create a record that is only referred to
    #[arg(long)]
    pub strict: bool,
}

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArguments {
    /// The word to restore it by
    pub tag: String,
    /// What it is
    #[arg(short, long, default_value = "")]
    pub message: String,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// A tag, or at least 7 digits of an id
    pub tag: String,
}

/// Arguments of `destroy`.
#[derive(Debug, Args)]
pub struct DestroyArguments {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The profile to look at, when the environment is not made yet
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `supervise`.
#[derive(Debug, Args)]
pub struct SuperviseArguments {
    /// The environment's directory
    #[arg(long)]
    pub directory: PathBuf,
    /// Where to listen
    #[arg(long)]
    pub socket: PathBuf,
}
