//! Any place that rclone reaches, through one `rclone rcd` that lives as long as the backend.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, RANGE};
use reqwest::multipart::{Form, Part};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Backend, BackendError, Entry, Expect, Version};

use crate::claims::{self, Lease};
use crate::error::RemoteError;
use crate::http::{self, Answer, Http};
use crate::settings::Settings;

/// Starts rclone and ends it when standard input does, so also when we are killed. `exec` lets go of standard error, so
/// that its end is the end of rclone.
const LIFELINE: &str = r#"rclone rcd --rc-addr 127.0.0.1:0 --rc-serve & child=$!; exec 2>/dev/null; cat >/dev/null; kill "$child"; wait "$child""#;
/// What rclone says when it listens.
const LISTENS: &str = "Serving remote control on ";
/// Until then it must have said so.
const START: Duration = Duration::from_secs(30);
/// Where files are until they are whole.
const UPLOADING: &str = "uploading@";

/// A directory of a remote of rclone.
pub(crate) struct Rclone {
    http: Http,
    fs: String,
    place: String,
    url: Url,
    authorization: String,
    /// Whether files are written beside and then moved, because the remote shows them while they grow.
    moves: bool,
    lease: Lease,
    _server: Server,
}

struct Server {
    child: Child,
    lifeline: Option<ChildStdin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    path: String,
    size: i64,
}

#[derive(Deserialize)]
struct Listing {
    list: Option<Vec<Item>>,
}

/// A file that was written on a condition: `NAME@/SEQUENCE-DIGEST`. The digest says whether it is whole, the highest
/// sequence number is the one that counts.
struct Revision {
    name: String,
    sequence: u64,
    digest: String,
    path: String,
    bytes: u64,
}

impl Rclone {
    /// Starts rclone. `remote` is what rclone calls a remote: `NAME:PATH`.
    pub(crate) fn open(remote: &str, settings: &Settings) -> Result<Self, RemoteError> {
        // A remote may be written as a connection string with secrets in it.
        let place = match remote.split_once(',') {
            Some((name, _)) => format!("rclone:{name},…"),
            None => format!("rclone:{remote}"),
        };
        if remote.is_empty() || remote.contains(']') {
            return Err(RemoteError::BadUrl {
                url: place,
                reason: "it is 'rclone:REMOTE:PATH', without ']'".to_owned(),
            });
        }
        let password = http::token()?;
        let (server, url) = Server::start(&password, settings)?;
        // Nothing that is meant for the network shall be asked about the way to ourselves. It tries again by itself.
        let local = settings.clone().without_proxies();
        let mut rclone = Self {
            http: Http::new(&local)?.with_attempts(2),
            fs: remote.to_owned(),
            place,
            url,
            authorization: {
                use base64::Engine;
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("seedbed:{password}")))
            },
            moves: false,
            lease: Lease::USUAL,
            _server: server,
        };
        let info = rclone.command("operations/fsinfo", &json!({}))?.ok(&rclone.place, "rclone's configuration")?;
        let info: Value =
            serde_json::from_slice(&info.body).map_err(|_| rclone.malformed("its features are no JSON"))?;
        rclone.moves = info["Features"]["Move"] == Value::Bool(true);
        Ok(rclone)
    }

    fn malformed(&self, reason: &str) -> RemoteError {
        RemoteError::Malformed { place: self.place.clone(), reason: reason.to_owned() }
    }

    fn address(&self, path: &str) -> Result<Url, RemoteError> {
        self.url.join(path).map_err(|error| self.malformed(&error.to_string()))
    }

    fn command(&self, name: &str, parameters: &Value) -> Result<Answer, RemoteError> {
        let mut parameters = parameters.clone();
        if parameters.get("srcFs").is_none() {
            parameters["fs"] = self.fs.as_str().into();
        }
        let url = self.address(name)?;
        let body = parameters.to_string();
        self.http.send(&self.place, 0, || {
            let request = self.http.client().post(url.clone()).header(AUTHORIZATION, &self.authorization);
            request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.clone())
        })
    }

    fn ok(&self, answer: Answer) -> Result<Answer, RemoteError> {
        answer.ok(&self.place, "rclone's configuration")
    }

    /// A file, or a range of it; `None` when it is missing.
    fn get(&self, path: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>, RemoteError> {
        let mut url = self.url.clone();
        url.set_path(&format!("/[{}]/{path}", self.fs).replace('%', "%25"));
        let answer = self.http.send(&self.place, 0, || {
            let request = self.http.client().get(url.clone()).header(AUTHORIZATION, &self.authorization);
            match range {
                Some((offset, length)) if length > 0 => {
                    request.header(RANGE, format!("bytes={offset}-{}", offset + length - 1))
                }
                _ => request,
            }
        })?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(self.malformed("the file ends before the range"));
        }
        let answer = self.ok(answer)?;
        match range {
            Some((offset, length)) => {
                http::part(&answer, offset, length).map(Some).map_err(|reason| self.malformed(&reason))
            }
            None => Ok(Some(answer.body.into())),
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), RemoteError> {
        let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
        let mut url = self.address("operations/uploadfile")?;
        url.query_pairs_mut().append_pair("fs", &self.fs).append_pair("remote", directory);
        let body = bytes::Bytes::copy_from_slice(bytes);
        let answer = self.http.send(&self.place, bytes.len() as u64, || {
            let length = body.len() as u64;
            let part = Part::stream_with_length(body.clone(), length).file_name(file.to_owned());
            self.http
                .client()
                .post(url.clone())
                .header(AUTHORIZATION, &self.authorization)
                .multipart(Form::new().part("file", part))
        })?;
        self.ok(answer)?;
        let answer = self.ok(self.command("operations/stat", &json!({"remote": path}))?)?;
        let stat: Value =
            serde_json::from_slice(&answer.body).map_err(|_| self.malformed("a file's size is no JSON"))?;
        match stat["item"]["Size"].as_u64() {
            Some(size) if size == bytes.len() as u64 => Ok(()),
            Some(size) => Err(self.malformed(&format!("a file of {} bytes arrived with {size}", bytes.len()))),
            None => Err(self.malformed("a file that was written is not there")),
        }
    }

    fn put_whole(&self, path: &str, bytes: &[u8]) -> Result<(), RemoteError> {
        if !self.moves {
            return self.put(path, bytes);
        }
        let beside = format!("{UPLOADING}/{}", http::token()?);
        self.put(&beside, bytes)?;
        let parameters = json!({"srcFs": self.fs, "srcRemote": beside, "dstFs": self.fs, "dstRemote": path});
        self.ok(self.command("operations/movefile", &parameters)?).map(|_| ())
    }

    fn remove(&self, path: &str) -> Result<(), RemoteError> {
        let answer = self.command("operations/deletefile", &json!({"remote": path}))?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        self.ok(answer).map(|_| ())
    }

    fn items(&self, directory: &str) -> Result<Vec<Item>, RemoteError> {
        let options = json!({"recurse": true, "filesOnly": true, "noModTime": true, "noMimeType": true});
        let answer = self.command("operations/list", &json!({"remote": directory, "opt": options}))?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        let listing: Listing =
            serde_json::from_slice(&self.ok(answer)?.body).map_err(|_| self.malformed("a listing is no JSON"))?;
        Ok(listing.list.unwrap_or_default())
    }

    /// The revisions of a name, the oldest first.
    fn revisions(&self, name: &str) -> Result<Vec<Revision>, RemoteError> {
        let mut found: Vec<_> = self.items(&format!("{name}@"))?.iter().filter_map(Revision::of).collect();
        found.sort_by(|a, b| (a.sequence, &a.digest).cmp(&(b.sequence, &b.digest)));
        Ok(found)
    }

    /// The content of a name, with what says which it is.
    fn find(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, RemoteError> {
        if let Some(bytes) = self.get(name, None)? {
            let version = Version(blake3::hash(&bytes).to_hex().to_string());
            return Ok(Some((bytes, version)));
        }
        // A revision can go away between the list and the reading of it, but only after a newer one has come.
        for _ in 0..5 {
            let revisions = self.revisions(name)?;
            let mut vanished = false;
            for revision in revisions.iter().rev() {
                match self.get(&revision.path, None)? {
                    Some(bytes) if blake3::hash(&bytes).to_hex().as_str() == revision.digest => {
                        return Ok(Some((bytes, revision.version())));
                    }
                    Some(_) => {}
                    None => {
                        vanished = true;
                        break;
                    }
                }
            }
            if !vanished {
                return Ok(None);
            }
        }
        Err(self.malformed("a file changes faster than it can be read"))
    }

    fn missing(&self, name: &str) -> BackendError {
        BackendError::NotFound { name: name.to_owned(), place: self.place.clone() }
    }
}

impl Backend for Rclone {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError> {
        self.read_versioned(name)?.map(|(bytes, _)| bytes).ok_or_else(|| self.missing(name))
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError> {
        let failed = |error: RemoteError| error.of_operation("read", name, &self.place);
        if offset.checked_add(length).is_none() {
            return Err(failed(self.malformed("the range ends after all files")));
        }
        if let Some(bytes) = self.get(name, Some((offset, length))).map_err(failed)? {
            return Ok(bytes);
        }
        let whole = self.read(name)?;
        let range = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(length).ok())
            .and_then(|(offset, length)| whole.get(offset..offset + length));
        range.map(<[u8]>::to_vec).ok_or_else(|| failed(self.malformed("the file ends within the range")))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackendError> {
        self.put_whole(name, bytes).map_err(|error| error.of_operation("write", name, &self.place))
    }

    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError> {
        self.find(name).map_err(|error| error.of_operation("read", name, &self.place))
    }

    fn write_if(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<Version, BackendError> {
        let failed = |error: RemoteError| error.of_operation("write", name, &self.place);
        claims::exclusively(self, self.lease, |held| {
            let now = self.find(name).map_err(failed)?.map(|(_, version)| version);
            let as_expected = match expect {
                Expect::Absent => now.is_none(),
                Expect::Version(version) => now.as_ref() == Some(version),
            };
            if !as_expected {
                return Err(BackendError::Conflict { name: name.to_owned(), place: self.place.clone() });
            }
            let old = self.revisions(name).map_err(failed)?;
            let sequence = old.last().map_or(1, |revision| revision.sequence + 1);
            let digest = blake3::hash(bytes).to_hex().to_string();
            let path = format!("{name}@/{sequence:020}-{digest}");
            if !held.is_safe() {
                return Err(failed(RemoteError::Busy {
                    place: self.place.clone(),
                    seconds: self.lease.abandoned.as_secs(),
                }));
            }
            self.put(&path, bytes).map_err(failed)?;
            // The new revision counts as soon as no plain file stands before it. What of the old stays is removed by the
            // next write.
            self.remove(name).map_err(failed)?;
            for revision in old {
                let _ = self.remove(&revision.path);
            }
            Ok(Version(format!("{sequence}-{digest}")))
        })
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        let failed = |error: RemoteError| error.of_operation("delete", name, &self.place);
        // The oldest first, and the plain file last: no older content comes to light.
        for revision in self.revisions(name).map_err(failed)? {
            self.remove(&revision.path).map_err(failed)?;
        }
        self.remove(name).map_err(failed)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError> {
        let directory = prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
        let mut items = self.items(directory).map_err(|error| error.of_operation("list", prefix, &self.place))?;
        items.sort_by(|a, b| a.path.cmp(&b.path));
        let mut items = items.into_iter().peekable();
        let mut last_plain = String::new();
        while let Some(item) = items.next() {
            let (name, bytes) = match Revision::of(&item) {
                None if item.path.contains('@') => continue,
                None => {
                    last_plain.clone_from(&item.path);
                    (item.path, u64::try_from(item.size).unwrap_or(0))
                }
                Some(revision) => {
                    // They are sorted: the last of a name counts, unless there is a plain file.
                    let next = items.peek().and_then(Revision::of);
                    if revision.name == last_plain || next.is_some_and(|next| next.name == revision.name) {
                        continue;
                    }
                    (revision.name, revision.bytes)
                }
            };
            if name.starts_with(prefix) {
                each(Entry { name, bytes })?;
            }
        }
        Ok(())
    }
}

impl Revision {
    fn of(item: &Item) -> Option<Self> {
        let (name, file) = item.path.split_once("@/")?;
        let (sequence, digest) = file.split_once('-')?;
        let sequence = sequence.parse().ok()?;
        let bytes = u64::try_from(item.size).unwrap_or(0);
        Some(Self { name: name.to_owned(), sequence, digest: digest.to_owned(), path: item.path.clone(), bytes })
    }

    fn version(&self) -> Version {
        Version(format!("{}-{}", self.sequence, self.digest))
    }
}

impl Server {
    fn start(password: &str, settings: &Settings) -> Result<(Self, Url), RemoteError> {
        let command = |program: &str| {
            let mut command = Command::new(program);
            command.env_clear().envs(&settings.env);
            command
        };
        let missing = |source| RemoteError::Program { program: "rclone".to_owned(), source };
        command("rclone")
            .arg("version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(missing)?;
        let mut child = command("sh")
            .args(["-c", LIFELINE])
            .env("RCLONE_RC_USER", "seedbed")
            .env("RCLONE_RC_PASS", password)
            .env("RCLONE_LOG_LEVEL", "NOTICE")
            .env_remove("RCLONE_LOG_FILE")
            .env_remove("RCLONE_USE_JSON_LOG")
            .env_remove("RCLONE_RC_ADDR")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(missing)?;
        let (lifeline, talk) = (child.stdin.take(), child.stderr.take());
        let server = Self { child, lifeline };
        let (tell, told) = mpsc::channel();
        // It reads as long as rclone talks: a full pipe would stop rclone.
        std::thread::spawn(move || {
            for line in talk.into_iter().flat_map(|talk| BufReader::new(talk).lines()).map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let failed = |reason: String| RemoteError::ProgramFailed { program: "rclone rcd".to_owned(), reason };
        let mut last = "it said nothing".to_owned();
        loop {
            match told.recv_timeout(START) {
                Ok(line) => match line.split_once(LISTENS) {
                    Some((_, address)) => {
                        let url =
                            Url::parse(address.trim()).map_err(|_| failed(format!("it listens at '{address}'")))?;
                        return Ok((server, url));
                    }
                    None => last = line,
                },
                Err(_) => return Err(failed(last)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.child.wait();
    }
}
