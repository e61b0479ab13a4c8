//! A repository of a container registry: each file is an artifact under a tag of its own.
//!
//! The protocol is spoken here and not by a library: `oci-client` cannot delete, does not send again what failed, and
//! makes its HTTP client from the process environment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, RANGE};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use store::{Backend, BackendError, Entry, Expect, Version};

use crate::claims::{self, Lease};
use crate::docker::{self, Login};
use crate::error::RemoteError;
use crate::http::{self, Answer, Http};
use crate::settings::Settings;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const FILE: &str = "application/vnd.seedbed.file.v1";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";
const NAME: &str = "dev.seedbed.name";
const BYTES: &str = "dev.seedbed.bytes";
const DELETED: &str = "dev.seedbed.deleted";
const WRITE: &str = "dev.seedbed.write";
/// Tags are no longer than this, and so are names.
const LONGEST_NAME: usize = 128;
/// How many manifests are asked for at once when listing.
const AT_ONCE: usize = 8;

/// A repository in a registry.
pub(crate) struct Oci {
    http: Http,
    registry: String,
    base: Url,
    repository: String,
    place: String,
    login: Login,
    access: Mutex<Token>,
    /// Where files are that were read: content never changes under a digest.
    known: Mutex<BTreeMap<String, Blob>>,
    /// Claims that were removed where tags cannot be: each has its name only once.
    ended: Mutex<BTreeSet<String>>,
    has_empty: AtomicBool,
    lease: Lease,
}

/// What the registry lets us do at the moment.
#[derive(Default)]
struct Token {
    authorization: Option<String>,
    actions: BTreeSet<String>,
}

#[derive(Clone)]
struct Blob {
    digest: String,
    bytes: u64,
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: String,
    #[serde(default)]
    artifact_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Granted {
    token: Option<String>,
    access_token: Option<String>,
}

/// A file as its tag says.
struct Found {
    /// Of the manifest.
    digest: String,
    blob: Blob,
    mark: Option<String>,
}

impl Oci {
    /// Opens without sending anything.
    pub(crate) fn open(registry: &str, repository: &str, settings: &Settings) -> Result<Self, RemoteError> {
        let place = format!("oci://{registry}/{repository}");
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        let scheme = if matches!(host, "localhost" | "127.0.0.1" | "[::1]") { "http" } else { "https" };
        let server = if host == "docker.io" { "registry-1.docker.io" } else { registry };
        let base = Url::parse(&format!("{scheme}://{server}/v2/{repository}/"))
            .map_err(|error| RemoteError::BadUrl { url: place.clone(), reason: error.to_string() })?;
        Ok(Self {
            http: Http::new(settings)?,
            registry: registry.to_owned(),
            base,
            repository: repository.to_owned(),
            place,
            login: docker::login(registry, settings)?,
            access: Mutex::new(Token::default()),
            known: Mutex::new(BTreeMap::new()),
            ended: Mutex::new(BTreeSet::new()),
            has_empty: AtomicBool::new(false),
            lease: Lease::USUAL,
        })
    }

    fn url(&self, path: &str) -> Result<Url, RemoteError> {
        self.base.join(path).map_err(|error| self.malformed(&error.to_string()))
    }

    fn malformed(&self, reason: &str) -> RemoteError {
        RemoteError::Malformed { place: self.place.clone(), reason: reason.to_owned() }
    }

    /// Sends with what the registry lets us do; asks for more when it says that this is not enough.
    fn send(&self, upload: u64, request: impl Fn(&Client) -> RequestBuilder) -> Result<Answer, RemoteError> {
        for _ in 0..2 {
            let authorization = lock(&self.access).authorization.clone();
            let answer = self.http.send(&self.place, upload, || {
                http::authorized(request(self.http.client()), authorization.as_deref())
            })?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            if !self.log_in(&answer)? {
                return Ok(answer);
            }
        }
        let authorization = lock(&self.access).authorization.clone();
        self.http.send(&self.place, upload, || http::authorized(request(self.http.client()), authorization.as_deref()))
    }

    /// Does as a refusal says; `false` when there is nothing that could be done.
    fn log_in(&self, refusal: &Answer) -> Result<bool, RemoteError> {
        let challenge = refusal.header("www-authenticate").unwrap_or_default();
        let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            let Some((user, password)) = &self.login.basic else {
                return Ok(false);
            };
            let value = basic(user, password);
            let mut access = lock(&self.access);
            let is_new = access.authorization.as_ref() != Some(&value);
            access.authorization = Some(value);
            return Ok(is_new);
        }
        let parts = parameters(rest);
        let (true, Some(realm)) = (scheme.eq_ignore_ascii_case("bearer"), parts.get("realm")) else {
            return Ok(false);
        };
        let realm = Url::parse(realm).map_err(|_| self.malformed("its token server has no address"))?;
        let mut actions = lock(&self.access).actions.clone();
        let asked = parts.get("scope").and_then(|scope| scope.rsplit(':').next()).unwrap_or("pull");
        actions.extend(asked.split(',').map(str::to_owned));
        let scope = format!(
            "repository:{}:{}",
            self.repository,
            actions.iter().map(String::as_str).collect::<Vec<_>>().join(",")
        );
        let service = parts.get("service").cloned().unwrap_or_default();
        let place = realm.host_str().unwrap_or(&self.registry).to_owned();
        let answer = self.http.send(&place, 0, || match (&self.login.identity_token, &self.login.basic) {
            (Some(token), _) => {
                let mut body = Url::parse("form:").expect("a constant address");
                body.query_pairs_mut().extend_pairs([
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token),
                    ("service", &service),
                    ("scope", &scope),
                    ("client_id", "seedbed"),
                ]);
                let form = body.query().unwrap_or_default().to_owned();
                self.http
                    .client()
                    .post(realm.clone())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form)
            }
            (None, login) => {
                let mut address = realm.clone();
                address.query_pairs_mut().extend_pairs([("service", &service), ("scope", &scope)]);
                http::authorized(
                    self.http.client().get(address),
                    login.as_ref().map(|(user, password)| basic(user, password)).as_deref(),
                )
            }
        })?;
        let answer = answer.ok(&place, &self.login.origin)?;
        let granted: Granted =
            serde_json::from_slice(&answer.body).map_err(|_| self.malformed("its token server gives no token"))?;
        let token =
            granted.token.or(granted.access_token).ok_or_else(|| self.malformed("its token server gives no token"))?;
        *lock(&self.access) = Token { authorization: Some(format!("Bearer {token}")), actions };
        Ok(true)
    }

    fn ok(&self, answer: Answer) -> Result<Answer, RemoteError> {
        answer.ok(&self.place, &self.login.origin)
    }

    /// What a tag says; `None` when there is no such file.
    fn find(&self, tag: &str) -> Result<Option<Found>, RemoteError> {
        let url = self.url(&format!("manifests/{tag}"))?;
        let answer = self.send(0, |client| client.get(url.clone()).header(ACCEPT, MANIFEST))?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.ok(answer)?;
        let manifest: Manifest = serde_json::from_slice(&answer.body)
            .map_err(|_| self.malformed(&format!("'{tag}' is no artifact of ours")))?;
        if manifest.annotations.contains_key(DELETED) {
            return Ok(None);
        }
        let (Some(layer), Some(bytes)) =
            (manifest.layers.first(), manifest.annotations.get(BYTES).and_then(|bytes| bytes.parse().ok()))
        else {
            return Err(self.malformed(&format!("'{tag}' is no artifact of ours")));
        };
        Ok(Some(Found {
            digest: sha256(&answer.body),
            blob: Blob { digest: layer.digest.clone(), bytes },
            mark: manifest.annotations.get(WRITE).cloned(),
        }))
    }

    fn read_blob(&self, blob: &Blob) -> Result<Vec<u8>, RemoteError> {
        if blob.bytes == 0 {
            return Ok(Vec::new());
        }
        let url = self.url(&format!("blobs/{}", blob.digest))?;
        let answer = self.ok(self.send(0, |client| client.get(url.clone()))?)?;
        if answer.body.len() as u64 != blob.bytes {
            return Err(self.malformed(&format!("a file of {} bytes has {}", blob.bytes, answer.body.len())));
        }
        Ok(answer.body.into())
    }

    fn write_blob(&self, bytes: &[u8]) -> Result<Descriptor, RemoteError> {
        let digest = sha256(bytes);
        let there = self.url(&format!("blobs/{digest}"))?;
        let found = self.send(0, |client| client.head(there.clone()))?;
        if !found.status.is_success() {
            let start = self.url("blobs/uploads/")?;
            let begun = self.ok(self.send(0, |client| client.post(start.clone()).header(CONTENT_LENGTH, 0))?)?;
            let location = begun.header("location").ok_or_else(|| self.malformed("an upload has no address"))?;
            let mut location = start.join(location).map_err(|_| self.malformed("an upload has no address"))?;
            location.query_pairs_mut().append_pair("digest", &digest);
            let body = bytes::Bytes::copy_from_slice(bytes);
            let put = self.send(bytes.len() as u64, |client| {
                client
                    .put(location.clone())
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_LENGTH, body.len())
                    .body(body.clone())
            })?;
            // A put that is sent again after its answer got lost finds its upload ended.
            if !put.status.is_success() && !self.send(0, |client| client.head(there.clone()))?.status.is_success() {
                self.ok(put)?;
            }
        }
        Ok(Descriptor { media_type: FILE.to_owned(), digest, size: bytes.len() as u64 })
    }

    /// The descriptor of an artifact's empty configuration, which is there when this returns.
    fn empty(&self) -> Result<Descriptor, RemoteError> {
        let descriptor =
            Descriptor { media_type: EMPTY_TYPE.to_owned(), digest: sha256(EMPTY), size: EMPTY.len() as u64 };
        if !self.has_empty.load(Ordering::Relaxed) {
            self.write_blob(EMPTY)?;
            self.has_empty.store(true, Ordering::Relaxed);
        }
        Ok(descriptor)
    }

    /// Makes the tag say where the content is. Returns the digest of the manifest.
    fn put(&self, tag: &str, bytes: &[u8], mut annotations: BTreeMap<String, String>) -> Result<String, RemoteError> {
        let config = self.empty()?;
        // Not all registries take a blob of no bytes.
        let layer = if bytes.is_empty() { config.clone() } else { self.write_blob(bytes)? };
        annotations.insert(NAME.to_owned(), name_of(tag));
        annotations.insert(BYTES.to_owned(), bytes.len().to_string());
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: FILE.to_owned(),
            config,
            layers: vec![layer],
            annotations,
        };
        let body = serde_json::to_vec(&manifest).expect("a manifest has nothing that JSON has not");
        let url = self.url(&format!("manifests/{tag}"))?;
        let put = |client: &Client| {
            client.request(Method::PUT, url.clone()).header(CONTENT_TYPE, MANIFEST).body(body.clone())
        };
        self.ok(self.send(body.len() as u64, put)?)?;
        lock(&self.known).remove(tag);
        Ok(sha256(&body))
    }

    fn remove(&self, tag: &str) -> Result<(), RemoteError> {
        let Some(found) = self.find(tag)? else {
            return Ok(());
        };
        lock(&self.known).remove(tag);
        let url = self.url(&format!("manifests/{}", found.digest))?;
        let answer = self.send(0, |client| client.delete(url.clone()))?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(()),
            // Many registries keep what they have; then the tag says that there is nothing.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST | StatusCode::NOT_IMPLEMENTED => {
                self.put(tag, b"", BTreeMap::from([(DELETED.to_owned(), "true".to_owned())])).map(|_| ())
            }
            _ => self.ok(answer).map(|_| ()),
        }
    }

    /// All tags, in the order of the registry.
    fn tags(
        &self,
        each: &mut dyn FnMut(Vec<String>) -> Result<(), BackendError>,
        prefix: &str,
    ) -> Result<(), BackendError> {
        let failed = |error: RemoteError| error.of_operation("list", prefix, &self.place);
        let mut next = Some(self.url("tags/list?n=1000").map_err(failed)?);
        while let Some(url) = next {
            let answer = self.send(0, |client| client.get(url.clone())).map_err(failed)?;
            if answer.status == StatusCode::NOT_FOUND {
                // A repository comes into being with its first file.
                return Ok(());
            }
            let answer = self.ok(answer).map_err(failed)?;
            let tags: Tags =
                serde_json::from_slice(&answer.body).map_err(|_| failed(self.malformed("the list of tags is none")))?;
            next = answer
                .header("link")
                .and_then(|link| link.split_once('<')?.1.split_once('>').map(|(target, _)| target))
                .map(|target| url.join(target))
                .transpose()
                .map_err(|_| failed(self.malformed("the list of tags goes on nowhere")))?;
            each(tags.tags.unwrap_or_default())?;
        }
        Ok(())
    }

    fn locate(&self, tag: &str) -> Result<Option<Blob>, RemoteError> {
        if let Some(blob) = lock(&self.known).get(tag) {
            return Ok(Some(blob.clone()));
        }
        let found = self.find(tag)?.map(|found| found.blob);
        if let Some(blob) = &found {
            lock(&self.known).insert(tag.to_owned(), blob.clone());
        }
        Ok(found)
    }

    fn range(&self, tag: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, RemoteError> {
        let Some(blob) = self.locate(tag)? else {
            return Ok(None);
        };
        let end = offset
            .checked_add(length)
            .filter(|end| *end <= blob.bytes)
            .ok_or_else(|| self.malformed("the file ends within the range"))?;
        if length == 0 {
            return Ok(Some(Vec::new()));
        }
        let url = self.url(&format!("blobs/{}", blob.digest))?;
        let answer =
            self.send(0, |client| client.get(url.clone()).header(RANGE, format!("bytes={offset}-{}", end - 1)))?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.ok(answer)?;
        http::part(&answer, offset, length).map(Some).map_err(|reason| self.malformed(&reason))
    }

    fn missing(&self, name: &str) -> BackendError {
        BackendError::NotFound { name: name.to_owned(), place: self.place.clone() }
    }

    fn tag(&self, action: &'static str, name: &str) -> Result<String, BackendError> {
        tag_of(name).ok_or_else(|| {
            self.malformed("the name is too long for a tag, or begins with what a tag cannot").of_operation(
                action,
                name,
                &self.place,
            )
        })
    }
}

impl Backend for Oci {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError> {
        self.read_versioned(name)?.map(|(bytes, _)| bytes).ok_or_else(|| self.missing(name))
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError> {
        let tag = self.tag("read", name)?;
        let failed = |error: RemoteError| error.of_operation("read", name, &self.place);
        if let Some(bytes) = self.range(&tag, offset, length).map_err(failed)? {
            return Ok(bytes);
        }
        // What was known of it may be of an earlier file of this name.
        lock(&self.known).remove(&tag);
        self.range(&tag, offset, length).map_err(failed)?.ok_or_else(|| self.missing(name))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackendError> {
        let tag = self.tag("write", name)?;
        self.put(&tag, bytes, BTreeMap::new())
            .map(|_| ())
            .map_err(|error| error.of_operation("write", name, &self.place))
    }

    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError> {
        let tag = self.tag("read", name)?;
        let failed = |error: RemoteError| error.of_operation("read", name, &self.place);
        let mut found = self.find(&tag).map_err(failed)?;
        for _ in 0..3 {
            let Some(now) = found else {
                return Ok(None);
            };
            match self.read_blob(&now.blob) {
                // Collected between the two requests because the file was replaced or removed.
                Err(RemoteError::Answer { status: 404, .. }) => found = self.find(&tag).map_err(failed)?,
                other => return other.map(|bytes| Some((bytes, Version(now.digest)))).map_err(failed),
            }
        }
        Err(failed(self.malformed("the content of the file is gone")))
    }

    fn write_if(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<Version, BackendError> {
        let tag = self.tag("write", name)?;
        let failed = |error: RemoteError| error.of_operation("write", name, &self.place);
        let conflict = || BackendError::Conflict { name: name.to_owned(), place: self.place.clone() };
        let mark = http::token().map_err(failed)?;
        // The content goes up before the claim, so that a claim is held only for the little that follows.
        self.empty().map_err(failed)?;
        if !bytes.is_empty() {
            self.write_blob(bytes).map_err(failed)?;
        }
        claims::exclusively(self, self.lease, |held| {
            let now = self.find(&tag).map_err(failed)?;
            let as_expected = match (expect, &now) {
                (Expect::Absent, None) => true,
                (Expect::Version(version), Some(found)) => version.0 == found.digest,
                _ => false,
            };
            if !as_expected {
                return Err(conflict());
            }
            if !held.is_safe() {
                return Err(failed(RemoteError::Busy {
                    place: self.place.clone(),
                    seconds: self.lease.abandoned.as_secs(),
                }));
            }
            let digest = self.put(&tag, bytes, BTreeMap::from([(WRITE.to_owned(), mark.clone())])).map_err(failed)?;
            let now = self.find(&tag).map_err(failed)?;
            if now.and_then(|found| found.mark).as_ref() == Some(&mark) { Ok(Version(digest)) } else { Err(conflict()) }
        })
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        let tag = self.tag("delete", name)?;
        self.remove(&tag).map_err(|error| error.of_operation("delete", name, &self.place))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError> {
        self.tags(
            &mut |tags| {
                let ended = lock(&self.ended).clone();
                let wanted: Vec<String> =
                    tags.into_iter().filter(|tag| name_of(tag).starts_with(prefix) && !ended.contains(tag)).collect();
                for some in wanted.chunks(AT_ONCE) {
                    let found: Vec<_> = std::thread::scope(|scope| {
                        let threads: Vec<_> = some.iter().map(|tag| scope.spawn(|| self.find(tag))).collect();
                        threads
                            .into_iter()
                            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                            .collect()
                    });
                    for (tag, found) in some.iter().zip(found) {
                        let name = name_of(tag);
                        match found.map_err(|error| error.of_operation("list", &name, &self.place))? {
                            Some(found) => each(Entry { name, bytes: found.blob.bytes })?,
                            None if name.starts_with(claims::CLAIMS) => {
                                lock(&self.ended).insert(tag.clone());
                            }
                            None => {}
                        }
                    }
                }
                Ok(())
            },
            prefix,
        )
    }
}

/// The tag of a file: tags have no slash, names have no capitals.
fn tag_of(name: &str) -> Option<String> {
    let fits =
        name.len() <= LONGEST_NAME && !name.starts_with(['-', '.', '/']) && !name.is_empty() && !name.contains('S');
    fits.then(|| name.replace('/', "S"))
}

fn name_of(tag: &str) -> String {
    tag.replace('S', "/")
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", crate::checksum::hex(digest(&SHA256, bytes).as_ref()))
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// `key="value"` pairs of a challenge; a comma may stand in a value.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((key, tail)) = rest.split_once("=\"") {
        let Some((value, tail)) = tail.split_once('"') else {
            break;
        };
        found.insert(key.trim_matches([' ', ',']).to_lowercase(), value.to_owned());
        rest = tail;
    }
    found
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
