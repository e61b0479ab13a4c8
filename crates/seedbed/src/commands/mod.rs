//! The commands: what each does with an environment, and how it shows the result.

mod acceptance;
mod attach;
mod base;
mod capture;
mod completions;
mod config;
mod critical_path;
pub mod data;
mod db;
mod describe;
mod destroy;
mod diff;
mod doctor;
mod down;
mod exec;
mod guard;
mod hold;
mod identity;
mod init;
pub mod lineage;
mod link;
mod load;
mod loads;
mod logs;
mod make;
mod ports;
mod repositories;
pub mod reset;
mod run;
mod schema;
mod servers;
mod sharing;
mod snapshot;
mod start;
mod stats;
pub mod status;
mod step;
mod stop;
mod store;
mod supervise;
mod tend;
mod times;
mod types;
mod undo;
mod unload;
mod up;
mod update;
mod verify;
mod wait;
mod why;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use environment::{Context, Error, Target};
use serde_json::{Value, json};
use source::RenderOptions;

use crate::arguments::{Arguments, Command};
use crate::completion;
use crate::failure::Failure;
use crate::progress::Display;
use crate::world::World;

/// What a command has to say.
pub struct Outcome {
    /// For people.
    text: String,
    /// For programs; `seedbed`, the version of the form, is added.
    pub json: Value,
    /// The exit code; other than 0 when the command did what it was asked to and found something wrong.
    code: u8,
}

impl Outcome {
    /// All is well.
    fn of(text: String, json: Value) -> Self {
        Self { text, json, code: 0 }
    }

    /// All is well, and everything was said.
    fn silent() -> Self {
        Self { text: String::new(), json: Value::Null, code: 0 }
    }
}

/// What a command works with.
pub struct Job<'a> {
    pub context: &'a Context<'a>,
    pub world: &'a World,
    pub arguments: &'a Arguments,
}

impl Job<'_> {
    pub fn target(&self) -> Result<Target, Failure> {
        let directory = self.directory()?;
        let name = self.arguments.global.environment_name();
        if self.arguments.files.is_empty() {
            return self.tell(Target::find(&directory, name));
        }
        let files: Vec<PathBuf> = self.arguments.files.iter().map(|file| directory.join(file)).collect();
        self.tell(Target::of_compose_files(&files, name))
    }

    /// The directory that is worked in. An environment is known by its path, so that one directory must have one.
    pub fn directory(&self) -> Result<PathBuf, Failure> {
        let global = &self.arguments.global;
        global.directory.canonicalize().map_err(|error| {
            let message = format!("error: cannot work in {}: {error}\n", global.directory.display());
            Failure { code: 2, kind: "command-line", message }
        })
    }

    pub fn tell<T>(&self, result: Result<T, Error>) -> Result<T, Failure> {
        result.map_err(|error| Failure::of(&error, self.render_options()))
    }

    /// Tells the user something beside the result.
    pub fn note(&self, text: &str) {
        self.context.monitor.on(environment::Progress::Note(text.to_owned()));
    }

    fn render_options(&self) -> RenderOptions {
        RenderOptions { color: self.world.color.errors, width: self.world.width }
    }
}

/// Runs what was typed.
pub fn run() -> ExitCode {
    completion::answer();
    let arguments = crate::help::parse();
    if let Command::Supervise(options) = &arguments.command {
        return supervise::run(options);
    }
    if matches!(arguments.command, Command::Guard) {
        return guard::run();
    }
    if let Command::Observed(options) = &arguments.command {
        return step::observed(options);
    }
    let world = match World::read(&arguments.global) {
        Ok(world) => world,
        Err(error) => {
            return end(
                arguments.global.json,
                Err(Failure { code: 4, kind: "world", message: format!("error: {error}\n") }),
            );
        }
    };
    // What works in the background ends at once when it is told to: it leaves nothing that the next one does not mend.
    // Who talks with `api` ends it, by ending its input.
    let is_of_others = matches!(&arguments.command, Command::Tend(options) if options.background)
        || matches!(&arguments.command, Command::Api);
    if !is_of_others {
        let (json, is_shown) = (arguments.global.json, world.terminal);
        world.listen(move || {
            if is_shown {
                // Below what shows how far it is.
                let _ = std::io::stderr().write_all(b"\n");
            }
            end(json, Err(Failure::interrupted()));
        });
    }
    let display = Display::new(arguments.global.quiet, world.terminal, world.color.errors, world.width);
    let context = Context {
        is_locked: matches!(&arguments.command, Command::Up(options) if options.locked),
        ..world.context(&display)
    };
    let job = Job { context: &context, world: &world, arguments: &arguments };
    let result = data::run(&job).unwrap_or_else(|| run_command(&job));
    display.end();
    end(arguments.global.json, result)
}

/// Runs a command that is about an environment, or about nothing in particular.
fn run_command(job: &Job<'_>) -> Result<Outcome, Failure> {
    match &job.arguments.command {
        Command::Init(options) => init::run(job, options),
        Command::Up(options) => up::run(job, options),
        Command::Update(options) => update::run(job, options),
        Command::Link(options) => link::link(job, options),
        Command::Unlink(options) => link::unlink(job, options),
        Command::Down => down::run(job),
        Command::Start(options) => start::start(job, options),
        Command::Restart(options) => start::restart(job, options),
        Command::Stop(options) => stop::stop(job, options),
        Command::Kill(options) => stop::kill(job, options),
        Command::Status => status::run(job),
        Command::Logs(options) => logs::run(job, options),
        Command::Exec(options) => exec::run(job, options),
        Command::Attach(options) => attach::run(job, options),
        Command::Shell(options) => exec::shell(job, options),
        Command::Run(options) => run::run(job, options),
        Command::Wait(options) => wait::run(job, options),
        Command::Ports => ports::run(job),
        Command::Servers(options) => servers::run(job, options),
        Command::Repositories(options) => repositories::run(job, options),
        Command::Hold(options) => hold::run(job, options),
        Command::Stats(options) => stats::run(job, options),
        Command::CriticalPath(options) => critical_path::run(job, options),
        Command::Times(options) => times::run(job, options),
        Command::Load(options) => load::run(job, options),
        Command::Unload(options) => unload::run(job, options),
        Command::Loads => loads::run(job),
        Command::Describe(options) => describe::run(job, options),
        Command::Capture(options) => capture::run(job, options),
        Command::Types(options) => types::run(job, options),
        Command::Add(_)
        | Command::Clone(_)
        | Command::Publish(_)
        | Command::Remove(_)
        | Command::Rename(_)
        | Command::Branch(_)
        | Command::Use(_)
        | Command::Report(_)
        | Command::Workspace(_) => unreachable!("it is about a data workspace"),
        Command::Snapshot(options) => snapshot::take(job, options),
        Command::Restore(options) => snapshot::restore(job, options),
        Command::Undo => undo::run(job),
        Command::Snapshots(options) => snapshot::list(job, options),
        Command::Show(options) => snapshot::show(job, options),
        Command::Diff(options) => diff::run(job, options),
        Command::Tag(options) => snapshot::tag(job, options),
        Command::Delete(options) => snapshot::delete(job, options),
        Command::Export(options) => snapshot::export(job, options),
        Command::Import(options) => snapshot::import(job, options),
        Command::Push(options) => sharing::push(job, options),
        Command::Pull(options) => sharing::pull(job, options),
        Command::Fetch(options) => sharing::fetch(job, options),
        Command::Db(command) => db::run(job, command),
        Command::Why(options) => why::run(job, options),
        Command::Verify(options) => verify::run(job, options),
        Command::Config(command) => config::run(job, command),
        Command::Base(command) => base::run(job, command),
        Command::Store(command) => store::run(job, command),
        Command::Tend(options) => tend::run(job, options),
        Command::Reset(arguments) => reset::run(job, arguments),
        Command::Destroy(options) => destroy::run(job, options),
        Command::Check(options) => acceptance::run(job, options),
        Command::Doctor(options) => doctor::run(job, options),
        Command::Schema(options) if options.specs => schema::of_specs(job),
        Command::Schema(options) => Ok(schema::of_format(options)),
        Command::Make(options) => make::run(job, options),
        Command::Completions(options) => Ok(completions::run(options)),
        Command::Lineage(command) => lineage::run(job, command),
        Command::Replay(options) => step::replay(job, options),
        Command::Api => crate::api::run(job).map(|()| Outcome::silent()),
        Command::Supervise(_) | Command::Guard | Command::Observed(_) => unreachable!("it was run above"),
    }
}

fn end(json: bool, result: Result<Outcome, Failure>) -> ExitCode {
    let (code, talk, printed) = match result {
        Ok(outcome) => {
            let printed = match (json, outcome.json.is_null()) {
                (true, true) => Ok(()),
                (true, false) => print_json(outcome.json),
                (false, _) => written(print(&outcome.text)),
            };
            (outcome.code, String::new(), printed)
        }
        Err(failure) => {
            let message = failure.message.trim_end();
            let error = json!({ "error": { "kind": failure.kind, "code": failure.code, "message": message } });
            let printed = if json { print_json(error) } else { Ok(()) };
            (failure.code, failure.message, printed)
        }
    };
    let (code, talk) = match printed {
        // What was to be done is done; a script must still not take a part of the result for all of it.
        Err(failure) if code == 0 => (failure.code, failure.message),
        _ => (code, talk),
    };
    // A reader that is gone needs no more words.
    let _ = std::io::stderr().write_all(talk.as_bytes());
    ExitCode::from(code)
}

/// A number of things, in words.
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn print(text: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush())
}

fn print_json(mut value: Value) -> Result<(), Failure> {
    if let Some(object) = value.as_object_mut() {
        object.shift_insert(0, "seedbed".to_owned(), json!(1));
    }
    written(print(&format!("{value:#}\n")))
}

/// What became of output. A reader that is gone (`seedbed logs | head`) is no error.
fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::unwritten(&error)),
        _ => Ok(()),
    }
}
