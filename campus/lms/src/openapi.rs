//! The description of the interface: an OpenAPI document, made of what is said of each operation where it is routed.

#![expect(clippy::needless_pass_by_value, reason = "schemas are made where they are needed")]

pub mod schema;

use serde_json::{Map, Value, json};

use crate::routes;

const PROBLEM: &str = "application/problem+json";
const JSON: &str = "application/json";

/// What is said of one operation.
#[derive(Debug, Clone)]
pub struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    success: (u16, Option<Value>),
    refusals: Vec<u16>,
    /// Refusals that look otherwise.
    others: Vec<(u16, &'static str, Value)>,
    auth: Auth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auth {
    Nobody,
    Anybody,
    User,
}

impl Operation {
    fn new(method: &'static str, path: &'static str, summary: &'static str, auth: Auth) -> Self {
        let (parameters, refusals) = (path_parameters(path), Vec::new());
        Self { method, path, summary, parameters, body: None, success: (200, None), refusals, others: Vec::new(), auth }
    }

    /// For everybody, who need not say who they are, and are not counted.
    pub fn open(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self::new(method, path, summary, Auth::Nobody)
    }

    /// For everybody; who says who they are sees perhaps more.
    pub fn anybody(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self::new(method, path, summary, Auth::Anybody)
    }

    /// For users.
    pub fn user(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self::new(method, path, summary, Auth::User)
    }

    /// For staff.
    pub fn staff(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self::user(method, path, summary).refuses(&[403])
    }

    /// May have this in its query.
    pub fn query(mut self, name: &str, schema: Value) -> Self {
        self.parameters.push(json!({ "name": name, "in": "query", "required": false, "schema": schema }));
        self
    }

    /// Comes in pages.
    pub fn paged(self) -> Self {
        let number = || json!({ "type": "integer", "minimum": 1, "maximum": i64::MAX });
        self.query("page", number()).query("page_size", number()).refuses(&[400, 404])
    }

    /// Takes such a body.
    pub fn takes(self, content_type: &str, schema: Value) -> Self {
        let body = json!({ "required": true, "content": { content_type: { "schema": schema } } });
        Self { body: Some(body), ..self }.refuses(&[400, 408, 413, 415])
    }

    /// Takes such a body of JSON.
    pub fn takes_json(self, schema: Value) -> Self {
        self.takes(JSON, schema)
    }

    /// Takes a change of this in the form of RFC 7396.
    pub fn takes_patch(self, schema: Value) -> Self {
        self.takes("application/merge-patch+json", schema)
    }

    /// Gives this.
    pub fn gives(self, schema: Value) -> Self {
        Self { success: (self.success.0, Some(schema)), ..self }
    }

    /// Gives this with another status than 200.
    pub fn gives_with(self, status: u16, schema: Option<Value>) -> Self {
        Self { success: (status, schema), ..self }
    }

    /// May give this with another status besides.
    pub fn or_gives(mut self, status: u16, schema: Value) -> Self {
        self.others.push((status, JSON, schema));
        self
    }

    /// May be refused so.
    pub fn refuses(mut self, statuses: &[u16]) -> Self {
        self.refusals.extend(statuses);
        self
    }

    /// May be refused so, in another form than all else.
    pub fn refuses_as(mut self, statuses: &[u16], schema: Value) -> Self {
        self.others.extend(statuses.iter().map(|status| (*status, JSON, schema.clone())));
        self
    }

    /// May be refused so by a library, whose problems have no field.
    pub fn refuses_plainly(mut self, statuses: &[u16]) -> Self {
        let schema = json!({ "type": "object", "required": ["type", "title", "status", "detail"] });
        self.others.extend(statuses.iter().map(|status| (*status, PROBLEM, schema.clone())));
        self
    }

    /// The address, with parameters in braces.
    pub fn path(&self) -> &'static str {
        self.path
    }

    fn describe(&self) -> Value {
        let mut responses = Map::new();
        let (status, schema) = &self.success;
        let mut success = json!({ "description": "Done." });
        if let Some(schema) = schema {
            success["content"] = json!({ JSON: { "schema": schema } });
        }
        responses.insert(status.to_string(), success);
        let mut refusals = self.refusals.clone();
        if self.auth != Auth::Nobody {
            refusals.extend([401, 429, 503]);
        }
        refusals.sort_unstable();
        for status in refusals {
            responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{status}") }));
        }
        for (status, kind, schema) in &self.others {
            let content = json!({ *kind: { "schema": schema } });
            responses.insert(status.to_string(), json!({ "description": "In this form.", "content": content }));
        }
        let mut operation = json!({
            "summary": self.summary,
            "operationId": format!("{} {}", self.method, self.path),
            "parameters": self.parameters,
            "responses": responses,
        });
        if let Some(body) = &self.body {
            operation["requestBody"] = body.clone();
        }
        match self.auth {
            Auth::Nobody => operation["security"] = json!([]),
            Auth::Anybody => operation["security"] = json!([{}, { "token": [] }]),
            Auth::User => operation["security"] = json!([{ "token": [] }]),
        }
        operation
    }
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let of = |name: &str| {
        let schema = match name {
            "course_id" => schema::course_id(),
            _ => json!({ "type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_.-]+$" }),
        };
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    };
    names.map(of).collect()
}

/// The document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in routes::endpoints() {
        let operation = endpoint.operation;
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] = operation.describe();
    }
    let problem = |status: u16, description: &str| {
        let content = json!({ PROBLEM: { "schema": { "$ref": "#/components/schemas/Problem" } } });
        (status.to_string(), json!({ "description": description, "content": content }))
    };
    let responses: Map<String, Value> = [
        problem(400, "The request cannot be done: `field` is to blame, for the `reason` given."),
        problem(401, "It has to be known who asks."),
        problem(403, "This is not for the caller."),
        problem(404, "Not there, or not for the eyes of the caller."),
        problem(405, "This is not done here."),
        problem(406, "There is no such user."),
        problem(408, "The body took too long to arrive."),
        problem(409, "It is there already, or has changed meanwhile."),
        problem(413, "The body is too long."),
        problem(415, "The body has another type than this takes."),
        problem(429, "Too many requests; `Retry-After` says when the next one may come."),
        problem(503, "The database cannot be reached."),
    ]
    .into_iter()
    .collect();
    let mut schemas = schema::all();
    for (name, schema) in routes::learning_table::schemas() {
        schemas[name] = schema;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Learning management system",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Users, organisations, courses and their content, course modes and enrolments.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of POST /oauth2/access_token. `Authorization: JWT …` means the same.",
                },
            },
            "schemas": schemas,
            "responses": responses,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    members.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn each_operation_stands_in_the_document_once() {
        let operations: Vec<(&str, &str)> =
            routes::endpoints().iter().map(|endpoint| (endpoint.operation.method, endpoint.operation.path)).collect();
        let document = document();
        let written: usize =
            document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(written, operations.len());
        for (method, path) in operations {
            assert!(document["paths"][path][method.to_lowercase()].is_object(), "{method} {path}");
        }
    }
}
