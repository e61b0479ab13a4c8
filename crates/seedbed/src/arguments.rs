//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use environment::ShortOfMemory;

use crate::data_arguments::{
    AddCommand, BranchArguments, CloneArguments, DataInitArguments, ParameterArguments, ParametersArguments,
    PublishWorkspaceArguments, RemoveArguments, RenameArguments, ReportCommand, SetParameterArguments, ShareArguments,
    UseArguments, WorkspaceCommand,
};
use crate::failure::EXIT_CODES;
use crate::lineage_arguments::{LineageCommand, ObservedArguments, ReplayArguments, StepArguments};
use crate::{completion, completion_data};

/// Development environments over many repositories, with the data in them.
#[derive(Debug, Parser)]
#[command(name = "seedbed", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    /// Work with this Compose file, in a directory without a seedbed.yaml; several are laid over each other. Remembered as long as the
    /// directory has an environment
    #[arg(short = 'f', long = "file", value_name = "COMPOSE_FILE")]
    pub files: Vec<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Work as if started in this directory
    #[arg(short = 'C', long = "directory", global = true, value_name = "DIRECTORY", default_value = ".")]
    pub directory: PathBuf,
    /// Which environment of the workspace, `default` when none is named; several live side by side
    #[arg(long, global = true, value_name = "NAME", add = completion::environments())]
    pub name: Option<String>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Say nothing while it goes on
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Mean the environment also where there is a data workspace
    #[arg(long, global = true)]
    pub environment: bool,
}

impl Global {
    /// Which environment is meant.
    pub fn environment_name(&self) -> &str {
        self.name.as_deref().unwrap_or("default")
    }
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
    /// Write a first seedbed.yaml, from what lies in the directory; or make the directory a data workspace
    Init(InitArguments),
    /// Bring up the services, what they depend on, their databases and data
    Up(UpArguments),
    /// Move what dependencies are pinned to, and show what changes
    Update(UpdateArguments),
    /// Use a checkout of your own instead of a dependency
    Link(LinkArguments),
    /// Use a dependency again as it is pinned
    Unlink(UnlinkArguments),
    /// Stop everything; what is stored stays
    Down,
    /// Start services that do not run, with what they need
    Start(StartArguments),
    /// Stop services, after those that need them; the next `up` starts them again
    Stop(ServicesArguments),
    /// Start services anew, as they are declared now
    Restart(StartArguments),
    /// Send a signal to services; what ends of it has ended by itself, and restarts as it would then
    Kill(KillArguments),
    /// Show what runs, and what `up` would do
    Status,
    /// Show what the services print
    Logs(LogsArguments),
    /// Run a program where a service runs: with its environment variables, in its directory, as its user; in its container
    Exec(ExecArguments),
    /// Attach this terminal to that of a service
    Attach(AttachArguments),
    /// Open a shell where a service runs
    Shell(ShellArguments),
    /// Run a task, after what it needs, and show what it prints; with --step any program, recorded. Ends with its exit code
    Run(RunArguments),
    /// Wait until services are ready
    Wait(WaitArguments),
    /// List the ports, and who listens there
    Ports,
    /// List the database servers that environments share, and whose databases they have
    Servers(ServersArguments),
    /// List what was fetched of dependencies, for all workspaces, and remove what is not needed
    Repositories(RepositoriesArguments),
    /// Show what memory and processors the services use
    Stats(StatsArguments),
    /// Show which steps made the last `up` take as long as it did
    CriticalPath(CriticalPathArguments),
    /// Show how long commands have taken since the environment was made, and which steps it was
    Times(TimesArguments),
    /// Make sure that the records of a spec are there, and as many rows as are wanted
    Load(LoadArguments),
    /// Remove what loads of a spec have made, and nothing else
    Unload(UnloadArguments),
    /// List what loads have made
    Loads,
    /// Show what the tables hold, and what they would need and do not have
    Describe(DescribeArguments),
    /// Write a spec of chosen records and of all that they need
    Capture(CaptureArguments),
    /// List the data types: the tables of the databases, and where the values of their fields come from
    Types(TypesArguments),
    /// Add a resource to the data workspace
    #[command(subcommand)]
    Add(AddCommand),
    /// Remove a resource from the data workspace; its files and snapshots stay
    Remove(RemoveArguments),
    /// Give a resource of the data workspace another name
    Rename(RenameArguments),
    /// Go to a branch of data, or list the branches
    Branch(BranchArguments),
    /// Let a resource hold another one of its data sets, or list them
    Use(UseArguments),
    /// Report what is known of the data workspace: status, history, results
    #[command(subcommand)]
    Report(ReportCommand),
    /// Look after the metadata of the data workspace
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Make a copy of a data workspace that others share
    Clone(CloneArguments),
    /// Say where the data workspace is shared, and push it
    Publish(PublishWorkspaceArguments),
    /// Save the state of all databases and resources under a tag
    Snapshot(SnapshotArguments),
    /// Bring back what a snapshot holds
    Restore(RestoreArguments),
    /// Put back what the last reset, restore or migration replaced
    Undo,
    /// List the snapshots
    Snapshots(SnapshotsArguments),
    /// Show what a snapshot holds
    Show(ShowArguments),
    /// Show how two snapshots differ, or a snapshot and the present
    Diff(DiffArguments),
    /// Give a snapshot another tag beside the one it has
    Tag(TagArguments),
    /// Remove a snapshot; the space comes back with `store collect`
    Delete(DeleteArguments),
    /// Write snapshots into one file
    Export(ExportArguments),
    /// Take snapshots from a file that `export` wrote
    Import(ImportArguments),
    /// Send snapshots and states to a remote
    Push(PushArguments),
    /// Get snapshots from a remote
    Pull(PullArguments),
    /// Get from a remote what a snapshot or a state consists of
    Fetch(FetchArguments),
    /// Bring every database back to its declared data, or those that are named
    Reset(ResetArguments),
    /// Look into the databases
    #[command(subcommand)]
    Db(DbCommand),
    /// Show what the state of each database is made of, and what of it can be had without making it
    Why(WhyArguments),
    /// Build all states twice from nothing and compare: what differs has an input that is not declared
    Verify(VerifyArguments),
    /// Show and change the settings that the services are given
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make first contents of databases for others to begin with
    #[command(subcommand)]
    Base(BaseCommand),
    /// Look after the store: snapshots and states of all environments of the workspace
    #[command(subcommand)]
    Store(StoreCommand),
    /// Finish what is done in the background: spare copies, stored states, tidying
    Tend(TendArguments),
    /// Remove the environment with its databases; snapshots stay in the store
    Destroy(DestroyArguments),
    /// Check that the repository is done: valid, up from nothing, ready, repeatable, in time, and nothing left
    Check(AcceptanceArguments),
    /// Look for what could keep the environment from coming up
    Doctor(DoctorArguments),
    /// Print the JSON schema of seedbed.yaml, of the files beside it, or of specs for the environment
    Schema(SchemaArguments),
    /// Print or write a Makefile with the standard targets, each of which is one command
    Make(MakeArguments),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Ask what made what, what depends on it, and what is stale
    #[command(subcommand)]
    Lineage(LineageCommand),
    /// Execute again what is stale, in order
    Replay(ReplayArguments),
    /// Work with the workspace by lines of JSON on standard input and output; for other programs
    #[command(hide = true)]
    Api,
    /// Become a program that is observed; started by `run --step --observe`
    #[command(hide = true)]
    Observed(ObservedArguments),
    /// Own the processes of one environment; started by `up`
    #[command(hide = true)]
    Supervise(SuperviseArguments),
    /// Keep a server running that environments share; started by their supervisors
    #[command(hide = true)]
    Hold(HoldArguments),
    /// Remove the containers of one environment when its supervisor is killed; started by that
    #[command(hide = true)]
    Guard,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct AcceptanceArguments {
    /// The profile to check with; default: that of the environment, or of seedbed.local.yaml
    #[arg(long, value_name = "PROFILE", add = completion::profiles())]
    pub profile: Option<String>,
    /// Run tasks also that have run with the same inputs before
    #[arg(long)]
    pub tasks: bool,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// Print it, and write nothing
    #[arg(long)]
    pub print: bool,
    #[command(flatten)]
    pub data: DataInitArguments,
}

/// Arguments of `start`, `stop` and `restart`.
#[derive(Debug, Args)]
pub struct ServicesArguments {
    /// Services: `WORKSPACE/SERVICE`, or `SERVICE` where that means one
    #[arg(required = true, value_name = "SERVICE", add = completion::services())]
    pub services: Vec<String>,
}

/// Arguments of `start` and `restart`.
#[derive(Debug, Args)]
pub struct StartArguments {
    #[command(flatten)]
    pub services: ServicesArguments,
    #[command(flatten)]
    pub memory: MemoryArguments,
}

/// What is done when there is no memory for services that are to be started.
#[derive(Debug, Args)]
pub struct MemoryArguments {
    /// Start services also when the budget, or the machine, has no memory for them
    #[arg(long)]
    pub over_budget: bool,
    /// Wait until the budget and the machine have memory for the services, in place of a refusal
    #[arg(long, conflicts_with = "over_budget")]
    pub queue: bool,
}

impl MemoryArguments {
    pub fn choice(&self) -> ShortOfMemory {
        match (self.over_budget, self.queue) {
            (true, _) => ShortOfMemory::Start,
            (_, true) => ShortOfMemory::Wait,
            _ => ShortOfMemory::Refuse,
        }
    }
}

/// Arguments of `kill`.
#[derive(Debug, Args)]
pub struct KillArguments {
    #[command(flatten)]
    pub services: ServicesArguments,
    /// The signal: HUP, INT, QUIT, KILL, TERM, USR1 or USR2
    #[arg(short, long, default_value = "KILL", value_name = "SIGNAL", value_parser = signal)]
    pub signal: environment::Signal,
}

/// Reads the name of a signal.
fn signal(text: &str) -> Result<environment::Signal, String> {
    let all = environment::Signal::ALL.map(environment::Signal::name).join(", ");
    environment::Signal::from_name(&text.to_uppercase()).ok_or_else(|| format!("it is one of {all}"))
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArguments {
    /// Only these services, and what they need
    #[arg(value_name = "SERVICE", add = completion::services())]
    pub services: Vec<String>,
    /// The profile that the environment is made with
    #[arg(long, value_name = "PROFILE", add = completion::profiles())]
    pub profile: Option<String>,
    #[command(flatten)]
    pub memory: MemoryArguments,
    /// Print what would be done, and do nothing
    #[arg(long, conflicts_with = "queue")]
    pub dry_run: bool,
    /// Refuse to change seedbed.lock
    #[arg(long)]
    pub locked: bool,
}

/// Arguments of `update`.
#[derive(Debug, Args)]
pub struct UpdateArguments {
    /// Dependencies by their names; all when none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Take tags that were moved in their repository, too
    #[arg(long)]
    pub moved_tags: bool,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `link`.
#[derive(Debug, Args)]
pub struct LinkArguments {
    /// The dependency, also one of a dependency
    #[arg(value_name = "NAME")]
    pub dependency: String,
    /// The directory with its seedbed.yaml
    #[arg(value_name = "DIRECTORY")]
    pub checkout: PathBuf,
}

/// Arguments of `unlink`.
#[derive(Debug, Args)]
pub struct UnlinkArguments {
    /// The dependency
    #[arg(value_name = "NAME")]
    pub dependency: String,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct LogsArguments {
    /// Services, tasks or workspaces; all when none is named
    #[arg(add = completion::units())]
    pub names: Vec<String>,
    /// Go on showing new lines
    #[arg(short, long)]
    pub follow: bool,
    /// How many of the last lines of each; default: 100, and all with --since, --until or --grep
    #[arg(short = 'n', long, value_name = "LINES")]
    pub tail: Option<usize>,
    /// Only lines from then on: so long ago (`10m`), a time of day (`09:11:20`), or a moment (`2026-11-21 09:11:20`, in UTC `2026-11-21T09:11:20Z`)
    #[arg(long, value_name = "WHEN", value_parser = environment::Moment::parse)]
    pub since: Option<environment::Moment>,
    /// Only lines up to then
    #[arg(long, value_name = "WHEN", value_parser = environment::Moment::parse, conflicts_with = "follow")]
    pub until: Option<environment::Moment>,
    /// Only lines in which this regular expression is found
    #[arg(short, long, value_name = "REGEX", value_parser = environment::parse_regex)]
    pub grep: Option<environment::Regex>,
    /// Only lines in which it is not found
    #[arg(short = 'v', long, requires = "grep")]
    pub invert: bool,
    /// Only lines from there
    #[arg(long, value_name = "STREAM", value_enum)]
    pub stream: Vec<StreamArgument>,
}

/// Where lines come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StreamArgument {
    /// Standard output
    Stdout,
    /// Standard error
    Stderr,
    /// What the supervisor remarks: starts, signals, ends
    Supervisor,
}

/// Arguments of `attach`.
#[derive(Debug, Args)]
pub struct AttachArguments {
    /// The service: `WORKSPACE/SERVICE`, or `SERVICE` where that means one
    #[arg(value_name = "SERVICE", add = completion::services())]
    pub service: String,
    /// The key that detaches and is not passed on
    #[arg(long, value_name = "KEY", default_value = "ctrl-]", value_parser = DetachKey::parse)]
    pub detach_key: DetachKey,
}

/// A key together with Ctrl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetachKey(u8);

impl DetachKey {
    fn parse(text: &str) -> Result<Self, String> {
        let key = text.strip_prefix("ctrl-").filter(|key| key.len() == 1).map(|key| key.as_bytes()[0]);
        let key = key.map(|key| key.to_ascii_uppercase()).filter(|key| (b'A'..=b'_').contains(key));
        key.map(Self).ok_or_else(|| "it is written like `ctrl-]` or `ctrl-a`".to_owned())
    }

    /// What a terminal sends for it.
    pub fn byte(self) -> u8 {
        self.0 & 0x1f
    }

    /// What people call it.
    pub fn told(self) -> String {
        format!("Ctrl-{}", char::from(self.0))
    }
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub struct ExecArguments {
    /// SERVICE or WORKSPACE/SERVICE; a container must run, a process need not
    #[arg(add = completion::services())]
    pub service: String,
    /// The program and its arguments
    #[arg(required = true, last = true)]
    pub command: Vec<String>,
}

/// Arguments of `shell`.
#[derive(Debug, Args)]
pub struct ShellArguments {
    /// SERVICE or WORKSPACE/SERVICE; default: the only one of the workspace
    #[arg(add = completion::services())]
    pub service: Option<String>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// TASK or WORKSPACE/TASK; it runs in any case, and what it needs when `up` would run it
    #[arg(add = completion::tasks(), required_unless_present = "step", conflicts_with = "step")]
    pub task: Option<String>,
    /// Run nothing; say of the task, and of those that it comes after, whether `up` would run them, and why
    #[arg(long, conflicts_with = "step")]
    pub why: bool,
    /// Any program as a step
    #[command(flatten)]
    pub step: StepArguments,
}

/// Arguments of `wait`.
#[derive(Debug, Args)]
pub struct WaitArguments {
    /// Services and tasks; all services when none is named
    #[arg(add = completion::units())]
    pub names: Vec<String>,
    /// Which state; a task is ready when it has succeeded
    #[arg(long = "for", value_name = "STATE", value_enum, default_value_t)]
    pub awaited: WaitFor,
    /// For how long at most: `500ms`, `10s`, `2m`
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = environment::parse_duration)]
    pub timeout: Duration,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum WaitFor {
    /// It is ready
    #[default]
    Ready,
    /// Its process was started
    Started,
    /// It does not run
    Stopped,
    /// It is lazy, and sleeps until somebody connects
    Asleep,
}

/// Arguments of `stats`.
#[derive(Debug, Args)]
pub struct StatsArguments {
    /// Go on showing new figures
    #[arg(short, long)]
    pub watch: bool,
}

/// Arguments of `times`.
#[derive(Debug, Args)]
pub struct TimesArguments {
    /// How many steps are shown, those that took most first
    #[arg(long, default_value_t = 10, value_name = "NUMBER")]
    pub steps: usize,
}

/// Arguments of `critical-path`.
#[derive(Debug, Args)]
pub struct CriticalPathArguments {
    /// The command whose last run is meant: `up`, `run`, `load`, `snapshot`, `restore`, `reset`
    #[arg(default_value = "up")]
    pub command: String,
}

/// Arguments of `load`.
#[derive(Debug, Args)]
pub struct LoadArguments {
    /// A scenario of the workspace, or the path or address of a spec: one of records and counts (`seedbed: 1`), a service
    /// spec, or a top spec that lists service specs. Default: what the manifests declare, unless --fill is given
    #[arg(add = completion_data::specs())]
    pub spec: Option<String>,
    /// The service that a spec is of; default: this workspace. Without a spec: the one whose declared records are loaded, and no
    /// others but those that they refer to
    #[arg(long, value_name = "SERVICE", add = completion_data::services())]
    pub service: Option<String>,
    /// The scenario of the spec
    #[arg(long, value_name = "NAME", add = completion_data::scenarios())]
    pub scenario: Option<String>,
    /// Refuse to create a record that is only referred to
    #[arg(long)]
    pub strict: bool,
    /// Generate rows until every table has so many
    #[arg(long, value_name = "ROWS")]
    pub fill: Option<u64>,
    /// What generated values depend on; default: that of the spec, or 0
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// The value of a parameter of the spec
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    pub set: Vec<(String, String)>,
    /// What becomes of what is there
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    pub mode: ModeArgument,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `unload`.
#[derive(Debug, Args)]
pub struct UnloadArguments {
    /// The spec as it was loaded; `seedbed.yaml` for what the manifest declares; `seedbed loads` lists them
    #[arg(add = completion_data::specs())]
    pub spec: String,
    /// Remove rows that no load made, too, where they refer to what goes
    #[arg(long)]
    pub force: bool,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// What a load makes of what is there.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum ModeArgument {
    /// Nothing: what is missing is created, and what differs is reported
    #[default]
    Ensure,
    /// Declared fields are brought to the declared values
    Update,
    /// New records are made every time, with new natural keys
    Add,
    /// As update; and what earlier loads of the spec made and it no longer has is removed
    Replace,
}

/// Reads `NAME=VALUE`.
fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "it is written NAME=VALUE".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Arguments of `describe`.
#[derive(Debug, Args)]
pub struct DescribeArguments {
    /// Only the tables of this service
    #[arg(add = completion_data::services())]
    pub service: Option<String>,
    /// Write a spec that generates rows of like shape
    #[arg(long)]
    pub as_spec: bool,
}

/// Arguments of `capture`.
#[derive(Debug, Args)]
pub struct CaptureArguments {
    /// Records by their type or table and their key: `user[ada]`, `lms.enrollment[ada,demo]`, `users[email=a@b.example]`
    #[arg(required = true, value_name = "TYPE[KEY]", value_parser = environment::Selector::parse,
        add = completion_data::data_types())]
    pub records: Vec<environment::Selector>,
    /// A condition of SQL for the records of a type that is named without a key
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<String>,
    /// Also the records of this type that refer to chosen ones; so many for each of them
    #[arg(long, value_name = "TYPE[:LIMIT]", value_parser = children, add = completion_data::data_types())]
    pub with_children: Vec<(String, Option<u64>)>,
    /// The file to write; default: the output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Reads `TYPE` or `TYPE:LIMIT`.
fn children(text: &str) -> Result<(String, Option<u64>), String> {
    match text.split_once(':') {
        None => Ok((text.to_owned(), None)),
        Some((name, limit)) => {
            let limit = limit.parse().map_err(|_| format!("`{limit}` is no number of records"))?;
            Ok((name.to_owned(), Some(limit)))
        }
    }
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// That of seedbed.lock
    #[arg(long, conflicts_with_all = ["local", "specs"])]
    pub lock: bool,
    /// That of seedbed.local.yaml
    #[arg(long, conflicts_with = "specs")]
    pub local: bool,
    /// That of specs of records and counts: with the services, data types and fields that there are. It is put beside the
    /// environment, too, where an editor can read it
    #[arg(long)]
    pub specs: bool,
}

/// Arguments of `types`.
#[derive(Debug, Args)]
pub struct TypesArguments {
    /// Only those of this service
    #[arg(add = completion_data::services())]
    pub service: Option<String>,
    /// What this provider of the service can make, as a file of data types; of the root workspace when no service is named
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
}

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArguments {
    /// The word to restore it by; that of a data workspace need not have one
    pub tag: Option<String>,
    /// What it is
    #[arg(short, long, default_value = "")]
    pub message: String,
    /// Save what can be read of resources, and name what cannot
    #[arg(long)]
    pub allow_holes: bool,
    /// Save databases as dumps, which any server can read
    #[arg(long, conflicts_with = "physical")]
    pub logical: bool,
    /// Save databases as the files of their server, where the engine can do that
    #[arg(long)]
    pub physical: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// A tag, or at least 7 digits of an id
    #[arg(add = completion::snapshots())]
    pub tag: String,
    /// Only these databases and resources
    #[arg(long, value_name = "NAME", value_delimiter = ',', num_args = 1, conflicts_with = "leave")]
    pub only: Vec<String>,
    /// All but these databases and resources
    #[arg(long, value_name = "NAME", value_delimiter = ',', num_args = 1)]
    pub leave: Vec<String>,
    /// In a data workspace: refuse if a resource is in the snapshot or in the workspace alone, or if its content is not kept
    #[arg(long)]
    pub strict: bool,
    /// Let the engines' own checkers read what is about to be put in place
    #[arg(long)]
    pub prove: bool,
}

/// Arguments of `snapshots`.
#[derive(Debug, Args)]
pub struct SnapshotsArguments {
    /// Only these: a tag, or a pattern such as 'release-*'
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Those of a remote
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// A tag, or at least 7 digits of an id
    #[arg(add = completion::snapshots())]
    pub tag: String,
    /// List the files of resources, too
    #[arg(long)]
    pub files: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// A tag, or at least 7 digits of an id
    #[arg(add = completion::snapshots())]
    pub from: String,
    /// Another one; default: the present
    #[arg(add = completion::snapshots())]
    pub to: Option<String>,
    /// How many rows to show of each table, and how many files of each resource
    #[arg(long, value_name = "ROWS", default_value_t = 5)]
    pub rows: usize,
}

/// Arguments of `tag`.
#[derive(Debug, Args)]
pub struct TagArguments {
    /// The snapshot; with --delete, the tag
    #[arg(add = completion::snapshots())]
    pub tag: String,
    /// The new tag
    #[arg(required_unless_present = "delete", conflicts_with = "delete")]
    pub new: Option<String>,
    /// In a data workspace: take the tag away; the snapshot stays
    #[arg(long)]
    pub delete: bool,
    /// In a data workspace: take the tag from another snapshot that has it
    #[arg(long = "move", conflicts_with = "delete")]
    pub moving: bool,
}

/// Arguments of `delete`.
#[derive(Debug, Args)]
pub struct DeleteArguments {
    /// Tags
    #[arg(required = true, add = completion::snapshots())]
    pub tags: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// In a data workspace: remove the results, too, that the snapshots have moved to a place of their own
    #[arg(long)]
    pub results: bool,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The file to write
    pub file: PathBuf,
    /// Tags
    #[arg(required = true, add = completion::snapshots())]
    pub tags: Vec<String>,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// A file that `export` wrote
    pub file: PathBuf,
}

/// Arguments of `push`.
#[derive(Debug, Args)]
pub struct PushArguments {
    /// Tags of snapshots
    #[arg(add = completion::snapshots())]
    pub tags: Vec<String>,
    /// The states of all databases, so that others need not make them
    #[arg(long)]
    pub states: bool,
    /// Where to; default: the only remote
    #[arg(long, value_name = "REMOTE")]
    pub to: Option<String>,
    /// Send it although the scan has found something
    #[arg(long)]
    pub allow_findings: bool,
    /// Only these resources of a data workspace
    #[arg(long, value_name = "RESOURCE", value_delimiter = ',')]
    pub only: Vec<String>,
    #[command(flatten)]
    pub share: ShareArguments,
}

/// Arguments of `pull`.
#[derive(Debug, Args)]
pub struct PullArguments {
    /// Tags of snapshots; a data workspace is pulled as a whole
    pub tags: Vec<String>,
    /// Where from; default: the only remote
    #[arg(long, value_name = "REMOTE")]
    pub from: Option<String>,
    /// Only these databases and resources
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    #[command(flatten)]
    pub share: ShareArguments,
}

/// Arguments of `fetch`.
#[derive(Debug, Args)]
pub struct FetchArguments {
    /// Tags of snapshots or keys of states; the states that this environment needs when none is named
    pub names: Vec<String>,
    /// Where from; default: the only remote
    #[arg(long, value_name = "REMOTE")]
    pub from: Option<String>,
}

/// The commands on databases.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// List the databases, and what is kept of them
    List,
    /// Open the engine's own client on a database
    Shell(DatabaseArguments),
    /// Print the URL that services use, with the password
    Url(DatabaseArguments),
    /// Count the rows of each table
    Stats(DatabaseArguments),
}

/// The commands of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List the settings: what each is, and where that is said
    Show(ConfigShowArguments),
    /// Show what `config apply` would change, and which services it would start anew
    Diff(ConfigApplyArguments),
    /// Bring settings into force: services that read what differs are started anew
    Apply(ConfigApplyArguments),
    /// List what was in force when, and by whom
    History,
    /// Bring back what was in force before
    Revert(ConfigRevertArguments),
    /// List the parameters of the data workspace, or of one of its resources
    List(ParametersArguments),
    /// Show a parameter of the data workspace
    Get(ParameterArguments),
    /// Set a parameter of the data workspace
    Set(SetParameterArguments),
}

/// Arguments of `config show`.
#[derive(Debug, Args)]
pub struct ConfigShowArguments {
    /// The profile to look at, when the environment is not made yet
    #[arg(long, value_name = "PROFILE", add = completion::profiles())]
    pub profile: Option<String>,
}

/// Arguments of `config diff` and `config apply`.
#[derive(Debug, Args)]
pub struct ConfigApplyArguments {
    /// The profile whose settings come into force, in place of all that was applied before; `default` is what is declared
    /// without one. Default: what was applied stays, and what has changed in the files comes into force
    #[arg(value_name = "PROFILE", add = completion::profiles())]
    pub profile: Option<String>,
    /// A value that stands over all others: `KEY=VALUE`, or `WORKSPACE.KEY=VALUE`
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
}

/// Reads `KEY=VALUE`.
fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Arguments of `config revert`.
#[derive(Debug, Args)]
pub struct ConfigRevertArguments {
    /// The number that `config history` shows; default: the one before the last
    #[arg(value_name = "NUMBER")]
    pub number: Option<u64>,
}

/// Which database.
#[derive(Debug, Args)]
pub struct DatabaseArguments {
    /// DATABASE or WORKSPACE/DATABASE; default: the only one of the workspace
    #[arg(add = completion::databases())]
    pub database: Option<String>,
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub struct WhyArguments {
    /// DATABASE or WORKSPACE/DATABASE; all when none is named
    #[arg(add = completion::databases())]
    pub database: Option<String>,
}

/// Arguments of `reset`.
#[derive(Debug, Args)]
pub struct ResetArguments {
    /// DATABASE or WORKSPACE/DATABASE; all when none is named
    #[arg(value_name = "DATABASE", add = completion::databases())]
    pub databases: Vec<String>,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The profile to build with; default: that of the environment
    #[arg(long, value_name = "PROFILE", add = completion::profiles())]
    pub profile: Option<String>,
}

/// The commands on bases.
#[derive(Debug, Subcommand)]
pub enum BaseCommand {
    /// Publish a database, cleaned as its `scrub` and `cold` say, for others to begin with
    Publish(PublishArguments),
    /// List the published bases
    List(BaseListArguments),
}

/// Arguments of `base publish`.
#[derive(Debug, Args)]
pub struct PublishArguments {
    /// The name to publish it under
    #[arg(value_name = "NAME")]
    pub base: String,
    /// DATABASE or WORKSPACE/DATABASE; default: the only one of the workspace
    #[arg(long, value_name = "DATABASE")]
    pub database: Option<String>,
    /// A dump to take instead of the database's present content
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A remote to send it to, too
    #[arg(long, value_name = "REMOTE")]
    pub to: Option<String>,
    /// Publish it although the scan has found something
    #[arg(long)]
    pub allow_findings: bool,
}

/// Arguments of `base list`.
#[derive(Debug, Args)]
pub struct BaseListArguments {
    /// Those of a remote
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// The commands on stores.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read a store and say what is damaged
    Check(CheckArguments),
    /// Mend a store as far as it can be mended
    Repair(RepairArguments),
    /// Free the space of what no snapshot or state needs
    Collect(CollectArguments),
    /// Show your key for encrypted remotes; it is made when there is none
    Identity,
}

/// Arguments of `store check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Read every byte
    #[arg(long)]
    pub data: bool,
    /// Start the databases of this snapshot in a private place and let the engine's own checker read them
    #[arg(long, value_name = "TAG")]
    pub prove: Vec<String>,
    /// That of a remote
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// Arguments of `store repair`.
#[derive(Debug, Args)]
pub struct RepairArguments {
    /// A remote to take from what is missing; default with --remote: the store of the workspace
    #[arg(long, value_name = "REMOTE")]
    pub from: Option<String>,
    /// That of a remote
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// Arguments of `store collect`.
#[derive(Debug, Args)]
pub struct CollectArguments {
    /// Say what would be freed, and free nothing
    #[arg(long)]
    pub dry_run: bool,
    /// That of a remote
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// Arguments of `tend`.
#[derive(Debug, Args)]
pub struct TendArguments {
    /// End at once when another one is at work; for the background
    #[arg(long, hide = true)]
    pub background: bool,
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
    #[arg(long, value_name = "PROFILE", add = completion::profiles())]
    pub profile: Option<String>,
}

/// Arguments of `make`.
#[derive(Debug, Args)]
pub struct MakeArguments {
    /// Write it into this file of the workspace; a file of somebody else is left as it is
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "seedbed.mk")]
    pub write: Option<PathBuf>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `servers`.
#[derive(Debug, Args)]
pub struct ServersArguments {
    /// Remove the databases of environments whose directories are gone
    #[arg(long)]
    pub prune: bool,
}

/// Arguments of `repositories`.
#[derive(Debug, Args)]
pub struct RepositoriesArguments {
    /// Remove what is beyond the limits and nobody works in; it is fetched again when it is needed
    #[arg(long)]
    pub prune: bool,
    /// With --prune: what stays is what was used within this time
    #[arg(long, value_name = "DURATION", requires = "prune", default_value = "30d", value_parser = environment::parse_duration)]
    pub unused_for: std::time::Duration,
    /// With --prune: what stays, of what was used last, takes no more than this (`5GB`)
    #[arg(long, value_name = "SIZE", requires = "prune", value_parser = manifest::parse_size)]
    pub keep: Option<u64>,
}

/// Arguments of `hold`.
#[derive(Debug, Args)]
pub struct HoldArguments {
    /// The server
    pub server: String,
    /// The directory of the environment that needs it
    #[arg(long = "for", value_name = "DIRECTORY")]
    pub holder: PathBuf,
    /// What that environment calls it
    #[arg(long = "as", value_name = "NAME")]
    pub name: String,
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
