//! The steps that load and unload: every part of a load, or none of it.

use plan::{DatabaseId, Key};

use crate::execute::Worker;
use crate::generation::{self, Generation};
use crate::ledger::LoadMode;
use crate::ledger_identity::{self, DECLARED};
use crate::loader::{self, Loading};
use crate::loader_report::LoadReport;
use crate::{Error, Interrupt, loader_stages, unload};

impl Worker<'_> {
    /// Loads what the material has, or else what is declared.
    pub(crate) fn load(&self, keys: &[(DatabaseId, Key)]) -> Result<(), Error> {
        let (session, material) = (self.session, self.material);
        let declared: Vec<Generation<'_>>;
        let loading: Loading;
        let (records, generations) = match (material.load, material.generations) {
            (None, []) => {
                let (spec, service) = (DECLARED.to_owned(), session.model.root.clone());
                let identity = ledger_identity::of_records(spec, service, LoadMode::Ensure, &session.declared);
                loading = Loading { identity, ..Loading::default() };
                declared = session.own.iter().map(|own| Generation::of(session, own)).collect();
                (Some((&session.declared, &loading)), &declared[..])
            }
            given => given,
        };
        let open = |id: &DatabaseId| session.database(id);
        let (interrupt, journal) = (&session.context.interrupt, &session.journal);
        let start = |provider: &dataset::Provider, heeded: &Interrupt| session.start_provider(provider, heeded);
        let made_by = |data_type: &str| session.types.made_by(session.types.data_type_called(data_type)?);
        let work = || -> Result<LoadReport, Error> {
            let mut report = LoadReport::default();
            // Records first: rows that are generated can refer to them.
            if let Some((plan, loading)) = records {
                report = loader::load(plan, loading, material.make_copy, &open, &start, journal, interrupt)?;
            }
            for generation in generations {
                report.is_dry |= generation.is_dry;
                report.extend(generation::generate(generation, &open, journal, interrupt)?);
            }
            Ok(report)
        };
        let has_records = records.is_some_and(|(plan, loading)| !plan.batches.is_empty() || loading.removes());
        let parts = usize::from(has_records) + generations.iter().map(Generation::passes).sum::<usize>();
        let report = match parts {
            0 | 1 => work(),
            _ => loader_stages::together(journal, &open, &start, &made_by, work),
        }?;
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
