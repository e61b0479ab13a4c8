//! Credentials, region and endpoint of S3, from where the AWS tools have them.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::error::RemoteError;
use crate::settings::Settings;

/// How requests to S3 are signed, and where they go.
pub(crate) struct Access {
    pub(crate) credentials: Credentials,
    /// Where the credentials came from, for messages.
    pub(crate) origin: String,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
}

/// What requests are signed with.
pub(crate) enum Credentials {
    /// Keys that do not change while we run.
    Keys { id: String, secret: String, token: Option<String> },
    /// A file with a token that is exchanged for keys.
    WebIdentity { token_file: String, role: String },
    /// The service of the container that we run in.
    Container { variable: &'static str, uri: String, token_file: Option<String> },
    /// The service of the machine that we run on.
    Instance,
    /// Requests are not signed.
    Anonymous,
}

type Profile = BTreeMap<String, String>;

/// Looks in the address's parameters, the environment, the files, and for services of the platform, in this order.
pub(crate) fn access(
    place: &str,
    parameters: &BTreeMap<String, String>,
    settings: &Settings,
) -> Result<Access, RemoteError> {
    let named = parameters.get("profile").cloned();
    let name = named
        .clone()
        .or_else(|| {
            settings.variable("AWS_PROFILE").or_else(|| settings.variable("AWS_DEFAULT_PROFILE")).map(str::to_owned)
        })
        .unwrap_or_else(|| "default".to_owned());
    let credentials_file = settings.file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    let config_file = settings.file("AWS_CONFIG_FILE", ".aws/config");
    let mut profile = Profile::new();
    for (path, section) in [
        (&config_file, if name == "default" { name.clone() } else { format!("profile {name}") }),
        (&credentials_file, name.clone()),
    ] {
        match std::fs::read_to_string(path) {
            Ok(text) => profile.extend(read_section(&text, &section)),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(RemoteError::File { action: "read", path: path.clone(), source }),
        }
    }
    let given = |parameter: &str, variables: &[&str], key: &str| {
        let variable = || variables.iter().find_map(|name| settings.variable(name)).map(str::to_owned);
        parameters.get(parameter).cloned().or_else(variable).or_else(|| profile.get(key).cloned())
    };
    let region = given("region", &["AWS_REGION", "AWS_DEFAULT_REGION"], "region");
    let endpoint = given("endpoint", &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"], "endpoint_url");
    let of_profile = || from_profile(place, &name, &profile, settings);
    let found = if parameters.get("anonymous").is_some_and(|value| value == "true") {
        Some((Credentials::Anonymous, "none".to_owned()))
    } else if named.is_some() {
        of_profile()?
    } else {
        match from_environment(settings) {
            Some(found) => Some(found),
            None => of_profile()?.or_else(|| from_platform(settings)),
        }
    };
    let (credentials, origin) = found.ok_or_else(|| RemoteError::NoCredentials {
        place: place.to_owned(),
        reason: format!(
            "looked for AWS_ACCESS_KEY_ID in the environment and for profile '{name}' in {} and {}",
            credentials_file.display(),
            config_file.display()
        ),
    })?;
    Ok(Access { credentials, origin, region, endpoint })
}

fn from_environment(settings: &Settings) -> Option<(Credentials, String)> {
    if let (Some(id), Some(secret)) =
        (settings.variable("AWS_ACCESS_KEY_ID"), settings.variable("AWS_SECRET_ACCESS_KEY"))
    {
        let token = settings.variable("AWS_SESSION_TOKEN").map(str::to_owned);
        return Some((
            Credentials::Keys { id: id.to_owned(), secret: secret.to_owned(), token },
            "AWS_ACCESS_KEY_ID of the environment".to_owned(),
        ));
    }
    let (token_file, role) = (settings.variable("AWS_WEB_IDENTITY_TOKEN_FILE")?, settings.variable("AWS_ROLE_ARN")?);
    Some((
        Credentials::WebIdentity { token_file: token_file.to_owned(), role: role.to_owned() },
        "AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(),
    ))
}

fn from_profile(
    place: &str,
    name: &str,
    profile: &Profile,
    settings: &Settings,
) -> Result<Option<(Credentials, String)>, RemoteError> {
    let refuse = |reason: String| Err(RemoteError::NoCredentials { place: place.to_owned(), reason });
    if let (Some(id), Some(secret)) = (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")) {
        let token = profile.get("aws_session_token").cloned();
        return Ok(Some((
            Credentials::Keys { id: id.clone(), secret: secret.clone(), token },
            format!("profile '{name}'"),
        )));
    }
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some((run(command, settings)?, format!("credential_process of profile '{name}'"))));
    }
    if let Some(key) = ["role_arn", "sso_session", "sso_start_url"].into_iter().find(|key| profile.contains_key(*key)) {
        return refuse(format!(
            "profile '{name}' has '{key}', which is not understood here; `aws configure export-credentials --profile {name} --format env` gives variables that are"
        ));
    }
    Ok(None)
}

fn from_platform(settings: &Settings) -> Option<(Credentials, String)> {
    for variable in ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"] {
        if let Some(uri) = settings.variable(variable) {
            let token_file = settings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(str::to_owned);
            return Some((Credentials::Container { variable, uri: uri.to_owned(), token_file }, variable.to_owned()));
        }
    }
    // A machine that is none of Amazon's would wait for an address that does not exist.
    let on_amazon =
        std::fs::read_to_string("/sys/class/dmi/id/sys_vendor").is_ok_and(|vendor| vendor.starts_with("Amazon"));
    (on_amazon && settings.variable("AWS_EC2_METADATA_DISABLED") != Some("true"))
        .then(|| (Credentials::Instance, "the machine's role".to_owned()))
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessOutput {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

fn run(command: &str, settings: &Settings) -> Result<Credentials, RemoteError> {
    let output = Command::new("sh")
        .args(["-c", command])
        .env_clear()
        .envs(&settings.env)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| RemoteError::Program { program: "sh".to_owned(), source })?;
    let failed = |reason: String| RemoteError::ProgramFailed { program: "credential_process".to_owned(), reason };
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().chars().take(300).collect()));
    }
    // The message of the parser could show a secret.
    let keys: ProcessOutput =
        serde_json::from_slice(&output.stdout).map_err(|_| failed("it did not print keys".to_owned()))?;
    Ok(Credentials::Keys { id: keys.access_key_id, secret: keys.secret_access_key, token: keys.session_token })
}

/// The keys of one section. Nested settings, which are indented, are left out.
fn read_section(text: &str, wanted: &str) -> Profile {
    let mut inside = false;
    let mut found = Profile::new();
    for line in text.lines() {
        let bare = line.trim();
        if let Some(title) = bare.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = title.split_whitespace().eq(wanted.split_whitespace());
        } else if inside
            && !bare.starts_with(['#', ';'])
            && !line.starts_with([' ', '\t'])
            && let Some((key, value)) = bare.split_once('=')
        {
            found.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found.retain(|_, value| !value.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(config: &str, credentials: &str) -> (tempfile::TempDir, Settings) {
        let home = tempfile::tempdir().expect("a directory");
        let aws = home.path().join(".aws");
        std::fs::create_dir(&aws).expect("a directory");
        std::fs::write(aws.join("config"), config).expect("written");
        std::fs::write(aws.join("credentials"), credentials).expect("written");
        let settings = Settings { home: home.path().to_owned(), ..Settings::default() };
        (home, settings)
    }

    const CONFIG: &str = "[default]\nregion = eu-west-1\ns3 =\n  endpoint_url = nested\n[profile  team]\nendpoint_url=http://store:9000\n# note\nregion=x\n[profile sso]\nsso_start_url=https://sso\n[profile tool]\ncredential_process=printf '{\"Version\":1,\"AccessKeyId\":\"P\",\"SecretAccessKey\":\"S\"}'\n";
    const CREDENTIALS: &str = "[default]\naws_access_key_id = D\naws_secret_access_key = d\n[team]\naws_access_key_id=T\naws_secret_access_key=t\naws_session_token=tt\n";

    fn look(env: &[(&str, &str)], parameters: &[(&str, &str)]) -> Result<String, RemoteError> {
        let (_home, mut settings) = home(CONFIG, CREDENTIALS);
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
        };
        settings.env = map(env);
        settings.env.insert("PATH".to_owned(), "/usr/bin:/bin".to_owned());
        let access = access("s3://b", &map(parameters), &settings)?;
        let key = match access.credentials {
            Credentials::Keys { id, token, .. } => format!("{id}{}", token.unwrap_or_default()),
            Credentials::WebIdentity { .. } => "web".to_owned(),
            Credentials::Container { .. } => "container".to_owned(),
            Credentials::Instance => "instance".to_owned(),
            Credentials::Anonymous => "nobody".to_owned(),
        };
        Ok(format!(
            "{key} {} {} {}",
            access.origin,
            access.region.as_deref().unwrap_or("-"),
            access.endpoint.as_deref().unwrap_or("-")
        ))
    }

    #[test]
    fn credentials_are_looked_for_where_the_aws_tools_look() {
        let keys = [("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "e"), ("AWS_PROFILE", "team")];
        for (env, parameters, expected) in [
            (&[][..], &[][..], "D profile 'default' eu-west-1 -"),
            (&[("AWS_PROFILE", "team")], &[], "Ttt profile 'team' x http://store:9000"),
            (
                &[("AWS_PROFILE", "team"), ("AWS_REGION", "y"), ("AWS_ENDPOINT_URL", "http://e")],
                &[],
                "Ttt profile 'team' y http://e",
            ),
            (&keys, &[], "E AWS_ACCESS_KEY_ID of the environment x http://store:9000"),
            (&keys, &[("profile", "default"), ("region", "z")], "D profile 'default' z -"),
            (&[("AWS_PROFILE", "tool")], &[], "P credential_process of profile 'tool' - -"),
            (&keys, &[("anonymous", "true")], "nobody none x http://store:9000"),
            (
                &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "r")],
                &[],
                "web AWS_WEB_IDENTITY_TOKEN_FILE eu-west-1 -",
            ),
        ] {
            assert_eq!(look(env, parameters).expect("found"), expected, "with {env:?} and {parameters:?}");
        }
    }

    #[test]
    fn missing_credentials_say_where_was_looked() {
        let error =
            look(&[("AWS_PROFILE", "nobody"), ("AWS_EC2_METADATA_DISABLED", "true")], &[]).expect_err("there are none");
        assert!(error.to_string().contains("profile 'nobody'"), "{error}");
        let error = look(&[("AWS_PROFILE", "sso")], &[]).expect_err("not understood");
        assert!(error.to_string().contains("export-credentials --profile sso"), "{error}");
    }
}
