//! How long each step of each command took: a line of JSON for each command, never sent anywhere.

use std::fs::{self, File};
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::report::StepReport;
use crate::{Error, Progress, Session};

/// The version of the lines.
const FORMAT: u32 = 2;

/// A command that did something.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    seedbed_times: u32,
    /// When it ended.
    pub(crate) time: String,
    pub(crate) command: String,
    /// From its beginning to its end.
    pub(crate) total_ms: u64,
    pub(crate) steps: Vec<Step>,
}

/// A step of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) id: String,
    /// From the request until it began.
    pub(crate) waited_ms: u64,
    pub(crate) took_ms: u64,
    /// The steps that it waited for.
    pub(crate) after: Vec<String>,
}

impl Step {
    /// When it ended, from the request on.
    pub(crate) fn end(&self) -> u64 {
        self.waited_ms + self.took_ms
    }
}

/// Adds a command. What it has done is done, even if this cannot be written down.
pub(crate) fn append(session: &Session<'_>, command: &str, total_ms: u64, steps: &[StepReport]) {
    let step = |report: &StepReport| {
        let StepReport { step, waited_ms, took_ms, after, .. } = report.clone();
        Step { id: step, waited_ms, took_ms, after }
    };
    let steps = steps.iter().map(step).collect();
    let line = Line { seedbed_times: FORMAT, time: session.now(), command: command.to_owned(), total_ms, steps };
    let mut text = serde_json::to_string(&line).expect("these types have no failing parts");
    text.push('\n');
    let path = session.place.times();
    let file = File::options().append(true).create(true).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
        let text = format!("how long it took could not be noted in {}: {error}", path.display());
        session.context.monitor.on(Progress::Note(text));
    }
}

/// All commands, oldest first; lines that were cut off by a crash, or are of another version, are skipped.
pub(crate) fn read(place: &Place) -> Result<Vec<Line>, Error> {
    let path = place.times();
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(Error::io("read", &path))?,
    };
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    Ok(lines.filter(|line| line.seedbed_times == FORMAT).collect())
}
