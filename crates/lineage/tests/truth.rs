//! What the index answers is what a search through all records finds, for records of any kind.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

use std::collections::{BTreeSet, HashMap};

use lineage::{
    Content, Index, Place, Present, Record, Reference, Source, Status, depends, depends_on_content, made, origins,
};
use proptest::prelude::*;

const PATHS: [&str; 7] = ["", "a", "a/x", "a/y", "ab", "b", "b/z"];

fn place() -> impl Strategy<Value = Place> {
    (0..PATHS.len()).prop_map(|at| Place::new("data", PATHS[at]))
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        6 => (0..3u8).prop_map(|digit| Content::Digest(digit.to_string())),
        1 => Just(Content::Absent),
        1 => Just(Content::Unknown),
    ]
}

/// Records with all ends different, in no order.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let reference =
        || (place(), content(), proptest::option::weighted(0.3, proptest::collection::vec(0..12usize, 0..3)));
    let one = (
        0..4u8,
        prop_oneof![5 => Just(Status::Complete), 1 => Just(Status::Failed), 1 => Just(Status::Aborted)],
        proptest::collection::vec(reference(), 0..3),
        proptest::collection::vec(reference(), 0..3),
        0..3i64,
    );
    proptest::collection::vec(one, 0..12).prop_map(|list| {
        list.into_iter()
            .enumerate()
            .map(|(at, (step, status, inputs, outputs, duration))| {
                let ended = i64::try_from(at).expect("it is small") * 2 + 10;
                let mut record = Record::new(format!("r{at}"), format!("s{step}"), "script", ended - duration);
                record.duration_ms = duration;
                record.status = status;
                let refer =
                    |(place, content, made_by): (Place, Content, Option<Vec<usize>>), is_input: bool| Reference {
                        // Nobody was made by what came later.
                        made_by: made_by.filter(|_| is_input).map(|list| {
                            let earlier: BTreeSet<String> =
                                list.into_iter().filter(|other| *other < at).map(|other| format!("r{other}")).collect();
                            earlier.into_iter().collect()
                        }),
                        ..Reference::of(place, content)
                    };
                record.inputs = inputs.into_iter().map(|one| refer(one, true)).collect();
                record.outputs = outputs.into_iter().map(|one| refer(one, false)).collect();
                record.settle();
                record
            })
            .collect()
    })
}

/// All records, and nothing else.
struct Truth(Vec<Record>);

impl Truth {
    fn get(&self, id: &str) -> Option<&Record> {
        self.0.iter().find(|record| record.id == id)
    }

    fn complete(&self) -> impl Iterator<Item = &Record> {
        self.0.iter().filter(|record| record.status == Status::Complete)
    }

    fn origins(&self, place: &Place, present: &HashMap<Place, Content>) -> BTreeSet<String> {
        let mut written: Vec<(&Record, &Reference)> =
            self.complete().flat_map(|record| record.outputs.iter().map(move |output| (record, output))).collect();
        written.sort_by_key(|(record, _)| -record.ended_ms());
        let mut found = BTreeSet::new();
        let mut kept: Vec<&Place> = Vec::new();
        for (record, output) in written {
            let at = output.place().unwrap();
            let now = present.get(at).unwrap_or(&Content::Unknown);
            if !at.overlaps(place) || now.differs(&output.content) || kept.iter().any(|later| later.covers(at)) {
                continue;
            }
            found.insert(record.id.clone());
            if at.covers(place) {
                break;
            }
            kept.push(at);
        }
        found
    }

    fn makers(&self, reader: &Record, input: &Reference) -> Vec<&Record> {
        if let Some(ids) = &input.made_by {
            return ids.iter().filter_map(|id| self.get(id)).collect();
        }
        if input.content == Content::Unknown {
            return Vec::new();
        }
        let left = |record: &&Record| {
            record.id != reader.id
                && record.ended_ms() <= reader.started_ms
                && record
                    .outputs
                    .iter()
                    .any(|output| (&output.subject, &output.content) == (&input.subject, &input.content))
        };
        self.complete().filter(left).max_by_key(|record| record.ended_ms()).into_iter().collect()
    }

    fn behind(&self, from: BTreeSet<String>) -> BTreeSet<String> {
        self.closure(from, |record| record.inputs.iter().flat_map(|input| self.makers(record, input)).collect())
    }

    fn closure<'a>(&'a self, from: BTreeSet<String>, next: impl Fn(&'a Record) -> Vec<&'a Record>) -> BTreeSet<String> {
        let mut all = from;
        loop {
            let more: Vec<String> = all
                .iter()
                .filter_map(|id| self.get(id))
                .flat_map(&next)
                .map(|record| record.id.clone())
                .filter(|id| !all.contains(id))
                .collect();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    /// The latest completed execution of each family.
    fn latest(&self) -> Vec<&Record> {
        let mut latest: HashMap<String, &Record> = HashMap::new();
        for record in self.complete() {
            let known = latest.entry(record.family()).or_insert(record);
            if record.order() > known.order() {
                *known = record;
            }
        }
        latest.into_values().collect()
    }

    fn depends(&self, place: &Place) -> BTreeSet<String> {
        let latest = self.latest();
        let readers = |place: &Place| -> Vec<&Record> {
            latest
                .iter()
                .copied()
                .filter(|record| record.inputs.iter().any(|input| input.place().unwrap().overlaps(place)))
                .collect()
        };
        let from = readers(place).into_iter().map(|record| record.id.clone()).collect();
        self.closure(from, |record| record.output_places().flat_map(&readers).collect())
    }

    fn depends_on_content(&self, place: &Place, content: &Content) -> BTreeSet<String> {
        let read =
            |record: &&Record| record.inputs.iter().any(|one| one.place() == Some(place) && one.content == *content);
        let from = self.0.iter().filter(read).map(|record| record.id.clone()).collect();
        self.closure(from, |maker| {
            let is_reader = |reader: &&Record| {
                reader.inputs.iter().any(|input| self.makers(reader, input).iter().any(|one| one.id == maker.id))
            };
            self.0.iter().filter(is_reader).collect()
        })
    }
}

fn ids(records: &[std::rc::Rc<Record>]) -> BTreeSet<String> {
    let ids: BTreeSet<String> = records.iter().map(|record| record.id.clone()).collect();
    assert_eq!(ids.len(), records.len(), "each record once");
    ids
}

fn source(name: &str) -> Source {
    Source { name: name.to_owned(), bytes: 1, mark: String::new() }
}

fn compare(index: &Index, truth: &Truth, present: &HashMap<Place, Content>) {
    for path in PATHS {
        let place = Place::new("data", path);
        let look = |place: &Place| present.get(place).cloned().unwrap_or(Content::Unknown);
        let mut now = Present::new(look);
        let from = truth.origins(&place, present);
        assert_eq!(ids(&origins(index, &place, &mut now).unwrap()), from, "origins of {place}");
        assert_eq!(ids(&made(index, &place, &mut now).unwrap().records), truth.behind(from), "what made {place}");
        assert_eq!(ids(&depends(index, &place).unwrap().records), truth.depends(&place), "what depends on {place}");
        for digit in 0..3 {
            let content = Content::Digest(digit.to_string());
            assert_eq!(
                ids(&depends_on_content(index, &place, &content).unwrap().records),
                truth.depends_on_content(&place, &content),
                "what depends on {digit} in {place}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_answers_like_a_search_through_all(
        records in records(),
        shuffle in any::<u64>(),
        present in proptest::collection::hash_map(place(), content(), 0..7),
        sides in proptest::collection::vec(0..3u8, 12),
    ) {
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by_key(|at| (*at as u64 + 1).wrapping_mul(shuffle | 1).rotate_left(17));
        let shuffled: Vec<Record> = order.iter().map(|at| records[*at].clone()).collect();
        // Two sources, which have some records both.
        let of = |wanted: u8| -> Vec<Record> {
            shuffled.iter().filter(|one| {
                let at: usize = one.id[1..].parse().unwrap();
                sides[at] == wanted || sides[at] == 2
            }).cloned().collect()
        };
        let mut index = Index::in_memory().unwrap();
        index.add(&source("one"), &of(0)).unwrap();
        index.add(&source("other"), &of(1)).unwrap();
        compare(&index, &Truth(records.clone()), &present);

        index.remove("other").unwrap();
        let left: BTreeSet<String> = of(0).iter().map(|record| record.id.clone()).collect();
        let rest: Vec<Record> = records.into_iter().filter(|record| left.contains(&record.id)).collect();
        prop_assert_eq!(index.len().unwrap(), rest.len());
        compare(&index, &Truth(rest), &present);
    }
}
