//! `config`: the settings of an environment, what of them has changed, and how other ones come into force.

use std::collections::{BTreeMap, BTreeSet};

use manifest::{Applied, Setting, SettingKind, WorkspaceTree};
use serde_json::Value;
use supervisor::UnitId;

use crate::config_history::{self, Configured, value_json};
use crate::context::{Context, Mode, Target};
use crate::material::Material;
use crate::record::Record;
use crate::report::{StepReport, millis, step_reports};
use crate::{Error, Progress, Session, ShortOfMemory, dependencies, times};

/// A setting, and where its value comes from.
#[derive(Debug, Clone)]
pub struct SettingReport {
    /// `WORKSPACE.KEY`.
    pub name: String,
    /// The setting.
    pub setting: Setting,
    /// The value as it could stand in a manifest.
    pub value: Value,
    /// File and line of the value, or `config apply`.
    pub from: String,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingChange {
    /// `WORKSPACE.KEY`.
    pub name: String,
    /// What is in force; nothing if it was not there.
    pub before: Option<Value>,
    /// What would be; nothing if it is not there any more.
    pub after: Option<Value>,
}

/// What another configuration would change.
#[derive(Debug)]
pub struct ConfigDifference {
    /// Settings that differ.
    pub changes: Vec<SettingChange>,
    /// Services that run and would be started anew.
    pub restarts: Vec<String>,
}

/// What came into force.
#[derive(Debug)]
pub struct ConfigReport {
    /// Settings that differ from what was in force.
    pub changes: Vec<SettingChange>,
    /// The steps that were done.
    pub steps: Vec<StepReport>,
    /// Its number in the history; 0 if there is no setting.
    pub number: u64,
    /// Whether any service runs.
    pub is_running: bool,
    /// Milliseconds from the beginning to the end.
    pub total_ms: u64,
}

/// What is declared without a profile.
const DEFAULT: &str = "default";

/// What is to be applied.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// The profile whose settings come into force, in place of all that was applied before; `default` is what is declared
    /// without one. None: what was applied stays.
    pub profile: Option<String>,
    /// Values that stand over everything, by `KEY` or `WORKSPACE.KEY`.
    pub values: Vec<(String, String)>,
}

/// The settings of an environment; of one that is not made, as it would be made with this profile.
pub fn config_settings(
    context: &Context<'_>,
    target: &Target,
    profile: Option<&str>,
) -> Result<Vec<SettingReport>, Error> {
    let record = Record::read(target.place(context).directory())?;
    let made_with = record.as_ref().map(|record| record.profile.clone());
    let profile = match (profile, made_with) {
        (Some(profile), _) => Some(profile.to_owned()),
        (None, Some(made_with)) => made_with,
        (None, None) => dependencies::own_profile(&target.root)?,
    };
    let applied = record.map(|record| record.config).unwrap_or_default();
    let tree = read_tree(context, target, profile.as_deref(), &applied)?;
    let report = |(name, setting): (String, Setting)| {
        let from = match setting.place.file().name() {
            manifest::APPLIED => "config apply".to_owned(),
            file => format!("{file}:{}", setting.place.line()),
        };
        SettingReport { name, value: value_json(&setting.value), from, setting }
    };
    Ok(config_history::settings(&tree).into_iter().map(report).collect())
}

/// What was in force when, oldest first.
pub fn config_history(context: &Context<'_>, target: &Target) -> Result<Vec<Configured>, Error> {
    let place = target.place(context);
    if !Record::exists(place.directory()) {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    config_history::read(&place)
}

/// What [`config_apply`] would change.
pub fn config_diff(context: &Context<'_>, target: &Target, options: &ApplyOptions) -> Result<ConfigDifference, Error> {
    let record = existing(context, target)?;
    let applied = applied(context, target, &record, options)?;
    let session = Session::open(context, target, &Mode::Weigh(applied), "config diff")?;
    let restarts = session.outdated().iter().map(ToString::to_string).collect();
    Ok(ConfigDifference { changes: changes(&session)?, restarts })
}

/// Brings another configuration into force. Of what runs, the services that read what differs are started anew; when that
/// fails, the configuration is as before.
pub fn config_apply(context: &Context<'_>, target: &Target, options: &ApplyOptions) -> Result<ConfigReport, Error> {
    let record = existing(context, target)?;
    let applied = applied(context, target, &record, options)?;
    bring_into_force(context, target, &record, applied, "config apply")
}

/// Brings a configuration of the history into force; the one before the last when none is named.
pub fn config_revert(context: &Context<'_>, target: &Target, number: Option<u64>) -> Result<ConfigReport, Error> {
    let record = existing(context, target)?;
    let history = config_history::read(&target.place(context))?;
    let wanted = match number {
        Some(number) => history.iter().find(|entry| entry.number == number),
        None => history.len().checked_sub(2).and_then(|index| history.get(index)),
    };
    let Some(wanted) = wanted else {
        let known = history.iter().map(|entry| entry.number.to_string()).collect();
        return Err(Error::NoConfiguration { wanted: number, known });
    };
    // The values of then stand over what is declared now, where that says something else.
    let profile = wanted.profile.clone();
    let bare = Applied { profile: profile.clone(), ..Applied::default() };
    let declared = config_history::settings(&read_tree(context, target, record.profile.as_deref(), &bare)?);
    let mut values = BTreeMap::new();
    for (name, value) in &wanted.settings {
        match declared.get(name) {
            Some(setting) if value_json(&setting.value) != *value => {
                drop(values.insert(name.clone(), value.to_string()));
            }
            Some(_) => {}
            None => {
                let text = format!("there is no setting {name} any more; it stays away");
                context.monitor.on(Progress::Note(text));
            }
        }
    }
    bring_into_force(context, target, &record, Applied { profile, values }, "config revert")
}

fn existing(context: &Context<'_>, target: &Target) -> Result<Record, Error> {
    let record = Record::read(target.place(context).directory())?;
    record.ok_or_else(|| Error::NoEnvironment(target.name.clone()))
}

fn read_tree(
    context: &Context<'_>,
    target: &Target,
    profile: Option<&str>,
    applied: &Applied,
) -> Result<WorkspaceTree, Error> {
    let loaded = dependencies::load(context, &target.root, profile, applied)?;
    loaded.tree.ok_or(Error::Problems(loaded.problems))
}

/// What is to be applied, with the whole name of each setting and its value as it would stand in a manifest.
fn applied(context: &Context<'_>, target: &Target, record: &Record, options: &ApplyOptions) -> Result<Applied, Error> {
    let mut applied = match options.profile.as_deref() {
        None => record.config.clone(),
        Some(DEFAULT) => Applied::default(),
        Some(profile) => Applied { profile: Some(profile.to_owned()), ..Applied::default() },
    };
    if options.values.is_empty() {
        return Ok(applied);
    }
    let tree = read_tree(context, target, record.profile.as_deref(), &applied)?;
    let root = tree.workspace(tree.root).manifest.name.to_string();
    let settings = config_history::settings(&tree);
    for (name, text) in &options.values {
        let whole = if name.contains('.') { name.clone() } else { format!("{root}.{name}") };
        let Some(setting) = settings.get(&whole) else {
            return Err(Error::NoSetting { wanted: name.clone(), known: settings.keys().cloned().collect() });
        };
        applied.values.insert(whole, as_written(setting.kind, text));
    }
    Ok(applied)
}

/// A word of the command line as it would stand in a manifest; what it is not, is found where it is read.
fn as_written(kind: SettingKind, text: &str) -> String {
    let is_plain =
        |text: &str| !text.is_empty() && text.chars().all(|char| char.is_ascii_alphanumeric() || ".+-".contains(char));
    match kind {
        SettingKind::Integer | SettingKind::Number | SettingKind::Boolean if is_plain(text) => text.to_owned(),
        _ => Value::from(text).to_string(),
    }
}

fn bring_into_force(
    context: &Context<'_>,
    target: &Target,
    before: &Record,
    applied: Applied,
    command: &str,
) -> Result<ConfigReport, Error> {
    let session = Session::open(context, target, &Mode::Configure(applied), command)?;
    let changes = changes(&session)?;
    let outdated = session.outdated();
    let is_running = !session.running_services().is_empty();
    let (model, observed, inputs) = (&session.model, &session.observed, &session.inputs);
    let plan = if outdated.is_empty() {
        plan::Plan::default()
    } else {
        plan::services(model, observed, inputs, &outdated, plan::Call::Declared)
    };
    match session.execute(&plan, &Material::of("config")) {
        Ok(execution) => {
            let steps = step_reports(&plan, &execution);
            let number = session.note_configuration(command)?;
            let total_ms = millis(session.began);
            if !steps.is_empty() {
                times::append(&session, command, total_ms, &steps);
            }
            Ok(ConfigReport { changes, steps, number, is_running, total_ms })
        }
        Err(error) => {
            session.change_record(|record| record.config = before.config.clone())?;
            drop(session);
            start_as_before(context, target, &outdated);
            Err(error)
        }
    }
}

/// Starts services again with the configuration that they had. What it was that failed has been said.
fn start_as_before(context: &Context<'_>, target: &Target, services: &BTreeSet<UnitId>) {
    let names: Vec<String> = services.iter().map(ToString::to_string).collect();
    let text = match crate::up::start(context, target, &names, ShortOfMemory::Refuse) {
        _ if names.is_empty() => return,
        Ok(_) => format!("{} as before", names.join(", ")),
        Err(error) => format!("could not start {} as before: {}", names.join(", "), crate::with_causes(&error)),
    };
    context.monitor.on(Progress::Note(text));
}

/// What differs between what was in force last and what this session has read.
fn changes(session: &Session<'_>) -> Result<Vec<SettingChange>, Error> {
    let before = config_history::read(&session.place)?.pop().map(|entry| entry.settings).unwrap_or_default();
    let after = config_history::settings(&session.tree);
    let after: BTreeMap<String, Value> =
        after.iter().map(|(name, setting)| (name.clone(), value_json(&setting.value))).collect();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| {
        let (before, after) = (before.get(name).cloned(), after.get(name).cloned());
        (before != after).then(|| SettingChange { name: name.clone(), before, after })
    };
    Ok(names.into_iter().filter_map(change).collect())
}

impl Session<'_> {
    /// The services that run otherwise than they are declared now, since something in their definition differs.
    fn outdated(&self) -> BTreeSet<UnitId> {
        let plan = plan::up(&self.model, &self.observed, &self.inputs);
        let is_running = |step: &&plan::Step| self.observed.running.contains_key(&step.id);
        let starts = plan.steps.iter().filter(|step| matches!(step.action, plan::Action::StartService { .. }));
        starts
            .filter(is_running)
            .map(|step| step.id.clone())
            .filter(|id| self.model.services.contains_key(id))
            .collect()
    }
}
