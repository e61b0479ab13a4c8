//! `load`: the records of a spec are there, and as many rows as are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use database::EngineKind;
use factory::Spec;
use plan::DatabaseId;
use source::{Problem, Problems, SourceFile};

use crate::context::{Context, Mode, Target};
use crate::data;
use crate::generation::Generation;
use crate::ledger::LoadMode;
use crate::ledger_identity::{self, FILL, spec_name};
use crate::loader::Loading;
use crate::loader_report::LoadReport;
use crate::material::Material;
use crate::report::{millis, step_reports};
use crate::session::Session;
use crate::{Error, Progress, times};

/// What to load.
#[derive(Debug, Clone)]
pub struct LoadOptions<'a> {
    /// The spec.
    pub path: Option<&'a Path>,
    /// The service that a service spec is of; the root workspace when it is not given. Of every service otherwise, every
    /// table is filled.
    pub service: Option<&'a str>,
    /// Whether a record that is referred to must be declared or there.
    pub strict: bool,
    /// How many rows every table shall have.
    pub fill: Option<u64>,
    /// What generated values depend on; that of the spec when it is not given.
    pub seed: Option<u64>,
    /// Values of the parameters of a spec.
    pub set: BTreeMap<String, String>,
    /// What becomes of records that are there.
    pub mode: LoadMode,
    /// Whether it is only said what would be done.
    pub is_dry: bool,
}

/// Makes sure that every record of a spec is there, and so many rows of every table.
pub fn load(context: &Context<'_>, target: &Target, options: &LoadOptions<'_>) -> Result<(LoadReport, u64), Error> {
    let mut session = Session::open(context, target, &Mode::Existing, "load")?;
    let service = options.service.unwrap_or(&session.model.root).to_owned();
    let known: Vec<String> = session.model.workspaces.iter().map(|workspace| workspace.name.clone()).collect();
    if !known.contains(&service) {
        return Err(Error::NoWorkspace { wanted: service, known });
    }
    let types = std::mem::take(&mut session.types);
    let mut problems = Problems::default();
    let own = match options.path {
        Some(path) => own_spec(path, options, &mut problems)?,
        None => Some(Spec { fill: options.fill, ..Spec::default() }),
    };
    if problems.has_errors() {
        return Err(Error::Problems(problems));
    }
    if let Some(mut spec) = own {
        spec.seed = options.seed.unwrap_or(spec.seed);
        spec.fill = options.fill.or(spec.fill);
        let databases: Vec<DatabaseId> = relational(&session).collect();
        let is_filled = |id: &&DatabaseId| match (options.service, options.path) {
            (None, None) => true,
            _ => id.workspace == service,
        };
        let filled = databases.iter().filter(is_filled).cloned().collect();
        let name = options.path.map_or_else(|| FILL.to_owned(), |path| spec_name(&target.root, path));
        let identity =
            ledger_identity::of_generation(name, service.clone(), options.mode, &spec, &types, options.set.clone());
        let generation = Generation { spec, service, databases, filled, types, identity, is_dry: options.is_dry };
        let databases = generation.databases.iter().cloned().collect();
        return execute(&session, &databases, &Material { generation: Some(&generation), ..Material::of("load") });
    }
    let path = options.path.expect("without a path it is a spec of our own form");
    let (types, specs) = data::read_spec(&session.tree, types, path, &service, &mut problems);
    if options.fill.is_some() || options.seed.is_some() || !options.set.is_empty() {
        problems.push(
            Problem::error("spec::not-own", format!("{} generates nothing", path.display()))
                .help("--fill, --seed and --set are for specs that begin with `seedbed: 1`"),
        );
    }
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
    let name = spec_name(&target.root, path);
    let loading = Loading {
        identity: ledger_identity::of_records(name, service, options.mode, &ordered),
        is_dry: options.is_dry,
        // What the spec no longer has may have been in any of them.
        databases: match options.mode {
            LoadMode::Replace => relational(&session).collect(),
            _ => BTreeSet::new(),
        },
    };
    let databases = databases.union(&loading.databases).cloned().collect();
    execute(&session, &databases, &Material { load: Some((&ordered, &loading)), ..Material::of("load") })
}

/// Reads a spec of our own form; `None` for one of another form, which is read again by who knows that.
fn own_spec(path: &Path, options: &LoadOptions<'_>, problems: &mut Problems) -> Result<Option<Spec>, Error> {
    let read = SourceFile::read(path, &path.display().to_string()).and_then(|file| source::parse(&file));
    match read {
        Ok(tree) if factory::is_own(&tree) => Ok(Spec::read(&tree, &options.set, problems)),
        Ok(_) => Ok(None),
        Err(problem) => {
            problems.push(problem);
            Err(Error::Problems(std::mem::take(problems)))
        }
    }
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
