//! What a token says of its bearer.

use serde::{Deserialize, Serialize};

/// The claims of a token. Moments are whole seconds since 1970.
///
/// `user_id` is there with the scope `user_id`, `email` with `email`, the names with `profile`. Claims that are not known
/// here are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made the token.
    pub iss: String,
    /// For whom it is.
    pub aud: Audience,
    /// From then on it is no longer valid.
    pub exp: u64,
    /// When it was made.
    pub iat: u64,
    /// Before then it is not valid yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// A name of the user that says nothing about them.
    #[serde(default)]
    pub sub: String,
    /// The user's name.
    pub preferred_username: String,
    /// How the token was got.
    #[serde(default)]
    pub grant_type: String,
    /// What the bearer may do with it.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The version of these claims.
    #[serde(default)]
    pub version: String,
    /// To what the scopes are narrowed, such as `content_org:edX`.
    #[serde(default)]
    pub filters: Vec<String>,
    /// Whether the scopes hold for a restricted application.
    #[serde(default)]
    pub is_restricted: bool,
    /// Whether the user has shown that the address is theirs.
    #[serde(default)]
    pub email_verified: bool,
    /// The issuer's number of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// The user's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The user's whole name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// What stands before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Whether the user looks after the system. Nothing is said of it when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator: Option<bool>,
    /// Whether the user may do everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superuser: Option<bool>,
    /// Roles by name, perhaps with what they are for: `NAME` or `NAME:CONTEXT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// One audience, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// Whether it is among them.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Many(many) => many.iter().any(|one| one == name),
        }
    }
}

impl Claims {
    /// Those that every token has to have; the rest is empty.
    pub fn new(issuer: &str, audience: &str, username: &str, issued: u64, expires: u64) -> Self {
        Self {
            iss: issuer.to_owned(),
            aud: Audience::One(audience.to_owned()),
            exp: expires,
            iat: issued,
            nbf: None,
            sub: String::new(),
            preferred_username: username.to_owned(),
            grant_type: String::new(),
            scopes: Vec::new(),
            version: String::new(),
            filters: Vec::new(),
            is_restricted: false,
            email_verified: false,
            user_id: None,
            email: None,
            name: None,
            family_name: None,
            given_name: None,
            administrator: None,
            superuser: None,
            roles: Vec::new(),
        }
    }

    /// Whether the user looks after the system, as far as the token says.
    pub fn is_administrator(&self) -> bool {
        self.administrator == Some(true) || self.superuser == Some(true)
    }

    /// Whether the token was given this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|one| one == scope)
    }
}
