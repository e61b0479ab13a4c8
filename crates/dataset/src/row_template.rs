//! Templates over the values of one row, for rows that no spec lists one by one.

use minijinja::Environment;
use serde_json::Value;

use crate::formula::{Call, call_of, from_json, said, templates, to_json};

/// A template over the values of one row, compiled once.
#[derive(Debug)]
pub struct RowTemplate {
    text: String,
    names: Vec<String>,
    environment: Environment<'static>,
}

/// What the template is called in its environment, and what the value of a single expression is called in it.
const NAME: &str = "row";
const VALUE: &str = "seedbed_value";

/// How templates call the number of the row.
const NUMBER: &str = "n";

impl RowTemplate {
    /// Compiles a template, or says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut environment: Environment<'static> = templates(0);
        let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        // `{{ a }} and {{ b }}` also begins and ends like one expression, but what is between is none.
        let inner = inner.filter(|inner| environment.compile_expression(inner).is_ok());
        let source = match inner {
            Some(expression) => format!("{{% set {VALUE} = ({expression}) %}}"),
            None => text.to_owned(),
        };
        environment.add_template_owned(NAME, source).map_err(|error| said(&error))?;
        let template = environment.get_template(NAME).expect("it was just added");
        let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        names.sort();
        for name in &names {
            if matches!(call_of(text, name), Call::Also) {
                return Err(format!("`{name}` is a function and a field in one template"));
            }
        }
        let is_global = |name: &str| environment.globals().any(|(global, _)| global == name);
        names.retain(|name| name != NUMBER && !matches!(call_of(text, name), Call::Only) && !is_global(name));
        Ok(Self { text: text.to_owned(), names, environment })
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The fields that it uses, each once; the number of the row, `n`, is not among them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Works it out from the values of its fields, in their order, and the number of the row. A template that is a single
    /// `{{ expression }}` keeps the type of its value.
    pub fn evaluate(&self, values: &[Value], number: u64) -> Result<Value, String> {
        let template = self.environment.get_template(NAME).expect("it was added when this was made");
        let named = self.names.iter().cloned().zip(values.iter().map(from_json));
        let number = [(NUMBER.to_owned(), minijinja::Value::from(number))];
        let context = minijinja::Value::from_pairs(named.chain(number));
        if !template.source().starts_with(&format!("{{% set {VALUE}")) {
            return template.render(context).map(Value::String).map_err(|error| said(&error));
        }
        let rendered = template.render_captured(context).map_err(|error| said(&error))?;
        match rendered.state().lookup(VALUE) {
            Some(value) if !value.is_undefined() => to_json(&value),
            _ => Err("its value is not defined".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_keep_their_types_and_texts_are_put_together() {
        for (text, names, values, expected) in [
            ("{{ price * 2 }}", vec!["price"], vec![json!(21)], json!(42)),
            ("{{ first | lower }}.{{ n }}", vec!["first"], vec![json!("Ada")], json!("ada.7")),
            ("{{ n % 2 == 1 }}", vec![], vec![], json!(true)),
            ("{% if age >= 18 %}adult{% else %}minor{% endif %}", vec!["age"], vec![json!(20)], json!("adult")),
            ("{{ number(1, city) }}{{ epoch }}", vec!["city"], vec![json!("Rome")], json!("02025-01-01T00:00:00Z")),
        ] {
            let template = RowTemplate::new(text).unwrap();
            assert_eq!(template.names(), names, "{text}");
            assert_eq!(template.evaluate(&values, 7), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_worked_out_is_said() {
        assert!(RowTemplate::new("{{ a + }}").unwrap_err().contains("syntax"));
        assert!(RowTemplate::new("{{ a").is_err());
        let template = RowTemplate::new("{{ a.b.c }}").unwrap();
        assert!(template.evaluate(&[json!(1)], 1).unwrap_err().contains("undefined"));
    }
}
