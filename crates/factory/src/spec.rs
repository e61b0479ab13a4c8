//! Reads a spec of our own form: how many rows of which tables, and what is given of them.

use std::collections::BTreeMap;

use database::Datum;
use indexmap::IndexMap;
use source::{Entry, MapReader, Node, Place, Problem, Problems, Tree};

use crate::wanted::{Given, Group, Spread};

/// A spec of our own form.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// What all values depend on.
    pub seed: u64,
    /// How many rows every table shall have that is not named.
    pub fill: Option<u64>,
    /// What is wanted of each data type or table, in the order of the file.
    pub entries: Vec<SpecEntry>,
}

/// What is wanted of one data type or table.
#[derive(Clone, Debug)]
pub struct SpecEntry {
    /// `TYPE`, `SERVICE.TYPE`, or the same with the name of a table.
    pub name: String,
    /// Where that stands.
    pub place: Place,
    /// The rows.
    pub groups: Vec<Group>,
    /// Where each field is first named.
    pub fields: BTreeMap<String, Place>,
}

/// Says whether a file is a spec of our own form: it has `records` or `fill`, and a version.
pub fn is_own(tree: &Tree) -> bool {
    tree.get("seedbed").is_some()
}

/// The keys of a spec.
const VERSION: i64 = 1;

/// How a group says how many rows it has.
const COUNT: &str = "count";

impl Spec {
    /// Reads a spec; `set` are the parameters that are given in other places.
    pub fn read(tree: &Tree, set: &BTreeMap<String, String>, problems: &mut Problems) -> Option<Self> {
        let mut root = MapReader::new(tree, problems, "a spec")?;
        let version = root.required("seedbed");
        let seed = root.optional("seed");
        let fill = root.optional("fill");
        let declared = root.optional_map("parameters").unwrap_or_default();
        let records = root.optional_map("records").unwrap_or_default();
        root.finish();
        if let Some(version) = version.filter(|version| version.as_integer() != Some(VERSION)) {
            problems.push(
                Problem::error("spec::version", "this is no version of specs that is known here")
                    .at(&version.place, "not a known version")
                    .help("write `seedbed: 1`"),
            );
            return None;
        }
        let mut parameters: BTreeMap<&str, Datum> = BTreeMap::new();
        for entry in declared {
            let value = match set.get(&entry.key) {
                Some(value) => Some(Datum::Text(value.clone())),
                None => value(&entry.value, problems),
            };
            parameters.extend(value.map(|value| (entry.key.as_str(), value)));
        }
        for name in set.keys().filter(|name| !parameters.contains_key(name.as_str())) {
            let known = source::closest(name, parameters.keys().copied());
            let help = known.map(|known| format!("did you mean `{known}`?"));
            problems.push(
                Problem::error("spec::parameter", format!("the spec has no parameter `{name}`"))
                    .at(&tree.place, "`parameters` names those that can be set")
                    .maybe_help(help),
            );
        }
        let mut reader = Reader { parameters, problems };
        let seed = seed.and_then(|seed| reader.number(seed)).unwrap_or(0);
        let fill = fill.and_then(|fill| reader.number(fill));
        let entries = records.iter().map(|entry| reader.entry(entry)).collect();
        Some(Self { seed, fill, entries })
    }
}

struct Reader<'a> {
    parameters: BTreeMap<&'a str, Datum>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn entry(&mut self, entry: &Entry) -> SpecEntry {
        let mut read = SpecEntry {
            name: entry.key.clone(),
            place: entry.key_place.clone(),
            groups: Vec::new(),
            fields: BTreeMap::new(),
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
    fn group(&mut self, tree: &Tree, places: &mut BTreeMap<String, Place>) -> Option<Group> {
        if !matches!(tree.node, Node::Map(_)) {
            let count = self.number(tree)?;
            return Some(Group { count, is_record: false, given: IndexMap::new() });
        }
        let mut group = Group { count: 1, is_record: true, given: IndexMap::new() };
        for field in tree.as_map().unwrap_or_default() {
            if field.key == COUNT {
                group.is_record = false;
                group.count = self.number(&field.value).unwrap_or(0);
                continue;
            }
            places.entry(field.key.clone()).or_insert_with(|| field.key_place.clone());
            if let Some(given) = self.given(&field.value) {
                group.given.insert(field.key.clone(), given);
            }
        }
        Some(group)
    }

    /// A number of rows: digits, or a parameter that has them.
    fn number(&mut self, tree: &Tree) -> Option<u64> {
        let value = self.value(tree)?;
        let number = value.text().and_then(|text| text.replace('_', "").parse().ok());
        if number.is_none() {
            self.problems.push(tree.wrong_type("a whole number that is not negative"));
        }
        number
    }

    fn given(&mut self, tree: &Tree) -> Option<Given> {
        if tree.as_map().is_some() {
            return self.rule(tree);
        }
        match self.value(tree)? {
            Datum::Text(text) if text.contains("{n}") => {
                Some(Given::Numbered(text.split("{n}").map(str::to_owned).collect()))
            }
            value => Some(Given::Value(value)),
        }
    }

    /// A map of one key, which says how values are chosen.
    fn rule(&mut self, tree: &Tree) -> Option<Given> {
        const RULES: &str = "`one_of`, `weighted`, `between`, `normal`, `pick`, `record`, `json` and `text`";
        let [rule] = tree.as_map().unwrap_or_default() else {
            self.problems.push(
                Problem::error("spec::rule", "a rule for values is a map of one key")
                    .at(&tree.place, "there are others, or none")
                    .help(format!("the rules are {RULES}")),
            );
            return None;
        };
        let value = &rule.value;
        match rule.key.as_str() {
            "one_of" => {
                let values = value.as_list().filter(|values| !values.is_empty()).or_else(|| {
                    self.problems.push(value.wrong_type("a list of values"));
                    None
                })?;
                let values = values.iter().map(|value| Some((self.value(value)?, 1)));
                Some(Given::OneOf(values.collect::<Option<Vec<_>>>()?))
            }
            "weighted" => {
                let weights = value.as_map().filter(|weights| !weights.is_empty()).or_else(|| {
                    self.problems.push(value.wrong_type("a map from values to weights"));
                    None
                })?;
                let weighted = weights.iter().map(|entry| {
                    let weight = self.number(&entry.value)?;
                    Some((Datum::Text(entry.key.clone()), weight))
                });
                Some(Given::OneOf(weighted.collect::<Option<Vec<_>>>()?))
            }
            "between" => {
                let Some([least, greatest]) = value.as_list() else {
                    self.problems.push(value.wrong_type("a list of the least and the greatest value"));
                    return None;
                };
                Some(Given::Between(self.value(least)?.text()?, self.value(greatest)?.text()?))
            }
            "normal" => {
                let Some([mean, deviation]) = value.as_list() else {
                    self.problems.push(value.wrong_type("a list of the mean and the standard deviation"));
                    return None;
                };
                Some(Given::Normal { mean: self.float(mean)?, deviation: self.float(deviation)? })
            }
            "pick" => match (value.as_str(), value.as_map()) {
                (Some("uniform"), _) => Some(Given::Pick(Spread::Uniform)),
                (Some("zipf"), _) => Some(Given::Pick(Spread::Zipf { exponent: 1.0 })),
                (_, Some([zipf])) if zipf.key == "zipf" => {
                    let exponent = self.float(&zipf.value).filter(|exponent| *exponent > 0.0).or_else(|| {
                        self.problems.push(zipf.value.wrong_type("an exponent above 0"));
                        None
                    })?;
                    Some(Given::Pick(Spread::Zipf { exponent }))
                }
                _ => {
                    self.problems.push(
                        value.wrong_type("a way to pick").help("write `uniform`, `zipf` or `{ zipf: EXPONENT }`"),
                    );
                    None
                }
            },
            "record" => {
                let fields = value.as_map().filter(|fields| !fields.is_empty()).or_else(|| {
                    self.problems.push(value.wrong_type("the values by which a record is known, which is a map"));
                    None
                })?;
                let fields = fields.iter().map(|field| Some((field.key.clone(), self.known_by(&field.value)?)));
                Some(Given::Record(fields.collect::<Option<IndexMap<_, _>>>()?))
            }
            "text" => {
                let text = value.as_str().or_else(|| {
                    self.problems.push(value.wrong_type("a text, which stays as it is"));
                    None
                })?;
                Some(Given::Value(Datum::Text(text.to_owned())))
            }
            "json" => Some(Given::Value(Datum::Text(value.to_json().to_string()))),
            other => {
                let known = ["one_of", "weighted", "between", "normal", "pick", "record", "json", "text"];
                let help = match source::closest(other, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the rules are {RULES}"),
                };
                self.problems.push(
                    Problem::error("spec::rule", format!("there is no rule `{other}` for values"))
                        .at(&rule.key_place, "not a rule")
                        .help(help),
                );
                None
            }
        }
    }

    /// A part of what a record is known by: a value, or the record that it refers to itself.
    fn known_by(&mut self, tree: &Tree) -> Option<Given> {
        if tree.as_map().is_none() {
            return self.value(tree).map(Given::Value);
        }
        let known = self.rule(tree)?;
        if !matches!(known, Given::Record(_) | Given::Value(_)) {
            self.problems.push(
                Problem::error("spec::rule", "a record is known by values")
                    .at(&tree.place, "a rule that makes values")
                    .help("write a value, or `{ record: … }` for what the record refers to itself"),
            );
            return None;
        }
        Some(known)
    }

    fn float(&mut self, tree: &Tree) -> Option<f64> {
        let number =
            self.value(tree)?.text().and_then(|text| text.parse().ok()).filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.problems.push(tree.wrong_type("a number"));
        }
        number
    }

    /// A value, with `${…}` replaced by parameters.
    fn value(&mut self, tree: &Tree) -> Option<Datum> {
        let Some(text) = tree.as_str().filter(|text| text.contains("${")) else { return value(tree, self.problems) };
        if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
            && let Some(value) = self.parameters.get(name)
        {
            return Some(value.clone());
        }
        let mut replaced = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            replaced.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let Some(value) = self.parameters.get(name) else {
                let known = source::closest(name, self.parameters.keys().copied());
                self.problems.push(
                    Problem::error("spec::parameter", format!("there is no parameter `{name}`"))
                        .at(&tree.place, "used here")
                        .maybe_help(known.map(|known| format!("did you mean `{known}`?"))),
                );
                return None;
            };
            value.write(&mut replaced);
            rest = after;
        }
        replaced.push_str(rest);
        Some(Datum::Text(replaced))
    }
}

fn value(tree: &Tree, problems: &mut Problems) -> Option<Datum> {
    Some(match &tree.node {
        Node::Null => Datum::Null,
        Node::Bool(value) => Datum::Boolean(*value),
        Node::Integer(value) => Datum::Integer(*value),
        Node::Float(value) => Datum::Float(*value),
        Node::String(text) => Datum::Text(text.clone()),
        Node::List(_) | Node::Map(_) => {
            problems.push(tree.wrong_type("a value").help("a document is written `{ json: … }`"));
            return None;
        }
    })
}

#[cfg(test)]
mod tests {
    use source::{RenderOptions, SourceFile};

    use super::*;

    fn read(text: &str, set: &[(&str, &str)]) -> (Option<Spec>, String) {
        let file = SourceFile::new("spec.yaml", text);
        let tree = source::parse(&file).expect("it is YAML");
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut problems = Problems::default();
        let spec = Spec::read(&tree, &set, &mut problems);
        (spec, source::render(&problems, RenderOptions { color: false, width: 100 }))
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
        assert!(users[0].is_record && !users[1].is_record);
        assert_eq!(users[1].count, 30);
        assert_eq!(users[1].given["username"], Given::Numbered(vec!["learner".to_owned(), String::new()]));
        assert_eq!(users[1].given["org_id"], Given::Pick(Spread::Zipf { exponent: 1.5 }));
        assert_eq!(spec.entries[3].groups[0].count, 5);
        assert_eq!(spec.entries[1].groups[0].given["body"], Given::Value(Datum::Text("{\"a\":[1]}".to_owned())));
        assert_eq!(spec.entries[1].groups[0].given["title"], Given::Value(Datum::Text("${no} {n}".to_owned())));
        let text = |text: &str| Given::Value(Datum::Text(text.to_owned()));
        let author = Given::Record(IndexMap::from([("username".to_owned(), text("ada"))]));
        let post = IndexMap::from([("title".to_owned(), text("first")), ("author_id".to_owned(), author)]);
        assert_eq!(spec.entries[2].groups[0].given["post_id"], Given::Record(post));
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
    name: [a]
    plan: { pick: often }
    org: { record: { name: { one_of: [a] } } }
";
        let (_, said) = read(text, &[("teachers", "1")]);
        for part in [
            "no parameter `learner`",
            "did you mean `between`",
            "expected a value",
            "a way to pick",
            "a record is known by values",
            "no parameter `teachers`",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
