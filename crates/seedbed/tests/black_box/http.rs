//! The least of HTTP that asking a service takes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const JSON: &str = "application/json";

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// GET of a path at an address such as `http://127.0.0.1:20000`; `token` may have its scheme before it, as in `JWT …`.
#[track_caller]
pub fn get(address: &str, path: &str, token: Option<&str>) -> Answer {
    request("GET", address, path, token, JSON, "")
}

/// POST of a JSON text.
#[track_caller]
pub fn post(address: &str, path: &str, token: Option<&str>, json: &str) -> Answer {
    request("POST", address, path, token, JSON, json)
}

/// POST of a form, as a browser writes it.
#[track_caller]
pub fn form(address: &str, path: &str, form: &str) -> Answer {
    request("POST", address, path, None, "application/x-www-form-urlencoded", form)
}

#[track_caller]
fn request(method: &str, address: &str, path: &str, token: Option<&str>, content_type: &str, body: &str) -> Answer {
    const PATIENCE: Duration = Duration::from_secs(10);
    let host = address.strip_prefix("http://").unwrap();
    let scheme = if token.is_some_and(|token| token.contains(' ')) { "" } else { "Token " };
    let authorization = token.map_or_else(String::new, |token| format!("authorization: {scheme}{token}\r\n"));
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{authorization}");
    let length = format!("content-type: {content_type}\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(host).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("{head}{length}{body}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap_or_else(|error| panic!("{address}{path}: {error}"));
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{address}{path}: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer { status: status.unwrap_or_else(|| panic!("{head:?}")), body: body.to_owned() }
}
