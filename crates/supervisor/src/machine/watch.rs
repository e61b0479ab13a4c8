//! Changes of files, and what starts anew after them.

use super::{Machine, Unit};
use crate::{Action, Timestamp, UnitId, UnitKind, UnitSpec, UnitState, WatchSpec};

/// However often files change: after so many times the pause that is wanted, it is over.
const PATIENCE: u32 = 10;

/// Files that have changed.
#[derive(Debug)]
pub(super) struct Change {
    path: String,
    others: usize,
    due: Timestamp,
    /// When it is over in any case.
    latest: Timestamp,
}

impl Change {
    pub(super) fn due(&self) -> Timestamp {
        self.due
    }

    fn told(&self) -> String {
        match self.others {
            0 => format!("{} has changed", self.path),
            others => format!("{} and {others} more have changed", self.path),
        }
    }
}

impl Machine {
    pub(super) fn note_files_changed(&mut self, id: &UnitId, path: String, others: usize, now: Timestamp) {
        let Some(debounce) = self.watches.get(id).map(|watch| watch.debounce) else { return };
        let unit = self.unit(id);
        let (due, latest) = (now.plus(debounce), now.plus(debounce.saturating_mul(PATIENCE)));
        match &mut unit.change {
            Some(change) => {
                change.others += others + usize::from(change.path != path);
                change.due = due.min(change.latest);
            }
            none => *none = Some(Change { path, others, due, latest }),
        }
    }

    pub(super) fn note_watch_failed(&mut self, id: &UnitId, reason: String) {
        if self.watches.contains_key(id) {
            let unit = self.unit(id);
            unit.detail = Some(reason.clone());
            if unit.pid.is_some() {
                let (unit, run) = (id.clone(), unit.run);
                self.actions.push(Action::Remark { unit, run, text: reason });
            }
        }
    }

    /// Starts anew what has changed and for long enough not again.
    pub(super) fn expire_changes(&mut self, now: Timestamp) {
        let is_due = |unit: &&Unit| unit.change.as_ref().is_some_and(|change| change.due <= now);
        let due: Vec<UnitId> = self.units.values().filter(is_due).map(|unit| unit.spec.id.clone()).collect();
        for id in due {
            let change = self.unit(&id).change.take().expect("it was looked for a moment ago");
            let is_ending = self.shutting_down || self.stopping.contains(&id);
            if !is_ending && self.units[&id].undead.is_none() {
                self.start_changed(&id, change.told(), now);
            }
        }
    }

    fn start_changed(&mut self, id: &UnitId, why: String, now: Timestamp) {
        let unit = self.unit(id);
        let is_task = matches!(unit.spec.kind, UnitKind::Task { .. });
        match &unit.state {
            // A task may be in the middle of something that must not be cut off.
            UnitState::Starting | UnitState::Running if is_task => unit.runs_again = true,
            UnitState::Starting | UnitState::Running | UnitState::Ready => {
                unit.forget_failures();
                let run = unit.run;
                self.actions.push(Action::Remark { unit: id.clone(), run, text: format!("{why}: restarts") });
                self.begin_stop(id, UnitState::Waiting, now);
            }
            UnitState::Stopping => {
                if let Some(ending) = unit.ending.as_mut().filter(|ending| matches!(ending.state, UnitState::Failed(_)))
                {
                    ending.state = UnitState::Waiting;
                    unit.forget_failures();
                }
            }
            UnitState::Restarting | UnitState::Failed(_) | UnitState::Succeeded => {
                unit.forget_failures();
                unit.deadline = None;
                unit.begin_anew(now);
                self.enter(id, UnitState::Waiting, now);
                self.revive_blocked(id, now);
            }
            // It starts with the files as they are then.
            _ => return,
        }
        self.unit(id).why = Some(why);
    }

    /// Lets those wait again that could not start since this unit had failed.
    fn revive_blocked(&mut self, id: &UnitId, now: Timestamp) {
        let is_blocked = |unit: &&Unit| matches!(&unit.state, UnitState::Blocked { by } if by == id);
        let blocked: Vec<UnitId> = self.units.values().filter(is_blocked).map(|unit| unit.spec.id.clone()).collect();
        for blocked in blocked.into_iter().filter(|blocked| !self.stopping.contains(blocked)).collect::<Vec<_>>() {
            self.unit(&blocked).requested = now;
            self.enter(&blocked, UnitState::Waiting, now);
        }
    }

    /// Says which files are watched otherwise than the runtime was told.
    pub(super) fn advance_watches(&mut self) {
        let is_ending = self.shutting_down;
        let is_watched =
            |unit: &&Unit| !is_ending && !matches!(unit.state, UnitState::Stopped | UnitState::Blocked { .. });
        let ended: Vec<UnitId> = self
            .watches
            .iter()
            .filter(|(id, told)| self.units.get(id).filter(is_watched).and_then(|unit| unit.spec.watch()) != Some(told))
            .map(|(id, _)| id.clone())
            .collect();
        for unit in ended {
            self.watches.remove(&unit);
            self.actions.push(Action::Unwatch { unit });
        }
        let units = self.units.values().filter(is_watched).filter(|unit| !self.watches.contains_key(&unit.spec.id));
        let begun: Vec<(UnitId, WatchSpec)> =
            units.filter_map(|unit| Some((unit.spec.id.clone(), unit.spec.watch()?.clone()))).collect();
        for (unit, watch) in begun {
            self.watches.insert(unit.clone(), watch.clone());
            self.actions.push(Action::Watch { unit, watch });
        }
    }
}

impl Unit {
    /// With other files it is another program: what was so of the one before counts no more.
    fn forget_failures(&mut self) {
        self.restarts = crate::restart::Restarts::default();
        self.was_ready = false;
    }
}

impl UnitSpec {
    pub(super) fn watch(&self) -> Option<&WatchSpec> {
        match &self.kind {
            UnitKind::Service { life, .. } => life.watch.as_ref(),
            UnitKind::Task { watch, .. } => watch.as_ref(),
            UnitKind::External => None,
        }
    }
}
