//! The one place that turns errors into messages, hints and exit codes.

use std::fmt::Write;

use environment::{Error, StepFailure, with_causes};
use lineage::LineageError;
use recorder::RecorderError;
use source::RenderOptions;

/// The table of exit codes, as it stands in the help and in the reference.
pub const EXIT_CODES: &str = "Exit codes:
  0    done
  1    a step failed: a task, a migration, a service, a load
  2    the command line is wrong
  3    the files are wrong: a manifest, a data type, a spec
  4    the machine lacks something: a program, a port, space on the disk
  5    there is no such thing: environment, service, snapshot
  6    refused: it was not confirmed, the name is taken, or something would leave that must not
  7    a check found something, or a snapshot has holes
  8    pushed, and contents stayed here: no place is named where they are shared
  130  interrupted; what was begun is undone";

/// How a command ended that did not succeed.
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// A word for programs.
    pub kind: &'static str,
    /// The message, whole, with hints.
    pub message: String,
}

impl Failure {
    /// A command that was refused.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { code: 6, kind: "refused", message: message.into() }
    }

    /// A step that failed, with an exit code of its own.
    pub fn of_step(failure: &StepFailure, code: u8) -> Self {
        Self { code, kind: "step", message: step_failure(failure) }
    }

    /// A command whose result could not be written.
    pub fn unwritten(error: &std::io::Error) -> Self {
        let message = format!("error: cannot write the result to standard output: {error}\n");
        Self { code: 4, kind: "output", message }
    }

    /// A command that was ended while it moved or read what is stored.
    pub fn interrupted() -> Self {
        let message =
            "error: interrupted\nhelp: nothing has to be undone; repeated, it goes on with what is there already\n";
        Self { code: 130, kind: "interrupted", message: message.to_owned() }
    }

    /// What to say of an error about steps and their records.
    pub fn of_recorder(error: &RecorderError) -> Self {
        let (code, kind) = match error {
            RecorderError::Lineage(LineageError::Rule(_)) => (6, "lineage"),
            RecorderError::Lineage(_) => (4, "lineage-index"),
            RecorderError::Io { .. } => (4, "file-system"),
            RecorderError::Digest { .. } => (4, "digest"),
            RecorderError::Outside { .. } | RecorderError::NoText { .. } => (2, "place"),
            RecorderError::Missing { .. } => (5, "missing"),
            RecorderError::NotWritten { .. } => (1, "not-written"),
            RecorderError::NoResource { .. } => (5, "no-resource"),
            RecorderError::NoStep(_) => (5, "no-step"),
            RecorderError::NoObservation => (4, "observation"),
            RecorderError::Start { .. } => (4, "program"),
        };
        let mut message = "error: ".to_owned();
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            write!(message, "{error}").expect("writing to a string cannot fail");
            cause = error.source();
            if cause.is_some() {
                message.push_str(": ");
            }
        }
        message.push('\n');
        if let Some(help) = error.help() {
            writeln!(message, "help: {help}").expect("writing to a string cannot fail");
        }
        Self { code, kind, message }
    }

    /// What to say of an error.
    pub fn of(error: &Error, options: RenderOptions) -> Self {
        let (code, kind) = class(error);
        let mut message = match error {
            Error::Problems(problems) | Error::Secrets(problems) => source::render(problems, options),
            Error::Failed(failures) => failures.iter().map(step_failure).collect::<Vec<_>>().join("\n"),
            Error::Load { place: Some(place), .. }
            | Error::PortTaken { place: Some(place), .. }
            | Error::Repository { place: Some(place), .. } => {
                format!("error: {}\n  wanted at {place}\n", with_causes(error))
            }
            Error::Containers { place, .. } => format!("error: {}\n  wanted at {place}\n", with_causes(error)),
            Error::Provider { place, source, .. } => {
                let mut text = format!("error: {}\n", with_causes(error));
                if let Some(place) = place {
                    writeln!(text, "  wanted at {place}").expect("writing to a string cannot fail");
                }
                for line in &source.last_lines {
                    writeln!(text, "  | {line}").expect("writing to a string cannot fail");
                }
                text
            }
            Error::Findings(findings) => findings.iter().fold(String::new(), |text, finding| {
                let example =
                    if finding.example.is_empty() { String::new() } else { format!(", such as {}", finding.example) };
                format!("{text}error: {}: {} ({}{example})\n", finding.place, finding.what, finding.count)
            }),
            Error::Personal(found) => personal(found),
            Error::DiskFull { source, .. } => format!("{}error: {error}\n", Self::of(source, options).message),
            other => format!("error: {}\n", with_causes(other)),
        };
        if let Some(hint) = hint(error) {
            writeln!(message, "help: {hint}").expect("writing to a string cannot fail");
        }
        Self { code, kind, message }
    }
}

fn class(error: &Error) -> (u8, &'static str) {
    if error.is_disk_full() {
        return (4, "disk-full");
    }
    match error {
        Error::Problems(_) => (3, "files"),
        Error::Secrets(_) => (4, "secret"),
        Error::NoSetting { .. } => (5, "no-setting"),
        Error::NoConfiguration { .. } => (5, "no-configuration"),
        Error::NoManifest { .. } => (3, "no-manifest"),
        Error::Repository { .. } => (4, "repository"),
        Error::LockWouldChange(_) => (6, "locked"),
        Error::NoDependency { .. } => (5, "no-dependency"),
        Error::Script { .. } => (1, "schema"),
        Error::Engine { .. } => (4, "engine"),
        Error::SharedServer { .. } => (4, "server"),
        Error::SharedFiles(_) => (6, "shared-server"),
        Error::Containers { .. } => (4, "containers"),
        Error::PortTaken { .. } | Error::NoPort(..) => (4, "port"),
        Error::Io { .. } => (4, "file-system"),
        Error::Supervisor(_) => (4, "supervisor"),
        Error::Record { .. } | Error::RecordVersion { .. } => (4, "record"),
        Error::ServiceNotRunning(_) => (5, "not-running"),
        Error::NoTerminal(_) => (5, "no-terminal"),
        Error::NoEnvironment(_) | Error::NotRunning(_) => (5, "no-environment"),
        Error::NoService { .. } | Error::WhichService { .. } | Error::NoWorkspace { .. } => (5, "no-service"),
        Error::NoTask { .. } => (5, "no-task"),
        Error::NoUsage | Error::Thread { .. } => (4, "system"),
        Error::Memory { limit: environment::MemoryLimit::Budget(_), .. } => (6, "budget"),
        Error::Memory { .. } => (4, "memory"),
        Error::Awaited(_) => (1, "awaited"),
        Error::NoProvider { .. } => (5, "no-provider"),
        Error::Store(store::StoreError::NotFound { .. } | store::StoreError::Ambiguous { .. }) => (5, "no-snapshot"),
        Error::Name(_)
        | Error::ManifestThere(_)
        | Error::HasManifest { .. }
        | Error::Profile { .. }
        | Error::TagElsewhere { .. }
        | Error::Store(store::StoreError::TagTaken(_) | store::StoreError::BadTag(_)) => (6, "refused"),
        Error::Findings(_) => (6, "findings"),
        Error::Personal(_) => (6, "personal"),
        Error::NotEncrypted { .. } => (6, "not-encrypted"),
        Error::NothingToUndo => (5, "nothing-to-undo"),
        Error::NothingToSave => (5, "nothing-to-save"),
        Error::NothingLoaded { .. } => (5, "nothing-loaded"),
        Error::NoDatabase { .. } | Error::WhichDatabase { .. } => (5, "no-database"),
        Error::NotKept { .. } => (5, "not-kept"),
        Error::NoRemote { .. } | Error::NoBase { .. } | Error::Store(store::StoreError::NoStore { .. }) => {
            (5, "no-remote")
        }
        Error::Remote { .. } | Error::Fetch { .. } | Error::Store(store::StoreError::Backend(_)) => (4, "remote"),
        Error::BadRecipient(_) => (3, "recipient"),
        Error::Tree(_) => (1, "files"),
        Error::Base { .. } | Error::Compression { .. } | Error::Rule { .. } => (1, "base"),
        Error::StateGone { .. }
        | Error::UnusableState(..)
        | Error::OutputsGone { .. }
        | Error::ForeignOutput { .. } => (1, "state"),
        Error::NotProved { .. } => (7, "check"),
        Error::Store(_)
        | Error::OtherDatabases { .. }
        | Error::NotRestored(_)
        | Error::OtherEngine { .. }
        | Error::Unreadable { .. } => (1, "snapshot"),
        Error::Load { .. } => (1, "load"),
        Error::InTheWay(_) => (6, "in-the-way"),
        Error::Provider { .. } => (1, "provider"),
        Error::Unfinished { .. } => (1, "unfinished"),
        Error::Database { .. } => (1, "database"),
        Error::Failed(failures) if failures.first().is_some_and(|first| first.lacks_program) => (4, "program"),
        Error::Failed(_) => (1, "step"),
        Error::Stopped => (1, "stopped"),
        Error::DiskFull { .. } => (4, "disk-full"),
        Error::Interrupted => (130, "interrupted"),
    }
}

/// What looks personal, and the rules to write for it, as they stand in the manifest.
fn personal(found: &[environment::Personal]) -> String {
    let mut text = String::new();
    for one in found {
        writeln!(text, "error: {}: {} looks personal ({}) and has no rule", one.database, one.column, one.why)
            .expect("writing to a string cannot fail");
    }
    text.push_str(
        "help: nothing was written; say what is done with it under `scrub` of the database in seedbed.yaml:\n",
    );
    text.push_str("        scrub:\n          columns:\n");
    for one in found {
        writeln!(text, "            {}", one.rule).expect("writing to a string cannot fail");
    }
    if let Some(one) = found.first() {
        writeln!(text, "      or `{}`, which keeps it as it is", one.keep).expect("writing to a string cannot fail");
    }
    text
}

/// What was probably meant, or what there is.
pub fn near(wanted: &str, known: &[String]) -> String {
    // A service may be meant by its own name alone.
    let own = known.iter().filter_map(|name| Some(name.split_once('/')?.1));
    match source::closest(wanted, known.iter().map(String::as_str).chain(own)) {
        Some(near) => format!("did you mean '{near}'?"),
        None if known.is_empty() => "there is none yet".to_owned(),
        None => format!("there are: {}", known.join(", ")),
    }
}

/// What to do when no server here can read files of another one.
const NO_SERVER: &str =
    "install that server, or take the snapshot with `--logical` where it is: a dump can be read everywhere";

/// What to do when files of a shared server are wanted.
const NO_FILES: &str = "leave `--physical` out: they are dumped then; an environment that is made with `servers: own` has a server that \
                        can stop";

/// Which configurations there are in the history.
fn configuration_hint(known: &[String]) -> String {
    if known.is_empty() {
        "`seedbed up` and `seedbed config apply` write down what comes into force".to_owned()
    } else {
        format!("there are: {}", known.join(", "))
    }
}

fn hint(error: &Error) -> Option<String> {
    if error.is_disk_full() {
        return Some("free some space and repeat the command; nothing is lost".to_owned());
    }
    match error {
        Error::NoManifest { importable: Some((key, file)), .. } => Some(format!(
            "there is `{file}`: `seedbed init` makes a workspace of it, by a file `{}` with the lines `name: NAME` and `{key}: {file}`",
            manifest::FILE_NAME
        )),
        Error::NoManifest { .. } => Some("`seedbed init` writes a first one here; stand in a workspace, or name one with -C".to_owned()),
        Error::ManifestThere(_) => Some("`seedbed init --print` shows what it would write".to_owned()),
        Error::HasManifest { .. } => Some("name the files in it, below `compose`, and leave --file out".to_owned()),
        Error::Profile { name, .. } => Some(format!(
            "`--name OTHER` makes another environment beside it; `seedbed destroy --name {name}` removes this one"
        )),
        Error::Repository { source, .. } => source.help(),
        Error::LockWouldChange(_) => Some("repeat it without --locked, which writes the lock".to_owned()),
        Error::Name(_) => Some("use a-z, 0-9 and '-', beginning with a letter, at most 40; not 'tasks', 'store', 'store-cache', 'downloads' or 'lineage'".to_owned()),
        Error::NoEnvironment(_) => Some("`seedbed up` makes it; `--name` chooses another".to_owned()),
        Error::Memory { .. } => Some(
            "nothing was started; stop something else, or say --over-budget to start them all the same".to_owned(),
        ),
        Error::NotRunning(_) => Some("`seedbed up` starts it".to_owned()),
        Error::NoTerminal(_) => Some("write `tty: true` in the service, and `seedbed up`".to_owned()),
        Error::ServiceNotRunning(service) => Some(format!("`seedbed start {service}` starts it")),
        Error::NoProvider { known, .. } if known.is_empty() => {
            Some("a file of data types declares one: `providers: { NAME: { command: [PROGRAM, …] } }`".to_owned())
        }
        Error::NoConfiguration { known, .. } => Some(configuration_hint(known)),
        Error::NoSetting { wanted, known }
        | Error::NoService { wanted, known }
        | Error::NoDatabase { wanted, known }
        | Error::NoBase { wanted, known }
        | Error::NoWorkspace { wanted, known }
        | Error::NoTask { wanted, known }
        | Error::NoProvider { wanted, known }
        | Error::NoDependency { wanted, known }
        | Error::Store(store::StoreError::NotFound { wanted, known }) => Some(near(wanted, known)),
        Error::Store(store::StoreError::TagTaken(_)) => Some("choose another tag".to_owned()),
        error if error.is_damage() => {
            let help = "nothing was changed; `seedbed store check --data` says what is lost, `seedbed store repair` mends what it can, \
                        with `--remote NAME` in a remote";
            Some(help.to_owned())
        }
        Error::Findings(_) => Some(
            "nothing was sent; let `scrub` of the database clean it, name tables without such data in `scrub.keep`, or say \
             --allow-findings"
                .to_owned(),
        ),
        Error::NotEncrypted { .. } => {
            Some("nothing was sent; a store is encrypted from its beginning on: choose an empty place".to_owned())
        }
        Error::NothingLoaded { spec, known } => Some(near(spec, known)),
        Error::InTheWay(_) => Some("nothing was changed; `seedbed unload SPEC --force` removes them, too".to_owned()),
        Error::NothingToSave => Some(
            "a snapshot holds what `databases` and `resources` of seedbed.yaml declare; volumes of containers are not in it".to_owned(),
        ),
        Error::NothingToUndo => Some("a reset, a restore or a migration can be undone, until the next one".to_owned()),
        Error::NoRemote { wanted: Some(wanted), known } if !known.is_empty() => Some(near(wanted, known)),
        Error::NoRemote { known, .. } if known.is_empty() => {
            Some("declare one in seedbed.yaml: `remotes: { team: s3://BUCKET/PREFIX }`".to_owned())
        }
        Error::NoRemote { known, .. } => Some(format!("name one of: {}", known.join(", "))),
        Error::TagElsewhere { tag, .. } => {
            Some(format!("give yours another tag: `seedbed tag {tag} NEW`, and push that"))
        }
        Error::WhichDatabase { .. } | Error::WhichService { .. } => Some("name one".to_owned()),
        Error::NotKept { .. } => Some("`seedbed up` makes it; `seedbed db list` shows what is kept".to_owned()),
        Error::Unreadable { .. } => Some(NO_SERVER.to_owned()),
        Error::StateGone { .. } => Some("repeat the command; it is made then".to_owned()),
        Error::NotProved { .. } => Some("nothing was changed".to_owned()),
        Error::NotRestored(_) => Some(
            "nothing was changed; `seedbed store check --data` reads all of the store, `seedbed pull` or `seedbed store repair --from` \
             takes the snapshot from a remote, and `seedbed snapshots` lists others"
                .to_owned(),
        ),
        Error::Store(store::StoreError::NoStore { .. }) => Some("`seedbed push` makes it".to_owned()),
        Error::Store(store::StoreError::NoKey { .. }) => {
            Some("its key belongs into the file of identities, see the reference on remotes".to_owned())
        }
        Error::PortTaken { .. } => {
            Some("free that port, or write `port: auto` and let seedbed choose one that is free".to_owned())
        }
        Error::Containers { source, .. } => source.help(),
        Error::Engine { .. } => Some("or choose another engine for it, or another profile".to_owned()),
        Error::SharedFiles(_) => Some(NO_FILES.to_owned()),
        Error::OtherDatabases { .. } => Some("it was taken of other databases; nothing was changed".to_owned()),
        Error::Script { .. } => Some(
            "what was there is back in place; `seedbed reset` makes the database anew from what is declared".to_owned(),
        ),
        Error::Provider { .. } | Error::Unfinished { .. } | Error::Load { .. } => load_hint(error).map(str::to_owned),
        Error::Supervisor(error) => error.help(),
        Error::Stopped => {
            Some("by `seedbed down`, `seedbed destroy` or a signal; `seedbed up` starts it again".to_owned())
        }
        Error::Interrupted => Some("what was begun is undone; what ran before still runs".to_owned()),
        Error::Record { path, .. } | Error::RecordVersion { path, .. } => {
            Some(format!("if it cannot be mended, `seedbed down` and move {} away", path.display()))
        }
        _ => None,
    }
}

/// What became of a load that failed, and what can be done.
fn load_hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Provider { record: Some(_), .. } => Some("what was loaded before it is taken back"),
        Error::Unfinished { .. } => Some(
            "what providers have removed stays removed; what is left is still written down, and the same command goes on",
        ),
        Error::Load { is_copy: true, .. } => Some(
            "nothing was loaded. `--mode add` gives new values to natural keys alone: let the data type work out what else must be \
             unique from the key, as in `email: \"{{ login }}@shop.example\"`",
        ),
        Error::Load { .. } => Some("nothing was loaded; every database is as before"),
        _ => None,
    }
}

fn step_failure(failure: &StepFailure) -> String {
    let mut text = format!("error: could not {}: {}\n", failure.title, failure.reason);
    if let Some(place) = &failure.place {
        writeln!(text, "  declared at {place}").expect("writing to a string cannot fail");
    }
    for line in &failure.last_lines {
        writeln!(text, "  | {line}").expect("writing to a string cannot fail");
    }
    if let Some(log) = &failure.log {
        writeln!(text, "  its log: {}", log.display()).expect("writing to a string cannot fail");
    }
    writeln!(text, "help: {}", failure.help).expect("writing to a string cannot fail");
    text
}
