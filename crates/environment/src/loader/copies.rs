//! Where each load makes new records: the first copy of which none is there.

use std::collections::{BTreeMap, BTreeSet};

use database::Schema;
use dataset::{LoadPlan, Origin};
use plan::DatabaseId;
use source::Problems;

use super::{AT_ONCE, Databases, Hands, Loading, Source, Writer, database_of, owners, sources};
use crate::Error;
use crate::journal_rows::FormerRows;
use crate::loader_part::Part;
use crate::loader_report::LoadReport;
use crate::provider::Providers;

/// Makes the plan of a copy by its number, as [`dataset::order_copy`] does.
pub(crate) type MakeCopy<'a> = dyn Fn(u64) -> Result<Option<LoadPlan>, Problems> + Sync + 'a;

/// Finds the first copy of a plan of whose declared records none is there. `None` if that is the plan itself.
pub(super) fn free_copy(
    plan: &LoadPlan,
    make: &MakeCopy<'_>,
    loading: &Loading,
    hands: Hands<'_, '_>,
) -> Result<Option<LoadPlan>, Error> {
    let (mut databases, mut schemas) = (Databases::new(), BTreeMap::new());
    for id in plan.batches.iter().map(database_of).collect::<BTreeSet<_>>() {
        let mut database = (hands.open)(&id)?;
        schemas.insert(id.clone(), database.inspect().map_err(Error::database(&id))?);
        databases.insert(id, database);
    }
    let search = |plan: &LoadPlan, databases: &mut Databases| {
        Search { plan, loading, schemas: &schemas, hands }.is_free(databases)
    };
    if search(plan, &mut databases)? {
        return Ok(None);
    }
    for number in 2.. {
        if hands.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        let Some(copy) = make(number).map_err(Error::Problems)? else { continue };
        if search(&copy, &mut databases)? {
            return Ok(Some(copy));
        }
    }
    unreachable!("there are more numbers than records")
}

/// What the records of a plan are looked for with.
struct Search<'a, 's> {
    plan: &'a LoadPlan,
    loading: &'a Loading,
    schemas: &'a BTreeMap<DatabaseId, Schema>,
    hands: Hands<'a, 's>,
}

impl<'a, 's> Search<'a, 's> {
    /// Whether none of the declared records is there.
    fn is_free(&self, databases: &mut Databases) -> Result<bool, Error> {
        let mut providers = Providers::new(self.hands.start, self.hands.interrupt);
        let mut known = sources(self.plan, self.schemas).map_err(Error::Problems)?;
        let mut is_free = Ok(true);
        for index in 0..self.plan.batches.len() {
            is_free = self.is_batch_free(index, databases, &mut providers, &mut known);
            if !matches!(is_free, Ok(true)) {
                break;
            }
        }
        let ended = providers.end();
        let is_free = is_free?;
        ended.map(|()| is_free)
    }

    /// Looks for the records of a batch; what is found of them is known to later ones.
    fn is_batch_free(
        &self,
        index: usize,
        databases: &mut Databases,
        providers: &mut Providers<'a, 's>,
        known: &mut Vec<Source>,
    ) -> Result<bool, Error> {
        let batch = &self.plan.batches[index];
        let mut parts = BTreeMap::new();
        // Whoever makes records outside of our transactions must not wait for them.
        if batch.made_by.is_none() {
            let id = database_of(batch);
            let database = databases.get_mut(&id).expect("every batch's database was opened");
            let part = Part::begin(&id, &mut **database).map_err(Error::database(&id))?;
            parts.insert(id, part);
        }
        let mut writer = Writer {
            plan: self.plan,
            loading: self.loading,
            interrupt: self.hands.interrupt,
            journal: self.hands.journal,
            schemas: self.schemas,
            parts,
            providers,
            owners: owners(self.plan),
            sources: std::mem::take(known),
            former: FormerRows::new(self.hands.journal.rows(), false),
            report: LoadReport::default(),
            told: BTreeMap::new(),
            kept: BTreeMap::new(),
            refused: Problems::default(),
        };
        let values: Vec<_> = batch.rows.iter().map(|row| writer.values(row)).collect();
        let rows = match batch.made_by {
            Some(_) => writer.find_provided(index, &values)?,
            None => writer.find(index, &values, AT_ONCE)?,
        };
        let mut declared = batch.rows.iter().zip(&rows).filter(|(row, _)| matches!(row.origin, Origin::Declared(_)));
        let is_free = declared.all(|(_, found)| found.is_none());
        writer.sources[index].rows = rows;
        *known = writer.sources;
        for (id, part) in writer.parts {
            part.transaction.rollback().map_err(Error::database(&id))?;
        }
        Ok(is_free)
    }
}
