//! What clients want.

use std::collections::{BTreeMap, BTreeSet};

use super::{Apply, Machine};
use crate::order::{Dependents, circle};
use crate::{
    Action, Condition, ConditionState, Failure, KindTag, RequestError, RequestId, Signal, Timestamp, UnitId, UnitSpec,
    UnitState,
};

impl Machine {
    pub(super) fn note_apply(&mut self, request: RequestId, start: Vec<UnitSpec>, stop: Vec<UnitId>, now: Timestamp) {
        match self.check(&start, &stop) {
            Ok(()) => self.begin_apply(request, start, stop, now),
            Err(error) => self.actions.push(Action::Reject { request, error }),
        }
    }

    /// Checks an apply before anything of it is done.
    fn check(&self, start: &[UnitSpec], stop: &[UnitId]) -> Result<(), RequestError> {
        if self.shutting_down {
            return Err(RequestError::ShuttingDown);
        }
        if self.apply.is_some() {
            return Err(RequestError::Busy);
        }
        self.check_known(stop)?;
        let mut kinds: BTreeMap<&UnitId, KindTag> =
            self.units.iter().map(|(id, unit)| (id, KindTag::from(&unit.spec.kind))).collect();
        let mut seen = BTreeSet::new();
        for spec in start {
            kinds.insert(&spec.id, KindTag::from(&spec.kind));
            if !seen.insert(&spec.id) {
                return Err(RequestError::Duplicate(spec.id.clone()));
            }
        }
        for spec in start {
            for Condition { unit: needs, state, .. } in &spec.after {
                let (unit, needs) = (spec.id.clone(), needs.clone());
                let Some(kind) = kinds.get(&needs) else {
                    return Err(RequestError::UnknownCondition { unit, needs });
                };
                let is_possible = match state {
                    ConditionState::Started => *kind != KindTag::External,
                    ConditionState::Ready => *kind == KindTag::Service,
                    ConditionState::Succeeded | ConditionState::Completed => *kind != KindTag::Service,
                };
                if !is_possible {
                    return Err(RequestError::Impossible { unit, needs, state: *state });
                }
            }
        }
        circle(start).map_or(Ok(()), |units| Err(RequestError::Circle(units)))
    }

    fn check_known(&self, units: &[UnitId]) -> Result<(), RequestError> {
        let unknown = units.iter().find(|unit| !self.units.contains_key(*unit));
        unknown.map_or(Ok(()), |unit| Err(RequestError::Unknown(unit.clone())))
    }

    fn begin_apply(&mut self, request: RequestId, start: Vec<UnitSpec>, stop: Vec<UnitId>, now: Timestamp) {
        let replaced = start.iter().map(|spec| &spec.id).filter(|id| self.units.contains_key(*id));
        let stop: BTreeSet<UnitId> = replaced.cloned().chain(stop).collect();
        self.stopping.extend(stop.iter().cloned());
        self.apply = Some(Apply { request, stop, pending: start, units: BTreeSet::new(), ok: true, since: now });
    }

    /// Takes the apply back: what it started is stopped, what it did not yet stop stays.
    pub(super) fn cancel(&mut self) {
        let Some(apply) = &mut self.apply else { return };
        apply.ok = false;
        apply.pending.clear();
        if !self.shutting_down {
            let wanted_elsewhere = |id: &UnitId| self.stops.iter().any(|(_, units)| units.contains(id));
            self.stopping.retain(|id| !apply.stop.contains(id) || wanted_elsewhere(id));
        }
        for id in &apply.units {
            let state = &self.units[id].state;
            if state.is_live() || !state.is_settled() || *state == UnitState::Asleep {
                self.stopping.insert(id.clone());
            }
        }
        // Those that are being stopped already are waited for: their processes are not gone yet.
        apply.stop.retain(|id| self.units.get(id).is_some_and(|unit| unit.state == UnitState::Stopping));
        self.stopping.extend(apply.stop.iter().cloned());
    }

    pub(super) fn note_stop(&mut self, request: RequestId, units: &[UnitId]) {
        match self.check_known(units) {
            Ok(()) => self.begin_stop_request(request, units),
            Err(error) => self.actions.push(Action::Reject { request, error }),
        }
    }

    fn begin_stop_request(&mut self, request: RequestId, units: &[UnitId]) {
        let pending = self.apply.iter().flat_map(|apply| &apply.pending);
        let dependents = Dependents::new(self.units.values().map(|unit| &unit.spec).chain(pending));
        let mut all: BTreeSet<UnitId> = dependents.of(units).into_iter().cloned().collect();
        all.extend(units.iter().cloned());
        if let Some(apply) = &mut self.apply {
            let before = apply.pending.len();
            apply.pending.retain(|spec| !all.contains(&spec.id));
            apply.ok &= apply.pending.len() == before;
        }
        all.retain(|id| self.units.contains_key(id));
        self.stopping.extend(all.iter().cloned());
        self.stops.push((request, all));
    }

    /// Sends a signal to units that run, and nothing more: what follows from it is as if it had come from elsewhere.
    pub(super) fn note_signal(&mut self, request: RequestId, units: Vec<UnitId>, signal: Signal) {
        let is_running = |id: &UnitId| self.units[id].state.is_live() && self.units[id].pid.is_some();
        let idle = |units: &[UnitId]| units.iter().find(|id| !is_running(id)).cloned();
        let refused =
            self.check_known(&units).and_then(|()| idle(&units).map_or(Ok(()), |id| Err(RequestError::NotRunning(id))));
        if let Err(error) = refused {
            return self.actions.push(Action::Reject { request, error });
        }
        for unit in units {
            let run = self.units[&unit].run;
            self.actions.push(Action::Signal { unit, run, signal });
        }
        self.actions.push(Action::Signalled { request });
    }

    pub(super) fn note_shutdown(&mut self, discards: bool) {
        self.shutting_down = true;
        self.discarding |= discards;
        self.stopping = self.units.keys().cloned().collect();
        if let Some(apply) = &mut self.apply {
            apply.pending.clear();
            apply.ok = false;
        }
    }

    pub(super) fn note_done(&mut self, id: &UnitId, result: Result<(), String>, now: Timestamp) {
        if self.units.get(id).is_some_and(|unit| unit.state == UnitState::Due) {
            let state = match result {
                Ok(()) => UnitState::Succeeded,
                Err(reason) => UnitState::Failed(Failure::External(reason)),
            };
            self.end(id, state, now);
        }
    }

    /// Tells clients that what they wait for is over.
    pub(super) fn report_requests(&mut self) {
        if let Some(apply) = &self.apply {
            let settled = apply.units.iter().all(|id| self.units[id].state.is_settled());
            let stopped =
                apply.stop.is_disjoint(&self.stopping) && (apply.ok || apply.units.is_disjoint(&self.stopping));
            if apply.pending.is_empty() && settled && stopped {
                let ok = apply.ok && apply.units.iter().all(|id| self.units[id].state.is_good());
                self.actions.push(Action::Finished { request: apply.request, ok });
                self.apply = None;
            }
        }
        let (stopping, actions) = (&self.stopping, &mut self.actions);
        self.stops.retain(|(request, units)| {
            let open = !units.is_disjoint(stopping);
            if !open {
                actions.push(Action::StopFinished { request: *request });
            }
            open
        });
    }
}
