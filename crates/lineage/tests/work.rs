//! A piece of work with three steps: what is stale, what may be written, and what is asked of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

use std::collections::BTreeMap;

use lineage::{
    Broken, Content, FORGET, Graph, Index, Intent, LineageError, Place, Present, Reason, Record, Reference, Source,
    Stale, Staleness, Status, check, inputs, made,
};

/// Contents by place as the work goes on, and the records of it.
struct Work {
    index: Index,
    now: BTreeMap<String, String>,
    clock: i64,
}

impl Work {
    /// `data` → clean → `clean` → train → `model`, with code for each.
    fn new() -> Self {
        let mut work = Self { index: Index::in_memory().unwrap(), now: BTreeMap::new(), clock: 1000 };
        work.write("data:raw", "1");
        work.write("code:clean", "1");
        work.write("code:train", "1");
        work.execute("clean", &["data:raw"], &[("mid:clean", "c1")]);
        work.execute("train", &["mid:clean"], &[("models:model", "m1")]);
        work
    }

    fn write(&mut self, place: &str, content: &str) {
        self.now.insert(place.to_owned(), content.to_owned());
    }

    fn present(&self) -> Present<'static> {
        let now = self.now.clone();
        Present::new(move |place| now.get(&place.to_string()).cloned().map_or(Content::Absent, Content::Digest))
    }

    fn check(&self, step: &str, reads: &[&str], writes: &[&str]) -> Result<Vec<String>, Broken> {
        let mut present = self.present();
        let reads: Vec<Place> = reads.iter().map(|text| place(text)).collect();
        let writes: Vec<Place> = writes.iter().map(|text| place(text)).collect();
        let inputs = inputs(&self.index, &reads, &mut present).unwrap();
        match check(&self.index, Intent { step, inputs: &inputs, outputs: &writes }, &mut present) {
            Ok(warnings) => Ok(warnings),
            Err(LineageError::Rule(broken)) => Err(*broken),
            Err(other) => panic!("{other}"),
        }
    }

    fn execute(&mut self, step: &str, reads: &[&str], writes: &[(&str, &str)]) {
        self.end(step, reads, writes, Status::Complete);
    }

    fn end(&mut self, step: &str, reads: &[&str], writes: &[(&str, &str)], status: Status) {
        let mut present = self.present();
        self.clock += 10;
        let mut record = Record::new(format!("{}-{step}", self.clock), step, "script", self.clock);
        let reads: Vec<Place> = reads.iter().map(|text| place(text)).collect();
        record.inputs = inputs(&self.index, &reads, &mut present).unwrap();
        let code = place(&format!("code:{step}"));
        if self.now.contains_key(&code.to_string()) {
            record.code = vec![Reference::of(code.clone(), present.content(&code))];
        }
        for (written, content) in writes {
            self.write(written, content);
            record.outputs.push(Reference::of(place(written), Content::Digest((*content).to_owned())));
        }
        record.status = status;
        record.duration_ms = 5;
        self.record(&record);
    }

    fn record(&mut self, record: &Record) {
        let source = Source { name: "work".to_owned(), bytes: 0, mark: String::new() };
        self.index.add(&source, std::slice::from_ref(record)).unwrap();
    }

    fn stale(&self) -> Vec<(String, String)> {
        let mut present = self.present();
        let all: Vec<Stale> = Staleness::new(&self.index, &mut present).all().unwrap();
        all.into_iter().map(|stale| (stale.record.step.clone(), stale.reason.to_string())).collect()
    }
}

fn place(text: &str) -> Place {
    let (resource, path) = text.split_once(':').unwrap_or((text, ""));
    Place::new(resource, path)
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(step, reason)| ((*step).to_owned(), (*reason).to_owned())).collect()
}

#[test]
fn nothing_is_stale_when_nothing_has_changed() {
    assert_eq!(Work::new().stale(), []);
}

#[test]
fn what_follows_from_a_change_is_stale_in_the_order_of_the_work() {
    let mut work = Work::new();
    work.write("data:raw", "2");
    let train = ("train", "its input mid:clean is made by `clean`, which is stale");
    assert_eq!(work.stale(), pairs(&[("clean", "its input data:raw has changed"), train]));
    // The first step again, and it makes something else: the second has to follow.
    work.execute("clean", &["data:raw"], &[("mid:clean", "c2")]);
    assert_eq!(work.stale(), pairs(&[("train", "its input mid:clean has changed")]));
    work.execute("train", &["mid:clean"], &[("models:model", "m2")]);
    assert_eq!(work.stale(), []);
}

#[test]
fn a_step_that_makes_the_same_again_leaves_the_others_alone() {
    let mut work = Work::new();
    work.write("code:clean", "2");
    assert_eq!(work.stale()[0], ("clean".to_owned(), "its code code:clean has changed".to_owned()));
    work.execute("clean", &["data:raw"], &[("mid:clean", "c1")]);
    assert_eq!(work.stale(), []);
}

#[test]
fn going_back_to_what_was_brings_its_lineage_back() {
    let mut work = Work::new();
    let before = work.now.clone();
    work.write("data:raw", "2");
    work.execute("clean", &["data:raw"], &[("mid:clean", "c2")]);
    work.execute("train", &["mid:clean"], &[("models:model", "m2")]);
    work.now = before;
    assert_eq!(work.stale(), []);
    let made = made(&work.index, &place("models:model"), &mut work.present()).unwrap();
    let ids: Vec<&str> = made.records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids, ["1020-train", "1010-clean"]);
    assert_eq!(made.ends.len(), 1);
}

#[test]
fn outputs_that_were_changed_or_removed_are_stale() {
    let mut work = Work::new();
    work.write("models:model", "by hand");
    assert_eq!(work.stale(), pairs(&[("train", "its output models:model was changed by something else")]));
    work.now.remove("models:model");
    assert_eq!(work.stale(), pairs(&[("train", "its output models:model is gone")]));
}

#[test]
fn an_execution_that_was_aborted_makes_invalid_what_it_has_left() {
    let mut work = Work::new();
    work.end("clean", &["data:raw"], &[("mid:clean", "half")], Status::Aborted);
    let stale = work.stale();
    assert_eq!(stale[0].1, "its latest execution was aborted, and left mid:clean as it is now");
    let warnings = work.check("train", &["mid:clean"], &["models:model"]).unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("mid:clean was left by an execution of `clean` that was aborted"), "{warnings:?}");
    // If it has left everything as it was, it has done no harm.
    work.write("mid:clean", "c1");
    assert_eq!(work.stale(), []);
    assert_eq!(work.check("train", &["mid:clean"], &["models:model"]), Ok(vec![]));
}

#[test]
fn a_step_that_never_completed_is_stale() {
    let mut work = Work::new();
    work.end("report", &["models:model"], &[("results:page", "half")], Status::Failed);
    assert_eq!(work.stale(), pairs(&[("report", "it never completed: its latest execution failed")]));
}

#[test]
fn what_a_stale_step_has_made_is_told() {
    let mut work = Work::new();
    work.write("code:clean", "2");
    let warnings = work.check("train", &["mid:clean"], &["models:model"]).unwrap();
    assert_eq!(warnings, ["mid:clean was made by `clean`, which is stale: its code code:clean has changed"]);
}

#[test]
fn independent_steps_do_not_write_the_same_or_nested_places() {
    let work = Work::new();
    for written in ["models:model", "models", "models:model/part"] {
        let broken = work.check("other", &["data:raw"], &[written]).unwrap_err();
        let Broken::SamePlace { other, .. } = &broken else { panic!("{broken}") };
        assert_eq!(other, "train");
        assert!(broken.help().contains("seedbed lineage forget train"));
    }
    assert!(work.check("other", &["data:raw"], &["models:models"]).is_ok());
    // One that depends on who writes there may.
    assert!(work.check("other", &["models:model"], &["models:model"]).is_ok());
    assert!(work.check("other", &["models:model"], &["mid:clean"]).is_ok());
    // And one on which the other depends.
    assert!(work.check("clean", &["data:raw"], &["models:model"]).is_ok());
}

#[test]
fn after_going_back_a_place_is_still_that_of_who_made_it() {
    let mut work = Work::new();
    let before = work.now.clone();
    work.write("data:raw", "2");
    work.execute("clean", &["data:raw"], &[("mid:clean", "c2")]);
    work.execute("train", &["mid:clean"], &[("models:model", "m2")]);
    work.now = before;
    assert!(work.check("other", &["data:raw"], &["models:model"]).is_err());
}

#[test]
fn a_step_that_was_forgotten_is_in_nobodys_way_and_never_stale() {
    let mut work = Work::new();
    let mut forget = Record::new("forget", "train", FORGET, work.clock + 20);
    forget.duration_ms = 0;
    work.record(&forget);
    work.write("data:raw", "2");
    assert_eq!(work.stale().len(), 1);
    assert!(work.check("other", &["data:raw"], &["models:model"]).is_ok());
    // When it is executed again it is a part of the work again.
    work.clock += 20;
    work.execute("train", &["mid:clean"], &[("models:model", "m2")]);
    assert!(work.check("other", &["data:raw"], &["models:model"]).is_err());
}

#[test]
fn a_step_does_not_depend_on_two_versions_of_one_place() {
    let mut work = Work::new();
    assert_eq!(work.check("compare", &["mid:clean", "data:raw"], &["results"]), Ok(vec![]));
    work.write("data:raw", "2");
    let broken = work.check("compare", &["mid:clean", "data:raw"], &["results"]).unwrap_err();
    assert_eq!(
        broken.to_string(),
        "`compare` would depend on two versions of data:raw: 1, which `clean` has read, and 2, which `compare` reads"
    );
    // Through two ways.
    work.execute("count", &["data:raw"], &[("mid:count", "n2")]);
    assert!(work.check("compare", &["mid:clean", "mid:count"], &["results"]).is_err());
    work.execute("clean", &["data:raw"], &[("mid:clean", "c2")]);
    assert_eq!(work.check("compare", &["mid:clean", "mid:count"], &["results"]), Ok(vec![]));
}

#[test]
fn steps_that_go_on_with_what_is_there_are_no_two_versions() {
    let mut work = Work::new();
    work.execute("fetch", &[], &[("pool", "p1")]);
    for day in 2..6 {
        work.execute("grow", &["pool"], &[("pool", &format!("p{day}"))]);
    }
    assert_eq!(work.check("grow", &["pool"], &["pool"]), Ok(vec![]));
    assert_eq!(work.check("train2", &["pool"], &["models:two"]), Ok(vec![]));
    assert_eq!(work.stale(), []);
}

#[test]
fn a_change_of_the_whole_is_told_for_its_parts() {
    let mut work = Work::new();
    work.write("data", "all1");
    work.execute("index", &["data"], &[("mid:index", "i1")]);
    work.write("data", "all2");
    let warnings = work.check("look", &["mid:index", "data:raw"], &["results"]).unwrap();
    assert!(
        warnings.contains(&"data has changed since `index` read it; data:raw may have, too".to_owned()),
        "{warnings:?}"
    );
}

#[test]
fn a_step_that_writes_elsewhere_has_left_its_old_places() {
    let mut work = Work::new();
    work.execute("train", &["mid:clean"], &[("models:model", "m1"), ("models:report", "r1")]);
    work.write("code:train", "2");
    assert_eq!(work.stale().len(), 1);
    assert_eq!(
        Staleness::new(&work.index, &mut work.present()).of("1020-train").unwrap(),
        Some(Reason::Code(place("code:train")))
    );
}

#[test]
fn the_graph_has_no_circles_also_where_a_step_writes_what_it_has_read() {
    let mut work = Work::new();
    work.execute("touch", &["mid:clean"], &[("mid:clean", "c1")]);
    work.execute("part", &["mid:clean/one", "mid"], &[("results", "r")]);
    let records = Staleness::new(&work.index, &mut work.present()).current().unwrap();
    let graph = Graph::of(&work.index, &records, &std::collections::HashMap::new()).unwrap();
    let label = |node: usize| format!("{} {}", graph.nodes[node].kind.word(), graph.nodes[node].label);
    let edges: Vec<(String, String)> = graph.edges.iter().map(|(from, to)| (label(*from), label(*to))).collect();
    let has = |from: &str, to: &str| edges.contains(&(from.to_owned(), to.to_owned()));
    assert!(has("step clean", "place mid:clean") && has("place mid:clean", "step touch"), "{edges:?}");
    assert!(has("code code:clean", "step clean") && has("place mid:clean", "place mid:clean/one"), "{edges:?}");
    // A circle would have nodes that nothing leads to less and less.
    let mut left: Vec<(usize, usize)> = graph.edges.clone();
    while !left.is_empty() {
        let before = left.len();
        let targets: Vec<usize> = left.iter().map(|(_, to)| *to).collect();
        left.retain(|(from, _)| targets.contains(from));
        assert!(left.len() < before, "{edges:?}");
    }
}
