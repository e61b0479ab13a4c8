//! The settings, read from environment variables.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What the service needs to know to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// `sqlite:///absolute/path` or `postgres://…`.
    pub database_url: String,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
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
    /// A token of a staff user there.
    pub token: String,
}

impl std::fmt::Debug for LmsConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LmsConfig").field("url", &self.url).finish_non_exhaustive()
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
    /// Reads `DATABASE_URL`, `PORT`, and `HOST` (127.0.0.1 unless set).
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(&environment)
    }

    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let port = required(variable, "PORT", "the port to listen on, from 0 to 65535", |value| value.parse().ok())?;
        let host = match variable("HOST") {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(_) => required(variable, "HOST", "the IP address to listen on", |value| value.parse().ok())?,
        };
        let address = SocketAddr::new(host, port);
        Ok(Self { database_url: database_url(variable)?, address })
    }
}

impl SyncConfig {
    /// Reads `DATABASE_URL`, `LMS_URL` and `LMS_TOKEN`.
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
        let token = required(variable, "LMS_TOKEN", "a token of a staff user there", |value| Some(value.to_owned()))?;
        Ok(Self { url, token })
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
    let value = variable(name).filter(|value| !value.is_empty()).ok_or(ConfigError::Missing { name, wanted })?;
    parse(&value).ok_or(ConfigError::Wrong { name, wanted, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(&str, &str); 4] =
        [("DATABASE_URL", "sqlite:///x"), ("PORT", "8000"), ("LMS_URL", "http://127.0.0.1:1/"), ("LMS_TOKEN", "t")];

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
    fn the_url_of_the_lms_ends_without_a_slash() {
        assert_eq!(SyncConfig::read(&changed(("", ""))).unwrap().lms.url, "http://127.0.0.1:1");
    }

    #[test]
    fn names_the_variable_that_is_missing_or_wrong() {
        let serve = |change| Config::read(&changed(change)).map(drop);
        let sync = |change| SyncConfig::read(&changed(change)).map(drop);
        for (change, result) in [
            ("DATABASE_URL", serve(("DATABASE_URL", ""))),
            ("PORT", serve(("PORT", ""))),
            ("PORT", serve(("PORT", "web"))),
            ("HOST", serve(("HOST", "here"))),
            ("LMS_URL", sync(("LMS_URL", "lms"))),
            ("LMS_TOKEN", sync(("LMS_TOKEN", ""))),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(&format!("variable {change} is")) && !error.contains('\n'), "{error}");
        }
    }
}
