//! The suite, over each kind of remote.

use remotes::{open, publish_listing};
use store::BackendError;

use crate::servers::{Conditions, Registry, S3Server, s3_variables, serve_directory, settings};
use crate::suite;

#[test]
fn a_directory_is_a_backend() {
    let home = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}/store", home.path().display());
    suite::check(&|| open(&url, &settings(home.path(), &[])).expect("opened"));
}

#[test]
fn s3_is_a_backend() {
    let home = tempfile::tempdir().expect("a directory");
    let server = S3Server::start(Conditions::Kept);
    let endpoint = format!("http://{}", server.address);
    let settings = settings(home.path(), &s3_variables(&endpoint));
    suite::check(&|| open("s3://bucket/team/store", &settings).expect("opened"));
    suite::check(&|| open("s3://bucket", &settings).expect("opened"));
}

#[test]
fn a_local_remote_of_rclone_is_a_backend() {
    let home = tempfile::tempdir().expect("a directory");
    let settings = settings(home.path(), &[("RCLONE_CONFIG_SHARE_TYPE", "local")]);
    let url = format!("rclone:share:{}/some store", home.path().display());
    suite::check(&|| open(&url, &settings).expect("opened"));
}

#[test]
fn a_registry_is_a_backend() {
    let home = tempfile::tempdir().expect("a directory");
    let registry = Registry::start("  delete: {enabled: true}\n", &[]);
    let url = format!("oci://{}/team/store", registry.address);
    suite::check(&|| open(&url, &settings(home.path(), &[])).expect("opened"));
}

#[test]
fn a_registry_that_deletes_nothing_is_a_backend_too() {
    let home = tempfile::tempdir().expect("a directory");
    let registry = Registry::start("", &[]);
    let url = format!("oci://{}/store", registry.address);
    suite::check(&|| open(&url, &settings(home.path(), &[])).expect("opened"));
}

#[test]
fn a_published_directory_can_be_read_from_a_web_server() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("store");
    let settings = settings(home.path(), &[]);
    let published = open(&directory.display().to_string(), &settings).expect("opened");
    for (name, content) in suite::files() {
        published.write(name, &content).expect("written");
    }
    published.write("claims/0", b"claimed").expect("written");
    let (_server, address) = serve_directory(&directory, &["--user", "reader", "--pass", "se cret"]);
    let website = open(&format!("http://reader:se%20cret@{address}/"), &settings).expect("opened");
    let error = website.list("", &mut |_| Ok(())).expect_err("it was not published");
    assert!(matches!(&error, BackendError::NotFound { name, .. } if name == "listing"), "{error}");
    publish_listing(published.as_ref()).expect("published");
    publish_listing(published.as_ref()).expect("published again");
    suite::reads(website.as_ref(), &suite::files());
    assert_eq!(website.describe(), format!("http://{address}/"), "the password is not shown");
    for error in [website.write("x", b"").expect_err("read only"), website.delete("x").expect_err("read only")] {
        assert!(matches!(error, BackendError::ReadOnly { .. }), "{error}");
    }
    let stranger = open(&format!("http://{address}/"), &settings).expect("opened");
    let error = stranger.read("store.json").expect_err("there is a password");
    assert!(matches!(error, BackendError::Denied { .. }), "{error}");
}
