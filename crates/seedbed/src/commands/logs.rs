//! `seedbed logs`

use std::fmt::Write;

use environment::{LogLine, LogOptions};
use serde_json::{Value, json};

use super::{Job, Outcome, print};
use crate::arguments::LogsArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &LogsArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let options = LogOptions { names: arguments.names.clone(), tail: arguments.tail };
    if arguments.follow {
        let as_json = job.arguments.global.json;
        let mut width = 0;
        let mut show = |line: LogLine| {
            width = width.max(line.unit.len());
            print(&if as_json { format!("{}\n", line_json(&line)) } else { line_text(&line, width) });
        };
        job.tell(environment::follow(job.context, &target, &options, &mut show))?;
        return Ok(Outcome::of(String::new(), json!({})));
    }
    let lines = job.tell(environment::logs(job.context, &target, &options))?;
    let width = lines.iter().map(|line| line.unit.len()).max().unwrap_or(0);
    let text = lines.iter().map(|line| line_text(line, width)).collect();
    Ok(Outcome::of(text, json!({ "lines": lines.iter().map(line_json).collect::<Vec<Value>>() })))
}

fn line_text(line: &LogLine, width: usize) -> String {
    let mut text = String::new();
    let of_day = line.time_ms / 1_000 % 86_400;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let mark = match line.stream {
        'e' => '!',
        's' => '#',
        _ => '|',
    };
    writeln!(
        text,
        "{:width$} {hour:02}:{minute:02}:{second:02}.{:03} {mark} {}",
        line.unit,
        line.time_ms % 1_000,
        line.text
    )
    .expect("writing to a string cannot fail");
    text
}

fn line_json(line: &LogLine) -> Value {
    let stream = match line.stream {
        'e' => "stderr",
        's' => "supervisor",
        _ => "stdout",
    };
    json!({ "unit": line.unit, "time_ms": line.time_ms, "stream": stream, "text": line.text })
}
