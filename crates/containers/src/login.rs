//! Who a registry is asked as, in the form in which an engine passes it on.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

/// What Docker's own registry is called where credentials are written down.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Credentials of a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A user and a password.
    Password(String, String),
    /// What is exchanged for tokens.
    IdentityToken(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Login")
    }
}

impl Login {
    /// The header of a pull from a registry.
    pub(crate) fn header(&self, registry: &str) -> String {
        URL_SAFE.encode(self.document(registry).to_string())
    }

    fn document(&self, registry: &str) -> Value {
        let address = address(registry);
        match self {
            Self::Password(user, password) => {
                json!({ "username": user, "password": password, "serveraddress": address })
            }
            Self::IdentityToken(token) => json!({ "identitytoken": token, "serveraddress": address }),
        }
    }
}

/// The header of a build, which may pull from several registries.
pub(crate) fn header_of_build(logins: &BTreeMap<String, Login>) -> String {
    let all: serde_json::Map<String, Value> =
        logins.iter().map(|(registry, login)| (address(registry).to_owned(), login.document(registry))).collect();
    URL_SAFE.encode(Value::Object(all).to_string())
}

fn address(registry: &str) -> &str {
    if registry == "docker.io" { DOCKER_HUB } else { registry }
}

/// The registry of an image, as `docker` reads its name: the first part, if it can be a host.
pub fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_what_can_be_a_host() {
        for (image, host) in [
            ("redis", "docker.io"),
            ("redis:7", "docker.io"),
            ("library/redis", "docker.io"),
            ("docker.io/library/redis", "docker.io"),
            ("localhost/a", "localhost"),
            ("localhost:5000/a:1", "localhost:5000"),
            ("ghcr.io/team/a@sha256:00", "ghcr.io"),
        ] {
            assert_eq!(registry(image), host, "{image}");
        }
    }

    #[test]
    fn a_header_is_a_document_in_letters_of_urls() {
        let login = Login::Password("me".to_owned(), "?>".to_owned());
        let decoded = |header: &str| serde_json::from_slice::<Value>(&URL_SAFE.decode(header).unwrap()).unwrap();
        let expected = json!({ "username": "me", "password": "?>", "serveraddress": DOCKER_HUB });
        assert_eq!(decoded(&login.header("docker.io")), expected);
        let all = BTreeMap::from([("ghcr.io".to_owned(), Login::IdentityToken("t".to_owned()))]);
        let expected = json!({ "ghcr.io": { "identitytoken": "t", "serveraddress": "ghcr.io" } });
        assert_eq!(decoded(&header_of_build(&all)), expected);
        assert_eq!(format!("{login:?}"), "Login");
    }
}
