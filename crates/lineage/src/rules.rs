//! The rules of consistency, looked at before a step reads and writes.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::rc::Rc;

use crate::LineageError;
use crate::index::{Found, Index, Role};
use crate::place::Place;
use crate::present::Present;
use crate::questions::{makers, origins_of, upward};
use crate::record::{Content, Record, Reference, Status, format_time};
use crate::stale::Staleness;

/// So many records are looked at of what a step depends on: a step that goes on with its own output every day has a history
/// without an end, of which the far part says nothing new.
const MOST_RECORDS: usize = 5_000;

/// What a step is about to read and write.
#[derive(Debug, Clone, Copy)]
pub struct Intent<'a> {
    /// Its name.
    pub step: &'a str,
    /// What it reads, with who made it.
    pub inputs: &'a [Reference],
    /// Where it writes.
    pub outputs: &'a [Place],
}

/// A rule that would be broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// Another step writes there, and neither depends on the other.
    SamePlace {
        /// Who would write.
        step: String,
        /// Where.
        place: Place,
        /// Who writes there.
        other: String,
        /// Where exactly.
        other_place: Place,
        /// When it did, last.
        when: String,
    },
    /// It would depend on two versions of one place.
    TwoVersions {
        /// Who.
        step: String,
        /// Of what.
        place: Place,
        /// The contents, and who reads them.
        versions: [(String, String); 2],
    },
}

impl Broken {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::SamePlace { place, other, .. } => format!(
                "write to another place; name {place} among the inputs if it goes on with what is there; or `seedbed lineage forget \
                 {other}`, if that step is no part of the work any more"
            ),
            Self::TwoVersions { versions, place, .. } => format!(
                "execute `{}` again first, with {place} as it is now: `seedbed replay` does it, and all that lies between",
                versions[0].1
            ),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SamePlace { step, place, other, other_place, when } => {
                let there = if place == other_place { String::new() } else { format!(" to {other_place}") };
                write!(
                    formatter,
                    "`{step}` would write {place}, where `{other}` has written{there} ({when}), and neither of them depends on the other"
                )
            }
            Self::TwoVersions { step, place, versions: [(one, reader), (two, other)] } => {
                write!(
                    formatter,
                    "`{step}` would depend on two versions of {place}: {one}, which `{reader}` has read, and {two}, which `{other}` reads"
                )
            }
        }
    }
}

/// Looks whether a step may read and write this; returns what is to be told all the same.
pub fn check(index: &Index, intent: Intent<'_>, present: &mut Present<'_>) -> Result<Vec<String>, LineageError> {
    let mut from = Vec::new();
    for id in intent.inputs.iter().flat_map(|input| input.made_by.iter().flatten()) {
        from.extend(index.found(id)?);
    }
    let before = upward(index, from, MOST_RECORDS)?.records;
    outputs(index, intent, &before, present)?;
    let mut warnings = versions(index, intent, &before, present)?;
    warnings.extend(left(index, intent, present)?);
    Ok(warnings)
}

/// Rule 1: independent steps do not write the same or nested places.
fn outputs(
    index: &Index,
    intent: Intent<'_>,
    before: &[Rc<Record>],
    present: &mut Present<'_>,
) -> Result<(), LineageError> {
    for place in intent.outputs {
        if intent.inputs.iter().filter_map(Reference::place).any(|input| input.overlaps(place)) {
            continue;
        }
        // After going back, what is there was not made by the latest.
        let mut others = index.latest_with(&[Role::Output], place)?;
        others.extend(origins_of(index, place, present)?);
        for (seq, other) in others {
            if other.step == intent.step
                || before.iter().any(|record| record.step == other.step)
                || index.forgotten(&other.step)?.is_some_and(|ended| other.ended_ms() <= ended)
            {
                continue;
            }
            let overlapping = other.outputs.iter().find(|output| {
                // What is not there any more as it was left is in nobody's way.
                output
                    .place()
                    .is_some_and(|other| other.overlaps(place) && !present.content(other).differs(&output.content))
            });
            let Some(other_place) = overlapping.and_then(Reference::place) else { continue };
            let behind = upward(index, vec![(seq, other.clone())], MOST_RECORDS)?.records;
            if behind.iter().any(|record| record.step == intent.step) {
                continue;
            }
            return Err(Broken::SamePlace {
                step: intent.step.to_owned(),
                place: place.clone(),
                other: other.step.clone(),
                other_place: other_place.clone(),
                when: format_time(other.ended_ms()),
            }
            .into());
        }
    }
    Ok(())
}

/// Somebody read a content of a place.
struct Reading {
    content: Content,
    step: String,
    started_ms: i64,
    makers: Vec<i64>,
}

/// Rule 2: a step does not depend on two versions of one place.
fn versions(
    index: &Index,
    intent: Intent<'_>,
    before: &[Rc<Record>],
    present: &mut Present<'_>,
) -> Result<Vec<String>, LineageError> {
    let mut readings: BTreeMap<Place, Vec<Reading>> = BTreeMap::new();
    for record in before {
        let Some(found) = index.found(&record.id)? else { continue };
        for input in &record.inputs {
            let Some(place) = input.place().filter(|_| input.content != Content::Unknown) else { continue };
            readings.entry(place.clone()).or_default().push(Reading {
                content: input.content.clone(),
                step: record.step.clone(),
                started_ms: record.started_ms,
                makers: makers(index, &found, input)?,
            });
        }
    }
    let mut warnings = Vec::new();
    for input in intent.inputs {
        let Some(place) = input.place().filter(|_| input.content != Content::Unknown) else { continue };
        for (whole, earlier) in readings.iter().filter(|(other, _)| *other != place && other.overlaps(place)) {
            let now = present.content(whole);
            if let Some(reading) = earlier.iter().find(|reading| reading.content.differs(&now)) {
                warnings.push(format!("{whole} has changed since `{}` read it; {place} may have, too", reading.step));
            }
        }
        let mut makers = Vec::new();
        for id in input.made_by.iter().flatten() {
            makers.extend(index.found(id)?.map(|(seq, _)| seq));
        }
        readings.entry(place.clone()).or_default().push(Reading {
            content: input.content.clone(),
            step: intent.step.to_owned(),
            started_ms: i64::MAX,
            makers,
        });
    }
    for (place, mut list) in readings {
        list.sort_by_key(|reading| reading.started_ms);
        for pair in list.windows(2) {
            let [earlier, later] = pair else { continue };
            if earlier.content == later.content || is_made_of(index, later, &place, &earlier.content)? {
                continue;
            }
            let version = |reading: &Reading| (reading.content.short().to_owned(), reading.step.clone());
            return Err(Broken::TwoVersions {
                step: intent.step.to_owned(),
                place,
                versions: [version(earlier), version(later)],
            }
            .into());
        }
    }
    Ok(warnings)
}

/// Whether what was read was made of an earlier content of the same place, by steps that went on with it.
fn is_made_of(index: &Index, later: &Reading, place: &Place, content: &Content) -> Result<bool, LineageError> {
    let mut seen = HashSet::new();
    let mut ring = later.makers.clone();
    while let Some(seq) = ring.pop() {
        if !seen.insert(seq) || seen.len() > MOST_RECORDS {
            continue;
        }
        let found: Found = (seq, index.by_seq(seq)?);
        for input in &found.1.inputs {
            if input.place() == Some(place) && input.content == *content {
                return Ok(true);
            }
            ring.extend(makers(index, &found, input)?);
        }
    }
    Ok(false)
}

/// Rule 3: what executions have left that did not complete, and what stale steps have made, is told.
fn left(index: &Index, intent: Intent<'_>, present: &mut Present<'_>) -> Result<Vec<String>, LineageError> {
    let mut warnings = Vec::new();
    for input in intent.inputs {
        let Some(place) = input.place() else { continue };
        let made = origins_of(index, place, present)?;
        if made.is_empty() {
            let mut breakers = Vec::new();
            for broken in index.overlapping(Role::Broken, place)? {
                breakers.extend(index.breaker(&broken)?);
            }
            if let Some((_, seq)) = breakers.into_iter().max() {
                let record = index.by_seq(seq)?;
                let how = if record.status == Status::Failed { "has failed" } else { "was aborted" };
                warnings.push(format!(
                    "{place} was left by an execution of `{}` that {how} ({})",
                    record.step,
                    format_time(record.ended_ms())
                ));
            }
        }
        for (_, maker) in made {
            if let Some(reason) = Staleness::new(index, present).of(&maker.id)? {
                warnings.push(format!("{place} was made by `{}`, which is stale: {reason}", maker.step));
            }
        }
    }
    Ok(warnings)
}

/// References to what is about to be read, with who made it.
pub fn inputs(index: &Index, places: &[Place], present: &mut Present<'_>) -> Result<Vec<Reference>, LineageError> {
    let mut inputs = Vec::new();
    for place in places {
        let made_by = origins_of(index, place, present)?.into_iter().map(|(_, record)| record.id.clone()).collect();
        inputs.push(Reference { made_by: Some(made_by), ..Reference::of(place.clone(), present.content(place)) });
    }
    Ok(inputs)
}
