//! `seedbed completions`

use serde_json::json;

use super::Outcome;
use crate::arguments::CompletionsArguments;
use crate::completion;

pub fn run(arguments: &CompletionsArguments) -> Outcome {
    let script = completion::script(&arguments.shell.to_string()).expect("clap has the same shells in both lists");
    let json = json!({ "script": script });
    Outcome::of(script, json)
}
