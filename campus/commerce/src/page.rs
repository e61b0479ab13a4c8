//! Pages of long lists: `?page` and `?page_size`, and the links to the neighbours.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::Serialize;

use crate::error::Error;

const DEFAULT_SIZE: i64 = 20;
const LARGEST_SIZE: i64 = 100;

/// Scheme and host by which the caller knows this service, without a slash at the end.
pub struct BaseUrl(pub String);

impl<S: Send + Sync> FromRequestParts<S> for BaseUrl {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        Ok(Self(format!("http://{host}")))
    }
}

/// Which page the caller wants.
pub struct Paging {
    number: i64,
    size: i64,
    /// This page's address without its number, ready for one to be added.
    address: String,
}

/// Where a page stands among the others.
#[derive(Debug, Serialize)]
pub struct Position {
    count: i64,
    num_pages: i64,
    next: Option<String>,
    previous: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    #[serde(flatten)]
    position: Position,
    results: Vec<T>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let BaseUrl(base) = BaseUrl::from_request_parts(parts, state).await?;
        let uri = OriginalUri::from_request_parts(parts, state).await.map_or_else(|_| parts.uri.clone(), |uri| uri.0);
        let pairs = || uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let value = |name: &str| pairs().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));

        let number = match value("page").map(str::parse) {
            None => 1,
            Some(Ok(number)) if number >= 1 => number,
            Some(_) => return Err(invalid_page()),
        };
        let size = match value("page_size").map(str::parse) {
            None => DEFAULT_SIZE,
            Some(Ok(size)) if (1..=i64::from(i32::MAX)).contains(&size) => i64::min(size, LARGEST_SIZE),
            Some(_) => return Err(Error::invalid("page_size", "It is a number from 1; at most 100 are given.")),
        };
        let others: String = pairs().filter(|pair| !pair.starts_with("page=")).map(|pair| format!("{pair}&")).collect();
        Ok(Self { number, size, address: format!("{base}{}?{others}page=", uri.path()) })
    }
}

fn invalid_page() -> Error {
    Error::refused(StatusCode::NOT_FOUND, "Invalid page.")
}

impl Paging {
    /// At most so many rows.
    pub fn limit(&self) -> i64 {
        self.size
    }

    /// After so many rows.
    pub fn offset(&self) -> i64 {
        (self.number - 1).saturating_mul(self.size)
    }

    /// Says where the page stands in a list of `count` rows; 404 behind the last one.
    pub fn position(&self, count: i64) -> Result<Position, Error> {
        let num_pages = ((count + self.size - 1) / self.size).max(1);
        if self.number > num_pages {
            return Err(invalid_page());
        }
        let link = |number: i64| (1..=num_pages).contains(&number).then(|| format!("{}{number}", self.address));
        Ok(Position { count, num_pages, next: link(self.number + 1), previous: link(self.number - 1) })
    }

    /// A page of a list of `count` rows.
    pub fn page<T>(&self, count: i64, results: Vec<T>) -> Result<Page<T>, Error> {
        Ok(Page { position: self.position(count)?, results })
    }
}
