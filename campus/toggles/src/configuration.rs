//! Toggles from a configuration: what a file says of a toggle is all that is set of it.

use std::collections::BTreeMap;

use either_database::{Connection, transaction};
use serde::Deserialize;
use serde_json::Value;

use crate::change::{self, Scope};
use crate::store::{ChangeError, Toggles};

/// What toggles shall be set to: a JSON object with their names.
///
/// ```json
/// { "commerce.new_checkout": { "everyone": false, "users": { "ada": true }, "note": "Ada tries it." } }
/// ```
///
/// A value in the place of the object is one for everyone. Toggles that it does not name stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration(BTreeMap<String, Wanted>);

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    everyone: Option<Value>,
    #[serde(default)]
    users: BTreeMap<String, Value>,
    #[serde(default)]
    courses: BTreeMap<String, Value>,
    #[serde(default)]
    organizations: BTreeMap<String, Value>,
    #[serde(default)]
    sites: BTreeMap<String, Value>,
    #[serde(default)]
    note: String,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// How many changes were made.
    pub changes: usize,
    /// How many toggles the configuration names.
    pub toggles: usize,
}

/// Why a configuration is not applied. Nothing of it is, then.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It is not JSON, or has not the wanted form.
    #[error("the configuration of toggles is not a JSON object of toggles: {0}")]
    Form(#[source] serde_json::Error),
    /// One of the toggles has not the wanted form.
    #[error("the configuration of the toggle '{name}' is wrong: {source}")]
    Toggle {
        /// Which one.
        name: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Something in it cannot be.
    #[error("{0}; the toggles are {known}", known = .1.join(", "))]
    Change(ChangeError, Vec<&'static str>),
    /// The database cannot be reached, or refuses a statement.
    #[error("the configuration of toggles cannot be written")]
    Database(#[from] sqlx::Error),
}

impl Configuration {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        let object: BTreeMap<String, Value> = serde_json::from_str(text).map_err(ConfigurationError::Form)?;
        let wanted = object.into_iter().map(|(name, value)| {
            let wanted = match value {
                Value::Object(_) => serde_json::from_value(value)
                    .map_err(|source| ConfigurationError::Toggle { name: name.clone(), source })?,
                value => Wanted { everyone: Some(value), ..Wanted::default() },
            };
            Ok((name, wanted))
        });
        wanted.collect::<Result<_, ConfigurationError>>().map(Self)
    }
}

impl Wanted {
    fn scopes(&self) -> BTreeMap<Scope, &Value> {
        let of = |map: &BTreeMap<String, Value>, scope: fn(String) -> Scope| {
            map.keys().map(|key| scope(key.clone())).collect::<Vec<_>>().into_iter()
        };
        let narrow = of(&self.users, Scope::User)
            .zip(self.users.values())
            .chain(of(&self.courses, Scope::Course).zip(self.courses.values()))
            .chain(of(&self.organizations, Scope::Organization).zip(self.organizations.values()))
            .chain(of(&self.sites, Scope::Site).zip(self.sites.values()));
        self.everyone.iter().map(|value| (Scope::Everyone, value)).chain(narrow).collect()
    }
}

impl Toggles {
    /// Makes the toggles that the configuration names what it says, in the name of whoever applies it.
    ///
    /// Applied again, it changes nothing. What was set for somebody of whom it says nothing is taken back.
    pub async fn apply(&self, configuration: &Configuration, by: &str) -> Result<Applied, ConfigurationError> {
        for (name, wanted) in &configuration.0 {
            let checked = self.check(name, &Scope::Everyone, None);
            let scopes = wanted.scopes();
            let checked = checked
                .and_then(|()| scopes.iter().try_for_each(|(scope, value)| self.check(name, scope, Some(value))));
            checked.map_err(|error| ConfigurationError::Change(error, self.names().collect()))?;
        }
        let changes = transaction!(self.database(), transaction => {
            let mut changes = 0;
            for (name, wanted) in &configuration.0 {
                let scopes = wanted.scopes();
                let in_force = change::as_of((&mut *transaction).into(), name, i64::MAX).await?;
                let gone = in_force.iter().filter(|now| now.value.is_some() && !scopes.contains_key(&now.scope));
                let gone = gone.map(|now| (&now.scope, None));
                let set = scopes.iter().filter(|(scope, value)| {
                    let now = in_force.iter().find(|now| now.scope == **scope);
                    now.and_then(|now| now.value.as_ref()) != Some(**value)
                });
                for (scope, value) in gone.chain(set.map(|(scope, value)| (scope, Some(*value)))) {
                    let connection = Connection::from(&mut *transaction);
                    change::insert(connection, name, scope, value, &wanted.note, by).await?;
                    changes += 1;
                }
            }
            changes
        });
        self.forget();
        Ok(Applied { changes, toggles: configuration.0.len() })
    }
}
