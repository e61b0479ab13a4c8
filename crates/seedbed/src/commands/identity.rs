//! `seedbed store identity`

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use serde_json::json;

use super::{Job, Outcome};
use crate::failure::Failure;

pub fn run(job: &Job<'_>) -> Result<Outcome, Failure> {
    let path = &job.world.identity_file;
    let (identity, is_new) = match job.world.identities.first() {
        Some(identity) => (identity.clone(), false),
        None => (store::Identity::generate(), true),
    };
    if is_new {
        let write = || {
            if let Some(parent) = path.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            }
            let mut file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            writeln!(file, "{}", identity.to_secret_text())?;
            file.sync_all()
        };
        write().map_err(|error: std::io::Error| {
            let message = format!("error: cannot write {}: {error}\n", path.display());
            Failure { code: 4, kind: "file-system", message }
        })?;
    }
    let recipient = identity.recipient().to_string();
    let made = if is_new { "made a key in" } else { "your key is in" };
    let text = format!(
        "{recipient}\n{made} {}; the line above is its public half, for `encrypt_to` of remotes\n",
        path.display()
    );
    Ok(Outcome::of(text, json!({ "recipient": recipient, "file": path.display().to_string(), "made": is_new })))
}
