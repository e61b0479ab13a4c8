//! Services that sleep until somebody connects to their port, and fall asleep when nobody does any more.
//!
//! Which gates there are, and whether they hold their connections, follows from the states of units: after each event the
//! difference to what the runtime was last told is said to it (`advance_gates`).

use super::{Machine, Unit};
use crate::{Action, Failure, Gate, LazySpec, Timestamp, UnitId, UnitKind, UnitSpec, UnitState};

/// What the runtime was told of a gate, and what it has told of it.
#[derive(Debug)]
pub(super) struct GateState {
    gate: Gate,
    holds: bool,
    /// Whether it is known to listen.
    listens: bool,
    waiting: usize,
    open: usize,
    /// Whether it was asked to hold connections so that its service can fall asleep.
    is_drowsy: bool,
}

/// Whether a lazy service is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sleep {
    /// Not until somebody connects.
    Asleep,
    /// Since somebody has connected to it, or waits for it: dependents, of which that may be one, are left as they are.
    Woken,
    Awake,
}

impl Machine {
    pub(super) fn note_traffic(&mut self, id: &UnitId, waiting: usize, open: usize, now: Timestamp) {
        let Some(gate) = self.gates.get_mut(id) else { return };
        (gate.listens, gate.waiting, gate.open) = (true, waiting, open);
        let is_drowsy = std::mem::take(&mut gate.is_drowsy);
        let unit = self.unit(id);
        if unit.state != UnitState::Ready {
            return;
        }
        if is_drowsy && waiting + open == 0 {
            let run = unit.run;
            let idle = unit.spec.lazy().and_then(|lazy| lazy.idle).unwrap_or_default();
            let text = format!("falls asleep: no connection for {idle:?}");
            self.actions.push(Action::Remark { unit: id.clone(), run, text });
            self.begin_stop(id, UnitState::Asleep, now);
        } else {
            self.count_idle_time(id, now);
        }
    }

    pub(super) fn note_gate_failed(&mut self, id: &UnitId, reason: String, now: Timestamp) {
        if self.gates.remove(id).is_none() {
            return;
        }
        let failed = UnitState::Failed(Failure::Spawn(reason));
        if self.unit(id).state.is_live() {
            self.begin_stop(id, failed, now);
        } else {
            self.end(id, failed, now);
        }
    }

    /// Lets a service that is ready fall asleep some time after its last connection.
    pub(super) fn count_idle_time(&mut self, id: &UnitId, now: Timestamp) {
        let is_used = self.gates.get(id).is_some_and(|gate| gate.waiting + gate.open > 0);
        let unit = self.unit(id);
        let idle = unit.spec.lazy().and_then(|lazy| lazy.idle);
        unit.deadline = idle.filter(|_| !is_used).map(|idle| now.plus(idle));
    }

    /// The time without connections is over. One may come in at this very moment: the gate holds it, and says so.
    pub(super) fn become_drowsy(&mut self, id: &UnitId) {
        self.unit(id).deadline = None;
        if let Some(gate) = self.gates.get_mut(id) {
            gate.is_drowsy = true;
        }
    }

    /// Whether a service whose conditions hold sleeps all the same.
    pub(super) fn may_sleep(&self, id: &UnitId) -> bool {
        let is_awaited = self.gates.get(id).is_some_and(|gate| gate.waiting > 0);
        let unit = &self.units[id];
        unit.spec.lazy().is_some() && !unit.is_awake() && !is_awaited
    }

    /// Lets a service that was never started fall asleep, once its port is listened on.
    pub(super) fn fall_asleep(&mut self, id: &UnitId, now: Timestamp) {
        if !self.gates.get(id).is_some_and(|gate| gate.listens) {
            return;
        }
        self.unit(id).begin_anew(now);
        self.enter(id, UnitState::Asleep, now);
    }

    /// Wakes services to which somebody has connected, and those that are asked for awake.
    pub(super) fn advance_wakes(&mut self, now: Timestamp) {
        let asleep = |id: &UnitId| self.units[id].state == UnitState::Asleep && !self.stopping.contains(id);
        let connected = self.gates.iter().filter(|(_, gate)| gate.waiting > 0).map(|(id, _)| (id, None));
        let waiting = self.units.values().filter(|unit| unit.state == UnitState::Waiting);
        let asked = waiting.flat_map(|unit| {
            let wakes = unit.spec.after.iter().filter(|condition| condition.wake);
            wakes.map(|condition| (&condition.unit, Some(&unit.spec.id)))
        });
        let wakes = connected.chain(asked).filter(|(id, _)| asleep(id));
        let wakes: Vec<(UnitId, Option<UnitId>)> = wakes.map(|(id, by)| (id.clone(), by.cloned())).collect();
        for (id, by) in wakes {
            let unit = self.unit(&id);
            unit.sleep = Sleep::Woken;
            unit.requested = now;
            unit.why = Some(by.map_or_else(|| "a connection has come".to_owned(), |by| format!("{by} needs it")));
            self.enter(&id, UnitState::Waiting, now);
        }
    }

    /// Says what is otherwise with gates than the runtime was told.
    pub(super) fn advance_gates(&mut self) {
        let lazy = self.units.values().filter(|unit| unit.spec.lazy().is_some()).map(|unit| unit.spec.id.clone());
        let mut ids: Vec<UnitId> = self.gates.keys().cloned().chain(lazy).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let wanted = self.wanted_gate(&self.units[&id]);
            let told = self.gates.get(&id).map(|state| (state.gate, state.holds));
            if wanted == told {
                continue;
            }
            let Some((gate, holds)) = wanted else {
                self.gates.remove(&id);
                self.actions.push(Action::CloseGate { unit: id });
                continue;
            };
            if told.is_some_and(|(before, _)| before != gate) {
                self.gates.remove(&id);
                self.actions.push(Action::CloseGate { unit: id.clone() });
            }
            let state = self.gates.entry(id.clone()).or_insert(GateState {
                gate,
                holds,
                listens: false,
                waiting: 0,
                open: 0,
                is_drowsy: false,
            });
            state.holds = holds;
            let unit = id;
            self.actions.push(if holds { Action::Hold { unit, gate } } else { Action::Admit { unit } });
        }
    }

    /// The gate that a unit in its state has, and whether it holds its connections.
    fn wanted_gate(&self, unit: &Unit) -> Option<(Gate, bool)> {
        let gate = unit.spec.lazy()?.gate;
        let holds = match unit.state {
            UnitState::Ready => self.gates.get(&unit.spec.id).is_some_and(|gate| gate.is_drowsy),
            UnitState::Waiting
            | UnitState::Starting
            | UnitState::Running
            | UnitState::Restarting
            | UnitState::Asleep => true,
            // Who comes meanwhile waits for its next life, if there is one.
            UnitState::Stopping if !self.stopping.contains(&unit.spec.id) => true,
            UnitState::Stopping => {
                let next = self.apply.iter().flat_map(|apply| &apply.pending).find(|spec| spec.id == unit.spec.id);
                next.filter(|next| next.lazy().is_some_and(|lazy| lazy.gate == gate))?;
                true
            }
            _ => return None,
        };
        Some((gate, holds))
    }
}

impl Unit {
    pub(super) fn is_awake(&self) -> bool {
        self.spec.lazy().is_some() && self.sleep != Sleep::Asleep
    }
}

impl UnitSpec {
    pub(super) fn lazy(&self) -> Option<&LazySpec> {
        if let UnitKind::Service { life, .. } = &self.kind { life.lazy.as_ref() } else { None }
    }
}
