//! Getting tokens as a service: for its own credentials, kept until shortly before they expire.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Deserialize;

const TIMEOUT: Duration = Duration::from_secs(10);
/// A token is not used any more when it expires within this time.
const MARGIN: Duration = Duration::from_secs(30);
/// The longest answer that is taken, in bytes.
const LONGEST: u64 = 64 << 10;

/// Gets tokens for a client's credentials. Cheap to clone; clones share the token.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    url: String,
    client_id: String,
    client_secret: String,
    agent: ureq::Agent,
    kept: Mutex<Option<Token>>,
}

struct Token {
    text: String,
    until: Instant,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer, or not a token.
    #[error("{url} does not give a token")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// The credentials are wrong, or the client may not do this.
    #[error("{url} gives '{client_id}' no token: it answered {status}, {reason}")]
    Refused {
        /// What was asked.
        url: String,
        /// Who asked.
        client_id: String,
        /// The status of the answer.
        status: u16,
        /// The error that it names.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct RefusalBody {
    error: String,
}

impl Client {
    /// Makes a client of the token endpoint at `url`, without connecting.
    pub fn new(url: impl Into<String>, client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        let agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        Self(Arc::new(Inner {
            url: url.into(),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            agent: agent.into(),
            kept: Mutex::new(None),
        }))
    }

    /// The value of an `Authorization` header: `JWT …`. Asks for a token if there is none that lasts. Blocks.
    pub fn authorization(&self) -> Result<String, ClientError> {
        let mut kept = self.0.kept.lock().expect("nobody panics while holding it");
        if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok(format!("JWT {}", token.text));
        }
        let asked = Instant::now();
        let granted = self.ask()?;
        let lasts = Duration::from_secs(granted.expires_in).saturating_sub(MARGIN);
        let token = kept.insert(Token { text: granted.access_token, until: asked + lasts });
        Ok(format!("JWT {}", token.text))
    }

    /// Forgets the token: after a 401, since the issuer may have other keys now.
    pub fn forget(&self) {
        self.0.kept.lock().expect("nobody panics while holding it").take();
    }

    fn ask(&self) -> Result<Granted, ClientError> {
        let inner = &*self.0;
        let unreachable = |error| ClientError::Unreachable { url: inner.url.clone(), source: Box::new(error) };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &inner.client_id),
            ("client_secret", &inner.client_secret),
            ("token_type", "jwt"),
        ];
        let mut answer = inner.agent.post(&inner.url).send_form(form).map_err(unreachable)?;
        if answer.status().is_success() {
            return answer.body_mut().with_config().limit(LONGEST).read_json().map_err(unreachable);
        }
        let reason = answer.body_mut().with_config().limit(LONGEST).read_json::<RefusalBody>();
        Err(ClientError::Refused {
            url: inner.url.clone(),
            client_id: inner.client_id.clone(),
            status: answer.status().as_u16(),
            reason: reason.map_or_else(|_| "without a reason".to_owned(), |body| body.error),
        })
    }
}
