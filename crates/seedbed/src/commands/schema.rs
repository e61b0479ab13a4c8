//! `seedbed schema`

use environment::Progress;

use super::{Job, Outcome};
use crate::failure::Failure;

/// The schema of the manifest.
pub fn of_manifest() -> Outcome {
    let schema = manifest::schema();
    Outcome::of(format!("{schema:#}\n"), schema)
}

/// The schema of specs for an environment.
pub fn of_specs(job: &Job<'_>) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let (schema, path) = job.tell(environment::spec_schema(job.context, &target))?;
    let path = path.strip_prefix(&target.root).unwrap_or(&path).display();
    let hint = format!(
        "an editor completes a spec in the root of the workspace that begins with `# yaml-language-server: $schema={path}`"
    );
    job.context.monitor.on(Progress::Note(hint));
    Ok(Outcome::of(format!("{schema:#}\n"), schema))
}
