//! The binary as a supervisor sees it: exit codes, messages, readiness, a quick end.

#![allow(clippy::unwrap_used, reason = "what is not there ends the test")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn lms(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lms"));
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
    for (arguments, environment, word) in [
        (&["serve"][..], &[url][..], "PORT"),
        (&["serve"], &[port], "DATABASE_URL"),
        (&["serve"], &[url, ("PORT", "web")], "PORT"),
        (&["serve"], &[url, port, ("RATE_LIMITS", "many")], "RATE_LIMITS"),
        (&["migrate"], &[], "DATABASE_URL"),
        (&["add-client", "shop"], &[url], "usage"),
        (&["dev-passwords"], &[], "DATABASE_URL"),
        (&[], &[url, port], "usage"),
        (&["dance"], &[url, port], "usage"),
    ] {
        let (code, _, stderr) = text(&lms(arguments, environment).output().unwrap());
        assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
        assert!(stderr.contains(word), "{stderr}");
    }
}

#[test]
fn migrating_twice_applies_once() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("lms.db").display());
    let migrate = || text(&lms(&["migrate"], &[("DATABASE_URL", &url)]).output().unwrap());
    let (code, stdout, _) = migrate();
    assert_eq!((code, stdout.lines().count()), (Some(0), lms::MIGRATIONS.len()), "{stdout}");
    assert_eq!(migrate(), (Some(0), "nothing to apply\n".to_owned(), String::new()));
}

#[test]
fn serving_is_unready_without_a_database_and_ends_at_once_when_told() {
    let url = "sqlite:///no/such/directory/lms.db";
    let mut child = lms(&["serve"], &[("DATABASE_URL", url), ("PORT", "0")]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let base = lines.by_ref().find_map(|line| line.unwrap().split_once("listening on ").map(|(_, url)| url.to_owned()));
    let base = base.unwrap();
    // Somebody has to read the log, or the service would wait for its pipe.
    let reader = std::thread::spawn(move || lines.count());

    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    assert_eq!(agent.get(format!("{base}/heartbeat")).call().unwrap().status(), 503);
    assert_eq!(agent.get(format!("{base}/health/live")).call().unwrap().status(), 200);

    let told = Instant::now();
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    reader.join().unwrap();
}

#[test]
fn users_and_clients_are_made_by_hand_and_secrets_are_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("lms.db").display());
    let key_file = directory.path().join("dev-passwords.key").display().to_string();
    let environment = [("DATABASE_URL", url.as_str()), ("DEV_PASSWORDS_KEY_FILE", key_file.as_str())];
    let run = |arguments: &[&str], input: &str| {
        let mut command = lms(arguments, &environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who does not read it ends before it is written.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        text(&child.wait_with_output().unwrap())
    };
    run(&["migrate"], "");
    let add = ["add-user", "--staff", "ada", "ada@example.com"];
    assert_eq!(run(&add, "a good secret\n"), (Some(0), "made the user ada\n".to_owned(), String::new()));
    for (arguments, input, word) in [
        (&add[..], "a good secret\n", "is taken"),
        (&["add-user", "bob", "bob@example.com"], "short\n", "8 to"),
        (&["add-client", "shop", "nobody"], "", "no user 'nobody'"),
    ] {
        let (code, _, stderr) = run(arguments, input);
        assert!(code == Some(1) && stderr.contains(word), "{stderr}");
    }
    let (code, secret, _) = run(&["add-client", "shop", "ada"], "");
    assert_eq!((code, secret.trim().len()), (Some(0), 43), "{secret}");
    let (code, shown, _) = run(&["dev-passwords"], "");
    assert_eq!((code, shown.as_str()), (Some(0), "all users have passwords of their own\n"));
    let database = std::fs::read(directory.path().join("lms.db")).unwrap();
    for kept in ["a good secret", secret.trim()] {
        assert!(!database.windows(kept.len()).any(|bytes| bytes == kept.as_bytes()), "{kept}");
    }
}
