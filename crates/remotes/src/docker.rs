//! Credentials of registries, from where Docker and Podman have them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::RemoteError;
use crate::settings::Settings;

/// Who asks a registry.
#[derive(Debug, Default)]
pub(crate) struct Login {
    /// User and password; none: nobody in particular.
    pub(crate) basic: Option<(String, String)>,
    /// What is exchanged for tokens instead of a password.
    pub(crate) identity_token: Option<String>,
    /// Where it came from, for messages.
    pub(crate) origin: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "lowercase")]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// Who a registry is asked as, for others that ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryLogin {
    /// A user and a password.
    Password(String, String),
    /// What is exchanged for tokens.
    IdentityToken(String),
}

/// Looks for the credentials of a registry where Docker and Podman have them; `None`: nobody in particular asks.
pub fn registry_login(registry: &str, settings: &Settings) -> Result<Option<RegistryLogin>, RemoteError> {
    let Login { basic, identity_token, .. } = login(registry, settings)?;
    let password = |(user, password)| RegistryLogin::Password(user, password);
    Ok(identity_token.map(RegistryLogin::IdentityToken).or_else(|| basic.map(password)))
}

/// The registries of which there are credentials, by their hosts.
pub fn known_registries(settings: &Settings) -> Result<BTreeSet<String>, RemoteError> {
    let mut known = BTreeSet::new();
    for path in files(settings) {
        let Some(config) = read(&path, "every registry")? else { continue };
        known.extend(config.auths.keys().chain(config.cred_helpers.keys()).map(|key| host(key).to_owned()));
    }
    Ok(known)
}

/// The host of a registry as it is written down.
fn host(key: &str) -> &str {
    let host = key.split_once("://").map_or(key, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    if matches!(host, "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { host }
}

fn files(settings: &Settings) -> Vec<PathBuf> {
    let docker = settings.file("DOCKER_CONFIG", ".docker").join("config.json");
    // Where Podman writes them: the second for as long as the machine runs.
    let named = settings.variable("REGISTRY_AUTH_FILE").map(PathBuf::from);
    let session =
        settings.variable("XDG_RUNTIME_DIR").map(|directory| Path::new(directory).join("containers/auth.json"));
    [docker].into_iter().chain(named).chain(session).collect()
}

fn read(path: &Path, registry: &str) -> Result<Option<Config>, RemoteError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(RemoteError::File { action: "read", path: path.to_owned(), source }),
    };
    // The message of the parser could show a secret.
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|_| unusable(path, registry, "is not JSON as Docker writes it: mend it, or move it away"))
}

fn unusable(path: &Path, registry: &str, reason: &str) -> RemoteError {
    let reason = format!("{} {reason}", path.display());
    RemoteError::NoCredentials { place: registry.to_owned(), reason }
}

/// Looks in `DOCKER_CONFIG` (else `~/.docker`), `REGISTRY_AUTH_FILE` and below `XDG_RUNTIME_DIR`, and asks the credential helpers they name.
pub(crate) fn login(registry: &str, settings: &Settings) -> Result<Login, RemoteError> {
    let files = files(settings);
    for path in &files {
        let Some(config) = read(path, registry)? else { continue };
        for key in keys(registry) {
            if let Some(login) = from_config(&key, &config, path, settings).map_err(|error| {
                error.unwrap_or_else(|| unusable(path, registry, "has an 'auth' that is not base64 of USER:PASSWORD"))
            })? {
                return Ok(login);
            }
        }
    }
    Ok(Login { origin: format!("none: '{registry}' is not in {}", files[0].display()), ..Login::default() })
}

/// Under what names a registry may be written down.
fn keys(registry: &str) -> Vec<String> {
    let mut keys = vec![registry.to_owned(), format!("https://{registry}"), format!("https://{registry}/v2/")];
    if matches!(registry, "docker.io" | "registry-1.docker.io") {
        keys.extend(["https://index.docker.io/v1/", "docker.io", "index.docker.io"].map(str::to_owned));
    }
    keys
}

fn from_config(
    key: &str,
    config: &Config,
    path: &Path,
    settings: &Settings,
) -> Result<Option<Login>, Option<RemoteError>> {
    let helper = config.cred_helpers.get(key).or(config.creds_store.as_ref());
    if let Some(helper) = helper
        && let Some(found) = ask(helper, key, settings)?
    {
        let origin = format!("docker-credential-{helper}");
        let token = found.username == "<token>";
        return Ok(Some(Login {
            identity_token: token.then(|| found.secret.clone()),
            basic: (!token).then_some((found.username, found.secret)),
            origin,
        }));
    }
    let Some(entry) = config.auths.get(key) else {
        return Ok(None);
    };
    let origin = path.display().to_string();
    if let Some(token) = entry.identitytoken.clone().filter(|token| !token.is_empty()) {
        return Ok(Some(Login { identity_token: Some(token), origin, ..Login::default() }));
    }
    if let Some(auth) = entry.auth.as_ref().filter(|auth| !auth.is_empty()) {
        let decoded = STANDARD.decode(auth).map_err(|_| None)?;
        let text = String::from_utf8(decoded).map_err(|_| None)?;
        let (user, password) = text.split_once(':').ok_or(None)?;
        return Ok(Some(Login {
            basic: Some((user.to_owned(), password.trim_end_matches('\0').to_owned())),
            origin,
            ..Login::default()
        }));
    }
    Ok(entry.username.clone().zip(entry.password.clone()).map(|basic| Login {
        basic: Some(basic),
        origin,
        ..Login::default()
    }))
}

/// Asks a credential helper; `None` when it does not know the registry.
fn ask(helper: &str, key: &str, settings: &Settings) -> Result<Option<Helped>, RemoteError> {
    let program = format!("docker-credential-{helper}");
    let failed = |source| RemoteError::Program { program: program.clone(), source };
    let mut child = Command::new(&program)
        .arg("get")
        .env_clear()
        .envs(&settings.env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read is one that does not answer.
        let _ = input.write_all(key.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed)?;
    Ok(output.status.success().then(|| serde_json::from_slice(&output.stdout).ok()).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_found_where_docker_writes_them() {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(home.path().join(".docker")).expect("a directory");
        let config = r#"{"auths": {"plain.example": {"auth": "dTpwOnE="}, "https://index.docker.io/v1/": {"auth": "aDpz"},
            "token.example": {"identitytoken": "T"}, "helped.example": {}}, "credHelpers": {"helped.example": "test"}}"#;
        std::fs::write(home.path().join(".docker/config.json"), config).expect("written");
        let helper = home.path().join("docker-credential-test");
        std::fs::write(
            &helper,
            "#!/bin/sh\nread server; echo \"{\\\"Username\\\":\\\"$server\\\",\\\"Secret\\\":\\\"s\\\"}\"\n",
        )
        .expect("written");
        std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
        let path = format!("{}:/usr/bin:/bin", home.path().display());
        let session = home.path().join("run/containers");
        std::fs::create_dir_all(&session).expect("a directory");
        std::fs::write(session.join("auth.json"), r#"{"auths": {"podman.example": {"auth": "dTpwOnE="}}}"#)
            .expect("written");
        let runtime = home.path().join("run").display().to_string();
        let settings = Settings {
            home: home.path().to_owned(),
            env: [("PATH".to_owned(), path), ("XDG_RUNTIME_DIR".to_owned(), runtime)].into(),
            ..Settings::default()
        };
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (registry, basic) in [
            ("plain.example", pair("u", "p:q")),
            ("podman.example", pair("u", "p:q")),
            ("registry-1.docker.io", pair("h", "s")),
            ("token.example", None),
            ("helped.example", pair("helped.example", "s")),
            ("other.example", None),
        ] {
            assert_eq!(login(registry, &settings).expect("readable").basic, basic, "of {registry}");
        }
        let known: Vec<String> = known_registries(&settings).expect("readable").into_iter().collect();
        assert_eq!(known, ["docker.io", "helped.example", "plain.example", "podman.example", "token.example"]);
        let token = registry_login("token.example", &settings).expect("readable");
        assert_eq!(token, Some(RegistryLogin::IdentityToken("T".to_owned())));
        assert_eq!(registry_login("other.example", &settings).expect("readable"), None);
        assert_eq!(login("token.example", &settings).expect("readable").identity_token.as_deref(), Some("T"));
        assert!(
            login("other.example", &settings).expect("readable").origin.starts_with("none: 'other.example' is not in ")
        );
    }
}
