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
        let mut what = format!("environment '{}' with {databases}", target.name);
        if !preview.snapshots.is_empty() {
            let snapshots = if preview.snapshots.len() == 1 { "snapshot" } else { "snapshots" };
            what = format!("{what} and the {snapshots} {}", preview.snapshots.join(", "));
        }
        if !std::io::stdin().is_terminal() {
            let message = format!("error: {what} would be removed for good\nhelp: `--yes` says that this is wanted\n");
            return Err(Failure::refused(message));
        }
        if !confirmed(&what) {
            return Err(Failure::refused("nothing was removed\n"));
        }
    }
    job.tell(environment::destroy(job.context, &target))?;
    let json = json!({ "destroyed": target.name, "databases": preview.databases, "snapshots": preview.snapshots });
    Ok(Outcome { text: format!("environment '{}' is gone\n", target.name), json })
}

fn confirmed(what: &str) -> bool {
    let asked = write!(std::io::stderr(), "Remove {what} for good? [y/N] ");
    let mut answer = String::new();
    asked.is_ok() && std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
