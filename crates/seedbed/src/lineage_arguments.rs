//! What can be typed about steps and lineage.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What makes `run` execute any program as a step.
#[derive(Debug, Args)]
pub struct StepArguments {
    /// Execute the program behind `--` as a step of this name, and record what it reads and writes
    #[arg(long, value_name = "NAME", requires = "command")]
    pub step: Option<String>,
    /// The step reads this: a path, RESOURCE:PATH, the name of a database, or a URL; may be repeated
    #[arg(long = "in", value_name = "PLACE", requires = "step")]
    pub inputs: Vec<String>,
    /// The step writes there; may be repeated
    #[arg(long = "out", value_name = "PLACE", requires = "step")]
    pub outputs: Vec<String>,
    /// The step executes this: a script, a directory of modules; may be repeated
    #[arg(long, value_name = "PLACE", requires = "step")]
    pub code: Vec<String>,
    /// A parameter of the step: a value is JSON if it can be read as that, else text; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "step", value_parser = parameter)]
    pub parameters: Vec<(String, serde_json::Value)>,
    /// Watch what the program, and all that it starts, reads and writes: what it reads and does not declare is told, what it writes and
    /// does not declare is an error
    #[arg(long, requires = "step")]
    pub observe: bool,
    /// The program and its arguments
    #[arg(last = true, value_name = "COMMAND", requires = "step")]
    pub command: Vec<String>,
}

fn parameter(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| serde_json::Value::from(value));
    Ok((name.to_owned(), value))
}

/// The commands of `lineage`.
#[derive(Debug, Subcommand)]
pub enum LineageCommand {
    /// List what steps have written, with who made it and what of
    Table(LineageTableArguments),
    /// Draw what made what
    Graph(LineageGraphArguments),
    /// Say what made something: the steps, and those that made what they read
    Made(LineageMadeArguments),
    /// Say which steps depend on something, and what they write
    Depends(LineageDependsArguments),
    /// List the steps whose code, inputs or outputs are not what they were, in the order in which they would be executed again
    Stale,
    /// Say in which steps two snapshots differ, or a snapshot and the present
    Changed(LineageChangedArguments),
    /// Take a step out of the work: what it wrote is nobody's, and it is never stale, until it is executed again
    Forget(LineageForgetArguments),
    /// Write all records as events of `OpenLineage`, a line each
    Export(LineageExportArguments),
    /// Add records from events of `OpenLineage`
    Import(LineageImportArguments),
}

/// Arguments of `lineage table`.
#[derive(Debug, Args)]
pub struct LineageTableArguments {
    /// Only places of this resource
    #[arg(long, value_name = "RESOURCE")]
    pub resource: Option<String>,
    /// As it was in this snapshot
    #[arg(long, value_name = "SNAPSHOT")]
    pub snapshot: Option<String>,
}

/// How a graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A page that needs nothing else: zoom, search, details of what is clicked
    Html,
    /// A picture
    Svg,
    /// The language of Graphviz
    Dot,
    /// Nodes and edges
    Json,
}

/// Arguments of `lineage graph`.
#[derive(Debug, Args)]
pub struct LineageGraphArguments {
    /// The file to write; without one it goes to standard output
    pub file: Option<PathBuf>,
    /// How; else by the ending of the file
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<GraphFormat>,
    /// Only what led to places of this resource
    #[arg(long, value_name = "RESOURCE")]
    pub resource: Option<String>,
    /// As it was in this snapshot
    #[arg(long, value_name = "SNAPSHOT")]
    pub snapshot: Option<String>,
    /// Pixels of a page; it fills the window when both are missing
    #[arg(long, value_name = "PIXELS", requires = "height")]
    pub width: Option<u32>,
    /// Pixels of a page
    #[arg(long, value_name = "PIXELS", requires = "width")]
    pub height: Option<u32>,
}

/// Arguments of `lineage made`.
#[derive(Debug, Args)]
pub struct LineageMadeArguments {
    /// A path, RESOURCE:PATH, or the name of a database, with `:TABLE` for one of its tables
    pub place: String,
}

/// Arguments of `lineage depends`.
#[derive(Debug, Args)]
pub struct LineageDependsArguments {
    /// A path, RESOURCE:PATH, or the name of a database
    pub place: String,
    /// All executions that read this content of it, now or ever
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<String>,
}

/// Arguments of `lineage changed`.
#[derive(Debug, Args)]
pub struct LineageChangedArguments {
    /// A snapshot
    pub from: String,
    /// Another one; the present when it is left out
    pub to: Option<String>,
}

/// Arguments of `lineage forget`.
#[derive(Debug, Args)]
pub struct LineageForgetArguments {
    /// The name of the step
    pub step: String,
}

/// Arguments of `lineage export`.
#[derive(Debug, Args)]
pub struct LineageExportArguments {
    /// The file to write; without one it goes to standard output
    pub file: Option<PathBuf>,
}

/// Arguments of `lineage import`.
#[derive(Debug, Args)]
pub struct LineageImportArguments {
    /// Events, one a line or in a list
    pub file: PathBuf,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// Only these steps, and what is stale of what they depend on; all when none is named
    pub steps: Vec<String>,
    /// Execute nothing; say what would be, and why
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of what becomes an observed program.
#[derive(Debug, Args)]
pub struct ObservedArguments {
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub command: Vec<String>,
}
