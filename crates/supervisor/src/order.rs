//! Who needs whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Condition, UnitId, UnitSpec};

/// The conditions of a set of units, read backwards: from a unit to those that need it.
pub(crate) struct Dependents<'a>(BTreeMap<&'a UnitId, Vec<&'a UnitId>>);

impl<'a> Dependents<'a> {
    pub(crate) fn new(specs: impl IntoIterator<Item = &'a UnitSpec>) -> Self {
        let mut dependents = BTreeMap::<_, Vec<_>>::new();
        for spec in specs {
            for condition in &spec.after {
                dependents.entry(&condition.unit).or_default().push(&spec.id);
            }
        }
        Self(dependents)
    }

    /// Returns all that need one of `units`, directly or through others, without `units` themselves.
    pub(crate) fn of(&self, units: impl IntoIterator<Item = &'a UnitId>) -> BTreeSet<&'a UnitId> {
        let mut open: Vec<&UnitId> = units.into_iter().collect();
        let given: BTreeSet<&UnitId> = open.iter().copied().collect();
        let mut found = BTreeSet::new();
        while let Some(unit) = open.pop() {
            for &dependent in self.0.get(unit).into_iter().flatten() {
                if !given.contains(dependent) && found.insert(dependent) {
                    open.push(dependent);
                }
            }
        }
        found
    }
}

/// Returns all that one of `units` needs, directly or through others; each unit is looked at once.
pub(crate) fn needs<'a>(
    units: impl IntoIterator<Item = &'a UnitId>,
    after: impl Fn(&UnitId) -> &'a [Condition],
) -> BTreeSet<&'a UnitId> {
    let mut open: Vec<&UnitId> = units.into_iter().collect();
    let mut seen: BTreeSet<&UnitId> = open.iter().copied().collect();
    let mut needed = BTreeSet::new();
    while let Some(unit) = open.pop() {
        for condition in after(unit) {
            needed.insert(&condition.unit);
            if seen.insert(&condition.unit) {
                open.push(&condition.unit);
            }
        }
    }
    needed
}

/// Finds units that wait for each other, and returns the circle with its first unit repeated at the end.
pub(crate) fn circle(specs: &[UnitSpec]) -> Option<Vec<UnitId>> {
    let needs: BTreeMap<&UnitId, Vec<&UnitId>> =
        specs.iter().map(|spec| (&spec.id, spec.after.iter().map(|condition| &condition.unit).collect())).collect();
    let mut done = BTreeSet::new();
    for spec in specs {
        // Depth first without recursion: the path so far, and how many of each unit's needs were followed.
        let mut path: Vec<(&UnitId, usize)> = vec![(&spec.id, 0)];
        while let Some(&(unit, followed)) = path.last() {
            let next = if done.contains(unit) { None } else { needs.get(unit).and_then(|needs| needs.get(followed)) };
            let Some(&next) = next else {
                done.insert(unit);
                path.pop();
                continue;
            };
            path.last_mut().expect("the path was not empty above").1 += 1;
            if let Some(start) = path.iter().position(|(unit, _)| *unit == next) {
                let units = path[start..].iter().map(|(unit, _)| *unit).chain([next]);
                return Some(units.cloned().collect());
            }
            path.push((next, 0));
        }
    }
    None
}
