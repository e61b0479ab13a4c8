//! The synchronisation: what the learning management system has of organisations, courses and runs becomes so here.

use std::sync::Arc;

use either_database::{Database, OpenError, Options};

use crate::catalogue::Changes;
use crate::config::SyncConfig;
use crate::lms::{Lms, LmsError};
use crate::queries::catalogue;

/// Why nothing could be synchronised.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The database URL is not one.
    #[error("DATABASE_URL is wrong")]
    Open(#[from] OpenError),
    /// The database cannot be reached, or refuses a statement.
    #[error("cannot read or write the copies")]
    Database(#[from] sqlx::Error),
    /// The learning management system does not say what it has.
    #[error("cannot read what the learning management system has")]
    Lms(#[from] LmsError),
}

/// Compares everything there with everything here, and writes the difference if `commit` is set: all of it, or nothing.
///
/// Never deletes: programs may still name what has gone.
pub async fn synchronize(config: &SyncConfig, commit: bool) -> Result<Changes, SyncError> {
    let database = Database::open(&config.database_url, Options { connections: 1, ..Options::default() })?;
    let changes = synchronize_with(&database, Arc::new(Lms::new(&config.lms)), commit).await?;
    database.close().await;
    Ok(changes)
}

/// The same with a database and a client that are there already.
pub(crate) async fn synchronize_with(database: &Database, lms: Arc<Lms>, commit: bool) -> Result<Changes, SyncError> {
    let read = tokio::task::spawn_blocking(move || -> Result<_, LmsError> {
        let courses = lms.courses(|count, read| tracing::info!("read {read} of {count} courses"))?;
        // After the courses, so that no organisation of theirs is missing.
        Ok((lms.organizations()?, courses))
    });
    let (organizations, courses) = read.await.expect("the calls do not panic and are never aborted")?;
    let changes = Changes::between(&catalogue::copies(database).await?, organizations, courses);
    if commit && !changes.is_empty() {
        catalogue::write(database, &changes).await?;
    }
    Ok(changes)
}
