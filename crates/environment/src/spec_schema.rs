//! The JSON schema of specs for one environment: its services, data types, tables, fields, traits and words of lists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use database::{ColumnDescription, Description, Kind, TableDescription};
use dataset::{DataType, FieldKind, Maker};
use factory::{Locale, Plan, Wanted};
use plan::DatabaseId;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::context::{Context, Mode, Target};
use crate::databases::reachable;
use crate::load::relational;
use crate::session::Session;

/// What it is called in the directory of an environment.
const FILE: &str = "specs.schema.json";

/// Makes the schema of specs for an environment, and puts it where editors find it; gives where that is.
///
/// What it refuses is refused by `load`, too, which refuses more. Names without a service are those of the root workspace.
pub fn spec_schema(context: &Context<'_>, target: &Target) -> Result<(Value, PathBuf), Error> {
    if crate::record::Record::read(target.place(context).directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let session = Session::open(context, target, &Mode::Look(None), "schema")?;
    let mut maker = SchemaMaker { session: &session, records: Map::new(), lists: Map::new(), definitions: Map::new() };
    let mut described: Vec<(DatabaseId, Description)> = Vec::new();
    for id in relational(&session) {
        let description = reachable(&session, &id)?.describe().map_err(Error::database(&id))?;
        described.push((id, description));
    }
    for (id, description) in &described {
        maker.database(id, description);
    }
    let schema = maker.finish();
    let path = session.place.directory().join(FILE);
    crate::durable::write_json(&path, &schema)?;
    Ok((schema, path))
}

struct SchemaMaker<'a> {
    session: &'a Session<'a>,
    records: Map<String, Value>,
    /// The lists of specs of services.
    lists: Map<String, Value>,
    definitions: Map<String, Value>,
}

impl SchemaMaker<'_> {
    fn database(&mut self, id: &DatabaseId, description: &Description) {
        let of_database = |declared: &&DataType| declared.name.service == id.workspace && declared.database == id.name;
        let types: Vec<&DataType> = self.session.types.types().filter(of_database).collect();
        let choices = choices(description);
        let short: Vec<&str> = description.tables.iter().filter_map(|table| short_name(&table.name)).collect();
        for table in &description.tables {
            let definition = format!("{id}:{}", table.name);
            let mut names = vec![table.name.as_str()];
            // A table may be called without its schema where that names only one.
            names.extend(
                short_name(&table.name).filter(|name| short.iter().filter(|other| other == &name).count() == 1),
            );
            let known = choices.get(&table.name);
            self.add(id, &names, &definition, group(id, table, None, known));
            for declared in types.iter().filter(|declared| declared.table() == Some(&*table.name)) {
                let names = [declared.name.name.as_str(), declared.list.as_str()];
                self.add(id, &names, &declared.name.to_string(), group(id, table, Some(declared), known));
            }
        }
        for declared in types {
            if declared.table().is_none() {
                self.definitions.insert(declared.name.to_string(), of_provider(declared));
            }
            let record = json!({ "$ref": format!("#/$defs/{}", pointer(&declared.name.to_string())) });
            let list = self.lists.entry(declared.list.clone()).or_insert_with(
                || json!({ "type": "array", "items": { "anyOf": [] }, "description": "Records of a service's own." }),
            );
            let kinds = list["items"]["anyOf"].as_array_mut().expect("it was made so");
            kinds.push(record);
        }
    }

    fn add(&mut self, id: &DatabaseId, names: &[&str], definition: &str, group: Value) {
        let reference = json!({ "$ref": format!("#/$defs/{}", pointer(definition)) });
        let wanted = json!({
            "anyOf": [ { "$ref": "#/$defs/number" }, { "type": "null" }, reference,
                { "type": "array", "items": { "anyOf": [{ "$ref": "#/$defs/number" }, reference] } } ],
        });
        for name in names {
            self.records.insert(format!("{}.{name}", id.workspace), wanted.clone());
            if id.workspace == self.session.model.root {
                self.records.insert((*name).to_owned(), wanted.clone());
            }
        }
        self.definitions.insert(definition.to_owned(), group);
    }

    fn finish(self) -> Value {
        let workspaces = self.session.model.workspaces.iter();
        let versions: Map<String, Value> =
            workspaces.map(|workspace| (workspace.name.clone(), json!({ "type": "integer", "minimum": 1 }))).collect();
        let records = json!({ "type": "object", "properties": self.records, "additionalProperties": false });
        let mut definitions = self.definitions;
        definitions.insert("records".to_owned(), records);
        definitions.insert("rule".to_owned(), rule());
        definitions.insert("number".to_owned(), number());
        definitions.insert("parameters".to_owned(), json!({ "type": "object", "additionalProperties": scalar() }));
        let include = json!({
            "anyOf": [
                { "type": "string" },
                { "type": "object", "additionalProperties": false, "properties": {
                    "path": { "type": "string" }, "url": { "type": "string" },
                    "sha256": { "type": "string", "pattern": "^[0-9a-fA-F]{64}$" },
                } },
            ],
        });
        let locales: Vec<&str> = Locale::NAMES.iter().map(|(name, _)| *name).collect();
        let records = json!({ "$ref": "#/$defs/records" });
        let number = json!({ "$ref": "#/$defs/number" });
        let parameters = json!({ "$ref": "#/$defs/parameters" });
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("a spec for {}", self.session.model.root),
            "description": "Which records and how many rows are wanted.",
            "type": "object",
            "properties": {
                "seedbed": { "const": 1, "description": "The version of the form." },
                "include": { "description": "Other specs, whose records are wanted too.",
                    "anyOf": [include, { "type": "array", "items": include }] },
                "seed": { "$ref": "#/$defs/number", "description": "What all generated values depend on. Default: 0." },
                "fill": { "$ref": "#/$defs/number", "description": "Rows of every table that is not named." },
                "locale": { "enum": locales, "description": "Whose names and cities texts are made of." },
                "version": { "type": "object", "properties": versions, "additionalProperties": false,
                    "description": "The versions of data types that it is written for, by service." },
                "parameters": { "$ref": "#/$defs/parameters", "description": "What can be set, with defaults." },
                "scenarios": { "type": "object", "description": "Named sets of parameters and records.",
                    "additionalProperties": { "type": "object", "additionalProperties": false, "properties": {
                        "extends": { "type": "string" }, "set": parameters, "seed": number, "fill": number,
                        "records": records,
                    } } },
                "records": { "$ref": "#/$defs/records", "description": "What is wanted, by data type or table." },
            },
            "$defs": definitions,
        });
        // One that does not begin with a version is the spec of a service: lists of records.
        let properties = schema["properties"].as_object_mut().expect("it was made so");
        let own: Vec<String> = properties.keys().cloned().collect();
        let lists: Vec<String> = self.lists.keys().cloned().collect();
        for (name, list) in self.lists {
            properties.entry(name).or_insert(list);
        }
        schema["if"] = json!({ "required": ["seedbed"] });
        schema["then"] = json!({ "propertyNames": { "enum": own } });
        schema["else"] = json!({ "propertyNames": { "enum": lists } });
        schema
    }
}

/// The words of lists that checks allow, by table and column.
fn choices(description: &Description) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let wanted = Wanted { fill: Some(1), ..Wanted::default() };
    let plan = Plan::make(description, &wanted, &BTreeMap::new(), &BTreeMap::new());
    plan.map(|plan| plan.choices()).unwrap_or_default()
}

/// The name of a table without its schema.
fn short_name(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, name)| name)
}

/// A record, or rows that are made alike.
fn group(
    id: &DatabaseId,
    table: &TableDescription,
    declared: Option<&DataType>,
    choices: Option<&BTreeMap<String, Vec<String>>>,
) -> Value {
    let mut properties: Map<String, Value> = Map::new();
    properties.insert("count".to_owned(), json!({ "$ref": "#/$defs/number", "description": "How many rows." }));
    let traits: Vec<&String> = declared.into_iter().flat_map(|declared| declared.traits.keys()).collect();
    if !traits.is_empty() {
        let one = json!({ "enum": traits });
        let description = "Values by a name; the later of two has the last word.";
        let traits = json!({ "anyOf": [one, { "type": "array", "items": one }], "description": description });
        properties.insert("traits".to_owned(), traits);
    }
    let mut stored: BTreeSet<&str> = BTreeSet::new();
    for (name, field) in declared.into_iter().flat_map(|declared| &declared.fields) {
        let property = match &field.kind {
            FieldKind::Children(children) => {
                let child = json!({ "$ref": format!("#/$defs/{}", pointer(&children.child.to_string())) });
                json!({ "anyOf": [child, { "type": "array", "items": child }] })
            }
            FieldKind::Reference(reference) => {
                let title = format!("the natural key of a {}", reference.target);
                json!({ "anyOf": [scalar(), { "$ref": "#/$defs/rule" }], "description": title })
            }
            FieldKind::Plain => match field.column.as_ref().and_then(|column| table.column(column)) {
                Some(column) => value(column, choices),
                None => json!({ "anyOf": [scalar(), { "$ref": "#/$defs/rule" }] }),
            },
        };
        properties.insert(name.clone(), property);
        stored.extend(field.column.as_deref());
    }
    for column in table.columns.iter().filter(|column| !stored.contains(column.name.as_str())) {
        properties.entry(column.name.clone()).or_insert_with(|| value(column, choices));
    }
    let title = declared.map_or_else(|| format!("{} of {id}", table.name), |declared| declared.name.to_string());
    // A point before it makes any name that of a field.
    let others = json!({ "^\\.": {} });
    json!({
        "type": "object", "title": title, "properties": properties, "patternProperties": others,
        "additionalProperties": false,
    })
}

/// A record that a provider makes.
fn of_provider(declared: &DataType) -> Value {
    let mut properties: Map<String, Value> = Map::new();
    if let Maker::Provider(used) = &declared.maker
        && !used.traits.is_empty()
    {
        let one = json!({ "enum": used.traits });
        let description = "What the provider knows by a name.";
        let traits = json!({ "anyOf": [one, { "type": "array", "items": one }], "description": description });
        properties.insert("traits".to_owned(), traits);
    }
    for (name, field) in &declared.fields {
        if properties.contains_key(name) {
            continue;
        }
        let property = match &field.kind {
            FieldKind::Children(children) => {
                let child = json!({ "$ref": format!("#/$defs/{}", pointer(&children.child.to_string())) });
                json!({ "type": "array", "items": child })
            }
            FieldKind::Reference(reference) => {
                json!({ "description": format!("the natural key of a {}", reference.target) })
            }
            FieldKind::Plain => json!({}),
        };
        properties.insert(name.clone(), property);
    }
    let others = json!({ "^\\.": {} });
    json!({
        "type": "object", "title": declared.name.to_string(), "properties": properties, "patternProperties": others,
        "additionalProperties": false,
    })
}

/// What can be given for a column.
fn value(column: &ColumnDescription, choices: Option<&BTreeMap<String, Vec<String>>>) -> Value {
    // A text may be a template, have a parameter in it, or be what the engine reads as a value of its type.
    let words = match (&column.kind, choices.and_then(|choices| choices.get(&column.name))) {
        (Kind::Enum(words), _) => Some(words),
        (_, words) => words,
    };
    let mut plain = match (&column.kind, words) {
        (Kind::Text { .. } | Kind::Enum(_), Some(words)) => {
            vec![json!({ "enum": words }), json!({ "type": "string", "pattern": "[{$]" })]
        }
        (Kind::Boolean, _) => vec![json!({ "type": "boolean" }), json!({ "type": "string", "pattern": "[{$]" })],
        (Kind::Integer { .. } | Kind::Decimal { .. } | Kind::Float | Kind::Year, _) => {
            vec![json!({ "type": ["number", "string", "boolean"] })]
        }
        _ => vec![json!({ "type": ["string", "number", "boolean"] })],
    };
    if column.nullable {
        plain.push(json!({ "type": "null" }));
    }
    plain.push(json!({ "$ref": "#/$defs/rule" }));
    json!({ "anyOf": plain, "description": column.sql_type })
}

fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean", "null"] })
}

/// A number of rows, or a parameter.
fn number() -> Value {
    json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^([0-9_]+|.*\\$\\{.+\\}.*)$" }] })
}

/// A rule by which values are chosen.
fn rule() -> Value {
    let two = || json!({ "type": "array", "minItems": 2, "maxItems": 2 });
    let field = json!({ "type": "string" });
    let beside = json!({ "anyOf": [field, { "type": "object", "additionalProperties": two(),
        "minProperties": 1, "maxProperties": 1 }] });
    let mut properties: Map<String, Value> = Map::new();
    for name in factory::RULES {
        let shape = match name {
            "one_of" => json!({ "type": "array", "minItems": 1 }),
            "weighted" | "record" => json!({ "type": "object", "minProperties": 1 }),
            "between" | "recent" | "normal" | "lognormal" | "length" => two(),
            "exponential" => json!({ "type": ["number", "string"] }),
            "same_as" | "from" | "text" => field.clone(),
            "after" | "before" => beside.clone(),
            "pick" => json!({ "anyOf": [{ "enum": ["uniform", "zipf"] }, { "type": "object", "required": ["zipf"],
                "properties": { "zipf": { "type": ["number", "string"] } }, "additionalProperties": false }] }),
            _ => json!({}),
        };
        properties.insert(name.to_owned(), shape);
    }
    properties.insert("map".to_owned(), json!({ "type": "object", "minProperties": 1 }));
    properties.insert("else".to_owned(), scalar());
    json!({ "type": "object", "minProperties": 1, "properties": properties, "additionalProperties": false })
}

/// A name as part of a pointer into the schema.
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1").replace(' ', "%20")
}
