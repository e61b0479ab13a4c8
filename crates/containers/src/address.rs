//! Where an engine is.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::EngineError;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A port, without encryption.
    Tcp(String),
    /// A machine that `ssh` reaches, where `docker system dial-stdio` reaches the engine.
    Ssh(String),
}

impl Address {
    /// Reads `unix://PATH`, `tcp://HOST:PORT` or `ssh://[USER@]HOST[:PORT]`.
    pub fn parse(text: &str) -> Result<Self, EngineError> {
        let refused = |reason: &str| EngineError::Address { address: text.to_owned(), reason: reason.to_owned() };
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
            Some(("tcp" | "http", host)) if host.contains(':') => Ok(Self::Tcp(host.trim_end_matches('/').to_owned())),
            Some(("tcp" | "http", host)) => Ok(Self::Tcp(format!("{}:2375", host.trim_end_matches('/')))),
            Some(("ssh", host)) if !host.is_empty() => Ok(Self::Ssh(host.to_owned())),
            Some(("https", _)) => Err(refused("encrypted connections are not supported; use ssh://")),
            _ => Err(refused("an address begins with unix://, tcp:// or ssh://")),
        }
    }

    /// Looks for the engine as the `docker` command does, given the environment variables of the user: `DOCKER_HOST`, the
    /// context of `DOCKER_CONTEXT` or of the configuration, and then where engines listen: Docker, Docker without root, Podman.
    pub fn find(variables: &BTreeMap<String, String>) -> Result<Self, EngineError> {
        let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        if let Some(host) = set("DOCKER_HOST") {
            if set("DOCKER_TLS_VERIFY").is_some() && !host.starts_with("unix:") && !host.starts_with("ssh:") {
                return Err(EngineError::Address {
                    address: host.clone(),
                    reason: "DOCKER_TLS_VERIFY is set, and encrypted connections are not supported; use ssh://"
                        .to_owned(),
                });
            }
            return Self::parse(host);
        }
        let home = set("HOME").map(PathBuf::from);
        let configuration = set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".docker")));
        if let Some(directory) = &configuration {
            let context = set("DOCKER_CONTEXT").cloned().or_else(|| current_context(directory));
            if let Some(context) = context.filter(|context| context != "default") {
                return Self::of_context(directory, &context);
            }
        }
        let mut places = vec![PathBuf::from("/var/run/docker.sock")];
        if let Some(runtime) = set("XDG_RUNTIME_DIR").map(PathBuf::from) {
            places.extend([runtime.join("docker.sock"), runtime.join("podman/podman.sock")]);
        }
        places.extend(home.map(|home| home.join(".docker/run/docker.sock")));
        places.push(PathBuf::from("/run/podman/podman.sock"));
        if let Some(place) = places.iter().find(|place| place.exists()) {
            return Ok(Self::Unix(place.clone()));
        }
        let listed: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        Err(EngineError::NoEngine { looked: format!("no socket at {}", listed.join(", ")) })
    }

    fn of_context(configuration: &Path, context: &str) -> Result<Self, EngineError> {
        let entries = fs::read_dir(configuration.join("contexts/meta")).into_iter().flatten().flatten();
        let host = entries.filter_map(|entry| read(&entry.path().join("meta.json"))).find_map(|meta| {
            let host = meta.pointer("/Endpoints/docker/Host").and_then(Value::as_str)?;
            (meta.get("Name").and_then(Value::as_str) == Some(context)).then(|| host.to_owned())
        });
        match host {
            Some(host) => Self::parse(&host),
            None => Err(EngineError::NoEngine {
                looked: format!("the context `{context}` of docker is not in {}", configuration.display()),
            }),
        }
    }

    /// Whether its containers run by the kernel that this process runs by, as far as the address says.
    pub const fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp(host) => write!(formatter, "tcp://{host}"),
            Self::Ssh(host) => write!(formatter, "ssh://{host}"),
        }
    }
}

fn current_context(configuration: &Path) -> Option<String> {
    read(&configuration.join("config.json"))?.get("currentContext")?.as_str().map(str::to_owned)
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(set: &[(&str, &str)]) -> BTreeMap<String, String> {
        set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["unix:///run/docker.sock", "tcp://10.0.0.1:2375", "ssh://me@build:2222"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Address::parse("tcp://build").unwrap().to_string(), "tcp://build:2375");
        for text in ["", "docker.sock", "unix://docker.sock", "https://build:2376", "npipe:////./pipe/docker"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_host_comes_before_the_context_and_that_before_where_engines_listen() {
        let home = tempfile::tempdir().unwrap();
        let meta = home.path().join(".docker/contexts/meta/5f");
        fs::create_dir_all(&meta).unwrap();
        fs::write(meta.join("meta.json"), r#"{"Name":"far","Endpoints":{"docker":{"Host":"ssh://far"}}}"#).unwrap();
        fs::write(home.path().join(".docker/config.json"), r#"{"currentContext":"far"}"#).unwrap();
        let home = home.path().to_str().unwrap();
        let of = |set: &[(&str, &str)]| Address::find(&variables(set));
        assert_eq!(of(&[("HOME", home)]).unwrap().to_string(), "ssh://far");
        assert_eq!(of(&[("HOME", home), ("DOCKER_HOST", "tcp://a:1")]).unwrap().to_string(), "tcp://a:1");
        let error = of(&[("HOME", home), ("DOCKER_CONTEXT", "near")]).unwrap_err().to_string();
        assert!(error.contains("the context `near` of docker is not in"), "{error}");
        let runtime = tempfile::tempdir().unwrap();
        fs::write(runtime.path().join("docker.sock"), "").unwrap();
        let found = of(&[("DOCKER_CONTEXT", "default"), ("XDG_RUNTIME_DIR", runtime.path().to_str().unwrap())]);
        assert!(found.unwrap().is_local());
        assert!(of(&[("DOCKER_HOST", "tcp://a:1"), ("DOCKER_TLS_VERIFY", "1")]).is_err());
    }
}
