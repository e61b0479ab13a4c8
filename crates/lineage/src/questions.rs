//! Questions about what made what, and what depends on it.

use std::collections::HashSet;
use std::rc::Rc;

use crate::LineageError;
use crate::index::{Found, Index, Role};
use crate::place::Place;
use crate::present::Present;
use crate::record::{Content, Record, Reference, Subject};

/// The answer to a question that goes from record to record.
#[derive(Debug, Default)]
pub struct Answer {
    /// Records, from near to far.
    pub records: Vec<Rc<Record>>,
    /// Where it ends: what was read that no step made, or what was written; sorted.
    pub ends: Vec<Reference>,
}

/// The executions that made what is at a place now, latest first.
pub fn origins(index: &Index, place: &Place, present: &mut Present<'_>) -> Result<Vec<Rc<Record>>, LineageError> {
    Ok(origins_of(index, place, present)?.into_iter().map(|(_, record)| record).collect())
}

pub(crate) fn origins_of(index: &Index, place: &Place, present: &mut Present<'_>) -> Result<Vec<Found>, LineageError> {
    let mut candidates = Vec::new();
    for candidate in index.overlapping(Role::Output, place)? {
        let found = match present.content(&candidate) {
            Content::Unknown => index.writer(&candidate)?,
            content => {
                let exact = index.maker(&candidate, &content, i64::MAX, 0)?;
                exact.max(index.maker(&candidate, &Content::Unknown, i64::MAX, 0)?)
            }
        };
        candidates.extend(found.map(|(moment, seq)| (moment, seq, candidate)));
    }
    candidates.sort_by_key(|(moment, seq, _)| (-moment, -seq));
    let mut found: Vec<Found> = Vec::new();
    let mut kept: Vec<Place> = Vec::new();
    for (_, seq, written) in candidates {
        // What came later has replaced it.
        if kept.iter().any(|later| later.covers(&written)) {
            continue;
        }
        if !found.iter().any(|(known, _)| *known == seq) {
            found.push((seq, index.by_seq(seq)?));
        }
        if written.covers(place) {
            break;
        }
        kept.push(written);
    }
    Ok(found)
}

/// The executions that had made what an input of a record held.
pub(crate) fn makers(index: &Index, reader: &Found, input: &Reference) -> Result<Vec<i64>, LineageError> {
    let (seq, record) = reader;
    match (&input.made_by, &input.subject) {
        (Some(ids), _) => {
            let mut makers = Vec::new();
            for id in ids {
                makers.extend(index.found(id)?.map(|(seq, _)| seq));
            }
            Ok(makers)
        }
        (None, Subject::Place(place)) if input.content != Content::Unknown => {
            let maker = index.maker(place, &input.content, record.started_ms, *seq)?;
            Ok(maker.map(|(_, seq)| seq).into_iter().collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// What made what is at a place now: the executions, and those that made what they read, from near to far.
pub fn made(index: &Index, place: &Place, present: &mut Present<'_>) -> Result<Answer, LineageError> {
    let origins = origins_of(index, place, present)?;
    upward(index, origins, usize::MAX)
}

/// What made the inputs of records, and what made the inputs of that.
pub fn made_records(index: &Index, ids: &[String]) -> Result<Answer, LineageError> {
    let mut from = Vec::new();
    for id in ids {
        from.extend(index.found(id)?);
    }
    upward(index, from, usize::MAX)
}

pub(crate) fn upward(index: &Index, from: Vec<Found>, most: usize) -> Result<Answer, LineageError> {
    let mut answer = Answer::default();
    let mut seen: HashSet<i64> = from.iter().map(|(seq, _)| *seq).collect();
    let mut ring = from;
    while !ring.is_empty() {
        ring.sort_by(|(_, one), (_, other)| other.order().cmp(&one.order()));
        let mut next = Vec::new();
        for reader in ring {
            for input in &reader.1.inputs {
                let makers = makers(index, &reader, input)?;
                if makers.is_empty() {
                    answer.ends.push(Reference { made_by: None, ..input.clone() });
                }
                for maker in makers {
                    if seen.len() < most && seen.insert(maker) {
                        next.push((maker, index.by_seq(maker)?));
                    }
                }
            }
            answer.records.push(reader.1);
        }
        ring = next;
    }
    answer.ends.sort();
    answer.ends.dedup();
    Ok(answer)
}

/// The steps whose latest completed executions read something at a place or executed it, and those that read what these
/// wrote, from near to far. The ends are what they wrote.
pub fn depends(index: &Index, place: &Place) -> Result<Answer, LineageError> {
    let mut seen = HashSet::new();
    let mut ring = index.latest_with(&[Role::Input, Role::Code], place)?;
    let mut answer = Answer::default();
    while !ring.is_empty() {
        ring.retain(|(seq, _)| seen.insert(*seq));
        ring.sort_by(|(_, one), (_, other)| one.order().cmp(&other.order()));
        let mut next = Vec::new();
        for (_, record) in ring {
            if index.forgotten(&record.step)?.is_some_and(|ended| record.ended_ms() <= ended) {
                continue;
            }
            for output in &record.outputs {
                if let Some(place) = output.place() {
                    next.extend(index.latest_with(&[Role::Input, Role::Code], place)?);
                }
                answer.ends.push(output.clone());
            }
            answer.records.push(record);
        }
        ring = next;
    }
    answer.ends.sort();
    answer.ends.dedup();
    Ok(answer)
}

/// All executions that read or executed this content of exactly this place, and those that read what these wrote, from near to
/// far.
pub fn depends_on_content(index: &Index, place: &Place, content: &Content) -> Result<Answer, LineageError> {
    let mut answer = Answer::default();
    let mut seen = HashSet::new();
    let mut ring = index.readers(Role::Input, place, content, i64::MIN, false)?;
    ring.extend(index.readers(Role::Code, place, content, i64::MIN, false)?);
    while !ring.is_empty() {
        ring.retain(|seq| seen.insert(*seq));
        let mut records = Vec::new();
        for seq in ring {
            records.push((seq, index.by_seq(seq)?));
        }
        records.sort_by(|(_, one), (_, other)| one.order().cmp(&other.order()));
        let mut next = Vec::new();
        for found in records {
            next.extend(readers_of(index, &found)?);
            answer.ends.extend(found.1.outputs.iter().cloned());
            answer.records.push(found.1);
        }
        ring = next;
    }
    answer.ends.sort();
    answer.ends.dedup();
    Ok(answer)
}

/// The executions that read what a record wrote.
pub(crate) fn readers_of(index: &Index, maker: &Found) -> Result<Vec<i64>, LineageError> {
    let (seq, record) = maker;
    let mut readers = index.said_readers(&record.id)?;
    for output in &record.outputs {
        let Some(place) = output.place().filter(|_| output.content != Content::Unknown) else { continue };
        for reader in index.readers(Role::Input, place, &output.content, record.ended_ms(), true)? {
            let found = (reader, index.by_seq(reader)?);
            let is_maker = |input: &Reference| -> Result<bool, LineageError> {
                Ok(input.made_by.is_none()
                    && input.subject == output.subject
                    && makers(index, &found, input)?.contains(seq))
            };
            for input in &found.1.inputs {
                if is_maker(input)? {
                    readers.push(reader);
                }
            }
        }
    }
    Ok(readers)
}
