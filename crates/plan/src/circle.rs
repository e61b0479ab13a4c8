//! The graph of what waits for what, and the circles in it.

use std::collections::BTreeMap;

use source::{Place, Problem};

/// Things that wait for things, by name; with each edge the place that says so and how it says it.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    edges: BTreeMap<String, Vec<(String, Place, &'static str)>>,
}

impl Graph {
    /// Says that `from` waits for `to`.
    pub(crate) fn edge(&mut self, from: &str, to: &str, place: &Place, text: &'static str) {
        self.edges.entry(from.to_owned()).or_default().push((to.to_owned(), place.clone(), text));
    }

    /// The first circle, whole, with the place of each of its edges.
    pub(crate) fn circle(&self) -> Option<Problem> {
        let mut done = BTreeMap::new();
        for name in self.edges.keys() {
            let mut path = Vec::new();
            if let Some(problem) = self.visit(name, &mut done, &mut path) {
                return Some(problem);
            }
        }
        None
    }

    fn visit<'a>(
        &'a self,
        name: &'a str,
        done: &mut BTreeMap<&'a str, bool>,
        path: &mut Vec<(&'a str, &'a Place, &'static str)>,
    ) -> Option<Problem> {
        match done.get(name) {
            Some(true) => return None,
            Some(false) => return Some(describe(name, path)),
            None => done.insert(name, false),
        };
        for (to, place, text) in self.edges.get(name).into_iter().flatten() {
            path.push((name, place, text));
            if let Some(problem) = self.visit(to, done, path) {
                return Some(problem);
            }
            path.pop();
        }
        done.insert(name, true);
        None
    }
}

fn describe(name: &str, path: &[(&str, &Place, &'static str)]) -> Problem {
    let circle: Vec<_> = path.iter().skip_while(|(from, ..)| *from != name).collect();
    let mut names: Vec<&str> = circle.iter().map(|(from, ..)| *from).collect();
    names.push(name);
    let mut problem = Problem::error("plan::circle", format!("nothing can begin: {}", names.join(" → ")));
    for (index, (from, place, text)) in circle.iter().enumerate() {
        problem = problem.at(place, format!("{from} {text} {}", names[index + 1]));
    }
    problem.help("remove one of these; `started` in place of `ready` may be enough, or no order at all")
}
