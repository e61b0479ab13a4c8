//! What must have happened before something starts.

use source::{Place, Problem, Tree, closest};

use crate::reading::Reading;

/// One thing that something waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// What it waits for.
    pub target: AfterTarget,
    /// What must be so of it.
    pub condition: Condition,
    /// Whether what waits, a service, is restarted whenever its target is started anew, or, a task, has run again.
    pub restart: bool,
    /// Whether its target, if that sleeps, is woken.
    pub wake: bool,
    /// Where its name stands.
    pub place: Place,
}

/// What something can wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterTarget {
    /// A service of the same workspace.
    Service(String),
    /// A task of the same workspace.
    Task(String),
    /// All services of a dependency.
    Dependency(String),
    /// One service of a dependency: the dependency's name, then the service's.
    DependencyService(String, String),
}

/// When the wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The process of the service or task was started.
    Started,
    /// The readiness probe of the service passed.
    Ready,
    /// The task ended with exit code 0, or was skipped.
    Succeeded,
    /// The task ended, however.
    Completed,
}

impl Condition {
    pub(crate) const WORDS: [&'static str; 4] = ["started", "ready", "succeeded", "completed"];

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "started" => Some(Self::Started),
            "ready" => Some(Self::Ready),
            "succeeded" => Some(Self::Succeeded),
            "completed" => Some(Self::Completed),
            _ => None,
        }
    }
}

impl AfterTarget {
    fn is_task(&self) -> bool {
        matches!(self, Self::Task(_))
    }
}

impl After {
    /// Reads a list of names or a map from name to condition.
    pub(crate) fn read_all(tree: Option<&Tree>, reading: &mut Reading<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let Some(tree) = tree else { return all };
        let names = tree.as_list().unwrap_or_default().iter();
        let names = names.filter_map(|name| Some((name.as_str()?, &name.place, None)));
        let entries = tree.as_map().unwrap_or_default().iter();
        let entries = entries.map(|entry| (entry.key.as_str(), &entry.key_place, Some(&entry.value)));
        for (name, place, condition) in names.chain(entries) {
            // What is no name at all has been reported.
            if !crate::format::TARGET.matches(name) {
                continue;
            }
            let Some(after) = Self::read(name, place, condition, reading) else { continue };
            if let Some(first) = all.iter().find(|first| first.target == after.target) {
                reading.problems.push(
                    Problem::error("manifest::named-twice", format!("`{name}` is named twice"))
                        .at(place, "again here")
                        .at(&first.place, "first here"),
                );
                continue;
            }
            all.push(after);
        }
        all
    }

    fn read(name: &str, place: &Place, condition: Option<&Tree>, reading: &mut Reading<'_>) -> Option<Self> {
        let target = target(name, place, reading)?;
        let default = if target.is_task() { Condition::Succeeded } else { Condition::Ready };
        let restart = condition.and_then(|edge| edge.get("restart")).and_then(Tree::as_bool).unwrap_or(false);
        let wakes = condition.and_then(|edge| edge.get("wake"));
        let wake = wakes.and_then(Tree::as_bool).unwrap_or(false);
        if let Some(wakes) = wakes.filter(|_| wake && target.is_task()) {
            reading.problems.push(
                Problem::error("manifest::condition", format!("`{name}` is a task, which never sleeps"))
                    .at(&wakes.place, "not for a task"),
            );
            return None;
        }
        let word = condition.and_then(|edge| if edge.as_map().is_some() { edge.get("state") } else { Some(edge) });
        let Some(word) = word else {
            return Some(Self { target, condition: default, restart, wake, place: place.clone() });
        };
        let condition = Condition::from_word(word.as_str()?)?;
        let is_possible = match condition {
            Condition::Started => true,
            Condition::Ready => !target.is_task(),
            Condition::Succeeded | Condition::Completed => target.is_task(),
        };
        if !is_possible {
            let (kind, allowed) = if target.is_task() {
                ("a task", "`started`, `succeeded` or `completed`")
            } else {
                ("a service", "`started` or `ready`")
            };
            let what = if matches!(target, AfterTarget::Dependency(_)) { "a dependency" } else { kind };
            let is = word.as_str().unwrap_or_default();
            reading.problems.push(
                Problem::error("manifest::condition", format!("`{name}` is {what}, which is never `{is}`"))
                    .at(&word.place, format!("not a condition of {kind}"))
                    .help(format!("{kind} can be {allowed}")),
            );
            return None;
        }
        Some(Self { target, condition, restart, wake, place: place.clone() })
    }

    /// Reports conditions that ask for a restart of what runs once.
    pub(crate) fn refuse_restarts(after: &[Self], what: &str, reading: &mut Reading<'_>) {
        for after in after.iter().filter(|after| after.restart) {
            reading.problems.push(
                Problem::error("manifest::condition", format!("{what} runs once and is never restarted"))
                    .at(&after.place, "`restart` is for services"),
            );
        }
    }
}

fn target(name: &str, place: &Place, reading: &mut Reading<'_>) -> Option<AfterTarget> {
    let declared = reading.declared;
    if let Some((alias, service)) = name.split_once('/') {
        if !declared.dependencies.iter().any(|known| known == alias) {
            let near = closest(alias, declared.dependencies.iter().map(String::as_str));
            reading.problems.push(
                Problem::error("manifest::unknown-name", format!("there is no dependency `{alias}`"))
                    .at(&place.within(name, 0..alias.len()), "not a dependency of this workspace")
                    .maybe_help(near.map(|near| format!("did you mean `{near}/{service}`?"))),
            );
            return None;
        }
        reading.foreign_services.push((alias.to_owned(), service.to_owned(), place.clone()));
        return Some(AfterTarget::DependencyService(alias.to_owned(), service.to_owned()));
    }
    let mut found = Vec::new();
    if declared.services.contains_key(name) {
        found.push(("a service", AfterTarget::Service(name.to_owned())));
    }
    if declared.tasks.iter().any(|known| known == name) {
        found.push(("a task", AfterTarget::Task(name.to_owned())));
    }
    if declared.dependencies.iter().any(|known| known == name) {
        found.push(("a dependency", AfterTarget::Dependency(name.to_owned())));
    }
    if let [(first, _), (second, _), ..] = found.as_slice() {
        // A service and a task of one name are reported where they are declared.
        if *second == "a dependency" {
            reading.problems.push(
                Problem::error("manifest::ambiguous-name", format!("`{name}` is {first} and {second}"))
                    .at(place, "which of them is not clear")
                    .help("give the dependency another name"),
            );
        }
        return None;
    }
    if let Some((_, target)) = found.pop() {
        return Some(target);
    }
    let known = declared.services.keys().chain(&declared.tasks).chain(&declared.dependencies);
    let help = if declared.databases.contains_key(name) {
        Some(format!("to wait for the database, refer to it: `${{databases.{name}.url}}` in `env` or `run`"))
    } else {
        closest(name, known.map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
    };
    reading.problems.push(
        Problem::error("manifest::unknown-name", format!("there is no service, task or dependency `{name}`"))
            .at(place, "nothing of this name to wait for")
            .maybe_help(help),
    );
    None
}
