//! The learning management system, as this service calls it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use events::{Asking, Source};
use identity::{Client, ClientError};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::LmsConfig;

const TIMEOUT: Duration = Duration::from_secs(30);
const ORGANIZATIONS_PAGE: u32 = 50;
const COURSES_PAGE: u32 = 100;
/// The longest page that is taken, in bytes.
const LONGEST: u64 = 8 << 20;

/// A client. Its calls block.
pub struct Lms {
    agent: ureq::Agent,
    client: Client,
    url: String,
}

/// An organisation there.
#[derive(Debug, Deserialize)]
pub struct LmsOrganization {
    pub short_name: String,
    pub name: String,
    pub active: bool,
}

/// A run of a course there.
#[derive(Debug, Deserialize)]
pub struct LmsCourse {
    pub id: String,
    pub name: String,
    pub number: String,
    pub org: String,
    pub start: Option<DateTime<Utc>>,
    pub end: Option<DateTime<Utc>>,
    pub enrollment_start: Option<DateTime<Utc>>,
    pub enrollment_end: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct OrganizationPage {
    num_pages: u64,
    results: Vec<LmsOrganization>,
}

#[derive(Deserialize)]
struct CoursePage {
    pagination: Pagination,
    results: Vec<LmsCourse>,
}

#[derive(Deserialize)]
struct Pagination {
    num_pages: u64,
    count: u64,
}

/// Why the learning management system did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LmsError {
    /// No answer, or not the wanted list.
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
    /// It gives no token.
    #[error("there is no token for the learning management system")]
    Token(#[from] ClientError),
}

#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

impl Lms {
    /// Makes a client without connecting.
    pub fn new(config: &LmsConfig) -> Self {
        let settings = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        let token_url = format!("{}/oauth2/access_token", config.url);
        let client = Client::new(token_url, &config.client_id, &config.client_secret);
        Self { agent: settings.into(), client, url: config.url.clone() }
    }

    /// All organisations there, read page by page.
    pub fn organizations(&self) -> Result<Vec<LmsOrganization>, LmsError> {
        let mut organizations = Vec::new();
        for number in 1.. {
            let path = format!("/api/organizations/v0/organizations/?page_size={ORGANIZATIONS_PAGE}&page={number}");
            let page: OrganizationPage = self.get(&path)?;
            organizations.extend(page.results);
            if number >= page.num_pages {
                break;
            }
        }
        Ok(organizations)
    }

    /// All courses there, read page by page; `read` is told after each how many there are, and how many were read.
    pub fn courses(&self, read: impl Fn(u64, u64)) -> Result<Vec<LmsCourse>, LmsError> {
        let mut courses = Vec::new();
        for number in 1.. {
            let page: CoursePage =
                self.get(&format!("/api/courses/v1/courses/?page_size={COURSES_PAGE}&page={number}"))?;
            courses.extend(page.results);
            read(page.pagination.count, courses.len() as u64);
            if number >= page.pagination.num_pages {
                break;
            }
        }
        Ok(courses)
    }

    /// One course there; none if there is no such course, or no longer.
    pub fn course(&self, key: &str) -> Result<Option<LmsCourse>, LmsError> {
        match self.get(&format!("/api/courses/v1/courses/{}", in_path(key))) {
            Ok(course) => Ok(Some(course)),
            Err(LmsError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its organisation; none if it has no such organisation that is active.
    pub fn organization(&self, key: &str) -> Result<Option<LmsOrganization>, LmsError> {
        match self.get(&format!("/api/organizations/v0/organizations/{}/", in_path(key))) {
            Ok(organization) => Ok(Some(organization)),
            Err(LmsError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where its events can be asked for, when there is no broker.
    pub fn events(&self) -> Source {
        let client = self.client.clone();
        Source::http(&format!("{}/api/events/v1", self.url), Arc::new(Asking::new(move || client.authorization())))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, LmsError> {
        let url = format!("{}{path}", self.url);
        let unreachable = |error| LmsError::Unreachable { url: url.clone(), source: Box::new(error) };
        let ask = || -> Result<_, LmsError> {
            self.agent.get(&url).header("Authorization", self.client.authorization()?).call().map_err(unreachable)
        };
        let mut response = ask()?;
        if response.status() == 401 {
            // The token was good when it was given; perhaps the keys are others now.
            self.client.forget();
            response = ask()?;
        }
        if response.status().is_success() {
            return response.body_mut().with_config().limit(LONGEST).read_json().map_err(unreachable);
        }
        let status = response.status().as_u16();
        let reason = response.body_mut().read_json::<Refusal>().map(|refusal| refusal.reason);
        Err(LmsError::Refused { url, status, reason: reason.unwrap_or_else(|_| "without a reason".to_owned()) })
    }
}

/// A text as one part of a path.
fn in_path(text: &str) -> String {
    text.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            path.push(char::from(byte));
        } else {
            write!(path, "%{byte:02X}").expect("a text takes everything");
        }
        path
    })
}
