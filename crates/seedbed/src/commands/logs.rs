//! `seedbed logs`

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, UNIX_EPOCH};

use environment::{LogEvent, LogLine, LogOptions, Pattern, Stream};
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::{LogsArguments, StreamArgument};
use crate::failure::Failure;
use crate::local_time::ahead_of_utc;

/// How many lines of each are shown when nothing says which.
const TAIL: usize = 100;

/// The colours of units, in turn; no red, which is for errors.
const COLORS: [&str; 6] = ["36", "33", "32", "35", "34", "96"];

pub fn run(job: &Job<'_>, arguments: &LogsArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let is_chosen = arguments.since.is_some() || arguments.until.is_some() || arguments.grep.is_some();
    let options = LogOptions {
        names: arguments.names.clone(),
        tail: arguments.tail.or((!is_chosen).then_some(TAIL)),
        since: arguments.since.clone(),
        until: arguments.until.clone(),
        pattern: arguments.grep.clone().map(|regex| Pattern { regex, is_inverted: arguments.invert }),
        streams: arguments.stream.iter().map(|stream| stream.stream()).collect(),
        follow: arguments.follow,
    };
    if job.arguments.global.json && !arguments.follow {
        let mut lines: Vec<Value> = Vec::new();
        let mut collect = |event| {
            lines.push(event_json(&event));
            ControlFlow::Continue(())
        };
        job.tell(environment::logs(job.context, &target, &options, &mut collect))?;
        return Ok(Outcome::of(String::new(), json!({ "lines": lines })));
    }
    let mut printer = Printer::new(job.world.color.output, job.arguments.global.json, !arguments.follow);
    job.tell(environment::logs(job.context, &target, &options, &mut |event| printer.print(&event)))?;
    super::written(printer.end())?;
    Ok(Outcome::silent())
}

/// Writes lines as they come.
pub struct Printer {
    output: std::io::BufWriter<std::io::Stdout>,
    color: bool,
    as_json: bool,
    /// Whether lines may wait for others that are written together with them.
    may_wait: bool,
    /// The colour of each unit that was seen.
    colors: BTreeMap<String, &'static str>,
    width: usize,
    /// Why the last line could not be written.
    failed: std::io::Result<()>,
}

impl Printer {
    pub fn new(color: bool, as_json: bool, may_wait: bool) -> Self {
        let output = std::io::BufWriter::with_capacity(64 * 1024, std::io::stdout());
        Self { output, color, as_json, may_wait, colors: BTreeMap::new(), width: 0, failed: Ok(()) }
    }

    /// Breaks off when nobody reads any more (`seedbed logs | head`).
    pub fn print(&mut self, event: &LogEvent) -> ControlFlow<()> {
        let text = if self.as_json { format!("{}\n", event_json(event)) } else { self.text(event) };
        let written = self.output.write_all(text.as_bytes());
        let flushed = if self.may_wait { Ok(()) } else { self.output.flush() };
        self.failed = written.and(flushed);
        if self.failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Writes what is left; says what became of all lines.
    pub fn end(mut self) -> std::io::Result<()> {
        let flushed = self.output.flush();
        self.failed.and(flushed)
    }

    fn text(&mut self, event: &LogEvent) -> String {
        let unit = match event {
            LogEvent::Line(line) => &line.unit,
            LogEvent::Gap { unit, .. } => unit,
        };
        self.width = self.width.max(unit.len());
        let next = COLORS[self.colors.len() % COLORS.len()];
        let color = *self.colors.entry(unit.clone()).or_insert(next);
        let name = self.paint(color, &format!("{unit:width$}", width = self.width));
        match event {
            LogEvent::Line(LogLine { time_ms, stream, text, .. }) => {
                let here = ahead_of_utc(UNIX_EPOCH + Duration::from_millis(*time_ms));
                let of_day = (time_ms / 1_000).saturating_add_signed(here) % 86_400;
                let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
                let clock = self.paint("2", &format!("{hour:02}:{minute:02}:{second:02}.{:03}", time_ms % 1_000));
                match stream {
                    Stream::Output => format!("{name} {clock} | {text}\n"),
                    Stream::Errors => format!("{name} {clock} {} {text}\n", self.paint("31", "!")),
                    Stream::Remark => format!("{name} {clock} {}\n", self.paint("2", &format!("# {text}"))),
                }
            }
            LogEvent::Gap { files, .. } => {
                let what = super::count(usize::try_from(*files).unwrap_or(usize::MAX), "file", "files");
                format!("{name} … {what} of this log were replaced before they could be read\n")
            }
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

impl StreamArgument {
    const fn stream(self) -> Stream {
        match self {
            Self::Stdout => Stream::Output,
            Self::Stderr => Stream::Errors,
            Self::Supervisor => Stream::Remark,
        }
    }
}

fn event_json(event: &LogEvent) -> Value {
    match event {
        LogEvent::Line(line) => {
            let stream = match line.stream {
                Stream::Output => "stdout",
                Stream::Errors => "stderr",
                Stream::Remark => "supervisor",
            };
            json!({
                "unit": line.unit, "time_ms": line.time_ms, "stream": stream, "cut": line.is_cut, "text": line.text,
            })
        }
        LogEvent::Gap { unit, files } => json!({ "unit": unit, "missing_files": files }),
    }
}
