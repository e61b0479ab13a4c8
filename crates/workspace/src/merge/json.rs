//! Two versions of a document become one, key by key.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Merges what two sides have made of `base`. Where both have changed one value, the newer counts.
pub fn merge(base: Option<&Value>, ours: &Value, theirs: &Value, is_ours: bool) -> Value {
    let newer = if is_ours { ours } else { theirs };
    if ours == theirs {
        // Perhaps in another order of keys.
        return newer.clone();
    }
    if Some(theirs) == base {
        return ours.clone();
    }
    if Some(ours) == base {
        return theirs.clone();
    }
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => objects(base.and_then(Value::as_object), ours, theirs, is_ours),
        (Value::Array(ours), Value::Array(theirs)) => {
            let base = base.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            if let Some((base, ours, theirs)) = named(base).zip(named(ours)).zip(named(theirs)).map(flat) {
                let merged = objects(Some(&base), &ours, &theirs, is_ours);
                Value::Array(merged.as_object().into_iter().flat_map(Map::values).cloned().collect())
            } else {
                Value::Array(sets(base, ours, theirs))
            }
        }
        _ => newer.clone(),
    }
}

/// Merges two descriptions of how one snapshot was taken: it began with the first, and has what both say.
pub fn taking(base: Option<&Value>, ours: &Value, theirs: &Value, is_ours: bool) -> Value {
    let mut merged = merge(base, ours, theirs, is_ours);
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let changed = |value: &Value| base.is_none_or(|base| base["message"] != value["message"]);
    if changed(ours) && changed(theirs) {
        let mut messages = [ours, theirs].map(|side| (text(side, "timestamp"), text(side, "message")));
        messages.sort();
        let [(_, first), (_, second)] = messages;
        let both = match (first.as_str(), second.as_str()) {
            (one, "") | ("", one) => one.to_owned(),
            (one, two) if one.contains(two) => one.to_owned(),
            (one, two) if two.contains(one) => two.to_owned(),
            (one, two) => format!("{one}; {two}"),
        };
        if merged.get("message").is_some() {
            merged["message"] = Value::String(both);
        }
    }
    if merged.get("timestamp").is_some() {
        merged["timestamp"] = [&ours["timestamp"], &theirs["timestamp"]]
            .into_iter()
            .min_by_key(|time| time.as_str().unwrap_or_default())
            .cloned()
            .unwrap_or_default();
    }
    merged
}

type Named = Map<String, Value>;

fn flat(((base, ours), theirs): ((Named, Named), Named)) -> (Named, Named, Named) {
    (base, ours, theirs)
}

/// A list of things with names, by their names.
fn named(list: &[Value]) -> Option<Named> {
    let mut map = Map::new();
    for item in list {
        let name = item.get("name")?.as_str()?;
        if map.insert(name.to_owned(), item.clone()).is_some() {
            return None;
        }
    }
    Some(map)
}

fn objects(base: Option<&Named>, ours: &Named, theirs: &Named, is_ours: bool) -> Value {
    let nothing = Map::new();
    let base = base.unwrap_or(&nothing);
    // Those that were there in their order; new ones sorted, so that it makes no difference who merges.
    let new: BTreeSet<&String> = ours.keys().chain(theirs.keys()).filter(|key| !base.contains_key(*key)).collect();
    let is_new = base.is_empty();
    let order: Vec<&String> =
        if is_new && ours.keys().eq(theirs.keys()) { ours.keys().collect() } else { base.keys().chain(new).collect() };
    let mut merged = Map::new();
    for key in order {
        let value = match (ours.get(key), theirs.get(key)) {
            (Some(here), Some(there)) => Some(merge(base.get(key), here, there, is_ours)),
            // Who removes what the other has changed did not know of it.
            (Some(one), None) | (None, Some(one)) => (base.get(key) != Some(one)).then(|| one.clone()),
            (None, None) => None,
        };
        merged.extend(value.map(|value| (key.clone(), value)));
    }
    Value::Object(merged)
}

/// What is in both, and what one side has added; what one side has removed is gone.
fn sets(base: &[Value], ours: &[Value], theirs: &[Value]) -> Vec<Value> {
    let stays = |item: &&Value| ours.contains(item) && theirs.contains(item);
    let mut all: Vec<Value> = base.iter().filter(stays).cloned().collect();
    let mut new: Vec<Value> =
        ours.iter().chain(theirs).filter(|item| !base.contains(item) && !all.contains(item)).cloned().collect();
    new.sort_by_key(Value::to_string);
    new.dedup();
    all.extend(new);
    all
}
