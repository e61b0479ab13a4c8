//! `logs`: what the processes of an environment have printed, merged in the order of time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runtime::Stream;

use crate::Error;
use crate::context::{Context, Target};
use crate::record::Record;

/// A line with the unit that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The unit's id; in that of a schema step a hyphen stands for the space.
    pub unit: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// `o` for output, `e` for errors, `s` for what the supervisor remarks.
    pub stream: char,
    /// The text.
    pub text: String,
}

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Services, tasks or whole workspaces by name; all when empty.
    pub names: Vec<String>,
    /// The last lines of each unit.
    pub tail: usize,
}

/// The last lines of each chosen unit, merged.
pub fn logs(context: &Context<'_>, target: &Target, options: &LogOptions) -> Result<Vec<LogLine>, Error> {
    let mut lines = Vec::new();
    for (unit, path) in chosen(context, target, &options.names)? {
        let tail = runtime::tail(&path, options.tail).map_err(Error::io("read", &path))?;
        lines.extend(tail.into_iter().map(|line| log_line(&unit, line)));
    }
    lines.sort_by_key(|line| line.time_ms);
    Ok(lines)
}

/// Calls `on_line` for what is there, and then for each new line, until the user interrupts.
pub fn follow(
    context: &Context<'_>,
    target: &Target,
    options: &LogOptions,
    on_line: &mut dyn FnMut(LogLine),
) -> Result<(), Error> {
    const PAUSE: Duration = Duration::from_millis(50);
    let mut readers: BTreeMap<String, Reader> = BTreeMap::new();
    for (unit, path) in chosen(context, target, &options.names)? {
        let end = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        readers.insert(unit, Reader::open(path, end)?);
    }
    logs(context, target, options)?.into_iter().for_each(&mut *on_line);
    while !context.interrupt.is_raised() {
        let mut lines = Vec::new();
        for (unit, reader) in &mut readers {
            lines.extend(reader.read()?.into_iter().map(|line| log_line(unit, line)));
        }
        lines.sort_by_key(|line| line.time_ms);
        let was_quiet = lines.is_empty();
        lines.into_iter().for_each(&mut *on_line);
        if was_quiet {
            std::thread::sleep(PAUSE);
            for (unit, path) in all(context, target)? {
                if fits(&unit, &options.names) && !readers.contains_key(&unit) {
                    readers.insert(unit, Reader::open(path, 0)?);
                }
            }
        }
    }
    Ok(())
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

/// A log that is read on from where the last read ended, also over its rotation.
struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    inode: u64,
    rest: Vec<u8>,
}

impl Reader {
    fn open(path: PathBuf, position: u64) -> Result<Self, Error> {
        let mut file = File::open(&path).map_err(Error::io("read", &path))?;
        let inode = file.metadata().map_err(Error::io("read", &path))?.ino();
        file.seek(SeekFrom::Start(position)).map_err(Error::io("read", &path))?;
        Ok(Self { path, file: BufReader::new(file), inode, rest: Vec::new() })
    }

    fn read(&mut self) -> Result<Vec<runtime::LogLine>, Error> {
        let mut lines = Vec::new();
        loop {
            let count = self.file.read_until(b'\n', &mut self.rest).map_err(Error::io("read", &self.path))?;
            if count == 0 {
                let rotated = fs::metadata(&self.path).is_ok_and(|metadata| metadata.ino() != self.inode);
                if rotated && self.rest.is_empty() {
                    *self = Self::open(self.path.clone(), 0)?;
                    continue;
                }
                return Ok(lines);
            }
            if self.rest.ends_with(b"\n") {
                lines.extend(runtime::LogLine::parse(&self.rest));
                self.rest.clear();
            }
        }
    }
}

fn log_line(unit: &str, line: runtime::LogLine) -> LogLine {
    LogLine {
        unit: unit.to_owned(),
        time_ms: line.time.as_millis(),
        stream: match line.stream {
            Stream::Output => 'o',
            Stream::Errors => 'e',
            Stream::Remark => 's',
        },
        text: line.text,
    }
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
