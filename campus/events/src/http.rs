//! The feed of another service, read over HTTP with long polling.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use crate::delivery::{Delivery, Page};
use crate::feed::FeedPage;
use crate::position::Position;
use crate::source::SourceError;

/// How much longer than it was asked to wait the other side may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives the value of the header `Authorization`.
///
/// Asked before every request; an implementation keeps what it has for as long as that is good.
pub trait Credentials: Send + Sync {
    /// The header, or why there is none.
    fn authorization(&self) -> Pin<Box<dyn Future<Output = Result<Option<String>, SourceError>> + Send + '_>>;
}

/// For a feed that asks nobody who he is.
#[derive(Debug, Clone, Copy)]
pub struct Open;

impl Credentials for Open {
    fn authorization(&self) -> Pin<Box<dyn Future<Output = Result<Option<String>, SourceError>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// Gets the header from a function that may block: it is called on a thread for such ones.
pub struct Asking<F>(Arc<F>);

impl<F> Asking<F> {
    /// Asks this function before every request.
    pub fn new(function: F) -> Self {
        Self(Arc::new(function))
    }
}

impl<F, E> Credentials for Asking<F>
where
    F: Fn() -> Result<String, E> + Send + Sync + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    fn authorization(&self) -> Pin<Box<dyn Future<Output = Result<Option<String>, SourceError>> + Send + '_>> {
        let function = self.0.clone();
        Box::pin(async move {
            let answer = tokio::task::spawn_blocking(move || function()).await;
            let header = answer.map_err(|error| SourceError::caused("the credentials", error))?;
            header.map(Some).map_err(|error| SourceError::caused("the credentials", error))
        })
    }
}

/// The feed of another service. Cheap to clone.
#[derive(Clone)]
pub struct HttpFeed {
    client: Client<HttpConnector, Body>,
    url: String,
    credentials: Arc<dyn Credentials>,
}

impl fmt::Debug for HttpFeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpFeed").field("url", &self.url).finish_non_exhaustive()
    }
}

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    detail: String,
    position: Option<i64>,
}

impl HttpFeed {
    /// The feed at that `http://` address.
    pub fn new(url: &str, credentials: Arc<dyn Credentials>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, url: url.trim_end_matches('/').to_owned(), credentials }
    }

    pub(crate) async fn read(
        &self,
        after: &Position,
        types: &[String],
        limit: usize,
        wait: Duration,
    ) -> Result<Page, SourceError> {
        let number = after.number().ok_or_else(|| SourceError::foreign(after))?;
        let (wait_s, types) = (wait.as_secs_f64(), types.join(","));
        let url = format!("{}/?after={number}&limit={limit}&wait={wait_s}&types={types}", self.url);
        let answer = tokio::time::timeout(wait + PATIENCE, self.get(&url)).await;
        let (status, body) = answer.map_err(|_| SourceError::new(&self.url, "no answer in time"))??;
        match status {
            StatusCode::OK => {
                let page: FeedPage = serde_json::from_slice(&body).map_err(|error| {
                    SourceError::new(&self.url, format!("the answer is no page of events: {error}"))
                })?;
                let deliveries = page
                    .events
                    .into_iter()
                    .map(|found| Delivery { position: of_number(found.position), event: Ok(found.event) });
                Ok(Page { deliveries: deliveries.collect(), position: of_number(page.position) })
            }
            status => {
                let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
                match (status, problem.position) {
                    (StatusCode::GONE, Some(position)) => Err(SourceError::Gap { position: of_number(position) }),
                    // The other database has been made anew: what it has is new to us.
                    (StatusCode::CONFLICT, Some(_)) => Err(SourceError::Gap { position: Position::start() }),
                    _ => Err(SourceError::new(&self.url, format!("it answers {status}: {}", problem.detail))),
                }
            }
        }
    }

    async fn get(&self, url: &str) -> Result<(StatusCode, Bytes), SourceError> {
        let mut request = Request::get(url);
        if let Some(value) = self.credentials.authorization().await? {
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request.body(Body::empty()).map_err(|error| SourceError::caused(&self.url, error))?;
        let response = self.client.request(request).await.map_err(|error| SourceError::caused(&self.url, error))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| SourceError::caused(&self.url, error))?;
        Ok((status, body.to_bytes()))
    }
}

fn of_number(position: i64) -> Position {
    Position::of_number(u64::try_from(position).unwrap_or_default())
}
