//! The learning management system, as this service calls it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use identity::{Client, ClientError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::LmsConfig;

const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is taken, in bytes.
const LONGEST: u64 = 1 << 20;

/// A client. Cheap to clone.
#[derive(Clone)]
pub struct Lms {
    agent: ureq::Agent,
    url: String,
    client: Client,
    /// The client by which people sign in; it has no secret.
    login_client_id: String,
}

/// A course's modes as they are published.
#[derive(Debug, Serialize)]
pub struct Publication {
    pub id: String,
    pub name: String,
    pub verification_deadline: Option<DateTime<Utc>>,
    pub modes: Vec<PublishedMode>,
}

/// One of the modes.
#[derive(Debug, Serialize)]
pub struct PublishedMode {
    pub name: String,
    pub currency: String,
    pub price: i64,
    pub sku: String,
    pub bulk_sku: Option<String>,
    pub expires: Option<DateTime<Utc>>,
}

/// An enrolment as it shall be.
#[derive(Debug)]
pub struct Enrollment {
    pub username: String,
    pub course_key: String,
    pub mode: String,
    pub is_active: bool,
    /// The order by which it was bought.
    pub order: String,
}

/// Why the learning management system did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LmsError {
    /// No answer.
    #[error("{url} cannot be reached")]
    Unreachable {
        /// What was called.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// No token to call it with.
    #[error("there is no token for the learning management system")]
    Token(#[from] ClientError),
    /// An answer, but not the wanted one.
    #[error("{url} answered {status}: {reason}")]
    Refused {
        /// What was called.
        url: String,
        /// The status of the answer.
        status: u16,
        /// The reason that it gives.
        reason: String,
    },
}

impl LmsError {
    /// The reason, if asking again would be answered alike.
    pub fn is_final(&self) -> Option<&str> {
        match self {
            Self::Refused { status: 400 | 403 | 404 | 406 | 409 | 422, reason, .. } => Some(reason),
            _ => None,
        }
    }
}

/// A token for somebody who has signed in.
#[derive(Debug, Deserialize)]
pub struct Granted {
    pub access_token: String,
    pub expires_in: u64,
}

impl Lms {
    /// Makes a client without connecting.
    pub fn new(config: &LmsConfig) -> Self {
        let settings = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        let token_url = format!("{}/oauth2/access_token", config.url);
        Self {
            agent: settings.into(),
            url: config.url.clone(),
            client: Client::new(token_url, &config.client_id, &config.client_secret),
            login_client_id: config.login_client_id.clone(),
        }
    }

    /// Replaces the modes of a course there.
    pub async fn publish(&self, publication: Publication) -> Result<(), LmsError> {
        let url = format!("{}/api/commerce/v1/courses/{}/", self.url, publication.id);
        self.blocking(move |this| this.send("PUT", url, &publication)).await
    }

    /// Enrols a user, or ends an enrolment. Done twice, it is as if done once.
    pub async fn enroll(&self, enrollment: Enrollment) -> Result<(), LmsError> {
        let url = format!("{}/api/enrollment/v1/enrollment", self.url);
        let body = json!({
            "user": enrollment.username,
            "mode": enrollment.mode,
            "is_active": enrollment.is_active,
            "course_details": { "course_id": enrollment.course_key },
            "enrollment_attributes": [{ "namespace": "order", "name": "order_number", "value": enrollment.order }],
        });
        self.blocking(move |this| this.send("POST", url, &body)).await
    }

    /// A token for a user's password.
    pub async fn sign_in(&self, username: String, password: String) -> Result<Granted, LmsError> {
        let url = format!("{}/oauth2/access_token", self.url);
        self.blocking(move |this| {
            let form = [
                ("grant_type", "password"),
                ("client_id", &this.login_client_id),
                ("token_type", "jwt"),
                ("username", &username),
                ("password", &password),
            ];
            let response = this.agent.post(&url).send_form(form);
            let mut response =
                response.map_err(|error| LmsError::Unreachable { url: url.clone(), source: Box::new(error) })?;
            let status = response.status();
            let body = response.body_mut().with_config().limit(LONGEST);
            if status.is_success() {
                return body.read_json().map_err(|error| LmsError::Unreachable { url, source: Box::new(error) });
            }
            Err(LmsError::Refused { url, status: status.as_u16(), reason: reason(body.read_json().ok().as_ref()) })
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Self) -> Result<T, LmsError> + Send + 'static,
    ) -> Result<T, LmsError> {
        let this = self.clone();
        let call = tokio::task::spawn_blocking(move || call(&this));
        call.await.expect("the call does not panic and is never aborted")
    }

    fn send(&self, method: &str, url: String, body: &impl Serialize) -> Result<(), LmsError> {
        let body = serde_json::to_string(body).expect("what is sent has texts as keys");
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("Authorization", self.client.authorization()?)
            .header("Content-Type", "application/json")
            .body(body);
        let answer = match request {
            Ok(request) => self.agent.run(request),
            Err(error) => Err(error.into()),
        };
        let mut answer = answer.map_err(|error| LmsError::Unreachable { url: url.clone(), source: Box::new(error) })?;
        let status = answer.status().as_u16();
        if answer.status().is_success() {
            return Ok(());
        }
        if status == 401 {
            // Its keys may be others now; the next attempt asks for a new token.
            self.client.forget();
        }
        let reason = reason(answer.body_mut().with_config().limit(LONGEST).read_json().ok().as_ref());
        Err(LmsError::Refused { url, status, reason })
    }
}

/// What an answer says of itself, in one of the forms that are usual there.
fn reason(body: Option<&Value>) -> String {
    let text = |name: &str| body.and_then(|body| body[name].as_str()).map(str::to_owned);
    ["reason", "detail", "error_description", "message", "error"]
        .into_iter()
        .find_map(text)
        .unwrap_or_else(|| "without a reason".to_owned())
}
