//! A store behind any web server, for reading: files by name, and a listing that whoever publishes the store writes.

use std::fmt::Write;

use reqwest::header::RANGE;
use reqwest::{RequestBuilder, StatusCode, Url};
use store::{Backend, BackendError, Entry, Expect, Version};

use crate::error::RemoteError;
use crate::http::{self, Answer, Http};
use crate::settings::Settings;

/// The file with the names and sizes of all others.
const LISTING: &str = "listing";
/// Its first line.
const HEADER: &str = "seedbed listing 1";
/// What is of no use to readers.
const LEFT_OUT: [&str; 3] = ["claims/", "probe/", "trash/"];

/// Writes the file `listing`, without which a store cannot be used over plain HTTP. To be called after the last write.
pub fn publish_listing(backend: &dyn Backend) -> Result<(), BackendError> {
    let mut names = Vec::new();
    backend.list("", &mut |entry| {
        if entry.name != LISTING && !LEFT_OUT.iter().any(|prefix| entry.name.starts_with(prefix)) {
            names.push((entry.name, entry.bytes));
        }
        Ok(())
    })?;
    names.sort_unstable();
    let mut text = format!("{HEADER}\n");
    for (name, bytes) in &names {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{bytes} {name}");
    }
    let _ = writeln!(text, "end {}", names.len());
    backend.write(LISTING, text.as_bytes())
}

/// A directory of a web server.
pub(crate) struct Website {
    http: Http,
    base: Url,
    place: String,
    login: Option<(String, String)>,
}

impl Website {
    /// Opens without sending anything. The address may have a user and a password.
    pub(crate) fn open(mut base: Url, place: String, settings: &Settings) -> Result<Self, RemoteError> {
        let login = login(&mut base);
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { http: Http::new(settings)?, base, place, login })
    }

    fn get(&self, name: &str, range: Option<(u64, u64)>) -> Result<Answer, RemoteError> {
        let url = self
            .base
            .join(name)
            .map_err(|error| RemoteError::Malformed { place: self.place.clone(), reason: error.to_string() })?;
        let answer = self.http.send(&self.place, 0, || {
            let request = with_login(self.http.client().get(url.clone()), self.login.as_ref());
            match range {
                Some((offset, length)) if length > 0 => {
                    request.header(RANGE, format!("bytes={offset}-{}", offset + length - 1))
                }
                _ => request,
            }
        })?;
        if answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(RemoteError::Malformed {
                place: self.place.clone(),
                reason: "the file ends before the range".to_owned(),
            });
        }
        answer.ok(&self.place, if self.login.is_some() { "of the address" } else { "none" })
    }

    fn read_only(&self) -> BackendError {
        BackendError::ReadOnly { place: self.place.clone() }
    }
}

impl Backend for Website {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError> {
        self.get(name, None)
            .map(|answer| answer.body.into())
            .map_err(|error| error.of_operation("read", name, &self.place))
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError> {
        let failed = |error: RemoteError| error.of_operation("read", name, &self.place);
        let malformed = |reason| failed(RemoteError::Malformed { place: self.place.clone(), reason });
        if offset.checked_add(length).is_none() {
            return Err(malformed("the range ends after all files".to_owned()));
        }
        let answer = self.get(name, Some((offset, length))).map_err(failed)?;
        http::part(&answer, offset, length).map_err(malformed)
    }

    fn write(&self, _name: &str, _bytes: &[u8]) -> Result<(), BackendError> {
        Err(self.read_only())
    }

    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError> {
        match self.read(name) {
            Ok(bytes) => {
                let version = Version(blake3::hash(&bytes).to_hex().to_string());
                Ok(Some((bytes, version)))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_if(&self, _name: &str, _bytes: &[u8], _expect: &Expect) -> Result<Version, BackendError> {
        Err(self.read_only())
    }

    fn delete(&self, _name: &str) -> Result<(), BackendError> {
        Err(self.read_only())
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError> {
        let text = self.read(LISTING)?;
        let malformed =
            |reason: &str| {
                RemoteError::Malformed { place: self.place.clone(), reason: format!("its listing {reason}") }
                    .of_operation("list", prefix, &self.place)
            };
        let text = std::str::from_utf8(&text).map_err(|_| malformed("is no text"))?;
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(malformed("is none of ours, or of a later version"));
        }
        let mut count = 0_u64;
        for line in lines {
            match line.split_once(' ') {
                Some(("end", total)) if total.parse() == Ok(count) => return Ok(()),
                Some((bytes, name)) => {
                    let bytes = bytes.parse().map_err(|_| malformed("has a line without a size"))?;
                    count += 1;
                    if name.starts_with(prefix) {
                        each(Entry { name: name.to_owned(), bytes })?;
                    }
                }
                None => return Err(malformed("has a line without a name")),
            }
        }
        Err(malformed("is cut off"))
    }
}

/// Takes user and password out of an address.
pub(crate) fn login(url: &mut Url) -> Option<(String, String)> {
    let plain = |text: &str| {
        // The decoder of queries knows `%41`; a plus sign means itself here.
        let pair = format!("x={}", text.replace('+', "%2B"));
        let decoded = Url::parse(&format!("form:?{pair}")).ok()?;
        decoded.query_pairs().next().map(|(_, value)| value.into_owned())
    };
    let found = (!url.username().is_empty()).then(|| {
        (plain(url.username()).unwrap_or_default(), plain(url.password().unwrap_or_default()).unwrap_or_default())
    });
    // Both can only fail for addresses that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    found
}

/// A request with user and password, where there are any.
pub(crate) fn with_login(request: RequestBuilder, login: Option<&(String, String)>) -> RequestBuilder {
    match login {
        Some((user, password)) => request.basic_auth(user, Some(password)),
        None => request,
    }
}
