//! The learning management system, as this service calls it.

use std::time::Duration;

use serde::Deserialize;

use crate::config::LmsConfig;

const TIMEOUT: Duration = Duration::from_secs(10);
const PAGE_SIZE: u32 = 50;

/// A client. Its calls block.
pub struct Lms {
    agent: ureq::Agent,
    config: LmsConfig,
}

/// An organisation there.
#[derive(Debug, Deserialize)]
pub struct LmsOrganization {
    pub short_name: String,
    pub name: String,
    pub active: bool,
}

#[derive(Deserialize)]
struct OrganizationPage {
    num_pages: u64,
    results: Vec<LmsOrganization>,
}

/// Why the learning management system did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LmsError {
    /// No answer, or not a page of organisations.
    #[error("{url} does not answer as it should")]
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
        Self { agent: settings.into(), config: config.clone() }
    }

    /// All organisations there, read page by page.
    pub fn organizations(&self) -> Result<Vec<LmsOrganization>, LmsError> {
        let mut organizations = Vec::new();
        for number in 1.. {
            let page = self.organization_page(number)?;
            organizations.extend(page.results);
            if number >= page.num_pages {
                break;
            }
        }
        Ok(organizations)
    }

    fn organization_page(&self, number: u64) -> Result<OrganizationPage, LmsError> {
        let url =
            format!("{}/api/organizations/v0/organizations/?page_size={PAGE_SIZE}&page={number}", self.config.url);
        let unreachable = |error| LmsError::Unreachable { url: url.clone(), source: Box::new(error) };
        let token = format!("Token {}", self.config.token);
        let mut response = self.agent.get(&url).header("Authorization", &token).call().map_err(unreachable)?;
        if response.status().is_success() {
            return response.body_mut().read_json().map_err(unreachable);
        }
        let status = response.status().as_u16();
        let reason = response.body_mut().read_json::<Refusal>().map(|refusal| refusal.reason);
        Err(LmsError::Refused { url, status, reason: reason.unwrap_or_else(|_| "without a reason".to_owned()) })
    }
}
