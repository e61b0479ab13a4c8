//! The steps that load and unload: every part of a load, or none of it.

use dataset::LoadPlan;
use plan::{DatabaseId, Key};

use crate::execute::Worker;
use crate::generation::{self, Generation};
use crate::ledger::LoadMode;
use crate::ledger_identity::{self, DECLARED};
use crate::loader::{self, Hands, Loaded, Loading, MakeCopy, Rest};
use crate::loader_report::LoadReport;
use crate::loader_stages::MadeByOf;
use crate::{Error, Interrupt, loader_stages, unload};

/// The parts of a load: records, and what is generated after them.
pub(crate) struct Parts<'a> {
    pub(crate) records: Option<(&'a LoadPlan, &'a Loading)>,
    /// How copies of the records are made, where each load makes new ones.
    pub(crate) make_copy: Option<&'a MakeCopy<'a>>,
    pub(crate) generations: &'a [Generation<'a>],
}

/// Carries out all parts of a load, or none; `made_by` knows the providers of data types.
pub(crate) fn carry_out(parts: &Parts<'_>, hands: Hands<'_, '_>, made_by: &MadeByOf<'_>) -> Result<LoadReport, Error> {
    let Hands { open, start, journal, interrupt } = hands;
    let work = || -> Result<(LoadReport, Option<Rest>), Error> {
        let (mut report, mut rest) = (LoadReport::default(), None);
        // Records first: rows that are generated can refer to them.
        if let Some((plan, loading)) = parts.records {
            Loaded { report, rest } = loader::load(plan, loading, parts.make_copy, hands)?;
        }
        for generation in parts.generations {
            report.is_dry |= generation.is_dry;
            report.extend(generation::generate(generation, open, journal, interrupt)?);
        }
        Ok((report, rest))
    };
    let has_records = parts.records.is_some_and(|(plan, loading)| !plan.batches.is_empty() || loading.removes());
    let commits = usize::from(has_records) + parts.generations.iter().map(Generation::passes).sum::<usize>();
    let (mut report, rest) = match commits {
        0 | 1 => work(),
        _ => loader_stages::together(journal, open, start, made_by, work),
    }?;
    if let (Some(rest), Some((_, loading))) = (rest, parts.records) {
        // Last, since it cannot be undone.
        report.extend(rest.remove(loading, hands, made_by)?);
    }
    Ok(report)
}

impl Worker<'_> {
    /// Loads what the material has, or else what is declared.
    pub(crate) fn load(&self, keys: &[(DatabaseId, Key)]) -> Result<(), Error> {
        let (session, material) = (self.session, self.material);
        let (declared, loading);
        let parts = match (material.load, material.generations) {
            (None, []) => {
                let (spec, service) = (DECLARED.to_owned(), session.model.root.clone());
                let identity = ledger_identity::of_records(spec, service, LoadMode::Ensure, &session.declared);
                loading = Loading { identity, ..Loading::default() };
                declared = session.own.iter().map(|own| Generation::of(session, own)).collect::<Vec<_>>();
                Parts { records: Some((&session.declared, &loading)), make_copy: None, generations: &declared }
            }
            (records, generations) => Parts { records, make_copy: material.make_copy, generations },
        };
        let open = |id: &DatabaseId| session.database(id);
        let start = |provider: &dataset::Provider, heeded: &Interrupt| session.start_provider(provider, heeded);
        let made_by = |data_type: &str| session.types.made_by(session.types.data_type_called(data_type)?);
        let (journal, interrupt) = (&session.journal, &session.context.interrupt);
        let report = carry_out(&parts, Hands { open: &open, start: &start, journal, interrupt }, &made_by)?;
        for (id, key) in keys {
            session.remember(id, |record| record.data = Some(key.to_string()))?;
        }
        *self.load.lock().expect("nothing panics while it holds this") = Some(report);
        Ok(())
    }

    /// Removes what loads of a spec have made.
    pub(crate) fn unload(&self) -> Result<(), Error> {
        let session = self.session;
        let unloading = self.material.unload.expect("it is planned by who gives it");
        let open = |id: &DatabaseId| session.database(id);
        let start = |provider: &dataset::Provider, heeded: &Interrupt| session.start_provider(provider, heeded);
        let made_by = |data_type: &str| session.types.made_by(session.types.data_type_called(data_type)?);
        let (journal, interrupt) = (&session.journal, &session.context.interrupt);
        let report = unload::carry_out(unloading, &open, (&start, &made_by), journal, interrupt)?;
        if unloading.spec == DECLARED && !unloading.is_dry {
            // What is declared is not there any more, and the next `up` loads it again.
            for id in &unloading.databases {
                session.remember(id, |record| record.data = None)?;
            }
        }
        *self.load.lock().expect("nothing panics while it holds this") = Some(report);
        Ok(())
    }
}
