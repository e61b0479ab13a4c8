//! What goes wrong is said so that somebody can do something about it, and without secrets.

use std::error::Error;
use std::net::TcpListener;

use base64::Engine;
use remotes::{RemoteError, Settings, open};
use store::{BackendError, Expect};

use crate::servers::{Conditions, Registry, S3Server, s3_variables, settings};

/// An error with all its causes.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[test]
fn a_server_that_ignores_conditions_is_refused_for_references() {
    let home = tempfile::tempdir().expect("a directory");
    let server = S3Server::start(Conditions::Ignored);
    let endpoint = format!("http://{}", server.address);
    let backend = open("s3://bucket/store", &settings(home.path(), &s3_variables(&endpoint))).expect("opened");
    backend.write("packs/0", b"content").expect("packs need no conditions");
    for _ in 0..2 {
        let error = backend.write_if("records/a", b"", &Expect::Absent).expect_err("it is not safe");
        assert!(told(&error).contains("ignores conditional writes (If-None-Match)"), "{}", told(&error));
    }
    assert!(backend.read_versioned("records/a").expect("read").is_none());
}

#[test]
fn s3_says_whose_credentials_were_refused_and_which_bucket_is_missing() {
    let home = tempfile::tempdir().expect("a directory");
    let server = S3Server::start(Conditions::Kept);
    let endpoint = format!("http://{}", server.address);
    let mut variables = s3_variables(&endpoint);
    variables[1].1 = "hunter2";
    let error = open("s3://bucket/store", &settings(home.path(), &variables))
        .expect("opened")
        .read("store.json")
        .expect_err("denied");
    let text = told(&error);
    assert!(
        matches!(error, BackendError::Denied { .. }) && text.contains("AWS_ACCESS_KEY_ID of the environment"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    let elsewhere = open("s3://elsewhere/store", &settings(home.path(), &s3_variables(&endpoint))).expect("opened");
    let error = elsewhere.list("", &mut |_| Ok(())).expect_err("no bucket");
    assert!(!error.is_not_found() && told(&error).contains("s3://elsewhere/store does not exist"), "{}", told(&error));
    let nobody = open("s3://bucket", &settings(home.path(), &[])).err().expect("no credentials");
    assert!(matches!(nobody, RemoteError::NoCredentials { .. }), "{nobody}");
}

#[test]
fn a_place_that_does_not_answer_is_named() {
    let home = tempfile::tempdir().expect("a directory");
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let endpoint = format!("http://{closed}");
    let mut variables = s3_variables(&endpoint);
    variables.push(("SEEDBED_REMOTE_TIMEOUT", "1"));
    let settings = settings(home.path(), &variables);
    for url in [
        "s3://bucket".to_owned(),
        format!("oci://{closed}/store"),
        format!("http://{closed}/store"),
        "http://nowhere.invalid/store".to_owned(),
    ] {
        let error = open(&url, &settings).expect("opened").read("store.json").expect_err("nobody is there");
        assert!(matches!(error, BackendError::Io { .. }), "{url}: {error:?}");
        let text = told(&error);
        assert!(
            text.contains("refused") || text.contains("lookup") || text.contains("dns") || text.contains("elapsed"),
            "{url}: {text}"
        );
    }
}

#[test]
fn a_registry_is_used_with_the_login_of_docker() {
    let home = tempfile::tempdir().expect("a directory");
    // The password is 'pass'.
    let users = [("users", "user:$2b$05$abcdefghijklmnopqrstuuZFBUbfXoM8LFiPx8LYlO/sXZB/Cwk3K\n")];
    let registry = Registry::start("auth: {htpasswd: {realm: test, path: 'ROOT/users'}}\n", &users);
    let url = format!("oci://{}/store", registry.address);
    let log_in = |password: &str| {
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("user:{password}"));
        std::fs::create_dir_all(home.path().join(".docker")).expect("a directory");
        let config = format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, registry.address);
        std::fs::write(home.path().join(".docker/config.json"), config).expect("written");
    };
    let attempt = |settings: &Settings| open(&url, settings).expect("opened").write("store.json", b"{}");
    let settings = settings(home.path(), &[]);
    let error = attempt(&settings).expect_err("nobody in particular");
    assert!(matches!(error, BackendError::Denied { .. }) && told(&error).contains("none: "), "{}", told(&error));
    log_in("hunter2");
    let error = attempt(&settings).expect_err("the wrong password");
    let text = told(&error);
    assert!(
        matches!(error, BackendError::Denied { .. })
            && text.contains(".docker/config.json")
            && !text.contains("hunter2"),
        "{text}"
    );
    log_in("pass");
    attempt(&settings).expect("the right password");
}

#[test]
fn rclone_says_what_it_lacks() {
    let home = tempfile::tempdir().expect("a directory");
    let mut settings = settings(home.path(), &[]);
    let error = open("rclone:unknown:path", &settings).err().expect("there is no such remote");
    assert!(told(&error).contains("didn't find section in config file"), "{}", told(&error));
    settings.env.insert("PATH".to_owned(), home.path().display().to_string());
    let error = open("rclone:unknown:path", &settings).err().expect("there is no rclone");
    assert!(matches!(&error, RemoteError::Program { program, .. } if program == "rclone"), "{error}");
}
