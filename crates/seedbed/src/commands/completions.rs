//! `seedbed completions`

use clap::CommandFactory;
use serde_json::json;

use super::Outcome;
use crate::arguments::{Arguments, CompletionsArguments};

pub fn run(arguments: &CompletionsArguments) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "seedbed", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    let json = json!({ "script": text });
    Outcome::of(text, json)
}
