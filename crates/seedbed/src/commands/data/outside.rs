//! The world around a data workspace, as this program knows it.

use std::path::Path;
use std::sync::Arc;

use environment::{Progress, RestoreOptions, SnapshotForm, SnapshotOptions, Target};
use store::Backend;
use workspace::{Failure, World};

use crate::commands::Job;
use crate::recording;

/// The world as environments are given it.
pub struct Outside<'a> {
    pub job: &'a Job<'a>,
}

impl World for Outside<'_> {
    fn note(&self, text: &str) {
        self.job.context.monitor.on(Progress::Note(text.to_owned()));
    }

    fn files(&self, resource: &str, entries: u64, bytes: u64) {
        self.job.context.monitor.on(Progress::Files { resource, entries, bytes });
    }

    fn is_interrupted(&self) -> bool {
        self.job.context.interrupt.is_raised()
    }

    fn open_remote(&self, url: &str) -> Result<Arc<dyn Backend>, Failure> {
        self.job.context.remotes.open(url)
    }

    fn snapshot_lineage(&self, snapshot: &str, resources: Option<&[String]>) -> Result<Vec<(String, String)>, Failure> {
        let mut recorder = recording::open(self.job).map_err(|failure| failure.message.trim_end().to_owned())?;
        let now = lineage::milliseconds((self.job.context.now)()).unwrap_or(0);
        let lineage = recorder.for_snapshot(snapshot, now)?;
        let mut files = lineage.files;
        for (name, document) in recorder::classic(&lineage.current, resources.unwrap_or_default()) {
            files.push((format!(".dataworkspace/snapshot_lineage/{snapshot}/{name}.json"), format!("{document:#}\n")));
        }
        Ok(files)
    }

    fn snapshot_taken(&self) -> Result<(), Failure> {
        let mut recorder = recording::open(self.job).map_err(|failure| failure.message.trim_end().to_owned())?;
        Ok(recorder.taken()?)
    }

    fn fetch(&self, url: &str, digest: Option<&str>, to: &Path) -> Result<(), Failure> {
        let digest = digest.map(|digest| match digest.split_once(':') {
            Some(("sha256", hex)) => Ok(manifest::Digest::Sha256(hex.to_owned())),
            Some(("blake3", hex)) => Ok(manifest::Digest::Blake3(hex.to_owned())),
            _ => Err(format!("'{digest}' is no digest: write sha256:… or blake3:…")),
        });
        self.job.context.remotes.fetch(url, digest.transpose()?.as_ref(), to, self.job.context.monitor)
    }

    fn snapshot_environment(&self, root: &Path, environment: &str, tag: &str) -> Result<(), Failure> {
        let target = Target::find(root, environment).map_err(|error| told(&error))?;
        // A dump can be read on any machine.
        let form = Some(SnapshotForm::Logical);
        let options = SnapshotOptions { tag, message: "taken for a data workspace", allow_holes: false, form };
        environment::snapshot(self.job.context, &target, &options).map(drop).map_err(|error| told(&error))
    }

    fn restore_environment(
        &self,
        root: &Path,
        environment: &str,
        tag: &str,
        databases: &[String],
    ) -> Result<(), Failure> {
        let target = Target::find(root, environment).map_err(|error| told(&error))?;
        let options = RestoreOptions { tag, only: databases, ..RestoreOptions::default() };
        environment::restore(self.job.context, &target, &options).map(drop).map_err(|error| told(&error))
    }
}

/// An error as the cause of another one.
fn told(error: &environment::Error) -> Failure {
    let options = source::RenderOptions { color: false, width: 100 };
    let failure = crate::failure::Failure::of(error, options);
    failure.message.trim_end().trim_start_matches("error: ").to_owned().into()
}
