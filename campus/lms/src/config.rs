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
        Self::read(environment)
    }

    /// Reads `DATABASE_URL` alone, for what does not listen.
    pub fn database_url_from_environment() -> Result<String, ConfigError> {
        database_url(environment)
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let port = required(&variable, "PORT", "the port to listen on, from 0 to 65535", |value| value.parse().ok())?;
        let host = match variable("HOST") {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(_) => required(&variable, "HOST", "the IP address to listen on", |value| value.parse().ok())?,
        };
        Ok(Self { database_url: database_url(&variable)?, address: SocketAddr::new(host, port) })
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
    fn names_the_variable_that_is_missing_or_wrong() {
        for (variables, name) in [
            (&[("PORT", "8000")][..], "DATABASE_URL"),
            (&[("DATABASE_URL", "sqlite:///x")], "PORT"),
            (&[("DATABASE_URL", "sqlite:///x"), ("PORT", "web")], "PORT"),
            (&[("DATABASE_URL", ""), ("PORT", "8000")], "DATABASE_URL"),
            (&[("DATABASE_URL", "sqlite:///x"), ("PORT", "8000"), ("HOST", "here")], "HOST"),
        ] {
            let error = read(variables).unwrap_err();
            assert!(error.contains(&format!("variable {name} is")) && !error.contains('\n'), "{error}");
        }
    }
}
