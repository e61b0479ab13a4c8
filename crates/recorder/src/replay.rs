//! What is to be executed again, in which order, and why.

use std::collections::HashSet;
use std::rc::Rc;

use lineage::{Content, Reason, Record, Reference, Staleness};

use crate::RecorderError;
use crate::recorder::Recorder;

/// A step that is to be executed again.
#[derive(Debug, Clone)]
pub struct Again {
    /// Its current execution, which is done again with what is there now.
    pub record: Rc<Record>,
    /// Why, in a sentence.
    pub reason: String,
    /// How.
    pub how: How,
}

/// How a step can be executed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Its command is executed and recorded.
    Step,
    /// Its command records itself what it does.
    Itself,
    /// It cannot be, and why.
    Not(String),
}

/// All that is to be executed again, in order; only some steps, and what they depend on, if there are names. A step that never
/// completed is an attempt, and is executed only if it is named.
pub fn again(recorder: &mut Recorder<'_>, only: &[String]) -> Result<Vec<Again>, RecorderError> {
    recorder.ask(|index, present| {
        let stale = Staleness::new(index, present).all()?;
        let mut all: Vec<Again> = Vec::new();
        let mut there: HashSet<String> = HashSet::new();
        for stale in stale {
            if matches!(stale.reason, Reason::NeverCompleted(_)) && !only.contains(&stale.record.step) {
                continue;
            }
            // What it goes on with is not as it was: that is made again first.
            let overwritten: Vec<&Reference> = stale
                .record
                .inputs
                .iter()
                .filter(|input| {
                    input.place().is_some_and(|place| {
                        stale.record.output_places().any(|output| output.overlaps(place))
                            && present.content(place).differs(&input.content)
                    })
                })
                .collect();
            let mut blocked = None;
            for input in overwritten {
                let makers = input.made_by.clone().unwrap_or_default();
                let mut found = Vec::new();
                for id in &makers {
                    found.extend(index.record(id)?);
                }
                if found.is_empty() {
                    blocked = Some(format!(
                        "it has written over its own input {}, which no step makes: bring that back first, from a snapshot",
                        input.subject
                    ));
                }
                for maker in found {
                    if there.insert(maker.id.clone()) {
                        all.push(Again {
                            reason: format!("`{}` goes on with what it makes, and has to begin anew", stale.record.step),
                            how: how(&maker, None),
                            record: maker,
                        });
                    }
                }
            }
            if there.insert(stale.record.id.clone()) {
                all.push(Again { reason: stale.reason.to_string(), how: how(&stale.record, blocked), record: stale.record });
            }
        }
        if only.is_empty() {
            return Ok(all);
        }
        let wanted: Vec<Again> = all.iter().filter(|one| only.contains(&one.record.step)).cloned().collect();
        let ids: Vec<String> = wanted.iter().map(|one| one.record.id.clone()).collect();
        let before: HashSet<String> =
            lineage::made_records(index, &ids)?.records.iter().map(|record| record.step.clone()).collect();
        Ok(all.into_iter().filter(|one| before.contains(&one.record.step)).collect())
    })
}

fn how(record: &Record, blocked: Option<String>) -> How {
    let gone = |reference: &Reference| reference.content == Content::Absent;
    if let Some(why) = blocked {
        return How::Not(why);
    }
    if record.command.is_empty() {
        return How::Not(format!("nobody has told how it is executed (it is a {})", record.kind));
    }
    if record.inputs.iter().any(gone) {
        return How::Not("it was recorded without an input".to_owned());
    }
    if record.kind == "process" { How::Step } else { How::Itself }
}
