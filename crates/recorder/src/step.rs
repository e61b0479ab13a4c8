//! A step under way: what it reads is digested when it is named, what it writes when the step completes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lineage::{Content, Intent, Place, Record, Reference, Status, Subject, format_time};
use serde_json::{Map, Value, json};

use crate::RecorderError;
use crate::catalogue::Named;
use crate::open_steps::OpenStep;
use crate::recorder::Recorder;

/// What is said of a step when it begins.
#[derive(Debug, Clone, Default)]
pub struct StepSpec {
    /// Its name.
    pub step: String,
    /// `script`, `notebook`, `process` …
    pub kind: String,
    /// By name.
    pub parameters: Map<String, Value>,
    /// What it reads.
    pub inputs: Vec<Named>,
    /// Where it writes.
    pub outputs: Vec<Named>,
    /// What is executed.
    pub code: Vec<Named>,
    /// What was typed; empty if it cannot be executed again.
    pub command: Vec<String>,
    /// Where, below the directory of the workspace.
    pub directory: String,
    /// What it runs in, beside what is known anyway.
    pub environment: BTreeMap<String, String>,
    /// Where `results.json` is written; it is an output, too.
    pub results: Option<Place>,
    /// A description of the run.
    pub description: Option<String>,
}

/// A step under way.
pub struct Step {
    record: Record,
    open: OpenStep,
    results: Option<Place>,
    description: Option<String>,
}

/// What was not to be read and is told all the same.
type Warnings = Vec<String>;

impl Step {
    /// Begins a step: its inputs and its code are digested now, and the rules looked at.
    pub fn begin(recorder: &mut Recorder<'_>, spec: StepSpec) -> Result<(Self, Warnings), RecorderError> {
        recorder.read()?;
        let mut record = recorder.begin(&spec.step, &spec.kind);
        record.parameters = spec.parameters;
        record.command = spec.command;
        record.directory = spec.directory;
        record.environment.extend(spec.environment);
        for input in spec.inputs {
            record.inputs.push(read(recorder, input)?);
        }
        for code in spec.code {
            record.code.push(Reference { made_by: None, ..read(recorder, code)? });
        }
        for output in spec.outputs.into_iter().chain(spec.results.clone().map(Subject::Place)) {
            record.outputs.push(Reference { subject: output, content: Content::Unknown, made_by: None });
        }
        record.settle();
        let warnings = check(recorder, &record)?;
        if let Some(results) = &spec.results {
            record.others.insert("results".to_owned(), json!(results.to_string()));
        }
        if let Some(description) = &spec.description {
            record.others.insert("description".to_owned(), json!(description));
        }
        let open = OpenStep::begin(&recorder.open_steps(), &record)?;
        let mut step = Self { record, open, results: spec.results, description: spec.description };
        let warnings = step.told(warnings);
        Ok((step, warnings))
    }

    /// Its id, which is that of the record that will be written.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.record.step
    }

    /// It reads this, too.
    pub fn input(&mut self, recorder: &mut Recorder<'_>, input: Named) -> Result<(Content, Warnings), RecorderError> {
        let reference = read(recorder, input)?;
        let content = reference.content.clone();
        let warnings = self.change(recorder, |record| record.inputs.push(reference))?;
        Ok((content, warnings))
    }

    /// It executes this, too.
    pub fn code(&mut self, recorder: &mut Recorder<'_>, code: Named) -> Result<(Content, Warnings), RecorderError> {
        let reference = Reference { made_by: None, ..read(recorder, code)? };
        let content = reference.content.clone();
        let warnings = self.change(recorder, |record| record.code.push(reference))?;
        Ok((content, warnings))
    }

    /// It writes there, too.
    pub fn output(&mut self, recorder: &mut Recorder<'_>, output: Named) -> Result<Warnings, RecorderError> {
        let reference = Reference { subject: output, content: Content::Unknown, made_by: None };
        self.change(recorder, |record| record.outputs.push(reference))
    }

    /// It has this parameter, too.
    pub fn parameter(&mut self, name: &str, value: Value) -> Result<(), RecorderError> {
        self.record.parameters.insert(name.to_owned(), value);
        self.open.update(&self.record)
    }

    /// Changes the record, unless a rule would be broken by that.
    fn change(
        &mut self,
        recorder: &mut Recorder<'_>,
        change: impl FnOnce(&mut Record),
    ) -> Result<Warnings, RecorderError> {
        let mut record = self.record.clone();
        change(&mut record);
        record.settle();
        let warnings = check(recorder, &record)?;
        self.open.update(&record)?;
        self.record = record;
        Ok(self.told(warnings))
    }

    /// Keeps what is told with the record, and returns what is new of it.
    fn told(&mut self, warnings: Warnings) -> Warnings {
        let known: Vec<String> = self.record.warnings().map(str::to_owned).collect();
        let new: Vec<String> = warnings.into_iter().filter(|warning| !known.contains(warning)).collect();
        if !new.is_empty() {
            let all: Vec<String> = known.into_iter().chain(new.iter().cloned()).collect();
            self.record.others.insert("warnings".to_owned(), json!(all));
        }
        new
    }

    /// Writes `results.json` with these metrics, and says where.
    pub fn write_results(&mut self, recorder: &Recorder<'_>, metrics: &Value) -> Result<PathBuf, RecorderError> {
        let place = self.results.clone().unwrap_or_else(|| Place::new(lineage::WORKSPACE, ""));
        let directory = recorder.catalogue().path_of(&place).ok_or_else(|| RecorderError::NoResource {
            wanted: place.resource.clone(),
            known: recorder.catalogue().resources.keys().cloned().collect(),
        })?;
        let seconds = self.seconds_so_far(recorder);
        let document = json!({
            "step": self.record.step,
            "start_time": format_time(self.record.started_ms).replace('Z', "000"),
            "execution_time_seconds": seconds,
            "parameters": self.record.parameters,
            "run_description": self.description,
            "metrics": metrics,
        });
        std::fs::create_dir_all(&directory).map_err(RecorderError::io("create", &directory))?;
        let path = directory.join("results.json");
        std::fs::write(&path, format!("{document:#}\n")).map_err(RecorderError::io("write", &path))?;
        Ok(path)
    }

    #[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 ms")]
    fn seconds_so_far(&self, recorder: &Recorder<'_>) -> f64 {
        (now(recorder) - self.record.started_ms).max(0) as f64 / 1000.0
    }

    /// The step did what it was to do: what it wrote is digested, and recorded. If something that it was to write is not there, it is
    /// recorded as failed, and that is the error.
    pub fn complete(mut self, recorder: &mut Recorder<'_>) -> Result<(Record, Warnings), RecorderError> {
        self.record.duration_ms = (now(recorder) - self.record.started_ms).max(0);
        let mut missing = None;
        for output in &mut self.record.outputs {
            let Subject::Place(place) = &output.subject else { continue };
            output.content = recorder.content(place)?;
            if output.content == Content::Absent {
                missing.get_or_insert(place.clone());
            }
        }
        if let Some(place) = missing {
            let error = RecorderError::NotWritten { place };
            self.end(recorder, Status::Failed, Some(error.to_string()))?;
            return Err(error);
        }
        let mut warnings = Vec::new();
        for reference in self.record.inputs.iter().chain(&self.record.code) {
            let Subject::Place(place) = &reference.subject else { continue };
            let is_written = self.record.output_places().any(|output| output.overlaps(place));
            if !is_written && recorder.content(place)?.differs(&reference.content) {
                warnings
                    .push(format!("{place} has changed while the step ran; what was there when it began is recorded"));
            }
        }
        let warnings = self.told(warnings);
        let record = self.end(recorder, Status::Complete, None)?;
        Ok((record, warnings))
    }

    /// The step did not do what it was to do.
    pub fn abort(
        mut self,
        recorder: &mut Recorder<'_>,
        status: Status,
        reason: Option<String>,
    ) -> Result<Record, RecorderError> {
        self.record.duration_ms = (now(recorder) - self.record.started_ms).max(0);
        for output in &mut self.record.outputs {
            if let Subject::Place(place) = &output.subject {
                output.content = recorder.content(place).unwrap_or(Content::Unknown);
            }
        }
        self.end(recorder, status, reason)
    }

    /// Something more that is known of the execution.
    pub(crate) fn note(&mut self, name: &str, value: Value) {
        self.record.others.insert(name.to_owned(), value);
    }

    /// What it is to read, execute and write.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Keeps warnings with the record.
    pub(crate) fn warn(&mut self, warnings: Warnings) -> Warnings {
        self.told(warnings)
    }

    fn end(
        mut self,
        recorder: &mut Recorder<'_>,
        status: Status,
        reason: Option<String>,
    ) -> Result<Record, RecorderError> {
        self.record.status = status;
        self.record.reason = reason;
        self.record.settle();
        recorder.write(&self.record)?;
        self.open.end()?;
        Ok(self.record)
    }
}

fn now(recorder: &Recorder<'_>) -> i64 {
    lineage::milliseconds((recorder.surroundings().now)()).unwrap_or(0)
}

/// A reference to what is read now, with who made it.
fn read(recorder: &mut Recorder<'_>, named: Named) -> Result<Reference, RecorderError> {
    let Subject::Place(place) = named else {
        return Ok(Reference { subject: named, content: Content::Unknown, made_by: None });
    };
    if recorder.content(&place)? == Content::Absent {
        return Err(RecorderError::Missing { place });
    }
    let mut found = recorder.ask(|index, present| lineage::inputs(index, std::slice::from_ref(&place), present))?;
    Ok(found.pop().expect("one was asked for"))
}

fn check(recorder: &mut Recorder<'_>, record: &Record) -> Result<Warnings, RecorderError> {
    let outputs: Vec<Place> = record.output_places().cloned().collect();
    recorder.ask(|index, present| {
        lineage::check(index, Intent { step: &record.step, inputs: &record.inputs, outputs: &outputs }, present)
    })
}
