//! What a shell offers in place of a word that is being typed: commands and options, and the names of what there is here.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use environment::{Context, Monitor, Progress, Target};

use crate::arguments::{Arguments, Global};
use crate::world::World;

/// The environment variable by which the script of a shell asks.
const VARIABLE: &str = "SEEDBED_COMPLETE";

const PROGRAM: &str = "seedbed";

/// Answers when a shell asks, and ends this process then.
pub fn answer() {
    CompleteEnv::with_factory(Arguments::command).var(VARIABLE).completer(PROGRAM).complete();
}

/// The script that makes a shell ask; `None` if it is none that can.
pub fn script(shell: &str) -> Option<String> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let written = shells.completer(shell)?.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script);
    written.expect("a list takes everything");
    Some(String::from_utf8_lossy(&script).into_owned())
}

/// Services, also those of dependencies.
pub fn services() -> ArgValueCandidates {
    of(|context, target| environment::declared_names(context, target).services)
}

/// Tasks, also those of dependencies.
pub fn tasks() -> ArgValueCandidates {
    of(|context, target| environment::declared_names(context, target).tasks)
}

/// Services and tasks.
pub fn units() -> ArgValueCandidates {
    of(|context, target| {
        let names = environment::declared_names(context, target);
        [names.services, names.tasks].concat()
    })
}

/// Databases.
pub fn databases() -> ArgValueCandidates {
    of(|context, target| environment::declared_names(context, target).databases)
}

/// Profiles of the workspace.
pub fn profiles() -> ArgValueCandidates {
    of(|context, target| environment::declared_names(context, target).profiles)
}

/// The tags of snapshots in the store of the workspace.
pub fn snapshots() -> ArgValueCandidates {
    of(|context, target| {
        let snapshots = environment::snapshots(context, target, None, None).unwrap_or_default();
        snapshots.into_iter().map(|record| record.details.tag).collect()
    })
}

/// The environments of the workspace.
pub fn environments() -> ArgValueCandidates {
    of(|_, target| environment::environments(target).unwrap_or_default())
}

/// Candidates that are looked for when they are asked for. Where they cannot be had there are none: a shell shows no errors.
pub fn of(names: fn(&Context<'_>, &Target) -> Vec<String>) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let global = typed();
        let found = || {
            let world = World::read(&global).ok()?;
            let directory = global.directory.canonicalize().ok()?;
            let target = Target::find(&directory, global.environment_name()).ok()?;
            Some(names(&world.context(&Silence), &target))
        };
        found().unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The place that the words before the one that is typed speak of.
fn typed() -> Global {
    let words: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").skip(2).collect();
    let value = |names: [&str; 2]| {
        let with = |word: &OsString| {
            let word = word.to_str()?;
            names.iter().find_map(|name| Some(word.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
        };
        let after = words.iter().position(|word| names.iter().any(|name| word == name));
        let after = after.and_then(|index| words.get(index + 1)).and_then(|word| word.to_str().map(str::to_owned));
        after.or_else(|| words.iter().find_map(with))
    };
    let mut global = Arguments::parse_from([PROGRAM, "status"]).global;
    if let Some(directory) = value(["-C", "--directory"]) {
        global.directory = PathBuf::from(directory);
    }
    if let Some(name) = value(["--name", "--name"]) {
        global.name = Some(name);
    }
    global
}

/// Nobody listens.
struct Silence;

impl Monitor for Silence {
    fn on(&self, _: Progress<'_>) {}
}
