//! HTTP with patience: a request is sent again, with growing pauses, until it is answered or hope is lost.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Client, NoProxy, Proxy, RequestBuilder, StatusCode};
use tokio::runtime::Runtime;

use crate::checksum::hex;
use crate::error::RemoteError;
use crate::settings::Settings;

/// How often a request is sent at most.
const ATTEMPTS: u32 = 6;
/// The first pause; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(150);
/// No pause is longer, whatever a server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// The slowest line that an upload allows for, in bytes per second.
const SLOWEST: u64 = 32 * 1024;

/// An answer, with its whole body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A client with a runtime of its own.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    runtime: Arc<Runtime>,
    silence: Duration,
    attempts: u32,
}

impl Http {
    /// A client with the proxies and certificates that the settings name.
    pub(crate) fn new(settings: &Settings) -> Result<Self, RemoteError> {
        Ok(Self {
            client: client(settings, None)?,
            runtime: Arc::new(runtime()?),
            silence: settings.silence(),
            attempts: ATTEMPTS,
        })
    }

    /// The same, but a request is sent so often at most.
    pub(crate) fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// For making requests.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for a future. Must not be called from within a runtime.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// How long a server may say nothing.
    pub(crate) fn silence(&self) -> Duration {
        self.silence
    }

    /// Sends until there is an answer that is not "try again", and reads it whole. `upload` is the size of the body in
    /// bytes. An answer of any other status is an `Ok`; `place` is for messages.
    pub(crate) fn send(
        &self,
        place: &str,
        upload: u64,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Answer, RemoteError> {
        self.wait(async {
            let mut attempt = 1;
            loop {
                let outcome = self.once(upload, request()).await;
                let pause = match &outcome {
                    Ok(answer) if !is_transient(answer.status) => None,
                    Ok(answer) => asked_pause(&answer.headers).or(Some(pause(attempt))),
                    Err(error) if is_hopeless(error.as_ref()) => None,
                    Err(_) => Some(pause(attempt)),
                };
                match pause {
                    Some(pause) if attempt < self.attempts => {
                        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                        attempt += 1;
                    }
                    _ => {
                        return outcome.map_err(|source| RemoteError::Unreachable {
                            place: place.to_owned(),
                            attempts: attempt,
                            source,
                        });
                    }
                }
            }
        })
    }

    async fn once(&self, upload: u64, request: RequestBuilder) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let patience = self.silence + Duration::from_secs(upload / SLOWEST);
        let mut response =
            tokio::time::timeout(patience, request.send()).await?.map_err(reqwest::Error::without_url)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut parts = Vec::new();
        while let Some(part) =
            tokio::time::timeout(self.silence, response.chunk()).await?.map_err(reqwest::Error::without_url)?
        {
            parts.push(part);
        }
        // Most answers are one piece or none: those are not copied.
        let body = if parts.len() == 1 { parts.swap_remove(0) } else { parts.concat().into() };
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// Itself if the status is one of success, else what went wrong.
    pub(crate) fn ok(self, place: &str, credentials: &str) -> Result<Self, RemoteError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let (place, status, answer) = (place.to_owned(), self.status.as_u16(), self.text());
        Err(match status {
            401 | 403 => RemoteError::Denied { place, status, credentials: credentials.to_owned(), answer },
            _ => RemoteError::Answer { place, status, answer },
        })
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The beginning of the body, on one line.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
    }
}

/// A runtime for one remote: two threads, so that parts of a file go up while another thread waits.
pub(crate) fn runtime() -> Result<Runtime, RemoteError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("remote")
        .enable_all()
        .build()
        .map_err(|source| RemoteError::Client { source: Box::new(source) })
}

/// A client. With `silence` it gives up by itself when nothing comes for so long.
pub(crate) fn client(settings: &Settings, silence: Option<Duration>) -> Result<Client, RemoteError> {
    // There is one provider for the process; that another crate was first is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let failed = |source: reqwest::Error| RemoteError::Client { source: Box::new(source) };
    let mut builder = Client::builder()
        .user_agent(concat!("seedbed/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.silence().min(Duration::from_secs(15)))
        .pool_idle_timeout(Duration::from_secs(20))
        .no_proxy();
    if let Some(silence) = silence {
        builder = builder.read_timeout(silence);
    }
    let exceptions = either(settings, "no_proxy", "NO_PROXY").and_then(NoProxy::from_string);
    for (proxy, make) in [
        (
            either(settings, "https_proxy", "HTTPS_PROXY"),
            (|url| Proxy::https(url)) as fn(&str) -> reqwest::Result<Proxy>,
        ),
        (either(settings, "http_proxy", "HTTP_PROXY"), |url| Proxy::http(url)),
        (either(settings, "all_proxy", "ALL_PROXY"), |url| Proxy::all(url)),
    ] {
        if let Some(proxy) = proxy {
            builder = builder.proxy(make(proxy).map_err(failed)?.no_proxy(exceptions.clone()));
        }
    }
    if let Some(path) = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"].iter().find_map(|name| settings.variable(name)) {
        let pem =
            std::fs::read(path).map_err(|source| RemoteError::File { action: "read", path: path.into(), source })?;
        builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).map_err(failed)?);
    }
    builder.build().map_err(failed)
}

fn either<'a>(settings: &'a Settings, lower: &str, upper: &str) -> Option<&'a str> {
    settings.variable(lower).or_else(|| settings.variable(upper))
}

/// Whether a request with this answer is worth sending again.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Whether an error stays the same however often it is tried.
fn is_hopeless(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(|error| error.is_builder() || error.is_redirect())
}

fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// The pause after the attempt: between half and all of an interval that doubles.
pub(crate) fn pause(attempt: u32) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << attempt.clamp(1, 10).saturating_sub(1)).min(LONGEST_PAUSE);
    whole.mul_f64(0.5 + 0.5 * f64::from(random_byte()) / 255.0)
}

fn random_byte() -> u8 {
    let mut byte = [0];
    // Without randomness the pause is only less spread.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

/// A word of 32 hexadecimal digits that nobody else has.
pub(crate) fn token() -> Result<String, RemoteError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|source| RemoteError::Client { source: source.to_string().into() })?;
    Ok(hex(&bytes))
}

/// Sets the authorization of a request, where there is one.
pub(crate) fn authorized(request: RequestBuilder, authorization: Option<&str>) -> RequestBuilder {
    match authorization {
        Some(value) => request.header(AUTHORIZATION, value),
        None => request,
    }
}

/// The range of a file out of the answer to a request with `Range`; some servers send the whole file. The error is the
/// reason why it cannot be.
pub(crate) fn part(answer: &Answer, offset: u64, length: u64) -> Result<Vec<u8>, String> {
    let ends = || "the file ends within the range".to_owned();
    let body = if answer.status == StatusCode::PARTIAL_CONTENT {
        let begin = answer
            .header("content-range")
            .and_then(|text| text.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
        if begin != Some(offset) {
            return Err("it sent another range than was asked for".to_owned());
        }
        &answer.body[..]
    } else {
        let offset = usize::try_from(offset).map_err(|_| ends())?;
        let end = usize::try_from(length).ok().and_then(|length| offset.checked_add(length)).ok_or_else(ends)?;
        answer.body.get(offset..end).ok_or_else(ends)?
    };
    if body.len() as u64 == length { Ok(body.to_vec()) } else { Err(ends()) }
}
