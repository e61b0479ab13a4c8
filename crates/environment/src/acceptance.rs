//! `check`: the definition of done for a repository. Everything works from nothing, twice, in time, and leaves nothing.
//!
//! It is tried in an environment of its own, beside that of the user, which is removed again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use daemon::Client;
use plan::{Action, DatabaseId};

use crate::context::{Context, Mode, Target};
use crate::data::DeclaredData;
use crate::dependencies;
use crate::execute::Execution;
use crate::material::Material;
use crate::place::Place;
use crate::record::Record;
use crate::report::{StepReport, millis, service_reports, step_reports};
use crate::session::Session;
use crate::{Error, Progress, destroy, down, ports, toggles, with_causes};

/// The environment that is tried; nobody else has such a name by accident.
const TRIAL: &str = "check-1";

/// How long `up` may take from nothing where the manifest does not say it.
const UP: Duration = Duration::from_secs(300);

/// What is to be checked, and how.
#[derive(Debug, Clone, Default)]
pub struct AcceptanceOptions {
    /// The profile.
    pub profile: Option<String>,
    /// Whether tasks are run that have run with the same inputs before.
    pub tasks: bool,
}

/// What a check found.
#[derive(Debug)]
pub struct Acceptance {
    /// Name of the workspace.
    pub workspace: String,
    /// The parts of the check, in their order; when one fails, those that need it are left out.
    pub parts: Vec<AcceptancePart>,
    /// The steps of `up` from nothing, and how long each took.
    pub steps: Vec<StepReport>,
    /// Milliseconds from the beginning to the end.
    pub total_ms: u64,
}

/// A part of a check.
#[derive(Debug)]
pub struct AcceptancePart {
    /// What was to be so.
    pub name: &'static str,
    /// Whether it is so; `None`: it could not be tried, since something before failed.
    pub passed: Option<bool>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What was found: against it, or worth knowing.
    pub findings: Vec<String>,
    /// The error that ended it.
    pub error: Option<Error>,
}

impl Acceptance {
    /// Whether all of it is so.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.parts.iter().all(|part| part.passed == Some(true))
    }
}

/// What was to be so.
const PARTS: [&str; 7] = [
    "the manifest is valid",
    "it comes up from nothing",
    "every service is ready",
    "up again does nothing",
    "data loads twice without change",
    "down leaves nothing",
    "every step is in its time",
];

/// Checks a repository.
pub fn check_repository(
    context: &Context<'_>,
    target: &Target,
    options: &AcceptanceOptions,
) -> Result<Acceptance, Error> {
    let began = Instant::now();
    let trial = Target { root: target.root.clone(), name: TRIAL.to_owned() };
    let place = trial.place(context);
    if Record::exists(place.directory()) {
        // Left by a check that was killed.
        destroy(context, &trial)?;
    }
    let profile = match &options.profile {
        Some(profile) => Some(profile.clone()),
        None => match Record::read(target.place(context).directory())? {
            Some(record) => record.profile,
            None => dependencies::own_profile(&target.root)?,
        },
    };
    let mut check = Check { context, trial: &trial, parts: Vec::new(), steps: Vec::new(), ports: Vec::new() };
    let workspace = check.manifest(profile.as_deref());
    if let Some((_, budget)) = &workspace {
        let mode = Mode::Make(profile.clone());
        check.run(&mode, options.tasks);
        check.times(budget);
    }
    if Record::exists(place.directory()) {
        destroy(context, &trial)?;
    }
    if context.interrupt.is_raised() {
        return Err(Error::Interrupted);
    }
    let Check { parts, steps, .. } = check;
    let parts = in_order(parts);
    let workspace = workspace.map(|(name, _)| name).unwrap_or_default();
    Ok(Acceptance { workspace, parts, steps, total_ms: millis(began) })
}

/// All parts, in their order, also those that could not be tried.
fn in_order(mut tried: Vec<AcceptancePart>) -> Vec<AcceptancePart> {
    let part = |name: &'static str| match tried.iter().position(|part| part.name == name) {
        Some(index) => tried.swap_remove(index),
        None => AcceptancePart { name, passed: None, took_ms: 0, findings: Vec::new(), error: None },
    };
    PARTS.into_iter().map(part).collect()
}

struct Check<'a> {
    context: &'a Context<'a>,
    trial: &'a Target,
    parts: Vec<AcceptancePart>,
    steps: Vec<StepReport>,
    /// Ports of the environment that was tried.
    ports: Vec<(String, u16)>,
}

/// What came of a part: findings against it, and what is worth knowing.
#[derive(Default)]
struct Found {
    against: Vec<String>,
    notes: Vec<String>,
}

impl Check<'_> {
    /// Tries a part; what it gives is there if nothing is against it.
    fn part<T>(&mut self, index: usize, work: impl FnOnce(&mut Self, &mut Found) -> Result<T, Error>) -> Option<T> {
        let (began, name) = (Instant::now(), PARTS[index]);
        if self.context.interrupt.is_raised() {
            return None;
        }
        self.context.monitor.on(Progress::Note(format!("{} of {}: {name}", index + 1, PARTS.len())));
        let mut found = Found::default();
        let result = work(self, &mut found);
        let passed = result.is_ok() && found.against.is_empty();
        let findings = found.against.into_iter().chain(found.notes).collect();
        let (value, error) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(without_logs(error))),
        };
        self.parts.push(AcceptancePart { name, passed: Some(passed), took_ms: millis(began), findings, error });
        value
    }

    /// The name of the workspace and the times that it allows.
    fn manifest(&mut self, profile: Option<&str>) -> Option<(String, manifest::Budget)> {
        self.part(0, |check, found| {
            let (context, root) = (check.context, &check.trial.root);
            let loaded = dependencies::load(context, root, profile, &manifest::Applied::default())?;
            let mut problems = loaded.problems;
            let Some(tree) = loaded.tree else { return Err(Error::Problems(problems)) };
            let data = DeclaredData::read(context, root, &tree, &mut problems);
            let ordered = dataset::order(&data.types, data.specs, &crate::data::options(false));
            if let Err(more) = ordered {
                problems.extend(more.iter().cloned());
            }
            if problems.has_errors() {
                return Err(Error::Problems(problems));
            }
            problems.extend(toggles::expired(context, &tree, toggles::Of::Root));
            found.notes.extend(problems.iter().map(|problem| problem.message.clone()));
            let manifest = &tree.workspace(tree.root).manifest;
            Ok((manifest.name.to_string(), manifest.budget.clone()))
        })
    }

    /// Everything that runs.
    fn run(&mut self, mode: &Mode, also_tasks: bool) {
        let came_up = self.part(1, |check, found| check.up(mode, also_tasks, found));
        if came_up.is_some() {
            self.part(2, |check, found| check.ready(found));
            self.part(3, |check, found| check.again(found));
            self.part(4, |check, found| check.data(found));
        }
        // Also when it did not come up: what was begun must go, too.
        if Record::exists(self.place().directory()) {
            self.part(5, |check, found| check.down(found));
        }
    }

    fn place(&self) -> Place {
        self.trial.place(self.context)
    }

    /// Looks for no states: everything is made.
    fn up(&mut self, mode: &Mode, also_tasks: bool, found: &mut Found) -> Result<(), Error> {
        let mut session = Session::open(self.context, self.trial, mode, "check")?;
        self.ports = session.record().ports.into_iter().collect();
        if also_tasks {
            session.observed.tasks.clear();
        }
        let plan = plan::up(&session.model, &session.observed, &session.inputs);
        let skipped = plan.unchanged.iter().filter(|(id, _)| session.model.tasks.contains_key(id));
        let skipped: Vec<String> = skipped.map(|(id, _)| id.to_string()).collect();
        if !skipped.is_empty() {
            found.notes.push(format!(
                "not run again, since their inputs are unchanged: {}; --tasks runs them",
                skipped.join(", ")
            ));
        }
        let execution = session.execute(&plan, &Material::of("check"))?;
        self.steps = step_reports(&plan, &execution);
        Ok(())
    }

    fn ready(&self, found: &mut Found) -> Result<(), Error> {
        let session = self.open()?;
        for service in service_reports(&session, &BTreeMap::new()) {
            if !service.is_ready {
                found.against.push(format!("{} is {}", service.id, service.state));
            } else if service.restarts > 0 {
                let end = service.last_end.map_or_else(String::new, |end| format!("; it {end}"));
                found.against.push(format!("{} was restarted {} times{end}", service.id, service.restarts));
            }
        }
        Ok(())
    }

    fn again(&self, found: &mut Found) -> Result<(), Error> {
        let session = self.open()?;
        let plan = plan::up(&session.model, &session.observed, &session.inputs);
        for step in &plan.steps {
            let text = format!("it would {}: {}", step.title(), step.reason);
            // What a task without inputs works on is not seen; so it runs each time, with what comes after it.
            let is_task = matches!(step.action, Action::RunTask { .. });
            if is_task { found.notes.push(text) } else { found.against.push(text) }
        }
        found.against.extend(plan.stop.iter().map(|(id, reason)| format!("it would stop {id}: {reason}")));
        Ok(())
    }

    /// Loads what is declared once more, and compares what the databases hold.
    fn data(&self, found: &mut Found) -> Result<(), Error> {
        let session = self.open()?;
        let databases = session.inputs.loaded.clone();
        if databases.is_empty() {
            found.notes.push("no data is declared".to_owned());
            return Ok(());
        }
        let contents = || -> Result<BTreeMap<DatabaseId, String>, Error> {
            let content = |id: &DatabaseId| session.database(id)?.fingerprint().map_err(Error::database(id));
            // Of all, since a service that is asked to make a record may write elsewhere.
            session.observed.databases.keys().map(|id| Ok((id.clone(), content(id)?))).collect()
        };
        let before = contents()?;
        let plan = plan::load(&session.model, &session.observed, &session.inputs, &databases);
        let Execution { load, .. } = session.execute(&plan, &Material::of("check"))?;
        let after = contents()?;
        for (id, _) in before.iter().filter(|(id, content)| after.get(*id) != Some(content)) {
            found.against.push(format!("{id} does not hold the same after the second load"));
        }
        let Some(load) = load else { return Ok(()) };
        for report in &load.types {
            for (rows, what) in [(report.created, "created"), (report.changed, "changed"), (report.removed, "removed")]
            {
                if rows > 0 {
                    found.against.push(format!("{}: {rows} {what} by the second load", report.data_type));
                }
            }
        }
        for differs in &load.differences {
            found.against.push(format!(
                "{}.{} is {}, the spec says {}",
                differs.record, differs.field, differs.is, differs.declared
            ));
        }
        Ok(())
    }

    fn down(&self, found: &mut Found) -> Result<(), Error> {
        let place = self.place();
        down(self.context, self.trial)?;
        // A server may be shared with others, who go on.
        let is_service = |name: &str| name.contains('/') && !name.contains(' ');
        for (service, port) in self.ports.iter().filter(|(service, _)| is_service(service)) {
            if !ports::is_free(*port) {
                let holder = ports::holder(*port).unwrap_or_else(|| "something".to_owned());
                found.against.push(format!("port {port} of {service} is still in use by {holder}"));
            }
        }
        for pid in runtime::unit_processes(place.directory()) {
            found.against.push(format!("the process {pid} of one of its units still runs"));
        }
        if Client::connect(&place.socket()).map_err(Error::Supervisor)?.is_some() {
            found.against.push("its supervisor still runs".to_owned());
        }
        // What is found is removed at the same time.
        match runtime::sweep(place.directory(), false) {
            Ok(0) => {}
            Ok(left) => found.against.push(format!("{left} of its containers and networks were still there")),
            Err(error) => {
                found.notes.push(format!("whether containers are left is not known: {}", with_causes(&error)));
            }
        }
        destroy(self.context, self.trial)?;
        for directory in place.all().into_iter().filter(|directory| directory.exists()) {
            found.against.push(format!("{} is still there", directory.display()));
        }
        Ok(())
    }

    /// Compares how long all of it took with what the manifest allows.
    fn times(&mut self, budget: &manifest::Budget) {
        let took = |check: &Self, index: usize| {
            let part = check.parts.iter().find(|part| part.name == PARTS[index]);
            part.map(|part| Duration::from_millis(part.took_ms))
        };
        if self.steps.is_empty() {
            return;
        }
        let whole =
            [("up from nothing", took(self, 1), Some(budget.up.unwrap_or(UP))), ("down", took(self, 5), budget.down)];
        self.part(6, |check, found| {
            let mut compare = |what: &str, took: Duration, limit: Duration| {
                if took > limit {
                    found.against.push(format!("{what} took {}, and has {}", words(took), words(limit)));
                }
            };
            for (what, took, limit) in whole {
                if let (Some(took), Some(limit)) = (took, limit) {
                    compare(what, took, limit);
                }
            }
            for step in &check.steps {
                let own = budget.steps.get(&step.title).copied().or(budget.step);
                if let Some(limit) = own {
                    compare(&step.title, Duration::from_millis(step.took_ms), limit);
                }
            }
            for title in budget.steps.keys().filter(|title| check.steps.iter().all(|step| step.title != **title)) {
                found.notes.push(format!("no step `{title}` was done, for which a time is declared"));
            }
            Ok(())
        });
    }

    fn open(&self) -> Result<Session<'_>, Error> {
        Session::open(self.context, self.trial, &Mode::Existing, "check")
    }
}

/// What is said of steps that failed: the logs go with the environment.
fn without_logs(error: Error) -> Error {
    let Error::Failed(mut failures) = error else { return error };
    for failure in &mut failures {
        failure.log = None;
        "`seedbed up` does the same in an environment that stays, with its logs".clone_into(&mut failure.help);
    }
    Error::Failed(failures)
}

fn words(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms < 1000 { format!("{ms} ms") } else { format!("{}.{:02} s", ms / 1000, ms % 1000 / 10) }
}
