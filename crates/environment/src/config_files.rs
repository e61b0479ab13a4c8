//! Files that are made of templates: written when something that reads them is about to start.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use plan::{Action, Plan};

use crate::{Error, Session};

impl Session<'_> {
    /// Writes the files that the steps of a plan read, as far as they are not so already.
    pub(crate) fn write_config_files(&self, plan: &Plan) -> Result<(), Error> {
        let mut files: BTreeMap<&PathBuf, &String> = BTreeMap::new();
        for step in &plan.steps {
            let read = match &step.action {
                Action::StartService { .. } => self.model.services.get(&step.id).map(|service| &service.config_files),
                Action::RunTask { .. } | Action::WatchTask { .. } => {
                    self.model.tasks.get(&step.id).map(|task| &task.config_files)
                }
                Action::RunSchema { database, .. } => {
                    let schema = self.model.databases.get(database).and_then(|database| database.schema.as_ref());
                    schema.map(|schema| &schema.config_files)
                }
                _ => None,
            };
            files.extend(read.into_iter().flatten());
        }
        let secrets = self.secrets(files.values().map(|content| content.as_str()))?;
        for (path, content) in files {
            write(path, &secrets.text(content)).map_err(Error::io("write", path))?;
        }
        Ok(())
    }
}

/// Replaces a file, readable by its owner alone: whoever reads it meanwhile sees the old one or the new one.
fn write(path: &Path, content: &str) -> std::io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let beside = path.with_file_name(name);
    let written = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}
