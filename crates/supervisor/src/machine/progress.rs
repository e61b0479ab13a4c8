//! What can be done now: deadlines that have passed, stops, starts.

use std::sync::Arc;

use super::{Machine, Unit};
use crate::order::needs;
use crate::{Action, ConditionState, Failure, KindTag, Timestamp, UnitId, UnitKind, UnitSpec, UnitState};

/// Whether a condition holds.
enum Verdict {
    Met,
    Open,
    Never { by: UnitId },
}

impl Machine {
    /// Acts on every deadline that has passed.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.expire_changes(now);
        let expired = |unit: &Unit| unit.deadline.is_some_and(|deadline| deadline <= now);
        let ids: Vec<UnitId> =
            self.units.values().filter(|unit| expired(unit)).map(|unit| unit.spec.id.clone()).collect();
        for id in ids {
            match self.units[&id].state {
                UnitState::Stopping => self.kill(&id, now),
                // Its turn comes with the starts.
                UnitState::Restarting => {}
                UnitState::Ready => self.become_drowsy(&id),
                _ => {
                    let unit = self.unit(&id);
                    unit.deadline = None;
                    let failure = match &unit.spec.kind {
                        UnitKind::Service { ready, .. } => Failure::NotReady { timeout: ready.timeout },
                        UnitKind::Task { timeout, .. } => Failure::TimedOut { timeout: timeout.unwrap_or_default() },
                        UnitKind::External => continue,
                    };
                    unit.explain_silence();
                    self.begin_stop(&id, UnitState::Failed(failure), now);
                }
            }
        }
    }

    /// Does everything that can be done now, until nothing more can.
    pub(super) fn advance(&mut self, now: Timestamp) {
        loop {
            let before = self.actions.len();
            self.advance_stops(now);
            self.install(now);
            self.advance_restarts(now);
            self.advance_wakes(now);
            self.advance_starts(now);
            self.advance_gates();
            self.advance_watches();
            if self.actions.len() == before {
                break;
            }
        }
        self.report_requests();
        if self.shutting_down && !self.exited && self.is_at_rest() {
            self.exited = true;
            self.actions.push(Action::Exit);
        }
    }

    /// Stops what shall be stopped and is needed by nothing else that is alive and shall be stopped.
    fn advance_stops(&mut self, now: Timestamp) {
        for id in self.stopping.clone() {
            match self.units[&id].state {
                UnitState::Waiting | UnitState::Due | UnitState::Restarting | UnitState::Asleep => {
                    self.end(&id, UnitState::Stopped, now);
                }
                // One whose files are watched would else start with their next change.
                UnitState::Failed(_) if self.units[&id].spec.watch().is_some() && self.units[&id].undead.is_none() => {
                    self.end(&id, UnitState::Stopped, now);
                }
                ref state if !state.is_live() => {
                    self.stopping.remove(&id);
                }
                _ => {}
            }
        }
        if self.stopping.is_empty() {
            return;
        }
        let needed = needs(&self.stopping, |id| &self.units[id].spec.after);
        let is_free = |id: &UnitId| !needed.contains(id);
        let is_begun = |id: &&UnitId| self.units[*id].state == UnitState::Stopping;
        let mut free: Vec<UnitId> = self.stopping.iter().filter(|id| !is_begun(id) && is_free(id)).cloned().collect();
        if free.is_empty() && !self.stopping.iter().any(|id| is_begun(&id)) {
            // Specs of different applies can form a circle; then there is no right order, but there is an end.
            free = self.stopping.iter().cloned().collect();
        }
        for id in free {
            self.begin_stop(&id, UnitState::Stopped, now);
        }
    }

    /// Puts the units of the apply in the place of those before them, once these are gone.
    fn install(&mut self, now: Timestamp) {
        let Some(apply) = &mut self.apply else { return };
        if apply.pending.is_empty() || !apply.stop.is_disjoint(&self.stopping) {
            return;
        }
        let since = apply.since;
        for spec in std::mem::take(&mut apply.pending) {
            let id = spec.id.clone();
            apply.units.insert(id.clone());
            let mut unit = Unit::waiting(spec, since, now);
            unit.undead = self.units.get(&id).and_then(|old| old.undead);
            if unit.undead.is_some() {
                unit.state = UnitState::Failed(Failure::NotGone);
            } else if matches!(unit.spec.kind, UnitKind::Task { is_done: true, .. }) {
                unit.state = UnitState::Succeeded;
            }
            self.actions.push(Action::Announce(unit.status()));
            if let Some(container) = unit.spec.early_container().filter(|_| unit.undead.is_none()) {
                self.actions.push(Action::Prepare { unit: id.clone(), container: Arc::clone(container) });
            }
            self.units.insert(id, unit);
        }
    }

    /// Lets services whose pause is over wait for what they need.
    fn advance_restarts(&mut self, now: Timestamp) {
        let is_due =
            |unit: &&Unit| unit.state == UnitState::Restarting && unit.deadline.is_some_and(|deadline| deadline <= now);
        let due: Vec<UnitId> = self.units.values().filter(is_due).map(|unit| unit.spec.id.clone()).collect();
        for id in due {
            self.unit(&id).deadline = None;
            self.enter(&id, UnitState::Waiting, now);
        }
    }

    /// Starts what waits and whose conditions hold; gives up what waits for what will never be.
    fn advance_starts(&mut self, now: Timestamp) {
        let waiting = |unit: &&Unit| unit.state == UnitState::Waiting;
        let verdicts: Vec<(UnitId, Verdict)> =
            self.units.values().filter(waiting).map(|unit| (unit.spec.id.clone(), self.verdict(unit))).collect();
        for (id, verdict) in verdicts {
            match verdict {
                Verdict::Met if self.may_sleep(&id) => self.fall_asleep(&id, now),
                Verdict::Met => self.start(&id, now),
                Verdict::Never { by } => self.end(&id, UnitState::Blocked { by }, now),
                Verdict::Open => {}
            }
        }
    }

    fn verdict(&self, unit: &Unit) -> Verdict {
        let UnitSpec { after, .. } = &unit.spec;
        let mut verdict = Verdict::Met;
        for condition in after {
            let needed = &self.units[&condition.unit];
            if unit.is_again && KindTag::from(&needed.spec.kind) != KindTag::Service {
                // It has run before the first start; what other commands do with it since is no matter of this one.
                continue;
            }
            let met = match (condition.state, &needed.state) {
                (ConditionState::Started, UnitState::Running | UnitState::Ready | UnitState::Succeeded)
                | (ConditionState::Ready, UnitState::Ready)
                | (ConditionState::Succeeded | ConditionState::Completed, UnitState::Succeeded)
                | (ConditionState::Completed, UnitState::Failed(_)) => true,
                (ConditionState::Started | ConditionState::Ready, UnitState::Asleep) => !condition.wake,
                (_, UnitState::Blocked { by }) => return Verdict::Never { by: by.clone() },
                (_, state) if state.is_settled() => return Verdict::Never { by: condition.unit.clone() },
                _ => false,
            };
            if !met {
                verdict = Verdict::Open;
            }
        }
        verdict
    }
}
