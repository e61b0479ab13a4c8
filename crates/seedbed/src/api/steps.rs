//! The calls about steps.

use std::collections::BTreeMap;

use lineage::{Content, Status, Subject, document};
use recorder::{Recorder, RecorderError, Step, StepSpec};
use serde_json::{Value, json};

use super::{Answer, Api, Arguments, Refusal};

impl<'a> Api<'a> {
    pub(super) fn step_call(&mut self, call: &str, arguments: &Arguments<'_>) -> Answer {
        match call {
            "step.begin" => self.begin(arguments),
            "step.input" => {
                let named = self.named(arguments)?;
                let (step, recorder) = self.open(arguments)?;
                let (content, warnings) = step.input(recorder, named)?;
                Ok(json!({ "digest": digest(&content), "warnings": warnings }))
            }
            "step.code" => {
                let named = self.named(arguments)?;
                let (step, recorder) = self.open(arguments)?;
                let (content, warnings) = step.code(recorder, named)?;
                Ok(json!({ "digest": digest(&content), "warnings": warnings }))
            }
            "step.output" => {
                let named = self.named(arguments)?;
                let (step, recorder) = self.open(arguments)?;
                Ok(json!({ "warnings": step.output(recorder, named)? }))
            }
            "step.parameter" => {
                let (name, value) = (arguments.needed("name")?.to_owned(), arguments.any("value"));
                self.open(arguments)?.0.parameter(&name, value)?;
                Ok(json!({}))
            }
            "step.results" => {
                let metrics = arguments.any("metrics");
                let (step, recorder) = self.open(arguments)?;
                Ok(json!({ "path": step.write_results(recorder, &metrics)? }))
            }
            "step.complete" => {
                let step = self.take(arguments)?;
                let (record, warnings) = step.complete(&mut self.recorder)?;
                let outputs: Vec<Value> = record.outputs.iter().map(document::reference_to_json).collect();
                Ok(json!({ "id": record.id, "outputs": outputs, "warnings": warnings }))
            }
            "step.abort" => {
                let status = if arguments.flag("failed")? { Status::Failed } else { Status::Aborted };
                let reason = arguments.text("reason")?.map(str::to_owned);
                let step = self.take(arguments)?;
                let record = step.abort(&mut self.recorder, status, reason)?;
                Ok(json!({ "id": record.id }))
            }
            _ => Err(no_call(call)),
        }
    }

    fn begin(&mut self, arguments: &Arguments<'_>) -> Answer {
        let results = match arguments.any("results_dir") {
            Value::Null => None,
            Value::String(path) => {
                let catalogue = self.recorder.catalogue();
                Some(catalogue.locate(path.as_ref(), &catalogue.root)?)
            }
            Value::Object(place) => match self.named(&Arguments(&place))? {
                Subject::Place(place) => Some(place),
                Subject::External(_) => return Err(Refusal::arguments("`results_dir` is no directory here")),
            },
            _ => return Err(Refusal::arguments("`results_dir` is neither a path nor a place")),
        };
        let environment: BTreeMap<String, String> = arguments
            .object("environment")?
            .into_iter()
            .map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name, text)
            })
            .collect();
        let spec = StepSpec {
            step: arguments.needed("step")?.to_owned(),
            kind: arguments.text("kind")?.unwrap_or("script").to_owned(),
            parameters: arguments.object("parameters")?,
            inputs: self.all_named(arguments, "inputs")?,
            outputs: self.all_named(arguments, "outputs")?,
            code: self.all_named(arguments, "code")?,
            command: arguments.texts("command")?,
            directory: arguments.text("directory")?.unwrap_or_default().to_owned(),
            environment,
            results,
            description: arguments.text("run_description")?.map(str::to_owned),
        };
        let (step, warnings) = Step::begin(&mut self.recorder, spec)?;
        let id = step.id().to_owned();
        self.steps.insert(id.clone(), step);
        Ok(json!({ "step_id": id, "warnings": warnings }))
    }

    fn open(&mut self, arguments: &Arguments<'_>) -> Result<(&mut Step, &mut Recorder<'a>), Refusal> {
        let id = arguments.needed("step_id")?;
        let step = self.steps.get_mut(id).ok_or_else(|| RecorderError::NoStep(id.to_owned()))?;
        Ok((step, &mut self.recorder))
    }

    fn take(&mut self, arguments: &Arguments<'_>) -> Result<Step, Refusal> {
        let id = arguments.needed("step_id")?;
        Ok(self.steps.remove(id).ok_or_else(|| RecorderError::NoStep(id.to_owned()))?)
    }
}

pub(super) fn no_call(call: &str) -> Refusal {
    Refusal { kind: "no-call".to_owned(), message: format!("there is no call '{call}'"), help: None }
}

fn digest(content: &Content) -> Value {
    match content {
        Content::Digest(digest) => json!(digest),
        Content::Absent | Content::Unknown => Value::Null,
    }
}
