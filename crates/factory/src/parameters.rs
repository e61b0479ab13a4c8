//! The parameters and scenarios of a spec: what can be set from outside, and named sets of that.

use std::collections::BTreeMap;

use database::Datum;
use indexmap::IndexMap;
use source::{Entry, MapReader, Place, Problem, Problems, Tree};

use crate::rule::value;

/// The values of parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(BTreeMap<String, Datum>);

impl Parameters {
    /// Declares parameters; one that is declared already gets this default.
    pub(crate) fn declare(&mut self, entries: &[Entry], problems: &mut Problems) {
        for entry in entries {
            self.0.extend(value(&entry.value, problems).map(|value| (entry.key.clone(), value)));
        }
    }

    /// Sets a parameter that is declared.
    pub(crate) fn set(&mut self, name: &str, value: Datum, place: &Place, problems: &mut Problems) {
        if let Some(parameter) = self.0.get_mut(name) {
            *parameter = value;
            return;
        }
        let help = match source::closest(name, self.0.keys().map(String::as_str)) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if self.0.is_empty() => None,
            None => {
                let names: Vec<String> = self.0.keys().map(|name| format!("`{name}`")).collect();
                Some(format!("its parameters are {}", names.join(", ")))
            }
        };
        problems.push(
            Problem::error("spec::parameter", format!("the spec has no parameter `{name}`"))
                .at(place, "`parameters` names those that can be set")
                .maybe_help(help),
        );
    }

    /// A text with `${…}` replaced; one that is nothing else keeps the type of the parameter.
    pub(crate) fn replace(&self, text: &str, place: &Place, problems: &mut Problems) -> Option<Datum> {
        if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
            && let Some(value) = self.0.get(name)
        {
            return Some(value.clone());
        }
        let mut replaced = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            replaced.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let Some(value) = self.0.get(name) else {
                let known = source::closest(name, self.0.keys().map(String::as_str));
                problems.push(
                    Problem::error("spec::parameter", format!("there is no parameter `{name}`"))
                        .at(place, "used here")
                        .maybe_help(known.map(|known| format!("did you mean `{known}`?"))),
                );
                return None;
            };
            value.write(&mut replaced);
            rest = after;
        }
        replaced.push_str(rest);
        Some(Datum::Text(replaced))
    }
}

/// A named set of parameters and records, which may build on another one.
#[derive(Debug)]
pub(crate) struct Scenario<'t> {
    name: &'t str,
    place: &'t Place,
    extends: Option<&'t Tree>,
    pub(crate) set: &'t [Entry],
    pub(crate) seed: Option<&'t Tree>,
    pub(crate) fill: Option<&'t Tree>,
    pub(crate) records: &'t [Entry],
}

/// All scenarios of a spec, by name.
#[derive(Debug, Default)]
pub(crate) struct Scenarios<'t>(IndexMap<&'t str, Scenario<'t>>);

impl<'t> Scenarios<'t> {
    /// Reads the scenarios of one file.
    pub(crate) fn read(&mut self, entries: &'t [Entry], problems: &mut Problems) {
        for entry in entries {
            let Some(reader) = MapReader::new(&entry.value, problems, "a scenario") else { continue };
            let mut reader = reader.heading(&entry.key_place);
            let scenario = Scenario {
                name: &entry.key,
                place: &entry.key_place,
                extends: reader.optional("extends"),
                set: reader.optional_map("set").unwrap_or_default(),
                seed: reader.optional("seed"),
                fill: reader.optional("fill"),
                records: reader.optional_map("records").unwrap_or_default(),
            };
            reader.finish();
            if let Some(other) = self.0.get(entry.key.as_str()) {
                let message = format!("there are two scenarios `{}`", entry.key);
                problems.push(
                    Problem::error("spec::scenario", message)
                        .at(&entry.key_place, "the second one")
                        .at(other.place, "the first one"),
                );
            } else {
                self.0.insert(&entry.key, scenario);
            }
        }
    }

    /// Checks what every scenario builds on, and gives the one that is chosen after all that it builds on.
    pub(crate) fn choose(&self, chosen: Option<&str>, at: &Place, problems: &mut Problems) -> Vec<&Scenario<'t>> {
        for scenario in self.0.values() {
            self.chain(scenario, problems);
        }
        let Some(name) = chosen else { return Vec::new() };
        let Some(scenario) = self.0.get(name) else {
            problems.push(self.unknown(name, at, "chosen for this spec"));
            return Vec::new();
        };
        self.chain(scenario, &mut Problems::new())
    }

    /// A scenario after all that it builds on.
    fn chain(&self, scenario: &'_ Scenario<'t>, problems: &mut Problems) -> Vec<&Scenario<'t>> {
        let mut chain: Vec<&Scenario<'t>> = vec![&self.0[scenario.name]];
        while let Some(extends) = chain[0].extends {
            let Some(name) = extends.as_str() else {
                problems.push(extends.wrong_type("the name of another scenario"));
                break;
            };
            let Some(next) = self.0.get(name) else {
                // It is said once, where it stands.
                if chain.len() == 1 {
                    problems.push(self.unknown(name, &extends.place, "to build on"));
                }
                break;
            };
            if let Some(position) = chain.iter().position(|on_way| on_way.name == next.name) {
                let circle: Vec<&str> = chain[..=position].iter().rev().map(|scenario| scenario.name).collect();
                // Once for the whole circle, by the scenario whose name is the least.
                if circle.iter().min() == Some(&scenario.name) && chain.len() == circle.len() {
                    let message = format!("scenarios build on each other: {} → {}", circle.join(" → "), circle[0]);
                    problems.push(Problem::error("spec::scenario", message).at(scenario.place, "part of the circle"));
                }
                break;
            }
            chain.insert(0, next);
        }
        chain
    }

    fn unknown(&self, name: &str, place: &Place, label: &str) -> Problem {
        let known = || self.0.keys().copied();
        let help = match source::closest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.0.is_empty() => "the spec has no `scenarios`".to_owned(),
            None => {
                format!("its scenarios are {}", known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
            }
        };
        Problem::error("spec::scenario", format!("there is no scenario `{name}`")).at(place, label).help(help)
    }
}
