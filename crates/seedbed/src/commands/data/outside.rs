//! The world around a data workspace, as this program knows it.

use std::path::Path;
use std::sync::Arc;

use environment::{Context, Progress};
use store::Backend;
use workspace::{Failure, World};

/// The world as environments are given it.
pub struct Outside<'a> {
    pub context: &'a Context<'a>,
}

impl World for Outside<'_> {
    fn note(&self, text: &str) {
        self.context.monitor.on(Progress::Note(text.to_owned()));
    }

    fn files(&self, resource: &str, entries: u64, bytes: u64) {
        self.context.monitor.on(Progress::Files { resource, entries, bytes });
    }

    fn is_interrupted(&self) -> bool {
        self.context.interrupt.is_raised()
    }

    fn open_remote(&self, url: &str) -> Result<Arc<dyn Backend>, Failure> {
        self.context.remotes.open(url)
    }

    fn fetch(&self, url: &str, digest: Option<&str>, to: &Path) -> Result<(), Failure> {
        let digest = digest.map(|digest| match digest.split_once(':') {
            Some(("sha256", hex)) => Ok(manifest::Digest::Sha256(hex.to_owned())),
            Some(("blake3", hex)) => Ok(manifest::Digest::Blake3(hex.to_owned())),
            _ => Err(format!("'{digest}' is no digest: write sha256:… or blake3:…")),
        });
        self.context.remotes.fetch(url, digest.transpose()?.as_ref(), to, self.context.monitor)
    }
}
