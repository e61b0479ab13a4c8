//! `seedbed schema`

use environment::Progress;

use super::{Job, Outcome};
use crate::arguments::SchemaArguments;
use crate::failure::Failure;

/// The schema of the manifest, or of one of the files beside it.
pub fn of_format(options: &SchemaArguments) -> Outcome {
    let schema = if options.lock {
        repositories::schema()
    } else if options.local {
        manifest::local_schema()
    } else {
        manifest::schema()
    };
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
