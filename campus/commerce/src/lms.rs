//! The learning management system, as this service calls it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config::LmsConfig;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A client. Cheap to clone.
#[derive(Clone)]
pub struct Lms {
    agent: ureq::Agent,
    config: Arc<LmsConfig>,
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

#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

impl Lms {
    /// Makes a client without connecting.
    pub fn new(config: &LmsConfig) -> Self {
        let settings = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        Self { agent: settings.into(), config: Arc::new(config.clone()) }
    }

    /// Replaces the modes of a course there.
    pub async fn publish(&self, publication: Publication) -> Result<(), LmsError> {
        let this = self.clone();
        let call = tokio::task::spawn_blocking(move || this.publish_blocking(&publication));
        call.await.expect("the call does not panic and is never aborted")
    }

    fn publish_blocking(&self, publication: &Publication) -> Result<(), LmsError> {
        let url = format!("{}/api/commerce/v1/courses/{}/", self.config.url, publication.id);
        let token = format!("Token {}", self.config.token);
        let response = self.agent.put(&url).header("Authorization", &token).send_json(publication);
        let mut response =
            response.map_err(|error| LmsError::Unreachable { url: url.clone(), source: Box::new(error) })?;
        if response.status().is_success() {
            return Ok(());
        }
        let status = response.status();
        let reason = response.body_mut().read_json::<Refusal>().map(|refusal| refusal.reason);
        let reason = reason.unwrap_or_else(|_| "without a reason".to_owned());
        Err(LmsError::Refused { url, status: status.as_u16(), reason })
    }
}
