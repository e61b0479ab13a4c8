//! `seedbed destroy`

use std::io::{IsTerminal, Write};

use serde_json::json;

use super::{Job, Outcome};
use crate::arguments::DestroyArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &DestroyArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let preview = job.tell(environment::destroy_preview(job.context, &target))?;
    if !arguments.yes {
        let databases = super::count(preview.databases.len(), "database", "databases");
        let what = format!("environment '{}' with {databases}", target.name);
        if !std::io::stdin().is_terminal() {
            let message = format!("error: {what} would be removed for good\nhelp: `--yes` says that this is wanted\n");
            return Err(Failure::refused(message));
        }
        if !confirmed(&what) {
            return Err(Failure::refused("nothing was removed\n"));
        }
    }
    job.tell(environment::destroy(job.context, &target))?;
    let json = json!({ "destroyed": target.name, "databases": preview.databases });
    Ok(Outcome::of(format!("environment '{}' is gone\n", target.name), json))
}

fn confirmed(what: &str) -> bool {
    let asked = write!(std::io::stderr(), "Remove {what} for good? [y/N] ");
    let mut answer = String::new();
    asked.is_ok() && std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
