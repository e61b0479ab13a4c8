//! The smallest HTTP client that can tell a status, and whether a body has what it must have.

use std::io;

use supervisor::HttpProbe;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A status line is shorter than this.
const STATUS_LINE_LIMIT: usize = 1024;

/// So much of an answer is looked at.
const ANSWER_LIMIT: usize = 1 << 20;

/// An answer, as far as it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Empty when nobody wants it.
    pub(crate) body: Vec<u8>,
}

/// Sends the request of a probe over a fresh connection; `Err` says what came instead of an answer.
pub(crate) async fn ask(stream: &mut TcpStream, probe: &HttpProbe) -> io::Result<Answer> {
    stream.write_all(request(probe).as_bytes()).await?;
    let no_http = || io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP");
    if probe.body.is_some() && probe.method != "HEAD" {
        let answer = read(stream, ANSWER_LIMIT, is_complete).await?;
        let status = status(&answer).ok_or_else(no_http)?;
        return Ok(Answer { status, body: body(&answer) });
    }
    let answer = read(stream, STATUS_LINE_LIMIT, |answer| answer.contains(&b'\n')).await?;
    Ok(Answer { status: status(&answer).ok_or_else(no_http)?, body: Vec::new() })
}

/// The words of a request. What the probe says stands in place of what is sent anyway.
fn request(probe: &HttpProbe) -> String {
    let host = if probe.host.contains(':') { format!("[{}]", probe.host) } else { probe.host.clone() };
    let host = format!("{host}:{}", probe.port);
    let usual = [("Host", host.as_str()), ("User-Agent", "seedbed"), ("Accept", "*/*"), ("Connection", "close")];
    let is_said = |name: &str| probe.headers.iter().any(|(said, _)| said.eq_ignore_ascii_case(name));
    let usual = usual.into_iter().filter(|(name, _)| !is_said(name));
    let own = probe.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers: Vec<String> = usual.chain(own).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{} {} HTTP/1.1\r\n{}\r\n", probe.method, probe.path, headers.concat())
}

/// Reads until there is enough, the stream ends or the limit is reached.
async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
    is_enough: fn(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut block = [0; 4096];
    while !is_enough(&answer) && answer.len() < limit {
        let count = stream.read(&mut block).await?;
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&block[..count]);
    }
    Ok(answer)
}

/// Reads `HTTP/1.1 200 OK`, complete up to its line end.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next().filter(|line| line.len() < answer.len())?;
    let mut words = str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    words.next()?.parse().ok().filter(|status| (100..1000).contains(status))
}

/// Splits an answer into its head and what has come of its body.
fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((&answer[..end], &answer[end + 4..]))
}

fn header<'h>(head: &'h [u8], name: &str) -> Option<&'h str> {
    let lines = str::from_utf8(head).ok()?.lines();
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    fields.find(|(field, _)| field.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn is_chunked(head: &[u8]) -> bool {
    header(head, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
}

/// Whether nothing more comes, as far as the head tells: without a length, the end of the stream tells.
fn is_complete(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else { return false };
    if is_chunked(head) {
        return unchunked(body).1;
    }
    let length = header(head, "content-length").and_then(|length| length.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

fn body(answer: &[u8]) -> Vec<u8> {
    match split(answer) {
        None => Vec::new(),
        Some((head, body)) if is_chunked(head) => unchunked(body).0,
        Some((_, body)) => body.to_owned(),
    }
}

/// Puts the chunks together that are there, and tells whether the last of them is.
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = str::from_utf8(&rest[..end]).ok().and_then(|line| line.split(';').next());
        let Some(size) = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()) else { break };
        if size == 0 {
            return (body, true);
        }
        let chunk = &rest[end + 2..];
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        // After a chunk there is a line end.
        let Some(next) = chunk.get(size.saturating_add(2)..) else { break };
        rest = next;
    }
    (body, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_status_line_is_a_status() {
        for (answer, wanted) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"[..], Some(200)),
            (b"HTTP/1.0 503\r\n", Some(503)),
            (b"HTTP/1.1 20", None),
            (b"HTTP/1.1 99 Low\r\n", None),
            (b"SSH-2.0-OpenSSH\r\n", None),
            (b"\xff\xfe\n", None),
            (b"", None),
        ] {
            assert_eq!(status(answer), wanted, "{answer:?}");
        }
    }

    #[test]
    fn bodies_end_by_length_by_chunks_or_with_the_stream() {
        for (answer, wanted, complete) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..], &b"ok"[..], true),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", b"ok", false),
            (b"HTTP/1.1 200 OK\r\n\r\nok", b"ok", false),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", b"ok", true),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", b"ok", false),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nok", b"ok", false),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\nok", b"", false),
            (b"HTTP/1.1 200 OK\r\nContent-", b"", false),
        ] {
            assert_eq!(
                (&*body(answer), is_complete(answer)),
                (wanted, complete),
                "{}",
                String::from_utf8_lossy(answer)
            );
        }
    }

    #[test]
    fn what_a_probe_says_stands_over_what_is_usual() {
        let mut probe = HttpProbe::get("::1", 80, "/health");
        assert_eq!(
            request(&probe),
            "GET /health HTTP/1.1\r\nHost: [::1]:80\r\nUser-Agent: seedbed\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        probe.method = "POST".to_owned();
        probe.headers = vec![("host".to_owned(), "lms.local".to_owned()), ("X-Key".to_owned(), "1".to_owned())];
        assert_eq!(
            request(&probe),
            "POST /health HTTP/1.1\r\nUser-Agent: seedbed\r\nAccept: */*\r\nConnection: close\r\nhost: lms.local\r\n\
             X-Key: 1\r\n\r\n"
        );
    }
}
