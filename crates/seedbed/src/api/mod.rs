//! `seedbed api`: how other programs work with a workspace, by lines of JSON (`docs/formats/api.md`).

mod environment_calls;
mod lineage_calls;
mod steps;
mod workspace_calls;

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use environment::Clones;
use lineage::{Place, Status, Subject};
use recorder::{Recorder, RecorderError, Step};
use serde_json::{Map, Value, json};

use crate::commands::Job;
use crate::failure::Failure;
use crate::recording;

/// The version of the protocol.
const VERSION: u64 = 1;

/// What is answered when a request is not done.
pub struct Refusal {
    kind: String,
    message: String,
    help: Option<String>,
}

impl Refusal {
    fn arguments(message: impl Into<String>) -> Self {
        Self { kind: "arguments".to_owned(), message: message.into(), help: None }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let text = failure.message.trim_end();
        let (message, help) = match text.split_once("\nhelp: ") {
            Some((message, help)) => (message, Some(help.to_owned())),
            None => (text, None),
        };
        let message = message.strip_prefix("error: ").unwrap_or(message).to_owned();
        Self { kind: failure.kind.to_owned(), message, help }
    }
}

impl From<RecorderError> for Refusal {
    fn from(error: RecorderError) -> Self {
        Failure::of_recorder(&error).into()
    }
}

/// What came of a request.
pub type Answer = Result<Value, Refusal>;

/// A workspace that another program works with.
pub struct Api<'a> {
    job: &'a Job<'a>,
    recorder: Recorder<'a>,
    steps: BTreeMap<String, Step>,
    clones: Clones,
}

/// Answers requests until the input ends.
pub fn run(job: &Job<'_>) -> Result<(), Failure> {
    let recorder = recording::open_to_record(job)?;
    let mut api = Api { job, recorder, steps: BTreeMap::new(), clones: Clones::default() };
    let mut output = std::io::stdout().lock();
    let mut say = |line: &Value| writeln!(output, "{line}").and_then(|()| output.flush());
    let greeted = say(&json!({ "seedbed_api": VERSION, "version": env!("CARGO_PKG_VERSION") }));
    if greeted.is_ok() {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if line.trim().is_empty() {
                continue;
            }
            // Who does not read the answer is gone.
            if say(&api.answer(&line)).is_err() {
                break;
            }
        }
    }
    api.end()
}

impl Api<'_> {
    fn answer(&mut self, line: &str) -> Value {
        let request: Value = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => return refused(&Value::Null, "malformed", &format!("the line is no request: {error}"), None),
        };
        let id = request.get("id").cloned().unwrap_or(Value::Null);
        let Some(call) = request.get("call").and_then(Value::as_str) else {
            return refused(&id, "malformed", "the line is no request: it has no call", None);
        };
        let empty = Map::new();
        let arguments = match request.get("arguments") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return refused(&id, "arguments", "`arguments` is no object", None),
        };
        match self.call(call, arguments) {
            Ok(result) => json!({ "id": id, "result": result }),
            Err(Refusal { kind, message, help }) => refused(&id, &kind, &message, help.as_deref()),
        }
    }

    fn call(&mut self, call: &str, arguments: &Map<String, Value>) -> Answer {
        let arguments = Arguments(arguments);
        match call {
            "version" => Ok(json!({ "version": env!("CARGO_PKG_VERSION"), "api": VERSION })),
            _ if call.starts_with("step.") => self.step_call(call, &arguments),
            _ if call.starts_with("lineage.") => self.lineage_call(call, &arguments),
            "environment" => self.environment_call(call, &arguments),
            _ if call.starts_with("environment.") || call.starts_with("database.") => {
                self.environment_call(call, &arguments)
            }
            _ => self.workspace_call(call, &arguments),
        }
    }

    /// Steps that were begun and not completed are aborted: who began them is gone.
    fn end(mut self) -> Result<(), Failure> {
        for (_, step) in std::mem::take(&mut self.steps) {
            let reason = "the program that had begun it ended".to_owned();
            recording::tell(step.abort(&mut self.recorder, Status::Aborted, Some(reason)))?;
        }
        Ok(())
    }

    /// What an object with `path`, `resource` or `url` means.
    fn named(&self, arguments: &Arguments<'_>) -> Result<Subject, Refusal> {
        if let Some(url) = arguments.text("url")? {
            return Ok(Subject::External(url.to_owned()));
        }
        let catalogue = self.recorder.catalogue();
        match (arguments.text("resource")?, arguments.text("path")?) {
            (Some(resource), path) => {
                if resource != lineage::WORKSPACE {
                    catalogue.resource(resource)?;
                }
                Ok(Subject::Place(Place::new(resource, path.unwrap_or_default())))
            }
            (None, Some(path)) => Ok(catalogue.locate(path.as_ref(), &catalogue.root).map(Subject::Place)?),
            (None, None) => Err(Refusal::arguments("a place has a path, a resource, or a url")),
        }
    }

    /// The same, of a list.
    fn all_named(&self, arguments: &Arguments<'_>, name: &str) -> Result<Vec<Subject>, Refusal> {
        let not = || Refusal::arguments(format!("`{name}` is no list of places"));
        let list = match arguments.0.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(not()),
        };
        list.iter().map(|one| self.named(&Arguments(one.as_object().ok_or_else(not)?))).collect()
    }
}

fn refused(id: &Value, kind: &str, message: &str, help: Option<&str>) -> Value {
    json!({ "id": id, "error": { "kind": kind, "message": message, "help": help } })
}

/// The arguments of a request.
pub struct Arguments<'a>(&'a Map<String, Value>);

impl<'a> Arguments<'a> {
    /// A text, if it is there.
    fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::arguments(format!("`{name}` is no text"))),
        }
    }

    /// A text that must be there.
    fn needed(&self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::arguments(format!("`{name}` is missing")))
    }

    /// A list of texts; empty when it is not there.
    fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let not = || Refusal::arguments(format!("`{name}` is no list of texts"));
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(list)) => {
                list.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(not)).collect()
            }
            Some(_) => Err(not()),
        }
    }

    /// An object; empty when it is not there.
    fn object(&self, name: &str) -> Result<Map<String, Value>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object.clone()),
            Some(_) => Err(Refusal::arguments(format!("`{name}` is no object"))),
        }
    }

    /// A whole number, if it is there.
    fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                value.as_u64().map(Some).ok_or_else(|| Refusal::arguments(format!("`{name}` is no whole number")))
            }
        }
    }

    /// Yes or no; no when it is not there.
    fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Refusal::arguments(format!("`{name}` is neither true nor false"))),
        }
    }

    /// Anything.
    fn any(&self, name: &str) -> Value {
        self.0.get(name).cloned().unwrap_or(Value::Null)
    }
}
