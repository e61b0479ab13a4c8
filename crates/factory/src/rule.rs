//! Reads what a spec gives for a field: a value, a text with numbers or fields in it, or a rule by which values are chosen.

use std::sync::Arc;

use database::Datum;
use indexmap::IndexMap;
use source::{Entry, Node, Problem, Problems, Tree};

use crate::parameters::Parameters;
use crate::wanted::{Given, Operand, Pick, RecordRef, RowTemplate, Spread, Template};

/// Compiles a template, or says what is wrong with it.
pub type Compile<'a> = &'a dyn Fn(&str) -> Result<Arc<dyn RowTemplate>, String>;

/// The rules by which values are chosen.
pub const RULES: [&str; 16] = [
    "one_of",
    "weighted",
    "between",
    "recent",
    "normal",
    "exponential",
    "lognormal",
    "length",
    "same_as",
    "from",
    "after",
    "before",
    "pick",
    "record",
    "json",
    "text",
];

/// What stands beside `from`.
const FROM: [&str; 3] = ["from", "map", "else"];

/// Reads what is given for fields; other fields of the record are called as the spec calls them.
pub(crate) struct RuleReader<'a, 'p> {
    pub(crate) parameters: &'a Parameters,
    pub(crate) compile: Compile<'a>,
    pub(crate) problems: &'p mut Problems,
}

/// Reads what is given for a field outside of a spec, where there are no parameters: a trait of a data type, say.
pub fn read_given(tree: &Tree, compile: Compile<'_>, problems: &mut Problems) -> Option<Given> {
    RuleReader { parameters: &Parameters::default(), compile, problems }.given(tree)
}

impl RuleReader<'_, '_> {
    /// A value, a text with numbers or fields in it, or a rule.
    pub(crate) fn given(&mut self, tree: &Tree) -> Option<Given> {
        if tree.as_map().is_some() {
            return self.rule(tree);
        }
        match self.value(tree)? {
            Datum::Text(text) if text.contains("{{") || text.contains("{%") => match (self.compile)(&text) {
                Ok(formula) => {
                    let operands = formula.names().iter().map(|name| Operand::own(name)).collect();
                    Some(Given::Template(Template { formula, operands }))
                }
                Err(said) => {
                    let message = format!("this template cannot be read: {said}");
                    self.problems.push(Problem::error("spec::template", message).at(&tree.place, "in this template"));
                    None
                }
            },
            Datum::Text(text) if text.contains("{n}") => {
                Some(Given::Numbered(text.split("{n}").map(str::to_owned).collect()))
            }
            value => Some(Given::Value(value)),
        }
    }

    fn rule(&mut self, tree: &Tree) -> Option<Given> {
        let entries = tree.as_map().unwrap_or_default();
        if tree.get("from").is_some() {
            return self.mapped(tree, entries);
        }
        let [rule] = entries else {
            self.problems.push(
                Problem::error("spec::rule", "a rule for values is a map of one key")
                    .at(&tree.place, "there are others, or none")
                    .help(format!("the rules are {}", listed())),
            );
            return None;
        };
        let value = &rule.value;
        Some(match rule.key.as_str() {
            "one_of" => {
                let values = value.as_list().filter(|values| !values.is_empty());
                let values = self.wanted(values, value, "a list of values")?;
                let values = values.iter().map(|value| Some((self.value(value)?, 1)));
                Given::OneOf(values.collect::<Option<Vec<_>>>()?)
            }
            "weighted" => Given::OneOf(self.weighted(value)?),
            "between" => {
                let (least, greatest) = self.two_texts(value)?;
                Given::Between(least, greatest)
            }
            "recent" => {
                let (least, greatest) = self.two_texts(value)?;
                Given::Recent(least, greatest)
            }
            "normal" => {
                let (mean, deviation) = self.two_floats(value, "a list of the mean and the standard deviation")?;
                Given::Normal { mean, deviation }
            }
            "exponential" => {
                let mean = self.float(value).filter(|mean| *mean > 0.0);
                Given::Exponential { mean: self.wanted(mean, value, "a mean above 0")? }
            }
            "lognormal" => {
                let what = "a list of the median, which is above 0, and the standard deviation of the logarithm";
                let (median, deviation) = self.two_floats(value, what)?;
                let median = self.wanted(Some(median).filter(|median| *median > 0.0), value, what)?;
                Given::LogNormal { median, deviation }
            }
            "length" => {
                let what = "a list of the least and the greatest length";
                let [least, greatest] = self.wanted(value.as_list(), value, what)? else {
                    self.problems.push(value.wrong_type(what));
                    return None;
                };
                let length = |number: u64| u32::try_from(number).ok();
                let (least, greatest) = (length(self.number(least)?), length(self.number(greatest)?));
                let ends = least.zip(greatest).filter(|(least, greatest)| least <= greatest && *greatest > 0);
                let (least, greatest) = self.wanted(ends, value, what)?;
                Given::Length(least, greatest)
            }
            "same_as" => Given::SameAs(self.field(value)?),
            "after" => self.beside(value, true)?,
            "before" => self.beside(value, false)?,
            "pick" => Given::Pick(Pick::Spread(self.spread(value)?)),
            "record" => {
                let fields = value.as_map().filter(|fields| !fields.is_empty());
                let fields = self.wanted(fields, value, "the values by which a record is known, which is a map")?;
                let fields = fields.iter().map(|field| Some((field.key.clone(), self.known_by(&field.value)?)));
                Given::Records(vec![(RecordRef::By(fields.collect::<Option<IndexMap<_, _>>>()?), 1)])
            }
            "text" => {
                let text = self.wanted(value.as_str(), value, "a text, which stays as it is")?;
                Given::Value(Datum::Text(text.to_owned()))
            }
            "json" => Given::Value(Datum::Text(value.to_json().to_string())),
            other => {
                let help = match source::closest(other, RULES) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the rules are {}", listed()),
                };
                self.problems.push(
                    Problem::error("spec::rule", format!("there is no rule `{other}` for values"))
                        .at(&rule.key_place, "not a rule")
                        .help(help),
                );
                return None;
            }
        })
    }

    /// A part of what a record is known by: a value, or the record that it refers to itself.
    fn known_by(&mut self, tree: &Tree) -> Option<Given> {
        if tree.as_map().is_none() {
            return self.value(tree).map(Given::Value);
        }
        let known = self.rule(tree)?;
        if !matches!(known, Given::Records(_) | Given::Value(_)) {
            self.problems.push(
                Problem::error("spec::rule", "a record is known by values")
                    .at(&tree.place, "a rule that makes values")
                    .help("write a value, or `{ record: … }` for what the record refers to itself"),
            );
            return None;
        }
        Some(known)
    }

    /// `{ from: FIELD, map: { VALUE: VALUE }, else: VALUE }`.
    fn mapped(&mut self, tree: &Tree, entries: &[Entry]) -> Option<Given> {
        for entry in entries.iter().filter(|entry| !FROM.contains(&entry.key.as_str())) {
            let help = match source::closest(&entry.key, FROM) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "beside `from` there are `map` and `else`".to_owned(),
            };
            self.problems.push(
                Problem::error("spec::rule", format!("`{}` is not part of the rule `from`", entry.key))
                    .at(&entry.key_place, "not part of it")
                    .help(help),
            );
        }
        let from = self.field(tree.get("from")?)?;
        let map = tree.get("map").and_then(Tree::as_map).filter(|map| !map.is_empty());
        let map = self.wanted(map, tree.get("map").unwrap_or(tree), "a `map` from values to values")?;
        let pairs = map.iter().map(|pair| Some((pair.key.clone(), self.value(&pair.value)?)));
        let map = pairs.collect::<Option<IndexMap<_, _>>>()?;
        let otherwise = match tree.get("else") {
            Some(value) => self.value(value)?,
            None => Datum::Null,
        };
        Some(Given::Mapped { from, map, otherwise })
    }

    /// `FIELD`, or `{ FIELD: [LEAST, GREATEST] }`.
    fn beside(&mut self, tree: &Tree, greater: bool) -> Option<Given> {
        if let Some([field]) = tree.as_map() {
            let what = "the least and the greatest distance, neither below 0";
            let ends = self.two_floats(&field.value, what)?;
            let ends = Some(ends).filter(|(least, greatest)| *least >= 0.0 && least <= greatest);
            let distance = Some(self.wanted(ends, &field.value, what)?);
            return Some(Given::Beside { column: field.key.clone(), greater, distance });
        }
        Some(Given::Beside { column: self.field(tree)?, greater, distance: None })
    }

    fn spread(&mut self, tree: &Tree) -> Option<Spread> {
        match (tree.as_str(), tree.as_map()) {
            (Some("uniform"), _) => Some(Spread::Uniform),
            (Some("zipf"), _) => Some(Spread::Zipf { exponent: 1.0 }),
            (_, Some([zipf])) if zipf.key == "zipf" => {
                let exponent = self.float(&zipf.value).filter(|exponent| *exponent > 0.0);
                Some(Spread::Zipf { exponent: self.wanted(exponent, &zipf.value, "an exponent above 0")? })
            }
            _ => {
                let help = "write `uniform`, `zipf` or `{ zipf: EXPONENT }`";
                self.problems.push(tree.wrong_type("a way to pick").help(help));
                None
            }
        }
    }

    fn weighted(&mut self, tree: &Tree) -> Option<Vec<(Datum, u64)>> {
        let weights = tree.as_map().filter(|weights| !weights.is_empty());
        let weights = self.wanted(weights, tree, "a map from values to weights")?;
        let weighted = weights.iter().map(|entry| {
            let weight = self.number(&entry.value)?;
            Some((Datum::Text(entry.key.clone()), weight))
        });
        weighted.collect()
    }

    /// The name of another field of the record.
    fn field(&mut self, tree: &Tree) -> Option<String> {
        self.wanted(tree.as_str().map(str::to_owned), tree, "the name of another field")
    }

    fn two_texts(&mut self, tree: &Tree) -> Option<(String, String)> {
        let what = "a list of the least and the greatest value";
        let Some([least, greatest]) = tree.as_list() else {
            self.problems.push(tree.wrong_type(what));
            return None;
        };
        Some((self.value(least)?.text()?, self.value(greatest)?.text()?))
    }

    fn two_floats(&mut self, tree: &Tree, what: &str) -> Option<(f64, f64)> {
        let Some([first, second]) = tree.as_list() else {
            self.problems.push(tree.wrong_type(what));
            return None;
        };
        Some((self.float(first)?, self.float(second)?))
    }

    fn float(&mut self, tree: &Tree) -> Option<f64> {
        let number = self.value(tree)?.text().and_then(|text| text.parse().ok());
        self.wanted(number.filter(|number: &f64| number.is_finite()), tree, "a number")
    }

    /// A number of rows: digits, or a parameter that has them.
    pub(crate) fn number(&mut self, tree: &Tree) -> Option<u64> {
        let value = self.value(tree)?;
        let number = value.text().and_then(|text| text.replace('_', "").parse().ok());
        self.wanted(number, tree, "a whole number that is not negative")
    }

    /// A value, with `${…}` replaced by parameters.
    pub(crate) fn value(&mut self, tree: &Tree) -> Option<Datum> {
        match tree.as_str().filter(|text| text.contains("${")) {
            Some(text) => self.parameters.replace(text, &tree.place, self.problems),
            None => value(tree, self.problems),
        }
    }

    fn wanted<T>(&mut self, read: Option<T>, tree: &Tree, what: &str) -> Option<T> {
        if read.is_none() {
            self.problems.push(tree.wrong_type(what));
        }
        read
    }
}

fn listed() -> String {
    let quoted: Vec<String> = RULES.iter().map(|rule| format!("`{rule}`")).collect();
    quoted.join(", ")
}

/// A value as it stands there.
pub(crate) fn value(tree: &Tree, problems: &mut Problems) -> Option<Datum> {
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
