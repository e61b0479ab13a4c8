//! `seedbed times`

use std::fmt::Write;

use environment::WaitedFor;
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::TimesArguments;
use crate::duration::duration;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &TimesArguments) -> Result<Outcome, Failure> {
    let waiting = job.tell(environment::waiting(job.context, &job.target()?))?;
    let json = json!({
        "since": waiting.since, "total_ms": waiting.total_ms,
        "commands": waiting.commands.iter().map(one_json).collect::<Vec<Value>>(),
        "steps": waiting.steps.iter().map(one_json).collect::<Vec<Value>>(),
    });
    let Some(since) = waiting.since else {
        return Ok(Outcome::of("nobody has waited for anything yet\n".to_owned(), json));
    };
    let rows = |all: &[WaitedFor]| all.iter().map(row).collect::<Vec<_>>();
    let shown = &waiting.steps[..waiting.steps.len().min(arguments.steps)];
    let mut text = table(["COMMAND", "TIMES", "TOGETHER", "USUALLY", "LAST"], &rows(&waiting.commands));
    text.push('\n');
    if !shown.is_empty() {
        text.push_str(&table(["STEP", "TIMES", "TOGETHER", "USUALLY", "LAST"], &rows(shown)));
        text.push('\n');
    }
    writeln!(text, "since {since} you have waited {}", duration(waiting.total_ms)).expect("it is a string");
    Ok(Outcome::of(text, json))
}

fn row(one: &WaitedFor) -> [String; 5] {
    let times = [one.total_ms, one.usual_ms, one.last_ms].map(duration);
    let [together, usually, last] = times;
    [one.name.clone(), one.times.to_string(), together, usually, last]
}

fn one_json(one: &WaitedFor) -> Value {
    json!({
        "name": one.name, "times": one.times, "total_ms": one.total_ms, "median_ms": one.usual_ms, "last_ms": one.last_ms,
    })
}
