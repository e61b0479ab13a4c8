//! What can be typed about a data workspace.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use workspace::{Role, ShareOptions};

/// Arguments of `init` that make a data workspace; each implies `--data`.
#[derive(Debug, Args)]
pub struct DataInitArguments {
    /// Make the directory a data workspace: resources with roles, and snapshots of all of them together
    #[arg(long, conflicts_with = "print")]
    pub data: bool,
    /// What the data workspace is called; default: as the directory
    #[arg(value_name = "NAME", conflicts_with = "print")]
    pub workspace: Option<String>,
    /// What this machine is called in the data workspace
    #[arg(long, value_name = "NAME", conflicts_with = "print")]
    pub hostname: Option<String>,
    /// Make a directory for each of these roles, and a resource of it: `all`, or source-data, intermediate-data, code, results
    #[arg(long, value_name = "ROLE", value_delimiter = ',', num_args = 1, conflicts_with = "print")]
    pub create_resources: Vec<String>,
    /// Where in the data workspace goes what nobody keeps; default: scratch
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "print")]
    pub scratch_directory: Option<String>,
    /// Patterns of files that git-lfs keeps
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', num_args = 1, conflicts_with = "print")]
    pub git_lfs_attributes: Vec<String>,
}

impl DataInitArguments {
    /// Whether a data workspace is meant.
    pub fn is_meant(&self) -> bool {
        self.data
            || self.workspace.is_some()
            || self.hostname.is_some()
            || !self.create_resources.is_empty()
            || self.scratch_directory.is_some()
            || !self.git_lfs_attributes.is_empty()
    }

    /// The roles of which a resource is made.
    pub fn roles(&self) -> Result<Vec<Role>, String> {
        let role = |word: &String| match word.as_str() {
            "all" => Ok(Role::ALL.to_vec()),
            word => word.parse().map(|role| vec![role]).map_err(|error| format!("'{word}' is no role: {error}")),
        };
        Ok(self.create_resources.iter().map(role).collect::<Result<Vec<_>, _>>()?.concat())
    }
}

/// The commands of `add`, one for each kind of resource.
#[derive(Debug, Subcommand)]
pub enum AddCommand {
    /// A directory whose whole content is kept in the store
    LocalFiles(AddLocalFilesArguments),
    /// A directory of the workspace's own repository of git, or a repository of its own
    Git(AddGitArguments),
    /// A repository of somebody else at a commit, which is only read
    GitReference(AddGitReferenceArguments),
    /// A directory that rclone copies from a remote or to one; its content is kept in the store
    Rclone(AddRcloneArguments),
    /// A file from the web, checked by its digest and kept in the store
    Http(AddHttpArguments),
    /// A database of the environment beside the workspace: its content is kept in the store
    Database(AddDatabaseArguments),
    /// Data behind an interface: a program says the hash of what it was given
    #[command(alias = "api-resource")]
    Api(AddApiArguments),
}

/// What every resource has.
#[derive(Debug, Args)]
pub struct ResourceArguments {
    /// What it is for: source-data, intermediate-data, code or results
    #[arg(long, value_name = "ROLE", value_parser = str::parse::<Role>)]
    pub role: Role,
    /// What it is called; default: as its directory
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Let its lineage go with it to other workspaces
    #[arg(long, conflicts_with = "imported")]
    pub export: bool,
    /// Its lineage comes with it from another workspace
    #[arg(long)]
    pub imported: bool,
}

/// What of a directory belongs to a resource.
#[derive(Debug, Args)]
pub struct SelectionArguments {
    /// Only files that fit this pattern
    #[arg(long, value_name = "PATTERN")]
    pub include: Vec<String>,
    /// Not files that fit this pattern; one without a slash is for names at any depth
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
}

/// Arguments of `add local-files`.
#[derive(Debug, Args)]
pub struct AddLocalFilesArguments {
    #[command(flatten)]
    pub resource: ResourceArguments,
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Keep no content: whether it has changed is seen by its digest, and a restore leaves it
    #[arg(long, alias = "compute-hash")]
    pub no_content: bool,
    /// The directory
    #[arg(value_name = "DIRECTORY")]
    pub path: PathBuf,
}

/// Arguments of `add git-reference`.
#[derive(Debug, Args)]
pub struct AddGitReferenceArguments {
    #[command(flatten)]
    pub resource: ResourceArguments,
    /// A branch, a tag or a commit; default: what the repository has checked out
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
    /// The address of the repository
    #[arg(value_name = "URL")]
    pub url: String,
    /// Where it is put; default: a directory with its name
    #[arg(value_name = "DIRECTORY")]
    pub path: Option<PathBuf>,
}

/// Arguments of `add rclone`.
#[derive(Debug, Args)]
pub struct AddRcloneArguments {
    #[command(flatten)]
    pub resource: ResourceArguments,
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// The configuration file of rclone
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Keep no content: whether it has changed is seen by its digest, and a restore leaves it
    #[arg(long, alias = "compute-hash")]
    pub no_content: bool,
    /// Which side is copied to the other: with `remote` a pull brings, with `local` a push sends
    #[arg(long, value_name = "SIDE", value_parser = ["none", "remote", "local"], default_value = "remote")]
    pub master: String,
    /// Whether what only the target has stays (copy) or goes (sync)
    #[arg(long, value_name = "MODE", value_parser = ["copy", "sync"], default_value = "copy")]
    pub sync_mode: String,
    /// Take files of the same size for equal
    #[arg(long)]
    pub size_only: bool,
    /// Where it is elsewhere: REMOTE:PATH
    #[arg(value_name = "REMOTE")]
    pub remote: String,
    /// Where it is here; default: a directory with its name
    #[arg(value_name = "DIRECTORY")]
    pub path: Option<PathBuf>,
}

/// Arguments of `add http`.
#[derive(Debug, Args)]
pub struct AddHttpArguments {
    #[command(flatten)]
    pub resource: ResourceArguments,
    /// What the file must be: sha256:… or blake3:…; default: what it is now
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<String>,
    /// The address of the file
    #[arg(value_name = "URL")]
    pub url: String,
    /// The directory that it is put into; default: one with the name of the file, without its ending
    #[arg(value_name = "DIRECTORY")]
    pub path: Option<PathBuf>,
}

/// Arguments of `add database`.
#[derive(Debug, Args)]
pub struct AddDatabaseArguments {
    #[command(flatten)]
    pub resource: ResourceArguments,
    /// The environment that it is in
    #[arg(long = "of", value_name = "ENVIRONMENT", default_value = "default")]
    pub owner: String,
    /// WORKSPACE/DATABASE, or DATABASE where that means one
    #[arg(value_name = "DATABASE")]
    pub database: String,
}

/// Arguments of `add api`.
#[derive(Debug, Args)]
pub struct AddApiArguments {
    #[command(flatten)]
    pub resource: ResourceArguments,
}

/// Arguments of `add git`.
#[derive(Debug, Args)]
pub struct AddGitArguments {
    #[command(flatten)]
    pub resource: ResourceArguments,
    /// The branch of a repository of its own; default: the one that is checked out
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// Never push it
    #[arg(long)]
    pub read_only: bool,
    /// The directory
    #[arg(value_name = "DIRECTORY")]
    pub path: PathBuf,
}

/// Arguments of `remove`.
#[derive(Debug, Args)]
pub struct RemoveArguments {
    /// The resource
    #[arg(value_name = "RESOURCE")]
    pub resource: String,
}

/// Arguments of `rename`.
#[derive(Debug, Args)]
pub struct RenameArguments {
    /// The resource
    #[arg(value_name = "RESOURCE")]
    pub resource: String,
    /// Its new name
    #[arg(value_name = "NEW")]
    pub new: String,
}

/// Arguments of `branch`.
#[derive(Debug, Args)]
pub struct BranchArguments {
    /// The branch: one that there is, or a new one that begins here; all are listed when none is named
    #[arg(value_name = "BRANCH")]
    pub branch: Option<String>,
    /// Let a new branch begin at this snapshot
    #[arg(long, value_name = "SNAPSHOT", requires = "branch")]
    pub at: Option<String>,
    /// Go there also if something has changed since the last snapshot; `undo` brings it back
    #[arg(long, requires = "branch")]
    pub discard: bool,
    /// Remove it; its snapshots stay
    #[arg(long, requires = "branch", conflicts_with_all = ["at", "discard"])]
    pub delete: bool,
}

/// Arguments of `use`.
#[derive(Debug, Args)]
pub struct UseArguments {
    /// The data set; all are listed when none is named
    #[arg(value_name = "DATA_SET")]
    pub set: Option<String>,
    /// The resource; default: the one that has such a data set, or the only one with source data
    #[arg(long, value_name = "RESOURCE", requires = "set")]
    pub resource: Option<String>,
    /// Begin a new data set with what is there
    #[arg(long, requires = "set")]
    pub new: bool,
}

/// The commands of `report`.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// What has changed since the last snapshot
    Status,
    /// The snapshots with their metrics, the newest first
    History(HistoryArguments),
    /// What `results.json` says
    Results(ResultsArguments),
}

/// Arguments of `report history`.
#[derive(Debug, Args)]
pub struct HistoryArguments {
    /// Only so many
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,
    /// Compare the metrics with those of this snapshot
    #[arg(long, value_name = "SNAPSHOT")]
    pub baseline: Option<String>,
    /// Write a page with a chart for each metric into this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Arguments of `report results`.
#[derive(Debug, Args)]
pub struct ResultsArguments {
    /// As they were in this snapshot; default: now, or in the last one that has some
    #[arg(long, value_name = "SNAPSHOT")]
    pub snapshot: Option<String>,
    /// Only of this resource
    #[arg(long, value_name = "RESOURCE")]
    pub resource: Option<String>,
}

/// The commands of `workspace`.
#[derive(Debug, Subcommand)]
pub enum WorkspaceCommand {
    /// Bring metadata that dws has made into separate files, so that the changes of two people are changes of two files
    Upgrade,
    /// Look whether the metadata is whole and leads to contents that are there
    Verify(VerifyWorkspaceArguments),
}

/// Arguments of `workspace verify`.
#[derive(Debug, Args)]
pub struct VerifyWorkspaceArguments {
    /// Read every byte of the contents
    #[arg(long)]
    pub data: bool,
}

/// Arguments of `config list`.
#[derive(Debug, Args)]
pub struct ParametersArguments {
    /// Those of a resource
    #[arg(long, value_name = "RESOURCE")]
    pub resource: Option<String>,
}

/// Arguments of `config get`.
#[derive(Debug, Args)]
pub struct ParameterArguments {
    #[command(flatten)]
    pub of: ParametersArguments,
    /// The parameter
    #[arg(value_name = "PARAMETER")]
    pub parameter: String,
}

/// Arguments of `config set`.
#[derive(Debug, Args)]
pub struct SetParameterArguments {
    #[command(flatten)]
    pub of: ParametersArguments,
    /// For this copy of the workspace alone
    #[arg(long)]
    pub local: bool,
    /// Take it away
    #[arg(long, conflicts_with = "value", required_unless_present = "value")]
    pub unset: bool,
    /// The parameter
    #[arg(value_name = "PARAMETER")]
    pub parameter: String,
    /// Its value: JSON, or a text
    #[arg(value_name = "VALUE")]
    pub value: Option<String>,
}

/// What of a data workspace is shared.
#[derive(Debug, Args)]
pub struct ShareArguments {
    /// All resources of the data workspace but these
    #[arg(long, value_name = "RESOURCE", value_delimiter = ',', conflicts_with = "only")]
    pub skip: Vec<String>,
    /// Only the metadata of the data workspace, and no resource
    #[arg(long, conflicts_with_all = ["only", "skip"])]
    pub only_workspace: bool,
}

impl ShareArguments {
    /// As operations take it.
    pub fn options(&self, only: &[String]) -> ShareOptions {
        ShareOptions {
            only: (!only.is_empty()).then(|| only.to_vec()),
            skip: self.skip.clone(),
            only_workspace: self.only_workspace,
        }
    }
}

/// Arguments of `publish`.
#[derive(Debug, Args)]
pub struct PublishWorkspaceArguments {
    /// Only these resources
    #[arg(long, value_name = "RESOURCE", value_delimiter = ',')]
    pub only: Vec<String>,
    #[command(flatten)]
    pub share: ShareArguments,
    /// An empty repository of git
    #[arg(value_name = "REPOSITORY")]
    pub repository: String,
}

/// Arguments of `clone`.
#[derive(Debug, Args)]
pub struct CloneArguments {
    /// What this machine is called in the data workspace
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Only these resources; the others can be pulled later
    #[arg(long, value_name = "RESOURCE", value_delimiter = ',')]
    pub only: Vec<String>,
    #[command(flatten)]
    pub share: ShareArguments,
    /// Where the workspace is shared
    #[arg(value_name = "REPOSITORY")]
    pub repository: String,
    /// The new directory; default: as the workspace is called
    #[arg(value_name = "DIRECTORY")]
    pub target: Option<PathBuf>,
}
