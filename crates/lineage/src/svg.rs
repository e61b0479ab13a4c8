//! Graphs as pictures: SVG, and pages of HTML around it that need nothing else.

use std::fmt::Write;

use crate::graph::{Graph, Node, NodeKind};
use crate::layout::{Layout, layout};

const LINE: f64 = 17.0;
const LETTER: f64 = 7.2;
const SMALL_LETTER: f64 = 6.0;
/// What is longer is cut in its middle; the details have all of it.
const MOST_LETTERS: usize = 44;

const STYLE: &str = include_str!("graph.css");
const PAGE: &str = include_str!("graph.html");
const SCRIPT: &str = include_str!("graph.js");

/// A picture.
pub fn svg(graph: &Graph) -> String {
    let (layout, body) = drawing(graph);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0}\" height=\"{1:.0}\" viewBox=\"0 0 {0:.0} {1:.0}\">\n<style>{STYLE}</style>\n{body}</svg>\n",
        layout.width, layout.height
    )
}

/// A page with the picture in it, which can be moved and zoomed; a click on a node shows its details. `size` is that of the picture
/// in pixels; without one it fills the window.
pub fn html(graph: &Graph, title: &str, size: Option<(u32, u32)>) -> String {
    let (layout, body) = drawing(graph);
    let details = serde_json::Value::Object(
        graph
            .nodes
            .iter()
            .map(|node| {
                let details = serde_json::json!({
                    "kind": node.kind.word(), "label": node.label, "stale": node.stale, "details": node.details
                });
                (node.id.clone(), details)
            })
            .collect(),
    );
    // In a script nothing may look like its end.
    let details = details.to_string().replace("</", "<\\/").replace("<!--", "<\\!--");
    let frame = size.map_or_else(
        || "width:100vw;height:100vh".to_owned(),
        |(width, height)| format!("width:{width}px;height:{height}px"),
    );
    let picture = format!("<svg id=\"picture\" xmlns=\"http://www.w3.org/2000/svg\"><g id=\"all\">\n{body}</g></svg>");
    let steps = graph.nodes.iter().filter(|node| node.kind == NodeKind::Step).count();
    let stale = graph.nodes.iter().filter(|node| node.stale.is_some()).count();
    let summary = format!(
        "{steps} step{}, {stale} stale, {} places",
        if steps == 1 { "" } else { "s" },
        graph.nodes.len() - steps
    );
    // The parts are put in at once: what is in one of them is never taken for a name.
    let mut page = String::new();
    for piece in PAGE.split("%%") {
        match piece {
            "title" => page.push_str(&escaped(title)),
            "frame" => page.push_str(&frame),
            "style" => page.push_str(STYLE),
            "picture" => page.push_str(&picture),
            "summary" => page.push_str(&summary),
            "width" => write!(page, "{:.0}", layout.width).expect("writing to a string cannot fail"),
            "height" => write!(page, "{:.0}", layout.height).expect("writing to a string cannot fail"),
            "details" => page.push_str(&details),
            "script" => page.push_str(SCRIPT),
            text => page.push_str(text),
        }
    }
    page
}

fn drawing(graph: &Graph) -> (Layout, String) {
    let sizes: Vec<(f64, f64)> = graph.nodes.iter().map(size).collect();
    let layout = layout(&sizes, &graph.edges);
    let mut body = String::from(
        "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerUnits=\"userSpaceOnUse\" markerWidth=\"9\" markerHeight=\"9\" orient=\"auto\"><path d=\"M0 0 8 4 0 8Z\" class=\"head\"/></marker></defs>\n",
    );
    for ((from, to), points) in graph.edges.iter().zip(&layout.edges) {
        let names = (&graph.nodes[*from].id, &graph.nodes[*to].id);
        writeln!(
            body,
            "<path class=\"edge\" data-from=\"{}\" data-to=\"{}\" d=\"{}\"/>",
            names.0,
            names.1,
            curve(points)
        )
        .expect("writing to a string cannot fail");
    }
    for (node, spot) in graph.nodes.iter().zip(&layout.nodes) {
        let mut class = format!("node {}", node.kind.word());
        if node.stale.is_some() {
            class.push_str(" stale");
        }
        let full = match &node.stale {
            Some(reason) => format!("{}\nstale: {reason}", node.label),
            None => node.label.clone(),
        };
        writeln!(
            body,
            "<g class=\"{class}\" id=\"{}\" transform=\"translate({:.1} {:.1})\" tabindex=\"0\"><title>{}</title><rect width=\"{:.1}\" height=\"{:.1}\" rx=\"{}\"/>",
            node.id,
            spot.x,
            spot.y,
            escaped(&full),
            spot.width,
            spot.height,
            if node.kind == NodeKind::Step { 9 } else { 2 }
        )
        .expect("writing to a string cannot fail");
        let middle = spot.width / 2.0;
        writeln!(body, "<text x=\"{middle:.1}\" y=\"{:.1}\">{}</text>", LINE + 2.0, escaped(&cut(&node.label)))
            .expect("writing to a string cannot fail");
        if !node.note.is_empty() {
            let y = 2.0 * LINE;
            writeln!(body, "<text class=\"note\" x=\"{middle:.1}\" y=\"{y:.1}\">{}</text>", escaped(&cut(&node.note)))
                .expect("writing to a string cannot fail");
        }
        body.push_str("</g>\n");
    }
    (layout, body)
}

#[expect(clippy::cast_precision_loss, reason = "labels are short")]
fn size(node: &Node) -> (f64, f64) {
    let upper = cut(&node.label).chars().count() as f64 * LETTER;
    let lower = cut(&node.note).chars().count() as f64 * SMALL_LETTER;
    let lines = if node.note.is_empty() { 1.0 } else { 2.0 };
    (upper.max(lower).max(40.0) + 22.0, lines * LINE + 11.0)
}

fn cut(label: &str) -> String {
    let letters: Vec<char> = label.chars().collect();
    if letters.len() <= MOST_LETTERS {
        return label.to_owned();
    }
    let half = MOST_LETTERS / 2;
    let (first, last) = (&letters[..half], &letters[letters.len() - half..]);
    format!("{}…{}", first.iter().collect::<String>(), last.iter().collect::<String>())
}

/// A curve through points, which leaves and reaches each of them level.
fn curve(points: &[(f64, f64)]) -> String {
    let mut text = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        if at == 0 {
            write!(text, "M{x:.1} {y:.1}").expect("writing to a string cannot fail");
            continue;
        }
        let (before_x, before_y) = points[at - 1];
        let bend = (x - before_x).abs() / 2.0;
        write!(text, "C{:.1} {before_y:.1} {:.1} {y:.1} {x:.1} {y:.1}", before_x + bend, x - bend)
            .expect("writing to a string cannot fail");
    }
    text
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // No letter of XML.
            letter if letter.is_control() && !matches!(letter, '\n' | '\t') => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}
