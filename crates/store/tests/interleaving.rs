//! Writers, collections and a repair in any order of their operations on the place, any of them dying anywhere: what
//! was reported as committed can always be read.
//!
//! Each party is a thread whose every operation on the place waits for its turn; the order of turns is what proptest
//! makes and shrinks.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};

use proptest::prelude::*;
use store::{
    Backend, BackendError, CheckOptions, CollectOptions, CreateOptions, Entry, Expect, MemoryBackend, Store,
    StoreError, Version, check, collect, repair,
};
use support::{bytes, commit, restore, try_open};

/// What a party does, one after the other.
#[derive(Debug, Clone)]
enum Act {
    /// A snapshot of these of the pool's objects.
    Commit(BTreeSet<u64>),
    /// The oldest snapshot that is there goes.
    Delete,
    Collect {
        generations: u32,
    },
    Repair,
}

#[derive(Debug, Clone)]
struct Plan {
    parties: Vec<Vec<Act>>,
    /// Whose turn it is, and for how many operations.
    turns: Vec<(usize, u8)>,
    /// A party dies at this operation.
    dies: Option<(usize, usize)>,
    /// After so many collections a writer that does not stir is taken for dead.
    grace: u32,
    /// Collections do not ask whether another one is at work.
    take_over: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let objects = prop::collection::btree_set(0..6_u64, 1..4);
    let write = prop_oneof![3 => objects.prop_map(Act::Commit), 2 => Just(Act::Delete)];
    let writer = prop::collection::vec(write, 1..4);
    let clean = (1..4_u32).prop_map(|generations| Act::Collect { generations });
    let collector = prop::collection::vec(clean.clone(), 1..4);
    let keeper = prop::collection::vec(prop_oneof![3 => clean, 1 => Just(Act::Repair)], 1..3);
    let turns = prop::collection::vec((0..4_usize, prop_oneof![1..6_u8, 1..100_u8]), 0..80);
    let dies = prop::option::of((0..4_usize, 1..80_usize));
    (writer.clone(), writer, collector, keeper, turns, dies, 1..4_u32, any::<bool>()).prop_map(
        |(one, two, three, mut four, turns, dies, grace, take_over)| {
            if take_over {
                // A repair relies on no collection beginning before it ends.
                four.retain(|act| !matches!(act, Act::Repair));
            }
            let grace = if grace == 3 { 1000 } else { grace };
            Plan { parties: vec![one, two, three, four], turns, dies, grace, take_over }
        },
    )
}

#[derive(Default)]
struct Turns {
    waiting: BTreeSet<usize>,
    running: usize,
    granted: Option<usize>,
}

#[derive(Default)]
struct Scheduler {
    turns: Mutex<Turns>,
    changed: Condvar,
}

impl Scheduler {
    fn wait_for_turn(&self, party: usize) {
        let mut turns = self.turns.lock().unwrap();
        turns.waiting.insert(party);
        turns.running -= 1;
        self.changed.notify_all();
        turns = self.changed.wait_while(turns, |turns| turns.granted != Some(party)).unwrap();
        turns.granted = None;
        turns.waiting.remove(&party);
        turns.running += 1;
    }

    fn leave(&self) {
        self.turns.lock().unwrap().running -= 1;
        self.changed.notify_all();
    }

    /// Gives turns until all have left.
    fn run(&self, order: &[(usize, u8)]) {
        let mut order = order
            .iter()
            .flat_map(|(party, operations)| std::iter::repeat_n(*party, usize::from(*operations)))
            .chain((0..4).cycle());
        loop {
            let turns = self.turns.lock().unwrap();
            let busy = |turns: &mut Turns| turns.running > 0 || turns.granted.is_some();
            let mut turns = self.changed.wait_while(turns, busy).unwrap();
            if turns.waiting.is_empty() {
                return;
            }
            turns.granted = order.find(|party| turns.waiting.contains(party));
            self.changed.notify_all();
        }
    }
}

/// The place as one party sees it.
struct Party {
    number: usize,
    place: Arc<MemoryBackend>,
    scheduler: Arc<Scheduler>,
    operations: Mutex<usize>,
    dies_at: Option<usize>,
}

/// A document with another payload.
fn document(name: &str, bytes: &[u8], change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut value = serde_json::from_slice(&bytes[start..]).unwrap();
    change(&mut value);
    let payload = serde_json::to_vec(&value).unwrap();
    let digest = blake3::hash(&[name.as_bytes(), &[0], payload.as_slice()].concat());
    [format!("seedbed-store 1 {digest}\n").as_bytes(), payload.as_slice()].concat()
}

impl Party {
    /// A process that nobody else can ask the system for.
    fn process(&self) -> String {
        format!("elsewhere {} 1", self.number)
    }

    /// As if whoever comes next could ask: a collection that died is not waited for.
    fn bury(&self) {
        let name = "collect/state";
        let Ok(Some((bytes, version))) = self.place.read_versioned(name) else { return };
        let buried = document(name, &bytes, |value| {
            if value["collector"] == self.process() {
                value["collector"] = ().into();
            }
        });
        self.place.write_if(name, &buried, &Expect::Version(version)).unwrap();
    }

    fn turn(&self) -> Result<(), BackendError> {
        self.scheduler.wait_for_turn(self.number);
        let mut operations = self.operations.lock().unwrap();
        *operations += 1;
        if self.dies_at.is_some_and(|at| *operations >= at) {
            let (name, place) = (String::new(), String::new());
            return Err(BackendError::Io { action: "use", name, place, source: "this party died".into() });
        }
        Ok(())
    }

    fn is_dead(&self) -> bool {
        self.dies_at.is_some_and(|at| *self.operations.lock().unwrap() >= at)
    }
}

impl Backend for Party {
    fn describe(&self) -> String {
        format!("memory of {}", self.number)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError> {
        self.turn()?;
        self.place.read(name)
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError> {
        self.turn()?;
        self.place.read_range(name, offset, length)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackendError> {
        self.turn()?;
        self.place.write(name, bytes)
    }

    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError> {
        self.turn()?;
        self.place.read_versioned(name)
    }

    fn write_if(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<Version, BackendError> {
        self.turn()?;
        if name.starts_with("sessions/") {
            // As if every party were on a machine of its own.
            let bytes = document(name, bytes, |value| value["process"] = self.process().into());
            return self.place.write_if(name, &bytes, expect);
        }
        if name == "collect/state" {
            let bytes = document(name, bytes, |value| {
                if !value["collector"].is_null() {
                    value["collector"] = self.process().into();
                }
            });
            return self.place.write_if(name, &bytes, expect);
        }
        self.place.write_if(name, bytes, expect)
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        self.turn()?;
        self.place.delete(name)
    }

    /// In two turns: what comes between them is seen in one half only.
    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError> {
        self.turn()?;
        let list = || -> Result<Vec<Entry>, BackendError> {
            let mut entries = Vec::new();
            self.place.list(prefix, &mut |entry| {
                entries.push(entry);
                Ok(())
            })?;
            Ok(entries)
        };
        let mut first = list()?;
        let Some(middle) = first.get(first.len() / 2).map(|entry| entry.name.clone()) else { return Ok(()) };
        first.retain(|entry| entry.name < middle);
        self.turn()?;
        first.extend(list()?.into_iter().filter(|entry| entry.name >= middle));
        first.into_iter().try_for_each(each)
    }
}

type Model = Mutex<BTreeMap<String, Vec<Vec<u8>>>>;

fn parts(objects: &BTreeSet<u64>) -> Vec<Vec<u8>> {
    objects.iter().map(|object| bytes(object * 2, 400)).collect()
}

fn carry_out(
    store: &Store,
    by: &Party,
    number: usize,
    act: &Act,
    plan: &Plan,
    model: &Model,
) -> Result<(), StoreError> {
    match act {
        Act::Commit(objects) => {
            let tag = format!("t{}-{number}", by.number);
            let parts = parts(objects);
            commit(store, &tag, &parts)?;
            model.lock().unwrap().insert(tag, parts);
        }
        Act::Delete => {
            let first = model.lock().unwrap().pop_first();
            if let Some((tag, _)) = first {
                store.delete_record(&tag)?;
            }
        }
        Act::Collect { generations } => {
            let (grace, take_over) = (plan.grace, plan.take_over);
            let options =
                CollectOptions { generations: *generations, grace, take_over, waste: 0.3, ..CollectOptions::default() };
            collect(store, &options, &|_| {})?;
        }
        Act::Repair => drop(repair(store, None, &|_| {})?),
    }
    Ok(())
}

fn is_allowed(error: &StoreError, plan: &Plan) -> bool {
    match error {
        StoreError::Collecting { .. } => true,
        // A writer that was taken for dead takes its reference back; until then it may name what is gone.
        StoreError::Outrun { .. } | StoreError::Damaged { .. } => plan.grace < 1000,
        _ => false,
    }
}

fn assert_readable(place: &Arc<MemoryBackend>, model: &Model) {
    let cache = tempfile::tempdir().unwrap();
    let committed = model.lock().unwrap().clone();
    let store = try_open(place.clone(), cache.path()).unwrap();
    for (tag, parts) in committed {
        assert_eq!(restore(&store, &tag).unwrap(), parts, "{tag}");
    }
}

fn run(plan: &Plan) {
    let (place, model) = (Arc::new(MemoryBackend::default()), Model::default());
    let caches = tempfile::tempdir().unwrap();
    let first = Store::create(place.clone(), &caches.path().join("first"), &CreateOptions::default()).unwrap();
    for (tag, objects) in [("a", [0, 1, 2]), ("b", [2, 3, 4])] {
        let parts = parts(&objects.into());
        commit(&first, tag, &parts).unwrap();
        model.lock().unwrap().insert(tag.to_owned(), parts);
    }
    let scheduler = Arc::new(Scheduler::default());
    scheduler.turns.lock().unwrap().running = plan.parties.len();
    std::thread::scope(|scope| {
        let handles: Vec<_> = plan
            .parties
            .iter()
            .enumerate()
            .map(|(number, acts)| {
                let dies_at = plan.dies.filter(|(party, _)| *party == number).map(|(_, at)| at);
                let (place, scheduler) = (place.clone(), scheduler.clone());
                let party = Arc::new(Party { number, place, scheduler, operations: Mutex::new(0), dies_at });
                let (model, cache) = (&model, caches.path().join(number.to_string()));
                scope.spawn(move || {
                    let live = || -> Result<(), StoreError> {
                        let store = try_open(party.clone(), &cache)?;
                        for (number, next) in acts.iter().enumerate() {
                            match carry_out(&store, &party, number, next, plan, model) {
                                Err(error) if !party.is_dead() && is_allowed(&error, plan) => {}
                                other => other?,
                            }
                        }
                        Ok(())
                    };
                    let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(live));
                    if party.is_dead() {
                        party.bury();
                    }
                    party.scheduler.leave();
                    match lived {
                        Ok(Err(error)) if !party.is_dead() => {
                            panic!("{}: {error}: {:?}", party.number, std::error::Error::source(&error))
                        }
                        Ok(_) => {}
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                })
            })
            .collect();
        scheduler.run(&plan.turns);
        for handle in handles {
            handle.join().unwrap();
        }
    });
    assert_readable(&place, &model);
    // Whoever is still there by name is dead by now.
    let last = try_open(place.clone(), &caches.path().join("last")).unwrap();
    let options = CollectOptions { grace: 0, take_over: true, ..CollectOptions::default() };
    // A writer that was taken for dead and died before it took its reference back leaves one that is incomplete.
    let known: BTreeSet<String> = model.lock().unwrap().keys().cloned().collect();
    let mut incomplete = BTreeSet::new();
    for record in last.records(|_| true).unwrap() {
        let tag = record.details.tag;
        if restore(&last, &tag).is_err() {
            assert!(!known.contains(&tag) && plan.dies.is_some() && plan.grace < 1000, "{tag}");
            last.delete_record(&tag).unwrap();
            incomplete.insert(tag);
        }
    }
    assert!(incomplete.len() <= 1, "{incomplete:?}");
    for _ in 0..2 {
        collect(&last, &options, &|_| {}).unwrap();
    }
    assert_eq!(check(&last, CheckOptions { data: true }, &|_| {}).unwrap(), []);
    assert_readable(&place, &model);
}

fn cases() -> u32 {
    std::env::var("STORE_INTERLEAVINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn in_any_interleaving_what_was_committed_can_be_read(plan in plan()) {
        run(&plan);
    }
}

#[test]
fn a_collection_that_was_overtaken_does_not_take_for_damage_what_the_other_one_removed() {
    let all = Act::Collect { generations: 3 };
    let parties = vec![
        vec![Act::Commit([1, 2].into())],
        vec![Act::Commit([1, 3].into()), Act::Commit([0, 1, 3].into()), Act::Delete],
        vec![all.clone()],
        vec![all],
    ];
    let turns = vec![
        (2, 2),
        (0, 26),
        (1, 97),
        (3, 5),
        (3, 53),
        (0, 3),
        (1, 1),
        (0, 3),
        (2, 2),
        (3, 1),
        (0, 44),
        (0, 24),
        (0, 2),
        (3, 2),
        (2, 67),
        (1, 1),
        (1, 86),
        (0, 36),
        (2, 3),
        (3, 30),
        (3, 28),
        (2, 79),
        (3, 46),
        (2, 1),
        (1, 49),
        (3, 85),
        (2, 2),
        (2, 76),
        (0, 22),
        (3, 4),
        (3, 99),
        (3, 4),
        (3, 4),
        (1, 2),
        (0, 1),
        (0, 5),
        (0, 3),
        (1, 2),
        (2, 93),
        (3, 97),
        (1, 1),
        (3, 90),
        (2, 3),
        (2, 2),
        (3, 17),
        (3, 3),
        (1, 22),
        (2, 37),
        (2, 15),
        (0, 25),
        (3, 74),
        (2, 27),
        (2, 1),
        (0, 2),
        (0, 26),
        (0, 44),
        (0, 38),
        (1, 43),
        (2, 81),
        (2, 3),
        (0, 12),
        (2, 2),
        (0, 5),
        (1, 48),
        (3, 5),
        (0, 5),
        (2, 24),
    ];
    let plan = Plan { parties, turns, dies: Some((0, 5)), grace: 1000, take_over: true };
    // In which pack something is, and so the order of what is done, is chance.
    for _ in 0..10 {
        run(&plan);
    }
}
