//! `seedbed verify`

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Job, Outcome, diff};
use crate::arguments::VerifyArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &VerifyArguments) -> Result<Outcome, Failure> {
    let verified = job.tell(environment::verify(job.context, &job.target()?, arguments.profile.as_deref()))?;
    let mut text = String::new();
    for state in &verified {
        let verdict = if state.difference.is_empty() { "the same" } else { "differs" };
        writeln!(text, "{} {}: {verdict} in {}", state.id, state.step, state.against).expect("it is a string");
        diff::database(&mut text, &state.difference);
    }
    let different = verified.iter().filter(|state| !state.difference.is_empty()).count();
    if different == 0 {
        text.push_str("every state is made of what is declared, and of nothing else\n");
    } else {
        text.push_str("help: something is read that is not declared: the time, chance, a file, the network\n");
    }
    let states: Vec<Value> = verified
        .iter()
        .map(|state| {
            json!({
                "database": state.id, "step": state.step, "key": state.key, "against": state.against,
                "same": state.difference.is_empty(), "difference": diff::database_json(&state.difference),
            })
        })
        .collect();
    let code = if different == 0 { 0 } else { 7 };
    Ok(Outcome { text, json: json!({ "states": states }), code })
}
