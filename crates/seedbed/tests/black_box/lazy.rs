//! Lazy services under many connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::services_in_containers::busybox;
use crate::workspace::Workspace;

const CLIENTS: u64 = 8;
const REQUESTS: u64 = 12;

/// It falls asleep again and again while others connect, and is slow to wake.
const MANIFEST: &str = "\
name: shop
services:
  admin:
    run: trivial_service ${port} 30
    port: auto
    lazy: { idle: 10ms }
";

fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn no_connection_is_lost_while_a_service_wakes_and_falls_asleep() {
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let status = workspace.seedbed(&["status", "--json"]).ends_with(0).json();
    let service = &status["services"][0];
    assert_eq!((service["state"].as_str(), service["pid"].as_u64()), (Some("asleep"), None));
    let port: u16 = service["address"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let clients = (0..CLIENTS).map(|client| {
        thread::spawn(move || {
            for request in 0..REQUESTS {
                // Others pauses for each: at some of them nobody is connected for long enough.
                thread::sleep(Duration::from_millis((client * 7 + request * 13) % 60));
                let answer = ask(port).unwrap_or_else(|error| panic!("client {client}, request {request}: {error}"));
                assert!(answer.ends_with("ok\n"), "client {client}, request {request}: {answer:?}");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.join().unwrap();
    }
    workspace.seedbed(&["wait", "admin", "--for", "asleep"]).ends_with(0);
    let log = workspace.read(".seedbed/default/logs/shop.admin.log");
    assert_eq!(log.matches("o GET").count() as u64, CLIENTS * REQUESTS, "{log}");
    let wakes = log.matches(": a connection has come").count();
    assert!(wakes > 1, "it never fell asleep: {log}");
    assert_eq!(log.matches("falls asleep: no connection for 10ms").count(), wakes, "{log}");
    workspace.seedbed(&["down"]).ends_with(0);
    assert!(ask(port).is_err(), "nobody listens after `down`");
}

#[test]
fn a_connection_to_what_cannot_start_is_closed() {
    let manifest = MANIFEST.replace("trivial_service ${port} 30", "sh -c 'exit ${port}'");
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let status = workspace.seedbed(&["status", "--json"]).ends_with(0).json();
    let address = status["services"][0]["address"].as_str().unwrap().to_owned();
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    // Closed without a word, or with what was not read taken back.
    assert_eq!(ask(port).unwrap_or_default(), "");
    let ended = workspace.seedbed(&["wait", "admin"]).ends_with(1);
    assert!(ended.stderr.contains("has failed: exited with code"), "{}", ended.stderr);
    assert!(ask(port).is_err(), "what has failed is not listened for");
    // It stays to be heard of, until somebody takes it down.
    workspace.seedbed(&["down"]).ends_with(0);
}

#[test]
fn a_container_sleeps_as_a_process_does() {
    let Some(image) = busybox() else { return };
    let manifest = format!(
        "name: shop\nservices:\n  admin:\n    image: {image}\n    command: [busybox, httpd, -f, -p, \"80\", -h, /]\n    port: {{ container: 80 }}\n    lazy: {{ idle: 200ms }}\n    stop: {{ signal: KILL }}\n"
    );
    let workspace = Workspace::of(&[("seedbed.yaml", &manifest)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let status = workspace.seedbed(&["status", "--json"]).ends_with(0).json();
    assert_eq!(status["services"][0]["state"], "asleep");
    let port: u16 = status["services"][0]["address"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    for _ in 0..2 {
        workspace.seedbed(&["wait", "admin", "--for", "asleep"]).ends_with(0);
        assert_eq!(running(&workspace), "", "what sleeps has no container");
        // The first connection is held until the container answers.
        assert!(ask(port).unwrap().starts_with("HTTP/1.1 404 "));
    }
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
    assert!(ask(port).is_err(), "nobody listens after the end");
}

/// The containers of a workspace that run.
fn running(workspace: &Workspace) -> String {
    workspace.shell("docker ps -q --filter label=seedbed.environment=$PWD/.seedbed/default").stdout
}
