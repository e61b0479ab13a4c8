//! The bars: a figure of ours, the most that it may be, and whether it is.

use std::fmt::Write;

use serde_json::{Value, json};

use super::compare::{Measured, Operation};
use super::sets::Set;

/// A figure and its limit.
pub struct Bar {
    pub what: String,
    pub figure: f64,
    /// `None`: it is told, not judged.
    pub limit: Option<f64>,
    pub unit: &'static str,
}

impl Bar {
    /// A figure that may be at most this.
    pub fn new(what: impl Into<String>, figure: f64, limit: f64, unit: &'static str) -> Self {
        Self { what: what.into(), figure, limit: Some(limit), unit }
    }

    /// A figure without a bar.
    pub fn told(what: impl Into<String>, figure: f64, unit: &'static str) -> Self {
        Self { what: what.into(), figure, limit: None, unit }
    }

    fn verdict(&self) -> &'static str {
        match self.limit {
            None => "",
            Some(limit) if self.figure <= limit => "met",
            Some(_) => "NOT MET",
        }
    }

    /// For a program.
    pub fn json(&self) -> Value {
        let met = self.limit.map(|limit| self.figure <= limit);
        json!({ "what": self.what, "figure": self.figure, "limit": self.limit, "unit": self.unit, "met": met })
    }
}

/// Bars as a table.
pub fn table(bars: &[Bar]) -> String {
    let mut text = String::from("| what | figure | limit | |\n|---|---|---|---|\n");
    for bar in bars {
        let limit = bar.limit.map(|limit| format!("{limit:.3} {}", bar.unit)).unwrap_or_default();
        writeln!(text, "| {} | {:.3} {} | {limit} | {} |", bar.what, bar.figure, bar.unit, bar.verdict())
            .expect("it is a string");
    }
    text
}

/// Tools that ours must not cost more than on any operation.
const BELOW: [&str; 3] = ["borg", "dvc", "git-lfs"];
/// Tools of which ours may cost a part only, on set (c).
const PART_OF: [&str; 2] = ["restic", "rustic"];

/// The bars of a set, as far as the tools were measured that they name.
pub fn of_set(set: Set, tools: &[(&str, &Measured)]) -> Vec<Bar> {
    let find = |name: &str| tools.iter().find(|(other, _)| *other == name).map(|(_, measured)| *measured);
    let Some(ours) = find("seedbed") else { return Vec::new() };
    let letter = set.letter();
    let mut bars = Vec::new();
    let mut cpu = |operation: Operation, name: &str, part: f64, said: &str| {
        let theirs = find(name).and_then(|measured| measured.median(operation, |cost| cost.cpu));
        if let (Some(own), Some(theirs)) = (ours.median(operation, |cost| cost.cpu), theirs) {
            bars.push(Bar::new(
                format!("({letter}) {}: CPU, {said} {name}", operation.title()),
                own,
                theirs * part,
                "s",
            ));
        }
    };
    if set == Set::C {
        for name in PART_OF {
            cpu(Operation::First, name, 1.0 / 4.0, "1/4 of");
            cpu(Operation::Unchanged, name, 1.0 / 5.0, "1/5 of");
            cpu(Operation::Change, name, 1.0 / 8.0, "1/8 of");
            cpu(Operation::InPlace, name, 1.0 / 8.0, "1/8 of");
        }
    }
    for name in BELOW {
        for operation in Operation::ALL {
            cpu(operation, name, 1.0, "below");
        }
    }
    let wall = |measured: &Measured, operation| measured.median(operation, |cost| cost.wall);
    if let Some(own) = wall(ours, Operation::Unchanged) {
        bars.push(Bar::new(format!("({letter}) unchanged: wall"), own, 0.3, "s"));
    }
    let copy = find("cp").and_then(|copy| wall(copy, Operation::Empty));
    if let (Some(own), Some(copy)) = (wall(ours, Operation::Empty), copy) {
        let factor = if set == Set::A { 3.0 } else { 1.5 };
        bars.push(Bar::new(format!("({letter}) restore to empty: wall, {factor} x cp -a"), own, copy * factor, "s"));
    }
    if set == Set::C
        && let Some(added) = super::compare::median(&ours.added)
    {
        bars.push(Bar::new("(c) stored for 1,000 transactions", added, 10.0, "MB"));
    }
    bars
}
