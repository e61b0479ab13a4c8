//! `undo`: what the last command replaced is back, and can be had back again.

use std::collections::BTreeSet;

use plan::{DatabaseId, Parts, ResourceId, StateWork};

use crate::context::{Context, Mode, Target};
use crate::material::Material;
use crate::report::{millis, step_reports};
use crate::session::Session;
use crate::{Error, times};

/// What was undone.
#[derive(Debug)]
pub struct UndoReport {
    /// The command that was undone.
    pub command: String,
    /// When it had put aside what is back now, in RFC 3339.
    pub at: String,
    /// What is back.
    pub names: Vec<String>,
    /// Milliseconds from the beginning to the end.
    pub total_ms: u64,
}

/// Puts back what the last command has replaced that put something aside. What is there now is put aside in turn.
pub fn undo(context: &Context<'_>, target: &Target) -> Result<UndoReport, Error> {
    let session = Session::open(context, target, &Mode::Existing, "undo")?;
    let Some(undo) = session.record().undo else { return Err(Error::NothingToUndo) };
    let is_there = |id: &DatabaseId, engine: &str| {
        session.model.databases.contains_key(id) && session.location(id).engine().word() == engine
    };
    let mut databases = BTreeSet::new();
    for (name, before) in &undo.databases {
        match DatabaseId::parse(name).filter(|id| is_there(id, &before.engine)) {
            Some(id) => drop(databases.insert(id)),
            None => return Err(Error::OtherDatabases { missing: vec![name.clone()] }),
        }
    }
    let resources: BTreeSet<ResourceId> =
        session.model.resources.keys().filter(|id| undo.resources.contains_key(&id.to_string())).cloned().collect();
    let names = undo.databases.keys().chain(undo.resources.keys()).cloned().collect();
    let parts = Parts { databases, resources, ..Parts::default() };
    let (model, observed, inputs) = (&session.model, &session.observed, &session.inputs);
    let plan = plan::around_state(model, observed, inputs, &parts, StateWork::Undo, &BTreeSet::new());
    let was_running = !session.observed.running.is_empty();
    let execution = session.execute(&plan, &Material::of("undo"));
    let rested = session.rest(was_running);
    let steps = step_reports(&plan, &execution?);
    rested?;
    let total_ms = millis(session.began);
    times::append(&session, "undo", total_ms, &steps);
    session.tend_in_background();
    Ok(UndoReport { command: undo.command, at: undo.at, names, total_ms })
}
