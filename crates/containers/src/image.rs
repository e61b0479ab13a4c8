//! What is asked of images.

use hyper::Method;

use crate::container::text;
use crate::engine::{empty, escaped};
use crate::login::registry;
use crate::progress::follow;
use crate::{Engine, EngineError, Login};

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFound {
    /// Its id.
    pub id: String,
}

impl Engine {
    /// Looks for an image; `None` if it is not there.
    pub async fn find_image(&self, name: &str) -> Result<Option<ImageFound>, EngineError> {
        match self.get(&format!("/images/{}/json", escaped(name).replace("%2F", "/"))).await {
            Ok(found) => Ok(text(&found, "/Id").map(|id| ImageFound { id })),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings an image from its registry, where the engine says who asks; tells how that goes.
    pub async fn pull_image(
        &self,
        name: &str,
        platform: Option<&str>,
        login: Option<&Login>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), EngineError> {
        let platform = platform.map_or_else(String::new, |platform| format!("&platform={}", escaped(platform)));
        // Without a tag the engine would bring all of them.
        let last = name.rsplit('/').next().unwrap_or(name);
        let tag = if last.contains(':') || last.contains('@') { "" } else { "&tag=latest" };
        let path = format!("/images/create?fromImage={}{tag}{platform}", escaped(name));
        let login = login.map(|login| login.header(registry(name)));
        let headers: Vec<_> = login.iter().map(|login| ("X-Registry-Auth", login.as_str())).collect();
        let response = self.ask(Method::POST, &path, &headers, empty()).await?;
        follow(response, &path, tell).await
    }
}
