//! The binary as a supervisor sees it: exit codes, messages, readiness, a quick end.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn commerce(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_commerce"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command
}

fn text(output: &Output) -> (Option<i32>, String, String) {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), utf8(&output.stdout), utf8(&output.stderr))
}

#[test]
fn a_wrong_call_or_setting_is_one_line_and_exit_code_2() {
    let (url, port) = (("DATABASE_URL", "sqlite:///nowhere.db"), ("PORT", "0"));
    let (lms, id) = (("LMS_URL", "http://127.0.0.1:1"), ("LMS_CLIENT_ID", "commerce"));
    let token = ("LMS_CLIENT_SECRET", "secret");
    for (arguments, environment, word) in [
        (&["serve"][..], &[url, lms, id, token][..], "PORT"),
        (&["serve"], &[port, lms, id, token], "DATABASE_URL"),
        (&["serve"], &[url, lms, id, token, ("PORT", "web")], "PORT"),
        (&["serve"], &[url, port, id, token], "LMS_URL"),
        (&["publish"], &[url, lms, id], "LMS_CLIENT_SECRET"),
        (&["migrate"], &[], "DATABASE_URL"),
        (&[], &[url, port], "usage"),
        (&["dance"], &[url, port], "usage"),
    ] {
        let (code, _, stderr) = text(&commerce(arguments, environment).output().unwrap());
        assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
        assert!(stderr.contains(word), "{stderr}");
    }
}

#[test]
fn migrating_twice_applies_once() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("commerce.db").display());
    let migrate = || text(&commerce(&["migrate"], &[("DATABASE_URL", &url)]).output().unwrap());
    let (code, stdout, _) = migrate();
    assert_eq!((code, stdout.lines().count()), (Some(0), commerce::MIGRATIONS.len()), "{stdout}");
    assert_eq!(migrate(), (Some(0), "nothing to apply\n".to_owned(), String::new()));
}

#[test]
fn serving_is_unready_without_a_database_and_ends_at_once_when_told() {
    let url = "sqlite:///no/such/directory/commerce.db";
    let mut child = commerce(
        &["serve"],
        &[
            ("DATABASE_URL", url),
            ("PORT", "0"),
            ("LMS_URL", "http://127.0.0.1:1"),
            ("LMS_CLIENT_ID", "commerce"),
            ("LMS_CLIENT_SECRET", "secret"),
        ],
    )
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let (_, base) = line.split_once("listening on ").unwrap();
    // Somebody has to read the log, or the service would wait for its pipe.
    let reader = std::thread::spawn(move || lines.count());

    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    assert_eq!(agent.get(format!("{base}/health/")).call().unwrap().status(), 503);

    let told = Instant::now();
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    reader.join().unwrap();
}
