//! The synchronisation of the organisations: what the learning management system has is made or brought up to date here.

use std::collections::HashMap;

use either_database::{Database, OpenError, Options};

use crate::config::SyncConfig;
use crate::lms::{Lms, LmsError};
use crate::queries::organization::{self, Organization};

/// What was done, or would be.
#[derive(Debug, Default)]
pub struct SyncReport {
    /// Not here before.
    pub created: Vec<Organization>,
    /// Here under another name.
    pub updated: Vec<Organization>,
    /// How many were the same.
    pub unchanged: usize,
}

/// Why the organisations could not be synchronised.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The database URL is not one.
    #[error("DATABASE_URL is wrong")]
    Open(#[from] OpenError),
    /// The database cannot be reached, or refuses a statement.
    #[error("cannot read or write the organizations")]
    Database(#[from] sqlx::Error),
    /// The learning management system does not say what it has.
    #[error("cannot read the organizations of the learning management system")]
    Lms(#[from] LmsError),
}

/// Compares the active organisations there with those here, by key, and writes the difference if `commit` is set.
///
/// Never deletes: programs may still refer to what has gone.
pub async fn sync_organizations(config: &SyncConfig, commit: bool) -> Result<SyncReport, SyncError> {
    let database = Database::open(&config.database_url, Options { connections: 1, ..Options::default() })?;
    let lms = Lms::new(&config.lms);
    let theirs = tokio::task::spawn_blocking(move || lms.organizations());
    let theirs = theirs.await.expect("the call does not panic and is never aborted")?;

    let ours: HashMap<String, String> =
        organization::all(&database).await?.into_iter().map(|ours| (ours.key, ours.display_name)).collect();
    let mut report = SyncReport::default();
    for theirs in theirs.into_iter().filter(|organization| organization.active) {
        let wanted = Organization { key: theirs.short_name, display_name: theirs.name };
        match ours.get(&wanted.key) {
            None => report.created.push(wanted),
            Some(name) if *name != wanted.display_name => report.updated.push(wanted),
            Some(_) => report.unchanged += 1,
        }
    }
    if commit {
        organization::save(&database, report.created.iter().chain(&report.updated)).await?;
    }
    database.close().await;
    Ok(report)
}
