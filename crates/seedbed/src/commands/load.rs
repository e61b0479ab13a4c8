//! `seedbed load`

use environment::{LoadMode, LoadOptions, TypeReport};
use serde_json::json;

use super::{Job, Outcome, up};
use crate::arguments::{LoadArguments, ModeArgument};
use crate::duration::duration;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &LoadArguments) -> Result<Outcome, Failure> {
    check_declared(arguments)?;
    let options = LoadOptions {
        what: arguments.spec.as_deref(),
        service: arguments.service.as_deref(),
        scenario: arguments.scenario.as_deref(),
        strict: arguments.strict,
        fill: arguments.fill,
        seed: arguments.seed,
        set: arguments.set.clone(),
        mode: match arguments.mode {
            ModeArgument::Ensure => LoadMode::Ensure,
            ModeArgument::Update => LoadMode::Update,
            ModeArgument::Add => LoadMode::Add,
            ModeArgument::Replace => LoadMode::Replace,
        },
        is_dry: arguments.dry_run,
    };
    let (report, total_ms) = job.tell(environment::load(job.context, &job.target()?, &options))?;
    let counts = |report: &TypeReport| [report.data_type.clone(), report.created.to_string(), report.found.to_string()];
    let more = |report: &TypeReport| {
        let [data_type, created, found] = counts(report);
        [data_type, created, found, report.changed.to_string(), report.removed.to_string()]
    };
    let table = match options.mode {
        LoadMode::Ensure | LoadMode::Add => {
            table(["RECORDS OF", "CREATED", "FOUND"], &report.types.iter().map(counts).collect::<Vec<_>>())
        }
        LoadMode::Update | LoadMode::Replace => {
            let rows: Vec<_> = report.types.iter().map(more).collect();
            table(["RECORDS OF", "CREATED", "FOUND", "CHANGED", "REMOVED"], &rows)
        }
    };
    let done = if report.is_dry { "tried; nothing was written" } else { "loaded" };
    let text = format!("{table}\n{}{done}: {}\n", up::loaded(&report), duration(total_ms));
    Ok(Outcome::of(text, json!({ "load": up::load_json(&report), "total_ms": total_ms })))
}

/// What is declared is loaded as it is declared; of one service alone, if that is said.
fn check_declared(arguments: &LoadArguments) -> Result<(), Failure> {
    let LoadArguments { scenario, strict, seed, set, mode, dry_run, .. } = arguments;
    let is_other = scenario.is_some()
        || *strict
        || seed.is_some()
        || !set.is_empty()
        || !matches!(mode, ModeArgument::Ensure)
        || *dry_run;
    if arguments.spec.is_some() || arguments.fill.is_some() || !is_other {
        return Ok(());
    }
    let message = "error: which spec? without one, what the manifests declare is loaded, and that takes no options but `--service`\n\
                   help: name a spec, as in `seedbed load SPEC --mode update`, or give --fill ROWS\n";
    Err(Failure { code: 2, kind: "command-line", message: message.to_owned() })
}
