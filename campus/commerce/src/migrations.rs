//! The schema, step by step, for each engine.

use either_database::{Database, Migration, OpenError, Options};

macro_rules! migration {
    ($version:literal, $name:literal, $file:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../migrations/postgres/", $file)),
        }
    };
}

/// All steps in order. One that was released is never changed.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "tokens, sites and partners", "0001_partners.sql"),
    migration!(2, "courses and seats", "0002_courses.sql"),
    migration!(3, "orders", "0003_orders.sql"),
    events::outbox_migration(4),
    events::inbox_migration(5),
    toggles::migration(6),
];

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database URL is not one.
    #[error("DATABASE_URL is wrong")]
    Open(#[from] OpenError),
    /// The database cannot be reached, or refuses a statement.
    #[error("cannot migrate the database")]
    Apply(#[from] sqlx::migrate::MigrateError),
}

/// Applies what the database has not seen, and returns it; a missing SQLite file is made.
pub async fn migrate(database_url: &str) -> Result<Vec<Migration>, MigrateError> {
    let database = Database::open(database_url, Options { connections: 1, create_file: true })?;
    let applied = database.migrate(MIGRATIONS).await;
    database.close().await;
    Ok(applied?)
}
