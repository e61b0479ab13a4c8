//! Where an engine is.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::engine::{escaped, unescaped};
use crate::{EngineError, certificates};

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A port, without encryption.
    Tcp(String),
    /// A port, encrypted.
    Tls {
        /// The host and its port.
        host: String,
        /// The directory with `ca.pem` of the engine, and with `cert.pem` and `key.pem` of the user.
        certificates: PathBuf,
    },
    /// A machine that `ssh` reaches, where `docker system dial-stdio` reaches the engine.
    Ssh(String),
}

impl Address {
    /// Reads what an address is written as: `unix://PATH`, `tcp://HOST:PORT`, `ssh://[USER@]HOST[:PORT]`, or
    /// `https://HOST:PORT?certificates=DIRECTORY`, of which the directory has no bytes that a URL cannot have.
    pub fn parse(text: &str) -> Result<Self, EngineError> {
        match text.split_once(CERTIFICATES) {
            Some((host, directory)) => Self::of_host(host, Some(PathBuf::from(unescaped(directory)))),
            None => Self::of_host(text, None),
        }
    }

    /// Reads an address as Docker writes it, which does not say where certificates are.
    fn of_host(text: &str, certificates: Option<PathBuf>) -> Result<Self, EngineError> {
        let refused = |reason: &str| EngineError::Address { address: text.to_owned(), reason: reason.to_owned() };
        let with_port = |host: &str, port: u16| {
            let host = host.trim_end_matches('/');
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            if has_port { host.to_owned() } else { format!("{host}:{port}") }
        };
        match (text.split_once("://"), certificates) {
            (Some(("unix", path)), _) if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
            (Some(("tcp" | "http" | "https", host)), Some(certificates)) => {
                Ok(Self::Tls { host: with_port(host, 2376), certificates })
            }
            (Some(("tcp" | "http", host)), None) => Ok(Self::Tcp(with_port(host, 2375))),
            (Some(("ssh", host)), _) if !host.is_empty() => Ok(Self::Ssh(host.to_owned())),
            (Some(("https", _)), None) => Err(refused(
                "it is encrypted, and its certificates are not said: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to \
                 the directory with ca.pem, cert.pem and key.pem",
            )),
            _ => Err(refused("an address begins with unix://, tcp:// or ssh://")),
        }
    }

    /// Looks for the engine as the `docker` command does, given the environment variables of the user: `DOCKER_HOST`, the
    /// context of `DOCKER_CONTEXT` or of the configuration, and then where engines listen: Docker, Docker without root, Podman.
    pub fn find(variables: &BTreeMap<String, String>) -> Result<Self, EngineError> {
        let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(PathBuf::from);
        let configuration = set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".docker")));
        if let Some(host) = set("DOCKER_HOST") {
            let given = || set("DOCKER_CERT_PATH").map(PathBuf::from).or_else(|| configuration.clone());
            if set("DOCKER_TLS").is_some() && set("DOCKER_TLS_VERIFY").is_none() {
                return Err(unverified(host, "DOCKER_TLS without DOCKER_TLS_VERIFY"));
            }
            return Self::of_host(host, set("DOCKER_TLS_VERIFY").and_then(|_| given()));
        }
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
        let found = entries.map(|entry| entry.path()).find_map(|described| {
            let meta = read(&described.join("meta.json"))?;
            (meta.get("Name").and_then(Value::as_str) == Some(context)).then_some((described, meta))
        });
        let missing = || EngineError::NoEngine {
            looked: format!("the context `{context}` of docker is not in {}", configuration.display()),
        };
        let (described, meta) = found.ok_or_else(missing)?;
        let host = meta.pointer("/Endpoints/docker/Host").and_then(Value::as_str).ok_or_else(missing)?;
        if meta.pointer("/Endpoints/docker/SkipTLSVerify").and_then(Value::as_bool) == Some(true) {
            return Err(unverified(host, &format!("the context `{context}` with skip-tls-verify")));
        }
        Self::of_host(host, certificates::of_context(configuration, &described))
    }

    /// Whether the ports of its containers are ports of this machine, as far as the address says.
    pub fn has_ports_here(&self) -> bool {
        let (Self::Tcp(host) | Self::Tls { host, .. }) = self else { return self.is_local() };
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        name == "localhost"
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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
            Self::Tls { host, certificates } => {
                let directory = escaped(&certificates.display().to_string()).replace("%2F", "/");
                write!(formatter, "https://{host}{CERTIFICATES}{directory}")
            }
            Self::Ssh(host) => write!(formatter, "ssh://{host}"),
        }
    }
}

/// What stands between the address of an engine and the directory of its certificates.
const CERTIFICATES: &str = "?certificates=";

fn unverified(host: &str, by: &str) -> EngineError {
    let reason = format!(
        "{by} asks to believe whoever answers; set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the directory with its ca.pem"
    );
    EngineError::Address { address: host.to_owned(), reason }
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
        for text in [
            "unix:///run/docker.sock",
            "tcp://10.0.0.1:2375",
            "ssh://me@build:2222",
            "https://build:2376?certificates=/home/me/my%20certs",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        for (text, is_here) in [
            ("unix:///a", true),
            ("tcp://127.0.0.1:1", true),
            ("tcp://[::1]:1", true),
            ("https://localhost:1?certificates=/a", true),
            ("tcp://10.0.0.1", false),
            ("ssh://localhost", false),
        ] {
            assert_eq!(Address::parse(text).unwrap().has_ports_here(), is_here, "{text}");
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
    }

    #[test]
    fn certificates_are_where_docker_has_them() {
        let home = tempfile::tempdir().unwrap();
        let docker = home.path().join(".docker");
        let (meta, tls) = (docker.join("contexts/meta"), docker.join("contexts/tls"));
        for (directory, text) in [
            ("5f", r#"{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:99"}}}"#),
            ("6f", r#"{"Name":"plain","Endpoints":{"docker":{"Host":"tcp://plain"}}}"#),
            ("7f", r#"{"Name":"blind","Endpoints":{"docker":{"Host":"tcp://blind","SkipTLSVerify":true}}}"#),
        ] {
            fs::create_dir_all(meta.join(directory)).unwrap();
            fs::write(meta.join(directory).join("meta.json"), text).unwrap();
        }
        fs::create_dir_all(tls.join("5f/docker")).unwrap();
        let home = home.path().to_str().unwrap();
        let of = |set: &[(&str, &str)]| Address::find(&variables(&[set, &[("HOME", home)]].concat()));
        let certificates =
            |directory: PathBuf, host: &str| Address::Tls { host: host.to_owned(), certificates: directory };
        assert_eq!(of(&[("DOCKER_CONTEXT", "far")]).unwrap(), certificates(tls.join("5f/docker"), "far:99"));
        assert_eq!(of(&[("DOCKER_CONTEXT", "plain")]).unwrap(), Address::Tcp("plain:2375".to_owned()));
        let verified = [("DOCKER_HOST", "tcp://a"), ("DOCKER_TLS_VERIFY", "1")];
        assert_eq!(of(&verified).unwrap(), certificates(docker, "a:2376"));
        let elsewhere = [&verified[..], &[("DOCKER_CERT_PATH", "/certs")]].concat();
        assert_eq!(of(&elsewhere).unwrap(), certificates(PathBuf::from("/certs"), "a:2376"));
        for blind in [&[("DOCKER_CONTEXT", "blind")][..], &[("DOCKER_HOST", "tcp://a"), ("DOCKER_TLS", "1")]] {
            let error = of(blind).unwrap_err().to_string();
            assert!(error.contains("asks to believe whoever answers"), "{error}");
        }
    }
}
