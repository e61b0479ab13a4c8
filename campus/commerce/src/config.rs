//! The settings, read from environment variables.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use events::Bus;

/// For whom tokens have to be unless a setting says otherwise.
const AUDIENCE: &str = "campus";
/// The client by which people sign in, unless a setting says otherwise.
const LOGIN_CLIENT: &str = "login";
/// How many requests a minute one caller may make, unless a setting says otherwise.
const RATE_LIMIT: NonZeroU32 = NonZeroU32::new(600).expect("it is not nothing");

/// What the service needs to know to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// `sqlite:///absolute/path` or `postgres://…`.
    pub database_url: String,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// The learning management system.
    pub lms: LmsConfig,
    /// What need not be set.
    pub settings: Settings,
}

/// What need not be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `http://host:port` of the programs; without it, there are no pages to administrate them.
    pub programs_url: Option<String>,
    /// By what sessions of the pages are sealed; without it, they end with the process.
    pub session_key: Option<SessionKey>,
    /// A broker that gets the events of this service, beside those who ask it.
    pub bus: Option<Bus>,
    /// How many requests a minute one caller may make; no limit if there is none. Staff, as services are, have none.
    pub rate_limit: Option<NonZeroU32>,
    /// A file with what toggles shall be set to, applied at the start.
    pub toggles_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { programs_url: None, session_key: None, bus: None, rate_limit: Some(RATE_LIMIT), toggles_file: None }
    }
}

/// A text that is not printed.
#[derive(Clone)]
pub struct SessionKey(pub String);

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SessionKey(…)")
    }
}

/// What publishing from the command line needs to know.
#[derive(Debug, Clone)]
pub struct PublishConfig {
    /// `sqlite:///absolute/path` or `postgres://…`.
    pub database_url: String,
    /// The learning management system.
    pub lms: LmsConfig,
}

/// Where the learning management system is, how it knows us, and how we know its tokens.
#[derive(Clone)]
pub struct LmsConfig {
    /// `http://host:port`, without a slash at the end.
    pub url: String,
    /// The name of this service as a client there.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The client there by which people sign in with their password; it has no secret.
    pub login_client_id: String,
    /// Who makes tokens.
    pub issuer: String,
    /// For whom they have to be.
    pub audience: String,
}

impl std::fmt::Debug for LmsConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("LmsConfig");
        shown.field("url", &self.url).field("client_id", &self.client_id).field("issuer", &self.issuer);
        shown.field("audience", &self.audience).finish_non_exhaustive()
    }
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
    /// Reads all variables that the README names.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(&environment)
    }

    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let port = required(variable, "PORT", "the port to listen on, from 0 to 65535", |value| value.parse().ok())?;
        let host = optional(variable, "HOST", "the IP address to listen on", |value| value.parse().ok())?;
        let address = SocketAddr::new(host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), port);
        let lms = LmsConfig::read(variable)?;
        Ok(Self { database_url: database_url(variable)?, address, lms, settings: Settings::read(variable)? })
    }
}

impl Settings {
    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let bus = "redis://host:port/database or nats://host:port of a broker for events";
        let limit = "'off', or how many requests a minute one caller may make";
        let key = "at least 32 characters that nobody else knows";
        Ok(Self {
            programs_url: optional(variable, "PROGRAMS_URL", "http://host:port of the programs", base_url)?,
            session_key: optional(variable, "SESSION_KEY", key, |value| {
                (value.len() >= 32).then(|| SessionKey(value.to_owned()))
            })?,
            bus: optional(variable, "EVENTS_BUS_URL", bus, |value| Bus::parse(value).ok())?,
            rate_limit: optional(variable, "RATE_LIMIT", limit, |value| match value {
                "off" => Some(None),
                value => value.parse().ok().map(Some),
            })?
            .unwrap_or(Some(RATE_LIMIT)),
            toggles_file: optional(variable, "TOGGLES_FILE", "a file", |value| Some(PathBuf::from(value)))?,
        })
    }
}

impl PublishConfig {
    /// Reads `DATABASE_URL` and what `LMS_…` variables there are.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Ok(Self { database_url: database_url(&environment)?, lms: LmsConfig::read(&environment)? })
    }
}

impl LmsConfig {
    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |value: &str| Some(value.to_owned());
        let url = required(variable, "LMS_URL", "http://host:port of the learning management system", base_url)?;
        let issuer = optional(variable, "JWT_ISSUER", "who makes tokens", text)?;
        Ok(Self {
            client_id: required(variable, "LMS_CLIENT_ID", "the name of this service as a client there", text)?,
            client_secret: required(variable, "LMS_CLIENT_SECRET", "the secret of that client", text)?,
            issuer: issuer.unwrap_or_else(|| format!("{url}/oauth2")),
            login_client_id: optional(variable, "LOGIN_CLIENT_ID", "the client by which people sign in", text)?
                .unwrap_or_else(|| LOGIN_CLIENT.to_owned()),
            audience: optional(variable, "JWT_AUDIENCE", "for whom tokens are", text)?
                .unwrap_or_else(|| AUDIENCE.to_owned()),
            url,
        })
    }
}

/// Reads `DATABASE_URL` alone, for what neither listens nor calls.
pub fn database_url_from_environment() -> Result<String, ConfigError> {
    database_url(&environment)
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn base_url(value: &str) -> Option<String> {
    value.starts_with("http://").then(|| value.trim_end_matches('/').to_owned())
}

fn database_url(variable: &impl Fn(&str) -> Option<String>) -> Result<String, ConfigError> {
    required(variable, "DATABASE_URL", "sqlite:///absolute/path or postgres://user@host/name", |value| {
        Some(value.to_owned())
    })
}

fn required<T>(
    variable: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    wanted: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, ConfigError> {
    optional(variable, name, wanted, parse)?.ok_or(ConfigError::Missing { name, wanted })
}

fn optional<T>(
    variable: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    wanted: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    let Some(value) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    parse(&value).map(Some).ok_or(ConfigError::Wrong { name, wanted, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(&str, &str); 5] = [
        ("DATABASE_URL", "sqlite:///x"),
        ("PORT", "8000"),
        ("LMS_URL", "http://127.0.0.1:1/"),
        ("LMS_CLIENT_ID", "commerce"),
        ("LMS_CLIENT_SECRET", "hidden"),
    ];

    fn changed(change: (&'static str, &'static str)) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = std::iter::once(change).chain(ALL).find(|(n, _)| *n == name);
            found.map(|(_, value)| value.to_owned())
        }
    }

    #[test]
    fn listens_on_the_loopback_unless_told_otherwise() {
        for (change, address) in [(("PORT", "8001"), "127.0.0.1:8001"), (("HOST", "0.0.0.0"), "0.0.0.0:8000")] {
            assert_eq!(Config::read(&changed(change)).unwrap().address.to_string(), address);
        }
    }

    #[test]
    fn what_is_not_set_is_as_the_learning_management_system_has_it() {
        let config = Config::read(&changed(("", ""))).unwrap();
        assert_eq!(
            (config.lms.url.as_str(), config.lms.issuer.as_str()),
            ("http://127.0.0.1:1", "http://127.0.0.1:1/oauth2")
        );
        assert_eq!((config.lms.audience.as_str(), config.settings.rate_limit), ("campus", Some(RATE_LIMIT)));
        assert_eq!(Config::read(&changed(("RATE_LIMIT", "off"))).unwrap().settings.rate_limit, None);
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn names_the_variable_that_is_missing_or_wrong() {
        for change in [
            ("DATABASE_URL", ""),
            ("PORT", ""),
            ("PORT", "web"),
            ("HOST", "here"),
            ("LMS_URL", "lms"),
            ("LMS_CLIENT_ID", ""),
            ("LMS_CLIENT_SECRET", ""),
            ("PROGRAMS_URL", "programs"),
            ("SESSION_KEY", "short"),
            ("EVENTS_BUS_URL", "kafka://x"),
            ("RATE_LIMIT", "0"),
        ] {
            let error = Config::read(&changed(change)).unwrap_err().to_string();
            assert!(error.contains(&format!("variable {} is", change.0)) && !error.contains('\n'), "{error}");
        }
    }
}
