//! The smallest HTTP client that can tell a status.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A status line is shorter than this.
const STATUS_LINE_LIMIT: usize = 1024;

/// Sends a `GET` over a fresh connection and returns the status; `Err` says what came instead.
pub(crate) async fn get(stream: &mut TcpStream, host: &str, port: u16, path: &str) -> io::Result<u16> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: seedbed\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < STATUS_LINE_LIMIT {
        let mut block = [0; 256];
        let count = stream.read(&mut block).await?;
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&block[..count]);
    }
    status(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

/// Reads `HTTP/1.1 200 OK`, complete up to its line end.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next().filter(|line| line.len() < answer.len())?;
    let mut words = str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    words.next()?.parse().ok().filter(|status| (100..1000).contains(status))
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
}
