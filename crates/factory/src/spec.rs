//! Reads a spec of our own form: how many rows of which tables, and what is given of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indexmap::IndexMap;
use source::{Entry, MapReader, Node, Place, Problem, Problems, Tree};

use crate::locale::Locale;
use crate::parameters::{Parameters, Scenarios};
use crate::rule::{Compile, RuleReader};
use crate::wanted::Group;

/// A spec of our own form.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// What all values depend on.
    pub seed: u64,
    /// How many rows every table shall have that is not named.
    pub fill: Option<u64>,
    /// Whose names and cities texts are made of.
    pub locale: Locale,
    /// The versions of data types that it is written for, by service.
    pub versions: BTreeMap<String, (u32, Place)>,
    /// What is wanted of each data type or table, in the order of the files.
    pub entries: Vec<SpecEntry>,
}

/// What is wanted of one data type or table.
#[derive(Clone, Debug)]
pub struct SpecEntry {
    /// `TYPE`, `SERVICE.TYPE`, or the same with the name of a table; of children the field that lists them.
    pub name: String,
    /// Where that stands.
    pub place: Place,
    /// The rows.
    pub groups: Vec<SpecGroup>,
    /// Where each field is first named.
    pub fields: IndexMap<String, Place>,
}

/// Rows that are made alike, as a spec gives them.
#[derive(Clone, Debug)]
pub struct SpecGroup {
    /// How many, and what is given of them, by field.
    pub group: Group,
    /// The traits of its data type that it has, and where they are named.
    pub traits: Vec<(String, Place)>,
    /// Records that are made along with each of them, by the field that lists them.
    pub children: Vec<SpecEntry>,
    /// Where it begins.
    pub place: Place,
}

/// Another file that a spec includes.
#[derive(Clone, Debug, PartialEq)]
pub struct Include {
    /// A path, or an address.
    pub location: String,
    /// The SHA-256 of what an address gives.
    pub sha256: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// What is chosen of a spec from outside.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The scenario, and where it is named if that is in a file.
    pub scenario: Option<(String, Option<Place>)>,
    /// The values of parameters, and where they are given if that is in a file.
    pub set: Vec<(String, String, Option<Place>)>,
}

/// Says whether a file is a spec of our own form, which begins with its version.
pub fn is_own(tree: &Tree) -> bool {
    tree.get("seedbed").is_some()
}

/// The version of the form.
const VERSION: i64 = 1;

/// The keys of a group that are no fields.
pub const GROUP_KEYS: [&str; 2] = [COUNT, TRAITS];

/// How a group says how many rows it has.
const COUNT: &str = "count";

/// How a group says which traits it has.
const TRAITS: &str = "traits";

/// Reads which other files a spec includes.
pub fn includes(tree: &Tree, problems: &mut Problems) -> Vec<Include> {
    let Some(include) = tree.get("include") else { return Vec::new() };
    let listed = include.as_list().unwrap_or(std::slice::from_ref(include));
    listed.iter().filter_map(|tree| read_include(tree, problems)).collect()
}

fn read_include(tree: &Tree, problems: &mut Problems) -> Option<Include> {
    let place = tree.place.clone();
    if let Some(location) = tree.as_str() {
        return Some(Include { location: location.to_owned(), sha256: None, place });
    }
    let mut reader = MapReader::new(tree, problems, "an included file")?;
    let (path, url) = (reader.optional_str("path"), reader.optional_str("url"));
    let sha256 = reader.optional_str("sha256");
    if path.is_some() == url.is_some() {
        reader.problems().push(
            Problem::error("spec::include", "an included file has either a `path` or an `url`")
                .at(&place, "not one of them"),
        );
    }
    let is_digest = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(digest) = sha256.filter(|text| !is_digest(text)) {
        let at = tree.get("sha256").map_or(&place, |tree| &tree.place);
        reader.problems().push(
            Problem::error("spec::include", format!("`{digest}` is not a SHA-256"))
                .at(at, "64 hexadecimal digits are")
                .help("`sha256sum FILE` prints it"),
        );
    }
    reader.finish();
    let sha256 = sha256.filter(is_digest).map(str::to_ascii_lowercase);
    Some(Include { location: path.or(url)?.to_owned(), sha256, place })
}

/// The names of the scenarios that a file declares.
pub fn scenario_names(tree: &Tree) -> Vec<String> {
    let entries = tree.get("scenarios").and_then(Tree::as_map).unwrap_or_default();
    entries.iter().map(|entry| entry.key.clone()).collect()
}

impl Spec {
    /// Reads a spec from its files: what is included comes before what includes it, which has the last word.
    pub fn read(trees: &[Tree], choice: &Choice, compile: Compile<'_>, problems: &mut Problems) -> Option<Self> {
        let main = &trees.last()?.place;
        let mut parameters = Parameters::default();
        let mut scenarios = Scenarios::default();
        let (mut seed, mut fill, mut locale) = (None, None, None);
        let mut versions: BTreeMap<String, (u32, Place)> = BTreeMap::new();
        let mut records: Vec<&Entry> = Vec::new();
        for tree in trees {
            let mut root = MapReader::new(tree, problems, "a spec")?;
            let version = root.required("seedbed");
            seed = root.optional("seed").or(seed);
            fill = root.optional("fill").or(fill);
            locale = root.optional("locale").or(locale);
            let written_for = root.optional_map("version").unwrap_or_default();
            root.optional("include");
            let declared = root.optional_map("parameters").unwrap_or_default();
            let named = root.optional_map("scenarios").unwrap_or_default();
            records.extend(root.optional_map("records").unwrap_or_default());
            root.finish();
            if let Some(version) = version.filter(|version| version.as_integer() != Some(VERSION)) {
                problems.push(
                    Problem::error("spec::version", "this is no version of specs that is known here")
                        .at(&version.place, "not a known version")
                        .help("write `seedbed: 1`"),
                );
                return None;
            }
            parameters.declare(declared, problems);
            scenarios.read(named, problems);
            for entry in written_for {
                match entry.value.as_integer().and_then(|version| u32::try_from(version).ok()) {
                    Some(version) => drop(versions.insert(entry.key.clone(), (version, entry.value.place.clone()))),
                    None => problems.push(entry.value.wrong_type("the version of a service's data types")),
                }
            }
        }
        let (chosen, at) = match &choice.scenario {
            Some((name, place)) => (Some(name.as_str()), place.as_ref().unwrap_or(main)),
            None => (None, main),
        };
        for scenario in scenarios.choose(chosen, at, problems) {
            for entry in scenario.set {
                if let Some(value) = crate::rule::value(&entry.value, problems) {
                    parameters.set(&entry.key, value, &entry.key_place, problems);
                }
            }
            seed = scenario.seed.or(seed);
            fill = scenario.fill.or(fill);
            records.extend(scenario.records);
        }
        for (name, value, place) in &choice.set {
            let value = database::Datum::Text(value.clone());
            parameters.set(name, value, place.as_ref().unwrap_or(main), problems);
        }
        let locale = locale.and_then(|tree| Locale::read(tree, problems)).unwrap_or_default();
        let mut reader = Reader { rules: RuleReader { parameters: &parameters, compile, problems } };
        let seed = seed.and_then(|seed| reader.rules.number(seed)).unwrap_or(0);
        let fill = fill.and_then(|fill| reader.rules.number(fill));
        let entries = records.into_iter().map(|entry| reader.entry(entry)).collect();
        Some(Self { seed, fill, locale, versions, entries })
    }
}

impl Spec {
    /// All that it wants, in words: the same for specs that want the same, wherever that stands.
    pub fn words(&self) -> String {
        let mut words = format!("{} {:?} {:?} {:?}\n", self.seed, self.fill, self.locale, self.versions.keys());
        for entry in &self.entries {
            entry.write(&mut words);
        }
        words
    }
}

impl SpecEntry {
    fn write(&self, words: &mut String) {
        words.push_str(&self.name);
        for SpecGroup { group, traits, children, .. } in &self.groups {
            let traits: Vec<&String> = traits.iter().map(|(name, _)| name).collect();
            let Group { count, is_record, given, .. } = group;
            write!(words, " ({count} {is_record} {traits:?} {given:?}").expect("writing to a string cannot fail");
            for entry in children {
                entry.write(words);
            }
            words.push(')');
        }
        words.push('\n');
    }
}

struct Reader<'a, 'p> {
    rules: RuleReader<'a, 'p>,
}

impl Reader<'_, '_> {
    fn entry(&mut self, entry: &Entry) -> SpecEntry {
        let mut read = SpecEntry {
            name: entry.key.clone(),
            place: entry.key_place.clone(),
            groups: Vec::new(),
            fields: IndexMap::new(),
        };
        let groups: Vec<&Tree> = match &entry.value.node {
            Node::List(groups) => groups.iter().collect(),
            Node::Null => Vec::new(),
            _ => vec![&entry.value],
        };
        for group in groups {
            read.groups.extend(self.group(group, &mut read.fields));
        }
        read
    }

    /// `{ count: 10, … }`, a record `{ … }`, or a number alone.
    fn group(&mut self, tree: &Tree, places: &mut IndexMap<String, Place>) -> Option<SpecGroup> {
        let place = tree.place.clone();
        if !matches!(tree.node, Node::Map(_)) {
            let group = Group::of(self.rules.number(tree)?);
            return Some(SpecGroup { group, traits: Vec::new(), children: Vec::new(), place });
        }
        let group = Group { is_record: true, ..Group::of(1) };
        let mut read = SpecGroup { group, traits: Vec::new(), children: Vec::new(), place };
        for field in tree.as_map().unwrap_or_default() {
            if field.key == COUNT {
                read.group.is_record = false;
                read.group.count = self.rules.number(&field.value).unwrap_or(0);
                continue;
            }
            if field.key == TRAITS {
                read.traits = self.traits(&field.value);
                continue;
            }
            // A point before it makes any name that of a field.
            let name = field.key.strip_prefix('.').unwrap_or(&field.key);
            places.entry(name.to_owned()).or_insert_with(|| field.key_place.clone());
            // Records in a record: a list, or so many for each.
            let of_records = |list: &[Tree]| list.iter().all(|tree| tree.as_map().is_some());
            if field.value.as_list().is_some_and(of_records) || field.value.get(COUNT).is_some() {
                let children = self.entry(field);
                read.children.push(children);
            } else if let Some(given) = self.rules.given(&field.value) {
                read.group.given.insert(name.to_owned(), given);
            }
        }
        Some(read)
    }

    /// One name, or a list of names.
    fn traits(&mut self, tree: &Tree) -> Vec<(String, Place)> {
        let listed = tree.as_list().unwrap_or(std::slice::from_ref(tree));
        let name = |tree: &Tree| {
            if tree.as_str().is_none() {
                self.rules.problems.push(tree.wrong_type("the name of a trait"));
            }
            Some((tree.as_str()?.to_owned(), tree.place.clone()))
        };
        listed.iter().filter_map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use database::Datum;
    use source::{RenderOptions, SourceFile};

    use super::*;
    use crate::wanted::{Given, Pick, RecordRef, Spread};

    fn read_of(texts: &[&str], choice: &Choice) -> (Option<Spec>, String) {
        let tree = |(number, text): (usize, &&str)| {
            source::parse(&SourceFile::new(format!("spec{number}.yaml"), *text)).expect("it is YAML")
        };
        let trees: Vec<Tree> = texts.iter().enumerate().map(tree).collect();
        let mut problems = Problems::default();
        let compile = |_: &str| Err("there are no templates here".to_owned());
        let spec = Spec::read(&trees, choice, &compile, &mut problems);
        (spec, source::render(&problems, RenderOptions { color: false, width: 100 }))
    }

    fn read(text: &str, set: &[(&str, &str)]) -> (Option<Spec>, String) {
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned(), None)).collect();
        read_of(&[text], &Choice { set, ..Choice::default() })
    }

    #[test]
    fn all_forms_are_read() {
        let text = "
seedbed: 1
seed: 7
fill: 10
parameters: { learners: 20 }
records:
  users:
    - { username: ada, age: 36 }
    - count: ${learners}
      username: learner{n}
      age: { between: [18, 90] }
      plan: { weighted: { free: 8, paid: 2 } }
      org_id: { pick: { zipf: 1.5 } }
      country: { one_of: [de, fr] }
      score: { normal: [50, 10] }
      wait: { exponential: 3 }
      income: { lognormal: [30000, 0.5] }
      bio: { length: [20, 80] }
      seen: { after: { joined: [1, 30] } }
      nickname: { same_as: username }
      language: { from: country, map: { de: German }, else: French }
      traits: [staff, new]
      posts: [{ title: x }, { count: 2 }]
      .count: 4
  posts:
    - { author_id: { record: { username: ada } }, body: { json: { a: [1] } }, title: { text: '${no} {n}' } }
  likes:
    - { post_id: { record: { title: first, author_id: { record: { username: ada } } } } }
  tags: 5
";
        let (spec, said) = read(text, &[("learners", "30")]);
        assert_eq!(said, "");
        let spec = spec.unwrap();
        assert_eq!((spec.seed, spec.fill, spec.entries.len()), (7, Some(10), 4));
        let users = &spec.entries[0].groups;
        let (first, more) = (&users[0].group, &users[1]);
        assert!(first.is_record && !more.group.is_record);
        assert_eq!(more.group.count, 30);
        assert_eq!(more.group.given["count"], Given::Value(Datum::Integer(4)));
        let traits: Vec<&str> = more.traits.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(traits, ["staff", "new"]);
        assert_eq!((more.children.len(), more.children[0].groups.len()), (1, 2));
        let users = [first, &more.group];
        assert_eq!(users[1].given["username"], Given::Numbered(vec!["learner".to_owned(), String::new()]));
        assert_eq!(users[1].given["org_id"], Given::Pick(Pick::Spread(Spread::Zipf { exponent: 1.5 })));
        let beside = Given::Beside { column: "joined".to_owned(), greater: true, distance: Some((1.0, 30.0)) };
        assert_eq!(users[1].given["seen"], beside);
        assert_eq!(spec.entries[3].groups[0].group.count, 5);
        let title = &spec.entries[1].groups[0].group.given["title"];
        assert_eq!(*title, Given::Value(Datum::Text("${no} {n}".to_owned())));
        let text = |text: &str| Given::Value(Datum::Text(text.to_owned()));
        let record = |values: &[(&str, Given)]| {
            let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            Given::Records(vec![(RecordRef::By(values), 1)])
        };
        let post = record(&[("title", text("first")), ("author_id", record(&[("username", text("ada"))]))]);
        assert_eq!(spec.entries[2].groups[0].group.given["post_id"], post);
        assert_eq!(spec.entries[1].groups[0].group.given["body"], Given::Value(Datum::Text("{\"a\":[1]}".to_owned())));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let text = "
seedbed: 1
parameters: { learners: 20 }
records:
  users:
    count: ${learner}
    age: { betwen: [1, 2] }
    name: { json: [a] }
    plan: { pick: often }
    org: { record: { name: { one_of: [a] } } }
    bio: { length: [9, 2] }
    wait: { exponential: -1 }
    mail: '{{ name }}'
    kind: { from: name, mapp: {} }
";
        let (_, said) = read(text, &[("teachers", "1")]);
        for part in [
            "no parameter `learner`",
            "did you mean `between`",
            "length",
            "a mean above 0",
            "no templates here",
            "did you mean `map`",
            "a way to pick",
            "a record is known by values",
            "no parameter `teachers`",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn what_includes_has_the_last_word_and_scenarios_build_on_each_other() {
        let common = "
seedbed: 1
seed: 3
locale: de_DE
parameters: { learners: 1, teachers: 2 }
records: { learners: { count: '${learners}' } }
";
        let main = "
seedbed: 1
seed: 4
parameters: { teachers: 5 }
records: { teachers: { count: '${teachers}' } }
scenarios:
  demo: { set: { learners: 10 }, records: { courses: 1 } }
  large: { extends: demo, set: { learners: 20 }, seed: 9, records: { orgs: 2 } }
";
        let counts = |scenario: Option<&str>, set: &[(&str, &str)]| {
            let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned(), None)).collect();
            let scenario = scenario.map(|name| (name.to_owned(), None));
            let (spec, said) = read_of(&[common, main], &Choice { scenario, set });
            assert_eq!(said, "");
            let spec = spec.unwrap();
            assert_eq!(spec.locale, Locale::German);
            let counts = spec.entries.iter().map(|entry| (entry.name.clone(), entry.groups[0].group.count));
            (spec.seed, counts.collect::<Vec<_>>())
        };
        let named = |counts: &[(&str, u64)]| counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        assert_eq!(counts(None, &[]), (4, named(&[("learners", 1), ("teachers", 5)])));
        let large = named(&[("learners", 20), ("teachers", 5), ("courses", 1), ("orgs", 2)]);
        assert_eq!(counts(Some("large"), &[]), (9, large));
        let demo = named(&[("learners", 7), ("teachers", 5), ("courses", 1)]);
        assert_eq!(counts(Some("demo"), &[("learners", "7")]), (4, demo));
    }

    #[test]
    fn scenarios_that_cannot_be_are_said_once() {
        let text = "
seedbed: 1
scenarios:
  a: { extends: b }
  b: { extends: c }
  c: { extends: a }
  d: { extends: e, set: { learners: 1 } }
  f: { extends: a }
";
        let scenario = Some(("g".to_owned(), None));
        let (_, said) = read_of(&[text], &Choice { scenario, ..Choice::default() });
        assert_eq!(said.matches("scenarios build on each other").count(), 1, "{said}");
        assert!(said.contains("a → b → c → a"), "{said}");
        for part in ["no scenario `e`", "no scenario `g`"] {
            assert_eq!(said.matches(part).count(), 1, "{part}: {said}");
        }
    }

    #[test]
    fn includes_are_paths_and_addresses() {
        let read = |text: &str| {
            let tree = source::parse(&SourceFile::new("spec.yaml", text)).expect("it is YAML");
            let mut problems = Problems::default();
            let read = includes(&tree, &mut problems);
            let read: Vec<_> = read.into_iter().map(|include| (include.location, include.sha256)).collect();
            (read, source::render(&problems, RenderOptions { color: false, width: 100 }))
        };
        let digest = "A".repeat(64);
        let (read_all, said) = read(&format!("include: [a.yaml, {{ url: https://x/b.yaml, sha256: {digest} }}]"));
        assert_eq!(said, "");
        let expected = [("a.yaml".to_owned(), None), ("https://x/b.yaml".to_owned(), Some("a".repeat(64)))];
        assert_eq!(read_all, expected);
        let (_, said) = read("include: [{ path: a, url: b }, { pth: a }, { url: b, sha256: abc }, 3]");
        for part in ["either a `path` or an `url`", "did you mean `path`", "not a SHA-256", "an included file, which"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
