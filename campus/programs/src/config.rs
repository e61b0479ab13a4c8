//! The settings, read from environment variables.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use events::Bus;
use identity::KeySource;

/// What the service needs to know to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// `sqlite:///absolute/path` or `postgres://…`.
    pub database_url: String,
    /// At most so many connections to the database.
    pub connections: u32,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whose tokens are believed.
    pub tokens: TokenConfig,
    /// The learning management system whose events keep the copies in order; nobody is asked for events without it.
    pub lms: Option<LmsConfig>,
    /// The broker that the events come over; else they are asked for where they are made.
    pub bus: Option<Bus>,
    /// What can be one way or the other.
    pub settings: Settings,
}

/// Whose tokens are believed.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// Who makes them.
    pub issuer: String,
    /// For whom they have to be.
    pub audience: String,
    /// The keys by which they are checked.
    pub keys: KeySource,
}

/// What can be one way or the other.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Scheme and host by which callers know this service, without a slash at the end; else the `Host` of the request.
    pub public_url: Option<String>,
    /// Whether runs that are closed, archived or withdrawn may be put into programs.
    pub closed_runs: ClosedRuns,
    /// Which users are remembered.
    pub users: Users,
    /// How many requests a minute one caller may make; no limit if there is none.
    pub rate_limit: Option<NonZeroU32>,
}

/// Whether runs that are closed, archived or withdrawn may be put into programs. Those that are there may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClosedRuns {
    /// They may.
    #[default]
    Allow,
    /// They may not.
    Refuse,
}

/// Which users are remembered, as pointers to those of the learning management system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Users {
    /// All who ask.
    #[default]
    All,
    /// Administrators alone, and who was one.
    Administrators,
}

/// What the synchronisation from the command line needs to know.
#[derive(Debug, Clone)]
pub struct SyncConfig {
    /// `sqlite:///absolute/path` or `postgres://…`.
    pub database_url: String,
    /// The learning management system.
    pub lms: LmsConfig,
}

/// Where the learning management system is, and how it knows us.
#[derive(Clone)]
pub struct LmsConfig {
    /// `http://host:port`, without a slash at the end.
    pub url: String,
    /// The name of a client there that may see all courses.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

impl std::fmt::Debug for LmsConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("LmsConfig");
        shown.field("url", &self.url).field("client_id", &self.client_id).finish_non_exhaustive()
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

/// So many requests a minute, unless set.
const RATE_LIMIT: u32 = 6000;
/// So many connections to the database, unless set.
const CONNECTIONS: u32 = 4;

impl Config {
    /// Reads the variables that the README lists for `serve`.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(&environment)
    }

    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let port = required(variable, "PORT", "the port to listen on, from 0 to 65535", |value| value.parse().ok())?;
        let host = optional(variable, "HOST", "the IP address to listen on", |value| value.parse().ok())?;
        let connections = optional(variable, "DATABASE_CONNECTIONS", "a number of connections, from 1", |value| {
            value.parse().ok().filter(|number| *number >= 1)
        })?;
        let bus = "redis://host:port/database or nats://host:port of a broker for events";
        Ok(Self {
            database_url: database_url(variable)?,
            connections: connections.unwrap_or(CONNECTIONS),
            address: SocketAddr::new(host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), port),
            tokens: TokenConfig::read(variable)?,
            lms: variable("LMS_URL").map(|_| LmsConfig::read(variable)).transpose()?,
            bus: optional(variable, "EVENTS_BUS_URL", bus, |value| Bus::parse(value).ok())?,
            settings: Settings::read(variable)?,
        })
    }
}

impl TokenConfig {
    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let some = |value: &str| Some(value.to_owned());
        let issuer = required(variable, "JWT_ISSUER", "who makes the tokens that are believed", some)?;
        let audience = required(variable, "JWT_AUDIENCE", "for whom tokens have to be made", some)?;
        let keys = "http://… where the issuer publishes its keys, or the path of a file with them";
        let keys = required(variable, "JWT_KEYS", keys, |value| {
            let is_url = value.starts_with("http://");
            Some(if is_url { KeySource::Url(value.to_owned()) } else { KeySource::File(value.into()) })
        })?;
        Ok(Self { issuer, audience, keys })
    }
}

impl Settings {
    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let public_url = optional(variable, "PUBLIC_URL", "http://… or https://… of this service", |value| {
            let is_url = value.starts_with("http://") || value.starts_with("https://");
            is_url.then(|| value.trim_end_matches('/').to_owned())
        })?;
        let closed_runs = optional(variable, "CLOSED_RUNS", "'allow' or 'refuse'", |value| match value {
            "allow" => Some(ClosedRuns::Allow),
            "refuse" => Some(ClosedRuns::Refuse),
            _ => None,
        })?;
        let users = optional(variable, "USERS", "'all' or 'administrators'", |value| match value {
            "all" => Some(Users::All),
            "administrators" => Some(Users::Administrators),
            _ => None,
        })?;
        let limit = "'off', or how many requests a minute one caller may make";
        let rate_limit = optional(variable, "RATE_LIMIT", limit, |value| match value {
            "off" => Some(None),
            value => value.parse().ok().map(Some),
        })?;
        Ok(Self {
            public_url,
            closed_runs: closed_runs.unwrap_or_default(),
            users: users.unwrap_or_default(),
            rate_limit: rate_limit.unwrap_or(NonZeroU32::new(RATE_LIMIT)),
        })
    }
}

impl SyncConfig {
    /// Reads `DATABASE_URL`, `LMS_URL`, `LMS_CLIENT_ID` and `LMS_CLIENT_SECRET`.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(&environment)
    }

    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self { database_url: database_url(variable)?, lms: LmsConfig::read(variable)? })
    }
}

impl LmsConfig {
    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let url = required(variable, "LMS_URL", "http://host:port of the learning management system", |value| {
            value.starts_with("http://").then(|| value.trim_end_matches('/').to_owned())
        })?;
        let some = |value: &str| Some(value.to_owned());
        let client_id = required(variable, "LMS_CLIENT_ID", "a client of the learning management system", some)?;
        let client_secret = required(variable, "LMS_CLIENT_SECRET", "the secret of that client", some)?;
        Ok(Self { url, client_id, client_secret })
    }
}

/// Reads `DATABASE_URL` alone, for what neither listens nor calls.
pub fn database_url_from_environment() -> Result<String, ConfigError> {
    database_url(environment)
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
    optional(variable, name, wanted, parse)?.ok_or(ConfigError::Missing { name, wanted })
}

/// A variable that is empty is not set.
fn optional<T>(
    variable: impl Fn(&str) -> Option<String>,
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

    const ALL: [(&str, &str); 8] = [
        ("DATABASE_URL", "sqlite:///x"),
        ("PORT", "8000"),
        ("JWT_ISSUER", "http://lms"),
        ("JWT_AUDIENCE", "campus"),
        ("JWT_KEYS", "http://lms/jwks"),
        ("LMS_URL", "http://127.0.0.1:1/"),
        ("LMS_CLIENT_ID", "programs"),
        ("LMS_CLIENT_SECRET", "s"),
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
    fn urls_end_without_a_slash() {
        assert_eq!(SyncConfig::read(&changed(("", ""))).unwrap().lms.url, "http://127.0.0.1:1");
        let public = Config::read(&changed(("PUBLIC_URL", "https://p.example/"))).unwrap().settings.public_url;
        assert_eq!(public.as_deref(), Some("https://p.example"));
    }

    #[test]
    fn settings_have_defaults() {
        let limit = |value| Config::read(&changed(("RATE_LIMIT", value))).unwrap().settings.rate_limit;
        assert_eq!((limit("off"), limit("5"), limit("")), (None, NonZeroU32::new(5), NonZeroU32::new(RATE_LIMIT)));
        let settings = Config::read(&changed(("", ""))).unwrap().settings;
        assert_eq!((settings.users, settings.closed_runs), (Users::All, ClosedRuns::Allow));
    }

    #[test]
    fn names_the_variable_that_is_missing_or_wrong() {
        let serve = |change| Config::read(&changed(change)).map(drop);
        let sync = |change| SyncConfig::read(&changed(change)).map(drop);
        for (change, result) in [
            ("DATABASE_URL", serve(("DATABASE_URL", ""))),
            ("DATABASE_CONNECTIONS", serve(("DATABASE_CONNECTIONS", "0"))),
            ("PORT", serve(("PORT", ""))),
            ("PORT", serve(("PORT", "web"))),
            ("HOST", serve(("HOST", "here"))),
            ("JWT_ISSUER", serve(("JWT_ISSUER", ""))),
            ("JWT_AUDIENCE", serve(("JWT_AUDIENCE", ""))),
            ("JWT_KEYS", serve(("JWT_KEYS", ""))),
            ("PUBLIC_URL", serve(("PUBLIC_URL", "here"))),
            ("CLOSED_RUNS", serve(("CLOSED_RUNS", "no"))),
            ("USERS", serve(("USERS", "none"))),
            ("RATE_LIMIT", serve(("RATE_LIMIT", "0"))),
            ("LMS_URL", serve(("LMS_URL", "lms"))),
            ("EVENTS_BUS_URL", serve(("EVENTS_BUS_URL", "kafka://x"))),
            ("LMS_URL", sync(("LMS_URL", "lms"))),
            ("LMS_CLIENT_ID", sync(("LMS_CLIENT_ID", ""))),
            ("LMS_CLIENT_SECRET", sync(("LMS_CLIENT_SECRET", ""))),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(&format!("variable {change} is")) && !error.contains('\n'), "{error}");
        }
    }
}
