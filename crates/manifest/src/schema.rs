//! The JSON schema of `seedbed.yaml`, made from its declaration.

use serde_json::{Map, Value, json};

use crate::format::{LOCAL, MANIFEST};
use crate::grammar::{Field, Record, Shape};

/// Returns the JSON schema of the manifest. What it refuses the reader refuses too; the reader refuses more, since a
/// schema cannot tell whether a name is there.
pub fn schema() -> Value {
    schema_of(
        &MANIFEST,
        "seedbed.yaml",
        "Which environment a repository needs: its services, databases, dev data and dependencies.",
    )
}

/// Returns the JSON schema of `seedbed.local.yaml`.
pub fn local_schema() -> Value {
    schema_of(&LOCAL, "seedbed.local.yaml", "What one person has otherwise than the repository says; not committed.")
}

fn schema_of(format: &Record, title: &str, description: &str) -> Value {
    let mut definitions = Map::new();
    let root = record(format, false, &mut definitions);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
    });
    let all = schema.as_object_mut().expect("it was just made");
    all.extend(root);
    definitions.sort_keys();
    all.insert("$defs".to_owned(), Value::Object(definitions));
    schema
}

fn shape(shape: &Shape, in_overlay: bool, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let value = match shape {
        Shape::Text(None) => json!({ "type": "string" }),
        Shape::Text(Some(pattern)) => json!({ "type": "string", "pattern": pattern.regex }),
        Shape::Scalar => json!({ "type": ["string", "integer", "boolean"] }),
        Shape::Setting => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::True => json!({ "const": true }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Null => json!({ "type": "null" }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::List(of, 0) => json!({ "type": "array", "items": self::shape(of, in_overlay, definitions) }),
        Shape::List(of, least) => {
            json!({ "type": "array", "items": self::shape(of, in_overlay, definitions), "minItems": least })
        }
        Shape::Map(keys, of) => json!({
            "type": "object",
            "propertyNames": { "pattern": keys.regex },
            "additionalProperties": self::shape(of, in_overlay, definitions),
        }),
        Shape::Record(record) => reference(record, in_overlay, definitions),
        Shape::Keyed(key, with, without) => json!({
            "type": "object",
            "if": { "required": [key] },
            "then": reference(with, in_overlay, definitions),
            "else": self::shape(without, in_overlay, definitions),
        }),
        Shape::Either(shapes) => {
            let shapes: Vec<_> = shapes.iter().map(|of| self::shape(of, in_overlay, definitions)).collect();
            json!({ "anyOf": shapes })
        }
    };
    match value {
        Value::Object(map) => map,
        _ => unreachable!("every shape is an object"),
    }
}

/// Refers to the definition of a record, which is written when it is first needed.
fn reference(of: &Record, in_overlay: bool, definitions: &mut Map<String, Value>) -> Value {
    let name = if in_overlay { format!("{}-overlay", of.name) } else { of.name.to_owned() };
    if !definitions.contains_key(&name) {
        let definition = record(of, in_overlay, definitions);
        definitions.insert(name.clone(), Value::Object(definition));
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn record(record: &Record, in_overlay: bool, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let mut properties = Map::new();
    for Field { key, shape: of, doc, overlay, .. } in record.fields {
        let mut property = shape(of, in_overlay || *overlay, definitions);
        property.insert("description".to_owned(), Value::from(*doc));
        properties.insert((*key).to_owned(), Value::Object(property));
    }
    let mut map = Map::new();
    map.insert("type".to_owned(), Value::from("object"));
    map.insert("properties".to_owned(), Value::Object(properties));
    let required: Vec<_> = record.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    if !in_overlay && !required.is_empty() {
        map.insert("required".to_owned(), Value::from(required));
    }
    let mut pairs = Vec::new();
    for group in record.exclusive {
        for (index, first) in group.iter().enumerate() {
            for second in &group[index + 1..] {
                pairs.push(json!({ "not": { "required": [first, second] } }));
            }
        }
    }
    if !pairs.is_empty() {
        map.insert("allOf".to_owned(), Value::Array(pairs));
    }
    map.insert("additionalProperties".to_owned(), Value::from(false));
    map
}
