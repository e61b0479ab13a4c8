//! One question to an engine, and its answer.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{Address, EngineError};

/// What is sent with a question.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The most of an answer that is kept in memory.
const ANSWER_LIMIT: usize = 16 << 20;

/// An engine, which is asked over a new connection each time: they are cheap, and none blocks another.
#[derive(Debug, Clone)]
pub struct Engine {
    address: Address,
}

impl Engine {
    /// The engine at an address; nothing is asked yet.
    pub const fn new(address: Address) -> Self {
        Self { address }
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
        kind: Option<&str>,
        body: Body,
    ) -> Result<Response<Incoming>, EngineError> {
        let asked = || format!("{method} {path}");
        let broken = |source| EngineError::Broken { request: asked(), source };
        let stream = self.connect().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(&method).uri(path).header("Host", "seedbed");
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
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

    /// Asks without a body, for a document.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, EngineError> {
        let response = self.ask(Method::GET, path, None, empty()).await?;
        document(response, path).await
    }

    /// Sends a document, for another; where the answer has none, for `null`.
    pub(crate) async fn post(&self, path: &str, body: Option<String>) -> Result<Value, EngineError> {
        let (kind, body) = match body {
            Some(text) => (Some("application/json"), full(text.into())),
            None => (None, empty()),
        };
        let response = self.ask(Method::POST, path, kind, body).await?;
        document(response, path).await
    }

    /// Removes something; that it is not there is as good.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), EngineError> {
        match self.ask(Method::DELETE, path, None, empty()).await {
            Ok(response) => whole(response, path).await.map(drop),
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn connect(&self) -> Result<Stream, EngineError> {
        let failed = |source| EngineError::Connect { address: self.address.to_string(), source };
        match &self.address {
            Address::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix).map_err(failed),
            Address::Tcp(host) => TcpStream::connect(host).await.map(Stream::Tcp).map_err(failed),
            Address::Ssh(target) => ssh(target).map_err(failed),
        }
    }
}

/// Starts `ssh` with the command that connects its input and output with the engine there.
fn ssh(target: &str) -> io::Result<Stream> {
    let (host, port) = match target.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (target, None),
    };
    let mut command = Command::new("ssh");
    if let Some(port) = port {
        command.args(["-p", port]);
    }
    command.args(["-o", "BatchMode=yes", "--", host, "docker", "system", "dial-stdio"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let missing = || io::Error::other("ssh has no pipes");
    let input = child.stdin.take().ok_or_else(missing)?;
    let output = child.stdout.take().ok_or_else(missing)?;
    Ok(Stream::Ssh { _child: Box::new(child), input, output })
}

/// A connection.
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Ssh { _child: Box<Child>, input: ChildStdin, output: ChildStdout },
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Ssh { output, .. } => Pin::new(output).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Ssh { input, .. } => Pin::new(input).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Ssh { input, .. } => Pin::new(input).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Ssh { input, .. } => Pin::new(input).poll_shutdown(context),
        }
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
