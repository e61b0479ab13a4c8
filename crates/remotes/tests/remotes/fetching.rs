//! Single files by address, over lines that break.

use std::cell::RefCell;
use std::path::Path;

use remotes::{Checksum, RemoteError, fetch};

use crate::proxy::{Fault, Proxy};
use crate::servers::{serve_directory, settings};
use crate::suite::bytes;

fn blake3_of(content: &[u8]) -> Checksum {
    Checksum::Blake3(blake3::hash(content).into())
}

#[test]
fn a_download_goes_on_where_it_was_cut() {
    let home = tempfile::tempdir().expect("a directory");
    let content = bytes(3 << 20, 1);
    let site = home.path().join("site");
    std::fs::create_dir(&site).expect("a directory");
    std::fs::write(site.join("dump"), &content).expect("written");
    let (_server, address) = serve_directory(&site, &[]);
    let proxy = Proxy::start(address);
    let settings = settings(home.path(), &[("SEEDBED_REMOTE_TIMEOUT", "2")]);
    let url = format!("http://{}/dump", proxy.address);
    let to = home.path().join("cache/dump");
    let checksum = blake3_of(&content);
    let steps = RefCell::new(Vec::new());
    let run = || fetch(&url, Some(&checksum), &to, &settings, &|there, total| steps.borrow_mut().push((there, total)));

    proxy.forever(Fault::Cut(1 << 20));
    proxy.plan([Fault::Cut(1 << 20), Fault::Unavailable, Fault::Reset, Fault::Cut(1 << 20), Fault::Silence]);
    run().expect("fetched");
    assert!(std::fs::read(&to).expect("it is there") == content);
    let steps = steps.into_inner();
    assert!(steps.is_sorted(), "no byte is fetched again");
    assert_eq!(steps.last(), Some(&(3 << 20, Some(3 << 20))));

    // Another process goes on with what this one left.
    let second = home.path().join("second");
    proxy.plan([Fault::Cut(2 << 20)].into_iter().chain([Fault::Reset; 20]));
    let error = fetch(&url, Some(&checksum), &second, &settings, &|_, _| {}).expect_err("the line is down");
    assert!(matches!(error, RemoteError::Unreachable { .. }), "{error}");
    assert!(!second.exists(), "nothing appears before it is whole");
    proxy.plan([]);
    let first = RefCell::new(None);
    fetch(&url, Some(&checksum), &second, &settings, &|there, _| {
        first.borrow_mut().get_or_insert(there);
    })
    .expect("fetched");
    assert!(first.into_inner() > Some(1 << 20), "it went on");
    assert!(std::fs::read(&second).expect("it is there") == content);

    // What is there is not fetched again.
    proxy.forever(Fault::Reset);
    fetch(&url, Some(&checksum), &second, &settings, &|_, _| {}).expect("it is there");
}

#[test]
fn a_file_that_changed_is_fetched_from_its_beginning() {
    let home = tempfile::tempdir().expect("a directory");
    let (old, new) = (bytes(1 << 20, 1), bytes(1 << 20, 2));
    let site = home.path().join("site");
    std::fs::create_dir(&site).expect("a directory");
    std::fs::write(site.join("dump"), &old).expect("written");
    let (_server, address) = serve_directory(&site, &[]);
    let proxy = Proxy::start(address);
    let settings = settings(home.path(), &[]);
    let url = format!("http://{}/dump", proxy.address);
    let to = home.path().join("dump");
    proxy.plan([Fault::Cut(1 << 19)].into_iter().chain([Fault::Reset; 20]));
    fetch(&url, None, &to, &settings, &|_, _| {}).expect_err("the line is down");
    std::fs::write(site.join("dump"), &new).expect("written");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    std::fs::File::options()
        .write(true)
        .open(site.join("dump"))
        .and_then(|file| file.set_modified(later))
        .expect("touched");
    proxy.plan([]);
    fetch(&url, None, &to, &settings, &|_, _| {}).expect("fetched");
    assert!(std::fs::read(&to).expect("it is there") == new);
}

#[test]
fn a_wrong_file_never_appears() {
    let home = tempfile::tempdir().expect("a directory");
    let source = home.path().join("source");
    std::fs::write(&source, b"hello").expect("written");
    let settings = settings(home.path(), &[]);
    let to = home.path().join("to");
    let url = format!("file://{}", source.display());
    let wrong = blake3_of(b"other");
    let error = fetch(&url, Some(&wrong), &to, &settings, &|_, _| {}).expect_err("it is another");
    assert!(matches!(error, RemoteError::Checksum { .. }), "{error}");
    assert!(!to.exists());
    let right: Checksum =
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".parse().expect("a SHA-256");
    fetch(&url, Some(&right), &to, &settings, &|_, _| {}).expect("copied");
    assert_eq!(std::fs::read(&to).expect("it is there"), b"hello");
    fetch(&source.display().to_string(), None, &to, &settings, &|_, _| {}).expect("a path is an address");
    let leftovers: Vec<_> = std::fs::read_dir(home.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(leftovers.len(), 2, "{leftovers:?}");
    for (text, why) in [("md5:00", "another algorithm"), ("sha256:00", "too short"), ("", "nothing")] {
        text.parse::<Checksum>().expect_err(why);
    }
}

#[test]
fn what_is_not_there_is_said_at_once() {
    let home = tempfile::tempdir().expect("a directory");
    let (_server, address) = serve_directory(home.path(), &[]);
    let settings = settings(home.path(), &[]);
    let fetch =
        |url: &str| fetch(url, None, &home.path().join("to"), &settings, &|_, _| {}).expect_err("it is not there");
    assert!(matches!(fetch(&format!("http://{address}/missing")), RemoteError::Answer { status: 404, .. }));
    assert!(
        matches!(fetch("/nowhere/missing"), RemoteError::File { path, .. } if path == Path::new("/nowhere/missing"))
    );
    assert!(matches!(fetch("s3://bucket/key"), RemoteError::BadUrl { .. }));
}
