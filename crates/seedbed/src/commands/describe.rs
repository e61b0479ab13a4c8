//! `seedbed describe`

use std::fmt::Write;

use environment::TableProfile;
use serde_json::{Value, json};

use super::{Job, Outcome, count};
use crate::arguments::DescribeArguments;
use crate::duration::size;
use crate::failure::Failure;
use crate::table::table;

/// How many of the most frequent values are shown, and how much of each, in characters.
const SHOWN: usize = 3;
const WIDTH: usize = 20;

pub fn run(job: &Job<'_>, arguments: &DescribeArguments) -> Result<Outcome, Failure> {
    let profiles = job.tell(environment::describe(job.context, &job.target()?, arguments.service.as_deref()))?;
    if arguments.as_spec {
        let spec = environment::spec_alike(&profiles);
        return Ok(Outcome::of(spec.clone(), json!({ "spec": spec })));
    }
    let mut text = String::new();
    for profile in &profiles {
        describe(profile, &mut text).expect("writing to a string cannot fail");
    }
    text.truncate(text.trim_end().len());
    text.push_str(if text.is_empty() { "there are no tables\n" } else { "\n" });
    Ok(Outcome::of(text, json!({ "tables": profiles.iter().map(profile_json).collect::<Vec<_>>() })))
}

fn describe(profile: &TableProfile, text: &mut String) -> std::fmt::Result {
    let rows = count(usize::try_from(profile.rows).unwrap_or(usize::MAX), "row", "rows");
    writeln!(text, "{}.{}: {rows}, {}", profile.service, profile.table.name, size(profile.bytes))?;
    if profile.rows > 0 {
        let lines: Vec<_> = profile
            .table
            .columns
            .iter()
            .zip(&profile.columns)
            .map(|(column, held)| {
                let least = if held.distinct_is_least { "at least " } else { "" };
                let filled = held.rows - held.nulls;
                let distinct = if filled > 0 && held.distinct == filled {
                    "all".to_owned()
                } else {
                    format!("{least}{}", held.distinct)
                };
                let short = |value: &Option<String>| value.as_deref().map_or_else(String::new, shortened);
                let is_telling = held.values.first().is_some_and(|(_, count)| *count > 1);
                let frequent: Vec<String> = held
                    .values
                    .iter()
                    .filter(|_| is_telling)
                    .take(SHOWN)
                    .map(|(value, count)| format!("{} ({})", shortened(value), percent(*count, held.rows)))
                    .collect();
                let lengths = held.lengths.map_or_else(String::new, |(least, greatest, _)| {
                    if least == greatest { least.to_string() } else { format!("{least}-{greatest}") }
                });
                [
                    format!("  {}", column.name),
                    if held.nulls == 0 { String::new() } else { percent(held.nulls, held.rows) },
                    distinct,
                    short(&held.least),
                    short(&held.greatest),
                    lengths,
                    frequent.join(", "),
                ]
            })
            .collect();
        text.push_str(&table(
            ["  COLUMN", "EMPTY", "DISTINCT", "LEAST", "GREATEST", "LENGTH", "MOST FREQUENT"],
            &lines,
        ));
        for (key, spread) in profile.table.foreign_keys.iter().zip(&profile.fan_out) {
            let skewed = spread.zipf.map_or_else(String::new, |exponent| format!(", Zipf {exponent}"));
            writeln!(
                text,
                "  {} refers to {} of {} rows of {}: {:.1} each, at most {}{skewed}",
                key.columns.join(", "),
                spread.referred_to,
                spread.parents,
                key.table,
                spread.mean,
                spread.most,
            )?;
        }
    }
    for missing in &profile.missing {
        writeln!(text, "  missing: {missing}")?;
    }
    text.push('\n');
    Ok(())
}

fn shortened(value: &str) -> String {
    let line: String = value.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A share, rounded; only nothing is 0 %, and only all is 100 %.
fn percent(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole.max(1)));
    match (part * 200 + whole) / (2 * whole) {
        0 if part > 0 => "<1 %".to_owned(),
        100 if part < whole => ">99 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

fn profile_json(profile: &TableProfile) -> Value {
    let columns: Vec<Value> = profile
        .table
        .columns
        .iter()
        .zip(&profile.columns)
        .map(|(column, held)| {
            let values: Vec<Value> = held.values.iter().map(|(value, count)| json!({ "value": value, "rows": count })).collect();
            json!({
                "name": column.name, "type": column.sql_type, "nulls": held.nulls, "distinct": held.distinct,
                "distinct_is_least": held.distinct_is_least, "least": held.least, "greatest": held.greatest, "values": values,
                "lengths": held.lengths.map(|(least, greatest, mean)| json!({ "least": least, "greatest": greatest, "mean": mean })),
                "mean": held.mean.map(|(mean, _)| mean), "deviation": held.mean.map(|(_, deviation)| deviation),
            })
        })
        .collect();
    let references: Vec<Value> = profile
        .table
        .foreign_keys
        .iter()
        .zip(&profile.fan_out)
        .map(|(key, spread)| {
            json!({
                "columns": key.columns, "table": key.table, "parents": spread.parents, "referred_to": spread.referred_to,
                "mean": spread.mean, "most": spread.most, "nulls": spread.nulls, "zipf": spread.zipf,
            })
        })
        .collect();
    json!({
        "service": profile.service, "database": profile.database, "table": profile.table.name, "rows": profile.rows,
        "bytes": profile.bytes, "columns": columns, "references": references, "missing": profile.missing,
    })
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn shares_are_rounded_but_something_is_not_nothing_and_most_is_not_all() {
        let cases = [
            (0, 0, "0 %"),
            (0, 7, "0 %"),
            (1, 1000, "<1 %"),
            (1, 200, "1 %"),
            (19, 1000, "2 %"),
            (2, 100, "2 %"),
            (15, 1000, "2 %"),
            (14, 1000, "1 %"),
            (999, 1000, ">99 %"),
            (994, 1000, "99 %"),
            (7, 7, "100 %"),
            (u64::MAX, u64::MAX, "100 %"),
        ];
        for (part, whole, expected) in cases {
            assert_eq!(percent(part, whole), expected, "{part} of {whole}");
        }
    }
}
