//! One question to an engine, and its answer.

use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::connection::Connection;
use crate::{Address, EngineError, certificates};

/// What is sent with a question.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What is said about a body that is a document.
pub(crate) const DOCUMENT: (&str, &str) = ("Content-Type", "application/json");

/// What is said about a body that is a tar file.
pub(crate) const ARCHIVE: (&str, &str) = ("Content-Type", "application/x-tar");

/// The most of an answer that is kept in memory.
const ANSWER_LIMIT: usize = 16 << 20;

/// An engine, which is asked over a new connection each time: they are cheap, and none blocks another.
#[derive(Debug, Clone)]
pub struct Engine {
    address: Address,
    /// The certificates, once they are read.
    certificates: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Engine {
    /// The engine at an address; nothing is asked yet.
    pub fn new(address: Address) -> Self {
        Self { address, certificates: Arc::default() }
    }

    /// Where it is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Asks, and gives the answer as soon as it begins; one that says that something went wrong is an error.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Response<Incoming>, EngineError> {
        let asked = || format!("{method} {path}");
        let broken = |source| EngineError::Broken { request: asked(), source };
        let stream = self.connect().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection.with_upgrades());
        let mut request = Request::builder().method(&method).uri(path).header("Host", "seedbed");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|error| EngineError::Answer {
            request: asked(),
            detail: format!("it cannot even be asked: {error}"),
        })?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let said = whole(response, &asked()).await.unwrap_or_default();
        let message = serde_json::from_slice::<Value>(&said).ok();
        let message = message.as_ref().and_then(|said| said.get("message")).and_then(Value::as_str);
        let message = message.map_or_else(|| String::from_utf8_lossy(&said).trim().to_owned(), str::to_owned);
        let message = if message.is_empty() { format!("the engine answered {}: {status}", asked()) } else { message };
        Err(EngineError::Refused { status: status.as_u16(), message })
    }

    /// Asks for a connection on which both sides say what they like from then on.
    pub(crate) async fn converse(&self, path: &str, body: String) -> Result<TokioIo<Upgraded>, EngineError> {
        let headers = [DOCUMENT, ("Connection", "Upgrade"), ("Upgrade", "tcp")];
        let response = self.ask(Method::POST, path, &headers, full(body.into())).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let detail = "it does not let its connection be used for input".to_owned();
            return Err(EngineError::Answer { request: path.to_owned(), detail });
        }
        let broken = |source| EngineError::Broken { request: path.to_owned(), source };
        hyper::upgrade::on(response).await.map(TokioIo::new).map_err(broken)
    }

    /// Asks without a body, for a document.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, EngineError> {
        let response = self.ask(Method::GET, path, &[], empty()).await?;
        document(response, path).await
    }

    /// Sends a document, for another; where the answer has none, for `null`.
    pub(crate) async fn post(&self, path: &str, body: Option<String>) -> Result<Value, EngineError> {
        document(self.send(path, body).await?, path).await
    }

    /// Sends a document or nothing, for an answer of which only counts that it is one: some engines write words into it.
    pub(crate) async fn order(&self, path: &str, body: Option<String>) -> Result<(), EngineError> {
        whole(self.send(path, body).await?, path).await.map(drop)
    }

    async fn send(&self, path: &str, body: Option<String>) -> Result<Response<Incoming>, EngineError> {
        let (headers, body) = match body {
            Some(text) => (&[DOCUMENT][..], full(text.into())),
            None => (&[][..], empty()),
        };
        self.ask(Method::POST, path, headers, body).await
    }

    /// Removes something; that it is not there is as good.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), EngineError> {
        match self.ask(Method::DELETE, path, &[], empty()).await {
            Ok(response) => whole(response, path).await.map(drop),
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn connect(&self) -> Result<Connection, EngineError> {
        let failed = |source| EngineError::Connect { address: self.address.to_string(), source };
        match &self.address {
            Address::Unix(path) => UnixStream::connect(path).await.map(Connection::Unix).map_err(failed),
            Address::Tcp(host) => TcpStream::connect(host).await.map(Connection::Tcp).map_err(failed),
            Address::Tls { host, certificates } => self.encrypted(host, certificates).await.map_err(failed),
            Address::Ssh(target) => Connection::ssh(target).map_err(failed),
        }
    }

    async fn encrypted(&self, host: &str, directory: &std::path::Path) -> io::Result<Connection> {
        let config = match self.certificates.get() {
            Some(config) => Arc::clone(config),
            None => Arc::clone(self.certificates.get_or_init({
                let read = certificates::read(directory)?;
                || read
            })),
        };
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let stream = TcpStream::connect(host).await?;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        Ok(Connection::Tls(Box::new(stream)))
    }
}

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Reads an answer to its end.
pub(crate) async fn whole(response: Response<Incoming>, asked: &str) -> Result<Vec<u8>, EngineError> {
    let mut body = response.into_body();
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|source| EngineError::Broken { request: asked.to_owned(), source })?;
        if let Some(bytes) = frame.data_ref() {
            all.extend_from_slice(bytes);
        }
        if all.len() > ANSWER_LIMIT {
            let detail = format!("it is longer than {ANSWER_LIMIT} bytes");
            return Err(EngineError::Answer { request: asked.to_owned(), detail });
        }
    }
    Ok(all)
}

async fn document(response: Response<Incoming>, asked: &str) -> Result<Value, EngineError> {
    let all = whole(response, asked).await?;
    if all.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&all)
        .map_err(|error| EngineError::Answer { request: asked.to_owned(), detail: error.to_string() })
}

/// Writes a text as a part of an address.
pub(crate) fn escaped(text: &str) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).expect("half a byte is a digit").to_ascii_uppercase();
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(byte as char);
        } else {
            escaped.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    escaped
}

/// Reads what [`escaped`] wrote, and leaves all else as it is.
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let hex = others.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &others[2..] } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
