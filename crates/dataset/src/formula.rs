//! Formulas: defaults and other values of a data type, literal or made from the fields of a record.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Expression, Template, UndefinedBehavior, Value as TemplateValue};
use serde_json::{Map, Number, Value};
use source::{Node, Place, Problem, Problems, Tree};

use crate::functions::{FUNCTIONS, add_functions};

/// How deep the value of a template may be nested.
const MAX_DEPTH: usize = 64;

/// Makes the environment of templates: strict, without access to anything outside, with the functions of the format.
pub(crate) fn templates<'e>(seed: u64) -> Environment<'e> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the delimiters are the default ones"));
    add_functions(&mut environment, seed);
    environment
}

/// A value or how it is made; compiled once for all records of a type.
pub(crate) struct Formula<'e> {
    kind: Kind<'e>,
    /// The variables, each once, by name.
    pub needs: Vec<Need>,
    /// Where it stands.
    pub place: &'e Place,
}

enum Kind<'e> {
    Literal(Value),
    /// A single `{{ expression }}`, which keeps the type of its value.
    Expression(Expression<'e, 'e>),
    Text(Template<'e, 'e>),
    List(Vec<Formula<'e>>),
    Map(Vec<(String, Formula<'e>)>),
}

/// A variable of a template and the field that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    /// The name in the template.
    pub variable: String,
    /// What it stands for.
    pub from: NeedFrom,
}

/// The field that a variable stands for, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NeedFrom {
    /// A field of the same record.
    Own(usize),
    /// A field of the record to which a field of this record refers.
    Across { reference: usize, field: usize },
}

/// What a name in a template is.
pub(crate) enum Variable {
    Field(NeedFrom),
    Global,
}

impl<'e> Formula<'e> {
    /// Compiles a value of a data type; what is wrong with it is reported at its place. `resolve` tells what a
    /// variable is, or what is wrong with it.
    pub fn new(
        tree: &'e Tree,
        environment: &'e Environment<'e>,
        resolve: &dyn Fn(&str, &Place) -> Result<Variable, Problem>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut needs = Vec::new();
        let mut below = |formula: &Formula<'e>| needs.extend(formula.needs.iter().cloned());
        let kind = match &tree.node {
            Node::List(values) => {
                let formulas: Vec<_> =
                    values.iter().filter_map(|tree| Formula::new(tree, environment, resolve, problems)).collect();
                formulas.iter().for_each(&mut below);
                Kind::List(formulas)
            }
            Node::Map(entries) => {
                let formulas: Vec<_> = entries
                    .iter()
                    .filter_map(|entry| {
                        Some((entry.key.clone(), Formula::new(&entry.value, environment, resolve, problems)?))
                    })
                    .collect();
                formulas.iter().map(|(_, formula)| formula).for_each(&mut below);
                Kind::Map(formulas)
            }
            Node::String(text) if text.contains("{{") || text.contains("{%") => {
                let (kind, variables) = match template(text, environment) {
                    Ok(compiled) => compiled,
                    Err(error) => {
                        let said = said(&error);
                        problems.push(
                            Problem::error("dataset::template", format!("this template cannot be read: {said}"))
                                .at(&tree.place, "in this template"),
                        );
                        return None;
                    }
                };
                let before = problems.len();
                for variable in variables {
                    match call_of(text, &variable) {
                        Call::None => {}
                        Call::Only => continue,
                        Call::Also => {
                            let message = format!("`{variable}` is a function and a field in one template");
                            problems.push(
                                Problem::error("dataset::template", message)
                                    .at(&tree.place, "in this template")
                                    .help("give the result of the function a field of its own"),
                            );
                            continue;
                        }
                    }
                    match resolve(&variable, &tree.place) {
                        Ok(Variable::Global) => {}
                        Ok(Variable::Field(from)) => needs.push(Need { variable, from }),
                        Err(problem) => problems.push(problem),
                    }
                }
                if problems.len() > before {
                    return None;
                }
                kind
            }
            _ => Kind::Literal(tree.to_json()),
        };
        needs.sort();
        needs.dedup();
        Some(Self { kind, needs, place: &tree.place })
    }

    /// Works the value out; a variable for which `lookup` finds nothing is undefined, and its use an error.
    pub fn evaluate(&self, lookup: &dyn Fn(&Need) -> Option<Value>) -> Result<Value, String> {
        match &self.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::List(formulas) => formulas.iter().map(|formula| formula.evaluate(lookup)).collect(),
            Kind::Map(formulas) => {
                formulas.iter().map(|(key, formula)| Ok((key.clone(), formula.evaluate(lookup)?))).collect()
            }
            Kind::Expression(expression) => {
                let value = expression.eval(self.context(lookup)).map_err(|error| self.explained(&error, lookup))?;
                if value.is_undefined() {
                    return Err(self.undefined(lookup).unwrap_or_else(|| "its value is not defined".to_owned()));
                }
                to_json(&value)
            }
            Kind::Text(template) => {
                template.render(self.context(lookup)).map(Value::String).map_err(|error| self.explained(&error, lookup))
            }
        }
    }

    fn context(&self, lookup: &dyn Fn(&Need) -> Option<Value>) -> TemplateValue {
        let known = |need: &Need| Some((need.variable.clone(), from_json(&lookup(need)?)));
        TemplateValue::from_pairs(self.needs.iter().filter_map(known))
    }

    fn explained(&self, error: &minijinja::Error, lookup: &dyn Fn(&Need) -> Option<Value>) -> String {
        let said = said(error);
        // An operator does not say which of its operands is undefined.
        let is_undefined = error.kind() == minijinja::ErrorKind::UndefinedError || said.contains("undefined");
        self.undefined(lookup).filter(|_| is_undefined).unwrap_or(said)
    }

    fn undefined(&self, lookup: &dyn Fn(&Need) -> Option<Value>) -> Option<String> {
        let unknown: Vec<_> = self
            .needs
            .iter()
            .filter(|need| lookup(need).is_none())
            .map(|need| format!("`{}`", need.variable))
            .collect();
        let verb = if unknown.len() == 1 { "has" } else { "have" };
        (!unknown.is_empty()).then(|| format!("{} {verb} no value", unknown.join(" and ")))
    }
}

/// Compiles text with `{{ … }}` in it and returns the names that it uses, sorted.
fn template<'e>(text: &'e str, environment: &'e Environment<'e>) -> Result<(Kind<'e>, Vec<String>), minijinja::Error> {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let inner = inner.map(|inner| inner.strip_prefix('-').unwrap_or(inner));
    let inner = inner.map(|inner| inner.strip_suffix('-').unwrap_or(inner));
    // `{{ a }} and {{ b }}` also begins and ends like one expression, but what is between is none.
    let expression = inner.and_then(|inner| environment.compile_expression(inner).ok());
    let (kind, variables) = if let Some(expression) = expression {
        let variables = expression.undeclared_variables(false);
        (Kind::Expression(expression), variables)
    } else {
        let template = environment.template_from_str(text)?;
        let variables = template.undeclared_variables(false);
        (Kind::Text(template), variables)
    };
    let mut variables: Vec<_> = variables.into_iter().collect();
    variables.sort();
    Ok((kind, variables))
}

/// Whether a template calls a function.
pub(crate) enum Call {
    None,
    /// And uses its name for nothing else.
    Only,
    /// And uses a field of the same name.
    Also,
}

/// Tells a function from a field of the same name, as in `uuid: "{{ uuid(name) }}"`, by the parenthesis after it.
pub(crate) fn call_of(text: &str, name: &str) -> Call {
    if !FUNCTIONS.contains(&name) {
        return Call::None;
    }
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    let words = text.match_indices(name).filter(|(start, _)| {
        let (before, after) = (&text[..*start], &text[start + name.len()..]);
        let is_whole = !before.ends_with(is_letter) && !after.starts_with(is_letter);
        let is_text = before.ends_with(['\'', '"']) && after.starts_with(['\'', '"']);
        is_whole && !is_text && !before.ends_with('.')
    });
    let (calls, others): (Vec<_>, Vec<_>) =
        words.partition(|(start, _)| text[start + name.len()..].trim_start().starts_with('('));
    match (calls.is_empty(), others.is_empty()) {
        (true, _) => Call::None,
        (false, true) => Call::Only,
        (false, false) => Call::Also,
    }
}

/// Says what an error of the template library is about, without its made-up file name.
pub(crate) fn said(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Turns JSON into a value of the template library.
pub(crate) fn from_json(value: &Value) -> TemplateValue {
    match value {
        Value::Null => TemplateValue::from(()),
        Value::Bool(value) => TemplateValue::from(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => TemplateValue::from(value),
            (None, Some(value)) => TemplateValue::from(value),
            (None, None) => TemplateValue::from(number.as_f64()),
        },
        Value::String(text) => TemplateValue::from(text),
        Value::Array(values) => values.iter().map(from_json).collect(),
        Value::Object(entries) => {
            TemplateValue::from_pairs(entries.iter().map(|(key, value)| (key.clone(), from_json(value))))
        }
    }
}

/// Turns a value of the template library into JSON; says why if there is no such JSON.
pub(crate) fn to_json(value: &TemplateValue) -> Result<Value, String> {
    json_within(value, MAX_DEPTH)
}

fn json_within(value: &TemplateValue, depth: usize) -> Result<Value, String> {
    let Some(depth) = depth.checked_sub(1) else { return Err("the value is nested too deeply".to_owned()) };
    let elements = || value.try_iter().map_err(|error| said(&error));
    match value.kind() {
        ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::Number => {
            number(value).map(Value::Number).ok_or_else(|| format!("{value} is not a number that can be stored"))
        }
        ValueKind::String => Ok(Value::String(value.as_str().unwrap_or_default().to_owned())),
        ValueKind::Seq | ValueKind::Iterable => elements()?.map(|element| json_within(&element, depth)).collect(),
        ValueKind::Map => {
            let mut entries = Map::new();
            for key in elements()? {
                let element = value.get_item(&key).map_err(|error| said(&error))?;
                entries.insert(key.to_string(), json_within(&element, depth)?);
            }
            Ok(Value::Object(entries))
        }
        ValueKind::Undefined => Err("its value is not defined".to_owned()),
        other => Err(format!("a value of the kind `{other}` cannot be stored")),
    }
}

fn number(value: &TemplateValue) -> Option<Number> {
    if value.is_integer() {
        let signed = value.as_i64().map(Number::from);
        return signed.or_else(|| u64::try_from(value.clone()).ok().map(Number::from));
    }
    Number::from_f64(f64::try_from(value.clone()).ok()?)
}
