//! Which records come after which.

use std::collections::BTreeMap;

use source::{Place, Problem, Problems};

use crate::evaluation::first_place;
use crate::record::{RecordId, Records, Slot};

/// Why a record comes after another one.
pub(crate) struct Edge {
    /// The record that comes first.
    pub to: RecordId,
    pub reason: Reason,
    /// Where it is written. None for the key of a record that is itself only referred to.
    pub place: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Refers,
    Implied,
}

/// Returns what a record comes after, and why.
pub(crate) fn edges(records: &Records<'_, '_>, id: RecordId) -> Vec<Edge> {
    let record = records.record(id);
    let fields = &records.compiled.types[records.data_type(id)].fields;
    let references = record.slots.iter().zip(fields).enumerate().filter_map(|(index, (slot, field))| {
        let &Slot::Record(to) = slot else { return None };
        let given = first_place(record.given(index).map(|given| &given.place));
        let default = field.field.default.as_ref().map(|default| &default.place);
        let place = given.or(default).cloned();
        Some(Edge { to, reason: Reason::Refers, place })
    });
    let implied = record.implied_by.iter();
    let implied = implied.map(|(by, place)| Edge { to: *by, reason: Reason::Implied, place: Some(place.clone()) });
    references.chain(implied).collect()
}

/// Returns the wanted records with their levels: each is above everything that it comes after. Circles are problems.
pub(crate) fn levels(records: &Records<'_, '_>, problems: &mut Problems) -> Vec<(RecordId, u32)> {
    let graph = Graph::new(records);
    let mut missing: Vec<u32> =
        graph.before.iter().map(|before| u32::try_from(before.len()).unwrap_or(u32::MAX)).collect();
    let mut level = vec![0; graph.ids.len()];
    let mut ready: Vec<usize> = (0..graph.ids.len()).filter(|&node| missing[node] == 0).collect();
    let mut done = 0;
    while let Some(node) = ready.pop() {
        done += 1;
        for &after in &graph.after[node] {
            level[after] = level[after].max(level[node] + 1);
            missing[after] -= 1;
            if missing[after] == 0 {
                ready.push(after);
            }
        }
    }
    if done < graph.ids.len() {
        let left: Vec<usize> = (0..graph.ids.len()).filter(|&node| missing[node] > 0).collect();
        report_circles(records, &graph, &left, problems);
    }
    graph.ids.into_iter().zip(level).collect()
}

/// The wanted records by a number without gaps.
struct Graph {
    ids: Vec<RecordId>,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
}

impl Graph {
    fn new(records: &Records<'_, '_>) -> Self {
        let ids: Vec<RecordId> = records.reached().collect();
        let mut number = vec![usize::MAX; records.ids().count()];
        ids.iter().enumerate().for_each(|(node, id)| number[id.index()] = node);
        let mut before: Vec<Vec<usize>> = Vec::with_capacity(ids.len());
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); ids.len()];
        for (node, &id) in ids.iter().enumerate() {
            let record = records.record(id);
            let references = record.slots.iter().filter_map(|slot| match slot {
                Slot::Record(to) => Some(*to),
                _ => None,
            });
            let implied = record.implied_by.iter().map(|(by, _)| *by);
            let mut nodes: Vec<usize> = references.chain(implied).map(|to| number[to.index()]).collect();
            // What implied it in an earlier round is not wanted any more.
            nodes.retain(|&node| node != usize::MAX);
            nodes.sort_unstable();
            nodes.dedup();
            for &other in &nodes {
                after[other].push(node);
            }
            before.push(nodes);
        }
        Self { ids, before, after }
    }
}

/// Reports the circles among what is left: one for each group of records that need each other.
fn report_circles(records: &Records<'_, '_>, graph: &Graph, left: &[usize], problems: &mut Problems) {
    let mut names: BTreeMap<String, usize> = left.iter().map(|&node| (records.name(graph.ids[node]), node)).collect();
    let mut nodes: Vec<usize> = Vec::new();
    let mut rank = vec![usize::MAX; graph.ids.len()];
    while let Some((_, node)) = names.pop_first() {
        rank[node] = nodes.len();
        nodes.push(node);
    }
    // 0: not seen, or else the number of the walk that passed here.
    let mut passed = vec![0; graph.ids.len()];
    for (walk, &start) in nodes.iter().enumerate() {
        let mut way: Vec<usize> = Vec::new();
        let mut node = start;
        // Each record that is left waits for another one that is left: the walk ends where it has been, or another was.
        while passed[node] == 0 {
            passed[node] = walk + 1;
            way.push(node);
            let next = graph.before[node].iter().copied().filter(|&before| rank[before] != usize::MAX);
            match next.min_by_key(|&before| rank[before]) {
                Some(next) => node = next,
                None => break,
            }
        }
        if passed[node] != walk + 1 {
            continue;
        }
        let Some(begin) = way.iter().position(|&on_way| on_way == node) else { continue };
        let mut circle: Vec<usize> = way.split_off(begin);
        let first = (0..circle.len()).min_by_key(|&index| rank[circle[index]]).unwrap_or(0);
        circle.rotate_left(first);
        problems.push(circle_problem(records, graph, &circle));
    }
}

fn circle_problem(records: &Records<'_, '_>, graph: &Graph, circle: &[usize]) -> Problem {
    let ids: Vec<RecordId> = circle.iter().map(|&node| graph.ids[node]).collect();
    let names: Vec<String> = ids.iter().map(|&id| records.name(id)).collect();
    let way: Vec<&str> = names.iter().chain(names.first()).map(String::as_str).collect();
    let message = format!("records need each other, so that none can be the first: {}", way.join(" → "));
    let mut problem = Problem::error("dataset::record-circle", message);
    for (index, &id) in ids.iter().enumerate() {
        let next = (index + 1) % ids.len();
        let edge = edges(records, id).into_iter().find(|edge| edge.to == ids[next]);
        if let Some(edge) = edge
            && let Some(place) = &edge.place
        {
            let verb = match edge.reason {
                Reason::Refers => "refers to",
                Reason::Implied => "is implied by",
            };
            problem = problem.at(place, format!("`{}` {verb} `{}`", names[index], names[next]));
        }
    }
    problem
}
