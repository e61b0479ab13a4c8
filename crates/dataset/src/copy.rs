//! Copies of what specs declare: the same records with other natural keys.
//!
//! Keys are changed before any field is worked out, so what templates make of a key follows by itself.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use source::{Problem, Problems};

use crate::compiled::Compiled;
use crate::evaluation::{declare, first_place, unidentified};
use crate::record::{Identity, KeyPart, RecordId, Records};
use crate::spec::SpecRecord;

/// Begins the records of a copy: wherever a record of the specs is named, its copy is meant.
///
/// `None` if something is wrong, which is added to the problems, or if a copy has the key of a record of the specs.
pub(crate) fn prepare<'c, 'e>(
    compiled: &'c Compiled<'e>,
    specs: &[SpecRecord],
    copy: u64,
    problems: &mut Problems,
) -> Option<Records<'c, 'e>> {
    let mut originals = Records::new(compiled);
    for record in specs {
        declare(&mut originals, record.clone(), None, problems);
    }
    if problems.has_errors() {
        return None;
    }
    let mut records = Records::new(compiled);
    let ranges = ranges(&originals);
    let mut copies: Vec<RecordId> = Vec::new();
    let mut new: HashSet<RecordId> = HashSet::new();
    let (mut former, mut changed) = (HashSet::new(), HashSet::new());
    // The key of a record has only records before it.
    for id in originals.ids() {
        let original = originals.identity(id);
        let part = |part: &KeyPart| match part {
            KeyPart::Record(other) => KeyPart::Record(copies[other.index()]),
            KeyPart::Scalar(value) => KeyPart::Scalar(value.clone()),
        };
        let here = Identity { data_type: original.data_type, key: original.key.iter().map(part).collect() };
        let mut varied = here.clone();
        if originals.record(id).is_declared() {
            let is_new = |part: &KeyPart| matches!(part, KeyPart::Record(other) if new.contains(other));
            if !here.key.iter().any(is_new) && !vary(&mut varied, &ranges, copy) {
                problems.push(fixed(&originals, id));
            }
            former.insert(here.clone());
        }
        let added = match records.add(varied.clone(), 0) {
            Ok(added) => added,
            Err(reason) => {
                let place = first_place(&originals.record(id).places)?;
                problems.push(unidentified(reason, place, "this record"));
                return None;
            }
        };
        if originals.record(id).is_declared() {
            new.insert(added);
        }
        if here != varied {
            changed.insert(varied.clone());
            records.stands_for(here, varied);
        }
        copies.push(added);
    }
    (!problems.has_errors() && former.is_disjoint(&changed)).then_some(records)
}

/// By type and place in its key: the least and the greatest whole number that is declared.
type Ranges = HashMap<(usize, usize), (i64, i64)>;

fn ranges(originals: &Records<'_, '_>) -> Ranges {
    let mut ranges = Ranges::new();
    for id in originals.ids().filter(|id| originals.record(*id).is_declared()) {
        let identity = originals.identity(id);
        for (place, part) in identity.key.iter().enumerate() {
            if let KeyPart::Scalar(value) = part
                && let Some(number) = value.as_i64()
            {
                let range = ranges.entry((identity.data_type, place)).or_insert((number, number));
                *range = (range.0.min(number), range.1.max(number));
            }
        }
    }
    ranges
}

/// Makes another key of one: its texts get the number of the copy, or else its whole numbers go on counting. Says whether
/// it could.
fn vary(identity: &mut Identity, ranges: &Ranges, copy: u64) -> bool {
    let mut is_varied = false;
    for part in &mut identity.key {
        if let KeyPart::Scalar(Value::String(text)) = part {
            *text = format!("{text}-{copy}");
            is_varied = true;
        }
    }
    if is_varied {
        return true;
    }
    for (place, part) in identity.key.iter_mut().enumerate() {
        if let KeyPart::Scalar(value) = part
            && let Some(range) = ranges.get(&(identity.data_type, place))
            && let Some(number) = value.as_i64()
            && let Some(next) = counted_on(number, *range, copy)
        {
            *value = next.into();
            is_varied = true;
        }
    }
    is_varied
}

/// The number that stands for another one in a copy, of numbers between these two: 1, 2 and 3 become 4, 5 and 6 in the
/// second one. `None` if there is no such number.
pub fn counted_on(number: i64, (least, greatest): (i64, i64), copy: u64) -> Option<i64> {
    let count = greatest.checked_sub(least)?.checked_add(1)?;
    let above = count.checked_mul(i64::try_from(copy.checked_sub(1)?).ok()?)?;
    number.checked_add(above)
}

fn fixed(originals: &Records<'_, '_>, id: RecordId) -> Problem {
    let message = format!("`{}` cannot be made once more: nothing in its natural key can vary", originals.name(id));
    let problem = Problem::error("dataset::fixed-key", message);
    let problem = match first_place(&originals.record(id).places) {
        Some(place) => problem.at(place, "this record"),
        None => problem,
    };
    problem.help(
        "texts, whole numbers and references to records of the same load can; leave it out, or load it in another mode",
    )
}
