//! Where the nodes of a graph are drawn: in layers from left to right, so that every edge goes to the right.
//!
//! Layers by the longest way; edges over several layers pass through invisible nodes; crossings are reduced by sorting each
//! layer by the middle of its neighbours, there and back; then nodes move towards the middle of their neighbours as far as
//! their layer has room.

use std::collections::VecDeque;

/// Pixels between layers, and between the nodes of one.
const LAYER_GAP: f64 = 56.0;
const NODE_GAP: f64 = 18.0;
/// The height of an edge that passes by.
const PASSING: f64 = 10.0;
const SWEEPS: usize = 12;

/// Where a node is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// The left edge.
    pub x: f64,
    /// The upper edge.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// A graph with places for all of it.
#[derive(Debug, Clone)]
pub struct Layout {
    /// By the index of the node.
    pub nodes: Vec<Spot>,
    /// By the index of the edge: the points that it goes through, its ends included.
    pub edges: Vec<Vec<(f64, f64)>>,
    /// Of all of it.
    pub width: f64,
    /// Of all of it.
    pub height: f64,
}

/// Lays out nodes of these sizes.
pub fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Layout {
    let mut drawing = Drawing::new(sizes, edges);
    drawing.sort();
    drawing.place();
    drawing.finish(sizes.len(), edges)
}

struct Drawing {
    /// Nodes, and then one for each layer that an edge passes.
    sizes: Vec<(f64, f64)>,
    layer_of: Vec<usize>,
    layers: Vec<Vec<usize>>,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    /// The nodes that each edge goes through.
    ways: Vec<Vec<usize>>,
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Drawing {
    fn new(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Self {
        let layer_of = layers(sizes.len(), edges);
        let count = layer_of.iter().max().map_or(0, |most| most + 1);
        let mut drawing = Self {
            sizes: sizes.to_vec(),
            layers: vec![Vec::new(); count],
            before: vec![Vec::new(); sizes.len()],
            after: vec![Vec::new(); sizes.len()],
            layer_of,
            ways: Vec::new(),
            x: Vec::new(),
            y: Vec::new(),
        };
        for node in 0..sizes.len() {
            drawing.layers[drawing.layer_of[node]].push(node);
        }
        for (from, to) in edges {
            let (first, last) = (drawing.layer_of[*from], drawing.layer_of[*to]);
            let mut way = vec![*from];
            for layer in first + 1..last {
                let passing = drawing.sizes.len();
                drawing.sizes.push((0.0, PASSING));
                drawing.layer_of.push(layer);
                drawing.layers[layer].push(passing);
                drawing.before.push(Vec::new());
                drawing.after.push(Vec::new());
                way.push(passing);
            }
            way.push(*to);
            // An edge of a circle goes back, and has no say in where its ends are.
            if first < last {
                for pair in way.windows(2) {
                    drawing.after[pair[0]].push(pair[1]);
                    drawing.before[pair[1]].push(pair[0]);
                }
            }
            drawing.ways.push(way);
        }
        drawing
    }

    /// Sorts each layer by the middle of the neighbours, and keeps the best order that was seen.
    fn sort(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            let forward = sweep % 2 == 0;
            let order: Vec<usize> =
                if forward { (0..self.layers.len()).collect() } else { (0..self.layers.len()).rev().collect() };
            let mut position = self.positions();
            for layer in order {
                let neighbours = if forward { &self.before } else { &self.after };
                let mut keyed: Vec<(f64, usize, usize)> = self.layers[layer]
                    .iter()
                    .enumerate()
                    .map(|(at, node)| {
                        let middle = mean(neighbours[*node].iter().map(|other| position[*other]));
                        (middle.unwrap_or(position[*node]), at, *node)
                    })
                    .collect();
                keyed.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
                self.layers[layer] = keyed.into_iter().map(|(_, _, node)| node).collect();
                spread(&self.layers[layer], &mut position);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
            if best.0 == 0 {
                break;
            }
        }
        self.layers = best.1;
    }

    /// Where nodes are in their layers, from 0 to 1.
    fn positions(&self) -> Vec<f64> {
        let mut position = vec![0.0; self.sizes.len()];
        for layer in &self.layers {
            spread(layer, &mut position);
        }
        position
    }

    /// How many pairs of edges cross between neighbouring layers.
    fn crossings(&self) -> usize {
        let mut rank = vec![0usize; self.sizes.len()];
        for layer in &self.layers {
            for (at, node) in layer.iter().enumerate() {
                rank[*node] = at;
            }
        }
        self.layers
            .windows(2)
            .map(|pair| {
                let mut ends = Vec::new();
                for node in &pair[0] {
                    let mut targets: Vec<usize> = self.after[*node].iter().map(|other| rank[*other]).collect();
                    targets.sort_unstable();
                    ends.extend(targets);
                }
                inversions(&ends, pair[1].len())
            })
            .sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "pictures have far fewer than 2^52 nodes")]
    fn place(&mut self) {
        self.x = vec![0.0; self.sizes.len()];
        self.y = vec![0.0; self.sizes.len()];
        let mut left = LAYER_GAP / 2.0;
        for layer in &self.layers {
            let width = layer.iter().map(|node| self.sizes[*node].0).fold(0.0, f64::max);
            let mut top = 0.0;
            for node in layer {
                self.x[*node] = left + (width - self.sizes[*node].0) / 2.0;
                self.y[*node] = top;
                top += self.sizes[*node].1 + NODE_GAP;
            }
            left += width + LAYER_GAP + (layer.len() as f64).sqrt() * 6.0;
        }
        for sweep in 0..SWEEPS * 2 {
            let forward = sweep % 2 == 0;
            let order: Vec<usize> =
                if forward { (0..self.layers.len()).collect() } else { (0..self.layers.len()).rev().collect() };
            for layer in order {
                let neighbours = if forward { &self.before } else { &self.after };
                let wanted: Vec<f64> = self.layers[layer]
                    .iter()
                    .map(|node| {
                        let middle =
                            mean(neighbours[*node].iter().map(|other| self.y[*other] + self.sizes[*other].1 / 2.0));
                        middle.map_or(self.y[*node], |middle| middle - self.sizes[*node].1 / 2.0)
                    })
                    .collect();
                let heights: Vec<f64> = self.layers[layer].iter().map(|node| self.sizes[*node].1).collect();
                for (node, y) in self.layers[layer].iter().zip(apart(&wanted, &heights)) {
                    self.y[*node] = y;
                }
            }
        }
        let top = self.y.iter().copied().fold(f64::INFINITY, f64::min);
        for y in &mut self.y {
            *y += NODE_GAP - top;
        }
    }

    fn finish(self, nodes: usize, edges: &[(usize, usize)]) -> Layout {
        let spot = |node: usize| Spot {
            x: self.x[node],
            y: self.y[node],
            width: self.sizes[node].0,
            height: self.sizes[node].1,
        };
        let spots: Vec<Spot> = (0..nodes).map(spot).collect();
        let lines = edges
            .iter()
            .zip(&self.ways)
            .map(|(_, way)| {
                let last = way.len() - 1;
                way.iter()
                    .enumerate()
                    .map(|(at, node)| {
                        let spot = spot(*node);
                        let x = if at == 0 { spot.x + spot.width } else { spot.x };
                        let x = if at != 0 && at != last { spot.x } else { x };
                        (x, spot.y + spot.height / 2.0)
                    })
                    .collect()
            })
            .collect();
        let width = spots.iter().map(|spot| spot.x + spot.width).fold(0.0, f64::max) + LAYER_GAP / 2.0;
        let height = (0..self.sizes.len()).map(|node| self.y[node] + self.sizes[node].1).fold(0.0, f64::max) + NODE_GAP;
        Layout { nodes: spots, edges: lines, width, height }
    }
}

/// The layer of each node: the longest way to it. Edges that close a circle do not count.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut after = vec![Vec::new(); count];
    let mut waiting = vec![0usize; count];
    for (from, to) in edges.iter().filter(|(from, to)| from != to) {
        after[*from].push(*to);
        waiting[*to] += 1;
    }
    let mut layer = vec![0; count];
    let mut is_done = vec![false; count];
    let mut ready: VecDeque<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    let mut next_of_circle = 0;
    loop {
        while let Some(node) = ready.pop_front() {
            if std::mem::replace(&mut is_done[node], true) {
                continue;
            }
            for other in &after[node] {
                if is_done[*other] {
                    continue;
                }
                layer[*other] = layer[*other].max(layer[node] + 1);
                waiting[*other] -= 1;
                if waiting[*other] == 0 {
                    ready.push_back(*other);
                }
            }
        }
        // What is left is in a circle or behind one: it is opened at its first node.
        let Some(node) = (next_of_circle..count).find(|node| !is_done[*node]) else { break };
        next_of_circle = node;
        ready.push_back(node);
    }
    // What only leads somewhere stands just before it.
    let mut is_source = vec![true; count];
    for (_, to) in edges {
        is_source[*to] = false;
    }
    for node in (0..count).filter(|node| is_source[*node]) {
        let nearest: Option<usize> = after[node].iter().map(|other| layer[*other]).min();
        layer[node] = nearest.map_or(layer[node], |nearest| nearest.saturating_sub(1));
    }
    layer
}

/// Spreads the nodes of a layer from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "pictures have far fewer than 2^52 nodes")]
fn spread(layer: &[usize], position: &mut [f64]) {
    for (at, node) in layer.iter().enumerate() {
        position[*node] = (at as f64 + 0.5) / layer.len() as f64;
    }
}

#[expect(clippy::cast_precision_loss, reason = "pictures have far fewer than 2^52 nodes")]
fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

/// How many pairs are the wrong way round, by a tree of counts.
fn inversions(values: &[usize], bound: usize) -> usize {
    let mut counts = vec![0usize; bound + 1];
    let mut found = 0;
    for (seen, value) in values.iter().enumerate() {
        let mut not_above = 0;
        let mut at = value + 1;
        while at > 0 {
            not_above += counts[at];
            at -= at & at.wrapping_neg();
        }
        found += seen - not_above;
        let mut at = value + 1;
        while at <= bound {
            counts[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    found
}

/// Positions that are as near as may be to those that are wanted, in this order and without overlap: neighbours that are too
/// near become a block, which stands in the middle of what its members want.
fn apart(wanted: &[f64], heights: &[f64]) -> Vec<f64> {
    struct Block {
        start: f64,
        sum: f64,
        members: f64,
        length: f64,
        count: usize,
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (want, height) in wanted.iter().zip(heights) {
        let mut block = Block { start: *want, sum: *want, members: 1.0, length: height + NODE_GAP, count: 1 };
        while let Some(last) = blocks.last() {
            if last.start + last.length <= block.start {
                break;
            }
            let last = blocks.pop().expect("it was looked at");
            // What the members of the second block want, seen from the beginning of the first.
            let sum = last.sum + block.sum - block.members * last.length;
            let members = last.members + block.members;
            block = Block {
                start: sum / members,
                sum,
                members,
                length: last.length + block.length,
                count: last.count + block.count,
            };
        }
        blocks.push(block);
    }
    let mut positions = Vec::with_capacity(wanted.len());
    let mut heights = heights.iter();
    for block in blocks {
        let mut at = block.start;
        for height in heights.by_ref().take(block.count) {
            positions.push(at);
            at += height + NODE_GAP;
        }
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (f64, f64) = (100.0, 30.0);

    fn overlaps(one: &Spot, other: &Spot) -> bool {
        one.x < other.x + other.width
            && other.x < one.x + one.width
            && one.y < other.y + other.height
            && other.y < one.y + one.height
    }

    #[test]
    fn edges_go_to_the_right_and_nodes_do_not_overlap() {
        // A grid with edges of many lengths.
        let edges: Vec<(usize, usize)> = (0..40usize)
            .flat_map(|node| [node + 1, node + 7, node + 13].map(|to| (node, to)))
            .filter(|(_, to)| *to < 40)
            .collect();
        let layout = layout(&[SIZE; 40], &edges);
        for (from, to) in &edges {
            assert!(layout.nodes[*from].x + SIZE.0 < layout.nodes[*to].x);
        }
        for (at, one) in layout.nodes.iter().enumerate() {
            for other in &layout.nodes[at + 1..] {
                assert!(!overlaps(one, other), "{one:?} {other:?}");
            }
            assert!(
                one.x >= 0.0
                    && one.y >= 0.0
                    && one.x + one.width <= layout.width
                    && one.y + one.height <= layout.height
            );
        }
    }

    #[test]
    fn edges_that_need_not_cross_do_not() {
        // Two chains whose nodes come in mixed order.
        let drawing = |edges: &[(usize, usize)]| {
            let mut drawing = Drawing::new(&[SIZE; 6], edges);
            drawing.sort();
            drawing.crossings()
        };
        assert_eq!(drawing(&[(0, 3), (1, 2), (3, 4), (2, 5)]), 0);
        assert_eq!(inversions(&[2, 0, 1], 3), 2);
    }

    #[test]
    fn a_circle_is_drawn_all_the_same() {
        let layout = layout(&[SIZE; 3], &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!(layout.edges.len(), 3);
    }

    #[test]
    fn nothing_is_an_empty_picture() {
        assert_eq!(layout(&[], &[]).nodes, []);
    }

    #[test]
    fn neighbours_move_apart_around_what_they_want() {
        assert_eq!(apart(&[0.0, 0.0], &[30.0, 30.0]), [-24.0, 24.0]);
        assert_eq!(apart(&[0.0, 100.0], &[30.0, 30.0]), [0.0, 100.0]);
    }
}
