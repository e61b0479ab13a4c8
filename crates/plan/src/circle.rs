//! The graph of what waits for what, and the circles in it.

use std::collections::{BTreeMap, BTreeSet};

use source::{Place, Problem};
use supervisor::UnitId;

use crate::DatabaseId;

/// Things that wait for things; with each edge the place that says so.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    edges: BTreeMap<UnitId, Vec<Edge>>,
}

#[derive(Debug)]
struct Edge {
    to: UnitId,
    place: Place,
    why: Why,
}

/// Why one thing waits for another.
#[derive(Debug, Clone)]
pub(crate) enum Why {
    /// `after` says so.
    After,
    /// It uses a database.
    Uses(DatabaseId),
    /// Data is loaded when all databases have their schemas.
    Loads,
}

impl Graph {
    /// Says that `from` waits for `to`.
    pub(crate) fn edge(&mut self, from: &UnitId, to: UnitId, place: &Place, why: Why) {
        let edge = Edge { to, place: place.clone(), why };
        if let Some(edges) = self.edges.get_mut(from) {
            edges.push(edge);
        } else {
            self.edges.insert(from.clone(), vec![edge]);
        }
    }

    /// Circles, each whole, with the place of each of its edges. None shares a thing with another.
    pub(crate) fn circles(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut done: BTreeSet<&UnitId> = BTreeSet::new();
        let mut reported: BTreeSet<&UnitId> = BTreeSet::new();
        for start in self.edges.keys() {
            // Depth first without recursion: the path so far, and how many edges of each thing on it were followed.
            let mut path: Vec<(&UnitId, usize)> = vec![(start, 0)];
            let mut positions = BTreeMap::from([(start, 0)]);
            while let Some((unit, followed)) = path.last_mut() {
                let edges = if done.contains(*unit) { None } else { self.edges.get(*unit) };
                let Some(edge) = edges.and_then(|edges| edges.get(*followed)) else {
                    done.insert(*unit);
                    positions.remove(*unit);
                    path.pop();
                    continue;
                };
                *followed += 1;
                if let Some(&position) = positions.get(&edge.to) {
                    let circle: Vec<_> = path[position..].iter().map(|(unit, next)| (*unit, *next - 1)).collect();
                    if circle.iter().all(|(unit, _)| !reported.contains(unit)) {
                        reported.extend(circle.iter().map(|(unit, _)| *unit));
                        problems.push(self.describe(&circle));
                    }
                } else if !done.contains(&edge.to) {
                    positions.insert(&edge.to, path.len());
                    path.push((&edge.to, 0));
                }
            }
        }
        problems
    }

    /// The things of a circle, each with the index of the edge to the next.
    fn describe(&self, circle: &[(&UnitId, usize)]) -> Problem {
        let names: Vec<&str> = circle.iter().chain(circle.first()).map(|(unit, _)| unit.as_str()).collect();
        let mut problem = Problem::error("plan::circle", format!("nothing can begin: {}", names.join(" → ")));
        for (unit, index) in circle {
            let Edge { to, place, why } = &self.edges[*unit][*index];
            let text = match why {
                Why::After => format!("{unit} comes after {to}"),
                Why::Uses(database) => format!("{unit} uses database {database}, so it comes after {to}"),
                Why::Loads => format!("{unit} comes after {to}: data is loaded when all databases have their schemas"),
            };
            problem = problem.at(place, text);
        }
        problem.help("remove one of these: what refers to a database waits for it, what stands in `after` comes before")
    }
}
