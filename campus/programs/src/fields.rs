//! Reading the fields of a JSON object that somebody sent: all that is wrong with them, and where.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::error::{Error, Fault};

/// What is said of a field that is not there.
pub const REQUIRED: &str = "This field is required.";
const NULL: &str = "This field may not be null.";
const BLANK: &str = "This field may not be blank.";

/// A JSON object, the place where it stands, and what was found wrong so far.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    place: String,
    faults: &'a mut Vec<Fault>,
}

/// How a text may be.
#[derive(Clone, Copy)]
pub struct Text {
    /// At most so many characters.
    pub longest: usize,
    /// Whether it may be empty. `null` stands for nothing, then.
    pub blank: bool,
}

/// A text of at most 255 characters, and at least one.
pub const NAME: Text = Text { longest: 255, blank: false };
/// A text of at most 255 characters, or none.
pub const OPTIONAL: Text = Text { longest: 255, blank: true };

/// Reads a whole object, and says all that is wrong with it.
pub fn read<T>(value: &Value, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, Error> {
    let Value::Object(object) = value else { return Err(Error::bad_request("The body has to be a JSON object.")) };
    let mut faults = Vec::new();
    let result = read(&mut Fields { object, place: String::new(), faults: &mut faults });
    if faults.is_empty() { Ok(result) } else { Err(Error::Invalid(faults)) }
}

impl Fields<'_> {
    /// Says that a field is wrong.
    pub fn fault(&mut self, field: &str, reason: impl Into<String>) {
        self.faults.push(Fault { field: format!("{}{field}", self.place), reason: reason.into() });
    }

    /// The field, if it is there.
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.object.get(field)
    }

    /// Says so if the field is not there.
    pub fn require(&mut self, field: &str) {
        if !self.object.contains_key(field) {
            self.fault(field, REQUIRED);
        }
    }

    /// A text without spaces around it; `None` if there is none, or a wrong one.
    pub fn text(&mut self, field: &str, text: Text) -> Option<String> {
        match self.object.get(field)? {
            Value::String(given) => {
                let given = given.trim();
                let fault = if given.is_empty() && !text.blank {
                    BLANK.to_owned()
                } else if given.contains(char::is_control) {
                    "Control characters are not allowed.".to_owned()
                } else if given.chars().count() > text.longest {
                    format!("Ensure this field has no more than {} characters.", text.longest)
                } else {
                    return Some(given.to_owned());
                };
                self.fault(field, fault);
                None
            }
            Value::Null if text.blank => Some(String::new()),
            Value::Null => {
                self.fault(field, NULL);
                None
            }
            _ => {
                self.fault(field, "Not a valid string.");
                None
            }
        }
    }

    /// A moment with its zone, as in RFC 3339.
    pub fn moment(&mut self, field: &str) -> Option<DateTime<Utc>> {
        let text = self.text(field, NAME)?;
        let moment = DateTime::parse_from_rfc3339(&text).ok().map(|moment| moment.to_utc());
        if moment.is_none() {
            self.fault(field, "A moment with its zone is needed, such as 2030-01-31T12:00:00Z.");
        }
        moment
    }

    /// The object in a field, read by `read`; its faults have the field before their names.
    pub fn object<T>(&mut self, field: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        let value = self.object.get(field)?;
        self.within(field, value, read)
    }

    /// The list of objects in a field, each read by `read`; `None` if there is none, or if it is no list of objects.
    pub fn list<T>(
        &mut self,
        field: &str,
        longest: usize,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Option<Vec<T>> {
        let items = match self.object.get(field)? {
            Value::Array(items) if items.len() <= longest => items,
            Value::Array(_) => {
                self.fault(field, format!("At most {longest} items are taken."));
                return None;
            }
            Value::Null => {
                self.fault(field, NULL);
                return None;
            }
            _ => {
                self.fault(field, "Expected a list of items.");
                return None;
            }
        };
        let read: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.within(&format!("{field}[{index}]"), item, &mut read))
            .collect();
        read.into_iter().collect()
    }

    fn within<T>(&mut self, place: &str, value: &Value, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        let Value::Object(object) = value else {
            self.fault(place, "Expected an object.");
            return None;
        };
        let place = format!("{}{place}.", self.place);
        Some(read(&mut Fields { object, place, faults: self.faults }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(value: &Value, look: impl FnOnce(&mut Fields<'_>)) -> Vec<(String, String)> {
        match read(value, look) {
            Err(Error::Invalid(faults)) => faults.into_iter().map(|fault| (fault.field, fault.reason)).collect(),
            Err(other) => vec![(String::new(), format!("{other:?}"))],
            Ok(()) => Vec::new(),
        }
    }

    #[test]
    fn texts_are_checked() {
        let text = |value: Value, blank| {
            let mut found = None;
            let text = Text { longest: 3, blank };
            let faults = faults(&json!({ "a": value }), |fields| found = fields.text("a", text));
            faults.into_iter().next().map_or_else(|| Ok(found.unwrap()), |(_, reason)| Err(reason))
        };
        assert_eq!(text(json!(" äöü "), false), Ok("äöü".to_owned()));
        assert_eq!(text(json!(null), true), Ok(String::new()));
        assert_eq!(text(json!(" "), true), Ok(String::new()));
        for (value, reason) in [
            (json!(null), NULL),
            (json!(" "), BLANK),
            (json!(7), "Not a valid string."),
            (json!("a\0"), "Control characters are not allowed."),
            (json!("a\nb"), "Control characters are not allowed."),
            (json!("four"), "Ensure this field has no more than 3 characters."),
        ] {
            assert_eq!(text(value, false), Err(reason.to_owned()));
        }
    }

    #[test]
    fn all_faults_are_found_with_their_places() {
        let value =
            json!({ "list": [{ "a": "x" }, { "a": 1 }, 2, { "inner": { "when": "today" } }], "long": [{}, {}] });
        let found = faults(&value, |fields| {
            fields.require("name");
            fields.list("list", 10, |fields| {
                fields.text("a", NAME);
                fields.object("inner", |fields| fields.moment("when"));
            });
            fields.list("long", 1, |_| ());
        });
        let places: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(places, ["name", "list[1].a", "list[2]", "list[3].inner.when", "long"]);
        assert_eq!(faults(&json!([]), |_| ()).len(), 1);
    }
}
