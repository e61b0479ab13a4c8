//! An image is built.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Method;
use hyper::body::Frame;
use serde_json::json;
use tokio::sync::mpsc::{Sender, channel};

use crate::engine::{ARCHIVE, escaped};
use crate::login::header_of_build;
use crate::progress::follow;
use crate::{Context, Engine, EngineError, Login};

/// How an image is built.
#[derive(Debug, Clone, Default)]
pub struct BuildRequest {
    /// The names that it gets.
    pub tags: Vec<String>,
    /// The Dockerfile, relative to the context.
    pub dockerfile: String,
    /// The stage that is wanted; `None`: the last.
    pub target: Option<String>,
    /// Arguments by name.
    pub args: BTreeMap<String, String>,
    /// What is written on it.
    pub labels: BTreeMap<String, String>,
    /// Images of which layers may be taken.
    pub cache_from: Vec<String>,
    /// How its steps are connected.
    pub network: Option<String>,
    /// Names for its steps, as `NAME:ADDRESS`.
    pub extra_hosts: Vec<String>,
    /// How much shared memory its steps have, in bytes.
    pub shm_size: Option<u64>,
    /// The platform that is asked for.
    pub platform: Option<String>,
    /// Whether images that it begins with are pulled again.
    pub pull: bool,
    /// Whether all steps are done again.
    pub no_cache: bool,
    /// Who registries are asked as for images that it begins with.
    pub logins: BTreeMap<String, Login>,
}

impl BuildRequest {
    fn path(&self) -> String {
        let map = |map: &BTreeMap<String, String>| escaped(&json!(map).to_string());
        let mut path = format!("/build?dockerfile={}&rm=1&forcerm=1", escaped(&self.dockerfile));
        let mut add = |key: &str, value: &str| path.extend(["&", key, "=", &escaped(value)]);
        self.tags.iter().for_each(|tag| add("t", tag));
        self.target.iter().for_each(|target| add("target", target));
        self.network.iter().for_each(|network| add("networkmode", network));
        self.platform.iter().for_each(|platform| add("platform", platform));
        self.shm_size.iter().for_each(|size| add("shmsize", &size.to_string()));
        if !self.extra_hosts.is_empty() {
            add("extrahosts", &self.extra_hosts.join(","));
        }
        if self.pull {
            add("pull", "1");
        }
        if self.no_cache {
            add("nocache", "1");
        }
        if !self.cache_from.is_empty() {
            add("cachefrom", &json!(self.cache_from).to_string());
        }
        path.extend(["&buildargs=", &map(&self.args), "&labels=", &map(&self.labels)]);
        path
    }
}

impl Engine {
    /// Builds an image of a context, which is sent while it is read; tells how that goes.
    pub async fn build_image(
        &self,
        request: &BuildRequest,
        context: &Arc<Context>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), EngineError> {
        /// How many pieces may wait for the engine.
        const WAITING: usize = 8;
        let (sender, receiver) = channel::<io::Result<Bytes>>(WAITING);
        let reader = Arc::clone(context);
        let reading = tokio::task::spawn_blocking(move || {
            let mut pieces = Pieces { sender };
            reader.write_tar(&mut pieces)
        });
        let pieces = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|piece| (piece.map(Frame::data), receiver))
        });
        let path = request.path();
        let logins = header_of_build(&request.logins);
        let headers = [ARCHIVE, ("X-Registry-Config", &logins)];
        let answer = self.ask(Method::POST, &path, &headers, StreamBody::new(pieces).boxed_unsync()).await;
        let answer = match answer {
            Ok(response) => follow(response, "the build", tell).await,
            Err(error) => Err(error),
        };
        // A file that cannot be read is why the engine got half of a context, and more telling than what it says of that.
        match reading.await {
            Ok(Err(error)) if !error.is_cut_off() => Err(error.into()),
            _ => answer,
        }
    }
}

/// Sends what is written, piece by piece.
struct Pieces {
    sender: Sender<io::Result<Bytes>>,
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.sender.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        // The engine wants no more of it.
        sent.map(|()| bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
