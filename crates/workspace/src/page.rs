//! The history as a page: a table, and a chart for each metric; one file that needs no other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::Taking;
use crate::compare::flat;

/// How a chart is drawn, in pixels.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 160.0;
const MARGIN: f64 = 48.0;

const STYLE: &str = "\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c2733; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dfe5ea; vertical-align: top }
th { position: sticky; top: 0; background: #fff } td.number { text-align: right; white-space: nowrap }
td small { color: #5b6b79 } tr.baseline td { background: #eef4fb }
.wide { overflow-x: auto } svg text { font: 11px system-ui, sans-serif; fill: #5b6b79 }
@media (prefers-color-scheme: dark) { body, th { background: #14191f; color: #dde5ec } th, td { border-color: #2c3640 }
tr.baseline td { background: #1d2b3a } td small, svg text { color: #93a3b1; fill: #93a3b1 } }";

/// The page of a workspace: takings with the newest first, and the hash of the snapshot with which the others are compared.
pub fn page(name: &str, takings: &[Taking], baseline: Option<&str>) -> String {
    let rows: Vec<BTreeMap<String, f64>> = takings.iter().map(numbers).collect();
    let mut metrics: Vec<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    metrics.sort();
    metrics.dedup();
    let base = baseline.and_then(|hash| takings.iter().position(|taking| taking.snapshot == hash));
    let title = escape(name);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: snapshots</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n{STYLE}\n</style></head><body>\n\
         <h1>{title}: {} snapshots</h1>\n",
        takings.len()
    );
    for metric in &metrics {
        let points: Vec<(usize, f64)> =
            rows.iter().rev().enumerate().filter_map(|(at, row)| Some((at, *row.get(*metric)?))).collect();
        let label = |at: usize| label(&takings[takings.len() - 1 - at]);
        write!(html, "<h2>{}</h2>\n{}", escape(metric), chart(&points, takings.len(), &label)).expect(STRING);
    }
    html.push_str("<h2>All</h2>\n<div class=\"wide\"><table><thead><tr><th>Snapshot</th><th>Taken</th><th>By</th><th>Message</th>");
    for metric in &metrics {
        write!(html, "<th>{}</th>", escape(metric)).expect(STRING);
    }
    html.push_str("</tr></thead><tbody>\n");
    for (at, taking) in takings.iter().enumerate() {
        let class = if base == Some(at) { " class=\"baseline\"" } else { "" };
        write!(
            html,
            "<tr{class}><td>{}<br><small>{}</small></td><td>{}</td><td>{}</td><td>{}</td>",
            escape(&taking.tags.join(", ")),
            escape(short(&taking.snapshot)),
            escape(taking.time.get(..19).unwrap_or(&taking.time)),
            escape(&taking.by),
            escape(&taking.message)
        )
        .expect(STRING);
        for metric in &metrics {
            html.push_str(&cell(
                rows[at].get(*metric).copied(),
                base.filter(|base| *base != at).and_then(|base| rows[base].get(*metric).copied()),
            ));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n</body></html>\n");
    html
}

const STRING: &str = "writing to a string cannot fail";

/// The metrics of a taking that are numbers, by their paths.
pub fn numbers(taking: &Taking) -> BTreeMap<String, f64> {
    let all = taking.metrics.as_ref().map(flat).unwrap_or_default();
    all.into_iter()
        .filter_map(|(name, value)| Some((name, value.as_f64().filter(|number| number.is_finite())?)))
        .collect()
}

fn label(taking: &Taking) -> String {
    taking.tags.first().cloned().unwrap_or_else(|| short(&taking.snapshot).to_owned())
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// A number in a table, and by how much it differs from that of the baseline.
fn cell(value: Option<f64>, base: Option<f64>) -> String {
    let Some(value) = value else { return "<td></td>".to_owned() };
    let compared = match base {
        Some(base) if base.abs() > f64::EPSILON => {
            format!("<br><small>{:+.1} %</small>", (value - base) / base.abs() * 100.0)
        }
        Some(base) => format!("<br><small>{:+}</small>", rounded(value - base)),
        None => String::new(),
    };
    format!("<td class=\"number\">{}{compared}</td>", rounded(value))
}

/// A number with at most six digits that matter.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// A line through points: the number of the taking, and the value. Each says what it is when it is pointed at.
fn chart(points: &[(usize, f64)], count: usize, label: &dyn Fn(usize) -> String) -> String {
    let (low, high) =
        points.iter().fold((f64::MAX, f64::MIN), |(low, high), (_, value)| (low.min(*value), high.max(*value)));
    let span = if high > low { high - low } else { 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "there are fewer snapshots than that")]
    let x = |at: usize| MARGIN + (WIDTH - 2.0 * MARGIN) * if count > 1 { at as f64 / (count - 1) as f64 } else { 0.5 };
    let y = |value: f64| HEIGHT - 20.0 - (HEIGHT - 40.0) * if high > low { (value - low) / span } else { 0.5 };
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n");
    for value in if high > low { vec![low, high] } else { vec![low] } {
        let (line, right) = (y(value), WIDTH - MARGIN);
        writeln!(
            svg,
            "<line x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{line:.1}\" y2=\"{line:.1}\" stroke=\"#8883\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            MARGIN - 6.0,
            line + 4.0,
            rounded(value)
        )
        .expect(STRING);
    }
    let path: Vec<String> = points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
    writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"#2f7ed8\" stroke-width=\"2\"/>", path.join(" "))
        .expect(STRING);
    for (at, value) in points {
        writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"#2f7ed8\"><title>{}: {}</title></circle>",
            x(*at),
            y(*value),
            escape(&label(*at)),
            rounded(*value)
        )
        .expect(STRING);
    }
    svg + "</svg>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// How much a metric of each taking differs from the baseline: by path, the difference.
pub fn differences(taking: &Taking, baseline: &Taking) -> BTreeMap<String, Value> {
    let base = numbers(baseline);
    let compared =
        numbers(taking).into_iter().filter_map(|(name, value)| Some((name.clone(), value - base.get(&name)?)));
    compared.map(|(name, difference)| (name, serde_json::json!(difference))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taking(tag: &str, accuracy: f64) -> Taking {
        Taking {
            snapshot: format!("{tag}0000000000000"),
            time: "2026-11-27T23:53:05.193323Z".into(),
            by: "ann".into(),
            host: "larch".into(),
            message: "<better>".into(),
            tags: vec![tag.into()],
            number: None,
            results: None,
            metrics: Some(serde_json::json!({ "test": { "accuracy": accuracy }, "model": "tree" })),
            commits: BTreeMap::new(),
            branch: None,
        }
    }

    #[test]
    fn a_page_has_a_chart_for_each_number_and_names_nothing_outside() {
        let takings = [taking("b", 0.75), taking("a", 0.5)];
        let html = page("demo", &takings, Some(&takings[1].snapshot));
        assert!(html.contains("<h2>test.accuracy</h2>") && !html.contains("<h2>model</h2>"));
        assert!(html.contains("+50.0 %") && html.contains("&lt;better&gt;") && html.contains("<title>b: 0.75</title>"));
        assert!(!html.contains("http") && !html.contains("<script"));
        assert_eq!(html.matches("<circle").count(), 2);
    }

    #[test]
    fn one_value_and_none_are_drawn() {
        assert!(page("demo", &[taking("a", 1.0)], None).contains("<circle"));
        assert!(page("demo", &[], None).contains("0 snapshots"));
    }

    #[test]
    fn what_differs_from_the_baseline() {
        let all = differences(&taking("b", 0.75), &taking("a", 0.5));
        assert_eq!(all["test.accuracy"], 0.25);
    }
}
