//! The report of all toggles: what they are, what they are set to, what follows.

use serde_json::{Map, Value, json};

use crate::change::{Change, Scope};
use crate::evaluation::{Snapshot, State};
use crate::toggle::Kind;

/// The report, each list by name.
pub(crate) fn report(snapshot: &Snapshot) -> Value {
    let of = |kind: Kind, item: fn(&State) -> Value| -> Vec<Value> {
        snapshot.toggles.values().filter(|state| state.toggle.kind() == kind).map(item).collect()
    };
    json!({
        "waffle_flags": of(Kind::Flag, flag),
        "waffle_switches": of(Kind::Switch, switch),
        "django_settings": of(Kind::Setting, setting),
    })
}

fn flag(state: &State) -> Value {
    let everyone = state.set.get(&Scope::Everyone).and_then(is_on);
    let mut item = item(state);
    item.insert("everyone".to_owned(), everyone.map_or("unknown", |on| if on { "yes" } else { "no" }).into());
    item.insert("course_overrides".to_owned(), overrides(state, "course", "course_id"));
    item.insert("org_overrides".to_owned(), overrides(state, "organization", "org"));
    item.insert("site_overrides".to_owned(), overrides(state, "site", "site"));
    item.insert("user_overrides".to_owned(), overrides(state, "user", "username"));
    let rest = everyone.or(state.default.as_bool()).unwrap_or_default();
    let all_are = |wanted: bool| rest == wanted && state.set.values().filter_map(is_on).all(|on| on == wanted);
    let status = if all_are(true) {
        "on"
    } else if all_are(false) {
        "off"
    } else {
        "both"
    };
    item.insert("computed_status".to_owned(), status.into());
    Value::Object(item)
}

fn switch(state: &State) -> Value {
    let mut item = item(state);
    let on = state.set.get(&Scope::Everyone).and_then(is_on).or(state.default.as_bool()).unwrap_or_default();
    item.insert("is_active".to_owned(), on.into());
    item.insert("computed_status".to_owned(), if on { "on" } else { "off" }.into());
    Value::Object(item)
}

fn setting(state: &State) -> Value {
    let mut item = item(state);
    let set = state.set.get(&Scope::Everyone).and_then(|change| change.value.clone());
    let value = set.unwrap_or_else(|| state.default.clone());
    if let Some(on) = value.as_bool() {
        item.insert("is_active".to_owned(), on.into());
    }
    item.insert("value".to_owned(), value);
    Value::Object(item)
}

/// What is said of each toggle.
fn item(state: &State) -> Map<String, Value> {
    let annotation = state.toggle.annotation();
    let oldest = state.set.values().min_by_key(|change| change.id);
    let item = json!({
        "name": state.toggle.name(),
        "note": state.newest.as_ref().map(|change| &change.note),
        "created": oldest.map(|change| change.change_date),
        "modified": state.newest.as_ref().map(|change| change.change_date),
        "changed_by": state.newest.as_ref().map(|change| &change.changed_by),
        "default": state.default,
        "description": annotation.description,
        "use_cases": annotation.use_cases,
        "creation_date": annotation.created,
        "removal_date": annotation.removed_by,
    });
    match item {
        Value::Object(item) => item,
        _ => unreachable!("it is written as an object"),
    }
}

fn overrides(state: &State, scope: &str, name: &str) -> Value {
    let mut set: Vec<&Change> = state.set.values().filter(|change| change.scope.parts().0 == scope).collect();
    set.sort_by(|a, b| a.scope.cmp(&b.scope));
    let items = set.into_iter().map(|change| {
        let force = if is_on(change).unwrap_or_default() { "on" } else { "off" };
        json!({
            (name): change.scope.parts().1,
            "force": force,
            "created": change.change_date,
            "modified": change.change_date,
        })
    });
    items.collect()
}

fn is_on(change: &Change) -> Option<bool> {
    change.value.as_ref().and_then(Value::as_bool)
}
