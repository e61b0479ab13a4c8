//! `load`: the records of a spec are there, and as many rows as are wanted.

use std::collections::{BTreeMap, BTreeSet};

use database::{Description, EngineKind};
use factory::{Choice, Spec};
use plan::{Action, DatabaseId, Plan};
use source::{Problem, Problems};

use crate::context::{Context, Mode, Target};
use crate::data::{self, Asked, DeclaredData, Loaded};
use crate::databases::reachable;
use crate::generation::Generation;
use crate::ledger::LoadMode;
use crate::ledger_identity::{self, FILL};
use crate::loader::{Loading, MakeCopy};
use crate::loader_report::LoadReport;
use crate::material::Material;
use crate::report::{millis, step_reports};
use crate::session::Session;
use crate::specs::OwnSpec;
use crate::{Error, Progress, times, wanted};

/// What to load.
#[derive(Debug, Clone)]
pub struct LoadOptions<'a> {
    /// The spec: a scenario of the workspace, a path, or an address. Without it and without `fill`: what is declared, in the
    /// mode in which `up` loads it.
    pub what: Option<&'a str>,
    /// The service that a service spec is of; the root workspace when it is not given. Of every service otherwise, every
    /// table is filled.
    pub service: Option<&'a str>,
    /// The scenario of the spec.
    pub scenario: Option<&'a str>,
    /// Whether a record that is referred to must be declared or there.
    pub strict: bool,
    /// How many rows every table shall have.
    pub fill: Option<u64>,
    /// What generated values depend on; that of the spec when it is not given.
    pub seed: Option<u64>,
    /// Values of the parameters of a spec.
    pub set: Vec<(String, String)>,
    /// What becomes of records that are there.
    pub mode: LoadMode,
    /// Whether it is only said what would be done.
    pub is_dry: bool,
}

/// Makes sure that every record of a spec is there, and so many rows of every table.
pub fn load(context: &Context<'_>, target: &Target, options: &LoadOptions<'_>) -> Result<(LoadReport, u64), Error> {
    let session = Session::open(context, target, &Mode::Existing, "load")?;
    let service = options.service.unwrap_or(&session.model.root).to_owned();
    let known: Vec<String> = session.model.workspaces.iter().map(|workspace| workspace.name.clone()).collect();
    if !known.contains(&service) {
        return Err(Error::NoWorkspace { wanted: service, known });
    }
    let mut problems = Problems::default();
    if options.what.is_none() && options.fill.is_none() {
        if options.service.is_some() {
            return declared_of(&session, &service, options);
        }
        // What is declared; a plan of it is made whenever the manifests are read.
        return execute(&session, &session.inputs.loaded, &Material::of("load"));
    }
    let Some(what) = options.what else {
        let spec = Spec { fill: options.fill, seed: options.seed.unwrap_or(0), ..Spec::default() };
        let own = OwnSpec { name: FILL.to_owned(), service, spec, chosen: BTreeMap::new() };
        let mut generation = generation(&session, &own, options);
        if options.service.is_none() {
            generation.filled = generation.databases.iter().cloned().collect();
        }
        let databases = generation.databases.iter().cloned().collect();
        return execute(&session, &databases, &Material { generations: &[generation], ..Material::of("load") });
    };
    let set = options.set.iter().map(|(name, value)| (name.clone(), value.clone(), None)).collect();
    let choice = Choice { scenario: options.scenario.map(|name| (name.to_owned(), None)), set };
    let asked = Asked { what, service: &service, choice };
    let Loaded { name, specs, own } =
        data::read_spec(context, &target.root, &session.tree, &session.types, asked, &mut problems);
    if own.is_empty() && (options.fill.is_some() || options.seed.is_some()) {
        problems.push(
            Problem::error("spec::not-own", format!("{what} generates nothing"))
                .help("--fill and --seed are for specs that begin with `seedbed: 1`"),
        );
    }
    let is_read = !problems.has_errors();
    if !is_read {
        data::add_circles(&session.types, specs.clone(), &mut problems);
    }
    let generations: Vec<Generation<'_>> = own.iter().map(|own| generation(&session, own, options)).collect();
    for generation in &generations {
        check(&session, generation, &mut problems)?;
    }
    let has_records = !specs.is_empty();
    let make_copy =
        |copy: u64| dataset::order_copy(&session.types, specs.clone(), &data::options(options.strict), copy);
    let ordered = if is_read { make_copy(1) } else { Ok(None) };
    let ordered = ordered.unwrap_or_else(|found| {
        problems.extend(found);
        None
    });
    let Some(ordered) = ordered.filter(|_| !problems.has_errors()) else { return Err(Error::Problems(problems)) };
    if options.mode == LoadMode::Add {
        // What cannot be made once more is said before anything begins.
        make_copy(2).map_err(Error::Problems)?;
    }
    problems.extend(ordered.warnings.iter().cloned());
    if !problems.is_empty() {
        context.monitor.on(Progress::Warnings(&problems));
    }
    let of_records = ordered.batches.iter();
    let of_records =
        of_records.map(|batch| DatabaseId { workspace: batch.service.clone(), name: batch.database.clone() });
    let loading = Loading {
        identity: ledger_identity::of_records(name, service, options.mode, &ordered),
        is_dry: options.is_dry,
        // What the spec no longer has may have been in any of them.
        databases: match options.mode {
            LoadMode::Replace => relational(&session).collect(),
            _ => BTreeSet::new(),
        },
    };
    let mut databases: BTreeSet<DatabaseId> = of_records.chain(loading.databases.iter().cloned()).collect();
    databases.extend(generations.iter().flat_map(|generation| generation.databases.iter().cloned()));
    let load = (has_records || generations.is_empty()).then_some((&ordered, &loading));
    let make_copy: Option<&MakeCopy<'_>> = (options.mode == LoadMode::Add).then_some(&make_copy);
    execute(&session, &databases, &Material { load, make_copy, generations: &generations, ..Material::of("load") })
}

/// Loads what is declared of one service, with the records of others that it refers to.
fn declared_of(session: &Session<'_>, service: &str, options: &LoadOptions<'_>) -> Result<(LoadReport, u64), Error> {
    let mut problems = Problems::default();
    let data = DeclaredData::read(session.context, &session.target.root, &session.tree, &mut problems);
    problems.into_result(()).map_err(Error::Problems)?;
    let specs = data.specs.of_service(&session.types, service);
    let ordered = dataset::order(&session.types, specs, &data::options(options.strict)).map_err(Error::Problems)?;
    let generations: Vec<Generation<'_>> =
        session.own.iter().filter(|own| own.service == service).map(|own| generation(session, own, options)).collect();
    let of_records = ordered.batches.iter();
    let of_records =
        of_records.map(|batch| DatabaseId { workspace: batch.service.clone(), name: batch.database.clone() });
    let name = format!("what is declared of {service}");
    let loading = Loading {
        identity: ledger_identity::of_records(name, service.to_owned(), options.mode, &ordered),
        is_dry: options.is_dry,
        databases: BTreeSet::new(),
    };
    let mut databases: BTreeSet<DatabaseId> = of_records.collect();
    databases.extend(generations.iter().flat_map(|generation| generation.databases.iter().cloned()));
    let load = (!ordered.batches.is_empty()).then_some((&ordered, &loading));
    execute(session, &databases, &Material { load, generations: &generations, ..Material::of("load") })
}

/// What a spec wants, as the user wants it.
fn generation<'s>(session: &'s Session<'_>, own: &OwnSpec, options: &LoadOptions<'_>) -> Generation<'s> {
    let mut own = own.clone();
    own.spec.seed = options.seed.unwrap_or(own.spec.seed);
    own.spec.fill = options.fill.or(own.spec.fill);
    let mut generation = Generation::of(session, &own);
    generation.identity.mode = options.mode;
    generation.is_dry = options.is_dry;
    generation
}

/// Finds what is wrong with the specs of manifests before anything begins, where the databases are what they will be.
pub(crate) fn check_declared(session: &Session<'_>, plan: &Plan) -> Result<(), Error> {
    let changes = |action: &Action| {
        matches!(
            action,
            Action::CreateDatabase(_)
                | Action::ClearDatabase(_)
                | Action::RunSchema { .. }
                | Action::ExecuteSchema { .. }
                | Action::ImportBase { .. }
                | Action::Adopt { .. }
        )
    };
    let loads = plan.steps.iter().any(|step| matches!(step.action, Action::Load { .. }));
    if !loads || plan.steps.iter().any(|step| changes(&step.action)) {
        return Ok(());
    }
    let mut problems = Problems::default();
    for own in &session.own {
        check(session, &Generation::of(session, own), &mut problems)?;
    }
    problems.into_result(()).map_err(Error::Problems)
}

/// Finds what is wrong before anything begins, where the databases can be looked into already.
fn check(session: &Session<'_>, generation: &Generation<'_>, problems: &mut Problems) -> Result<(), Error> {
    let mut described: Vec<(&DatabaseId, Description)> = Vec::new();
    for id in &generation.databases {
        let Ok(mut database) = reachable(session, id) else { return Ok(()) };
        described.push((id, database.describe().map_err(Error::database(id))?));
    }
    let described: Vec<(&DatabaseId, &Description)> =
        described.iter().map(|(id, description)| (*id, description)).collect();
    wanted::check(generation, &described, problems);
    Ok(())
}

/// The databases that have tables.
pub(crate) fn relational<'s>(session: &'s Session<'_>) -> impl Iterator<Item = DatabaseId> + 's {
    let ids = session.model.databases.keys();
    ids.filter(|id| session.location(id).engine() != EngineKind::Redis).cloned()
}

fn execute(
    session: &Session<'_>,
    databases: &BTreeSet<DatabaseId>,
    material: &Material<'_>,
) -> Result<(LoadReport, u64), Error> {
    let plan = plan::load(&session.model, &session.observed, &session.inputs, databases);
    let was_running = !session.observed.running.is_empty();
    let execution = session.execute(&plan, material);
    let rested = session.rest(was_running);
    let execution = execution?;
    rested?;
    let total_ms = millis(session.began);
    times::append(session, "load", total_ms, &step_reports(&plan, &execution));
    Ok((execution.load.unwrap_or_default(), total_ms))
}
