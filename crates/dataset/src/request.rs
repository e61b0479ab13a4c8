//! What the templates of a request stand for, once the fields of its record are known.

use serde_json::{Map, Value};
use source::{Problem, Problems, Tree};

use crate::formula::{Formula, NeedFrom, Variable, templates};

/// Fills in the fields of a record. `shown` makes of each field what the template sees of it.
pub fn filled(tree: &Tree, fields: &Map<String, Value>, shown: &dyn Fn(&Value) -> Value) -> Result<Value, String> {
    let templates = templates(0);
    let mut problems = Problems::new();
    let is_global = |name: &str| templates.globals().any(|(global, _)| global == name);
    let resolve = |name: &str, _: &source::Place| -> Result<Variable, Problem> {
        Ok(if is_global(name) { Variable::Global } else { Variable::Field(NeedFrom::Own(0)) })
    };
    let formula = Formula::new(tree, &templates, &resolve, &mut problems);
    let formula = formula.ok_or_else(|| problems.iter().map(|problem| problem.message.clone()).collect::<String>())?;
    formula.evaluate(&|need| fields.get(&need.variable).map(shown))
}
