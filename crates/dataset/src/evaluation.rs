//! Works out which records there are and what their fields hold.
//!
//! What one record implies about another can change what the other holds, and what that one implies. So it goes in
//! rounds: each takes what the last one found to be implied, and works out everything anew, until nothing new is
//! implied. A round is a function of the specs and of what is implied, so the order of files and records is without
//! effect.

use std::collections::HashSet;

use serde_json::Value;
use source::{Place, Problem, Problems};

use crate::compiled::CompiledReference;
use crate::formula::{Formula, Need, NeedFrom};
use crate::record::{Given, GivenValue, RecordId, Records, Slot, Unidentified};
use crate::spec::SpecRecord;

/// How many steps long a chain of records may be in which each implies the next.
const MAX_ROUNDS: usize = 64;

/// Works everything out, beginning with records of which nothing is known but their keys; what is wrong is added to the problems.
pub(crate) fn evaluate<'c, 'e>(
    mut records: Records<'c, 'e>,
    specs: Vec<SpecRecord>,
    problems: &mut Problems,
) -> Records<'c, 'e> {
    for record in specs {
        declare(&mut records, record, None, problems);
    }
    let mut implied: Vec<Implied> = Vec::new();
    for round in 1.. {
        records.begin_round();
        let mut current = Round { records, problems: Problems::new(), reported: HashSet::new() };
        let found = current.run(&implied);
        records = current.records;
        if found == implied || round == MAX_ROUNDS {
            problems.extend(current.problems);
            if found != implied {
                problems.push(endless(&records, &implied, &found));
            }
            break;
        }
        implied = found;
    }
    records
}

/// Takes in one record of a spec, and the children that are listed in it.
pub(crate) fn declare(
    records: &mut Records<'_, '_>,
    record: SpecRecord,
    parent: Option<(usize, RecordId)>,
    problems: &mut Problems,
) {
    let compiled = records.compiled;
    let data_type = &compiled.types[record.data_type];
    let mut identity = Vec::new();
    if let Some((field, parent)) = parent {
        if let Some((.., place)) = record.fields.iter().find(|(given, ..)| *given == field) {
            let message = format!(
                "`{}` is the record in which this `{}` is listed, and not to be given",
                data_type.field_name(field),
                data_type.data_type.name
            );
            problems.push(Problem::error("dataset::parent-given", message).at(place, "leave this out"));
            return;
        }
        identity.push((field, GivenValue::Record(parent)));
    }
    for (field, value, _) in &record.fields {
        if data_type.identity.contains(field) {
            identity.push((*field, GivenValue::Json(value.clone())));
        }
    }
    let id = match records.identify(record.data_type, &identity, 0) {
        Ok(id) => id,
        Err(reason) => {
            problems.push(unidentified(reason, &record.place, "this record"));
            return;
        }
    };
    let known = records.record_mut(id);
    if let Some((field, parent)) = parent {
        let value = GivenValue::Record(parent);
        known.declared.push(Given { field, value, place: record.place.clone() });
    }
    known.declared.extend(record.fields.into_iter().map(|(field, value, place)| Given {
        field,
        value: GivenValue::Json(value),
        place,
    }));
    known.traits.extend(record.traits);
    known.places.push(record.place);
    for (field, child) in record.children {
        // A type whose list is wrong was reported, and nothing is worked out then.
        if let Some(parent_field) = data_type.fields[field].parent_field {
            declare(records, child, Some((parent_field, id)), problems);
        }
    }
}

/// What one record says about another one, by the `implies` of its type.
#[derive(PartialEq)]
struct Implied {
    by: RecordId,
    /// The number of the entry under `implies`.
    entry: usize,
    target: RecordId,
    values: Vec<(usize, Value)>,
}

struct Round<'c, 'e> {
    records: Records<'c, 'e>,
    problems: Problems,
    /// What was said about a field of a type, so that it is not said again for each record.
    reported: HashSet<(usize, usize, String)>,
}

impl<'c, 'e> Round<'c, 'e> {
    /// Works out all records that are wanted, and returns what they imply.
    fn run(&mut self, implied: &[Implied]) -> Vec<Implied> {
        let mut waiting: Vec<RecordId> = Vec::new();
        for id in self.records.ids().filter(|&id| self.records.record(id).is_declared()).collect::<Vec<_>>() {
            self.reach(id, 0, &mut waiting);
        }
        for Implied { by, entry, target, values } in implied {
            let rule = &self.compiled_type(*by).implies[*entry];
            let record = self.records.record_mut(*target);
            for ((field, value), (_, formula)) in values.iter().zip(&rule.record) {
                let value = GivenValue::Json(value.clone());
                record.implied.push(Given { field: *field, value, place: formula.place.clone() });
            }
            record.implied_by.push((*by, rule.place.clone()));
            self.reach(*target, 0, &mut waiting);
        }
        let mut found = Vec::new();
        let mut next = 0;
        while let Some(&id) = waiting.get(next) {
            next += 1;
            let distance = self.records.record(id).distance.saturating_add(1);
            for field in 0..self.compiled_type(id).fields.len() {
                self.settle(id, field);
                if let Slot::Record(target) = self.records.record(id).slots[field] {
                    self.reach(target, distance, &mut waiting);
                }
            }
            self.imply(id, &mut found);
        }
        found.sort_by_key(|implied| (implied.by, implied.entry));
        found
    }

    fn compiled_type(&self, id: RecordId) -> &'c crate::compiled::CompiledType<'e> {
        &self.records.compiled.types[self.records.data_type(id)]
    }

    fn reach(&mut self, id: RecordId, distance: u32, waiting: &mut Vec<RecordId>) {
        let record = self.records.record_mut(id);
        record.distance = record.distance.min(distance);
        if !record.reached {
            record.reached = true;
            waiting.push(id);
        }
    }

    /// Works out one field, and first those that it needs. A stack and no recursion: the length of the way is the user's.
    fn settle(&mut self, id: RecordId, field: usize) {
        if !matches!(self.records.record(id).slots[field], Slot::Todo) {
            return;
        }
        let mut way = vec![(id, field)];
        self.set(id, field, Slot::Doing);
        while let Some(&(id, field)) = way.last() {
            match self.next_unsettled(id, field) {
                None => {
                    way.pop();
                    let slot = self.work_out(id, field);
                    self.set(id, field, slot);
                }
                Some((id, field)) if matches!(self.records.record(id).slots[field], Slot::Todo) => {
                    self.set(id, field, Slot::Doing);
                    way.push((id, field));
                }
                Some(needed) => {
                    let start = way.iter().position(|&on_way| on_way == needed);
                    let start = start.expect("what is being done is on the way");
                    self.report_circle(&way[start..]);
                    for (id, field) in way.drain(start..).collect::<Vec<_>>() {
                        self.set(id, field, Slot::Failed);
                    }
                }
            }
        }
    }

    fn set(&mut self, id: RecordId, field: usize, slot: Slot) {
        self.records.record_mut(id).slots[field] = slot;
    }

    /// Returns what a field of a record holds when nobody gives it: what a trait says, else what the type does.
    fn default(&self, id: RecordId, field: usize) -> Option<&'c Formula<'e>> {
        let compiled = self.compiled_type(id);
        let of_traits = compiled.of_traits(&self.records.record(id).traits, field);
        of_traits.or(compiled.fields[field].default.as_ref())
    }

    /// Returns the formulas by which a field is worked out: not the default if something is given.
    fn formulas(&self, id: RecordId, field: usize) -> impl Iterator<Item = &'c Formula<'e>> + use<'c, 'e> {
        let compiled = &self.compiled_type(id).fields[field];
        let (mut any, mut written) = (false, false);
        for given in self.records.record(id).given(field) {
            any = true;
            written |= matches!(given.value, GivenValue::Json(_));
        }
        let default = self.default(id, field).filter(|_| !any);
        let reference = compiled.reference.as_ref().filter(|_| written || !any);
        default
            .into_iter()
            .chain(reference.into_iter().flat_map(|reference| reference.with.iter().map(|(_, with)| with)))
    }

    fn next_unsettled(&self, id: RecordId, field: usize) -> Option<(RecordId, usize)> {
        self.formulas(id, field).flat_map(|formula| &formula.needs).find_map(|need| self.unsettled(id, need))
    }

    /// Returns the slot that has to be worked out before a need can be met.
    fn unsettled(&self, id: RecordId, need: &Need) -> Option<(RecordId, usize)> {
        let slots = &self.records.record(id).slots;
        let unsettled = |slot: &Slot| matches!(slot, Slot::Todo | Slot::Doing);
        match need.from {
            NeedFrom::Own(own) => unsettled(&slots[own]).then_some((id, own)),
            NeedFrom::Across { reference, field } => match &slots[reference] {
                Slot::Record(target) => {
                    unsettled(&self.records.record(*target).slots[field]).then_some((*target, field))
                }
                slot => unsettled(slot).then_some((id, reference)),
            },
        }
    }

    /// Says why a need can never be met, as the slot that results; none if it can, or is known to be undefined.
    fn spoilt(&mut self, id: RecordId, field: usize, formula: &Formula<'_>, need: &Need) -> Option<Slot> {
        let spoilt = |slot: &Slot| matches!(slot, Slot::Failed | Slot::Missing).then(|| slot.clone());
        let record = self.records.record(id);
        match need.from {
            NeedFrom::Own(own) => spoilt(&record.slots[own]),
            NeedFrom::Across { reference, field: across } => {
                let Slot::Record(target) = record.slots[reference] else { return spoilt(&record.slots[reference]) };
                let other = self.records.record(target);
                if other.is_described() || self.compiled_type(target).key.contains(&across) {
                    return spoilt(&other.slots[across]);
                }
                if !record.is_declared() {
                    return Some(Slot::Missing);
                }
                let message = format!(
                    "`{}` of `{}` is not known, since no spec declares that record",
                    self.compiled_type(target).field_name(across),
                    self.records.name(target)
                );
                let of = format!("needed for `{}`", self.records.name(id));
                let problem = Problem::error("dataset::not-declared", message).at(formula.place, of);
                self.report(id, field, problem.help("declare it in a spec, or give this field"));
                Some(Slot::Failed)
            }
        }
    }

    /// Returns what a template sees of a field; none if it is undefined.
    fn seen(&self, id: RecordId, need: &Need) -> Option<Value> {
        let (id, field) = match need.from {
            NeedFrom::Own(own) => (id, own),
            NeedFrom::Across { reference, field } => match self.records.record(id).slots[reference] {
                Slot::Record(target) => (target, field),
                _ => return None,
            },
        };
        match &self.records.record(id).slots[field] {
            Slot::Value(value) => Some(value.clone()),
            Slot::Record(target) => {
                let reference = self.compiled_type(id).fields[field].reference.as_ref()?;
                Some(self.records.seen(reference, *target))
            }
            _ => None,
        }
    }

    /// Works a formula out; what is wrong with it is reported. `Err` is the slot that results.
    fn value(&mut self, id: RecordId, field: usize, formula: &Formula<'_>) -> Result<Value, Slot> {
        for need in &formula.needs {
            if let Some(slot) = self.spoilt(id, field, formula, need) {
                return Err(slot);
            }
        }
        formula.evaluate(&|need| self.seen(id, need)).map_err(|message| {
            let problem = Problem::error("dataset::template", format!("this value cannot be made: {message}"))
                .at(formula.place, format!("for `{}`", self.records.name(id)));
            self.report(id, field, problem);
            Slot::Failed
        })
    }

    /// Works out a field for which everything is there that it needs.
    fn work_out(&mut self, id: RecordId, field: usize) -> Slot {
        let compiled = &self.compiled_type(id).fields[field];
        let record = self.records.record(id);
        let givens: Vec<Given> = record.given(field).cloned().collect();
        if givens.is_empty() {
            let Some(default) = self.default(id, field) else { return self.without_value(id, field) };
            let value = match self.value(id, field, default) {
                Ok(value) => value,
                Err(slot) => return slot,
            };
            return match &compiled.reference {
                None => Slot::Value(value),
                Some(reference) => self.target(id, field, reference, &value, default.place),
            };
        }
        let mut worked_out: Vec<Slot> = Vec::with_capacity(givens.len());
        for given in &givens {
            worked_out.push(match (&given.value, &compiled.reference) {
                (GivenValue::Record(target), _) => Slot::Record(*target),
                (GivenValue::Json(value), None) => Slot::Value(value.clone()),
                (GivenValue::Json(value), Some(reference)) => self.target(id, field, reference, value, &given.place),
            });
        }
        for (other, given) in worked_out.iter().zip(&givens).skip(1) {
            let agree = match (&worked_out[0], other) {
                (Slot::Value(one), Slot::Value(other)) => one == other,
                (Slot::Record(one), Slot::Record(other)) => one == other,
                (Slot::Value(_), Slot::Record(_)) | (Slot::Record(_), Slot::Value(_)) => false,
                // What is spoilt contradicts nothing.
                _ => true,
            };
            if !agree {
                self.report_contradiction(id, field, &givens[0], given);
                return Slot::Failed;
            }
        }
        let spoilt = worked_out.iter().position(|slot| matches!(slot, Slot::Failed | Slot::Missing));
        worked_out.swap_remove(spoilt.unwrap_or(0))
    }

    /// What a field holds for which there is neither a value nor a default.
    fn without_value(&mut self, id: RecordId, field: usize) -> Slot {
        let data_type = self.compiled_type(id);
        if !data_type.fields[field].field.required {
            return Slot::Absent;
        }
        let Some(place) = first_place(&self.records.record(id).places).cloned() else { return Slot::Missing };
        let message = format!("`{}` needs the field `{}`", self.records.name(id), data_type.field_name(field));
        self.problems.push(
            Problem::error("dataset::missing-field", message)
                .at(&place, "this record")
                .at(&data_type.fields[field].field.place, "required here"),
        );
        Slot::Failed
    }

    /// Finds or makes the record that a value stands for.
    fn target(
        &mut self,
        id: RecordId,
        field: usize,
        reference: &CompiledReference<'_>,
        value: &Value,
        place: &Place,
    ) -> Slot {
        if value.is_null() {
            return Slot::Value(Value::Null);
        }
        let mut with = Vec::with_capacity(reference.with.len());
        for (part, formula) in &reference.with {
            match self.value(id, field, formula) {
                Ok(value) => with.push((*part, value)),
                Err(slot) => return slot,
            }
        }
        let distance = self.records.record(id).distance;
        let distance = if distance == u32::MAX { 1 } else { distance + 1 };
        match self.records.refer(reference, value, with, distance) {
            Ok(target) => Slot::Record(target),
            Err(reason) => {
                let of = format!("for `{}`", self.records.name(id));
                self.report(id, field, unidentified(reason, place, &of));
                Slot::Failed
            }
        }
    }

    /// Finds out what a record implies.
    fn imply(&mut self, id: RecordId, found: &mut Vec<Implied>) {
        for (entry, rule) in self.compiled_type(id).implies.iter().enumerate() {
            let mut values = Vec::new();
            for (field, formula) in &rule.record {
                for need in &formula.needs {
                    // First the reference, then the field behind it.
                    while let Some((id, field)) = self.unsettled(id, need) {
                        self.settle(id, field);
                    }
                }
                match self.value(id, usize::MAX - entry, formula) {
                    Ok(value) => values.push((*field, value)),
                    Err(_) => break,
                }
            }
            // Something was spoilt: it is reported, or the record is one that can only be found, as what it implies.
            if values.len() < rule.record.len() {
                continue;
            }
            let given: Vec<_> = values.iter().map(|(field, value)| (*field, GivenValue::Json(value.clone()))).collect();
            match self.records.identify(rule.target, &given, 0) {
                Ok(target) => found.push(Implied { by: id, entry, target, values }),
                Err(reason) => {
                    let of = format!("implied by `{}`", self.records.name(id));
                    self.report(id, usize::MAX - entry, unidentified(reason, rule.place, &of));
                }
            }
        }
    }

    /// Reports what is wrong with a field, once if it is the same for many records of a type at one place.
    fn report(&mut self, id: RecordId, field: usize, problem: Problem) {
        let at = problem.place().map(ToString::to_string).unwrap_or_default();
        if self.reported.insert((self.records.data_type(id), field, format!("{at} {}", problem.message))) {
            self.problems.push(problem);
        }
    }

    fn report_contradiction(&mut self, id: RecordId, field: usize, one: &Given, other: &Given) {
        let message = format!(
            "`{}` of `{}` is given twice, and differently",
            self.compiled_type(id).field_name(field),
            self.records.name(id)
        );
        let mut problem = Problem::error("dataset::contradiction", message);
        let mut both = [one, other];
        both.sort_by(|one, other| place_order(&one.place).cmp(&place_order(&other.place)));
        for given in both {
            let text = match &given.value {
                GivenValue::Json(value) => format!("{value} here"),
                GivenValue::Record(target) => format!("`{}` here", self.records.name(*target)),
            };
            problem = problem.at(&given.place, text);
        }
        for (by, place) in &self.records.record(id).implied_by {
            problem = problem.at(place, format!("implied by `{}`", self.records.name(*by)));
        }
        self.problems.push(problem);
    }

    fn report_circle(&mut self, circle: &[(RecordId, usize)]) {
        let several = circle.iter().any(|(id, _)| *id != circle[0].0);
        let name = |&(id, field): &(RecordId, usize)| {
            let field = self.compiled_type(id).field_name(field);
            if several { format!("{field} of {}", self.records.name(id)) } else { field.to_owned() }
        };
        // The same circle whoever is looked at first.
        let start = (0..circle.len()).min_by_key(|&index| name(&circle[index])).unwrap_or(0);
        let circle: Vec<_> = circle[start..].iter().chain(&circle[..start]).copied().collect();
        let names: Vec<_> = circle.iter().chain(circle.first()).map(name).collect();
        let mut problem =
            Problem::error("dataset::field-circle", format!("fields need each other: {}", names.join(" → ")));
        for &(id, field) in &circle {
            let place = &self.compiled_type(id).fields[field].field.place;
            problem = problem.at(place, format!("of `{}`", self.records.name(id)));
        }
        let (id, field) = circle[0];
        self.report(id, field, problem.help("give one of them in the spec"));
    }
}

pub(crate) fn unidentified(reason: Unidentified, place: &Place, of: &str) -> Problem {
    Problem::error("dataset::key", reason.message).at(place, of).maybe_help(reason.help)
}

fn endless(records: &Records<'_, '_>, before: &[Implied], after: &[Implied]) -> Problem {
    let mut problem =
        Problem::error("dataset::endless", "what records imply does not come to an end: each implies another one");
    let newest = after.iter().rfind(|implied| !before.contains(implied));
    if let Some(Implied { by, entry, target, .. }) = newest {
        let rule = &records.compiled.types[records.data_type(*by)].implies[*entry];
        let text = format!("`{}` implies `{}`, and so on", records.name(*by), records.name(*target));
        problem = problem.at(rule.place, text);
    }
    problem
}

/// Returns the place that comes first by file and position.
pub(crate) fn first_place<'p>(places: impl IntoIterator<Item = &'p Place>) -> Option<&'p Place> {
    places.into_iter().min_by_key(|place| place_order(place))
}

/// Returns what places are sorted by: file and position.
pub(crate) fn place_order(place: &Place) -> (&str, usize) {
    (place.file().name(), place.range().start)
}
