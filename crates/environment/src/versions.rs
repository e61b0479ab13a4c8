//! Specs that were written for an older version of data types: their fields get the names that they have now.

use dataset::{DataType, FieldKind, Registry};
use factory::{Spec, SpecEntry};
use source::Problems;

/// Renames the fields of a spec that says for which versions of data types it is written; a warning for each service.
pub(crate) fn bring_up_to_date(spec: &mut Spec, service: &str, types: &Registry, problems: &mut Problems) {
    for (of, (version, place)) in &spec.versions {
        let newer: Vec<&DataType> =
            types.types().filter(|declared| declared.name.service == *of && declared.version > *version).collect();
        let Some(newest) = newer.iter().map(|declared| declared.version).max() else { continue };
        let mut renamed: Vec<String> = Vec::new();
        for entry in &mut spec.entries {
            let (named, name) = entry.name.split_once('.').unwrap_or((service, &entry.name));
            if named == of
                && let Some(declared) = types.find(named, name)
            {
                rename(entry, declared, *version, types, &mut renamed);
            }
        }
        problems.push(dataset::older_version(of, *version, newest, renamed, place));
    }
}

fn rename(entry: &mut SpecEntry, declared: &DataType, version: u32, types: &Registry, renamed: &mut Vec<String>) {
    let now = |name: &str| declared.name_now(name, version).map(str::to_owned);
    for name in entry
        .fields
        .keys()
        .filter_map(|name| Some((name, now(name)?)))
        .map(|(name, now)| format!("`{now}` for `{name}`"))
    {
        renamed.push(name);
    }
    let fields = std::mem::take(&mut entry.fields);
    entry.fields = fields.into_iter().map(|(name, place)| (now(&name).unwrap_or(name), place)).collect();
    for group in &mut entry.groups {
        let given = std::mem::take(&mut group.group.given);
        group.group.given = given
            .into_iter()
            .map(|(name, mut given)| {
                given.rename(&now);
                (now(&name).unwrap_or(name), given)
            })
            .collect();
        for children in &mut group.children {
            if let Some(name) = now(&children.name) {
                children.name = name;
            }
            let field = declared.fields.get(&children.name).map(|field| &field.kind);
            if let Some(FieldKind::Children(of)) = field
                && let Some(child) = types.find(&of.child.service, &of.child.name)
            {
                rename(children, child, version, types, renamed);
            }
        }
    }
}
