//! Navigation: the outline of a course as somebody sees it, made by processors that each do one thing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::learning::publishing::{Kind, ROOT};
use crate::learning::scheduling::Rule;

/// One entity in an outline, with what is below it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Its key.
    pub key: String,
    /// What it is.
    pub kind: Kind,
    /// What it is called.
    pub title: String,
    /// When it begins for this learner.
    pub start: Option<DateTime<Utc>>,
    /// When it is due for this learner.
    pub due: Option<DateTime<Utc>>,
    /// Whether it can be opened now.
    pub is_available: bool,
    /// What is below it, in order.
    pub children: Vec<Node>,
    #[serde(skip)]
    staff_only: bool,
    #[serde(skip)]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(skip)]
    starts: Option<Rule>,
    #[serde(skip)]
    dues: Option<Rule>,
}

/// An entity as it is published.
#[derive(Debug, Clone)]
pub struct Published {
    /// What it is.
    pub kind: Kind,
    /// What it is called.
    pub title: String,
    /// The keys below it.
    pub children: Vec<String>,
    /// Whether staff alone see it.
    pub staff_only: bool,
    /// Of which groups one has to be, for each partition that is named.
    pub groups: BTreeMap<String, Vec<String>>,
}

/// When an entity begins and is due.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dates {
    /// When it begins.
    pub start: Option<Rule>,
    /// When it is due.
    pub due: Option<Rule>,
}

/// For whom an outline is.
#[derive(Debug, Clone)]
pub struct Learner {
    /// Whether it is somebody who sees everything.
    pub is_staff: bool,
    /// When the learner has started.
    pub start: Option<DateTime<Utc>>,
    /// The learner's group in each partition.
    pub groups: BTreeMap<String, String>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// One thing that is done with an outline.
pub trait Processor: Send + Sync {
    /// By which it is chosen.
    fn name(&self) -> &'static str;

    /// Does it. What is taken out is gone for the processors after this one.
    fn process(&self, outline: &mut Node, learner: &Learner);
}

/// The processors that there are, in the order in which they work.
pub fn processors() -> Vec<Box<dyn Processor>> {
    vec![Box::new(Visibility), Box::new(Partitions), Box::new(Schedule)]
}

/// The processors of these names, in this order; an error names one that there is not.
pub fn chosen(names: &str) -> Result<Vec<Box<dyn Processor>>, String> {
    let find = |name: &str| {
        let found = processors().into_iter().find(|processor| processor.name() == name);
        found.ok_or_else(|| format!("there is no processor '{name}' of outlines"))
    };
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(find).collect()
}

/// The outline of what is published, as somebody sees it; nothing if the course itself is not published.
pub fn outline(
    published: &BTreeMap<String, Published>,
    dates: &BTreeMap<String, Dates>,
    processors: &[Box<dyn Processor>],
    learner: &Learner,
) -> Option<Node> {
    let mut root = node(ROOT, Kind::Course, published, dates)?;
    for processor in processors {
        processor.process(&mut root, learner);
    }
    Some(root)
}

/// What is not published, or is no longer what it should be there, is left out.
fn node(
    key: &str,
    kind: Kind,
    published: &BTreeMap<String, Published>,
    dates: &BTreeMap<String, Dates>,
) -> Option<Node> {
    let entity = published.get(key).filter(|entity| entity.kind == kind)?;
    let below = |child: &String| node(child, kind.below()?, published, dates);
    let dates_of = dates.get(key).copied().unwrap_or_default();
    Some(Node {
        key: key.to_owned(),
        kind,
        title: entity.title.clone(),
        start: None,
        due: None,
        is_available: true,
        children: entity.children.iter().filter_map(below).collect(),
        staff_only: entity.staff_only,
        groups: entity.groups.clone(),
        starts: dates_of.start,
        dues: dates_of.due,
    })
}

impl Node {
    /// The node of that key, here or below.
    pub fn find(&self, key: &str) -> Option<&Self> {
        if self.key == key { Some(self) } else { self.children.iter().find_map(|child| child.find(key)) }
    }

    fn keep(&mut self, stays: &impl Fn(&Self) -> bool) {
        self.children.retain(stays);
        for child in &mut self.children {
            child.keep(stays);
        }
    }
}

/// Takes out what staff alone see.
struct Visibility;

impl Processor for Visibility {
    fn name(&self) -> &'static str {
        "visibility"
    }

    fn process(&self, outline: &mut Node, learner: &Learner) {
        if !learner.is_staff {
            outline.keep(&|node| !node.staff_only);
        }
    }
}

/// Takes out what is for other groups.
struct Partitions;

impl Processor for Partitions {
    fn name(&self) -> &'static str {
        "partitions"
    }

    fn process(&self, outline: &mut Node, learner: &Learner) {
        let is_in = |partition: &String, groups: &Vec<String>| {
            learner.groups.get(partition).is_some_and(|group| groups.contains(group))
        };
        if !learner.is_staff {
            outline.keep(&|node| node.groups.iter().all(|(partition, groups)| is_in(partition, groups)));
        }
    }
}

/// Says when something begins and is due, and closes what has not begun. What says nothing goes with what is above it.
struct Schedule;

impl Processor for Schedule {
    fn name(&self) -> &'static str {
        "schedule"
    }

    fn process(&self, outline: &mut Node, learner: &Learner) {
        schedule(outline, (None, None), learner);
    }
}

fn schedule(node: &mut Node, above: (Option<DateTime<Utc>>, Option<DateTime<Utc>>), learner: &Learner) {
    let of = |rule: Option<Rule>, above| rule.map_or(above, |rule| rule.resolve(learner.start));
    node.start = of(node.starts, above.0);
    node.due = of(node.dues, above.1);
    // What begins after a start that there is not, does not begin.
    let has_begun = node.start.map_or(node.starts.is_none(), |start| start <= learner.now);
    node.is_available = learner.is_staff || has_begun;
    let here = (node.start, node.due);
    let is_open = node.is_available;
    for child in &mut node.children {
        schedule(child, here, learner);
        child.close_unless(is_open);
    }
}

impl Node {
    fn close_unless(&mut self, is_open: bool) {
        if !is_open {
            self.is_available = false;
            self.children.iter_mut().for_each(|child| child.close_unless(false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn day(day: u32) -> DateTime<Utc> {
        format!("2026-01-{day:02}T00:00:00Z").parse().unwrap()
    }

    fn published() -> BTreeMap<String, Published> {
        let one = |key: &str, kind, children: &[&str]| {
            let children = children.iter().map(|key| (*key).to_owned()).collect();
            let entity =
                Published { kind, title: key.to_uppercase(), children, staff_only: false, groups: BTreeMap::new() };
            (key.to_owned(), entity)
        };
        let mut published: BTreeMap<_, _> = [
            one("course", Kind::Course, &["s1", "s2", "unpublished", "u1"]),
            one("s1", Kind::Section, &["q1"]),
            one("s2", Kind::Section, &["q2"]),
            one("q1", Kind::Subsection, &["u1", "secret", "blue"]),
            one("q2", Kind::Subsection, &["u2"]),
            one("u1", Kind::Unit, &[]),
            one("u2", Kind::Unit, &[]),
            one("secret", Kind::Unit, &[]),
            one("blue", Kind::Unit, &[]),
        ]
        .into();
        published.get_mut("secret").unwrap().staff_only = true;
        published.get_mut("blue").unwrap().groups = [("colour".to_owned(), vec!["blue".to_owned()])].into();
        published
    }

    /// An outline in one line: what cannot be opened stands in parentheses.
    fn shown(node: &Node) -> String {
        let below: Vec<String> = node.children.iter().map(shown).collect();
        let key = if node.is_available { node.key.clone() } else { format!("({})", node.key) };
        if below.is_empty() { key } else { format!("{key}[{}]", below.join(" ")) }
    }

    fn check(learner: &Learner, dates: &[(&str, Dates)], expected: &str) {
        let dates = dates.iter().map(|(key, dates)| ((*key).to_owned(), *dates)).collect();
        let outline = outline(&published(), &dates, &processors(), learner).unwrap();
        assert_eq!(shown(&outline), expected);
    }

    fn learner() -> Learner {
        Learner { is_staff: false, start: Some(day(1)), groups: BTreeMap::new(), now: day(10) }
    }

    #[test]
    fn everybody_sees_what_is_for_them() {
        check(&learner(), &[], "course[s1[q1[u1]] s2[q2[u2]]]");
        let group = |name: &str| Learner { groups: [("colour".to_owned(), name.to_owned())].into(), ..learner() };
        check(&group("blue"), &[], "course[s1[q1[u1 blue]] s2[q2[u2]]]");
        check(&group("red"), &[], "course[s1[q1[u1]] s2[q2[u2]]]");
        check(&Learner { is_staff: true, ..learner() }, &[], "course[s1[q1[u1 secret blue]] s2[q2[u2]]]");
    }

    #[test]
    fn what_has_not_begun_is_closed_with_all_below_it() {
        let from = |start| Dates { start: Some(start), due: None };
        let week = from(Rule::Relative(TimeDelta::days(7)));
        check(&learner(), &[("s2", week)], "course[s1[q1[u1]] s2[q2[u2]]]");
        let late = Learner { start: Some(day(5)), ..learner() };
        check(&late, &[("s2", week)], "course[s1[q1[u1]] (s2)[(q2)[(u2)]]]");
        check(&Learner { start: None, ..learner() }, &[("s2", week)], "course[s1[q1[u1]] (s2)[(q2)[(u2)]]]");
        check(&Learner { is_staff: true, ..late }, &[("s2", week)], "course[s1[q1[u1 secret blue]] s2[q2[u2]]]");
        let tomorrow = from(Rule::Absolute(day(11)));
        check(&learner(), &[("q1", tomorrow)], "course[s1[(q1)[(u1)]] s2[q2[u2]]]");
        // What is above counts even if what is below begins earlier.
        let yesterday = from(Rule::Absolute(day(9)));
        check(&learner(), &[("s1", tomorrow), ("q1", yesterday)], "course[(s1)[(q1)[(u1)]] s2[q2[u2]]]");
    }

    #[test]
    fn dates_go_down_to_what_says_nothing_itself() {
        let dates = [("s1".to_owned(), Dates { start: None, due: Some(Rule::Absolute(day(20))) })].into();
        let outline = outline(&published(), &dates, &processors(), &learner()).unwrap();
        assert_eq!(outline.find("u1").unwrap().due, Some(day(20)));
        assert_eq!(outline.find("u2").unwrap().due, None);
        assert_eq!(outline.find("nothing"), None);
    }

    #[test]
    fn processors_have_names_and_one_can_do_without_some() {
        let names: Vec<&str> = processors().iter().map(|processor| processor.name()).collect();
        assert_eq!(names, ["visibility", "partitions", "schedule"]);
        assert_eq!(chosen("schedule, visibility").unwrap().len(), 2);
        assert!(chosen("schedule,magic").err().unwrap().contains("'magic'"));
        let all = outline(&published(), &BTreeMap::new(), &chosen("").unwrap(), &learner()).unwrap();
        assert_eq!(shown(&all), "course[s1[q1[u1 secret blue]] s2[q2[u2]]]");
        assert_eq!(outline(&BTreeMap::new(), &BTreeMap::new(), &[], &learner()), None);
    }
}
