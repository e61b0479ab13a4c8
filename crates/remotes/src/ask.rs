//! Questions to services: one request, one answer, whatever its status.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Method, Url};

use crate::error::RemoteError;
use crate::http::Http;
use crate::location::shown;
use crate::settings::Settings;

/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 << 20;

/// Asks services. Connections are kept for the next question.
#[derive(Default)]
pub struct Asker {
    here: OnceLock<Http>,
    elsewhere: OnceLock<Http>,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// `GET`, `POST`, and so on.
    pub method: &'a str,
    /// The whole address.
    pub url: &'a str,
    /// Names and values.
    pub headers: &'a [(String, String)],
    /// A name and a password by which the service knows who asks.
    pub login: Option<&'a (String, String)>,
    /// What is sent.
    pub body: Option<&'a [u8]>,
    /// How long it may take, all in all.
    pub timeout: Duration,
}

impl Asker {
    /// Asks once, and returns the status with the body.
    pub fn ask(&self, asking: &Asking<'_>, settings: &Settings) -> Result<(u16, Vec<u8>), RemoteError> {
        let bad = |reason: String| RemoteError::BadUrl { url: shown(asking.url), reason };
        let url = Url::parse(asking.url).map_err(|error| bad(error.to_string()))?;
        let method = Method::from_bytes(asking.method.as_bytes()).map_err(|error| bad(error.to_string()))?;
        let place = shown(asking.url);
        // A service of this machine is asked by no proxy.
        let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let http = if is_here { &self.here } else { &self.elsewhere };
        let http = match http.get() {
            Some(http) => http,
            None if is_here => {
                let made = Http::new(&settings.clone().without_proxies())?;
                http.get_or_init(|| made)
            }
            None => {
                let made = Http::new(settings)?;
                http.get_or_init(|| made)
            }
        };
        let mut request = http.client().request(method, url).timeout(asking.timeout);
        for (name, value) in asking.headers {
            request = request.header(name, value);
        }
        if let Some((user, password)) = asking.login {
            request = request.basic_auth(user, Some(password));
        }
        if let Some(body) = asking.body {
            request = request.body(body.to_vec());
        }
        let unreachable = |error: reqwest::Error| RemoteError::Unreachable {
            place: place.clone(),
            attempts: 1,
            source: error.without_url().into(),
        };
        http.wait(async {
            let mut response = request.send().await.map_err(unreachable)?;
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while let Some(part) = response.chunk().await.map_err(unreachable)? {
                body.extend_from_slice(&part);
                if body.len() > LONGEST {
                    let reason = format!("more than {LONGEST} bytes");
                    return Err(RemoteError::Malformed { place: place.clone(), reason });
                }
            }
            Ok((status, body))
        })
    }
}
