//! What differs between the lineage of two moments.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use crate::record::{Content, Record, Reference, Subject};

/// A step that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepChange {
    /// Its name.
    pub step: String,
    /// The id of the execution before, if there was one.
    pub before: Option<String>,
    /// The id of the execution after, if there is one.
    pub after: Option<String>,
    /// What differs, in sentences.
    pub what: Vec<String>,
}

/// Compares two lists of current executions. A step with several executions of other outputs stands there once for each.
pub fn changed(before: &[Rc<Record>], after: &[Rc<Record>]) -> Vec<StepChange> {
    let by_family = |records: &[Rc<Record>]| -> BTreeMap<String, Rc<Record>> {
        records.iter().map(|record| (record.family(), record.clone())).collect()
    };
    let (mut before, mut after) = (by_family(before), by_family(after));
    let families: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    let mut pairs = Vec::new();
    for family in families {
        if before.contains_key(&family) && after.contains_key(&family) {
            pairs.push((before.remove(&family), after.remove(&family)));
        }
    }
    // A step that writes elsewhere now is still that step, if there is one of it left on each side.
    let alone = |records: &BTreeMap<String, Rc<Record>>, step: &str| {
        let mut of_step = records.iter().filter(|(_, record)| record.step == step).map(|(family, _)| family.clone());
        of_step.next().filter(|_| of_step.next().is_none())
    };
    for step in before.values().map(|record| record.step.clone()).collect::<BTreeSet<_>>() {
        if let (Some(one), Some(other)) = (alone(&before, &step), alone(&after, &step)) {
            pairs.push((before.remove(&one), after.remove(&other)));
        }
    }
    pairs.extend(before.into_values().map(|record| (Some(record), None)));
    pairs.extend(after.into_values().map(|record| (None, Some(record))));
    let mut changes: Vec<StepChange> =
        pairs.into_iter().filter_map(|(before, after)| change(before.as_deref(), after.as_deref())).collect();
    changes.sort_by(|one, other| (&one.step, &one.before, &one.after).cmp(&(&other.step, &other.before, &other.after)));
    changes
}

fn change(before: Option<&Record>, after: Option<&Record>) -> Option<StepChange> {
    let what = match (before, after) {
        (None, None) => return None,
        (Some(_), None) => vec!["it is not there any more".to_owned()],
        (None, Some(_)) => vec!["it is new".to_owned()],
        (Some(before), Some(after)) if before.id == after.id => return None,
        (Some(before), Some(after)) => differences(before, after),
    };
    let record = after.or(before)?;
    Some(StepChange {
        step: record.step.clone(),
        before: before.map(|record| record.id.clone()),
        after: after.map(|record| record.id.clone()),
        what,
    })
}

fn differences(before: &Record, after: &Record) -> Vec<String> {
    let mut what = Vec::new();
    for (name, one, other) in [
        ("code", &before.code, &after.code),
        ("input", &before.inputs, &after.inputs),
        ("output", &before.outputs, &after.outputs),
    ] {
        references(name, one, other, &mut what);
    }
    let names: BTreeSet<&String> = before.parameters.keys().chain(after.parameters.keys()).collect();
    for name in names {
        let (one, other) = (before.parameters.get(name), after.parameters.get(name));
        if one != other {
            what.push(format!("parameter {name}: {} → {}", shown(one), shown(other)));
        }
    }
    if before.command != after.command {
        what.push(format!("command: {} → {}", before.command.join(" "), after.command.join(" ")));
    }
    let names: BTreeSet<&String> = before.environment.keys().chain(after.environment.keys()).collect();
    for name in names {
        let text = |record: &Record| record.environment.get(name).map_or("none", String::as_str).to_owned();
        let (one, other) = (text(before), text(after));
        if one != other {
            what.push(format!("{name}: {one} → {other}"));
        }
    }
    if what.is_empty() {
        what.push("it was executed again, with the same outcome".to_owned());
    }
    what
}

fn references(name: &str, before: &[Reference], after: &[Reference], what: &mut Vec<String>) {
    let contents = |list: &[Reference]| -> BTreeMap<Subject, Content> {
        list.iter().map(|reference| (reference.subject.clone(), reference.content.clone())).collect()
    };
    let (before, after) = (contents(before), contents(after));
    let subjects: BTreeSet<&Subject> = before.keys().chain(after.keys()).collect();
    for subject in subjects {
        match (before.get(subject), after.get(subject)) {
            (Some(one), Some(other)) if one.differs(other) => {
                what.push(format!("{name} {subject}: {} → {}", one.short(), other.short()));
            }
            (Some(_), None) => what.push(format!("{name} {subject}: not any more")),
            (None, Some(_)) => what.push(format!("{name} {subject}: new")),
            _ => {}
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::place::Place;

    fn record(id: &str, input: &str, depth: u64) -> Rc<Record> {
        let mut record = Record::new(id, "train", "script", 0);
        record.inputs = vec![Reference::of(Place::new("data", "a"), Content::Digest(input.to_owned()))];
        record.outputs = vec![Reference::of(Place::new("models", ""), Content::Digest(format!("m{input}")))];
        record.parameters.insert("depth".to_owned(), json!(depth));
        Rc::new(record)
    }

    #[test]
    fn what_differs_is_said_in_sentences() {
        let changes = changed(&[record("1", "x", 3)], &[record("2", "y", 4)]);
        assert_eq!(changes[0].what, ["input data:a: x → y", "output models: mx → my", "parameter depth: 3 → 4"]);
        assert!(changed(&[record("1", "x", 3)], &[record("1", "x", 3)]).is_empty());
        assert_eq!(changed(&[], &[record("1", "x", 3)])[0].what, ["it is new"]);
        assert_eq!(
            changed(&[record("1", "x", 3)], &[record("2", "x", 3)])[0].what,
            ["it was executed again, with the same outcome"]
        );
    }
}
