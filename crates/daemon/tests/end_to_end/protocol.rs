//! The socket: garbage, strangers, permissions, and the lock of an environment.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use daemon::{Client, ClientError};

use crate::place::{FIXTURE, Place};

#[test]
fn garbage_is_answered_with_an_error_and_harms_nobody() {
    let place = Place::new();
    let mut client = place.client();
    let hello = "{\"seedbed\":4,\"version\":\"0\",\"pid\":1}\n";
    for (garbage, kind) in [
        ("hello\n".to_owned(), "malformed"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "malformed"),
        ("\u{0}\u{1}\n".to_owned(), "malformed"),
        ("{\"seedbed\":999,\"version\":\"9.9.9\",\"pid\":1}\n".to_owned(), "version"),
        (format!("{hello}{{}}\n"), "malformed"),
        (format!("{hello}{{\"request\":\"explode\"}}\n"), "malformed"),
        (format!("{hello}{{\"request\":\"apply\",\"start\":[{{}}],\"stop\":[]}}\n"), "malformed"),
        (format!("{hello}{{\"request\":\"stop\",\"units\":[\"nobody\"]}}\n"), "refused"),
    ] {
        let mut stream = UnixStream::connect(place.socket()).expect("a connection");
        stream.write_all(garbage.as_bytes()).expect("an open connection");
        let mut lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
        assert!(lines.next().expect("a greeting").starts_with("{\"seedbed\":4,"));
        let reply: serde_json::Value = serde_json::from_str(&lines.next().expect("a reply")).expect("a document");
        assert_eq!((&reply["reply"], &reply["kind"]), (&"error".into(), &kind.into()), "{garbage}");
    }
    // Cut off in the middle of a document.
    drop(UnixStream::connect(place.socket()).and_then(|mut stream| stream.write_all(b"{\"seedb")));
    assert!(client.status().expect("a status").is_empty());
}

#[test]
fn an_endless_line_is_not_kept() {
    let place = Place::new();
    let mut client = place.client();
    let mut stream = UnixStream::connect(place.socket()).expect("a connection");
    let block = vec![b'x'; 1 << 20];
    // The supervisor hangs up; until then it must take what comes.
    assert!((0..64).any(|_| stream.write_all(&block).is_err()));
    assert!(client.status().is_ok());
}

#[test]
fn only_this_user_may_connect() {
    let place = Place::new();
    let _client = place.client();
    let mode = std::fs::metadata(place.socket()).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_environment_has_one_supervisor() {
    let place = Place::new();
    let mut client = place.client();
    match place.start() {
        Err(ClientError::NotUp { tail, .. }) => assert!(tail.contains("already running"), "{tail}"),
        other => panic!("{other:?}"),
    }
    assert!(client.status().is_ok());
}

#[test]
fn nobody_there_is_no_error_and_a_stale_socket_is_nobody() {
    let place = Place::new();
    assert!(Client::connect(&place.socket()).expect("no error").is_none());
    drop(std::os::unix::net::UnixListener::bind(place.socket()).expect("a socket"));
    assert!(place.socket().exists());
    assert!(Client::connect(&place.socket()).expect("no error").is_none());
    assert!(place.start().is_ok());
}

#[test]
fn a_supervisor_that_does_not_come_up_says_why() {
    let place = Place::new();
    let start = |program: &str, arguments: &[&str]| {
        let arguments: Vec<_> = arguments.iter().map(Into::into).collect();
        Client::start(program.as_ref(), &arguments, &place.socket(), &place.path("log"))
    };
    match start(FIXTURE, &["nonsense"]) {
        Err(ClientError::NotUp { tail, .. }) => assert!(tail.contains("unknown arguments"), "{tail}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(start("/no/such/program", &[]), Err(ClientError::Start { .. })));
}
