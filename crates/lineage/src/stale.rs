//! Which executions are current, and which of these are stale.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use crate::LineageError;
use crate::index::{Family, Found, Index, Role};
use crate::place::Place;
use crate::present::Present;
use crate::questions::makers;
use crate::record::{Content, FORGET, Record, Reference, Status};

/// Kinds of records that are not work: nothing is gained if they are executed again.
const NO_WORK: [&str; 5] = ["snapshot", "restore", "reset", "import", FORGET];

/// A step that is to be executed again.
#[derive(Debug, Clone)]
pub struct Stale {
    /// Its current execution; the latest that did not complete if none did.
    pub record: Rc<Record>,
    /// Why.
    pub reason: Reason,
}

/// Why a step is to be executed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No execution of it completed; how the latest ended.
    NeverCompleted(Status),
    /// The latest execution did not complete, and what it was to write is not what the last complete one left.
    Broken(Status, Place),
    /// Its code has other content.
    Code(Place),
    /// An input has other content, or is gone.
    Input(Place, bool),
    /// An output has other content, or is gone.
    Output(Place, bool),
    /// An input was made by a step that is stale.
    Maker(Place, String),
}

impl Reason {
    /// The place that it is about.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::NeverCompleted(_) => None,
            Self::Broken(_, place)
            | Self::Code(place)
            | Self::Input(place, _)
            | Self::Output(place, _)
            | Self::Maker(place, _) => Some(place),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = |status: &Status| if *status == Status::Failed { "failed" } else { "was aborted" };
        match self {
            Self::NeverCompleted(status) => {
                write!(formatter, "it never completed: its latest execution {}", ended(status))
            }
            Self::Broken(status, place) => {
                write!(formatter, "its latest execution {}, and left {place} as it is now", ended(status))
            }
            Self::Code(place) => write!(formatter, "its code {place} has changed"),
            Self::Input(place, false) => write!(formatter, "its input {place} has changed"),
            Self::Input(place, true) => write!(formatter, "its input {place} is gone"),
            Self::Output(place, false) => write!(formatter, "its output {place} was changed by something else"),
            Self::Output(place, true) => write!(formatter, "its output {place} is gone"),
            Self::Maker(place, step) => write!(formatter, "its input {place} is made by `{step}`, which is stale"),
        }
    }
}

/// Looks which steps are stale, each once.
pub struct Staleness<'i, 'p, 'c> {
    index: &'i Index,
    present: &'p mut Present<'c>,
    /// By the number of the family. One that is being looked at is not stale for itself: a step may go on with what it made.
    known: HashMap<i64, Option<Stale>>,
    current: HashMap<i64, Option<Found>>,
    /// In the order in which they were found: makers first.
    order: Vec<i64>,
}

impl<'i, 'p, 'c> Staleness<'i, 'p, 'c> {
    /// Nothing was looked at.
    pub fn new(index: &'i Index, present: &'p mut Present<'c>) -> Self {
        Self { index, present, known: HashMap::new(), current: HashMap::new(), order: Vec::new() }
    }

    /// All current executions, in the order in which they would be executed: who makes something before who reads it.
    pub fn current(&mut self) -> Result<Vec<Rc<Record>>, LineageError> {
        self.look()?;
        let order = self.order.clone();
        let mut records = Vec::new();
        for family in order {
            records.extend(self.current.get(&family).cloned().flatten().map(|(_, record)| record));
        }
        Ok(records)
    }

    /// All that is stale, in the order in which it would be executed again.
    pub fn all(&mut self) -> Result<Vec<Stale>, LineageError> {
        self.look()?;
        Ok(self.order.iter().filter_map(|family| self.known.get(family).cloned().flatten()).collect())
    }

    /// Why an execution is stale, if it is.
    pub fn of(&mut self, id: &str) -> Result<Option<Reason>, LineageError> {
        let Some((seq, _)) = self.index.found(id)? else { return Ok(None) };
        let family = self.index.family_of(seq)?;
        Ok(self.family(family)?.map(|stale| stale.reason))
    }

    fn look(&mut self) -> Result<(), LineageError> {
        for family in living(self.index)? {
            self.family(family)?;
        }
        Ok(())
    }

    fn family(&mut self, family: Family) -> Result<Option<Stale>, LineageError> {
        if let Some(known) = self.known.get(&family.number) {
            return Ok(known.clone());
        }
        self.known.insert(family.number, None);
        let current = self.current_of(family)?;
        self.current.insert(family.number, current.clone());
        let stale = if let Some(found) = current {
            self.reason(family, &found)?.map(|reason| Stale { record: found.1, reason })
        } else {
            let found = (family.last, self.index.by_seq(family.last)?);
            // Who makes what it reads comes before it, too.
            self.stale_maker(family, &found)?;
            Some(Stale { reason: Reason::NeverCompleted(found.1.status), record: found.1 })
        };
        self.known.insert(family.number, stale.clone());
        self.order.push(family.number);
        Ok(stale)
    }

    /// Of the completed executions the one that left what is there now; else the latest.
    fn current_of(&mut self, family: Family) -> Result<Option<Found>, LineageError> {
        let Some(latest) = family.latest else { return Ok(None) };
        let latest = (latest, self.index.by_seq(latest)?);
        if self.is_there(&latest)? {
            return Ok(Some(latest));
        }
        // Digests of all executions are known, or of none.
        if let Some(place) = latest.1.output_places().next() {
            let content = self.present.content(place);
            for seq in self.index.of_family(family.number, place, &content)? {
                let found = (seq, self.index.by_seq(seq)?);
                if self.is_there(&found)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(Some(latest))
    }

    fn is_there(&mut self, found: &Found) -> Result<bool, LineageError> {
        Ok(self.changed_output(found)?.is_none())
    }

    /// The first output that is not what an execution left, but for those that a step which depends on it has gone on with.
    fn changed_output(&mut self, found: &Found) -> Result<Option<(Place, Content)>, LineageError> {
        for output in &found.1.outputs {
            let Some(place) = output.place() else { continue };
            let content = self.present.content(place);
            if content.differs(&output.content) && !self.goes_on(found, place)? {
                return Ok(Some((place.clone(), content)));
            }
        }
        Ok(None)
    }

    /// Whether a later step reads a place and writes there.
    fn goes_on(&self, (seq, record): &Found, place: &Place) -> Result<bool, LineageError> {
        let overlaps = |list: &[Reference]| list.iter().filter_map(Reference::place).any(|other| other.overlaps(place));
        let later = self.index.latest_with(&[Role::Output], place)?;
        Ok(later.iter().any(|(other_seq, other)| {
            other_seq != seq && other.step != record.step && other.order() > record.order() && overlaps(&other.inputs)
        }))
    }

    fn reason(&mut self, family: Family, found: &Found) -> Result<Option<Reason>, LineageError> {
        let record = &found.1;
        // Who makes something comes before who reads it, whatever is said of that one.
        let maker = self.stale_maker(family, found)?;
        let output = self.changed_output(found)?;
        if let Some((place, _)) = &output {
            let last = self.index.by_seq(family.last)?;
            if last.status != Status::Complete && last.order() > record.order() {
                return Ok(Some(Reason::Broken(last.status, place.clone())));
            }
        }
        for code in &record.code {
            let Some(place) = code.place() else { continue };
            if self.present.content(place).differs(&code.content) {
                return Ok(Some(Reason::Code(place.clone())));
            }
        }
        for input in &record.inputs {
            let Some(place) = input.place() else { continue };
            // What it went on with is not as it was; its outputs tell.
            if record.output_places().any(|output| output.overlaps(place)) {
                continue;
            }
            let content = self.present.content(place);
            if content.differs(&input.content) {
                return Ok(Some(Reason::Input(place.clone(), content == Content::Absent)));
            }
        }
        if let Some((place, content)) = output {
            return Ok(Some(Reason::Output(place, content == Content::Absent)));
        }
        Ok(maker)
    }

    /// Looks at all steps that made an input, and says which of them is stale.
    fn stale_maker(&mut self, family: Family, found: &Found) -> Result<Option<Reason>, LineageError> {
        let mut stale = None;
        for input in &found.1.inputs {
            for maker in makers(self.index, found, input)? {
                let maker_record = self.index.by_seq(maker)?;
                if !is_work(&maker_record) || self.is_forgotten(&maker_record)? {
                    continue;
                }
                let maker_family = self.index.family_of(maker)?;
                let is_stale = maker_family.number != family.number && self.family(maker_family)?.is_some();
                if let Some(place) = input.place().filter(|_| is_stale && stale.is_none()) {
                    stale = Some(Reason::Maker(place.clone(), maker_record.step.clone()));
                }
            }
        }
        Ok(stale)
    }

    fn is_forgotten(&self, record: &Record) -> Result<bool, LineageError> {
        Ok(self.index.forgotten(&record.step)?.is_some_and(|ended| record.ended_ms() <= ended))
    }
}

fn is_work(record: &Record) -> bool {
    !NO_WORK.contains(&record.kind.as_str())
}

/// The families of which executions can be current: not those of steps that were forgotten, nor those whose step has written
/// all their places since as another family, nor failures of a step that has completed otherwise.
fn living(index: &Index) -> Result<Vec<Family>, LineageError> {
    let families = index.families()?;
    let mut by_step: HashMap<String, Vec<(Family, Rc<Record>)>> = HashMap::new();
    let mut order = Vec::new();
    for family in families {
        let record = index.by_seq(family.latest.unwrap_or(family.last))?;
        if is_work(&record) {
            order.push((family, record.clone()));
            by_step.entry(record.step.clone()).or_default().push((family, record));
        }
    }
    Ok(order
        .into_iter()
        .filter(|(family, record)| {
            let mut others = by_step[&record.step].iter().filter(|(other, _)| other.number != family.number);
            !others.any(|(other, other_record)| {
                other.latest.is_some() && (family.latest.is_none() || is_replaced(record, other_record))
            })
        })
        .map(|(family, _)| family)
        .collect())
}

/// Whether a later execution of the same step has written all places of this one.
fn is_replaced(record: &Record, by: &Record) -> bool {
    by.order() > record.order()
        && record.output_places().all(|place| by.output_places().any(|other| other.overlaps(place)))
}
