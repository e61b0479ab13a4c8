//! `load`: the records of a spec are there.

use std::collections::BTreeSet;
use std::path::Path;

use plan::DatabaseId;
use source::Problems;

use crate::context::{Context, Mode, Target};
use crate::data;
use crate::loader::LoadReport;
use crate::material::Material;
use crate::report::{millis, step_reports};
use crate::session::Session;
use crate::{Error, Progress, times};

/// What to load.
#[derive(Debug, Clone)]
pub struct LoadOptions<'a> {
    /// The spec.
    pub path: &'a Path,
    /// The service that a service spec is of; the root workspace when it is not given.
    pub service: Option<&'a str>,
    /// Whether a record that is referred to must be declared or there.
    pub strict: bool,
}

/// Makes sure that every record of a spec is there.
pub fn load(context: &Context<'_>, target: &Target, options: &LoadOptions<'_>) -> Result<(LoadReport, u64), Error> {
    let mut session = Session::open(context, target, &Mode::Existing, "load")?;
    let service = options.service.unwrap_or(&session.model.root).to_owned();
    let known: Vec<String> = session.model.workspaces.iter().map(|workspace| workspace.name.clone()).collect();
    if !known.contains(&service) {
        return Err(Error::NoWorkspace { wanted: service, known });
    }
    let mut problems = Problems::default();
    let types = std::mem::take(&mut session.types);
    let (types, specs) = data::read_spec(&session.tree, types, options.path, &service, &mut problems);
    if problems.has_errors() {
        return Err(Error::Problems(problems));
    }
    let ordered = dataset::order(&types, specs, &data::options(options.strict)).map_err(Error::Problems)?;
    problems.extend(ordered.warnings.iter().cloned());
    if !problems.is_empty() {
        context.monitor.on(Progress::Warnings(&problems));
    }
    let databases: BTreeSet<DatabaseId> = ordered
        .batches
        .iter()
        .map(|batch| DatabaseId { workspace: batch.service.clone(), name: batch.database.clone() })
        .collect();
    let plan = plan::load(&session.model, &session.observed, &session.inputs, &databases);
    let was_running = !session.observed.running.is_empty();
    let execution = session.execute(&plan, &Material { load: Some(&ordered), ..Material::of("load") });
    let rested = session.rest(was_running);
    let execution = execution?;
    rested?;
    let total_ms = millis(session.began);
    times::append(&session, "load", total_ms, &step_reports(&plan, &execution));
    Ok((execution.load.unwrap_or_default(), total_ms))
}
