//! Figures of several tools: medians, how they compare, and as a table.

use std::fmt::Write;

use serde_json::{Value, json};

/// The figures of one kind that the tools had, in the order in which they were measured.
pub struct Figures {
    what: &'static str,
    unit: &'static str,
    values: Vec<(String, Vec<f64>)>,
    notes: Vec<(String, String)>,
}

impl Figures {
    /// Figures with a title, in some unit.
    pub fn new(what: &'static str, unit: &'static str) -> Self {
        Self { what, unit, values: Vec::new(), notes: Vec::new() }
    }

    /// What they are of.
    pub fn title(&self) -> &'static str {
        self.what
    }

    /// One more figure of a tool.
    pub fn add(&mut self, tool: &str, value: f64) {
        match self.values.iter_mut().find(|(name, _)| name == tool) {
            Some((_, values)) => values.push(value),
            None => self.values.push((tool.to_owned(), vec![value])),
        }
    }

    /// Why a tool has no figure, or what is to be said of it.
    pub fn note(&mut self, tool: &str, text: impl Into<String>) {
        self.notes.push((tool.to_owned(), text.into()));
    }

    /// The median of a tool's figures.
    pub fn median(&self, tool: &str) -> Option<f64> {
        self.of(tool).map(median)
    }

    /// The figures of a tool.
    pub fn of(&self, tool: &str) -> Option<&[f64]> {
        self.values.iter().find(|(name, _)| name == tool).map(|(_, values)| values.as_slice())
    }

    /// The best median of all tools but these.
    pub fn least_but(&self, tools: &[&str]) -> Option<f64> {
        let others = self.values.iter().filter(|(name, _)| !tools.contains(&name.as_str()));
        others.map(|(_, values)| median(values)).min_by(f64::total_cmp)
    }

    /// A table with a line for each tool; ratios are to this one.
    pub fn table(&self, base: &str) -> String {
        let base_median = self.median(base);
        let unit = if self.unit.is_empty() { String::new() } else { format!(", {}", self.unit) };
        let mut text =
            format!("| {}{unit} | median | least – most | n | x {base} |\n|---|---|---|---|---|\n", self.what);
        for (name, values) in &self.values {
            let bound = |pick: fn(f64, f64) -> f64, start| values.iter().copied().fold(start, pick);
            let (least, most) = (bound(f64::min, f64::INFINITY), bound(f64::max, f64::NEG_INFINITY));
            let own = median(values);
            let ratio =
                base_median.filter(|base| *base > 0.0).map(|base| format!("{:.2}", own / base)).unwrap_or_default();
            let digits = if own >= 1000.0 { 0 } else { 3 };
            writeln!(
                text,
                "| {name} | {own:.digits$} | {least:.digits$} – {most:.digits$} | {} | {ratio} |",
                values.len()
            )
            .expect("it is a string");
        }
        for (name, note) in &self.notes {
            writeln!(text, "| {name} | {note} | | | |").expect("it is a string");
        }
        text
    }

    /// For a program.
    pub fn json(&self) -> Value {
        let values: serde_json::Map<String, Value> =
            self.values.iter().map(|(name, values)| (name.clone(), json!(values))).collect();
        let notes: serde_json::Map<String, Value> =
            self.notes.iter().map(|(name, note)| (name.clone(), json!(note))).collect();
        json!({ "what": self.what, "unit": self.unit, "values": values, "notes": notes })
    }
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_compared() {
        let mut figures = Figures::new("start", "s");
        for (tool, value) in
            [("floor", 0.2), ("ours", 0.3), ("floor", 0.4), ("ours", 0.3), ("floor", 0.3), ("other", 1.2)]
        {
            figures.add(tool, value);
        }
        figures.note("broken", "does not start");
        assert_eq!(figures.median("floor"), Some(0.3));
        assert_eq!(figures.least_but(&["floor", "ours"]), Some(1.2));
        let table = figures.table("floor");
        assert!(table.contains("| floor | 0.300 | 0.200 – 0.400 | 3 | 1.00 |"), "{table}");
        assert!(table.contains("| other | 1.200 | 1.200 – 1.200 | 1 | 4.00 |"), "{table}");
        assert!(table.contains("| broken | does not start |"), "{table}");
    }

    #[test]
    fn the_median_of_an_even_number_is_between() {
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }
}
