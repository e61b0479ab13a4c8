//! Changes in the form of RFC 7396: what is named is changed, null makes it empty, the rest stays.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Error;

const CONTENT_TYPE: &str = "application/merge-patch+json";

/// A change, sent as `application/merge-patch+json`.
pub struct Patch(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Patch {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case(CONTENT_TYPE) {
            let reason = format!("A change has to be sent as '{CONTENT_TYPE}', not as '{kind}'.");
            return Err(Error::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
        }
        let body = Bytes::from_request(request, state).await.map_err(|error| Error::bad_request(error.body_text()))?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Error::bad_request("A change is a JSON object.")),
            Err(error) => Err(Error::bad_request(format!("The body is no JSON: {error}"))),
        }
    }
}

impl Patch {
    /// A change that came in another way.
    pub fn of(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// What becomes of `current`. A member that it does not have, or that has another type, is named in the error.
    pub fn applied_to<T: Serialize + DeserializeOwned>(&self, current: &T) -> Result<T, Error> {
        let Ok(Value::Object(mut members)) = serde_json::to_value(current) else {
            unreachable!("what is changed is a struct of plain fields");
        };
        let read = |members: &Map<String, Value>| serde_json::from_value::<T>(Value::Object(members.clone()));
        for (name, value) in &self.0 {
            if !members.contains_key(name) {
                return Err(Error::invalid(name, "This field cannot be changed here."));
            }
            members.insert(name.clone(), value.clone());
            if let Err(error) = read(&members) {
                return Err(Error::invalid(name, format!("Not a valid value: {error}.")));
            }
        }
        read(&members).map_err(|error| Error::bad_request(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Thing {
        name: String,
        size: Option<i64>,
    }

    #[test]
    fn what_is_named_is_changed() {
        let thing = || Thing { name: "a".to_owned(), size: Some(1) };
        for (patch, expected) in [
            (json!({}), Ok(("a", Some(1)))),
            (json!({ "size": null }), Ok(("a", None))),
            (json!({ "name": "b", "size": 2 }), Ok(("b", Some(2)))),
            (json!({ "name": null }), Err("name")),
            (json!({ "size": "big" }), Err("size")),
            (json!({ "id": 7 }), Err("id")),
        ] {
            let got = Patch(patch.as_object().unwrap().clone()).applied_to(&thing());
            match (got, expected) {
                (Ok(got), Ok((name, size))) => assert_eq!(got, Thing { name: name.to_owned(), size }, "{patch}"),
                (Err(Error::Refused { field, .. }), Err(name)) => assert_eq!(field.as_deref(), Some(name), "{patch}"),
                (got, _) => panic!("{patch}: {got:?}"),
            }
        }
    }
}
