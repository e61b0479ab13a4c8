//! Rows that are generated: planned from the living schemas, made beside their writing, in one transaction per database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use database::{Database, Description};
use dataset::Registry;
use factory::{Operand, Plan, Spec, Wanted};
use plan::DatabaseId;
use source::{Problem, Problems};

use crate::elsewhere::{self, Referred};
use crate::generation_again::Again;
use crate::generation_compare::{Givens, Suspects, givens};
use crate::generation_fill::{Made, fill};
use crate::generation_plan::{At, Work};
use crate::implied_rows::{self, ImpliedRows, Opened, Rule};
use crate::journal::Journal;
use crate::journal_rows::FormerRows;
use crate::ledger::{LoadIdentity, LoadMode};
use crate::ledger_identity;
use crate::load::relational;
use crate::loader_commit::{Open, Transactions, commit};
use crate::loader_part::Part;
use crate::loader_report::LoadReport;
use crate::session::Session;
use crate::specs::OwnSpec;
use crate::wanted::{Places, Wants, problem, refused, wanted};
use crate::{Error, Interrupt};

/// What is to be generated.
pub(crate) struct Generation<'a> {
    /// What is wanted.
    pub(crate) spec: Spec,
    /// The service of the data types and tables that are named without one.
    pub(crate) service: String,
    /// The databases that have tables to choose from.
    pub(crate) databases: Vec<DatabaseId>,
    /// The databases of which every table is filled, if so many rows are wanted of each.
    pub(crate) filled: BTreeSet<DatabaseId>,
    /// The data types that are declared.
    pub(crate) types: &'a Registry,
    /// What the ledger calls it, and in which mode it is loaded.
    pub(crate) identity: LoadIdentity,
    /// Whether nothing is written.
    pub(crate) is_dry: bool,
}

impl<'a> Generation<'a> {
    /// What a spec wants in the environment of a session.
    pub(crate) fn of(session: &'a Session<'_>, own: &OwnSpec) -> Self {
        let databases: Vec<DatabaseId> = relational(session).collect();
        let filled = databases.iter().filter(|id| id.workspace == own.service).cloned().collect();
        let (spec, service, types) = (own.spec.clone(), own.service.clone(), &session.types);
        let identity = ledger_identity::of_generation(own, LoadMode::Ensure, types);
        Self { spec, service, databases, filled, types, identity, is_dry: false }
    }
}

impl Generation<'_> {
    /// How many times it may commit: what is removed with rows that a spec no longer has is made anew after that.
    pub(crate) fn passes(&self) -> usize {
        if self.identity.mode == LoadMode::Replace { 2 } else { 1 }
    }
}

/// Generates what is missing, in all databases or in none.
///
/// Where rows of the spec were removed because they referred to some that it no longer has, they are made anew when that is
/// done.
pub(crate) fn generate(
    generation: &Generation<'_>,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<LoadReport, Error> {
    let (mut report, lacks_rows) = once(generation, open, journal, interrupt)?;
    if lacks_rows && !generation.is_dry {
        let (more, _) = once(generation, open, journal, interrupt)?;
        for made in more.types {
            report.of(&made.data_type).created += made.created;
        }
    }
    Ok(report)
}

fn once(
    generation: &Generation<'_>,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<(LoadReport, bool), Error> {
    let mut opened = Opened::new();
    for id in &generation.databases {
        let mut database = open(id)?;
        let description = database.describe().map_err(Error::database(id))?;
        opened.insert(id.clone(), (database, description));
    }
    let described: Vec<(&DatabaseId, &Description)> =
        opened.iter().map(|(id, (_, description))| (id, description)).collect();
    let (wants, rules) = wanted(generation, &described).map_err(Error::Problems)?;
    let (load, mode) = (&generation.identity, generation.identity.mode);
    let Round { mut report, mut plans, databases } = plan_all(generation, &wants, &rules, &mut opened, interrupt)?;
    let mut order = Vec::new();
    for (id, wanted, places) in databases {
        let givens = givens(&wanted);
        let (database, description) = opened.get_mut(&id).expect("what is wanted is wanted of one of these");
        let mut suspects = Suspects::default();
        if mode != LoadMode::Add {
            let (is_only, description) = (is_only(generation, &id), description.clone());
            let at = At { id: &id, is_only, places: &places, looks: &[] };
            let mut work = Work { at, database: &mut **database, description, load, interrupt, report: &mut report };
            suspects = work.compare(&wanted, &givens)?;
        }
        if plans.contains_key(&id) || mode.updates() {
            order.push((id, wanted, places, (givens, suspects)));
        }
    }
    if mode == LoadMode::Replace {
        // There may be something that an earlier form of the spec wanted.
        let others = opened.keys().filter(|id| order.iter().all(|(other, ..)| other != *id));
        let nothing = |id: &DatabaseId| (id.clone(), Wanted::default(), Places::new(), Default::default());
        let others: Vec<_> = others.map(nothing).collect();
        order.extend(others);
    }
    let mut planned: Vec<Planned> = Vec::new();
    for (id, wanted, places, (givens, suspects)) in order {
        let (database, description) = opened.remove(&id).expect("it was opened");
        let (plan, is_only) = (plans.remove(&id), is_only(generation, &id));
        planned.push(Planned { id, database, description, is_only, wanted, givens, suspects, plan, places });
    }
    let mut lacks_rows = false;
    if !generation.is_dry || mode.updates() {
        let how = (load, generation.is_dry);
        lacks_rows = write(how, &mut planned, &mut report, open, journal, interrupt)?;
    }
    Ok((report, lacks_rows))
}

/// What is planned of all databases: in an order in which those come first that others refer to.
struct Round {
    report: LoadReport,
    plans: BTreeMap<DatabaseId, Arc<Plan>>,
    databases: Vec<(DatabaseId, Wanted, Places)>,
}

/// Plans all databases, until what rows imply is planned, too.
fn plan_all(
    generation: &Generation<'_>,
    wants: &BTreeMap<DatabaseId, Wants>,
    rules: &[Rule],
    opened: &mut Opened,
    interrupt: &Interrupt,
) -> Result<Round, Error> {
    let mut implied = ImpliedRows::default();
    for _ in 0..implied_rows::MOST_ROUNDS {
        let round = plan_round(generation, wants, (rules, &implied), opened, interrupt)?;
        let next = implied_rows::work_out(rules, &round.plans, wants, opened, &implied)?;
        if next == implied {
            return Ok(round);
        }
        implied = next;
    }
    let message = "what is implied changes what implies it, again and again".to_owned();
    let problem = Problem::error("spec::implied", message)
        .help("a type may not imply records that its own rows, or those that imply them, are picked from");
    Err(Error::Problems([problem].into_iter().collect::<Problems>()))
}

/// Plans all databases with what is implied as far as it is known.
fn plan_round(
    generation: &Generation<'_>,
    wants: &BTreeMap<DatabaseId, Wants>,
    (rules, implied): (&[Rule], &ImpliedRows),
    opened: &mut Opened,
    interrupt: &Interrupt,
) -> Result<Round, Error> {
    let load = &generation.identity;
    let mut report = LoadReport { is_dry: generation.is_dry, ..LoadReport::default() };
    let mut plans: BTreeMap<DatabaseId, Arc<Plan>> = BTreeMap::new();
    let mut databases = Vec::new();
    let links: Vec<_> = wants.iter().map(|(id, wants)| (id.clone(), wants.links.clone())).collect();
    // What others refer to is planned before them: their rows are known then, though none is written.
    for id in elsewhere::order(&links) {
        let Wants { mut wanted, places, links } = wants[&id].clone();
        let of_database = rules.iter().filter(|rule| rule.database == id);
        let looks: Vec<(String, Operand)> =
            of_database.flat_map(Rule::looks).map(|(table, operand)| (table.to_owned(), operand.clone())).collect();
        elsewhere::resolve(&links, &looks, (&mut wanted, &places), &mut |other, take| {
            let Some((database, description)) = opened.get_mut(other) else { return Ok(()) };
            take(Referred { database: &mut **database, description, plan: plans.get(other).cloned() })
        })?;
        let (database, description) = opened.get_mut(&id).expect("what is wanted is wanted of one of these");
        let at = At { id: &id, is_only: is_only(generation, &id), places: &places, looks: &looks };
        let (database, description) = (&mut **database, description.clone());
        let mut work = Work { at, database, description, load, interrupt, report: &mut report };
        if load.mode == LoadMode::Add {
            wanted = work.free_copy(&wanted)?;
        }
        let mut all = wanted.clone();
        implied.add_to(&id, &mut all);
        let plan = work.plan_what_is_missing(&all)?;
        plans.extend(plan.map(|plan| (id.clone(), Arc::new(plan))));
        databases.push((id, wanted, places));
    }
    Ok(Round { report, plans, databases })
}

/// Whether the service of a database has no other one.
fn is_only(generation: &Generation<'_>, id: &DatabaseId) -> bool {
    generation.databases.iter().filter(|other| other.workspace == id.workspace).count() == 1
}

/// A database, what it is like, what is wanted and where, and what is made in it.
struct Planned {
    id: DatabaseId,
    database: Box<dyn Database>,
    description: Description,
    is_only: bool,
    wanted: Wanted,
    givens: Givens,
    /// The rows that are there and may hold something else than is wanted.
    suspects: Suspects,
    plan: Option<Arc<Plan>>,
    places: Places,
}

/// Writes what is planned, in one transaction of each database; says whether rows that the spec has are missing now.
fn write(
    how: (&LoadIdentity, bool),
    planned: &mut [Planned],
    report: &mut LoadReport,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<bool, Error> {
    for Planned { id, database, .. } in &mut *planned {
        database.prepare_ledger().map_err(Error::database(id))?;
    }
    let written = write_all(how, planned, report, open, journal, interrupt);
    for Planned { id, database, .. } in planned {
        let tidied = database.tidy_ledger().map_err(Error::database(id));
        // Of an empty ledger that stays nobody sees anything; why the load failed is worth more.
        if written.is_ok() {
            tidied?;
        }
    }
    written
}

fn write_all(
    (load, is_dry): (&LoadIdentity, bool),
    planned: &mut [Planned],
    report: &mut LoadReport,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<bool, Error> {
    let mut lacks_rows = false;
    let is_undoable = (planned.len() > 1 || journal.keeps_undoable()) && load.mode.updates() && !is_dry;
    let mut former = FormerRows::new(journal.rows(), is_undoable);
    let (mut transactions, mut loads) = (Transactions::new(), BTreeMap::new());
    for Planned { id, database, description, is_only, wanted, givens, suspects, plan, places } in planned {
        let schema = database.inspect().map_err(Error::database(id))?;
        let mut part = Part::begin(id, &mut **database).map_err(Error::database(id))?;
        let mut again = Again { id, description, schema: &schema, wanted, load, interrupt, former: &mut former };
        if load.mode == LoadMode::Replace {
            let (removed, is_lacking) = again.remove(&mut part)?;
            lacks_rows |= is_lacking;
            for (table, rows) in removed {
                report.of(&named(id, *is_only, &table)).removed += rows;
            }
        }
        if let Some(plan) = plan.as_ref().filter(|_| !is_dry) {
            let tables = plan.bulk_tables();
            let mut made = Made::new(description, plan, &tables, givens);
            let filled = fill(&mut *part.transaction, plan, &tables, interrupt, Some(&mut made));
            filled.map_err(|(table, error)| match error {
                None => match plan.failure() {
                    Some(failure) => Error::Problems([problem(&failure, places)].into_iter().collect()),
                    None => Error::Interrupted,
                },
                Some(source) => refused(table, places, source),
            })?;
            for table in &tables {
                *part.made.entry(table.name.clone()).or_default() += table.rows;
            }
            part.pieces.extend(made.pieces());
        }
        if load.mode.updates() {
            // After what is new, so that rows can refer to that.
            for (table, rows) in again.update(&mut part, suspects)? {
                report.of(&named(id, *is_only, &table)).changed += rows;
            }
        }
        loads.extend(part.write(id, load)?.map(|load| (id.clone(), load)));
        transactions.insert(id.clone(), part.transaction);
    }
    if is_dry {
        for (id, transaction) in transactions {
            transaction.rollback().map_err(Error::database(&id))?;
        }
    } else {
        commit(transactions, &loads, former, open, journal)?;
    }
    Ok(lacks_rows)
}

/// A table as reports name it: with its database only where the service has several.
pub(crate) fn named(id: &DatabaseId, is_only: bool, table: &str) -> String {
    if is_only { format!("{}.{table}", id.workspace) } else { format!("{id}.{table}") }
}
