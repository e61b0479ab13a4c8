//! Many clones of one workspace: whatever people do at once, all come to the same, and nothing that was made is lost.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use workspace::merge::{Ages, Versions, merge};

type Files = BTreeMap<String, Vec<u8>>;

/// What one person does.
#[derive(Debug, Clone)]
enum Action {
    /// Takes a snapshot of this state, with this tag.
    Snapshot(u8, Option<u8>),
    /// Moves or makes a branch to the newest snapshot.
    Branch(u8),
    /// Removes the snapshot with this number of those that are there.
    Delete(usize),
    /// Sets a parameter.
    Set(u8, u8),
    /// Adds a resource in a directory.
    Add(u8, u8),
    /// Sets a parameter of a resource.
    Change(u8, u8),
    /// Removes a resource.
    Remove(u8),
    Push,
    Pull,
}

fn actions() -> impl Strategy<Value = Vec<(usize, Action)>> {
    let action = prop_oneof![
        4 => (0..20u8, prop::option::of(0..6u8)).prop_map(|(state, tag)| Action::Snapshot(state, tag)),
        1 => (0..3u8).prop_map(Action::Branch),
        1 => (0..100usize).prop_map(Action::Delete),
        2 => (0..4u8, 0..9u8).prop_map(|(name, value)| Action::Set(name, value)),
        1 => (0..5u8, 0..3u8).prop_map(|(name, path)| Action::Add(name, path)),
        1 => (0..5u8, 0..9u8).prop_map(|(name, value)| Action::Change(name, value)),
        1 => (0..5u8).prop_map(Action::Remove),
        3 => Just(Action::Push),
        3 => Just(Action::Pull),
    ];
    prop::collection::vec((0..2usize, action), 1..=200)
}

#[derive(Debug, Default, Clone)]
struct Clone_ {
    files: Files,
    base: Files,
    changed: i64,
}

/// All that was made by anyone, and what somebody has removed on purpose.
#[derive(Debug, Default)]
struct Made {
    snapshots: BTreeSet<String>,
    tagged: BTreeSet<(String, String)>,
    takings: BTreeSet<String>,
    resources: BTreeSet<String>,
    deleted: BTreeSet<String>,
    removed: BTreeSet<String>,
    replaced: BTreeSet<(String, String)>,
}

struct World {
    is_classic: bool,
    remote: Files,
    clones: [Clone_; 2],
    made: Made,
    clock: i64,
}

fn document(value: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).unwrap()
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn hash(state: u8) -> String {
    format!("{state:02x}").repeat(20)
}

fn manifest_path(hash: &str) -> String {
    format!("snapshots/{}/{hash}.json", &hash[..2])
}

fn time(clock: i64) -> String {
    format!("2026-11-28T{:02}:{:02}:{:02}.000000", clock / 3600, clock / 60 % 60, clock % 60)
}

fn merged(base: &Files, ours: &Files, theirs: &Files, ages: Ages) -> Files {
    let paths: BTreeSet<&String> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    let changed = paths.into_iter().filter_map(|path| {
        let of = |files: &Files| files.get(path).cloned();
        let versions = Versions { base: of(base), ours: of(ours), theirs: of(theirs) };
        (versions.base != versions.ours || versions.base != versions.theirs).then(|| (path.clone(), versions))
    });
    let outcome = merge(&changed.collect(), ages);
    let mut files = base.clone();
    for (path, content) in outcome.files {
        match content {
            Some(bytes) => drop(files.insert(path, bytes)),
            None => drop(files.remove(&path)),
        }
    }
    files
}

impl World {
    fn new(is_classic: bool) -> Self {
        Self { is_classic, remote: Files::new(), clones: Default::default(), made: Made::default(), clock: 0 }
    }

    fn act(&mut self, who: usize, action: &Action) {
        self.clock += 1;
        match action {
            Action::Push => return self.push(who),
            Action::Pull => return self.pull(who),
            Action::Snapshot(state, tag) => self.snapshot(who, *state, *tag),
            Action::Branch(name) => self.branch(who, *name),
            Action::Delete(number) => self.delete(who, *number),
            Action::Set(name, value) => self.set(who, *name, *value),
            Action::Add(name, path) => self.add(who, *name, *path),
            Action::Change(name, value) => self.change(who, *name, *value),
            Action::Remove(name) => self.remove(who, *name),
        }
        self.clones[who].changed = self.clock;
    }

    fn pull(&mut self, who: usize) {
        let clone = &mut self.clones[who];
        if clone.files == clone.base {
            // As git does: there is nothing to merge.
            clone.files.clone_from(&self.remote);
        }
        if clone.files == self.remote || clone.base == self.remote {
            clone.base.clone_from(&self.remote);
            return;
        }
        let ages = Ages { ours: clone.changed, theirs: self.clock };
        let both = merged(&clone.base, &clone.files, &self.remote, ages);
        // The other side would have come to the same.
        let swapped = Ages { ours: ages.theirs, theirs: ages.ours };
        let other = merged(&clone.base, &self.remote, &clone.files, swapped);
        for path in both.keys().chain(other.keys()) {
            let text = |files: &Files| files.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            assert_eq!(text(&both), text(&other), "{path}, by whom of the two it is merged");
        }
        clone.files = both;
        clone.base.clone_from(&self.remote);
    }

    fn push(&mut self, who: usize) {
        if self.clones[who].base != self.remote {
            self.pull(who);
        }
        self.remote.clone_from(&self.clones[who].files);
        let clone = &mut self.clones[who];
        clone.base.clone_from(&clone.files);
    }

    fn snapshot(&mut self, who: usize, state: u8, tag: Option<u8>) {
        let (hash, at) = (hash(state), time(self.clock));
        let tag = tag.map(|tag| format!("V{tag}"));
        let is_classic = self.is_classic;
        let files = &mut self.clones[who].files;
        files.insert(format!("contents/{hash}.json"), document(&json!({ "root": hash })));
        if is_classic {
            let path = format!("snapshot_metadata/{hash}_md.json");
            files.insert(
                format!("snapshots/snapshot-{hash}.json"),
                document(&json!([{ "name": "data", "hash": hash }])),
            );
            let mut value = files.get(&path).map_or_else(
                || json!({ "hash": hash, "tags": [], "message": "", "hostname": who.to_string(), "timestamp": at }),
                |bytes| parsed(bytes),
            );
            value["updated_timestamp"] = json!(at);
            if let Some(tag) = &tag {
                // As the program does: a tag that is there elsewhere is refused.
                if files.iter().any(|(path, bytes)| path.ends_with("_md.json") && has_tag(bytes, tag)) {
                    files.insert(path, document(&value));
                    self.made.snapshots.insert(hash);
                    return;
                }
                value["tags"].as_array_mut().unwrap().push(json!(tag));
                self.made.tagged.insert((tag.clone(), hash.clone()));
            }
            files.insert(path, document(&value));
        } else {
            files.insert(manifest_path(&hash), document(&json!([{ "name": "data", "hash": hash }])));
            let taking = format!("taken/2026-11/{}-{}-{who}.json", self.clock, &hash[..12]);
            files.insert(taking.clone(), document(&json!({ "snapshot": hash, "time": at, "message": "m" })));
            self.made.takings.insert(taking);
            if let Some(tag) = tag {
                let path = format!("tags/{tag}.json");
                let before = files.insert(path, document(&json!({ "snapshot": hash, "time": at })));
                if let Some(before) = before {
                    self.made.replaced.insert((tag.clone(), parsed(&before)["snapshot"].as_str().unwrap().to_owned()));
                }
                self.made.tagged.insert((tag, hash.clone()));
            }
        }
        self.made.snapshots.insert(hash);
    }

    fn branch(&mut self, who: usize, name: u8) {
        let at = time(self.clock);
        let files = &mut self.clones[who].files;
        let newest = files.keys().rfind(|path| path.starts_with("snapshots/")).cloned();
        if let (Some(newest), false) = (newest, self.is_classic) {
            let hash = newest.rsplit('/').next().unwrap().trim_end_matches(".json");
            files.insert(format!("branches/b{name}.json"), document(&json!({ "snapshot": hash, "time": at })));
        }
    }

    fn delete(&mut self, who: usize, number: usize) {
        let files = &mut self.clones[who].files;
        let all: Vec<String> = files.keys().filter(|path| path.starts_with("snapshots/")).cloned().collect();
        if all.is_empty() {
            return;
        }
        let name = all[number % all.len()].rsplit('/').next().unwrap().trim_start_matches("snapshot-");
        let hash = name.trim_end_matches(".json").to_owned();
        let means = |path: &str, bytes: &[u8]| {
            let names = ["tags/", "branches/", "taken/"].iter().any(|directory| path.starts_with(directory));
            path.contains(&hash) || names && parsed(bytes)["snapshot"] == json!(hash)
        };
        files.retain(|path, bytes| !means(path, bytes));
        self.made.deleted.insert(hash);
    }

    fn set(&mut self, who: usize, name: u8, value: u8) {
        let (name, at, is_classic) = (format!("p{name}"), time(self.clock), self.is_classic);
        let files = &mut self.clones[who].files;
        if is_classic {
            let mut all =
                files.get("config.json").map_or_else(|| json!({ "global_params": {} }), |bytes| parsed(bytes));
            all["global_params"][&name] = json!(value);
            files.insert("config.json".to_owned(), document(&all));
        } else {
            files.insert(format!("config/{name}.json"), document(&json!({ "value": value, "time": at })));
        }
    }

    fn resources(&mut self, who: usize, change: impl FnOnce(&mut Vec<Value>)) {
        let files = &mut self.clones[who].files;
        if self.is_classic {
            let mut list =
                files.get("resources.json").map_or_else(Vec::new, |bytes| parsed(bytes).as_array().unwrap().clone());
            change(&mut list);
            files.insert("resources.json".to_owned(), document(&json!(list)));
        } else {
            let mut list: Vec<Value> = files
                .iter()
                .filter(|(path, _)| path.starts_with("resources/"))
                .map(|(_, bytes)| parsed(bytes))
                .collect();
            change(&mut list);
            files.retain(|path, _| !path.starts_with("resources/"));
            for one in list {
                files.insert(format!("resources/{}.json", one["name"].as_str().unwrap()), document(&one));
            }
        }
    }

    fn add(&mut self, who: usize, name: u8, path: u8) {
        // In the classic form a resource of one name in two places is for nobody: dws has one list, by names.
        let path = if self.is_classic { name } else { path };
        let name = format!("r{name}");
        let added = name.clone();
        self.resources(who, |list| {
            if !list.iter().any(|one| one["name"] == json!(name)) {
                list.push(
                    json!({ "type": "git-subdirectory", "name": name, "role": "code", "path": format!("d{path}") }),
                );
            }
        });
        self.made.resources.insert(added);
    }

    fn change(&mut self, who: usize, name: u8, value: u8) {
        self.resources(who, |list| {
            for one in list.iter_mut().filter(|one| one["name"] == json!(format!("r{name}"))) {
                one["export"] = json!(value);
            }
        });
    }

    fn remove(&mut self, who: usize, name: u8) {
        let name = format!("r{name}");
        self.resources(who, |list| list.retain(|one| one["name"] != json!(name)));
        self.made.removed.insert(name);
    }

    /// Everyone pushes and pulls until all have all.
    fn meet(&mut self) {
        for who in [0, 1, 0, 1] {
            self.push(who);
        }
        self.pull(0);
    }

    fn check(&self) {
        assert_eq!(self.clones[0].files, self.remote);
        assert_eq!(self.clones[1].files, self.remote);
        let (files, made) = (&self.remote, &self.made);
        let manifest = |hash: &str| {
            if self.is_classic { format!("snapshots/snapshot-{hash}.json") } else { manifest_path(hash) }
        };
        for hash in made.snapshots.difference(&made.deleted) {
            assert!(files.contains_key(&manifest(hash)), "the snapshot {hash} is lost");
            assert!(files.contains_key(&format!("contents/{hash}.json")), "the content of {hash} is lost");
        }
        for (tag, hash) in &made.tagged {
            if made.deleted.contains(hash) || made.replaced.contains(&(tag.clone(), hash.clone())) {
                continue;
            }
            let fits = |name: &str| name == tag || name.starts_with(&format!("{tag}-"));
            let found = if self.is_classic {
                let value = parsed(&files[&format!("snapshot_metadata/{hash}_md.json")]);
                value["tags"].as_array().unwrap().iter().any(|one| fits(one.as_str().unwrap()))
            } else {
                files.iter().any(|(path, bytes)| {
                    let name = path.strip_prefix("tags/").and_then(|name| name.strip_suffix(".json"));
                    name.is_some_and(fits) && parsed(bytes)["snapshot"] == json!(hash)
                })
            };
            assert!(found, "the tag {tag} of {hash} is lost");
        }
        for taking in &made.takings {
            let is_deleted = made.deleted.iter().any(|hash| taking.contains(&hash[..12]));
            assert!(is_deleted || files.contains_key(taking), "{taking} is lost");
        }
        for name in made.resources.difference(&made.removed) {
            let is_there = if self.is_classic {
                parsed(&files["resources.json"]).as_array().unwrap().iter().any(|one| one["name"] == json!(name))
            } else {
                files.contains_key(&format!("resources/{name}.json"))
            };
            assert!(is_there, "the resource {name} is lost");
        }
        // What is named is there, and no tag is there twice.
        let mut tags = BTreeSet::new();
        for (path, bytes) in files {
            if path.starts_with("tags/") || path.starts_with("branches/") {
                let hash = parsed(bytes)["snapshot"].as_str().unwrap().to_owned();
                assert!(files.contains_key(&manifest(&hash)), "{path} names a snapshot that is not there");
            }
            if let Some(hash) = path.strip_prefix("snapshot_metadata/").and_then(|file| file.strip_suffix("_md.json")) {
                assert!(files.contains_key(&manifest(hash)), "{path} is of a snapshot that is not there");
                for tag in parsed(bytes)["tags"].as_array().unwrap() {
                    assert!(tags.insert(tag.to_string()), "{tag} is there twice");
                }
            }
        }
    }
}

fn has_tag(bytes: &[u8], tag: &str) -> bool {
    parsed(bytes)["tags"].as_array().unwrap().contains(&json!(tag))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn two_clones_converge_and_nothing_is_lost(is_classic in any::<bool>(), actions in actions()) {
        let mut world = World::new(is_classic);
        for (who, action) in &actions {
            world.act(*who, action);
        }
        world.meet();
        world.check();
    }
}

#[track_caller]
fn both(path: &str, base: Option<Value>, ours: Option<Value>, theirs: Option<Value>) -> BTreeMap<String, Value> {
    let bytes = |value: Option<Value>| value.map(|value| document(&value));
    let versions = Versions { base: bytes(base), ours: bytes(ours), theirs: bytes(theirs) };
    let outcome = merge(&BTreeMap::from([(path.to_owned(), versions)]), Ages { ours: 1, theirs: 2 });
    outcome.files.into_iter().filter_map(|(path, content)| Some((path, parsed(&content?)))).collect()
}

#[test]
fn two_add_resources_to_the_list_of_the_classic_form() {
    let one = |name: &str| json!({ "name": name, "role": "code" });
    let merged = both(
        "resources.json",
        Some(json!([one("a")])),
        Some(json!([one("a"), one("b")])),
        Some(json!([{ "name": "a", "role": "code", "export": true }, one("c")])),
    );
    let expected = json!([{ "name": "a", "role": "code", "export": true }, one("b"), one("c")]);
    assert_eq!(merged["resources.json"], expected);
}

#[test]
fn of_one_parameter_the_newer_value_counts_and_of_others_each() {
    let config = |a: u8, b: u8| json!({ "global_params": { "a": a, "b": b } });
    let merged = both("config.json", Some(config(1, 1)), Some(config(2, 2)), Some(config(3, 1)));
    assert_eq!(merged["config.json"], config(3, 2));
}

#[test]
fn one_tag_for_two_snapshots_is_with_the_newer_and_the_older_has_one_beside_it() {
    let tag = |hash: &str, time: &str| Some(json!({ "snapshot": hash.repeat(20), "time": time }));
    let merged = both("tags/V1.json", None, tag("aa", "2026-11-28T10:00:00"), tag("bb", "2026-11-28T09:00:00"));
    assert_eq!(merged["tags/V1.json"]["snapshot"], json!("aa".repeat(20)));
    assert_eq!(merged["tags/V1-bbbbbbb.json"]["snapshot"], json!("bb".repeat(20)));
}

#[test]
fn one_state_snapshotted_twice_keeps_both_messages_and_tags() {
    let taken = |tag: &str, message: &str, time: &str| {
        Some(json!({ "hash": "aa".repeat(20), "tags": [tag], "message": message, "timestamp": time }))
    };
    let path = format!("snapshot_metadata/{}_md.json", "aa".repeat(20));
    let merged =
        both(&path, None, taken("A", "first", "2026-11-28T09:00:00"), taken("B", "second", "2026-11-28T10:00:00"));
    assert_eq!(merged[&path]["tags"], json!(["A", "B"]));
    assert_eq!(merged[&path]["message"], json!("first; second"));
    assert_eq!(merged[&path]["timestamp"], json!("2026-11-28T09:00:00"));
}
