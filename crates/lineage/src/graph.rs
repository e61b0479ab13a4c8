//! The graph of lineage: executions, and what they read and wrote.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::LineageError;
use crate::document;
use crate::index::Index;
use crate::questions::makers;
use crate::record::{Record, Reference, Subject};

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// An execution of a step.
    Step,
    /// A place with a content.
    Place,
    /// A place with code.
    Code,
    /// Something elsewhere.
    External,
}

impl NodeKind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Place => "place",
            Self::Code => "code",
            Self::External => "external",
        }
    }
}

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its id in this graph.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// What stands in it.
    pub label: String,
    /// A second, smaller line.
    pub note: String,
    /// Why it is stale, if it is one of a step that is.
    pub stale: Option<String>,
    /// All that is known.
    pub details: Value,
}

/// Nodes, and which lead to which, by their index.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// From what is read to who reads it, and from who writes it to what is written.
    pub edges: Vec<(usize, usize)>,
}

impl Graph {
    /// The graph of these records. `stale` says why executions are stale, by id.
    pub fn of(index: &Index, records: &[Rc<Record>], stale: &HashMap<String, String>) -> Result<Self, LineageError> {
        let mut builder = Builder { graph: Self::default(), by_key: HashMap::new(), edges: HashSet::new() };
        let mut sorted: Vec<&Rc<Record>> = records.iter().collect();
        sorted.sort_by(|one, other| one.order().cmp(&other.order()));
        sorted.dedup_by(|one, other| one.id == other.id);
        let steps: HashMap<&str, usize> =
            sorted.iter().map(|record| (record.id.as_str(), builder.step(record, stale.get(&record.id)))).collect();
        for record in &sorted {
            for output in &record.outputs {
                let node = builder.written(output, record);
                builder.edge(steps[record.id.as_str()], node);
            }
        }
        for record in &sorted {
            let step = steps[record.id.as_str()];
            for (is_code, reference) in
                record.inputs.iter().map(|one| (false, one)).chain(record.code.iter().map(|one| (true, one)))
            {
                let found = if is_code { None } else { index.found(&record.id)? };
                let mut makers_here = Vec::new();
                for maker in found.map(|found| makers(index, &found, reference)).transpose()?.unwrap_or_default() {
                    let maker = index.by_seq(maker)?;
                    makers_here.extend(steps.get(maker.id.as_str()).map(|step| (*step, maker.clone())));
                }
                // What was read as it was written is one node; a part of what was written, or something around it, is its own.
                let same =
                    |maker: &Record| maker.outputs.iter().find(|output| output.subject == reference.subject).cloned();
                let mut is_joined = false;
                for (_, maker) in &makers_here {
                    if let Some(output) = same(maker).filter(|output| !output.content.differs(&reference.content)) {
                        let node = builder.written(&output, maker);
                        builder.edge(node, step);
                        is_joined = true;
                    }
                }
                if is_joined {
                    continue;
                }
                let node = builder.reference(reference, is_code);
                builder.edge(node, step);
                for (maker_step, maker) in makers_here {
                    let parts: Vec<Reference> = maker
                        .outputs
                        .iter()
                        .filter(|output| match (output.place(), reference.place()) {
                            (Some(output), Some(input)) => output.overlaps(input),
                            _ => false,
                        })
                        .cloned()
                        .collect();
                    if parts.is_empty() {
                        builder.edge(maker_step, node);
                    }
                    for part in parts {
                        let written = builder.written(&part, &maker);
                        builder.edge(written, node);
                    }
                }
            }
        }
        Ok(builder.graph)
    }

    /// As a document.
    pub fn to_json(&self) -> Value {
        let nodes: Vec<Value> = self
            .nodes
            .iter()
            .map(|node| {
                json!({ "id": node.id, "kind": node.kind.word(), "label": node.label, "note": node.note,
                        "stale": node.stale, "details": node.details })
            })
            .collect();
        let edges: Vec<Value> = self
            .edges
            .iter()
            .map(|(from, to)| json!({ "from": self.nodes[*from].id, "to": self.nodes[*to].id }))
            .collect();
        json!({ "nodes": nodes, "edges": edges })
    }

    /// In the language of Graphviz.
    pub fn to_dot(&self) -> String {
        let mut text = "digraph lineage {\n  rankdir=LR;\n  node [fontname=\"sans-serif\" fontsize=11];\n".to_owned();
        for node in &self.nodes {
            let shape = match node.kind {
                NodeKind::Step if node.stale.is_some() => {
                    "shape=box style=\"rounded,filled\" fillcolor=\"#ffe8cc\" color=\"#d9480f\""
                }
                NodeKind::Step => "shape=box style=\"rounded,filled\" fillcolor=\"#d0ebff\" color=\"#1971c2\"",
                NodeKind::Place => "shape=box color=\"#868e96\"",
                NodeKind::Code => "shape=note color=\"#868e96\"",
                NodeKind::External => "shape=box style=dashed color=\"#868e96\"",
            };
            let label =
                if node.note.is_empty() { node.label.clone() } else { format!("{}\n{}", node.label, node.note) };
            writeln!(text, "  {} [label={} {shape}];", quoted(&node.id), quoted(&label))
                .expect("writing to a string cannot fail");
        }
        for (from, to) in &self.edges {
            writeln!(text, "  {} -> {};", quoted(&self.nodes[*from].id), quoted(&self.nodes[*to].id))
                .expect("writing to a string cannot fail");
        }
        text.push_str("}\n");
        text
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

struct Builder {
    graph: Graph,
    by_key: HashMap<String, usize>,
    edges: HashSet<(usize, usize)>,
}

impl Builder {
    fn node(&mut self, key: String, make: impl FnOnce(String) -> Node) -> usize {
        if let Some(index) = self.by_key.get(&key) {
            return *index;
        }
        let index = self.graph.nodes.len();
        self.graph.nodes.push(make(format!("n{index}")));
        self.by_key.insert(key, index);
        index
    }

    fn step(&mut self, record: &Record, stale: Option<&String>) -> usize {
        self.node(format!("step {}", record.id), |id| Node {
            id,
            kind: NodeKind::Step,
            label: record.step.clone(),
            note: parameters(&record.parameters.iter().collect()),
            stale: stale.cloned(),
            details: document::to_json(record),
        })
    }

    /// What an execution has written: each its own, for one may write again what it has read.
    fn written(&mut self, output: &Reference, record: &Record) -> usize {
        let key = format!("{} {:?} of {}", output.subject, output.content, record.id);
        self.node_of(key, output, false)
    }

    fn reference(&mut self, reference: &Reference, is_code: bool) -> usize {
        self.node_of(format!("{} {:?}", reference.subject, reference.content), reference, is_code)
    }

    fn node_of(&mut self, key: String, reference: &Reference, is_code: bool) -> usize {
        let kind = match &reference.subject {
            Subject::External(_) => NodeKind::External,
            Subject::Place(_) if is_code => NodeKind::Code,
            Subject::Place(_) => NodeKind::Place,
        };
        self.node(key, |id| Node {
            id,
            kind,
            label: reference.subject.to_string(),
            note: match &reference.content {
                crate::record::Content::Unknown => String::new(),
                content => content.short().to_owned(),
            },
            stale: None,
            details: document::reference_to_json(&Reference { made_by: None, ..reference.clone() }),
        })
    }

    fn edge(&mut self, from: usize, to: usize) {
        if self.edges.insert((from, to)) {
            self.graph.edges.push((from, to));
        }
    }
}

/// The first parameters, as a line.
fn parameters(parameters: &BTreeMap<&String, &Value>) -> String {
    const MOST: usize = 3;
    let mut text: Vec<String> = parameters
        .iter()
        .take(MOST)
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", value.chars().take(16).collect::<String>())
        })
        .collect();
    if parameters.len() > MOST {
        text.push("…".to_owned());
    }
    text.join(" ")
}
