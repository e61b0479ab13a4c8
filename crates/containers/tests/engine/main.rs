//! The client and a real engine.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it has to be")]

mod encrypted;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use containers::{Address, BuildRequest, Call, Context, LABEL, Output, OutputKind, Sweep};

/// The engine of this machine, and an image in it that has a shell; nothing where there is none, which CI does not allow.
fn engine() -> Option<(Call, String)> {
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    let busybox = Path::new("/bin/busybox");
    let found = Address::find(&variables).and_then(Call::new);
    let answers = found.and_then(|call| call.ask(containers::Engine::about).map(|_| call));
    let call = match answers {
        Ok(call) if busybox.exists() => call,
        _ if std::env::var_os("CI").is_some() => panic!("CI has an engine and busybox"),
        _ => return None,
    };
    let root = tempfile::tempdir().unwrap();
    fs::copy(busybox, root.path().join("busybox")).unwrap();
    let dockerfile = "FROM scratch\nCOPY busybox /bin/sh\nHEALTHCHECK CMD test -e /tmp/well\nSTOPSIGNAL SIGINT\n";
    fs::write(root.path().join("Dockerfile"), dockerfile).unwrap();
    let request = BuildRequest {
        tags: vec!["seedbed-test-client:1".to_owned()],
        dockerfile: "Dockerfile".to_owned(),
        ..BuildRequest::default()
    };
    let context = Arc::new(Context::open(root.path(), "Dockerfile").unwrap());
    let mut told = Vec::new();
    call.ask(|engine| async { engine.build_image(&request, &context, &mut |line| told.push(line.to_owned())).await })
        .unwrap();
    assert!(told.iter().any(|line| line.starts_with("Step 1/4")), "{told:?}");
    Some((call, "seedbed-test-client:1".to_owned()))
}

async fn all(mut output: Output) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some((kind, bytes)) = output.next().await {
        if kind == OutputKind::Output { &mut out } else { &mut err }.extend_from_slice(&bytes);
    }
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn body(image: &str, label: &str, script: &str) -> String {
    let quoted = script.replace('"', "\\\"");
    format!(
        r#"{{"Image":"{image}","Cmd":["sh","-c","{quoted}"],"Labels":{{"{LABEL}":"{label}"}},"HostConfig":{{"NetworkMode":"none"}}}}"#
    )
}

#[test]
fn a_container_lives_and_is_swept() {
    let Some((call, image)) = engine() else { return };
    let label = format!("/test/{}", std::process::id());
    let name = format!("seedbed-test-{}", std::process::id());
    call.ask(|engine| async {
        let script = "echo out; echo err >&2; sh -c 'exit 7'";
        // What has the name goes.
        engine.create_container(&name, None, &body(&image, &label, "exit 1")).await.unwrap();
        let id = engine.create_container(&name, None, &body(&image, &label, script)).await.unwrap();
        let output = engine.attach(&id).await.unwrap();
        let exit = engine.next_exit(&id).await.unwrap();
        engine.start_container(&id).await.unwrap();
        assert_eq!(exit.await.unwrap(), 7);
        assert_eq!(all(output).await, ("out\n".to_owned(), "err\n".to_owned()));
        engine.remove_container(&id).await.unwrap();
        engine.remove_container(&id).await.unwrap();

        let id = engine.create_container(&name, None, &body(&image, &label, "read x < /dev/zero")).await.unwrap();
        engine.start_container(&id).await.unwrap();
        let seen = engine.inspect_container(&id).await.unwrap();
        assert!(seen.pid > 0 && seen.is_running, "{seen:?}");
        assert_eq!(seen.stop_signal.as_deref(), Some("SIGINT"));
        assert_eq!(seen.health, ["CMD-SHELL", "test -e /tmp/well"]);
        let command = ["sh", "-c", "echo no >&2; exit 3"].map(str::to_owned);
        assert_eq!(engine.execute(&id, &command).await.unwrap(), (3, "no\n".to_owned()));
        let network = format!(r#"{{"Name":"{name}","Labels":{{"{LABEL}":"{label}"}}}}"#);
        let made = engine.ensure_network(&name, &network).await.unwrap();
        assert_eq!(engine.ensure_network(&name, &network).await.unwrap(), made);
        engine.ensure_volume(&network).await.unwrap();
        assert_eq!(engine.sweep(LABEL, &label, Sweep::Running).await.unwrap(), 2);
        assert_eq!(engine.sweep(LABEL, &label, Sweep::Everything).await.unwrap(), 1);
        assert_eq!(engine.sweep(LABEL, &label, Sweep::Everything).await.unwrap(), 0);
        assert!(engine.inspect_container(&id).await.unwrap_err().is_missing());
    });
}

#[test]
fn what_an_engine_refuses_is_told_in_its_words() {
    let Some((call, _)) = engine() else { return };
    let error = call
        .ask(|engine| engine.create_container("seedbed-test-none", None, r#"{"Image":"seedbed-test-no-such-image"}"#))
        .unwrap_err();
    assert!(error.is_missing() && error.to_string().contains("No such image"), "{error}");
    let nowhere = Call::new(Address::parse("unix:///nowhere/docker.sock").unwrap()).unwrap();
    let error = nowhere.ask(|engine| engine.find_image("a")).unwrap_err().to_string();
    assert!(error.starts_with("the container engine at unix:///nowhere/docker.sock does not answer: "), "{error}");
}

#[test]
fn a_build_that_fails_says_why() {
    let Some((call, _)) = engine() else { return };
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("Dockerfile"), "FROM scratch\nCOPY nothing /\n").unwrap();
    let context = Arc::new(Context::open(root.path(), "Dockerfile").unwrap());
    let request = BuildRequest { dockerfile: "Dockerfile".to_owned(), ..BuildRequest::default() };
    let built = call.ask(|engine| async { engine.build_image(&request, &context, &mut |_| {}).await });
    let error = built.unwrap_err().to_string();
    assert!(error.contains("nothing"), "{error}");
}
