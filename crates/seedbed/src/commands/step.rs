//! `seedbed run --step` and `seedbed replay`

use std::collections::HashSet;
use std::process::Command;
use std::rc::Rc;

use lineage::{Record, Reference, Status, Subject, document};
use recorder::{Again, Executed, Execution, How, Recorder, RecorderError, StepSpec, again, execute};
use serde_json::{Value, json};

use super::{Job, Outcome, count};
use crate::failure::Failure;
use crate::lineage_arguments::{ObservedArguments, ReplayArguments, StepArguments};
use crate::lineage_views;
use crate::recording::{self, tell};
use crate::table::table;

/// Runs any program as a step.
pub fn run(job: &Job<'_>, step: &str, arguments: &StepArguments) -> Result<Outcome, Failure> {
    let mut recorder = recording::open_to_record(job)?;
    let directory = job.directory()?;
    let named = |words: &[String]| -> Result<Vec<Subject>, Failure> {
        words.iter().map(|word| tell(recorder.catalogue().named(word, &directory))).collect()
    };
    let spec = StepSpec {
        step: step.to_owned(),
        kind: "process".to_owned(),
        parameters: arguments.parameters.iter().cloned().collect(),
        inputs: named(&arguments.inputs)?,
        outputs: named(&arguments.outputs)?,
        code: named(&arguments.code)?,
        command: arguments.command.clone(),
        directory: recording::below(&recorder.catalogue().root, &directory),
        ..StepSpec::default()
    };
    let wish = || job.world.interrupt.is_raised();
    let execution = execution(job, spec, directory, arguments.observe, &wish);
    let executed = tell(execute(&mut recorder, execution, &|warning| job.note(&format!("warning: {warning}"))))?;
    ended(job, &executed)
}

fn execution<'a>(
    job: &Job<'_>,
    spec: StepSpec,
    directory: std::path::PathBuf,
    observe: bool,
    wish: &'a (dyn Fn() -> bool + Sync),
) -> Execution<'a> {
    let program = job.context.program.to_string_lossy().into_owned();
    Execution {
        spec,
        directory,
        observer: observe.then(|| vec![program, "observed".to_owned(), "--".to_owned()]),
        is_talk: job.arguments.global.json,
        is_interrupted: wish,
        passes_on: !job.world.terminal,
    }
}

/// What is said of an execution: its program has said the rest.
fn ended(job: &Job<'_>, executed: &Executed) -> Result<Outcome, Failure> {
    let record = &executed.record;
    let code = match (record.status, executed.exit_code) {
        (Status::Complete, _) => 0,
        (Status::Aborted, _) => 130,
        (Status::Failed, 0) => 1,
        (Status::Failed, code) => u8::try_from(code).unwrap_or(1),
    };
    if code != 0 && !job.arguments.global.json {
        return Err(failure(record, code));
    }
    let mut json = document::to_json(record);
    if let Some(undeclared) = &executed.undeclared {
        let places = |list: &[lineage::Place]| -> Vec<String> { list.iter().map(ToString::to_string).collect() };
        json["undeclared"] = json!({
            "reads": places(&undeclared.reads), "writes": places(&undeclared.writes), "unread": places(&undeclared.unread)
        });
    }
    Ok(Outcome { text: String::new(), json: json!({ "record": json, "exit_code": executed.exit_code }), code })
}

fn failure(record: &Record, code: u8) -> Failure {
    let reason = record.reason.as_deref().unwrap_or("it did not complete");
    let help = if reason.contains("does not declare") {
        "nothing was undone; name it with --out if the step is to write it"
    } else {
        "what it was to write does not count until it completes"
    };
    let message = format!("error: `{}` is recorded as {}: {reason}\nhelp: {help}\n", record.step, record.status.word());
    Failure { code, kind: "step", message }
}

/// Becomes a program that is observed. Returns only what went wrong.
pub fn observed(arguments: &ObservedArguments) -> std::process::ExitCode {
    let error = recorder::become_observed(&arguments.command);
    std::process::ExitCode::from(u8::try_from(error).unwrap_or(u8::MAX))
}

/// Executes the stale part again, in order.
pub fn replay(job: &Job<'_>, arguments: &ReplayArguments) -> Result<Outcome, Failure> {
    let mut recorder = recording::open_to_record(job)?;
    for step in &arguments.steps {
        lineage_views::must_be_known(&recorder, step)?;
    }
    let plan = tell(again(&mut recorder, &arguments.steps))?;
    if plan.is_empty() {
        return Ok(Outcome::of("nothing is stale\n".to_owned(), json!({ "steps": [] })));
    }
    if arguments.dry_run {
        let rows: Vec<[String; 3]> = plan
            .iter()
            .map(|one| {
                let what = match &one.how {
                    How::Not(why) => format!("cannot be executed again: {why}"),
                    How::Step | How::Itself => one.record.command.join(" "),
                };
                [one.record.step.clone(), one.reason.clone(), what]
            })
            .collect();
        let json: Vec<Value> = plan.iter().map(|one| again_json(one, None)).collect();
        return Ok(Outcome::of(table(["STEP", "WHY", "COMMAND"], &rows), json!({ "steps": json })));
    }
    // Before anything is executed: half of it would be worse than nothing.
    if let Some(Again { record, how: How::Not(why), .. }) = plan.iter().find(|one| matches!(one.how, How::Not(_))) {
        let message = format!(
            "error: `{}` cannot be executed again: {why}\nhelp: nothing was executed; execute it yourself, and repeat this for the rest, or \
             name the steps that you want\n",
            record.step
        );
        return Err(Failure { code: 6, kind: "refused", message });
    }
    let mut done = Vec::new();
    for one in &plan {
        // What one before it has made again may be what it was.
        let still = tell(again(&mut recorder, &arguments.steps))?;
        let Some(now) = still.iter().find(|still| still.record.family() == one.record.family()) else {
            job.note(&format!("`{}` is not stale any more: what it reads is what it was", one.record.step));
            done.push(again_json(one, Some("not needed")));
            continue;
        };
        job.note(&format!("`{}`: {}", now.record.step, now.reason));
        execute_again(job, &mut recorder, now)?;
        done.push(again_json(now, Some("executed")));
    }
    let executed = done.iter().filter(|one| one["did"] == "executed").count();
    let text = format!("{} executed again\n", count(executed, "step", "steps"));
    Ok(Outcome::of(text, json!({ "steps": done })))
}

fn again_json(again: &Again, did: Option<&str>) -> Value {
    let blocked = match &again.how {
        How::Not(why) => Some(why),
        How::Step | How::Itself => None,
    };
    json!({
        "step": again.record.step, "id": again.record.id, "reason": again.reason, "command": again.record.command,
        "blocked": blocked, "did": did
    })
}

fn execute_again(job: &Job<'_>, recorder: &mut Recorder<'_>, again: &Again) -> Result<(), Failure> {
    let record: &Rc<Record> = &again.record;
    let directory = recording::directory_of(&recorder.catalogue().root, &record.directory);
    if again.how == How::Itself {
        return execute_itself(job, recorder, record, &directory);
    }
    let subjects = |list: &[Reference]| list.iter().map(|reference| reference.subject.clone()).collect();
    let spec = StepSpec {
        step: record.step.clone(),
        kind: record.kind.clone(),
        parameters: record.parameters.clone(),
        inputs: subjects(&record.inputs),
        outputs: subjects(&record.outputs),
        code: subjects(&record.code),
        command: record.command.clone(),
        directory: record.directory.clone(),
        ..StepSpec::default()
    };
    let observe = record.others.get("observed") == Some(&json!(true));
    let wish = || job.world.interrupt.is_raised();
    let execution = execution(job, spec, directory, observe, &wish);
    let executed = tell(execute(recorder, execution, &|warning| job.note(&format!("warning: {warning}"))))?;
    match executed.record.status {
        Status::Complete => Ok(()),
        Status::Aborted => Err(failure(&executed.record, 130)),
        Status::Failed => Err(failure(&executed.record, u8::try_from(executed.exit_code).unwrap_or(1).max(1))),
    }
}

/// Executes a command that records itself what it does, and looks whether it has.
fn execute_itself(
    job: &Job<'_>,
    recorder: &mut Recorder<'_>,
    record: &Record,
    directory: &std::path::Path,
) -> Result<(), Failure> {
    let known: HashSet<String> = latest_ids(recorder)?;
    let (program, words) = record.command.split_first().expect("a step without a command is refused before");
    // This program may be called otherwise than it was then.
    let program = if program == "seedbed" { job.context.program.clone() } else { program.into() };
    let mut command = Command::new(&program);
    command.args(words).current_dir(directory);
    if job.arguments.global.json {
        command.stdout(std::io::stderr());
    }
    let status = command.status().map_err(|source| {
        Failure::of_recorder(&RecorderError::Start { program: program.display().to_string(), source })
    })?;
    if !status.success() {
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        let message = format!(
            "error: `{}` ended with code {code} when it was executed again\nhelp: what was executed before it is done; `seedbed replay` goes on \
             from here\n",
            record.step
        );
        return Err(Failure { code, kind: "step", message });
    }
    tell(recorder.read())?;
    let is_recorded = latest_ids(recorder)?.difference(&known).next().is_some();
    if is_recorded {
        return Ok(());
    }
    let message = format!(
        "error: `{}` was executed again, and has recorded nothing\nhelp: its command is `{}`; what it does has to begin and complete the step\n",
        record.step,
        record.command.join(" ")
    );
    Err(Failure { code: 1, kind: "step", message })
}

/// The ids of the latest records: more than one execution can make.
fn latest_ids(recorder: &Recorder<'_>) -> Result<HashSet<String>, Failure> {
    let latest = tell(recorder.index().latest(1000).map_err(RecorderError::from))?;
    Ok(latest.iter().map(|record| record.id.clone()).collect())
}
