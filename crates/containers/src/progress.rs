//! What an engine tells while it brings or builds an image: one document a line.

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::Value;

use crate::EngineError;

/// Follows an answer to its end; what it tells is passed on line by line, and what went wrong is an error.
pub(crate) async fn follow(
    response: Response<Incoming>,
    asked: &str,
    tell: &mut dyn FnMut(&str),
) -> Result<(), EngineError> {
    let mut body = response.into_body();
    let mut rest = Vec::new();
    let mut failure = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|source| EngineError::Broken { request: asked.to_owned(), source })?;
        let Some(bytes) = frame.data_ref() else { continue };
        rest.extend_from_slice(bytes);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            failure = failure.or_else(|| note(&line, tell));
        }
    }
    match failure.or_else(|| note(&rest, tell)) {
        Some(failure) => Err(EngineError::Failed(failure)),
        None => Ok(()),
    }
}

/// Tells what a line says; gives what went wrong by it.
fn note(line: &[u8], tell: &mut dyn FnMut(&str)) -> Option<String> {
    let said: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| said.get(key).and_then(Value::as_str);
    if let Some(error) = text("error") {
        return Some(error.to_owned());
    }
    if let Some(stream) = text("stream") {
        stream.lines().map(str::trim_end).filter(|line| !line.is_empty()).for_each(tell);
    } else if let Some(status) = text("status") {
        let part = text("id").map_or_else(String::new, |id| format!("{id}: "));
        let progress = text("progress").map_or_else(String::new, |progress| format!(" {progress}"));
        tell(&format!("{part}{status}{progress}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_and_errors_are_given_back() {
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        assert_eq!(note(br#"{"stream":"Step 1/2 : FROM scratch\n"}"#, &mut tell), None);
        assert_eq!(note(br#"{"status":"Downloading","progress":"[=>  ] 1kB/2kB","id":"a1"}"#, &mut tell), None);
        assert_eq!(note(br#"{"aux":{"ID":"sha256:1"}}"#, &mut tell), None);
        assert_eq!(note(b"", &mut tell), None);
        assert_eq!(note(br#"{"errorDetail":{"code":1},"error":"no such file"}"#, &mut tell).unwrap(), "no such file");
        assert_eq!(told, ["Step 1/2 : FROM scratch", "a1: Downloading [=>  ] 1kB/2kB"]);
    }
}
