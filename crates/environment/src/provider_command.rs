//! A provider that is a program: requests are lines of JSON on its input, answers are lines on its output.
//!
//! Described in `docs/formats/providers.md`.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runtime::Companion;
use serde_json::{Map, Value, json};
use supervisor::{Exit, ProcessSpec};

use crate::Interrupt;
use crate::provider::{Asked, AskedType, Had, ProviderFailure, Work};

/// The version of the protocol.
const VERSION: u64 = 1;

/// The longest answer in bytes.
const LONGEST_LINE: u64 = 64 << 20;

/// How many of the lines that it printed are kept for a report.
const LAST_LINES: usize = 12;

/// How often it is looked whether the user wishes to end.
const LOOK: Duration = Duration::from_millis(50);

/// How long it may take to end when there is nothing left to do.
const FAREWELL: Duration = Duration::from_secs(10);

/// A program that answers.
pub(crate) struct CommandWork {
    companion: Companion,
    requests: Option<Sender<String>>,
    answers: Receiver<String>,
    printed: Arc<Mutex<VecDeque<String>>>,
    errors_ended: Receiver<()>,
    timeout: Duration,
    interrupt: Interrupt,
    next: u64,
}

impl CommandWork {
    /// Starts the program, and hears that it speaks the same protocol.
    pub(crate) fn start(
        process: &ProcessSpec,
        mark: &Path,
        timeout: Duration,
        interrupt: Interrupt,
    ) -> Result<Self, ProviderFailure> {
        let (companion, pipes) = Companion::start(process, mark)
            .map_err(|reason| ProviderFailure::new(format!("cannot start {}: {reason}", process.program)))?;
        let (requests, to_write) = mpsc::channel::<String>();
        let (read, answers) = mpsc::channel();
        let (ended, errors_ended) = mpsc::channel();
        let printed = Arc::new(Mutex::new(VecDeque::new()));
        let mut input = pipes.input;
        std::thread::spawn(move || {
            // That it does not listen any more is seen by its missing answer.
            while let Ok(line) = to_write.recv()
                && input.write_all(line.as_bytes()).is_ok()
            {}
        });
        let mut output = BufReader::new(pipes.output);
        std::thread::spawn(move || {
            while let Some(line) = read_line(&mut output)
                && read.send(line).is_ok()
            {}
        });
        let keep = Arc::clone(&printed);
        let mut errors = BufReader::new(pipes.errors);
        std::thread::spawn(move || {
            while let Some(line) = read_line(&mut errors) {
                let mut kept: std::sync::MutexGuard<'_, VecDeque<String>> =
                    keep.lock().expect("nothing panics while it holds this");
                kept.push_back(line);
                if kept.len() > LAST_LINES {
                    kept.pop_front();
                }
            }
            // Nobody waits when all went well.
            let _ = ended.send(());
        });
        let mut work =
            Self { companion, requests: Some(requests), answers, printed, errors_ended, timeout, interrupt, next: 1 };
        let answer = work.ask("hello", json!({ "seedbed": VERSION }))?;
        match answer.get("seedbed").and_then(Value::as_u64) {
            Some(VERSION) => Ok(work),
            Some(other) => {
                Err(work.failure(format!("it speaks version {other} of the protocol, and this is version {VERSION}")))
            }
            None => Err(work.failure("its answer to `hello` does not say which version of the protocol it speaks")),
        }
    }

    /// Sends a request and waits for its answer.
    fn ask(&mut self, verb: &str, mut request: Value) -> Result<Map<String, Value>, ProviderFailure> {
        let id = self.next;
        self.next += 1;
        let entries = request.as_object_mut().expect("requests are maps");
        entries.insert("id".to_owned(), id.into());
        entries.insert("verb".to_owned(), verb.into());
        let sender = self.requests.as_ref().expect("it is dropped at the end alone");
        // One that cannot be written to has ended, which is seen next.
        let _ = sender.send(format!("{request}\n"));
        let line = self.wait(verb)?;
        let Ok(Value::Object(mut answer)) = serde_json::from_str::<Value>(&line) else {
            return Err(self.failure(format!(
                "it printed a line that is no answer, and standard output is for answers alone: {}",
                shortened(&line)
            )));
        };
        if answer.get("id") != Some(&id.into()) {
            let to = answer.get("id").map_or_else(|| "no request".to_owned(), |id| format!("request {id}"));
            return Err(self.failure(format!("it answered {to}, and was asked request {id}: {}", shortened(&line))));
        }
        match answer.remove("error") {
            None => Ok(answer),
            Some(error) => {
                let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
                let record =
                    error.get("record").and_then(Value::as_u64).and_then(|record| usize::try_from(record).ok());
                let message = text("message").unwrap_or_else(|| shortened(&error.to_string()));
                Err(ProviderFailure { record, field: text("field"), ..self.failure(message) })
            }
        }
    }

    fn wait(&mut self, verb: &str) -> Result<String, ProviderFailure> {
        let deadline = Instant::now() + self.timeout;
        loop {
            if self.interrupt.is_raised() {
                self.companion.kill();
                return Err(ProviderFailure { is_interrupted: true, ..self.failure("interrupted") });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.answers.recv_timeout(left.min(LOOK)) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                    self.companion.kill();
                    let waited = humantime::format_duration(self.timeout);
                    return Err(self.failure(format!("it did not answer `{verb}` within {waited}")));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let how = self.how_it_ended();
                    return Err(self.failure(format!("it {how} without answering `{verb}`")));
                }
            }
        }
    }

    /// Waits until it has ended, and says how.
    fn how_it_ended(&mut self) -> String {
        if let Some(exit) = self.exit_within(FAREWELL) {
            return exit.to_string();
        }
        self.companion.kill();
        "closed its output".to_owned()
    }

    fn exit_within(&mut self, patience: Duration) -> Option<Exit> {
        // Its end closes its standard error, save when something that it started holds that open.
        let deadline = Instant::now() + patience;
        loop {
            if let Some(exit) = self.companion.exit() {
                return Some(exit);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            match self.errors_ended.recv_timeout(left.min(LOOK)) {
                Err(RecvTimeoutError::Disconnected) | Ok(()) => std::thread::sleep(left.min(Duration::from_millis(5))),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// A failure with what it printed last.
    fn failure(&mut self, message: impl Into<String>) -> ProviderFailure {
        // What explains it may be on its way; from one that has ended there is an end to wait for.
        let patience = if self.companion.exit().is_some() { 1000 } else { 100 };
        let _ = self.errors_ended.recv_timeout(Duration::from_millis(patience));
        let printed = self.printed.lock().expect("nothing panics while it holds this");
        ProviderFailure { last_lines: printed.iter().cloned().collect(), ..ProviderFailure::new(message) }
    }

    /// Asks for something to be done to records, and gets as many answers.
    fn records(&mut self, verb: &str, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Value>, ProviderFailure> {
        let records: Vec<Value> = asked.iter().map(written).collect();
        let request = json!({ "type": of.name, "fields": of.fields, "records": records });
        let mut answer = self.ask(verb, request)?;
        match answer.remove("records") {
            Some(Value::Array(records)) if records.len() == asked.len() => Ok(records),
            Some(Value::Array(records)) => Err(self.failure(format!(
                "it answered `{verb}` of {} records with {} of them",
                asked.len(),
                records.len()
            ))),
            _ => Err(self.failure(format!("its answer to `{verb}` has no list of records"))),
        }
    }

    /// The same, where every record must be there afterwards.
    fn had(&mut self, verb: &str, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Had>, ProviderFailure> {
        let records = self.records(verb, of, asked)?;
        let mut all = Vec::with_capacity(records.len());
        for (index, record) in records.into_iter().enumerate() {
            match had(record) {
                Some(record) => all.push(record),
                None => return Err(self.failure(format!("it answered `{verb}` with no record")).of(index)),
            }
        }
        Ok(all)
    }
}

impl Work for CommandWork {
    fn find(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Option<Had>>, ProviderFailure> {
        Ok(self.records("find", of, asked)?.into_iter().map(had).collect())
    }

    fn create(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Had>, ProviderFailure> {
        self.had("create", of, asked)
    }

    fn update(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Had>, ProviderFailure> {
        self.had("update", of, asked)
    }

    fn remove(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<bool>, ProviderFailure> {
        Ok(self.records("remove", of, asked)?.iter().map(|removed| removed == &Value::Bool(true)).collect())
    }

    fn describe(&mut self) -> Result<Value, ProviderFailure> {
        let mut answer = self.ask("describe", json!({}))?;
        answer.remove("types").ok_or_else(|| self.failure("its answer to `describe` has no types"))
    }

    fn end(mut self: Box<Self>) -> Result<(), ProviderFailure> {
        drop(self.requests.take());
        match self.exit_within(FAREWELL) {
            Some(exit) if exit.is_success() => Ok(()),
            Some(exit) => Err(self.failure(format!("it {exit} when all was done"))),
            None => {
                self.companion.kill();
                Err(self.failure("it did not end when its input ended"))
            }
        }
    }
}

fn written(asked: &Asked) -> Value {
    let mut record = json!({ "key": asked.key });
    if !asked.fields.is_empty() {
        record["fields"] = Value::Object(asked.fields.clone());
    }
    if !asked.traits.is_empty() {
        record["traits"] = Value::Array(asked.traits.clone());
    }
    if let Some(made) = &asked.made {
        record["made"] = made.clone();
    }
    record
}

fn had(answer: Value) -> Option<Had> {
    let Value::Object(mut answer) = answer else { return None };
    let values = match answer.remove("values") {
        Some(Value::Object(values)) => values,
        _ => Map::new(),
    };
    let primary_key = answer.remove("primary_key").unwrap_or_default();
    Some(Had { primary_key, values, made: answer.remove("made") })
}

/// Reads a line, or what there is of it.
fn read_line(source: &mut BufReader<impl Read>) -> Option<String> {
    let mut line = Vec::new();
    let read = source.take(LONGEST_LINE).read_until(b'\n', &mut line).ok()?;
    (read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// The beginning of what was said.
pub(crate) fn shortened(text: &str) -> String {
    const LENGTH: usize = 300;
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &one_line[..end]),
        None => one_line,
    }
}

#[cfg(test)]
mod tests;
