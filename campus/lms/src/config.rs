//! The settings, read from environment variables.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::rate::RateLimits;

/// For whom tokens are unless a setting says otherwise.
const AUDIENCE: &str = "campus";

/// What the service needs to know to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// `sqlite:///absolute/path` or `postgres://…`.
    pub database_url: String,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// What tokens say who made them; default: `http://ADDRESS/oauth2`.
    pub issuer: Option<String>,
    /// For whom tokens are.
    pub audience: String,
    /// A file with the keys that tokens are signed with, made when it is missing. Without one, tokens end with the process.
    pub signing_key_file: Option<PathBuf>,
    /// A file with a key out of which the passwords of users without one are worked out, made when it is missing.
    pub dev_passwords_key_file: Option<PathBuf>,
    /// A file that says which steps filters have.
    pub filters_file: Option<PathBuf>,
    /// A file that says how toggles are set.
    pub toggles_file: Option<PathBuf>,
    /// A broker that events are handed on to, `redis://…` or `nats://…`; they can be asked for in any case.
    pub events_bus: Option<String>,
    /// The processors of outlines, by name and in order; all of them unless set.
    pub outline_processors: Option<String>,
    /// How often one may ask.
    pub rate_limits: RateLimits,
}

/// A variable that is missing or wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Not set, or empty.
    #[error("the environment variable {name} is not set: {wanted}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it is for.
        wanted: &'static str,
    },
    /// Set to something else than wanted.
    #[error("the environment variable {name} is wrong: {wanted}, not '{value}'")]
    Wrong {
        /// The variable.
        name: &'static str,
        /// What it is for.
        wanted: &'static str,
        /// What it holds.
        value: String,
    },
}

impl Config {
    /// With nothing said but what has to be.
    pub fn new(database_url: impl Into<String>, address: SocketAddr) -> Self {
        Self {
            database_url: database_url.into(),
            address,
            issuer: None,
            audience: AUDIENCE.to_owned(),
            signing_key_file: None,
            dev_passwords_key_file: None,
            filters_file: None,
            toggles_file: None,
            events_bus: None,
            outline_processors: None,
            rate_limits: RateLimits::default(),
        }
    }

    /// Reads `DATABASE_URL`, `PORT` and those that need not be set; the README has all of them.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(environment)
    }

    /// Reads `DATABASE_URL` alone, for what does not listen.
    pub fn database_url_from_environment() -> Result<String, ConfigError> {
        database_url(environment)
    }

    /// Reads `DEV_PASSWORDS_KEY_FILE` alone.
    pub fn dev_passwords_key_file_from_environment() -> Result<PathBuf, ConfigError> {
        let wanted = "the file with the key that passwords of development are worked out of";
        required(environment, "DEV_PASSWORDS_KEY_FILE", wanted, |value| Some(PathBuf::from(value)))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let port = required(&variable, "PORT", "the port to listen on, from 0 to 65535", |value| value.parse().ok())?;
        let host = match variable("HOST") {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(_) => required(&variable, "HOST", "the IP address to listen on", |value| value.parse().ok())?,
        };
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let limits = "'off', or pairs such as user=1200,enroll=40, in a minute";
        let rate_limits = match set("RATE_LIMITS") {
            None => RateLimits::default(),
            Some(_) => required(&variable, "RATE_LIMITS", limits, RateLimits::parse)?,
        };
        let config = Self::new(database_url(&variable)?, SocketAddr::new(host, port));
        Ok(Self {
            issuer: set("ISSUER"),
            audience: set("AUDIENCE").unwrap_or(config.audience),
            signing_key_file: set("SIGNING_KEY_FILE").map(PathBuf::from),
            dev_passwords_key_file: set("DEV_PASSWORDS_KEY_FILE").map(PathBuf::from),
            filters_file: set("FILTERS_FILE").map(PathBuf::from),
            toggles_file: set("TOGGLES_FILE").map(PathBuf::from),
            events_bus: set("EVENTS_BUS"),
            outline_processors: set("OUTLINE_PROCESSORS"),
            rate_limits,
            ..config
        })
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn database_url(variable: impl Fn(&str) -> Option<String>) -> Result<String, ConfigError> {
    required(variable, "DATABASE_URL", "sqlite:///absolute/path or postgres://user@host/name", |value| {
        Some(value.to_owned())
    })
}

fn required<T>(
    variable: impl Fn(&str) -> Option<String>,
    name: &'static str,
    wanted: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, ConfigError> {
    let value = variable(name).filter(|value| !value.is_empty()).ok_or(ConfigError::Missing { name, wanted })?;
    parse(&value).ok_or(ConfigError::Wrong { name, wanted, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Config::read(find).map_err(|error| error.to_string())
    }

    #[test]
    fn listens_on_the_loopback_unless_told_otherwise() {
        let (url, port) = (("DATABASE_URL", "sqlite:///x"), ("PORT", "8000"));
        assert_eq!(read(&[url, port]).unwrap().address.to_string(), "127.0.0.1:8000");
        assert_eq!(read(&[url, port, ("HOST", "0.0.0.0")]).unwrap().address.to_string(), "0.0.0.0:8000");
    }

    #[test]
    fn what_is_set_is_in_force_and_what_is_empty_is_not_set() {
        let needed = [("DATABASE_URL", "sqlite:///x"), ("PORT", "8000")];
        let set = [("AUDIENCE", "shop"), ("ISSUER", ""), ("RATE_LIMITS", "user=7")];
        let config = read(&[&needed[..], &set].concat()).unwrap();
        assert_eq!((config.audience.as_str(), config.issuer, config.rate_limits.user), ("shop", None, 7));
        assert_eq!(read(&needed).unwrap().audience, "campus");
    }

    #[test]
    fn names_the_variable_that_is_missing_or_wrong() {
        let (url, port) = (("DATABASE_URL", "sqlite:///x"), ("PORT", "8000"));
        for (variables, name) in [
            (&[("PORT", "8000")][..], "DATABASE_URL"),
            (&[url], "PORT"),
            (&[url, ("PORT", "web")], "PORT"),
            (&[("DATABASE_URL", ""), port], "DATABASE_URL"),
            (&[url, port, ("HOST", "here")], "HOST"),
            (&[url, port, ("RATE_LIMITS", "many")], "RATE_LIMITS"),
        ] {
            let error = read(variables).unwrap_err();
            assert!(error.contains(&format!("variable {name} is")) && !error.contains('\n'), "{error}");
        }
    }
}
