//! A bucket of S3, or of a server that speaks like it.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, Error, GetResult, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, RetryConfig, UpdateVersion,
};
use store::{Backend, BackendError, Entry, Expect, Version};
use tokio::runtime::Runtime;

use crate::aws::{self, Credentials};
use crate::error::RemoteError;
use crate::http;
use crate::settings::Settings;

/// Larger files go up in parts of this size.
const PART: usize = 8 << 20;
/// How many parts of a file are under way at once.
const PARTS_AT_ONCE: usize = 4;
/// How often something is tried that neither worked nor was refused.
const ROUNDS: u32 = 6;
/// The mark by which a writer knows its own write again when the answer got lost.
const MARK: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("seedbed-write"));

/// A prefix in a bucket.
pub(crate) struct S3 {
    store: AmazonS3,
    runtime: Runtime,
    prefix: String,
    place: String,
    credentials: String,
    silence: Duration,
    /// The file that says that this server was found to compare before it writes.
    probed: PathBuf,
    probing: Mutex<bool>,
}

/// Our HTTP client as that of `object_store`.
#[derive(Debug, Clone)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // A connection of the pool that closes at the wrong moment gives an error without a kind, which would not be
        // tried again.
        HttpService::call(&self.0, request).await.map_err(|error| match error.kind() {
            HttpErrorKind::Unknown => HttpError::new(HttpErrorKind::Interrupted, error),
            _ => error,
        })
    }
}

impl S3 {
    /// Opens without sending anything. `parameters`: `endpoint`, `region`, `profile`, `anonymous`, `addressing`.
    pub(crate) fn open(
        bucket: &str,
        prefix: &str,
        parameters: &BTreeMap<String, String>,
        settings: &Settings,
    ) -> Result<Self, RemoteError> {
        let place = if prefix.is_empty() { format!("s3://{bucket}") } else { format!("s3://{bucket}/{prefix}") };
        let access = aws::access(&place, parameters, settings)?;
        let silence = settings.silence();
        let plain = access.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let virtual_host = match parameters.get("addressing").map(String::as_str) {
            Some("virtual") => true,
            Some(_) => false,
            None => access.endpoint.is_none() && !bucket.contains('.'),
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_allow_http(plain)
            // TLS guards the body already, and signing it costs a SHA-256 of every byte.
            .with_unsigned_payload(!plain)
            .with_virtual_hosted_style_request(virtual_host)
            // Deleting one file is a DELETE, which can be sent again; deleting many is a POST, which cannot.
            .with_disable_bulk_delete(true)
            .with_http_connector(Connector(http::client(settings, Some(silence))?))
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(150),
                    max_backoff: Duration::from_secs(10),
                    base: 2.0,
                },
                max_retries: 6,
                // Requests are signed once, and signatures get old.
                retry_timeout: (silence * 3).min(Duration::from_secs(290)),
            });
        if let Some(region) = access.region {
            builder = builder.with_region(region);
        }
        let endpoint = access.endpoint.clone().unwrap_or_default();
        if let Some(endpoint) = access.endpoint {
            builder = builder.with_endpoint(match endpoint.split_once("://") {
                Some((scheme, host)) if virtual_host => format!("{scheme}://{bucket}.{host}"),
                _ => endpoint,
            });
        }
        builder = match access.credentials {
            Credentials::Keys { id, secret, token } => {
                let builder = builder.with_access_key_id(id).with_secret_access_key(secret);
                match token {
                    Some(token) => builder.with_token(token),
                    None => builder,
                }
            }
            Credentials::WebIdentity { token_file, role } => builder
                .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, token_file)
                .with_config(AmazonS3ConfigKey::RoleArn, role),
            Credentials::Container { variable, uri, token_file } => {
                let key = if variable.contains("RELATIVE") {
                    AmazonS3ConfigKey::ContainerCredentialsRelativeUri
                } else {
                    AmazonS3ConfigKey::ContainerCredentialsFullUri
                };
                let builder = builder.with_config(key, uri);
                match token_file {
                    Some(file) => builder.with_config(AmazonS3ConfigKey::ContainerAuthorizationTokenFile, file),
                    None => builder,
                }
            }
            Credentials::Instance => builder,
            Credentials::Anonymous => builder.with_skip_signature(true),
        };
        let store = builder.build().map_err(|source| RemoteError::Client { source: Box::new(source) })?;
        let known = blake3::hash(format!("{endpoint}\n{bucket}").as_bytes()).to_hex();
        Ok(Self {
            store,
            runtime: http::runtime()?,
            prefix: prefix.to_owned(),
            place,
            credentials: access.origin,
            silence,
            probed: settings.cache.join("conditional-writes").join(known.as_str()),
            probing: Mutex::new(false),
        })
    }

    fn path(&self, name: &str) -> Path {
        Path::from(if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) })
    }

    fn wait<T>(
        &self,
        action: &'static str,
        name: &str,
        future: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, BackendError> {
        self.runtime.block_on(future).map_err(|error| self.error(action, name, error))
    }

    fn error(&self, action: &'static str, name: &str, error: Error) -> BackendError {
        let (place, told) = (self.place.clone(), chain(&error));
        let denied = |status| RemoteError::Denied {
            place: self.place.clone(),
            status,
            credentials: self.credentials.clone(),
            answer: told.clone(),
        };
        match error {
            _ if told.contains("NoSuchBucket") => {
                RemoteError::NoSuchPlace { place: self.place.clone() }.of_operation(action, name, &place)
            }
            Error::NotFound { .. } => BackendError::NotFound { name: name.to_owned(), place },
            Error::PermissionDenied { .. } => denied(403).of_operation(action, name, &place),
            Error::Unauthenticated { .. } => denied(401).of_operation(action, name, &place),
            source if ["QuotaExceeded", "StorageFull", "status code: 507"].iter().any(|word| told.contains(word)) => {
                BackendError::Full { name: name.to_owned(), place, source: Box::new(source) }
            }
            source => BackendError::Io { action, name: name.to_owned(), place, source: Box::new(source) },
        }
    }

    fn malformed(&self, action: &'static str, name: &str, reason: &str) -> BackendError {
        RemoteError::Malformed { place: self.place.clone(), reason: reason.to_owned() }.of_operation(
            action,
            name,
            &self.place,
        )
    }

    /// Does again what can be done again as a whole, although single requests of it cannot be sent again.
    async fn again<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        work: impl Fn() -> F,
    ) -> object_store::Result<T> {
        let begin = Instant::now();
        let mut attempt = 1;
        loop {
            match work().await {
                Err(Error::Generic { .. }) if attempt < ROUNDS && begin.elapsed() < self.silence * 3 => {
                    tokio::time::sleep(http::pause(attempt)).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    async fn put(&self, path: &Path, bytes: &[u8]) -> object_store::Result<()> {
        if bytes.len() <= PART {
            self.store.put(path, Bytes::copy_from_slice(bytes).into()).await?;
            return Ok(());
        }
        let mut upload = self.store.put_multipart(path).await?;
        let sent: object_store::Result<()> = stream::iter(bytes.chunks(PART))
            .map(|part| upload.put_part(Bytes::copy_from_slice(part).into()))
            .buffer_unordered(PARTS_AT_ONCE)
            .try_collect()
            .await;
        let completed = match sent {
            // When the answer got lost, the second request is refused in one of several ways, because there is no such
            // upload any more. Whatever was said, the file is sent again.
            Ok(()) => upload
                .complete()
                .await
                .map(|_| ())
                .map_err(|error| Error::Generic { store: "S3", source: Box::new(error) }),
            Err(error) => Err(error),
        };
        if completed.is_err() {
            // What is not aborted is kept, and paid for. It is gone already if only the last answer got lost.
            let _ = upload.abort().await;
        }
        completed
    }

    /// One conditional write. `Ok(None)`: it lost.
    async fn put_if(
        &self,
        path: &Path,
        bytes: &[u8],
        expect: &Expect,
        mark: &str,
    ) -> object_store::Result<Option<Version>> {
        let mode = match expect {
            Expect::Absent => PutMode::Create,
            Expect::Version(version) => {
                PutMode::Update(UpdateVersion { e_tag: Some(version.0.clone()), version: None })
            }
        };
        let mut attributes = Attributes::new();
        attributes.insert(MARK, mark.to_owned().into());
        let mut last = None;
        for round in 1..=ROUNDS {
            let options = PutOptions { mode: mode.clone(), attributes: attributes.clone(), ..PutOptions::default() };
            let refused = match self.store.put_opts(path, Bytes::copy_from_slice(bytes).into(), options).await {
                Ok(result) => {
                    let Some(etag) = result.e_tag else {
                        return Err(no_etag());
                    };
                    return Ok(Some(Version(etag)));
                }
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => true,
                Err(
                    error @ (Error::PermissionDenied { .. }
                    | Error::Unauthenticated { .. }
                    | Error::NotImplemented { .. }),
                ) => return Err(error),
                Err(error) => {
                    last = Some(error);
                    false
                }
            };
            // An answer can get lost on its way, and the request that is sent again then finds what we wrote ourselves.
            let now = match self.store.get(path).await {
                Ok(found) if found.attributes.get(&MARK).is_some_and(|found| found.as_ref() == mark) => {
                    return found.meta.e_tag.map(|etag| Some(Version(etag))).ok_or_else(no_etag);
                }
                Ok(found) => found.meta.e_tag,
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(last.unwrap_or(error)),
            };
            let still_as_expected = match expect {
                Expect::Absent => now.is_none(),
                Expect::Version(version) => now.as_ref() == Some(&version.0),
            };
            if !still_as_expected {
                return Ok(None);
            }
            if refused {
                // Refused although nothing is in the way: another request was under way and came to nothing.
                last = None;
            }
            tokio::time::sleep(http::pause(round)).await;
        }
        last.map_or(Ok(None), Err)
    }

    /// Finds out once whether the server compares before it writes, and remembers that it does.
    fn probe(&self) -> Result<(), BackendError> {
        let mut done = self.probing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *done || self.probed.is_file() {
            *done = true;
            return Ok(());
        }
        let token = http::token().map_err(|error| error.of_operation("write", "probe", &self.place))?;
        let name = format!("probe/{token}");
        let path = self.path(&name);
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let update = |etag: &str| PutOptions {
            mode: PutMode::Update(UpdateVersion { e_tag: Some(etag.to_owned()), version: None }),
            ..PutOptions::default()
        };
        let missing = self.wait("write", &name, async {
            let first = self.store.put_opts(&path, Bytes::from_static(b"1").into(), create()).await?;
            let refused = |outcome: object_store::Result<_>| match outcome {
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(true),
                Ok(_) => Ok(false),
                Err(error) => Err(error),
            };
            let missing = if !refused(self.store.put_opts(&path, Bytes::from_static(b"2").into(), create()).await)? {
                Some("If-None-Match")
            } else if !refused(
                self.store
                    .put_opts(&path, Bytes::from_static(b"3").into(), update("\"0123456789abcdef0123456789abcdef\""))
                    .await,
            )? {
                Some("If-Match")
            } else {
                let etag = first.e_tag.ok_or_else(no_etag)?;
                self.store.put_opts(&path, Bytes::from_static(b"4").into(), update(&etag)).await?;
                None
            };
            Ok(missing)
        });
        // A probe that is left over harms nobody.
        let _ = self.delete(&name);
        match missing {
            Ok(None) => {}
            Ok(Some(missing)) => {
                return Err(RemoteError::Unconditional { place: self.place.clone(), missing }.of_operation(
                    "write",
                    &name,
                    &self.place,
                ));
            }
            Err(BackendError::Io { source, .. }) if source.to_string().contains("status code: 501") => {
                return Err(RemoteError::Unconditional { place: self.place.clone(), missing: "If-None-Match" }
                    .of_operation("write", &name, &self.place));
            }
            Err(error) => return Err(error),
        }
        *done = true;
        // It is only a cache: without it, the next process asks again.
        if let Some(directory) = self.probed.parent() {
            let _ = std::fs::create_dir_all(directory);
            let _ = std::fs::write(&self.probed, &self.place);
        }
        Ok(())
    }
}

impl Backend for S3 {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError> {
        let path = self.path(name);
        self.wait("read", name, async { self.store.get(&path).await?.bytes().await }).map(Vec::from)
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError> {
        let path = self.path(name);
        if length == 0 {
            let meta = self.wait("read", name, self.store.head(&path))?;
            return if offset <= meta.size {
                Ok(Vec::new())
            } else {
                Err(self.malformed("read", name, "the file ends before the range"))
            };
        }
        let end =
            offset.checked_add(length).ok_or_else(|| self.malformed("read", name, "the range ends after all files"))?;
        let bytes = self.wait("read", name, self.store.get_range(&path, offset..end))?;
        if bytes.len() as u64 != length {
            return Err(self.malformed("read", name, "the file ends within the range"));
        }
        Ok(bytes.into())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackendError> {
        let path = self.path(name);
        self.wait("write", name, self.again(|| self.put(&path, bytes)))
    }

    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError> {
        let path = self.path(name);
        let read = self.wait("read", name, async {
            let found: GetResult = self.store.get(&path).await?;
            let etag = found.meta.e_tag.clone().ok_or_else(no_etag)?;
            Ok((found.bytes().await?.into(), Version(etag)))
        });
        match read {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_if(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<Version, BackendError> {
        self.probe()?;
        let mark = http::token().map_err(|error| error.of_operation("write", name, &self.place))?;
        self.wait("write", name, self.put_if(&self.path(name), bytes, expect, &mark))?
            .ok_or_else(|| BackendError::Conflict { name: name.to_owned(), place: self.place.clone() })
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        let path = self.path(name);
        match self.wait("delete", name, self.again(|| self.store.delete(&path))) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError> {
        // The server is asked for whole directories; the rest of the prefix is compared here.
        let directory = prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
        let path = self.path(directory);
        let skip = if self.prefix.is_empty() { 0 } else { self.prefix.len() + 1 };
        let mut entries = self.store.list((!path.as_ref().is_empty()).then_some(&path));
        // The lock of the runtime is not held while the caller works, so he may come back with other operations.
        while let Some(entry) = self.runtime.block_on(entries.next()) {
            let meta = entry.map_err(|error| self.error("list", prefix, error))?;
            if let Some(name) = meta.location.as_ref().get(skip..).filter(|name| name.starts_with(prefix)) {
                each(Entry { name: name.to_owned(), bytes: meta.size })?;
            }
        }
        Ok(())
    }
}

fn no_etag() -> Error {
    Error::Generic { store: "S3", source: "the server gives no ETag".into() }
}

/// An error with all its causes, on one line, shortened.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect()
}
