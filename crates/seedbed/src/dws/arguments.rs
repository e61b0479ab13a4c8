//! What can be typed when the program is called `dws`: the command line of Data Workspaces 1.6, option for option.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::kinds::{self, Roles};

/// Code, data and results, versioned together.
#[derive(Debug, Parser)]
#[command(
    name = "dws",
    disable_help_subcommand = true,
    disable_version_flag = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Arguments {
    /// Never ask: fail where an answer would be needed
    #[arg(short, long)]
    pub batch: bool,
    /// Say which commands are given to git, and what else goes on
    #[arg(long)]
    pub verbose: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Where the workspace is.
#[derive(Debug, Clone, Default, Args)]
pub struct Place {
    /// The root of the workspace; default: the one that this directory is in
    #[arg(long, value_name = "WORKSPACE-DIRECTORY", value_parser = kinds::workspace)]
    pub workspace_dir: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a workspace of this directory
    Init(InitArguments),
    /// Add a resource to the workspace
    Add(AddArguments),
    /// Take a snapshot of all resources
    Snapshot(SnapshotArguments),
    /// Bring resources back to a snapshot
    Restore(RestoreArguments),
    /// Remove a snapshot, and the results that were kept for it
    DeleteSnapshot(DeleteSnapshotArguments),
    /// Show the resources; `report status` and `report history` say the same
    Status(StatusArguments),
    /// List the resources that two snapshots hold otherwise
    Diff(DiffArguments),
    /// Send the workspace and its resources to where they came from
    Push(PushArguments),
    /// Get what others have pushed
    Pull(PushArguments),
    /// Say where the workspace is shared, and push it for the first time
    Publish(PublishArguments),
    /// Make a copy of a workspace that others share
    Clone(CloneArguments),
    /// Show resources, snapshots, lineage or results
    Report(ReportArguments),
    /// Draw lineage
    Lineage(LineageArguments),
    /// Show and set parameters
    Config(ConfigArguments),
    /// Print the version
    Version,
}

impl Command {
    /// Where the workspace is; `None` for commands that have none yet.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Init(_) | Self::Clone(_) | Self::Version => None,
            Self::Add(options) => Some(&options.place),
            Self::Snapshot(options) => Some(&options.place),
            Self::Restore(options) => Some(&options.place),
            Self::DeleteSnapshot(options) => Some(&options.place),
            Self::Status(options) => Some(&options.place),
            Self::Diff(options) => Some(&options.place),
            Self::Push(options) | Self::Pull(options) => Some(&options.place),
            Self::Publish(options) => Some(&options.place),
            Self::Report(options) => Some(&options.place),
            Self::Lineage(options) => Some(&options.place),
            Self::Config(options) => Some(&options.place),
        }
    }
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// What this machine is called in the paths of results; asked for when it is not said
    #[arg(long, value_parser = kinds::word)]
    pub hostname: Option<String>,
    /// Make a directory, and a resource of it, for these roles: `all`, or some of source-data, intermediate-data, code, results,
    /// with commas between
    #[arg(long, value_name = "RESOURCES", value_parser = kinds::roles)]
    pub create_resources: Option<Roles>,
    /// Where programs may put what is not to be kept; default: `scratch` in the workspace
    #[arg(long, value_name = "DIRECTORY", value_parser = kinds::new_directory)]
    pub scratch_directory: Option<PathBuf>,
    /// Keep large files with git-fat, and in this place
    #[arg(long, value_name = "TEXT")]
    pub git_fat_remote: Option<String>,
    /// The user at that place
    #[arg(long, value_name = "TEXT")]
    pub git_fat_user: Option<String>,
    /// The port of that place; default: 22
    #[arg(long, value_name = "INTEGER", value_parser = kinds::integer)]
    pub git_fat_port: Option<u64>,
    /// Patterns of files that git-fat keeps, such as '*.gz,*.zip'
    #[arg(long, value_name = "TEXT")]
    pub git_fat_attributes: Option<String>,
    /// Patterns of files that git-lfs keeps, such as '*.gz,*.zip'
    #[arg(long, value_name = "TEXT")]
    pub git_lfs_attributes: Option<String>,
    /// What the workspace is called; default: as the directory
    pub name: Option<String>,
}

/// Arguments of `add`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct AddArguments {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub kind: AddKind,
}

/// The kinds of resources.
#[derive(Debug, Subcommand)]
pub enum AddKind {
    /// A directory that git does not keep
    LocalFiles(LocalFilesArguments),
    /// A git repository, or a directory in that of the workspace
    Git(GitArguments),
    /// A place that rclone reaches, and a directory for its files
    Rclone(RcloneArguments),
    /// A bucket of S3
    S3(S3Arguments),
    /// Data without files, whose version a program says
    ApiResource(ApiResourceArguments),
}

/// What every kind of resource takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// What it is for: source-data, intermediate-data, code or results; the first letter will do. Asked for when it is not said
    #[arg(long, value_parser = kinds::role)]
    pub role: Option<String>,
    /// A short name; asked for when it is not said
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
}

/// Whether lineage goes with a resource to other workspaces.
#[derive(Debug, Clone, Copy, Args)]
pub struct Passing {
    /// Write lineage into the resource when a snapshot is taken, for other workspaces
    #[arg(short, long)]
    pub export: bool,
    /// It has lineage of another workspace in it: take that over. The role is source-data then
    #[arg(long)]
    pub imported: bool,
}

/// Arguments of `add local-files`.
#[derive(Debug, Args)]
pub struct LocalFilesArguments {
    #[command(flatten)]
    pub common: Common,
    /// Only note digests of the files, and do not keep what is in them
    #[arg(long)]
    pub compute_hash: bool,
    #[command(flatten)]
    pub passing: Passing,
    /// The directory
    #[arg(value_parser = kinds::directory)]
    pub path: PathBuf,
}

/// Arguments of `add git`.
#[derive(Debug, Args)]
pub struct GitArguments {
    #[command(flatten)]
    pub common: Common,
    /// The branch; default: the one that is checked out
    #[arg(long, value_name = "TEXT")]
    pub branch: Option<String>,
    /// Never push to where it came from
    #[arg(short, long)]
    pub read_only: bool,
    #[command(flatten)]
    pub passing: Passing,
    /// The repository, or the directory
    pub path: String,
}

/// Arguments of `add rclone`.
#[derive(Debug, Args)]
pub struct RcloneArguments {
    #[command(flatten)]
    pub common: Common,
    /// The configuration file of rclone
    #[arg(long, value_name = "TEXT")]
    pub config: Option<String>,
    /// Only note digests of the files, and do not keep what is in them
    #[arg(long)]
    pub compute_hash: bool,
    #[command(flatten)]
    pub passing: Passing,
    /// Which side is the right one: `remote` is pulled from, `local` is pushed, `none` is neither
    #[arg(long, default_value = "none", ignore_case = true)]
    pub master: Master,
    /// Whether a transfer also removes what the right side has not
    #[arg(long, default_value = "copy", ignore_case = true)]
    pub sync_mode: SyncMode,
    /// Take files of the same size for the same
    #[arg(long)]
    pub size_only: bool,
    /// The place, as `NAME:PATH` with a name of rclone's configuration
    pub remote: String,
    /// The directory for its files
    pub local_path: String,
}

/// Which side of a place of rclone is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Master {
    /// Neither
    None,
    /// The place
    Remote,
    /// The directory
    Local,
}

impl Master {
    /// As metadata has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Remote => "remote",
            Self::Local => "local",
        }
    }
}

/// How rclone transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SyncMode {
    /// Nothing is removed
    Copy,
    /// What is not there is removed
    Sync,
}

impl SyncMode {
    /// As metadata has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Sync => "sync",
        }
    }
}

/// Arguments of `add s3`.
#[derive(Debug, Args)]
pub struct S3Arguments {
    #[command(flatten)]
    pub common: Common,
    /// The bucket
    pub bucket_name: String,
}

/// Arguments of `add api-resource`.
#[derive(Debug, Args)]
pub struct ApiResourceArguments {
    /// What it is for: source-data or intermediate-data; the first letter will do. Asked for when it is not said
    #[arg(long, value_parser = kinds::data_role)]
    pub role: Option<String>,
    /// A short name; asked for when it is not said
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
}

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArguments {
    #[command(flatten)]
    pub place: Place,
    /// What it is
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub message: String,
    /// The word to restore it by
    #[arg(value_parser = kinds::word)]
    pub tag: Option<String>,
}

/// Arguments of `delete-snapshot`.
#[derive(Debug, Args)]
pub struct DeleteSnapshotArguments {
    #[command(flatten)]
    pub place: Place,
    /// Leave the results that were kept for it
    #[arg(long)]
    pub no_include_resources: bool,
    /// A tag, or at least 7 digits of a hash
    #[arg(value_name = "TAG_OR_HASH", value_parser = kinds::word)]
    pub snapshot: String,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    #[command(flatten)]
    pub place: Place,
    /// Only these, with commas between
    #[arg(long, value_name = "RESOURCE1[,RESOURCE2,...]")]
    pub only: Option<String>,
    /// All but these
    #[arg(long, value_name = "RESOURCE1[,RESOURCE2,...]")]
    pub leave: Option<String>,
    /// Fail when one of them cannot be restored, instead of leaving it as it is
    #[arg(long)]
    pub strict: bool,
    /// A tag, or at least 7 digits of a hash
    #[arg(value_name = "TAG_OR_HASH")]
    pub snapshot: String,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    #[command(flatten)]
    pub place: Place,
    /// Show the snapshots, too
    #[arg(long)]
    pub history: bool,
    /// Only so many, the newest first
    #[arg(long, value_name = "INTEGER", value_parser = kinds::integer)]
    pub limit: Option<u64>,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    #[command(flatten)]
    pub place: Place,
    /// A tag or a hash
    #[arg(value_name = "SNAPSHOT_OR_TAG1")]
    pub from: String,
    /// Another one
    #[arg(value_name = "SNAPSHOT_OR_TAG2")]
    pub to: String,
}

/// Arguments of `push` and `pull`.
#[derive(Debug, Args)]
pub struct PushArguments {
    #[command(flatten)]
    pub place: Place,
    /// Only these resources, with commas between
    #[arg(long, value_name = "RESOURCE1[,RESOURCE2,...]")]
    pub only: Option<String>,
    /// All resources but these
    #[arg(long, value_name = "RESOURCE1[,RESOURCE2,...]")]
    pub skip: Option<String>,
    /// Only the metadata
    #[arg(long)]
    pub only_workspace: bool,
}

/// Arguments of `publish`.
#[derive(Debug, Args)]
pub struct PublishArguments {
    #[command(flatten)]
    pub place: Place,
    /// All resources but these, with commas between
    #[arg(long, value_name = "RESOURCE1[,RESOURCE2,...]")]
    pub skip: Option<String>,
    /// An empty repository of git
    pub remote_repository: String,
}

/// Arguments of `clone`.
#[derive(Debug, Args)]
pub struct CloneArguments {
    /// What this machine is called in the paths of results; asked for when it is not said
    #[arg(long, value_parser = kinds::word)]
    pub hostname: Option<String>,
    /// Where the workspace is shared
    pub repository: String,
    /// The new directory; default: as the workspace is called
    pub directory: Option<PathBuf>,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct ReportArguments {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub report: Report,
}

/// The reports.
#[derive(Debug, Subcommand)]
pub enum Report {
    /// The resources
    Status,
    /// The snapshots
    History {
        /// Only so many, the newest first
        #[arg(long, value_name = "INTEGER", value_parser = kinds::integer)]
        limit: Option<u64>,
    },
    /// What was made of what
    Lineage {
        /// As it was then: a tag or a hash; default: now
        #[arg(long, value_parser = kinds::snapshot)]
        snapshot: Option<String>,
    },
    /// What a results file says
    Results {
        /// That of this snapshot: a tag or a hash; default: the newest
        #[arg(long, value_parser = kinds::snapshot)]
        snapshot: Option<String>,
        /// That in this resource; default: the first that has one
        #[arg(long, value_name = "TEXT")]
        resource: Option<String>,
    },
}

/// Arguments of `lineage`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct LineageArguments {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub command: LineageCommand,
}

/// The commands on lineage.
#[derive(Debug, Subcommand)]
pub enum LineageCommand {
    /// Write what a resource was made of as a graph
    Graph {
        /// Which resource; default: the first with results
        #[arg(long, value_name = "TEXT")]
        resource: Option<String>,
        /// As it was then: a tag or a hash; default: now
        #[arg(long, value_parser = kinds::snapshot)]
        snapshot: Option<String>,
        /// The form of the file
        #[arg(long, default_value = "html")]
        format: GraphFormat,
        /// Its width in pixels
        #[arg(long, value_name = "INTEGER", value_parser = kinds::integer, default_value = "1024")]
        width: u64,
        /// Its height in pixels
        #[arg(long, value_name = "INTEGER", value_parser = kinds::integer, default_value = "800")]
        height: u64,
        /// The file to write
        output_file: PathBuf,
    },
}

/// The forms of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A page
    Html,
    /// For Graphviz
    Dot,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArguments {
    #[command(flatten)]
    pub place: Place,
    /// Parameters of this resource, not of the workspace
    #[arg(long, value_name = "TEXT")]
    pub resource: Option<String>,
    /// Which one; default: all
    #[arg(value_name = "PARAMETER_NAME")]
    pub name: Option<String>,
    /// Its new value
    #[arg(value_name = "PARAMETER_VALUE")]
    pub value: Option<String>,
}
