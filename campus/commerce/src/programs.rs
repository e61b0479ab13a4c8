//! The service of programs, as the pages call it: in the name of whoever uses them.

use std::time::Duration;

use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is taken, in bytes.
const LONGEST: u64 = 4 << 20;

/// A client. Cheap to clone.
#[derive(Clone)]
pub struct Programs {
    agent: ureq::Agent,
    url: String,
}

/// Why a call was not answered as it was meant.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// No answer, or none that is understood.
    #[error("the programs cannot be reached")]
    Unreachable(#[source] Box<ureq::Error>),
    /// A refusal.
    #[error("the programs answered {status}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// What it says.
        body: Value,
    },
}

impl Programs {
    /// Makes a client without connecting.
    pub fn new(url: &str) -> Self {
        let settings = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        Self { agent: settings.into(), url: url.to_owned() }
    }

    /// Reads something.
    pub async fn get(&self, token: &str, path: &str) -> Result<Value, ProgramsError> {
        self.call("GET", token, path, None).await
    }

    /// Calls with a body, or without one.
    pub async fn call(
        &self,
        method: &'static str,
        token: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, ProgramsError> {
        let (this, token, url) = (self.clone(), token.to_owned(), format!("{}{path}", self.url));
        let call = tokio::task::spawn_blocking(move || this.blocking(method, &token, &url, body));
        call.await.expect("the call does not panic and is never aborted")
    }

    fn blocking(&self, method: &str, token: &str, url: &str, body: Option<Value>) -> Result<Value, ProgramsError> {
        let unreachable = |error| ProgramsError::Unreachable(Box::new(error));
        let request = ureq::http::Request::builder().method(method).uri(url);
        let request = request.header("Authorization", format!("JWT {token}"));
        let answer = match body {
            Some(body) => {
                // RFC 7396 is what PATCH means there.
                let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
                let request = request.header("Content-Type", kind).body(body.to_string());
                request.map_err(ureq::Error::from).and_then(|request| self.agent.run(request))
            }
            None => request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request)),
        };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.body_mut().with_config().limit(LONGEST).read_to_string().map_err(unreachable)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() { Ok(body) } else { Err(ProgramsError::Refused { status: status.as_u16(), body }) }
    }
}
