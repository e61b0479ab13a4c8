//! What can be typed about a data workspace.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use workspace::Role;

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
