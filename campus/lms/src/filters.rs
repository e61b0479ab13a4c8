//! Filters: named pipelines of steps around what users do, configured in a file.
//!
//! A step gets an object. What it gives back is merged into that, and the next step gets the result. A step may also end
//! the pipeline with an answer, or refuse; a refusal always reaches the caller, any other failure only if the pipeline does
//! not fail silently.

mod step;

use std::collections::BTreeMap;
use std::path::Path;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::Error;
pub use step::{Failure, Outcome, Step};

/// Before somebody becomes a user: `username`, `email`, `name` and the other fields of the form but the password.
pub const REGISTRATION: &str = "org.openedx.learning.student.registration.requested.v1";
/// Before somebody is enrolled: `username`, `email`, `course_id`, `mode`.
pub const ENROLLMENT: &str = "org.openedx.learning.course.enrollment.started.v1";
/// Before an enrolment is ended: `username`, `email`, `course_id`, `mode`.
pub const UNENROLLMENT: &str = "org.openedx.learning.course.unenrollment.started.v1";

const NAMES: [&str; 3] = [REGISTRATION, ENROLLMENT, UNENROLLMENT];

/// The pipelines by the name of the filter.
#[derive(Default)]
pub struct Filters(BTreeMap<String, Pipeline>);

struct Pipeline {
    fail_silently: bool,
    steps: Vec<(String, Box<dyn Step>)>,
}

/// What came of a pipeline.
#[derive(Debug, PartialEq)]
pub enum Passed {
    /// The object, as the steps have made it.
    On(Value),
    /// What a step ended the pipeline with: the answer to the request, of which nothing else is done.
    Answer(Value),
}

/// Why a file says nothing that can be done.
#[derive(Debug, thiserror::Error)]
pub enum FiltersError {
    /// Not there, or not readable.
    #[error("cannot read the filters in {path}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// No JSON, or of another form.
    #[error("the filters in {path} are not in order")]
    Form {
        /// The file.
        path: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A filter or a step that does not exist.
    #[error("the filters in {path} are not in order: {reason}")]
    Unknown {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    #[serde(default)]
    fail_silently: bool,
    pipeline: Vec<DeclaredStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredStep {
    step: String,
    #[serde(default)]
    with: Map<String, Value>,
}

impl Filters {
    /// Reads the pipelines of a file: `{ NAME: { "fail_silently": false, "pipeline": [{ "step": …, "with": { … } }] } }`.
    pub fn read(path: &Path) -> Result<Self, FiltersError> {
        let shown = || path.display().to_string();
        let text = std::fs::read(path).map_err(|source| FiltersError::Read { path: shown(), source })?;
        let declared: BTreeMap<String, Declared> =
            serde_json::from_slice(&text).map_err(|source| FiltersError::Form { path: shown(), source })?;
        Self::of(declared).map_err(|reason| FiltersError::Unknown { path: shown(), reason })
    }

    fn of(declared: BTreeMap<String, Declared>) -> Result<Self, String> {
        let mut filters = BTreeMap::new();
        for (name, declared) in declared {
            if !NAMES.contains(&name.as_str()) {
                return Err(format!("there is no filter '{name}'; there are {}", NAMES.join(", ")));
            }
            let mut steps = Vec::new();
            for DeclaredStep { step, with } in declared.pipeline {
                let made = step::make(&step, &with).map_err(|reason| format!("{name}: {reason}"))?;
                steps.push((step, made));
            }
            filters.insert(name, Pipeline { fail_silently: declared.fail_silently, steps });
        }
        Ok(Self(filters))
    }

    /// Sends an object through the pipeline of that name, if there is one.
    pub fn run(&self, name: &str, data: Value) -> Result<Passed, Error> {
        let Some(pipeline) = self.0.get(name) else { return Ok(Passed::On(data)) };
        let mut data = match data {
            Value::Object(members) => members,
            other => return Ok(Passed::On(other)),
        };
        for (step, made) in &pipeline.steps {
            match made.run(&data) {
                Ok(Outcome::Merge(changes)) => data.extend(changes),
                Ok(Outcome::Stop(answer)) => return Ok(Passed::Answer(answer)),
                Err(Failure::Refusal { field, reason }) => {
                    return Err(Error::Refused { status: StatusCode::FORBIDDEN, field, reason });
                }
                Err(Failure::Other(reason)) if pipeline.fail_silently => {
                    tracing::warn!(filter = name, step, reason, "a step failed, and the filter goes on");
                }
                Err(Failure::Other(reason)) => {
                    tracing::error!(filter = name, step, reason, "a step failed");
                    let reason = format!("The step '{step}' of the filter '{name}' failed.");
                    return Err(Error::refused(StatusCode::INTERNAL_SERVER_ERROR, reason));
                }
            }
        }
        Ok(Passed::On(Value::Object(data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(fail_silently: bool, steps: &Value, data: Value) -> Result<Passed, Error> {
        let declared = json!({ ENROLLMENT: { "fail_silently": fail_silently, "pipeline": steps } });
        Filters::of(serde_json::from_value(declared).unwrap()).unwrap().run(ENROLLMENT, data)
    }

    #[test]
    fn what_steps_give_is_merged_in_their_order() {
        let steps = json!([
            { "step": "change", "with": { "mode": "honor", "note": 1 } },
            { "step": "change", "with": { "mode": "audit" } },
        ]);
        let passed = run(false, &steps, json!({ "username": "ada", "mode": "verified" })).unwrap();
        assert_eq!(passed, Passed::On(json!({ "username": "ada", "mode": "audit", "note": 1 })));
        let nothing = Filters::default().run(ENROLLMENT, json!({ "a": 1 })).unwrap();
        assert_eq!(nothing, Passed::On(json!({ "a": 1 })));
    }

    #[test]
    fn an_answer_ends_the_pipeline() {
        let steps = json!([
            { "step": "answer", "with": { "answer": "later" } },
            { "step": "require_email_domain", "with": { "domains": [] } },
        ]);
        assert_eq!(run(false, &steps, json!({ "email": "a@b.c" })).unwrap(), Passed::Answer(json!("later")));
    }

    #[test]
    fn a_refusal_always_reaches_the_caller_and_another_failure_unless_it_is_silent() {
        let refuses = json!([{ "step": "require_email_domain", "with": { "domains": ["example.com"] } }]);
        let breaks = json!([
            { "step": "require_email_domain", "with": { "domains": ["example.com"] } },
            { "step": "change", "with": { "mode": "audit" } },
        ]);
        for silently in [false, true] {
            let refused = run(silently, &refuses, json!({ "email": "ada@example.org" })).unwrap_err();
            assert!(matches!(refused, Error::Refused { status: StatusCode::FORBIDDEN, .. }), "{refused:?}");
        }
        // Without an address the step cannot do its work.
        let failed = run(false, &breaks, json!({})).unwrap_err();
        assert!(matches!(failed, Error::Refused { status: StatusCode::INTERNAL_SERVER_ERROR, .. }), "{failed:?}");
        assert_eq!(run(true, &breaks, json!({})).unwrap(), Passed::On(json!({ "mode": "audit" })));
    }

    #[test]
    fn what_does_not_exist_is_said_at_the_start() {
        for (declared, word) in [
            (json!({ "org.openedx.nothing": { "pipeline": [] } }), "no filter 'org.openedx.nothing'"),
            (json!({ ENROLLMENT: { "pipeline": [{ "step": "dance" }] } }), "no step 'dance'"),
            (json!({ ENROLLMENT: { "pipeline": [{ "step": "require_email_domain" }] } }), "domains"),
            (json!({ ENROLLMENT: { "pipeline": [{ "step": "answer" }] } }), "answer"),
        ] {
            let error = Filters::of(serde_json::from_value(declared).unwrap()).err().unwrap();
            assert!(error.contains(word), "{error}");
        }
    }
}
