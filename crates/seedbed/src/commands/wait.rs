//! `seedbed wait`

use environment::WaitOptions;
use serde_json::json;

use super::{Job, Outcome};
use crate::arguments::{WaitArguments, WaitFor};
use crate::duration::duration;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &WaitArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let awaited = match arguments.awaited {
        WaitFor::Ready => environment::Awaited::Ready,
        WaitFor::Started => environment::Awaited::Started,
        WaitFor::Stopped => environment::Awaited::Stopped,
        WaitFor::Asleep => environment::Awaited::Asleep,
    };
    let options = WaitOptions { names: arguments.names.clone(), awaited, timeout: arguments.timeout };
    let report = job.tell(environment::wait(job.context, &target, &options))?;
    let (word, took) = (awaited.word(), duration(report.total_ms));
    let text = match report.units.as_slice() {
        [] => "there are no services to wait for\n".to_owned(),
        [one] => format!("{one} is {word}: {took}\n"),
        many => format!("{} are {word}: {took}\n", many.join(", ")),
    };
    Ok(Outcome::of(text, json!({ "units": report.units, "state": word, "total_ms": report.total_ms })))
}
