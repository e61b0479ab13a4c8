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
