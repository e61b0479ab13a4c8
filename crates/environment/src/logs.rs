//! `logs`: what the processes of an environment have printed, merged in the order of time.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;
use runtime::{LogEntry, LogReader, Stream};

use crate::Error;
use crate::context::{Context, Target};
use crate::moment::Moment;
use crate::record::Record;

/// A line with the unit that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The unit's id; in that of a schema step a hyphen stands for the space.
    pub unit: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// Where it comes from.
    pub stream: Stream,
    /// Whether it goes on in the next line of the same unit and stream.
    pub is_cut: bool,
    /// The text.
    pub text: String,
}

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Services, tasks or whole workspaces by name; all when empty.
    pub names: Vec<String>,
    /// Only the last lines of each unit, of those that fit.
    pub tail: Option<usize>,
    /// None from before this moment.
    pub since: Option<Moment>,
    /// None from after this moment.
    pub until: Option<Moment>,
    /// Only lines whose text this finds.
    pub pattern: Option<Pattern>,
    /// Only lines from there; from everywhere when empty.
    pub streams: Vec<Stream>,
    /// Whether to go on with what is printed from now on, until the user interrupts.
    pub follow: bool,
}

/// What is looked for in the text of lines.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// What is looked for.
    pub regex: Regex,
    /// Whether those lines are wanted in which it is not.
    pub is_inverted: bool,
}

/// Reads a regular expression; an error is a reason for people.
pub fn parse_regex(text: &str) -> Result<Regex, String> {
    // The last line of the message is the reason; the others draw the expression.
    let reason = |error: regex::Error| error.to_string().lines().last().unwrap_or_default().to_owned();
    Regex::new(text)
        .map_err(|error| format!("not a regular expression: {}", reason(error).trim_start_matches("error: ")))
}

/// What is told of logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEvent {
    /// A line.
    Line(LogLine),
    /// So many files of a unit's log were replaced before they could be read.
    Gap {
        /// The unit.
        unit: String,
        /// How many.
        files: u64,
    },
}

/// Tells the chosen lines of each chosen unit, merged in the order of time, until there is no more, or `on_event` breaks
/// off. It needs no more memory the longer the logs are.
pub fn logs(
    context: &Context<'_>,
    target: &Target,
    options: &LogOptions,
    on_event: &mut dyn FnMut(LogEvent) -> ControlFlow<()>,
) -> Result<(), Error> {
    let filter = Filter::new(context, options);
    let mut sources = Vec::new();
    for (unit, path) in chosen(context, target, &options.names)? {
        sources.push(Source::open(unit, path, &filter, options)?);
    }
    let mut merge = Merge { sources, filter };
    if !options.follow {
        merge.fill()?;
        return merge.tell_until(u64::MAX, on_event).map(drop);
    }
    merge.follow(context, target, &options.names, on_event)
}

/// Which lines are wanted.
struct Filter<'a> {
    since_ms: u64,
    until_ms: u64,
    pattern: Option<&'a Pattern>,
    streams: &'a [Stream],
}

impl<'a> Filter<'a> {
    fn new(context: &Context<'_>, options: &'a LogOptions) -> Self {
        let now = (context.now)();
        Self {
            since_ms: options.since.as_ref().map_or(0, |since| since.millis(now, context.ahead_of_utc)),
            until_ms: options.until.as_ref().map_or(u64::MAX, |until| until.millis(now, context.ahead_of_utc)),
            pattern: options.pattern.as_ref(),
            streams: &options.streams,
        }
    }

    fn fits(&self, line: &runtime::LogLine) -> bool {
        (self.since_ms..=self.until_ms).contains(&line.time.as_millis())
            && (self.streams.is_empty() || self.streams.contains(&line.stream))
            && self.pattern.is_none_or(|pattern| pattern.regex.is_match(&line.text) != pattern.is_inverted)
    }
}

/// The log of one unit, with the line that comes next.
struct Source {
    unit: String,
    path: PathBuf,
    reader: LogReader,
    next: Option<LogEvent>,
    /// When the last line was captured that was read.
    time_ms: u64,
}

impl Source {
    fn open(unit: String, path: PathBuf, filter: &Filter<'_>, options: &LogOptions) -> Result<Self, Error> {
        let opened = match options.tail {
            Some(count) => LogReader::from_tail(&path, count, &|line| filter.fits(line)),
            None => LogReader::from_start(&path),
        };
        let ending = |mut reader: LogReader| {
            if !options.follow {
                reader.end_at_present_end()?;
            }
            Ok(reader)
        };
        let reader = opened.and_then(ending).map_err(Error::io("read", &path))?;
        Ok(Self { unit, path, reader, next: None, time_ms: 0 })
    }

    /// Reads up to the next line that is wanted, if none waits already.
    fn fill(&mut self, filter: &Filter<'_>) -> Result<(), Error> {
        while self.next.is_none() {
            match self.reader.next().map_err(Error::io("read", &self.path))? {
                None => return Ok(()),
                Some(LogEntry::Gap(files)) => self.next = Some(LogEvent::Gap { unit: self.unit.clone(), files }),
                Some(LogEntry::Line(line)) => {
                    self.time_ms = line.time.as_millis();
                    if filter.fits(&line) {
                        self.next = Some(LogEvent::Line(log_line(&self.unit, line)));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Several logs as one.
struct Merge<'a> {
    sources: Vec<Source>,
    filter: Filter<'a>,
}

impl Merge<'_> {
    fn fill(&mut self) -> Result<(), Error> {
        self.sources.iter_mut().try_for_each(|source| source.fill(&self.filter))
    }

    /// Tells what was captured up to a moment, and is there; whether something was.
    fn tell_until(
        &mut self,
        time_ms: u64,
        on_event: &mut dyn FnMut(LogEvent) -> ControlFlow<()>,
    ) -> Result<ControlFlow<(), bool>, Error> {
        let mut any = false;
        loop {
            let waiting = self.sources.iter_mut().filter(|source| source.next.is_some() && source.time_ms <= time_ms);
            let Some(source) = waiting.min_by_key(|source| source.time_ms) else {
                return Ok(ControlFlow::Continue(any));
            };
            any = true;
            if let Some(ControlFlow::Break(())) = source.next.take().map(&mut *on_event) {
                return Ok(ControlFlow::Break(()));
            }
            source.fill(&self.filter)?;
        }
    }

    /// Tells what is there, and then what comes.
    ///
    /// One process writes all logs, in the order of time. So when a line of some moment was seen, all of earlier moments can
    /// be read: what is told is never older than what was told before.
    fn follow(
        &mut self,
        context: &Context<'_>,
        target: &Target,
        names: &[String],
        on_event: &mut dyn FnMut(LogEvent) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        const PAUSE: Duration = Duration::from_millis(25);
        while !context.interrupt.is_raised() {
            let seen_ms = self.sources.iter().map(|source| source.time_ms).max().unwrap_or(0);
            self.fill()?;
            match self.tell_until(seen_ms, on_event)? {
                ControlFlow::Break(()) => break,
                ControlFlow::Continue(true) => continue,
                ControlFlow::Continue(false) => {}
            }
            if self.sources.iter().all(|source| source.next.is_none()) {
                context.interrupt.sleep(PAUSE);
                self.find_new(context, target, names)?;
            }
        }
        Ok(())
    }

    /// Takes up the logs that have come since the last look.
    fn find_new(&mut self, context: &Context<'_>, target: &Target, names: &[String]) -> Result<(), Error> {
        for (unit, path) in all(context, target)? {
            if fits(&unit, names) && !self.sources.iter().any(|source| source.unit == unit) {
                let options = LogOptions { follow: true, ..LogOptions::default() };
                self.sources.push(Source::open(unit, path, &self.filter, &options)?);
            }
        }
        Ok(())
    }
}

fn log_line(unit: &str, line: runtime::LogLine) -> LogLine {
    let runtime::LogLine { time, stream, is_cut, text } = line;
    LogLine { unit: unit.to_owned(), time_ms: time.as_millis(), stream, is_cut, text }
}

/// The last lines of what a process printed since it was last started; for messages.
pub(crate) fn last_run(log: &Path) -> Vec<String> {
    const LINES: usize = 12;
    const SEARCHED: usize = 200;
    // A log that cannot be read has nothing to add to the message.
    let lines = runtime::tail(log, SEARCHED).unwrap_or_default();
    let start = lines.iter().rposition(|line| line.stream == Stream::Remark && line.text.starts_with("started"));
    let run: Vec<String> = lines[start.map_or(0, |start| start + 1)..]
        .iter()
        .filter(|line| line.stream != Stream::Remark)
        .map(|line| line.text.clone())
        .collect();
    run[run.len().saturating_sub(LINES)..].to_vec()
}

/// The logs whose units go by one of these names; a name that fits none is an error.
fn chosen(context: &Context<'_>, target: &Target, names: &[String]) -> Result<BTreeMap<String, PathBuf>, Error> {
    let all = all(context, target)?;
    for name in names {
        if !all.keys().any(|unit| fits(unit, std::slice::from_ref(name))) {
            return Err(Error::NoService { wanted: name.clone(), known: all.into_keys().collect() });
        }
    }
    Ok(all.into_iter().filter(|(unit, _)| fits(unit, names)).collect())
}

fn fits(unit: &str, names: &[String]) -> bool {
    let (workspace, own) = unit.split_once('/').unwrap_or(("", unit));
    names.is_empty() || names.iter().any(|name| name == unit || name == workspace || name == own)
}

fn all(context: &Context<'_>, target: &Target) -> Result<BTreeMap<String, PathBuf>, Error> {
    let place = target.place(context);
    if Record::read(place.directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let directory = place.logs();
    let mut logs = BTreeMap::new();
    for entry in fs::read_dir(&directory).map_err(Error::io("list", &directory))? {
        let path = entry.map_err(Error::io("list", &directory))?.path();
        if path.extension().is_some_and(|extension| extension == "log")
            && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
        {
            // Names have no dots, so the first one stands for the slash.
            logs.insert(stem.replacen('.', "/", 1), path);
        }
    }
    Ok(logs)
}
